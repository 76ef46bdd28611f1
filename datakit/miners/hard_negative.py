"""Hard negatives: passages near to a query, and by enough less near than its positives."""

from __future__ import annotations

import math
import random
import statistics
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from datakit.errors import PlanError, did_you_mean
from datakit.records import (
    RELEVANT_FROM,
    Dropped,
    Duplicate,
    Negative,
    Passage,
    Qrel,
    Query,
    ScoredPassage,
    seed_for,
)
from datakit.registry import plugin
from datakit.retrievers import Retrieved

STEP = 0.05  # by which the ratio is lowered


@plugin("miners", "hard_negative")
@dataclass(frozen=True)
class HardNegative:
    """Positive-aware hard negatives.

    A passage of some run is eligible when the teacher's cosine, clipped at 0, is below `ratio`
    times the lowest of the query's positives: what is nearer may be a positive that nobody
    judged, and goes to the judge's queue. A passage judged 0 is eligible at any score. Positives,
    their copies and templates, passages judged 1 or more and, for a topic query, unjudged passages
    of its documents never are.

    A small corpus is retrieved nearly whole, so that much of what is below the ratio is still
    about the same thing: there the ratio is lowered in steps as far as the floor, as long as the
    median query keeps `sample` eligible passages.

    Source:
        NV-Retriever (2407.15831), TopK-PercPos with 95 %, 4 of the top 10; about 80 % on small
        corpora.
    """

    ratio: float = 0.95
    floor: float = 0.80  # of the ratio, in a corpus below `small`
    small: int = 2000  # passages
    top: int = 10  # eligible passages to sample from, nearest first
    sample: int = 4  # negatives a query
    queue: int = 10  # passages a query that are too near to be negatives unjudged, nearest first
    teacher: str = ""  # name of a dense retriever; "": the first that covers the query
    seed: int = 0

    def __call__(
        self,
        queries: Sequence[Query],
        passages: Sequence[Passage],
        duplicates: Sequence[Duplicate],
        qrels: Sequence[Qrel],
        retrieved: Sequence[Retrieved],
    ) -> Iterator[Negative | ScoredPassage | Dropped]:
        """The negatives of each query, nearest first, in the order of the queries.

        Args:
            queries: with their split.
            passages: the corpus.
            duplicates: clusters of copies.
            qrels: the complete label set.
            retrieved: the runs to choose from, and the teacher among them.

        Yields:
            Negatives; pairs for a judge, with the teacher's score; a query that has no negative
            is Dropped with the reason.

        Raises:
            PlanError: `teacher` names no dense retriever of the plan.
        """
        self._check_teacher(retrieved)
        by_id = {passage.passage_id: passage for passage in passages}
        runs = {one.name: _ranks(one) for one in retrieved}
        labels: dict[str, dict[str, int]] = defaultdict(dict)
        for qrel in qrels:
            labels[qrel.query_id][qrel.passage_id] = qrel.grade
        clusters = _Clusters(duplicates)
        cases: list[_Case | Dropped] = []
        for query in queries:
            judged = labels.get(query.query_id, {})
            found = {name: ranks.get(query.query_id, {}) for name, ranks in runs.items()}
            teacher = self._teacher(query, retrieved)
            if teacher is None:
                cases.append(_no_teacher(query))
                continue
            candidates = _candidates(query, judged, found, clusters, by_id)
            positives = [p for p in sorted(judged) if judged[p] >= RELEVANT_FROM and p in by_id]
            scores = _scores(query, [*positives, *candidates], teacher, by_id)
            lowest = min((scores[p] for p in positives if p in scores), default=0.0)
            cases.append(_Case(query, candidates, scores, lowest, judged, found))
        ratio = self._ratio([one for one in cases if isinstance(one, _Case)], len(by_id))
        for case in cases:
            yield from (case,) if isinstance(case, Dropped) else self._of(case, ratio)

    def _ratio(self, cases: Sequence[_Case], n_passages: int) -> float:
        """The setting; in a small corpus the lowest at which the median query has enough."""
        ratio = self.ratio
        steps = round((self.ratio - self.floor) / STEP) if n_passages < self.small and cases else 0
        for step in range(1, steps + 1):
            lower = round(self.ratio - step * STEP, 6)
            if statistics.median(len(one.eligible(lower)) for one in cases) < self.sample:
                break
            ratio = lower
        return ratio

    def _of(self, case: _Case, ratio: float) -> Iterator[Negative | ScoredPassage | Dropped]:
        query = case.query
        chosen = self._choose(query, case.eligible(ratio))
        if not chosen:
            yield Dropped(
                query.query_id, "no_eligible_negative",
                f"query {query.query_id}: none of {len(case.candidates)} candidates scores below "
                f"{ratio:g} x {case.lowest:.3f}, its lowest positive. Retrieve deeper.",
            )  # fmt: skip
        for passage_id in chosen:
            yield case.negative(passage_id)
        for passage_id in case.too_near(ratio)[: self.queue]:
            yield ScoredPassage(query.query_id, passage_id, round(case.scores[passage_id], 6))

    def _check_teacher(self, retrieved: Sequence[Retrieved]) -> None:
        dense = [one.name for one in retrieved if one.family == "dense"]
        if self.teacher and self.teacher not in dense:
            raise PlanError(
                f"hard_negative: teacher = {self.teacher!r} is no dense retriever of this plan"
                f"{did_you_mean(self.teacher, dense)}"
            )

    def _teacher(self, query: Query, retrieved: Sequence[Retrieved]) -> Retrieved | None:
        for one in retrieved:
            wanted = not self.teacher or one.name == self.teacher
            if wanted and one.family == "dense" and one.covers(query):
                return one
        return None

    def _choose(self, query: Query, eligible: list[str]) -> list[str]:
        """A sample of the nearest eligible ones, nearest first."""
        nearest = eligible[: self.top]
        rng = random.Random(seed_for(self.seed, "negatives", query.query_id))
        kept = set(rng.sample(range(len(nearest)), min(self.sample, len(nearest))))
        return [one for i, one in enumerate(nearest) if i in kept]


@dataclass(frozen=True)
class _Case:
    """A query with what may become its negatives."""

    query: Query
    candidates: list[str]
    scores: Mapping[str, float]  # of the teacher
    lowest: float  # of a positive
    judged: Mapping[str, int]
    found: Mapping[str, Mapping[str, int]]  # run -> passage_id -> rank

    def eligible(self, ratio: float) -> list[str]:
        """Nearest first: judged 0, or less near than the lowest positive by the ratio."""
        return self._nearest(
            one in self.judged or self.scores[one] < ratio * self.lowest for one in self._known()
        )

    def too_near(self, ratio: float) -> list[str]:
        """Nearest first: unjudged ones that may be positives."""
        return self._nearest(
            one not in self.judged and self.scores[one] >= ratio * self.lowest
            for one in self._known()
        )

    def _known(self) -> list[str]:
        return [one for one in self.candidates if one in self.scores]

    def _nearest(self, chosen: Iterable[bool]) -> list[str]:
        kept = [one for one, yes in zip(self._known(), chosen, strict=True) if yes]
        return sorted(kept, key=lambda one: (self.scores[one], one), reverse=True)

    def negative(self, passage_id: str) -> Negative:
        """The run named is the one that ranks it best."""
        places = sorted(
            (ranks[passage_id], name)
            for name, ranks in self.found.items() if passage_id in ranks
        )  # fmt: skip
        rank, run = places[0] if places else (0, "")
        score, lowest = self.scores[passage_id], self.lowest
        return Negative(
            query_id=self.query.query_id, passage_id=passage_id, kind="mined", run=run,
            score=round(score, 6), ratio=round(score / lowest, 6) if lowest else 0.0,
            margin=round(lowest - score, 6), mined_rank=rank, split=self.query.split,
            flags=("judged",) if passage_id in self.judged else (),
        )  # fmt: skip


def _no_teacher(query: Query) -> Dropped:
    return Dropped(
        query.query_id, "no_teacher",
        f"query {query.query_id} in {query.language}: no dense retriever covers this language. Add "
        "one to the plan.",
    )  # fmt: skip


class _Clusters:
    """Which passages are copies or templates of each other."""

    def __init__(self, duplicates: Sequence[Duplicate]) -> None:
        self._of = {one.passage_id: one.cluster_id for one in duplicates}

    def of(self, passage_id: str) -> str:
        return self._of.get(passage_id, passage_id)


def _ranks(retrieved: Retrieved) -> dict[str, dict[str, int]]:
    """query_id -> passage_id -> rank from 1."""
    rows = sorted(retrieved.run, key=lambda row: (row.score, row.passage_id), reverse=True)
    ranks: dict[str, dict[str, int]] = defaultdict(dict)
    for row in rows:
        ranks[row.query_id][row.passage_id] = len(ranks[row.query_id]) + 1
    return dict(ranks)


def _candidates(
    query: Query,
    judged: Mapping[str, int],
    found: Mapping[str, Mapping[str, int]],
    clusters: _Clusters,
    by_id: Mapping[str, Passage],
) -> list[str]:
    """Retrieved passages that nothing forbids as a negative, and those judged 0, by id."""
    positive = {clusters.of(one) for one, grade in judged.items() if grade >= RELEVANT_FROM}
    documents = set(query.supporting_doc_ids) if query.level == "topic" else set()
    kept = {one for one, grade in judged.items() if grade == 0}
    for ranks in found.values():
        kept.update(
            one
            for one in ranks
            if one not in judged
            and clusters.of(one) not in positive
            and one in by_id
            and by_id[one].doc_id not in documents
        )
    return sorted(kept)


def _scores(
    query: Query, passage_ids: list[str], teacher: Retrieved, by_id: Mapping[str, Passage]
) -> dict[str, float]:
    """The teacher's cosines, clipped at 0; none for what it does not cover."""
    known = [one for one in passage_ids if one in by_id]
    values = teacher.index.score([(query, by_id[one]) for one in known]).tolist()
    return {
        one: max(0.0, value)
        for one, value in zip(known, values, strict=True)
        if not math.isnan(value)
    }

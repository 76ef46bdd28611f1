"""Hard negatives: passages near to a query, and by enough less near than its positives."""

from __future__ import annotations

import math
import random
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
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
    seed_for,
)
from datakit.registry import plugin
from datakit.retrievers import Retrieved


@plugin("miners", "hard_negative")
@dataclass(frozen=True)
class HardNegative:
    """Positive-aware hard negatives.

    A passage of some run is eligible when the teacher's cosine, clipped at 0, is below `ratio`
    times the lowest of the query's positives: what is nearer may be a positive that nobody
    judged. A passage judged 0 is eligible at any score. Positives, their copies and templates,
    passages judged 1 or more and, for a topic query, unjudged passages of its documents never are.

    Source:
        NV-Retriever (2407.15831), TopK-PercPos with 95 %, 4 of the top 10.
    """

    ratio: float = 0.95
    top: int = 10  # eligible passages to sample from, nearest first
    sample: int = 4  # negatives a query
    teacher: str = ""  # name of a dense retriever; "": the first that covers the query
    seed: int = 0

    def __call__(
        self,
        queries: Sequence[Query],
        passages: Sequence[Passage],
        duplicates: Sequence[Duplicate],
        qrels: Sequence[Qrel],
        retrieved: Sequence[Retrieved],
    ) -> Iterator[Negative | Dropped]:
        """The negatives of each query, nearest first, in the order of the queries.

        Args:
            queries: with their split.
            passages: the corpus.
            duplicates: clusters of copies.
            qrels: the complete label set.
            retrieved: the runs to choose from, and the teacher among them.

        Yields:
            Negatives; a query that has none is Dropped with the reason.

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
        for query in queries:
            judged = labels.get(query.query_id, {})
            found = {name: ranks.get(query.query_id, {}) for name, ranks in runs.items()}
            candidates = _candidates(query, judged, found, clusters, by_id)
            teacher = self._teacher(query, retrieved)
            if teacher is None:
                yield Dropped(
                    query.query_id, "no_teacher",
                    f"query {query.query_id} in {query.language}: no dense retriever covers this "
                    f"language. Add one to the plan.",
                )  # fmt: skip
                continue
            positives = [p for p in sorted(judged) if judged[p] >= RELEVANT_FROM and p in by_id]
            scores = _scores(query, [*positives, *candidates], teacher, by_id)
            lowest = min((scores[p] for p in positives if p in scores), default=0.0)
            chosen = self._choose(query, candidates, scores, lowest, judged)
            if not chosen:
                yield Dropped(
                    query.query_id, "no_eligible_negative",
                    f"query {query.query_id}: none of {len(candidates)} candidates scores below "
                    f"{self.ratio:g} x {lowest:.3f}, its lowest positive. Retrieve deeper.",
                )  # fmt: skip
            for passage_id in chosen:
                yield _negative(query, passage_id, scores[passage_id], lowest, found, judged)

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

    def _choose(
        self,
        query: Query,
        candidates: list[str],
        scores: Mapping[str, float],
        lowest: float,
        judged: Mapping[str, int],
    ) -> list[str]:
        """A sample of the nearest eligible ones, nearest first."""
        eligible = [
            one
            for one in candidates
            if one in scores and (one in judged or scores[one] < self.ratio * lowest)
        ]
        eligible.sort(key=lambda one: (scores[one], one), reverse=True)
        nearest = eligible[: self.top]
        rng = random.Random(seed_for(self.seed, "negatives", query.query_id))
        kept = set(rng.sample(range(len(nearest)), min(self.sample, len(nearest))))
        return [one for i, one in enumerate(nearest) if i in kept]


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


def _negative(
    query: Query,
    passage_id: str,
    score: float,
    lowest: float,
    found: Mapping[str, Mapping[str, int]],
    judged: Mapping[str, int],
) -> Negative:
    """The run named is the one that ranks it best."""
    places = sorted(
        (ranks[passage_id], name) for name, ranks in found.items() if passage_id in ranks
    )
    rank, run = places[0] if places else (0, "")
    return Negative(
        query_id=query.query_id, passage_id=passage_id, kind="mined", run=run,
        score=round(score, 6), ratio=round(score / lowest, 6) if lowest else 0.0,
        margin=round(lowest - score, 6), mined_rank=rank, split=query.split,
        flags=("judged",) if passage_id in judged else (),
    )  # fmt: skip

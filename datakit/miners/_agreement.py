"""The uncertified rule of sentence and passage queries: a lexical and a dense retriever agree."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from datakit.miners._corpus import Corpus, Group
from datakit.miners._voters import Chance, Voter, asked
from datakit.records import Judgement, Passage, Query

if TYPE_CHECKING:
    import numpy as np

Own = Mapping[str, Sequence[Judgement]]  # by query_id: labels by the query's making


class Limits(Protocol):
    """The settings of the rule; see `IndirectPositive`."""

    @property
    def seed_depth(self) -> int: ...
    @property
    def least_rank(self) -> int: ...
    @property
    def most_rank(self) -> int: ...
    @property
    def ratio(self) -> float: ...
    @property
    def coverage(self) -> float: ...
    @property
    def seed_coverage(self) -> float: ...


@dataclass(frozen=True)
class Agreement:
    """Who votes, on what, and what they have to reach."""

    limits: Limits
    corpus: Corpus
    voters: list[Voter]
    chance: Chance

    def __call__(self, queries: Sequence[Query], own: Own) -> dict[str, list[Passage]]:
        """Passages that are as good as the seed, by query_id, the best first."""
        seeded = [query for query in queries if own[query.query_id]]
        cuts = self._rank_cuts(seeded, own)
        pairs = [
            (query, passage)
            for query in seeded
            for passage in self._agreed(query, own[query.query_id], cuts)
            if self.corpus.fits(query, passage)
        ]
        found: dict[str, list[Passage]] = defaultdict(list)
        for (query, passage), good in zip(pairs, self._as_good_as_seed(pairs), strict=True):
            limits = self.limits
            if good and self.corpus.covers(query, passage, limits.coverage, limits.seed_coverage):
                found[query.query_id].append(passage)
        return found

    def _rank_cuts(self, queries: Sequence[Query], own: Own) -> dict[tuple[str, Group], int]:
        """By retriever, level and language: the median rank of the best seed, within the bounds."""
        import numpy as np

        ranks: dict[tuple[str, Group], list[int]] = defaultdict(list)
        for query in queries:
            seeds = [one.passage_id for one in own[query.query_id]]
            for voter in self.voters:
                if voter.covers(query):
                    group = (query.level, query.language)
                    ranks[voter.name, group].append(voter.rank(query, seeds))
        least, most = self.limits.least_rank, self.limits.most_rank
        return {key: int(np.clip(np.median(found), least, most)) for key, found in ranks.items()}

    def _agreed(
        self, query: Query, own: Sequence[Judgement], cuts: Mapping[tuple[str, Group], int]
    ) -> list[Passage]:
        """Passages that a lexical and a dense retriever rank high enough and above chance; those
        of the best ranks first.
        """
        corpus = self.corpus
        clusters = {corpus.cluster(one.passage_id) for one in own}
        votes: dict[str, dict[str, int]] = {"lexical": {}, "dense": {}}
        for voter in self.voters:
            if not voter.covers(query):
                continue
            if voter.rank(query, (one.passage_id for one in own)) > self.limits.seed_depth:
                continue
            cut = cuts[voter.name, (query.level, query.language)]
            least = self.chance.threshold(query, voter)
            seen: set[str] = set()  # a cluster takes one rank, however many copies it has
            for passage_id, score in voter.ranking(query).items():
                cluster = corpus.cluster(passage_id)
                if cluster in clusters:
                    continue
                seen.add(cluster)
                if len(seen) > cut or score < least:
                    break
                votes[voter.family].setdefault(passage_id, len(seen))
        lexical, dense = votes["lexical"], votes["dense"]
        both = sorted(
            lexical.keys() & dense.keys(), key=lambda one: (lexical[one] + dense[one], one)
        )
        return [corpus.passage(one) for one in both]

    def _as_good_as_seed(self, pairs: list[tuple[Query, Passage]]) -> list[bool]:
        """Does some retriever of each family score the passage near to the query's weakest seed?"""
        import numpy as np

        passed = {"lexical": np.zeros(len(pairs), bool), "dense": np.zeros(len(pairs), bool)}
        seeds = [
            (i, row)
            for i, (query, _) in enumerate(pairs)
            for row in self.corpus.rows(query.seed_passage_ids)
        ]
        rows = [(i, self.corpus.row[one.passage_id]) for i, (_, one) in enumerate(pairs)]
        for voter in self.voters:
            queries = [asked(query, voter) for query, _ in pairs]
            scores = voter.scores(queries, _pairs(rows))
            weakest = np.full(len(pairs), np.inf)
            np.fmin.at(weakest, [i for i, _ in seeds], voter.scores(queries, _pairs(seeds)))
            with np.errstate(invalid="ignore"):  # nan: outside the retriever's languages
                good = (weakest < np.inf) & (scores >= self.limits.ratio * weakest)
            passed[voter.family] |= good
        return list((passed["lexical"] & passed["dense"]).tolist())


def _pairs(rows: Sequence[tuple[int, int]]) -> np.ndarray:
    import numpy as np

    return np.array(rows, np.int64).reshape(-1, 2)


def labels(
    found: Mapping[str, Sequence[Passage]], query: Query
) -> Iterator[Judgement]:  # the routes come from the pool
    """Grade 2 for each passage found for a query; nobody judged them."""
    for passage in found.get(query.query_id, ()):
        yield indirect(query, passage)


def indirect(query: Query, passage: Passage) -> Judgement:
    """A label that retrievers gave; the pool knows its routes and its source."""
    return Judgement(
        query.query_id, passage.passage_id, 2, "indirect-passage", flags=("uncertified",)
    )  # fmt: skip

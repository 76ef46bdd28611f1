"""Retrievers as voters: their rankings, their scores, and what chance would give."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from datakit.miners._corpus import Corpus, Group, named_entity, need
from datakit.records import Query, seed_for
from datakit.retrievers import NO_ROW, Retrieved, RowIndex

if TYPE_CHECKING:
    import numpy as np

Ranking = dict[str, float]  # passage_id -> score, best first
UNRANKED = 1_000_000_000
PAIRS_AT_ONCE = 1_000_000  # that are scored together: 16 MB of positions


class Voter:
    """A retriever's rankings and scores."""

    def __init__(self, retrieved: Retrieved, corpus: Corpus) -> None:
        self.name, self.family, self.covers = retrieved.name, retrieved.family, retrieved.covers
        self.index: Any = retrieved.index
        self._corpus = corpus
        self._rows = _rows_of(self.index, corpus)
        self.rankings: dict[str, Ranking] = defaultdict(dict)
        rows = sorted(retrieved.run, key=lambda row: (row.score, row.passage_id), reverse=True)
        for row in rows:
            self.rankings[row.query_id][row.passage_id] = row.score

    def ranking(self, query: Query) -> Ranking:
        return self.rankings.get(query.query_id, {})

    def rank(self, query: Query, passage_ids: Iterable[str]) -> int:
        """The best rank of these passages, from 1; `UNRANKED` where the run has none."""
        wanted = set(passage_ids)
        ranks = (rank for rank, one in enumerate(self.ranking(query), 1) if one in wanted)
        return next(ranks, UNRANKED)

    def scores(self, queries: Sequence[Query], pairs: np.ndarray) -> np.ndarray:
        """(n_pairs,) float32; nan where query or passage is outside the retriever's languages.

        Args:
            queries: that the pairs are about.
            pairs: (n_pairs, 2) int64: a position in `queries`, and a row of the corpus.
        """
        import numpy as np

        out = np.empty(len(pairs), np.float32)
        for start in range(0, len(pairs), PAIRS_AT_ONCE):
            part = pairs[start : start + PAIRS_AT_ONCE]
            if self._rows is not None:
                own = np.stack([part[:, 0], self._rows[part[:, 1]]], axis=1)
                found = self.index.score_rows(queries, own)
            else:
                passages = self._corpus.passages
                found = self.index.score([(queries[q], passages[p]) for q, p in part.tolist()])
            out[start : start + PAIRS_AT_ONCE] = found
        return out


def _rows_of(index: Any, corpus: Corpus) -> np.ndarray | None:
    """(n_passages,) int64: the index's row of each row of the corpus; None if it has no rows."""
    import numpy as np

    if not isinstance(index, RowIndex):
        return None
    rows = np.full(len(corpus.passages), NO_ROW, np.int64)
    for row, passage in enumerate(index.passages):
        if passage.passage_id in corpus.row:
            rows[corpus.row[passage.passage_id]] = row
    return rows


def asked(query: Query, voter: Voter) -> Query:
    """The query as a voter is asked when it is compared with a seed: a lexical one without the
    entity's name.
    """
    if voter.family == "dense" or not named_entity(query):
        return query
    return replace(query, query_id=f"{query.query_id} without entity", text=need(query))


class Chance:
    """What a retriever gives to a query and a passage that have nothing to do with each other."""

    def __init__(
        self,
        queries: Sequence[Query],
        corpus: Corpus,
        voters: list[Voter],
        percentile: float,
        n_random: int,
        seed: int,
    ) -> None:
        self._corpus, self._voters = corpus, voters
        self._percentile, self._n_random, self._seed = percentile, n_random, seed
        self._queries: dict[Group, list[Query]] = defaultdict(list)
        for query in queries:
            self._queries[query.level, query.language].append(query)
        self._thresholds: dict[Group, dict[str, float]] = {}

    def threshold(self, query: Query, voter: Voter) -> float:
        """The percentile over random cross-document pairs; infinite where there are none."""
        group = (query.level, query.language)
        if group not in self._thresholds:
            self._thresholds[group] = self._measure(group)
        return self._thresholds[group][voter.name]

    def _measure(self, group: Group) -> dict[str, float]:
        import numpy as np

        rng = np.random.default_rng(seed_for(self._seed, "mine", repr(group)))
        queries = self._queries[group]
        pairs = self._random_pairs(queries, group[1], rng)
        out = {}
        for voter in self._voters:
            scores = voter.scores(queries, pairs)
            scores = scores[~np.isnan(scores)]
            out[voter.name] = (
                float(np.percentile(scores, self._percentile)) if len(scores) else math.inf
            )
        return out

    def _random_pairs(
        self, queries: list[Query], language: str | None, rng: np.random.Generator
    ) -> np.ndarray:
        """(n, 2) int64: positions of queries, and rows of passages of other documents."""
        import numpy as np

        passages = self._corpus.passages
        rows = [row for row, one in enumerate(passages) if one.language == language]
        if not rows:
            return np.zeros((0, 2), np.int64)
        n = self._n_random
        drawn = zip(
            rng.integers(0, len(queries), n).tolist(),
            rng.integers(0, len(rows), n).tolist(),
            strict=True,
        )
        documents = [self._corpus.documents(query) for query in queries]
        kept = [(q, rows[p]) for q, p in drawn if passages[rows[p]].doc_id not in documents[q]]
        return np.array(kept, np.int64).reshape(-1, 2)

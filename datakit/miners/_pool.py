"""The pool: every pair that mining looks at, with what proposed it and what it scores.

All of it is arrays of numbers until the rows are written: a pair is one 64-bit key, its routes and
retrievers are bits.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from datakit.miners._corpus import Corpus
from datakit.miners._spaces import Spaces, cell_of
from datakit.miners._voters import Voter
from datakit.records import Pooled, Query

if TYPE_CHECKING:
    import numpy as np

ROUTES = ("seed", "query", "local", "structural", "global")
QUERIES_AT_ONCE = 500
_OWN = 1 << len(ROUTES)  # the bit of a pair that the query's making labels
_VOTERS_FROM = len(ROUTES) + 1


@dataclass(frozen=True)
class Depths:
    """How many passages of each space a retriever proposes."""

    space: int = 20  # for sentence and passage queries, of each of the three
    topic: int = 50  # for topic queries, of the corpus
    cell: int = 20  # of the query's category and time
    per_document: int = 3  # of each supporting document, for the query and each sub-question


@dataclass
class _Wanted:
    """Pairs out of which a retriever proposes its best, group by group."""

    route: str
    depth: int
    query: list[int] = field(default_factory=list)  # position of each group's query
    asked: list[int] = field(default_factory=list)  # the same, or that of a sub-question
    rows: list[Sequence[int]] = field(default_factory=list)

    def add(self, query: int, rows: Sequence[int], asked: int | None = None) -> None:
        if rows:
            self.query.append(query)
            self.asked.append(query if asked is None else asked)
            self.rows.append(rows)


class Pool:
    """Candidates of queries and their scores."""

    def __init__(
        self,
        corpus: Corpus,
        voters: list[Voter],
        spaces: Spaces,
        near: Mapping[str, Mapping[str, set[str]]],
        depths: Depths,
        reranker: Any = None,
        reranker_name: str = "",
    ) -> None:
        self._corpus, self._voters, self._spaces = corpus, voters, spaces
        self._near, self._depths = near, depths
        self._reranker, self._reranker_name = reranker, reranker_name

    def __call__(self, queries: Sequence[Query]) -> Iterator[Pooled]:
        """The pairs of each query, in the order of the queries, by ascending passage_id."""
        for start in range(0, len(queries), QUERIES_AT_ONCE):
            yield from self._some(queries[start : start + QUERIES_AT_ONCE])

    def _some(self, queries: Sequence[Query]) -> Iterator[Pooled]:
        import numpy as np

        keys, bits = self._proposed(queries)
        pairs = np.stack(np.divmod(keys, len(self._corpus.passages)), axis=1)
        order = np.lexsort((self._corpus.order[pairs[:, 1]], pairs[:, 0]))
        pairs, bits = pairs[order], bits[order]
        columns = {voter.name: voter.scores(queries, pairs) for voter in self._voters}
        compared = self._compared(queries, pairs, columns)
        if self._reranker is not None:
            passages = self._corpus.passages
            compared = self._reranker.score(
                [(queries[q], passages[row]) for q, row in pairs.tolist()]
            )
            columns[self._reranker_name] = compared
        yield from self._records(queries, pairs, bits, columns, compared)

    # --- who proposes what

    def _proposed(self, queries: Sequence[Query]) -> tuple[np.ndarray, np.ndarray]:
        """Keys (n_pairs,) int64, rising, and their bits int64."""
        import numpy as np

        found = [np.zeros((0, 2), np.int64), *self._known(queries)]
        for wanted, asked in self._wanted(queries):
            for number, voter in enumerate(self._voters):
                bits = 1 << ROUTES.index(wanted.route) | 1 << (_VOTERS_FROM + number)
                keys = self._best(wanted, asked, voter)
                found.append(np.stack([keys, np.full(len(keys), bits)], axis=1))
        flat = np.concatenate(found)
        flat = flat[np.argsort(flat[:, 0], kind="stable")]
        keys, starts = np.unique(flat[:, 0], return_index=True)
        if len(starts):
            return keys, np.bitwise_or.reduceat(flat[:, 1], starts)
        return keys, flat[:, 1]

    def _known(self, queries: Sequence[Query]) -> Iterator[np.ndarray]:
        """Seeds, copies, the query route, and S3 as the runs have it: (n, 2) keys and bits."""
        import numpy as np

        corpus, size = self._corpus, len(self._corpus.passages)
        bit = {route: 1 << i for i, route in enumerate(ROUTES)}
        out: list[tuple[int, int]] = []
        for q, query in enumerate(queries):
            base = q * size
            if query.level == "topic":
                depth = self._depths.topic
            else:
                depth = self._depths.space
                own = bit["seed"] | _OWN
                out += [(base + row, own) for row in corpus.rows(query.seed_passage_ids)]
                copies = bit["structural"] | _OWN
                out += [(base + row, copies) for row in corpus.rows(corpus.inherited(query))]
            for number, voter in enumerate(self._voters):
                voted = 1 << (_VOTERS_FROM + number)
                if voter.covers(query):
                    best = list(voter.ranking(query))[:depth]
                    out += [(base + r, bit["global"] | voted) for r in corpus.rows(best)]
                near = self._near.get(query.query_id, {}).get(voter.name, ())
                out += [(base + r, bit["query"] | voted) for r in corpus.rows(near)]
        yield np.array(out, np.int64).reshape(-1, 2)

    def _wanted(self, queries: Sequence[Query]) -> Iterator[tuple[_Wanted, list[Query]]]:
        """The spaces out of which the best are taken, and the queries that are asked for it."""
        depths = self._depths
        local, structural = _Wanted("local", depths.space), _Wanted("structural", depths.space)
        parts, cells = _Wanted("local", depths.per_document), _Wanted("structural", depths.cell)
        asked = list(queries)
        for q, query in enumerate(queries):
            if query.level != "topic":
                local.add(q, self._spaces.local(query))
                structural.add(q, self._spaces.structural(query))
                continue
            cells.add(q, cell_of(query, self._corpus))
            first = len(asked)
            asked += sub_questions(query)
            for doc_id in query.supporting_doc_ids:
                for one in (q, *range(first, len(asked))):
                    parts.add(q, self._corpus.by_doc.get(doc_id, ()), one)
        return iter([(one, asked) for one in (local, structural, parts, cells)])

    def _best(self, wanted: _Wanted, asked: list[Query], voter: Voter) -> np.ndarray:
        """(n,) int64: keys of the best of each group, down to the depth."""
        import numpy as np

        found = [np.zeros(0, np.int64)]
        for groups in _batches([len(rows) for rows in wanted.rows]):
            sizes = [len(wanted.rows[g]) for g in groups]
            rows = np.concatenate([np.asarray(wanted.rows[g], np.int64) for g in groups])
            group = np.repeat(np.arange(len(groups)), sizes)
            who = np.repeat([wanted.asked[g] for g in groups], sizes)
            scores = voter.scores(asked, np.stack([who, rows], axis=1))
            order = np.lexsort((-self._corpus.order[rows], -scores, group))
            ends = np.cumsum(sizes)
            place = np.arange(len(rows)) - np.repeat(ends - sizes, sizes)  # within its group
            order = order[(place < wanted.depth) & ~np.isnan(scores[order])]
            query = np.array([wanted.query[g] for g in groups])[group[order]]
            found.append(query * len(self._corpus.passages) + rows[order])
        return np.concatenate(found)

    # --- what they score

    def _compared(
        self, queries: Sequence[Query], pairs: np.ndarray, columns: Mapping[str, np.ndarray]
    ) -> np.ndarray:
        """(n_pairs,) float32: the mean over retrievers of the cosine, or, of one without a scale
        of its own, the share of the best score that it gives the query; nan where none reads it.
        """
        import numpy as np

        parts = []
        for voter in self._voters:
            scores = columns[voter.name]
            if voter.family != "dense":
                best = [next(iter(voter.ranking(query).values()), math.nan) for query in queries]
                top = np.array(best, np.float32)[pairs[:, 0]]
                scores = np.where(top > 0, scores / np.where(top > 0, top, 1), np.nan)
            parts.append(scores)
        table = np.array(parts, np.float32).reshape(len(parts), len(pairs))
        known = ~np.isnan(table)
        n = known.sum(axis=0)
        sums = np.where(known, table, 0).sum(axis=0)
        mean: np.ndarray = np.where(n > 0, sums / np.maximum(n, 1), np.nan)
        return mean

    def _records(
        self,
        queries: Sequence[Query],
        pairs: np.ndarray,
        bits: np.ndarray,
        columns: Mapping[str, np.ndarray],
        compared: np.ndarray,
    ) -> Iterator[Pooled]:
        names = [voter.name for voter in self._voters]
        scores = {name: _rounded(column) for name, column in columns.items()}
        said: dict[int, tuple[tuple[str, ...], tuple[str, ...]]] = {}
        best = _rounded(compared)
        for i, ((q, row), bit) in enumerate(zip(pairs.tolist(), bits.tolist(), strict=True)):
            if bit not in said:
                said[bit] = _named(bit, names)
            routes, proposed_by = said[bit]
            yield Pooled(
                queries[q].query_id, self._corpus.passages[row].passage_id, routes, proposed_by,
                bool(bit & _OWN), best[i],
                {name: v for name, column in scores.items() if (v := column[i]) is not None},
            )  # fmt: skip


def sub_questions(query: Query) -> list[Query]:
    """What a topic query comes to, document by document, as queries of their own."""
    return [
        replace(query, query_id=f"{query.query_id} part {number}", text=text)
        for number, text in enumerate(query.sub_questions, 1)
    ]


def _named(bits: int, voters: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    routes = tuple(route for i, route in enumerate(ROUTES) if bits >> i & 1)
    return routes, tuple(v for i, v in enumerate(voters) if bits >> (_VOTERS_FROM + i) & 1)


def _rounded(scores: np.ndarray) -> list[float | None]:
    """Six decimals, as every score in a table; None for nan."""
    return [None if value != value else round(value, 6) for value in scores.tolist()]  # noqa: PLR0124


def _batches(sizes: Sequence[int], most: int = 1_000_000) -> Iterator[list[int]]:
    """Positions in order, cut so that their sizes add up to `most`, or a single one is larger."""
    batch: list[int] = []
    held = 0
    for i, size in enumerate(sizes):
        if batch and held + size > most:
            yield batch
            batch, held = [], 0
        batch.append(i)
        held += size
    if batch:
        yield batch


def by_pair(pool: Iterable[Pooled], wanted: set[tuple[str, str]]) -> dict[tuple[str, str], Pooled]:
    """The rows of some pairs."""
    found: dict[tuple[str, str], Pooled] = {}
    for one in pool:
        pair = (one.query_id, one.passage_id)
        if pair in wanted:
            found[pair] = one
    return found

"""Exact search over vectors of unit length, and the index of every dense retriever."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from datakit.records import Passage, Query, ScoredPassage
from datakit.retrievers import Family, by_preference, covers, passage_text

if TYPE_CHECKING:
    import numpy as np

QUERIES_A_BLOCK = 256
PAIRS_A_BLOCK = 65_536
PASSAGES_A_BLOCK = 8192  # a block of scores is 8 MB: it stays near the processor's caches


def top_k(queries: np.ndarray, passages: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """The k largest inner products of each query, without the full score matrix.

    Args:
        queries: (n_queries, dim) float32.
        passages: (n_passages, dim) float32.
        k: at least 1; fewer come back where there are fewer passages.

    Returns:
        Scores (n_queries, min(k, n_passages)) float32, descending, and rows of `passages` int64.
        Of equal scores the smaller row comes first and is kept at the cut.
    """
    import numpy as np

    k = min(k, len(passages))
    scores = np.empty((len(queries), k), np.float32)
    rows = np.empty((len(queries), k), np.int64)
    for start in range(0, len(queries), QUERIES_A_BLOCK):
        block = slice(start, start + QUERIES_A_BLOCK)
        scores[block], rows[block] = _top_k_block(queries[block], passages, k)
    return scores, rows


def _top_k_block(
    queries: np.ndarray, passages: np.ndarray, k: int
) -> tuple[np.ndarray, np.ndarray]:
    """`top_k` for one block of queries; only scores above the running k-th are looked at."""
    import numpy as np

    n = len(queries)
    best = np.full((n, k), -np.inf, np.float32)
    rows = np.full((n, k), len(passages), np.int64)
    for start in range(0, len(passages), PASSAGES_A_BLOCK):
        part = queries @ passages[start : start + PASSAGES_A_BLOCK].T
        # a later row never displaces an equal score, so "above" is enough
        above = part > best[:, -1:]
        if start == 0 and part.shape[1] > k:
            above &= part >= np.partition(part, -k, axis=1)[:, -k, None]
        query, row = np.nonzero(above)
        if len(query):
            best, rows = _merge(best, rows, query, row + start, part[query, row])
    return best, rows


def _merge(
    best: np.ndarray, rows: np.ndarray, query: np.ndarray, row: np.ndarray, score: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The k best of what was held, (n, k), and of what was found, flat."""
    import numpy as np

    n, k = best.shape
    query = np.concatenate([np.repeat(np.arange(n), k), query])
    row = np.concatenate([rows.ravel(), row])
    score = np.concatenate([best.ravel(), score])
    order = np.lexsort((row, -score, query))
    first = np.searchsorted(query[order], np.arange(n))
    kept = order[first[:, None] + np.arange(k)]
    return score[kept], row[kept]


class DenseIndex:
    """Passages as vectors, searched exactly. The score is the cosine."""

    family: Family = "dense"

    def __init__(
        self,
        passages: Sequence[Passage],
        vectors: np.ndarray,
        encode: Callable[[list[Query]], np.ndarray],
        languages: tuple[str, ...],
    ) -> None:
        """Hold passages and their vectors.

        Args:
            passages: by preference, as `by_preference` gives them.
            vectors: (n_passages, dim) float32, unit length.
            encode: queries to (n, dim) float32, unit length or zero.
            languages: the retriever's setting.
        """
        self.passages = passages
        self.vectors = vectors
        self._rows = {passage.passage_id: row for row, passage in enumerate(passages)}
        self._encode = encode
        self._languages = languages
        self._known: dict[tuple[str, str | None], np.ndarray] = {}

    def query_vectors(self, queries: Sequence[Query]) -> np.ndarray:
        """(n_queries, dim) float32; zero where the query is outside `languages`."""
        import numpy as np

        wanted = {
            (query.text, query.language): query
            for query in queries
            if covers(self._languages, query.language)
        }
        new = {key: query for key, query in wanted.items() if key not in self._known}
        if new:
            self._known.update(zip(new, self._encode(list(new.values())), strict=True))
        zero = np.zeros(self.vectors.shape[1], np.float32)
        keys = [(query.text, query.language) for query in queries]
        if not keys:
            return np.zeros((0, len(zero)), np.float32)
        return np.stack([self._known.get(key, zero) for key in keys])

    def search(self, queries: Sequence[Query], k: int) -> Iterator[ScoredPassage]:
        import numpy as np

        inside = [query for query in queries if covers(self._languages, query.language)]
        vectors = self.query_vectors(inside)
        # a query without any known term has no direction: it ranks nothing
        has_direction: np.ndarray = np.any(vectors != 0, axis=1)
        kept = [query for query, has in zip(inside, has_direction, strict=True) if has]
        if not kept or not len(self.passages):
            return
        scores, rows = top_k(vectors[has_direction], self.vectors, k)
        for query, values, found in zip(kept, scores.tolist(), rows.tolist(), strict=True):
            for score, row in zip(values, found, strict=True):
                yield ScoredPassage(query.query_id, self.passages[row].passage_id, score)

    def score(self, pairs: Sequence[tuple[Query, Passage]]) -> np.ndarray:
        import numpy as np

        out = np.full(len(pairs), np.nan, np.float32)
        queries: dict[str, int] = {}
        known = [
            (i, queries.setdefault(query.query_id, len(queries)), self._rows[passage.passage_id])
            for i, (query, passage) in enumerate(pairs)
            if passage.passage_id in self._rows and covers(self._languages, query.language)
        ]
        if not known:
            return out
        by_id = {query.query_id: query for query, _ in pairs}
        vectors = self.query_vectors([by_id[query_id] for query_id in queries])
        for start in range(0, len(known), PAIRS_A_BLOCK):
            at, query, row = np.array(known[start : start + PAIRS_A_BLOCK]).T
            out[at] = np.einsum("ij,ij->i", vectors[query], self.vectors[row])
        return out


def texts_by_preference(
    passages: Sequence[Passage], languages: Sequence[str], with_title: bool
) -> tuple[list[Passage], list[str]]:
    """The passages inside `languages`, by descending passage_id, and what is read of each."""
    kept = by_preference(passages, languages)
    return kept, [passage_text(passage, with_title) for passage in kept]

"""The index of every dense retriever, and what all retrievers read of a passage."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from datakit.records import Passage, Query, ScoredPassage
from datakit.retrievers import NO_ROW, Family, RowIndex, by_preference, covers, passage_text
from datakit.retrievers._exact import Vectors

if TYPE_CHECKING:
    import numpy as np


class DenseIndex:
    """Passages as vectors. The score is the cosine."""

    family: Family = "dense"

    def __init__(
        self,
        passages: Sequence[Passage],
        vectors: np.ndarray | Vectors,
        encode: Callable[[list[Query]], np.ndarray],
        languages: tuple[str, ...],
    ) -> None:
        """Hold passages and their vectors.

        Args:
            passages: by preference, as `by_preference` gives them.
            vectors: (n_passages, dim) float32, unit length; as they are, or coded for search.
            encode: queries to (n, dim) float32, unit length or zero.
            languages: the retriever's setting.
        """
        self.passages = passages
        self._coded = vectors if isinstance(vectors, Vectors) else Vectors(vectors)
        self.vectors = self._coded.full
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
        scores, rows = self._coded.search(vectors[has_direction], k)
        for query, values, found in zip(kept, scores.tolist(), rows.tolist(), strict=True):
            for score, row in zip(values, found, strict=True):
                yield ScoredPassage(query.query_id, self.passages[row].passage_id, score)

    def score(self, pairs: Sequence[tuple[Query, Passage]]) -> np.ndarray:
        return by_rows(self, self._rows, pairs)

    def score_rows(self, queries: Sequence[Query], pairs: np.ndarray) -> np.ndarray:
        def scored(known: np.ndarray) -> np.ndarray:
            return self._coded.score(self.query_vectors(queries), known)

        return inside_rows(queries, self._languages, pairs, scored)


def by_rows(
    index: RowIndex, rows: Mapping[str, int], pairs: Sequence[tuple[Query, Passage]]
) -> np.ndarray:
    """`score` of an index by its `score_rows`; `rows` are those of its passages by passage_id."""
    import numpy as np

    asked = {query.query_id: query for query, _ in pairs}
    place = {query_id: i for i, query_id in enumerate(asked)}
    flat = [(place[q.query_id], rows.get(p.passage_id, NO_ROW)) for q, p in pairs]
    return index.score_rows(list(asked.values()), np.array(flat, np.int64).reshape(-1, 2))


def inside_rows(
    queries: Sequence[Query],
    languages: Sequence[str],
    pairs: np.ndarray,
    scored: Callable[[np.ndarray], np.ndarray],
) -> np.ndarray:
    """Scores of the pairs whose query is inside `languages` and whose passage has a row, else nan.

    Args:
        queries: that the pairs are about.
        languages: the retriever's setting.
        pairs: (n_pairs, 2) int64, a position in `queries` and a row, `NO_ROW` for none.
        scored: (n_known, 2) pairs to (n_known,) float32.
    """
    import numpy as np

    out = np.full(len(pairs), np.nan, np.float32)
    inside = np.array([covers(languages, query.language) for query in queries], bool)
    known = np.flatnonzero((pairs[:, 1] != NO_ROW) & inside[pairs[:, 0]] if len(pairs) else [])
    if len(known):
        out[known] = scored(pairs[known])
    return out


def texts_by_preference(
    passages: Sequence[Passage], languages: Sequence[str], with_title: bool
) -> tuple[list[Passage], list[str]]:
    """The passages inside `languages`, by descending passage_id, and what is read of each."""
    kept = by_preference(passages, languages)
    return kept, [passage_text(passage, with_title) for passage in kept]

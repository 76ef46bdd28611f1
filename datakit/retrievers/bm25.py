"""BM25: bm25s builds the index, a compiled kernel of our own searches it.

bm25s' own numba search compiles anew in every process (about 8 s) and lets the order of its heap
decide between equal scores at the cut; this one is compiled once per machine and ranks equal
scores by descending passage_id.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from datakit.records import Passage, Query, ScoredPassage
from datakit.registry import plugin
from datakit.retrievers import Family, covers
from datakit.retrievers._search import texts_by_preference
from datakit.retrievers._tokenise import Tokeniser

if TYPE_CHECKING:
    import numpy as np


@plugin("retrievers", "bm25")
@dataclass(frozen=True)
class Bm25:
    """BM25 over stemmed words, and character bigrams or words for Chinese."""

    family: ClassVar[Family] = "lexical"

    k1: float = 1.2  # Lucene's default; Robertson & Zaragoza 2009 give 1.2-2
    b: float = 0.75
    variant: Literal["lucene", "robertson", "atire"] = "lucene"
    # Snowball, for texts of no known language; a known language takes its own; "" stems nothing
    stemmer: str = "english"
    # nDCG@10 on STARD (1,445 articles): bigrams 0.519, search 0.505, words 0.487
    chinese: Literal["bigrams", "words", "search"] = "bigrams"
    stop_words: bool = True  # leave out Lucene's 33 English words
    with_title: bool = True  # the passage's title counts as its first words
    languages: tuple[str, ...] = ()  # ("en",) only these, ("!en",) all but these

    def fit(self, passages: Sequence[Passage]) -> Bm25Index:
        return Bm25Index(self, passages)


class Bm25Index:
    """Term weights of every passage, by term."""

    family: Family = "lexical"

    def __init__(self, settings: Bm25, passages: Sequence[Passage]) -> None:
        self._languages = settings.languages
        kept, texts = texts_by_preference(passages, settings.languages, settings.with_title)
        self.passages = kept
        self._rows = {passage.passage_id: row for row, passage in enumerate(self.passages)}
        self.tokeniser = Tokeniser(settings.stemmer, settings.chinese, settings.stop_words)
        languages = (passage.language for passage in self.passages)
        ids = self.tokeniser.fit(zip(texts, languages, strict=True))
        self._weights = _weights(settings, ids, self.tokeniser.vocabulary)

    @functools.cached_property
    def _postings(self) -> np.ndarray:
        """(n_postings,) int64: term * n_passages + row, ascending."""
        import numpy as np

        _, rows, starts = self._weights
        terms = np.repeat(np.arange(len(starts) - 1, dtype=np.int64), np.diff(starts))
        keys: np.ndarray = terms * len(self.passages) + rows
        return keys

    def search(self, queries: Sequence[Query], k: int) -> Iterator[ScoredPassage]:
        """The k best of the passages that share a term with the query."""
        inside = [query for query in queries if covers(self._languages, query.language)]
        if not inside or not self.passages:
            return
        found = self._search(inside, min(k, len(self.passages)))
        for query, scores, rows in zip(inside, *(part.tolist() for part in found), strict=True):
            for score, row in zip(scores, rows, strict=True):
                if score <= 0:
                    break
                yield ScoredPassage(query.query_id, self.passages[row].passage_id, score)

    def _search(self, queries: Sequence[Query], k: int) -> tuple[np.ndarray, np.ndarray]:
        """Scores and rows (n_queries, k), best first; a score of 0 fills up."""
        import numpy as np

        terms, starts = _flat(self._terms(queries))
        scores = np.zeros((len(queries), k), np.float32)
        rows = np.full((len(queries), k), len(self.passages), np.int32)
        weights, weight_rows, term_starts = self._weights
        acc = np.zeros(len(self.passages), np.float32)
        _kernel()(weights, weight_rows, term_starts, terms, starts, acc, scores, rows)
        order = np.lexsort((rows, -scores), axis=1)
        return np.take_along_axis(scores, order, 1), np.take_along_axis(rows, order, 1)

    def score(self, pairs: Sequence[tuple[Query, Passage]]) -> np.ndarray:
        import numpy as np

        out = np.full(len(pairs), np.nan, np.float32)
        known = [
            (i, self._rows[passage.passage_id])
            for i, (query, passage) in enumerate(pairs)
            if passage.passage_id in self._rows and covers(self._languages, query.language)
        ]
        if not known:
            return out
        at, rows = np.array(known).T
        unique = {pairs[i][0].query_id: pairs[i][0] for i in at}
        terms = dict(zip(unique, self._terms(list(unique.values())), strict=True))
        wanted, starts = _flat([terms[pairs[i][0].query_id] for i in at])
        pair = np.repeat(np.arange(len(at)), np.diff(starts))
        weights = self._lookup(wanted.astype(np.int64) * len(self.passages) + rows[pair])
        out[at] = np.bincount(pair, weights, minlength=len(at))
        return out

    def _terms(self, queries: Sequence[Query]) -> list[list[int]]:
        return self.tokeniser.transform((query.text, query.language) for query in queries)

    def _lookup(self, keys: np.ndarray) -> np.ndarray:
        """The weight of each term in each row, 0 where it does not occur."""
        import numpy as np

        if not len(self._postings):
            return np.zeros(len(keys), np.float32)
        at = np.minimum(np.searchsorted(self._postings, keys), len(self._postings) - 1)
        return np.where(self._postings[at] == keys, self._weights[0][at], np.float32(0))


def _weights(
    settings: Bm25, ids: list[list[int]], vocabulary: dict[str, int]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """bm25s' index: weights, their rows and where each term starts, terms and rows ascending."""
    import numpy as np

    if not vocabulary:
        return np.zeros(0, np.float32), np.zeros(0, np.int32), np.zeros(1, np.int64)
    import bm25s

    # `index` infers ids from the first document, which may be empty; this takes them as they are
    bm25 = bm25s.BM25(
        k1=settings.k1, b=settings.b, method=settings.variant, backend="numpy", csc_backend="scipy"
    )
    scores = bm25.build_index_from_ids(list(range(len(vocabulary))), ids, show_progress=False)
    starts = scores["indptr"].astype(np.int64)
    return scores["data"], scores["indices"], starts


def _flat(lists: list[list[int]]) -> tuple[np.ndarray, np.ndarray]:
    """The lists behind each other, int32, and where each starts, (n + 1,) int64."""
    import numpy as np

    starts = np.zeros(len(lists) + 1, np.int64)
    np.cumsum([len(one) for one in lists], out=starts[1:])
    values = (value for one in lists for value in one)
    return np.fromiter(values, np.int32, int(starts[-1])), starts


def _top_k(  # type: ignore[no-untyped-def]
    weights, weight_rows, term_starts, terms, starts, acc, scores, rows
):  # pragma: no cover
    """For numba: accumulate weights term by term, keep the k best in a heap whose root is worst.

    `acc` is (n_passages,) of zeros, and zero again afterwards; results lie in heap order.
    """
    k = scores.shape[1]
    for q in range(len(starts) - 1):
        for t in range(starts[q], starts[q + 1]):
            for j in range(term_starts[terms[t]], term_starts[terms[t] + 1]):
                acc[weight_rows[j]] += weights[j]
        heap, heap_rows, size = scores[q], rows[q], 0
        for row in range(len(acc)):
            score = acc[row]
            acc[row] = 0.0
            # rows ascend: of equal scores the later row is the worse one, nearer to the root
            if score <= 0.0 or (size == k and score <= heap[0]):
                continue
            if size < k:
                hole = size
                size += 1
                while hole > 0:
                    parent = (hole - 1) // 2
                    if heap[parent] < score:
                        break
                    heap[hole], heap_rows[hole] = heap[parent], heap_rows[parent]
                    hole = parent
            else:
                hole = 0
                while 2 * hole + 1 < k:
                    child = 2 * hole + 1
                    right = child + 1
                    if right < k and (
                        heap[right] < heap[child]
                        or (heap[right] == heap[child] and heap_rows[right] > heap_rows[child])
                    ):
                        child = right
                    if score <= heap[child]:
                        break
                    heap[hole], heap_rows[hole] = heap[child], heap_rows[child]
                    hole = child
            heap[hole], heap_rows[hole] = score, row


@functools.cache
def _kernel() -> Callable[..., Any]:
    """The kernel, compiled once per machine (4 s) and then loaded (0.3 s)."""
    import numba

    try:
        return numba.njit(cache=True, nogil=True)(_top_k)
    except RuntimeError:  # no folder where numba could keep it: compiled in every process
        return numba.njit(nogil=True)(_top_k)

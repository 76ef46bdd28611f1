"""An inverted index as three arrays: weights, the rows they belong to, where each term starts.

Terms and, within a term, rows ascend. The loops are compiled by numba.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

from datakit.retrievers._compiled import compiled
from datakit.retrievers._tokenise import TermLists

if TYPE_CHECKING:
    import numpy as np

Variant = Literal["lucene", "robertson", "atire"]


class Postings(NamedTuple):
    """A BM25 weight for each term of each text."""

    weights: np.ndarray  # (n_postings,) float32
    rows: np.ndarray  # (n_postings,) int32
    starts: np.ndarray  # (n_terms + 1,) int64
    n_rows: int


def weigh(texts: TermLists, n_terms: int, k1: float, b: float, variant: Variant) -> Postings:
    """Index texts.

    Source:
        Kamphuis et al. 2020, "Which BM25 do you mean?", the variants' formulas; weights in double
        precision with the idf rounded to single, as bm25s 0.3 has them, so that scores are equal.
    """
    import numpy as np

    n_rows = len(texts)
    lengths = np.diff(texts.starts)
    held = document_frequency(texts, n_terms)
    starts = np.concatenate([np.zeros(1, np.int64), np.cumsum(held)])
    rows, counts = np.empty(starts[-1], np.int32), np.empty(starts[-1], np.float32)
    seen = np.full(n_terms, -1, np.int32)
    compiled(_fill)(texts.values, texts.starts, seen, starts[:-1].copy(), rows, counts)
    mean = float(lengths.mean()) if n_rows else 0.0
    norms = k1 * ((1 - b) + b * (lengths / mean)) if mean else np.full(n_rows, k1)
    idf = _idf(held, n_rows, variant)
    boost = k1 + 1 if variant == "atire" else 1.0
    compiled(_weigh)(counts, rows, starts, idf, norms, boost)
    return Postings(counts, rows, starts, n_rows)


def document_frequency(texts: TermLists, n_terms: int) -> np.ndarray:
    """(n_terms,) int64: in how many texts each term occurs."""
    import numpy as np

    held, seen = np.zeros(n_terms, np.int64), np.full(n_terms, -1, np.int32)
    compiled(_count)(texts.values, texts.starts, seen, held)
    return held


def _idf(frequency: np.ndarray, n_rows: int, variant: Variant) -> np.ndarray:
    """(n_terms,) float32; each term occurs somewhere."""
    import numpy as np

    if variant == "atire":
        return np.log(n_rows / frequency).astype(np.float32)
    odds = (n_rows - frequency + 0.5) / (frequency + 0.5)
    values = np.log(np.maximum(odds, 1)) if variant == "robertson" else np.log(1 + odds)
    return values.astype(np.float32)


def search(postings: Postings, queries: TermLists, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Scores (n_queries, k) float32 and rows int32, best first; a score of 0 fills up.

    Of equal scores the smaller row comes first and is kept at the cut.
    """
    import numpy as np

    scores = np.zeros((len(queries), k), np.float32)
    rows = np.full((len(queries), k), postings.n_rows, np.int32)
    sums = np.zeros(postings.n_rows, np.float32)
    compiled(_top_k)(*postings[:3], queries.values, queries.starts, sums, scores, rows)
    order = np.lexsort((rows, -scores), axis=1)
    return np.take_along_axis(scores, order, 1), np.take_along_axis(rows, order, 1)


def score(postings: Postings, queries: TermLists, pairs: np.ndarray) -> np.ndarray:
    """(n_pairs,) float32: what `search` gives to pairs (n_pairs, 2) int64 of query and row."""
    import numpy as np

    out = np.zeros(len(pairs), np.float32)
    compiled(_score)(*postings[:3], queries.values, queries.starts, pairs, out)
    return out


def _count(values: np.ndarray, starts: np.ndarray, seen: np.ndarray, held: np.ndarray) -> None:
    for row in range(len(starts) - 1):
        for i in range(starts[row], starts[row + 1]):
            if seen[values[i]] != row:
                seen[values[i]] = row
                held[values[i]] += 1


def _fill(
    values: np.ndarray,
    starts: np.ndarray,
    seen: np.ndarray,
    ends: np.ndarray,
    rows: np.ndarray,
    counts: np.ndarray,
) -> None:
    """`ends` is where each term's next posting goes."""
    for row in range(len(starts) - 1):
        for i in range(starts[row], starts[row + 1]):
            term = values[i]
            if seen[term] != row:
                seen[term] = row
                rows[ends[term]] = row
                counts[ends[term]] = 1
                ends[term] += 1
            else:
                counts[ends[term] - 1] += 1


def _weigh(
    counts: np.ndarray,
    rows: np.ndarray,
    starts: np.ndarray,
    idf: np.ndarray,
    norms: np.ndarray,
    boost: float,
) -> None:
    """Counts of terms become their weights."""
    for term in range(len(starts) - 1):
        for j in range(starts[term], starts[term + 1]):
            count = float(counts[j])
            counts[j] = idf[term] * ((count * boost) / (norms[rows[j]] + count))


def _top_k(
    weights: np.ndarray,
    weight_rows: np.ndarray,
    term_starts: np.ndarray,
    terms: np.ndarray,
    starts: np.ndarray,
    sums: np.ndarray,
    scores: np.ndarray,
    rows: np.ndarray,
) -> None:
    """Add up weights term by term, keep the k best in a heap whose root is the worst.

    `sums` is (n_rows,) of zeros, and zero again afterwards; results lie in heap order.
    """
    k = scores.shape[1]
    for q in range(len(starts) - 1):
        for t in range(starts[q], starts[q + 1]):
            for j in range(term_starts[terms[t]], term_starts[terms[t] + 1]):
                sums[weight_rows[j]] += weights[j]
        heap, heap_rows, size = scores[q], rows[q], 0
        for row in range(len(sums)):
            score = sums[row]
            sums[row] = 0.0
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


def _score(
    weights: np.ndarray,
    weight_rows: np.ndarray,
    term_starts: np.ndarray,
    terms: np.ndarray,
    starts: np.ndarray,
    pairs: np.ndarray,
    out: np.ndarray,
) -> None:
    for i in range(len(pairs)):
        query, row = pairs[i]
        for t in range(starts[query], starts[query + 1]):
            low, high = term_starts[terms[t]], term_starts[terms[t] + 1]
            end = high
            while low < high:
                middle = (low + high) // 2
                if weight_rows[middle] < row:
                    low = middle + 1
                else:
                    high = middle
            if low < end and weight_rows[low] == row:
                out[i] += weights[low]

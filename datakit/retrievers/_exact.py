"""Search by inner product: a product in chunks, a running top-k, scores in full precision.

A product of half precision finds candidates, more than are wanted; float32 scores them. How far a
product can be from the truth is known for each query, so it is also known whether a passage
beyond the candidates could belong to the best: then, and it is rare, the query is searched again
in float32. What is found is therefore exact, whatever the processor, the block sizes and the
device: a score depends on its two vectors alone, so copies of a passage score alike.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from datakit.retrievers._codes import CodeName, Codes, encode
from datakit.retrievers._compiled import compiled

if TYPE_CHECKING:
    import numpy as np
    import torch

# a block of scores is 4 MB in half precision: it stays near the processor's caches
QUERIES_A_BLOCK = {"cpu": 512, "accelerator": 4096}
PASSAGES_A_BLOCK = {"cpu": 4096, "accelerator": 32_768}
SCORES_A_GROUP = 64  # whose largest is looked at first
QUERIES_AT_ONCE = 4096  # candidates of so many are held
LEAST_SPARE = 32  # candidates more than wanted; else as many again as are wanted


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
    return Vectors(passages).search(queries, k)


class Vectors:
    """Vectors of passages, coded for search."""

    def __init__(
        self,
        full: np.ndarray,
        codes: CodeName = "exact",
        device: str = "cpu",
        rescore: int = 4,
    ) -> None:
        """Code the vectors.

        Args:
            full: (n, dim) float32, in memory or mapped; candidates are scored with it.
            codes: "int8" and "binary" hold a quarter and a 32nd of the memory and are not exact.
            device: of the product, "cpu" or "cuda".
            rescore: with "int8" and "binary", candidates for each passage wanted.
        """
        self.full = full
        self._codes: tuple[CodeName, str] = (codes, device)
        self._rescore = rescore

    @functools.cached_property
    def codes(self) -> Codes:
        return encode(self.full, *self._codes)

    def search(self, queries: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        """As `top_k`."""
        import numpy as np

        k = min(k, len(self.full))
        scores = np.empty((len(queries), k), np.float32)
        rows = np.empty((len(queries), k), np.int64)
        for start in range(0, len(queries), QUERIES_AT_ONCE):
            at = slice(start, start + QUERIES_AT_ONCE)
            scores[at], rows[at] = self._search(np.ascontiguousarray(queries[at]), k)
        return scores, rows

    def score(self, queries: np.ndarray, pairs: np.ndarray) -> np.ndarray:
        """(n_pairs,) float32: the score that `search` gives to (a query's position, a row)."""
        import numpy as np

        out = np.zeros(len(pairs), np.float32)
        compiled(_dots, fastmath=True)(queries, self.full, pairs, out)
        return out

    def _search(self, queries: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        import numpy as np

        n, exact = len(self.full), self._codes[0] == "exact"
        wanted = min(n, k + max(k, LEAST_SPARE) if exact else k * self._rescore)
        if wanted == n:
            rows = np.broadcast_to(np.arange(n), (len(queries), n))
            return self._best(queries, rows, k)
        coded = self.codes.queries(queries)
        weakest, rows = self._candidates(coded, wanted)
        scores, best = self._best(queries, rows, k)
        if exact:
            beyond = weakest + self.codes.slack(queries, coded, weakest)
            for i in np.flatnonzero(scores[:, -1] <= beyond):
                at = slice(i, i + 1)
                scores[at], best[at] = self._best(queries[at], np.arange(n)[None], k)
        return scores, best

    def _best(self, queries: np.ndarray, rows: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        """The k best of each query's rows, (n_queries, n_rows), by scores of full precision."""
        import numpy as np

        query = np.repeat(np.arange(len(queries)), rows.shape[1])
        pairs = np.stack([query, rows.ravel()], axis=1)
        scores = self.score(queries, pairs).reshape(rows.shape)
        order = np.lexsort((rows, -scores), axis=1)[:, :k]
        return np.take_along_axis(scores, order, 1), np.take_along_axis(rows, order, 1)

    def _candidates(self, queries: torch.Tensor, k: int) -> tuple[np.ndarray, np.ndarray]:
        """By the product: the k-th best score of each query, and the rows of the k best."""
        kind = queries.device.type
        keep = Compiled(len(queries), k) if kind == "cpu" else InTorch(len(queries), k, queries)
        place = "cpu" if kind == "cpu" else "accelerator"
        step, width = QUERIES_A_BLOCK[place], PASSAGES_A_BLOCK[place]
        for first in range(0, len(self.full), width):
            passages = self.codes.rows(first, first + width)
            for start in range(0, len(queries), step):
                at = slice(start, start + step)
                keep.take(at, queries[at] @ passages.T, first)
        return keep.result()


class InTorch:
    """The running top-k on any device, by torch alone."""

    def __init__(self, n: int, k: int, like: torch.Tensor) -> None:
        import torch

        self._scores = torch.full((n, k), -torch.inf, dtype=like.dtype, device=like.device)
        self._rows = torch.zeros((n, k), dtype=torch.int64, device=like.device)

    def take(self, at: slice, scores: torch.Tensor, first: int) -> None:
        """Merge scores (n_queries, n_passages), of passages from the row `first` on."""
        import torch

        k = self._scores.shape[1]
        values, rows = scores.topk(min(k, scores.shape[1]), dim=1)
        values = torch.cat([self._scores[at], values], dim=1)
        rows = torch.cat([self._rows[at], rows + first], dim=1)
        self._scores[at], kept = values.topk(k, dim=1)
        self._rows[at] = rows.gather(1, kept)

    def result(self) -> tuple[np.ndarray, np.ndarray]:
        return self._scores.amin(dim=1).float().cpu().numpy(), self._rows.cpu().numpy()


class Compiled:
    """The running top-k on the processor: the largest of each 64 scores, then a heap.

    Scores are compared as whole numbers in the order of the floats.
    """

    def __init__(self, n: int, k: int) -> None:
        import numpy as np

        self._heap = np.full((n, k), np.iinfo(np.int32).min, np.int32)
        self._rows = np.zeros((n, k), np.int64)
        self._bits = 32

    def take(self, at: slice, scores: torch.Tensor, first: int) -> None:
        """As `InTorch.take`."""
        import torch

        self._bits = 8 * scores.element_size()
        whole: Any = scores.view(torch.int16 if self._bits == 16 else torch.int32)
        width = whole.shape[1]
        grouped = width // SCORES_A_GROUP
        # among scores below 0 the largest number is the smallest score; the loop knows
        tops = whole[:, : grouped * SCORES_A_GROUP].unflatten(1, (grouped, SCORES_A_GROUP))
        compiled(_keep_best)(
            whole.numpy(), tops.amax(2).numpy() if grouped else whole[:, :0].numpy(),
            self._bits - 1, first, self._heap[at], self._rows[at],
        )  # fmt: skip

    def result(self) -> tuple[np.ndarray, np.ndarray]:
        import numpy as np

        weakest = self._heap[:, 0]
        bits = weakest ^ ((weakest >> 31) & (2 ** (self._bits - 1) - 1))
        return (bits << (32 - self._bits)).view(np.float32), self._rows


def _keep_best(
    scores: np.ndarray,
    tops: np.ndarray,
    sign: int,
    first: int,
    heaps: np.ndarray,
    rows: np.ndarray,
) -> None:
    """Put into each query's heap, whose root is the worst, what is above its root.

    `scores` (n_queries, n_passages) are floats as whole numbers, `tops` the largest of each group,
    `sign` the place of the sign's bit.
    """
    mask = (1 << sign) - 1
    k, width, grouped = heaps.shape[1], scores.shape[1], tops.shape[1]
    size = SCORES_A_GROUP
    n_groups = (width + size - 1) // size
    for q in range(len(scores)):
        heap, held = heaps[q], rows[q]
        for group in range(n_groups):
            if group < grouped and heap[0] >= 0 and tops[q, group] <= heap[0]:
                continue
            for column in range(group * size, min((group + 1) * size, width)):
                bits = scores[q, column]
                score = bits ^ ((bits >> sign) & mask)
                if score <= heap[0]:
                    continue
                hole = 0
                while 2 * hole + 1 < k:
                    child = 2 * hole + 1
                    if child + 1 < k and heap[child + 1] < heap[child]:
                        child += 1
                    if score <= heap[child]:
                        break
                    heap[hole], held[hole] = heap[child], held[child]
                    hole = child
                heap[hole], held[hole] = score, first + column


def _dots(queries: np.ndarray, passages: np.ndarray, pairs: np.ndarray, out: np.ndarray) -> None:
    """Add to `out` the product of each pair."""
    dim = queries.shape[1]
    for i in range(len(pairs)):
        query, passage = queries[pairs[i, 0]], passages[pairs[i, 1]]
        total = out[i]
        for j in range(dim):
            total += query[j] * passage[j]
        out[i] = total

"""Overlaps of spans with passages, as sorted joins on arrays."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
PAIRS_AT_ONCE = 1 << 20  # overlaps in memory: about 50 MB


@dataclass(frozen=True)
class Spans:
    """Spans of documents, in code points: `start` inclusive, `end` exclusive.

    Each array is (n,) int64; `doc` numbers the documents.
    """

    doc: Ints
    start: Ints
    end: Ints

    def __len__(self) -> int:
        return len(self.doc)

    @property
    def size(self) -> Ints:
        """(n,) int64: their lengths."""
        return self.end - self.start

    def take(self, rows: Ints) -> Spans:
        return Spans(self.doc[rows], self.start[rows], self.end[rows])


def overlaps(spans: Spans, passages: Spans) -> Iterator[tuple[Ints, Ints, Ints]]:
    """Every passage that a span shares at least one code point with.

    Passages may overlap each other (windows do). The search is by binary search on starts and on
    the running maximum of ends, so a passage within another costs a little and is not missed.

    Args:
        spans: n of them.
        passages: m of them, in any order.

    Yields:
        (rows of `spans`, rows of `passages`, shared code points), each (k,) int64, by rows of
        `spans`; k is at most about `PAIRS_AT_ONCE`.
    """
    if not len(spans) or not len(passages):
        return
    order = np.lexsort((passages.start, passages.doc))
    sorted_ = passages.take(order)
    width = int(max(passages.end.max(), spans.end.max())) + 1  # of a document, as a key
    starts = sorted_.doc * width + sorted_.start
    reach = np.maximum.accumulate(sorted_.doc * width + sorted_.end)
    low = np.searchsorted(reach, spans.doc * width + spans.start, "right")
    high = np.searchsorted(starts, spans.doc * width + spans.end, "left")
    count = np.maximum(high - low, 0)
    for begin, end in _blocks(count):
        rows = np.repeat(np.arange(begin, end), count[begin:end])
        first = np.cumsum(count[begin:end]) - count[begin:end]
        within = np.arange(len(rows)) - np.repeat(first, count[begin:end])
        found = np.repeat(low[begin:end], count[begin:end]) + within
        shared = np.minimum(spans.end[rows], sorted_.end[found])
        shared -= np.maximum(spans.start[rows], sorted_.start[found])
        real = (shared > 0) & (spans.doc[rows] == sorted_.doc[found])
        yield rows[real], order[found[real]], shared[real]


def _blocks(count: Ints) -> Iterator[tuple[int, int]]:
    """Runs of rows whose counts come to about `PAIRS_AT_ONCE`."""
    total = np.cumsum(count)
    begin = 0
    while begin < len(count):
        before = total[begin - 1] if begin else 0
        end = int(np.searchsorted(total, before + PAIRS_AT_ONCE, "right"))
        yield begin, max(end, begin + 1)
        begin = max(end, begin + 1)


def disjoint(group: Ints, spans: Spans) -> tuple[Ints, Spans]:
    """The spans of each group without what an earlier span of the group covers.

    Args:
        group: (n,) int64 from 0; spans of one group are united.
        spans: n of them.

    Returns:
        (rows of `spans` that are left, what is left of them), by group, document and start.
    """
    order = np.lexsort((spans.end, spans.start, spans.doc, group))
    own, by = spans.take(order), group[order]
    fresh = np.ones(len(order), bool)
    fresh[1:] = (by[1:] != by[:-1]) | (own.doc[1:] != own.doc[:-1])
    width = int(own.end.max(initial=0)) + 1
    base = (np.cumsum(fresh) - 1) * width
    reach = np.maximum.accumulate(base + own.end)
    covered = np.zeros(len(order), np.int64)
    covered[1:] = np.where(fresh[1:], 0, reach[:-1] - base[1:])
    start = np.maximum(own.start, covered)
    left = start < own.end
    return order[left], Spans(own.doc[left], start[left], own.end[left])

"""Counts and values as rows, crosses and histograms, with the names that a reader expects."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from datakit.records import LEVELS

if TYPE_CHECKING:
    import numpy as np

Count = tuple[str, int]

TOP = 10  # values of a field that are shown by name; the rest is one row
MOST = 12  # values of a field that has few: levels, splits, sources
NONE = "none given"
LANGUAGES = {
    "en": "English", "zh": "Chinese", "fr": "French", "de": "German", "es": "Spanish",
    "it": "Italian", "ja": "Japanese", "nl": "Dutch", "pl": "Polish", "pt": "Portuguese",
    "ru": "Russian", "ko": "Korean", "ar": "Arabic", "tr": "Turkish", "sv": "Swedish",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Cross:
    """Counts by two fields: `cells[row][column]`."""

    rows: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    cells: tuple[tuple[int, ...], ...] = ()

    @property
    def total(self) -> int:
        return sum(map(sum, self.cells))

    def items(self) -> list[tuple[str, tuple[int, ...]]]:
        return list(zip(self.rows, self.cells, strict=True))


@dataclass(frozen=True, slots=True)
class Histogram:
    """Counts by bin, with what one wants to know of the values beside it."""

    bins: tuple[Count, ...] = ()
    edges: bool = False  # a bin's label is its lower edge
    n: int = 0
    median: float = 0.0
    p90: float = 0.0
    largest: float = 0.0


def language_name(code: str | None) -> str:
    if not code:
        return "unknown language"
    return LANGUAGES.get(code.split("-")[0].lower(), code[:20])


def level_name(level: str | None) -> str:
    return level or "no level"


def level_rank(level: str) -> int:
    """Where a level stands in a table: all, then from the finest up, then unknown ones."""
    order = ("all", *LEVELS)
    return order.index(level) if level in order else len(order)


def ordered(values: Iterable[str], first: Sequence[str]) -> list[str]:
    """The known values in their order, then the others by name; at most `MOST` of them."""
    found = set(values)
    return ([v for v in first if v in found] + sorted(found - set(first)))[:MOST]


def ranked(counts: Mapping[str, int], top: int = TOP) -> tuple[Count, ...]:
    """The largest counts by name, the rest as one row."""
    rows = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    rest = rows[top:]
    if len(rest) > 1:
        rows = [*rows[:top], (f"{len(rest):,} others", sum(n for _, n in rest))]
    return tuple(rows)


def single(
    counter: Counter[tuple[Any, ...]], name: Callable[[Any], str] | None = None
) -> Counter[str]:
    """Counts by one column, named; a missing value is said to be missing."""
    out: Counter[str] = Counter()
    for (value,), count in counter.items():
        out[name(value) if name else str(value or NONE)] += count
    return out


def cross(
    counts: Mapping[tuple[str, str], int], rows: Sequence[str], columns: Sequence[str]
) -> Cross:
    cells = tuple(tuple(counts.get((row, column), 0) for column in columns) for row in rows)
    return Cross(tuple(rows), tuple(columns), cells)


def equal_bins(values: np.ndarray, n_bins: int = 10) -> Histogram:
    """A histogram with bins of one round width; the last bin is open above the 98th percentile."""
    import numpy as np

    if not len(values):
        return Histogram()
    width = _round_width(float(np.percentile(values, 98)) / n_bins)
    index = np.minimum(values // width, n_bins - 1).astype(int)
    counts = np.bincount(index, minlength=n_bins).tolist()
    while len(counts) > 1 and not counts[-1]:
        counts.pop()
    edges = [f"{i * width:g}" for i in range(len(counts))]
    if float(values.max()) >= len(counts) * width:
        edges[-1] += "+"
    return _summary(values, tuple(zip(edges, counts, strict=True)), edges=True)


def _round_width(width: float) -> float:
    """The next of 1, 2, 5, 10, 20, 25, 50, 100, … up."""
    if width <= 1:
        return 1
    size: int = 10 ** math.floor(math.log10(width))
    steps = (1, 2, 5, 10) if size < 10 else (1, 2, 2.5, 5, 10)
    return next(step * size for step in steps if step * size >= width)


def small_bins(values: np.ndarray) -> Histogram:
    """A histogram of small whole numbers: 0, 1, 2, 3, 4, 5, 6–10, 11–20, 21–50, 51+."""
    import numpy as np

    if not len(values):
        return Histogram()
    lows = [0, 1, 2, 3, 4, 5, 6, 11, 21, 51]
    names = ["0", "1", "2", "3", "4", "5", "6–10", "11–20", "21–50", "51+"]
    counts = np.histogram(values, [*lows, np.inf])[0].tolist()
    while len(counts) > 2 and not counts[-1]:
        counts.pop()
    return _summary(values, tuple(zip(names, counts, strict=False)), edges=False)


def _summary(values: np.ndarray, bins: tuple[Count, ...], edges: bool) -> Histogram:
    import numpy as np

    median, p90 = np.percentile(values, [50, 90])
    return Histogram(bins, edges, len(values), float(median), float(p90), float(values.max()))

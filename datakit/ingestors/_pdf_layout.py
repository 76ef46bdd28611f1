"""The reading order of a PDF page: words to segments, segments to columns, columns to rows."""

from __future__ import annotations

import itertools
import re
import statistics
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from datakit.ingestors._cells import MakeCells
from datakit.ingestors._pdf_glyphs import Font, Page, Word

GAP = 0.95  # em; a wider gap parts two segments of a row
SAME_ROW = 0.45  # em between baselines; note marks are raised by about a third
RAISED_ROW = 0.62  # em; the same for marks in small type above the baseline
RAISED = 0.12  # em from which on a small word is a mark of a footnote
MAX_DEPTH = 8  # of columns in columns
_CJK = "\u2e80-\u9fff\uf900-\ufaff\uff00-\uffef\u3000-\u303f"
CJK = re.compile(f"[{_CJK}]")
LEADER = re.compile(r"(?:[.．·•…_]\s?){5,}|[.…]{4,}|…{2,}")
_NOTE = re.compile(r"\(?\d{1,2}\)?(?:,\d{1,2})*|[*†‡]{1,3}")
_SPACED = re.compile(r"(?<!\S)(?:[A-Z] ){3,}[A-Z](?!\S)")  # S U M M A R Y
_EXPONENT = re.compile(r"(?:^|[\s\d(/])(?:[cmk]?m|ft|in|10|x)$")  # m², 10⁶
_NUMERIC = re.compile(
    r"[\s$€£¥(]*[-–—+]?[\d,.，]*\d[\d,.，]*[)%\sx]*|[—–-]+%?|N/?[AM]|不?适用", re.I
)


@dataclass(slots=True)
class Segment:
    """Words of a row with no wide gap between them."""

    x0: float
    x1: float
    y: float  # the baseline
    size: float
    text: str
    bold: float  # share of the characters
    italic: float
    leader: bool = False  # a line of dots leads away from it

    @property
    def top(self) -> float:
        return self.y - 0.8 * self.size

    @property
    def bottom(self) -> float:
        return self.y + 0.2 * self.size

    @property
    def numeric(self) -> bool:
        return bool(_NUMERIC.fullmatch(self.text))


@dataclass(slots=True)
class Grid:
    """A ruled table: a place in the reading order that is filled already."""

    x0: float
    x1: float
    top: float
    bottom: float
    rows: list[list[str]]
    size: float = 0.0
    cells: MakeCells | None = None

    @property
    def y(self) -> float:
        return self.bottom

    @property
    def leader(self) -> bool:
        return False


Item = Segment | Grid


@dataclass(slots=True)
class Row:
    """Segments on one baseline, from left to right."""

    y: float
    segments: list[Segment]

    @property
    def x0(self) -> float:
        return self.segments[0].x0

    @property
    def x1(self) -> float:
        return self.segments[-1].x1

    @property
    def size(self) -> float:
        return max(self.segments, key=lambda s: len(s.text)).size

    @property
    def text(self) -> str:
        parts = [s.text for s in self.segments]
        return " ".join(part for part in parts if part)

    @property
    def leader(self) -> bool:
        return any(s.leader for s in self.segments)

    @property
    def bold(self) -> float:
        """Share of the characters."""
        return self._mean([s.bold for s in self.segments])

    @property
    def italic(self) -> float:
        """Share of the characters."""
        return self._mean([s.italic for s in self.segments])

    def _mean(self, shares: list[float]) -> float:
        lengths = [len(s.text) for s in self.segments]
        return sum(a * n for a, n in zip(shares, lengths, strict=True)) / max(1, sum(lengths))


@dataclass(slots=True)
class Region:
    """A column, or what stands above and below columns: read from top to bottom."""

    x0: float
    x1: float
    parts: list[Row | Grid] = field(default_factory=list)


# --- words to segments ----------------------------------------------------------------------------


def segments(words: Sequence[Word], fonts: Sequence[Font]) -> list[Segment]:
    """The segments of a page's words, row after row."""
    found: list[Segment] = []
    for line in _lines(words):
        run: list[Word] = []
        for word in line:
            if run and word.x0 - run[-1].x1 > GAP * max(word.size, run[-1].size, 4.0):
                found += _segment(run, fonts)
                run = []
            run.append(word)
        found += _segment(run, fonts)
    return found


def _lines(words: Sequence[Word]) -> list[list[Word]]:
    """Words on about one baseline, from left to right; small words join the line they hang on."""
    lines: list[list[Word]] = []
    main: list[Word] = []  # of each line its largest word
    at: list[float] = []  # of each line its baseline, ascending
    reach = RAISED_ROW * max((w.size for w in words), default=0.0)
    for word in sorted(words, key=lambda w: (-round(w.size * 2), w.y)):
        near = range(bisect_left(at, word.y - reach), bisect_right(at, word.y + reach))
        fits = [(key, i) for i in near if (key := _fit(word, main[i], at[i], lines[i])) is not None]
        if fits:
            lines[min(fits)[1]].append(word)
        else:
            i = bisect_right(at, word.y)
            at.insert(i, word.y)
            lines.insert(i, [word])
            main.insert(i, word)
    for line in lines:
        line.sort(key=lambda w: w.x0)
    return lines


def _fit(word: Word, main: Word, at: float, line: list[Word]) -> tuple[int, float] | None:
    """How badly a word fits a line, None where it does not; a mark fits where it follows a word."""
    off = abs(at - word.y)
    mark = len(word.text) < 8 and word.size < 0.8 * main.size and word.y < at
    if off >= (RAISED_ROW if mark else SAME_ROW) * main.size:
        return None
    follows = mark and any(abs(word.x0 - w.x1) < 0.35 * main.size for w in line)
    return (0 if follows else 2) if mark else 1, off


def _segment(run: list[Word], fonts: Sequence[Font]) -> list[Segment]:
    """The segments of a run of words: lines of dots are left out and end one."""
    found: list[Segment] = []
    for words, leader in _cut_at_leaders(run):
        if not words:
            if found:
                found[-1].leader = True
            continue
        n = sum(len(w.text) for w in words)
        main = max(words, key=lambda w: (w.size * len(w.text), -w.x0))
        bold = sum(len(w.text) for w in words if fonts[w.font].bold) / max(1, n)
        italic = sum(len(w.text) for w in words if fonts[w.font].italic) / max(1, n)
        text = joined(words)
        if text:
            found.append(
                Segment(words[0].x0, max(w.x1 for w in words), main.y, main.size, text, bold,
                        italic, leader)
            )  # fmt: skip
    return found


def _cut_at_leaders(run: list[Word]) -> Iterable[tuple[list[Word], bool]]:
    part: list[Word] = []
    dots = 0  # words in a row that are dots and nothing else
    for word in run:
        dots = dots + 1 if set(word.text) <= set(".．…·") else 0
        match = LEADER.search(word.text)
        if match is None and dots < 4:
            part.append(word)
            continue
        before, after = ("", "") if match is None else (word.text[: match.start()],
                                                        word.text[match.end() :])  # fmt: skip
        while part and set(part[-1].text) <= set(".．…·"):
            part.pop()
        if before:
            part.append(Word(word.x0, word.x1, word.y, word.size, word.font, before, word.space))
        yield part, True
        part = []
        if after:
            part.append(Word(word.x1, word.x1, word.y, word.size, word.font, after, 1))
    if part:
        yield part, False


def joined(words: Sequence[Word]) -> str:
    """The text of words on one line, in order; a raised number as ` (2)`."""
    if not words:
        return ""
    if len(words) >= 6 and sum(len(w.text) == 1 and w.text.isalpha() for w in words) > 0.7 * len(
        words
    ):
        return _unspaced(words)
    main = max(words, key=lambda w: (w.size, len(w.text)))
    text = words[0].text
    for before, word in itertools.pairwise(words):
        if word is not main and _raised(word, before, main) and _NOTE.fullmatch(word.text):
            text += word.text if _EXPONENT.search(text) else f" ({word.text.strip('()')})"
            continue
        gap = word.x0 - before.x1
        if CJK.match(text[-1]) and CJK.match(word.text[0]):
            blank = gap > (0.2 if word.space == 2 else 0.8) * word.size
        else:
            blank = bool(word.space) or gap > 0.25 * word.size
        text += (" " if blank else "") + word.text
    return _SPACED.sub(lambda m: m.group().replace(" ", ""), text)


def _unspaced(words: Sequence[Word]) -> str:
    """The words of a line whose letters are set apart, Chinese ones as well."""
    gaps = [b.x0 - a.x1 for a, b in itertools.pairwise(words)]
    least = 1.6 * statistics.median(gaps)
    parts = [words[0].text]
    for gap, word in zip(gaps, words[1:], strict=True):
        parts.append((" " if gap > least and gap > 0.2 * word.size else "") + word.text)
    return "".join(parts)


def _raised(word: Word, before: Word, main: Word) -> bool:
    small = word.size < 0.85 * main.size
    return small and RAISED * main.size < main.y - word.y and before.size > word.size


# --- columns --------------------------------------------------------------------------------------


def regions(page: Page, items: list[Item]) -> list[Region]:
    """The columns of a page in reading order, and what goes over them."""
    found: list[Region] = []
    _split(sorted(items, key=lambda s: (s.top, s.x0)), page.width, found, 0)
    return found


def _split(items: list[Item], page_width: float, found: list[Region], depth: int) -> None:
    """Cut where a gutter runs between columns of text; above, beside and below in that order."""
    if not items:
        return
    gutter = _gutter(items, page_width) if depth < MAX_DEPTH and len(items) >= 8 else None
    if gutter is None:
        found.append(_region(items))
        return
    at, first, last = gutter
    above = items[:first]
    between = items[first:last]
    below = items[last:]
    left = [s for s in between if (s.x0 + s.x1) / 2 < at]
    right = [s for s in between if (s.x0 + s.x1) / 2 >= at]
    _split(above, page_width, found, depth + 1)
    _split(left, page_width, found, depth + 1)
    _split(right, page_width, found, depth + 1)
    _split(below, page_width, found, depth + 1)


def _region(items: list[Item]) -> Region:
    rows: list[Row] = []
    grids: list[Grid] = []
    for item in sorted(items, key=lambda s: s.y):
        if isinstance(item, Grid):
            grids.append(item)
        elif rows and item.y - rows[-1].y < SAME_ROW * max(item.size, rows[-1].segments[-1].size):
            rows[-1].segments.append(item)
        else:
            rows.append(Row(item.y, [item]))
    for row in rows:
        row.segments.sort(key=lambda s: s.x0)
    parts: list[Row | Grid] = [*rows, *grids]
    parts.sort(key=lambda p: p.top if isinstance(p, Grid) else p.y - 0.8 * p.size)
    return Region(min(s.x0 for s in items), max(s.x1 for s in items), parts)


MIN_GUTTER = 7.0  # points
MIN_COLUMN = 0.14  # of the page's width
CANDIDATES = 12


def _gutter(items: list[Item], page_width: float) -> tuple[float, int, int] | None:
    """The best gutter: its x, and the range of items beside it."""
    best: tuple[float, float, int, int] | None = None
    for at in _candidates(items):
        for first, last in _runs(items, at):
            score = _columns(items[first:last], at, page_width)
            if score and (best is None or score > best[0]):
                best = (score, at, first, last)
    return best[1:] if best else None


def _candidates(items: list[Item]) -> list[float]:
    """Left edges that many segments share: a column begins there. A little left of each."""
    edges = sorted(s.x0 for s in items)
    groups: list[list[float]] = []
    for edge in edges:
        if groups and edge - groups[-1][0] < 4:
            groups[-1].append(edge)
        else:
            groups.append([edge])
    groups = [g for g in groups[1:] if len(g) >= 3]
    groups.sort(key=lambda g: (-len(g), g[0]))
    return [g[0] - MIN_GUTTER / 2 for g in groups[:CANDIDATES]]


def _runs(items: list[Item], at: float) -> list[tuple[int, int]]:
    """Ranges of items, top down, that none crosses the gutter in."""
    runs: list[tuple[int, int]] = []
    start = 0
    half = MIN_GUTTER / 2 - 1
    for i, item in enumerate([*items, None]):
        if item is None or (item.x0 < at - half and item.x1 > at + half):
            if i - start >= 6:
                runs.append((start, i))
            start = i + 1
    return runs


def _columns(items: list[Item], at: float, page_width: float) -> float:
    """How much text stands in columns beside a gutter; 0 where it is a table or nothing."""
    left = [s for s in items if s.x1 <= at + MIN_GUTTER]
    right = [s for s in items if s.x0 >= at - MIN_GUTTER]
    if len(left) < 3 or len(right) < 3:
        return 0.0
    widths = [max(s.x1 for s in side) - min(s.x0 for s in side) for side in (left, right)]
    if min(widths) < MIN_COLUMN * page_width:
        return 0.0
    apart = _apart(left, right)
    prose = [_prose(side, width) for side, width in zip((left, right), widths, strict=True)]
    if apart < 0.5:
        # rows on common baselines: columns only where both sides are running text
        if min(prose) < 0.6 or min(widths) < 0.25 * page_width or _rows_meet(left, right):
            return 0.0
    elif max(prose) < 0.5 or (any(_is_tabular(side) for side in (left, right)) and apart < 0.8):
        return 0.0
    n = [sum(len(s.text) for s in side if isinstance(s, Segment)) for side in (left, right)]
    if max(n) < 120:
        return 0.0
    overlap = min(max(s.bottom for s in left), max(s.bottom for s in right)) - max(
        min(s.top for s in left), min(s.top for s in right)
    )
    return max(0.0, overlap) * min(widths)


def _apart(left: list[Item], right: list[Item]) -> float:
    """The share of the shorter side's lines that no line of the other side stands beside."""
    few, many = sorted((left, right), key=len)
    ys = sorted(s.y for s in many)
    alone = 0
    for item in few:
        i = bisect_left(ys, item.y - 1.0)
        alone += not (i < len(ys) and ys[i] <= item.y + 1.0)
    return alone / len(few)


def _prose(side: list[Item], width: float) -> float:
    """The share of its lines that fill a column and are words."""
    full = [
        s for s in side if isinstance(s, Segment) and s.x1 - s.x0 > 0.6 * width and not s.numeric
    ]
    return len(full) / len(side)


def _is_tabular(side: list[Item]) -> bool:
    numeric = sum(isinstance(s, Segment) and s.numeric for s in side)
    return numeric > 0.35 * len(side)


def _rows_meet(left: list[Item], right: list[Item]) -> bool:
    """Whether wide gaps between lines come at the same heights, as between rows of a table."""
    gaps = [_wide_gaps(side) for side in (left, right)]
    few, many = sorted(gaps, key=len)
    if not few:
        return False
    met = sum(any(abs(a - b) < 4 for b in many) for a in few)
    return met >= 0.7 * len(few) and len(few) >= 2


def _wide_gaps(side: list[Item]) -> list[float]:
    ys = sorted(s.y for s in side)
    steps = [(b - a, b) for a, b in itertools.pairwise(ys) if b - a > 1]
    if not steps:
        return []
    usual = statistics.median(step for step, _ in steps)
    return [y for step, y in steps if step > 1.25 * usual]

"""The cells of a table for records: rows of one length, and at most one row of column names.

Readers give a function that makes them, so that a document for which nobody asks them pays nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol


class Cells(NamedTuple):
    """A table's rows of cell texts, all of one length."""

    rows: tuple[tuple[str, ...], ...]
    has_header: bool  # the first row names the columns


MakeCells = Callable[[], Cells]


class Cell(Protocol):
    """A cell of a grid; one that spans several places is the same object in each."""

    @property
    def text(self) -> str: ...


def even(rows: Iterable[Iterable[str]], has_header: bool) -> Cells:
    """Rows made equally long, each cell on one line, without empty rows and columns."""
    lines = [[" ".join(cell.split()) for cell in row] for row in rows]
    width = max(map(len, lines), default=0)
    lines = [line + [""] * (width - len(line)) for line in lines]
    used = [i for i in range(width) if any(line[i] for line in lines)]
    named = has_header and bool(lines) and any(lines[0])
    kept = tuple(tuple(line[i] for i in used) for line in lines if any(line))
    return Cells(kept, named)


def of_grid(grid: Sequence[Sequence[Cell]], n_head: int) -> Cells:
    """The cells of a grid, whose header rows become one: what stands above a column, joined.

    A cell over the whole width is no value of a column: at the top it is left out, further down it
    stands in the first column alone.
    """
    width = max(map(len, grid), default=0)
    rows = list(grid)
    while rows and _is_over_all(rows[0], width):
        rows = rows[1:]
        n_head -= 1
    head, body = rows[: max(0, n_head)], rows[max(0, n_head) :]
    above = [[row[i].text for row in head if i < len(row)] for i in range(width)]
    header = [" ".join(dict.fromkeys(text for text in texts if text)) for texts in above]
    lines = [[c.text for c in (row[:1] if _is_over_all(row, width) else row)] for row in body]
    return even([header, *lines] if head else lines, bool(head))


def _is_over_all(row: Sequence[Cell], width: int) -> bool:
    return width > 1 and len(row) == width and all(cell is row[0] for cell in row)


# --- columns that are told from where texts stand ---------------------------------------------

MAX_HEAD = 4  # rows of a header
MAX_HEAD_CHARS = 120  # of a cell in one
_VALUE = re.compile(r"[$€£¥￥(\s]*[-–—]?[\d,.]*\d[\d,.]*[)%\sx]*|[$€£¥]?\s?[-–—]")
_YEAR = re.compile(r"(?:19|20)\d\d[AEPF]?")


class Span(NamedTuple):
    """A text of a row and from where to where it stands, in columns or points."""

    start: float
    end: float
    text: str


@dataclass(slots=True)
class _Column:
    start: float
    end: float
    rows: set[int] = field(default_factory=set)  # that have a text in it

    def meets(self, span: Span | _Column) -> bool:
        return span.start < self.end and self.start < span.end


def of_spans(rows: Sequence[Sequence[Span]], said_head: bool = False, exact: bool = True) -> Cells:
    """The cells of rows whose texts stand one above the other where they are of one column.

    Args:
        rows: from the top; texts of a row from left to right.
        said_head: the first row is the header, whatever is in it.
        exact: a header stands from the first to the last column that it is over; else it may be
            set in their middle.
    """
    n_head = n_head_rows(rows) or int(said_head and len(rows) > 1)
    own_rows = n_head - 1 if exact and n_head else n_head  # a column may have no value
    columns = _columns([(i, row) for i, row in enumerate(rows) if i >= own_rows])
    while n_head and _is_title(rows[0], columns):
        rows, n_head = rows[1:], n_head - 1
    names = [[""] * len(columns) for _ in range(n_head)]
    for n, (line, row) in enumerate(zip(names, rows, strict=False)):
        for span in row:
            own = [i for i, column in enumerate(columns) if column.meets(span)]
            if not exact and len(row) == 1 and n + 1 < n_head and own and own[0] > 0:
                own = list(range(1, len(columns)))
            for i in own or _nearest(span, columns, line):
                line[i] = f"{line[i]} {span.text}".strip()
    header = [" ".join(filter(None, texts)) for texts in zip(*names, strict=True)]
    lines = [_line(row, columns) for row in rows[n_head:]]
    return even([header, *lines] if n_head else lines, n_head > 0)


def n_head_rows(rows: Sequence[Sequence[Span]]) -> int:
    """Leading rows without a value above rows that have some; 0 where that tells nothing."""
    spans = [span for row in rows for span in row]
    start = min((span.start for span in spans), default=0.0)
    left = start + 0.02 * (max((span.end for span in spans), default=0.0) - start)
    labelled = 0  # rows with a text in the first column
    dated = len(rows) > 1 and _over_years(rows[1])
    for n, row in enumerate(rows):
        first = bool(row) and row[0].start <= left
        labelled += first and not (n == 1 and dated)
        value = any(_VALUE.fullmatch(s.text) and not _YEAR.fullmatch(s.text) for s in row)
        long = any(len(span.text) > MAX_HEAD_CHARS for span in row)
        group = n > 0 and len(row) == 1 and first  # the title of the rows below it
        if value or long or group or labelled > 1:
            told = value or (n > 1 and (group or not dated)) or (n == 1 and _heads(rows[0], left))
            return n if n <= MAX_HEAD and told else 0
    return 0


def _over_years(row: Sequence[Span]) -> bool:
    """Whether all but the label of a row are years or dates: "(in millions) | 2023 | 2022"."""
    others = [span.text for span in row[1:]]
    return bool(others) and all(_YEAR.search(text) and len(text) <= 30 for text in others)


def _heads(row: Sequence[Span], left: float) -> bool:
    """Whether a row has years over its columns, or nothing over the first."""
    return row[0].start > left or any(_YEAR.search(span.text) for span in row[1:])


def _columns(rows: Sequence[tuple[int, Sequence[Span]]]) -> list[_Column]:
    """Where columns stand: texts that overlap and are never in one row, the narrow ones first."""
    placed = [(span, i) for i, row in rows for span in row]
    columns: list[_Column] = []
    for span, i in sorted(placed, key=lambda pair: pair[0].end - pair[0].start):
        own = [column for column in columns if column.meets(span)]
        if not own:
            columns.append(_Column(span.start, span.end, {i}))
            continue
        taken = [row for column in own for row in column.rows]
        if i in taken or len(taken) != len(set(taken)):
            continue  # it spans columns
        own[0].start = min(span.start, *(column.start for column in own))
        own[0].end = max(span.end, *(column.end for column in own))
        own[0].rows = {i, *taken}
        columns = [column for column in columns if column is own[0] or column not in own]
    return sorted(columns, key=lambda column: column.start)


def _is_title(row: Sequence[Span], columns: Sequence[_Column]) -> bool:
    return len(row) == 1 and len(columns) > 1 and all(column.meets(row[0]) for column in columns)


def _nearest(span: Span, columns: Sequence[_Column], line: Sequence[str]) -> list[int]:
    """The column beside a header that stands over none, where it has no other."""
    free = [i for i in range(len(columns)) if not line[i]]
    middle = (span.start + span.end) / 2
    away = {i: abs((columns[i].start + columns[i].end) / 2 - middle) for i in free}
    return sorted(free, key=away.__getitem__)[:1]


def _line(row: Sequence[Span], columns: Sequence[_Column]) -> list[str]:
    """The texts of a row by column; one over several stands in the first that is free."""
    line = [""] * len(columns)
    for span in row:
        own = [i for i, column in enumerate(columns) if column.meets(span)]
        own = own or _nearest(span, columns, [""] * len(columns))
        at = next((i for i in own if not line[i]), own[0])
        line[at] = f"{line[at]} {span.text}".strip()
    return line


def continued(above: MakeCells | None, below: MakeCells | None) -> Cells:
    """The cells of a table that goes on over the end of a page, where its header may be again."""
    first = above() if above else Cells((), False)
    second = below() if below else Cells((), False)
    rows = second.rows
    if second.has_header and first.has_header and rows[0] == first.rows[0]:
        rows = rows[1:]
    return even([*first.rows, *rows], first.has_header)

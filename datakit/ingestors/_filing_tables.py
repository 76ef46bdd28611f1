"""Headers of financial tables, whose upper rows span the columns of the lower ones."""

from __future__ import annotations

import re
from collections.abc import Sequence

from datakit.ingestors._cells import Cells, Span, of_spans
from datakit.ingestors._html import Cell, Table

_OPENING = re.compile(r"[(]?(?:US|C|A|HK|NZ)?[$€£¥₩]\s?[(]?|[(]")
_CLOSING = re.compile(r"[)]?\s?%?[)]?|(?:x|bps|pts?)[)]?")
_DIGITS = frozenset("0123456789)%—–-")
MAX_HEADER_ROWS = 4
MAX_HEADER_CHARS = 120  # of a cell
_VALUE = re.compile(r"[$€£¥(\s]*[-–—]?[\d,.]*\d[\d,.]*[)%\sx]*|\$?\s?[-–—]")
_YEAR = re.compile(r"(?:19|20)\d\d")


def closed_up(row: Sequence[Cell], places: list[tuple[int, int]] | None = None) -> list[str]:
    """The cells `$`, `1,234`, `)`, `%` as `$ 1,234)%`; a raised note mark joins its number.

    Args:
        row: the cells with text.
        places: is given the numbers of the first and the last cell of each text.
    """
    out: list[str] = []
    waiting = ""
    first = 0  # cell of what waits for its number
    for i, cell in enumerate(row):
        text = " ".join(cell.text.split())
        if _OPENING.fullmatch(text):
            first = first if waiting else i
            waiting += text
            continue
        if out and not waiting and cell.raised:
            out[-1] += " " + text
        elif out and not waiting and _CLOSING.fullmatch(text) and out[-1][-1] in _DIGITS:
            out[-1] += text
        else:
            gap = " " if waiting and waiting[-1] not in "(" else ""
            out.append(waiting + gap + text)
            if places is not None:
                places.append((first if waiting else i, i))
            waiting = ""
            continue
        if places is not None:
            places[-1] = (places[-1][0], i)
    if waiting:
        out.append(waiting)
        if places is not None:
            places.append((first, len(row) - 1))
    return out


def cells_of(table: Table, rows: Sequence[Sequence[Cell]], kept: Sequence[int]) -> Cells:
    """The cells of a financial table, signs and numbers in one column.

    Args:
        table: as written.
        rows: its rows with text, the cells with text of each.
        kept: which rows of the table they are.
    """
    grid = table.grid()
    placed: list[list[Span]] = []
    for i, row in zip(kept, rows, strict=True):
        ends = {id(cell): column + 1 for column, cell in enumerate(grid[i])}
        starts = {id(cell): column for column, cell in reversed(list(enumerate(grid[i])))}
        places: list[tuple[int, int]] = []
        texts = closed_up(row, places)
        placed.append([
            Span(starts[id(row[a])], ends[id(row[b])], text)
            for text, (a, b) in zip(texts, places, strict=True)
        ])  # fmt: skip
    bold = [all(cell.bold for cell in row) for row in rows]
    heads = len(rows[0]) > 1 and (all(c.header for c in rows[0]) or (bold[0] and not all(bold)))
    return of_spans(placed, heads)


def spanned_header(table: Table, kept: Sequence[int]) -> tuple[int, list[str]] | None:
    """The header rows of a table as one line, each column with all that stands above it.

    Args:
        table: as written.
        kept: the rows with text, by number.

    Returns:
        How many of the kept rows make the header, and its lines: what spans the whole table on
        lines of its own, then the columns. None where no upper cell spans several lower ones.
    """
    grid = table.grid()
    rows = [grid[i] for i in kept]
    n = _n_header_rows(rows)
    if not 2 <= n <= MAX_HEADER_ROWS or n == len(rows):
        return None
    columns = _columns(rows[:n])
    if len(columns) < 2 or _half_covered(columns):
        return None
    cells = {id(cell): cell for column in columns for cell in column}
    uses = {key: sum(any(id(c) == key for c in column) for column in columns) for key in cells}
    whole = [key for key in cells if uses[key] >= len(columns) - (len(columns[0]) == 1)]
    if not any(used > 1 and key not in whole for key, used in uses.items()):
        return None
    texts = [" ".join(_text(c) for c in column if id(c) not in whole) for column in columns]
    lines = [_text(cells[key]) for key in whole]
    return n, [*lines, " | ".join(text for text in texts if text)]


def _n_header_rows(rows: Sequence[Sequence[Cell]]) -> int:
    """Leading rows without a value; all but one of them begin with an empty cell."""
    labels: set[int] = set()
    for n, row in enumerate(rows):
        filled = {id(cell): _text(cell) for cell in row if _text(cell)}
        labels |= {id(row[0])} & filled.keys()
        values = any(_VALUE.fullmatch(t) and not _YEAR.fullmatch(t) for t in filled.values())
        alone = n > 0 and len(filled) == 1 and id(row[0]) in filled  # the title of a group of rows
        long = any(len(text) > MAX_HEADER_CHARS for text in filled.values())
        if values or alone or long or len(labels) > 1:
            return n
    return len(rows)


def _half_covered(columns: Sequence[Sequence[Cell]]) -> bool:
    """Whether what stands above some years or dates misses others: its span cannot be trusted."""
    dated = [len(column) for column in columns if _YEAR.search(_text(column[-1]))]
    return 1 in dated and max(dated) > 1


def _columns(rows: Sequence[Sequence[Cell]]) -> list[tuple[Cell, ...]]:
    """What stands above each column, from the top; columns that only part others are left out."""
    stacks: dict[tuple[int, ...], tuple[Cell, ...]] = {}
    for j in range(max(map(len, rows))):
        stack = {id(row[j]): row[j] for row in rows if j < len(row) and _text(row[j])}
        if stack:
            stacks.setdefault(tuple(stack), tuple(stack.values()))
    return [
        cells for key, cells in stacks.items() if not any(set(key) < set(other) for other in stacks)
    ]


def _text(cell: Cell) -> str:
    return " ".join(cell.text.replace("\u200b", "").split())

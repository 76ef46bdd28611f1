"""Headers of financial tables, whose upper rows span the columns of the lower ones."""

from __future__ import annotations

import re
from collections.abc import Sequence

from datakit.ingestors._html import Cell, Table

MAX_HEADER_ROWS = 4
MAX_HEADER_CHARS = 120  # of a cell
_VALUE = re.compile(r"[$€£¥(\s]*[-–—]?[\d,.]*\d[\d,.]*[)%\sx]*|\$?\s?[-–—]")
_YEAR = re.compile(r"(?:19|20)\d\d")


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

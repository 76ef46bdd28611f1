"""HTML tables as rows of cells."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from datakit.ingestors._style import (
    BLOCKS,
    HEADINGS,
    LISTS,
    MEANT,
    MOST,
    Context,
    Element,
    Line,
    entered,
    link_kind,
)

Skip = Callable[[Element, str, dict[str, str]], str | None]
_NONE: dict[str, str] = {}
MAX_SPAN = 1000  # rows or columns, as browsers cap it
MAX_GRID = 200_000  # cells after spans; past it spans are not followed


@dataclass(slots=True)
class Cell:
    """A table cell."""

    header: bool
    colspan: int = 1
    rowspan: int = 1
    text: str = ""  # its paragraphs are lines
    bold: bool = False
    raised: bool = False  # the mark of a footnote, in a cell of its own
    linked: bool = False  # to another place of the page
    holds: tuple[str, ...] = ()  # the tags of headings and lists inside


@dataclass(slots=True)
class Table:
    """A table as rows of cells, as written: empty cells are kept, spans are not followed."""

    rows: list[list[Cell]]
    caption: str = ""
    role: str = ""
    n_head: int = 0  # rows in <thead>

    def grid(self) -> list[list[Cell]]:
        """The rows with each spanning cell repeated in every place that it covers."""
        size = sum(cell.colspan * cell.rowspan for row in self.rows for cell in row)
        if size > MAX_GRID:
            return self.rows
        grid: list[list[Cell]] = []
        below: dict[int, tuple[int, Cell]] = {}  # column: rows still to cover, cell
        for row in self.rows:
            cells: list[Cell] = []
            waiting = iter(row)
            while True:
                column = len(cells)
                if column in below:
                    left, spanning = below.pop(column)
                    if left > 1:
                        below[column] = (left - 1, spanning)
                    cells.append(spanning)
                    continue
                cell = next(waiting, None)
                if cell is None:
                    break
                for offset in range(cell.colspan):
                    if cell.rowspan > 1:
                        below[column + offset] = (cell.rowspan - 1, cell)
                    cells.append(cell)
            grid.append(cells)
        return grid


def read_table(root: Element, skip: Skip) -> Table:
    """The cells of a table that holds no other table."""
    reader = _TableReader(Table([], role=root.get("role", "")), skip)
    reader.run(root)
    reader.table.caption = " ".join("".join(reader.caption.parts).split())
    return reader.table


@dataclass(slots=True)
class _TableReader:
    table: Table
    skip: Skip
    cell: Cell | None = None
    line: Line = field(default_factory=Line)  # of that cell
    caption: Line = field(default_factory=Line)
    in_caption: bool = False
    in_head: bool = False

    def run(self, root: Element) -> None:
        from lxml import etree

        around = Context()
        stack: list[Context | None] = []  # of the elements that are open; None for one left out
        walk = etree.iterwalk(root, events=("start", "end"))
        for event, element in walk:
            if event == "start":
                inside = self._open(element, around)
                stack.append(inside)
                if inside is None:
                    walk.skip_subtree()
                    continue
                around = inside
                text = element.text
            else:
                if stack.pop() is not None:
                    self._close(element.tag)
                    around = (stack[-1] if stack else None) or Context()
                text = element.tail if stack else None  # what follows the root is not in it
            if text and (self.cell is not None or self.in_caption):
                self._text(text, around)

    def _open(self, element: Element, around: Context) -> Context | None:
        """Enter an element; None to leave it out."""
        tag = element.tag
        if not isinstance(tag, str):
            return None
        items = element.items()
        attributes = dict(items) if items else _NONE
        if self.skip(element, tag, attributes):
            return None
        if tag in ("td", "th"):
            if not self.table.rows:
                self.table.rows.append([])
            self._close_cell()
            self.cell = Cell(
                tag == "th", _span(attributes, "colspan"), _span(attributes, "rowspan")
            )
            self.table.rows[-1].append(self.cell)
        elif tag == "tr":
            self.table.rows.append([])
            self.table.n_head += self.in_head
        elif tag in ("thead", "caption"):
            self.in_head, self.in_caption = tag == "thead", tag == "caption"
        elif self.cell is not None and (tag == "br" or tag in BLOCKS):
            self._open_block(tag)
        css = attributes.get("style", "")
        if not css and tag not in MEANT:
            return around
        link = link_kind(attributes.get("href")) if tag == "a" else 0
        return entered(around, tag, css, link, 0)

    def _open_block(self, tag: str) -> None:
        self.line.parts.append("\n")
        if self.cell is not None and (tag in HEADINGS or tag in LISTS):
            self.cell.holds += (tag,)

    def _close(self, tag: Any) -> None:
        if tag in ("td", "th", "tr", "table"):
            self._close_cell()
        elif tag == "caption":
            self.in_caption = False
        elif tag == "thead":
            self.in_head = False
        elif self.cell is not None and tag in BLOCKS:
            self.line.parts.append("\n")

    def _close_cell(self) -> None:
        cell, line = self.cell, self.line
        if cell is None:
            return
        if line.n:
            lines = [" ".join(part.split()) for part in "".join(line.parts).split("\n")]
            cell.text = "\n".join(filter(None, lines))
            cell.bold = line.bold >= MOST * line.n
            cell.raised = line.raised == line.n
            cell.linked = line.in_page > 0
        self.cell, self.line = None, Line()

    def _text(self, text: str, context: Context) -> None:
        text = text if context.pre else text.replace("\n", " ")
        line = self.caption if self.in_caption else self.line
        if text.isspace():
            line.parts.append(" ")
        else:
            line.add(text, context)


def _span(attributes: dict[str, str], name: str) -> int:
    value = attributes.get(name)
    if value is None:
        return 1
    value = value.strip()
    return min(MAX_SPAN, max(1, int(value))) if value.isdecimal() and len(value) < 10 else 1

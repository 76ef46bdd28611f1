"""The cells of tables in XML vocabularies and wikitext, as they are written there."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field

from datakit.ingestors._cells import Cells, of_grid
from datakit.ingestors._tables import MAX_SPAN, Cell, Table


@dataclass(slots=True)
class MarkupTable:
    """A table of HTML, CALS, TEI, Formex or wikitext: its cells with their spans."""

    rows: list[list[Cell]] = field(default_factory=list)
    columns: dict[str, int] = field(default_factory=dict)  # CALS: name to number

    def add_row(self) -> None:
        self.rows.append([])

    def add(self, attributes: Mapping[str, str], header: bool, text: str = "") -> Cell:
        """One more cell of the last row; its text may come later."""
        said = {key.lower(): value for key, value in attributes.items()}
        first, last = (self.columns.get(said.get(key, ""), 0) for key in ("namest", "nameend"))
        across = _number(said, "colspan", "cols") or last - first + 1
        down = _number(said, "rowspan", "rows") or _number(said, "morerows") + 1
        cell = Cell(header, max(1, across), max(1, down), text)
        if not self.rows:
            self.add_row()
        self.rows[-1].append(cell)
        return cell

    def cells(self) -> Cells:
        """The rows; those at the top in which each cell is a header make one."""
        rows = [row for row in self.rows if row]
        headed = (all(cell.header or not cell.text for cell in row) for row in rows)
        n_head = sum(1 for _ in itertools.takewhile(bool, headed))
        return of_grid(Table(rows).grid(), n_head if n_head < len(rows) else 0)


def _number(said: Mapping[str, str], *names: str) -> int:
    """The number in the first attribute that has one, else 0."""
    found = (said.get(name, "").strip("\"' ") for name in names)
    value = next((v for v in found if v.isdecimal() and len(v) < 6), "0")
    return min(MAX_SPAN, int(value))

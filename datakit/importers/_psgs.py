"""The passage file of DPR, PAQ and their kin: `id⇥text⇥title` with a header."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from datakit.importers._files import cells
from datakit.importers._raw import Notes, RawPassage
from datakit.records import Dropped, sha256


def passage_file(path: Path) -> Path | None:
    """psgs.tsv, or psgs_w100.tsv as DPR calls it."""
    return next(iter(sorted(path.glob("psgs*.tsv*"))), None)


def passages(path: Path, notes: Notes) -> Iterator[RawPassage | Dropped]:
    """The passages of the folder's passage file, if it has one."""
    file = passage_file(path)
    for row in cells(file, notes, columns=(2, 3), header=_is_header) if file else ():
        if isinstance(row, Dropped):
            yield row
        else:
            name, text, *title = map(_unquoted, row[1])
            yield RawPassage(row[0], name, text, title[0] if title else None)


def _is_header(row: list[str]) -> bool:
    return row[:2] == ["id", "text"]


def _unquoted(cell: str) -> str:
    """Without the quotes that DPR's own file has around a cell."""
    if len(cell) > 1 and cell[0] == cell[-1] == '"':
        return cell[1:-1].replace('""', '"')
    return cell


def query_id(text: str) -> str:
    """An id for a query that has none: 16 hex digits over its text."""
    return "q" + sha256(text)[:16]

"""Rows of cells as raw rows, for the formats of tab-separated files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from datakit.importers._raw import RawLabel, RawPassage, RawQuery
from datakit.records import Dropped, Source, Split

Rows = Iterable[tuple[str, list[str]] | Dropped]


def passages(rows: Rows) -> Iterator[RawPassage | Dropped]:
    """From id, text and, where there is one, title."""
    for row in rows:
        if isinstance(row, Dropped):
            yield row
        else:
            where, (name, text, *title) = row
            yield RawPassage(where, name, text, title[0] if title else None)


def queries(rows: Rows, split: Split | None) -> Iterator[RawQuery | Dropped]:
    """From id and text."""
    for row in rows:
        yield row if isinstance(row, Dropped) else RawQuery(row[0], row[1][0], row[1][1], split)


def labels(
    rows: Rows, split: Split | None, sources: tuple[Source, ...] = ()
) -> Iterator[RawLabel | Dropped]:
    """From query, iteration, passage and grade.

    Args:
        rows: of four cells.
        split: of the file.
        sources: what, as iteration, says who decided the label.
    """
    for row in rows:
        if isinstance(row, Dropped):
            yield row
        else:
            where, (query, iteration, passage, grade) = row
            own = next((s for s in sources if s == iteration), None)
            yield RawLabel(where, query, passage, grade.strip(), split, own)

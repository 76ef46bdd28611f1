"""Rows of tables that do not have the form of their record."""

from __future__ import annotations

import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, NamedTuple

from datakit.dataset import Dataset
from datakit.tables import record_class, schema


class BadRows(NamedTuple):
    where: str  # table and part
    why: str
    n: int


def rows_that_fail(dataset: Dataset) -> Iterator[BadRows]:
    """Parts with other columns, empty required cells, or words that a field does not know."""
    from pyarrow import ArrowException

    for table in dataset.tables():
        for path, part in dataset.parts(table):
            where = f"{table}/{part.file}"
            try:
                yield from (BadRows(where, *bad) for bad in _part(table, path))
            except (OSError, ArrowException) as error:
                yield BadRows(where, f"cannot be read: {error}"[:200], part.rows)


def _part(table: str, path: Path) -> Iterator[tuple[str, int]]:
    import pyarrow.parquet as pq

    cls = record_class(table)
    hints = typing.get_type_hints(cls)
    with pq.ParquetFile(path) as file:
        expected, found = schema(cls), file.schema_arrow
        other = [f.name for f in expected if f.name not in found.names]
        other += [
            f.name for f in expected if f.name in found.names and found.field(f.name).type != f.type
        ]
        if other:
            yield f"column {other[0]!r} is missing or of another type", file.metadata.num_rows
            return
        for name, hint in hints.items():
            words, required = _words(hint), type(None) not in typing.get_args(hint)
            if words or (required and hint in (str, int, float)):
                yield from _column(file, name, words, required)


def _words(hint: Any) -> tuple[Any, ...]:
    """The words that a field may hold; empty for one of free text."""
    if typing.get_origin(hint) is Literal:
        return typing.get_args(hint)
    return tuple(w for a in typing.get_args(hint) if typing.get_origin(a) is Literal
                 for w in typing.get_args(a))  # fmt: skip


def _column(
    file: Any, name: str, words: tuple[Any, ...], required: bool
) -> Iterator[tuple[str, int]]:
    import pyarrow as pa
    import pyarrow.compute as pc

    metadata = file.metadata
    at = next(
        i for i in range(metadata.num_columns) if metadata.schema.column(i).path == name
    )  # fmt: skip
    stats = [metadata.row_group(g).column(at).statistics for g in range(metadata.num_row_groups)]
    if all(s is not None and s.has_null_count for s in stats):
        empty = sum(s.null_count for s in stats)
    else:
        empty = file.read(columns=[name])[name].null_count
    if required and empty:
        yield f"{name} is empty", empty
    if words:
        column = file.read(columns=[name])[name]
        known = pc.is_in(column, value_set=pa.array(words, column.type))
        unknown = pc.sum(pc.and_(pc.invert(known), pc.is_valid(column))).as_py() or 0
        if unknown:
            yield f"{name} has a word that it does not know", unknown

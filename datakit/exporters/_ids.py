"""Ids that every format can hold."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from datakit.records import safe_id

if TYPE_CHECKING:
    import pyarrow as pa


def is_safe(ids: pa.Array | pa.ChunkedArray) -> pa.Array | pa.ChunkedArray:
    """Whether `safe_id` leaves each as it is."""
    import pyarrow.compute as pc

    return pc.match_substring_regex(ids, r"\A[!#-&(-~]{1,200}\z")


def with_safe_ids(rows: pa.Table) -> pa.Table:
    """The rows with ids that every format can hold."""
    import pyarrow as pa
    import pyarrow.compute as pc

    for name in {"query_id", "passage_id", "doc_id"} & set(rows.column_names):
        column = rows[name]
        if not pc.all(is_safe(column)).as_py():
            safe = pa.array([safe_id(cell) for cell in column.to_pylist()], pa.string())
            rows = rows.set_column(rows.schema.get_field_index(name), name, safe)
    return rows


def renamed(record: Any) -> Any:
    """The record with such ids."""
    changed = {}
    for name in ("query_id", "passage_id", "doc_id"):
        old = getattr(record, name, None)
        if old is not None and safe_id(old) != old:
            changed[name] = safe_id(old)
    return replace(record, **changed) if changed else record

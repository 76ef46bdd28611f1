"""Columns of a dataset's tables, read part by part.

A table may be missing: then there is nothing in it, and the page says which table is lacking.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from datakit.dataset import Dataset
from datakit.records import RELEVANT_FROM

if TYPE_CHECKING:
    import pyarrow as pa

Row = dict[str, Any]


def tabulate(dataset: Dataset, table: str, *columns: str) -> Counter[tuple[Any, ...]]:
    """Rows of a table by the values of some columns; empty where there is no such table."""
    total: Counter[tuple[Any, ...]] = Counter()
    for piece in pieces(dataset, table, columns):
        add_groups(total, piece, columns)
    return total


def add_groups(total: Counter[tuple[Any, ...]], piece: pa.Table, columns: Sequence[str]) -> None:
    grouped = piece.group_by(list(columns)).aggregate([([], "count_all")])
    names = [*columns, "count_all"]
    for *key, count in zip(*(grouped[name].to_pylist() for name in names), strict=True):
        total[tuple(key)] += count


def pieces(dataset: Dataset, table: str, columns: Sequence[str]) -> Iterable[pa.Table]:
    """Some columns of a table, part by part."""
    import pyarrow.parquet as pq

    for path, _ in dataset.parts(table) if table in dataset else ():
        yield pq.read_table(path, columns=list(columns))


def whole(dataset: Dataset, table: str, *columns: str) -> pa.Table | None:
    """Some columns of a table; None where there is no such table."""
    return dataset.arrow(table, list(columns)) if table in dataset else None


def select(
    dataset: Dataset, table: str, key: str, wanted: Iterable[str], columns: Sequence[str]
) -> list[Row]:
    """The rows whose `key` is wanted, as plain values, in the order of the table."""
    import pyarrow.parquet as pq

    ids = sorted(set(wanted))
    rows: list[Row] = []
    for path, _ in dataset.parts(table) if table in dataset and ids else ():
        part = pq.read_table(path, columns=list(columns), filters=[(key, "in", ids)])
        rows += part.to_pylist(maps_as_pydicts="strict")
    return rows


def lookup(keys: pa.ChunkedArray, table: pa.Table, key: str, column: str) -> pa.ChunkedArray:
    """`column` of the row of `table` whose `key` is each of `keys`; null where there is none."""
    import pyarrow.compute as pc

    found = pc.index_in(keys, value_set=table[key].combine_chunks())
    return table[column].combine_chunks().take(found)


def has_flag(flags: pa.ChunkedArray, flag: str) -> pa.Array:
    """Which of the lists hold `flag`."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    flags = flags.combine_chunks() if isinstance(flags, pa.ChunkedArray) else flags
    held = np.zeros(len(flags), dtype=bool)
    parents = pc.list_parent_indices(flags)
    held[parents.filter(pc.equal(pc.list_flatten(flags), flag)).to_numpy()] = True
    return pa.array(held)


def size(dataset: Dataset, table: str) -> int | None:
    return dataset.count(table) if table in dataset else None


def by_key(rows: Iterable[Row], key: str) -> dict[str, Row]:
    return {row[key]: row for row in rows}


def main_labels(dataset: Dataset) -> str | None:
    """The complete label set: mined, else of people, else seed, else the largest there is."""
    tables = [t for t in dataset.tables() if t.startswith("qrel/") or t == "qrel"]
    for name in ("qrel/mined", "qrel/human", "qrel", "qrel/seed"):
        if name in tables:
            return name
    return min(tables, key=lambda t: (-dataset.count(t), t)) if tables else None


def relevant_from(dataset: Dataset) -> int:
    return int(dataset.manifest.get("label_scale", {}).get("relevant_from", RELEVANT_FROM))

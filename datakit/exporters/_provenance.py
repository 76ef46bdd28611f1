"""The tables of a dataset as Parquet files that `datasets` can load, and back."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from datakit.dataset import Dataset
from datakit.errors import ExportMismatch
from datakit.tables import from_arrow, record_class, schema

if TYPE_CHECKING:
    import pyarrow as pa

FOLDER = "provenance"
KINDS = ("document", "passage", "duplicate", "query", "qrel", "judgement", "negative")
_BATCH = 16_384  # rows, and those of a row group
Config = tuple[str, list[tuple[str, str]]]  # its name; split and file of each of its files


def write(dataset: Dataset, folder: Path) -> list[Config]:
    """Copy what the dataset says below `folder/provenance`, and compare the copy with it.

    Raises:
        ExportMismatch: a copy differs.
    """
    import pyarrow.parquet as pq

    for table in dataset.tables():
        if table.partition("/")[0] not in KINDS or table.startswith("query/"):
            continue
        path = folder / FOLDER / f"{table}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        plain = _without_maps(schema(record_class(table)))
        with pq.ParquetWriter(path, plain, compression="zstd") as writer:
            for part, _ in dataset.parts(table):
                with pq.ParquetFile(part) as file:
                    for batch in file.iter_batches(_BATCH):
                        writer.write_batch(batch.cast(plain))
        _compare(dataset, table, path)
    return configs(folder)


def configs(folder: Path) -> list[Config]:
    """A config for each kind of table, a split for each table of it."""
    found: dict[str, list[tuple[str, str]]] = {}
    for path in sorted((folder / FOLDER).rglob("*.parquet")):
        table = path.relative_to(folder / FOLDER).with_suffix("").as_posix()
        kind, _, name = table.partition("/")
        split = re.sub(r"\W", "_", name or kind)
        file = path.relative_to(folder).as_posix()
        found.setdefault(f"datakit_{kind}", []).append((split, file))
    return list(found.items())


def read(folder: Path) -> Iterator[tuple[str, Any]]:
    """(table, record) of every copied table.

    Raises:
        ValueError: a file is no copy of a table of ours.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    for path in sorted((folder / FOLDER).rglob("*.parquet")):
        table = path.relative_to(folder / FOLDER).with_suffix("").as_posix()
        cls = record_class(table)
        try:
            with pq.ParquetFile(path) as file:
                for batch in file.iter_batches(2048):
                    for record in from_arrow(cls, _with_maps(batch, schema(cls))):
                        yield table, record
        except (pa.ArrowException, OSError, KeyError, TypeError) as error:
            raise ValueError(f"{path.name} is no copy of table {table}: {error}") from None


def compare_count(path: Path, found: int, reader: str) -> None:
    """Make sure that a reader finds all rows.

    Raises:
        ExportMismatch: it does not.
    """
    import pyarrow.parquet as pq

    meant = pq.read_metadata(path).num_rows
    if found != meant:
        raise ExportMismatch(f"{path.name}: {reader} finds {found:,} rows, not {meant:,}")


def _compare(dataset: Dataset, table: str, path: Path) -> None:
    """Make sure that the copy has the rows of the table."""
    import pyarrow as pa

    group = 0
    with pq_file(path) as copy:
        for part, _ in dataset.parts(table):
            for batch in pq_file(part).iter_batches(_BATCH):
                own = pa.Table.from_batches([batch.cast(_without_maps(batch.schema))])
                found = copy.read_row_group(group)
                # NaN differs from itself, as a table does, and not as text does
                if not own.equals(found) and repr(own.to_pylist()) != repr(found.to_pylist()):
                    raise ExportMismatch(
                        f"{path.name} is not what table {table} holds. Nothing was kept."
                    )
                group += 1
        if group != copy.num_row_groups:
            raise ExportMismatch(f"{path.name} has more rows than table {table}")


def _with_maps(batch: pa.RecordBatch, wanted: pa.Schema) -> pa.RecordBatch:
    """The batch in the schema of a table; Arrow itself casts no list to a map."""
    import pyarrow as pa

    columns = []
    for field in wanted:
        column = batch.column(field.name)
        if pa.types.is_map(field.type):
            cells = column.to_pylist()
            pairs = [[(p["key"], p["value"]) for p in cell or ()] for cell in cells]
            columns.append(pa.array(pairs, field.type))
        else:
            columns.append(column.cast(field.type))
    return pa.RecordBatch.from_arrays(columns, schema=wanted)


def pq_file(path: Path) -> Any:
    import pyarrow.parquet as pq

    return pq.ParquetFile(path)


def _without_maps(given: pa.Schema) -> pa.Schema:
    """Maps as lists of key and value: `datasets` has no maps."""
    import pyarrow as pa

    def plain(kind: pa.DataType) -> pa.DataType:
        if pa.types.is_map(kind):
            pair = [
                pa.field("key", kind.key_type, nullable=False),
                pa.field("value", kind.item_type),
            ]
            return pa.list_(pa.struct(pair))
        return kind

    return pa.schema([pa.field(f.name, plain(f.type)) for f in given])

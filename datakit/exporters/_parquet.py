"""Parquet files of an export, written and read with memory for a batch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa

_BATCH = 8_192  # rows: about 12 MB of passages

# a column's type by a short name, so that a format's file needs no pyarrow
Columns = Mapping[str, str]


def _schema(columns: Columns) -> pa.Schema:
    import pyarrow as pa

    types = {
        "string": pa.string(), "int32": pa.int32(), "int64": pa.int64(), "double": pa.float64(),
        "strings": pa.list_(pa.string()), "ints": pa.list_(pa.int32()),
        "doubles": pa.list_(pa.float64()),
    }  # fmt: skip
    return pa.schema([pa.field(name, types[kind]) for name, kind in columns.items()])


class ParquetFile:
    """A file that rows are added to."""

    def __init__(self, path: Path, columns: Columns) -> None:
        import pyarrow.parquet as pq

        self._schema = _schema(columns)
        self._writer = pq.ParquetWriter(path, self._schema, compression="zstd")
        self._rows: list[tuple[Any, ...]] = []

    def add(self, row: tuple[Any, ...]) -> None:
        self._rows.append(row)
        if len(self._rows) == _BATCH:
            self._flush()

    def add_table(self, rows: pa.Table) -> pa.Table:
        """Add many rows; as they are written."""
        import pyarrow as pa

        self._flush()
        arrays = [c.cast(f.type) for c, f in zip(rows.columns, self._schema, strict=True)]
        table = pa.Table.from_arrays(arrays, schema=self._schema)
        self._writer.write_table(table)
        return table

    def _flush(self) -> None:
        import pyarrow as pa

        if self._rows:
            cells = zip(*self._rows, strict=True)
            arrays = [pa.array(c, f.type) for c, f in zip(cells, self._schema, strict=True)]
            self._writer.write_table(pa.Table.from_arrays(arrays, schema=self._schema))
        self._rows = []

    def close(self) -> None:
        self._flush()
        self._writer.close()


def read_parquet(path: Path, columns: Columns) -> Iterator[pa.Table]:
    """The rows, many at once, of a file that has exactly these columns.

    Raises:
        ValueError: it has others, or cannot be read.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            if not file.schema_arrow.equals(_schema(columns)):
                raise ValueError(f"columns are {file.schema_arrow.names}")
            for batch in file.iter_batches(_BATCH):
                yield pa.Table.from_batches([batch])
    except pa.ArrowException as error:
        raise ValueError(str(error)) from None

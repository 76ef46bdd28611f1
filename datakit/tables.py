"""Records to Arrow and back; the table's schema is read off the record class.

A table's digest is over its rows, not its files: a row is the SHA-256 of the compact JSON array
of its cells in schema order (floats as `float.hex()`), a table the SHA-256 of its column names,
its row count and the sum of the row digests mod 2**256. So neither the order of rows, nor the
number of parts, nor the Parquet writer changes it.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import os
import types
import typing
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from datakit import records
from datakit.digests import row_sum
from datakit.errors import UnknownName

if TYPE_CHECKING:
    import pyarrow as pa

R = TypeVar("R")

RECORD_OF: dict[str, type[Any]] = {
    "document": records.Document,
    "passage": records.Passage,
    "duplicate": records.Duplicate,
    "query": records.Query,
    "pool": records.Pooled,
    "judgement": records.Judgement,
    "qrel": records.Qrel,
    "run": records.ScoredPassage,
    "negative": records.Negative,
    "queue": records.ScoredPassage,  # pairs that wait for a judge
    "measure": records.Measure,
    "finding": records.Finding,
    "dropped": records.Dropped,
}
PART_BYTES = 16 << 20  # the most text that one part holds, before compression
PART_ROWS = 100_000
_TOLD = 1_000  # rows that tell whether the values of a column repeat
_MODULUS = 1 << 256


def record_class(table: str) -> type[Any]:
    """The record that a table holds; the name may have a second part: `qrel/seed`."""
    kind = table.split("/", maxsplit=1)[0]
    if kind not in RECORD_OF:
        raise UnknownName("table", table, RECORD_OF)
    return RECORD_OF[kind]


T = TypeVar("T")


def _memo(function: Callable[[Any], T]) -> Callable[[Any], T]:
    """`functools.cache` for a function of a type: mypy does not take types as hashable."""
    return functools.cache(function)


# --- schema -------------------------------------------------------------------------------


@_memo
def schema(cls: Any) -> pa.Schema:
    """The Arrow schema of a record class."""
    import pyarrow as pa

    return pa.schema([pa.field(name, _arrow_type(hint)) for name, hint in _hints(cls)])


@_memo
def _hints(cls: Any) -> tuple[tuple[str, Any], ...]:
    hints = typing.get_type_hints(cls)
    return tuple((f.name, hints[f.name]) for f in dataclasses.fields(cls))


def _arrow_type(hint: Any) -> pa.DataType:
    import pyarrow as pa

    plain = {str: pa.string(), int: pa.int64(), float: pa.float64(), bool: pa.bool_()}
    hint = _without_none(hint)
    if hint in plain:
        return plain[hint]
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin is Literal:
        return plain[type(args[0])]
    if origin is tuple:
        return pa.list_(_arrow_type(args[0]))
    if origin is not None and issubclass(origin, Mapping):
        return pa.map_(_arrow_type(args[0]), _arrow_type(args[1]))
    if dataclasses.is_dataclass(hint):
        return pa.struct([pa.field(n, _arrow_type(h)) for n, h in _hints(typing.cast(type, hint))])
    raise TypeError(f"a record field of type {hint} has no Arrow type")


def _without_none(hint: Any) -> Any:
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        (hint,) = [a for a in typing.get_args(hint) if a is not type(None)]
    return hint


# --- values -------------------------------------------------------------------------------

Convert = Callable[[Any], Any]


@_memo
def _to_plain(hint: Any) -> Convert | None:
    """A function from a field's value to what Arrow and JSON take; None where nothing is to do."""
    hint = _without_none(hint)
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin is tuple:
        inner = _to_plain(args[0])
        return list if inner is None else lambda value: [inner(v) for v in value]
    if origin is not None and origin is not Literal and issubclass(origin, Mapping):
        return lambda value: sorted(value.items())
    if dataclasses.is_dataclass(hint):
        names = [n for n, _ in _hints(typing.cast(type, hint))]
        return lambda value: {n: getattr(value, n) for n in names}
    return None


@_memo
def _from_plain(hint: Any) -> Convert | None:
    hint = _without_none(hint)
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin is tuple:
        inner = _from_plain(args[0])
        return tuple if inner is None else lambda value: tuple(inner(v) for v in value)
    if origin is not None and origin is not Literal and issubclass(origin, Mapping):
        return dict
    if dataclasses.is_dataclass(hint):
        cls = typing.cast(Any, hint)
        fields = [(n, _from_plain(h)) for n, h in _hints(cls)]
        return lambda value: cls(**{n: f(value[n]) if f else value[n] for n, f in fields})
    return None


def _columns(cls: type[Any], rows: Sequence[Any]) -> dict[str, list[Any]]:
    """The rows' cells by column, as plain values."""
    columns: dict[str, list[Any]] = {}
    for name, hint in _hints(cls):
        cells = [getattr(row, name) for row in rows]
        convert = _to_plain(hint)
        if convert:
            cells = [None if cell is None else convert(cell) for cell in cells]
        columns[name] = cells
    return columns


# --- parts --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Part:
    """One Parquet file of a table, in `folder`."""

    file: str  # name inside its folder
    rows: int
    bytes: int
    sha256: str
    row_sum: str  # hex; parts add up to the table's digest

    def digest(self) -> str:
        return f"{self.rows}:{self.row_sum}"


def table_digest(cls: type[Any], parts: Iterable[Part]) -> str:
    """`sha256:…` of a table from its parts."""
    parts = list(parts)
    rows = sum(p.rows for p in parts)
    total = sum(int(p.row_sum, 16) for p in parts) % _MODULUS
    names = ",".join(name for name, _ in _hints(cls))
    return "sha256:" + hashlib.sha256(f"{names}\n{rows}\n{total:064x}".encode()).hexdigest()


class PartWriter:
    """Write records to `folder/prefix-00000.parquet`, …; a part ends only between two keys.

    Args:
        cls: the record class.
        folder: where the parts go; made if missing.
        prefix: the start of the file names.
        key: records with an equal key stay in one part (passages of one document).
    """

    def __init__(
        self, cls: type[R], folder: Path, prefix: str, key: Callable[[R], Any] | None = None
    ) -> None:
        self.cls: type[Any] = cls
        self.folder = folder
        self.prefix = prefix
        self.key = key
        self.parts: list[Part] = []
        self._rows: list[Any] = []
        self._tables: list[pa.Table] = []
        self._bytes = 0

    def add(self, row: Any) -> None:
        if self._tables:
            self.flush()
        if self._full() and (self.key is None or self.key(row) != self.key(self._rows[-1])):
            self.flush()
        self._rows.append(row)
        self._bytes += 64 + len(getattr(row, "text", "")) + len(getattr(row, "detail", ""))

    def _full(self) -> bool:
        return bool(self._rows) and (self._bytes > PART_BYTES or len(self._rows) >= PART_ROWS)

    def add_table(self, rows: pa.Table) -> None:
        """Add many records at once, as an Arrow table in the class's schema; without a key."""
        if self._rows:
            self.flush()
        self._tables.append(rows)
        self._bytes += rows.nbytes
        n_rows = sum(table.num_rows for table in self._tables)
        if n_rows >= PART_ROWS or self._bytes >= PART_BYTES:
            self.flush()

    def flush(self) -> None:
        import pyarrow as pa

        path = self.folder / f"{self.prefix}-{len(self.parts):05d}.parquet"
        if self._tables:
            self.parts.append(write_table(self.cls, pa.concat_tables(self._tables), path))
        if self._rows:
            path = self.folder / f"{self.prefix}-{len(self.parts):05d}.parquet"
            self.parts.append(write_part(self.cls, self._rows, path))
        self._rows, self._tables, self._bytes = [], [], 0

    def close(self) -> list[Part]:
        self.flush()
        return self.parts


def write_part(cls: type[Any], rows: Sequence[Any], path: Path) -> Part:
    """Write one part, forced to the disk before it gets its name."""
    return write_table(cls, to_arrow(cls, rows), path)


def to_arrow(cls: type[Any], rows: Sequence[Any]) -> pa.Table:
    """Records as an Arrow table in the class's schema."""
    import pyarrow as pa

    columns = _columns(cls, rows)
    arrays = [pa.array(columns[f.name], type=f.type) for f in schema(cls)]
    return pa.table(arrays, schema=schema(cls))


def write_table(cls: type[Any], table: pa.Table, path: Path) -> Part:
    """Write one part from an Arrow table in the class's schema, as `write_part`."""
    import pyarrow.parquet as pq

    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".tmp")
    pq.write_table(table, unfinished, compression="zstd", use_dictionary=_repetitive(table))
    sync(unfinished)
    unfinished.replace(path)
    with path.open("rb") as file:
        data = hashlib.file_digest(file, "sha256").hexdigest()
    total = row_sum(table)
    return Part(path.name, table.num_rows, path.stat().st_size, f"sha256:{data}", f"{total:064x}")


def _repetitive(table: pa.Table) -> list[str]:
    """The columns worth a dictionary: one of texts that differ is made and thrown away again."""
    import pyarrow as pa

    def repeats(name: str) -> bool:
        if not pa.types.is_string(table.schema.field(name).type):
            return True
        some = table[name].slice(0, _TOLD)
        return len(some.unique()) * 2 <= len(some)

    return [name for name in table.column_names if repeats(name)]


def sync(path: Path) -> None:
    """Force a file's bytes to the disk."""
    with path.open("rb") as file:
        os.fsync(file.fileno())


def read_part(cls: type[R], path: Path, batch_rows: int = 2048) -> Iterator[R]:
    """The records of one part, in order; memory for `batch_rows` of them."""
    import pyarrow.parquet as pq

    with pq.ParquetFile(path, memory_map=True) as file:
        for batch in file.iter_batches(batch_rows):
            yield from from_arrow(cls, batch)


def from_arrow(cls: type[R], rows: pa.RecordBatch | pa.Table) -> Iterator[R]:
    """The records of an Arrow batch or table that has all columns of the class."""
    columns = []
    for name, hint in _hints(cls):
        cells = rows.column(name).to_pylist()
        convert = _from_plain(hint)
        if convert:
            cells = [None if cell is None else convert(cell) for cell in cells]
        columns.append(cells)
    for row in zip(*columns, strict=True):
        yield cls(*row)

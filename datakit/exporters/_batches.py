"""Passages and labels as Arrow tables, in the order of their ids, written and read many at once."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from datakit.digests import json_escaped
from datakit.exporters._ids import with_safe_ids
from datakit.exporters._view import Title, View
from datakit.records import Passage, Qrel
from datakit.tables import to_arrow

if TYPE_CHECKING:
    import pyarrow as pa

_ROWS = 8_192  # at a time: about 8 MB of passages
_SORTED = 4_000_000  # labels that are sorted in memory: about 400 MB
_BLOCK = 4 << 20  # bytes read at a time; the last line comes to it
_SEPARATORS = {"\x85": "\\u0085", "\u2028": "\\u2028", "\u2029": "\\u2029"}


# --- what is written ----------------------------------------------------------------------------


def passages(view: View) -> Iterator[pa.Table]:
    """As `View.passages`, in the schema of the table.

    Raises:
        DatasetError: a passage_id is there twice.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    if not view.passages_ascend:
        yield from _tables(Passage, view.passages())
        return
    last = ""
    for path, _ in view.dataset.parts("passage"):
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(_ROWS):
                rows = with_safe_ids(pa.Table.from_batches([batch]))
                _refuse_twice(view, "passage", rows.select(["passage_id"]), (last,))
                last = rows["passage_id"][-1].as_py()
                yield rows


def labels(view: View) -> Iterator[pa.Table]:
    """As `View.labels`, in the schema of the table, with the split of each query.

    Raises:
        DatasetError: a pair is there twice.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    if view.dataset.count(view.label_table) > _SORTED:
        found = _tables(Qrel, view.labels())
    else:
        whole = pa.concat_tables(view.counted(part)[0] for part in view.parts(view.label_table))
        keys = [("query_id", "ascending"), ("passage_id", "ascending")]
        whole = whole.take(pc.sort_indices(whole, sort_keys=keys)).combine_chunks()
        _refuse_twice(view, view.label_table, whole.select(["query_id", "passage_id"]), ("", ""))
        found = (whole.slice(at, _ROWS) for at in range(0, len(whole), _ROWS))
    names = pa.array(view.queries, pa.string())
    splits = pa.array([query.split for query in view.queries.values()], pa.string())
    for rows in found:
        own = splits.take(pc.index_in(rows["query_id"], value_set=names))
        yield rows.set_column(rows.schema.get_field_index("split"), "split", own)


def by_split(rows: pa.Table) -> Iterator[tuple[str, pa.Table]]:
    """The rows of each split that is among them."""
    import pyarrow.compute as pc

    for split in sorted(rows["split"].unique().to_pylist()):
        yield split, rows.filter(pc.equal(rows["split"], split))


def cut(rows: pa.Table, at: int, size: int) -> Iterator[pa.Table]:
    """The rows, of which `at` came before, at the ends of parts of `size` rows."""
    start = 0
    while start < len(rows):
        piece = rows.slice(start, size - (at + start) % size)
        yield piece
        start += len(piece)


def _tables(cls: type[Any], rows: Iterable[Any]) -> Iterator[pa.Table]:
    rows = iter(rows)
    while some := list(itertools.islice(rows, _ROWS)):
        yield to_arrow(cls, some)


def _refuse_twice(view: View, table: str, keys: pa.Table, last: tuple[str, ...]) -> None:
    at = _first_not_after(keys, last)
    if at is not None:
        raise view.twice(table, *keys.slice(at, 1).to_pylist()[0].values())


def _first_not_after(keys: pa.Table, last: tuple[str, ...]) -> int | None:
    """The first row whose one or two keys do not come after those of the row before."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    follows, level = pa.scalar(False), pa.scalar(True)
    for name, before in zip(keys.column_names, last, strict=True):
        own = keys[name].combine_chunks()
        previous = pa.concat_arrays([pa.array([before], own.type), own])[:-1]
        follows = pc.or_(follows, pc.and_(level, pc.less(previous, own)))
        level = pc.and_(level, pc.equal(previous, own))
    wrong = np.flatnonzero(~follows.to_numpy(zero_copy_only=False))
    return int(wrong[0]) if wrong.size else None


def titled(rows: pa.Table, title: Title) -> tuple[pa.Array, pa.Array]:
    """Titles and texts of passages as exported, as `_view.titled`."""
    import pyarrow as pa
    import pyarrow.compute as pc

    texts, own = rows["text"].combine_chunks(), rows["title"].combine_chunks()
    none = pa.repeat(pa.scalar("", pa.string()), len(rows))
    if title == "drop":
        return none, texts
    if title == "header":
        path = pc.binary_join(rows["section_path"].combine_chunks(), " > ")
        parts = [rows["issuer"].combine_chunks(), own, path, rows["date"].combine_chunks()]
        filled = [pc.if_else(pc.equal(part, ""), None, part) for part in parts]
        # Arrow leaves out a row of nulls alone, so each begins with a text that is cut off again
        header = pc.binary_join_element_wise(none, *filled, " | ", null_handling="skip")
        return pc.utf8_slice_codeunits(header, len(" | ")), texts
    if title == "fold":
        filled = pc.if_else(pc.equal(own, ""), None, own)
        return none, pc.binary_join_element_wise(filled, texts, " ", null_handling="skip")
    return pc.fill_null(own, ""), texts


# --- lines --------------------------------------------------------------------------------------


def joined(*parts: Any) -> pa.Array:
    """Lines, each of its cells one after the other; null where a cell is.

    Args:
        parts: texts that are the same in each line, and columns.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    large = pa.large_string()
    cells = [pa.scalar(p, large) if isinstance(p, str) else p.cast(large) for p in parts]
    return pc.binary_join_element_wise(*cells, pa.scalar("", large))


def json_text(column: pa.Array) -> pa.Array:
    """As between the quotes of `json_line`."""
    import pyarrow.compute as pc

    column = json_escaped(column)
    if not pc.all(pc.string_is_ascii(column)).as_py():
        for char, escaped in _SEPARATORS.items():
            column = pc.replace_substring(column, char, escaped)
    return column


def json_object(rows: pa.Table) -> pa.Array:
    """Objects of the cells that hold something, as `json_line` writes them.

    Args:
        rows: of texts, whole numbers and lists of texts without nulls; the first column has none.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    pairs = []
    for name in rows.column_names:
        column = rows[name].combine_chunks()
        if pa.types.is_list(column.type):
            quoted = joined('"', json_text(pc.list_flatten(column)), '"').cast(pa.string())
            lengths = pc.fill_null(pc.list_value_length(column), 0).to_numpy()
            ends = pa.array([0, *lengths.cumsum().tolist()], pa.int32())
            texts = pc.binary_join(pa.ListArray.from_arrays(ends, quoted), ", ")
            texts = pc.if_else(pc.equal(texts, ""), None, texts)
            pairs.append(joined(f'"{name}": [', texts, "]"))
        elif pa.types.is_integer(column.type):
            pairs.append(joined(f'"{name}": ', column))
        else:
            pairs.append(joined(f'"{name}": "', json_text(column), '"'))
    separator = pa.scalar(", ", pa.large_string())
    inside = pc.binary_join_element_wise(*pairs, separator, null_handling="skip")
    return joined("{", inside, "}")


# --- strict readers -----------------------------------------------------------------------------


def read_json(path: Path, keys: tuple[str, ...]) -> Iterator[pa.Table]:
    """The texts under `keys` of every line; the first is the id, ascending and not repeated.

    Raises:
        ValueError: not so, or not lines of JSON.
    """
    import pyarrow as pa
    import pyarrow.json as pj

    schema = pa.schema([(key, pa.string()) for key in keys])
    options = pj.ParseOptions(explicit_schema=schema, unexpected_field_behavior="ignore")

    def parse(data: bytes) -> pa.Table:
        size = pj.ReadOptions(use_threads=False, block_size=len(data))
        return pj.read_json(pa.BufferReader(data), size, options).select(list(keys))

    return _ascending(_blocks(path, parse), 1)


def read_columns(path: Path, columns: Mapping[str, str], keys: int) -> Iterator[pa.Table]:
    """The columns of every line behind the header, without any quoting.

    Args:
        path: tab-separated lines.
        columns: their names and Arrow types.
        keys: of the columns that come first, which ascend and never repeat.

    Raises:
        ValueError: they do, or a line has other columns.
    """
    import pyarrow as pa
    import pyarrow.csv as pcsv

    form = pcsv.ParseOptions(
        delimiter="\t", quote_char=False, double_quote=False, ignore_empty_lines=False
    )
    types = pcsv.ConvertOptions(column_types=dict(columns))

    def parse(data: bytes) -> pa.Table:
        size = pcsv.ReadOptions(use_threads=False, block_size=len(data), column_names=list(columns))
        return pcsv.read_csv(pa.BufferReader(data), size, form, types)

    return _ascending(_blocks(path, parse, skip=1), keys)


def _blocks(path: Path, parse: Any, skip: int = 0) -> Iterator[pa.Table]:
    """A file's lines many at once, as a table with a row for each."""
    import pyarrow as pa

    with path.open("rb") as file:
        for _ in range(skip):
            file.readline()
        while data := file.read(_BLOCK) + file.readline():
            if not data.endswith(b"\n"):
                raise ValueError("the last line has no end")
            data.decode("utf-8")
            try:
                rows = parse(data)
            except pa.ArrowException as error:
                raise ValueError(str(error)) from None
            if len(rows) != data.count(b"\n"):
                raise ValueError(f"{len(rows):,} rows in other than as many lines")
            for name in rows.column_names:
                if rows[name].null_count:
                    raise ValueError(f"a line has no {name!r}")
            yield rows


def _ascending(tables: Iterable[pa.Table], n: int) -> Iterator[pa.Table]:
    """The tables, whose first n columns ascend and never repeat."""
    last = ("",) * n
    for rows in tables:
        keys = rows.select(range(n))
        at = _first_not_after(keys, last)
        if at is not None:
            raise ValueError(f"{keys.slice(at, 1).to_pylist()[0]} does not come after the last")
        last = tuple(keys.slice(len(rows) - 1).to_pylist()[0].values())
        yield rows

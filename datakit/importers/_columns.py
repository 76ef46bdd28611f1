"""Lines of a file as columns, where every line of a block is as it should be.

A block in which one is not gives None: it is then read line by line.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from datakit.importers._files import Block
from datakit.importers._raw import RawLabels, RawPassages, RawQueries
from datakit.importers._uniform import uniform
from datakit.records import Split

if TYPE_CHECKING:
    import pyarrow as pa

_STRINGS = ("_id", "text", "title")
_METADATA = "metadata"


def passages(block: Block, file: str) -> RawPassages | None:
    """Passages of JSON lines with `_id`, `text`, at most `title`, and no metadata."""
    import pyarrow as pa
    import pyarrow.compute as pc

    try:
        strings = _strings(block)
    except (ValueError, pa.ArrowException):
        return None
    if strings is None:
        return None
    ids, texts, titles = strings
    if ids.null_count or texts.null_count or pc.any(pc.equal(ids, "")).as_py():
        return None
    return RawPassages(file, block.first, ids, texts, titles)


def _strings(block: Block) -> list[pa.Array] | None:
    """The strings of the three keys, of every line."""
    import numpy as np
    import pyarrow as pa

    alike = uniform(block, frozenset(_STRINGS), _METADATA)
    if alike is None:
        return _parsed(block.data)
    n = len(alike.at)
    columns = [alike.columns.get(key, pa.nulls(n, pa.string())) for key in _STRINGS]
    if not len(alike.others):
        return columns
    others = _parsed(alike.rest)
    if others is None:
        return None
    order = pa.array(np.argsort(np.append(alike.at, alike.others)))
    pairs = zip(columns, others, strict=True)
    return [pa.concat_arrays(pair).take(order) for pair in pairs]


def _parsed(data: bytes) -> list[pa.Array] | None:
    """As `_strings`, by Arrow's parser."""
    import pyarrow as pa

    table = _objects(data)
    if table is None or not {*_STRINGS, _METADATA}.issuperset(table.column_names):
        return None
    kind = table.schema.field(_METADATA).type if _METADATA in table.column_names else pa.null()
    if not (pa.types.is_null(kind) or (pa.types.is_struct(kind) and not kind.num_fields)):
        return None
    return [table[name].combine_chunks() for name in _STRINGS]


def queries(block: Block, file: str) -> RawQueries | None:
    """Queries as `passages`; a title is passed by."""
    rows = passages(block, file)
    return rows and RawQueries(file, rows.first, rows.ids, rows.texts)


def _objects(data: bytes) -> pa.Table | None:
    import numpy as np
    import pyarrow as pa
    import pyarrow.json as pj

    # no object goes on in a line that begins with one: then one line is one object
    codes = np.frombuffer(data, np.uint8)
    breaks = np.flatnonzero(codes[:-1] == ord("\n"))
    if not (data.startswith(b"{") and data.endswith((b"}", b"}\n"))):
        return None
    if (codes[breaks - 1] != ord("}")).any() or (codes[breaks + 1] != ord("{")).any():
        return None
    schema = pa.schema([(name, pa.string()) for name in _STRINGS])
    if not data.isascii():
        data.decode("utf-8")
    table = pj.read_json(
        pa.BufferReader(data),
        pj.ReadOptions(use_threads=False, block_size=len(data)),
        pj.ParseOptions(explicit_schema=schema, unexpected_field_behavior="infer"),
    )
    return table if table.num_rows == len(breaks) + 1 else None


def labels(block: Block, file: str, split: Split) -> RawLabels | None:
    """Labels of lines of query, passage and grade with a tab between them."""
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.csv as pcsv

    names = ["query", "passage", "grade"]
    n_lines = len(block.breaks) + (not block.data.endswith(b"\n"))
    if not block.data:
        return None
    try:
        table = pcsv.read_csv(
            pa.BufferReader(block.data),
            pcsv.ReadOptions(use_threads=False, block_size=len(block.data), column_names=names),
            pcsv.ParseOptions(
                delimiter="\t", quote_char=False, double_quote=False, ignore_empty_lines=False
            ),
            pcsv.ConvertOptions(column_types=dict.fromkeys(names, pa.string())),
        )
    except (ValueError, pa.ArrowException):
        return None
    query, passage, grade = (table[name].combine_chunks() for name in names)
    sound = pc.all(pc.match_substring_regex(grade, "^[0-9]{1,9}$")).as_py()
    if not sound or table.num_rows != n_lines or query.null_count or passage.null_count:
        return None
    return RawLabels(file, block.first, query, passage, grade.cast(pa.int32()), split)

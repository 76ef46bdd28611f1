"""The sum of the digests of the rows of an Arrow table, column by column.

A row is the SHA-256 of the compact JSON array of its cells in schema order, floats as
`float.hex()`. The JSON is made by Arrow, a column at a time; only nested cells that hold
something, and floats, go through Python.
"""

from __future__ import annotations

import hashlib
import itertools
import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa

_MODULUS = 1 << 256
_ENCODE = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
_BYTES = 4 << 20  # of Arrow at a time: what a core's cache holds is read twice at little cost
_FEW = 500  # rows of a chunk below which chunks are joined first
# what JSON escapes, the backslash first
_ESCAPED = {"\\": "\\\\", '"': '\\"'} | {chr(c): json.dumps(chr(c))[1:-1] for c in range(32)}


def row_sum(table: pa.Table) -> int:
    """Sum of the rows' SHA-256 mod 2**256."""
    batches = table.to_batches()
    if len(batches) * _FEW > table.num_rows:
        table = table.combine_chunks()
    rows = max(_FEW, _BYTES * table.num_rows // max(1, table.nbytes))
    return sum(map(_sum, table.to_batches(rows))) % _MODULUS


def _sum(batch: pa.RecordBatch) -> int:
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    parts: list[Any] = [""]  # texts that all rows share, and columns of JSON, in turn
    large = pa.large_string()
    for i, column in enumerate(batch.columns):
        cells = _json(column)
        parts[-1] += "," if i else "["
        if isinstance(cells, str):
            parts[-1] += cells
        elif pa.types.is_string(column.type) and not column.null_count:
            parts[-1] += '"'
            parts += [cells, '"']
        else:
            parts += [cells, ""]
    parts[-1] += "]"
    if len(parts) == 1:
        digest = hashlib.sha256(parts[0].encode()).digest()
        same: int = int.from_bytes(digest, "big") * batch.num_rows
        return same
    texts = [pa.scalar(part, large) if isinstance(part, str) else part for part in parts]
    rows = pc.binary_join_element_wise(*texts, pa.scalar("", large))
    offsets: list[int] = np.frombuffer(rows.buffers()[1], np.int64)[: len(rows) + 1].tolist()
    data = memoryview(rows.buffers()[2])
    sha256 = hashlib.sha256
    digests = b"".join(
        [sha256(data[start:end]).digest() for start, end in itertools.pairwise(offsets)]
    )
    # eight numbers of 32 bits each, whose sums fit 64
    limbs = np.frombuffer(digests, ">u4").reshape(-1, 8).sum(0, dtype=np.uint64)
    return sum(int(limb) << 32 * i for i, limb in enumerate(reversed(limbs.tolist())))


def _json(column: pa.Array) -> Any:
    """The cells as JSON texts; one text where all are equal and simple."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = column.type
    if column.null_count == len(column):
        return "null"
    if pa.types.is_string(kind):
        return _quoted(column)
    if pa.types.is_integer(kind) or pa.types.is_boolean(kind):
        if _one_value(column):
            return json.dumps(column[0].as_py())
        return pc.fill_null(column.cast(pa.large_string()), "null")
    if pa.types.is_list(kind) or pa.types.is_map(kind):
        lengths = np.diff(np.frombuffer(column.buffers()[1], np.int32)[column.offset :])
        if not column.null_count and not lengths[: len(column)].any():
            return "[]"
    return pa.array([_ENCODE(hexed(cell)) for cell in column.to_pylist()], pa.large_string())


def _one_value(column: pa.Array) -> bool:
    """Whether all cells are equal and none is null."""
    import pyarrow.compute as pc

    first = column[0]
    if column.null_count or first != column[-1]:
        return False
    return bool(pc.all(pc.equal(column, first)).as_py())


def _quoted(column: pa.Array) -> Any:
    """As `_json`; a column without nulls without its quotes."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if _one_value(column):
        return _ENCODE(column[0].as_py())
    column = json_escaped(column)
    if not column.null_count:
        return column
    quoted = pc.binary_join_element_wise(
        pa.scalar('"', pa.large_string()), column, pa.scalar('"', pa.large_string()),
        pa.scalar("", pa.large_string()),
    )  # fmt: skip
    return pc.fill_null(quoted, "null")


def json_escaped(column: pa.Array) -> pa.Array:
    """Texts as they stand between the quotes of JSON, as large strings."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    start, end = column.offset, column.offset + len(column)
    offsets = np.frombuffer(column.buffers()[1] or bytes(4), np.int32)
    used = np.frombuffer(column.buffers()[2] or b"", np.uint8)[offsets[start] : offsets[end]]
    control, data = used.size > 0 and used.min() < ord(" "), used.tobytes()
    column = column.cast(pa.large_string())
    for char, escaped in _ESCAPED.items():
        if (control or char >= " ") and char.encode() in data:
            column = pc.replace_substring(column, char, escaped)
    return column


def hexed(value: Any) -> Any:
    """Floats as `float.hex()`, all the way down: their decimal form is not canonical."""
    if isinstance(value, float):
        return value.hex()
    if isinstance(value, list | tuple):
        return [hexed(v) for v in value]
    if isinstance(value, dict):
        return [hexed(v) for v in value.values()]
    return value

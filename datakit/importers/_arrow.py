"""Columns of texts and ids: the rules of `text` and `records` by column, with numpy and Arrow."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from datakit.records import safe_id
from datakit.text import count_tokens, normalise

if TYPE_CHECKING:
    import pyarrow as pa

_LONGEST_ID = 200  # as records.safe_id


def arrow_table(cls: Any, columns: Mapping[str, Any]) -> pa.Table:
    """A table in the schema of a record class.

    Args:
        cls: the class.
        columns: by field name, at least one; of the other fields lists are empty, the rest null.
    """
    import pyarrow as pa

    from datakit.tables import schema

    n = len(next(iter(columns.values())))
    arrays = []
    for field in schema(cls):
        if field.name in columns:
            cells = columns[field.name]
            given = isinstance(cells, pa.Array | pa.ChunkedArray)
            arrays.append(cells.cast(field.type) if given else pa.array(cells, field.type))
        elif pa.types.is_list(field.type) or pa.types.is_map(field.type):
            arrays.append(_empty(field.type, n))
        else:
            arrays.append(pa.nulls(n, field.type))
    return pa.table(arrays, schema=schema(cls))


def _empty(kind: pa.DataType, n: int) -> pa.Array:
    """As many empty lists or maps."""
    import numpy as np
    import pyarrow as pa

    offsets = pa.array(np.zeros(n + 1, np.int32))
    if pa.types.is_map(kind):
        return pa.MapArray.from_arrays(
            offsets, pa.nulls(0, kind.key_type), pa.nulls(0, kind.item_type)
        )
    return pa.ListArray.from_arrays(offsets, pa.nulls(0, kind.value_type))


def bytes_of(column: pa.Array) -> tuple[Any, Any]:
    """The UTF-8 of a column of strings, and where each begins in it: one more than there are."""
    import numpy as np

    if not len(column):
        return np.zeros(0, np.uint8), np.zeros(1, np.int32)
    offsets = np.frombuffer(column.buffers()[1], np.int32)
    offsets = offsets[column.offset : column.offset + len(column) + 1]
    data = np.frombuffer(column.buffers()[2] or b"", np.uint8)[offsets[0] : offsets[-1]]
    return data, offsets - offsets[0]


def _rows_at(places: Any, offsets: Any) -> list[int]:
    """The rows that some places, in ascending order, are in."""
    import numpy as np

    rows: list[int] = np.flatnonzero(np.diff(np.searchsorted(places, offsets))).tolist()
    return rows


def normalised(column: pa.Array) -> pa.Array:
    """`normalise` of each text; what is printable ASCII and LF is so already."""
    import numpy as np
    import pyarrow as pa

    data, offsets = bytes_of(column)
    if not data.size or (data.min() >= 32 and data.max() < 127):
        return column
    odd = (data < 32) & (data != 10) | (data >= 127)
    if not odd.any():
        return column
    texts = column.to_pylist()
    for at in _rows_at(np.flatnonzero(odd), offsets):
        texts[at] = normalise(texts[at])
    return pa.array(texts, pa.string())


def all_safe(ids: pa.Array) -> bool:
    """Whether `safe_id` leaves every id, none of them null, as it is."""
    import numpy as np

    data, offsets = bytes_of(ids)
    sizes = np.diff(offsets)
    if not sizes.size or sizes.min() < 1 or sizes.max() > _LONGEST_ID:
        return not sizes.size
    plain = data.min() > ord(" ") and data.max() <= ord("~")
    return bool(plain and (data != ord('"')).all() and (data != ord("'")).all())


def safe_ids(names: pa.Array) -> pa.Array:
    """`safe_id` of each string."""
    import pyarrow as pa

    if all_safe(names):
        return names
    return pa.array(list(map(safe_id, names.to_pylist())), pa.string())


def n_characters(texts: pa.Array) -> pa.Array:
    """The length of each text, as int64."""
    import pyarrow as pa
    import pyarrow.compute as pc

    return pc.utf8_length(texts).cast(pa.int64())


# by byte: 0 a blank, 1 of a word, 2 punctuation
_KINDS = bytes(
    0 if chr(c).isspace() else 1 if c > 127 or chr(c).isalnum() or c == 95 else 2
    for c in range(256)
)


def n_tokens(column: pa.Array) -> Any:
    """`count_tokens` of each text; of texts in ASCII by the changes of kind between bytes."""
    import numpy as np

    data, offsets = bytes_of(column)
    if not data.size:
        return np.zeros(len(column), np.int64)
    raw = data.tobytes()
    kinds = np.frombuffer(raw.translate(_KINDS), np.uint8)
    begins = np.empty(data.size, bool)
    np.not_equal(kinds[1:], kinds[:-1], out=begins[1:])
    begins[offsets[:-1][offsets[:-1] < data.size]] = True  # a text begins
    begins[0] = True
    begins &= kinds != 0
    bits = np.packbits(begins, bitorder="little")
    counts = np.diff(_ones_before(bits, offsets))
    # what has other letters, or may have a run that is several tokens, is counted one by one
    none = bits == 0
    long = 8 * np.flatnonzero(none[2:] & none[1:-1] & none[:-2])  # three bytes: 24 characters
    other = [] if raw.isascii() else _rows_at(np.flatnonzero(data > 127), offsets)
    for at in {*_rows_at(long, offsets), *other}:
        counts[at] = count_tokens(column[at].as_py())
    return counts


def _ones_before(bits: Any, places: Any) -> Any:
    """How many of some packed bits, the lowest of a byte first, are set before each place."""
    import numpy as np

    words = np.zeros(len(bits) // 8 + 2, "<u8")  # the last place may be one behind the bits
    words.view(np.uint8)[: len(bits)] = bits
    sums = np.zeros(len(words), np.int64)
    np.cumsum(np.bitwise_count(words[:-1]), out=sums[1:])
    whole, rest = np.divmod(places.astype(np.uint64), np.uint64(64))
    below = (np.uint64(1) << rest) - np.uint64(1)
    return sums[whole] + np.bitwise_count(words[whole] & below)

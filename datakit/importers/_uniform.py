"""JSON lines that are written alike: where only some strings differ, columns without a parser.

A line without a backslash or control character that has as many quotes as a line that was parsed,
and the same bytes outside the strings that may differ, is an object of the same keys.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from datakit.importers._arrow import bytes_of
from datakit.importers._files import Block

if TYPE_CHECKING:
    import pyarrow as pa

_QUOTE, _BACKSLASH, _BREAK = b'"', b"\\", b"\n"
_MOST_OTHERS = 0.5  # of the lines: a parser for all of them is quicker then


class Uniform(NamedTuple):
    """Strings of the lines that are alike, and the other lines."""

    columns: Mapping[str, pa.Array]  # by key, of the lines that are alike
    at: Any  # numbers of those lines, from 0, ascending
    others: Any  # numbers of the others
    rest: bytes  # which are these


class _Form(NamedTuple):
    """What such lines have in common."""

    keys: tuple[str, ...]  # of the strings that may differ, in order
    tokens: tuple[int, ...]  # which of the line's strings those are
    n_quotes: int
    gaps: tuple[bytes, ...]  # what stands before, between and behind them


def uniform(block: Block, names: frozenset[str], empty: str) -> Uniform | None:
    """The lines of a block that are alike; None where too few or none are.

    Args:
        block: lines of JSON.
        names: the keys whose strings may differ; lines may leave some out.
        empty: a key that lines may have besides, with an empty object or null.
    """
    import numpy as np

    data, breaks = block.data, block.breaks
    codes = np.frombuffer(data, np.uint8)
    if np.count_nonzero(codes < ord(" ")) != len(breaks):
        return None
    if data.endswith(_BREAK):
        breaks = breaks[:-1]
    starts = np.append(0, breaks + 1)
    ends = np.append(breaks, len(data) - data.endswith(_BREAK))
    quotes = np.flatnonzero(codes == ord(_QUOTE))
    first_quote = np.searchsorted(quotes, starts)
    n_quotes = np.diff(first_quote, append=len(quotes))
    plain = np.ones(len(starts), bool)
    if _BACKSLASH in data:
        escapes = np.flatnonzero(codes == ord(_BACKSLASH))
        plain[np.searchsorted(starts, escapes, "right") - 1] = False
    if not plain.any():
        return None
    some = int(np.argmax(plain))
    form = _form(data[starts[some] : ends[some]], names, empty)
    if form is None:
        return None
    at = np.flatnonzero(plain & (n_quotes == form.n_quotes))
    places = [2 * token + side for token in form.tokens for side in (0, 1)]
    cuts = quotes[first_quote[at][:, None] + places]
    cuts[:, ::2] += 1  # a string begins behind its quote
    offsets = np.column_stack([starts[at], cuts, ends[at]]).astype(np.int32)
    return _cut(data, offsets, at, form, (starts, ends))


def _form(line: bytes, names: frozenset[str], empty: str) -> _Form | None:
    """The form of a line without escapes; None where its keys are not such."""
    try:
        values = orjson.loads(line)
    except ValueError:
        return None
    if not isinstance(values, dict) or values.pop(empty, None) not in (None, {}):
        return None
    pieces = line.split(_QUOTE)  # strings at the odd places
    keys: list[str] = []
    tokens: list[int] = []
    for token, (text, behind) in enumerate(zip(pieces[1::2], pieces[2::2], strict=True)):
        if behind.lstrip().startswith(b":"):
            key = text.decode()
        elif key in names:
            keys.append(key)
            tokens.append(token)
    strings = {key: value for key, value in values.items() if value is not None}
    told = dict(zip(keys, (pieces[2 * t + 1].decode() for t in tokens), strict=True))
    if strings != told or len(keys) != len(told):  # another key, another kind, a key twice
        return None
    bounds = [0, *itertools.accumulate(len(piece) + 1 for piece in pieces)]
    ends = [bounds[2 * t + 1] for t in tokens], [bounds[2 * t + 2] - 1 for t in tokens]
    gaps = [line[a:b] for a, b in zip((0, *ends[1]), (*ends[0], len(line)), strict=True)]
    return _Form(tuple(keys), tuple(tokens), len(pieces) - 1, tuple(gaps))


def _cut(data: bytes, offsets: Any, at: Any, form: _Form, lines: tuple[Any, Any]) -> Uniform | None:
    """The strings of those of some lines that have the form.

    Args:
        data: all lines.
        offsets: by line, where it begins, where each of the form's strings begins and ends, and
            where the line ends.
        at: numbers of these lines.
        form: their form.
        lines: where all lines begin and end.
    """
    import numpy as np
    import pyarrow as pa

    fits = (np.diff(offsets)[:, ::2] == [len(gap) for gap in form.gaps]).all(axis=1)
    pieces, step = _pieces(data, offsets[fits])
    gap = b"".join(form.gaps)
    every = (np.arange(fits.sum())[:, None] * step + np.arange(0, step, 2)).ravel()
    found = _text(pieces.take(pa.array(every)))
    if found != gap * int(fits.sum()):
        rows = np.frombuffer(found, np.uint8).reshape(-1, len(gap))
        fits[fits] = (rows == np.frombuffer(gap, np.uint8)).all(axis=1)
        pieces, step = _pieces(data, offsets[fits])
    at = at[fits]
    starts, ends = lines
    others = np.delete(np.arange(len(starts)), at)
    if len(others) > _MOST_OTHERS * len(starts):
        return None
    first = np.arange(len(at)) * step
    columns = {
        key: pieces.take(pa.array(first + 2 * i + 1)).view(pa.string())
        for i, key in enumerate(form.keys)
    }
    if not data.isascii():
        for column in columns.values():
            column.validate(full=True)
    spans = zip(starts[others].tolist(), ends[others].tolist(), strict=True)
    return Uniform(columns, at, others, _BREAK.join([data[a:b] for a, b in spans]))


def _pieces(data: bytes, offsets: Any) -> tuple[pa.Array, int]:
    """The pieces of the lines between their offsets, and how many there are of a line.

    The last one of each line is what stands between it and the next line.
    """
    import numpy as np
    import pyarrow as pa

    ends = np.append(offsets.ravel(), np.int32(len(data)))
    buffers = [None, pa.py_buffer(ends), pa.py_buffer(data)]
    return pa.Array.from_buffers(pa.binary(), len(ends) - 1, buffers), offsets.shape[1]


def _text(column: pa.Array) -> bytes:
    """The cells of a column that `take` made, one after the other."""
    text: bytes = bytes_of(column)[0].tobytes()
    return text

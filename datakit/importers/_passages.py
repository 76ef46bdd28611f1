"""Passages a batch at a time: the rules of `_collect`, by column where Arrow and numpy can."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from datakit.importers._files import LONGEST_TEXT
from datakit.importers._raw import NOTHING, RawPassage, RawPassages, RawQuery
from datakit.records import Dropped, Passage, safe_id
from datakit.text import LATIN_LANGUAGES, count_tokens, detect_language, normalise

if TYPE_CHECKING:
    import pyarrow as pa

    from datakit.importers._collect import _State

BATCH = 8_192  # passages: about 4 MB
_PASSAGE_ID = re.compile(r"(.+):(\d+)-(\d+)")
_SAFE = r"\A[!#-&(-~]{1,200}\z"  # as records.safe_id
_WORD_RUN = 32  # characters of a word or of punctuation that are one token, as in text.py


def passages_of(columns: RawPassages, state: _State) -> Iterator[Dropped | tuple[str, pa.Table]]:
    """As `passages`, by column where no row needs repair."""
    table = None if state.restored else _sound(columns, state)
    if table is None:
        yield from passages(list(columns.rows()), state)
    else:
        yield "passage", table


def _sound(columns: RawPassages, state: _State) -> pa.Table | None:
    """The passages in their schema; None where an id or a text cannot be taken."""
    import pyarrow as pa
    import pyarrow.compute as pc

    ids = columns.ids
    if not pc.all(pc.match_substring_regex(ids, _SAFE)).as_py():
        return None
    places = dict(zip(ids.to_pylist(), itertools.count(len(state.passages)), strict=False))
    if len(places) < len(ids) or not state.passages.keys().isdisjoint(places):
        return None
    texts = normalised(columns.texts)
    ends = pc.utf8_length(texts).cast(pa.int64())
    if pc.max(ends).as_py() > LONGEST_TEXT:
        return None
    titles = normalised(columns.titles)
    state.passages.update(places)
    return arrow_table(Passage, {
        "passage_id": ids, "doc_id": ids, "text": texts, "end": ends,
        "start": pa.repeat(pa.scalar(0), len(ids)), "ordinal": pa.repeat(pa.scalar(0), len(ids)),
        "title": pc.if_else(pc.equal(titles, ""), None, titles),
        "language": _languages(texts, state), "n_tokens": n_tokens(texts),
    })  # fmt: skip


def _languages(texts: pa.Array, state: _State) -> pa.Array:
    """`language_of` each text of passages without metadata."""
    import pyarrow as pa
    import pyarrow.compute as pc

    main = state.language or state.main_language
    if state.language:
        return pa.repeat(pa.scalar(main, pa.string()), len(texts))
    if main not in LATIN_LANGUAGES:
        return pa.array([language_of(t, NOTHING, state) for t in texts.to_pylist()], pa.string())
    plain = pc.string_is_ascii(texts)
    others = texts.filter(pc.invert(plain)).to_pylist()
    found = pa.array([language_of(text, NOTHING, state) for text in others], pa.string())
    return pc.replace_with_mask(
        pa.repeat(pa.scalar(main, pa.string()), len(texts)), pc.invert(plain), found
    )


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


def normalised(column: pa.Array) -> pa.Array:
    """`normalise` of each text; what is printable ASCII and LF is so already."""
    import numpy as np
    import pyarrow as pa

    data, offsets = _bytes(column)
    odd = (data < 32) & (data != 10) | (data >= 127)
    if not odd.any():
        return column
    texts = column.to_pylist()
    for at in _rows_at(np.flatnonzero(odd), offsets):
        texts[at] = normalise(texts[at])
    return pa.array(texts, pa.string())


def _bytes(column: pa.Array) -> tuple[Any, Any]:
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


def passages(rows: list[RawPassage], state: _State) -> Iterator[Dropped | tuple[str, pa.Table]]:
    """The passages as a table in their schema, and the rows that are left out."""
    if state.restored:
        rows = [row._replace(id=state.restored.get(row.id, row.id)) for row in rows]
    names = [row.id for row in rows]
    texts = [normalise(row.text) for row in rows]
    fresh = len(set(names)) == len(names) and state.passages.keys().isdisjoint(names)
    if not fresh or max(map(len, texts)) > LONGEST_TEXT:
        kept = []
        seen: set[str] = set()
        for row, text in zip(rows, texts, strict=True):
            if row.id in state.passages or row.id in seen:
                yield repeated(row)
            elif len(text) > LONGEST_TEXT:
                yield too_long(row, text)
            else:
                seen.add(row.id)
                kept.append((row, text))
        rows, texts = [row for row, _ in kept], [text for _, text in kept]
        names = [row.id for row in rows]
    if rows:
        first = len(state.passages)
        state.passages.update(zip(names, range(first, first + len(names)), strict=True))
        yield "passage", _table(rows, names, texts, state)


def _table(rows: list[RawPassage], names: list[str], texts: list[str], state: _State) -> pa.Table:
    import pyarrow as pa

    own: list[str] = safe_ids(names).to_pylist()
    language = [language_of(text, row.about, state) for row, text in zip(rows, texts, strict=True)]
    titles = [normalise(r.title) or None if isinstance(r.title, str) else None for r in rows]
    places = [_place(*row, state) for row in zip(rows, own, map(len, texts), strict=True)]
    doc_ids, starts, ordinals = zip(*places, strict=True)
    ends = [start + len(text) for start, text in zip(starts, texts, strict=True)]
    text = pa.array(texts, pa.string())
    columns: dict[str, Any] = {
        "passage_id": own, "doc_id": doc_ids, "text": text, "start": starts, "end": ends,
        "ordinal": ordinals, "title": titles, "language": language,
        "n_tokens": n_tokens(text),
        "section_path": [list(strings(r.about.get("section_path"))) for r in rows],
        "flags": [list(flags(name, o)) for name, o in zip(names, own, strict=True)],
    }  # fmt: skip
    for key in ("issuer", "category", "doc_type", "date"):
        columns[key] = [text_or_none(row.about.get(key)) for row in rows]
    return arrow_table(Passage, columns)


def safe_ids(names: list[str]) -> pa.Array:
    """`safe_id` of each."""
    import pyarrow as pa
    import pyarrow.compute as pc

    column = pa.array(names, pa.string())
    if pc.all(pc.match_substring_regex(column, _SAFE)).as_py():
        return column
    return pa.array(list(map(safe_id, names)), pa.string())


def _place(row: RawPassage, own: str, size: int, state: _State) -> tuple[str, int, int]:
    """Document, start in it and ordinal."""
    about = row.about
    if not about and ":" not in own:
        return own, 0, 0
    doc_id = text_or_none(about.get("doc_id"))
    doc_id = safe_id(state.restored.get(doc_id, doc_id)) if doc_id else own
    ordinal = about.get("ordinal")
    if not is_count(ordinal):
        ordinal = state.in_document[doc_id] if doc_id != own else 0
        if doc_id != own:
            state.in_document[doc_id] += 1
    return doc_id, _start(own, doc_id, size, about), int(str(ordinal))


def _start(own: str, doc_id: str, size: int, about: Mapping[str, Any]) -> int:
    """Where the passage begins in its document, as its id or its metadata say; else 0."""
    said = _PASSAGE_ID.fullmatch(own) if ":" in own else None
    if said and said[1] == doc_id and int(said[3]) - int(said[2]) == size:
        return int(said[2])
    start, end = about.get("start"), about.get("end")
    if is_count(start) and is_count(end) and int(str(end)) - int(str(start)) == size:
        return int(str(start))
    return 0


def language_of(text: str, about: Mapping[str, Any], state: _State) -> str | None:
    known = state.language or text_or_none(about.get("language"))
    if known:
        return known
    main = state.main_language
    if main in LATIN_LANGUAGES and text.isascii():
        return main  # whatever Latin language it looks like, which is short of telling
    found = detect_language(text)
    doubtful = found is None or (found in LATIN_LANGUAGES and main in LATIN_LANGUAGES)
    return main if main and doubtful else found


# by byte: 0 a blank, 1 of a word, 2 punctuation
_KINDS = bytes(
    0 if chr(c).isspace() else 1 if c > 127 or chr(c).isalnum() or c == 95 else 2
    for c in range(256)
)


def n_tokens(column: pa.Array) -> Any:
    """`count_tokens` of each text; of texts in ASCII by the changes of kind between bytes."""
    import numpy as np

    data, offsets = _bytes(column)
    if not data.size:
        return np.zeros(len(column), np.int64)
    raw = data.tobytes()
    kinds = np.frombuffer(raw.translate(_KINDS), np.uint8)
    change = np.empty(data.size, bool)
    np.not_equal(kinds[1:], kinds[:-1], out=change[1:])
    change[offsets[:-1][offsets[:-1] < data.size]] = True  # a text begins
    change[0] = True
    change &= kinds != 0
    begins = np.flatnonzero(change)
    counts = np.diff(np.searchsorted(begins, offsets))
    # what has other letters, or may have a run that is several tokens, is counted one by one
    long = begins[np.diff(begins, append=data.size) > _WORD_RUN]
    other = [] if raw.isascii() else _rows_at(np.flatnonzero(data > 127), offsets)
    for at in {*_rows_at(long, offsets), *other}:
        counts[at] = count_tokens(column[at].as_py())
    return counts


# --- small ------------------------------------------------------------------------------------


def repeated(row: RawPassage | RawQuery) -> Dropped:
    detail = f"{row.where}: id {row.id[:100]!r} is there already; the first is kept"
    return Dropped(row.where, "repeated_id", detail)


def too_long(row: RawPassage | RawQuery, text: str) -> Dropped:
    detail = f"{row.where}: a text of {len(text):,} characters; the limit is {LONGEST_TEXT:,}"
    return Dropped(row.where, "text_too_long", detail)


def text_or_none(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def strings(value: object) -> tuple[str, ...]:
    if not isinstance(value, list | tuple):
        return ()
    return tuple(item for item in value if isinstance(item, str))


def is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**40


def flags(name: str, own: str) -> tuple[str, ...]:
    return () if own == name else (f"original_id={name}",)

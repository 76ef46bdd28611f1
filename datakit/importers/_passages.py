"""Passages a batch at a time: the rules of `_collect`, by column where Arrow and numpy can."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from datakit.importers._files import LONGEST_TEXT
from datakit.importers._raw import RawPassage, RawQuery
from datakit.records import Dropped, Passage, safe_id
from datakit.text import LATIN_LANGUAGES, count_tokens, detect_language, normalise

if TYPE_CHECKING:
    import pyarrow as pa

    from datakit.importers._collect import _State

BATCH = 8_192  # passages: about 4 MB
_PASSAGE_ID = re.compile(r"(.+):(\d+)-(\d+)")
_SAFE = "^[!#-&(-~]{1,200}$"  # as records.safe_id
_WORD_RUN = 32  # characters of a word or of punctuation that are one token, as in text.py


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

    from datakit.tables import schema

    own = _safe(names)
    language = [language_of(text, row.about, state) for row, text in zip(rows, texts, strict=True)]
    titles = [normalise(r.title) or None if isinstance(r.title, str) else None for r in rows]
    places = [_place(*row, state) for row in zip(rows, own, map(len, texts), strict=True)]
    doc_ids, starts, ordinals = zip(*places, strict=True)
    ends = [start + len(text) for start, text in zip(starts, texts, strict=True)]
    text = pa.array(texts, pa.string())
    columns: dict[str, Any] = {
        "passage_id": own, "doc_id": doc_ids, "text": text, "start": starts, "end": ends,
        "ordinal": ordinals, "title": titles, "language": language,
        "n_tokens": n_tokens(texts, text),
        "section_path": [list(strings(r.about.get("section_path"))) for r in rows],
        "flags": [list(flags(name, o)) for name, o in zip(names, own, strict=True)],
    }  # fmt: skip
    for key in ("issuer", "category", "doc_type", "date"):
        columns[key] = [text_or_none(row.about.get(key)) for row in rows]
    arrays = [
        pa.array(columns[f.name], f.type) if f.name in columns else pa.nulls(len(rows), f.type)
        for f in schema(Passage)
    ]
    return pa.table(arrays, schema=schema(Passage))


def _safe(names: list[str]) -> list[str]:
    import pyarrow as pa
    import pyarrow.compute as pc

    if pc.all(pc.match_substring_regex(pa.array(names, pa.string()), _SAFE)).as_py():
        return names if not any("\n" in name for name in names) else [*map(safe_id, names)]
    return [safe_id(name) for name in names]


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


def n_tokens(texts: list[str], column: pa.Array) -> Any:
    """`count_tokens` of each text; of texts in ASCII by the changes of kind between bytes."""
    import numpy as np

    offsets = np.frombuffer(column.buffers()[1], np.int32)
    raw = (column.buffers()[2] or b"")[: offsets[-1]]
    data = np.frombuffer(raw, np.uint8)
    kinds = np.frombuffer(bytes(raw).translate(_KINDS), np.uint8)
    if not data.size:
        return np.zeros(len(texts), np.int64)
    change = np.empty(data.size, bool)
    np.not_equal(kinds[1:], kinds[:-1], out=change[1:])
    change[offsets[:-1][offsets[:-1] < data.size]] = True  # a text begins
    so_far = np.zeros(data.size + 1, np.int32)
    np.cumsum(change & (kinds != 0), out=so_far[1:])
    counts = np.diff(so_far[offsets])
    # what has other letters, or a run that is several tokens, is counted one by one
    run = np.cumsum(change, dtype=np.int32)
    long = np.flatnonzero((run[_WORD_RUN:] == run[:-_WORD_RUN]) & (kinds[_WORD_RUN:] != 0))
    odd = np.append(long + _WORD_RUN, np.flatnonzero(data > 127))
    for at in np.unique(np.searchsorted(offsets, odd, side="right") - 1).tolist():
        counts[at] = count_tokens(texts[at])
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

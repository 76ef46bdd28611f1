"""Passages a batch at a time: the rules of `_collect`, by column where Arrow and numpy can."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from datakit.importers._arrow import (
    all_safe,
    arrow_table,
    n_characters,
    n_tokens,
    normalised,
    safe_ids,
)
from datakit.importers._files import LONGEST_TEXT
from datakit.importers._raw import NOTHING, RawPassage, RawPassages, RawQuery
from datakit.records import Dropped, Passage, safe_id
from datakit.text import LATIN_LANGUAGES, detect_language, normalise

if TYPE_CHECKING:
    import pyarrow as pa

    from datakit.importers._collect import _State

BATCH = 8_192  # passages: about 4 MB
_PASSAGE_ID = re.compile(r"(.+):(\d+)-(\d+)")


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
    texts = normalised(columns.texts)
    ends = n_characters(texts)
    sound = all_safe(ids) and pc.max(ends).as_py() <= LONGEST_TEXT
    if not sound or not state.passages.extend(ids):
        return None
    titles = normalised(columns.titles)
    return arrow_table(Passage, {
        "passage_id": ids, "doc_id": ids, "text": texts, "end": ends,
        "start": pa.repeat(pa.scalar(0), len(ids)), "ordinal": pa.repeat(pa.scalar(0), len(ids)),
        "title": pc.if_else(pc.equal(titles, ""), None, titles),
        "language": languages_of(texts, state), "n_tokens": n_tokens(texts),
    })  # fmt: skip


def languages_of(texts: pa.Array, state: _State) -> pa.Array:
    """`language_of` each text of rows without metadata."""
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


def passages(rows: list[RawPassage], state: _State) -> Iterator[Dropped | tuple[str, pa.Table]]:
    """The passages as a table in their schema, and the rows that are left out."""
    import pyarrow as pa

    if state.restored:
        rows = [row._replace(id=state.restored.get(row.id, row.id)) for row in rows]
    names = [row.id for row in rows]
    texts = [normalise(row.text) for row in rows]
    short = max(map(len, texts)) <= LONGEST_TEXT
    if not short or not state.passages.extend(pa.array(names, pa.string())):
        known = state.passages.by_name()
        kept = []
        for row, text in zip(rows, texts, strict=True):
            if row.id in known:
                yield repeated(row)
            elif len(text) > LONGEST_TEXT:
                yield too_long(row, text)
            else:
                known[row.id] = len(known)
                kept.append((row, text))
        rows, texts = [row for row, _ in kept], [text for _, text in kept]
        names = [row.id for row in rows]
    if rows:
        yield "passage", _table(rows, names, texts, state)


def _table(rows: list[RawPassage], names: list[str], texts: list[str], state: _State) -> pa.Table:
    import pyarrow as pa

    own: list[str] = safe_ids(pa.array(names, pa.string())).to_pylist()
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

"""A passage as it is shown: a window of its text, with the evidence marked."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from datakit.report.reading import Row

_BREAK = re.compile(r"[\s。，；！？]+")


@dataclass(frozen=True, slots=True)
class PassageView:
    """A passage as it is shown: a window of its text, with the evidence marked."""

    passage_id: str
    source_uri: str | None  # the file it was cut from
    header: str
    language: str | None
    pieces: tuple[tuple[str, bool], ...]  # text, whether it is evidence
    cut_before: bool
    cut_after: bool


def view(row: Row, spans: Sequence[Row], width: int) -> PassageView:
    """About `width` characters of a passage, around the first of the spans that lies in it.

    Args:
        row: of the table passage; with the `source_uri` of its document where it is known.
        spans: evidence, as spans of documents.
        width: in code points.
    """
    marked = inside(row, spans)
    start, end = window(row["text"], marked, width)
    path = [title for title in row["section_path"] if title != row["title"]]
    parts = (row["issuer"], row["title"], " › ".join(path), row["date"])
    return PassageView(
        passage_id=row["passage_id"],
        source_uri=row.get("source_uri"),
        header=" · ".join(part for part in parts if part),
        language=row["language"],
        pieces=cut(row["text"], marked, start, end),
        cut_before=start > 0,
        cut_after=end < len(row["text"]),
    )


def inside(passage: Row, spans: Sequence[Row]) -> list[tuple[int, int]]:
    """Evidence as offsets into the passage's text, merged and in order."""
    first, size = passage["start"], len(passage["text"])
    spotted = sorted(
        (max(s["start"] - first, 0), min(s["end"] - first, size))
        for s in spans
        if s["doc_id"] == passage["doc_id"] and s["start"] - first < size and s["end"] > first
    )
    merged: list[tuple[int, int]] = []
    for start, end in spotted:
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        elif end > start:
            merged.append((start, end))
    return merged


def window(text: str, marked: Sequence[tuple[int, int]], width: int) -> tuple[int, int]:
    """About `width` characters around the first evidence, from and to the end of a word."""
    size = len(text)
    if size <= width * 1.2:
        return 0, size
    first, last = marked[0] if marked else (0, 0)
    centre = (first + min(last, first + width)) // 2
    start = max(min(centre - width // 2, size - width), 0)
    end = start + width
    if start:
        start += next((m.end() for m in _BREAK.finditer(text[start : start + 40])), 0)
    if end < size:
        end -= next((m.end() for m in _BREAK.finditer(text[end - 40 : end][::-1])), 0)
    return start, end


def cut(
    text: str, marked: Sequence[tuple[int, int]], start: int, end: int
) -> tuple[tuple[str, bool], ...]:
    out, at = [], start
    for span in marked:
        first, last = max(span[0], at), min(span[1], end)
        if first < last:
            out += [(text[at:first], False), (text[first:last], True)]
            at = last
    out.append((text[at:end], False))
    return tuple(piece for piece in out if piece[0])

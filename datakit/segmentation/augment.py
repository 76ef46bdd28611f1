"""Other forms of a training document: sentences or merged paragraphs as units, numbered lines."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal, get_args

from datakit.segmentation.corpus import NO_CHANGE, Line, SectionedDocument

if TYPE_CHECKING:
    import numpy as np

Form = Literal["sentences", "merged", "numbered"]
FORMS: tuple[Form, ...] = get_args(Form)
_MERGED_SHARE = 0.4  # of the gaps inside sections
_LONGEST = 600  # lines of a document whose sentences become units
_CHINESE = "一二三四五六七八九十"


def augmented(
    document: SectionedDocument, form: Form, rng: np.random.Generator
) -> SectionedDocument:
    """The document with the same headings and other units; its group stays."""
    if form == "sentences":
        parts = _sentences(document) if len(document.lines) <= _LONGEST else None
    elif form == "merged":
        parts = _merged(document, rng)
    else:
        return dataclasses.replace(document, lines=tuple(_numbered(document, rng)))
    if parts is None:
        return document
    lines, origin = parts
    opens = [i == 0 or origin[i] != origin[i - 1] for i in range(len(origin))]
    of_lines = list(zip(origin, opens, strict=True))
    return dataclasses.replace(
        document,
        lines=tuple(lines),
        headings=tuple(document.headings[o] if f else () for o, f in of_lines),
        changes=tuple(document.changes[o] if f else NO_CHANGE for o, f in of_lines),
    )


def _sentences(document: SectionedDocument) -> tuple[list[Line], list[int]]:
    from datakit.text import sentences

    lines: list[Line] = []
    origin: list[int] = []
    for number, line in enumerate(document.lines):
        for start, end in sentences(line.text, document.language):
            lines.append(dataclasses.replace(line, text=line.text[start:end]))
            origin.append(number)
    return lines, origin


def _merged(document: SectionedDocument, rng: np.random.Generator) -> tuple[list[Line], list[int]]:
    lines: list[Line] = []
    origin: list[int] = []
    blank = "" if document.language == "zh" else " "
    joins = rng.random(len(document.lines)) < _MERGED_SHARE
    for number, (line, change) in enumerate(zip(document.lines, document.changes, strict=True)):
        if lines and change == NO_CHANGE and joins[number]:
            lines[-1] = dataclasses.replace(lines[-1], text=f"{lines[-1].text}{blank}{line.text}")
        else:
            lines.append(line)
            origin.append(number)
    return lines, origin


def _numbered(document: SectionedDocument, rng: np.random.Generator) -> Iterator[Line]:
    """Enumerators before the lines of some sections, as pages have them."""
    style, count, chapter = 0, 0, 0
    chinese = document.language == "zh"
    for line, change in zip(document.lines, document.changes, strict=True):
        if change != NO_CHANGE or not count:
            style, count, chapter = int(rng.integers(0, 6)), 0, chapter + 1
        count += 1
        number = _enumerator(style, count, chapter, chinese)
        yield dataclasses.replace(line, text=number + line.text)


def _enumerator(style: int, count: int, chapter: int, chinese: bool) -> str:
    plain = ("", f"{count}. ", f"{chapter}.{count} ", "• ")
    if chinese:
        number = _CHINESE[(count - 1) % len(_CHINESE)]
        return (*plain, f"（{number}）", f"第{number}条 ")[style]
    letter = "abcdefghijklmnopqrstuvwxyz"[(count - 1) % 26]
    return (*plain, f"({letter}) ", f"{letter}) ")[style]

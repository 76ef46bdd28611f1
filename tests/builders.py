"""Documents for tests, written as short Markdown-like text."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from datakit.records import Block, Document, Section, document_id
from datakit.text import detect_language

_HEADING = re.compile(r"(#{1,6}) +(.+)")
_ITEM = re.compile(r"( *)(?:[-*•] +|(\d+[.)]|\([a-z0-9]\)) +)(.+)")


def document(markdown: str, **meta: Any) -> Document:
    """A document with its blocks and sections from Markdown-like text.

    `# Title` is a heading, `- item` and `1. item` are list items, lines that start with `|` are a
    table, lines in a row are one paragraph. Fields of `Document` may be given by name.
    """
    text, blocks = _lay_out(list(_pieces(markdown)))
    uri = meta.pop("source_uri", "test.md")
    return Document(
        **{
            "doc_id": document_id(uri, text),
            "text": text,
            "source_uri": uri,
            "blocks": blocks,
            "sections": _sections(text, blocks),
            "language": detect_language(text),
            **meta,
        }
    )


def plain_document(text: str, **meta: Any) -> Document:
    """A document that is text alone, without blocks and sections."""
    known = {"doc_id": document_id("test.txt", text), "source_uri": "test.txt"}
    return Document(**{**known, "text": text, **meta})


Piece = tuple[str, str, int | None, str | None]  # kind, text, level, number


def _pieces(markdown: str) -> Iterator[Piece]:
    run: list[str] = []
    kind = "paragraph"
    for line in [*markdown.splitlines(), ""]:
        new = "table" if line.lstrip().startswith("|") else "paragraph"
        heading, item = _HEADING.fullmatch(line.strip()), _ITEM.fullmatch(line.rstrip())
        if run and (not line.strip() or heading or item or new != kind):
            yield kind, "\n".join(run), None, None
            run = []
        if heading:
            yield "heading", heading[2], len(heading[1]), None
        elif item:
            number = item[2]
            yield "list_item", line.strip(), len(item[1]) // 2 + 1, number
        elif line.strip():
            run.append(line.strip())
            kind = new


def _lay_out(pieces: list[Piece]) -> tuple[str, tuple[Block, ...]]:
    text = ""
    blocks: list[Block] = []
    for kind, content, level, number in pieces:
        tight = kind == "list_item" and blocks and blocks[-1].kind == "list_item"
        text += "" if not text else "\n" if tight else "\n\n"
        blocks.append(Block(kind, len(text), len(text) + len(content), level, number))
        text += content
    return text, tuple(blocks)


def _sections(text: str, blocks: tuple[Block, ...]) -> tuple[Section, ...]:
    heads = [block for block in blocks if block.kind == "heading"]
    sections: list[Section] = []
    stack: list[tuple[int, str]] = []
    for i, head in enumerate(heads):
        level = head.level or 1
        stack = [entry for entry in stack if entry[0] < level]
        stack.append((level, text[head.start : head.end]))
        later = (other.start for other in heads[i + 1 :] if (other.level or 1) <= level)
        end = len(text[: next(later, len(text))].rstrip())
        path = tuple(title for _, title in stack)
        sections.append(Section(path[-1], level, head.start, end, path))
    return tuple(sections)

"""Documents as the lines that a model scores and the pieces that passages are made of."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from datakit.records import Block, Document
from datakit.segmentation.corpus import Line
from datakit.segmenters._pack import (
    Seam,
    Sizes,
    blocks_of,
    has_letters,
    parts_of,
    seam_before,
    sentence_pieces,
)
from datakit.text import count_tokens, sentences

# tokens of sentences that make one line of a paragraph above the limit: the size of a paragraph
_LEAST_GROUP, _MOST_GROUP = 60, 100
_TITLE_CHARS = 80
_ENDS_OF_PROSE = tuple(".;,!?…。；，！？、)）")
_SOLID = frozenset({"table", "code", "heading"})  # one line to the model, however long

Span = tuple[int, int]
Sized = tuple[int, int, int]  # a span and its tokens
PieceSeam = Seam | Literal["row"]  # inside a row of a table, between two sentences


@dataclass(frozen=True, slots=True)
class Piece:
    """A span that is never cut, and what a cut before it would part."""

    start: int
    end: int
    n_tokens: int
    line: int  # which line it is, or is a part of
    seam: PieceSeam
    kind: str  # of its block
    level: int | None = None  # of a heading, where it starts, or of a list item
    forced: bool = False  # only the size limit may put a cut before it
    is_title: bool = False  # a short line without the end of a sentence
    has_letters: bool = True

    @property
    def is_heading(self) -> bool:
        return self.kind == "heading"


class Lines:
    """The lines of a document and their pieces, in order.

    A block is one line and one piece. A block above the limit, its headings counted in, falls
    apart: prose into groups of sentences, each a line; a table or code into rows, all one line.
    A sentence or row that is above the limit itself is cut after commas and at blanks. Headings
    that are not trusted are paragraphs.
    """

    def __init__(self, document: Document, sizes: Sizes, trust_headings: bool = True) -> None:
        self.text = document.text
        self.language = document.language
        self.sizes = sizes
        self.lines: list[Line] = []
        self.pieces: list[Piece] = []
        before: Block | None = None
        headings = 0  # tokens of the headings right before
        for found in blocks_of(document):
            block = found if trust_headings or found.kind != "heading" else _as_paragraph(found)
            n_tokens = self._size(block.start, block.end)
            seam = seam_before(self.text, before, block)
            if n_tokens <= self._room(block, headings):
                self._add(block, [(block.start, block.end, n_tokens)], seam)
            else:
                self._fall_apart(block, seam)
            headings = headings + n_tokens if block.kind == "heading" else 0
            before = block

    def _room(self, block: Block, headings: int) -> int:
        """The most tokens of a block that stays whole under its headings."""
        most = self.sizes.most
        return most - headings if block.kind != "heading" and 2 * headings < most else most

    def _fall_apart(self, block: Block, seam: Seam) -> None:
        parts = [(*part, self._size(*part)) for part in parts_of(self.text, block, self.language)]
        if block.kind in _SOLID:
            self._add(block, parts, seam)
            return
        for i, group in enumerate(self._groups(parts)):
            self._add(block, [group], "parts" if i else seam, first=not i)

    def _size(self, start: int, end: int) -> int:
        return count_tokens(self.text[start:end], self.language)

    def _groups(self, parts: Sequence[Sized]) -> Iterator[Sized]:
        """Sentences joined to the size of a paragraph; a longer sentence is a group by itself."""
        most = min(_MOST_GROUP, max(1, self.sizes.target // 2))
        least = min(_LEAST_GROUP, most)
        group: Sized | None = None
        for start, end, size in parts:
            if group and group[2] < least and group[2] + size <= most:
                group = (group[0], end, group[2] + size)
                continue
            if group:
                yield group
            group = (start, end, size)
        if group:
            yield group

    def _add(self, block: Block, spans: Sequence[Sized], seam: Seam, first: bool = True) -> None:
        """One line of spans, each whole or in pieces."""
        number = len(self.lines)
        forced = not first and block.kind == "list_item"
        for start, end, size, inner in self._whole_or_cut(block, spans, seam):
            text = self.text[start:end]
            opens = first and start == block.start
            piece = Piece(
                start,
                end,
                size,
                number,
                inner,
                block.kind,
                level=block.level if opens or block.kind != "heading" else None,
                forced=forced,
                is_title=block.kind == "paragraph" and _is_title(text),
                has_letters=has_letters(text),
            )
            self.pieces.append(piece)
            forced = True
        text = self.text[spans[0][0] : spans[-1][1]]
        self.lines.append(Line(text, block.kind, block.level))

    def _whole_or_cut(
        self, block: Block, spans: Sequence[Sized], seam: PieceSeam
    ) -> Iterator[tuple[int, int, int, PieceSeam]]:
        """The spans with what is before them; one above the limit in sentences and their pieces."""
        for start, end, size in spans:
            if size <= self.sizes.most:
                yield start, end, size, seam
            else:
                for a, b in self._sentences(block, start, end):
                    for piece in sentence_pieces(self.text, a, b, self.sizes):
                        yield *piece, self._size(*piece), seam
                        seam = "sentence"
                    seam = "row"
            seam = "parts"

    def _sentences(self, block: Block, start: int, end: int) -> list[Span]:
        """Of a row; other spans are sentences already."""
        if block.kind not in _SOLID:
            return [(start, end)]
        found = sentences(self.text[start:end], self.language)
        return [(start + a, start + b) for a, b in found]


def _as_paragraph(block: Block) -> Block:
    return replace(block, kind="paragraph", level=None)


def _is_title(text: str) -> bool:
    return len(text) <= _TITLE_CHARS and "\n" not in text and not text.endswith(_ENDS_OF_PROSE)

"""A document put together block by block, spans and sections kept."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from datakit.ingestors._cells import MakeCells
from datakit.ingestors._style import RawBlock
from datakit.records import Block, Document, Dropped, Section, document_id
from datakit.text import normalise

KINDS = frozenset(
    ("heading", "paragraph", "list_item", "table", "definition", "caption", "footnote", "code")
)
GAP = "\n\n"
TIGHT = frozenset(("list_item", "definition"))  # one line after the other, as a reader sees them
MAX_METADATA_CHARS = 500  # of a title or a name; more is a paragraph in the wrong place


class DocumentBuilder:
    """Collects blocks in order; `build` makes the document.

    Texts are normalised one by one, then joined by a blank line (list items and definitions that
    follow one another by a line feed), so every span is exact in code points.
    """

    def __init__(
        self, ingestor: str, media_type: str | None = None, table_cells: bool = False
    ) -> None:
        self.ingestor = ingestor
        self.media_type = media_type
        self.table_cells = table_cells  # whether tables keep theirs
        self._parts: list[str] = []
        self._blocks: list[Block] = []
        self._length = 0

    def __len__(self) -> int:
        return len(self._blocks)

    @property
    def n_chars(self) -> int:
        return self._length

    def append(
        self,
        kind: str,
        text: str,
        level: int | None = None,
        number: str | None = None,
        cells: MakeCells | None = None,
        reference: str | None = None,
    ) -> bool:
        """Add a block; False (and nothing added) when its text is blank.

        Args:
            kind: one of `KINDS`.
            text: raw or normalised; a heading's line breaks become blanks.
            level: of a heading, from 1; of a list item its nesting, from 1.
            number: the enumerator as written; it stays in the text as well.
            cells: makes the cells of a table; called where the document keeps them.
            reference: of the image that a caption describes.

        Raises:
            ValueError: an unknown kind, or a heading without a level.
        """
        if kind not in KINDS:
            raise ValueError(f"block kind {kind!r} is not one of {', '.join(sorted(KINDS))}")
        if kind == "heading" and (level is None or level < 1):
            raise ValueError(f"a heading needs a level from 1, not {level}")
        clean = normalise(text).strip()
        if kind == "heading":
            clean = " ".join(clean.split())
        if not clean:
            return False
        gap = self._gap(kind)
        start = self._length + len(gap)
        self._parts += [gap, clean]
        self._length = start + len(clean)
        if cells is not None and self.table_cells:
            rows, has_header = cells()
            rows = tuple(tuple(normalise(cell) for cell in row) for row in rows)
            block = Block(kind, start, self._length, level, number, rows, has_header)
        elif reference:
            block = Block(kind, start, self._length, level, number, reference=reference)
        else:
            block = Block(kind, start, self._length, level, number)
        self._blocks.append(block)
        return True

    def add(self, blocks: Iterable[RawBlock]) -> None:
        """Append blocks as a reader made them."""
        for block in blocks:
            self.append(
                block.kind, block.text, block.level, block.number, block.cells, block.reference
            )

    def _gap(self, kind: str) -> str:
        if not self._blocks:
            return ""
        return "\n" if kind in TIGHT and self._blocks[-1].kind == kind else GAP

    def build(self, source_uri: str, **metadata: Any) -> Document | Dropped:
        """The document, or `Dropped("no_text", …)` when no block has a letter or a digit.

        Args:
            source_uri: where it comes from, relative to the source that was given.
            **metadata: further fields of `Document`; texts are normalised to one line.
        """
        text = "".join(self._parts)
        if not any(char.isalnum() for char in text):
            return Dropped(
                source_uri,
                "no_text",
                f"{source_uri}: no readable text in {len(self._blocks)} blocks, expected "
                "headings or paragraphs. Look at the file: is it the document itself?",
            )
        fields: dict[str, Any] = {
            "ingestor": self.ingestor,
            "media_type": self.media_type,
            **{name: _one_line(value) for name, value in metadata.items()},
        }
        return Document(
            document_id(source_uri, text),
            text,
            source_uri,
            tuple(self._blocks),
            sections_of(text, self._blocks),
            **fields,
        )


def sections_of(text: str, blocks: Sequence[Block]) -> tuple[Section, ...]:
    """A section for each heading, up to the next heading of its level or above."""
    headings = [(i, b) for i, b in enumerate(blocks) if b.kind == "heading"]
    ends = _section_ends(headings, blocks)
    levels: list[int] = []  # of the headings that are open, and what they say
    titles: list[str] = []
    sections = []
    for (_, block), end in zip(headings, ends, strict=True):
        level = block.level or 1
        title = text[block.start : block.end]
        while levels and levels[-1] >= level:
            levels.pop()
            titles.pop()
        levels.append(level)
        titles.append(title)
        sections.append(Section(title, level, block.start, end, tuple(titles)))
    return tuple(sections)


def _section_ends(headings: list[tuple[int, Block]], blocks: Sequence[Block]) -> list[int]:
    """The end of the last block under each heading, in one pass."""
    ends = [blocks[-1].end if blocks else 0] * len(headings)
    open_: list[int] = []  # positions in `headings`, levels ascending
    for position, (index, block) in enumerate(headings):
        while open_ and (headings[open_[-1]][1].level or 1) >= (block.level or 1):
            ends[open_.pop()] = blocks[index - 1].end
        open_.append(position)
    return ends


def _one_line(value: Any) -> Any:
    """A metadata text normalised, without line breaks; None when blank."""
    if isinstance(value, str):
        return " ".join(normalise(value).split())[:MAX_METADATA_CHARS] or None
    if isinstance(value, dict):
        return {key: str(_one_line(str(item)) or "") for key, item in value.items()}
    return value

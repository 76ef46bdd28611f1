"""What segmenters share: units that may be joined, and passages made of spans."""

from __future__ import annotations

import itertools
import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from datakit.records import Block, Document, Dropped, Passage, passage_id
from datakit.text import count_tokens, cut_point, sentences, token_spans, trim

Seam = Literal["open", "blocks", "items", "parts", "lead_in", "sentence", "heading"]
# what it costs to cut there, on the scale of ((size - aim) / aim)²; our default
_COSTS: dict[Seam, float] = {
    "open": 0.0,  # before a heading, or at the start of the document
    "blocks": 0.02,
    "items": 0.05,  # times the level of the list
    "parts": 0.3,  # inside a block, between two sentences or two rows
    "lead_in": 0.5,  # "…the following:" and its list; a caption and its table
    "sentence": 2.0,  # inside it
    "heading": 10.0,  # after it
}


@dataclass(frozen=True, slots=True)
class Sizes:
    """Sizes of a passage in tokens as `text.count_tokens` counts them."""

    least: int
    target: int
    most: int

    def __post_init__(self) -> None:
        if not 1 <= self.least <= self.target <= self.most:
            raise ValueError(
                "1 <= min_tokens <= target_tokens <= max_tokens is expected, found "
                f"{self.least}, {self.target}, {self.most}"
            )


@dataclass(frozen=True, slots=True)
class Unit:
    """A span that stays whole; `cost` is that of cutting before it."""

    start: int
    end: int
    n_tokens: int
    cost: float
    heading: int | None = None  # its level


# --- units -------------------------------------------------------------------------------------


def blocks_of(document: Document) -> list[Block]:
    """The blocks of a document with nothing left out.

    Text between blocks becomes a paragraph, and a document without blocks falls into paragraphs
    at blank lines, or at line ends where it has no blank line.
    """
    text = document.text
    found: list[Block] = []
    last = 0
    for block in document.blocks:
        found += _paragraphs(text, last, block.start)
        start, end = trim(text, max(block.start, last), block.end)
        if start < end:
            found.append(Block(block.kind, start, end, block.level, block.number))
        last = max(last, block.end)
    return found + _paragraphs(text, last, len(text))


def _paragraphs(text: str, start: int, end: int) -> list[Block]:
    body = text[start:end]
    if not body.strip():
        return []
    pattern = r"\n[^\S\n]*\n\s*" if re.search(r"\S[^\S\n]*\n[^\S\n]*\n\s*\S", body) else r"\n"
    edges = [start, *(start + m.end() for m in re.finditer(pattern, body)), end]
    spans = (trim(text, a, b) for a, b in itertools.pairwise(edges))
    return [Block("paragraph", a, b) for a, b in spans if a < b]


def units_of(document: Document, sizes: Sizes) -> list[Unit]:
    """Blocks as units; a block above the hard limit falls into sentences, a table into rows."""
    text = document.text
    units: list[Unit] = []
    before: Block | None = None
    for block in blocks_of(document):
        cost = _cost(seam_before(text, before, block), block)
        level = (block.level or 1) if block.kind == "heading" else None
        n_tokens = count_tokens(text[block.start : block.end], document.language)
        if n_tokens <= sizes.most:
            units.append(Unit(block.start, block.end, n_tokens, cost, level))
        else:
            units += _fall_apart(text, block, cost, document.language, sizes)
        before = block
    return units


def seam_before(text: str, before: Block | None, block: Block) -> Seam:
    """What a cut before a block would part."""
    if before is None or block.kind == "heading":
        return "heading" if before and before.kind == "heading" else "open"
    if before.kind == "heading":
        return "heading"
    if before.kind == "caption" or text[before.end - 1] in ":：":
        return "lead_in"
    return "items" if before.kind == block.kind == "list_item" else "blocks"


def _cost(seam: Seam, block: Block) -> float:
    return _COSTS[seam] * ((block.level or 1) if seam == "items" else 1)


def _fall_apart(
    text: str, block: Block, cost: float, language: str | None, sizes: Sizes
) -> Iterator[Unit]:
    """Sentences or rows of a block, and pieces of a sentence above the limit."""
    for start, end in parts_of(text, block, language):
        for a, b in sentence_pieces(text, start, end, sizes):
            level = (block.level or 1) if block.kind == "heading" and a == block.start else None
            yield Unit(a, b, count_tokens(text[a:b], language), cost, level)
            cost = _COSTS["sentence"]
        cost = _COSTS["parts"]


def parts_of(text: str, block: Block, language: str | None) -> list[tuple[int, int]]:
    """Spans of the sentences of a block, or of the rows of a table and the lines of code."""
    body = text[block.start : block.end]
    if block.kind in {"table", "code"}:
        parts = [trim(body, *line.span()) for line in re.finditer(r"\S[^\n]*", body)]
    else:
        parts = sentences(body, language)
    return [(block.start + start, block.start + end) for start, end in parts]


def sentence_pieces(text: str, start: int, end: int, sizes: Sizes) -> Iterator[tuple[int, int]]:
    """A sentence whole, or cut after commas and at blanks to about the target where it must be."""
    if count_tokens(text[start:end]) > sizes.most:
        while limit := _limit(text, start, end, sizes.target):
            cut = cut_point(text, start, limit)
            piece = trim(text, start, cut)
            if piece[0] < piece[1]:
                yield piece
            start = trim(text, cut, end)[0]
    if start < end:
        yield start, end


def _limit(text: str, start: int, end: int, n_tokens: int) -> int | None:
    """Where the first `n_tokens` tokens end; None where there are no more than these."""
    width = 40 * (n_tokens + 1)  # code points: enough but for the longest words
    while True:
        spans = token_spans(text[start : min(end, start + width)])
        if len(spans) > n_tokens:
            return start + spans[n_tokens - 1][1]
        if start + width >= end:
            return None
        width *= 4


# --- packing -----------------------------------------------------------------------------------


def pack(units: Sequence[Unit], sizes: Sizes) -> list[list[Unit]]:
    """Units in order, in runs of even size near the target and never above the limit.

    Dynamic programming over the cuts: the sum over runs of ((size - aim) / aim)², of the cost of
    each cut and of 1 for each run below the least size is the smallest possible.
    """
    total = sum(unit.n_tokens for unit in units)
    if total <= sizes.most:
        return [list(units)] if units else []
    n_runs = max(-(-total // sizes.most), round(total / sizes.target))
    aim = total / n_runs
    ends = [0]
    for unit in units:
        ends.append(ends[-1] + unit.n_tokens)
    best = [0.0] + [float("inf")] * len(units)
    came_from = [0] * (len(units) + 1)
    for j in range(1, len(units) + 1):
        first = min(bisect_left(ends, ends[j] - sizes.most), j - 1)
        for i in range(first, j):
            size = ends[j] - ends[i]
            price = ((size - aim) / aim) ** 2 + (units[i].cost if i else 0.0)
            price += best[i] + (1.0 if size < sizes.least else 0.0)
            if price < best[j]:
                best[j], came_from[j] = price, i
    return _runs(units, came_from)


def _runs(units: Sequence[Unit], came_from: Sequence[int]) -> list[list[Unit]]:
    runs: list[list[Unit]] = []
    j = len(units)
    while j:
        runs.append(list(units[came_from[j] : j]))
        j = came_from[j]
    return runs[::-1]


# --- passages ----------------------------------------------------------------------------------

_LETTERS = re.compile(r"[^\W\d_]+")
_DIGITS = re.compile(r"\d+")


def has_letters(text: str) -> bool:
    return bool(_LETTERS.search(text))


def no_text(document: Document) -> Dropped:
    return Dropped(
        document.doc_id,
        "no_text",
        f"{document.source_uri}: no text to segment, found {len(document.text)} blank characters;"
        " see the ingestor's flags, or leave the document out",
    )


def passages(
    document: Document, spans: Iterable[tuple[int, int]], segmenter: str, sizes: Sizes
) -> Iterator[Passage]:
    """Passages of the spans, with what they inherit from the document."""
    paths = SectionPaths(document)
    for ordinal, (start, end) in enumerate(spans):
        text = document.text[start:end]
        n_tokens = count_tokens(text, document.language)
        yield Passage(
            passage_id=passage_id(document.doc_id, start, end),
            doc_id=document.doc_id,
            text=text,
            start=start,
            end=end,
            ordinal=ordinal,
            section_path=paths.of(start, end),
            title=document.title,
            issuer=document.issuer,
            category=document.category,
            doc_type=document.doc_type,
            date=document.date,
            language=document.language,
            n_tokens=n_tokens,
            segmenter=segmenter,
            flags=_flags(text, n_tokens, sizes),
        )


def _flags(text: str, n_tokens: int, sizes: Sizes) -> tuple[str, ...]:
    flags = ["short"] if n_tokens < sizes.least else []
    if not has_letters(text):
        flags.append("no_text")
    elif _is_numeric(text):
        flags.append("numeric")
    return tuple(flags)


def _is_numeric(text: str) -> bool:
    """Whether digits outnumber letters: a table of figures."""
    left = sum(map(len, _DIGITS.findall(text)))
    for word in _LETTERS.finditer(text):  # most texts are told by their first words
        left -= len(word[0])
        if left <= 0:
            return False
    return left > 0


class SectionPaths:
    """Which section path is in force where."""

    def __init__(self, document: Document) -> None:
        self._sections = sorted(document.sections, key=lambda s: (s.start, s.level))
        self._starts = [section.start for section in self._sections]
        self._blocks = [block for block in document.blocks if block.kind != "heading"]
        self._ends = [block.end for block in self._blocks]

    def of(self, start: int, end: int) -> tuple[str, ...]:
        """The path at the first block of the span that is no heading, else at its last heading."""
        if not self._sections:
            return ()
        i = bisect_right(self._ends, start)
        if i < len(self._blocks) and self._blocks[i].start < end:
            return self._at(max(start, self._blocks[i].start))
        return self._at(end - 1 if self._blocks else start)

    def _at(self, offset: int) -> tuple[str, ...]:
        i = bisect_right(self._starts, offset) - 1
        while i >= 0 and self._sections[i].end <= offset:
            i -= 1
        return self._sections[i].path if i >= 0 else ()

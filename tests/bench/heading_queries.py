"""Sections of real documents as what is looked for, their headings as the queries: for benches.

A query is the heading of a leaf section (what stands between two headings) with its issuer,
"Issuer: heading". Headings are not in what is searched, or finding them would be looking words up:
`Views` has a document with and without its headings, and moves spans from one to the other. Lines
that say a heading again, as those of a table of contents do, are in neither.
"""

from __future__ import annotations

import itertools
import re
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from datakit.records import Block, Document, Query
from datakit.segmenters._pack import blocks_of
from datakit.text import token_spans

LEAST_EVIDENCE, MOST_EVIDENCE = 20, 200  # tokens of a section that is asked for, and that count

# --- the text without headings -------------------------------------------------------------------


@dataclass(frozen=True)
class Leaf:
    """What stands between two headings: a span of the text without headings."""

    path: tuple[str, ...]  # headings from the top down
    start: int
    end: int


@dataclass(frozen=True)
class Views:
    """A document as ingested and without its headings."""

    full: Document
    bare: Document
    kept: tuple[Block, ...]  # of `full`: the blocks that `bare` has, in the same order

    @cached_property
    def _ends(self) -> list[int]:
        return [block.end for block in self.kept]

    @cached_property
    def _starts(self) -> list[int]:
        return [block.start for block in self.kept]

    def span(self, start: int, end: int) -> tuple[int, int] | None:
        """A span of `full` as one of `bare`; None where it has headings alone."""
        first, last = bisect_right(self._ends, start), bisect_left(self._starts, end) - 1
        if first > last:
            return None
        a, b = self.bare.blocks[first], self.bare.blocks[last]
        into = max(0, start - self._starts[first])
        return a.start + into, b.end - max(0, self._ends[last] - end)

    @cached_property
    def leaves(self) -> tuple[Leaf, ...]:
        found: list[Leaf] = []
        above: list[tuple[int, str]] = []
        for is_heading, run in itertools.groupby(self.full.blocks, lambda b: b.kind == "heading"):
            blocks = list(run)
            if is_heading:
                for block in blocks:
                    level = block.level or 1
                    above = [entry for entry in above if entry[0] < level]
                    above.append((level, self.full.text[block.start : block.end]))
            elif above and (span := self.span(blocks[0].start, blocks[-1].end)):
                found.append(Leaf(tuple(title for _, title in above), *span))
        return tuple(found)


def views(document: Document) -> Views:
    blocks = tuple(blocks_of(document))
    titles = {
        words(document.text[block.start : block.end]) for block in blocks if block.kind == "heading"
    } - {""}
    said = tuple(b for b in blocks if b.kind == "heading" or not repeats(document, b, titles))
    full = with_blocks(document, said)
    kept = tuple(block for block in full.blocks if block.kind != "heading")
    return Views(full, with_blocks(full, kept), kept)


def with_blocks(document: Document, blocks: Iterable[Block]) -> Document:
    """The document made of some of its blocks."""
    made, texts, at = [], [], 0
    for block in blocks:
        text = document.text[block.start : block.end]
        made.append(replace(block, start=at, end=at + len(text), cells=()))
        texts.append(text)
        at += len(text) + 2
    return replace(document, text="\n\n".join(texts), blocks=tuple(made), sections=())


def repeats(document: Document, block: Block, titles: set[str]) -> bool:
    """Is the block an entry of a table of contents, or a heading again?"""
    is_line = block.kind in ("paragraph", "list_item")
    return is_line and words(document.text[block.start : block.end]) in titles


_NUMBER = re.compile(
    r"^\W*(?:(?:item|part|article|section|note|chapter)\s+)?"
    r"(?:\d{1,3}(?:\.\d+)*[a-z]?(?:[.):]+|\s)|(?:[ivxlc]+|[a-z])(?:[.):]+\s|\)))\W*",
    re.I,
)
_PAGE = re.compile(r"[\W\d]+$")


def unnumbered(title: str) -> str:
    """A heading without its number, on one line."""
    one_line = " ".join(title.split())
    return _NUMBER.sub("", one_line) or one_line


def words(title: str) -> str:
    """What two writings of one heading share: no number, no page, no punctuation."""
    return " ".join(re.findall(r"\w+", _PAGE.sub("", unnumbered(title)).casefold()))


# --- queries -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Asked:
    """A query with its section and the evidence in it."""

    query: Query
    document: int
    leaf: Leaf
    end: int  # of the evidence, which starts with the section

    @property
    def length(self) -> int:
        return self.end - self.leaf.start


def asked(corpus: Sequence[Views]) -> list[Asked]:
    """A query for each section whose heading, with what is over it, is in the corpus once."""
    entries = [
        (i, leaf, forms(view.full, leaf.path))
        for i, view in enumerate(corpus)
        for leaf in view.leaves
    ]
    written = Counter(words(form) for _, _, found in entries for form in set(found))
    made: list[Asked] = []
    for i, leaf, found in entries:
        text = next((form for form in found if written[words(form)] == 1), None)
        view = corpus[i]
        tokens = token_spans(view.bare.text[leaf.start : leaf.end])
        is_title = words(leaf.path[-1]) == words(view.full.title or "")
        if text and not is_title and len(tokens) >= LEAST_EVIDENCE:
            end = leaf.start + tokens[min(len(tokens), MOST_EVIDENCE) - 1][1]
            query = Query(f"q{len(made)}", text, view.full.language, "passage", "keyword")
            made.append(Asked(query, i, leaf, end))
    return made


def forms(document: Document, path: Sequence[str]) -> list[str]:
    """How a section can be asked for, the shortest first."""
    *above, last = (unnumbered(title) for title in path)
    titles = [last] if is_telling(last) else []
    if above and above[-1] != document.title:
        titles.append(f"{above[-1]}, {last}")
    issuer, title = document.issuer or "", document.title or ""
    return [f"{who}: {what}" for who in (issuer, f"{issuer} {title}") for what in titles]


def is_telling(title: str) -> bool:
    """Two words of four letters; "General" and "Use of it" mean nothing without what is above."""
    return len(re.findall(r"[^\W\d_]{4,}", title)) >= 2

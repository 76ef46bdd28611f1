"""Titles that a filing numbers and does not set apart: of notes, and of lettered sections."""

from __future__ import annotations

import re

from datakit.ingestors._html import RawBlock

NOTE = re.compile(r"note\s+\d{1,2}[a-z]?\b\s*[.:–—-]*\s*", re.I)
MAX_TITLE = 100  # characters
MAX_GAP = 3  # numbers that a series of notes may leap over
_NOTES = re.compile(r"notes\s+to\s+(?:\w+,?\s+){0,4}financial\s+statements", re.I)
_NUMBERED = re.compile(r"(?:note\s+)?(\d{1,2})\s*[.:)–—-]*\s+(?=[A-Z])", re.I)
_ENDS = (".", ";", ",", ":")


def with_numbered_titles(blocks: list[RawBlock]) -> list[RawBlock]:
    """Titles of notes as bold lines, lettered titles as underlined ones; changes them in place.

    A note is titled by a short line whose number follows that of the note before, below "Notes to
    … financial statements"; a lettered title stands alone above running text.
    """
    number = None  # of the last note; None above the notes
    around = [RawBlock("rule", ""), *blocks, RawBlock("rule", "")]
    for before, block, after in zip(around, around[1:], around[2:], strict=False):
        if block.kind not in ("paragraph", "list_item") or not _is_short(block.text):
            continue
        if _NOTES.match(block.text):
            number = number or 0
            continue
        match = _NUMBERED.match(block.text)
        if number is not None and match and number < int(match.group(1)) <= number + MAX_GAP:
            number = int(match.group(1))
            block.kind, block.level, block.bold = "paragraph", None, True
        elif _stands_alone(before, block, after):
            block.kind, block.level, block.underline = "paragraph", None, True
    return blocks


def _is_short(text: str) -> bool:
    return len(text) <= MAX_TITLE and not text.endswith(_ENDS) and "\n" not in text


def _stands_alone(before: RawBlock, block: RawBlock, after: RawBlock) -> bool:
    lettered = block.kind == "list_item" and block.number is not None
    prose = after.kind == "paragraph" and len(after.text) > MAX_TITLE
    return lettered and prose and before.kind not in ("list_item", "table", "footnote")

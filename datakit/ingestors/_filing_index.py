"""The list of Parts and Items that a filing gives, where its body does not repeat them.

Some reports are laid out by subject and only say in a cross-reference index where each Item is;
others leave out the heading of an Item that their contents link to.
"""

from __future__ import annotations

import bisect
import re
from collections import Counter
from collections.abc import Callable, Sequence

from datakit.ingestors import _html
from datakit.ingestors._html import Cell, Element, RawBlock

PART = re.compile(r"part\s+(i{1,3}|iv|[1-4])\b\s*[.:,–—-]*\s*", re.I)
ITEM = re.compile(
    r"items?\s*(\d{1,2}(?:\.\d{2}|\.?[a-k])?)\b(?:\s*\([a-z0-9]{1,2}\))*\s*[.:–—-]*\s*", re.I
)
MIN_ITEMS = 3  # headings of Items that make a report one with Items in its body
MIN_ROWS = 4  # rows that name an Item make a table an index
MAX_CELL = 300  # characters; a longer cell is text and no entry
SEPARATOR = " | "
# "Page 3", "Pages 35 - 36, 40", "F-12", "Not applicable", "(a)"
_PLACE = re.compile(
    r"(?:pages?\s*)?(?:[A-Z]{1,2}-)?\d[\d\s,&–—-]*|(?:not applicable|n/?a|none)\b.*|\(\w\)|[–—-]",
    re.I,
)
_MARK = "\ue0f0"  # private use: no filing has it

ItemLevel = Callable[[RawBlock], int | None]


def number_of(text: str) -> str:
    """`1A` of "Item 1A. Risk Factors", `part II` of "PART II"; empty for any other line."""
    item, part = ITEM.match(text), PART.match(text)
    if item:
        return item.group(1).upper().replace(".", "", item.group(1)[-1].isalpha())
    return f"part {part.group(1).upper()}" if part else ""


def lists_items(rows: Sequence[Sequence[Cell]]) -> bool:
    """Whether a table is a list of Items: most rows name one, and no cell holds their text."""
    named = [number_of(row[0].text) for row in rows]
    items = {name for name in named if name and not name.startswith("part")}
    short = all(len(cell.text) <= MAX_CELL for row in rows for cell in row)
    return short and len(items) >= MIN_ROWS and sum(map(bool, named)) >= 0.4 * len(rows)


def with_index(blocks: list[RawBlock], item_level: ItemLevel) -> list[RawBlock]:
    """The last list of Items read out, in a report that has no Item of its own.

    Each entry becomes a heading, and where the report treats it ("Pages 35 - 36") its text.
    """
    if sum(item_level(block) == 2 for block in blocks) >= MIN_ITEMS:
        return blocks
    lists = [
        i
        for i, block in enumerate(blocks)
        if block.kind == "contents" and len(_named(block)) >= MIN_ROWS
    ]
    if not lists:
        return blocks
    return [*blocks[: lists[-1]], *_entries(blocks[lists[-1]]), *blocks[lists[-1] + 1 :]]


def _named(block: RawBlock) -> set[str]:
    names = {number_of(line) for line in block.text.split("\n")}
    return {name for name in names if name and not name.startswith("part")}


def _entries(block: RawBlock) -> list[RawBlock]:
    entries: list[RawBlock] = []
    for line in block.text.split("\n"):
        cells = [cell.strip() for cell in line.split(SEPARATOR)]
        title = 1
        if number_of(cells[0]):
            title += len(cells) > 1 and not _PLACE.fullmatch(cells[1])
            level = 1 if PART.match(cells[0]) else 2
            entries.append(RawBlock("heading", " ".join(cells[:title]), level=level))
            cells = cells[title:]
        if cells:
            entries.append(RawBlock("paragraph", ", ".join(cells)))
    return entries


# --- places that the contents link to -------------------------------------------------------------


def mark_items(root: Element) -> dict[str, str]:
    """Put a mark into the tree where the contents say that an Item begins.

    Returns:
        The entry of the contents by mark, the Part that it opens on a line above; `unmarked`
        takes the marks out of the blocks again.
    """
    entries = _linked_items(root)
    targets: dict[str, Element] = {}
    for element in root.xpath("//*[@id or @name]") if entries else ():
        for name in (element.get("id"), element.get("name")):
            if name in entries:
                targets.setdefault(name, element)
    marks: dict[str, str] = {}
    for n, (name, element) in enumerate(targets.items()):
        marks[f"{_MARK}{n}"] = entries[name]
        _insert_before(element, f"{_MARK}{n}")
    return marks


def _linked_items(root: Element) -> dict[str, str]:
    """Entry by target, of the first table that lists Items with links; empty without one."""
    for table in root.iter("table"):
        links = sum((a.get("href") or "").startswith("#") for a in table.iter("a"))
        if links < MIN_ROWS or next(table.iterdescendants("table"), None) is not None:
            continue
        entries: dict[str, str] = {}
        part = ""  # a Part has no link of its own: it begins with its first Item
        for row in table.iter("tr"):
            link = next((a for a in row.iter("a") if (a.get("href") or "").startswith("#")), None)
            cells = [_html.text_of(cell) for cell in row.iter("td", "th")]
            entry = " ".join(text for text in cells if text and not _PLACE.fullmatch(text))
            if PART.match(entry) and link is None:
                part = entry[:MAX_CELL] + "\n"
            elif link is not None and number_of(entry):
                entries.setdefault(link.get("href")[1:], part + entry[:MAX_CELL])
                part = ""
        if len(entries) >= MIN_ROWS:
            return entries
    return {}


def _insert_before(element: Element, mark: str) -> None:
    """A paragraph with the mark before the block that holds the element, outside any table."""
    from lxml import etree

    place = next((e for e in element.iterancestors("table")), element)
    while place.getparent() is not None and place.tag not in ("div", "p", "table", "h1", "h2"):
        if place.getparent().tag == "body":
            break
        place = place.getparent()
    if place.getparent() is None:
        return
    paragraph = etree.Element("p")
    paragraph.text = mark
    place.addprevious(paragraph)


def unmarked(
    blocks: list[RawBlock], marks: dict[str, str]
) -> tuple[list[RawBlock], list[tuple[RawBlock, str]]]:
    """The blocks without marks, and for each mark the blocks that follow it.

    Returns:
        blocks: all but the marks.
        places: `(block, entry)`: the entry of the contents that begins with that block.
    """
    kept = [block for block in blocks if block.text not in marks]
    if not marks or not kept:
        return kept, []
    places: list[tuple[RawBlock, str]] = []
    n = 0
    for block in blocks:
        if block.text in marks:
            first = kept[min(n, len(kept) - 1)]
            places += [(first, entry) for entry in marks[block.text].split("\n")]
        else:
            n += 1
    return kept, places


def with_linked_items(
    blocks: list[RawBlock], before: list[RawBlock], places: list[tuple[RawBlock, str]],
    item_level: ItemLevel,
) -> list[RawBlock]:  # fmt: skip
    """The Items that the contents link to and the body does not name, as headings there.

    Args:
        blocks: of the report, page furniture taken out.
        before: the same with furniture; the order in which `places` are counted.
        places: from `unmarked`.
        item_level: 2 for the heading of an Item, 1 for that of a Part.
    """
    missing = Counter(number_of(entry) for _, entry in places)
    missing.subtract(number_of(block.text) for block in blocks if item_level(block))
    order = {id(block): i for i, block in enumerate(before)}
    at = [order.get(id(block), -1) for block in blocks]
    wanted: dict[int, list[RawBlock]] = {}
    for first, entry in places:
        number = number_of(entry)
        place = bisect.bisect_left(at, order[id(first)])
        near = (b for b in blocks[max(0, place - 1) : place + 3] if item_level(b))
        if missing[number] <= 0 or any(number_of(block.text) == number for block in near):
            continue
        missing[number] -= 1
        level = 1 if PART.match(entry) else 2
        wanted.setdefault(place, []).append(RawBlock("heading", entry, level=level, bold=True))
    out: list[RawBlock] = []
    for i, block in enumerate(blocks):
        out += [*wanted.get(i, ()), block]
    return out

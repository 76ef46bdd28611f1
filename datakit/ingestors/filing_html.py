"""US filings (10-K, 10-Q, 8-K, 20-F, 6-K and their exhibits) in HTML and inline XBRL.

Hidden facts go, `Part` and `Item` lines become headings wherever they stand, styled lines below
them rank under them, page furniture (numbers, running heads, links back to the contents) goes,
and a financial table is one block with a line per row.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

from datakit.ingestors import (
    _dates,
    _filing_index,
    _filing_notes,
    _filing_tables,
    _html,
    _images,
    _prose,
)
from datakit.ingestors._blocks import DocumentBuilder
from datakit.ingestors._decode import MAX_BYTES, read_text
from datakit.ingestors._filing_index import ITEM as _ITEM
from datakit.ingestors._filing_index import PART as _PART
from datakit.ingestors._html import Cell, Element, RawBlock, Table
from datakit.records import Document, Dropped
from datakit.registry import plugin

OPENING_CHARS = 6000  # of a page's text, in which a filing says that it is one
COVER_BLOCKS = 120  # in which the registrant is looked for
_INLINE_XBRL = b"http://www.xbrl.org/2013/inlinexbrl"
_TAGS = re.compile(rb"<[^>]{0,4000}>|&[a-z#0-9]{1,8};", re.I)
_SAYS_SO = re.compile(
    rb"united\s+states\s+securities\s+and\s+exchange\s+commission"
    rb"|\bform\s+(?:10-?k|10-?q|8-?k|20-?f|6-?k|40-?f|s-?[134]|def\s*14a|424b\d)\b"
    rb"|securities\s+exchange\s+act\s+of\s+1934",
    re.I,
)
_RENDERED = re.compile(rb"[\"']include/report\.css|<table class=\"report\"", re.I)  # R2.htm
_EDGAR = re.compile(rb"<type>\s*(?:10-|8-k|20-f|6-k|40-f|ex-\d|424b|def ?14|s-\d)", re.I)


@plugin("ingestors", "filing_html")
@dataclass(frozen=True)
class FilingHtml:
    """A filing with the US Securities and Exchange Commission, HTML or inline XBRL."""

    max_bytes: int = MAX_BYTES  # larger files are dropped
    table_cells: bool = False  # tables as rows of cells beside their text

    def matches(self, name: str, head: bytes) -> int:
        """90 for a page that says it is a filing, 0 otherwise."""
        lower = head.lower()
        page = name.lower().endswith((".html", ".htm", ".xhtml")) or b"<html" in lower[:4096]
        if not page:
            return 0
        if _INLINE_XBRL in lower or _EDGAR.search(lower[:1000]) or _RENDERED.search(lower[:4096]):
            return 90
        text = b" ".join(_TAGS.sub(b" ", head).split())[:OPENING_CHARS]
        return 90 if _SAYS_SO.search(text) else 0

    def __call__(self, path: Path, source_uri: str) -> Iterator[Document | Dropped]:
        decoded = read_text(path, source_uri, max_bytes=self.max_bytes)
        if isinstance(decoded, Dropped):
            yield decoded
            return
        yield read_filing(decoded.text, source_uri, decoded.flags, self.table_cells)


def read_filing(
    html: str, source_uri: str, flags: tuple[str, ...] = (), table_cells: bool = False
) -> Document | Dropped:
    """The document of a filing.

    Args:
        html: the filing; an EDGAR header before `<html>` is read and left out.
        source_uri: its place; a date in the file's name counts as the filing date.
        flags: of the decoding, passed on.
        table_cells: whether tables keep their cells.
    """
    start = html[:20_000].lower().find("<html")
    head, html = (html[:start], html[start:]) if start > 0 else ("", html)
    root, flattened = _html.parse(html)
    if root is None:
        return _no_text(source_uri)
    facts = _facts(root)
    _html.remove_never_text(root)
    _keep_plain_text(root)
    marks = _filing_index.mark_items(root)
    walk = _html.Walk(_skip, table_blocks if table_cells else _text_of_table)
    body = root.find("body")
    raw = walk.run(root if body is None else body)
    left_out = Counter(reason for reason, e in walk.left_out if _html.text_of(e))
    left_out["image"] = walk.n_images
    whole, places = _filing_index.unmarked(_prose.mended(raw, plain=True), marks)
    blocks, n_repeated = _images.distinct(_without_furniture(whole, left_out))
    left_out["image"] += n_repeated
    if places and sum(_item_level(block) == 2 for block in blocks) >= _filing_index.MIN_ITEMS:
        blocks = _filing_index.with_linked_items(blocks, whole, places, _item_level)
    blocks = _headings(blocks)
    builder = DocumentBuilder("filing_html", "text/html", table_cells)
    builder.add(blocks)
    if not any(char.isalnum() for block in blocks for char in block.text):
        return _no_text(source_uri)
    fields = _metadata(facts, head, blocks, source_uri)
    counts = ", ".join(f"{reason} {n}" for reason, n in sorted(left_out.items()) if n)
    if counts:
        fields["meta"]["left_out"] = counts
    flags = (*flags, "flattened") if flattened else flags
    return builder.build(source_uri, flags=flags, **fields)


def _no_text(source_uri: str) -> Dropped:
    return Dropped(
        source_uri,
        "no_text",
        f"{source_uri}: no text outside ix:header and hidden parts, expected a filing. "
        "Is it the primary document?",
    )


def _skip(element: Element, tag: str, attributes: dict[str, str]) -> str | None:
    if tag in ("ix:header", "ix:hidden", "title", "document:header"):
        return "xbrl_header"
    css = attributes.get("style")
    return "hidden" if css and _html.style_of(css).hidden else None


PLAIN_CHARS = 5000  # a text node of that many characters and
PLAIN_LINES = 100  # lines was laid out by its line breaks


def _keep_plain_text(root: Element) -> None:
    """Read a filing of the 1990s, plain text with `<html>` around it, as preformatted."""
    for element in root.iter():
        for text in (element.text, element.tail):
            if text and len(text) > PLAIN_CHARS and text.count("\n") > PLAIN_LINES:
                owner = element if text is element.text else element.getparent()
                if owner is not None and owner.tag not in ("html", "head"):
                    owner.tag = "pre"
    for table in root.iter("table"):
        # SGML: <TABLE><CAPTION> lines <S> <C>, with neither rows nor cells
        if next(table.iter("td", "th"), None) is None and "\n" in "".join(table.itertext()).strip():
            table.tag = "pre"
            for element in table.iter("caption", "s", "c", "fn"):
                element.tag = "span"


# --- tables ---------------------------------------------------------------------------------------

_INVISIBLE = "\u200b\u200c\u200d\u2060\ufeff\xad\xa0 \n"
_BULLET = re.compile(r"[•●○■□▪▫·◦‣⁃∙➢➤►*†‡§–—-]{1,3}")
_ENUMERATOR = re.compile(r"[(]?(?:\d{1,3}|[a-zA-Z]|[ivx]{1,5})[).]{1,2}")
_LEAD = re.compile(r"[(](?:\d{1,3}|[a-zA-Z]|[ivx]{1,5})[)]\s+(?=\S)")
_NUMBER = re.compile(r"[$€£¥(\s]*[-–—]?[\d,.]*\d[\d,.]*[)%\sx]*|[—–-]|N/?[AM]", re.I)
_NOTE = re.compile(r"\(\s?(?:\d{1,2}|[a-z])\s?\)\s|[*†‡]{1,3}\s?")
_BOX = re.compile(r"[☐☒☑□■✓✔þ¨ýo]|\[\s?[xX]?\s?\]")


def table_blocks(table: Table) -> list[RawBlock] | None:
    """The blocks of a table, or None where it only lays out a page.

    Rows are read as they are printed: empty cells and the cells of currency signs, brackets and
    percent signs close up with their number.
    """
    filled = [[cell for cell in row if cell.text.strip(_INVISIBLE)] for row in table.rows]
    kept = [i for i, row in enumerate(filled) if row]
    rows = [filled[i] for i in kept]
    if not rows:
        return []
    lines = [_filing_tables.closed_up(row) for row in rows]
    if _is_contents(rows) or _filing_index.lists_items(rows):
        return [RawBlock("contents", "\n".join(_filing_index.SEPARATOR.join(li) for li in lines))]
    if max(len(line) for line in lines) == 1:
        return None
    found = _item_line(rows, lines) or _bullets(rows, lines)
    if found:
        return found
    if _lays_out(rows, lines):
        return None
    caption = [RawBlock("caption", table.caption)] if table.caption else []
    printed = [" | ".join(line) for line in lines]
    header = _filing_tables.spanned_header(table, kept)
    if header:
        printed = header[1] + printed[header[0] :]
    cells = partial(_filing_tables.cells_of, table, rows, kept)
    return [*caption, RawBlock("table", "\n".join(printed), cells=cells)]


def _text_of_table(table: Table) -> list[RawBlock] | None:
    """The same without the cells: a filing may have 50,000, which nothing needs to keep."""
    found = table_blocks(table)
    for block in found or ():
        block.cells = None
    return found


def _is_contents(rows: list[list[Cell]]) -> bool:
    """A table of contents: its rows link within the page, or are items with a page number."""
    if len(rows) < 3:
        return False
    linked = sum(any(cell.linked for cell in row) for row in rows)
    if linked >= 0.6 * len(rows):
        return True
    numbered = sum(bool(_ITEM.match(row[0].text) or _PART.match(row[0].text)) for row in rows)
    paged = sum(bool(re.fullmatch(r"[A-Z]?-?\d{1,3}", row[-1].text)) for row in rows)
    return numbered >= 4 and paged >= 0.5 * len(rows)


def _item_line(rows: list[list[Cell]], lines: list[list[str]]) -> list[RawBlock] | None:
    """A heading that is set as a table: `Item 1A.` or `Note 4:`, then its title in a cell."""
    if len(rows) > 2:
        return None
    blocks = []
    for row, line in zip(rows, lines, strict=True):
        twice = len(line) == 2 and _ITEM.fullmatch(line[0]) and _ITEM.match(line[1])
        text = line[1] if twice else " ".join(line)
        note = len(line) == 2 and _filing_notes.NOTE.fullmatch(line[0])
        named = note or _ITEM.match(text) or _PART.match(text)
        if not named or len(text) > MAX_TITLE_CHARS:
            return None
        bold = bool(note) or all(cell.bold for cell in row)
        blocks.append(RawBlock("paragraph", text, bold=bold))
    return blocks


def _bullets(rows: list[list[Cell]], lines: list[list[str]]) -> list[RawBlock] | None:
    """A list that is set as a table: a bullet or number in one cell, the text in the next."""
    blocks: list[RawBlock] = []
    for row, line in zip(rows, lines, strict=True):
        if len(row) != 2 or len(line) != 2 or len(row[1].text) < 3 or _NUMBER.fullmatch(line[1]):
            return None
        if _BOX.fullmatch(row[0].text):
            blocks.append(RawBlock("paragraph", " ".join(line)))
        elif _BULLET.fullmatch(row[0].text):
            blocks.append(RawBlock("list_item", line[1], level=1))
        elif _ENUMERATOR.fullmatch(row[0].text):
            text = f"{line[0]} {line[1]}"
            blocks.append(RawBlock("list_item", text, level=1, number=line[0], bold=row[1].bold))
        else:
            return None
    return blocks


def _lays_out(rows: list[list[Cell]], lines: list[list[str]]) -> bool:
    """Hardly a number, few rows, and prose in them."""
    cells = [text for line in lines for text in line]
    numbers = sum(bool(_NUMBER.fullmatch(text)) for text in cells)
    longest = max(len(text) for text in cells)
    return numbers == 0 and longest > 600 and len(rows) <= 3


# --- page furniture -------------------------------------------------------------------------------

_PAGE_NUMBER = re.compile(
    r"[-–—\s]*(?:page\s*)?(?:[A-Z]{1,2}-)?(?:\d{1,3}|[ivxl]{1,6})(?:\s*of\s*\d{1,3})?[-–—\s.]*",
    re.I,
)
_TO_CONTENTS = re.compile(
    r"(?:back\s+to\s+)?(?:table\s+of\s+contents|index(?:\s+to\s+(?:consolidated\s+)?financial\s+"
    r"statements)?|contents)", re.I
)  # fmt: skip
_EDGES = frozenset(("rule", "page"))
_FURNITURE = frozenset(("paragraph", "heading", "list_item", "table"))  # a foot may be a table
MIN_REPEATS = 4  # of a running head
MAX_HEAD_LINES = 6


def _without_furniture(blocks: list[RawBlock], left_out: Counter[str]) -> list[RawBlock]:
    """The blocks without page numbers, running heads and contents; `rule` marks a page's edge."""
    marked = list(_without_linked_contents([_marked(block) for block in blocks]))
    heads = _running_heads(marked)
    kept: list[RawBlock] = []
    broken = False  # whether a page ended since the last block that was kept
    for i, block in enumerate(marked):
        if block.kind in _EDGES or i in heads:
            left_out["page"] += block.kind != "rule"
            broken = True
            continue
        left_out["contents"] += block.kind == "contents"
        if broken and kept and _runs_on(kept[-1], block):
            kept[-1].text = _prose.join(kept[-1].text, block.text)
        else:
            kept.append(block)
        broken = False
    return kept


def _marked(block: RawBlock) -> RawBlock:
    """Page numbers and links back to the contents as `page`."""
    short = block.kind in ("paragraph", "heading") and len(block.text) < 60
    if short and (_PAGE_NUMBER.fullmatch(block.text) or _leads_back(block)):
        block.kind = "page"
    return block


def _leads_back(block: RawBlock) -> bool:
    return block.links > 0.5 and bool(_TO_CONTENTS.fullmatch(block.text))


def _shape(text: str) -> str:
    """A short text without its numbers; empty for a long one."""
    return re.sub(r"\d+", "#", text.casefold()) if len(text) <= 120 else ""


def _running_heads(blocks: list[RawBlock]) -> frozenset[int]:
    """Positions of short lines that come back next to the edges of pages, one after the other."""
    shapes = [_shape(block.text) if block.kind in _FURNITURE else "" for block in blocks]
    anywhere = Counter(shape for shape in shapes if shape)
    often = {shape for shape, n in anywhere.items() if n >= MIN_REPEATS and not _ITEM.match(shape)}
    at_edge = Counter(shapes[i] for i in _next_to_edges(blocks, shapes, often))
    heads = {s for s, n in at_edge.items() if n >= MIN_REPEATS and n >= 0.5 * anywhere[s]}
    found = _next_to_edges(blocks, shapes, heads)
    titles = {shapes.index(shape) for shape in heads if shape.startswith("notes to")}
    return frozenset(found - titles)


def _next_to_edges(blocks: list[RawBlock], shapes: list[str], wanted: set[str]) -> set[int]:
    """Positions whose shape is wanted and that only wanted ones part from the edge of a page."""
    found: set[int] = set()
    for order in (range(len(blocks)), range(len(blocks) - 1, -1, -1)):
        steps = MAX_HEAD_LINES
        for i in order:
            if blocks[i].kind in _EDGES:
                steps = 0
            elif steps < MAX_HEAD_LINES and shapes[i] in wanted:
                found.add(i)
                steps += 1
            else:
                steps = MAX_HEAD_LINES
    return found


def _without_linked_contents(blocks: list[RawBlock]) -> Iterator[RawBlock]:
    """The blocks, a run of three or more links within the page given as one `contents`."""
    run: list[RawBlock] = []
    for block in [*blocks, RawBlock("rule", "")]:
        linked = block.in_page and block.links > 0.9
        if linked and block.kind in ("paragraph", "list_item", "heading"):
            run.append(block)
            continue
        yield from [RawBlock("contents", "")] if len(run) >= 3 else run
        run = []
        yield block


def _runs_on(before: RawBlock, after: RawBlock) -> bool:
    """Whether a page broke inside a paragraph."""
    return (
        before.kind in ("paragraph", "list_item")
        and after.kind == "paragraph"
        and not before.bold
        and before.text[-1] not in ".:;!?"
        and not after.bold
        and (after.text[0].islower() or bool(_OPEN_END.search(before.text)))
    )


# --- headings -------------------------------------------------------------------------------------

_COVER_LINE = re.compile(
    r"indicate by check ?mark|exact name of registrant|address of principal|former name"
    r"|aggregate market value of|incorporated by reference|section 12\([bg]\) of the act|yes\s*[☐☒]"
    r"|^number of shares|shares outstanding", re.I
)  # fmt: skip
MAX_TITLE_CHARS = 250
MAX_RISK_CHARS = 400  # of a risk factor, whose heading is a bold sentence
_ENDS = (".", ";", ",", ":")
_SIGNATURES = re.compile(r"\s*signatures?[\s.:]*", re.I)
_OPEN_END = re.compile(
    r",$|\b(?:the|and|or|of|to|in|by|with|for|a|an|our|its|from|that|as|on|at)$", re.I
)


def _headings(blocks: list[RawBlock]) -> list[RawBlock]:
    """Parts at level 1, items at 2, styled lines below them from 3 on."""
    blocks = _joined_items([b for b in blocks if b.kind not in ("rule", "page")])
    blocks = _filing_notes.with_numbered_titles(blocks)
    body = _body_size(blocks)
    plain = not any(b.bold or b.underline or b.italic or b.centred for b in blocks)
    cover = _cover_end(blocks)
    open_: list[int] = []  # ranks of the styled headings above, best first
    base = 2 if any(_item_level(b) and not _SIGNATURES.fullmatch(b.text) for b in blocks) else 0
    blocks = _filing_index.with_index(blocks, _item_level)
    for i, block in enumerate(blocks):
        level = _item_level(block)
        after = next((b for b in blocks[i + 1 : i + 3] if b.kind != "contents"), None)
        if level:
            block.kind, block.level = "heading", level
            open_ = []
        elif i >= cover:
            rank = _rank(block, after, body, plain)
            if rank is not None:
                while open_ and open_[-1] >= rank:
                    open_.pop()
                open_.append(rank)
                block.kind, block.level = "heading", base + len(open_)
        if block.kind == "heading" and block.level is None:
            block.kind = "paragraph"
    return _with_footnotes(_without_contents(blocks))


def _cover_end(blocks: list[RawBlock]) -> int:
    """Where the cover page ends: at the contents, the first item or its last declaration."""
    last = 0
    for i, block in enumerate(blocks[:COVER_BLOCKS]):
        if block.kind == "contents" or _item_level(block) or _TO_CONTENTS.fullmatch(block.text):
            return i
        if _COVER_LINE.search(block.text):
            last = i + 1
    return last


def _without_contents(blocks: list[RawBlock]) -> list[RawBlock]:
    """Without the places of contents and the title above them."""
    after = [*blocks[1:], RawBlock("heading", "")]
    return [
        block
        for block, following in zip(blocks, after, strict=False)
        if block.kind != "contents"
        and not (_TO_CONTENTS.fullmatch(block.text) and following.kind in ("contents", "heading"))
    ]


def _joined_items(blocks: list[RawBlock]) -> list[RawBlock]:
    """`Item 1A.` or `(1)` on a line of its own joined with the text on the next."""
    joined: list[RawBlock] = []
    for block in blocks:
        last = joined[-1] if joined else None
        if last is not None and _is_mark(last) and _follows_mark(block):
            text = f"{last.text} {block.text}"
            joined[-1] = RawBlock("list_item", text, 1, last.text, block.bold)
            continue
        alone = last is not None and (_ITEM.fullmatch(last.text) or _PART.fullmatch(last.text))
        short = block.kind in ("paragraph", "heading") and len(block.text) <= 120
        named = _ITEM.match(block.text) or _PART.match(block.text)
        if last is not None and alone and short and not named and block.text[-1] not in ";,":
            last.text = f"{last.text} {block.text}"
            last.bold = last.bold or block.bold
        else:
            joined.append(block)
    return joined


def _is_mark(block: RawBlock) -> bool:
    loose = block.kind in ("paragraph", "list_item")
    return loose and _ENUMERATOR.fullmatch(block.text) is not None


def _follows_mark(block: RawBlock) -> bool:
    return block.kind == "paragraph" and not _item_level(block) and not _is_mark(block)


def _item_level(block: RawBlock) -> int | None:
    """1 for a part, 2 for an item, None for anything else."""
    text = block.text
    if block.kind not in ("paragraph", "heading", "list_item") or len(text) > MAX_TITLE_CHARS:
        return None
    match = _PART.match(text) or _ITEM.match(text)
    if block.links > 0.5 or not match:
        return 1 if _SIGNATURES.fullmatch(text) else None
    title = text[match.end() :]
    styled = block.bold or block.underline or title.isupper() or block.kind == "heading"
    if title and not styled:
        sentence = title[0].islower() or re.search(r"[.;]\s|[;,]$", title) or len(title) > 150
        if sentence or text[: match.end()].rstrip()[-1].isalnum():
            return None  # "Item 1A of this report describes …"
    return 1 if match.re is _PART else 2


def _rank(block: RawBlock, after: RawBlock | None, body: float, plain: bool) -> int | None:
    """How high a styled line ranks, 0 first; None for running text.

    `plain`: the filing has no styles at all, so capitals alone make a heading.
    """
    text = block.text
    real = block.kind == "heading"
    if (block.kind != "paragraph" and not real) or after is None or "\n" in text:
        return None
    if not _reads_as_heading(text, after, block):
        return None
    caps = text.isupper()
    if block.size > body + 0.9 and (block.bold or block.size > body + 2.5):
        return 0
    if block.bold or real:
        return 1 if caps else 3 if block.italic or block.underline else 2
    if block.underline:
        return 4
    if block.italic:
        return 5
    return 2 if caps and (block.centred or plain) else None


def _reads_as_heading(text: str, after: RawBlock, block: RawBlock) -> bool:
    lead = _LEAD.match(text)
    first = text[lead.end() if lead else 0]
    if not first.isupper() and not first.isdigit() and first not in "“\"'":
        return False
    if sum(char.isalpha() for char in text) < 0.5 * len(text) or block.links > 0.9:
        return False
    if after.kind == "heading" and _item_level(after) is None:
        return len(text) <= 150 and not text.endswith(_ENDS)
    if text.endswith(_ENDS):
        # a risk factor, or a lead-in such as "Overview."
        plain_body = after.kind in ("paragraph", "list_item") and not (after.bold and block.bold)
        limit = MAX_RISK_CHARS if block.bold and not text.endswith((":", ",")) else 60
        return plain_body and len(text) <= limit
    return len(text) <= MAX_TITLE_CHARS


def _body_size(blocks: list[RawBlock]) -> float:
    """The size, in points, that most of the text is set in."""
    sizes: Counter[float] = Counter()
    for block in blocks:
        if block.kind == "paragraph":
            sizes[round(block.size, 1)] += len(block.text)
    return max(sizes, key=lambda size: (sizes[size], size)) if sizes else 0.0


def _with_footnotes(blocks: list[RawBlock]) -> list[RawBlock]:
    """Numbered lines right below a table are its footnotes."""
    below = False
    for block in blocks:
        mark = _NOTE.match(block.text) if block.kind in ("list_item", "paragraph") else None
        if below and mark:
            block.kind, block.level, block.number = "footnote", None, mark.group().strip()
        else:
            below = block.kind == "table"
    return blocks


# --- what a filing says about itself --------------------------------------------------------------

_FORM = re.compile(
    r"\bform\s+(10-?[KQ]T?|8-?K|20-?F|40-?F|6-?K|S-?[134]|11-K|DEF\s?14A|424B\d)(/A)?\b", re.I
)
_PERIOD = re.compile(
    r"(?:fiscal|quarterly|annual|transition)?\s*(?:year|period)\s*(?:ended|ending)\s*:?\s*"
    r"|date of report[^:]{0,60}:?\s*|date of earliest event reported\)?\s*:?\s*",
    re.I,
)
_SIC = re.compile(
    r"standard industrial classification:?\s*([A-Z][\w &,./-]{2,80}?)?\s*\[?(\d{4})\]?", re.I
)
_INDUSTRY = re.compile(
    r"^\s*(?:industry|sector|sic (?:code|description))\s*[:|]\s*([A-Z][\w &,/-]{2,60})", re.M | re.I
)
_CIK = re.compile(r"(?:central index key|\bCIK)\D{0,20}?(\d{4,10})\b", re.I)
_EDGAR_TYPE = re.compile(r"<TYPE>[ \t]*([^\r\n<]{1,20})", re.I)
_EDGAR_FILED = re.compile(r"(?:filed as of date|filing-date>)\D{0,5}(\d{8})", re.I)
_EDGAR_PERIOD = re.compile(r"(?:conformed period of report|period>)\D{0,5}(\d{8})", re.I)
# https://www.osha.gov/data/sic-manual: divisions by the first two digits
_DIVISIONS = (
    (9, "Agriculture, Forestry and Fishing"), (14, "Mining"), (17, "Construction"),
    (39, "Manufacturing"), (49, "Transportation, Communications and Utilities"),
    (51, "Wholesale Trade"), (59, "Retail Trade"), (67, "Finance, Insurance and Real Estate"),
    (89, "Services"), (99, "Public Administration"),
)  # fmt: skip


def _facts(root: Element) -> dict[str, str]:
    """The `dei:` facts of inline XBRL, the first of each name."""
    facts: dict[str, str] = {}
    for element in root.iter("ix:nonnumeric", "ix:nonfraction"):
        name = element.get("name", "")
        if name.startswith("dei:"):
            text = _html.text_of(element)
            if text:
                facts.setdefault(name.removeprefix("dei:"), text)
    return facts


def _metadata(
    facts: dict[str, str], head: str, blocks: list[RawBlock], source_uri: str
) -> dict[str, Any]:
    from datakit.text import detect_language

    cover = "\n".join(block.text for block in blocks[:COVER_BLOCKS])[:20_000]
    form = _form(facts, head, cover)
    stated = _EDGAR_PERIOD.search(head)
    dated = None if form is None or _PERIODIC.match(form) else _day_of_issue(cover)
    period = dated or _period(facts, cover)
    period = period or (_dates.date_in_name(stated.group(1)) if stated else _day_of_issue(cover))
    sent = _EDGAR_FILED.search(head)
    filed = _dates.date_in_name(sent.group(1)) if sent else None
    named = _dates.date_in_name(PurePosixPath(source_uri).name)
    if named and (period is None or named > period):
        filed = filed or named
    issuer = facts.get("EntityRegistrantName") or _registrant(blocks[:COVER_BLOCKS])
    issuer = issuer or _company(blocks[:COMPANY_BLOCKS])
    sic, industry = _industry(facts, head + "\n" + cover)
    cik = _CIK.search(head + cover)
    first = next((block.text for block in blocks if block.kind == "heading"), None)
    first = first or next((re.split(r" \| |\n", b.text)[0] for b in blocks), None)
    meta = {
        "cik": facts.get("EntityCentralIndexKey") or (cik.group(1) if cik else None),
        "fiscal_year": facts.get("DocumentFiscalYearFocus"),
        "fiscal_period": facts.get("DocumentFiscalPeriodFocus"),
        "ticker": facts.get("TradingSymbol"),
        "state": facts.get("EntityIncorporationStateCountryCode") or _state(cover),
        "file_number": facts.get("EntityFileNumber"),
        "sic": sic,
    }
    return {
        "title": " ".join(part for part in (issuer, form, period) if part) or first,
        "issuer": issuer,
        "category": industry,
        "doc_type": form,
        "date": period or named,
        "valid_from": filed,
        "language": detect_language(cover) or "en",
        "meta": {key: value for key, value in meta.items() if value},
    }


_PERIODIC = re.compile(r"10|8-K|20-F|40-F|11-K|EX")  # forms that report on a period or a day
_DATED = re.compile(r"\bdated:?\s+(?=[A-Z\d])", re.I)
_STATE = re.compile(
    r"^([^\n|]{2,40})(?:\|[^\n]*)?\n[^\n]{0,60}?\(?state\s+(?:or\s+other\s+jurisdiction|of\s+incorp)",
    re.I | re.M,
)


def _day_of_issue(cover: str) -> str | None:
    """The date in a line of its own or after "dated": of a prospectus, a proxy, a 6-K."""
    for line in cover.split("\n"):
        match = _DATED.search(line) if len(line) <= 120 else None
        start = match.end() if match else 0
        if match or len(line) <= 30:
            found = _dates.find_date(line[start : start + 30], "en")
            if found and len(found) == len("2024-01-31"):
                return found
    return None


def _state(cover: str) -> str | None:
    """The line above "(State or other jurisdiction of incorporation)"."""
    match = _STATE.search(cover)
    name = match.group(1).strip() if match else ""
    return name if name.replace(" ", "").replace(".", "").isalpha() else None


def _form(facts: dict[str, str], head: str, cover: str) -> str | None:
    """10-K, 10-Q/A, 8-K, EX-99.1, …"""
    said = facts.get("DocumentType")
    edgar = _EDGAR_TYPE.search(head)
    match = _FORM.search(cover)
    if said or edgar:
        return said or (edgar.group(1).strip().upper() if edgar else None)
    if not match:
        return None
    form = re.sub(r"^(10|8|20|40|6)([KQF])", r"\1-\2", match.group(1).upper())
    return form + (match.group(2) or "").upper()


def _period(facts: dict[str, str], cover: str) -> str | None:
    """The end of the period, or the day of the event that is reported; ISO."""
    said = _dates.find_date(facts.get("DocumentPeriodEndDate", ""), "en")
    if said:
        return said
    for match in _PERIOD.finditer(cover):
        found = _dates.find_date(cover[match.end() : match.end() + 60], "en")
        if found:
            return found
    before = re.search(r"\(date of (?:earliest event|report)", cover, re.I)
    return _dates.find_date(cover[max(0, before.start() - 80) : before.start()]) if before else None


_EXACT_NAME = re.compile(r"exact\s+name\s+of\s+(?:the\s+)?(?:registrant|issuer|company)", re.I)


def _registrant(blocks: list[RawBlock]) -> str | None:
    """The line above "(Exact name of registrant as specified in its charter)"."""
    lines = [line for block in blocks for line in block.text.split("\n")]
    for i, line in enumerate(lines):
        if re.search(
            r"\(?exact\s+name\s+of\s+(?:the\s+)?(?:registrant|issuer|company)", line, re.I
        ):
            same = re.split(r"\(\s*exact", line, maxsplit=1, flags=re.I)[0].strip(" |_")
            above = next((text for text in reversed(lines[:i]) if len(text.strip(" _-")) > 2), None)
            name = same if len(same) > 2 else above
            return name if name and len(name) <= 120 else None
    return None


COMPANY_BLOCKS = 12
_COMPANY = re.compile(
    r"(?:The\s)?[A-Z][\w&.,'’ -]{1,60}?[\s,](?:Inc|Corp|Corporation|Company|Ltd|Limited|plc|PLC|LLC"
    r"|L\.P|LP|N\.V|S\.A|AG|Co|Bancorp|Holdings|Trust|INC|CORP|CORPORATION|COMPANY|LTD|LIMITED"
    r"|BANCORP|HOLDINGS|TRUST)\.?"
)


def _company(blocks: list[RawBlock]) -> str | None:
    """A line at the start that is nothing but the name of a company: exhibits have no cover."""
    lines = [line.strip() for block in blocks for line in re.split(r"\n| \| ", block.text)]
    return next((line for line in lines if _COMPANY.fullmatch(line)), None)


def _lower(match: re.Match[str]) -> str:
    return match.group().lower() if match.start() else match.group()


def _industry(facts: dict[str, str], text: str) -> tuple[str | None, str | None]:
    """SIC code and industry, where the filing gives them."""
    match = _SIC.search(text)
    code = facts.get("EntityPrimarySicNumber") or (match.group(2) if match else None)
    said = _INDUSTRY.search(text)
    if match and match.group(1):
        words = match.group(1).strip(" ,").title()
        return code, re.sub(r"\b(?:And|For|Of|The|In|To|Or|Not)\b", _lower, words)
    if said:
        return code, said.group(1).strip()
    return code, division(code)


def division(code: str | None) -> str | None:
    """The division of the Standard Industrial Classification that a four-digit code is in."""
    if not code or not code[:2].isdigit():
        return None
    return next(name for last, name in _DIVISIONS if int(code[:2]) <= last)

"""HTML to raw blocks: a hardened parser and one iterative walk over the tree.

The walk knows markup (blocks, inline runs, lists, tables, inline styles) and nothing about what
kind of page it reads; what to leave out and how to read a table are functions that an ingestor
gives. Nothing here recurses, so nesting costs no stack.
"""

from __future__ import annotations

import functools
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from datakit.ingestors import _images
from datakit.ingestors._enumerators import ENUMERATOR, OpenList, enumerator, list_of
from datakit.ingestors._style import (
    BLOCKS,
    HEADINGS,
    LISTS,
    MEANT,
    MOST,
    Context,
    Element,
    Line,
    RawBlock,
    entered,
    link_kind,
    look_of,
    style_of,
)
from datakit.ingestors._tables import Cell, Skip, Table, read_table

__all__ = [
    "BLOCKS",
    "ENUMERATOR",
    "HEADINGS",
    "NEVER",
    "Cell",
    "Element",
    "RawBlock",
    "ReadTable",
    "Skip",
    "Table",
    "Walk",
    "by_tag",
    "class_level",
    "counted",
    "has_text",
    "parse",
    "prose_chars",
    "remove_never_text",
    "string_of",
    "style_of",
    "text_chars",
    "text_of",
]  # fmt: skip

# never text: taken out of the tree before the walk
NEVER = (
    "script", "style", "svg", "iframe", "noscript", "object", "embed", "canvas", "audio", "video",
    "math", "head", "link", "meta", "frame", "applet", "map",
    "rt", "rp",  # readings above Japanese characters would run into them
)  # fmt: skip
_CJK = "\u2e80-\u9fff\uf900-\ufaff\uff00-\uffef"
_CJK_BREAK = re.compile(rf"(?<=[{_CJK}])[ \t]*[\r\n]\s*(?=[{_CJK}])")
_JOINING = re.compile("[\u0600-\u0dff]")  # scripts in which a zero-width non-joiner has a meaning
MAX_HEADING_CHARS = 250  # a longer one is a paragraph in a heading's clothes


# --- parse -------------------------------------------------------------------------------------


def parse(page: str | bytes) -> tuple[Element | None, bool]:
    """The root of a page, and whether its nesting had to be flattened first.

    Bytes are UTF-8: a page that was read as such need not be encoded again.

    No network, no entities, any size; the caller limits the size. libxml2 stops at 2,048 levels:
    such a page is read with its containers turned into paragraphs instead of being cut off.
    """
    data = page.encode("utf-8", "replace") if isinstance(page, str) else page
    root, too_deep = _parse(data)
    if not too_deep:
        return root, False
    text = page if isinstance(page, str) else page.decode("utf-8", "replace")
    return _parse(_flattened(text).encode("utf-8", "replace"))[0], True


def _parse(data: bytes) -> tuple[Element | None, bool]:
    from lxml import etree

    parser = etree.HTMLParser(
        encoding="utf-8",
        huge_tree=True,
        no_network=True,
        remove_comments=True,
        remove_pis=True,
        collect_ids=False,  # nothing here looks an element up by its id
    )
    try:
        root = etree.fromstring(data, parser)
    except (etree.ParserError, etree.XMLSyntaxError):
        root = None
    if root is None:  # a page with nothing in it
        return None, False
    too_deep = any("depth" in entry.message for entry in parser.error_log)
    late = [element for element in root.itersiblings() if isinstance(element.tag, str)]
    if late:  # what follows `</html>` is shown as well; libxml2 makes further roots of it
        body = root.find("body")
        body = etree.SubElement(root, "body") if body is None else body
        for element in late:
            body.append(element)
    return root, too_deep


_NOT_TEXT = re.compile(r"<(script|style|svg|noscript|template)\b.*?(?:</\1\s*>|\Z)", re.S | re.I)
_TAG = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9:-]*)([^<>]*)>")


def _flattened(text: str) -> str:
    """The page with every block but headings turned into `<p>`, which HTML closes by itself."""

    def flat(match: re.Match[str]) -> str:
        tag = match.group(2).lower()
        if tag in HEADINGS or tag in ("br", "title"):
            return match.group()
        return "<p>" if tag in BLOCKS else " "

    return _TAG.sub(flat, _NOT_TEXT.sub(" ", text))


def remove_never_text(root: Element) -> None:
    """Take scripts, styles, drawings and plain templates out of the tree, their tails kept."""
    from lxml import etree

    for drawing in list(root.iter("svg")):
        title = drawing.findtext("title") or drawing.get("aria-label")
        described = _images.described(title)
        if described:
            drawing.clear(keep_tail=True)
            drawing.tag = "img"
            drawing.set("alt", described)
    etree.strip_elements(root, *NEVER, with_tail=False)
    templates = list(root.iter("template"))
    for template in templates:
        if template.get("shadowrootmode"):  # a declarative shadow tree is what the reader sees
            template.tag = "div"
    if templates:
        etree.strip_elements(root, "template", with_tail=False)


# --- walk --------------------------------------------------------------------------------------

_STRUCTURE = LISTS | {"table", "hr", "li"}  # blocks that open more than a paragraph
_NONE: dict[str, str] = {}
ReadTable = Callable[[Table], list[RawBlock] | None]


@dataclass(slots=True)
class Walk:
    """One walk over a tree; `run` gives its blocks.

    Args:
        skip: the reason to leave an element out with all it holds, or None.
        read_table: the blocks of a data table, or None for a table that only lays out the page.
        plain: whether an element of that tag with that class alone is never left out and says
            nothing else; spares most elements of a page the longer way.
    """

    skip: Skip
    read_table: ReadTable
    plain: Callable[[str, str], bool] = lambda _tag, _names: False
    left_out: list[tuple[str, Element]] = field(default_factory=list)
    blocks: list[RawBlock] = field(default_factory=list)
    _lines: list[Line] = field(default_factory=list)  # of the open block, before the last one
    _line: Line = field(default_factory=Line)  # the last one
    _lists: list[OpenList] = field(default_factory=list)
    _number: str | None = None  # of a list item whose first block is still to come
    _fresh: bool = False
    _items: int = 0  # open list items
    n_images: int = 0  # without a caption and anything that describes them
    _images: list[RawBlock] = field(default_factory=list)  # those described in the open block
    _shown: str | None = None  # the address of an image whose caption is still to come
    _figure: Element = None  # the last one with an image, and
    _said: str = ""  # its caption

    def run(self, root: Element) -> list[RawBlock]:
        from lxml import etree

        outermost = around = Context()
        stack: list[Context | None] = []  # of the elements that are open; None for one left out
        opened, text_in = self._open, self._text
        walk = etree.iterwalk(root, events=("start", "end"))
        for event, element in walk:
            if event == "start":
                inside = opened(element, around)
                stack.append(inside)
                if inside is None:
                    walk.skip_subtree()
                    continue
                around = inside
                text = element.text
            else:
                if stack.pop() is not None:
                    tag = element.tag
                    if tag in BLOCKS or "-" in tag:
                        self._close(tag, around)
                    around = (stack[-1] if stack else None) or outermost
                text = element.tail if stack else None  # what follows the root is not in it
            if text:
                text_in(text, around)
        self._flush(outermost)
        return self.blocks

    def _open(self, element: Element, around: Context) -> Context | None:
        """Enter an element; None to leave it out."""
        tag = element.tag
        if not isinstance(tag, str):  # an entity that could not be resolved
            return None
        if tag == "br":
            self._break(around)
            return around
        items = element.items()
        names = items[0][1] if len(items) == 1 and items[0][0] == "class" else ""
        if (names or not items) and self.plain(tag, names):
            inside = entered(around, tag, "", 0, 0) if tag in MEANT else around
            if tag in BLOCKS or "-" in tag:
                if self._line.parts or self._lines:
                    self._flush(around)
                if tag in _STRUCTURE:
                    return self._open_block(element, _NONE, inside)
            return inside
        return self._open_any(element, dict(items), around)

    def _open_any(
        self, element: Element, attributes: dict[str, str], around: Context
    ) -> Context | None:
        """Enter an element whose attributes may say something."""
        tag = element.tag
        reason = self.skip(element, tag, attributes)
        if reason:
            self.left_out.append((reason, element))
            return None
        if tag == "img":
            self._open_image(element, attributes, around)
        css = attributes.get("style", "")
        inside = around
        level = 0
        if "class" in attributes or "role" in attributes:
            level = self._level(element, attributes)
        if css or level or tag in MEANT or "align" in attributes:
            link = link_kind(attributes.get("href")) if tag == "a" else 0
            if attributes.get("align") == "center":
                css += ";text-align:center"
            elif tag == "a" and "href" not in attributes and _opens(attributes):
                css += ";font-weight:bold"
            inside = entered(around, tag, css, link, level)
        if tag in BLOCKS or "-" in tag or (css and style_of(css).block):
            self._flush(around)
            return self._open_block(element, attributes, inside)
        return inside

    def _open_image(self, element: Element, attributes: dict[str, str], around: Context) -> None:
        """Keep an image with its caption, or with what describes it, outside of links."""
        address = _images.reference(attributes.get("src"), attributes.get("data-src"))
        figure = next(element.iterancestors("figure"), None)
        if figure is not self._figure:  # looked into once, however many images it holds
            caption = None if figure is None else next(figure.iter("figcaption"), None)
            self._figure, self._said = figure, "" if caption is None else text_of(caption)
        said = self._said
        if said:
            above = (b for b in self.blocks[-4:] if b.kind == "caption" and b.text in said)
            before = next(above, None)
            if before is None:
                self._shown = address
            else:
                before.reference = before.reference or address
            return
        plain = around.link or around.kind == "heading"
        described = None if plain else _images.described(attributes.get("alt"))
        if described is None:
            self.n_images += 1
            return
        self._images.append(_images.described_image(described, address))
        if not self._line.n and not self._lines:
            self._put_images()

    def _put_images(self) -> None:
        self.blocks += self._images
        self._images = []

    def _level(self, element: Element, attributes: dict[str, str]) -> int:
        """The heading level that attributes give an element which is no `h1` to `h6`."""
        if attributes.get("role") == "heading":
            return _role_level(attributes)
        names = attributes.get("class")
        level = class_level(names) if names else 0
        if not level or element.tag in HEADINGS or element.tag == "a":
            return 0
        if any(child.tag in BLOCKS for child in element):
            return 0
        return level if len(text_of(element)) <= 150 else 0

    def _open_block(
        self, element: Element, attributes: dict[str, str], inside: Context
    ) -> Context | None:
        tag = element.tag
        if tag == "table":
            return self._open_table(element, inside)
        css = attributes.get("style")
        if tag == "hr" or (css and style_of(css).page_break):
            self.blocks.append(RawBlock("rule", ""))
        if tag in LISTS:
            self._lists.append(list_of(tag, attributes))
        elif tag == "li":
            self._open_item(attributes)
        return inside

    def _open_table(self, element: Element, inside: Context) -> Context | None:
        if next(element.iterdescendants("table"), None) is not None:
            return inside  # only a layout table holds tables
        table = read_table(element, self.skip)
        found = self.read_table(table) if table.rows else None
        if found is None:
            return inside
        self.n_images += sum(1 for _ in element.iter("img"))
        self.blocks += found
        return None

    def _open_item(self, attributes: dict[str, str]) -> None:
        self._fresh = True
        self._items += 1
        self._number = None
        if self._lists and self._lists[-1].ordered:
            current = self._lists[-1]
            value = attributes.get("value", "")
            if value.isdecimal() and len(value) < 7:
                current.next = int(value)
            self._number = enumerator(current.next, current.style)
            current.next += current.step

    def _close(self, tag: str, context: Context) -> None:
        """Leave a block."""
        if self._line.parts or self._lines:
            self._flush(context)
        if tag in LISTS and self._lists:
            self._lists.pop()
        elif tag == "li":
            self._fresh = False
            self._items = max(0, self._items - 1)

    def _text(self, text: str, context: Context) -> None:
        line = self._line
        if context.pre:
            line.add(text, context)
        elif text.isspace():
            if line.parts:  # the blanks that a line begins with go anyway
                line.parts.append(" ")
        else:
            if not text.isascii() and ("\n" in text or "\r" in text):
                text = _CJK_BREAK.sub("", text)
            line.add(text, context)

    def _break(self, context: Context) -> None:
        """A `<br>`; two of them, with nothing between, end a paragraph."""
        if context.pre:
            self._line.parts.append("\n")
        elif self._line.n:
            self._lines.append(self._line)
            self._line = Line()
        elif self._lines:
            self._flush(context)

    def _flush(self, context: Context) -> None:
        """End the block that is open."""
        lines = self._lines
        if self._line.n:
            lines.append(self._line)
        self._lines, self._line = [], Line()
        if not lines:
            return
        if len(lines) > 1 and context.kind == "paragraph":
            for group in _split_bold(lines):
                self._emit(group, context)
        else:
            self._emit(lines, context)
        if self._images:
            self._put_images()

    def _emit(self, lines: list[Line], context: Context) -> None:
        block = _joined(lines, context)
        if not block.text:
            return
        if block.kind == "heading":
            if len(block.text) > MAX_HEADING_CHARS:
                block.kind, block.level = "paragraph", None
            else:  # the same tag, deeper in nested lists, is a lower heading
                block.level = (block.level or 1) + max(0, len(self._lists) - 1)
        if self._items and self._fresh:
            self._number_block(block)
            self._fresh = False
        elif block.kind == "list_item":
            block.kind, block.nested = "paragraph", True
        if block.kind == "caption":
            block.reference, self._shown = self._shown, None
        self.blocks.append(block)

    def _number_block(self, block: RawBlock) -> None:
        """Give the first block of a list item its number, unless the text brings its own."""
        if block.kind in ("list_item", "paragraph"):
            block.kind, block.level = "list_item", max(1, len(self._lists))
        own = ENUMERATOR.match(block.text)
        if own:
            block.number = own.group().strip()
        elif self._number:
            block.number = self._number
            block.text = f"{self._number} {block.text}"


def _split_bold(lines: list[Line]) -> Iterator[list[Line]]:
    """Lines in groups, so that a bold line above plain ones stands alone as their heading."""
    group: list[Line] = []
    was_bold = False
    for line in lines:
        bold = line.bold >= MOST * line.n and line.n <= MAX_HEADING_CHARS
        if group and bold != was_bold:
            yield group
            group = []
        group.append(line)
        was_bold = bold
    yield group


def _joined(lines: list[Line], context: Context) -> RawBlock:
    if context.pre:
        text = "\n".join("".join(line.parts) for line in lines).strip("\r\n")
    elif len(lines) == 1:
        parts = lines[0].parts
        text = " ".join((parts[0] if len(parts) == 1 else "".join(parts)).split())
    else:
        collapsed = (" ".join("".join(line.parts).split()) for line in lines)
        text = (" " if context.kind == "heading" else "\n").join(c for c in collapsed if c)
    if "\u200c" in text and not (context.pre or _JOINING.search(text)):
        text = text.replace("\u200c", "")
    level = context.level if context.kind == "heading" else None
    return RawBlock(context.kind, text, level, None, *look_of(lines), False, context.soft)


_CLASS_LEVEL = re.compile(
    r"(?:^|[\s_-])(?:h|head|header|heading|headline|title)[-_]?([1-6])(?=$|\s)", re.I
)


@functools.lru_cache(maxsize=8192)
def class_level(names: str) -> int:
    """The level that a class such as `h2` or `heading-3` gives, 0 without one."""
    match = _CLASS_LEVEL.search(names)
    return int(match.group(1)) if match else 0


_OPENER = re.compile(r"zippy|accordion|toggle|collaps|expand", re.I)


def _opens(attributes: dict[str, str]) -> bool:
    """Whether a link that leads nowhere is the title of a part that it opens and shuts."""
    return "aria-expanded" in attributes or bool(_OPENER.search(attributes.get("class", "")))


def _role_level(attributes: dict[str, str]) -> int:
    """The level of `role="heading"`; ARIA's default is 2."""
    level = attributes.get("aria-level", "2")
    return min(6, int(level)) if level.isdecimal() and level != "0" else 2


# --- measures ----------------------------------------------------------------------------------


def by_tag(root: Element, *tags: str) -> dict[str, list[Element]]:
    """The elements of each tag in document order, in one pass over the tree."""
    found: dict[str, list[Element]] = {tag: [] for tag in tags}
    for element in root.iter(*tags):
        found[element.tag].append(element)
    return found


@functools.cache
def _string() -> Callable[[Element], str]:
    from lxml import etree

    string: Callable[[Element], str] = etree.XPath("string()", smart_strings=False)
    return string


def string_of(element: Element) -> str:
    """The text of an element as it is written, blanks and all."""
    return _string()(element)


def text_of(element: Element) -> str:
    """The text of an element on one line."""
    return " ".join(string_of(element).split())


def has_text(element: Element) -> bool:
    """Whether an element holds anything but blanks."""
    return any(not text.isspace() for text in element.itertext())


@functools.cache
def _text_size() -> Callable[[Element], float]:
    from lxml import etree

    size: Callable[[Element], float] = etree.XPath("string-length(normalize-space(.))")
    return size


def text_chars(element: Element) -> int:
    """Characters of an element's text on one line, those in links included."""
    return int(_text_size()(element))


def prose_chars(element: Element) -> int:
    """Characters of an element's text that are in no link: menus have few, bodies many."""
    linked = sum(len(text_of(a)) for a in element.iter("a"))
    return max(0, len(text_of(element)) - linked)


def counted(left_out: list[tuple[str, Element]]) -> str:
    """`nav 3, consent 1`: how many subtrees were left out, by reason."""
    counts = Counter(reason for reason, _ in left_out)
    return ", ".join(f"{reason} {n}" for reason, n in sorted(counts.items()))

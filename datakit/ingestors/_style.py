"""How text looks and what kind of block it is in, by the markup around it.

`Context` is that knowledge at one place of a tree; `entered` gives it inside an element, from the
tag and the inline style. Style sheets are not read.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from datakit.ingestors._cells import MakeCells

Element = Any  # lxml.etree._Element: lxml is imported where it is used
BLOCKS = frozenset((
    "address", "article", "aside", "blockquote", "body", "button", "caption", "center", "dd",
    "details", "dialog", "dir", "div", "dl", "dt", "fieldset", "figcaption", "figure", "footer",
    "form",
    "frameset", "h", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hgroup", "hr", "html", "legend",
    "li", "listing", "main", "menu", "nav", "ol", "p", "plaintext", "pre", "search", "section",
    "summary", "table", "tbody", "td", "tfoot", "th", "thead", "tr", "ul", "xmp",
))  # fmt: skip
HEADINGS = {f"h{n}": n for n in range(1, 7)}
LISTS = frozenset(("ul", "ol", "menu", "dir"))
# `h` is no HTML, but converters of PDF write it
BOLD = frozenset(("b", "strong", "summary", "legend", "th", "button", "h"))
ITALIC = frozenset(("i", "em", "cite", "dfn", "var"))
UNDERLINE = frozenset(("u", "ins"))
CODE = frozenset(("pre", "listing", "xmp", "plaintext"))


class Style(NamedTuple):
    """What an inline `style` attribute says; None where it says nothing."""

    bold: bool | None = None
    italic: bool | None = None
    underline: bool | None = None
    centred: bool | None = None
    size: float | None = None  # in points
    hidden: bool = False
    block: bool = False
    page_break: bool = False
    raised: bool = False
    list_type: str | None = None


_SIZE = re.compile(r"font-size:([\d.]+)(pt|px|em|rem|%)")
_FONT = re.compile(r"font:([^;]*)")
_POINTS = {"pt": 1.0, "px": 0.75, "em": 12.0, "rem": 12.0, "%": 0.12}
_WEIGHT = re.compile(r"font-weight:(bold|[6-9]00)|font-weight:(normal|[1-5]00)")
_LIST_TYPE = re.compile(r"list-style(?:-type)?:([a-z-]+)")


@functools.lru_cache(maxsize=8192)
def style_of(css: str) -> Style:
    """The parts of an inline style that matter to the structure of a text."""
    css = css.lower().replace(" ", "")
    if ":" not in css:
        return Style()
    weight = _WEIGHT.search(css)
    font = _FONT.search(css)
    size = _SIZE.search(css)
    list_type = _LIST_TYPE.search(css)
    bold = bool(weight.group(1)) if weight else (True if font and "bold" in font[1] else None)
    return Style(
        bold=bold,
        italic="italic" in css or None,
        underline=("text-decoration:underline" in css or "decoration-line:underline" in css)
        or None,
        centred=("text-align:center" in css) or (False if "text-align:" in css else None),
        size=_points(size),
        hidden="display:none" in css or "visibility:hidden" in css,
        block="display:block" in css or "display:flex" in css or "display:grid" in css,
        page_break="page-break-" in css and ":always" in css,
        raised="vertical-align:super" in css or ("position:relative" in css and "top:-" in css),
        list_type=list_type.group(1) if list_type else None,
    )


def _points(size: re.Match[str] | None) -> float | None:
    try:
        return float(size.group(1)) * _POINTS[size.group(2)] if size else None
    except ValueError:  # 1.2.3px
        return None


class Context(NamedTuple):
    """How the text at one place of the tree looks and what kind of block it belongs to."""

    bold: bool = False
    italic: bool = False
    underline: bool = False
    centred: bool = False
    size: float = 0.0  # points; 0 is unknown
    raised: bool = False  # superscript
    link: int = 0  # 1: to another page, 2: within the page
    pre: bool = False
    kind: str = "paragraph"
    level: int = 0  # of a heading
    soft: bool = False  # a heading by its class only


@functools.lru_cache(maxsize=16384)
def entered(context: Context, tag: str, css: str, link: int, said_level: int) -> Context:
    """The context inside an element; `said_level` is the heading level of its attributes."""
    style = style_of(css)
    level = HEADINGS.get(tag, 0) or said_level
    kind = context.kind
    if level:
        kind = "heading"
    elif tag in KINDS:
        kind = KINDS[tag]
    return Context(
        bold=_first(style.bold, tag in BOLD or bool(level) or context.bold),
        italic=_first(style.italic, tag in ITALIC or context.italic),
        underline=_first(style.underline, tag in UNDERLINE or context.underline),
        centred=_first(style.centred, tag == "center" or context.centred),
        size=context.size if style.size is None else style.size,
        raised=style.raised or tag == "sup" or context.raised,
        link=link or context.link,
        pre=context.pre or tag in CODE,
        kind=kind,
        level=level or context.level,
        soft=said_level > 0 or (context.soft and not level),
    )


KINDS = {
    "li": "list_item", "dt": "definition", "dd": "definition", "figcaption": "caption",
    "caption": "caption", "pre": "code", "listing": "code", "xmp": "code", "plaintext": "code",
}  # fmt: skip


def _first(said: bool | None, otherwise: bool) -> bool:
    return otherwise if said is None else said


MEANT = (
    frozenset(HEADINGS) | BOLD | ITALIC | UNDERLINE | CODE | frozenset(KINDS)
    | frozenset(("a", "center", "sup"))
)  # fmt: skip


def link_kind(href: str | None) -> int:
    if not href:
        return 0
    return 2 if href.startswith("#") and len(href) > 1 else 1


@dataclass(slots=True)
class RawBlock:
    """A block before headings are told from paragraphs.

    kind: as in `records.Block`, or `rule` (a line or page break, without text).
    """

    kind: str
    text: str
    level: int | None = None
    number: str | None = None
    bold: bool = False  # all of the text is, and so on
    italic: bool = False
    underline: bool = False
    centred: bool = False
    size: float = 0.0  # points
    links: float = 0.0  # share of the characters that are in links
    in_page: bool = False  # those links stay within the page
    nested: bool = False  # inside a list item, after its first block
    soft: bool = False  # a heading by its class or role only, a caption by an image's description
    cells: MakeCells | None = None  # of a table
    reference: str | None = None  # of the image that a caption describes


_NOTE_MARK = re.compile(r"\d{1,2}(?:\s?,\s?\d{1,2})*")
_EXPONENT = re.compile(r"(?:^|[\s\d(/])(?:[cmk]?m|ft|in|10|x)$")  # m², 10⁶


class Look(NamedTuple):
    """How the text of some lines looks as a whole."""

    bold: bool
    italic: bool
    underline: bool
    centred: bool
    size: float  # mean, in points
    links: float  # share of the characters that are in links
    in_page: bool  # nearly all of them in links within the page


@dataclass(slots=True)
class Line:
    """Text up to a line break, and in which context each part of it stands."""

    parts: list[str] = field(default_factory=list)
    n: int = 0
    runs: list[tuple[int, Context]] = field(default_factory=list)  # characters, context

    def add(self, text: str, context: Context) -> None:
        n = len(text)
        self.n += n
        self.runs.append((n, context))
        self.parts.append(self._note_mark(text) if context.raised else text)

    def _note_mark(self, text: str) -> str:
        """A raised number as ` (2)`, so that it does not run into a word or an amount."""
        if not _NOTE_MARK.fullmatch(text.strip()):
            return text
        before = self.parts[-1] if self.parts else ""
        return text if _EXPONENT.search(before) else f" ({text.strip()})"

    @property
    def bold(self) -> int:
        """Characters in bold."""
        return sum(n for n, context in self.runs if context.bold)

    @property
    def raised(self) -> int:
        return sum(n for n, context in self.runs if context.raised)

    @property
    def in_page(self) -> int:
        """Characters in links within the page."""
        return sum(n for n, context in self.runs if context.link == 2)


MOST = 0.95  # of the characters: a full stop after a bold title is often plain


@functools.lru_cache(maxsize=16384)
def _look_in(context: Context) -> Look:
    """How text looks that is all in one context."""
    return Look(*context[:4], context.size, float(context.link > 0), context.link == 2)


def look_of(lines: list[Line]) -> Look:
    """How lines look; each of them has text."""
    if len(lines) == 1 and len(lines[0].runs) == 1:
        return _look_in(lines[0].runs[0][1])
    total = bold = italic = underline = centred = linked = in_page = 0
    size = 0.0
    for n, context in (run for line in lines for run in line.runs):
        total += n
        bold += n * context.bold
        italic += n * context.italic
        underline += n * context.underline
        centred += n * context.centred
        size += n * context.size
        linked += n * (context.link > 0)
        in_page += n * (context.link == 2)
    most = MOST * total
    return Look(
        bold >= most,
        italic >= most,
        underline >= most,
        centred >= most,
        size / total,
        linked / total,
        in_page >= 0.9 * total,
    )

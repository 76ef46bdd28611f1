"""Markdown to raw blocks: front matter, headings, lists, tables, code, quotes; marks taken off.

Reads what people and converters write rather than CommonMark to the letter: a line is looked at
once, nesting is a stack of indents, and HTML inside goes through the HTML walk.
"""

from __future__ import annotations

import html
import itertools
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial

from datakit.ingestors import _html, _images
from datakit.ingestors._cells import even
from datakit.ingestors._enumerators import ENUMERATOR
from datakit.ingestors._html import MAX_HEADING_CHARS
from datakit.ingestors._prose import mended
from datakit.ingestors._style import RawBlock

FrontMatter = dict[str, str | list[str]]

_KEY = re.compile(r"([A-Za-z_][\w.-]{0,60}|[\u4e00-\u9fff]{1,12})\s*[:：](?:\s+(.*)|)$")
_LIST_VALUE = re.compile(r"\s*-\s+(.*)$")
MAX_FRONT_LINES = 400

_ATX = re.compile(r"(#{1,6})(?:\s+(.*?))?(?:\s+#+)?\s*$")
_SETEXT = re.compile(r"(=+|-+)\s*$")
_RULE = re.compile(r"([-*_])(?:\s*\1){2,}\s*$")
_FENCE = re.compile(r"(`{3,}|~{3,})[^`]*$")
_MARKER = re.compile(r"([-*+•]|\d{1,9}[.)])(\s+|$)")
_QUOTE = re.compile(r"(?: *>)+ ?")
_REFERENCE = re.compile(r"\[[^\]\n]{1,200}\]:\s+\S+")
_DELIMITERS = re.compile(r"\|?\s*:?-+:?\s*(?:\|\s*:?-+:?\s*)*\|?\s*$")
_HTML_START = re.compile(
    r"</?(?:address|article|aside|blockquote|center|dd|details|div|dl|dt|figure|figcaption|footer"
    r"|form|h[1-6]|header|hr|iframe|li|main|nav|ol|p|pre|script|section|style|summary|table|tbody"
    r"|td|th|thead|tr|ul)(?:\s|/?>|$)|<!--",
    re.I,
)


# --- front matter -------------------------------------------------------------------------------


def front_matter(text: str) -> tuple[FrontMatter, str]:
    """What stands between `---` lines at the top, keys in lower case, and the text after it.

    Reads `key: value`, quoted values and lists of one level; anything deeper is passed over.
    """
    lines = text.removeprefix("\ufeff").lstrip().split("\n", MAX_FRONT_LINES)
    if lines[0].rstrip() != "---":
        return {}, text
    end = next((i for i, line in enumerate(lines[1:], 1) if line.rstrip() in ("---", "...")), 0)
    fields: FrontMatter = {}
    key = ""
    for line in lines[1:end]:
        item = _LIST_VALUE.match(line)
        named = _KEY.match(line)
        if named:
            key = named[1].lower()
            fields[key] = _value(named[2] or "")
        elif item and key:
            values = fields[key]
            fields[key] = [*values, _unquoted(item[1])] if isinstance(values, list) else [
                *([values] if values else []), _unquoted(item[1])
            ]  # fmt: skip
    return (fields, "\n".join(lines[end + 1 :])) if fields else ({}, text)


def _value(raw: str) -> str | list[str]:
    raw = raw.strip()
    if raw.startswith("[") and raw.endswith("]"):
        return [_unquoted(part) for part in raw[1:-1].split(",") if part.strip()]
    return "" if raw in ("|", ">", "null", "~") else _unquoted(raw)


def _unquoted(raw: str) -> str:
    raw = raw.strip()
    if len(raw) >= 2 and raw[0] == raw[-1] == '"':
        return re.sub(r"\\(.)", r"\1", raw[1:-1])
    if len(raw) >= 2 and raw[0] == raw[-1] == "'":
        return raw[1:-1].replace("''", "'")
    return raw


# --- blocks -------------------------------------------------------------------------------------


def markdown_blocks(text: str, left_out: Counter[str] | None = None) -> list[RawBlock]:
    """The blocks of a Markdown text, without its front matter; `left_out` is added to."""
    reader = _Reader(text.replace("\r\n", "\n").replace("\r", "\n").split("\n"))
    reader.run()
    blocks, n_repeated = _images.distinct(reader.blocks)
    if left_out is not None:
        left_out.update(reader.left_out)
        left_out["image"] += n_repeated
    return blocks


@dataclass
class _Reader:
    """One pass over the lines; `at` is the next one."""

    lines: list[str]
    at: int = 0
    blocks: list[RawBlock] = field(default_factory=list)
    open: list[str] = field(default_factory=list)  # lines of the paragraph that is open
    kind: str = "paragraph"
    number: str | None = None  # of the list item that is open
    depth: int = 0  # list items around the paragraph that is open
    offsets: list[int] = field(default_factory=list)  # where the content of open items starts
    left_out: Counter[str] = field(default_factory=Counter)

    def run(self) -> None:
        while self.at < len(self.lines):
            line = self.lines[self.at].expandtabs(4)
            self.at += 1
            if line.strip():
                self._line(line)
            else:
                self._close()
        self._close()

    def _line(self, line: str) -> None:
        quote = _QUOTE.match(line)
        line = line[quote.end() :] if quote else line  # read as if it stood alone
        content = line.lstrip()
        if not content:
            self._close()
            return
        indent = len(line) - len(content)
        starts = self._starts_block(content)
        if self.open and not starts:
            self._go_on(content)
            return
        while self.offsets and indent < self.offsets[-1]:
            self.offsets.pop()
        self._block(content, indent)

    def _starts_block(self, content: str) -> bool:
        """Whether a line ends the paragraph before it, as `_block` will find."""
        return bool(
            _FENCE.match(content)
            or _ATX.match(content)
            or _MARKER.match(content)
            or _RULE.match(content)
            or _HTML_START.match(content)
            or self._is_table(content)
        )

    def _go_on(self, content: str) -> None:
        """One more line of the open paragraph, or the line under a heading."""
        if not _SETEXT.match(content):
            self.open.append(content)
            return
        self._heading("\n".join(self.open), 1 if content[0] == "=" else 2)

    def _block(self, content: str, indent: int) -> None:
        atx, fence = _ATX.match(content), _FENCE.match(content)
        underlines = self.open and _SETEXT.match(content)
        marker = None if _RULE.match(content) else _MARKER.match(content)
        if underlines:
            self._heading("\n".join(self.open), 1 if content[0] == "=" else 2)
        elif fence:
            self._close()
            self._code(fence[1], indent)
        elif atx:
            self._close()
            self.open = [atx[2] or ""]
            self._heading(self.open[0], len(atx[1]))
        elif self._is_table(content):
            self._close()
            self._table(content)
        elif _HTML_START.match(content):
            self._close()
            self._html(content)
        elif marker:
            self._close()
            self._item(content, indent, marker)
        elif _RULE.match(content):
            self._close()
        elif not _REFERENCE.match(content):
            self.open, self.depth = [content], len(self.offsets)

    def _item(self, content: str, indent: int, marker: re.Match[str]) -> None:
        blanks = len(marker[2])
        self.offsets.append(indent + len(marker[1]) + (blanks if 1 <= blanks <= 4 else 1))
        self.kind = "list_item"
        self.number = marker[1] if marker[1][0].isdigit() else None
        rest = content[marker.end() :]
        if rest and len(self.offsets) < 100:
            self._block(rest, self.offsets[-1])

    def _heading(self, raw: str, level: int) -> None:
        text = " ".join(inline(raw).split())
        if len(text) > MAX_HEADING_CHARS:
            self._close()
            return
        self.open = []
        self.kind, self.number = "paragraph", None
        self._put(RawBlock("heading", text, level=level))
        self.blocks += self._images(raw)

    def _close(self) -> None:
        """End the open paragraph."""
        raw, self.open = self.open, []
        kind, self.kind = self.kind, "paragraph"
        number, self.number = self.number, None
        joined = _lines_joined(raw) if raw else ""
        text = inline(joined)
        if text:
            self._paragraph(text, kind, number, _is_bold(raw))
        self.blocks += self._images(joined)

    def _paragraph(self, text: str, kind: str, number: str | None, bold: bool) -> None:
        linked = _ATX.match(text)
        if linked and "\n" not in text and linked[2]:  # `[### Title](…)`
            self._put(RawBlock("heading", linked[2], level=len(linked[1])))
            return
        block = RawBlock(kind, text, bold=bold, nested=self.depth > 0)
        if kind == "list_item":
            block.level, block.nested = max(1, self.depth), False
            if number:
                block.text, block.number = f"{number} {text}", number
        self._put(block)

    def _put(self, block: RawBlock) -> None:
        if any(char.isalnum() for char in block.text):
            found = ENUMERATOR.match(block.text)
            block.number = block.number or (found.group().strip() if found else None)
            self.blocks.append(block)

    def _images(self, raw: str) -> Iterator[RawBlock]:
        """Captions of the images in a paragraph: their title, else what describes them."""
        if "![" not in raw and "<img" not in raw:
            return
        raw = _CODE_SPAN.sub("", raw)
        for tag in _IMAGE_TAG.findall(raw):
            yield from html_blocks(tag, self.left_out)
        for image in _IMAGE.finditer(raw):
            alt, address, title = image.groups(default="")
            start, end = image.span()
            linked = raw[max(0, start - 1) : start] == "[" or raw.startswith("](", end)
            said = _images.described(None if linked else inline(alt))
            caption = inline(title.strip()[1:-1]) or said
            if caption:
                yield _images.described_image(caption, _images.reference(address.strip("<>")))
            else:
                self.left_out["image"] += 1

    def _code(self, fence: str, indent: int) -> None:
        lines = []
        while self.at < len(self.lines):
            line = self.lines[self.at].expandtabs(4)
            self.at += 1
            if line.strip().startswith(fence) and not line.strip().strip(fence[0]):
                break
            lines.append(line[indent:] if not line[:indent].strip() else line)
        self.blocks.append(RawBlock("code", "\n".join(lines).strip("\n")))

    def _is_table(self, content: str) -> bool:
        if "|" not in content or self.at >= len(self.lines):
            return False
        below = self.lines[self.at].strip()
        return "|" in below and "-" in below and bool(_DELIMITERS.match(below))

    def _table(self, head: str) -> None:
        rows, start = [_cells(head)], self.at - 1
        self.at += 1
        while self.at < len(self.lines) and "|" in self.lines[self.at]:
            rows.append(_cells(self.lines[self.at]))
            self.at += 1
        lines = (" | ".join(cell for cell in row if cell) for row in rows)
        text = "\n".join(line for line in lines if line)
        self.left_out["image"] += sum(line.count("![") for line in self.lines[start : self.at])
        self._put(RawBlock("table", text, cells=partial(even, rows, True)))

    def _html(self, content: str) -> None:
        """A block of HTML: up to a blank line that leaves no element of it open."""
        lines, depth = [content], _depth(content)
        while self.at < len(self.lines):
            line = self.lines[self.at]
            if not line.strip() and depth <= 0:
                break
            lines.append(line)
            depth += _depth(line)
            self.at += 1
        self.blocks += html_blocks("\n".join(lines), self.left_out)


_OPENING = re.compile(r"<(/?)(?:div|section|article|table|ul|ol|details|blockquote)\b", re.I)


def _depth(line: str) -> int:
    """Containers that a line opens less those that it closes."""
    return sum(-1 if match[1] else 1 for match in _OPENING.finditer(line))


def html_blocks(markup: str, left_out: Counter[str] | None = None) -> list[RawBlock]:
    """The blocks of a piece of HTML; nothing in it is left out as a page's frame."""
    from datakit.ingestors.terms_html import table_blocks

    root, _ = _html.parse(markup)
    if root is None:
        return []
    _html.remove_never_text(root)
    walk = _html.Walk(lambda *_: None, table_blocks)
    blocks, n_repeated = _images.distinct(mended(walk.run(root)))
    if left_out is not None:
        left_out["image"] += walk.n_images + n_repeated
    return blocks


def _cells(row: str) -> list[str]:
    row = row.strip().removeprefix("|").removesuffix("|")
    return [" ".join(inline(cell).split()) for cell in re.split(r"(?<!\\)\|", row)]


def _lines_joined(lines: list[str]) -> str:
    """The lines of a paragraph; two blanks or a backslash at the end of one keep the break."""
    parts: list[str] = []
    for line, after in itertools.pairwise([*lines, ""]):
        if not after:
            parts.append(line.rstrip())
        elif line.endswith(("  ", "\\")):
            parts += [line.rstrip().removesuffix("\\"), "\n"]
        else:
            parts += [line.rstrip(), between(line, after)]
    return "".join(parts)


_CJK_EDGE = re.compile("[\u2e80-\u9fff\uf900-\ufaff\uff00-\uffef]")


def between(line: str, after: str) -> str:
    """What joins a line and the next one: a blank, or nothing between Chinese characters."""
    left, right = line.rstrip()[-1:], after.lstrip()[:1]
    return "" if _CJK_EDGE.match(left) and _CJK_EDGE.match(right) else " "


def _is_bold(lines: list[str]) -> bool:
    text = " ".join(lines).strip()
    return len(text) > 4 and text[:2] == text[-2:] and text[:2] in ("**", "__")


# --- inline -------------------------------------------------------------------------------------

_CODE_SPAN = re.compile(r"(?<!`)(`{1,3})(?!`)(.{1,2000}?)(?<!`)\1(?!`)", re.S)
_ESCAPED = re.compile(r"\\([!-/:-@\[-`{-~])")
_PROTECTED = re.compile("[\U000f0021-\U000f007e]")  # an escaped character, kept from being read
_IMAGE = re.compile(r"!\[([^\[\]]{0,1000})\]\(([^()\s]*(?:\([^()]*\)[^()\s]*)*)(?:\s([^()]*))?\)")
_IMAGE_TAG = re.compile(r"<img\b[^<>]{1,2000}>")
_LINK = re.compile(
    r"\[((?:[^\[\]]|\[[^\[\]]{0,200}\]){0,2000})\]"
    r"(?:\(\s*(?:<[^<>\n]*>|[^()\s]*(?:\([^()]*\)[^()\s]*)*)(?:\s+[^()]*)?\)|\[[^\[\]]{0,200}\])"
)
_FOOTNOTE = re.compile(r"\[\^[^\[\]\s]{1,40}\]:?")
_AUTOLINK = re.compile(r"<((?:https?|mailto):[^<>\s]+)>")
_BREAK = re.compile(r"\s*<br\s*/?>\s*", re.I)
_TAG = re.compile(r"</?[a-zA-Z][^<>]{0,2000}>|<!--.{0,2000}?-->", re.S)
_STRONG = re.compile(r"\*{2,}")
_LINK_END = re.compile(r"\]\((?:https?:|mailto:|[/#.])[^()\s]*\)")  # of a link over many blocks
_EMPHASIS = re.compile(r"(?<![\w*])\*(?=[^\s*])([^*]{1,1000}?)(?<=[^\s*])\*(?![\w*])")
_UNDERLINE = re.compile(
    r"(?<!\w)(_{1,3})(?=[^\s_])((?:[^_]|(?<=\w)_(?=\w)){1,1000}?)(?<=[^\s_])\1(?!\w)"
)
_STRUCK = re.compile(r"~~(?=\S)(.{1,1000}?)~~", re.S)


def inline(text: str) -> str:
    """Text without the marks of emphasis, links, images, code and HTML; line breaks stay."""
    parts = []
    start = 0
    for span in _CODE_SPAN.finditer(text) if "`" in text else ():
        parts += [_unmarked(text[start : span.start()]), span[2]]
        start = span.end()
    parts.append(_unmarked(text[start:]))
    lines = (" ".join(line.split()) for line in "".join(parts).split("\n"))
    return "\n".join(line for line in lines if line)


def _unmarked(text: str) -> str:
    if "\\" in text:
        text = _ESCAPED.sub(lambda m: chr(0xF0000 + ord(m[1])), text)
    if "[" in text:
        text = _IMAGE.sub("", text)
        text = _FOOTNOTE.sub("", _LINK.sub(r"\1", text))
    if "](" in text:
        text = _LINK_END.sub("", text)
    if "<" in text:
        text = _TAG.sub("", _BREAK.sub("\n", _AUTOLINK.sub(r"\1", text)))
    if "*" in text:
        text = _EMPHASIS.sub(r"\1", _STRONG.sub("", text))
    if "_" in text:
        text = _UNDERLINE.sub(r"\2", text)
    if "~~" in text:
        text = _STRUCK.sub(r"\1", text)
    if "&" in text:
        text = html.unescape(text)
    return _PROTECTED.sub(lambda m: chr(ord(m[0]) - 0xF0000), text)

"""Wikitext to raw blocks: headings, paragraphs, lists, tables; templates and references go."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator

from datakit.ingestors import _images
from datakit.ingestors._markup_tables import MarkupTable
from datakit.ingestors._style import RawBlock

MAX_CHARS = 5_000_000  # of one page; longer ones are cut

_COMMENT = re.compile(r"<!--.*?(?:-->|\Z)", re.S)
_GONE = re.compile(
    r"<(ref|gallery|timeline|imagemap|score|templatestyles|syntaxhighlight|source)\b"
    r"[^<>]*?(?:/>|>.*?</\1\s*>)",
    re.S | re.I,
)
_FORMULA = re.compile(r"<(math|chem)\b[^<>]*>(.*?)</\1\s*>", re.S | re.I)
MAX_FORMULA = 80  # characters of TeX that stay in a sentence
# templates that stand for the text inside them
_QUANTITY = re.compile(r"\{\{(?:convert|cvt)\|([\d.,]+)\|([^|{}]{1,20})[^{}]{0,80}\}\}", re.I)
_WRAPPED = re.compile(
    r"\{\{(?:math|mvar|nowrap|nobr|small|lang\|[\w-]+)\|([^{}|]{1,200})\}\}", re.I
)
_EMPTY = re.compile(r"\s*\(\s*[,;]?\s*\)")
_TAG = re.compile(r"</?[a-zA-Z][^<>]{0,500}>")
_BREAK = re.compile(r"<br\s*/?>", re.I)
_HEADING = re.compile(r"(={1,6})\s*(.+?)\s*\1\s*$")
_ITEM = re.compile(r"([*#:;]+)\s*(.*)$")
_LINK = re.compile(r"\[\[([^\[\]|]*)(?:\|([^\[\]]*))?\]\]")
_EXTERNAL = re.compile(r"\[(?:https?:|ftp:|//|mailto:)[^\s\[\]]+(?:\s+([^\[\]]*))?\]")
_QUOTES = re.compile(r"'{2,5}")
_MAGIC = re.compile(r"__[A-Z]{3,20}__")
_NO_TEXT_SPACE = re.compile(
    r":?\s*(?:file|image|category|media|datei|bild|kategorie|fichier|catégorie|文件|图像|圖像|檔案"
    r"|分类|分類|файл|категория|картинка|категория|категорія)\s*:", re.I
)  # fmt: skip
_IMAGE = re.compile(
    r"\[\[\s*(?:file|image|datei|bild|fichier|文件|图像|圖像|檔案|файл|картинка)\s*:([^\[\]|]{1,300})"
    r"\|((?:[^\[\]]|\[\[[^\[\]]{0,300}\]\]|\[[^\[\]]{0,500}\]){1,3000})\]\]", re.I
)  # fmt: skip
_THUMB = re.compile(r"thumb(?:nail)?|frame(?:d)?|mini|miniatur|vignette|缩略图|縮圖|мини", re.I)
_IMAGE_OPTION = re.compile(
    r"[\w ]*=.*|(?:\d+)?x?\d*\s?px|upright|left|right|cent(?:er|re)|none|border|frameless|links"
    r"|rechts|hochkant|zentriert|droite|gauche|左|右|居中|", re.I | re.S
)  # fmt: skip
_CATEGORY = re.compile(
    r"\[\[\s*(?:category|kategorie|catégorie|分类|分類|категория)\s*:\s*([^\[\]|]+)", re.I
)
_LANGUAGE_LINK = re.compile(r"[a-z]{2,3}(?:-[a-z]{2,8})?:\S")
# headings of sections that only list sources and links
_APPARATUS = frozenset(
    ("references", "external links", "see also", "notes", "further reading", "bibliography",
     "sources", "footnotes", "参考文献", "外部链接", "外部連結", "参见", "參見", "注释", "註釋",
     "einzelnachweise", "weblinks", "literatur", "références", "liens externes")
)  # fmt: skip


def categories(text: str) -> list[str]:
    """The categories of a page, as written."""
    return [" ".join(name.split()) for name in _CATEGORY.findall(text[-20_000:])]


def wiki_blocks(text: str) -> list[RawBlock]:
    """The blocks of a page; sections that only list sources are left out."""
    text = _COMMENT.sub("", text[:MAX_CHARS])
    text = _GONE.sub("", text)
    text = _FORMULA.sub(lambda m: m[2].strip() if len(m[2]) <= MAX_FORMULA else "", text)
    text = _WRAPPED.sub(r"\1", _QUANTITY.sub(r"\1 \2", text))
    text = _EMPTY.sub("", _without_nested(text, "{{", "}}"))
    blocks: list[RawBlock] = []
    paragraph: list[str] = []
    images: list[RawBlock] = []  # in it
    skipped = 0  # level of the section that is left out
    lines = iter(text.split("\n"))

    def close() -> None:
        if paragraph:
            blocks.append(RawBlock("paragraph", " ".join(paragraph)))
            paragraph.clear()
        blocks.extend(images)
        images.clear()

    for line in lines:
        heading = _HEADING.match(line)
        if heading:
            close()
            level, title = len(heading[1]), inline(heading[2])
            if skipped and level > skipped:
                continue
            skipped = level if title.casefold() in _APPARATUS else 0
            if not skipped and title:
                blocks.append(RawBlock("heading", title, level=max(1, level - 1)))
        elif skipped:
            continue
        elif line.startswith("{|"):
            close()
            blocks += _table(line, lines)
        elif not line.strip():
            close()
        else:
            if "[[" in line and "|" in line and _IMAGE.search(line):
                images += _images_in(line)
                line = _IMAGE.sub("", line)  # noqa: PLW2901 (what is left of it)
            item = _item(line)
            if item is None:
                clean = inline(line)
                paragraph += [clean] if clean else []
                continue
            close()
            blocks += [item] if item.text else []
    close()
    return _without_empty_sections(blocks)


def _images_in(line: str) -> Iterator[RawBlock]:
    """The captions of the pictures in a line; without a frame, only what describes a picture."""
    for match in _IMAGE.finditer(line):
        options = [option.strip() for option in inline(match[2]).split("|")]
        framed = any(_THUMB.fullmatch(option) for option in options)
        texts = [o for o in options if not (_THUMB.fullmatch(o) or _IMAGE_OPTION.fullmatch(o))]
        said = next((o[4:] for o in options if o.startswith("alt=")), None)
        caption = texts[-1] if texts else None
        address = _images.reference(match[1])
        if caption and framed:
            yield RawBlock("caption", caption, reference=address)
        else:
            text = _images.described(said or caption)
            yield from [_images.described_image(text, address)] if text else ()


def _item(line: str) -> RawBlock | None:
    match = _ITEM.match(line)
    if match is None:
        return None
    text = inline(match[2])
    kind = "definition" if match[1][-1] == ";" else "list_item"
    if set(match[1]) == {":"}:
        kind = "paragraph"  # indented
    return RawBlock(kind, text, level=len(match[1]) if kind == "list_item" else None)


def _table(first: str, lines: object) -> list[RawBlock]:
    """The rows of a table, a line each; tables inside count as part of it."""
    table = MarkupTable([[]])
    caption = ""
    depth = 1
    for line in lines:  # type: ignore[attr-defined]
        stripped = line.strip()
        depth += stripped.startswith("{|")
        if stripped.startswith("|}"):
            depth -= 1
            if depth == 0:
                break
        elif stripped.startswith("|+"):
            caption = inline(_cell(stripped[2:]))
        elif stripped.startswith("|-"):
            table.add_row()
        elif stripped[:1] in ("|", "!"):
            cells = re.split(r"\|\||!!", stripped[1:])
            for cell in cells:
                said = dict(_SPAN.findall(cell.partition("|")[0])) if "span" in cell else {}
                table.add(said, stripped[0] == "!", inline(_cell(cell)))
        elif table.rows[-1] and stripped:
            last = table.rows[-1][-1]
            last.text = f"{last.text} {inline(stripped)}".strip()
    lines = (" | ".join(cell.text for cell in row if cell.text) for row in table.rows)
    text = "\n".join(line for line in lines if line)
    found = [RawBlock("caption", caption)] if caption else []
    return found + ([RawBlock("table", text, cells=table.cells)] if text else [])


_SPAN = re.compile(r"\b((?:col|row)span)\s*=\s*[\"']?(\d{1,5})")


def _cell(raw: str) -> str:
    """A cell without the attributes before its one bar."""
    before, bar, after = raw.partition("|")
    return after if bar and "[[" not in before and "=" in before else raw


def inline(text: str) -> str:
    """A line without the marks of links, emphasis and HTML."""
    text = _LINK.sub(_linked, text)
    text = _LINK.sub(_linked, text)  # a caption may hold links of its own
    text = _EXTERNAL.sub(lambda m: m[1] or "", text)
    text = _QUOTES.sub("", _MAGIC.sub("", text))
    text = _TAG.sub("", _BREAK.sub(" ", text))
    return " ".join(html.unescape(text).split())


def _linked(match: re.Match[str]) -> str:
    target, label = match[1], match[2]
    if _NO_TEXT_SPACE.match(target) or (label is None and _LANGUAGE_LINK.match(target)):
        return ""
    if label is None:
        return target.lstrip(":").strip()
    return label.split("|")[-1]


def _without_nested(text: str, opening: str, closing: str) -> str:
    """Text outside `{{…}}`, however deep they nest; one without an end is left as it is."""
    parts: list[str] = []
    depth, start = 0, 0
    for match in re.finditer(re.escape(opening) + "|" + re.escape(closing), text):
        if match.group() == opening:
            if depth == 0:
                parts.append(text[start : match.start()])
                start = match.start()
            depth += 1
        elif depth:
            depth -= 1
            if depth == 0:
                start = match.end()
    parts.append(text[start:] if depth == 0 else text[start:].replace(opening, ""))
    return "".join(parts)


def _without_empty_sections(blocks: list[RawBlock]) -> list[RawBlock]:
    """Without headings that head nothing, as templates and tables leave behind."""
    kept: list[RawBlock] = []
    below = 0  # level of the next heading that has text under it, 0 where text follows
    has_text = False
    for block in reversed(blocks):
        if block.kind != "heading":
            has_text, below = True, 0
        else:
            level = block.level or 1
            if not has_text and not below > level:
                continue
            has_text, below = False, level
        kept.append(block)
    return kept[::-1]

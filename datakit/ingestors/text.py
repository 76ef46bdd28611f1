"""Markdown and plain text, down to a text without a single line end."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from datakit.ingestors import _dates, _headings, _markdown, _report_debris, _research
from datakit.ingestors._blocks import DocumentBuilder
from datakit.ingestors._decode import MAX_BYTES, binary_kind, read_text
from datakit.ingestors._enumerators import ENUMERATOR
from datakit.ingestors._style import RawBlock
from datakit.records import Document, Dropped
from datakit.registry import plugin

MARKDOWN = (".md", ".markdown", ".mdown", ".mkd")
PLAIN = (".txt", ".text", ".rst", ".asc")
LONG_LINE = 1_200  # code points; a longer line is split where sentences end
TOP_CHARS = 1_500  # where a text says its own date
SENTENCES = 5  # of a paragraph that is cut out of a long line
MAX_PIECE = 2_000  # code points of such a paragraph
LEAST_KEPT = 0.2  # of a report; with less left it is no report after all


@plugin("ingestors", "text")
@dataclass(frozen=True)
class PlainText:
    """A Markdown or plain text file: one document."""

    max_bytes: int = MAX_BYTES  # larger files are dropped
    sentences: int = SENTENCES  # of a paragraph that is cut out of a line without end
    table_cells: bool = False  # tables as rows of cells beside their text

    def matches(self, name: str, head: bytes) -> int:
        """50 for Markdown by name, 30 for plain text by name, 10 for text without a suffix."""
        suffix = PurePosixPath(name.lower()).suffix
        if suffix in MARKDOWN:
            return 50
        if suffix in PLAIN:
            return 30
        bare = not suffix or not re.fullmatch(r"\.[a-z][a-z0-9]{0,9}", suffix)
        return 10 if bare and head.strip() and binary_kind(head) is None else 0

    def __call__(self, path: Path, source_uri: str) -> Iterator[Document | Dropped]:
        decoded = read_text(path, source_uri, max_bytes=self.max_bytes)
        if isinstance(decoded, Dropped):
            yield decoded
            return
        if PurePosixPath(path.name.lower()).suffix in MARKDOWN:
            yield read_markdown(decoded.text, source_uri, decoded.flags, self.table_cells)
        else:
            yield read_plain(decoded.text, source_uri, decoded.flags, self.sentences)


def read_markdown(
    text: str, source_uri: str, flags: tuple[str, ...] = (), table_cells: bool = False
) -> Document | Dropped:
    """The document of a Markdown file; front matter becomes its metadata."""
    front, body = _markdown.front_matter(text.replace("\r\n", "\n"))
    left_out: Counter[str] = Counter()
    blocks = promoted(_markdown.markdown_blocks(body, left_out))
    _headings.dense(blocks)
    builder = DocumentBuilder("text", "text/markdown", table_cells)
    builder.add(blocks)
    fields = metadata(blocks, source_uri, front)
    if left_out["image"]:
        fields["meta"]["left_out"] = f"image {left_out['image']}"
    return builder.build(source_uri, flags=flags, **fields)


def read_plain(
    text: str, source_uri: str, flags: tuple[str, ...] = (), n_sentences: int = SENTENCES
) -> Document | Dropped:
    """The document of a plain text file."""
    from datakit.text import detect_language

    language = detect_language(text)
    blocks, left_out = report_blocks(text, language, n_sentences)
    builder = DocumentBuilder("text", "text/plain")
    builder.add(blocks)
    fields = metadata(blocks, source_uri, {"language": language or ""}, text)
    if left_out:
        fields["meta"]["left_out"] = left_out
    return builder.build(source_uri, flags=flags, **fields)


# --- plain text ---------------------------------------------------------------------------------

_BULLET = re.compile(r"(\s*)(?:[•●○■◆◇▪▫◦◼➢►▶✓⚫❖]\s*|[-–—*+·]\s+)(?=\S)")
_INLINE_BULLET = re.compile(r"[ \t]*([◆■⚫➢◼❖►])(?=[^\s◆■⚫➢◼❖►])")
_CAPTION = re.compile(
    r"(?:图表?|表格?|(?:figure|fig\.|table|exhibit|chart)\s)\s*\d{1,3}(?:[-–.]\d{1,3})*\s*[:：.、]?\s*\S",
    re.I,
)
_SOURCE_LINE = re.compile(r"(?:资料来源|数据来源|来源|sources?)\s*[:：]", re.I)
_BRACKETED = re.compile(r"【[^【】]{1,40}】$")
_RULER = re.compile(r"\s*([=\-~^*#_])\1{2,}\s*$")
_PAGE_NUMBER = re.compile(
    r"\s*(?:[-–—]\s*\d{1,4}\s*[-–—]|\d{1,4}|(?:page|seite)\s+\d+(?:\s*(?:of|von|/)\s*\d+)?"
    r"|第\s*\d+\s*页.{0,12}|\d+\s*/\s*\d+)\s*$",
    re.I,
)
_CJK = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]")
_LEADER = re.compile(r"(?:\.{5,}|…{3,}|(?:\. ){5,})[.\s…]*\d{1,4}\s*$")
_ENDS = re.compile(r"[.!?:;。！？：；…”\"』」）)】》]$")
MAX_CAPTION = 120


def report_blocks(
    text: str, language: str | None, n_sentences: int = SENTENCES
) -> tuple[list[RawBlock], str]:
    """The blocks of a plain text and what was left out of it in words.

    A Chinese report that lost its lines is taken apart first; see `_research.clean`.
    """
    if language == "zh" and _research.needs_lines(text):
        cleaned = _research.clean(text)
        if len(cleaned.text) >= LEAST_KEPT * len(text):
            counted = "; ".join(f"{what}: {n} characters" for what, n in cleaned.left_out.items())
            return plain_blocks(cleaned.text, language, n_sentences), counted
    return plain_blocks(text, language, n_sentences), ""


def plain_blocks(text: str, language: str | None, n_sentences: int = SENTENCES) -> list[RawBlock]:
    """The blocks of a text without markup.

    Lines that were broken at a margin are joined, bullets are list items, short numbered lines
    are headings, and a line of more than 1,200 code points is cut into paragraphs of
    `n_sentences` sentences.
    """
    blocks = line_blocks(text, language, n_sentences)
    _rank(blocks)
    return promoted(blocks)


def promoted(blocks: list[RawBlock]) -> list[RawBlock]:
    """Paragraphs that stand as headings made headings.

    A Chinese line is none because its few Latin letters are capitals.
    """
    before = {id(block) for block in blocks if block.kind == "heading"}
    for block in _headings.promote(blocks):
        new = block.kind == "heading" and id(block) not in before
        if new and not block.bold and not block.number and _CJK.search(block.text):
            block.kind, block.level = "paragraph", None
    return [block for block in blocks if block.kind != "rule"]


def _rank(blocks: list[RawBlock]) -> None:
    """Give headings without a level one by how they are numbered: 一、 over （一） over 1."""
    open_: list[str] = []
    for block in blocks:
        if block.kind == "heading" and block.level is None:
            style = _headings.numbering(block.text) or "plain"
            del open_[next((i for i, s in enumerate(open_) if not _above(s, style)), len(open_)) :]
            open_.append(style)
            block.level = len(open_)
            number = ENUMERATOR.match(block.text)
            block.number = number.group().strip() if number else None


def line_blocks(text: str, language: str | None, n_sentences: int = SENTENCES) -> list[RawBlock]:
    """The same with numbered lines still paragraphs, for a part of a document."""
    from datakit.text import normalise

    lines = _without_page_furniture(_with_bullets(normalise(text)).split("\n"))
    blocks: list[RawBlock] = []
    for group in _paragraphs(lines):
        if group.startswith(_report_debris.TABLE_MARK):
            blocks.append(RawBlock("table", " ".join(group[1:].split())))
        elif len(group) > LONG_LINE:
            blocks += _cut(group, language, n_sentences)
        else:
            blocks.append(_block(group))
    return [block for block in blocks if block.text]


def _with_bullets(text: str) -> str:
    """A line end before each bullet in the middle of a line, where there are several."""
    if len(_INLINE_BULLET.findall(text)) < 2:
        return text
    return _INLINE_BULLET.sub(lambda m: m[0] if _at_line_start(m) else f"\n{m[1]} ", text)


def _at_line_start(match: re.Match[str]) -> bool:
    return match.start() == 0 or match.string[match.start() - 1] == "\n"


def _without_page_furniture(lines: list[str]) -> list[str]:
    """Without page numbers and without tables of contents, which have dot leaders."""
    numbered = sum(bool(_PAGE_NUMBER.match(line)) for line in lines)
    if 3 <= numbered <= len(lines) / 8:  # three or more are pages; many are a table
        lines = [line for line in lines if not _PAGE_NUMBER.match(line)]
    kept = [line for line in lines if not _LEADER.search(line)]
    return kept if len(lines) - len(kept) >= 3 else lines


def _paragraphs(lines: list[str]) -> Iterator[str]:
    """Lines, joined where they were broken at a margin; a ruler under a line marks a heading."""
    margin = _margin(lines)
    parts: list[str] = []
    last = ""
    for line in lines:
        if parts and margin and line.strip() and _goes_on(last, line, margin):
            parts += [_markdown.between(last, line), line.strip()]
            last = line
            continue
        ruled = _RULER.match(line)
        whole = "".join(parts)
        yield f"# {whole}" if ruled and 0 < len(whole) <= MAX_CAPTION else whole
        parts = [] if ruled or not line.strip() else [line.rstrip()]
        last = line
    yield "".join(parts)


def _margin(lines: list[str]) -> int:
    """The length of a line of a text that was broken at a margin, 0 where it was not."""
    filled = [line for line in lines if line.strip()]
    lengths = sorted(len(line) for line in filled)
    if len(filled) < 8 or lengths[-1 - len(lengths) // 50] > 140:
        return 0
    unfinished = sum(not _ENDS.search(line.rstrip()) for line in filled)
    full = lengths[int(0.8 * len(lengths))]
    at_margin = sum(length >= 0.8 * full for length in lengths)
    wraps = unfinished >= 0.5 * len(filled) and at_margin >= 0.4 * len(filled) and full >= 28
    return full if wraps else 0


def _goes_on(last: str, line: str, margin: int) -> bool:
    if _RULER.match(line):
        return False
    if _BULLET.match(line) or _CAPTION.match(line) or _ENDS.search(last.rstrip()) is not None:
        starts = line.lstrip()[:1]
        return starts.islower() and not _BULLET.match(line)
    return len(last) >= 0.7 * margin and not ENUMERATOR.match(line.strip())


def _block(line: str) -> RawBlock:
    if line.startswith("# "):
        return RawBlock("heading", " ".join(line[2:].split()), level=1)
    if line.startswith(_research.HEADING_MARK):
        return RawBlock("heading", " ".join(line[1:].split()))  # its level comes last
    bullet = _BULLET.match(line)
    text = " ".join(line[bullet.end() :].split()) if bullet else " ".join(line.split())
    number = ENUMERATOR.match(text)
    block = RawBlock("paragraph", text, number=number.group().strip() if number else None)
    if bullet:
        block.kind, block.level = "list_item", 1 + min(5, len(bullet[1].expandtabs(4)) // 2)
    elif len(text) <= MAX_CAPTION and _CAPTION.match(text):
        block.kind, block.number = "caption", None
    elif len(text) <= MAX_CAPTION and _SOURCE_LINE.match(text):
        block.kind = "footnote"
    elif _BRACKETED.match(text):
        block.bold = True
    return block


def _cut(line: str, language: str | None, n_sentences: int) -> Iterator[RawBlock]:
    """A long line as paragraphs that end where sentences end."""
    from datakit.text import sentences

    first: RawBlock | None = _block(line)
    text = first.text if first else line
    start, count, end = 0, 0, 0
    for _, end in sentences(text, language):
        count += 1
        if count >= n_sentences or end - start >= MAX_PIECE:
            yield _piece(text[start:end], first)
            first = None
            start, count = end, 0
    if text[start:].strip():
        yield _piece(text[start:], first)


def _piece(text: str, first: RawBlock | None) -> RawBlock:
    """A paragraph; the first one of a list item is the item."""
    if first is not None and first.kind == "list_item":
        return RawBlock("list_item", text.strip(), level=first.level, number=first.number)
    return RawBlock("paragraph", text.strip())


def _above(style: str, other: str) -> bool:
    """Whether a numbering that is open stays open when the other one comes."""
    depths = [s.count("1") if set(s) <= set("1.、．)）:：") else 0 for s in (style, other)]
    return depths[0] < depths[1] if all(depths) else style != other


# --- metadata -----------------------------------------------------------------------------------

_SUFFIX = re.compile(
    r"\.(?:md|markdown|mdown|mkd|txt|text|json|jsonl|pdf|xlsx?|docx?|html?|xml|nxml)$", re.I
)
_POLICY = re.compile(
    r"polic|terms|statement|guidelines|agreement|conditions|notice|imprint|协议|政策|条款|声明",
    re.I,
)
_TITLE_KEYS = ("title", "name", "标题", "题目")
_DATE_KEYS = ("date", "publishedat", "published_at", "published", "publish_date", "pubdate",
              "updated", "modified", "日期", "发布日期")  # fmt: skip
_ISSUER_KEYS = ("issuer", "broker", "company", "publisher", "org_name", "organization", "source",
                "author", "机构", "来源", "作者")  # fmt: skip
_CATEGORY_KEYS = ("category", "industry", "industry_name", "categories", "subject", "行业", "分类")
_LANGUAGE_KEYS = ("language", "lang", "语言")
_VERSION_KEYS = ("version", "版本")
_LICENCE_KEYS = ("licence", "license", "rights")
_URL_KEYS = ("url", "sourceurl", "source_url", "link")


def clean_name(source_uri: str) -> str:
    """A file name as a title: without its suffixes, underscores as blanks."""
    name = PurePosixPath(source_uri.split("#", 1)[0]).name
    while _SUFFIX.search(name) and len(_SUFFIX.sub("", name)) > 0:
        name = _SUFFIX.sub("", name)
    return " ".join(name.replace("_", " ").split())


def metadata(
    blocks: list[RawBlock], source_uri: str, front: Mapping[str, Any], text: str = ""
) -> dict[str, Any]:
    """What a text says about itself: by its front matter, its first heading, its name.

    Args:
        blocks: of the text, headings among them.
        source_uri: its place; the folder of `Service/Terms of Service.md` is the issuer.
        front: fields by name, in lower case.
        text: as it was before anything was left out; without it, that of the blocks.
    """
    from datakit.ingestors.terms_html import doc_type_of
    from datakit.text import detect_language

    name = clean_name(source_uri)
    text = text or "\n".join(block.text for block in blocks)
    language = first_of(front, _LANGUAGE_KEYS) or detect_language(text)
    title = first_of(front, _TITLE_KEYS)
    top = _top_heading(blocks)
    doc_type = doc_type_of(name, top)
    policy = not title and (doc_type != "other" or bool(_POLICY.search(name)))
    if not title:
        title = top if top and (not policy or doc_type_of(top) != "other") else name
    issuer = first_of(front, _ISSUER_KEYS) or (_folder(source_uri) if policy else None)
    category = first_of(front, _CATEGORY_KEYS)
    fields: dict[str, Any] = {
        "title": title,
        "issuer": issuer,
        "doc_type": first_of(front, ("doc_type", "type")) or _told(doc_type if policy else "other"),
        "category": category,
        "date": iso_date(first_of(front, _DATE_KEYS)),
        "version": first_of(front, _VERSION_KEYS),
        "licence": first_of(front, _LICENCE_KEYS),
        "language": language,
        "meta": {"url": first_of(front, _URL_KEYS) or ""},
    }
    if policy:
        dates = _dates.labelled_dates(text, language)
        fields["valid_from"] = dates.effective or dates.updated
        fields["date"] = fields["date"] or dates.updated or dates.effective
    elif language == "zh":
        _research.refine(fields, text, name)
    if fields["doc_type"] != "research_report":  # whose front has been read for its day
        fields["date"] = fields["date"] or _date_of(text, name, language)
    fields["meta"] = {key: value for key, value in fields["meta"].items() if value}
    return fields


def _told(doc_type: str) -> str | None:
    return None if doc_type == "other" else doc_type


def _top_heading(blocks: list[RawBlock]) -> str | None:
    """The heading of level 1 that opens the text; one with a number is a section's."""
    tops = (b for b in blocks[:4] if b.kind == "heading" and b.level == 1)
    top = next((block.text for block in tops if not block.number), None)
    return top if top and len(top) <= 200 else None


def first_of(fields: Mapping[str, Any], keys: Iterable[str]) -> str | None:
    """The first of some fields that says something, as one text."""
    for key in keys:
        value = fields.get(key)
        if isinstance(value, list):
            value = next((item for item in value if isinstance(item, str | int) and item), None)
        if isinstance(value, str | int | float) and not isinstance(value, bool):
            text = str(value).strip()
            if text:
                return text
    return None


def iso_date(value: str | None) -> str | None:
    """A field's date in ISO 8601; a bare year counts here."""
    if not value:
        return None
    compact = re.fullmatch(r"((?:19|20)\d\d)(?:0[1-9]|1[0-2])(?:[0-2]\d|3[01])(?:\d{6})?", value)
    if compact:
        return _dates.date_in_name(value[:8])
    found = _dates.find_date(value.split("T")[0])
    year = re.match(r"(?:19|20)\d\d(?!\d)", value)
    return found or (year.group() if year else None)


def _folder(source_uri: str) -> str | None:
    """The folder that a policy lies in, where that is not the source itself."""
    parts = PurePosixPath(source_uri).parts
    return parts[-2] if len(parts) >= 3 else None


def _date_of(text: str, name: str, language: str | None) -> str | None:
    """The date in the name, else the first at the top of the text."""
    return _dates.date_in_name(name) or _dates.find_date(text[:TOP_CHARS], language)

"""Terms, policies and other pages of running text in HTML.

The page's frame goes (menus, banners, consent boxes, hidden parts, form controls), the body
stays; a page whose rules would leave out most of its text is read again with the largest part
that was left out let in, and flagged `low_coverage`.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urlsplit

from datakit.ingestors import _dates, _headings, _html, _prose, _research
from datakit.ingestors._blocks import DocumentBuilder
from datakit.ingestors._cells import of_grid
from datakit.ingestors._decode import MAX_BYTES, read_text
from datakit.ingestors._html import Cell, Element, RawBlock, Table
from datakit.ingestors._page import Page, read_body
from datakit.records import Document, Dropped
from datakit.registry import plugin

SENTENCE = 80  # characters; a page with a paragraph of that length has a body
OPENING_CHARS = 300  # in which a page without a title says what it is
_LETTERS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")
MAX_LABEL = 80  # characters of the label of a column
MAX_CELL = 3000  # characters; more is a part of the page, not a value
LANGUAGE_CHARS = 2000  # enough to tell the language of a page


@plugin("ingestors", "terms_html")
@dataclass(frozen=True)
class TermsHtml:
    """A page of terms, a policy, or any page of running text in HTML."""

    max_bytes: int = MAX_BYTES  # larger files are dropped
    table_cells: bool = False  # tables as rows of cells beside their text

    def matches(self, name: str, head: bytes) -> int:
        """50 for a page by name, 40 by its first bytes, 0 otherwise."""
        if name.lower().endswith((".html", ".htm", ".xhtml", ".shtml")):
            return 50
        start = head[:1024].replace(b"\x00", b"").lstrip(b"\xef\xbb\xbf\xff\xfe \t\r\n").lower()
        return 40 if start.startswith((b"<!doctype html", b"<html")) else 0

    def __call__(self, path: Path, source_uri: str) -> Iterator[Document | Dropped]:
        decoded = read_text(path, source_uri, max_bytes=self.max_bytes)
        if isinstance(decoded, Dropped):
            yield decoded
            return
        page = decoded.utf8 or decoded.text
        yield read_page(page, source_uri, decoded.flags, self.table_cells)


def read_page(
    html: str | bytes, source_uri: str, flags: tuple[str, ...] = (), table_cells: bool = False
) -> Document | Dropped:
    """The document of a page.

    Args:
        html: the page; bytes are UTF-8.
        source_uri: its place; a folder named after a service gives the issuer.
        flags: of the decoding, passed on.
        table_cells: whether tables keep their cells.
    """
    root, flattened = _html.parse(html)
    if root is None:
        return _no_text(source_uri)
    facts = _Facts.of(root)
    _html.remove_never_text(root)
    body = next(root.iterchildren("body"), None)
    page = read_body(root if body is None else body, table_blocks)
    _headings.demote(page.blocks)
    blocks = _headings.promote(_with_numbers(_prose.mended(page.blocks)))
    blocks = _without_bare_end(blocks, page)
    _add_title(blocks, facts)
    _headings.dense(blocks)
    builder = DocumentBuilder("terms_html", "text/html", table_cells)
    for block in blocks:
        block.number = block.number or _number(block)
    builder.add(blocks)
    if not any(char.isalnum() for block in blocks for char in block.text):
        return _no_text(source_uri)
    fields = _metadata(facts, page, blocks, source_uri)
    waits = builder.n_chars <= SHELL_CHARS and _SHELL.search(_html.text_of(root))
    said = {"flattened": flattened, "low_coverage": page.low_coverage, "notice_only": bool(waits)}
    marks = (*flags, *(flag for flag, true in said.items() if true))
    return builder.build(source_uri, flags=marks, **fields)


def _number(block: RawBlock) -> str | None:
    """The enumerator that a paragraph begins with."""
    if block.kind == "table" or block.text[:1] in _LETTERS:
        return None
    match = _html.ENUMERATOR.match(block.text)
    return match.group().strip() if match else None


def _with_numbers(blocks: list[RawBlock]) -> list[RawBlock]:
    """The blocks, with a number that stands alone in front of the paragraph that it counts."""
    joined: list[RawBlock] = []
    for block in blocks:
        last = joined[-1] if joined else None
        if (
            last is not None
            and (last.kind, block.kind) == ("paragraph", "paragraph")
            and len(last.text) <= 8
            and last.text[0] in "(0123456789"
            and _html.ENUMERATOR.fullmatch(f"{last.text} ")
            and not _html.ENUMERATOR.match(block.text)
        ):
            block.text = f"{last.text} {block.text}"
            joined.pop()
        joined.append(block)
    return joined


def _without_bare_end(blocks: list[RawBlock], page: Page) -> list[RawBlock]:
    """Without the low headings at the end that head nothing: a footer whose menus are gone."""
    end = len(blocks)
    while end and blocks[end - 1].kind == "heading" and (blocks[end - 1].level or 1) > 2:
        end -= 1
    prose = any(len(block.text) >= SENTENCE for block in blocks[:end])
    if not prose or not page.left_out:
        return blocks
    page.left_out.extend(("footer", None) for _ in blocks[end:])
    return blocks[:end]


# what a page says that waits for something else: a script, another address, a check
_SHELL = re.compile(
    r"\bredirect(?:ed|ing)?\b|(?:enable|requires?|turn on|activate) java ?script|just a moment"
    r"|checking your browser|verify(?:ing)? (?:that )?you are (?:a )?human|activer javascript"
    r"|javascript (?:aktivieren|ist deaktiviert)|access denied|正在跳转|启用 ?javascript", re.I
)  # fmt: skip
SHELL_CHARS = 300  # with more text than that a page is a document


def _no_text(source_uri: str) -> Dropped:
    return Dropped(
        source_uri,
        "no_text",
        f"{source_uri}: no text inside h1-h6, p, li, td. Is the page drawn by JavaScript?",
    )


def _add_title(blocks: list[RawBlock], facts: _Facts) -> None:
    """Head the body with its title: the page's `h1` from above it, or its own first line."""
    if not blocks:
        return
    titles = [text for text in facts.h1 if len(text) <= 200]
    named = [text for text in titles if doc_type_of(text) != "other"]
    top = next((b.text for b in blocks[:3] if b.kind == "heading"), None)
    if top and doc_type_of(top) != "other" and top.casefold() in (facts.title or "").casefold():
        return
    first = next((b for b in blocks[:3] if b.kind == "paragraph" and _is_bare_title(b.text)), None)
    if _are_any_in(titles, blocks):
        return
    if first is not None and not any(b.kind == "heading" for b in blocks[: blocks.index(first)]):
        _lower_all(blocks)
        first.kind, first.level = "heading", 1
    elif named or len(titles) == 1:
        _lower_all(blocks)
        blocks.insert(0, RawBlock("heading", (named or titles)[0], level=1))


def _are_any_in(titles: list[str], blocks: list[RawBlock]) -> bool:
    """Whether a block says what a title does."""
    folded = {text.casefold() for text in titles}
    longest = max(map(len, folded), default=0)  # folding shortens nothing
    return any(len(b.text) <= longest and b.text.casefold() in folded for b in blocks)


def _is_bare_title(text: str) -> bool:
    """A first line such as 隐私政策 or "Terms of use"."""
    short = len(text) <= (30 if not text.isascii() else 60) and "\n" not in text
    return short and text[-1] not in ".。:：,，;；!！" and doc_type_of(text) != "other"


def _lower_all(blocks: list[RawBlock]) -> None:
    for block in blocks:
        if block.kind == "heading":
            block.level = (block.level or 1) + 1


# --- tables ---------------------------------------------------------------------------------------


def table_blocks(table: Table) -> list[RawBlock] | None:
    """A data table as one block, a line per row; None for a table that lays out the page."""
    grid = [row for row in table.grid() if any(cell.text for cell in row)]
    said_layout = table.role in ("presentation", "none") and not (grid and _labelled(grid, 3))
    if not grid or said_layout or _lays_out(grid):
        return None if grid else []
    titles = 0
    while titles < len(grid) - 1 and _is_title(grid[titles]):
        titles += 1
    rows = grid[titles:]
    header = _header_row(table, rows)
    lines = [_row_line(row, None) for row in grid[:titles]]
    lines += [_row_line(row, header) for row in (rows[1:] if header else rows)]
    if header and len(rows) == 1:
        lines.append(" | ".join(_distinct(header)))
    caption = [RawBlock("caption", table.caption)] if table.caption else []
    text = "\n".join(line for line in lines if line)
    cells = partial(of_grid, rows, int(header is not None))
    return [*caption, RawBlock("table", text, cells=cells)]


def _is_title(row: list[Cell]) -> bool:
    """A row of one cell, over the whole width."""
    return len({id(cell) for cell in row if cell.text}) == 1


def _lays_out(grid: list[list[Cell]]) -> bool:
    """One column, or headings or a page's worth of prose in a cell without a header row."""
    if max(len(_distinct([cell.text for cell in row])) for row in grid) < 2:
        return True
    cells = [cell for row in grid for cell in row]
    if any(cell.header for cell in cells):
        return False
    below = [cell for row in grid[1:] for cell in row]  # the first row may be headings of columns
    headings = any(tag[0] == "h" for cell in below for tag in cell.holds)
    return headings or (not _labelled(grid) and any(len(cell.text) > MAX_CELL for cell in cells))


def _labelled(grid: list[list[Cell]], columns: int = 2) -> bool:
    """Whether the first row is bold labels of so many columns, which no layout has."""
    labels = grid[0]
    return len(labels) >= columns and all(c.bold and len(c.text) <= MAX_LABEL for c in labels)


def _header_row(table: Table, grid: list[list[Cell]]) -> list[str] | None:
    """The texts of the first row when it heads columns."""
    first, rest = grid[0], grid[1:]
    texts = [" ".join(cell.text.split()) for cell in first]
    if not rest or len(first) < 2 or any(len(text) > 120 for text in texts):
        return None
    heads = table.n_head > 0 or all(
        cell.header or not cell.text or any(tag in _html.HEADINGS for tag in cell.holds)
        for cell in first
    )
    bold = all(cell.bold for cell in first if cell.text) and not all(
        cell.bold for row in rest for cell in row if cell.text
    )
    return texts if heads or bold or _is_short_over_long(texts, rest) else None


def _is_short_over_long(texts: list[str], rest: list[list[Cell]]) -> bool:
    """Labels above prose: nothing else marks the header of many a table."""
    last = [len(row[-1].text) for row in rest if len(row) == len(texts)]
    labels = all(0 < len(text) <= 60 and text[-1] not in ".;。；" for text in texts)
    return labels and len(last) >= 2 and sum(last) / len(last) >= 3 * len(texts[-1])


def _row_line(row: list[Cell], header: list[str] | None) -> str:
    """`header: cell | header: cell`, each cell once, its lines joined by blanks."""
    parts: list[str] = []
    last: Cell | None = None
    for i, cell in enumerate(row):
        text = " ".join(cell.text.split())
        if not text or cell is last:
            continue
        last = cell
        head = header[i].rstrip(":：") if header and i < len(header) else ""
        parts.append(f"{head}: {text}" if head and head != text else text)
    if len(parts) == 1 and _is_title(row):
        return " ".join(row[0].text.split())
    return " | ".join(parts)


def _distinct(texts: list[str]) -> list[str]:
    return list(dict.fromkeys(text for text in texts if text))


# --- what a page says about itself ----------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Facts:
    """From the head of the page and its place."""

    title: str | None
    h1: tuple[str, ...]
    site: str | None  # og:site_name, application-name or the publisher in JSON-LD
    url: str | None
    lang: str | None
    modified: str | None  # ISO date

    @classmethod
    def of(cls, root: Element) -> _Facts:
        found = _html.by_tag(root, "meta", "link", "title", "h1", "script")
        meta: dict[str, str] = {}
        for element in found["meta"]:
            name = element.get("property") or element.get("name") or ""
            meta.setdefault(name.lower(), (element.get("content") or "").strip())
        linked = _linked_data(found["script"])
        canonical = next(
            (e.get("href") for e in found["link"] if e.get("rel") == "canonical"), None
        )
        title = next((_html.text_of(e) for e in found["title"]), None)
        site = meta.get("og:site_name") or meta.get("application-name")
        modified = linked.get("dateModified") or meta.get("article:modified_time") or ""
        return cls(
            title=title or meta.get("og:title"),
            h1=tuple(t for t in (_html.text_of(e) for e in found["h1"]) if t),
            site=site or linked.get("publisher"),
            url=canonical or meta.get("og:url") or None,
            lang=root.get("lang") or root.get("xml:lang"),
            modified=_dates.find_date(modified),
        )


def _linked_data(scripts: list[Element]) -> dict[str, str]:
    """`publisher` and `dateModified` of a page's JSON-LD, however deep it keeps them."""
    found: dict[str, str] = {}
    for script in scripts:
        if script.get("type") != "application/ld+json" or len(script.text or "") > 1 << 20:
            continue
        try:
            waiting: list[Any] = [json.loads(script.text or "")]
        except (ValueError, RecursionError):
            continue
        while waiting:
            item = waiting.pop()
            if isinstance(item, list):
                waiting += item
            elif isinstance(item, dict):
                waiting += item.values()
                publisher = item.get("publisher")
                if isinstance(publisher, dict) and isinstance(publisher.get("name"), str):
                    found.setdefault("publisher", publisher["name"])
                if isinstance(item.get("dateModified"), str):
                    found.setdefault("dateModified", item["dateModified"])
    return found


# earliest match wins; each word as the four languages of our corpora write it
_DOC_TYPES = {
    "law_enforcement": r"law enforcement|government(?:al)? requests",
    "security": r"(?:vulnerability|responsible) disclosure|security polic",
    "accessibility": r"accessibility|barrierefreiheit|accessibilité",
    "data_processing": r"data process(?:ing|or)s? (?:agreement|addendum|terms)|auftragsverarbeitung"
                       r"|数据处理协议",
    "privacy": r"privacy|datenschutz|confidentialit|vie privée|données personnelles|privacidad"
               r"|隐私|隱私|个人信息保护|personal information protection",
    "cookies": r"cookie|tracker|traceur",
    "acceptable_use": r"acceptable[ _-]use|\baup\b|usage polic|prohibited use"
                      r"|utilisation acceptable|使用规范|可接受使用",
    "copyright": r"copyright|dmca|intellectual property|droits? d.auteur|urheberrecht|版权|著作权"
                 r"|知识产权",
    "community": r"community (?:guideline|standard|rule)|code of conduct|guidelines|safety"
                 r"|netiquette|gemeinschaft|communauté|规范|守则",
    "imprint": r"imprint|impressum|legal notice|mentions légales|aviso legal|法律声明",
    "terms": r"terms|conditions|\bagb\b|nutzungsbedingung|geschäftsbedingung|\bcg[uv]\b|\beula\b"
             r"|agreement|addendum|licen[cs]e|condiciones|términos|协议|协定|条款|條款|須知|须知",
}  # fmt: skip
_DOC_TYPE = re.compile("|".join(f"(?P<{k}>{v})" for k, v in _DOC_TYPES.items()), re.I)


def doc_type_of(*sources: str | None) -> str:
    """The type of a document by the first source that names one; `other` without."""
    return next((found for found in map(_doc_type_in, sources) if found), "other")


@functools.lru_cache(maxsize=1024)  # the titles of a page are asked about again and again
def _doc_type_in(source: str | None) -> str | None:
    match = _DOC_TYPE.search(source or "")
    return match.lastgroup if match else None


def _metadata(facts: _Facts, page: Page, blocks: list[RawBlock], source_uri: str) -> dict[str, Any]:
    text = "\n".join(block.text for block in blocks)
    name = PurePosixPath(source_uri).stem
    folder = _service_folder(source_uri)
    issuer = folder or facts.site or _host(facts.url)
    filed_as = doc_type_of(name) if folder else None
    title = _title(facts, blocks, issuer, filed_as) or (name if _WORD.search(name) else None)
    start = text[:OPENING_CHARS]
    doc_type = doc_type_of(name if folder else None, title, name, facts.url, start)
    images: list[tuple[str, Element]] = [("image", None)] * page.n_images
    meta = {"left_out": _html.counted(page.left_out + images), "url": facts.url}
    if page.low_coverage:
        meta["coverage"] = f"{page.coverage:.2f}"
    fields: dict[str, Any] = {
        "title": title,
        "issuer": issuer or _service_of(title),
        "family_id": _family(source_uri) if folder else None,
        "language": _language(facts.lang, text),
        "version": _version(blocks),
        "meta": {key: value for key, value in meta.items() if value},
    }
    _add_kind_and_dates(fields, doc_type, facts, text, name)
    return fields


def _add_kind_and_dates(
    fields: dict[str, Any], doc_type: str, facts: _Facts, text: str, name: str
) -> None:
    """A policy says from when it holds; a Chinese report says more, by rules of its own."""
    dates = _dates.labelled_dates(text, fields["language"])
    named = _dates.date_in_name(name)
    if doc_type != "other":
        fields["valid_from"] = dates.effective or dates.updated or named
        fields["date"] = dates.updated or dates.effective or named or facts.modified
    else:
        fields["date"] = named or facts.modified or dates.updated or dates.effective
        fields["valid_from"] = dates.effective if fields["language"] != "zh" else None
        if fields["language"] == "zh":
            _research.refine(fields, text, name)
        if not fields.get("doc_type"):
            fields["category"] = None
    fields["doc_type"] = fields.get("doc_type") or doc_type


_VERSION = re.compile(
    r"\b(?:version|fassung)\s*(?:n[o°.]*\s*|number\s*)?[:#]?\s*v?(\d{1,3}(?:\.\d{1,3}){0,3})\b(?![-/.]?\d)"
    r"|\bv(\d{1,3}(?:\.\d{1,3}){1,3})\b|版本号?\s*[:：]?\s*[vV]?(\d{1,3}(?:\.\d{1,3}){0,3})(?!\d|年|[-/.]\d)",
    re.I,
)
_DIGIT = re.compile(r"\d")  # few lines have one, and it is quicker to find
VERSION_BLOCKS = 12  # at the start of a page and at its end
VERSION_CHARS = 120  # of a line that gives the version; prose speaks of versions of programs


def _version(blocks: list[RawBlock]) -> str | None:
    """The number of the document's version: 2.1 of "Version 2.1" in a short line of its own."""
    ends = blocks[:VERSION_BLOCKS] + blocks[VERSION_BLOCKS:][-VERSION_BLOCKS:]
    for line in (line for block in ends for line in block.text.split("\n")):
        if len(line) > VERSION_CHARS or not _DIGIT.search(line):
            continue
        match = _VERSION.search(line)
        if match:
            return next(group for group in match.groups() if group)
    return None


_SERVICE_FILLER = re.compile(
    r"(?:用户|软件|使用|服务|许可|客户端|手机|移动端?|个人信息|个人|儿童|平台|app|应用|网站|[的及与和、：:\s《》“”\"【】「」]"
    r"|\b(?:general|website|the|our|and|app|user|mobile|standard)\b)+$", re.I
)  # fmt: skip


def _service_of(title: str | None) -> str | None:
    """The service that a title names before the kind of document: 天猫精灵 of 天猫精灵隐私政策."""
    match = _DOC_TYPE.search(title or "")
    if not title or not match:
        return None
    name = title[: match.start()].strip(' 《“"【「—–-|:：')
    while _SERVICE_FILLER.search(name):
        name = _SERVICE_FILLER.sub("", name)
    fits = 2 <= len(name) <= (30 if not name.isascii() else 40) and len(name.split()) <= 4
    return name if fits and name[0] not in "本您你我" and not name.islower() else None


_NAMED_AS_POLICY = re.compile(
    r"polic|terms|statement|guidelines|agreement|conditions|notice|imprint|协议|政策|条款|声明",
    re.I,
)


def _service_folder(source_uri: str) -> str | None:
    """The folder of `Service/Terms of Service.html`: a file named as a policy, in words."""
    path = PurePosixPath(source_uri)
    named = _NAMED_AS_POLICY.search(path.stem)
    words = (
        " " in path.stem.split("#")[0].strip() or path.stem == "Imprint" or not path.stem.isascii()
    )
    return path.parent.name or None if named and words else None


def _family(source_uri: str) -> str:
    """What the versions of one policy share: its place without the date in its name."""
    path = PurePosixPath(source_uri)
    return str(path.parent / re.sub(r"[\s_(-]*(?:19|20)\d\d[-_.]?\d\d[-_.]?\d\d\)?", "", path.stem))


def _host(url: str | None) -> str | None:
    try:
        host = urlsplit(url).hostname if url and len(url) < 2000 else None
    except ValueError:  # such as a bracket that no IPv6 address is in
        return None
    return host.removeprefix("www.") if host else None


def _title(
    facts: _Facts, blocks: list[RawBlock], issuer: str | None, doc_type: str | None
) -> str | None:
    """The heading that names the document, else the page title without the site's name."""
    tops = [block.text for block in blocks if block.kind == "heading"][:3]
    tops = [text for text in tops if not _headings.numbering(text)]
    page_title = _without_site(facts.title, {facts.site, issuer, _host(facts.url)})
    headings = [text for text in (*facts.h1, *tops) if 2 < len(text) <= 200]
    in_title = (page_title or "").casefold()
    same = [text for text in headings if in_title and in_title in text.casefold()]
    candidates = [text for text in (*facts.h1, page_title, *tops) if text and len(text) <= 200]
    named = [text for text in candidates if doc_type_of(text) != "other"]
    fitting = [text for text in named if doc_type_of(text) == doc_type]
    repeated = [text for text in facts.h1 if text.casefold() in in_title]
    both = [text for text in same if text in named]
    best = next(iter([*both, *fitting, *named, *repeated, *candidates]), None)
    return best.rstrip(" .:") if best else None


_WORD = re.compile(r"[^\W\d_]{3}|[\u4e00-\u9fff]{2}")
_FILE_NAME = re.compile(r"\S+\.(?:txt|html?|md|pdf|docx?)|[\w-]*[a-z][A-Z][\w-]*_[\w-]*")


def _without_site(title: str | None, sites: set[str | None]) -> str | None:
    """`Privacy Policy | Example` without the name of the site."""
    if not title or _FILE_NAME.fullmatch(title):
        return None
    parts = [part.strip() for part in re.split(r"\s+[|–—·:•»-]\s+|\s*[|»]\s*|_", title)]
    parts = [part for part in parts if part]
    known = {site.casefold() for site in sites if site}
    named = [part for part in parts if doc_type_of(part) != "other"]
    rest = [part for part in parts if part.casefold() not in known]
    return (named or rest or parts or [title])[0]


def _language(declared: str | None, text: str) -> str | None:
    """What the text is written in; what the page says counts where the text does not tell."""
    from datakit.text import detect_language

    found = detect_language(text[:LANGUAGE_CHARS])
    said = re.match(r"[a-z]{2,3}", (declared or "").lower())
    return found or (said.group() if said else None)

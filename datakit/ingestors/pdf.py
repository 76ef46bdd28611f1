"""PDF with a text layer: filings, annual reports, research reports, terms.

Reading order, running heads and feet taken out, lines joined to paragraphs, headings by how they
are set, tables a line per row.

pdfium is native code, and a file may make it crash. A build reads sources in a process beside it
(`datakit.reading`), where that costs one file; a program that calls the plugin directly on files
that it does not trust needs such a process of its own.
"""

from __future__ import annotations

import importlib.util
import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from datakit.errors import MissingDependency
from datakit.ingestors import _headings, filing_html, text
from datakit.ingestors._blocks import DocumentBuilder
from datakit.ingestors._decode import MAX_BYTES
from datakit.ingestors._pdf_read import Limits, PdfText, Refused, read
from datakit.ingestors._style import RawBlock
from datakit.records import Document, Dropped
from datakit.registry import plugin

HEADER_BYTES = 1024  # in which `%PDF-` has to stand (PDF 1.7, implementation note 13)
MAX_HEADING = 200  # characters; 60 where a character is a word
LARGER = 0.9  # points by which a heading is larger than running text
COVER_CHARS = 20_000  # in which a filing says that it is one


@plugin("ingestors", "pdf")
@dataclass(frozen=True)
class PdfFile:
    """A PDF file with a text layer: one document."""

    max_bytes: int = MAX_BYTES  # larger files are dropped
    max_pages: int = 3_000  # longer documents are dropped
    max_chars: int = 20_000_000  # of text; more is dropped
    seconds: float = 100.0  # for a document, looked at after each page; slower ones are dropped
    table_cells: bool = False  # tables as rows of cells beside their text

    def matches(self, name: str, head: bytes) -> int:
        """100 for a file that begins as a PDF does, 0 otherwise."""
        return 100 if b"%PDF-" in head[:HEADER_BYTES] else 0

    def __call__(self, path: Path, source_uri: str) -> Iterator[Document | Dropped]:
        """Read a file.

        Raises:
            MissingDependency: the file is a PDF and extra `pdf` is not installed.
        """
        try:
            self._check(path)
            if importlib.util.find_spec("pypdfium2") is None:
                raise MissingDependency(f"reading {source_uri}", "pypdfium2", "pdf")
            found = read(path, Limits(self.max_pages, self.max_chars, self.seconds))
        except Refused as refused:
            yield Dropped(source_uri, refused.reason, f"{source_uri}: {refused.detail}")
            return
        yield document(found, source_uri, self.table_cells)

    def _check(self, path: Path) -> None:
        """Refuse a file that needs no opening to be refused."""
        try:
            size = path.stat().st_size
            with path.open("rb") as file:
                head = file.read(HEADER_BYTES)
        except OSError as error:
            why = error.strerror or error
            raise Refused(
                "unreadable", f"{why}, expected a readable file. Check its path and permissions."
            ) from None
        if not head:
            raise Refused("empty", "0 bytes, expected a PDF. Was the download cut off?")
        if b"%PDF-" not in head:
            raise Refused(
                "not_pdf",
                f"starts with {head[:8]!r}, expected %PDF-. Another ingestor may read it.",
            )
        if size > self.max_bytes:
            raise Refused(
                "too_large",
                f"{size:,} bytes, at most {self.max_bytes:,} are read. Split the file or raise "
                "max_bytes.",
            )


# --- the document ---------------------------------------------------------------------------------


def document(found: PdfText, source_uri: str, table_cells: bool = False) -> Document | Dropped:
    """The document of what was read.

    Args:
        found: as `_pdf_read.read` gives it.
        source_uri: its place; a date in the file's name counts.
        table_cells: whether tables keep their cells.
    """
    raw = found.read.blocks
    blocks = [
        RawBlock(
            b.kind,
            b.text,
            b.level,
            b.number,
            b.bold,
            b.italic,
            centred=b.centred,
            size=b.size,
            cells=b.cells,
        )
        for b in raw
    ]
    first = [block for block, own in zip(blocks, raw, strict=True) if own.page == raw[0].page]
    title = _title(first, found.info.get("Title", ""), found.read.body_size)
    if _is_filing(blocks):
        blocks = filing_html._headings(blocks)
        fields = _filing_fields(blocks, source_uri)
    else:
        blocks = _ranked(blocks, found.read.body_size)
        fields = _fields(blocks, title, source_uri)
    builder = DocumentBuilder("pdf", "application/pdf", table_cells)
    for block in _once(blocks):
        if block.kind == "paragraph" and block.number and not block.number.startswith("第"):
            block.kind = "list_item"
        level = block.level if block.kind in ("heading", "list_item") else None
        builder.append(block.kind, block.text, level, block.number, block.cells)
    fields["meta"]["pages"] = str(found.read.n_pages)
    counts = ", ".join(f"{what} {n}" for what, n in sorted(found.read.left_out.items()) if n)
    if counts:
        fields["meta"]["left_out"] = counts
    return builder.build(source_uri, flags=found.flags, **fields)


def _once(blocks: list[RawBlock]) -> Iterator[RawBlock]:
    """The blocks without a heading that stands there twice."""
    last: RawBlock | None = None
    for block in blocks:
        same = last is not None and block.text.casefold() == last.text.casefold()
        if not (same and block.kind == "heading"):
            yield block
        last = block


def _is_filing(blocks: list[RawBlock]) -> bool:
    cover = "\n".join(block.text for block in blocks[: filing_html.COVER_BLOCKS])[:COVER_CHARS]
    return bool(
        filing_html._FORM.search(cover)
        and re.search(r"securities\s+and\s+exchange\s+commission", cover, re.I)
        and re.search(r"exact\s+name\s+of|commission\s+file|date\s+of\s+report", cover, re.I)
    )


# --- headings -------------------------------------------------------------------------------------

_SENTENCE = re.compile(r"[.;,。；，]$|[。；]|[.!?]\s+[A-Z].*[.!?]$")
_HAN = re.compile("[\u3040-\u30ff\u3400-\u9fff]")


def _ranked(blocks: list[RawBlock], body: float) -> list[RawBlock]:
    """Headings by size, then those that are bold or numbered below them; levels without gaps."""
    open_: list[tuple[float, str]] = []  # size and numbering of the headings above
    for block in blocks:
        if not _is_large(block, body):
            continue
        style = _headings.numbering(block.text) or ""
        size = round(block.size)
        if (size, style) in open_:
            del open_[open_.index((size, style)) :]
        else:
            while open_ and _closes(open_[-1], size, style):
                open_.pop()
        open_.append((size, style))
        block.kind, block.level = "heading", len(open_)
    blocks = text.promoted(blocks)
    _headings.dense(blocks)
    return blocks


def _closes(above: tuple[float, str], size: float, style: str) -> bool:
    """Whether a heading ends the one above: smaller, or as large and one of them not numbered."""
    return above[0] < size or (above[0] == size and not (style and above[1]))


def _is_large(block: RawBlock, body: float) -> bool:
    limit = MAX_HEADING * 3 // 10 if _HAN.search(block.text) else MAX_HEADING
    return (
        block.kind == "paragraph"
        and block.size > body + LARGER
        and len(block.text) <= limit
        and not _SENTENCE.search(block.text)
        and sum(char.isalpha() for char in block.text) >= max(2, 0.4 * len(block.text))
    )


# --- what a document says about itself ------------------------------------------------------------

_NO_TITLE = re.compile(
    r"\.(?:docx?|pdf|indd|xlsx?|pptx?|rtf|tex|dvi|qxd)\b|microsoft word|untitled|^[\d\s._/-]*$"
    r"|^(?:document|title|无标题|文档)\d*$|^(?:form|layout|print)\b"
    r"|^for immediate release|^press release$", re.I
)  # fmt: skip
_PERIODICAL = re.compile(
    r"(?P<issuer>[\w（）()·]{2,40}?(?:公司|集团|银行))?\s*(?P<year>(?:19|20)\d\d|二[〇零○]\S{2})\s*年\s*"
    r"(?P<kind>年度报告|年报|半年度报告|半年报|第[一三]季度报告|[一三]季度报告)(?P<short>摘要)?"
)
_KINDS = {"年度报告": "annual_report", "年报": "annual_report", "半年度报告": "interim_report",
          "半年报": "interim_report"}  # fmt: skip
_CODE = re.compile(r"(?:公司|证券|股票)代[码碼]\s*[：:]?\s*(\d{6}|\d{4,5}(?=\D))")
_TICKER = re.compile(
    r"([A-Z][\w&.,'’ -]{2,60}?)\s*\((?:NYSE|NASDAQ|Nasdaq|LSE|TSX|AMEX)[\w\s]*:\s*([A-Z.]{1,6})\)"
)
_ENGLISH = (
    ("annual_report", re.compile(r"annual\s+report|form\s+(?:10-K|20-F)\b", re.I)),
    ("interim_report", re.compile(r"(?:half[- ]year(?:ly)?|interim|quarterly)\s+report", re.I)),
    ("press_release", re.compile(r"for\s+immediate\s+release|press\s+release", re.I)),
)
_NO_NAME = re.compile(r"commission|form\s|period|\d{3}-\d{4,6}|washington|delaware|\(|^\W*$", re.I)
_FORM_IN_NAME = re.compile(r"[_-]10-?[KQ](?=[_.-])", re.I)  # `MICROSOFT_2023_10K` is no October
_SUBSIDIARIES = re.compile(r",?\s+and\s+(?:consolidated\s+)?subsidiar(?:ies|y).*", re.I)
NAMED_BLOCKS = 150  # in which the name of a company is looked for
FRONT_CHARS = 3_000


def _title(first: list[RawBlock], told: str, body: float) -> str | None:
    """The title in the file's metadata where its first page has it too, else its largest lines."""
    told = " ".join(told.split())
    if len(_squeezed(told)) >= 6 and not _NO_TITLE.search(told) and _stands_in(told, first):
        return told
    lines = [
        b for b in first[:40] if b.kind in ("paragraph", "heading") and len(b.text) <= MAX_HEADING
    ]
    lines = [b for b in lines if sum(char.isalpha() for char in b.text) >= 3]
    if not lines:
        return None
    largest = max(block.size for block in lines)
    if largest < body + LARGER:
        bold = list(itertools.takewhile(lambda b: b.bold and b.kind == "paragraph", first[:3]))
        parts = [
            b.text
            for b in bold
            if not (b.number or _NO_TITLE.search(b.text) or _SENTENCE.search(b.text))
        ]
        return " ".join(parts)[:MAX_HEADING] or None
    start = next(i for i, block in enumerate(lines) if block.size == largest)
    parts = [block.text for block in lines[start : start + 3] if abs(block.size - largest) < 0.6]
    return " ".join(parts)[:MAX_HEADING]


def _stands_in(told: str, first: list[RawBlock]) -> bool:
    """Whether the page has a title, and not only within a longer line."""
    want = _squeezed(told)
    lines = [_squeezed(block.text) for block in first]
    if any(want in line for line in lines):
        return any(want in line and len(want) > 0.7 * len(line) for line in lines)
    return want in "".join(lines)


def _squeezed(words: str) -> str:
    return "".join(char for char in words.casefold() if char.isalnum())


def _filing_fields(blocks: list[RawBlock], source_uri: str) -> dict[str, Any]:
    """As of a filing in HTML; a name that is a picture on the cover is looked for further on."""
    fields = filing_html._metadata({}, "", blocks, _FORM_IN_NAME.sub("", source_uri))
    issuer = fields["issuer"]
    if not issuer or _NO_NAME.search(issuer):
        found = _company(blocks)
        parts = (found, fields["doc_type"], fields["date"])
        fields["issuer"] = found
        fields["title"] = " ".join(part for part in parts if part) or fields["title"]
    return fields


def _company(blocks: list[RawBlock]) -> str | None:
    """The first line that is the name of a company."""
    lines = [
        _SUBSIDIARIES.sub("", line) for b in blocks[:NAMED_BLOCKS] for line in b.text.split("\n")
    ]
    return filing_html._company([RawBlock("paragraph", line.strip()) for line in lines])


def _fields(blocks: list[RawBlock], title: str | None, source_uri: str) -> dict[str, Any]:
    body = "\n".join(block.text for block in blocks)
    fields = text.metadata(blocks, _FORM_IN_NAME.sub("", source_uri), {}, body)
    fields["title"] = title or fields["title"]
    front = body[:FRONT_CHARS]
    name = text.clean_name(source_uri)
    report = _PERIODICAL.search((title or "").replace(" ", "")) or _PERIODICAL.search(name)
    if fields["language"] == "zh" and report:
        fields["doc_type"] = _KINDS.get(report["kind"], "quarterly_report")
        fields["issuer"] = report["issuer"] or fields["issuer"]
        code = _CODE.search(front)
        if code:
            fields["meta"]["code"] = code[1]
        return fields
    listed = _TICKER.search(front)
    if listed:
        fields["issuer"] = fields["issuer"] or re.split(r"\s[–—-]\s", listed[1])[-1].strip()
        fields["meta"]["ticker"] = listed[2]
    kinds = (kind for kind, words in _ENGLISH if words.search(f"{title or ''}\n{front[:800]}"))
    fields["doc_type"] = fields["doc_type"] or next(kinds, None)
    if fields["doc_type"] in ("annual_report", "interim_report"):
        fields["issuer"] = fields["issuer"] or _company(blocks)
    return fields

"""Full submissions to EDGAR: one SGML file with a header and several documents.

Each document that can be read becomes a `Document` with the header's metadata; what is no text
(graphics, archives, the parts of XBRL that repeat the report) is counted in `meta["left_out"]` of
the first one.

Source: EDGAR Filer Manual, volume II; https://www.sec.gov/info/edgar/pdsdissemspec910.pdf.
"""

from __future__ import annotations

import dataclasses
import html
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from datakit.ingestors import _edgar_form, _edgar_header
from datakit.ingestors._decode import MAX_BYTES, read_text
from datakit.ingestors._edgar_header import Header
from datakit.ingestors.filing_html import division, read_filing
from datakit.records import Document, Dropped
from datakit.registry import plugin

_STARTS = re.compile(
    rb"<SEC-DOCUMENT>|<SEC-HEADER>|<IMS-DOCUMENT>|<IMS-HEADER>|<SUBMISSION>\s*<ACCESSION-NUMBER>"
    rb"|\A\s*<DOCUMENT>\s*<TYPE>|^(?:<ACCEPTANCE-DATETIME>\d{14}|ACCESSION NUMBER:\s*\d{10}-)",
    re.M,
)
_PRIVACY = b"-----BEGIN PRIVACY-ENHANCED MESSAGE-----"  # filings of the 1990s are signed
_DOCUMENT, _END = "<DOCUMENT>", "</DOCUMENT>"
_FIELD = re.compile(r"<(TYPE|SEQUENCE|FILENAME|DESCRIPTION)>([^\r\n<]*)")
_WRAPPERS = re.compile(r"\s*</?(?:TEXT|XBRL|XML|HTML-?DOC)>", re.I)
_PAGE = re.compile(r"^[ \t]*<PAGE>[ \t]*[\w-]{0,6}[ \t]*$", re.M | re.I)
# tags that mark the columns of a table; a line of nothing else is no gap between its rows
_COLUMNS = re.compile(
    r"^[ \t]*(?:<(?:/?TABLE|CAPTION|S|C|FN|F\d{1,2})>[ \t]*)+\n"
    r"|<(?:/?TABLE|CAPTION|S|C|FN|F\d{1,2})>",
    re.M | re.I,
)
_UUENCODED = re.compile(r"\s*(?:<PDF>\s*)?begin \d{3} ")
_MARKUP = re.compile(r"<(?:html|body|div|p|tr|font)\b", re.I)  # SGML has `<TABLE>` as well
_NOT_TEXT = {
    "GRAPHIC": "graphic", "ZIP": "archive", "EXCEL": "spreadsheet", "PDF": "pdf", "JSON": "data",
}  # fmt: skip
_SUFFIXES = {
    ".jpg": "graphic", ".jpeg": "graphic", ".gif": "graphic", ".png": "graphic", ".zip": "archive",
    ".xlsx": "spreadsheet", ".xls": "spreadsheet", ".pdf": "pdf", ".json": "data", ".js": "script",
    ".css": "script", ".xsd": "xbrl_part",
}  # fmt: skip
_RENDERED = re.compile(r"R\d{1,4}\.(?:htm|xml)", re.I)


@dataclass(frozen=True, slots=True)
class Part:
    """One document of a submission."""

    type: str  # as filed: 10-K, EX-21.1, GRAPHIC, XML
    name: str  # of the file; empty in filings of the 1990s
    description: str
    body: str  # without `<TEXT>` and the tags right inside it
    number: int  # from 1

    @property
    def not_text(self) -> str | None:
        """Why it is left out; None where it is to be read."""
        if not self.body.strip():
            return "empty"
        suffix = Path(self.name.lower()).suffix
        if self.type in _NOT_TEXT or suffix in _SUFFIXES or _UUENCODED.match(self.body):
            return _NOT_TEXT.get(self.type) or _SUFFIXES.get(suffix) or "encoded"
        if _RENDERED.fullmatch(self.name):
            return "xbrl_rendering"  # the tables of the report a second time
        if self.type.startswith("EX-101") or self.name.lower() == "filingsummary.xml":
            return "xbrl_part"
        return "xbrl_part" if re.search(r"<(?:xbrli:)?xbrl[\s>]", self.body[:4000]) else None


@plugin("ingestors", "edgar_submission")
@dataclass(frozen=True)
class EdgarSubmission:
    """A full submission to EDGAR (`.txt`, `.nc`), all its documents."""

    max_bytes: int = MAX_BYTES  # larger files are dropped
    exhibits: bool = True  # False reads the first document only
    table_cells: bool = False  # tables as rows of cells beside their text

    def matches(self, name: str, head: bytes) -> int:
        """95 for a file with the header or the first document of a submission, 0 otherwise."""
        start = head[:4096]
        return 95 if _PRIVACY in start[:200] or _STARTS.search(start) else 0

    def __call__(self, path: Path, source_uri: str) -> Iterator[Document | Dropped]:
        decoded = read_text(path, source_uri, max_bytes=self.max_bytes)
        if isinstance(decoded, Dropped):
            yield decoded
            return
        yield from read_submission(
            decoded.text, source_uri, decoded.flags, self.exhibits, self.table_cells
        )


def read_submission(
    text: str,
    source_uri: str,
    flags: tuple[str, ...] = (),
    exhibits: bool = True,
    table_cells: bool = False,
) -> Iterator[Document | Dropped]:
    """The documents of a submission in its order.

    Args:
        text: the submission; a privacy-enhanced message around it is read through.
        source_uri: its place; with several documents each has its file's name after a `#`.
        flags: of the decoding, passed on.
        exhibits: whether what follows the first document is read as well.
        table_cells: whether tables keep their cells.
    """
    first = text.find(_DOCUMENT)
    header = _edgar_header.read_header(text[:first] if first >= 0 else text)
    left_out: Counter[str] = Counter()
    parts: list[Part] = []
    for part in _parts(text):
        reason = part.not_text or ("exhibit" if parts and not exhibits else None)
        if reason:
            left_out[reason] += 1
        else:
            parts.append(part)
    if not parts:
        yield _nothing(source_uri, header, left_out)
    issuer = None  # an exhibit of a filing without a header has that of the filing
    for part in parts:
        uri = f"{source_uri}#{part.name or part.number}" if len(parts) > 1 else source_uri
        record = _read(part, uri, flags, table_cells)
        if isinstance(record, Document):
            issuer = header.subject.get("CONFORMED NAME") or record.issuer or issuer
            record = dataclasses.replace(record, issuer=issuer)
            record = _described(record, part, header, left_out if part is parts[0] else Counter())
        yield record


def _nothing(source_uri: str, header: Header, left_out: Counter[str]) -> Dropped:
    found = ", ".join(f"{reason} {n}" for reason, n in sorted(left_out.items())) or "none"
    return Dropped(
        source_uri,
        "no_text",
        f"{source_uri}: a submission ({header.form or 'form unknown'}) whose documents hold no "
        f"text: {found}; expected <DOCUMENT> with a report. Was the download cut off?",
    )


def _parts(text: str) -> Iterator[Part]:
    at = text.find(_DOCUMENT)
    number = 0
    while at >= 0:
        following = text.find(_DOCUMENT, at + len(_DOCUMENT))
        end = text.find(_END, at, following if following >= 0 else len(text))
        stop = end if end >= 0 else following if following >= 0 else len(text)
        number += 1
        yield _part(text[at + len(_DOCUMENT) : stop], number)
        at = following


def _part(text: str, number: int) -> Part:
    start = text.find("<TEXT>")
    fields: dict[str, str] = {}
    for name, value in _FIELD.findall(text[: start if start >= 0 else 2000]):
        fields.setdefault(name, value.strip())
    end = text.rfind("</TEXT>")
    body = text[max(0, start) : end if end > start else len(text)]
    while (wrapper := _WRAPPERS.match(body)) is not None:
        body = body[wrapper.end() :]
    return Part(
        fields.get("TYPE", "").upper(),
        fields.get("FILENAME", ""),
        fields.get("DESCRIPTION", ""),
        body,
        number,
    )


def _read(part: Part, uri: str, flags: tuple[str, ...], table_cells: bool) -> Document | Dropped:
    body = part.body
    if _MARKUP.search(body[:20_000]):
        at = body[:20_000].lower().find("<html")
        return read_filing(body[max(0, at) :], uri, flags, table_cells)
    if body.lstrip().startswith("<?xml") or part.name.lower().endswith(".xml"):
        return _edgar_form.read_form(body, uri, flags)
    document = read_filing(plain_as_html(body), uri, flags)
    if isinstance(document, Dropped):
        return document
    return dataclasses.replace(document, media_type="text/plain")


def plain_as_html(text: str) -> str:
    """A filing of the 1990s as HTML: preformatted, a rule where a page ends."""
    pages = (html.escape(_COLUMNS.sub("", page), quote=False) for page in _PAGE.split(text))
    return "<html><body><pre>" + "</pre><hr><pre>".join(pages) + "</pre></body></html>"


def _described(document: Document, part: Part, header: Header, left_out: Counter[str]) -> Document:
    """A document with what the header says of its submission."""
    sic, industry = header.industry
    issuer = document.issuer
    form = part.type or document.doc_type
    period = header.period or document.date
    known = {
        **document.meta,
        **header.meta,
        "exhibit_of": header.form if part.number > 1 else None,
        "description": part.description if part.description != part.type else None,
        "left_out": ", ".join(
            [document.meta.get("left_out", "")] * ("left_out" in document.meta)
            + [f"{reason} {n}" for reason, n in sorted(left_out.items())]
        ),
    }
    return dataclasses.replace(
        document,
        title=" ".join(word for word in (issuer, form, period) if word) or document.title,
        issuer=issuer,
        category=industry or document.category or division(sic),
        doc_type=form,
        date=period or header.filed,
        valid_from=header.filed or document.valid_from,
        family_id=header.values.get("ACCESSION NUMBER") or document.family_id,
        ingestor="edgar_submission",
        meta={name: value for name, value in known.items() if value},
    )

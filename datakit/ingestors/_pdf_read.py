"""A PDF file opened, checked and read within limits."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from datakit.ingestors._pdf_blocks import Read, blocks_of
from datakit.ingestors._pdf_glyphs import Reader

MAX_UNMAPPED = 0.3  # of the glyphs; with more without a character, the text is a cipher
FEW_UNMAPPED = 0.02  # with more the document is marked
MIN_CHARS = 15  # on a page on average; a scan with a stamp has fewer


@dataclass(frozen=True)
class Limits:
    """How much is read at most."""

    max_pages: int
    max_chars: int
    seconds: float


@dataclass
class PdfText:
    """What a file holds."""

    read: Read
    info: dict[str, str] = field(default_factory=dict)  # the file's own metadata
    flags: tuple[str, ...] = ()


class Refused(Exception):
    """A document that cannot be read: reason, what was found, what was expected, what to do."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason, self.detail = reason, detail


def read(path: Path, limits: Limits) -> PdfText:
    """The blocks of a document.

    Raises:
        Refused: it asks for a password, is damaged, has no text layer or is over a limit.
    """
    pdf = _opened(path, limits)
    try:
        reader = Reader(pdf)
        pages = []
        end = time.monotonic() + limits.seconds
        for page in reader.pages():
            pages.append(page)
            _within(reader.n_glyphs, page.number, len(pdf), limits, end)
        _check(reader, len(pages))
        info = {key: str(value)[:500] for key, value in pdf.get_metadata_dict(True).items()}
    finally:
        pdf.close()
    found = blocks_of(pages, reader.fonts)
    found.left_out += reader.left_out
    flags = []
    if reader.left_out["unreadable_page"]:
        flags.append("unreadable_pages")
    if reader.n_unmapped > FEW_UNMAPPED * reader.n_glyphs:
        flags.append("unmapped_glyphs")
    return PdfText(found, info, tuple(flags))


def _within(n_chars: int, page: int, n_pages: int, limits: Limits, end: float) -> None:
    if n_chars > limits.max_chars:
        raise Refused(
            "too_large",
            f"more than {limits.max_chars:,} characters by page {page}. Split the file or raise "
            "max_chars.",
        )
    if time.monotonic() > end:
        raise Refused(
            "too_slow",
            f"page {page} of {n_pages} after {limits.seconds:g} s. Split the file or raise "
            "seconds.",
        )


def _opened(path: Path, limits: Limits) -> Any:
    import pypdfium2
    from pypdfium2 import raw

    try:
        pdf = pypdfium2.PdfDocument(path)
        n_pages = len(pdf)
    except pypdfium2.PdfiumError as error:
        if raw.FPDF_GetLastError() == raw.FPDF_ERR_PASSWORD or "password" in str(error).lower():
            raise Refused(
                "encrypted",
                "asks for a password, expected a file that opens without. Save a copy without "
                "encryption.",
            ) from None
        raise Refused(
            "corrupt",
            "pdfium finds no document in it, expected a whole PDF. Was the download cut off?",
        ) from None
    if n_pages == 0:
        pdf.close()
        raise Refused("empty", "0 pages, expected text. Was the file written to its end?")
    if n_pages > limits.max_pages:
        pdf.close()
        raise Refused(
            "too_large",
            f"{n_pages:,} pages, at most {limits.max_pages:,} are read. Split the file or raise "
            "max_pages.",
        )
    return pdf


def _check(reader: Any, n_pages: int) -> None:
    """Refuse a document without a text layer."""
    if n_pages == 0:
        raise Refused(
            "corrupt",
            f"none of {len(reader.pdf)} pages can be read. Was the download cut off?",
        )
    readable = reader.n_glyphs - reader.n_unmapped
    if readable == 0 or (reader.n_images >= n_pages and readable < MIN_CHARS * n_pages):
        what = f"{reader.n_images} pictures and " if reader.n_images else ""
        reason = "scanned" if reader.n_images else "no_text"
        raise Refused(
            reason,
            f"{what}{readable} characters on {n_pages} pages, expected a text layer. Run OCR over "
            "it first (ocrmypdf, for instance).",
        )
    if reader.n_unmapped > MAX_UNMAPPED * reader.n_glyphs:
        raise Refused(
            "garbled",
            f"{reader.n_unmapped:,} of {reader.n_glyphs:,} glyphs stand for no known character. "
            "Print it anew with its fonts, or run OCR over it.",
        )

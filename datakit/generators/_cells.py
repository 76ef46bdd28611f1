"""Documents in cells by category, time and language: what clustering keeps of each."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Literal

from datakit.generators import _chinese, _headings
from datakit.generators._context import Kind, kind_of, short_name
from datakit.generators._words import word_set
from datakit.records import Document, normal_key
from datakit.text import base_language, is_cjk_language

Window = Literal["auto", "month", "quarter", "half", "year", "all"]

UNDATED = "undated"
UNCATEGORISED = "uncategorised"
ALWAYS = "all"  # the window of dated documents where no window is asked for
LEAST_WEIGHT = 0.3  # of a category, for a document to sit in its cell; pipeline §6
MOST_CATEGORIES = 2
HEADED: tuple[Kind, ...] = ("terms", "filing", "law")  # kinds whose sections have telling headings
MOST_HEADINGS = 120  # of one document; a longer one is a list, not an outline
_SUMMARY = 160  # characters of a document's summary
_OPENING = 100  # characters of a section's first lines


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading that other documents may have too, and how its section begins."""

    text: str
    opening: str = ""


@dataclass(frozen=True, slots=True)
class Brief:
    """What clustering keeps of a document: no text but a line."""

    doc_id: str
    title: str  # without the issuer and dates: what is compared
    full_title: str
    issuer: str
    source: str  # issuer, family or document: who a second opinion must not come from
    date: str
    language: str
    kind: Kind
    label: str  # terms, privacy, 10-K
    categories: tuple[str, ...]
    window: str
    headings: tuple[Heading, ...]
    summary: str = ""


@dataclass(frozen=True, slots=True)
class Cell:
    """Documents of one category, time, language and kind."""

    category: str
    window: str  # 2024-Q1, 2024, undated, …
    language: str
    kind: Kind

    @property
    def key(self) -> str:
        return "|".join((self.category, self.window, self.language, self.kind))


def brief(document: Document, window: Window = "auto", *, with_lines: bool = False) -> Brief:
    """What clustering keeps of a document.

    Args:
        document: with its sections.
        window: the size of a cell in time; `auto`: a year for terms, a quarter for all else.
        with_lines: keep a summary, and how each section begins.
    """
    kind = kind_of(document.doc_type, document.title)
    language = base_language(document.language) or ""
    date = (document.valid_from or document.date) if kind == "terms" else document.date
    return Brief(
        doc_id=document.doc_id,
        title=_plain_title(document),
        full_title=" ".join((document.title or "").split())[:_SUMMARY],
        issuer=document.issuer or "",
        source=document.issuer or document.family_id or document.doc_id,
        date=date or "",
        language=language,
        kind=kind,
        label=document.doc_type or kind,
        categories=_categories(document),
        window=window_of(date, kind, window),
        headings=tuple(_heading_units(document, language, kind, with_lines)),
        summary=_summary(document, is_cjk_language(language)) if with_lines else "",
    )


def _categories(document: Document) -> tuple[str, ...]:
    weighted = sorted(document.category_weights.items(), key=lambda one: (-one[1], one[0]))
    kept = tuple(name for name, weight in weighted if weight >= LEAST_WEIGHT)[:MOST_CATEGORIES]
    return kept or ((document.category,) if document.category else (UNCATEGORISED,))


def window_of(date: str | None, kind: Kind, window: Window = "auto") -> str:
    """The window that a date lies in; a date that is less exact than the window gives its year."""
    match = re.match(r"((?:19|20)\d\d)(?:-(0[1-9]|1[0-2]))?", date or "")
    if not match:
        return UNDATED
    year, digits = match.groups()
    if window == "all":
        return ALWAYS
    if window == "auto":
        window = "year" if kind == "terms" else "quarter"
    if window == "year" or not digits:
        return str(year)
    month = int(digits)
    if window == "month":
        return f"{year}-{digits}"
    return f"{year}-H{(month + 5) // 6}" if window == "half" else f"{year}-Q{(month + 2) // 3}"


def cells(briefs: Iterable[Brief]) -> dict[Cell, list[Brief]]:
    """Documents by cell, cells and documents in a fixed order.

    Reports and articles share a cell: only their titles tell them apart.
    """
    found: dict[Cell, list[Brief]] = defaultdict(list)
    for one in briefs:
        kind: Kind = "report" if one.kind == "article" else one.kind
        for category in one.categories:
            found[Cell(category, one.window, one.language, kind)].append(one)
    named = {_named(cell, members): members for cell, members in found.items()}
    return {
        cell: sorted(named[cell], key=lambda one: one.doc_id)
        for cell in sorted(named, key=lambda cell: cell.key)
    }


def _named(cell: Cell, members: list[Brief]) -> Cell:
    all_articles = all(one.kind == "article" for one in members)
    return replace(cell, kind="article") if all_articles else cell


# --- titles, headings and lines ----------------------------------------------------------------


def _plain_title(document: Document) -> str:
    title = " ".join((document.title or "").split())
    if document.issuer:
        title = re.sub(re.escape(document.issuer), " ", title, flags=re.I)
        title = re.sub(re.escape(short_name(document.issuer)), " ", title, flags=re.I)
    title = re.sub(r"\d{4}[-./年]\d{1,2}[-./月]\d{1,2}日?|\(\d[^)]*\)|（\d[^）]*）", " ", title)
    return " ".join(title.split()).strip(" -–—:：|,，")


def _heading_units(
    document: Document, language: str, kind: Kind, with_lines: bool
) -> Iterator[Heading]:
    """Distinct headings that say something, without numbers, names and voices."""
    if kind not in HEADED:
        return
    cjk = is_cjk_language(language)
    seen: set[str] = set()
    title = normal_key(document.title or "")
    starts = [section.start for section in document.sections[1:]]
    for section, after in zip(document.sections, [*starts, len(document.text)], strict=False):
        text = _headings.clean(section.title, cjk)
        if not text or _headings.is_generic(text) or normal_key(text) == title:
            continue
        text = neutral(text, document.issuer, cjk)
        size = len(text) if cjk else len(text.split())
        fits = 0 < size <= (20 if cjk else 9) and not _DATED.search(text)
        if fits and normal_key(text) not in seen:
            seen.add(normal_key(text))
            yield Heading(text, _opening(document, section.start, after, cjk) if with_lines else "")
            if len(seen) == MOST_HEADINGS:
                return


_DATED = re.compile(
    r"(?:19|20)\d\d|\d{1,2}\s(?:january|february|march|april|may|june|july|august|september"
    r"|october|november|december)\b|\d+月",
    re.I,
)
# a heading does not end so: the name that stood there has been taken out
_OPEN_END = word_set(
    """
    a an the of in on at to from with by for about and or & our your their this that as is are can
    does do will may how what why when where who whom which through via under
    """
)


def neutral(heading: str, issuer: str | None, cjk: bool) -> str:
    """A heading that fits any issuer: small letters, no name, "services" for "we"."""
    whole = heading
    for name in dict.fromkeys([issuer or "", short_name(issuer) if issuer else ""]):
        if name:
            heading = re.sub(rf"{re.escape(name)}(?:['’]s)?", " ", heading, flags=re.I)
    if cjk:
        return re.sub(r"\s+", "", heading).strip("的、，")
    text = re.sub(r"[?!]", "", heading)
    words = [
        word if _keeps_case(word) and not heading.isupper() else word.lower()
        for word in text.split()
    ]
    if heading != whole:
        while words and words[-1].lower() in _OPEN_END:
            words.pop()
    return " ".join(words).strip(" ,;:&-–")


def _keeps_case(word: str) -> bool:
    return word.isupper() and 2 <= len(word) <= 5


def _summary(document: Document, cjk: bool) -> str:
    """The first sentence or two of the running text, as far as one line holds them."""
    title = normal_key(document.title or "")
    prose = (block for block in document.blocks if block.kind in ("paragraph", "list_item"))
    for block, _ in zip(prose, range(12), strict=False):
        text = " ".join(document.text[block.start : min(block.end, block.start + 600)].split())
        said = normal_key(text).strip("。.")
        if len(text) < (20 if cjk else 50) or said in title:
            continue
        line = clipped(text, _SUMMARY, cjk)
        if not (cjk and _chinese.is_debris(line)):
            return line
    return ""


def _opening(document: Document, start: int, after: int, cjk: bool) -> str:
    """How a section begins, between its heading and the next one."""
    end = document.text.find("\n", start, after)
    if end < 0:
        return ""
    text = " ".join(document.text[end : min(after, end + 4 * _OPENING)].split())
    return clipped(text, _OPENING, cjk)


def clipped(text: str, size: int, cjk: bool) -> str:
    """The text up to the last sentence end within `size` characters, else up to a word, with …"""
    if len(text) <= size:
        return text
    ends = [match.end() for match in re.finditer(r"[。！？]|[.!?](?=\s)", text[: size + 1])]
    if ends and ends[-1] >= size // 3:
        return text[: ends[-1]]
    cut = text[: size - 1]
    return (cut if cjk else cut.rpartition(" ")[0] or cut) + "…"

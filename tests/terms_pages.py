"""Where the text of each real terms page stands, chosen by hand, and how texts are compared.

The Markdown versions of these services that lie beside the pages are from other dates, so the
page itself is the reference: a person picked the elements that hold the document (as the archive
that the pages come from does for its Markdown), and a reader that knows none of our rules reads
them. Numbers that only a list or the text itself puts in front of a line are left out on both
sides, and so are menus of the page's own headings.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lxml import etree

# service or file: XPath of what holds the document, XPath of what does not belong to it inside.
# `.name` is a class, `#name` an id; the first row that fits counts.
PLACES = (
    (r"AdopteUnMec/", ".body-help", ""),
    (r"Badoo/", ".terms-view", ""),
    (r"Bumble/", "main", ""),
    (r"(DisonsDemain|Meetic|Match)/", "#article_content", ""),
    (r"Finya/", "main", ""),
    (r"Fruitz/", "body", ""),
    (r"Grindr/", "ta-policies", ""),
    (r"HER/", ".content-module", ""),
    (r"Inshallah/", "main", ""),
    (r"ROMEO/", "h1 .PR-PRIV-block", ""),
    (r"Tinder/", "main", ""),
    (r"Brevo/", "main", "#toc nav"),
    (r"Buffer/", ".legal_mainContent__2Rb5_", ""),
    (r"GitHub/", "h1 #article-contents", ""),
    (r"Open Collective/", ".markdown", ""),
    (r"Open Terms Archive/Brand", "body", "header nav footer"),
    (r"Open Terms Archive/", "h1 .textcontent", ""),
    (r"UptimeRobot/", "main", ".cms-anchor-toc"),
    (r"npm Public Registry/", "h1 .layout-module--Box--be0a1", "nav details"),
    (r"ChatGPT/.*(sora|creating-images)", "h1 article", ""),
    (r"ChatGPT/", "main", ".sr-only nav label"),
    (r"Claude.ai/.*(articles|Guidelines)", "h1 .article_body", ".related_articles"),
    (r"Claude.ai/.*subprocessors", "main", ""),
    (r"Claude.ai/", "main", ""),
    (r"DeepSeek/", "#write", ""),
    (r"Google .*gemini-answer", "h1 .cc", ""),
    (r"Google .*gemini-enterprise", ".kFwPee", ""),
    (r"Google ", "[role=article]", ""),
    (r"(Le Chat|Vibe)/.*(subprocessors)", "main", ""),
    (r"(Le Chat|Vibe)/.*Imprint", ".format-rich", "pre"),
    (r"(Le Chat|Vibe)/", "main", "nav aside footer"),
    (r"Microsoft Copilot/", "main", ""),
)
# no document of any length: shells drawn by JavaScript, a redirect, a legal notice of two lines
WITHOUT_TEXT = re.compile(r"Hily/|Accessibility Statement|Le Chat/.*#terms\.html")
SETS = ("ota-dating-snapshots", "ota-demo-snapshots", "ota-genai-eu-snapshots")
LANGUAGES = {"AdopteUnMec": "fr", "Badoo": "fr", "DisonsDemain": "fr", "Meetic": "fr",
             "Finya": "de", "Bumble/Trackers Policy": "fr"}  # fmt: skip

# Chinese policies that came as the lines of one <pre>: the lines that a person reads as headings
CHINESE = {
    "0505": ((32, 70, 79, 115, 123, 172, 179, 182, 189),
             (33, 46, 71, 74, 76, 82, 99, 103, 105, 125, 132, 134, 146, 149, 153, 156, 158)),
    "0506": ((17, 41, 49, 97, 100, 108, 113, 118, 139, 145, 148, 152, 158),
             (18, 21, 24, 28, 30, 42, 45, 55, 58, 62, 119, 131, 136)),
    "0510": ((14, 25), (37, 84, 118, 125, 165, 175, 180, 191),
             (39, 68, 85, 98, 102, 128, 137, 140, 150, 153, 166, 168)),
    "0522": ((3, 7, 13, 46, 56, 77, 97, 102, 107, 114, 119, 131, 140),),
    "0627": ((3, 32, 73, 115, 121, 143, 154, 174, 177, 182, 193, 199),
             (35, 40, 46, 52, 55, 59, 122, 132, 137, 156, 165, 169)),
    "0681": ((6, 16, 24, 34, 60, 65, 87, 97, 150, 159, 165, 171, 175, 182),),
    "0779": ((35, 88, 104, 113, 148, 157, 168, 174, 187, 198),
             (45, 62, 67, 71, 92, 96, 100, 106, 109, 115, 134, 138, 160, 162, 164, 202)),
    "0900": ((9, 16, 39, 76, 78, 81, 90, 93, 111, 117, 125),
             (19, 26, 31, 41, 48, 60, 65, 71, 73, 83, 86, 94, 96, 98, 102, 105, 118, 121)),
}  # fmt: skip

_ALWAYS_OUT = ("script", "style", "noscript", "svg", "template", "select", "head", "iframe")
_BLOCK_NAMES = (
    "address article aside blockquote body caption center dd details div dl dt fieldset figcaption"
    " figure footer form h1 h2 h3 h4 h5 h6 header hr html legend li main nav ol p pre section"
    " summary table tbody td tfoot th thead tr ul button"
)
_BLOCKS = frozenset(_BLOCK_NAMES.split())
_OUT_OF_THE_WAY = re.compile(r"^(?:skip to |back to top$|copy link|print$)", re.I)


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a text; level is that of a heading, 0 for any other line."""

    text: str
    level: int = 0
    cells: tuple[str, ...] = ()  # of the first row of a table


@dataclass(frozen=True, slots=True)
class Page:
    """A page and its reference."""

    uri: str
    path: Path
    language: str
    lines: tuple[Line, ...]


def files(data: Path) -> list[Path]:
    """The raw pages, each once: some services save one page under several names."""
    found: dict[str, Path] = {}
    for name in SETS:
        for path in sorted((data / "tos" / name).rglob("*.html")):
            if not WITHOUT_TEXT.search(path.as_posix()):
                found.setdefault(hashlib.sha256(path.read_bytes()).hexdigest(), path)
    return list(found.values())


def digest(paths: Iterable[Path]) -> str:
    """16 hex digits over the names and bytes of files."""
    total = hashlib.sha256()
    for path in sorted(paths):
        total.update(path.name.encode() + b"\n" + path.read_bytes())
    return total.hexdigest()[:16]


def pages(data: Path) -> Iterator[Page]:
    """The pages with their reference lines."""
    for path in sorted((data / "tos" / "ca4p-483").glob("*.html")):
        yield Page(path.name, path, "zh", tuple(_chinese(path)))
    for path in files(data):
        uri = path.relative_to(data / "tos").as_posix().split("/", 1)[1]
        language = next((v for k, v in LANGUAGES.items() if uri.startswith(k)), "en")
        yield Page(uri, path, language, tuple(reference(path.read_bytes(), uri)))


_MARKS = re.compile(r"^#{1,6}|\*{2,}|\\|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])|^=+$")
_ADDRESS = re.compile(r"\]\([^()]*\)")


def _chinese(path: Path) -> Iterator[Line]:
    """The lines of a policy in a `<pre>`, the marks of Markdown taken off."""
    levels = {n: i for i, ns in enumerate(CHINESE.get(path.stem, ()), 1) for n in ns}
    (pre,) = parsed(path.read_bytes()).xpath("//pre")
    for n, line in enumerate("".join(pre.itertext()).split("\n")):
        text = _MARKS.sub("", _ADDRESS.sub("]", line.strip()))
        if text.strip():
            yield Line(" ".join(text.split()), levels.get(n, 0))


def reference(html: bytes, uri: str) -> list[Line]:
    """The lines of the elements that a person picked.

    Raises:
        ValueError: the place is not on the page.
    """
    root = parsed(html)
    _, where, without = next(row for row in PLACES if re.match(row[0], uri))
    for name in without.split():
        for element in root.xpath(_xpath(name)):
            _cut(element)
    places = [e for name in where.split() for e in root.xpath(_xpath(name))]
    if not places and where.startswith("#"):  # a page saved as a fragment
        places = [root]
    if not places:
        raise ValueError(f"{uri}: no element {where!r}. Look at the page and mend PLACES.")
    outer = [e for e in places if not any(a in places for a in e.iterancestors())]
    position = {e: i for i, e in enumerate(root.iter())}
    return [line for e in sorted(outer, key=position.__getitem__) for line in read(e)]


def parsed(html: bytes | str) -> Any:
    """The tree of a page in UTF-8, what is never shown cut out."""
    data = html.encode() if isinstance(html, str) else html
    root = etree.fromstring(data, etree.HTMLParser(encoding="utf-8", huge_tree=True))
    etree.strip_elements(root, *_ALWAYS_OUT, etree.Comment, with_tail=False)
    for button in root.xpath("//button[not(@aria-expanded)][not(ancestor::h2|ancestor::h3)]"):
        _cut(button)
    for hint in root.xpath("//*[contains(@class, 'visually-hidden')]"):  # "(opens a new window)"
        _cut(hint)
    for menu in root.xpath("//ul[.//a]|//ol[.//a]"):
        inside = all((a.get("href") or "").startswith("#") for a in menu.iter("a"))
        if inside and _linked(menu) > 0.95:
            _cut(menu)
    return root


def _linked(element: Any) -> float:
    """The share of an element's text that is in links."""
    inside = sum(len("".join("".join(a.itertext()).split())) for a in element.iter("a"))
    return inside / max(1, len("".join("".join(element.itertext()).split())))


def _cut(element: Any) -> None:
    parent = element.getparent()
    if parent is not None:
        before, tail = element.getprevious(), element.tail or ""
        if before is not None:
            before.tail = (before.tail or "") + tail
        else:
            parent.text = (parent.text or "") + tail
        parent.remove(element)


def _xpath(name: str) -> str:
    if name[0] == ".":
        return f"//*[contains(concat(' ', normalize-space(@class), ' '), ' {name[1:]} ')]"
    if name[0] == "#":
        return f"//*[@id='{name[1:]}']"
    attribute = re.fullmatch(r"\[(\w+)=(\w+)\]", name)
    return f"//*[@{attribute[1]}='{attribute[2]}']" if attribute else f"//{name}"


def _level(element: Any) -> int:
    if re.fullmatch("h[1-6]", element.tag):
        return int(element.tag[1])
    return int(element.get("aria-level", "2")) if element.get("role") == "heading" else 0


def read(root: Any) -> list[Line]:
    """The lines of an element: a block, a part between `<br>`, or a row of a table is one."""
    lines: list[Line] = []
    parts: list[str] = []
    level = rows = 0
    cells: tuple[str, ...] = ()

    def close() -> None:
        text = " ".join("".join(parts).split())
        parts.clear()
        twice = level and lines and lines[-1] == Line(text, level)  # for two sizes of screens
        if any(map(str.isalnum, text)) and not twice and not _OUT_OF_THE_WAY.match(text):
            lines.append(Line(text, level, cells))

    for event, element in etree.iterwalk(root, events=("start", "end")):
        tag = element.tag if isinstance(element.tag, str) else ""
        heading = _level(element) if tag else 0
        row = tag == "tr" and len(element) > 1 and not element.xpath(".//table|ancestor::tr")
        if event == "start":
            if row or (not rows and (tag in _BLOCKS or (tag == "br" and not level))):
                close()
            level, rows = (0 if rows or row else heading or level), rows + row
            if row:
                cells = tuple(" ".join("".join(cell.itertext()).split()) for cell in element)
            parts.append(" " if tag in _BLOCKS or tag == "br" else "")
            parts.append(element.text or "" if tag else "")
            continue
        if row or (not rows and tag in _BLOCKS):
            close()
        level, rows = 0 if heading else level, rows - row
        cells = cells if rows else ()
        parts.append(" " if tag in _BLOCKS else "")
        parts.append(element.tail or "" if element is not root else "")
    close()
    return lines


# --- scores ---------------------------------------------------------------------------------------

_UNSEEN = re.compile("[\u00ad\u200b-\u200f\u2060\ufeff]")
_TOKEN = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]|[^\W\u3040-\u30ff\u3400-\u9fff]+")
_NUMBER = re.compile(
    r"^[\W_]*(?:(?:\d{1,3}(?:\.\d{1,3})*|[a-zA-Z]|[ivxIVX]{1,5})[.)](?=\s|$)"
    r"|\d{1,3}(?:\.\d{1,3})+(?=\s|$)|\((?:\d{1,3}|[a-zA-Z]|[ivxIVX]{1,5})\))\s*"
)


@dataclass(frozen=True, slots=True)
class Score:
    """How a reading agrees with the reference of one page; every figure is in [0, 1]."""

    token_precision: float
    token_recall: float
    line_precision: float
    line_recall: float
    n_headings: int
    headings: int  # found as headings
    with_level: int  # and under the same heading

    @property
    def token_f1(self) -> float:
        return f1(self.token_precision, self.token_recall)

    @property
    def line_f1(self) -> float:
        return f1(self.line_precision, self.line_recall)


def f1(precision: float, recall: float) -> float:
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def tokens(text: str) -> tuple[str, ...]:
    """Words and single Chinese characters in lower case, without numbers put in front."""
    text = _UNSEEN.sub("", unicodedata.normalize("NFKC", text))
    for _ in range(2):
        text = _NUMBER.sub("", text)
    return tuple(_TOKEN.findall(text.casefold()))


def score(gold: Iterable[Line], read: Iterable[Line]) -> Score:
    """Compare two readings of a page."""
    wanted, found = _keyed(gold), _keyed(read)
    words = _agreement(
        Counter(t for key, _ in wanted for t in key), Counter(t for key, _ in found for t in key)
    )
    lines = _agreement(Counter(key for key, _ in wanted), Counter(key for key, _ in found))
    heads = [[item for item in side if item[1]] for side in (wanted, found)]
    pairs = _aligned(*heads)
    parents = [_parents([heads[side][pair[side]][1] for pair in pairs]) for side in (0, 1)]
    same = sum(a == b for a, b in zip(*parents, strict=True))
    return Score(*words, *lines, len(heads[0]), len(pairs), same)


def _keyed(lines: Iterable[Line]) -> list[tuple[tuple[str, ...], int]]:
    keyed = ((tokens(line.text), line.level) for line in lines)
    return [(key, level) for key, level in keyed if key]


def _agreement(gold: Counter[Any], found: Counter[Any]) -> tuple[float, float]:
    both = (gold & found).total()
    return both / max(1, found.total()), both / max(1, gold.total())


def _aligned(gold: list[Any], found: list[Any]) -> list[tuple[int, int]]:
    """Positions of equal headings, in order (the longest common subsequence)."""
    best = [[0] * (len(found) + 1) for _ in range(len(gold) + 1)]
    for i in range(len(gold) - 1, -1, -1):
        for j in range(len(found) - 1, -1, -1):
            equal = gold[i][0] == found[j][0]
            best[i][j] = best[i + 1][j + 1] + 1 if equal else max(best[i + 1][j], best[i][j + 1])
    pairs, i, j = [], 0, 0
    while i < len(gold) and j < len(found):
        if gold[i][0] == found[j][0]:
            pairs.append((i, j))
            i, j = i + 1, j + 1
        elif best[i + 1][j] >= best[i][j + 1]:
            i += 1
        else:
            j += 1
    return pairs


def _parents(levels: list[int]) -> list[int]:
    """The position of the heading above each, -1 at the top: what a level is for."""
    open_: list[int] = []
    parents = []
    for i, level in enumerate(levels):
        while open_ and levels[open_[-1]] >= level:
            open_.pop()
        parents.append(open_[-1] if open_ else -1)
        open_.append(i)
    return parents


def document_lines(document: Any, gold: Iterable[Line]) -> list[Line]:
    """The lines of a `Document`; header cells, which its tables repeat, count once.

    Args:
        document: what an ingestor made of the page.
        gold: the reference, whose tables say what is a header cell.
    """
    heads = {cell for line in gold for cell in map(tokens, line.cells) if cell}
    lines = []
    for block in document.blocks:
        rows = document.text[block.start : block.end].split("\n")
        if block.kind == "table":
            rows = _headers_once(rows, heads)
        lines += [Line(row, block.level if block.kind == "heading" else 0) for row in rows]
    return lines


def _headers_once(rows: list[str], heads: set[tuple[str, ...]]) -> list[str]:
    seen: list[str] = []
    plain = []
    for row in rows:
        cells = []
        for cell in row.split(" | "):
            ends = [m.end() for m in re.finditer(": ", cell)]
            end = next((end for end in ends if tokens(cell[:end]) in heads), 0)
            if end and cell[:end] not in seen:
                seen.append(cell[:end])
            cells.append(cell[end:])
        plain.append(" ".join(cells))
    return [" ".join(seen), *plain] if seen else plain

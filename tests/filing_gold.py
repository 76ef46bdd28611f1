"""Top-level sections of real filings against the gold that sec-parser's test data bring.

The gold names each Item and how many characters of HTML it has, not where it begins. Its start is
found again by that length: a place where "Item N" is written whose distance to the next Item in
the source is the length. Where none fits (two of 99 sections), only the title is judged.
"""

from __future__ import annotations

import hashlib
import html
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

ITEM = re.compile(r"(?i)\bitem\s*(\d{1,2}[abc]?)\b")
PART = re.compile(r"(?i)^part\s+(i{1,3}|iv)\b")
NOT_IN_GOLD = frozenset(("1c", "9c", "16"))  # Items that its maker's list does not have yet
REGION = 800  # letters and digits from a start in the source, in which a found section begins:
BEGIN = 20  # so many after its title; furniture and contents between the two are left out
_MARKUP = re.compile(r"<[^>]*>|&#?\w+;")
_BREAKS = re.compile(r"</?(?:div|p|tr|td|br|table|li)\b", re.I)


@dataclass(frozen=True)
class Section:
    """A top-level section: `1a` of a 10-K, `part2item1a` of a 10-Q, and the text it begins with."""

    identifier: str
    text: str | None  # letters and digits; None where the start is not known


def cases(root: Path) -> list[tuple[Path, list[Section]]]:
    """The filings of the set with their gold sections."""
    found = []
    for path in sorted(root.rglob("expected-top-level-sections.json")):
        filing = path.parent / "primary-document.html"
        found.append((filing, gold(json.loads(path.read_text()), filing.read_text())))
    return found


def digest(paths: Iterable[Path], root: Path) -> str:
    """sha256 over names and bytes: a floor is only held against the files it was made on."""
    total = hashlib.sha256()
    for path in sorted(paths):
        total.update(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes())
    return total.hexdigest()


def letters(text: str, n: int) -> str:
    """The first letters and digits of a text, in lower case."""
    return "".join(char for char in text[: 10 * n] if char.isalnum())[:n].casefold()


# --- the gold -------------------------------------------------------------------------------------


def gold(entries: list[dict[str, object]], source: str) -> list[Section]:
    text, places = _visible(source)
    written: dict[str, list[tuple[int, int]]] = {}  # place in the source, place in the text
    for match in re.finditer(r"(?im)^\s*item\s*(\d{1,2}[abc]?)\b[.:]?", text):
        start = text.casefold().find("item", match.start())
        places_of = written.setdefault(match.group(1).casefold(), [])
        places_of.append((places[match.end() - 1], start))
    ends = [*sorted(place for found in written.values() for place, _ in found), len(source)]
    sections = []
    last = 0
    for entry in entries:
        length = int(str(entry["character_count"]))
        if not length:
            continue  # the filing leaves that Item out
        identifier = str(entry["identifier"]).casefold()
        starts = [s for s in written.get(identifier.rpartition("item")[2], []) if s[0] > last]
        start = _fitting(starts, ends, length)
        last = last if start is None else start[0]
        sections.append(Section(identifier, start and letters(text[start[1] :], REGION)))
    return sections


def _fitting(starts: list[tuple[int, int]], ends: list[int], length: int) -> tuple[int, int] | None:
    """The start from which the next Item is `length` characters away."""
    errors = [
        (abs(next(end for end in ends if end > start[0]) - start[0] - length), start)
        for start in starts
    ]
    error, start = min(errors, default=(length, (0, 0)))
    return start if error <= 200 + 0.02 * length else None


def _visible(source: str) -> tuple[str, list[int]]:
    """The text of a page and where each character stands in the source."""
    chars: list[str] = []
    places: list[int] = []
    last = 0
    for match in _MARKUP.finditer(source):
        chars += source[last : match.start()]
        places += range(last, match.start())
        markup = match.group()
        shown = html.unescape(markup) if markup[0] == "&" else "\n" if _BREAKS.match(markup) else ""
        chars += shown.replace("\xa0", " ")
        places += [match.start()] * len(shown)
        last = match.end()
    return "".join(chars), places


# --- what a parser finds --------------------------------------------------------------------------


def numbered(headings: Iterable[tuple[str, str]], by_part: bool) -> list[Section]:
    """Sections from `(title, its text, title included)`; a 10-Q numbers its Items by Part."""
    return [s for s in _numbered(headings, by_part) if s.identifier not in NOT_IN_GOLD]


def _numbered(headings: Iterable[tuple[str, str]], by_part: bool) -> Iterator[Section]:
    part, last = 1, 0
    for title, text in headings:
        match = ITEM.match(title)
        if PART.match(title):
            part, last = len(PART.match(title)[1]) if by_part else part, 0
        elif match:
            number = int(re.match(r"\d+", match[1])[0])
            part, last = part + (number < last), number
            name = match[1].casefold()
            begin = letters(text[len(title) :], BEGIN)
            yield Section(f"part{part}item{name}" if by_part else name, begin)


def hits(found: list[Section], wanted: list[Section]) -> int:
    """How many wanted sections are found, each once, with the right start."""
    left = list(found)
    n = 0
    for want in wanted:
        match = next((s for s in left if same(s, want)), None)
        if match is not None:
            left.remove(match)
            n += 1
    return n


def same(found: Section, want: Section) -> bool:
    """Whether the Item is the same and begins at the same place."""
    begins = want.text is None or (found.text or "") in want.text
    return found.identifier == want.identifier and begins


def f1(n_hits: int, n_found: int, n_wanted: int) -> float:
    return 2 * n_hits / (n_found + n_wanted) if n_found + n_wanted else 0.0

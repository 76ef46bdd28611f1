"""Documents whose headings say where the topic changes: reading, variants and splits.

The gold of a document comes from its own headings (arXiv 2012.03619): the gap before a paragraph
is a change where a heading stood there. What the model sees of the headings is the variant.
"""

from __future__ import annotations

import contextlib
import gzip
import json
import lzma
import operator
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Literal, get_args

from datakit.errors import DatakitError
from datakit.records import sha256

if TYPE_CHECKING:
    import numpy as np

    from datakit.records import Document

Variant = Literal["marked", "plain", "stripped"]
VARIANTS: tuple[Variant, ...] = get_args(Variant)
Depth = Literal["section", "subsection"]
DEPTHS: tuple[Depth, ...] = get_args(Depth)
Split = Literal["train", "dev", "test"]

NO_CHANGE, SUBSECTION, SECTION = 0, 1, 2
_LINK_TARGET = re.compile(r"\s*\[[^\]]+\]:\s+\S+\s*")
_TEST_SHARE, _DEV_SHARE = 0.20, 0.10  # of the groups


@dataclass(frozen=True, slots=True)
class Line:
    """A unit that is never cut: a paragraph, list item, table or heading line."""

    text: str
    kind: str = "paragraph"  # as Block.kind
    level: int | None = None  # of a heading or a list item, as Block.level


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading line and its level, 1 at the top."""

    text: str
    level: int


@dataclass(frozen=True)
class SectionedDocument:
    """Paragraphs, and the headings that opened before each of them."""

    doc_id: str
    lines: tuple[Line, ...]  # no headings among them
    headings: tuple[tuple[Heading, ...], ...]  # for each line those that opened before it
    changes: tuple[int, ...]  # for each line NO_CHANGE, SUBSECTION or SECTION; the first counts not
    language: str
    group: str  # near-duplicates and documents of one publisher share it
    source: str = ""  # the set that it comes from
    meta: Mapping[str, str] = field(default_factory=dict)

    @property
    def split(self) -> Split:
        """train, dev or test, by a hash of the group: equal on every machine and in every run."""
        place = int(sha256(self.group)[:8], 16) / 2**32
        if place < _TEST_SHARE:
            return "test"
        return "dev" if place < _TEST_SHARE + _DEV_SHARE else "train"

    def variant(self, variant: Variant) -> LabelledLines:
        """Headings as lines of kind heading (marked), of kind paragraph (plain), or left out."""
        if variant == "stripped":
            return LabelledLines(self.lines, self.changes[1:])
        lines: list[Line] = []
        changes: list[int] = []
        for line, headings, change in zip(self.lines, self.headings, self.changes, strict=True):
            opened = [
                Line(h.text, "heading", h.level) if variant == "marked" else Line(h.text)
                for h in headings
            ]
            lines += [*opened, line]
            changes += [change, *[NO_CHANGE] * len(opened)]
        return LabelledLines(tuple(lines), tuple(changes[1:]))


@dataclass(frozen=True)
class LabelledLines:
    """Lines of a document and what happens in the gaps between them."""

    lines: tuple[Line, ...]
    changes: tuple[int, ...]  # (n_lines - 1): NO_CHANGE, SUBSECTION or SECTION

    def gold(self, depth: Depth) -> np.ndarray:
        """(n_lines - 1,) bool: is the gap a boundary at this depth?"""
        import numpy as np

        return np.asarray(self.changes, np.int8) >= (SECTION if depth == "section" else SUBSECTION)


# --- reading -----------------------------------------------------------------------------------


def read(data: Iterable[Path]) -> Iterator[SectionedDocument]:
    """Documents with headings from dataset directories, JSON lines, or folders of these.

    Raises:
        DatakitError: a path holds neither, or a line is not what it should be.
    """
    for path in data:
        files = _files(path)
        if files is None:
            yield from _of_dataset(path)
            continue
        for file in files:
            yield from read_json_lines(file)


def _files(path: Path) -> list[Path] | None:
    """JSON-lines files of a path; None where it is a dataset directory."""
    if (path / "manifest.json").is_file():
        return None
    if path.is_file():
        return [path]
    names = ("*.jsonl", "*.jsonl.gz", "*.jsonl.xz", "*.json")
    found = sorted(file for name in names for file in path.rglob(name))
    if not found:
        raise DatakitError(
            f"{path}: expected a dataset directory (manifest.json), a JSON-lines file (.jsonl, "
            ".jsonl.gz, .jsonl.xz) or a folder of these, found none. "
            "`datakit ingest` makes a dataset directory of documents."
        )
    return found


LEAST_HEADINGS = 2  # of a document of a dataset, below which its headings say nothing


def _of_dataset(path: Path) -> Iterator[SectionedDocument]:
    from datakit.dataset import Dataset

    for document in Dataset.open(path).read("document"):
        sectioned = from_document(document, path.name)
        if sum(map(len, sectioned.headings)) >= LEAST_HEADINGS:
            yield sectioned


def from_document(document: Document, source: str = "") -> SectionedDocument:
    """A document of ours: its blocks of kind heading are the headings, the others the lines.

    A heading without a level stands one below the deepest that has one. Headings after the last
    line open nothing and are left out.
    """
    blocks = [(b, document.text[b.start : b.end].strip()) for b in document.blocks]
    levels = [b.level for b, _ in blocks if b.kind == "heading" and b.level]
    lowest = max(levels, default=0) + 1
    lines: list[Line] = []
    opened: list[tuple[Heading, ...]] = []
    waiting: list[Heading] = []
    for block, text in blocks:
        if block.kind == "heading":
            waiting.append(Heading(text, block.level or lowest))
        elif text:
            lines.append(Line(text, block.kind, block.level))
            opened.append(tuple(waiting))
            waiting = []
    return SectionedDocument(
        doc_id=document.doc_id,
        lines=tuple(lines),
        headings=tuple(opened),
        changes=changes_of(opened),
        language=document.language or "und",
        group=document.issuer or document.family_id or document.doc_id,
        source=source,
    )


@contextlib.contextmanager
def _open(path: Path) -> Iterator[IO[bytes]]:
    openers: dict[str, Any] = {".xz": lzma.open, ".gz": gzip.open}
    try:
        with openers.get(path.suffix, open)(path, "rb") as file:
            yield file
    except (OSError, EOFError, lzma.LZMAError) as error:
        raise DatakitError(
            f"{path}: cannot be read ({error}). Is it whole, and compressed as its name says?"
        ) from error


def read_json_lines(path: Path) -> Iterator[SectionedDocument]:
    """One document a line: `{"paragraphs": [{"text", "section": [heading, …]}], …}`, or the list.

    `h`, the level of the first heading opened before a paragraph, and `top`, the level down to
    which a heading opens a section, are taken where they are given, else from the paths.
    """
    if path.suffix == ".json":
        yield from_json(_parsed(path.read_bytes(), str(path)), path.stem, path.parent.name)
        return
    with _open(path) as file:
        for number, line in enumerate(file, 1):
            if line.strip():
                value = _parsed(line, f"{path}, line {number}")
                yield from_json(value, f"{path.stem}-{number}", path.parent.name)


def _parsed(text: bytes, where: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DatakitError(
            f"{where}: expected JSON in UTF-8, found something else ({error}). Is it a file of "
            "documents with headings?"
        ) from error


def from_json(value: Any, doc_id: str, source: str) -> SectionedDocument:
    """A document of the paper's format or of ours.

    Raises:
        DatakitError: it has no paragraphs with `text` and `section`.
    """
    record: dict[str, Any] = {"paragraphs": value} if isinstance(value, list) else value
    try:
        paragraphs = [(str(p["text"]), list(map(str, p["section"]))) for p in record["paragraphs"]]
        given = [_level(p.get("h")) for p in record["paragraphs"]]
        top = _level(record.get("top"))
    except (KeyError, TypeError, AttributeError) as error:
        raise DatakitError(
            f"{source}/{doc_id}: expected paragraphs with `text` and `section` (a list of "
            f"headings), found {type(error).__name__}: {error}"
        ) from error
    opened: list[tuple[Heading, ...]] = []
    before: list[str] = []
    for (_, path), level in zip(paragraphs, given, strict=True):
        opened.append(_opened(before, path, level))
        before = path
    texts, opened = _without_link_targets([text for text, _ in paragraphs], opened)
    doc_id = str(record.get("id", doc_id))
    return SectionedDocument(
        doc_id=doc_id,
        lines=tuple(map(Line, texts)),
        headings=tuple(opened),
        changes=changes_of(opened, top),
        language=str(record.get("lang", record.get("language", "en"))),
        group=str(record.get("group", doc_id)),
        source=source,
    )


def _without_link_targets(
    texts: Sequence[str], opened: Sequence[tuple[Heading, ...]]
) -> tuple[list[str], list[tuple[Heading, ...]]]:
    """Markdown's `[name]: address` is no text, and `[motivation]: #motivation` is a heading's name
    left in a document without headings; what it opened opens with the next line.
    """
    kept: list[str] = []
    opened_kept: list[tuple[Heading, ...]] = []
    waiting: tuple[Heading, ...] = ()
    for text, headings in zip(texts, opened, strict=True):
        waiting += headings
        if not _LINK_TARGET.fullmatch(text):
            kept.append(text)
            opened_kept.append(waiting)
            waiting = ()
    return kept, opened_kept


def _level(value: Any) -> int | None:
    return None if value is None else operator.index(value)


def _opened(before: Sequence[str], path: Sequence[str], level: int | None) -> tuple[Heading, ...]:
    shared = 0
    while shared < min(len(before), len(path)) and before[shared] == path[shared]:
        shared += 1
    new = list(path[shared:])
    if level == 0:
        return ()
    if level is not None and not new:  # the same heading once more, or text after a subsection
        return (Heading(path[-1] if path else "", level),) if path else ()
    first = shared + 1 if level is None else level
    return tuple(Heading(text, first + i) for i, text in enumerate(new))


def changes_of(opened: Sequence[Sequence[Heading]], top: int | None = None) -> tuple[int, ...]:
    """Changes from the headings; without a top level, the highest that opens three sections."""
    levels = [min((h.level for h in headings), default=0) for headings in opened]
    if top is None:
        counts = {level: levels.count(level) for level in sorted(set(levels) - {0})}
        enough = [level for level in counts if sum(n for k, n in counts.items() if k <= level) >= 3]
        top = min(enough, default=max(counts, default=1))
    return tuple(
        NO_CHANGE if not level else SECTION if level <= top else SUBSECTION for level in levels
    )

"""BEIR folders: corpus.jsonl, queries.jsonl and qrels/<split>.tsv, read strictly.

What BEIR's own loader passes by in silence is told here: a bad line, an id that is there twice, a
label that points nowhere or is no whole number is one Dropped row, and the rest is read on.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from datakit.importers import _columns
from datakit.importers._collect import Record, collect
from datakit.importers._files import (
    Block,
    Line,
    blocks,
    cells_of,
    first_object,
    name_of,
    not_a_number,
    objects_of,
    text_of,
)
from datakit.importers._raw import (
    NOTHING,
    Notes,
    RawLabel,
    RawLabels,
    RawPassage,
    RawQuery,
    by_split,
)
from datakit.records import Dropped, Source, Split
from datakit.registry import plugin


@plugin("importers", "beir")
@dataclass(frozen=True)
class Beir:
    """The layout that BEIR's `GenericDataLoader` reads.

    A passage without a known document is its own document. A query belongs to the split whose
    file labels it; where several do, test comes before dev and dev before train, and the labels
    of the other files are dropped.
    """

    source: Source = "human"  # who decided the labels: a BEIR folder does not say
    # of all texts; None: detected text by text, where a short one is in doubt as most of the corpus
    language: str | None = None
    prefix: str = ""  # of generated queries: `gen` reads gen-queries.jsonl and gen-qrels/

    def matches(self, path: Path) -> bool:
        """Whether the folder has BEIR's two files."""
        names = ("corpus.jsonl", f"{self._before}queries.jsonl")
        if not all((path / name).is_file() for name in names):
            return False
        first = first_object(path / "corpus.jsonl")
        return "_id" in first or "id" not in first  # which is how AIR-Bench calls it

    @property
    def _before(self) -> str:
        return f"{self.prefix}-" if self.prefix else ""

    def __call__(self, path: Path) -> Iterator[Record]:
        return collect(self, path)

    def rows(self, path: Path, notes: Notes) -> Iterator[Any]:
        queries = f"{self._before}queries.jsonl"
        yield from _texts(RawPassage, path / "corpus.jsonl", notes)
        if (path / queries).is_file():
            yield from _texts(RawQuery, path / queries, notes)
        for split, file in by_split(path, f"{self._before}qrels/*.tsv"):
            name = name_of(file, path)
            if split is None:
                detail = f"{name}: expected train, dev or test as its name; rename it"
                yield Dropped(name, "unknown_split", detail)
                continue
            yield from _labels(file, name, split, notes)


def _texts(kind: Any, file: Path, notes: Notes) -> Iterator[Any]:
    by_column = _columns.passages if kind is RawPassage else _columns.queries
    for piece in blocks(file, notes, file.name):
        columns = by_column(piece, file.name) if isinstance(piece, Block) else None
        if columns is not None:
            yield columns
            continue
        for row in objects_of(piece.lines() if isinstance(piece, Block) else [piece], file.name):
            yield row if isinstance(row, Dropped) else _text(kind, *row)


def _labels(
    file: Path, name: str, split: Split, notes: Notes
) -> Iterator[RawLabels | RawLabel | Dropped]:
    header = _Header(notes, name)
    for piece in blocks(file, notes, name):
        if not isinstance(piece, Block):
            yield from _label_rows([piece], name, split, header)
            continue
        rows = piece
        if rows.first == 1:
            first, _, rest = rows.data.partition(b"\n")
            yield from _label_rows(Block(1, first).lines(), name, split, header)
            rows = Block(2, rest)
        columns = _columns.labels(rows, name, split)
        if columns is None:
            yield from _label_rows(rows.lines(), name, split, header)
        else:
            yield columns


def _label_rows(
    lines: Iterable[Line | Dropped], name: str, split: Split, header: _Header
) -> Iterator[RawLabel | Dropped]:
    for row in cells_of(lines, name, (3, 4), header=header):
        if isinstance(row, Dropped):
            yield row
        elif len(row[1]) != 3:
            detail = f"{row[0]}: expected three tab-separated cells, found {row[1]}"[:300]
            yield Dropped(row[0], "bad_row", detail)
        else:
            query, passage, grade = row[1]
            yield RawLabel(row[0], query, passage, grade, split)


@dataclass(frozen=True)
class _Header:
    """Whether line 1 is a header; told where it is not, since BEIR's loader skips it."""

    notes: Notes
    file: str

    def __call__(self, row: list[str]) -> bool:
        if not_a_number(row):
            return True
        message = f"{self.file} has no header: its line 1 is a label and was read as one"
        self.notes.add("no_header", self.file, message)
        return False


def _text(kind: Any, where: str, values: dict[str, Any]) -> Any:
    name = text_of(values, where, "_id", "text")
    if isinstance(name, Dropped):
        return name
    about = values.get("metadata")
    about = about if isinstance(about, dict) else NOTHING
    extra = values.get("title") if kind is RawPassage else None
    return kind(where, name, values["text"], extra, about)

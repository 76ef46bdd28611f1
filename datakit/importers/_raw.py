"""Rows as foreign files write them: before the rules for ids, texts, grades and splits."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from datakit.records import Source, Split

if TYPE_CHECKING:
    import pyarrow as pa

NOTHING: Mapping[str, Any] = MappingProxyType({})


class RawPassage(NamedTuple):
    where: str  # file and line, for messages
    id: str
    text: str
    title: object = None
    about: Mapping[str, Any] = NOTHING  # doc_id, start, ordinal, issuer, date, language, …


class RawQuery(NamedTuple):
    where: str
    id: str
    text: str
    split: Split | None = None
    about: Mapping[str, Any] = NOTHING  # level, form, language, split, seed_passage_ids, …


class RawLabel(NamedTuple):
    where: str
    query_id: str
    passage_id: str
    grade: int | str  # text is checked: a whole number from 0
    split: Split | None = None  # None: whatever the query has
    source: Source | None = None  # None: the importer's setting


class RawPassages(NamedTuple):
    """Passages by column, of consecutive lines: as many `RawPassage`."""

    file: str
    first: int  # line of the first
    ids: pa.Array  # strings, none null
    texts: pa.Array  # strings, none null
    titles: pa.Array  # strings or null

    def rows(self) -> Iterator[RawPassage]:
        cells = zip(*(c.to_pylist() for c in (self.ids, self.texts, self.titles)), strict=True)
        for at, (name, text, title) in enumerate(cells, self.first):
            yield RawPassage(f"{self.file}:{at}", name, text, title)


class RawQueries(NamedTuple):
    """Queries by column, of consecutive lines: as many `RawQuery` without a split."""

    file: str
    first: int  # line of the first
    ids: pa.Array  # strings, none null
    texts: pa.Array  # strings, none null

    def rows(self) -> Iterator[RawQuery]:
        cells = zip(self.ids.to_pylist(), self.texts.to_pylist(), strict=True)
        for at, (name, text) in enumerate(cells, self.first):
            yield RawQuery(f"{self.file}:{at}", name, text)


class RawLabels(NamedTuple):
    """Labels by column, of consecutive lines: as many `RawLabel`."""

    file: str
    first: int  # line of the first
    query_ids: pa.Array  # strings, none null
    passage_ids: pa.Array  # strings, none null
    grades: pa.Array  # int32, from 0
    split: Split

    def rows(self) -> Iterator[RawLabel]:
        columns = (self.query_ids, self.passage_ids, self.grades)
        cells = zip(*(column.to_pylist() for column in columns), strict=True)
        for at, (query, passage, grade) in enumerate(cells, self.first):
            yield RawLabel(f"{self.file}:{at}", query, passage, grade, self.split)

    def row(self, at: int) -> RawLabel:
        """One of them, from 0."""
        query, passage, grade = (
            column[at].as_py() for column in (self.query_ids, self.passage_ids, self.grades)
        )
        return RawLabel(f"{self.file}:{self.first + at}", query, passage, grade, self.split)


class RawScore(NamedTuple):
    """One row of a run."""

    where: str
    run: str
    query_id: str
    passage_id: str
    score: float | str


class RawNegative(NamedTuple):
    where: str
    run: str  # what found it
    query_id: str
    passage_id: str
    score: float | None = None


Raw = (
    RawPassage | RawPassages | RawQuery | RawQueries | RawLabel | RawLabels | RawScore | RawNegative
)


@dataclass
class Notes:
    """What is odd about whole files: told once a file, not once a line."""

    counts: Counter[tuple[str, str]] = field(default_factory=Counter)  # by check and file
    messages: dict[tuple[str, str], str] = field(default_factory=dict)

    def add(self, check: str, file: str, message: str) -> None:
        self.counts[check, file] += 1
        self.messages.setdefault((check, file), message)


# --- splits -------------------------------------------------------------------------------------

_SPLIT_NAMES: dict[str, Split] = {
    "train": "train", "dev": "dev", "test": "test", "validation": "dev", "val": "dev",
}  # fmt: skip
# a query that several files label is never trained on
PRIORITY: tuple[Split | None, ...] = ("test", "dev", "train", None)


def split_named(name: str) -> Split | None:
    """The split that a foreign name means: `dev.small` and `validation` are dev."""
    return _SPLIT_NAMES.get(name.lower().strip("._-").partition(".")[0])


def by_split(folder: Path, pattern: str) -> list[tuple[Split | None, Path]]:
    """The files whose name is `pattern` with a split's name for its `*`: test, dev, train, others.

    Args:
        folder: where they are.
        pattern: with one `*`.
    """
    before, _, after = pattern.rpartition("/")[2].partition("*")
    found = [
        (split_named(path.name.removeprefix(before).removesuffix(after)), path)
        for path in sorted(folder.glob(pattern))
        if path.is_file()
    ]
    return sorted(found, key=lambda pair: (PRIORITY.index(pair[0]), pair[1].name))

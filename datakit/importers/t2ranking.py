"""T2Ranking folders: collection, queries and graded qrels with headers; mined negatives, BM25."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from datakit.importers._cells import labels, passages, queries
from datakit.importers._collect import Record, collect
from datakit.importers._files import cells
from datakit.importers._raw import (
    Notes,
    RawLabel,
    RawNegative,
    RawScore,
    by_split,
)
from datakit.importers.msmarco import COLLECTION, headed
from datakit.records import Dropped, Source
from datakit.registry import plugin


@plugin("importers", "t2ranking")
@dataclass(frozen=True)
class T2Ranking:
    """Read without quoting: with it, a quote in a passage swallows the lines that follow.

    `qrels.retrieval.*` repeat the pairs of grade 2 and up; they are read where a split has no
    graded file.
    """

    source: Source = "human"  # who decided the labels
    language: str | None = None  # of all texts; None: found out

    def matches(self, path: Path) -> bool:
        """Whether there are a collection with a header, and qrels."""
        if not (path / COLLECTION).is_file() or not any(path.glob("qrels.*.tsv")):
            return False
        return headed(path / COLLECTION) or any(path.glob("qrels.retrieval.*"))

    def __call__(self, path: Path) -> Iterator[Record]:
        return collect(self, path)

    def rows(self, path: Path, notes: Notes) -> Iterator[Any]:
        yield from passages(cells(path / COLLECTION, notes, columns=(2, 2), header=_names_columns))
        for split, file in by_split(path, "queries.*.tsv"):
            yield from queries(cells(file, notes, columns=(2, 2), header=_names_columns), split)
        graded = [pair for pair in by_split(path, "qrels.*.tsv") if pair[0]]
        for split, file in graded:
            four = cells(file, notes, columns=(4, 4), separator=None, header=_names_columns)
            yield from labels(four, split)
        for split, file in by_split(path, "qrels.retrieval.*.tsv"):
            if split in dict(graded):
                continue
            for row in cells(file, notes, columns=(2, 2), header=_names_columns):
                if isinstance(row, Dropped):
                    yield row
                else:
                    yield RawLabel(row[0], row[1][0], row[1][1], 2, split)
        yield from self._candidates(path, notes)

    def _candidates(self, path: Path, notes: Notes) -> Iterator[Any]:
        mined, bm25 = path / "train.mined.tsv", path / "train.bm25.tsv"
        for file in (f for f in (mined, bm25) if f.is_file()):
            least = 4 if file == mined else 3
            for row in cells(file, notes, columns=(least, 4), header=_names_columns):
                if isinstance(row, Dropped):
                    yield row
                elif file == mined:
                    query, passage, _, score = row[1]
                    yield RawNegative(row[0], "mined", query, passage, _number(score))
                else:  # places in the list, from 0; it has no scores
                    place = _number(row[1][2])
                    yield RawScore(
                        row[0], "bm25", row[1][0], row[1][1], "" if place is None else -place
                    )


def _names_columns(row: list[str]) -> bool:
    return not row[0].strip().isdigit()


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None

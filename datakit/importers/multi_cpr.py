"""Multi-CPR folders: corpus.tsv, {split}.query.txt and qrels.{split}.tsv."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from datakit.importers._cells import labels, passages, queries
from datakit.importers._collect import Record, collect
from datakit.importers._files import cells
from datakit.importers._raw import Notes, by_split
from datakit.records import Source
from datakit.registry import plugin


@plugin("importers", "multi_cpr")
@dataclass(frozen=True)
class MultiCpr:
    """A domain's folder; the corpus may be in several files, as that of the medical one is."""

    source: Source = "human"  # who decided the labels
    language: str | None = "zh"  # of all texts; None: found out

    def matches(self, path: Path) -> bool:
        """Whether there are a corpus and query files."""
        return any(path.glob("corpus*.tsv")) and any(path.glob("*.query.txt"))

    def __call__(self, path: Path) -> Iterator[Record]:
        return collect(self, path)

    def rows(self, path: Path, notes: Notes) -> Iterator[Any]:
        for file in sorted(path.glob("corpus*.tsv")):
            yield from passages(cells(file, notes, columns=(2, 3)))
        for split, file in by_split(path, "*.query.txt"):
            yield from queries(cells(file, notes, columns=(2, 2)), split)
        for split, file in by_split(path, "qrels.*.tsv"):
            yield from labels(cells(file, notes, columns=(4, 4), separator=None), split)

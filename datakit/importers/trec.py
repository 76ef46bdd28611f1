"""TREC folders: topics, qrels and runs; the passages are elsewhere."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from datakit.importers._cells import labels, queries
from datakit.importers._collect import Record, collect
from datakit.importers._files import cells
from datakit.importers._raw import Notes, RawScore, by_split
from datakit.importers._shared import shared_corpus
from datakit.records import Dropped, Source
from datakit.registry import plugin


@plugin("importers", "trec")
@dataclass(frozen=True)
class Trec:
    """Topics as `qid⇥text`, qrels and runs; what stands as iteration is the source if it is one.

    Ranks of runs are not read: order follows from the scores. Without a corpus the dataset has
    queries, labels and runs alone.
    """

    source: Source = "human"  # who decided the labels whose iteration names nobody
    language: str | None = None  # of all texts; None: found out
    corpus: str | None = None  # a corpus.jsonl or collection.tsv; None: the one in the folder

    passages_elsewhere = True

    def matches(self, path: Path) -> bool:
        """Whether there are topics and qrels."""
        return any(path.glob("topics*.tsv")) and any(path.glob("qrels*.txt"))

    def __call__(self, path: Path) -> Iterator[Record]:
        return collect(self, path)

    def rows(self, path: Path, notes: Notes) -> Iterator[Any]:
        yield from shared_corpus(path, self.corpus, notes)
        for split, file in by_split(path, "topics*.tsv"):
            yield from queries(cells(file, notes, columns=(2, 2)), split)
        for split, file in by_split(path, "qrels*.txt"):
            four = cells(file, notes, columns=(4, 4), separator=None)
            yield from labels(four, split, get_args(Source))
        for file in sorted(path.glob("run*.txt")):
            name = re.sub(r"[^\w.-]", "-", file.stem.removeprefix("run").strip(".-_")) or "run"
            for row in cells(file, notes, columns=(6, 6), separator=None):
                if isinstance(row, Dropped):
                    yield row
                else:
                    yield RawScore(row[0], name, row[1][0], row[1][2], row[1][4])

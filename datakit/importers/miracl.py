"""MIRACL folders: packed JSON lines of passages, topics and qrels by language and split."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from datakit.importers._cells import labels, queries
from datakit.importers._collect import Record, collect
from datakit.importers._files import cells, name_of, objects, text_of
from datakit.importers._raw import PRIORITY, Notes, RawPassage, split_named
from datakit.records import Dropped, Source, Split
from datakit.registry import plugin

_SPLIT = re.compile(r"-(train|dev|test)[^-./]*\.tsv$")  # testA and testB are test


@plugin("importers", "miracl")
@dataclass(frozen=True)
class Miracl:
    """Of `X#Y`, X is the document and Y the place of the passage in it."""

    source: Source = "human"  # who decided the labels
    language: str | None = None  # of all texts; None: as the corpus's folder or file says, or none

    def matches(self, path: Path) -> bool:
        """Whether there are topics, qrels and a corpus in files of MIRACL's names."""
        return bool(_files(path, "topics")) and bool(_corpus(path))

    def __call__(self, path: Path) -> Iterator[Record]:
        return collect(self, path)

    def rows(self, path: Path, notes: Notes) -> Iterator[Any]:
        for file in _corpus(path):
            for row in objects(file, notes, name_of(file, path)):
                yield row if isinstance(row, Dropped) else _passage(*row)
        for split, file in _files(path, "topics"):
            yield from queries(cells(file, notes, name_of(file, path), columns=(2, 2)), split)
        for split, file in _files(path, "qrels"):
            name = name_of(file, path)
            yield from labels(cells(file, notes, name, columns=(4, 4), separator=None), split)


def _corpus(path: Path) -> list[Path]:
    return sorted(p for p in path.glob("*corpus*/*.jsonl*") if p.suffix in (".gz", ".jsonl"))


def _files(path: Path, kind: str) -> list[tuple[Split | None, Path]]:
    """Topics or qrels with their split: test, dev, train."""
    found = [
        (split_named(match[1]), file)
        for file in sorted(path.rglob(f"{kind}.*.tsv"))
        if (match := _SPLIT.search(file.name))
    ]
    return sorted(found, key=lambda pair: (PRIORITY.index(pair[0]), pair[1].name))


def _passage(where: str, values: dict[str, Any]) -> RawPassage | Dropped:
    name = text_of(values, where, "docid", "text")
    if isinstance(name, Dropped):
        return name
    document, _, place = name.rpartition("#")
    about = {"doc_id": document, "ordinal": int(place)} if document and place.isdigit() else {}
    return RawPassage(where, name, values["text"], values.get("title"), about)

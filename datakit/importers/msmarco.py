"""MS MARCO folders: collection, queries, qrels, triples by id and top1000."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from datakit.importers._cells import labels, passages, queries
from datakit.importers._collect import Record, collect
from datakit.importers._files import cells, name_of, opened
from datakit.importers._raw import Notes, RawNegative, RawScore, by_split
from datakit.records import Dropped, Source
from datakit.registry import plugin

COLLECTION = "collection.tsv"


@plugin("importers", "msmarco")
@dataclass(frozen=True)
class MsMarco:
    """Files without a header: what ColBERT reads, with dense numbers as ids, is one too."""

    source: Source = "human"  # who decided the labels
    language: str | None = None  # of all texts; None: found out
    negatives: bool = True  # read the triples of ids; there are 400 million in the original

    def matches(self, path: Path) -> bool:
        """Whether there are a collection without a header, and qrels."""
        if not (path / COLLECTION).is_file() or not any(path.glob("qrels*.tsv")):
            return False
        return not headed(path / COLLECTION) and not any(path.glob("qrels.retrieval.*"))

    def __call__(self, path: Path) -> Iterator[Record]:
        return collect(self, path)

    def rows(self, path: Path, notes: Notes) -> Iterator[Any]:
        yield from passages(cells(path / COLLECTION, notes, columns=(2, 3)))
        for split, file in by_split(path, "queries.*.tsv") or [(None, path / "queries.tsv")]:
            yield from queries(cells(file, notes, columns=(2, 2)), split)
        for split, file in by_split(path, "qrels.*.tsv") or [(None, path / "qrels.tsv")]:
            yield from labels(cells(file, notes, columns=(4, 4), separator=None), split)
        for file in sorted(path.glob("qidpidtriples.*.tsv*")) if self.negatives else ():
            yield from _triples(file, path, notes)
        for file in sorted(path.glob("top1000.*")):
            for at, row in enumerate(cells(file, notes, columns=(2, 4))):
                if isinstance(row, Dropped):
                    yield row
                else:  # candidates in the order of BM25, without its scores
                    yield RawScore(row[0], "top1000", row[1][0], row[1][1], -float(at))


def _triples(file: Path, path: Path, notes: Notes) -> Iterator[RawNegative | Dropped]:
    """The negatives of each query once, as long as its lines stand together."""
    query, seen = "", set[str]()
    for row in cells(file, notes, name_of(file, path), columns=(3, 3)):
        if isinstance(row, Dropped):
            yield row
            continue
        if row[1][0] != query:
            query, seen = row[1][0], set()
        if row[1][2] not in seen:
            seen.add(row[1][2])
            yield RawNegative(row[0], "triples", query, row[1][2])


def headed(file: Path) -> bool:
    """Whether the first line names its columns."""
    with opened(file) as lines:
        first = lines.readline(1000).removeprefix(b"\xef\xbb\xbf").strip().lower()
    return first.split(b"\t")[0] in (b"pid", b"qid", b"id", b"docid")

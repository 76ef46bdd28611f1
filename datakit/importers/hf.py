"""Hugging Face folders in MTEB's layout: corpus, queries and qrels as Parquet or JSON lines."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from datakit.errors import DatasetError
from datakit.importers._collect import Record, collect
from datakit.importers._files import name_of, objects
from datakit.importers._raw import PRIORITY, Notes, RawLabel, RawPassage, RawQuery, split_named
from datakit.records import Dropped, Source, Split
from datakit.registry import plugin

_SPLIT = re.compile(r"(?:^|[-_.])(train|dev|validation|val|test)(?:[-_.]|$)")
_PROVENANCE = "provenance"


@plugin("importers", "hf")
@dataclass(frozen=True)
class HuggingFace:
    """What is on disk, laid out as on the Hub: nothing is fetched.

    Folders (or files that begin with) `corpus`, `queries` and `qrels` or `default`; the split of
    labels is in the file's name. An export of ours has provenance beside them, which is read
    instead and gives back the dataset as it was.
    """

    source: Source = "human"  # who decided the labels
    language: str | None = None  # of all texts; None: found out
    provenance: bool = True  # read an export of ours from its provenance
    prefix: str = ""  # of a language in a multilingual set: `zh-` for zh-corpus and so on

    def matches(self, path: Path) -> bool:
        """Whether there are Parquet files of a corpus and of queries."""
        found = self._files(path, "corpus"), self._files(path, "queries")
        return all(any(f.suffix == ".parquet" for f in files) for files in found)

    def __call__(self, path: Path) -> Iterator[Record]:
        if self.provenance and (path / _PROVENANCE / "passage.parquet").is_file():
            return self._own(path)
        return collect(self, path)

    def _own(self, path: Path) -> Iterator[Record]:
        from datakit.exporters import _provenance

        try:
            yield from _provenance.read(path)
        except ValueError as error:
            raise DatasetError(
                f"{path}: {error}. Read the plain files with --set provenance=false."
            ) from None

    def rows(self, path: Path, notes: Notes) -> Iterator[Any]:
        for kind, name in ((RawPassage, "corpus"), (RawQuery, "queries")):
            for file in self._files(path, name):
                for row in _rows(file, path, notes):
                    yield row if isinstance(row, Dropped) else _text(kind, *row)
        for split, file in self._labels(path):
            for row in _rows(file, path, notes):
                yield row if isinstance(row, Dropped) else _label(*row, split)

    def _files(self, path: Path, name: str) -> list[Path]:
        patterns = (f"{self.prefix}{name}/*", f"{self.prefix}{name}[-.]*", f"data/{name}[-.]*")
        found = {file for pattern in patterns for file in path.glob(pattern)}
        known = (".parquet", ".jsonl", ".jsonl.gz")
        return sorted(file for file in found if file.name.endswith(known))

    def _labels(self, path: Path) -> list[tuple[Split | None, Path]]:
        files = self._files(path, "qrels") or self._files(path, "default")
        found = [
            (split_named(match[1]) if (match := _SPLIT.search(file.stem)) else None, file)
            for file in files
        ]
        return sorted(found, key=lambda pair: (PRIORITY.index(pair[0]), pair[1].name))


def _rows(file: Path, root: Path, notes: Notes) -> Iterator[tuple[str, dict[str, Any]] | Dropped]:
    name = name_of(file, root)
    if file.suffix != ".parquet":
        yield from objects(file, notes, name)
        return
    import pyarrow as pa
    import pyarrow.parquet as pq

    at = 0
    try:
        with pq.ParquetFile(file) as parquet:
            for batch in parquet.iter_batches(2048):
                for values in batch.to_pylist():
                    at += 1
                    yield f"{name}:{at}", values
    except (pa.ArrowException, OSError) as error:  # OSError: bytes that are no Parquet
        raise DatasetError(f"{name} cannot be read: {error}. Fetch it again.") from None


def _first(values: dict[str, Any], *names: str) -> Any:
    return next((values[name] for name in names if values.get(name) is not None), None)


def _text(kind: Any, where: str, values: dict[str, Any]) -> Any:
    name, text = _first(values, "id", "_id"), _first(values, "text")
    if not isinstance(name, str | int) or isinstance(name, bool) or name == "":
        return Dropped(where, "no_id", f"{where}: expected a string under id, found {name!r}"[:200])
    if not isinstance(text, str):
        found = f"{text!r}"[:100]
        return Dropped(where, "no_text", f"{where}: {name}: expected a string, found {found}")
    return kind(where, str(name), text, values.get("title") if kind is RawPassage else None)


def _label(where: str, values: dict[str, Any], split: Split | None) -> RawLabel:
    query = str(_first(values, "query-id", "query_id", "qid"))
    passage = str(_first(values, "corpus-id", "corpus_id", "pid", "docid"))
    grade = _first(values, "score", "relevance")
    if isinstance(grade, float) and grade.is_integer():
        grade = int(grade)
    return RawLabel(where, query, passage, grade if isinstance(grade, int) else str(grade), split)

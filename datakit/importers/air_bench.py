"""AIR-Bench folders: corpus, queries and qrels as JSON lines."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from datakit.importers._collect import Record, collect
from datakit.importers._files import first_object, name_of, objects, text_of
from datakit.importers._raw import Notes, RawLabel, RawPassage, RawQuery, split_named
from datakit.records import Dropped, Source
from datakit.registry import plugin


@plugin("importers", "air_bench")
@dataclass(frozen=True)
class AirBench:
    """Queries and labels were written and judged by language models, so the source is `judge`.

    The split is that of the files' names (`…_dev.jsonl`), test where they tell none.
    """

    source: Source = "judge"  # who decided the labels
    language: str | None = None  # of all texts; None: found out

    def matches(self, path: Path) -> bool:
        """Whether there are qrels as JSON lines."""
        return any({"qid", "docid"} <= first_object(f).keys() for f in _files(path, "qrels"))

    def __call__(self, path: Path) -> Iterator[Record]:
        return collect(self, path)

    def rows(self, path: Path, notes: Notes) -> Iterator[Any]:
        for file in _files(path, "corpus"):
            for row in objects(file, notes, name_of(file, path)):
                yield row if isinstance(row, Dropped) else _text(RawPassage, *row)
        for file in _files(path, "queries"):
            for row in objects(file, notes, name_of(file, path)):
                yield row if isinstance(row, Dropped) else _text(RawQuery, *row)
        for file in _files(path, "qrels"):
            split = split_named(file.stem.rpartition("_")[2]) or "test"
            for row in objects(file, notes, name_of(file, path)):
                if isinstance(row, Dropped):
                    yield row
                else:
                    query, passage = str(row[1].get("qid")), str(row[1].get("docid"))
                    grade = row[1].get("relevance")
                    known = grade if isinstance(grade, int) else str(grade)
                    yield RawLabel(row[0], query, passage, known, split)


def _files(path: Path, kind: str) -> list[Path]:
    """`corpus.jsonl`, `corpus_1.jsonl`, or files in a folder of that name."""
    return sorted({*path.glob(f"{kind}*.jsonl*"), *path.glob(f"{kind}*/*.jsonl*")})


def _text(kind: Any, where: str, values: dict[str, Any]) -> Any:
    name = text_of(values, where, "id", "text")
    return name if isinstance(name, Dropped) else kind(where, name, values["text"])

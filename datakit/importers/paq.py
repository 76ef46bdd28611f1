"""PAQ folders: JSON lines of questions with the passages that answer them, and the passage file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from datakit.importers import _psgs
from datakit.importers._collect import Record, collect
from datakit.importers._files import first_object, objects, text_of
from datakit.importers._raw import Notes, RawLabel, RawQuery, split_named
from datakit.records import Dropped, Source, Split
from datakit.registry import plugin


@plugin("importers", "paq")
@dataclass(frozen=True)
class Paq:
    """A question that PAQ's own filter refused (`consistent` is false) is Dropped."""

    source: Source = "direct"  # the questions were written from the passages
    language: str | None = None  # of all texts; None: found out

    def matches(self, path: Path) -> bool:
        """Whether there are a passage file and questions with answers in passages."""
        return _psgs.passage_file(path) is not None and bool(_files(path))

    def __call__(self, path: Path) -> Iterator[Record]:
        return collect(self, path)

    def rows(self, path: Path, notes: Notes) -> Iterator[Any]:
        yield from _psgs.passages(path, notes)
        for file in _files(path):
            for row in objects(file, notes):
                yield row if isinstance(row, Dropped) else _query(*row)
        for file in _files(path):
            for row in objects(file, Notes()):
                if not isinstance(row, Dropped) and row[1].get("consistent") is not False:
                    yield from _labels(*row)


def _files(path: Path) -> list[Path]:
    wanted = {"question", "answers"}
    return [f for f in sorted(path.glob("*.jsonl*")) if wanted <= first_object(f).keys()]


def _name(values: dict[str, Any]) -> str:
    name = values.get("query_id")
    return name if isinstance(name, str) and name else _psgs.query_id(str(values.get("question")))


def _split(values: dict[str, Any]) -> Split | None:
    subsets = values.get("subsets")
    names = subsets if isinstance(subsets, list) else []
    return next((s for s in map(split_named, filter(_is_text, names)) if s), None)


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _query(where: str, values: dict[str, Any]) -> RawQuery | Dropped:
    if values.get("consistent") is False:
        detail = f"{where}: refused by PAQ's own filter: {values.get('question')!r}"[:300]
        return Dropped(where, "not_consistent", detail)
    name = text_of(values | {"query_id": _name(values)}, where, "query_id", "question")
    if isinstance(name, Dropped):
        return name
    return RawQuery(where, name, values["question"], _split(values))


def _labels(where: str, values: dict[str, Any]) -> Iterator[RawLabel]:
    answers = values.get("answers")
    found = answers if isinstance(answers, list) else []
    names = [answer.get("passage_id") for answer in found if isinstance(answer, dict)]
    for name in dict.fromkeys(names):
        yield RawLabel(where, _name(values), str(name), 1, _split(values))

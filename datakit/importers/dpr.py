"""DPR folders: a JSON list per split of questions with contexts, and the passage file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from datakit.importers import _psgs
from datakit.importers._collect import Record, collect
from datakit.importers._files import items, text_of
from datakit.importers._raw import (
    PRIORITY,
    Notes,
    RawLabel,
    RawNegative,
    RawPassage,
    RawQuery,
    split_named,
)
from datakit.records import Dropped, Source, Split
from datakit.registry import plugin

_KINDS = ("positive_ctxs", "negative_ctxs", "hard_negative_ctxs")


@plugin("importers", "dpr")
@dataclass(frozen=True)
class Dpr:
    """Without a passage file the passages are those in the rows; answers are not read."""

    source: Source = "human"  # who decided the labels
    language: str | None = None  # of all texts; None: found out

    def matches(self, path: Path) -> bool:
        """Whether a file of a split begins as a list of questions with contexts."""
        return any(_looks_like_dpr(file) for _, file in _files(path))

    def __call__(self, path: Path) -> Iterator[Record]:
        return collect(self, path)

    def rows(self, path: Path, notes: Notes) -> Iterator[Any]:
        yield from _psgs.passages(path, notes)
        if _psgs.passage_file(path) is None:
            yield from self._inside(path)
        for split, file in _files(path):
            for row in items(file, notes):
                yield row if isinstance(row, Dropped) else _query(*row, split)
        for split, file in _files(path):
            for row in items(file, Notes()):
                if not isinstance(row, Dropped):
                    yield from _pairs(*row, split)

    def _inside(self, path: Path) -> Iterator[RawPassage | Dropped]:
        seen: set[str] = set()
        for _, file in _files(path):
            for row in items(file, Notes()):
                if isinstance(row, Dropped):
                    continue  # told when the questions are read
                for context in _contexts(row[1], _KINDS):
                    name = text_of(context, row[0], "passage_id", "text")
                    if isinstance(name, Dropped):
                        yield name
                    elif name not in seen:
                        seen.add(name)
                        yield RawPassage(row[0], name, context["text"], context.get("title"))


def _files(path: Path) -> list[tuple[Split, Path]]:
    """`train.json`, or `nq-train.json` as DPR calls it."""
    found = [(split_named(f.stem.rpartition("-")[2]), f) for f in sorted(path.glob("*.json"))]
    known = [(split, file) for split, file in found if split]
    return sorted(known, key=lambda pair: PRIORITY.index(pair[0]))


def _looks_like_dpr(file: Path) -> bool:
    first = next(iter(items(file, Notes())), None)
    return isinstance(first, tuple) and "positive_ctxs" in first[1]


def _contexts(values: dict[str, Any], kinds: tuple[str, ...]) -> Iterator[dict[str, Any]]:
    for kind in kinds:
        found = values.get(kind)
        for context in found if isinstance(found, list) else ():
            if isinstance(context, dict):
                # older files call it psg_id
                name = context.get("passage_id", context.get("psg_id"))
                yield context | {"passage_id": name}


def _name(values: dict[str, Any]) -> str:
    name = values.get("query_id")
    return name if isinstance(name, str) and name else _psgs.query_id(str(values.get("question")))


def _query(where: str, values: dict[str, Any], split: Split) -> RawQuery | Dropped:
    name = text_of(values | {"query_id": _name(values)}, where, "query_id", "question")
    return name if isinstance(name, Dropped) else RawQuery(where, name, values["question"], split)


def _pairs(where: str, values: dict[str, Any], split: Split) -> Iterator[RawLabel | RawNegative]:
    query = _name(values)
    for context in _contexts(values, _KINDS[:1]):
        yield RawLabel(where, query, str(context["passage_id"]), 1, split)
    for context in _contexts(values, _KINDS[1:]):
        yield RawNegative(where, "dpr", query, str(context["passage_id"]))

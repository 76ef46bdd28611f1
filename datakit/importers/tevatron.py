"""Tevatron folders: JSON lines of training queries in either layout, and the corpus."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from datakit.importers._collect import Record, collect
from datakit.importers._files import first_object, objects, text_of
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

CORPUS = "corpus.jsonl"


@plugin("importers", "tevatron")
@dataclass(frozen=True)
class Tevatron:
    """Without a corpus file the passages are those in the rows (of the old layout)."""

    source: Source = "human"  # who decided the labels
    language: str | None = None  # of all texts; None: found out

    def matches(self, path: Path) -> bool:
        """Whether a file of a split has positives as Tevatron calls them."""
        known = {"positive_passages", "positive_document_ids"}
        return any(known & first_object(file).keys() for _, file in _files(path))

    def __call__(self, path: Path) -> Iterator[Record]:
        return collect(self, path)

    def rows(self, path: Path, notes: Notes) -> Iterator[Any]:
        yield from self._passages(path, notes)
        quiet = Notes()  # what is odd about a file has been told
        for split, file in _files(path):
            for row in objects(file, notes if (path / CORPUS).is_file() else quiet):
                yield row if isinstance(row, Dropped) else _query(*row, split)
        for split, file in _files(path):
            for row in objects(file, quiet):
                if not isinstance(row, Dropped):
                    yield from _pairs(*row, split)

    def _passages(self, path: Path, notes: Notes) -> Iterator[RawPassage | Dropped]:
        if (path / CORPUS).is_file():
            for row in objects(path / CORPUS, notes):
                yield row if isinstance(row, Dropped) else _passage(*row)
            return
        seen: set[str] = set()
        for _, file in _files(path):
            for row in objects(file, notes):
                for found in () if isinstance(row, Dropped) else _inside(*row):
                    if isinstance(found, Dropped) or found.id not in seen:
                        seen.add(getattr(found, "id", ""))
                        yield found


def _files(path: Path) -> list[tuple[Split, Path]]:
    found = [(split_named(f.stem), f) for f in sorted(path.glob("*.jsonl")) if f.name != CORPUS]
    known = [(split, file) for split, file in found if split]
    return sorted(known, key=lambda pair: PRIORITY.index(pair[0]))


def _list(values: dict[str, Any], *keys: str) -> list[Any]:
    none: list[Any] = []
    found = next((values[key] for key in keys if isinstance(values.get(key), list)), none)
    return [{"docid": item} if isinstance(item, str | int) else item for item in found]


def _passage(where: str, values: dict[str, Any]) -> RawPassage | Dropped:
    name = text_of(values, where, "docid", "text")
    if isinstance(name, Dropped):
        return name
    return RawPassage(where, name, values["text"], values.get("title"))


def _inside(where: str, values: dict[str, Any]) -> Iterator[RawPassage | Dropped]:
    for key in ("positive_passages", "negative_passages"):
        for item in _list(values, key):
            yield _passage(where, item if isinstance(item, dict) else {})


def _query(where: str, values: dict[str, Any], split: Split) -> RawQuery | Dropped:
    key = "query" if "query" in values else "query_text"
    name = text_of(values, where, "query_id", key)
    return name if isinstance(name, Dropped) else RawQuery(where, name, values[key], split)


def _pairs(where: str, values: dict[str, Any], split: Split) -> Iterator[RawLabel | RawNegative]:
    query = str(values.get("query_id"))
    for item in _list(values, "positive_passages", "positive_document_ids"):
        if isinstance(item, dict):
            yield RawLabel(where, query, str(item.get("docid")), 1, split)
    for item in _list(values, "negative_passages", "negative_document_ids"):
        if isinstance(item, dict):
            score = item.get("score")
            known = float(score) if isinstance(score, int | float) else None
            yield RawNegative(where, "tevatron", query, str(item.get("docid")), known)

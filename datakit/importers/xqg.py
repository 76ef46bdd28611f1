"""Passages with generated queries by language, as the data of xQG has them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from datakit.importers import _psgs
from datakit.importers._collect import Record, collect
from datakit.importers._files import first_object, objects, text_of
from datakit.importers._raw import (
    PRIORITY,
    Notes,
    RawLabel,
    RawPassage,
    RawQuery,
    split_named,
)
from datakit.records import Dropped, Source, Split
from datakit.registry import plugin


@plugin("importers", "xqg")
@dataclass(frozen=True)
class Xqg:
    """A query has no id there: it gets one by its language and text, so copies become one."""

    source: Source = "direct"  # the queries were written from the passages
    language: str | None = None  # of the passages; None: found out
    split: Split = "train"  # of files whose name tells none

    def matches(self, path: Path) -> bool:
        """Whether there are passages with generated queries."""
        return bool(self._files(path))

    def __call__(self, path: Path) -> Iterator[Record]:
        return collect(self, path)

    def rows(self, path: Path, notes: Notes) -> Iterator[Any]:
        seen: set[str] = set()
        for _, file in self._files(path):
            for row in objects(file, notes):
                found = row if isinstance(row, Dropped) else _passage(*row)
                if isinstance(found, Dropped) or found.id not in seen:
                    seen.add(getattr(found, "id", ""))
                    yield found
        seen.clear()
        for split, file in self._files(path):
            for where, _, language, text in _asked(file):
                name = _psgs.query_id(f"{language}\n{text}")
                if name not in seen:
                    seen.add(name)
                    about = {"language": None if language == "und" else language}
                    yield RawQuery(where, name, text, split, about)
        for split, file in self._files(path):
            pairs = ((w, p, _psgs.query_id(f"{lang}\n{t}")) for w, p, lang, t in _asked(file))
            last, known = "", set[str]()
            for where, passage, query in pairs:
                if passage != last:
                    last, known = passage, set()
                if query not in known:
                    known.add(query)
                    yield RawLabel(where, query, passage, 1, split)

    def _files(self, path: Path) -> list[tuple[Split, Path]]:
        found = [
            (split_named(file.stem) or self.split, file)
            for file in sorted(path.glob("*.jsonl"))
            if "generated_queries" in first_object(file)
        ]
        return sorted(found, key=lambda pair: PRIORITY.index(pair[0]))


def _passage(where: str, values: dict[str, Any]) -> RawPassage | Dropped:
    name = text_of(values, where, "docid", "text")
    if isinstance(name, Dropped):
        return name
    return RawPassage(where, name, values["text"], values.get("title"))


def _asked(file: Path) -> Iterator[tuple[str, str, str, str]]:
    """Where, passage, language and text of every generated query."""
    for row in objects(file, Notes()):
        if isinstance(row, Dropped):
            continue
        languages = row[1].get("generated_queries")
        for language, texts in languages.items() if isinstance(languages, dict) else ():
            for text in texts if isinstance(texts, list) else ():
                if isinstance(text, str) and text:
                    yield row[0], str(row[1].get("docid")), language, text

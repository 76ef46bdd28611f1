"""InPars: JSON lines of queries that a model wrote from passages, beside the corpus."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from datakit.importers import _psgs
from datakit.importers._collect import Record, collect
from datakit.importers._files import first_object, objects, text_of
from datakit.importers._raw import Notes, RawLabel, RawQuery
from datakit.importers._shared import shared_corpus
from datakit.records import Dropped, Source, Split, sha256
from datakit.registry import plugin


@plugin("importers", "inpars")
@dataclass(frozen=True)
class InPars:
    """`{doc_id, query, log_probs, prompt_text, score}`: a query is labelled with its passage."""

    source: Source = "direct"  # the queries were written from the passages
    language: str | None = None  # of all texts; None: found out
    split: Split = "train"  # of all queries
    corpus: str | None = None  # a corpus.jsonl or collection.tsv; None: the one beside the queries

    passages_elsewhere = True

    def matches(self, path: Path) -> bool:
        """Whether there are generated queries with the passage they are from."""
        return bool(_files(path))

    def __call__(self, path: Path) -> Iterator[Record]:
        return collect(self, path)

    def rows(self, path: Path, notes: Notes) -> Iterator[Any]:
        yield from shared_corpus(path, self.corpus, notes)
        for file in _files(path):
            for row in objects(file, notes):
                yield row if isinstance(row, Dropped) else self._query(*row)
        for file in _files(path):
            for row in objects(file, Notes()):
                if not isinstance(row, Dropped) and isinstance(row[1].get("query"), str):
                    yield RawLabel(row[0], _name(row[1]), str(row[1].get("doc_id")), 1, self.split)

    def _query(self, where: str, values: dict[str, Any]) -> RawQuery | Dropped:
        name = text_of(values | {"id": _name(values)}, where, "id", "query")
        if isinstance(name, Dropped):
            return name
        prompt = values.get("prompt_text")
        about = {
            "generator_id": sha256(prompt)[:16] if isinstance(prompt, str) else None,
            "generator_family": "inpars", "seed_passage_ids": [str(values.get("doc_id"))],
        }  # fmt: skip
        return RawQuery(where, name, values["query"], self.split, about)


def _files(path: Path) -> list[Path]:
    found = [path] if path.is_file() else sorted(path.glob("*.jsonl*"))
    return [f for f in found if {"doc_id", "query"} <= first_object(f).keys()]


def _name(values: dict[str, Any]) -> str:
    return _psgs.query_id(f"{values.get('doc_id')}\n{values.get('query')}")

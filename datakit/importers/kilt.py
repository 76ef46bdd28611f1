"""KILT folders: JSON lines of queries with provenance, and the knowledge source."""

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
    RawPassage,
    RawQuery,
    split_named,
)
from datakit.records import Dropped, Source, Split
from datakit.registry import plugin

_OURS = ("passage_ids", "starts", "ordinals")


@plugin("importers", "kilt")
@dataclass(frozen=True)
class Kilt:
    """A paragraph is a passage: `page#place`, or what an export of ours calls it."""

    source: Source = "human"  # who decided the labels
    language: str | None = None  # of all texts; None: found out

    def matches(self, path: Path) -> bool:
        """Whether there are queries with provenance."""
        return any({"input", "output"} <= first_object(file).keys() for _, file in _files(path))

    def __call__(self, path: Path) -> Iterator[Record]:
        return collect(self, path)

    def rows(self, path: Path, notes: Notes) -> Iterator[Any]:
        for file in _knowledge(path):
            for row in objects(file, notes):
                if isinstance(row, Dropped):
                    yield row
                else:
                    yield from _paragraphs(*row)
        for split, file in _files(path):
            for row in objects(file, notes):
                yield row if isinstance(row, Dropped) else _query(*row, split)
        for split, file in _files(path):
            for row in objects(file, Notes()):
                if not isinstance(row, Dropped):
                    yield from _labels(*row, split)


def _knowledge(path: Path) -> list[Path]:
    found = [f for f in sorted(path.glob("*.json*")) if "wikipedia_id" in first_object(f)]
    return found


def _files(path: Path) -> list[tuple[Split, Path]]:
    """`train.jsonl`, or `nq-train-kilt.jsonl` as KILT calls it."""
    found = []
    for file in sorted(path.glob("*.jsonl")):
        names = (split_named(part) for part in file.stem.split("-"))
        split = next((name for name in names if name), None)
        if split:
            found.append((split, file))
    return sorted(found, key=lambda pair: PRIORITY.index(pair[0]))


def _paragraphs(where: str, values: dict[str, Any]) -> Iterator[RawPassage | Dropped]:
    page, texts = values.get("wikipedia_id"), values.get("text")
    if not isinstance(page, str | int) or not isinstance(texts, list):
        yield Dropped(where, "no_text", f"{where}: expected wikipedia_id and a list of paragraphs")
        return
    names, begins, places = (_as_many(values.get(key), texts) for key in _OURS)
    for at, text in enumerate(texts):
        if not isinstance(text, str):
            yield Dropped(where, "no_text", f"{where}: paragraph {at} is no text")
            continue
        about: dict[str, Any] = {"doc_id": str(page), "ordinal": places[at] if places else at}
        if begins and isinstance(begins[at], int):
            about |= {"start": begins[at], "end": begins[at] + len(text)}
        name = str(names[at]) if names else f"{page}#{at}"
        yield RawPassage(where, name, text, values.get("wikipedia_title"), about)


def _as_many(found: object, texts: list[Any]) -> list[Any] | None:
    """A list of what an export of ours says of each paragraph."""
    return found if isinstance(found, list) and len(found) == len(texts) else None


def _query(where: str, values: dict[str, Any], split: Split) -> RawQuery | Dropped:
    name = text_of(values, where, "id", "input")
    return name if isinstance(name, Dropped) else RawQuery(where, name, values["input"], split)


def _labels(where: str, values: dict[str, Any], split: Split) -> Iterator[RawLabel | Dropped]:
    """Each paragraph of the provenance once."""
    names: dict[str, None] = {}
    output = values.get("output")
    for answer in output if isinstance(output, list) else ():
        sources = answer.get("provenance") if isinstance(answer, dict) else None
        for source in sources if isinstance(sources, list) else ():
            if isinstance(source, dict):
                meta = source.get("meta")
                own = meta.get("passage_id") if isinstance(meta, dict) else None
                page = f"{source.get('wikipedia_id')}#{source.get('start_paragraph_id')}"
                names[str(own) if own else page] = None
    for name in names:
        yield RawLabel(where, str(values.get("id")), name, 1, split)

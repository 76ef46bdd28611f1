"""The corpus of a format that has none of its own: a file beside it, or one that is named."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from datakit.errors import UsageError
from datakit.importers._cells import passages
from datakit.importers._files import cells, objects, text_of
from datakit.importers._raw import NOTHING, Notes, RawPassage
from datakit.records import Dropped

_NAMES = ("corpus.jsonl", "collection.tsv")


def shared_corpus(path: Path, named: str | None, notes: Notes) -> Iterator[RawPassage | Dropped]:
    """The passages of a file, if there is one.

    Args:
        path: the dataset; a corpus beside it or in it is taken.
        named: the file that the importer's setting names.
        notes: told what is odd about the file.

    Raises:
        UsageError: the file that was named is not there.
    """
    corpus = Path(named) if named else None
    if corpus and not corpus.is_file():
        raise UsageError(f"corpus {corpus} is not there: give a corpus.jsonl or a collection.tsv.")
    folder = path if path.is_dir() else path.parent
    beside = [folder / name for name in _NAMES if (folder / name).is_file()]
    file = corpus or next(iter(beside), None)
    if file is None:
        return
    if file.name.endswith((".tsv", ".tsv.gz")):
        yield from passages(cells(file, notes, columns=(2, 3)))
        return
    for line in objects(file, notes):
        yield line if isinstance(line, Dropped) else _passage(*line)


def _passage(where: str, values: dict[str, Any]) -> RawPassage | Dropped:
    key = next((key for key in ("_id", "id", "docid", "doc_id") if key in values), "_id")
    name = text_of(values, where, key, "text")
    if isinstance(name, Dropped):
        return name
    about = values.get("metadata")
    known = about if isinstance(about, dict) else NOTHING
    return RawPassage(where, name, values["text"], values.get("title"), known)

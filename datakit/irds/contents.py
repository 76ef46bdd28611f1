"""What stands behind an id: a dataset directory or its export, as rows of ir_datasets."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from datakit.dataset import Dataset
from datakit.errors import DatasetError
from datakit.exporters import _irds_rows as rows
from datakit.exporters import ir_datasets as files
from datakit.exporters._irds_rows import Doc, DocPair, Topic
from datakit.exporters._view import View, corpus_language, one_language
from datakit.exporters._write import Cells, read_json, read_qrels, read_run
from datakit.records import safe_id
from datakit.registry import digest

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class Subset:
    """A part of the queries with some of their labels."""

    split: str
    level: str | None = None  # None: of every level
    direct: bool = False  # only labels of the passages that queries were written from

    @property
    def name(self) -> str:
        """`test`, `sentence/test`, `direct/test`, `sentence/direct/test`."""
        direct = "direct" if self.direct else None
        return "/".join(part for part in (self.level, direct, self.split) if part)


class Contents(Protocol):
    """A dataset as rows of ir_datasets, from either kind of folder."""

    path: Path
    digest: str  # of all that is read
    name: str
    docs_digest: str
    docs_count: int
    docs_language: str | None
    grades: dict[int, str]  # what each means
    relevant_from: int
    notes: list[str]  # what a reader of the data should know
    subsets: list[Subset]
    runs: list[str]

    def check(self) -> None:
        """Make sure that the labels fit the dataset.

        Raises:
            DatasetError: they do not.
        """
        ...

    def language(self, subset: Subset) -> str | None:
        """The language of the queries."""
        ...

    def has_docpairs(self, subset: Subset) -> bool: ...
    def docs(self, start: int = 0, stop: int | None = None) -> Iterator[Doc]:
        """The passages from the `start`th up to the `stop`th, which is not included."""
        ...

    def topics(self, subset: Subset) -> Iterator[Topic]: ...
    def qrels(self, subset: Subset) -> Iterator[Cells]:
        """(query_id, source, passage_id, grade)"""
        ...

    def docpairs(self, subset: Subset) -> Iterator[DocPair]: ...
    def run(self, subset: Subset, run: str) -> Iterator[Cells]:
        """(query_id, passage_id, score)"""
        ...


def contents(path: Path) -> Contents:
    """What is at `path`.

    Raises:
        DatasetError: neither a dataset nor an export, or one that cannot be read.
    """
    if (path / files.DEFINITION).is_file():
        return Export(path)
    if (path / "manifest.json").is_file():
        return Directory(Dataset.open(path))
    raise DatasetError(
        f"{path} is neither a dataset nor an export: expected manifest.json or "
        f"{files.DEFINITION}. Make one with `datakit export DATASET --to ir_datasets -o {path}`."
    )


def _grades(defs: dict[str, str]) -> dict[int, str]:
    return {int(grade): text for grade, text in defs.items()}


# --- an export ------------------------------------------------------------------------------


class Export:
    """The folder that the exporter `ir_datasets` writes."""

    def __init__(self, path: Path) -> None:
        self.path = path
        definition = _definition(path / files.DEFINITION)
        self.digest: str = definition["digest"]
        self.name: str = definition["name"]
        docs = definition["docs"]
        self.docs_digest: str = docs["digest"]
        self.docs_count: int = docs["count"]
        self.docs_language: str | None = docs["language"]
        self.grades = _grades(definition["qrels_defs"])
        self.relevant_from: int = definition["relevant_from"]
        self.notes: list[str] = definition["notes"]
        self._of: dict[str, Any] = definition["splits"]
        self._docs: str = docs["path"]
        self._subsets: dict[Subset, dict[str, Any]] = {
            Subset(split, entry["level"], entry["direct"]): entry
            for split, one in self._of.items()
            for entry in one["subsets"]
        }
        self.subsets = list(self._subsets)
        self.runs = list(self._of[self.subsets[0].split]["scoreddocs"])

    def check(self) -> None:
        """Nothing to do: an export has been read back when it was written."""

    def language(self, subset: Subset) -> str | None:
        language: str | None = self._subsets[subset]["language"]
        return language

    def has_docpairs(self, subset: Subset) -> bool:
        return bool(self._subsets[subset]["docpairs"])

    def docs(self, start: int = 0, stop: int | None = None) -> Iterator[Doc]:
        def lines(path: Path) -> Iterator[Cells]:
            return read_json(path, Doc._fields) if not start else _json_from(path, start)

        left = None if stop is None else max(0, stop - start)
        return map(Doc._make, itertools.islice(self._read(self._docs, lines), left))

    def topics(self, subset: Subset) -> Iterator[Topic]:
        labelled = self._labelled(subset) if subset.direct else None
        name = self._of[subset.split]["queries"]
        for topic in map(Topic._make, self._read(name, _topic_cells)):
            if subset.level in (None, topic.level) and (
                labelled is None or topic.query_id in labelled
            ):
                yield topic

    def qrels(self, subset: Subset) -> Iterator[Cells]:
        name = self._of[subset.split]["direct" if subset.direct else "qrels"]
        return self._of_level(self._read(name, read_qrels), subset)

    def docpairs(self, subset: Subset) -> Iterator[DocPair]:
        name = self._of[subset.split]["docpairs"]
        pairs: Iterator[DocPair] = map(DocPair._make, self._read(name, files.read_docpairs))
        if subset.direct:
            positive = {(query, passage) for query, _, passage, _ in self.qrels(subset)}
            pairs = (pair for pair in pairs if (pair.query_id, pair.doc_id_a) in positive)
        yield from self._of_level(pairs, subset)

    def run(self, subset: Subset, run: str) -> Iterator[Cells]:
        rows = self._read(self._of[subset.split]["scoreddocs"][run], read_run)
        for query, passage, _, score in self._of_level(rows, subset):
            yield query, passage, score

    def _of_level(self, rows: Iterator[Any], subset: Subset) -> Iterator[Any]:
        """The rows whose query, their first cell, is of the subset's level."""
        if subset.level is None:
            return rows
        ids = {topic.query_id for topic in self.topics(Subset(subset.split, subset.level))}
        return (row for row in rows if row[0] in ids)

    def _labelled(self, subset: Subset) -> set[str]:
        name = self._of[subset.split]["direct"]
        return {str(query) for query, *_ in self._read(name, read_qrels)}

    def _read(self, name: str, reader: Callable[[Path], Iterator[Cells]]) -> Iterator[Cells]:
        try:
            yield from reader(self.path / name)
        except (OSError, ValueError) as error:
            raise DatasetError(
                f"{self.path / name} is not as it was exported: {error}. Export the dataset again."
            ) from None


def _topic_cells(path: Path) -> Iterator[Cells]:
    return read_json(path, Topic._fields)


def _json_from(path: Path, start: int) -> Iterator[Cells]:
    """The cells of passages from a line on; the lines before it are not parsed."""
    with path.open("rb") as file:
        for line in itertools.islice(file, start, None):
            row = json.loads(line)
            yield tuple(row[key] for key in Doc._fields)


def _definition(file: Path) -> dict[str, Any]:
    try:
        definition: dict[str, Any] = json.loads(file.read_text("utf-8"))
        found = definition.get("format"), definition.get("format_version")
    except (OSError, ValueError, AttributeError) as error:
        raise DatasetError(f"{file} cannot be read: {error}. Export the dataset again.") from None
    if found != (files.FORMAT, files.FORMAT_VERSION):
        raise DatasetError(
            f"{file} has format {found[0]!r} version {found[1]!r}, this datakit reads "
            f"{files.FORMAT!r} version {files.FORMAT_VERSION!r}. Export the dataset again."
        )
    return definition


# --- a dataset directory --------------------------------------------------------------------


class Directory:
    """A dataset directory, read as it is: nothing is copied."""

    def __init__(self, dataset: Dataset) -> None:
        self._dataset = dataset
        self._view = View(dataset)
        self.path = dataset.path
        self.digest = digest([dataset.digests(), dataset.manifest["label_scale"]])
        self.name: str = dataset.manifest["dataset_id"]
        self.docs_digest = dataset.digest("passage")
        self.docs_count = dataset.count("passage")
        self.docs_language = corpus_language(dataset)
        self.grades = _grades(dataset.manifest["label_scale"]["grades"])
        self.relevant_from = self._view.relevant_from
        self.notes = rows.notes(self._view)
        self.runs = self._view.runs
        self._queries = rows.queries(dataset)
        self._direct = rows.direct_table(self._view)
        found = rows.subsets(self._queries, rows.labelled(dataset, self._direct))
        self.subsets = [Subset(*one) for one in found]

    def check(self) -> None:
        View(self._dataset).check()

    def language(self, subset: Subset) -> str | None:
        return one_language(self._chosen(subset)["language"].unique().to_pylist())

    def has_docpairs(self, subset: Subset) -> bool:
        import pyarrow.compute as pc

        ids = self._chosen(subset)["query_id"]
        return bool(pc.any(pc.is_in(ids, value_set=self._with_negatives)).as_py())

    @cached_property
    def _with_negatives(self) -> pa.Array:
        return rows.with_negatives(self._dataset)

    def docs(self, start: int = 0, stop: int | None = None) -> Iterator[Doc]:
        return rows.docs(self._dataset, start, stop)

    def topics(self, subset: Subset) -> Iterator[Topic]:
        return rows.topics(self._dataset, self._chosen(subset)["query_id"])

    def qrels(self, subset: Subset) -> Iterator[Cells]:
        table = self._direct if subset.direct and self._direct else self._view.label_table
        return rows.qrels(self._dataset, table, self._chosen(subset)["query_id"])

    def docpairs(self, subset: Subset) -> Iterator[DocPair]:
        ids = set(map(safe_id, self._chosen(subset)["query_id"].to_pylist()))
        view = View(self._dataset, "seed") if subset.direct else self._view
        pairs = files.docpairs(view, split=subset.split)
        return (pair for pair in pairs if pair.query_id in ids)

    def run(self, subset: Subset, run: str) -> Iterator[Cells]:
        ids = set(map(safe_id, self._chosen(subset)["query_id"].to_pylist()))
        for scored in self._view.run(run, subset.split):
            if scored.query_id in ids:
                yield scored.query_id, scored.passage_id, scored.score

    def _chosen(self, subset: Subset) -> pa.Table:
        """The rows of `rows.queries` that are in a subset."""
        import pyarrow.compute as pc

        wanted = pc.equal(self._queries["split"], subset.split)
        if subset.level:
            wanted = pc.and_(wanted, pc.equal(self._queries["level"], subset.level))
        chosen = self._queries.filter(wanted)
        if subset.direct and self._direct:
            labelled = rows.labelled(self._dataset, self._direct)
            chosen = chosen.filter(pc.is_in(chosen["query_id"], value_set=labelled))
        return chosen

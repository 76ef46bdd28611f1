"""Datasets of ours through ir_datasets' own API.

    name = datakit.irds.register("out")          # a dataset directory, or an export of it
    ir_datasets.load(f"{name}/test").qrels_iter()

`datakit/<name>` has docs; `datakit/<name>/<split>` has docs, queries, qrels and, where there are
any, docpairs and the scoreddocs of the first run; `datakit/<name>/<split>/<run>` has those of each
run. Registered for this process; no file is written until a document is looked up by its id.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from datakit.dataset import Dataset
from datakit.errors import DatasetError, MissingDependency, UsageError
from datakit.exporters import ir_datasets as rows
from datakit.exporters._view import View, corpus_language, one_language
from datakit.exporters._write import Cells, read_json, read_qrels, read_run
from datakit.exporters.ir_datasets import Doc, DocPair, Topic
from datakit.registry import digest


def register(path: str | Path, name: str | None = None) -> str:
    """Make a dataset known to ir_datasets under `datakit/<name>`.

    Args:
        path: a dataset directory, or the folder of `datakit export --to ir_datasets`.
        name: instead of the dataset's own; letters, digits and `-_.`.

    Returns:
        The id of the whole, `datakit/<name>`; a split is `datakit/<name>/test`.

    Raises:
        UsageError: the name is taken by another folder or other content, or cannot be a name.
        DatasetError: there is no dataset and no export at `path`.
        MissingDependency: ir_datasets is not installed.
    """
    contents = _contents(Path(path).absolute())
    name = name or contents.name
    if not re.fullmatch(r"[\w-][\w.-]*", name, re.ASCII):
        raise UsageError(f"{name!r} cannot be a name: expected letters, digits and -_. only.")
    top = f"datakit/{name}"
    known = _registered.setdefault(top, _Known(contents.path, contents.digest))
    if known != (contents.path, contents.digest):
        raise UsageError(
            f"{top} is taken by {known.path}, which is another folder or had other content: "
            f"give name= to register {contents.path} as well."
        )
    if top not in _ir_datasets().registry:
        _register(top, contents)
    return top


class _Known(NamedTuple):
    path: Path
    digest: str


_registered: dict[str, _Known] = {}


def _ir_datasets() -> Any:
    try:
        import ir_datasets
    except ImportError:
        raise MissingDependency(
            "reading a dataset through ir_datasets", "ir_datasets", "irds"
        ) from None
    return ir_datasets


def _register(top: str, contents: Contents) -> None:
    library = _ir_datasets()
    dataset, add = library.datasets.base.Dataset, library.registry.register
    # the same docs object everywhere: ir_datasets finds a split's parent by comparing them
    docs = _handler(Docs, "BaseDocs")(contents, top)
    add(top, dataset(docs))
    for split in contents.splits:
        own = [
            _handler(Queries, "BaseQueries")(contents, split),
            _handler(Qrels, "BaseQrels")(contents, split),
        ]
        if contents.has_docpairs(split):
            own.append(_handler(DocPairs, "BaseDocPairs")(contents, split))
        runs = {
            run: _handler(ScoredDocs, "BaseScoredDocs")(contents, split, run)
            for run in contents.runs
        }
        add(f"{top}/{split}", dataset(docs, *own, *list(runs.values())[:1]))
        for run, scored in runs.items():
            add(f"{top}/{split}/{run}", dataset(docs, *own, scored))


def _handler(own: type, base: str) -> Any:
    """Our handler on ir_datasets' base, which is only there once that is imported."""
    return type(own.__name__, (own, getattr(_ir_datasets().formats, base)), {})


# --- what is behind an id -------------------------------------------------------------------


class Contents(Protocol):
    """A dataset as rows of ir_datasets, from either kind of folder."""

    path: Path
    digest: str  # of all that is read
    name: str
    docs_digest: str
    docs_count: int
    docs_language: str | None
    grades: dict[int, str]  # what each means
    splits: list[str]
    runs: list[str]

    def language(self, split: str) -> str | None:
        """The language of the split's queries."""
        ...

    def has_docpairs(self, split: str) -> bool: ...
    def docs(self) -> Iterator[Doc]: ...
    def topics(self, split: str) -> Iterator[Topic]: ...
    def qrels(self, split: str) -> Iterator[Cells]:
        """(query_id, source, passage_id, grade)"""
        ...

    def docpairs(self, split: str) -> Iterator[DocPair]: ...
    def run(self, split: str, run: str) -> Iterator[Cells]:
        """(query_id, passage_id, score)"""
        ...


def _contents(path: Path) -> Contents:
    if (path / rows.DEFINITION).is_file():
        return _Export(path)
    if (path / "manifest.json").is_file():
        return _Directory(Dataset.open(path))
    raise DatasetError(
        f"{path} is neither a dataset nor an export: expected manifest.json or "
        f"{rows.DEFINITION}. Make one with `datakit export DATASET --to ir_datasets -o {path}`."
    )


class _Export:
    """The folder that the exporter `ir_datasets` writes."""

    def __init__(self, path: Path) -> None:
        self.path = path
        definition = _definition(path / rows.DEFINITION)
        self.digest: str = definition["digest"]
        self.name: str = definition["name"]
        docs = definition["docs"]
        self.docs_digest: str = docs["digest"]
        self.docs_count: int = docs["count"]
        self.docs_language: str | None = docs["language"]
        self.grades = _grades(definition["qrels_defs"])
        self._of: dict[str, Any] = definition["splits"]
        self.splits = list(self._of)
        self.runs = list(self._of[self.splits[0]]["scoreddocs"])
        self._docs: str = docs["path"]

    def language(self, split: str) -> str | None:
        language: str | None = self._of[split]["language"]
        return language

    def has_docpairs(self, split: str) -> bool:
        return self._of[split]["docpairs"] is not None

    def docs(self) -> Iterator[Doc]:
        return map(Doc._make, self._read(self._docs, lambda path: read_json(path, Doc._fields)))

    def topics(self, split: str) -> Iterator[Topic]:
        name = self._of[split]["queries"]
        return map(Topic._make, self._read(name, lambda path: read_json(path, Topic._fields)))

    def qrels(self, split: str) -> Iterator[Cells]:
        return self._read(self._of[split]["qrels"], read_qrels)

    def docpairs(self, split: str) -> Iterator[DocPair]:
        name = self._of[split]["docpairs"]
        return map(DocPair._make, self._read(name, rows.read_docpairs))

    def run(self, split: str, run: str) -> Iterator[Cells]:
        for query, passage, _, score in self._read(self._of[split]["scoreddocs"][run], read_run):
            yield query, passage, score

    def _read(self, name: str, reader: Callable[[Path], Iterator[Cells]]) -> Iterator[Cells]:
        try:
            yield from reader(self.path / name)
        except (OSError, ValueError) as error:
            raise DatasetError(
                f"{self.path / name} is not as it was exported: {error}. Export the dataset again."
            ) from None


def _definition(file: Path) -> dict[str, Any]:
    try:
        definition: dict[str, Any] = json.loads(file.read_text("utf-8"))
        found = definition.get("format"), definition.get("format_version")
    except (OSError, ValueError, AttributeError) as error:
        raise DatasetError(f"{file} cannot be read: {error}. Export the dataset again.") from None
    if found != (rows.FORMAT, rows.FORMAT_VERSION):
        raise DatasetError(
            f"{file} has format {found[0]!r} version {found[1]!r}, this datakit reads "
            f"{rows.FORMAT!r} version {rows.FORMAT_VERSION!r}. Export the dataset again."
        )
    return definition


class _Directory:
    """A dataset directory, read as it is: nothing is copied."""

    def __init__(self, dataset: Dataset) -> None:
        self._view = view = View(dataset)
        self.path = dataset.path
        self.digest = digest([dataset.digests(), dataset.manifest["label_scale"]])
        self.name: str = dataset.manifest["dataset_id"]
        self.docs_digest = dataset.digest("passage")
        self.docs_count = dataset.count("passage")
        self.docs_language = corpus_language(dataset)
        self.grades = _grades(dataset.manifest["label_scale"]["grades"])
        self.splits = view.splits
        self.runs = view.runs
        self._with_negatives = view.splits_with_negatives()

    def language(self, split: str) -> str | None:
        return one_language(q.language for q in self._view.queries.values() if q.split == split)

    def has_docpairs(self, split: str) -> bool:
        return split in self._with_negatives

    def docs(self) -> Iterator[Doc]:
        return rows.docs(self._view)

    def topics(self, split: str) -> Iterator[Topic]:
        return rows.topics(self._view, split)

    def qrels(self, split: str) -> Iterator[Cells]:
        for qrel in self._view.labels(split):
            yield qrel.query_id, qrel.source, qrel.passage_id, qrel.grade

    def docpairs(self, split: str) -> Iterator[DocPair]:
        return rows.docpairs(self._view, split=split)

    def run(self, split: str, run: str) -> Iterator[Cells]:
        for scored in self._view.run(run, split):
            yield scored.query_id, scored.passage_id, scored.score


def _grades(defs: dict[str, str]) -> dict[int, str]:
    return {int(grade): text for grade, text in defs.items()}


# --- handlers -------------------------------------------------------------------------------


class Docs:
    """Passages; those of a docstore, once it has been built."""

    def __init__(self, contents: Contents, top: str) -> None:
        self._contents, self._top = contents, top

    def docs_iter(self) -> Any:
        store = self.docs_store()
        if store.built():
            return iter(store)
        return _ir_datasets().util.DocstoreSplitter(self._contents.docs(), store)

    def docs_cls(self) -> type[Doc]:
        return Doc

    def docs_store(self, field: str = "doc_id", **options: Any) -> Any:
        # the content is in the name: ir_datasets would serve an older corpus from an old store
        key = self._contents.docs_digest.removeprefix("sha256:")[:16]
        path = _ir_datasets().util.home_path() / f"{self._top}-{key}.pklz4"
        path.parent.mkdir(parents=True, exist_ok=True)
        return _ir_datasets().indices.PickleLz4FullStore(
            path=str(path),
            init_iter_fn=self._contents.docs,
            data_cls=Doc,
            lookup_field=field,
            index_fields=["doc_id"],
            count_hint=self._contents.docs_count,
            **options,
        )

    def docs_count(self) -> int:
        return self._contents.docs_count

    def docs_namespace(self) -> str:
        return self._top

    def docs_lang(self) -> str | None:
        return self._contents.docs_language


class Queries:
    """The queries of one split."""

    def __init__(self, contents: Contents, split: str) -> None:
        self._contents, self._split = contents, split

    def queries_iter(self) -> Iterator[Topic]:
        return self._contents.topics(self._split)

    def queries_cls(self) -> type[Topic]:
        return Topic

    def queries_store(self) -> QueryStore:
        """Lookup by id, which `ir_datasets lookup -q` asks for."""
        return QueryStore({topic.query_id: topic for topic in self.queries_iter()})

    def queries_lang(self) -> str | None:
        return self._contents.language(self._split)


class QueryStore:
    """Queries by id, with the methods of a docstore."""

    def __init__(self, topics: dict[str, Topic]) -> None:
        self._topics = topics

    def get(self, query_id: str) -> Topic:
        return self._topics[query_id]

    def get_many(self, query_ids: Iterable[str]) -> dict[str, Topic]:
        return {q: self._topics[q] for q in query_ids if q in self._topics}


class Qrels:
    """The graded labels of one split; iteration is the label's source."""

    def __init__(self, contents: Contents, split: str) -> None:
        self._contents, self._split = contents, split

    def qrels_iter(self) -> Iterator[Any]:
        for query, source, passage, grade in self._contents.qrels(self._split):
            yield self.qrels_cls()(query, passage, grade, source)

    def qrels_cls(self) -> Any:
        return _ir_datasets().formats.TrecQrel

    def qrels_defs(self) -> dict[int, str]:
        return self._contents.grades


class DocPairs:
    """Positives with negatives."""

    def __init__(self, contents: Contents, split: str) -> None:
        self._contents, self._split = contents, split

    def docpairs_iter(self) -> Iterator[DocPair]:
        return self._contents.docpairs(self._split)

    def docpairs_cls(self) -> type[DocPair]:
        return DocPair


class ScoredDocs:
    """A run."""

    def __init__(self, contents: Contents, split: str, run: str) -> None:
        self._contents, self._split, self._run = contents, split, run

    def scoreddocs_iter(self) -> Iterator[Any]:
        scored = _ir_datasets().formats.GenericScoredDoc
        return (scored(*cells) for cells in self._contents.run(self._split, self._run))

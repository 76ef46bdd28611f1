"""Datasets of ours through ir_datasets' own API.

    name = datakit.irds.register("out")          # a dataset directory, or an export of it
    ir_datasets.load(f"{name}/test").qrels_iter()

`datakit/<name>` has docs; `datakit/<name>/<split>` has docs, queries, qrels and, where there are
any, docpairs and scoreddocs of the first run; `datakit/<name>/<split>/<run>` has those of each run.
Registered once per process; no file is written until a document is looked up by its id.
"""

# No `from __future__ import annotations` here: ir_datasets' exporters drop every field of a
# NamedTuple whose annotations are strings.

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from datakit.dataset import Dataset
from datakit.errors import DatasetError, MissingDependency, UsageError
from datakit.exporters import ir_datasets as export
from datakit.exporters._write import Source
from datakit.records import Qrel


class Doc(NamedTuple):
    """A passage."""

    doc_id: str
    title: str
    text: str
    source_doc_id: str

    def default_text(self) -> str:
        """What a retriever reads: the title, unless the text starts with it, and the text."""
        if not self.title or self.text.startswith(self.title):
            return self.text
        return f"{self.title} {self.text}"


class Topic(NamedTuple):
    """A query."""

    query_id: str
    text: str
    level: str
    form: str

    def default_text(self) -> str:
        """The query's text."""
        return self.text


class DocPair(NamedTuple):
    """A positive and a mined negative of a query."""

    query_id: str
    doc_id_a: str  # more relevant than doc_id_b
    doc_id_b: str
    margin: float  # lowest score of a positive minus the negative's, in the run that found it


def register(path: str | Path, name: str | None = None) -> str:
    """Make a dataset known to ir_datasets under `datakit/<name>`.

    Args:
        path: a dataset directory, or the folder of `datakit export --to ir_datasets`.
        name: instead of the dataset's own; letters, digits and `-_.`.

    Returns:
        The id of the whole, `datakit/<name>`; a split is `datakit/<name>/test`.

    Raises:
        UsageError: the name is taken by other content, or cannot be a name.
        DatasetError: there is no dataset and no export at `path`.
        MissingDependency: ir_datasets is not installed.
    """
    contents = _contents(Path(path))
    name = name or contents.name
    if not re.fullmatch(r"[\w-][\w.-]*", name, re.ASCII):
        raise UsageError(f"{name!r} cannot be a name: expected letters, digits and -_. only.")
    top = f"datakit/{name}"
    known = _registered.get(top)
    if known is None:
        _register(top, contents)
        _registered[top] = contents.identity
    elif known != contents.identity:
        raise UsageError(f"{top} is registered with other content: give another name=.")
    return top


_registered: dict[str, str] = {}  # id -> identity of its content


def _register(top: str, contents: "Contents") -> None:
    try:
        import ir_datasets
    except ImportError:
        raise MissingDependency(
            "reading a dataset through ir_datasets", "ir_datasets", "irds"
        ) from None
    dataset, add = ir_datasets.datasets.base.Dataset, ir_datasets.registry.register
    # the same docs object everywhere: ir_datasets finds a split's parent by comparing them
    docs = _handler(Docs, "BaseDocs")(contents, top.removeprefix("datakit/"))
    add(top, dataset(docs))
    for split in contents.splits:
        rest = [
            _handler(Queries, "BaseQueries")(contents, split),
            _handler(Qrels, "BaseQrels")(contents, split),
        ]
        if next(contents.pairs(split), None) is not None:
            rest.append(_handler(DocPairs, "BaseDocPairs")(contents, split))
        runs = [
            _handler(ScoredDocs, "BaseScoredDocs")(contents, split, run)
            for run in contents.runs(split)
        ]
        add(f"{top}/{split}", dataset(docs, *rest, *runs[:1]))
        for run in runs:
            add(f"{top}/{split}/{run.run}", dataset(docs, *rest, run))


def _handler(own: type, base: str) -> Any:
    """Our handler with ir_datasets' methods for the rest."""
    import ir_datasets.formats

    return type(own.__name__, (own, getattr(ir_datasets.formats, base)), {})


# --- what is behind an id ---------------------------------------------------------------------


class Contents(Protocol):
    """A dataset as rows of ir_datasets, from either kind of folder."""

    name: str
    identity: str  # where it is and the digest of all it says
    key: str  # digest of the documents; names the docstore
    n_docs: int
    languages: list[str]
    grades: dict[int, str]

    @property
    def splits(self) -> list[str]: ...
    def runs(self, split: str) -> list[str]: ...
    def docs(self) -> Iterator[Doc]: ...
    def topics(self, split: str) -> Iterator[Topic]: ...
    def labels(self, split: str) -> Iterator[tuple[str, str, int, str]]:
        """query_id, doc_id, relevance, iteration."""
        ...

    def pairs(self, split: str) -> Iterator[DocPair]: ...
    def scored(self, split: str, run: str) -> Iterator[tuple[str, str, float]]: ...


def _contents(path: Path) -> Contents:
    if (path / export.DEFINITION).is_file():
        return _Export(path)
    if (path / "manifest.json").is_file():
        return _Directory(Dataset.open(path))
    raise DatasetError(
        f"{path} is neither a dataset nor an export: expected manifest.json or "
        f"{export.DEFINITION}. Make one with `datakit export DATASET --to ir_datasets -o {path}`."
    )


class _Export:
    """The folder that the exporter `ir_datasets` writes."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._definition = definition = export.read_definition(path)
        if definition.get("format") != export.FORMAT:
            raise DatasetError(
                f"{path / export.DEFINITION} has format {definition.get('format')!r}, expected "
                f"{export.FORMAT!r}. Export the dataset again."
            )
        self.name = str(definition["dataset_id"])
        self.identity = f"{path.resolve()} {definition['content_hash']}"
        self.key = str(definition["docs_digest"])
        self.n_docs = int(definition["docs_count"])
        self.languages = list(definition["languages"])
        self.grades = _grades(definition["label_scale"])

    @property
    def splits(self) -> list[str]:
        return list(self._definition["splits"])

    def runs(self, split: str) -> list[str]:
        return list(self._definition["runs"].get(split, ()))

    def docs(self) -> Iterator[Doc]:
        return (Doc(*row) for row in export.read_rows(self._path / "docs.jsonl", export.DOC))

    def topics(self, split: str) -> Iterator[Topic]:
        path = self._path / f"queries/{split}.jsonl"
        return (Topic(*row) for row in export.read_rows(path, export.QUERY))

    def labels(self, split: str) -> Iterator[tuple[str, str, int, str]]:
        for q, source, p, grade in export.read_cells(self._path / f"qrels/{split}.txt", " "):
            yield q, p, int(grade), source

    def pairs(self, split: str) -> Iterator[DocPair]:
        for q, better, worse, margin in export.read_cells(self._path / f"docpairs/{split}.tsv"):
            yield DocPair(q, better, worse, float(margin))

    def scored(self, split: str, run: str) -> Iterator[tuple[str, str, float]]:
        for q, p, score in export.read_cells(self._path / f"scoreddocs/{split}/{run}.tsv"):
            yield q, p, float(score)


class _Directory:
    """A dataset directory, read as it is: nothing is copied."""

    def __init__(self, dataset: Dataset) -> None:
        self._source = Source(dataset, export.IrDatasets())
        self.name = str(dataset.manifest["dataset_id"])
        self.identity = f"{dataset.path.resolve()} {dataset.manifest.get('content_hash')}"
        self.key = dataset.digest("passage")
        self.n_docs = dataset.count("passage")
        self.languages = export.languages(self._source)
        self.grades = _grades(dataset.manifest["label_scale"])

    @property
    def splits(self) -> list[str]:
        return list(self._source.splits)

    def runs(self, split: str) -> list[str]:
        return self._source.runs

    def docs(self) -> Iterator[Doc]:
        return (Doc(*export.doc(p, "keep")) for p in self._source.passages())

    def topics(self, split: str) -> Iterator[Topic]:
        for query in self._source.queries.values():
            if query.split == split:
                yield Topic(*export.topic(query, self._source.query_text(query)))

    @cached_property
    def _labels(self) -> Mapping[str, list[Qrel]]:
        found: dict[str, list[Qrel]] = defaultdict(list)
        for split, qrel in self._source.labels():
            found[split].append(qrel)
        return found

    def labels(self, split: str) -> Iterator[tuple[str, str, int, str]]:
        for q in self._labels.get(split, ()):
            yield q.query_id, q.passage_id, q.grade, q.source

    def pairs(self, split: str) -> Iterator[DocPair]:
        rows: Iterable[tuple[str, Qrel]] = ((split, q) for q in self._labels.get(split, ()))
        best = export.best_positives(rows, export.relevant_from(self._source))
        for _, query_id, better, worse, margin in export.pairs(self._source, best):
            yield DocPair(query_id, better, worse, margin)

    def scored(self, split: str, run: str) -> Iterator[tuple[str, str, float]]:
        for query, found in self._source.run(run):
            if query.split == split:
                yield from ((row.query_id, row.passage_id, row.score) for row in found)


def _grades(label_scale: Mapping[str, Any]) -> dict[int, str]:
    return {int(grade): text for grade, text in label_scale["grades"].items()}


# --- handlers ---------------------------------------------------------------------------------


def _one_language(languages: list[str]) -> str | None:
    """ISO 639-1, or None where there are several or none."""
    primary = {language.split("-")[0] for language in languages}
    return primary.pop() if len(primary) == 1 else None


class Docs:
    """Passages; those of a docstore, once it has been built."""

    def __init__(self, contents: Contents, name: str) -> None:
        self._contents, self._name = contents, name

    def docs_iter(self) -> Any:
        import ir_datasets

        return ir_datasets.util.use_docstore(lambda self: self._contents.docs())(self)

    def docs_cls(self) -> type[Doc]:
        return Doc

    def docs_store(self, field: str = "doc_id") -> Any:
        import ir_datasets
        from ir_datasets.indices import PickleLz4FullStore

        # the content is in the name: ir_datasets would serve an older corpus from an old store
        digest = self._contents.key.removeprefix("sha256:")[:16]
        path = ir_datasets.util.home_path() / "datakit" / f"{self._name}-{digest}.pklz4"
        path.parent.mkdir(parents=True, exist_ok=True)
        return PickleLz4FullStore(
            path=str(path),
            init_iter_fn=self._contents.docs,
            data_cls=Doc,
            lookup_field=field,
            index_fields=["doc_id"],
            count_hint=self._contents.n_docs,
        )

    def docs_count(self) -> int:
        return self._contents.n_docs

    def docs_namespace(self) -> str:
        return f"datakit/{self._name}"

    def docs_lang(self) -> str | None:
        return _one_language(self._contents.languages)


class Queries:
    """The queries of one split."""

    def __init__(self, contents: Contents, split: str) -> None:
        self._contents, self._split = contents, split

    def queries_iter(self) -> Iterator[Topic]:
        return self._contents.topics(self._split)

    def queries_cls(self) -> type[Topic]:
        return Topic

    def queries_store(self) -> "QueryStore":
        """Lookup by id, which `ir_datasets lookup -q` asks for."""
        return QueryStore({topic.query_id: topic for topic in self.queries_iter()})

    def queries_namespace(self) -> None:
        return None

    def queries_lang(self) -> str | None:
        return _one_language(self._contents.languages)


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
        from ir_datasets.formats import TrecQrel

        return (TrecQrel(*row) for row in self._contents.labels(self._split))

    def qrels_cls(self) -> Any:
        from ir_datasets.formats import TrecQrel

        return TrecQrel

    def qrels_defs(self) -> dict[int, str]:
        return self._contents.grades


class DocPairs:
    """Positives with mined negatives."""

    def __init__(self, contents: Contents, split: str) -> None:
        self._contents, self._split = contents, split

    def docpairs_iter(self) -> Iterator[DocPair]:
        return self._contents.pairs(self._split)

    def docpairs_cls(self) -> type[DocPair]:
        return DocPair


class ScoredDocs:
    """A run."""

    def __init__(self, contents: Contents, split: str, run: str) -> None:
        self._contents, self._split, self.run = contents, split, run

    def scoreddocs_iter(self) -> Iterator[Any]:
        from ir_datasets.formats import GenericScoredDoc

        return (GenericScoredDoc(*row) for row in self._contents.scored(self._split, self.run))

"""Any dataset that ir_datasets knows, by its id: `datakit import ir_datasets:vaswani`."""

from __future__ import annotations

import contextlib
import difflib
import typing
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from datakit.errors import DatasetError, MissingDependency, UsageError
from datakit.importers._collect import Record, collect
from datakit.importers._raw import (
    PRIORITY,
    Notes,
    RawLabel,
    RawNegative,
    RawPassage,
    RawQuery,
    RawScore,
    split_named,
)
from datakit.records import Source, Split
from datakit.registry import plugin

_SOURCES: tuple[Source, ...] = typing.get_args(Source)
# what a record of ours has a place for; any other field is told and left out
_PLACES = {
    "docs": ("doc_id", "text", "title", "source_doc_id"),
    "queries": ("query_id", "text", "level", "form"),
    "qrels": ("query_id", "doc_id", "relevance", "iteration"),
}


@plugin("importers", "ir_datasets")
@dataclass(frozen=True)
class IrDatasets:
    """A dataset by its id, as `ir_datasets list` and `datakit register --list` have it.

    An id with labels is one split; one without them is read with its splits, `ID/train` and so
    on. The iteration of a label is its source where it names one of ours. A grade below 0, which
    TREC gives to what was judged and is junk, becomes 0.
    """

    source: Source = "human"  # who decided the labels that do not say so
    language: str | None = None  # of all texts; None: as ir_datasets says, else detected
    split: Split | None = None  # of an id with labels; None: as its last part says, else test
    runs: bool = True  # scoreddocs too
    docpairs: bool = True  # the negatives of docpairs too
    allow_download: bool = False  # False: only files that are on this machine

    by_id = True  # not a path: `import_dataset` looks for no file

    def matches(self, path: Path) -> bool:
        """Whether it is an export of ours; any other dataset is named as `ir_datasets:ID`."""
        return (path / "datakit-irds.json").is_file()

    def __call__(self, path: Path) -> Iterator[Record]:
        return collect(self, path)

    def label_scale(self, path: Path, grades: set[int]) -> dict[str, Any] | None:
        """What the id says of its grades, if that covers those that were found."""
        defs: dict[int, str] = {}
        for _, part in self._parts(path.as_posix()):
            defs |= part.qrels_defs() if part.has_qrels() else {}
        if not grades <= defs.keys():
            return None
        ours = getattr(_load(path.as_posix()), "relevant_from", None)
        return {
            "grades": {str(grade): str(text) for grade, text in sorted(defs.items()) if grade >= 0},
            "relevant_from": ours() if ours else 1,
            "unjudged": "unknown",
        }

    def rows(self, path: Path, notes: Notes) -> Iterator[Any]:
        """Passages, the queries of every split, then labels, runs and negatives."""
        name = path.as_posix()
        with contextlib.nullcontext() if self.allow_download else _offline(name):
            whole, parts = _load(name), self._parts(name)
            if not whole.has_docs() or not any(part.has_queries() for _, part in parts):
                others = ", ".join(_below(name)[:5]) or "one that `datakit-irds list` prints"
                raise UsageError(
                    f"ir_datasets:{name} has no documents or no queries: give an id with both, "
                    f"such as {others}."
                )
            yield from self._docs(whole, name, notes)
            for split, part in parts:
                yield from self._queries(part, split, notes)
            for split, part in parts:
                yield from self._labels(part, split, notes)
                yield from self._scores(part)
                yield from self._negatives(part)

    def _parts(self, name: str) -> list[tuple[Split, Any]]:
        """The splits: test before dev before train, so that no query that is both is trained on."""
        whole = _load(name)
        if whole.has_qrels() or whole.has_queries():
            return [(self.split or split_named(name.rpartition("/")[2]) or "test", whole)]
        children = [(split_named(child.rpartition("/")[2]), child) for child in _below(name)]
        known = [(split, _load(child)) for split, child in children if split]
        return sorted(known, key=lambda one: PRIORITY.index(one[0]))

    def _docs(self, whole: Any, name: str, notes: Notes) -> Iterator[RawPassage]:
        fields, language = _fields(whole, "docs", notes), whole.docs_lang()
        own_text, own_title = "text" in fields, "title" in fields and "text" in fields
        about = {"language": language} if language else {}
        with_document = "source_doc_id" in fields
        for at, doc in enumerate(whole.docs_iter(), 1):
            text = doc.text if own_text else doc.default_text()
            more = about | {"doc_id": doc.source_doc_id} if with_document else about
            title = doc.title if own_title else None
            yield RawPassage(f"{name} docs:{at}", doc.doc_id, text, title, more)

    def _queries(self, part: Any, split: Split, notes: Notes) -> Iterator[RawQuery]:
        if not part.has_queries():
            return
        fields, language = _fields(part, "queries", notes), part.queries_lang()
        for at, query in enumerate(part.queries_iter(), 1):
            about: dict[str, Any] = {
                key: getattr(query, key) for key in ("level", "form") if key in fields
            }
            if language:
                about["language"] = language
            text = query.text if "text" in fields else query.default_text()
            yield RawQuery(f"{part.dataset_id()} queries:{at}", query.query_id, text, split, about)

    def _labels(self, part: Any, split: Split, notes: Notes) -> Iterator[RawLabel]:
        if not part.has_qrels():
            return
        fields, name = _fields(part, "qrels", notes), part.dataset_id()
        with_source = "iteration" in fields
        for at, qrel in enumerate(part.qrels_iter(), 1):
            source = qrel.iteration if with_source and qrel.iteration in _SOURCES else None
            if qrel.relevance < 0:
                notes.add("grade_below_0", name, f"{name}: grades below 0 are read as 0")
            yield RawLabel(
                f"{name} qrels:{at}", qrel.query_id, qrel.doc_id, max(0, qrel.relevance), split,
                source,
            )  # fmt: skip

    def _scores(self, part: Any) -> Iterator[RawScore]:
        if not self.runs:
            return
        below = [_load(name) for name in _below(part.dataset_id())]
        lists = [one for one in below if one.has_scoreddocs()]
        for one in lists or ([part] if part.has_scoreddocs() else []):
            name = one.dataset_id()
            run = name.rpartition("/")[2] if lists else "scoreddocs"
            for at, row in enumerate(one.scoreddocs_iter(), 1):
                yield RawScore(f"{name} scoreddocs:{at}", run, row.query_id, row.doc_id, row.score)

    def _negatives(self, part: Any) -> Iterator[RawNegative]:
        """The less relevant of each pair, once a query where the pairs of a query are together."""
        if not self.docpairs or not part.has_docpairs():
            return
        name, fields = part.dataset_id(), part.docpairs_cls()._fields
        query, seen = "", set[str]()
        for at, pair in enumerate(part.docpairs_iter(), 1):
            if pair.query_id != query:
                query, seen = pair.query_id, set()
            if pair.doc_id_b not in seen:
                seen.add(pair.doc_id_b)
                run = pair.run if "run" in fields else "docpairs"
                score = pair.score if "score" in fields else None
                yield RawNegative(f"{name} docpairs:{at}", run, query, pair.doc_id_b, score)


def _library() -> Any:
    try:
        import ir_datasets
    except ImportError:
        raise MissingDependency("importing from ir_datasets", "ir_datasets", "irds") from None
    return ir_datasets


def _load(name: str) -> Any:
    library = _library()
    try:
        return library.load(name)
    except KeyError:
        near = difflib.get_close_matches(name, list(library.registry), 1)
        hint = f" Did you mean {near[0]!r}?" if near else " `datakit-irds list` prints all."
        raise UsageError(f"ir_datasets has no dataset {name!r}.{hint}") from None


def _below(name: str) -> list[str]:
    """The ids one step below an id."""
    ids = (one for one in _library().registry if one.startswith(f"{name}/"))
    return sorted(one for one in ids if "/" not in one.removeprefix(f"{name}/"))


def _fields(part: Any, kind: str, notes: Notes) -> tuple[str, ...]:
    """The fields of a kind of record; those without a place here are told."""
    fields: tuple[str, ...] = getattr(part, f"{kind}_cls")()._fields
    for name in fields:
        if name not in _PLACES[kind] and not (name == "query" and "text" not in fields):
            where = part.dataset_id()
            message = f"{where}: field {name!r} of its {kind} has no place of its own here"
            notes.add(f"field_left_out.{kind}.{name}", where, message)
    return fields


class _WouldDownload(BaseException):
    """Goes through ir_datasets' retries, which catch every Exception."""


@contextlib.contextmanager
def _offline(name: str) -> Iterator[None]:
    """Refuse what ir_datasets would fetch from the network meanwhile.

    Raises:
        DatasetError: it would have.
    """
    from ir_datasets.util import download

    def refuse(self: Any) -> Any:
        raise _WouldDownload

    kinds = (
        download.RequestsDownload, download.GoogleDriveDownload, download.GoogleCloudBucketStream,
    )  # fmt: skip
    before = [kind.stream for kind in kinds]
    try:
        for kind in kinds:
            kind.stream = refuse
        yield
    except _WouldDownload:
        raise DatasetError(
            f"ir_datasets:{name} has files that are not on this machine: let ir_datasets fetch "
            "them with --set allow_download=true, or put them where it looks for them."
        ) from None
    finally:
        for kind, stream in zip(kinds, before, strict=True):
            kind.stream = stream

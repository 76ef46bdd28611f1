"""Handlers of ir_datasets over the contents of a dataset; their base comes with ir_datasets."""

from __future__ import annotations

import html
import itertools
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from datakit.errors import MissingDependency
from datakit.exporters._irds_rows import Doc, DocPair, Topic
from datakit.irds.contents import Contents, Subset


def library() -> Any:
    """ir_datasets.

    Raises:
        MissingDependency: it is not installed.
    """
    try:
        import ir_datasets
    except ImportError:
        raise MissingDependency(
            "reading a dataset through ir_datasets", "ir_datasets", "irds"
        ) from None
    return ir_datasets


def on_base(own: type, base: str) -> Any:
    """Our handler on ir_datasets' base, which is only there once that is imported."""
    return type(own.__name__, (own, getattr(library().formats, base)), {})


class Docs:
    """Passages: in order and in slices from the dataset itself, by id from a docstore."""

    def __init__(self, contents: Contents, top: str) -> None:
        self._contents, self._top = contents, top

    def docs_iter(self) -> DocsIter:
        return DocsIter(self._contents.docs, slice(0, self._contents.docs_count, 1))

    def docs_cls(self) -> type[Doc]:
        return Doc

    def docs_store(self, field: str = "doc_id", **options: Any) -> Any:
        # the content is in the name: ir_datasets would serve an older corpus from an old store
        key = self._contents.docs_digest.removeprefix("sha256:")[:16]
        path = library().util.home_path() / f"{self._top}-{key}.pklz4"
        path.parent.mkdir(parents=True, exist_ok=True)
        return library().indices.PickleLz4FullStore(
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


class DocsIter:
    """An iterator over passages that can be sliced as ir_datasets' can: `[10:20]`, `[:0.5]`."""

    def __init__(self, read: Callable[[int, int], Iterator[Doc]], span: slice) -> None:
        self._read, self._span = read, span
        self._rows: Iterator[Doc] | None = None

    def __iter__(self) -> DocsIter:
        return self

    def __next__(self) -> Doc:
        if self._rows is None:
            start, stop = self._span.start, self._span.stop
            self._rows = itertools.islice(self._read(start, stop), 0, None, self._span.step or 1)
        return next(self._rows)

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, slice):
            return DocsIter(self._read, library().util.apply_sub_slice(self._span, key))
        try:
            return next(DocsIter(self._read, library().util.slice_idx(self._span, key)))
        except StopIteration:
            raise IndexError(key) from None


class Queries:
    """The queries of one subset."""

    def __init__(self, contents: Contents, subset: Subset) -> None:
        self._contents, self._subset = contents, subset

    def queries_iter(self) -> Iterator[Topic]:
        return self._contents.topics(self._subset)

    def queries_cls(self) -> type[Topic]:
        return Topic

    def queries_store(self) -> QueryStore:
        """Lookup by id, which `ir_datasets lookup -q` asks for."""
        return QueryStore({topic.query_id: topic for topic in self.queries_iter()})

    def queries_lang(self) -> str | None:
        return self._contents.language(self._subset)


class QueryStore:
    """Queries by id, with the methods of a docstore."""

    def __init__(self, topics: dict[str, Topic]) -> None:
        self._topics = topics

    def get(self, query_id: str) -> Topic:
        return self._topics[query_id]

    def get_many(self, query_ids: Iterable[str]) -> dict[str, Topic]:
        return {q: self._topics[q] for q in query_ids if q in self._topics}


class Qrels:
    """The graded labels of one subset; iteration is the label's source."""

    def __init__(self, contents: Contents, subset: Subset) -> None:
        self._contents, self._subset = contents, subset

    def qrels_iter(self) -> Iterator[Any]:
        qrel = self.qrels_cls()
        for query, source, passage, grade in self._contents.qrels(self._subset):
            yield qrel(query, passage, grade, source)

    def qrels_cls(self) -> Any:
        return library().formats.TrecQrel

    def qrels_defs(self) -> dict[int, str]:
        return self._contents.grades


class DocPairs:
    """Positives with negatives."""

    def __init__(self, contents: Contents, subset: Subset) -> None:
        self._contents, self._subset = contents, subset

    def docpairs_iter(self) -> Iterator[DocPair]:
        return self._contents.docpairs(self._subset)

    def docpairs_cls(self) -> type[DocPair]:
        return DocPair


class ScoredDocs:
    """A run."""

    def __init__(self, contents: Contents, subset: Subset, run: str) -> None:
        self._contents, self._subset, self._run = contents, subset, run

    def scoreddocs_iter(self) -> Iterator[Any]:
        scored = library().formats.GenericScoredDoc
        return (scored(*cells) for cells in self._contents.run(self._subset, self._run))


class Documentation:
    """What `documentation()` of a dataset says: ir_datasets' own reads files in its package."""

    def __init__(self, contents: Contents, name: str) -> None:
        self._contents, self._name = contents, name

    def documentation(self) -> dict[str, str]:
        grades = (f"{grade}: {text}" for grade, text in sorted(self._contents.grades.items()))
        items = "".join(f"<li>{html.escape(one)}</li>" for one in (*self._contents.notes, *grades))
        count = f"{self._contents.docs_count:,}"
        return {
            "pretty_name": self._name,
            "desc": f"<p>{count} passages, made with datakit.</p><ul>{items}</ul>",
        }

    def relevant_from(self) -> int:
        """The lowest grade that is relevant, which ir_datasets has no place for."""
        return self._contents.relevant_from

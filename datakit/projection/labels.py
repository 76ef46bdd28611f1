"""Labels of a dataset with the spans that they speak of, as arrays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from datakit.dataset import Dataset
from datakit.projection.intervals import Ints, Spans
from datakit.projection.rules import Labels
from datakit.records import Evidence

if TYPE_CHECKING:
    import pyarrow as pa

STAGE = "project"
LABEL, GRADE, SHARE = "label", "label_grade", "share"  # scores of a judgement that was moved
OF_TABLE, FROM = "label:", "from:"  # flags of one: which table it is of, which passage it was of
_COLUMNS = ["query_id", "passage_id", "grade", "source", "routes", "scores", "evidence",
            "calibration_id", "flags"]  # fmt: skip


@dataclass(frozen=True)
class Corpus:
    """Passages as spans; `ids` in the order of the table, `docs` the ids of all documents."""

    ids: pa.Array
    docs: pa.Array
    spans: Spans

    @classmethod
    def of(cls, dataset: Dataset) -> Corpus:
        import pyarrow as pa

        docs = _text(dataset.arrow("document", ["doc_id"])["doc_id"])
        table = dataset.arrow("passage", ["passage_id", "doc_id", "start", "end"])
        spans = Spans(codes(table["doc_id"], docs), ints(table["start"]), ints(table["end"]))
        return cls(_text(table["passage_id"]), pa.array(docs), spans)


@dataclass(frozen=True)
class Given:
    """The labels of a dataset, each once, in whatever tables it is.

    rows: n rows of the columns of a judgement, `grade` as first given.
    table: (n,) int64, a bit for each of `tables` that the label is in.
    verified: (len(labels.spans),) bool, of each piece of evidence.
    lost: ids of query and passage of labels whose passage is not there.
    docs: ids of the documents, by the numbers that the spans have.
    """

    rows: pa.Table
    labels: Labels
    table: Ints
    tables: list[str]
    verified: npt.NDArray[np.bool_]
    lost: list[tuple[str, str]]
    docs: pa.Array

    def evidence_of(self, rows: Ints) -> list[tuple[Evidence, ...]]:
        """The evidence of some labels, as records."""
        low = np.searchsorted(self.labels.of, rows, "left").tolist()
        high = np.searchsorted(self.labels.of, rows, "right").tolist()
        spans = self.labels.spans
        return [
            tuple(
                Evidence(
                    self.docs[int(spans.doc[i])].as_py(),
                    int(spans.start[i]), int(spans.end[i]), bool(self.verified[i]),
                )
                for i in range(first, last)
            )
            for first, last in zip(low, high, strict=True)
        ]  # fmt: skip


def given(dataset: Dataset, corpus: Corpus) -> Given:
    """The labels of a dataset with their evidence."""
    tables = [name for name in dataset.tables() if name.startswith("qrel/")]
    made_by = {dataset.manifest["tables"][name]["made_by"] for name in (*tables, *_moved(dataset))}
    if _moved(dataset) and made_by == {STAGE}:
        return _moved_before(dataset, corpus, tables)
    return _of_tables(dataset, corpus, tables)


def _moved(dataset: Dataset) -> list[str]:
    return ["judgement"] if "judgement" in dataset else []


# --- of label tables --------------------------------------------------------------------------


def _of_tables(dataset: Dataset, corpus: Corpus, tables: list[str]) -> Given:
    import pyarrow as pa

    pieces = [dataset.arrow(name, _COLUMNS) for name in tables]
    rows = pa.concat_tables(pieces)
    bit = np.repeat([1 << i for i in range(len(tables))], [len(one) for one in pieces])
    passage = codes(rows["passage_id"], corpus.ids)
    there = passage >= 0
    lost = rows.filter(pa.array(~there)).select(["query_id", "passage_id"]).to_pylist()
    rows, bit, passage = rows.filter(pa.array(there)), bit[there], passage[there]
    ids = dataset.arrow("query", ["query_id"])["query_id"]
    queries = pa.concat_arrays([_text(ids), _text(rows["query_id"])]).unique()
    query, grade = codes(rows["query_id"], queries), ints(rows["grade"])
    source = codes(rows["source"], _text(rows["source"]).unique())
    key = ((query * max(len(corpus.ids), 1) + passage) * 8 + source) * 64 + np.minimum(grade, 63)
    _, first, inverse = np.unique(key, return_index=True, return_inverse=True)
    table = np.zeros(len(first), np.int64)
    np.bitwise_or.at(table, inverse, bit)
    rows, query, passage = rows.take(pa.array(first)), query[first], passage[first]
    found = Pieces.of(rows["evidence"], corpus).touching(passage, corpus)
    found = found.with_queries(dataset, corpus, rows, query, queries, passage)
    found = found.with_copies(dataset, corpus, rows, query, passage)
    found = found.with_passages(len(first), passage, corpus)
    labels = Labels(query, ints(rows["grade"]), found.of_row, found.spans)
    pairs = [(one["query_id"], one["passage_id"]) for one in lost]
    return Given(rows, labels, table, tables, found.verified, pairs, corpus.docs)


@dataclass(frozen=True)
class Pieces:
    """Spans, each of a row of labels, in the order of the rows."""

    of_row: Ints
    spans: Spans
    verified: npt.NDArray[np.bool_]

    @classmethod
    def of(cls, column: pa.ChunkedArray, corpus: Corpus) -> Pieces:
        """A column of lists of Evidence."""
        import pyarrow.compute as pc

        lists = column.combine_chunks()
        flat = pc.list_flatten(lists)
        return cls(
            ints(pc.list_parent_indices(lists)),
            Spans(
                codes(flat.field("doc_id"), corpus.docs),
                ints(flat.field("start")),
                ints(flat.field("end")),
            ),
            flat.field("verified").to_numpy(zero_copy_only=False).astype(bool),
        )

    def where(self, kept: npt.NDArray[np.bool_]) -> Pieces:
        return Pieces(self.of_row[kept], self.spans.take(np.flatnonzero(kept)), self.verified[kept])

    def touching(self, passage: Ints, corpus: Corpus) -> Pieces:
        """Only evidence that the passage of its row shares text with."""
        own = corpus.spans.take(passage[self.of_row])
        return self.where(
            (own.doc == self.spans.doc)
            & (self.spans.start < np.minimum(own.end, self.spans.end))
            & (own.start < self.spans.end)
        )

    def missing(self, n: int) -> Ints:
        """The rows without any."""
        return np.flatnonzero(np.bincount(self.of_row, minlength=n) == 0)

    def and_(self, other: Pieces) -> Pieces:
        of_row = np.concatenate([self.of_row, other.of_row])
        order = np.argsort(of_row, kind="stable")
        parts = [
            np.concatenate([getattr(self.spans, name), getattr(other.spans, name)])[order]
            for name in ("doc", "start", "end")
        ]
        verified = np.concatenate([self.verified, other.verified])[order]
        return Pieces(of_row[order], Spans(*parts), verified)

    def with_queries(
        self, dataset: Dataset, corpus: Corpus, rows: pa.Table, query: Ints, queries: pa.Array,
        passage: Ints,
    ) -> Pieces:  # fmt: skip
        """For direct labels without evidence, that of their query."""
        table = dataset.arrow("query", ["query_id", "evidence"])
        own = Pieces.of(table["evidence"], corpus)
        of_query = codes(table["query_id"], queries)[own.of_row]
        order = np.argsort(of_query, kind="stable")
        direct = rows["source"].combine_chunks().to_numpy(zero_copy_only=False) == "direct"
        open_ = self.missing(len(rows))
        open_ = open_[direct[open_]]
        low = np.searchsorted(of_query[order], query[open_], "left")
        count = np.searchsorted(of_query[order], query[open_], "right") - low
        within = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
        at = order[np.repeat(low, count) + within]
        more = Pieces(np.repeat(open_, count), own.spans.take(at), own.verified[at])
        return self.and_(more.touching(passage, corpus))

    def with_copies(
        self, dataset: Dataset, corpus: Corpus, rows: pa.Table, query: Ints, passage: Ints
    ) -> Pieces:
        """For labels of copies without evidence, where they have the words of the original's.

        A label of source `duplicate` says that its passage copies one with a direct label: what
        answers there, word for word, answers here. Not found exactly once: it stays open.
        """
        source = rows["source"].combine_chunks().to_numpy(zero_copy_only=False)
        open_ = self.missing(len(rows))
        open_ = open_[source[open_] == "duplicate"]
        originals = np.flatnonzero((source == "direct") & np.isin(query, query[open_]))
        if not len(open_) or not len(originals):
            return self
        wanted = np.unique(passage[np.concatenate([open_, originals])])
        text = {
            p.passage_id: p.text
            for p in dataset.where("passage", "passage_id", corpus.ids.take(wanted).to_pylist())
        }
        quotes = self._quotes(originals, query, passage, corpus, text)
        found = []
        for row in open_.tolist():
            at = int(passage[row])
            body, start = text[corpus.ids[at].as_py()], int(corpus.spans.start[at])
            for quote in quotes.get(int(query[row]), ()):
                if body.count(quote) == 1:
                    begin = start + body.index(quote)
                    found.append((row, corpus.spans.doc[at], begin, begin + len(quote)))
        if not found:
            return self
        of_row, doc, begin_, end = np.array(found, np.int64).T
        return self.and_(Pieces(of_row, Spans(doc, begin_, end), np.ones(len(doc), bool)))

    def _quotes(
        self, originals: Ints, query: Ints, passage: Ints, corpus: Corpus, text: dict[str, str]
    ) -> dict[int, set[str]]:
        """The words of evidence by query; of evidence within its passage."""
        quotes: dict[int, set[str]] = {}
        low = np.searchsorted(self.of_row, originals, "left")
        high = np.searchsorted(self.of_row, originals, "right")
        for row, first, last in zip(originals.tolist(), low.tolist(), high.tolist(), strict=True):
            at = int(passage[row])
            body, offset = text[corpus.ids[at].as_py()], int(corpus.spans.start[at])
            for i in range(first, last):
                begin, end = int(self.spans.start[i]) - offset, int(self.spans.end[i]) - offset
                if 0 <= begin < end <= len(body):
                    quotes.setdefault(int(query[row]), set()).add(body[begin:end])
        return quotes

    def with_passages(self, n: int, passage: Ints, corpus: Corpus) -> Pieces:
        """For the rest, the whole passage: nothing says which part of it is meant."""
        rows = self.missing(n)
        spans = corpus.spans.take(passage[rows])
        return self.and_(Pieces(rows, spans, np.zeros(len(rows), bool)))


# --- of labels that were moved before ---------------------------------------------------------


def _moved_before(dataset: Dataset, corpus: Corpus, tables: list[str]) -> Given:
    """The labels as they were first given: moving back is exact where text is there."""
    import pyarrow as pa
    import pyarrow.compute as pc

    rows = dataset.arrow("judgement", _COLUMNS)
    number = ints(pc.map_lookup(rows["scores"].combine_chunks(), LABEL, "first"))
    _, first = np.unique(number, return_index=True)
    rows = rows.take(pa.array(first))
    grade = pc.map_lookup(rows["scores"].combine_chunks(), GRADE, "first").cast(pa.int64())
    rows = rows.set_column(2, "grade", pa.chunked_array([grade]))
    flags = rows["flags"].combine_chunks()
    table = np.zeros(len(rows), np.int64)
    for i, name in enumerate(tables):
        mark = OF_TABLE + name.removeprefix("qrel/")
        at = pc.list_parent_indices(flags).filter(pc.equal(pc.list_flatten(flags), mark))
        table[ints(at)] |= 1 << i
    found = Pieces.of(rows["evidence"], corpus)
    query = codes(rows["query_id"], _text(rows["query_id"]).unique())
    labels = Labels(query, ints(grade), found.of_row, found.spans)
    return Given(rows, labels, table, tables, found.verified, [], corpus.docs)


# --- small ------------------------------------------------------------------------------------


def codes(column: Any, values: pa.Array) -> Ints:
    """(n,) int64: the place of each cell among `values`, -1 where it is none of them."""
    import pyarrow.compute as pc

    return ints(pc.fill_null(pc.index_in(column, value_set=values), -1))


def ints(column: Any) -> Ints:
    """(n,) int64 of an Arrow column without nulls."""
    if hasattr(column, "chunks"):
        column = column.combine_chunks()
    found: Ints = column.to_numpy(zero_copy_only=False).astype(np.int64)
    return found


def _text(column: Any) -> pa.Array:
    import pyarrow as pa

    found = column.combine_chunks() if hasattr(column, "chunks") else column
    return found.cast(pa.string())

"""The rows of a dataset as ir_datasets has them, read column by column from its tables."""

# No `from __future__ import annotations` here: ir_datasets' exporters drop every field of a
# NamedTuple whose annotations are strings.

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from datakit.dataset import Dataset
from datakit.exporters._view import Title, View
from datakit.exporters._write import Cells
from datakit.records import LEVELS, SPLITS, safe_id

if TYPE_CHECKING:
    import pyarrow as pa

_BATCH = 4096  # rows read at a time


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
    """A query; level and form are `""` where they are not known: some tools take str only."""

    query_id: str
    text: str
    level: str
    form: str

    def default_text(self) -> str:
        """The query's text."""
        return self.text


class DocPair(NamedTuple):
    """A positive and a negative of a query."""

    query_id: str
    doc_id_a: str  # more relevant than doc_id_b
    doc_id_b: str
    run: str  # that found the negative
    score: float  # of the negative
    margin: float  # lowest score of a positive minus the negative's


# --- rows -----------------------------------------------------------------------------------


def docs(
    dataset: Dataset, start: int = 0, stop: int | None = None, title: Title = "keep"
) -> Iterator[Doc]:
    """Passages in the order of the table, from the `start`th up to the `stop`th.

    Parts before `start` are not opened. Titles as `titled` of the exporters' view, but `header`.
    """
    columns = ["passage_id", "title", "text", "doc_id"]
    for ids, titles, texts, documents in _cells(dataset, "passage", columns, start, stop):
        own, bodies = [one or "" for one in titles], texts
        if title == "fold":
            bodies = [
                f"{one} {text}" if one else text for one, text in zip(own, texts, strict=True)
            ]
        if title != "keep":
            own = [""] * len(own)
        yield from map(Doc, map(safe_id, ids), own, bodies, map(safe_id, documents))


def topics(dataset: Dataset, ids: "pa.ChunkedArray") -> Iterator[Topic]:
    """The queries with the given ids (as the table has them), sorted."""
    import pyarrow as pa
    import pyarrow.compute as pc

    table = dataset.arrow("query", ["query_id", "text", "level", "form"])
    table = table.filter(pc.is_in(table["query_id"], value_set=pa.array(ids.to_pylist())))
    rows = zip(*(table[name].to_pylist() for name in table.column_names), strict=True)
    found = [Topic(safe_id(i), text, level or "", form or "") for i, text, level, form in rows]
    return iter(sorted(found))


def qrels(dataset: Dataset, table: str, ids: "pa.ChunkedArray") -> Iterator[Cells]:
    """(query_id, source, passage_id, grade) of the labels of some queries, in the table's order.

    Uncertified labels of an eval set are left out, as in every export.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    wanted = pa.array(ids.to_pylist(), pa.string())
    columns = ["query_id", "source", "passage_id", "grade"]
    certified = dataset.manifest["purpose"] == "eval"
    for batch in _batches(dataset, table, [*columns, "flags"] if certified else columns):
        rows = batch.filter(pc.is_in(batch["query_id"], value_set=wanted))
        if certified:
            rows = rows.filter(pc.invert(_flagged(rows["flags"], "uncertified")))
        queries, sources, passages, grades = (rows[name].to_pylist() for name in columns)
        yield from zip(map(safe_id, queries), sources, map(safe_id, passages), grades, strict=True)


def _flagged(flags: Any, flag: str) -> "pa.Array":
    """(n,) bool: whether a row's list of flags has this one."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    found = np.zeros(len(flags), bool)
    at = pc.list_parent_indices(flags).filter(pc.equal(pc.list_flatten(flags), flag))
    found[at.to_numpy(zero_copy_only=False)] = True
    return pa.array(found)


# --- what there is --------------------------------------------------------------------------


def queries(dataset: Dataset) -> "pa.Table":
    """query_id, split, level and language of the final queries; those without a split are test."""
    import pyarrow.compute as pc

    table = dataset.arrow("query", ["query_id", "split", "level", "language"])
    return table.set_column(1, "split", pc.fill_null(table["split"], "test"))


def labelled(dataset: Dataset, table: str | None) -> "pa.Array":
    """The ids of the queries that have a label in a table; none where there is no table."""
    import pyarrow as pa

    if table is None:
        return pa.array([], pa.string())
    return dataset.arrow(table, ["query_id"])["query_id"].combine_chunks().unique()


def with_negatives(dataset: Dataset) -> "pa.Array":
    """The ids of the queries that have negatives."""
    import pyarrow as pa

    tables = [name for name in dataset.tables() if name.startswith("negative/")]
    found = [labelled(dataset, name) for name in tables]
    return pa.concat_arrays([pa.array([], pa.string()), *found]).unique()


def direct_table(view: View) -> str | None:
    """The table of direct labels, where it is another than the view's."""
    return "qrel/seed" if "qrel/seed" in view.dataset and view.label_table != "qrel/seed" else None


def subsets(table: "pa.Table", direct: "pa.Array") -> list[tuple[str, str | None, bool]]:
    """(split, level, direct) of every subset that has queries.

    Args:
        table: of `queries`.
        direct: the ids of queries with direct labels, where these are a table of their own.
    """
    import pyarrow.compute as pc

    found: list[tuple[str, str | None, bool]] = []
    for only_direct in (False, True) if len(direct) else (False,):
        rows = table.filter(pc.is_in(table["query_id"], value_set=direct)) if only_direct else table
        pairs = set(zip(rows["split"].to_pylist(), rows["level"].to_pylist(), strict=True))
        for split in SPLITS:
            levels = [level for level in LEVELS if (split, level) in pairs]
            if any(one == split for one, _ in pairs):
                found += [(split, level, only_direct) for level in (None, *levels)]
    return found


def notes(view: View) -> list[str]:
    """What a reader should know of the labels, a sentence each."""
    import pyarrow.compute as pc

    dataset = view.dataset
    said = [f"Labels are {view.label_table}; a passage without a label is unjudged, which is not 0"]
    table = dataset.arrow(view.label_table, ["source", "flags"])
    counts = sorted(
        (str(c["values"]), c["counts"]) for c in table["source"].value_counts().to_pylist()
    )
    said.append("Labels by source: " + ", ".join(f"{name} {n:,}" for name, n in counts))
    n_uncertified = pc.sum(_flagged(table["flags"].combine_chunks(), "uncertified")).as_py() or 0
    if n_uncertified:
        left = "left out" if dataset.manifest["purpose"] == "eval" else "included"
        said.append(f"{n_uncertified:,} labels are not certified by a judge or people; {left}")
    relevant = dataset.manifest["label_scale"]["relevant_from"]
    said.append(f"A grade of {relevant} or more is relevant")
    return said


# --- reading --------------------------------------------------------------------------------


def _cells(
    dataset: Dataset, table: str, columns: list[str], start: int, stop: int | None
) -> Iterator[tuple[list[Any], ...]]:
    """Lists of cells, one a column, batch by batch."""
    at = 0
    for path, part in dataset.parts(table):
        if stop is not None and at >= stop:
            return
        if at + part.rows > start:
            for batch in _of_part(path, columns):
                low = max(0, start - at)
                high = batch.num_rows if stop is None else min(batch.num_rows, stop - at)
                if low < high:
                    some = batch.slice(low, high - low)
                    yield tuple(some.column(name).to_pylist() for name in columns)
                at += batch.num_rows
        else:
            at += part.rows


def _batches(dataset: Dataset, table: str, columns: Iterable[str]) -> Iterator["pa.RecordBatch"]:
    for path, _ in dataset.parts(table):
        yield from _of_part(path, list(columns))


def _of_part(path: Any, columns: list[str]) -> Iterator["pa.RecordBatch"]:
    import pyarrow.parquet as pq

    with pq.ParquetFile(path, memory_map=True) as file:
        yield from file.iter_batches(_BATCH, columns=columns)

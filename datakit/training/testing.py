"""A trained retriever on the test queries of a dataset, beside BM25 and what it started from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from datakit import registry
from datakit.dataset import Dataset
from datakit.errors import DatasetError
from datakit.measures import Grades, counts, measured, per_query
from datakit.records import RELEVANT_FROM, Passage, Query
from datakit.retrievers._search import DenseIndex, texts_by_preference

if TYPE_CHECKING:
    import numpy as np

DEPTH = 100
Encode = Callable[[Sequence[str]], "np.ndarray"]


@dataclass(frozen=True)
class LabelledSet:
    """Passages, the queries to test with, and their labels."""

    name: str
    passages: list[Passage]
    queries: list[Query]  # by id, each with a relevant passage
    grades: Grades
    relevant_from: int


def labelled_set(dataset: Dataset, split: str | None = "test") -> LabelledSet:
    """The test queries of a dataset with labels; all queries of a set that has no splits.

    Raises:
        DatasetError: no such query has a label.
    """
    manifest = dataset.manifest
    purpose = str(manifest.get("purpose", "train"))
    relevant_from = int(manifest.get("label_scale", {}).get("relevant_from", RELEVANT_FROM))
    queries = {q.query_id: q for q in dataset.read("query") if measured(q, purpose)}
    if split and any(q.split for q in queries.values()):
        queries = {key: q for key, q in queries.items() if q.split == split}
    tables = [t for t in dataset.tables() if t.startswith("qrel/")]
    if "qrel/mined" in tables:  # it holds those of qrel/seed
        tables = ["qrel/mined"]
    grades: Grades = {}
    for table in tables:
        for one in dataset.read(table):
            if one.query_id in queries and counts(one, purpose):
                grades.setdefault(one.query_id, {})[one.passage_id] = one.grade
    kept = sorted(q for q, of in grades.items() if max(of.values()) >= relevant_from)
    if not kept:
        raise DatasetError(
            f"{dataset.path}: no query of split {split!r} has a relevant passage: nothing to test "
            "with."
        )
    return LabelledSet(
        dataset.path.name, list(dataset.read("passage")), [queries[q] for q in kept],
        {q: grades[q] for q in kept}, relevant_from,
    )  # fmt: skip


def with_encoder(tested: LabelledSet, encode: Encode, measure: str = "nDCG@10") -> np.ndarray:
    """(n_queries,) a measure of exact search with an encoder, which reads titles too."""
    passages, texts = texts_by_preference(tested.passages, (), True)
    index = DenseIndex(passages, encode(texts), lambda q: encode([one.text for one in q]), ())
    return _of(tested, index, measure)


def with_bm25(tested: LabelledSet, measure: str = "nDCG@10") -> np.ndarray:
    """(n_queries,) the same measure of BM25 with its default settings."""
    return _of(tested, registry.make("retrievers", "bm25").fit(tested.passages), measure)


def _of(tested: LabelledSet, index: Any, measure: str) -> np.ndarray:
    rankings: dict[str, list[str]] = {}
    for row in index.search(tested.queries, DEPTH):
        rankings.setdefault(row.query_id, []).append(row.passage_id)
    return per_query(measure, tested.grades, rankings, tested.relevant_from)

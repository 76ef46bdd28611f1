"""What the retrievers find: first relevant ranks, labels in the first ten, unique finds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from datakit.dataset import Dataset
from datakit.report.ranks import top
from datakit.report.reading import main_labels, relevant_from, whole
from datakit.report.shaping import Cross

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

MOST_QUERIES = 20_000  # that are looked at; of more, those with the lowest ids
DEPTH, TOP = 100, 10
BUCKETS = ("rank 1", "2–3", "4–10", "11–100", "not in 100")
_EDGES = (1, 3, 10, DEPTH)


@dataclass(frozen=True, slots=True)
class RankFacts:
    """Over the queries of the front split that have a relevant passage."""

    split: str
    n: int
    n_all: int  # before the limit
    first: Cross  # run x bucket of the first relevant rank; queries
    judged: tuple[tuple[str, int, int], ...]  # run, labelled pairs in its first ten, pairs there
    unique: tuple[tuple[str, int, int], ...]  # run, relevant pairs that it alone has there, its all
    easy: int  # queries whose first passage is relevant for every run that covers them
    hard: int  # queries that no run that covers them finds anything for
    n_covered: int


def rank_facts(dataset: Dataset, split: str, runs: Sequence[str]) -> RankFacts | None:
    """None without labels, queries or runs."""
    table = main_labels(dataset)
    if table is None or not runs or "query" not in dataset:
        return None
    queries, n_all = _queries(dataset, table, split)
    if not len(queries):
        return None
    keys = _keys(dataset, table, queries)
    found = {run: _of_run(dataset, run, queries, keys) for run in runs}
    found = {run: one for run, one in found.items() if one.covered.any()}
    best = {run: one.best for run, one in found.items()}
    easy, hard, covered = _extremes(found)
    return RankFacts(
        split=split,
        n=len(queries),
        n_all=n_all,
        first=_cross(best, {run: one.covered for run, one in found.items()}),
        judged=tuple((run, one.n_judged, one.n_top) for run, one in found.items()),
        unique=_unique({run: one.relevant for run, one in found.items()}),
        easy=easy,
        hard=hard,
        n_covered=covered,
    )


@dataclass(frozen=True)
class _Keys:
    labelled: pa.Array  # query and passage in one string
    relevant: pa.Array


@dataclass(frozen=True)
class _Found:
    best: np.ndarray  # (n_queries,) rank of the first relevant passage; DEPTH + 1: none
    covered: np.ndarray  # (n_queries,) whether the run has the query
    n_judged: int
    n_top: int
    relevant: frozenset[str]  # relevant pairs in the first ten


def _queries(dataset: Dataset, table: str, split: str) -> tuple[pa.Array, int]:
    """Ids of the queries with a relevant passage, and how many there are."""
    import pyarrow.compute as pc

    labels = dataset.arrow(table, ["query_id", "grade"])
    good = pc.unique(
        labels.filter(pc.greater_equal(labels["grade"], relevant_from(dataset)))["query_id"]
    )
    queries = whole(dataset, "query", "query_id", "split")
    assert queries is not None
    if split != "all":
        queries = queries.filter(pc.equal(queries["split"], split))
    ids = queries["query_id"].combine_chunks()
    ids = ids.filter(pc.is_in(ids, value_set=good))
    ordered = ids.take(pc.sort_indices(ids))
    return ordered.slice(0, MOST_QUERIES), len(ordered)


def _keys(dataset: Dataset, table: str, queries: pa.Array) -> _Keys:
    import pyarrow.compute as pc

    labels = dataset.arrow(table, ["query_id", "passage_id", "grade"])
    labels = labels.filter(pc.is_in(labels["query_id"], value_set=queries))
    key = _key(labels)
    relevant = pc.greater_equal(labels["grade"], relevant_from(dataset))
    return _Keys(key.combine_chunks(), key.filter(relevant).combine_chunks())


def _key(table: pa.Table) -> pa.ChunkedArray:
    import pyarrow.compute as pc

    return pc.binary_join_element_wise(table["query_id"], table["passage_id"], "\t")


def _of_run(dataset: Dataset, run: str, queries: pa.Array, keys: _Keys) -> _Found:
    import numpy as np
    import pyarrow.compute as pc

    best = np.full(len(queries), DEPTH + 1)
    covered = np.zeros(len(queries), bool)
    judged = n_top = 0
    relevant: set[str] = set()
    for table in top(dataset, run, DEPTH, queries):
        key = _key(table)
        rank = table["rank"].to_numpy()
        row = pc.index_in(table["query_id"], value_set=queries).to_numpy()
        good = pc.is_in(key, value_set=keys.relevant).to_numpy()
        np.minimum.at(best, row[good], rank[good])
        covered[row] = True
        first = rank <= TOP
        judged += int(pc.is_in(key, value_set=keys.labelled).to_numpy()[first].sum())
        n_top += int(first.sum())
        relevant.update(key.take(np.flatnonzero(good & first)).to_pylist())
    return _Found(best, covered, judged, n_top, frozenset(relevant))


def _cross(best: Mapping[str, np.ndarray], covered: Mapping[str, np.ndarray]) -> Cross:
    import numpy as np

    cells = []
    for run, ranks in best.items():
        counts = np.bincount(np.searchsorted(_EDGES, ranks[covered[run]]), minlength=len(BUCKETS))
        cells.append(tuple(counts.tolist()))
    return Cross(tuple(best), BUCKETS, tuple(cells))


def _unique(relevant: Mapping[str, frozenset[str]]) -> tuple[tuple[str, int, int], ...]:
    out = []
    for run, own in relevant.items():
        others = frozenset().union(*(found for name, found in relevant.items() if name != run))
        out.append((run, len(own - others), len(own)))
    return tuple(out)


def _extremes(found: Mapping[str, _Found]) -> tuple[int, int, int]:
    """Queries that are easy for all, that are hard for all, and that some run covers."""
    import numpy as np

    if not found:
        return 0, 0, 0
    covered = np.array([one.covered for one in found.values()])
    best = np.array([one.best for one in found.values()])
    asked = covered.any(0)
    easy = asked & (~covered | (best == 1)).all(0)
    hard = asked & (~covered | (best > DEPTH)).all(0)
    return int(easy.sum()), int(hard.sum()), int(asked.sum())

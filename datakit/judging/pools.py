"""The scored pairs of a level: of the table `pool`, or of a run down to a depth."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from datakit.calibration.sampling import Pair
from datakit.dataset import Dataset
from datakit.errors import UsageError
from datakit.records import LEVELS, Judgement, Query, ScoredPassage

if TYPE_CHECKING:
    import numpy as np

NO_LEVEL = "all"  # of queries that have none
POOL = "pool"  # the table of the pairs that mining looks at


@dataclass(frozen=True)
class Pool:
    """The scored pairs of a level, without seeds and their copies."""

    level: str
    table: str  # that has the scores: `pool`, or `run/<name>`
    query_ids: tuple[str, ...]
    pairs: tuple[Pair, ...]
    scores: np.ndarray  # (n_pairs,) float64
    inside: frozenset[Pair]  # the pairs with the seeds


def level_of(query: Query) -> str:
    return query.level or NO_LEVEL


def levels(queries: Mapping[str, Query]) -> list[str]:
    there = {level_of(query) for query in queries.values()}
    return [level for level in (*LEVELS, NO_LEVEL) if level in there]


def table_of_scores(dataset: Dataset, run: str | None) -> str:
    """The table whose scores are calibrated: that of a named run, else the pool.

    Raises:
        UsageError: there is no such run; or none is named, and there is neither a pool nor just
            one run.
    """
    if run is None and POOL in dataset:
        return POOL
    runs = [t.removeprefix("run/") for t in dataset.tables() if t.startswith("run/")]
    if run is None and len(runs) == 1:
        return f"run/{runs[0]}"
    if run not in runs:
        found = ", ".join(runs) or "none: run `datakit retrieve`"
        what = f"has no run {run!r}" if run is not None else "has no pool, and not just one run"
        raise UsageError(
            f"{dataset.path} {what}; run `datakit mine`, or name the run whose scores are to be "
            f"calibrated with --run (there: {found})."
        )
    return f"run/{run}"


def scorer(dataset: Dataset, table: str) -> dict[str, Any]:
    """Whose scores: the table's rows, and the plugins with their models where a stage made it."""
    made_by = dataset.manifest["tables"][table]["made_by"]
    identity = dataset.manifest["stages"].get(made_by, {}).get("identity", {})
    run = table.removeprefix("run/")
    if table == POOL:
        run = next(iter(identity.get("rerank", {})), "mean of the retrievers")
    return {"run": run, "table": table, "digest": dataset.digest(table), "identity": identity}


def pool_of(
    dataset: Dataset, table: str, level: str, queries: Mapping[str, Query], depth: int
) -> Pool:
    """The pairs of a level that have a score.

    Args:
        dataset: with the table.
        table: `pool`, or `run/<name>`.
        level: of the queries.
        queries: of all levels, by id.
        depth: of a run: its best pairs of each query.
    """
    import numpy as np

    wanted = {key for key, query in queries.items() if level_of(query) == level}
    rows = _of_pool(dataset, wanted) if table == POOL else _of_run(dataset, table, wanted, depth)
    pairs: list[Pair] = []
    scores: list[float] = []
    inside: set[Pair] = set()
    asked: set[str] = set()
    for pair, own, score in rows:
        asked.add(pair[0])
        inside.add(pair)
        if not own and pair[1] not in queries[pair[0]].seed_passage_ids and score is not None:
            pairs.append(pair)
            scores.append(score)
    order = sorted(range(len(pairs)), key=pairs.__getitem__)
    return Pool(
        level, table, tuple(sorted(asked)), tuple(pairs[i] for i in order),
        np.array([scores[i] for i in order], float), frozenset(inside),
    )  # fmt: skip


def _of_pool(
    dataset: Dataset, wanted: set[str]
) -> Iterator[tuple[Pair, bool, float | None]]:  # whether the making of the query labels it; score
    import pyarrow.parquet as pq

    for path, _ in dataset.parts(POOL):
        part = pq.read_table(path, columns=["query_id", "passage_id", "own", "score"])
        columns = (part[name].to_pylist() for name in part.column_names)
        for query_id, passage_id, own, score in zip(*columns, strict=True):
            if query_id in wanted:
                yield (query_id, passage_id), own, score


def _of_run(
    dataset: Dataset, table: str, wanted: set[str], depth: int
) -> Iterator[tuple[Pair, bool, float | None]]:
    found: dict[str, list[tuple[float, str]]] = defaultdict(list)
    rows: Iterator[ScoredPassage] = dataset.read(table)
    for row in rows:
        if row.query_id in wanted:
            found[row.query_id].append((row.score, row.passage_id))
    made = _made(dataset)
    for query_id, scored in found.items():
        for score, passage_id in sorted(scored, reverse=True)[:depth]:
            pair = (query_id, passage_id)
            yield pair, pair in made, score


def _made(dataset: Dataset) -> set[Pair]:
    """Pairs that are labelled by a query's making: seeds, and copies of them."""
    if "judgement" not in dataset:
        return set()
    rows: Iterator[Judgement] = dataset.read("judgement")
    return {(j.query_id, j.passage_id) for j in rows if j.source in ("direct", "duplicate")}

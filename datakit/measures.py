"""Measures of runs against labels, through ir_measures, with intervals over queries.

Ties rank by descending passage_id, as in trec_eval: every run is ranked so before it is handed
on, so the rule holds whichever tool computes a measure. Unjudged passages stay unjudged: they
gain nothing, and `Judged@k` counts them as missing.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from datakit.errors import UnknownName
from datakit.records import RELEVANT_FROM, Measure, Qrel, Query, ScoredPassage, seed_for

if TYPE_CHECKING:
    import numpy as np

MEASURES = ("nDCG@10", "R@100", "RR@10", "Judged@10")
ALL = "all"

Grades = dict[str, dict[str, int]]  # query_id -> passage_id -> grade


def measure_runs(
    runs: Mapping[str, Iterable[ScoredPassage]],
    qrels: Iterable[Qrel],
    queries: Iterable[Query] | Mapping[str, Iterable[Query]],
    measures: Sequence[str] = MEASURES,
    *,
    labels: str = "mined",
    seed: int = 0,
    n_boot: int = 1000,
    relevant_from: int = RELEVANT_FROM,
) -> list[Measure]:
    """Every measure of every run, over split x level x language, all of each and each present.

    Args:
        runs: rows by the run's name.
        qrels: labels; a pair without one is unjudged.
        queries: those to measure over, or by run those that its retriever is meant for; a query
            without a label of `relevant_from` or more does not count, one for which the run has
            nothing counts as 0.
        measures: as ir_measures writes them. One that needs relevant or not takes
            `relevant_from` unless it says its own: R@100 becomes R(rel=2)@100.
        labels: name of the label set, for the rows.
        seed: of the bootstrap.
        n_boot: samples of queries for the 95 % percentile interval.
        relevant_from: lowest grade that is relevant: 2 on our scale, 1 on binary labels.

    Raises:
        UnknownName: ir_measures has no such measure.
    """
    parsed = [_parse(name, relevant_from) for name in measures]
    grades = _grades(qrels)
    by_run = queries if isinstance(queries, Mapping) else dict.fromkeys(runs, tuple(queries))
    rows: list[Measure] = []
    for name in sorted(runs):
        counted = _with_relevant(by_run.get(name, ()), grades, relevant_from)
        if not counted:
            continue
        labelled = {query.query_id: grades[query.query_id] for query in counted}
        values = _per_query(parsed, labelled, ranked(runs[name]))
        for where, at in _slices(counted):
            rows += _rows(parsed, values[at], name, (*where, labels), (seed, n_boot))
    return rows


def measured(query: Query, purpose: str) -> bool:
    """Whether a query enters the measures: those of the subset `easy` do not in an eval set."""
    return purpose == "train" or "easy" not in query.flags


def counts(qrel: Qrel, purpose: str) -> bool:
    """Whether a label enters the measures: uncertified ones do not in an eval set."""
    return purpose == "train" or "uncertified" not in qrel.flags


def per_query(
    measure: str,
    grades: Grades,
    rankings: Mapping[str, Sequence[str]],
    relevant_from: int = RELEVANT_FROM,
) -> np.ndarray:
    """(n_queries,) float64, in the order of `grades`: one measure of one system.

    Args:
        measure: as ir_measures writes it.
        grades: query_id -> passage_id -> grade; each of its queries has a value.
        rankings: query_id -> passage_ids, best first; a query without one has 0.
        relevant_from: lowest grade that is relevant.

    Raises:
        UnknownName: ir_measures has no such measure.
    """
    run = {
        query_id: {one: float(len(ids) - rank) for rank, one in enumerate(ids)}
        for query_id, ids in rankings.items()
    }
    values: np.ndarray = _per_query([_parse(measure, relevant_from)], grades, run)[:, 0]
    return values


def ranked(run: Iterable[ScoredPassage]) -> dict[str, dict[str, float]]:
    """query_id -> passage_id -> a score that falls by one per rank, so that nothing ties.

    Scores are compared in single precision, as trec_eval does.
    """
    import numpy as np

    found: dict[str, list[tuple[float, str]]] = defaultdict(list)
    for row in run:
        found[row.query_id].append((row.score, row.passage_id))
    out: dict[str, dict[str, float]] = {}
    for query_id, scored in found.items():
        single = np.array([score for score, _ in scored], np.float32).tolist()
        ids = [passage_id for _, passage_id in scored]
        best_first = sorted(zip(single, ids, strict=True), reverse=True)
        out[query_id] = {p: float(len(ids) - rank) for rank, (_, p) in enumerate(best_first)}
    return out


def bootstrap(values: np.ndarray, n_boot: int, seed: int) -> np.ndarray:
    """95 % percentile interval of each column's mean, over resampled rows.

    Args:
        values: (n_queries, n_measures).
        n_boot: samples.
        seed: of the samples; the same for every column, which are of the same queries.

    Returns:
        (2, n_measures): low and high.

    Source:
        Efron & Tibshirani 1993, An Introduction to the Bootstrap, 13.3.
    """
    import numpy as np

    n = len(values)
    rng = np.random.default_rng(seed)
    means = np.empty((n_boot, values.shape[1]))
    rows_a_block = max(1, 4_000_000 // n)  # 32 MB of counts
    for start in range(0, n_boot, rows_a_block):
        m = min(rows_a_block, n_boot - start)
        drawn = rng.integers(0, n, (m, n)) + np.arange(m)[:, None] * n
        counts = np.bincount(drawn.ravel(), minlength=m * n).reshape(m, n)
        means[start : start + m] = counts @ values / n
    interval: np.ndarray = np.percentile(means, [2.5, 97.5], axis=0)
    return interval


def _parse(name: str, relevant_from: int) -> Any:
    import ir_measures

    try:
        measure = ir_measures.parse_measure(name)
    except (NameError, ValueError, SyntaxError) as error:
        raise UnknownName("measure", name, MEASURES) from error
    if "rel" in measure.SUPPORTED_PARAMS and "rel" not in measure.params and relevant_from != 1:
        return measure(rel=relevant_from)
    return measure


def _with_relevant(queries: Iterable[Query], grades: Grades, relevant_from: int) -> list[Query]:
    """The queries that something is relevant to, once each, by id."""
    found = {
        query.query_id: query
        for query in queries
        if max(grades.get(query.query_id, {}).values(), default=0) >= relevant_from
    }
    return [found[query_id] for query_id in sorted(found)]


def _grades(qrels: Iterable[Qrel]) -> Grades:
    grades: Grades = defaultdict(dict)
    for qrel in qrels:
        grades[qrel.query_id][qrel.passage_id] = qrel.grade
    return dict(grades)


def _per_query(measures: list[Any], grades: Grades, run: dict[str, dict[str, float]]) -> np.ndarray:
    """(n_queries, n_measures), the queries in the order of `grades`."""
    import ir_measures
    import numpy as np

    row = {query_id: i for i, query_id in enumerate(grades)}
    column = {str(measure): i for i, measure in enumerate(measures)}
    values = np.zeros((len(row), len(column)))
    counted = {query_id: scored for query_id, scored in run.items() if query_id in row}
    for metric in ir_measures.iter_calc(measures, grades, counted):
        values[row[metric.query_id], column[str(metric.measure)]] = metric.value
    return values


def _slices(queries: list[Query]) -> Iterator[tuple[tuple[str, str, str], list[int]]]:
    """(split, level, language) and the positions of its queries; no empty ones."""
    at: dict[tuple[str, str, str], list[int]] = defaultdict(list)
    for i, query in enumerate(queries):
        # a set: a query without a split is in "all" once
        splits, levels, languages = (
            sorted({ALL, value or ALL}) for value in (query.split, query.level, query.language)
        )
        for where in itertools.product(splits, levels, languages):
            at[where].append(i)
    yield from sorted(at.items())


def _rows(
    measures: list[Any],
    values: np.ndarray,
    run: str,
    where: tuple[str, str, str, str],
    boot: tuple[int, int],
) -> Iterator[Measure]:
    seed, n_boot = boot
    split, level, language, labels = where
    low, high = bootstrap(values, n_boot, seed_for(seed, "check", "\n".join(where)))
    means = values.mean(axis=0)
    for i, measure in enumerate(measures):
        yield Measure(
            measure=str(measure), run=run, split=split, level=level, language=language,
            labels=labels, value=float(means[i]), ci_low=float(low[i]), ci_high=float(high[i]),
            n_queries=len(values),
        )  # fmt: skip

"""Measures of runs: ties, unjudged passages, slices and intervals."""

from __future__ import annotations

import numpy as np
import pytest

from datakit.errors import UnknownName
from datakit.measures import bootstrap, measure_runs, ranked
from datakit.records import Measure, Qrel, Query, ScoredPassage


def query(query_id: str, language: str = "en", split: str = "train") -> Query:
    return Query(query_id, query_id, language, "passage", "keyword", split=split)  # type: ignore[arg-type]


def one(rows: list[Measure], measure: str, **where: str) -> Measure:
    wanted = {"split": "all", "level": "all", "language": "all"} | where
    (row,) = [
        row
        for row in rows
        if row.measure == measure and all(getattr(row, k) == v for k, v in wanted.items())
    ]
    return row


RUN = [ScoredPassage("q1", "p1", 2.0), ScoredPassage("q1", "p2", 1.0)]


def test_ties_rank_by_descending_id_for_every_measure() -> None:
    run = [ScoredPassage("q1", f"p{i}", 0.5) for i in range(4)]
    rows = measure_runs(
        {"r": run}, [Qrel("q1", "p3", 2, "direct")], [query("q1")], ["RR@10", "nDCG@10"]
    )

    assert ranked(run) == {"q1": {"p3": 4, "p2": 3, "p1": 2, "p0": 1}}
    assert [row.value for row in rows if row.language == "all" and row.split == "all"] == [1, 1] * 2


def test_scores_that_are_equal_in_single_precision_tie() -> None:
    run = [ScoredPassage("q1", "p1", 1.0 + 1e-12), ScoredPassage("q1", "p2", 1.0)]

    assert ranked(run) == {"q1": {"p2": 2, "p1": 1}}


def test_unjudged_is_not_zero() -> None:
    rows = measure_runs({"r": RUN}, [Qrel("q1", "p1", 2, "direct")], [query("q1")])

    assert one(rows, "Judged@10").value == 0.5
    assert one(rows, "nDCG@10").value == 1.0


def test_grade_one_is_not_relevant_on_our_scale() -> None:
    qrels = [Qrel("q1", "p1", 1, "judge"), Qrel("q1", "p2", 2, "direct")]

    assert one(measure_runs({"r": RUN}, qrels, [query("q1")]), "RR(rel=2)@10").value == 0.5
    binary = measure_runs({"r": RUN}, qrels, [query("q1")], relevant_from=1)
    assert one(binary, "RR@10").value == 1.0


def test_a_query_without_a_relevant_label_does_not_count() -> None:
    qrels = [Qrel("q1", "p1", 2, "direct"), Qrel("q2", "p1", 1, "judge")]
    rows = measure_runs({"r": RUN}, qrels, [query("q1"), query("q2"), query("q3")])

    assert {row.n_queries for row in rows} == {1}


def test_what_a_retriever_is_not_meant_for_is_left_out_and_what_it_misses_is_zero() -> None:
    qrels = [Qrel(q, "p1", 2, "direct") for q in ("q1", "q2", "q3")]
    english, chinese = [query("q1"), query("q2")], query("q3", "zh")

    everything = measure_runs({"r": RUN}, qrels, [*english, chinese])
    meant_for = measure_runs({"r": RUN}, qrels, {"r": english})

    assert one(everything, "nDCG@10").value == pytest.approx(1 / 3)
    assert one(meant_for, "nDCG@10").value == 0.5
    assert one(meant_for, "nDCG@10").n_queries == 2


def test_slices_are_all_and_each_present() -> None:
    queries = [query("q1"), query("q2", "zh", "test")]
    qrels = [Qrel(q.query_id, "p1", 2, "direct") for q in queries]
    rows = measure_runs({"r": RUN}, qrels, queries, ["nDCG@10"], labels="seed")

    assert one(rows, "nDCG@10").value == 0.5
    assert one(rows, "nDCG@10", split="test", language="zh", level="passage").value == 0
    assert not [row for row in rows if row.split == "test" and row.language == "en"]
    assert {row.labels for row in rows} == {"seed"}


def test_the_interval_is_the_percentile_bootstrap() -> None:
    values = np.array([[0.0, 1.0]] * 50 + [[1.0, 1.0]] * 50)

    low, high = bootstrap(values, 2000, seed=1)

    # the normal approximation: 0.5 +- 1.96 * 0.05
    np.testing.assert_allclose([low[0], high[0]], [0.402, 0.598], atol=0.015)
    assert (low[1], high[1]) == (1.0, 1.0)
    np.testing.assert_array_equal(bootstrap(values, 2000, seed=1), [low, high])


def test_an_unknown_measure_is_named() -> None:
    with pytest.raises(UnknownName, match=r"measure 'nDGC@10' does not exist.*nDCG@10"):
        measure_runs({}, [], [], ["nDGC@10"])

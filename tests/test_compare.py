"""`datakit compare`: paired differences of two builds, their tests and the verdict."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import ttest_rel
from test_gates import dataset_of

from datakit import comparison
from datakit.dataset import Dataset, write_tables
from datakit.errors import UnknownName, UsageError
from datakit.records import Document, Judgement, Query
from datakit.significance import DETECTABLE, difference, holm, randomisation


def test_the_randomisation_test_agrees_with_a_t_test_on_normal_differences() -> None:
    rng = np.random.default_rng(0)
    a = rng.normal(0.5, 0.2, 80)
    b = a + rng.normal(0.05, 0.2, 80)

    found = difference(a, b, seed=1)

    assert found.p == pytest.approx(ttest_rel(a, b).pvalue, abs=0.02)
    assert found.low < found.value < found.high
    assert found.detectable == pytest.approx(DETECTABLE * (b - a).std(ddof=1) / 80**0.5)


def test_equal_values_show_nothing_and_p_is_never_zero() -> None:
    assert randomisation(np.zeros(10), seed=0) == 1.0
    assert randomisation(np.ones(50), seed=0) == pytest.approx(1 / 10_001)


def test_holm_multiplies_the_smallest_most() -> None:
    assert holm({"a": 0.01, "b": 0.04, "c": 0.03}) == pytest.approx(
        {"a": 0.03, "b": 0.06, "c": 0.06}
    )


def build(path: Path, per_seed: int, wrong: int = 0, uri: str = "x") -> Dataset:
    """A set of 60 queries with seeds, each so many times; of its labels some are judged wrong."""
    made = dataset_of(path / "made")
    tables = {name: list(made.read(name)) for name in made.tables()}
    queries = [
        replace(q, query_id=f"{q.query_id}.{k}" if k else q.query_id,
                seed_passage_ids=(f"p{q.query_id[1:]}-{k}",))
        for q in tables["query"] for k in range(per_seed)
    ]  # fmt: skip
    tables["query"] = queries
    tables["judgement/judge"] = [
        replace(one, grade=0) if int(one.query_id[1:]) < wrong else one
        for one in tables["judgement/judge"]
    ]
    tables["document"] = [Document("d", "text", uri)]
    return write_tables(path / "set", tables, "made")


def test_more_queries_from_the_same_passages_are_a_better_yield(tmp_path: Path) -> None:
    a, b = build(tmp_path / "a", 1), build(tmp_path / "b", 2)
    found = comparison.compare(a, b, "yield")
    rows = {row.metric: row for row in found.rows}

    assert found.verdict == "B better"
    assert found.rows[0].metric == "yield"
    assert rows["yield"].p_corrected is None
    assert rows["coverage"].p_corrected is not None
    assert comparison.compare(b, a, "yield").verdict == "A better"
    assert list(comparison.lines(found))[-1] == "verdict: B better by yield"


def test_equal_builds_show_no_difference_with_the_detectable_effect(tmp_path: Path) -> None:
    a, b = build(tmp_path / "a", 1), build(tmp_path / "b", 1)

    found = comparison.compare(a, b, "precision")

    assert found.verdict == "no difference shown"
    assert "minimum detectable effect 0.000" in list(comparison.lines(found))[-1]
    assert found.discrimination["tau"] == 1.0
    assert json.dumps(comparison.as_json(found))


def test_labels_that_the_judge_refuses_are_worse(tmp_path: Path) -> None:
    a, b = build(tmp_path / "a", 1, wrong=20), build(tmp_path / "b", 1)
    # people's grades would decide before the judge's
    sets = []
    for one in (a, b):
        tables = {name: list(one.read(name)) for name in one.tables() if "human" not in name}
        sets.append(write_tables(one.path.parent / "bare", tables, "made"))

    assert comparison.compare(*sets, "precision").verdict == "B better"


def test_leak_is_better_when_there_is_less_of_it(tmp_path: Path) -> None:
    a, b = build(tmp_path / "a", 1), build(tmp_path / "b", 1)
    tables = {name: list(b.read(name)) for name in b.tables()}
    tables["passage"] = [replace(one, text=f"question {one.passage_id}") for one in
                         tables["passage"]]  # fmt: skip
    copied = write_tables(tmp_path / "copied", tables, "made")

    assert comparison.compare(a, copied, "leak").verdict == "A better"  # paired by document
    same = {name: list(a.read(name)) for name in a.tables()} | {"passage": tables["passage"]}
    fresh = dict(same)
    fresh["query"] = [replace(q, text="something else") for q in same["query"]]
    assert (
        comparison.compare(
            write_tables(tmp_path / "x", same, "made"),
            write_tables(tmp_path / "y", fresh, "made"),
            "leak",
        ).verdict
        == "B better"
    )


def test_builds_of_other_documents_and_unknown_metrics_are_refused(tmp_path: Path) -> None:
    a, b = build(tmp_path / "a", 1), build(tmp_path / "b", 1, uri="y")

    with pytest.raises(UsageError, match="different documents"):
        comparison.compare(a, b, "yield")
    with pytest.raises(UnknownName, match="Did you mean 'yield'"):
        comparison.compare(a, a, "yeild")
    with pytest.raises(UsageError, match="needs a third set"):
        comparison.compare(a, a, "utility")


def test_a_metric_without_judges_is_not_established(tmp_path: Path) -> None:
    a = build(tmp_path / "a", 1)
    tables = {n: list(a.read(n)) for n in a.tables() if not n.startswith("judgement/")}
    bare = write_tables(tmp_path / "bare", tables, "made")

    with pytest.raises(UsageError, match=r"'precision' has no value: .* not judged"):
        comparison.compare(a, bare, "precision")
    rows = {row.metric: row for row in comparison.compare(a, bare, "yield").rows}
    assert rows["precision"].found is None


def test_pairs_for_the_judge_are_equally_many_and_show_nothing_else(tmp_path: Path) -> None:
    a, b = build(tmp_path / "a", 1), build(tmp_path / "b", 1)
    files = comparison.write_pairs(a, b, tmp_path / "pairs", 50)
    rows = [[json.loads(line) for line in file.read_text().splitlines()] for file in files]

    assert [len(found) for found in rows] == [50, 50]
    assert set(rows[0][0]) == {"query_id", "passage_id"}


def test_an_encoder_is_trained_on_each_and_tested_on_a_third(tmp_path: Path) -> None:
    from test_train_retriever import SMALL, synonyms

    made = synonyms(tmp_path / "set", "en")
    tables = {name: list(made.read(name)) for name in made.tables()}
    tables["document"] = [Document("d", "text", "x")]
    good = write_tables(tmp_path / "good", tables, "made")
    shifted = dict(tables)
    labels = tables["qrel/mined"]
    shifted["qrel/mined"] = [
        replace(one, passage_id=labels[(i + 8) % len(labels)].passage_id)
        for i, one in enumerate(labels)
    ]
    bad = write_tables(tmp_path / "bad", shifted, "made")
    utility = comparison.Utility(made.path, SMALL, steps=25)

    found = comparison.compare(bad, good, "utility", utility)

    assert found.verdict == "B better"
    assert isinstance(tables["query"][0], Query)
    assert not any(isinstance(one, Judgement) for one in tables["query"])

"""The two filter steps in a build, and what is told of them."""

from __future__ import annotations

import pytest

from datakit import pipeline, samples
from datakit import plan as plans
from datakit.dataset import Dataset
from datakit.report.filters import filter_table, rule_facts

STEPS = ("filter", "filter/retrieved", "split")


@pytest.fixture(scope="module", params=["train", "eval"])
def built(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    folder = tmp_path_factory.mktemp(request.param)
    plan = plans.load("no_encoder", purpose=request.param)
    return pipeline.build([samples.root()], folder / "out", plan, show=False)


def purpose(dataset: Dataset) -> str:
    return str(dataset.manifest["purpose"])


def test_notes_agree_with_the_drops_of_their_step(built: Dataset) -> None:
    for step in STEPS:
        entry = built.manifest["stages"][step]
        rules = entry["notes"]["rules"].values()
        lost = sum(rule.get("dropped", 0) + rule.get("merged", 0) for rule in rules)
        lost += sum(entry["notes"].get("split", {}).get("dropped", {}).values())
        assert lost == entry["counts"]["dropped"] == sum(entry["dropped_by_reason"].values())
        assert entry["counts"]["in"] == entry["counts"]["out"] + lost


def test_retrievers_drop_from_the_train_split_alone(built: Dataset) -> None:
    drops = built.manifest["stages"]["filter/retrieved"]["dropped_by_reason"]
    late = built.manifest["stages"]["split"]["dropped_by_reason"]
    before = {q.query_id for q in built.read("query/filtered")}
    lost = before - {q.query_id for q in built.read("query")}
    easy = [q for q in built.read("query/filtered") if "easy" in q.flags]

    assert easy
    assert {q.scores.get("weight") for q in easy} == (
        {0.5} if purpose(built) == "train" else {None}
    )
    assert set(drops) <= {"few_relevant", "many_relevant"}
    assert ("no_round_trip" in late) == (purpose(built) == "train")
    assert len(lost) == sum(late.values())


def test_split_takes_what_the_second_filter_kept(built: Dataset) -> None:
    kept = {q.query_id for q in built.read("query/filtered")}

    assert {q.query_id for q in built.read("query")} <= kept
    assert {label.query_id for label in built.read("qrel/mined")} <= kept


def test_subset_of_easy_eval_queries_is_not_measured(built: Dataset) -> None:
    evaluates = purpose(built) == "eval"
    labelled = {
        label.query_id
        for label in built.read("qrel/mined")
        if not evaluates or "uncertified" not in label.flags
    }
    asked = [query for query in built.read("query") if query.query_id in labelled]
    easy = sum("easy" in query.flags for query in asked)
    sizes = [m.n_queries for m in built.read("measure") if (m.split, m.level) == ("all", "all")]

    assert max(sizes) == len(asked) - (easy if evaluates else 0)


def test_every_rule_is_told_with_its_examples(built: Dataset) -> None:
    facts = {(fact.step, fact.rule): fact for fact in rule_facts(built)}

    flagged = facts["filter", "F4"]
    assert flagged.flagged > 5
    assert len(flagged.examples) == 5
    assert facts["split", "F9"].state == "not established"
    assert str(facts["split", "F9"]) == ("not established: no pair has a cross-encoder score")


def test_closing_table_ends_with_what_is_kept(built: Dataset) -> None:
    table = dict(filter_table(built))

    assert "flagged (lexical_leak" in table["F4 wording of its own"]
    kept = [value for label, value in table.items() if label.startswith("kept, ")]
    total = sum(int(value.split(" ")[0].replace(",", "")) for value in kept)
    assert total == built.count("query")

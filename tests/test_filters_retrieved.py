"""F6 as judged, F7, F9, F10 and F11: what they do to each split of a training or test set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from datakit.filters import (
    FilterSettings,
    Run,
    Tally,
    filter_retrieved,
    filter_split,
    read_run,
    seeds_and_copies,
)
from datakit.records import Dropped, Qrel, Query, ScoredPassage

Found = dict[str, Query | Dropped]


def query(query_id: str, level: Any = "sentence", **values: Any) -> Query:
    known = {"seed_passage_ids": (f"{query_id}-seed",)}
    return Query(query_id, f"text of {query_id}", "en", level, "question", **{**known, **values})


def label(query_id: str, passage: str = "seed", grade: int = 2, **values: Any) -> Qrel:
    return Qrel(query_id, f"{query_id}-{passage}", grade, values.pop("source", "direct"), **values)


def ranked(name: str, top: dict[str, str], /, **seed_rank: int) -> Run:
    return Run(name, lambda query: True, top, seed_rank)


def apply(
    queries: Sequence[Query],
    labels: Sequence[Qrel],
    runs: Sequence[Run] = (),
    purpose: Any = "train",
    tally: Tally | None = None,
    **settings: Any,
) -> Found:
    """All the rules, in the order of a build."""
    tally, limits = tally or Tally(), FilterSettings(**settings)
    first = list(filter_retrieved(queries, labels, {}, runs, limits, purpose, tally))
    kept = [one for one in first if isinstance(one, Query)]
    rows = [
        *(one for one in first if isinstance(one, Dropped)),
        *filter_split(kept, labels, runs, limits, purpose, tally),
    ]
    return {r.record_id if isinstance(r, Dropped) else r.query_id: r for r in rows}


def flags(found: Query | Dropped) -> tuple[str, ...]:
    assert isinstance(found, Query)
    return found.flags


def reason(found: Query | Dropped) -> str:
    return found.reason if isinstance(found, Dropped) else "kept"


@pytest.mark.parametrize("purpose", ["train", "eval"])
def test_seed_that_a_judge_finds_not_relevant_drops_its_query(purpose: str) -> None:
    asked = [query("bad"), query("good", flags=("unverified",)), query("open")]
    labels = [
        label("bad", grade=1, source="judge"), label("bad", "other"),
        label("good", grade=2, source="human"), label("open"),
    ]  # fmt: skip

    found = apply(asked, labels, purpose=purpose)

    assert {key: reason(one) for key, one in found.items()} == {
        "bad": "seed_not_relevant", "good": "kept", "open": "kept",
    }  # fmt: skip
    assert flags(found["good"]) == ()


def test_too_many_or_too_few_relevant_clusters_flag_in_train_and_drop_in_eval() -> None:
    asked = [query("few", "topic"), query("many"), query("capped"), query("fine")]
    labels = [
        label("few"), *(label("many", str(i)) for i in range(11)),
        label("capped", flags=("capped",)), label("fine"), label("fine", "low", grade=1),
    ]  # fmt: skip

    train = {key: flags(one) for key, one in apply(asked, labels).items()}
    evaluation = {key: reason(one) for key, one in apply(asked, labels, purpose="eval").items()}

    assert train == {
        "few": ("few_relevant",), "many": ("many_relevant",), "capped": ("many_relevant",),
        "fine": (),
    }  # fmt: skip
    assert evaluation == {
        "few": "few_relevant", "many": "many_relevant", "capped": "many_relevant", "fine": "kept",
    }  # fmt: skip


def test_copies_of_a_passage_are_one_cluster() -> None:
    labels = [label("q", str(i)) for i in range(11)]
    clusters = {f"q-{i}": "q-0" for i in range(11)}

    (kept,) = filter_retrieved(
        [query("q")], labels, clusters, (), FilterSettings(), "eval", Tally()
    )

    assert isinstance(kept, Query)


def test_cross_encoder_keeps_the_best_share_of_each_level_or_those_above_the_threshold() -> None:
    asked = [query(f"q{i}") for i in range(10)] + [query("other", "passage")]
    labels = [label(f"q{i}", scores={"ce": float(i)}) for i in range(10)]
    labels.append(label("other", scores={"ce": -9.0}))

    best = apply(asked, labels, ce_share=0.2)
    above = apply(asked, labels, ce_least=6.5)
    flagged = apply(asked, labels, purpose="eval", ce_share=0.2)

    assert {key for key, one in best.items() if isinstance(one, Query)} == {"q8", "q9", "other"}
    assert {key for key, one in above.items() if isinstance(one, Query)} == {"q7", "q8", "q9"}
    assert reason(best["q1"]) == "low_ce_score"
    assert flags(flagged["q1"]) == ("low_ce_score",)
    assert flags(flagged["q9"]) == ()


def test_without_a_cross_encoder_the_rule_is_not_established() -> None:
    tally = Tally()

    found = apply([query("q")], [label("q", scores={"bm25": 1.0})], tally=tally)

    assert reason(found["q"]) == "kept"
    assert tally.notes()["F9"]["state"] == "not established"


def test_round_trip_drops_in_train_where_no_retriever_has_the_seed_first() -> None:
    asked = [query("first"), query("deep"), query("lost"), query("seedless", seed_passage_ids=())]
    labels = [label(q.query_id) for q in asked]
    runs = [ranked("a", {}, first=3, deep=2), ranked("b", {}, first=1, deep=100)]

    train = apply(asked, labels, runs)
    evaluation = apply(asked, labels, runs, purpose="eval")

    assert [reason(one) for one in train.values()].count("no_round_trip") == 2
    assert reason(train["first"]) == reason(train["seedless"]) == "kept"
    assert flags(evaluation["deep"]) == ()
    assert flags(evaluation["lost"]) == ("no_round_trip",)
    assert isinstance(train["deep"], Dropped)
    assert "a 2, b 100; expected 1" in train["deep"].detail


def test_no_retriever_and_no_cross_encoder_drops_from_dev_or_test() -> None:
    asked = [query(split, split=split) for split in ("train", "dev", "test")]
    labels = [label(q.query_id, scores={"ce": -1.0}) for q in asked]
    runs = [ranked("a", {}, train=7, dev=7, test=101)]

    trip = apply(asked, labels, runs, off=("F9",))
    score = apply(asked, labels, off=("F10",), ce_least=0.0)

    assert {key: reason(one) for key, one in trip.items()} == {
        "train": "no_round_trip", "dev": "kept", "test": "kept",
    }  # fmt: skip
    assert (flags(trip["dev"]), flags(trip["test"])) == ((), ("no_round_trip",))
    assert reason(score["train"]) == "low_ce_score"
    assert flags(score["dev"]) == flags(score["test"]) == ("low_ce_score",)


def test_easy_training_query_counts_half() -> None:
    asked = [query("easy"), query("hard")]
    labels = [label("easy"), label("hard")]
    runs = [
        ranked("a", {"easy": "easy-seed", "hard": "hard-seed"}, easy=1, hard=1),
        ranked("b", {"easy": "easy-seed", "hard": "elsewhere"}, easy=1, hard=2),
    ]

    found = apply(asked, labels, runs)

    assert flags(found["easy"]) == ("easy",)
    assert dict(found["easy"].scores) == {"weight": 0.5}  # type: ignore[union-attr]
    assert flags(found["hard"]) == ()


def test_one_retriever_alone_says_nothing_about_easy() -> None:
    tally = Tally()

    found = apply([query("q")], [label("q")], [ranked("a", {"q": "q-seed"}, q=1)], tally=tally)

    assert flags(found["q"]) == ()
    assert tally.notes()["F11"]["state"] == "not established"


def test_easy_queries_beyond_their_share_of_an_eval_set_form_a_subset() -> None:
    asked = [query(f"q{i:02}") for i in range(20)]
    first = {q.query_id: f"{q.query_id}-{'seed' if i < 13 else 'x'}" for i, q in enumerate(asked)}
    seed_rank = {q.query_id: 1 for q in asked}
    runs = [Run(name, lambda query: True, first, seed_rank) for name in "ab"]

    found = apply(asked, [label(q.query_id) for q in asked], runs, purpose="eval")

    moved = [key for key, one in found.items() if "easy" in flags(one)]
    assert len(found) == 20
    assert len(moved) == 10  # 7 hard ones leave room for 3 easy ones: 30 % of 10
    assert all(first[key].endswith("seed") for key in moved)
    again = apply(asked[::-1], [label(q.query_id) for q in asked], runs, purpose="eval")
    assert sorted(moved) == sorted(key for key, one in again.items() if "easy" in flags(one))


def test_uncertified_first_passage_makes_no_eval_query_easy() -> None:
    labels = [label("q"), label("q", "top", flags=("uncertified",))]
    runs = [ranked(name, {"q": "q-top"}, q=2) for name in "ab"]
    settings = {"easy_share": 0.0, "off": ("F10",)}

    assert flags(apply([query("q")], labels, runs, **settings)["q"]) == ("easy",)
    assert flags(apply([query("q")], labels, runs, "eval", **settings)["q"]) == ()


def test_rules_that_are_off_do_nothing() -> None:
    tally = Tally(("F7", "F10", "F11"))
    runs = [ranked(name, {"q": "q-seed"}, q=9) for name in "ab"]

    found = apply([query("q", "topic")], [label("q")], runs, tally=tally, off=("F7", "F10", "F11"))

    assert flags(found["q"]) == ()
    assert {tally.notes()[rule]["state"] for rule in ("F7", "F10", "F11")} == {"off"}


def test_links_to_a_dropped_query_are_forgotten() -> None:
    asked = [query("parent", child_ids=("lost", "kept")), query("lost"), query("kept")]
    labels = [label(q.query_id) for q in asked]

    found = apply(asked, labels, [ranked("a", {}, parent=1, kept=1)])

    assert isinstance(found["lost"], Dropped)
    assert found["parent"] == replace(asked[0], child_ids=("kept",))


def test_a_run_is_summed_up_with_the_ties_of_trec() -> None:
    rows = [
        ScoredPassage("q", "p1", 2.0), ScoredPassage("q", "p3", 2.0), ScoredPassage("q", "p2", 1.0),
        ScoredPassage("other", "p1", 1.0),
    ]  # fmt: skip
    labels = [Qrel("q", "p2", 3, "direct"), Qrel("q", "p1", 3, "duplicate")]
    seeds = seeds_and_copies(labels, [query("q", seed_passage_ids=("p2",))])

    run = read_run("bm25", lambda query: True, lambda: reversed(rows), seeds)

    assert run.first == {"q": "p3", "other": "p1"}
    assert run.seed_rank == {"q": 2}

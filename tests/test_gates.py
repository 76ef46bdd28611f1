"""Every gate passes, fails, and is not established, each for its own reason."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from ground_builder import automatic, ground, systems, truth

from datakit.calibration.certify import lower_bound
from datakit.dataset import Dataset, write_tables
from datakit.errors import DatasetError
from datakit.gates import verify as gates
from datakit.gates.coverage import coverage
from datakit.gates.difficulty import difficulty, fused, lexical_bias
from datakit.gates.gate import Gate, Need, decided, mean, weighted_share
from datakit.gates.ground import Automatic, Ground
from datakit.gates.judges import family_bias, judge_validity, oracle_sanity
from datakit.gates.labels import label_precision, label_recall
from datakit.gates.pools import pool_health
from datakit.gates.ranking import rank_stability, seed_only_gap
from datakit.gates.self_test import self_test
from datakit.records import Judgement, Passage, Query, ScoredPassage

N = 80
TRUTH = truth(N)
TWELVE = tuple(0.3 + 0.06 * i for i in range(12))
EQUAL = (0.7,) * 12


def states(rows: Iterable[Gate]) -> list[str]:
    return [row.status for row in rows]


def inverted(grades: dict[tuple[str, str], int]) -> dict[tuple[str, str], int]:
    return {pair: 3 - grade for pair, grade in grades.items()}


# --- G1, G2 -------------------------------------------------------------------------------


def test_right_labels_pass_precision_and_wrong_ones_fail() -> None:
    right, wrong = ground(judge=TRUTH), ground(judge=TRUTH, automatic=automatic(N, wrong=0.3))

    assert states(label_precision(right)) == ["pass"]
    assert states(label_precision(wrong)) == ["fail"]
    assert next(iter(label_precision(right))).reason == "judge-relative"


def test_precision_by_people_is_not_relative_to_the_judge() -> None:
    (row,) = label_precision(ground(judge=inverted(TRUTH), people=TRUTH))

    assert (row.status, row.reason) == ("pass", "")


def test_precision_is_open_without_a_judge_and_where_too_few_are_judged() -> None:
    few = dict(list(TRUTH.items())[:100])  # 30 of 240 labels, all right: the bound is 0.905

    assert states(label_precision(ground())) == ["not_established"]
    assert states(label_precision(ground(judge=dict(list(few.items())[:40])))) == [
        "not_established"
    ]
    assert states(label_precision(ground(judge=few))) == ["pass"]


def test_uncertified_labels_do_not_count_in_an_eval_set() -> None:
    found = automatic(N)
    (row,) = label_precision(
        ground(judge=TRUTH, automatic=found, uncertified=frozenset(found), purpose="eval")
    )

    assert (row.status, row.reason) == ("not_established", "no automatic label")


def test_complete_labels_pass_recall_and_a_half_of_them_fails() -> None:
    whole, half = ground(people=TRUTH), ground(people=TRUTH, automatic=automatic(N, kept=0.5))

    assert states(label_recall(whole)) == ["pass", "pass"]
    assert states(label_recall(half)) == ["fail", "fail"]


def test_recall_needs_people_and_shows_what_calibration_estimated() -> None:
    missed = {
        "n_drawn": 400, "rate": {"value": 0.01, "low": 0.0, "high": 0.02},
        "recall": {"value": 0.9, "low": 0.85, "high": 0.95},
    }  # fmt: skip
    rows = list(label_recall(ground(judge=TRUTH, calibrations={"passage": {"missed": missed}})))

    assert states(rows) == ["not_established", "not_established"]
    assert [row.value for row in rows] == [0.9, 0.01]
    assert "no human anchor (0 of 50 queries)" in rows[0].reason


# --- G3, G10, G11 -------------------------------------------------------------------------


def test_a_judge_that_agrees_passes_and_one_that_guesses_fails() -> None:
    assert states(judge_validity(ground(judge=TRUTH, people=TRUTH))) == ["pass"] * 3
    assert states(judge_validity(ground(judge=inverted(TRUTH), people=TRUTH))) == ["fail"] * 3
    assert states(judge_validity(ground(judge=TRUTH))) == ["not_established"] * 3


def test_kappa_of_relevance_is_that_of_scikit_learn() -> None:
    from sklearn.metrics import cohen_kappa_score

    rng = np.random.default_rng(0)
    a, b = rng.integers(0, 4, 300), rng.integers(0, 4, 300)
    b = np.where(rng.random(300) < 0.5, a, b)
    pairs = [(f"q{i:03}", "p") for i in range(300)]
    judge, people = (dict(zip(pairs, one.tolist(), strict=True)) for one in (a, b))

    rows = list(judge_validity(ground(judge=judge, people=people)))

    assert rows[0].value == pytest.approx(cohen_kappa_score(a >= 2, b >= 2))
    assert rows[1].value == pytest.approx(cohen_kappa_score(a, b))
    assert rows[2].value == pytest.approx(cohen_kappa_score(a, b, weights="quadratic"))


def test_labels_that_favour_their_own_system_fail() -> None:
    own, other = systems(N, [0.9])[0], systems(N, [0.5, 0.9])[1]
    favoured = {  # what its own system ranks first is relevant, whatever people say
        (q, p): Automatic(2, "indirect-passage") for q, ids in own.rankings.items() for p in ids[:3]
    }
    fair = (replace(own, pooled=True), other)

    assert states(family_bias(ground(people=TRUTH, systems=fair))) == ["pass"]
    assert states(family_bias(ground(people=TRUTH, systems=fair, automatic=favoured))) == ["fail"]
    assert states(family_bias(ground(people=TRUTH))) == ["not_established"]
    assert states(family_bias(ground(systems=fair))) == ["not_established"]


def test_no_system_may_beat_the_oracle_under_the_judge() -> None:
    judged = ground(judge=TRUTH, people=TRUTH)
    # a judge that calls relevant what people do not: a system that ranks so beats the oracle
    upside = replace(judged, judge=inverted(TRUTH), systems=systems(N, [0.0]))

    assert states(oracle_sanity(judged)) == ["pass"]
    assert states(oracle_sanity(upside)) == ["fail"]
    assert states(oracle_sanity(ground(judge=TRUTH))) == ["not_established"]


# --- G4 -----------------------------------------------------------------------------------


def test_a_judged_pool_is_healthy_and_an_unjudged_one_is_not() -> None:
    judged, bare = ground(judge=TRUTH), ground()

    assert states(pool_health(judged)) == ["pass", "pass"]
    assert states(pool_health(bare))[0] == "fail"
    assert states(pool_health(ground(systems=()))) == ["not_established"] * 2


def test_what_a_certified_threshold_leaves_out_is_known() -> None:
    below = frozenset(pair for pair, grade in TRUTH.items() if not grade)

    assert states(pool_health(ground(below=below)))[0] == "pass"


def test_labels_that_one_system_alone_proposed_move_it() -> None:
    bare = systems(N, [0.9, 0.9])
    alone = {q: tuple(f"{one}x" for one in ids) for q, ids in bare[0].rankings.items()}
    labels = {(q, ids[0]): Automatic(2, "indirect-passage") for q, ids in alone.items()}
    both = ground(
        systems=(replace(bare[0], rankings=alone), bare[1]), automatic=automatic(N) | labels
    )

    assert states(pool_health(both))[1] == "fail"


# --- G5, G6 -------------------------------------------------------------------------------


def test_systems_of_different_quality_keep_their_order_and_equal_ones_do_not() -> None:
    two = {"a": TRUTH, "b": TRUTH}

    assert states(rank_stability(ground(qualities=TWELVE, by_assessor=two))) == ["pass"] * 3
    assert states(rank_stability(ground(qualities=EQUAL)))[0] == "fail"
    assert states(rank_stability(ground())) == ["not_established"] * 3


def test_two_judges_that_contradict_each_other_fail() -> None:
    two = {"a": TRUTH, "b": inverted(TRUTH)}

    assert states(rank_stability(ground(qualities=TWELVE, by_assessor=two)))[1] == "fail"
    assert states(rank_stability(ground(qualities=TWELVE)))[1] == "not_established"


def test_the_gap_to_direct_labels_is_reported() -> None:
    rows = list(seed_only_gap(ground(qualities=TWELVE)))

    assert states(rows) == ["pass", "pass"]
    assert rows[1].value is not None
    assert rows[1].value > 0  # more positives, more to find
    assert states(seed_only_gap(ground(automatic={}))) == ["not_established"] * 2


# --- G7, G8, G9 ---------------------------------------------------------------------------


def test_a_set_that_all_systems_solve_is_too_easy() -> None:
    assert states(difficulty(ground(N, (0.0, 0.5, 0.9)))) == ["pass"] * 3
    assert states(difficulty(ground(N, (1.0, 1.0, 1.0))))[0] == "fail"
    assert states(difficulty(ground(systems=()))) == ["not_established"] * 3


def test_hybrid_and_lexical_that_do_not_differ_fail() -> None:
    same = systems(N, [0.6])
    alike = (*same, replace(same[0], name="copy", family="hybrid"))

    assert states(difficulty(ground(systems=alike)))[2] == "fail"


def test_a_set_that_no_system_solves_is_too_hard() -> None:
    nowhere = {f"q{q:03}": ("other",) for q in range(N)}
    bare = systems(N, [0.5, 0.5])

    assert states(difficulty(ground(systems=tuple(replace(s, rankings=nowhere) for s in bare))))[
        1
    ] == ("fail")


def test_fusion_prefers_what_both_rank_high() -> None:
    a, b = systems(1, [0.5, 0.5])
    one = replace(a, rankings={"q": ("x", "y")})
    other = replace(b, rankings={"q": ("y", "z")})

    assert fused(one, other)["q"] == ("y", "x", "z")


def overlapping(copied: bool) -> tuple[Ground, dict[str, str]]:
    """Lexical beats dense on every second query; there the passage has the query's words."""
    base = ground(N)
    good, bad = systems(N, [1.0, 0.0])
    turn = {
        q: (good if int(q[1:]) % 2 else bad).rankings[q] for q in good.rankings
    }  # lexical: good on odd queries
    dense = {q: (bad if int(q[1:]) % 2 else good).rankings[q] for q in good.rankings}
    both = (replace(good, rankings=turn), replace(bad, rankings=dense, family="dense"))
    texts = {
        p: (base.queries[q].text if copied and int(q[1:]) % 2 else "nothing in common")
        for q, p in TRUTH
    }
    return replace(base, systems=both), texts


def test_wording_that_favours_the_lexical_system_is_a_bias() -> None:
    assert states(lexical_bias(*overlapping(copied=True))) == ["fail"]
    assert states(lexical_bias(*overlapping(copied=False))) == ["not_established"]
    assert states(lexical_bias(ground(10), {})) == ["not_established"]


def test_wording_that_favours_nobody_passes() -> None:
    base = ground(N, (0.6, 0.6))
    texts = {p: base.queries[q].text if int(p[3]) < 5 else "nothing" for q, p in TRUTH}

    assert states(lexical_bias(base, texts)) == ["pass"]


def test_coverage_counts_copies_and_leaves_out_what_nobody_can_ask_about() -> None:
    asked = [p for (q, p), grade in TRUTH.items() if grade]
    every = [p for _, p in TRUTH]

    assert states(coverage(ground(), asked, {})) == ["pass"]
    assert states(coverage(ground(), every, {})) == ["fail"]
    assert states(coverage(ground(), every, {p: p[:4] for p in every})) == ["pass"]
    assert states(coverage(ground(), [], {})) == ["not_established"]


# --- G13 ----------------------------------------------------------------------------------


def test_gates_move_when_labels_are_spoiled() -> None:
    rows = list(self_test(ground(judge=TRUTH, people=TRUTH)))

    assert states(rows) == ["pass", "pass"]
    assert "G1 1.000, expected 0.900" in rows[0].reason


def test_a_gate_that_does_not_move_fails_the_self_test(monkeypatch: pytest.MonkeyPatch) -> None:
    from datakit.gates import self_test as module
    from datakit.gates.gate import Found

    monkeypatch.setattr(module, "precision", lambda *_: Found(0.97))
    monkeypatch.setattr(module, "recalled", lambda *_: (Found(0.97), Found(0.0), 1))

    assert states(self_test(ground(judge=TRUTH, people=TRUTH))) == ["fail", "fail"]


def test_the_self_test_is_open_without_grades() -> None:
    assert states(self_test(ground())) == ["not_established"] * 2


# --- statistics ---------------------------------------------------------------------------


def test_one_stratum_of_single_labels_has_the_exact_bound() -> None:
    hits, n = np.array([45.0]), np.array([46.0])
    residuals = np.where(np.arange(46) < 45, 1, 0)[:, None] - 45 / 46

    found = weighted_share(hits, n, np.array([1000.0]), residuals)

    assert found.low == pytest.approx(lower_bound(45, 46), abs=0.003)


def test_a_bound_decides_nothing_where_only_the_value_holds() -> None:
    found = mean(np.array([1.0] * 9 + [0.0]), 0)

    assert decided(found, Need(">=", 0.80), "bound")[0] == "not_established"
    assert decided(found, Need(">=", 0.80), "value")[0] == "pass"
    assert decided(found, Need(">=", 0.95), "bound")[0] == "fail"


# --- a dataset ----------------------------------------------------------------------------


def dataset_of(path: Path, n: int = 60, judged: bool = True) -> Dataset:
    """Ground as tables: n queries, two runs, labels, and a judge's and a person's grades."""
    known = truth(n)
    rows = [
        Judgement(q, p, 3, "direct" if p.endswith("-0") else "indirect-passage")
        for (q, p), grade in known.items() if grade
    ]  # fmt: skip
    runs = {
        f"run/{one.name}": [
            ScoredPassage(q, p, float(-rank))
            for q, ids in one.rankings.items() for rank, p in enumerate(ids)
        ]
        for one in systems(n, [0.5, 0.9])
    }  # fmt: skip
    tables = {
        "passage": [Passage(p, p, p, 0, 4, 0, language="en") for _, p in known],
        "query": [Query(q, f"question {q}", "en", "passage", "question", split="test",
                        generator_family="llm") for q, _ in list(known)[::10]],
        "judgement": rows, **runs,
    }  # fmt: skip
    if judged:
        for source in ("judge", "human"):
            tables[f"judgement/{source}"] = [
                Judgement(q, p, grade, source, assessor_id=source)  # type: ignore[arg-type]
                for (q, p), grade in known.items()
            ]
    return write_tables(path, tables, "made")


def test_verify_reads_a_dataset_and_says_what_is_not_established(tmp_path: Path) -> None:
    rows, found = gates.verify(dataset_of(tmp_path), self_test=True)
    status = {(row.gate, row.metric): row.status for row in rows}
    text = list(gates.lines(rows, found))

    assert {gate for gate, _ in status} == {f"G{i}" for i in range(1, 14)}
    assert status["G1", "precision of automatic labels"] == "pass"
    assert status["G13", "seeds in which G2 finds 20 % removed"] == "pass"
    assert text[0].startswith("G1   label precision   pass")
    assert "not asked for: datakit verify OUT --training" in "\n".join(text)
    assert text[-1].startswith("verdict: ")
    assert text[-1].endswith("not established: G5 G6 G7 G8 G10 G12")


def test_a_verdict_is_a_pass_only_when_all_is_established(tmp_path: Path) -> None:
    found = ground()
    good = Gate("G1", "t", "m", 1.0, status="pass")

    assert gates.verdict([good], found) == "pass"
    assert gates.verdict([good, replace(good, status="not_established")], found) == "incomplete"
    assert gates.verdict([good, replace(good, status="fail")], found) == "fail"
    rules = {q: replace(one, generator_family="extractive") for q, one in found.queries.items()}
    assert gates.verdict([good], replace(found, queries=rules)) == "smoke"


def test_gates_json_has_the_keys_that_readers_rely_on(tmp_path: Path) -> None:
    dataset = dataset_of(tmp_path, judged=False)
    rows, _ = gates.verify(dataset)
    found = json.loads(gates.write(dataset, rows).read_text("utf-8"))
    kept = found["gates"]

    assert found["content_hash"] == dataset.manifest["content_hash"]
    assert set(kept[0]) == {
        "gate", "title", "metric", "value", "low", "high", "n", "threshold", "need", "status",
        "reason",
    }  # fmt: skip
    assert kept[0]["threshold"] == 0.9


def test_a_dataset_without_queries_cannot_be_verified(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="has no table 'query'"):
        gates.verify(write_tables(tmp_path, {"passage": []}, "made"))

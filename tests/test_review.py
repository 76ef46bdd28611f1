"""Pairs for people: drawn, written, read back, agreed on."""

from __future__ import annotations

import csv
import json
import warnings
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from datakit import agreement
from datakit.dataset import Dataset, write_tables
from datakit.errors import UsageError
from datakit.judging.tables import append, judged
from datakit.records import Evidence, Judgement, Passage, Qrel, Query, ScoredPassage
from datakit.reviewing import agreeing, answers, batch, files, frames
from datakit.reviewing.batch import Plan
from datakit.reviewing.bringing import bring_in

N = 40


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    """40 queries with a label each; two runs of which the second ranks the other way round."""
    passages = [Passage(f"d{i}:0-20", f"d{i}", f"Refunds take {i:03} days.", 0, 20, 0)
                for i in range(N)]  # fmt: skip
    queries = [
        Query(f"q{i}", f"How long, {i}?", "en", "passage", "question",
              split="test" if i % 2 else "train", evidence=(Evidence(f"d{i}", 0, 7),))
        for i in range(N)
    ]  # fmt: skip
    labels = [Qrel(q.query_id, p.passage_id, 3, "direct")
              for q, p in zip(queries, passages, strict=True)]  # fmt: skip
    runs = {
        f"run/{name}": [
            ScoredPassage(f"q{i}", f"d{(i + k) % N}:0-20", sign * float(k))
            for i in range(N) for k in range(15)
        ] for name, sign in (("up", 1), ("down", -1))
    }  # fmt: skip
    tables = {"passage": passages, "query": queries, "qrel/mined": labels, **runs}
    return write_tables(tmp_path / "out", tables, "x", seed=13)


def grade(dataset: Dataset, grades: dict[tuple[str, str], dict[str, int | None]]) -> Dataset:
    rows = [
        Judgement(q, p, g, "human", assessor_id=who)
        for (q, p), by in grades.items() for who, g in by.items()
    ]  # fmt: skip
    append(dataset, "human", rows, {"plugin": "review"})
    return dataset


# --- draws --------------------------------------------------------------------------------


def test_a_random_batch_records_with_what_chance_each_pair_was_drawn(dataset: Dataset) -> None:
    made = batch.draw(dataset, Plan("random", 10))

    assert len({row.pair for row in made.rows}) == 10
    assert {row.inclusion_probability for row in made.rows} == {10 / N}
    assert batch.load(dataset) == made
    assert batch.draw(dataset, Plan("random", 10)) == made


def test_over_many_seeds_every_pair_is_drawn_equally_often(dataset: Dataset) -> None:
    drawn = Counter(
        row.pair
        for seed in range(100)
        for row in batch.draw(dataset, Plan("random", 10, seed)).rows
    )

    # binomial, n = 100, p = 0.25: 4 standard deviations are 17
    assert all(8 <= drawn[f"q{i}", f"d{i}:0-20"] <= 42 for i in range(N))


def test_unjudged_top_is_what_runs_rank_first_and_nobody_labelled(dataset: Dataset) -> None:
    frame = frames.frame_of(dataset, "unjudged-top")

    # ten by each run less the label, which is first in one of them; ranks 6 to 10 are in both
    assert len(frame.pairs) == N * 14
    assert frame.is_sample
    assert not set(frame.pairs) & {(f"q{i}", f"d{i}:0-20") for i in range(N)}


def test_what_is_chosen_for_disagreement_has_no_probability(dataset: Dataset) -> None:
    pair = ("q3", "d3:0-20")
    grade(dataset, {pair: {"ann": 3, "bob": 0}})

    made = batch.draw(dataset, Plan("disagreement", 5, again=True))

    assert pair in {row.pair for row in made.rows}
    assert {row.inclusion_probability for row in made.rows} == {None}


def test_retrievers_that_rank_a_pair_first_and_last_disagree_most(dataset: Dataset) -> None:
    first = frames.frame_of(dataset, "disagreement").pairs[: 2 * N]

    assert {(int(p[1:].split(":")[0]) - int(q[1:])) % N for q, p in first} == {0, 14}


def test_uncertain_without_judge_and_calibration_says_what_is_missing(dataset: Dataset) -> None:
    with pytest.raises(UsageError, match="no judge's grades and no calibration"):
        batch.draw(dataset, Plan("uncertain", 5))


def test_overlapping_pairs_go_to_everybody_and_the_others_to_one(dataset: Dataset) -> None:
    made = batch.draw(dataset, Plan("random", 20, assessors=("ann", "bob"), overlap=6))

    assert [len(made.of(name)) for name in ("ann", "bob")] == [13, 13]
    assert len({r.pair for r in made.of("ann")} & {r.pair for r in made.of("bob")}) == 6


def test_only_the_split_and_only_what_nobody_graded_is_drawn(dataset: Dataset) -> None:
    grade(dataset, {("q1", "d1:0-20"): {"ann": 3}})

    made = batch.draw(dataset, Plan("random", 100, split="test"))

    assert {row.query_id for row in made.rows} == {f"q{i}" for i in range(3, N, 2)}


# --- files --------------------------------------------------------------------------------


def fill_csv(path: Path) -> None:
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    for i, row in enumerate(rows):
        row["grade"] = str(i % 4)
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        table = csv.DictWriter(file, list(rows[0]))
        table.writeheader()
        table.writerows(rows)


def fill_jsonl(path: Path) -> None:
    rows = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    lines = [json.dumps(row | {"grade": str(i % 4)}) for i, row in enumerate(rows)]
    path.write_text("\n".join(lines), "utf-8")


def fill_label_studio(path: Path) -> None:
    """As its JSON export has it."""
    tasks = json.loads(path.read_text("utf-8"))
    for i, task in enumerate(tasks):
        choice = {"from_name": "grade", "to_name": "passage", "type": "choices",
                  "value": {"choices": [str(i % 4)]}}  # fmt: skip
        task["annotations"] = [
            {"completed_by": {"email": "ann"}, "was_cancelled": False, "result": [choice]},
            {"completed_by": 7, "was_cancelled": True, "result": []},
        ]
    path.write_text(json.dumps(tasks), "utf-8")


def fill_argilla(path: Path) -> None:
    """As `Record.to_dict` of Argilla 2 has it."""
    records = json.loads(path.read_text("utf-8"))
    for i, record in enumerate(records):
        record["responses"] = {"grade": [{"value": str(i % 4), "user_id": "ann"}]}
    path.write_text(json.dumps(records), "utf-8")


@pytest.mark.parametrize(
    ("form", "fill"),
    [("csv", fill_csv), ("jsonl", fill_jsonl), ("label_studio", fill_label_studio),
     ("argilla", fill_argilla)],
)  # fmt: skip
def test_what_people_fill_in_becomes_judgements(
    dataset: Dataset, tmp_path: Path, form: str, fill: Any
) -> None:
    made = batch.draw(dataset, Plan("random", 8))
    ((path, n),) = files.write_batch(dataset, made, tmp_path / f"review{files.SUFFIX[form]}", form)
    fill(path)

    assert n == 8
    assert bring_in(dataset, [path], "ann") == {"added": 8, "dropped": 0}
    rows = {(j.query_id, j.passage_id): j for j in judged(dataset)}
    assert [rows[r.pair].grade for r in made.rows] == [i % 4 for i in range(8)]
    assert {(j.assessor_id, j.scores["inclusion_probability"]) for j in rows.values()} == {
        ("ann", 0.2)
    }
    assert bring_in(dataset, [path], "ann") == {"added": 0, "dropped": 0}


def test_a_json_list_of_something_else_is_refused(dataset: Dataset, tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_text('[{"grade": "2"}]')

    with pytest.raises(UsageError, match="neither a task of Label Studio"):
        bring_in(dataset, [path])


# --- agreement ----------------------------------------------------------------------------


def made_up(n: int, raters: int, seed: int, missing: float = 0.0) -> np.ndarray:
    """(n, raters) grades that lean on a common truth; -1 where one is missing."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, 4, n)
    noise = rng.integers(-1, 2, (n, raters)) * (rng.random((n, raters)) < 0.5)
    grades = np.clip(truth[:, None] + noise, 0, 3)
    grades[rng.random((n, raters)) < missing] = -1
    return grades


@pytest.mark.parametrize("seed", range(5))
def test_kappa_equals_that_of_scikit_learn(seed: int) -> None:
    from sklearn.metrics import cohen_kappa_score

    a, b = made_up(150, 2, seed).T
    sums = agreement.confusion(a, b, 4).sum(0, keepdims=True)

    assert agreement.cohen(sums)[0] == pytest.approx(cohen_kappa_score(a, b), abs=1e-12)
    assert agreement.cohen(sums, "quadratic")[0] == pytest.approx(
        cohen_kappa_score(a, b, weights="quadratic"), abs=1e-12
    )


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("scale", ["nominal", "ordinal"])
def test_alpha_equals_that_of_the_package_krippendorff(seed: int, scale: agreement.Scale) -> None:
    package = pytest.importorskip("krippendorff", reason="GPL, so in no extra of ours")
    grades = made_up(120, 3, seed, missing=0.2)
    counts = (grades[:, :, None] == np.arange(4)).sum(1)
    known = np.where(grades < 0, np.nan, grades).T

    found = agreement.krippendorff(agreement.coincidences(counts).sum(0, keepdims=True), scale)

    assert found[0] == pytest.approx(
        package.alpha(known, level_of_measurement=scale, value_domain=[0, 1, 2, 3]), abs=1e-12
    )


@pytest.mark.parametrize(("scale", "alpha"), [("nominal", 0.743), ("ordinal", 0.815)])
def test_alpha_is_that_of_krippendorffs_own_example(scale: agreement.Scale, alpha: float) -> None:
    # Computing Krippendorff's Alpha-Reliability, 2011: 4 observers, 12 units, 5 values, gaps
    rows = [
        [1, 2, 3, 3, 2, 1, 4, 1, 2, 0, 0, 0], [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, 0, 3],
        [0, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, 0], [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, 0],
    ]  # fmt: skip
    counts = (np.array(rows).T[:, :, None] == np.arange(1, 6)).sum(1)

    sums = agreement.coincidences(counts).sum(0, keepdims=True)

    assert agreement.krippendorff(sums, scale)[0] == pytest.approx(alpha, abs=5e-4)


def test_kappa_of_fleiss_is_that_of_his_paper() -> None:
    # Fleiss 1971 as every textbook reprints it: 10 subjects, 14 raters, 5 categories
    counts = np.array([
        [0, 0, 0, 0, 14], [0, 2, 6, 4, 2], [0, 0, 3, 5, 6], [0, 3, 9, 2, 0], [2, 2, 8, 1, 1],
        [7, 7, 0, 0, 0], [3, 2, 6, 3, 0], [2, 5, 3, 2, 2], [6, 5, 2, 1, 0], [0, 2, 2, 3, 7],
    ])  # fmt: skip
    agreeing_pairs = (counts * (counts - 1)).sum(1, keepdims=True) / 2
    sums = np.hstack([counts, agreeing_pairs]).sum(0, keepdims=True)

    assert agreement.fleiss(sums, 14)[0] == pytest.approx(0.210, abs=5e-4)


def test_intervals_hold_the_truth_about_as_often_as_they_say() -> None:
    grades = made_up(20_000, 2, 1)
    cells = agreement.confusion(*grades.T, 4)
    truth = agreement.cohen(cells.sum(0, keepdims=True))[0]
    parts = cells.reshape(100, 200, 16)
    found = [agreement.estimate(part, agreement.cohen, 3, n_boot=300) for part in parts]

    held = sum(e.low <= truth <= e.high for e in found if e.low is not None and e.high is not None)
    assert 88 <= held <= 100


def test_one_grade_for_everything_gives_no_kappa_and_no_warning() -> None:
    cells = agreement.confusion([2, 2, 2], [2, 2, 2], 4)

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert agreement.estimate(cells, agreement.cohen, 1).value is None


def test_assessors_are_compared_by_what_they_said_last(dataset: Dataset) -> None:
    pair = ("q1", "d1:0-20")
    grade(dataset, {pair: {"ann": 0, "bob": 3}, ("q2", "d2:0-20"): {"ann": 1, "bob": None}})
    grade(dataset, {pair: {"ann": 3}})

    found = agreeing.ratings(dataset)

    assert found.grades.tolist() == [[3, 3], [1, -1]]
    assert agreeing.disputed(found) == []


def test_pairs_that_cross_relevance_or_lie_two_apart_are_to_be_decided(dataset: Dataset) -> None:
    said = {0: (1, 2), 1: (2, 3), 2: (0, 3), 3: (0, 1)}
    grade(dataset, {(f"q{i}", f"d{i}:0-20"): {"ann": a, "bob": b} for i, (a, b) in said.items()})

    differing = agreeing.disputed(agreeing.ratings(dataset))

    assert [pair[0] for pair, _ in differing] == ["q2", "q0"]
    assert differing[0][1] == {"ann": 0, "bob": 3}


# --- the log of the page ------------------------------------------------------------------


def said(i: int, grade: str, answer_id: str = "") -> answers.Answer:
    return answers.Answer(answer_id or f"{i}{grade}", "ann", f"q{i}", f"d{i}:0-20", grade)


def test_a_torn_line_costs_nothing_that_was_confirmed(dataset: Dataset) -> None:
    with answers.Log(dataset) as log:
        log.add(said(1, "3"))
    with answers.path_of(dataset).open("ab") as file:
        file.write(b'{"answer_id": "x", "assessor": "ann", "query')
    with answers.Log(dataset) as log:
        log.add(said(2, "0"))
        log.add(said(2, "0"))

    assert [(a.query_id, a.grade) for _, a in answers.read(dataset)] == [("q1", "3"), ("q2", "0")]
    assert bring_in(dataset) == {"added": 2, "dropped": 0}
    assert bring_in(dataset) == {"added": 0, "dropped": 0}


def test_what_was_taken_back_is_no_judgement(dataset: Dataset) -> None:
    with answers.Log(dataset) as log:
        log.add(said(1, "3"))
        log.add(said(2, "1"))
        log.add(said(1, "", "undo"))

    bring_in(dataset)

    assert [(j.query_id, j.grade) for j in judged(dataset)] == [("q2", 1)]

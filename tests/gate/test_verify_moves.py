"""Gates on a collection that people labelled: spoiled labels are noticed."""

from __future__ import annotations

import random
from pathlib import Path

from datakit import registry
from datakit.gates.ground import Automatic, Ground, System
from datakit.gates.labels import label_precision, label_recall
from datakit.gates.self_test import self_test
from datakit.importing import import_dataset

FOUND, WRONG = 0.9, 0.08  # of what people found, mining finds so much; of its labels so many wrong


def mined(path: Path, out: Path) -> Ground:
    """People's labels in the pool of BM25 as truth; most of them, and some wrong ones, as mined."""
    made = import_dataset(path, out, "beir")
    passages = list(made.read("passage"))
    queries = {one.query_id: one for one in made.read("query")}
    grades = {(q.query_id, q.passage_id): q.grade for q in made.read("qrel/human")}
    rankings: dict[str, list[str]] = {}
    for row in registry.make("retrievers", "bm25").fit(passages).search(list(queries.values()), 10):
        rankings.setdefault(row.query_id, []).append(row.passage_id)
    people = {(q, p): 3 * (grades.get((q, p), 0) >= 1) for q, ids in rankings.items() for p in ids}
    rng = random.Random(5)
    chance = {3: FOUND, 0: WRONG * sum(map(bool, people.values())) / len(people)}
    automatic = {
        pair: Automatic(2, "indirect-passage")
        for pair, grade in people.items() if rng.random() < chance[grade]
    }  # fmt: skip
    bm25 = System("bm25", {q: tuple(ids) for q, ids in rankings.items()}, "lexical")
    return Ground(queries, automatic, people=people, systems=(bm25,), n_passages=len(passages))


def test_planted_and_removed_labels_move_the_gates_in_nine_of_ten_seeds(
    shared_data: Path, tmp_path: Path
) -> None:
    ground = mined(shared_data / "labelled" / "cranfield-graded" / "derived", tmp_path)
    planted, removed = self_test(ground)
    (precise,) = label_precision(ground)
    recalled = next(iter(label_recall(ground)))

    assert (planted.status, removed.status) == ("pass", "pass")
    assert (planted.value or 0) >= 0.9
    assert (removed.value or 0) >= 0.9
    assert abs((recalled.value or 0) - FOUND) < 0.03
    assert 0.85 < (precise.value or 0) < 0.99

"""`datakit train retriever`: examples, learning, resuming, the folder and its card."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest

from datakit import registry
from datakit.dataset import Dataset, write_tables
from datakit.errors import DatasetError, PlanError, UsageError
from datakit.records import Negative, Passage, Qrel, Query, Split
from datakit.training import contrast, testing
from datakit.training.bag import bag_encoder
from datakit.training.retriever import Job, train
from datakit.training.triples import batches, columns, read

# what a person asks for, and what the passage calls it: no word in common
ENGLISH = {
    "car": "automobile", "doctor": "physician", "lawyer": "attorney", "film": "motion picture",
    "flat": "apartment", "shop": "retailer", "money": "currency", "boat": "vessel",
}  # fmt: skip
CHINESE = {
    "汽车": "机动车", "医生": "执业医师", "律师": "法律顾问", "电影": "影视作品", "房子": "住房",
    "商店": "零售经营者", "钱": "货币资金", "船": "水上运输工具",
}  # fmt: skip
FILLERS = {"en": ["the rules of", "a notice about", "all fees for", "how to register"],
           "zh": ["管理规定", "登记办法", "收费标准", "使用须知"]}  # fmt: skip
SMALL: dict[str, Any] = {
    "arch": "bag", "dim": 32, "pieces": 400, "epochs": 4, "batch_size": 8, "learning_rate": 0.05,
    "negatives": 1,
}  # fmt: skip


def synonyms(path: Path, language: str) -> Dataset:
    """Queries in one word, passages in its synonym: training alone can bring them together."""
    words = ENGLISH if language == "en" else CHINESE
    passages, queries, qrels, negatives = [], [], [], []
    for i, (asked, said) in enumerate(words.items()):
        for k, filler in enumerate(FILLERS[language] * 2):
            text = f"{filler} {said} {k}"
            key = f"p{i}{k}"
            passages.append(Passage(key, key, text, 0, len(text), 0, language=language))
            split: Split = ("train", "train", "train", "dev", "test", "train", "train", "test")[k]  # type: ignore[assignment]
            query = f"q{i}{k}"
            queries.append(
                Query(query, f"{asked} {filler}", language, "passage", "keyword", split=split)
            )
            qrels.append(Qrel(query, key, 3, "direct", split=split))
            other = f"p{(i + 1) % len(words)}{k}"
            negatives.append(Negative(query, other, "mined", "bm25", 0.3, 0.5, 0.3, 1, split))
    tables = {
        "passage": passages, "query": queries, "qrel/mined": qrels, "qrel/seed": qrels,
        "negative/mined": negatives,
    }  # fmt: skip
    return write_tables(path, tables, "made", splits={"test": {"queries": 16}})


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_bag_from_scratch_learns_what_no_word_tells(tmp_path: Path, language: str) -> None:
    dataset = synonyms(tmp_path / "set", language)

    about = train(Job(dataset.path, tmp_path / "model", SMALL))
    (tested,) = about["tested"]

    assert tested["after"] > tested["before"] + 0.1
    assert tested["gain"]["p"] < 0.05
    card = (tmp_path / "model" / "README.md").read_text("utf-8")
    assert "a bag of vectors from scratch" in card
    assert f"{tested['after']:.4f}" in card


def test_the_dense_retriever_loads_what_was_trained(tmp_path: Path) -> None:
    dataset = synonyms(tmp_path / "set", "en")
    about = train(Job(dataset.path, tmp_path / "model", SMALL))
    dense = registry.make("retrievers", "dense", {"model": str(tmp_path / "model")})
    tested = testing.labelled_set(dataset)

    values = testing._of(tested, dense.fit(tested.passages), "nDCG@10")

    assert values.mean() == pytest.approx(about["tested"][0]["after"], abs=1e-4)


def test_equal_jobs_give_equal_models_and_a_second_run_does_nothing(tmp_path: Path) -> None:
    dataset = synonyms(tmp_path / "set", "en")
    first = train(Job(dataset.path, tmp_path / "a", SMALL))
    again = train(Job(dataset.path, tmp_path / "b", SMALL))
    lines: list[str] = []
    train(Job(dataset.path, tmp_path / "a", SMALL), lines.append)

    assert first["scores"] == again["scores"]
    weights = [(tmp_path / name / "model.safetensors").read_bytes() for name in "ab"]
    assert weights[0] == weights[1]
    assert lines == [f"{tmp_path / 'a'} has this model already"]


def test_an_interrupted_training_goes_on_and_ends_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = synonyms(tmp_path / "set", "en")
    whole = train(Job(dataset.path, tmp_path / "whole", SMALL))
    epoch = contrast._Loop.epoch

    def killed(self: Any, number: int) -> float:
        if number == 3:
            raise KeyboardInterrupt
        return epoch(self, number)

    monkeypatch.setattr(contrast._Loop, "epoch", killed)
    with pytest.raises(KeyboardInterrupt):
        train(Job(dataset.path, tmp_path / "cut", SMALL))
    monkeypatch.undo()
    cut = train(Job(dataset.path, tmp_path / "cut", SMALL))

    assert cut["resumed"]
    assert [s[:3] for s in cut["scores"]] == [s[:3] for s in whole["scores"]]
    assert cut["tested"][0]["after"] == whole["tested"][0]["after"]


def test_no_test_query_is_trained_on(tmp_path: Path) -> None:
    triples = read(synonyms(tmp_path, "en"))
    last = {"4", "7"}  # of the ids of test queries

    assert {one.query_id[-1] for one in triples.train} == {"0", "1", "2", "5", "6"}
    assert {one.query_id[-1] for one in triples.dev} == {"3"}
    assert not {one.query_id[-1] for one in (*triples.train, *triples.dev)} & last
    assert triples.left_out == {"of a test query": 16}


def test_a_batch_holds_no_passage_that_answers_another_of_its_queries(tmp_path: Path) -> None:
    dataset = synonyms(tmp_path / "set", "en")
    rows = list(dataset.read("qrel/mined"))
    shared = [*rows, Qrel("q01", "p00", 2, "judge", split="train")]
    both = write_tables(tmp_path / "both", {
        "passage": dataset.read("passage"), "query": dataset.read("query"), "qrel/mined": shared,
    }, "made")  # fmt: skip
    triples = read(both)

    for batch in batches(triples, triples.train, 8, seed=1):
        assert not {"q00", "q01"} <= {one.query_id for one in batch}
    sizes = [len(batch) for batch in batches(triples, triples.train, 8, seed=1)]
    assert sum(sizes) == len(triples.train)


def test_a_query_without_negatives_gets_random_passages_without_a_margin(tmp_path: Path) -> None:
    triples = read(synonyms(tmp_path, "en"))
    texts, margins = columns(triples.train[:2], 2, triples.texts, seed=0)

    assert [len(column) for column in texts] == [2, 2, 2, 2]
    assert margins[0][0] == 0.3  # mined
    assert margins[0][1] is None  # drawn
    assert texts[3][0] in triples.texts


def test_margins_of_the_teacher_are_learned(tmp_path: Path) -> None:
    dataset = synonyms(tmp_path / "set", "en")
    plain = train(Job(dataset.path, tmp_path / "plain", SMALL))
    taught = train(Job(dataset.path, tmp_path / "taught", SMALL | {"distil": 10.0}))

    assert plain["scores"][0][1] < taught["scores"][0][1]  # the loss has a second part


def test_products_in_bfloat16_change_the_loss_a_little(tmp_path: Path) -> None:
    dataset = synonyms(tmp_path / "set", "en")
    losses = [
        train(Job(dataset.path, tmp_path / dtype, SMALL | {"dtype": dtype}))["scores"][0][1]
        for dtype in ("float32", "bfloat16")
    ]

    assert losses[1] == pytest.approx(losses[0], rel=0.02)
    assert losses[1] != losses[0]


def test_the_bag_starts_near_tf_idf() -> None:
    texts = [f"{word} and the contract" for word in ENGLISH.values()]
    model = bag_encoder(texts, 500, 256, seed=0)
    vectors = contrast.encode(model, ["the physician", *texts])

    assert int((vectors[1:] @ vectors[0]).argmax()) == list(ENGLISH.values()).index("physician")


def test_a_set_without_train_labels_says_so(tmp_path: Path) -> None:
    dataset = synonyms(tmp_path / "set", "en")
    tests = [q for q in dataset.read("query") if q.split == "test"]
    tables = {name: dataset.read(name) for name in ("passage", "qrel/mined")}
    bare = write_tables(tmp_path / "bare", tables | {"query": tests}, "made")

    with pytest.raises(DatasetError, match="no train query has a positive label"):
        train(Job(bare.path, tmp_path / "model", SMALL))


def test_settings_and_folders_are_checked_before_any_work(tmp_path: Path) -> None:
    dataset = synonyms(tmp_path / "set", "en")
    taken = tmp_path / "taken"
    taken.mkdir()
    (taken / "modules.json").write_text(json.dumps([]))

    with pytest.raises(PlanError, match="no setting 'epoch'"):
        train(Job(dataset.path, tmp_path / "model", {"epoch": 3}))
    with pytest.raises(UsageError, match="did not train"):
        train(Job(dataset.path, taken, SMALL))


def test_gate_12_trains_the_same_encoder_on_three_forms(tmp_path: Path) -> None:
    from datakit.gates.training import Trial, not_asked, training_utility

    dataset = synonyms(tmp_path / "set", "en")
    trial = Trial(SMALL | {"epochs": 1}, steps=20)
    rows = list(training_utility(dataset, trial, lambda line: None))
    nothing = write_tables(tmp_path / "bare", {
        "passage": dataset.read("passage"), "query": dataset.read("query"),
        "qrel/mined": dataset.read("qrel/mined"),
    }, "made", splits={"test": {"queries": 16}})  # fmt: skip

    assert len(rows) == 2
    assert rows[0].status == "fail"  # the labels are the same: nothing is gained
    assert rows[0].value == 0.0
    assert next(iter(not_asked())).status == "not_established"
    (row,) = training_utility(nothing, trial, lambda line: None)
    assert (row.status, "no table 'qrel/seed'" in row.reason) == ("not_established", True)


def test_gate_12_passes_where_mined_labels_teach_more(tmp_path: Path) -> None:
    from datakit.gates.training import Trial, training_utility

    dataset = synonyms(tmp_path / "set", "en")
    draw = random.Random(0)
    passages = list(dataset.read("passage"))
    wrong = [
        Qrel(one.query_id, draw.choice(passages).passage_id, 3, "direct", split=one.split)
        for one in dataset.read("qrel/mined")
    ]
    poor = write_tables(tmp_path / "poor", {
        "passage": passages, "query": dataset.read("query"), "qrel/seed": wrong,
        "qrel/mined": dataset.read("qrel/mined"), "negative/mined": dataset.read("negative/mined"),
    }, "made", splits={"test": {"queries": 16}})  # fmt: skip
    first, *_ = training_utility(poor, Trial(SMALL, steps=30), lambda line: None)

    assert first.status == "pass"

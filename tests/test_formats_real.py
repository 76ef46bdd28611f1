"""Real labelled sets through formats: one BM25 run scores the same before and after."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest

from datakit import registry
from datakit.dataset import Dataset
from datakit.importing import import_dataset


def ndcg(dataset: Dataset) -> float:
    """nDCG@10 of BM25 over the queries that have labels."""
    import ir_measures

    qrels = [q for t in dataset.tables() if t.startswith("qrel/") for q in dataset.read(t)]
    labelled = {q.query_id for q in qrels}
    queries = [q for q in dataset.read("query") if q.query_id in labelled]
    # titles do not go through every format; a hundred, so that ties at the cut do not count
    bm25 = registry.make("retrievers", "bm25", {"with_title": False})
    found = bm25.fit(list(dataset.read("passage"))).search(queries, 100)
    run = [ir_measures.ScoredDoc(r.query_id, r.passage_id, r.score) for r in found]
    gold = [ir_measures.Qrel(q.query_id, q.passage_id, q.grade) for q in qrels]
    measure = ir_measures.nDCG @ 10
    value = float(ir_measures.calc_aggregate([measure], gold, run)[measure])
    assert value > 0.2  # the labels fit the passages at all
    return value


def again(dataset: Dataset, form: str, folder: Path) -> Dataset:
    """The dataset as it comes back from a format."""
    registry.make("exporters", form)(dataset, folder / "out")
    return import_dataset(folder / "out", folder / "back", form)


@pytest.mark.parametrize(
    ("name", "language", "form"),
    [
        ("vaswani", "en", "msmarco"),
        ("cranfield-graded", "en", "beir"),
        ("cranfield-graded", "en", "t2ranking"),
        ("stard", "zh", "hf"),
        ("stard", "zh", "miracl"),
    ],
)
def test_a_real_set_scores_the_same_after_export_and_import(
    name: str, language: str, form: str, shared_data: Path, tmp_path: Path
) -> None:
    source = shared_data / "labelled" / name / "derived"
    before = import_dataset(source, tmp_path / "before", "beir", {"language": language})
    after = again(before, form, tmp_path)

    assert ndcg(after) == pytest.approx(ndcg(before), abs=1e-9)
    assert after.count("passage") == before.count("passage")


def statutes(shared_data: Path, n: int) -> tuple[list[str], list[str], list[tuple[int, int]]]:
    """Articles, the first n questions, and (question, article) of those that answer."""
    folder = shared_data / "labelled" / "stard" / "derived"

    def rows(name: str) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (folder / name).read_text("utf-8").splitlines()]

    corpus, queries = rows("corpus.jsonl"), rows("queries.jsonl")[:n]
    place = {row["_id"]: i for i, row in enumerate(corpus)}
    asked = {row["_id"]: i for i, row in enumerate(queries)}
    lines = (folder / "qrels/test.tsv").read_text("utf-8").splitlines()[1:]
    pairs = [line.split("\t") for line in lines]
    texts = [" ".join(row["text"].split()) for row in corpus], [row["text"] for row in queries]
    return *texts, [(asked[q], place[p]) for q, p, _ in pairs if q in asked]


def lines(path: Path, rows: list[tuple[object, ...]], header: str = "") -> None:
    path.parent.mkdir(exist_ok=True)
    text = "".join("\t".join(map(str, row)) + "\n" for row in rows)
    path.write_text(header + text, "utf-8")


def test_a_multi_cpr_sample_scores_the_same_after_export_and_import(
    shared_data: Path, tmp_path: Path
) -> None:
    articles, questions, pairs = statutes(shared_data, 200)
    lines(tmp_path / "in/corpus.tsv", list(enumerate(articles, 1)))
    lines(tmp_path / "in/dev.query.txt", list(enumerate(questions, 1)))
    lines(tmp_path / "in/qrels.dev.tsv", [(q + 1, 0, p + 1, 1) for q, p in pairs])
    before = import_dataset(tmp_path / "in", tmp_path / "before")

    assert before.manifest["stages"]["import"]["plugin"] == "multi_cpr"
    assert ndcg(again(before, "multi_cpr", tmp_path)) == pytest.approx(ndcg(before), abs=1e-9)


def test_a_t2ranking_sample_scores_the_same_after_export_and_import(
    shared_data: Path, tmp_path: Path
) -> None:
    articles, questions, pairs = statutes(shared_data, 200)
    draw = random.Random(3)
    graded = [(q, 0, p, draw.choice((2, 3))) for q, p in pairs]
    graded += [(q, 0, draw.randrange(len(articles)), draw.choice((0, 1))) for q in range(200)]
    lines(tmp_path / "in/collection.tsv", list(enumerate(articles)), "pid\ttext\n")
    lines(tmp_path / "in/queries.dev.tsv", list(enumerate(questions)), "qid\ttext\n")
    lines(tmp_path / "in/qrels.dev.tsv", graded, "qid\t-\tpid\trel\n")
    before = import_dataset(tmp_path / "in", tmp_path / "before")

    assert before.manifest["stages"]["import"]["plugin"] == "t2ranking"
    assert ndcg(again(before, "t2ranking", tmp_path)) == pytest.approx(ndcg(before), abs=1e-9)

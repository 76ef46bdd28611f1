"""The main job as a whole, on a small corpus of our own and the plan without an encoder."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from corpus import write_corpus
from doc_blocks import HAS_ENCODER

from datakit import pipeline, samples
from datakit import plan as plans
from datakit.dataset import Dataset
from datakit.engine import Outcome
from datakit.errors import YieldTooLow

PLAN = plans.load("no_encoder")
CONTENT = {
    "document", "passage", "duplicate", "query", "query/candidate", "judgement", "qrel/seed",
    "qrel/mined", "negative/mined", "measure", "run/bm25", "run/lsa",
}  # fmt: skip


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_corpus(tmp_path_factory.mktemp("corpus") / "docs")


@pytest.fixture(scope="module")
def built(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return pipeline.build([corpus], tmp_path_factory.mktemp("built") / "out", PLAN, show=False)


def build(sources: Path, out: Path, plan: plans.Plan = PLAN, workers: int = 1) -> list[Outcome]:
    outcomes: list[Outcome] = []
    pipeline.build([sources], out, plan, workers=workers, show=False, report=outcomes.append)
    return outcomes


def test_every_table_is_there_and_has_rows(built: Dataset) -> None:
    assert set(built.tables()) >= CONTENT
    assert [t for t in CONTENT - {"duplicate"} if built.count(t) == 0] == []


def test_all_levels_languages_sources_and_splits_come_out(tmp_path: Path) -> None:
    """From the sample documents: the few of `corpus` are too few for topics and mined labels."""
    build(samples.root(), tmp_path / "out")
    built = Dataset.open(tmp_path / "out")
    queries = list(built.read("query"))

    assert {q.level for q in queries} == {"sentence", "passage", "topic"}
    assert {q.language for q in queries} == {"en", "zh"}
    assert {q.split for q in queries} == {"train", "dev", "test"}
    assert {q.source for q in built.read("qrel/seed")} == {"direct"}
    assert {q.source for q in built.read("qrel/mined")} > {"direct"}


def test_passages_are_slices_and_evidence_lies_in_its_document(built: Dataset) -> None:
    texts = {d.doc_id: d.text for d in built.read("document")}

    for p in built.read("passage"):
        assert texts[p.doc_id][p.start : p.end] == p.text
    spans = [e for q in built.read("query") for e in q.evidence]
    assert spans
    assert all(texts[e.doc_id][e.start : e.end].strip() for e in spans)


def test_labels_and_negatives_name_queries_and_passages_that_exist(built: Dataset) -> None:
    queries = {q.query_id for q in built.read("query")}
    passages = {p.passage_id for p in built.read("passage")}

    for table in ("qrel/seed", "qrel/mined", "negative/mined"):
        rows = list(built.read(table))
        assert {r.query_id for r in rows} <= queries
        assert {r.passage_id for r in rows} <= passages


def test_no_positive_is_a_negative(built: Dataset) -> None:
    positives = {(q.query_id, q.passage_id) for q in built.read("qrel/mined") if q.grade > 0}

    assert not positives & {(n.query_id, n.passage_id) for n in built.read("negative/mined")}


def test_no_local_path_is_in_the_dataset(built: Dataset, corpus: Path) -> None:
    manifest = (built.path / "manifest.json").read_text("utf-8")

    assert str(corpus.parent) not in manifest
    assert all(d.source_uri.startswith("docs/") for d in built.read("document"))


def test_the_same_command_again_does_nothing_again(built: Dataset, corpus: Path) -> None:
    assert all(outcome.skipped for outcome in build(corpus, built.path))


def test_one_more_document_costs_one_document(corpus: Path, tmp_path: Path) -> None:
    sources = write_corpus(tmp_path / "docs")
    build(sources, tmp_path / "out")
    (sources / "Elm Reader.md").write_text(
        (sources / "Alder Drive.md").read_text("utf-8").replace("Alder Drive", "Elm Reader"),
        "utf-8",
    )

    outcomes = {o.step: o for o in build(sources, tmp_path / "out")}

    for step in ("ingest", "segment", "generate/extractive_bottom_up"):
        assert outcomes[step].shards["computed"] == 1, step
        assert outcomes[step].shards["total"] > 4, step
    assert Dataset.open(tmp_path / "out").count("document") == 9


def test_the_number_of_workers_does_not_change_a_row(
    built: Dataset, corpus: Path, tmp_path: Path
) -> None:
    build(corpus, tmp_path / "out", workers=2)

    assert Dataset.open(tmp_path / "out").digests() == built.digests()


def test_another_seed_gives_other_splits_of_the_same_documents(
    built: Dataset, corpus: Path, tmp_path: Path
) -> None:
    build(corpus, tmp_path / "out", plans.load("no_encoder", seed=99))
    other = Dataset.open(tmp_path / "out")

    assert other.digest("document") == built.digest("document")
    assert other.digest("query") != built.digest("query")


@pytest.mark.parametrize("moment", range(3))
def test_a_killed_build_goes_on_to_the_same_rows(
    moment: int, built: Dataset, corpus: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    command = [
        sys.executable, "-m", "datakit", "build", str(corpus), "-o", str(out), "--plan",
        "no_encoder", "--workers", "1", "-q",
    ]  # fmt: skip
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    time.sleep(random.Random(moment).uniform(1.0, 8.0))
    os.kill(process.pid, signal.SIGKILL)
    process.wait()

    build(corpus, out)

    assert Dataset.open(out).digests() == built.digests()


@pytest.mark.skipif(not HAS_ENCODER, reason="the extra `offline` is not installed")
def test_a_build_cut_off_after_retrieval_scores_pairs_as_one_in_a_piece(
    corpus: Path, tmp_path: Path
) -> None:
    plan = plans.load()
    build(corpus, tmp_path / "out", plan)
    whole = Dataset.open(tmp_path / "out")
    manifest = dict(whole.manifest)
    late = {"pool", "mine", "split", "negatives", "check"}
    manifest["stages"] = {k: s for k, s in manifest["stages"].items() if k not in late}
    manifest["tables"] = {k: t for k, t in manifest["tables"].items() if t["made_by"] not in late}
    cut = Dataset.open(tmp_path / "out")
    cut.save(manifest)
    for name in late:
        shutil.rmtree(cut.path / ".shards" / name)

    build(corpus, cut.path, plan)

    assert Dataset.open(cut.path).digests() == whole.digests()


def test_a_folder_without_a_readable_document_says_so(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "empty.txt").write_text("")
    (tmp_path / "docs" / "image.png").write_bytes(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR")

    with pytest.raises(YieldTooLow, match="ingest kept 0 records from 2 read"):
        build(tmp_path / "docs", tmp_path / "out")


def test_bad_files_are_dropped_and_the_good_ones_are_built(tmp_path: Path) -> None:
    sources = write_corpus(tmp_path / "docs")
    (sources / "empty.html").write_text("")
    (sources / "image.bin").write_bytes(bytes(range(256)) * 10)
    (sources / "broken.html").write_text("<html><body><div><p>Cut in the mid")
    (sources / "bad.jsonl").write_text('{"text": "no end\n')

    with pytest.raises(YieldTooLow, match="the dataset is built, but"):
        build(sources, tmp_path / "out")
    dataset = Dataset.open(tmp_path / "out")

    dropped = {d.record_id: d.reason for d in dataset.read("dropped/ingest")}
    assert dropped["docs/empty.html"] == "empty"
    assert dropped["docs/image.bin"] == "binary"
    assert dataset.count("document") >= 8
    assert (dataset.path / "report.html").is_file()


def test_an_eval_build_leaves_uncertified_labels_out_of_the_measures(
    tmp_path: Path,
) -> None:
    build(samples.root(), tmp_path / "out", plans.load("no_encoder", purpose="eval"))
    dataset = Dataset.open(tmp_path / "out")

    assert any("uncertified" in q.flags for q in dataset.read("qrel/mined"))
    measures = {
        (m.run, m.split, m.level, m.language, m.measure): m.value
        for m in dataset.read("measure")
        if m.labels == "mined" and m.level == "passage"
    }
    seeds = {
        (m.run, m.split, m.level, m.language, m.measure): m.value
        for m in dataset.read("measure")
        if m.labels == "seed" and m.level == "passage"
    }
    # without the uncertified ones only copies of the seeds are left beside them
    assert measures.keys() == seeds.keys()


def test_the_manifest_counts_add_up(built: Dataset) -> None:
    stages = json.loads((built.path / "manifest.json").read_text("utf-8"))["stages"]

    for name in ("ingest", "filter"):
        counts = stages[name]["counts"]
        assert counts["in"] == counts["out"] + counts["dropped"], name
    for entry in stages.values():
        assert entry["counts"]["dropped"] == sum(entry["dropped_by_reason"].values())

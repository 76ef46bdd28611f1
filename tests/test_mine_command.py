"""`datakit mine` through the whole cascade on a real build, with a judge on loopback."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import judge_stand_in
import pytest
from chat_server import ChatServer
from command_line import Run
from corpus import write_corpus

from datakit import cli, pipeline
from datakit import plan as plans
from datakit.dataset import Dataset
from datakit.judging.labels import grades_of
from datakit.judging.tables import judged
from datakit.report.calibrations import calibration_facts

PLAN = plans.with_plugin(plans.load("no_encoder"), "segment", "headings", {})
SMALL = ("--fit", "40", "--step", "30", "--outside", "10", "--precision", "0.5", "--missed", "0.4")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    sources = write_corpus(tmp_path_factory.mktemp("corpus") / "docs")
    return pipeline.build(
        [sources], tmp_path_factory.mktemp("built") / "out", PLAN, show=False
    ).path


@pytest.fixture(scope="module")
def mined(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mined]:
    """The dataset after one run of the cascade, and the judge that answered."""
    out = Path(shutil.copytree(built, tmp_path_factory.mktemp("mined") / "out"))
    with ChatServer(lenient) as server, pytest.MonkeyPatch.context() as patch:
        patch.setenv("OPENAI_API_KEY", "sk-test-0123456789")
        patch.setattr(sys, "argv", ["datakit", *map(str, cascade(out, server)), "-q"])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        assert ended.value.code == 0
        yield Mined(out, server, len(server.seen))


@dataclass
class Mined:
    out: Path
    server: ChatServer
    calls: int


def lenient(body: dict[str, Any]) -> str:
    """The stand-in, for whom related is relevant: the corpus is small and its pages are alike."""
    said = json.loads(judge_stand_in.answer(body))
    return json.dumps(said | {"grade": 2 if said["grade"] else 0})


def cascade(out: Path, server: ChatServer, *more: str) -> list[str | Path]:
    return [
        "mine", out, "--judge", "llm", "--budget", "40", "--judge-seeds", *SMALL,
        "--endpoint", "model=stand-in", "--endpoint", f"base_url={server.url}", *more,
    ]  # fmt: skip


def body(out: Path, level: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((out / "calibration" / f"{level}.json").read_text())
    return found


def test_pairs_above_a_certified_threshold_are_labelled_with_its_id(mined: Mined) -> None:
    dataset = Dataset.open(mined.out)
    by_score = [j for j in dataset.read("judgement") if j.calibration_id]
    levels = {q.query_id: q.level for q in dataset.read("query/candidate")}
    pooled = {(p.query_id, p.passage_id): p for p in dataset.read("pool")}

    assert by_score
    for one in by_score:
        calibration = body(mined.out, str(levels[one.query_id]))
        pair = pooled[one.query_id, one.passage_id]
        assert one.calibration_id == calibration["calibration_id"]
        assert one.scores["score"] >= calibration["tau_plus"]
        assert (one.grade, one.flags, one.routes) == (2, (), pair.routes)
        assert one.source == ("indirect-query" if pair.routes == ("query",) else "indirect-passage")
    assert "topic" not in {levels[one.query_id] for one in by_score}
    assert not [j for j in dataset.read("judgement") if "uncertified" in j.flags]


def test_the_same_command_again_asks_and_changes_nothing(mined: Mined, run: Run) -> None:
    before = Dataset.open(mined.out).digests()

    done = run(*cascade(mined.out, mined.server))

    assert done.code == 0, done.err
    assert len(mined.server.seen) == mined.calls
    assert mined.server.paid_twice() == 0
    assert Dataset.open(mined.out).digests() == before


def test_the_budget_bounds_the_queue_and_the_rest_is_counted(mined: Mined) -> None:
    dataset = Dataset.open(mined.out)
    levels = dataset.manifest["stages"]["mine"]["notes"]["levels"]
    grades = grades_of(judged(dataset))

    for level, one in levels.items():
        assert one["calibration_id"] == body(mined.out, level)["calibration_id"]
        known = one["n_judged"] + one["n_certified"] + one["n_left"] + one["n_open"]
        assert known == one["n_pool"]
        assert 0 <= one["missed"]["rate"]["low"] <= one["missed"]["rate"]["high"] <= 1
        right = one["missed"]["found"]["value"]  # certified at a precision of 0.5 and more
        assert right >= one["n_judged_relevant"] + 0.5 * one["n_certified"]
    asked = sum(one["samples"]["fit"] for one in (body(mined.out, name) for name in levels))
    assert len(grades) < dataset.count("pool")
    assert asked > 0
    queries = list(dataset.read("query/candidate"))
    assert all((q.query_id, one) in grades for q in queries for one in q.seed_passage_ids)


def test_what_the_judge_said_decides_and_a_bad_seed_drops_its_query(
    mined: Mined, run: Run, tmp_path: Path
) -> None:
    out = Path(shutil.copytree(mined.out, tmp_path / "out"))
    dataset = Dataset.open(out)
    query = next(q for q in dataset.read("query") if q.level == "passage")
    pairs = tmp_path / "pairs.csv"
    pairs.write_text(f"query_id,passage_id\n{query.query_id},{query.seed_passage_ids[0]}\n")
    review = tmp_path / "review.csv"
    run("judge", out, "--pairs", pairs, "--review-out", review)
    text = review.read_text("utf-8-sig").rstrip().rsplit(",,,", 1)[0]
    review.write_text(f"{text},0,,ann\n", "utf-8")
    assert json.loads(run("judge", out, "--review-in", review, "--json").out)["added"] == 1

    assert run("mine", out, "-q").code == 0

    after = Dataset.open(out)
    assert query.query_id not in {q.query_id for q in after.read("query")}
    reasons = {d.record_id: d.reason for d in after.read("dropped/filter.retrieved")}
    assert reasons[query.query_id] == "seed_not_relevant"


def test_a_hard_negative_that_is_judged_relevant_is_discarded(mined: Mined) -> None:
    dataset = Dataset.open(mined.out)
    relevant = {pair for pair, grade in grades_of(judged(dataset)).items() if (grade or 0) >= 2}

    assert relevant
    assert not relevant & {(n.query_id, n.passage_id) for n in dataset.read("negative/mined")}


def test_every_label_of_the_pool_has_its_routes(mined: Mined) -> None:
    dataset = Dataset.open(mined.out)
    pooled = {(p.query_id, p.passage_id): p for p in dataset.read("pool")}

    labels = [q for q in dataset.read("qrel/mined") if (q.query_id, q.passage_id) in pooled]
    assert {"judge", "indirect-passage"} <= {one.source for one in labels}
    for one in labels:
        pair = pooled[one.query_id, one.passage_id]
        assert pair.own or one.routes == pair.routes
        assert pair.scores.items() <= one.scores.items()


def test_every_label_shows_its_chain(mined: Mined, run: Run) -> None:
    dataset = Dataset.open(mined.out)
    label = next(q for q in dataset.read("qrel/mined") if q.calibration_id)

    shown = run("show", mined.out, label.query_id).out

    assert f"calibration_id: {label.calibration_id}" in shown
    assert "proposed_by: " in shown
    assert "tau_plus: " in shown


def test_the_report_says_that_a_calibration_of_the_pool_still_holds(mined: Mined) -> None:
    dataset = Dataset.open(mined.out)
    levels = ("sentence", "passage")

    facts = calibration_facts(dataset, [body(mined.out, level) for level in levels])

    assert [one.holds for one in facts] == [True, True]
    (spoilt,) = calibration_facts(dataset, [body(mined.out, "passage") | {"corpus": "another"}])
    assert not spoilt.holds


def test_a_calibration_of_other_scores_is_not_used_and_the_command_says_so(
    mined: Mined, run: Run, tmp_path: Path
) -> None:
    out = Path(shutil.copytree(mined.out, tmp_path / "out"))

    done = run("mine", out, "--set", "depth=7")

    assert done.code == 0, done.err
    assert "calibration made of other scores than pool has now" in done.out
    rows = list(Dataset.open(out).read("judgement"))
    assert not [one for one in rows if one.calibration_id]
    assert [one for one in rows if "uncertified" in one.flags]


def test_batch_files_come_to_the_same_labels(
    mined: Mined, built: Path, run: Run, tmp_path: Path
) -> None:
    out = Path(shutil.copytree(built, tmp_path / "out"))
    command = [*cascade(out, mined.server), "-q"]
    for number in range(12):
        folder = tmp_path / f"batch{number}"
        said = run(*command, "--export-batch", folder)
        if "Nothing is open" in said.out:
            break
        answers = tmp_path / f"answers{number}.jsonl"
        answers.write_text("".join(_answered(folder)), "utf-8")
        done = run(*command, "--import-batch", answers)
        assert done.code == 0 or "requests are open" in done.err, done.err

    assert number >= 1
    assert run(*command, "--import-batch", answers).code == 0
    assert len(mined.server.seen) == mined.calls
    one, other = (Dataset.open(path).digests() for path in (mined.out, out))
    assert one["judgement"] == other["judgement"]


def _answered(folder: Path) -> Iterator[str]:
    for path in sorted(folder.glob("*.jsonl")):
        for text in path.read_text("utf-8").splitlines():
            sent = json.loads(text)
            message = {"role": "assistant", "content": lenient(sent["body"])}
            body = {"choices": [{"message": message, "finish_reason": "stop"}], "model": "stand-in"}
            line = {"custom_id": sent["custom_id"], "response": {"status_code": 200, "body": body}}
            yield json.dumps(line) + "\n"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--judge", "llm"], "no [llm.default]"),
        (["--judge", "llmm", "--endpoint", "model=m"], "Did you mean 'llm'"),
        (["--run", "dense", "--judge", "llm", "--endpoint", "model=m"], "has no run 'dense'"),
        (["more"], "takes one dataset directory"),
    ],
)
def test_what_cannot_be_meant_is_one_line(
    options: list[str], message: str, run: Run, built: Path
) -> None:
    done = run("mine", built, *options, "-q")

    assert done.code == 2
    (line,) = done.err.strip().splitlines()
    assert message in line


def test_a_fusion_alone_is_refused(run: Run, built: Path) -> None:
    done = run("retrieve", built, "--use", "hybrid", "-q")

    assert done.code == 2
    (line,) = done.err.strip().splitlines()
    assert "hybrid fuses other retrievers" in line

"""`datakit judge` and `datakit calibrate` on a real build, with a judge on loopback."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import judge_stand_in
import pytest
from chat_server import ChatServer
from command_line import Run
from corpus import write_corpus

from datakit import pipeline
from datakit import plan as plans
from datakit.dataset import Dataset
from datakit.judging.labels import grades_of
from datakit.judging.tables import judged

# one passage per section; no model
PLAN = plans.with_plugin(plans.load("no_encoder"), "segment", "headings", {})


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_corpus(tmp_path_factory.mktemp("corpus") / "docs")


@pytest.fixture(scope="module")
def built(sources: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return pipeline.build(
        [sources], tmp_path_factory.mktemp("built") / "out", PLAN, show=False
    ).path


@pytest.fixture
def out(built: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(built, tmp_path / "out"))


@pytest.fixture
def server() -> Iterator[ChatServer]:
    with ChatServer(judge_stand_in.answer) as running:
        yield running


def asked(server: ChatServer) -> list[str]:
    return ["--endpoint", "model=stand-in", "--endpoint", f"base_url={server.url}"]


# --- a model ------------------------------------------------------------------------------


def test_mined_labels_are_judged_and_the_judge_decides(
    run: Run, server: ChatServer, out: Path
) -> None:
    n_mined = Dataset.open(out).count("judgement")

    done = run("judge", out, *asked(server), "--json")

    assert done.code == 0, done.err
    said = json.loads(done.out)
    assert (said["added"], said["open"], said["pairs"]) == (n_mined, 0, n_mined)
    assert sum(said["grades"].values()) == n_mined
    assert {seen.body["temperature"] for seen in server.seen} == {0.0}
    manifest = Dataset.open(out).manifest
    assert manifest["models"]["llm"]["role"] == "judge"
    assert sorted(manifest["models"]["llm"]["prompts"]) == ["judge.v1.en", "judge.v1.zh"]
    assert run("mine", out, "-q").code == 0
    dataset = Dataset.open(out)
    grades = grades_of(judged(dataset))
    labels = list(dataset.read("qrel/mined"))
    assert {label.source for label in labels} == {"judge"}
    assert all(grades[one.query_id, one.passage_id] == one.grade for one in labels)
    assert {one.source for one in dataset.read("qrel/seed")} == {"direct"}
    texts = {d.doc_id: d.text for d in dataset.read("document")}
    passages = {p.passage_id: p for p in dataset.read("passage")}
    for one in labels:
        for span in one.evidence:
            assert texts[span.doc_id][span.start : span.end] in passages[one.passage_id].text
    query = labels[0].query_id
    shown = run("show", out, query).out
    assert "stand-in/judge.v1" in shown
    assert run("check", out, "-q").code == 0
    assert run("report", out).code == 0


def test_a_rebuild_keeps_what_was_judged_and_asks_nothing(
    run: Run, server: ChatServer, out: Path, sources: Path
) -> None:
    run("judge", out, *asked(server))
    run("mine", out, "-q")
    before, n_calls = Dataset.open(out).digests(), len(server.seen)

    plan = out.parent / "plan.toml"
    plan.write_text(PLAN.toml())
    assert run("build", sources, "-o", out, "-q", "--plan", plan).code == 0

    after = Dataset.open(out).digests()
    assert after["judgement/llm"] == before["judgement/llm"]
    assert after["qrel/mined"] == before["qrel/mined"]
    assert len(server.seen) == n_calls
    assert run("judge", out, *asked(server), "-q").code == 0
    assert len(server.seen) == n_calls


def test_without_a_judge_nothing_changes(out: Path, built: Path, sources: Path, run: Run) -> None:
    assert run("mine", out, "-q").code == 0

    assert Dataset.open(out).digests() == Dataset.open(built).digests()


def test_a_judgement_of_a_passage_that_is_gone_is_kept_and_labels_nothing(
    run: Run, server: ChatServer, out: Path, sources: Path
) -> None:
    run("judge", out, *asked(server))
    plan = out.parent / "plan.toml"
    changed = plans.with_plugin(PLAN, "segment", "fixed_window", {"target_tokens": 90})
    plan.write_text(changed.toml())

    done = run("build", sources, "-o", out, "-q", "--plan", plan)

    assert done.code == 0, done.err
    dataset = Dataset.open(out)
    there = {p.passage_id for p in dataset.read("passage")}
    assert {one.passage_id for one in dataset.read("qrel/mined")} <= there
    assert not {one.passage_id for one in dataset.read("judgement/llm")} <= there


def test_what_was_too_near_to_be_a_negative_is_judged_on_request(
    run: Run, server: ChatServer, out: Path
) -> None:
    waiting = {(one.query_id, one.passage_id) for one in Dataset.open(out).read("queue/negatives")}

    done = run("judge", out, "--queue", *asked(server), "--json")

    assert done.code == 0, done.err
    judged = Dataset.open(out).read("judgement/llm")
    assert {(one.query_id, one.passage_id) for one in judged} == waiting


def test_a_budget_of_calls_keeps_what_was_answered_and_the_same_command_goes_on(
    run: Run, server: ChatServer, out: Path
) -> None:
    n_mined = Dataset.open(out).count("judgement")

    stopped = run("judge", out, *asked(server), "--max-calls", "10")

    assert stopped.code == 1
    assert "max_calls is reached after 10 calls" in stopped.err
    assert Dataset.open(out).count("judgement/llm") == 10
    assert run("judge", out, *asked(server), "-q").code == 0
    assert Dataset.open(out).count("judgement/llm") == n_mined
    assert server.paid_twice() == 0


def test_replies_that_cannot_be_read_leave_their_pairs_unjudged(run: Run, out: Path) -> None:
    with ChatServer(lambda _: "I would say three.") as server:
        done = run("judge", out, *asked(server), "--budget", "5")

    rows = list(Dataset.open(out).read("judgement/llm"))
    assert done.code == 1
    assert "5 of 5 replies could not be read" in done.err
    assert {(row.grade, row.flags) for row in rows} == {(None, ("unparsable",))}
    run("mine", out, "-q")
    assert "judge" not in {one.source for one in Dataset.open(out).read("qrel/mined")}


def test_a_snippet_that_is_made_up_is_asked_for_again_and_then_null(run: Run, out: Path) -> None:
    def invents(body: dict[str, Any]) -> str:
        said = json.loads(judge_stand_in.answer(body))
        return json.dumps(said | {"grade": 3, "snippet": "words that stand nowhere in the text"})

    with ChatServer(invents) as server:
        assert run("judge", out, *asked(server), "--budget", "3", "-q").code == 0
        assert len(server.seen) == 6

    rows = list(Dataset.open(out).read("judgement/llm"))
    assert {(row.grade, row.flags) for row in rows} == {(None, ("snippet_not_found",))}


def test_batch_files_come_to_the_same_rows(
    run: Run, server: ChatServer, out: Path, built: Path, tmp_path: Path
) -> None:
    run("judge", out, *asked(server), "-q")
    other = Path(shutil.copytree(built, tmp_path / "batch"))
    options = [*asked(server), "--budget", "20"]

    exported = run("judge", other, *options, "--export-batch", tmp_path / "b")

    assert "20 requests" in exported.out
    lines = []
    for path in sorted((tmp_path / "b").glob("*.jsonl")):
        for text in path.read_text("utf-8").splitlines():
            sent = json.loads(text)
            message = {"role": "assistant", "content": judge_stand_in.answer(sent["body"])}
            body = {"choices": [{"message": message, "finish_reason": "stop"}], "model": "stand-in"}
            lines.append({"custom_id": sent["custom_id"],
                          "response": {"status_code": 200, "body": body}})  # fmt: skip
    answers = tmp_path / "answers.jsonl"
    answers.write_text("".join(json.dumps(line) + "\n" for line in reversed(lines[:-1])))
    partly = run("judge", other, *options, "--import-batch", answers)
    assert partly.code == 1
    assert "1 requests are open" in partly.err
    assert Dataset.open(other).count("judgement/llm") == 19
    answers.write_text(json.dumps(lines[-1]))
    assert run("judge", other, *options, "--import-batch", answers, "-q").code == 0
    live = {(j.query_id, j.passage_id): j for j in Dataset.open(out).read("judgement/llm")}
    batch = list(Dataset.open(other).read("judgement/llm"))
    assert len(batch) == 20
    assert all(live[j.query_id, j.passage_id] == j for j in batch)


def test_a_dry_run_sends_nothing(run: Run, server: ChatServer, out: Path) -> None:
    done = run("judge", out, *asked(server), "--dry-run", "--budget", "7")

    assert "7 calls to make" in done.out
    assert server.seen == []


def test_a_second_judge_looks_where_the_first_is_unsure(
    run: Run, server: ChatServer, out: Path
) -> None:
    plan = out.parent / "plan.toml"
    endpoint = f'base_url = "{server.url}"\n'
    plan.write_text(
        PLAN.toml()
        + f'[[judge]]\nuse = "llm"\nname = "cheap"\n[[judge]]\nuse = "llm"\nname = "strong"\n'
        f'endpoint = "strong"\n[llm.default]\nmodel = "small"\n{endpoint}'
        f'[llm.strong]\nmodel = "large"\n{endpoint}'
    )
    assert "add --use, one of cheap, strong" in run("judge", out, "--plan", plan).err
    run("judge", out, "--plan", plan, "--use", "cheap", "-q")
    unsure = [j for j in Dataset.open(out).read("judgement/cheap") if j.grade in (1, 2)]

    done = run("judge", out, "--use", "strong", "--second-look", "cheap", "-q")

    assert done.code == 0, done.err
    rows = list(Dataset.open(out).read("judgement/strong"))
    assert unsure
    assert [(j.query_id, j.passage_id) for j in rows] == [
        (j.query_id, j.passage_id) for j in unsure
    ]


# --- people -------------------------------------------------------------------------------


def test_people_review_a_random_sample_and_decide(run: Run, out: Path, tmp_path: Path) -> None:
    file = tmp_path / "review.csv"

    done = run("judge", out, "--review-out", file, "--budget", "12")

    assert "12 pairs for people" in done.out
    with file.open(encoding="utf-8-sig", newline="") as handle:
        rows = list(csv.DictReader(handle))
    with file.open("w", encoding="utf-8", newline="") as handle:
        writer = csv.DictWriter(handle, list(rows[0]))
        writer.writeheader()
        writer.writerows(row | {"grade": "3" if i else "5"} for i, row in enumerate(rows))
    taken = run("judge", out, "--review-in", file, "--assessor", "ann", "--json")
    assert json.loads(taken.out) == {"added": 11, "dropped": 1}
    assert json.loads(run("judge", out, "--review-in", file, "--assessor", "ann", "--json").out)[
        "added"
    ] == 0  # fmt: skip
    assert run("mine", out, "-q").code == 0
    sources = [one.source for one in Dataset.open(out).read("qrel/mined")]
    assert 0 < sources.count("human") <= 11
    again = run("judge", out, "--review-out", tmp_path / "more.csv")
    assert "11 graded already" in again.out


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--endpoint", "model="], "has no model"),
        ([], "no [llm.default]"),
        (["--dry-run", "--review-out", "x.csv"], "cannot go together"),
        (["--pairs", "nope.csv"], "nope.csv cannot be read"),
        (["--second-look", "nobody"], "'nobody' has judged nothing"),
        (["--endpoint", "model=m", "--use", "human"], "judge 'human' does not exist"),
        (["--endpoint", "model=m", "--set", "promt=x"], "Did you mean 'prompt'"),
        (["more"], "takes one dataset directory"),
    ],
)
def test_what_cannot_be_meant_is_one_line(
    options: list[str], message: str, run: Run, out: Path
) -> None:
    done = run("judge", out, *options)

    assert done.code == 2
    (line,) = done.err.strip().splitlines()
    assert message in line


# --- calibration --------------------------------------------------------------------------

SMALL = (
    "--run",
    "lsa",
    "--fit",
    "40",
    "--step",
    "60",
    "--outside",
    "30",
    "--depth",
    "12",
    "--topic-depth",
    "12",
)


def test_calibration_asks_for_its_samples_until_every_level_is_there(
    run: Run, server: ChatServer, out: Path
) -> None:
    rounds = 0
    while (done := run("calibrate", out, *SMALL)).code and rounds < 15:
        rounds += 1
        assert "pairs have to be judged first" in done.err
        open_pairs = out / "calibration" / "open.jsonl"
        assert run("judge", out, *asked(server), "--pairs", open_pairs, "-q").code == 0

    assert done.code == 0, done.err
    assert rounds >= 1
    assert not (out / "calibration" / "open.jsonl").exists()
    found = {p.stem: json.loads(p.read_text()) for p in (out / "calibration").glob("*.json")}
    assert set(found) == {"sentence", "passage", "topic"}
    dataset = Dataset.open(out)
    for body in found.values():
        assert body["corpus"] == dataset.digest("passage")
        assert body["curve"]["y"] == sorted(body["curve"]["y"])
        assert body["outside"]["n"] == 30
        assert body["assessors"]
        assert body["people"] is None
    assert done.out.count("calibration_id") == 3
    again = run("calibrate", out, *SMALL)
    assert again.out == done.out


def test_calibration_names_the_runs_that_are_there(run: Run, out: Path) -> None:
    assert "has no run 'dense'" in run("calibrate", out, "--run", "dense").err
    assert "--run (there: bm25, lsa)" in run("calibrate", out, "--run", "dense").err

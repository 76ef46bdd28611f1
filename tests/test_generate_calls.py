"""`datakit generate` with a language model: a real server on loopback, run by its command line."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import stand_in
from chat_server import ChatServer, Faults, Said
from command_line import KEY, Done, Run
from corpus import write_corpus

from datakit.dataset import Dataset


@pytest.fixture
def server() -> Iterator[ChatServer]:
    with ChatServer(stand_in.answer) as running:
        yield running


def plan_for(url: str, folder: Path, *, more: str = "", use: str = "llm_bottom_up") -> Path:
    path = folder / "plan.toml"
    path.write_text(
        f'[[generate]]\nuse = "{use}"\n[llm.default]\nmodel = "stand-in"\nbase_url = "{url}"\n'
        f'max_retries = 2\n{more}\n[segment]\nuse = "headings"\n',
        "utf-8",
    )
    return path


def one_line(done: Done) -> str:
    assert "Traceback" not in done.err
    (line,) = done.err.strip().splitlines()
    return line


# --- the whole ----------------------------------------------------------------------------


def test_queries_come_out_with_counts_tokens_and_prompts(
    run: Run, server: ChatServer, tmp_path: Path
) -> None:
    stand_in.write_dataset(tmp_path / "out", 20)
    plan = plan_for(server.url, tmp_path)

    done = run("generate", tmp_path / "out", "--plan", plan, "--json")

    assert done.code == 0, done.err
    said = json.loads(done.out)
    notes = said["generators"]["generate/llm_bottom_up"]
    assert (notes["asked"], notes["parsed"], notes["calls"]) == (20, 20, 20)
    assert notes["prompt_tokens"] > 20 * 100
    assert notes["models"] == {"stand-in": 20}
    assert notes["cost"] is None
    assert {len(digest) for digest in notes["prompts"].values()} == {64}
    assert sorted(notes["prompts"]) == ["bottom_up.v1.en", "bottom_up.v1.zh"]
    dataset = Dataset.open(tmp_path / "out")
    texts = {d.doc_id: d.text for d in dataset.read("document")}
    queries = list(dataset.read("query/llm_bottom_up"))
    assert {q.language for q in queries} == {"en", "zh"}
    assert {q.generator_family for q in queries} == {"stand-in"}
    assert all(texts[e.doc_id][e.start : e.end] for q in queries for e in q.evidence)
    assert KEY not in "".join(p.read_text() for p in (tmp_path / "out").rglob("*.json*"))


def test_one_more_document_pays_for_its_own_calls(
    run: Run, server: ChatServer, tmp_path: Path
) -> None:
    plan = plan_for(server.url, tmp_path)
    stand_in.write_dataset(tmp_path / "out", 20)
    run("generate", tmp_path / "out", "--plan", plan)
    server.reset_counts()
    stand_in.write_dataset(tmp_path / "out", 25)

    assert run("generate", tmp_path / "out", "--plan", plan, "-q").code == 0

    assert len(server.seen) == 5
    assert Dataset.open(tmp_path / "out").manifest["stages"]["generate/llm_bottom_up"]["counts"][
        "asked"
    ] == 25  # fmt: skip


def test_the_same_again_asks_nothing_and_needs_no_key(
    run: Run, server: ChatServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = plan_for(server.url, tmp_path)
    stand_in.write_dataset(tmp_path / "out", 5)
    run("generate", tmp_path / "out", "--plan", plan)
    server.reset_counts()
    monkeypatch.delenv("OPENAI_API_KEY")

    done = run("generate", tmp_path / "out")

    assert done.code == 0
    assert server.seen == []
    assert "unchanged" in done.err


def test_the_table_does_not_depend_on_the_order_of_the_replies(run: Run, tmp_path: Path) -> None:
    digests = set()
    for n, latency in enumerate((0.0, 0.05)):

        def late(body: stand_in.Body, most: float = latency) -> Said:
            return Said(stand_in.answer(body), latency=most * stand_in.draw(body))

        with ChatServer(late) as server:
            out = tmp_path / f"out{n}"
            stand_in.write_dataset(out, 30)
            run("generate", out, "--plan", plan_for(server.url, tmp_path))
            digests.add(Dataset.open(out).digest("query/llm_bottom_up"))

    assert len(digests) == 1


@pytest.mark.slow
def test_a_build_asks_as_well(run: Run, server: ChatServer, tmp_path: Path) -> None:
    sources = write_corpus(tmp_path / "docs")
    more = '[[retrieve]]\nuse = "bm25"\n[[retrieve]]\nuse = "lsa"\n'
    plan = plan_for(server.url, tmp_path, more=more)
    plan.write_text(plan.read_text() + '[[generate]]\nuse = "llm_top_down"\n')

    done = run("build", sources, "-o", tmp_path / "out", "--plan", plan, "--json")

    assert done.code == 0, done.err
    assert {"passage", "sentence"} <= set(json.loads(done.out)["queries"]["level"])
    manifest = Dataset.open(tmp_path / "out").manifest
    assert manifest["models"]["llm_bottom_up"]["model"] == "stand-in"
    n_calls = len(server.seen)
    assert run("build", sources, "-o", tmp_path / "out", "--plan", plan, "-q").code == 0
    assert len(server.seen) == n_calls


def test_a_dry_run_names_its_estimates_and_sends_nothing(
    run: Run, server: ChatServer, tmp_path: Path
) -> None:
    stand_in.write_dataset(tmp_path / "out", 10)
    prices = tmp_path / "prices.toml"
    prices.write_text('[[price]]\nmodel = "stand-in"\ninput = 1.0\noutput = 2.0\n')
    plan = plan_for(server.url, tmp_path)

    words = run("generate", tmp_path / "out", "--plan", plan, "--dry-run", "--prices", prices)
    values = run("generate", tmp_path / "out", "--plan", plan, "--dry-run", "--json")

    assert "10 calls to make" in words.out
    assert "estimated" in words.out
    (one,) = json.loads(values.out)
    assert one["most_completion_tokens"] == 10 * 2048
    assert one["estimated_cost"] is None
    assert server.seen == []


# --- dropped, and below the floor ---------------------------------------------------------


def test_a_refused_row_costs_itself_alone(run: Run, tmp_path: Path) -> None:
    with ChatServer(stand_in.answer, faults=Faults(refuse="costs 103 dollars")) as server:
        stand_in.write_dataset(tmp_path / "out", 20)
        done = run("generate", tmp_path / "out", "--plan", plan_for(server.url, tmp_path))

        dropped = list(Dataset.open(tmp_path / "out").read("dropped/generate.llm_bottom_up"))
        assert done.code == 0, done.err
        assert [d.reason for d in dropped] == ["request_refused"]
        assert "400" in dropped[0].detail
        assert len(server.seen) == 20


def test_replies_that_do_not_parse_are_repaired_or_dropped(run: Run, tmp_path: Path) -> None:
    with ChatServer(lambda body: stand_in.answer_badly(body, 0.3)) as server:
        stand_in.write_dataset(tmp_path / "out", 40)
        plan = plan_for(server.url, tmp_path)
        said = json.loads(run("generate", tmp_path / "out", "--plan", plan, "--json").out)

    notes = said["generators"]["generate/llm_bottom_up"]
    assert notes["parsed"] + notes["repaired"] == 40
    assert notes["repaired"] == notes["calls"] - 40 > 0


def test_too_many_that_cannot_be_read_end_the_stage(run: Run, tmp_path: Path) -> None:
    with ChatServer(lambda _: "I would rather not.") as server:
        stand_in.write_dataset(tmp_path / "out", 5)
        done = run("generate", tmp_path / "out", "--plan", plan_for(server.url, tmp_path), "-q")

    assert done.code == 1
    assert "5 dropped: unparsable 5" in one_line(done)


# --- stopped, and gone on with ------------------------------------------------------------


def test_a_limit_stops_with_everything_kept_and_the_same_command_goes_on(
    run: Run, server: ChatServer, tmp_path: Path
) -> None:
    stand_in.write_dataset(tmp_path / "out", 20)
    command = ("generate", tmp_path / "out", "--plan", plan_for(server.url, tmp_path), "-q")

    stopped = run(*command, "--max-calls", "12")
    assert stopped.code == 1
    assert "max_calls is reached after 12 calls" in one_line(stopped)
    assert len(server.seen) == 12

    assert run(*command).code == 0
    assert len(server.seen) == 20
    assert server.paid_twice() == 0


def start(*arguments: str | Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "datakit", *map(str, arguments)],
        stderr=subprocess.PIPE, text=True, env=os.environ | {"OPENAI_API_KEY": KEY},
    )  # fmt: skip


def wait_for(server: ChatServer, n_answers: int) -> None:
    end = time.monotonic() + 60
    while server.statuses().get(200, 0) < n_answers:
        assert time.monotonic() < end, server.statuses()
        time.sleep(0.01)


@pytest.mark.slow
def test_after_kill_9_only_what_had_no_reply_is_sent(run: Run, tmp_path: Path) -> None:
    with ChatServer(stand_in.answer, latency=0.1) as server:
        stand_in.write_dataset(tmp_path / "out", 60)
        plan = plan_for(server.url, tmp_path, more="concurrency = 4")
        command = ("generate", tmp_path / "out", "--plan", plan, "-q")
        process = start(*command)
        wait_for(server, 20)
        process.kill()
        process.communicate()
        time.sleep(0.2)  # what was in flight is answered to nobody
        answered = server.statuses()[200]
        lost = len(server.seen) - answered
        server.reset_counts()

        assert run(*command).code == 0

        in_flight = 4
        assert 60 - answered <= len(server.seen) <= 60 - answered + in_flight
        assert lost <= in_flight
        assert Dataset.open(tmp_path / "out").count("query/llm_bottom_up") == 180


@pytest.mark.slow
def test_ctrl_c_stops_and_a_second_process_is_told_that_the_folder_is_busy(
    run: Run, tmp_path: Path
) -> None:
    with ChatServer(stand_in.answer, latency=0.2) as server:
        stand_in.write_dataset(tmp_path / "out", 40)
        plan = plan_for(server.url, tmp_path, more="concurrency = 2")
        command = ("generate", tmp_path / "out", "--plan", plan, "-q")
        process = start(*command)
        wait_for(server, 4)

        second = run(*command)
        assert second.code == 2
        assert f"is being written by another datakit (process {process.pid})" in one_line(second)

        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=30)
        assert process.returncode == 130
        assert err.strip().splitlines() == [
            "datakit: stopped; what is finished is kept: run the same command to go on"
        ]
        assert server.statuses() == {200: len(server.seen)}
        assert run(*command).code == 0
        assert server.paid_twice() == 0
        assert len(server.seen) == 40


# --- endpoints that do not work -----------------------------------------------------------


@pytest.mark.parametrize(
    ("faults", "answer", "message"),
    [
        (Faults(key="another"), stand_in.answer, "refuses the key in OPENAI_API_KEY"),
        (Faults(models=("other",)), stand_in.answer, "has no model 'stand-in'"),
        (
            Faults(),
            lambda _: Said(status=429, error={"code": "insufficient_quota", "message": "pay"}),
            "no budget left",
        ),
    ],
)
def test_an_endpoint_that_refuses_is_one_line_and_nothing_is_lost(
    faults: Faults, answer: Callable[..., Said], message: str, run: Run, tmp_path: Path
) -> None:
    with ChatServer(answer, faults=faults) as server:
        stand_in.write_dataset(tmp_path / "out", 10)
        before = Dataset.open(tmp_path / "out").digests()
        plan = plan_for(server.url, tmp_path)

        done = run("generate", tmp_path / "out", "--plan", plan, "-q")

        assert done.code == 1
        assert message in one_line(done)
        assert KEY not in done.err
        assert Dataset.open(tmp_path / "out").digests() == before
        server.faults, server.answer = Faults(), stand_in.answer
        assert run("generate", tmp_path / "out", "--plan", plan, "-q").code == 0


def test_a_wrong_path_is_one_line(run: Run, server: ChatServer, tmp_path: Path) -> None:
    stand_in.write_dataset(tmp_path / "out", 3)
    plan = plan_for(server.url.replace("/v1", "/api"), tmp_path)

    done = run("generate", tmp_path / "out", "--plan", plan, "-q")

    assert done.code == 1
    assert "Check base_url" in one_line(done)


def test_a_server_that_is_not_there_is_one_line(run: Run, tmp_path: Path) -> None:
    stand_in.write_dataset(tmp_path / "out", 10)
    plan = plan_for("http://127.0.0.1:1/v1", tmp_path)

    done = run("generate", tmp_path / "out", "--plan", plan, "-q")

    assert done.code == 1
    assert "http://127.0.0.1:1/v1" in one_line(done)
    assert "connection 30" in done.err


def test_a_missing_key_is_said_before_anything_is_built(
    run: Run, server: ChatServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY")
    sources = write_corpus(tmp_path / "docs")

    done = run("build", sources, "-o", tmp_path / "out", "--plan", plan_for(server.url, tmp_path))

    assert done.code == 2
    assert "OPENAI_API_KEY is not set" in one_line(done)
    assert not (tmp_path / "out" / "document").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--endpoint", "model="], "has no model"),
        (["--endpoint", "modle=x"], "Did you mean 'model'"),
        (["--set", "endpoint=cheap"], "no [llm.cheap]"),
        (["--max-cost", "1"], "no price of stand-in"),
        (["--dry-run", "--export-batch", "b"], "cannot go together"),
        (["more"], "takes one dataset directory"),
        (["--import-batch", "no-such.jsonl"], "is no file of batch output"),
        (["--use", "extractive_bottom_up", "--export-batch", "b"], "no generator of the plan asks"),
    ],
)
def test_what_cannot_be_meant_is_one_line(
    options: list[str], message: str, run: Run, server: ChatServer, tmp_path: Path
) -> None:
    stand_in.write_dataset(tmp_path / "out", 3)
    plan = plan_for(server.url, tmp_path)

    done = run("generate", tmp_path / "out", "--plan", plan, *options)

    assert done.code == 2
    assert message in one_line(done)
    assert server.seen == []

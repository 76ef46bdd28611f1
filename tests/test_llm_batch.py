"""Batch files: out, answered by somebody else in any order, in again; and what hostile files do."""

from __future__ import annotations

import json
import random
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
import stand_in
from chat_server import ChatServer
from typer.testing import CliRunner

from datakit.cli import app
from datakit.dataset import Dataset
from datakit.errors import UsageError
from datakit.llm import batch
from datakit.llm.exchange import Message, Request
from datakit.llm.log import ReplyLog

BAD = 0.03  # of first replies, those that are no JSON
LOST = 0.05  # of requests, those without an answer


def request(n: int, model: str = "m", base_url: str = "http://a/v1") -> Request:
    return Request(base_url, model, (Message("user", f"问题 {n}"),), {"max_tokens": 10})


def answered(key: str, text: str = "{}", **body: Any) -> str:
    message = {"role": "assistant", "content": text}
    inner = {"model": "m-1", "choices": [{"message": message, "finish_reason": "stop"}]} | body
    response = {"status_code": 200, "request_id": "r", "body": inner}
    return json.dumps({"id": "b", "custom_id": key, "response": response, "error": None})


def write(path: Path, lines: Iterable[str]) -> Path:
    path.write_text("".join(f"{line}\n" for line in lines), "utf-8")
    return path


# --- export -------------------------------------------------------------------------------


def test_a_line_is_what_the_batch_service_takes(tmp_path: Path) -> None:
    made = batch.export([request(1)], tmp_path / "b")

    line = json.loads(made.files[0].read_text("utf-8"))
    assert line == {
        "custom_id": request(1).key,
        "method": "POST",
        "url": "/v1/chat/completions",
        "body": {
            "model": "m", "messages": [{"role": "user", "content": "问题 1"}], "max_tokens": 10,
        },
    }  # fmt: skip


def test_a_file_has_one_model_and_keeps_its_limits(tmp_path: Path) -> None:
    requests = [request(n, model) for n in range(25) for model in ("m/1", "m2")]

    made = batch.export([*requests, *requests], tmp_path / "b", most_lines=10)

    assert made.requests == 50
    assert [p.name for p in sorted(made.files)] == [
        f"{model}.a-{n:03d}.jsonl" for model in ("m-1", "m2") for n in (1, 2, 3)
    ]
    for path in made.files:
        lines = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
        assert len({line["body"]["model"] for line in lines}) == 1
        assert len(lines) <= 10


def test_a_file_ends_before_it_has_too_many_bytes(tmp_path: Path) -> None:
    made = batch.export([request(n) for n in range(100)], tmp_path / "b", most_bytes=5000)

    assert len(made.files) > 2
    assert max(path.stat().st_size for path in made.files) <= 5000


def test_an_export_is_not_written_over(tmp_path: Path) -> None:
    batch.export([request(1)], tmp_path)

    with pytest.raises(UsageError, match="holds batch files already"):
        batch.export([request(2)], tmp_path)


# --- import -------------------------------------------------------------------------------


def test_replies_are_matched_by_id_and_never_by_order(tmp_path: Path) -> None:
    keys = [request(n).key for n in range(3)]
    file = write(tmp_path / "o.jsonl", [answered(key, f"[{key[:4]}]") for key in reversed(keys)])

    with ReplyLog(tmp_path / "log") as log:
        first, again = (batch.import_files([file], log) for _ in range(2))

        assert (first.replies, again.replies, again.known) == (3, 0, 3)
        for key in keys:
            reply = log.get(key)
            assert reply is not None
            assert (reply.text, reply.via, reply.model) == (f"[{key[:4]}]", "batch", "m-1")


KEY = "ab" * 32
NO_ANSWER = [
    "not json",
    "[1, 2]",
    "[" * 100_000,
    '{"custom_id": 7}',
    json.dumps({"custom_id": KEY}),
    json.dumps({"custom_id": KEY.upper(), "response": {}}),
    json.dumps({"custom_id": "../../etc", "response": {}}),
    json.dumps({"custom_id": KEY, "response": {"status_code": 200, "body": "<html>"}}),
    answered(KEY, choices=[]),
    answered(KEY, choices=[{"message": {"content": {"a": 1}}}]),
    answered(KEY, usage="many"),
    answered(KEY, usage={"prompt_tokens": -1}),
    answered(KEY).replace("200", "9" * 5000),
]


@pytest.mark.parametrize("line", NO_ANSWER, ids=range(len(NO_ANSWER)))
def test_a_line_that_is_no_answer_is_counted_and_passed_over(line: str, tmp_path: Path) -> None:
    file = write(tmp_path / "o.jsonl", [line, "", answered(request(1).key)])

    with ReplyLog(tmp_path / "log") as log:
        made = batch.import_files([file], log)

        assert (made.replies, made.broken + made.failed) == (1, 1)
        assert log.get(KEY) is None


def test_a_line_too_long_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch, "MOST_OF_A_LINE", 1000)
    lines = [answered(KEY, "x" * 5000), answered(request(1).key)]

    with ReplyLog(tmp_path / "log") as log:
        made = batch.import_files([write(tmp_path / "o.jsonl", lines)], log)

    assert (made.replies, made.broken) == (1, 1)
    assert "longer than" in made.first_broken


def test_error_lines_leave_their_requests_open(tmp_path: Path) -> None:
    error = {"code": "batch_expired", "message": "took too long"}
    lines = [
        json.dumps({"custom_id": request(1).key, "response": None, "error": error}),
        json.dumps(
            {
                "custom_id": request(2).key,
                "response": {"status_code": 500, "body": {"error": {"message": "oh"}}},
            }
        ),
    ]
    file = write(tmp_path / "o.jsonl", lines)

    with ReplyLog(tmp_path / "log") as log:
        made = batch.import_files([file], log)
        assert made.failed == 2
        assert set(made.says) == {"batch_expired: took too long", "500 oh"}
        assert log.get(request(1).key) is None

        batch.import_files([file], log, give_up=True)
        given_up = log.get(request(1).key)
        assert given_up is not None
        assert given_up.error == "batch_expired: took too long"


def test_the_file_that_was_sent_is_not_taken_for_the_answer(tmp_path: Path) -> None:
    made = batch.export([request(1)], tmp_path)

    with ReplyLog(tmp_path / "log") as log, pytest.raises(UsageError, match="not the file that"):
        batch.import_files(made.files, log)


# --- there and back, beside the live path -------------------------------------------------


def generate(*arguments: str | Path) -> tuple[int, str, str]:
    done = CliRunner().invoke(app, ["generate", *map(str, arguments)])
    message = str(done.exception) if done.exception else ""
    return done.exit_code, done.stdout, message


def provider(folder: Path, out: Path, seed: int, *, lost: float = 0.0) -> int:
    """Answer the files of a folder in another order; returns how many requests got no answer."""
    draws = random.Random(seed)
    lines = []
    for path in sorted(folder.glob("*.jsonl")):
        for raw in path.read_text("utf-8").splitlines():
            line = json.loads(raw)
            text = stand_in.answer_badly(line["body"], BAD)
            usage = {"prompt_tokens": 100, "completion_tokens": 20}
            lines.append(answered(line["custom_id"], text, model="stand-in", usage=usage))
    draws.shuffle(lines)
    kept = lines[: round(len(lines) * (1 - lost))]
    write(out, kept)
    return len(lines) - len(kept)


@pytest.mark.slow
def test_a_round_trip_of_300_passages_gives_the_tables_of_the_live_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
    live, out = tmp_path / "live", tmp_path / "batch"
    for path in (live, out):
        stand_in.write_dataset(path, 300)
    with ChatServer(lambda body: stand_in.answer_badly(body, BAD)) as server:
        plan = tmp_path / "plan.toml"
        plan.write_text(
            '[[generate]]\nuse = "llm_bottom_up"\n'
            f'[llm.default]\nmodel = "stand-in"\nbase_url = "{server.url}"\n'
        )
        assert generate(live, "--plan", plan, "-q")[0] == 0
        n_live = len(server.seen)
    monkeypatch.delenv("OPENAI_API_KEY")

    assert "300 requests" in generate(out, "--plan", plan, "--export-batch", tmp_path / "b1")[1]
    n_lost = provider(tmp_path / "b1", tmp_path / "o1.jsonl", 1, lost=LOST)
    code, _, message = generate(out, "--plan", plan, "--import-batch", tmp_path / "o1.jsonl")
    assert n_lost == 15
    assert code == 1
    n_bad = n_live - 300
    assert n_bad > 3
    assert f"({n_lost} missing, " in message
    assert "query/llm_bottom_up" not in Dataset.open(out)

    round_ = 2
    while code:
        to = tmp_path / f"b{round_}"
        assert generate(out, "--plan", plan, "--export-batch", to)[0] == 0
        provider(to, tmp_path / f"o{round_}.jsonl", round_)
        code, _, message = generate(
            out, "--plan", plan, "--import-batch", tmp_path / f"o{round_}.jsonl", "-q"
        )
        round_ += 1
        assert round_ < 6, message

    one, two = Dataset.open(live), Dataset.open(out)
    assert one.count("query/llm_bottom_up") == 900
    for table in ("query/llm_bottom_up", "query/candidate"):
        assert one.digest(table) == two.digest(table)
    notes = two.manifest["stages"]["generate/llm_bottom_up"]["notes"]["llm"]
    assert notes["via"] == {"batch": n_live}
    assert notes["repaired"] == n_bad


def test_live_and_batch_mix(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
    out = tmp_path / "out"
    stand_in.write_dataset(out, 20)
    with ChatServer(stand_in.answer) as server:
        plan = tmp_path / "plan.toml"
        plan.write_text(
            '[[generate]]\nuse = "llm_bottom_up"\n'
            f'[llm.default]\nmodel = "stand-in"\nbase_url = "{server.url}"\n'
        )
        assert generate(out, "--plan", plan, "--max-calls", "8", "-q")[0] == 1
        made = generate(out, "--plan", plan, "--export-batch", tmp_path / "b", "--json")
        assert json.loads(made[1])["requests"] == 12
        provider(tmp_path / "b", tmp_path / "o.jsonl", 1, lost=0.5)
        assert generate(out, "--plan", plan, "--import-batch", tmp_path / "o.jsonl")[0] == 1
        server.reset_counts()

        assert generate(out, "--plan", plan, "-q")[0] == 0

        assert len(server.seen) == 6


def test_what_failed_is_dropped_where_that_is_wanted(tmp_path: Path) -> None:
    out = tmp_path / "out"
    stand_in.write_dataset(out, 10)
    plan = tmp_path / "plan.toml"
    plan.write_text('[[generate]]\nuse = "llm_bottom_up"\n[llm.default]\nmodel = "stand-in"\n')
    generate(out, "--plan", plan, "--export-batch", tmp_path / "b")
    provider(tmp_path / "b", tmp_path / "o.jsonl", 1, lost=0.1)
    assert generate(out, "--plan", plan, "--import-batch", tmp_path / "o.jsonl")[0] == 1

    code, _, message = generate(
        out, "--plan", plan, "--import-batch", tmp_path / "o.jsonl", "--drop-failed", "-q"
    )

    assert code == 0, message
    dropped = list(Dataset.open(out).read("dropped/generate.llm_bottom_up"))
    assert {d.reason for d in dropped} == {"no_reply"}
    assert Dataset.open(out).count("query/llm_bottom_up") == 3 * (10 - len(dropped))

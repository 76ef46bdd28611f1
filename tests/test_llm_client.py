"""The live client against a real server on loopback, with everything that goes wrong there."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from chat_server import ChatServer, Faults, Said, last_message

from datakit.errors import PlanError, UsageError
from datakit.llm.client import Client, Patience, Sent, Status
from datakit.llm.conversation import walk
from datakit.llm.endpoint import EndpointSettings, Limits
from datakit.llm.exchange import Message, Outcome, Reading, Schema, Task
from datakit.llm.log import ReplyLog
from datakit.llm.prices import Price, Prices
from datakit.records import Dropped

SCHEMA = Schema(
    "echo.v1",
    {
        "type": "object",
        "additionalProperties": False,
        "required": ["echo"],
        "properties": {"echo": {"type": "string"}},
    },
)
QUICK = Patience(
    first_backoff=0.02, longest_backoff=0.1, unreachable=0.3, down=0.4, overloaded=0.5
)  # fmt: skip
PRICES = Prices("USD", (Price("m", 1000.0, 1000.0),))


def task(i: int, text: str = "row") -> Task:
    message = Message("user", f"{text} {i} ends")
    return Task(f"r{i}", (message,), SCHEMA, "echo.v1.en", "0" * 64, max_tokens=100)


def tasks(n: int, text: str = "row") -> list[Task]:
    return [task(i, text) for i in range(n)]


def read(task: Task, value: Any, model: str) -> Reading:
    return Reading((Dropped(task.record_id, "read", value["echo"]),))


@pytest.fixture
def log(tmp_path: Path) -> Iterator[ReplyLog]:
    with ReplyLog(tmp_path / "replies") as opened:
        yield opened


def endpoint(server: ChatServer, **settings: Any) -> EndpointSettings:
    base: dict[str, Any] = {"concurrency": 8, "timeout": 10.0}
    return EndpointSettings("m", server.url, api_key_env="", **(base | settings))


def send(
    server: ChatServer, log: ReplyLog, asked: Iterable[Task], limits: Limits | None = None,
    **settings: Any,
) -> Sent:  # fmt: skip
    client = Client(endpoint(server, **settings), log, limits, PRICES, patience=QUICK)
    return client.send(asked, read)


def ended(
    server: ChatServer, log: ReplyLog, asked: Iterable[Task], **settings: Any
) -> Counter[str]:
    """Reasons of the records of all tasks, by the log alone."""
    talk = Client(endpoint(server, **settings), log, prices=PRICES).talk(read)
    ends = [walk(one, talk) for one in asked]
    return Counter(
        row.reason if isinstance(end, Outcome) else "no reply"
        for end in ends
        for row in (end.records if isinstance(end, Outcome) else (end,))
    )


def test_every_task_gets_its_reply_and_slots_stay_full(log: ReplyLog) -> None:
    with ChatServer(latency=0.05) as server:
        sent = send(server, log, tasks(80))

        assert (sent.tasks, sent.calls, sent.open, sent.stopped) == (80, 80, 0, None)
        assert server.most_in_flight() == 8
        assert ended(server, log, tasks(80)) == {"read": 80}
    assert sent.usage.calls == 80
    assert sent.usage.cost == pytest.approx(
        (sent.usage.prompt_tokens + sent.usage.completion_tokens) / 1000
    )


def test_a_second_run_sends_nothing(log: ReplyLog) -> None:
    with ChatServer() as server:
        send(server, log, tasks(20))
        again = send(server, log, tasks(20))

        assert len(server.seen) == 20
    assert (again.tasks, again.calls, again.found) == (20, 0, 20)


def test_equal_requests_are_paid_for_once(log: ReplyLog) -> None:
    with ChatServer(latency=0.05) as server:
        sent = send(server, log, [replace(task(0), record_id=f"r{i}") for i in range(20)])

        assert len(server.seen) == 1
    assert (sent.tasks, sent.calls, sent.found) == (20, 1, 19)


def test_faults_that_pass_are_borne(log: ReplyLog) -> None:
    faults = Faults(too_many=0.1, server_error=0.1, malformed=0.1, truncated=0.1, reset=0.1)
    with ChatServer(faults=faults) as server:
        sent = send(server, log, tasks(150), max_retries=12)

        assert (sent.tasks, sent.open, sent.stopped) == (150, 0, None)
        assert {"429", "500", "connection"} <= set(sent.troubles)
        assert server.paid_twice() == 0
        kept = ended(server, log, tasks(150))
    assert kept["read"] > 120
    assert set(kept) <= {"read", "unparsable", "truncated"}
    assert kept.total() == 150


def test_rows_that_are_refused_cost_one_call_each(log: ReplyLog) -> None:
    asked = [task(i, "bad" if i % 10 == 3 else "row") for i in range(100)]
    with ChatServer(faults=Faults(refuse="bad")) as server:
        sent = send(server, log, asked)

        assert server.statuses() == {200: 90, 400: 10}
        assert sent.refused == 10
        assert ended(server, log, asked) == {"read": 90, "request_refused": 10}
        send(server, log, asked)
        assert len(server.seen) == 100


@pytest.mark.parametrize("status", [400, 403, 404, 413, 422])
def test_a_permanent_error_after_the_first_reply_is_the_rows_own(
    log: ReplyLog, status: int
) -> None:
    def answer(body: dict[str, Any]) -> Said:
        refused = " 3 " in last_message(body)
        error = {"message": "not this one"}
        return Said(status=status, error=error) if refused else Said(json.dumps({"echo": "x"}))

    with ChatServer(answer) as server:
        sent = send(server, log, tasks(6), concurrency=1)

        assert server.statuses() == {200: 5, status: 1}
        assert (sent.tasks, sent.refused, sent.stopped) == (6, 1, None)
        assert ended(server, log, tasks(6)) == {"read": 5, "request_refused": 1}


def test_a_key_that_expires_on_the_way_stops_and_drops_nothing(log: ReplyLog) -> None:
    def answer(body: dict[str, Any]) -> Said:
        expired = " 3 " in last_message(body)
        return Said(status=401, error={"message": "expired"}) if expired else Said('{"echo": "x"}')

    with ChatServer(answer) as server:
        sent = send(server, log, tasks(6), concurrency=1)

    assert sent.stopped is not None
    assert sent.stopped.reason == "key"
    assert len(log) == 3


def test_refused_rows_at_the_very_beginning_are_rows_too(log: ReplyLog) -> None:
    asked = [task(i, "bad" if i < 12 else "row") for i in range(40)]
    with ChatServer(faults=Faults(refuse="bad")) as server:
        send(server, log, asked)

        assert ended(server, log, asked) == {"read": 28, "request_refused": 12}


def test_an_endpoint_that_refuses_everything_stops_the_run_and_drops_nothing(log: ReplyLog) -> None:
    with ChatServer(faults=Faults(refuse="row")) as server:
        sent = send(server, log, tasks(100))

        assert len(server.seen) <= 20 + 8
    assert sent.stopped is not None
    assert sent.stopped.reason == "refused"
    assert len(log) == 0


@pytest.mark.parametrize(
    ("faults", "settings", "reason", "says"),
    [
        (Faults(key="right"), {}, "key", "refuses the key in TEST_KEY"),
        (Faults(models=("other",)), {}, "model", "has no model 'm'"),
        (Faults(formats=()), {}, "format", 'structured = "auto"'),
    ],
)
def test_an_endpoint_that_will_never_work_stops_at_the_first_reply(
    log: ReplyLog, monkeypatch: pytest.MonkeyPatch, faults: Faults, settings: dict[str, Any],
    reason: str, says: str,
) -> None:  # fmt: skip
    monkeypatch.setenv("TEST_KEY", "wrong")
    with ChatServer(faults=faults, latency=0.05) as server:
        client = Client(replace(endpoint(server), api_key_env="TEST_KEY"), log, patience=QUICK)
        sent = client.send(tasks(100), read)

        assert len(server.seen) <= 8
    assert sent.stopped is not None
    assert sent.stopped.reason == reason
    assert says in sent.stopped.message
    assert "\n" not in sent.stopped.message
    assert len(log) == 0


def test_a_wrong_path_is_said_to_be_one(log: ReplyLog) -> None:
    with ChatServer() as server:
        wrong = replace(endpoint(server), base_url=server.url.removesuffix("/v1"))
        sent = Client(wrong, log, patience=QUICK).send(tasks(5), read)

    assert sent.stopped is not None
    assert sent.stopped.reason == "address"
    assert "most end in /v1" in sent.stopped.message


def test_a_page_instead_of_an_answer_is_said_to_be_no_endpoint(log: ReplyLog) -> None:
    with ChatServer(answer=lambda _: Said(raw="<html>Welcome</html>")) as server:
        sent = send(server, log, tasks(20))

    assert sent.stopped is not None
    assert "the answer is not JSON" in sent.stopped.message
    assert len(log) == 0


def test_no_budget_stops_and_keeps_what_is_in_flight(log: ReplyLog) -> None:
    def answer(body: dict[str, Any]) -> Said:
        if " 5 " in last_message(body):
            error = {"message": "You exceeded your current quota", "code": "insufficient_quota"}
            return Said(status=429, error=error, latency=0.0)
        return Said(json.dumps({"echo": "x"}))

    with ChatServer(answer, latency=0.2) as server:
        sent = send(server, log, tasks(50))

        assert sent.stopped is not None
        assert sent.stopped.reason == "budget"
        assert len(log) == sent.calls == server.statuses()[200]


def test_nobody_listening_is_one_clear_line_soon(log: ReplyLog) -> None:
    gone = EndpointSettings("m", "http://127.0.0.1:9/v1", api_key_env="", concurrency=4)
    start = time.monotonic()
    sent = Client(gone, log, patience=QUICK).send(tasks(50), read)

    assert sent.stopped is not None
    assert sent.stopped.reason == "down"
    assert "does not answer" in sent.stopped.message
    assert time.monotonic() - start < 5


def test_a_circuit_opens_when_the_endpoint_goes_down_and_the_next_run_goes_on(
    log: ReplyLog,
) -> None:
    broken = threading.Event()

    def answer(body: dict[str, Any]) -> Said:
        if broken.is_set():
            return Said(status=503, error={"message": "overloaded"})
        if " 30 " in last_message(body):
            broken.set()
        return Said(json.dumps({"echo": "x"}))

    with ChatServer(answer, latency=0.005) as server:
        sent = send(server, log, tasks(100), max_retries=50)

        assert sent.stopped is not None
        assert sent.stopped.reason == "down"
        assert "503: overloaded" in sent.stopped.message
        assert len(log) == sent.calls < 100
        server.answer = lambda _: json.dumps({"echo": "x"})
        again = send(server, log, tasks(100))
        assert (again.tasks, again.calls) == (100, 100 - sent.calls)
        assert server.paid_twice() == 0


def test_a_request_that_never_succeeds_stays_open(log: ReplyLog) -> None:
    def answer(body: dict[str, Any]) -> Said:
        failing = " 3 " in last_message(body)
        return Said(status=500) if failing else Said(json.dumps({"echo": "x"}))

    with ChatServer(answer) as server:
        sent = send(server, log, tasks(10), max_retries=2)

        assert (sent.tasks, sent.open, sent.troubles["500"]) == (9, 1, 3)
        assert ended(server, log, tasks(10)) == {"read": 9, "no reply": 1}


def test_a_timeout_is_another_try(log: ReplyLog) -> None:
    slow = iter([True])

    def answer(body: dict[str, Any]) -> Said:
        return Said(json.dumps({"echo": "x"}), latency=5.0 if next(slow, False) else 0.0)

    with ChatServer(answer) as server:
        sent = send(server, log, tasks(3), timeout=0.3)

    assert (sent.tasks, sent.troubles["timeout"]) == (3, 1)


def test_retry_after_is_honoured(log: ReplyLog) -> None:
    first = iter([Said(status=429, headers={"retry-after": "0.4"}, latency=0.0)])
    with ChatServer(lambda _: next(first, Said('{"echo": "x"}'))) as server:
        send(server, log, tasks(1))

        assert server.seen[1].received - server.seen[0].received >= 0.4


def test_a_wait_that_is_too_long_ends_the_run(log: ReplyLog) -> None:
    busy = Said(status=429, headers={"retry-after": "86400"}, error={"message": "daily limit"})
    with ChatServer(lambda _: busy) as server:
        sent = send(server, log, tasks(10))

    assert sent.stopped is not None
    assert "asks to wait 86400 s (429: daily limit)" in sent.stopped.message


@pytest.mark.parametrize("most", [1, 7, 30])
def test_max_calls_is_never_exceeded(log: ReplyLog, most: int) -> None:
    with ChatServer(latency=0.01, faults=Faults(server_error=0.1)) as server:
        sent = send(server, log, tasks(50), Limits(max_calls=most))

        assert server.statuses()[200] == sent.calls == len(log) == most
        assert sent.stopped is not None
        assert sent.stopped.reason == "max_calls"
        rest = send(server, log, tasks(50))
        assert (rest.tasks, rest.calls) == (50, 50 - most)


def test_max_calls_that_suffice_do_not_stop(log: ReplyLog) -> None:
    with ChatServer() as server:
        sent = send(server, log, tasks(10), Limits(max_calls=10))

    assert (sent.tasks, sent.stopped) == (10, None)


def test_max_cost_is_never_exceeded_and_nearly_used(log: ReplyLog) -> None:
    with ChatServer(latency=0.01) as server:
        sent = send(server, log, tasks(200), Limits(max_cost=1.0))

    assert sent.stopped is not None
    assert sent.stopped.reason == "max_cost"
    # a call costs about 0.01 here, and is counted with at most about 0.4 while it is in flight
    assert 0.6 <= sent.usage.cost <= 1.0


def test_a_cost_that_is_not_known_cannot_be_limited(log: ReplyLog) -> None:
    unpriced = EndpointSettings("m", "http://localhost:1/v1", api_key_env="")
    with pytest.raises(PlanError, match="no price of m at"):
        Client(unpriced, log, Limits(max_cost=1.0))


def test_auto_finds_what_the_endpoint_takes_with_one_call_each(log: ReplyLog) -> None:
    with ChatServer(faults=Faults(formats=("json_object",)), latency=0.01) as server:
        sent = send(server, log, tasks(30), structured="auto")

        assert server.statuses() == {200: 30, 400: 1}
        assert (sent.tasks, sent.refused) == (30, 0)
        assert ended(server, log, tasks(30), structured="auto") == {"read": 30}
        send(server, log, tasks(40), structured="auto")
        assert server.statuses() == {200: 40, 400: 1}


def test_auto_comes_down_to_an_instruction(log: ReplyLog) -> None:
    with ChatServer(faults=Faults(formats=())) as server:
        sent = send(server, log, tasks(5), structured="auto")

        assert server.statuses() == {200: 5, 400: 2}
        assert "response_format" not in server.seen[-1].body
        assert "JSON Schema" in server.seen[-1].body["messages"][0]["content"]
    assert sent.tasks == 5


def test_a_key_is_sent_and_nowhere_kept(
    log: ReplyLog, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    secret = "sk-very-secret-0123456789"
    monkeypatch.setenv("TEST_KEY", secret)
    told = Said(status=400, error={"message": f"bad prompt, key {secret} or sk-very-s***789"})
    answers = iter([Said('{"echo": "x"}'), told])
    with ChatServer(lambda _: next(answers, Said('{"echo": "x"}')), 0.01) as server:
        keyed = replace(endpoint(server, concurrency=1), api_key_env="TEST_KEY")
        sent = Client(keyed, log, patience=QUICK).send(tasks(5), read)

        assert server.seen[0].headers["authorization"] == f"Bearer {secret}"
    log.sync()
    stored = b"".join(file.read_bytes() for file in log.folder.iterdir())
    assert sent.refused == 1
    assert b"bad prompt" in stored
    assert b"sk-very" not in stored
    assert "sk-very" not in repr(sent) + "".join(capfd.readouterr())


def test_a_missing_key_is_one_clear_line_before_anything_is_sent(
    log: ReplyLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TEST_KEY", raising=False)
    with pytest.raises(UsageError, match="environment variable TEST_KEY is not set"):
        Client(EndpointSettings("m", "http://localhost:1/v1", api_key_env="TEST_KEY"), log)


def test_progress_is_told(log: ReplyLog) -> None:
    told: list[Status] = []
    with ChatServer(latency=0.2) as server:
        client = Client(endpoint(server), log, prices=PRICES, on_progress=told.append)
        client.send(tasks(40), read, total=40)

    assert [s.done for s in told] == sorted(s.done for s in told)
    assert (told[-1].done, told[-1].total, told[-1].calls) == (40, 40, 40)
    assert any(0 < s.done < 40 for s in told)


def test_an_error_of_the_plugin_comes_through_and_replies_are_kept(log: ReplyLog) -> None:
    def failing(task: Task, value: Any, model: str) -> Reading:
        raise ZeroDivisionError

    with ChatServer() as server:
        client = Client(endpoint(server), log, patience=QUICK)
        with pytest.raises(ZeroDivisionError):
            client.send(tasks(10), failing)

        assert len(log) >= 1
        assert send(server, log, tasks(10)).tasks == 10
        assert server.paid_twice() == 0


def test_it_runs_where_an_event_loop_runs_already(log: ReplyLog) -> None:
    async def notebook(server: ChatServer) -> Sent:
        return send(server, log, tasks(5))

    with ChatServer() as server:
        assert asyncio.run(notebook(server)).tasks == 5


def test_tasks_are_taken_as_slots_become_free(log: ReplyLog) -> None:
    taken = 0

    def slowly() -> Iterator[Task]:
        nonlocal taken
        for one in tasks(200):
            taken += 1
            yield one

    with ChatServer(latency=0.01) as server:
        send(server, log, slowly(), Limits(max_calls=20))

    assert taken <= 20 + 10


PROGRAM = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from test_llm_client import Client, EndpointSettings, ReplyLog, read, tasks
with ReplyLog(Path(sys.argv[3])) as log:
    settings = EndpointSettings("m", sys.argv[2], api_key_env="", concurrency=8)
    sent = Client(settings, log).send(tasks(200), read)
print(sent.tasks, sent.calls, sent.stopped and sent.stopped.reason)
"""


def program(server: ChatServer, folder: Path) -> subprocess.Popen[str]:
    here = str(Path(__file__).parent)
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, here, server.url, str(folder)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def until_seen(server: ChatServer, n: int) -> None:
    end = time.monotonic() + 60
    while len(server.seen) < n and time.monotonic() < end:
        time.sleep(0.01)
    assert len(server.seen) >= n


def test_after_kill_9_only_what_had_no_reply_is_sent(tmp_path: Path) -> None:
    with ChatServer(latency=0.05) as server:
        first = program(server, tmp_path)
        until_seen(server, 60)
        first.kill()
        first.communicate()
        with ReplyLog(tmp_path) as log:
            kept = len(log)
        before = len(server.seen)
        assert 0 < kept < 200

        out, errors = program(server, tmp_path).communicate(timeout=60)

        assert out.split() == ["200", str(200 - kept), "None"], errors
        assert len(server.seen) - before == 200 - kept


def test_ctrl_c_lets_what_is_in_flight_come_in(tmp_path: Path) -> None:
    with ChatServer(latency=0.3) as server:
        running = program(server, tmp_path)
        until_seen(server, 20)
        os.kill(running.pid, signal.SIGINT)
        out, errors = running.communicate(timeout=60)

        done, calls, reason = out.split()
        assert reason == "interrupted", errors
        assert "Traceback" not in errors
        assert server.statuses() == {200: int(calls)}
        assert int(done) < 200
        with ReplyLog(tmp_path) as log:
            assert len(log) == int(calls)

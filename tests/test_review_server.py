"""The labelling server over plain HTTP: who is let in, and what is refused."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from datakit.dataset import Dataset, write_tables
from datakit.records import Passage, Qrel, Query
from datakit.reviewing import answers, batch
from datakit.reviewing.batch import Plan
from datakit.reviewing.server import MOST_BODY, Server, Session

SAID = {"assessor": "ann", "at": 0, "grade": "2", "answer_id": "a1"}


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    passages = [Passage(f"d:{i}", "d", f"text {i}", i, i + 6, i) for i in range(3)]
    queries = [Query(f"q{i}", f"query {i}", "en", "passage", "question") for i in range(3)]
    labels = [Qrel(f"q{i}", f"d:{i}", 3, "direct") for i in range(3)]
    tables = {"passage": passages, "query": queries, "qrel/mined": labels}
    return write_tables(tmp_path / "out", tables, "x", seed=13)


@pytest.fixture
def server(dataset: Dataset) -> Iterator[Server]:
    chosen = batch.draw(dataset, Plan("random", 3))
    with answers.Log(dataset) as log:
        made = Server(Session(dataset, chosen, log))
        thread = threading.Thread(target=made.serve_forever, args=(0.02,))
        thread.start()
        yield made
        made.shutdown()
        thread.join()
        made.server_close()


def ask(
    server: Server, path: str, body: Any = None, **headers: str
) -> tuple[int, dict[str, Any], http.client.HTTPMessage]:
    given = {"X-Token": server.token, "Content-Type": "application/json"}
    given |= {name.replace("_", "-"): value for name, value in headers.items()}
    line = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=5)
    data = json.dumps(body) if body is not None and not isinstance(body, str) else body
    line.request("POST" if body is not None else "GET", path, data, given)
    reply = line.getresponse()
    text = reply.read()
    line.close()
    return reply.status, json.loads(text) if text.startswith(b"{") else {}, reply.headers


def pair(server: Server, at: int = 0) -> dict[str, Any]:
    item = ask(server, f"/api/item?assessor=ann&at={at}")[1]
    return {name: item[name] for name in ("query_id", "passage_id")}


def test_an_answer_is_on_the_disk_when_the_reply_comes(server: Server, dataset: Dataset) -> None:
    status, state, _ = ask(server, "/api/answer", SAID | pair(server))

    assert (status, state["done"], state["total"]) == (200, 1, 3)
    assert [(a.grade, a.assessor) for _, a in answers.read(dataset)] == [("2", "ann")]


def test_the_same_answer_sent_twice_counts_once(server: Server, dataset: Dataset) -> None:
    body = SAID | pair(server)

    assert [ask(server, "/api/answer", body)[0] for _ in range(2)] == [200, 200]
    assert len(list(answers.read(dataset))) == 1


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"X_Token": "guess"}, 401), ({"X_Token": ""}, 401), ({"Host": "evil.example"}, 403),
        ({"Origin": "http://evil.example"}, 403), ({"Origin": "null"}, 403),
        ({"Sec_Fetch_Site": "cross-site"}, 403), ({"Content_Type": "text/plain"}, 415),
    ],
)  # fmt: skip
def test_who_is_not_let_in(server: Server, headers: dict[str, str], status: int) -> None:
    assert ask(server, "/api/answer", SAID, **headers)[0] == status


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"grade": "4"}, 400), ({"grade": ""}, 400), ({"grade": None}, 400), ({"at": -1}, 400),
        ({"at": 99}, 404), ({"assessor": "<b>"}, 400), ({"assessor": ""}, 400),
        ({"passage_id": "other"}, 409), ({"snippet": "x" * 5000}, 400), ({"snippet": 3}, 400),
        ({"answer_id": ["x"]}, 400),
    ],
)  # fmt: skip
def test_answers_that_cannot_be_meant_are_refused(
    server: Server, dataset: Dataset, change: dict[str, Any], status: int
) -> None:
    assert ask(server, "/api/answer", SAID | pair(server) | change)[0] == status
    assert not list(answers.read(dataset))


def test_the_body_of_a_refused_request_is_not_taken_for_the_next(server: Server) -> None:
    line = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=5)
    line.request("POST", "/api/answer", "GET /api/state HTTP/1.1", {"X-Token": "guess"})
    reply = line.getresponse()

    assert (reply.status, reply.headers["Connection"]) == (401, "close")
    line.close()


@pytest.mark.parametrize("body", ["{", "[1]", "[" * 50_000, " " * (MOST_BODY + 1)])
def test_bodies_that_are_no_answer_are_refused(server: Server, body: str) -> None:
    assert ask(server, "/api/answer", body)[0] in (400, 413)


@pytest.mark.parametrize(
    ("size", "status"), [("9" * 5_000, 413), ("0" * 5_000 + "2", 413), ("x", 411)]
)
def test_a_length_that_no_body_has_is_refused(server: Server, size: str, status: int) -> None:
    assert ask(server, "/api/answer", "{}", Content_Length=size)[0] == status


@pytest.mark.parametrize("address", ["/api/state?a&b&c&d&e&f", "//[/api/state"])
def test_an_address_that_cannot_be_read_is_refused(server: Server, address: str) -> None:
    assert ask(server, address)[0] == 400


def test_undo_gives_back_what_was_said_before(server: Server, dataset: Dataset) -> None:
    body = SAID | pair(server)
    ask(server, "/api/answer", body)
    ask(server, "/api/answer", body | {"grade": "0", "answer_id": "a2"})

    assert ask(server, "/api/undo", {"assessor": "ann"})[1]["grades"][0] == "2"
    assert ask(server, "/api/undo", {"assessor": "ann"})[1]["done"] == 0
    assert ask(server, "/api/undo", {"assessor": "ann"})[0] == 409
    assert [row["grade"] for _, row in answers.rows(dataset)] == [""]


def test_assessors_see_their_own_grades_alone(server: Server) -> None:
    ask(server, "/api/answer", SAID | pair(server))

    assert ask(server, "/api/state?assessor=bob")[1]["done"] == 0
    assert ask(server, "/api/item?assessor=bob&at=0")[1]["grade"] == ""


def test_the_page_is_guarded_and_holds_no_data(server: Server) -> None:
    status, _, headers = ask(server, "/", X_Token="")

    assert status == 200
    assert headers["Content-Security-Policy"].startswith("default-src 'none'; style-src 'sha256-")
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert (headers["Cache-Control"], headers["X-Content-Type-Options"]) == ("no-store", "nosniff")
    assert b"query 0" not in server.page
    assert server.server_address[0] == "127.0.0.1"


def test_a_second_server_on_the_same_dataset_is_refused(server: Server, dataset: Dataset) -> None:
    with pytest.raises(Exception, match="is held by another"), answers.Log(dataset):
        pass

"""The endpoint retriever against a real server on loopback."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import pytest

from datakit import Passage, Query
from datakit.errors import DatakitError
from datakit.retrievers.endpoint import Endpoint

WORDS = ["refund", "trial", "banana"]


class Embeddings(BaseHTTPRequestHandler):
    """One dimension per word of WORDS; a wrong model is 404, as servers answer it."""

    asked: ClassVar[list[int]] = []

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.asked.append(len(body["input"]))
        vectors = [[1e-3 + text.count(word) for word in WORDS] for text in body["input"]]
        data = [{"object": "embedding", "index": i, "embedding": v} for i, v in enumerate(vectors)]
        known = body["model"] == "counts"
        reply = {"object": "list", "model": "counts", "data": data[::-1]} if known else {
            "error": {"message": f"model {body['model']} not found"}
        }  # fmt: skip
        raw = json.dumps(reply | {"usage": {"prompt_tokens": 0, "total_tokens": 0}}).encode()
        self.send_response(200 if known else 404)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def url() -> Iterator[str]:
    Embeddings.asked = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), Embeddings)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/v1"
    server.shutdown()
    thread.join()
    server.server_close()


PASSAGES = [
    Passage(f"d{i}:0-9", f"d{i}", text, 0, len(text), 0, language="en")
    for i, text in enumerate(["a refund", "a trial trial", "one banana"])
]
QUERIES = [Query("q", "trial period", "en", "sentence", "keyword")]


def test_the_nearest_passage_comes_first(url: str, tmp_path: Path) -> None:
    retriever = Endpoint("counts", url, batch=2, cache=str(tmp_path))

    run = list(retriever.fit(PASSAGES).search(QUERIES, 3))

    assert run[0].passage_id == "d1:0-9"
    assert Embeddings.asked == [2, 1, 1]


def test_no_text_is_sent_twice(url: str, tmp_path: Path) -> None:
    retriever = Endpoint("counts", url, cache=str(tmp_path))
    first = list(retriever.fit(PASSAGES).search(QUERIES, 3))
    sent = len(Embeddings.asked)

    assert list(retriever.fit(PASSAGES).search(QUERIES, 3)) == first
    assert len(Embeddings.asked) == sent


def test_a_wrong_model_is_one_clear_line(url: str, tmp_path: Path) -> None:
    with pytest.raises(DatakitError, match=r"model .other.: .*not found") as caught:
        Endpoint("other", url, cache=str(tmp_path)).fit(PASSAGES)
    assert "\n" not in str(caught.value)


def test_a_server_that_is_not_there_is_one_clear_line(tmp_path: Path) -> None:
    retriever = Endpoint("counts", "http://127.0.0.1:9/v1", retries=0, cache=str(tmp_path))

    with pytest.raises(DatakitError, match="endpoint http://127"):
        retriever.fit(PASSAGES)

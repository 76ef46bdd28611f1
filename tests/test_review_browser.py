"""The labelling page in a real browser: keys, a crash half way, hostile text."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from browser import browser, watched

from datakit.dataset import Dataset, write_tables
from datakit.judging.tables import judged
from datakit.records import Evidence, Passage, Qrel, Query
from datakit.reviewing import batch
from datakit.reviewing.batch import Plan

HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)>javascript:alert(3)\u202eabc"
N = 50


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    text = "一" * 10 + HOSTILE
    passages = [Passage(f"d:{i}<b>", "d", f"{text} {i}", 0, len(text), i, title=HOSTILE,
                        language="zh") for i in range(N)]  # fmt: skip
    queries = [Query(f"q{i}", f"{HOSTILE} {i}", "en", "passage", "question",
                     evidence=(Evidence("d", 0, 20),)) for i in range(N)]  # fmt: skip
    labels = [Qrel(f"q{i}", f"d:{i}<b>", 3, "direct") for i in range(N)]
    tables = {"passage": passages, "query": queries, "qrel/mined": labels}
    made = write_tables(tmp_path / "out", tables, "x", seed=13)
    batch.draw(made, Plan("random", N))
    return made


@contextmanager
def served(dataset: Dataset, port: int) -> Iterator[tuple[subprocess.Popen[str], str]]:
    command = [sys.executable, "-m", "datakit", "review", "serve", str(dataset.path)]
    done = subprocess.Popen([*command, "--port", str(port)], stdout=subprocess.PIPE, text=True)
    assert done.stdout
    try:
        yield done, next(line.strip() for line in done.stdout if line.startswith("http://"))
    finally:
        done.send_signal(signal.SIGINT)
        done.communicate(timeout=30)


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def begin(page: Any, address: str, name: str) -> None:
    page.goto(address)
    page.fill("#name", name)
    page.keyboard.press("Enter")
    page.wait_for_selector("#work:not([hidden])")


def press(page: Any, key: str, n_done: int) -> None:
    page.keyboard.press(key)
    shows(page, n_done)


def shows(page: Any, n_done: int) -> None:
    """Wait until the page says so; its policy allows no script of a driver."""
    title = "All graded" if n_done == N else f"{n_done} of {N}"
    for _ in range(500):
        if page.title().startswith(title):
            return
        page.wait_for_timeout(20)
    raise AssertionError(f"the page says {page.title()!r}, expected {title!r}")


def test_fifty_labels_by_keyboard_survive_a_killed_server(dataset: Dataset) -> None:
    keys = [str(i % 4) for i in range(N - 1)] + ["?"]
    port = free_port()
    with browser() as chromium, served(dataset, port) as (server, address):
        context = chromium.new_context()
        page = context.new_page()
        begin(page, address, "ann")
        for i in range(N // 2):
            press(page, keys[i], i + 1)
        os.kill(server.pid, signal.SIGKILL)
        server.wait()
        page.keyboard.press(keys[N // 2])  # nobody hears it: the page keeps it
        page.wait_for_selector("#problem:not([hidden])")
        with served(dataset, port) as (_, new):
            page = context.new_page()
            begin(page, new, "ann")
            shows(page, N // 2 + 1)
            for i in range(N // 2 + 1, N):
                press(page, keys[i], i + 1)
            page.wait_for_selector("#end:not([hidden])")

    rows = {(j.query_id, j.passage_id): j.grade for j in judged(Dataset.open(dataset.path))}
    seen = [row.pair for row in batch.load(dataset).rows]
    assert [rows[pair] for pair in seen] == [None if k == "?" else int(k) for k in keys]


def test_undo_going_back_and_two_assessors(dataset: Dataset) -> None:
    with browser() as chromium, served(dataset, 0) as (_, address):
        for name, keys in (("ann", ["3", "2", "1"]), ("bob", ["3", "0", "1"])):
            page = chromium.new_page()
            begin(page, address, name)
            for i, key in enumerate(keys):
                press(page, key, i + 1)
            press(page, "u", 2)
            press(page, "0", 3)
            page.keyboard.press("ArrowLeft")
            page.wait_for_selector('#grades [data-key="0"][aria-pressed=true]')

    grades = [(j.assessor_id, j.grade) for j in judged(Dataset.open(dataset.path))]
    assert sorted(grades) == sorted(
        [("ann", 3), ("ann", 2), ("ann", 0), ("bob", 3), ("bob", 0), ("bob", 0)]
    )


def test_hostile_text_stays_text_and_nothing_leaves_the_page(dataset: Dataset) -> None:
    with browser() as chromium, served(dataset, 0) as (_, address):
        page = chromium.new_page()
        seen = watched(page, address.partition("#")[0])
        begin(page, address, "ann")
        page.keyboard.press("n")
        page.wait_for_selector("#after:not([hidden])")

        assert page.locator("main script, main img, main b").count() == 0
        assert "<img src=x onerror=alert(2)>" in page.inner_text("#query")
        assert "⟨U+202E⟩abc" in page.inner_text("#passage")
        assert page.locator("#passage mark").count() == 1
        assert address.partition("#")[2] not in page.url
        assert seen == []

"""The reply log: what was put is found again, by this process and by others, whatever crashed."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datakit.errors import DatasetError
from datakit.llm.exchange import Reply
from datakit.llm.log import ReplyLog


def key(name: object) -> str:
    return hashlib.sha256(str(name).encode()).hexdigest()


def test_a_reply_is_found_again_as_it_was(tmp_path: Path) -> None:
    reply = Reply(
        key(1), "合同终止后\n30 天 \ud83d", "stop", None, "m", 10, 2, 5, None, "batch", 0.5
    )
    with ReplyLog(tmp_path) as log:
        log.put(reply)

        assert log.get(key(1)) == reply
    with ReplyLog(tmp_path) as again:
        assert again.get(key(1)) == reply
        assert key(1) in again
        assert again.get(key(2)) is None


@settings(max_examples=50, deadline=None)
@given(texts=st.lists(st.text(), max_size=8))
def test_any_text_comes_back(texts: list[str], tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("log")
    with ReplyLog(folder) as log:
        for i, text in enumerate(texts):
            log.put(Reply(key(i), text))
    with ReplyLog(folder) as log:
        assert [log.get(key(i)).text for i in range(len(texts))] == texts


def test_the_first_reply_stands(tmp_path: Path) -> None:
    with ReplyLog(tmp_path) as log:
        assert log.put(Reply(key(1), "first"))
        assert not log.put(Reply(key(1), "second"))
        assert not log.put(Reply(key(1), error="400: no"))
    with ReplyLog(tmp_path) as log:
        assert log.get(key(1)).text == "first"


def test_a_reply_stands_before_a_refusal_that_came_earlier(tmp_path: Path) -> None:
    with ReplyLog(tmp_path) as log:
        log.put(Reply(key(1), error="400: no"))
        log.put(Reply(key(1), "yes"))

        assert log.get(key(1)).text == "yes"
    with ReplyLog(tmp_path) as log:
        assert log.get(key(1)).text == "yes"
        assert len(log) == 1


@pytest.mark.parametrize("cut", [2, 40, 95, 120])
def test_a_torn_last_line_is_passed_over(tmp_path: Path, cut: int) -> None:
    with ReplyLog(tmp_path) as log:
        log.put(Reply(key(1), "whole"))
        log.put(Reply(key(2), 'torn","text":"}'))
    (file,) = tmp_path.iterdir()
    file.write_bytes(file.read_bytes()[:-cut])

    with ReplyLog(tmp_path) as log:
        assert log.get(key(1)).text == "whole"
        assert log.get(key(2)) is None
        log.put(Reply(key(2), "sent again"))
        log.put(Reply(key(3), "next"))
    with ReplyLog(tmp_path) as log:
        assert [log.get(key(i)).text for i in (1, 2, 3)] == ["whole", "sent again", "next"]
    assert len(list(tmp_path.iterdir())) == 1


def test_a_last_line_that_lacks_only_its_end_is_kept(tmp_path: Path) -> None:
    with ReplyLog(tmp_path) as log:
        log.put(Reply(key(1), "whole"))
    (file,) = tmp_path.iterdir()
    file.write_bytes(file.read_bytes()[:-1])

    with ReplyLog(tmp_path) as log:
        assert not log.put(Reply(key(1), "sent again"))
        assert log.get(key(1)).text == "whole"


def test_a_line_with_a_flipped_bit_is_passed_over(tmp_path: Path) -> None:
    with ReplyLog(tmp_path) as log:
        log.put(Reply(key(1), "30 days"))
        log.put(Reply(key(2), "whole"))
    (file,) = tmp_path.iterdir()
    file.write_bytes(file.read_bytes().replace(b"30 days", b"31 days"))

    with ReplyLog(tmp_path) as log:
        assert log.get(key(1)) is None
        assert log.get(key(2)).text == "whole"


def test_two_logs_on_one_folder_see_each_other_after_refresh(tmp_path: Path) -> None:
    with ReplyLog(tmp_path) as one, ReplyLog(tmp_path) as other:
        one.put(Reply(key(1), "one"))
        other.put(Reply(key(2), "other"))

        assert one.get(key(2)) is None
        assert one.refresh() == 1
        assert one.get(key(2)).text == "other"
        other.refresh()
        assert other.get(key(1)).text == "one"
        one.put(Reply(key(3), "later"))
        assert other.refresh() == 1
        assert other.get(key(3)).text == "later"


def test_processes_write_at_once_and_lose_nothing(tmp_path: Path) -> None:
    code = (
        "import sys, hashlib\nfrom pathlib import Path\n"
        "from datakit.llm.exchange import Reply\nfrom datakit.llm.log import ReplyLog\n"
        "with ReplyLog(Path(sys.argv[1])) as log:\n"
        "    for i in range(200):\n"
        "        key = hashlib.sha256(f'{sys.argv[2]}-{i}'.encode()).hexdigest()\n"
        "        log.put(Reply(key, sys.argv[2] * 500))\n"
    )
    running = [
        subprocess.Popen([sys.executable, "-c", code, str(tmp_path), name]) for name in "abc"
    ]
    assert [process.wait() for process in running] == [0, 0, 0]

    with ReplyLog(tmp_path) as log:
        assert len(log) == 600
        assert log.get(key("b-7")).text == "b" * 500


def test_what_was_put_survives_kill_9(tmp_path: Path) -> None:
    code = (
        "import os, sys, signal\nfrom pathlib import Path\n"
        "from datakit.llm.exchange import Reply\nfrom datakit.llm.log import ReplyLog\n"
        "log = ReplyLog(Path(sys.argv[1]))\nlog.put(Reply('ab' * 32, 'kept'))\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    assert subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False).returncode == -9

    with ReplyLog(tmp_path) as log:
        assert log.get("ab" * 32).text == "kept"


def test_a_file_in_the_place_of_the_folder_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "log").write_text("not a folder")

    with pytest.raises(DatasetError, match="cannot be read"):
        ReplyLog(tmp_path / "log")

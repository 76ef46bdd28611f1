"""What is said on the labelling page: a log that is only ever added to.

`OUT/review/answers.jsonl`, a line for each answer or undo, on the disk before the page hears of
it. Whatever kills the server, at most the line being written is torn, and that one nobody was told
about.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from datakit.calibration.sampling import Pair
from datakit.dataset import Dataset, unwritable
from datakit.errors import DatasetBusy
from datakit.reviewing.batch import FOLDER

FILE = "answers.jsonl"


@dataclass(frozen=True)
class Answer:
    """What one assessor said of one pair; grade "" takes back what was said."""

    answer_id: str  # made by the page: what is sent twice counts once
    assessor: str
    query_id: str
    passage_id: str
    grade: str  # 0 to 3, ? or empty
    snippet: str = ""
    batch_id: str = ""
    at: str = ""  # UTC, ISO 8601

    @property
    def key(self) -> tuple[str, Pair]:
        return self.assessor, (self.query_id, self.passage_id)


def path_of(dataset: Dataset) -> Path:
    return dataset.path / FOLDER / FILE


def read(dataset: Dataset) -> Iterator[tuple[int, Answer]]:
    """Line numbers and answers, in the order in which they were given; torn lines are no answer."""
    path = path_of(dataset)
    if not path.is_file():
        return
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            answer = _answer(line)
            if answer is not None:
                yield number, answer


def _answer(line: bytes) -> Answer | None:
    if not line.endswith(b"\n"):
        return None  # cut off by a crash: its writer was never told that it is kept
    try:
        raw: dict[str, Any] = json.loads(line)
        return Answer(**raw)
    except (ValueError, TypeError):
        return None


def rows(dataset: Dataset) -> Iterator[tuple[int, Mapping[str, str]]]:
    """The last answer of each assessor to each pair, as rows of a review."""
    last = {answer.key: (number, answer) for number, answer in read(dataset)}
    for number, answer in last.values():
        yield number, asdict(answer)


class Log:
    """The log, open for adding; one process at a time."""

    def __init__(self, dataset: Dataset) -> None:
        self._path = path_of(dataset)
        self._dataset = dataset
        self.last: dict[tuple[str, Pair], Answer] = {}
        self._ids: set[str] = set()
        self._torn = False  # the last line in the file is not whole

    def __enter__(self) -> Log:
        with unwritable(self._path.parent):
            self._path.parent.mkdir(exist_ok=True)
            self._file = self._path.open("ab", buffering=0)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._file.close()
            raise DatasetBusy(
                f"{self._path} is held by another `datakit review serve`. Stop it first."
            ) from None
        for _, answer in read(self._dataset):
            self._note(answer)
        self._torn = self._is_torn()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:  # fmt: skip
        self._file.close()

    def add(self, answer: Answer) -> None:
        """On the disk when this returns; an answer that is known by its id is not added again.

        Raises:
            OSError: it could not be written.
        """
        if answer.answer_id in self._ids:
            return
        line = ("\n" if self._torn else "") + json.dumps(asdict(answer), ensure_ascii=False) + "\n"
        data, self._torn = line.encode(), True
        if self._file.write(data) != len(data):
            raise OSError(errno.ENOSPC, "the answer could not be written whole", str(self._path))
        os.fsync(self._file.fileno())
        self._torn = False
        self._note(answer)

    def _note(self, answer: Answer) -> None:
        self._ids.add(answer.answer_id)
        self.last[answer.key] = answer

    def _is_torn(self) -> bool:
        size = self._path.stat().st_size
        if not size:
            return False
        with self._path.open("rb") as file:
            file.seek(size - 1)
            return file.read(1) != b"\n"

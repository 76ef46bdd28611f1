"""Batch files: requests as OpenAI-Batch JSONL, and what a provider answered, read into the log.

A line is `{"custom_id", "method", "url", "body"}`; its `custom_id` is the request's key, by which
the answer is matched, whatever its place. Limits: https://developers.openai.com/api/docs/guides/batch
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlsplit

from datakit.errors import EndpointError, UsageError
from datakit.llm.answers import reply_of
from datakit.llm.exchange import Reply, Request, canonical
from datakit.llm.log import ReplyLog
from datakit.records import safe_id

MOST_LINES = 50_000  # of one file, as providers take them
MOST_BYTES = 200_000_000
MOST_OF_A_LINE = 16 << 20  # bytes of an answer; a longer line is not read
URL = "/v1/chat/completions"
_KEY = re.compile(r"[0-9a-f]{64}")
_SHOWN = 200  # characters of what a provider says


# --- export -------------------------------------------------------------------------------


@dataclass
class Exported:
    """The files of an export, in order, and how many requests they hold."""

    files: list[Path] = field(default_factory=list)
    requests: int = 0


def export(
    requests: Iterable[Request],
    folder: Path,
    most_lines: int = MOST_LINES,
    most_bytes: int = MOST_BYTES,
) -> Exported:
    """Write the requests, equal ones once, to `<model>.<host>-<number>.jsonl` in a new folder.

    A file has one model at one address, and ends before its limit; it gets its name when it is
    whole.

    Raises:
        UsageError: the folder has batch files already, or cannot be written.
    """
    if folder.is_dir() and any(folder.glob("*.jsonl")):
        raise UsageError(
            f"{folder} holds batch files already: import what was answered to them, or choose "
            "another folder."
        )
    made = Exported()
    open_files: dict[tuple[str, str], _File] = {}
    numbers: Counter[str] = Counter()
    seen: set[bytes] = set()
    try:
        for request in requests:
            key = bytes.fromhex(request.key)
            if key in seen:
                continue
            seen.add(key)
            line = _line(request)
            model = (request.base_url.rstrip("/"), request.model)
            file = open_files.get(model)
            if file is None or file.lines == most_lines or file.bytes + len(line) > most_bytes:
                if file is not None:
                    file.close()
                folder.mkdir(parents=True, exist_ok=True)
                name = _name(request)
                numbers[name] += 1
                file = open_files[model] = _File(folder / f"{name}-{numbers[name]:03d}.jsonl")
                made.files.append(file.path)
            file.write(line)
            made.requests += 1
    except OSError as error:
        raise UsageError(f"{folder} cannot be written: {error.strerror}") from None
    finally:
        for file in open_files.values():
            file.close()
    return made


class _File:
    """A batch file under way."""

    def __init__(self, path: Path) -> None:
        self.path, self.lines, self.bytes = path, 0, 0
        self._unfinished = path.with_name(path.name + ".part")
        self._file: IO[bytes] = self._unfinished.open("wb")

    def write(self, line: bytes) -> None:
        self._file.write(line)
        self.lines += 1
        self.bytes += len(line)

    def close(self) -> None:
        if not self._file.closed:
            self._file.close()
            self._unfinished.replace(self.path)


def _line(request: Request) -> bytes:
    value = {"custom_id": request.key, "method": "POST", "url": URL, "body": request.body()}
    return canonical(value) + b"\n"


def _name(request: Request) -> str:
    host = urlsplit(request.base_url).hostname or "endpoint"
    return safe_id(re.sub(r"[^\w.-]+", "-", f"{request.model}.{host}")[:100])


# --- import -------------------------------------------------------------------------------


@dataclass
class Imported:
    """What was in the files that came back."""

    replies: int = 0  # new ones, now in the log
    known: int = 0  # the log had a reply to that request
    failed: int = 0  # error lines; their requests stay open
    broken: int = 0  # lines that are no answer
    says: Counter[str] = field(default_factory=Counter)  # of the error lines, what they say
    first_broken: str = ""  # file, line, and why
    keys: set[str] = field(default_factory=set)  # of the requests that were answered


@dataclass(frozen=True, slots=True)
class Answered:
    """One line: the reply, or what the provider says went wrong."""

    key: str
    reply: Reply | None = None
    error: str = ""


class _Broken(ValueError):
    """A line that is no answer; its text says why."""


def output_files(paths: Iterable[Path]) -> list[Path]:
    """The files, and those in the folders.

    Raises:
        UsageError: one is not there, or a folder has none.
    """
    found: list[Path] = []
    for path in paths:
        inside = sorted(path.glob("*.jsonl")) if path.is_dir() else [path]
        if not inside or not inside[0].exists():
            raise UsageError(f"{path} is no file of batch output and no folder with *.jsonl.")
        found += inside
    return found


def import_files(files: Iterable[Path], log: ReplyLog, *, give_up: bool = False) -> Imported:
    """Put the replies of a provider's output files into the log.

    Files are untrusted: a line that is too long, is not JSON or is no answer is counted and passed
    over. An error line leaves its request open, or with `give_up` closes it for good.

    Raises:
        UsageError: a file cannot be read, or has requests instead of answers.
    """
    made = Imported()
    for path in files:
        before = made.replies + made.known + made.failed
        for number, line in _lines(path):
            try:
                answered = parse(line)
            except _Broken as error:
                made.broken += 1
                made.first_broken = made.first_broken or f"{path}:{number}: {error}"
                continue
            _take(answered, made, log, give_up)
        if made.broken and before == made.replies + made.known + made.failed:
            raise UsageError(
                f"{path} has no answer to a batch request ({made.first_broken}): give the output "
                "file of the provider, not the file that was sent."
            )
    return made


def _take(answered: Answered, made: Imported, log: ReplyLog, give_up: bool) -> None:
    made.keys.add(answered.key)
    if answered.reply is not None:
        new = log.put(answered.reply)
        made.replies += new
        made.known += not new
    else:
        made.failed += 1
        made.says[answered.error] += 1
        if give_up:
            log.put(Reply(answered.key, error=answered.error, via="batch"))


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """Lines with their numbers, blank ones left out; of one above the limit only the beginning."""
    try:
        with path.open("rb") as file:
            number = 0
            while line := file.readline(MOST_OF_A_LINE + 1):
                number += 1
                yielded = line
                while not line.endswith(b"\n") and (line := file.readline(MOST_OF_A_LINE)):
                    pass
                if yielded.strip():
                    yield number, yielded
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from None


def parse(line: bytes) -> Answered:
    """A line of a provider's output.

    Raises:
        ValueError: it is no answer.
    """
    if len(line) > MOST_OF_A_LINE:
        raise _Broken(f"longer than {MOST_OF_A_LINE >> 20} MiB")
    try:
        value = json.loads(line.removeprefix(b"\xef\xbb\xbf"))
    except (ValueError, RecursionError) as error:
        raise _Broken(f"not JSON: {str(error)[:_SHOWN]}") from None
    if not isinstance(value, dict):
        raise _Broken("not a JSON object")
    key = value.get("custom_id")
    if not isinstance(key, str) or not _KEY.fullmatch(key):
        raise _Broken("custom_id is not 64 hex digits, as in the file that was sent")
    response, failure = value.get("response"), value.get("error")
    if failure:
        return Answered(key, error=_said(failure))
    if not isinstance(response, dict):
        raise _Broken("neither response nor error")
    status, body = response.get("status_code", 200), response.get("body")
    if status != 200:
        inner = body.get("error") if isinstance(body, dict) else body
        return Answered(key, error=f"{status} {_said(inner)}"[:_SHOWN])
    return Answered(key, _reply(key, body))


def _said(error: Any) -> str:
    """What a provider's error object says, on one line."""
    if isinstance(error, dict):
        parts = [str(error[k]) for k in ("code", "message") if error.get(k)]
        error = ": ".join(parts) or "no message"
    return " ".join(str(error or "no message").split())[:_SHOWN]


def _reply(key: str, body: Any) -> Reply:
    usage = body.get("usage") if isinstance(body, dict) else None
    if usage is not None and not isinstance(usage, dict):
        raise _Broken("usage is no object")
    try:
        return reply_of(key, body, via="batch")
    except EndpointError as error:
        raise _Broken(str(error)) from None

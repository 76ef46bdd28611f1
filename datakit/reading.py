"""Sources to documents, in a process beside this one that may hang or crash.

    read_source    the ingestor that recognises a file best reads it; archives are looked into
    Reader         the same in a process of its own, ended when a document takes too long

The process is started once and reads file after file, so it costs a quarter of a second, not one
start a file. It sends each record as soon as there is one; before each it sets itself an alarm
that no native code can put off, so a parser that loops costs one file and never an orphan. It
protects against faults, not against attackers: whoever could run code in it could answer anything.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import pickle
import select
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import IO, Any

from datakit import registry
from datakit.errors import DatakitError, MissingDependency
from datakit.ingestors import _unpack
from datakit.records import Document, Dropped
from datakit.sources import SourceFile

Spec = tuple[str, str, dict[str, Any]]  # plugin kind, name, settings: how a plugin travels
Records = Iterator[Document | Dropped]
HEAD_BYTES = 64 << 10  # what an ingestor sees of a file before it says whether it is its own
NOT_A_DOCUMENT = "not_a_document"  # the reason of a file that `leave_out` names
IDLE_SECONDS = 30  # after which the process goes, and its memory with it
_START = "from datakit.reading import serve; serve()"
_TIMED = hasattr(signal, "setitimer")  # not on Windows: there a crash is caught, a hang is not


def made(of: Spec) -> Any:
    """The plugin that a spec describes."""
    return registry.load(of[0], of[1])(**of[2])


# --- one source ---------------------------------------------------------------------------


def read_source(
    file: SourceFile, ingestors: list[Any], scratch: Path, leave_out: Sequence[str] = ()
) -> Records:
    """The records of a file; whatever goes wrong with it is one Dropped.

    Args:
        file: the source.
        ingestors: tried in order; the highest `matches` wins, the first among equals.
        scratch: a folder to unpack archives into; made and left behind where there is one.
        leave_out: patterns of names that are no documents where they lie in a folder or archive.

    Raises:
        MissingDependency: the file's ingestor needs a package that is not installed.
    """
    yield from _read(file, _Manner(ingestors, scratch, leave_out), None, 0)


@dataclass(frozen=True)
class _Manner:
    """What is the same for a file and for all that is packed in it."""

    ingestors: list[Any]
    scratch: Path
    leave_out: Sequence[str]


def _read(file: SourceFile, manner: _Manner, budget: _unpack.Budget | None, deep: int) -> Records:
    folder, _, name = file.uri.rpartition("/")
    if folder and any(fnmatchcase(name, pattern) for pattern in manner.leave_out):
        yield Dropped(
            file.uri, NOT_A_DOCUMENT, "a file of this name tells about its folder. With leave_out "
            "= [] in the plan's [ingest], or named as a source of its own, it is read.",
        )  # fmt: skip
        return
    try:
        with file.path.open("rb") as handle:
            head = handle.read(HEAD_BYTES)
        ranked = [(i.matches(name, head), -n, i) for n, i in enumerate(manner.ingestors)]
        score, _, best = max(ranked, key=lambda entry: entry[:2])
        if score <= 0:
            kind = _unpack.kind_of(name, head)
            if kind:
                budget = budget or _unpack.Budget.of(file.path)
                yield from _unpacked(file, kind, manner, (budget, deep))
            else:
                yield _unrecognised(file, head)
            return
        empty = True
        for record in best(file.path, file.uri):
            empty = False
            yield record
        if empty:
            yield Dropped(file.uri, "no_text", f"{best.plugin_name} found no document in it")
    except MissingDependency:  # not the file's fault: the build stops and says what to install
        raise
    except Exception as error:  # a hostile file must not take the others along
        detail = " ".join(f"{type(error).__name__}: {error}".split())[:500]
        yield Dropped(file.uri, "unreadable", detail)


def _unrecognised(file: SourceFile, head: bytes) -> Dropped:
    if not head:
        return Dropped(file.uri, "empty", "0 bytes")
    if b"\0" in head:
        return Dropped(file.uri, "binary", f"{file.bytes:,} bytes, starts with {head[:8]!r}")
    return Dropped(file.uri, "no_ingestor", "no ingestor of the plan recognises this kind of file")


def _unpacked(
    file: SourceFile, kind: str, manner: _Manner, bounds: tuple[_unpack.Budget, int]
) -> Records:
    """The records of an archive's members, each named below the archive."""
    budget, deep = bounds
    if deep >= _unpack.MAX_NESTED:
        yield Dropped(
            file.uri, "too_deep", f"{file.uri}: archives nest deeper than {_unpack.MAX_NESTED}. "
            "Unpack it by hand if it can be trusted.",
        )  # fmt: skip
        return
    folder = manner.scratch / str(deep)
    empty = True
    try:
        name = file.uri.rpartition("/")[2]
        for member in _unpack.members(file.path, kind, name, folder, budget):
            empty = False
            uri = f"{file.uri}/{member.name}"
            if member.path is None:
                refused = member.refused
                assert refused is not None
                yield Dropped(uri, refused.reason, f"{file.uri}: {refused.detail}")
                continue
            size = member.path.stat().st_size
            inner = replace(file, path=member.path, uri=uri, bytes=size, sha256="")
            yield from _read(inner, manner, budget, deep + 1)
    except _unpack.Refused as refused:
        empty = False
        yield Dropped(file.uri, refused.reason, f"{file.uri}: {refused.detail}")
    if empty:
        yield Dropped(file.uri, "empty", f"{file.uri}: an archive without a file")


# --- in a process of its own --------------------------------------------------------------


class Reader:
    """Reads sources in a process beside this one.

    Args:
        specs: the ingestors.
        modules: that are imported first, so that ingestors of other packages are known.
        seconds: until the next record of a file has to be there; 0 reads in this process, where
            nothing can be ended.
        leave_out: as `read_source` takes it.
    """

    def __init__(
        self, specs: list[Spec], modules: list[str], seconds: float, leave_out: Sequence[str] = ()
    ) -> None:
        self.specs, self.modules, self.seconds = specs, modules, seconds
        self.leave_out = tuple(leave_out)
        self._process: subprocess.Popen[bytes] | None = None
        self._ingestors: list[Any] = []

    def __call__(self, file: SourceFile, scratch: Path) -> Records:
        """The records of a file; a hang or a crash is one Dropped, after what came before it."""
        if self.seconds <= 0:
            self._ingestors = self._ingestors or [made(spec) for spec in self.specs]
            records = read_source(file, self._ingestors, scratch, self.leave_out)
        else:
            records = self._asked(file, scratch)
        try:
            yield from records
        finally:
            shutil.rmtree(scratch, ignore_errors=True)

    def close(self) -> None:
        """End the process, whatever it is doing."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    _closed(pipe)

    def _asked(self, file: SourceFile, scratch: Path) -> Records:
        n, whole = 0, False
        try:
            answers = self._ask(file, scratch)
            while True:
                try:
                    record = pickle.load(answers)
                except (EOFError, pickle.UnpicklingError):
                    yield self._lost(file, n)
                    return
                if record is None or isinstance(record, DatakitError):
                    whole = True
                    if record is not None:
                        raise record
                    return
                n += 1
                yield record
        finally:
            if not whole:
                self.close()

    def _ask(self, file: SourceFile, scratch: Path) -> IO[bytes]:
        """Send a request and see it taken: a process that went meanwhile is started again."""
        for _ in range(2):
            process = self._process or self._started()
            assert process.stdin is not None
            assert process.stdout is not None
            try:
                pickle.dump((file, scratch), process.stdin)
                process.stdin.flush()
                pickle.load(process.stdout)  # it says that it has begun
                return process.stdout
            except (OSError, EOFError, pickle.UnpicklingError):
                self.close()
        raise DatakitError(
            f"{file.uri}: the process that reads sources ends before it begins. Is memory short? "
            "With seconds_per_document = 0 in the plan's [ingest], sources are read without it."
        )

    def _started(self) -> subprocess.Popen[bytes]:
        paths = [os.path.abspath(path) for path in sys.path]  # noqa: PTH100 - may be ''
        self._process = process = subprocess.Popen(
            [sys.executable, "-P", "-c", _START],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(paths)},
        )
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            told = (self.modules, self.specs, self.seconds, self.leave_out)
            pickle.dump(told, process.stdin)
            process.stdin.flush()
            problem = pickle.load(process.stdout)
        except (OSError, EOFError):
            problem = "it ended at once"
        if problem:
            self.close()
            raise DatakitError(
                f"the process that reads sources cannot start: {problem}. An ingestor has to be in "
                "a module that can be imported, or set seconds_per_document = 0 in [ingest]."
            )
        return process

    def _lost(self, file: SourceFile, n: int) -> Dropped:
        """What became of a file whose reader is gone."""
        assert self._process is not None
        code = self._process.wait()
        after = f"after {n:,} records of it" if n else "before its first record"
        if _TIMED and code == -signal.SIGALRM:
            return Dropped(
                file.uri, "too_slow", f"{file.uri}: nothing for {self.seconds:g} s {after}. Raise "
                "seconds_per_document in the plan's [ingest], or leave the file out.",
            )  # fmt: skip
        return Dropped(
            file.uri, "crashed", f"{file.uri}: the process that read it ended with "
            f"{_ending(code)} {after}. Is it damaged, or too large for the memory there is?",
        )  # fmt: skip


def _closed(pipe: IO[bytes]) -> None:
    with contextlib.suppress(OSError):  # what was not sent yet cannot be sent any more
        pipe.close()


def _ending(code: int) -> str:
    try:
        return signal.Signals(-code).name
    except ValueError:
        return f"exit code {code}"


_readers: list[Reader] = []


def reader(
    specs: list[Spec], modules: list[str], seconds: float, leave_out: Sequence[str] = ()
) -> Callable[[SourceFile, Path], Records]:
    """The reader of this process for some ingestors; shard after shard asks the same one."""
    asked = (specs, modules, seconds, tuple(leave_out))
    for known in _readers:
        if (known.specs, known.modules, known.seconds, known.leave_out) == asked:
            return known
    close()
    _readers.append(Reader(*asked))
    return _readers[0]


@atexit.register
def close() -> None:
    """End the process that reads, if there is one."""
    while _readers:
        _readers.pop().close()


def serve() -> None:
    """What the process runs: requests on standard input, records on what was standard output."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides when to stop
    requests = os.fdopen(os.dup(0), "rb")
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints is no answer, and what it reads no request
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    modules, specs, seconds, leave_out = pickle.load(requests)
    ingestors: list[Any] = []
    problem = ""
    try:
        for module in modules:
            __import__(module)
        ingestors += [made(spec) for spec in specs]
    except Exception as error:
        problem = f"{type(error).__name__}: {error}"
    _send(answers, problem)
    if _TIMED:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)  # ends the process even in native code
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGALRM])
    while not problem and _waited(requests):
        try:
            file, scratch = pickle.load(requests)
        except EOFError:
            return
        _send(answers, "begun")
        records = read_source(file, ingestors, scratch, leave_out)
        while True:
            _alarm(seconds)
            record = _next(records)
            _alarm(0)
            _send(answers, record)
            if record is None or isinstance(record, DatakitError):
                break


def _next(records: Records) -> Document | Dropped | DatakitError | None:
    """The next record, None at the end, or the error that ends more than this file."""
    try:
        return next(records, None)
    except DatakitError as error:
        return error


def _alarm(seconds: float) -> None:
    if _TIMED:
        signal.setitimer(signal.ITIMER_REAL, seconds)


def _waited(requests: IO[bytes]) -> bool:
    """Whether a request came in time."""
    return not _TIMED or bool(select.select([requests], [], [], IDLE_SECONDS)[0])


def _send(answers: IO[bytes], record: Any) -> None:
    try:
        pickle.dump(record, answers, pickle.HIGHEST_PROTOCOL)
        answers.flush()
    except BrokenPipeError:  # nobody wants the rest
        os._exit(0)

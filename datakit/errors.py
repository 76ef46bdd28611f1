"""Everything that datakit raises on purpose.

    DatakitError                 exit 1   one line: thing, found, expected, next step
    ├── UsageError               exit 2   the command or the plan cannot be what was meant
    │   ├── PlanError            exit 2   a plan that does not check
    │   └── UnknownName          exit 2   a plugin, table, record or format that is not there
    ├── DatasetError             exit 2   a dataset directory that cannot be read or written
    │   └── DatasetBusy          exit 2   another process is writing it
    ├── YieldTooLow              exit 1   a stage kept fewer records than its floor
    ├── EndpointError            exit 1   a model endpoint that is down or refuses to work for us
    ├── Unfinished               exit 1   what was asked of a model has not all been answered yet
    ├── ExportMismatch           exit 1   what was written does not read back as what was meant
    └── MissingDependency        exit 3   an optional part is not installed; names the extra

An expected failure of one *record* is not an exception: it is a `Dropped` row.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any


class DatakitError(Exception):
    """The root; its text is the one line that the command line prints."""

    exit_code = 1

    def __reduce__(self) -> tuple[Any, ...]:
        # from a worker process: by its text, since the subclasses are made from other arguments
        return _again, (type(self), self.args, self.__dict__)


def _again(cls: type[DatakitError], args: tuple[Any, ...], state: dict[str, Any]) -> DatakitError:
    error = cls.__new__(cls, *args)
    error.args = args
    error.__dict__.update(state)
    return error


class UsageError(DatakitError):
    exit_code = 2


class PlanError(UsageError):
    pass


class UnknownName(UsageError):
    """A name that does not exist, with the nearest one that does."""

    def __init__(self, what: str, name: str, known: Iterable[str]) -> None:
        names = sorted(known)
        super().__init__(f"{what} {name!r} does not exist{did_you_mean(name, names)}")
        self.name = name


class DatasetError(DatakitError):
    exit_code = 2


class DatasetBusy(DatasetError):
    pass


class YieldTooLow(DatakitError):
    pass


class EndpointError(DatakitError):
    pass


class Unfinished(DatakitError):
    pass


class ExportMismatch(DatakitError):
    pass


class MissingDependency(DatakitError):
    """An optional package is not installed."""

    exit_code = 3

    def __init__(self, need: str, package: str, extra: str, otherwise: str = "") -> None:
        hint = f" {otherwise}" if otherwise else ""
        super().__init__(
            f"{need} needs {package}, which is not installed: "
            f"run `pip install 'datakit[{extra}]'`.{hint}"
        )
        self.extra = extra


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """`. Did you mean 'max_chars'?` or `; there is a, b, c.`, to end a message with."""
    names = list(known)
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.6)
    if near:
        return f". Did you mean {near[0]!r}?"
    return f"; there is {', '.join(names)}." if names else "; there is none."

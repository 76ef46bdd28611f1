"""Progress for people: a bar with rate and time left in a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

T = TypeVar("T")
LINE_EVERY = 5.0  # seconds between two plain lines
QUIET_FOR = 2.0  # seconds before anything is shown
FEW = 3  # things done below which a rate says nothing about the rest


class Progress:
    """Counts what is done; shows it once a piece of work takes longer than `QUIET_FOR`."""

    def __init__(self, label: str, total: int | None, unit: str, enabled: bool) -> None:
        self.label, self.total, self.unit = label, total, unit
        self.done = 0
        self._enabled = enabled
        self._terminal = sys.stderr.isatty()
        self._start = self._shown = time.monotonic()
        self._bar: Any = None
        self._task: Any = None

    def advance(self, n: int = 1) -> None:
        self.done += n
        now = time.monotonic()
        if not self._enabled or now - self._start < QUIET_FOR:
            return
        if self._terminal:
            self._show_bar()
        elif now - self._shown >= LINE_EVERY:
            self._shown = now
            print(self._line(now), file=sys.stderr, flush=True)

    def track(self, items: Iterable[T]) -> Iterator[T]:
        """Pass the items on, counting them."""
        for item in items:
            yield item
            self.advance()

    def _line(self, now: float) -> str:
        rate = self.done / max(now - self._start, 1e-9)
        total = f"/{self.total:,}" if self.total else ""
        left = (self.total - self.done) / rate if self.total and rate else None
        eta = f", about {left:.0f} s left" if left is not None and self.done >= FEW else ""
        return f"{self.label}: {self.done:,}{total} {self.unit}, {rate:,.1f}/s{eta}"

    def _show_bar(self) -> None:
        if self._bar is None:
            from rich.console import Console
            from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
            from rich.progress import Progress as Bar

            self._bar = Bar(
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TextColumn("{task.fields[rate]}"),
                TimeRemainingColumn(),
                console=Console(stderr=True),
                transient=True,
            )
            self._bar.start()
            self._task = self._bar.add_task(self.label, total=self.total, rate="")
        rate = self.done / (time.monotonic() - self._start)
        self._bar.update(self._task, completed=self.done, rate=f"{rate:,.1f} {self.unit}/s")

    def close(self) -> None:
        if self._bar is not None:
            self._bar.stop()


@contextmanager
def progress(
    label: str, total: int | None = None, unit: str = "records", enabled: bool = True
) -> Iterator[Progress]:
    """Show how far a piece of work is; call `advance` on what this gives."""
    shown = Progress(label, total, unit, enabled)
    try:
        yield shown
    finally:
        shown.close()

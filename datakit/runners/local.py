"""The local runner: this process, or a few beside it.

Workers are spawned, not forked: a parent that has started threads (torch, BLAS) cannot be forked
safely. They live as long as the runner, since each has to import spaCy and with it torch (three
seconds). Which worker computes a shard never changes its rows.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from types import TracebackType

from datakit.engine import Task, compute
from datakit.errors import DatakitError

SMALL = 2 << 20  # bytes of input that are computed sooner here than a worker starts


class LocalRunner:
    """Compute shards in up to `workers` processes; `with LocalRunner(2) as runner: …`."""

    def __init__(self, workers: int = 1) -> None:
        self.workers = workers
        self._pool: ProcessPoolExecutor | None = None

    def __enter__(self) -> LocalRunner:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)

    def run(self, tasks: list[Task], finished: Callable[[], None]) -> None:
        """Compute the tasks, in any order.

        Raises:
            DatakitError: a worker died; what was finished is kept.
        """
        small = self._pool is None and sum(task.bytes for task in tasks) < SMALL
        if self.workers <= 1 or len(tasks) <= 1 or small:
            for task in tasks:
                compute(task)
                finished()
            return
        try:
            futures = [self._workers().submit(compute, task) for task in tasks]
            for future in as_completed(futures):
                future.result()
                finished()
        except BrokenProcessPool:
            raise DatakitError(
                f"{tasks[0].step}: a worker process died (out of memory?). Finished shards are "
                "kept: run the same command again, or with --workers 1."
            ) from None

    def _workers(self) -> ProcessPoolExecutor:
        if self._pool is None:
            context = multiprocessing.get_context("spawn")
            self._pool = ProcessPoolExecutor(self.workers, mp_context=context)
        return self._pool

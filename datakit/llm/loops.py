"""Running an event loop to its end, and waiting in one."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


def to_end(main: Callable[[], Coroutine[Any, Any, T]], interrupt: Callable[[], None]) -> T:
    """Run it here; inside a running loop, such as a notebook's, in a thread of its own.

    From that thread a Ctrl-C is passed on by `interrupt`.
    """
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(main())
    results: list[T] = []
    errors: list[BaseException] = []

    def inside() -> None:
        try:
            results.append(asyncio.run(main()))
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=inside)
    thread.start()
    while thread.is_alive():
        try:
            thread.join()
        except KeyboardInterrupt:
            interrupt()
    if errors:
        raise errors[0]
    return results[0]


async def until(
    event: asyncio.Task[Any], workers: set[asyncio.Task[Any]], seconds: float | None = None
) -> set[asyncio.Task[Any]]:
    """Wait for the workers until the event comes; returns those that still run.

    Raises what a worker raised.
    """
    end = None if seconds is None else time.monotonic() + seconds
    while workers and not event.done():
        left = None if end is None else end - time.monotonic()
        if left is not None and left <= 0:
            break
        done, _ = await asyncio.wait(
            {*workers, event}, timeout=left, return_when=asyncio.FIRST_COMPLETED
        )
        workers = workers - done
        for worker in done - {event}:
            if not worker.cancelled() and (error := worker.exception()) is not None:
                raise error
    return workers

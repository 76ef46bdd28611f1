"""The live client: sends what has no reply yet, as fast as the endpoint takes it.

Slots are continuous: whenever one is free, the next request starts, be it a new task, a repair or
another try. Replies go into the log before anybody parses them, so whatever ends a run, the same
run again sends only what had no reply.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from datakit.errors import EndpointError, PlanError
from datakit.llm.answers import Failure, Refused, Stop, Trouble, failure_of, key_of, reply_of
from datakit.llm.budget import Budget
from datakit.llm.conversation import Read, Talk, converse
from datakit.llm.endpoint import EndpointSettings, Limits
from datakit.llm.exchange import Reply, Request, Task, Usage
from datakit.llm.health import Health, Patience
from datakit.llm.log import ReplyLog
from datakit.llm.loops import to_end, until
from datakit.llm.pacer import Pacer
from datakit.llm.prices import Prices, usage_of
from datakit.llm.prices import load as load_prices
from datakit.llm.structured import MODES, Mode, mode_key, refuses_format
from datakit.records import Dropped

if TYPE_CHECKING:
    import openai

__all__ = ["Client", "Patience", "Sent", "Status", "reply_of"]

TICK = 0.5  # seconds between two looks at progress and the disk


@dataclass(frozen=True, slots=True)
class Status:
    """How far a run is."""

    done: int  # tasks walked to their end
    total: int | None
    in_flight: int
    calls: int
    usage: Usage
    rate: float | None  # requests a second that congestion allows; None: no limit
    seconds: float


@dataclass
class Sent:
    """What a run came to. Everything that was answered is in the log."""

    tasks: int = 0  # walked to their end
    open: int = 0  # begun, and without the reply they need
    calls: int = 0  # replies that this run received
    found: int = 0  # replies that were in the log already
    refused: int = 0  # requests that the endpoint refused for good
    troubles: Counter[str] = field(default_factory=Counter)  # tries without an answer, by kind
    usage: Usage = field(default_factory=Usage)  # of this run's calls
    seconds: float = 0.0
    stopped: Stop | None = None  # why it ended before all was asked
    last_trouble: str = ""  # what the endpoint said


class Client:
    """Sends the requests of tasks to one endpoint, and keeps every reply in a log."""

    def __init__(
        self,
        endpoint: EndpointSettings,
        log: ReplyLog,
        limits: Limits | None = None,
        prices: Prices | None = None,
        on_progress: Callable[[Status], None] | None = None,
        patience: Patience | None = None,
    ) -> None:
        """Nothing is sent yet.

        Raises:
            UsageError: the environment has no key for the endpoint.
            PlanError: a cost is to be limited that is not known.
        """
        self.endpoint, self.log, self.limits = endpoint, log, limits or Limits()
        self.price = (prices or load_prices()).of(endpoint.model, endpoint.base_url)
        self.on_progress, self.patience = on_progress, patience or Patience()
        self._key = key_of(endpoint, os.environ)
        if self.limits.max_cost is not None and self.price is None:
            raise PlanError(
                f"max_cost = {self.limits.max_cost:g}: no price of {endpoint.model} at "
                f"{endpoint.base_url} is known. Name it in a price file, or limit calls instead."
            )

    def talk(self, read: Read) -> Talk:
        """What reads this client's replies, from the log alone."""
        return Talk(self.endpoint, self.log.get, read, self.price)

    def send(self, tasks: Iterable[Task | Dropped], read: Read, total: int | None = None) -> Sent:
        """Send until every task is at its end, a limit is reached, or the endpoint is of no use.

        Tasks are taken one by one as slots become free. A Ctrl-C lets what is in flight come in; a
        second one does not wait.
        """
        asked = (task for task in tasks if isinstance(task, Task))
        run = _Run(self, asked, read, total, self._key)
        return to_end(run.main, run.interrupt)


class _Run:
    """One call of `Client.send`."""

    def __init__(
        self, client: Client, tasks: Iterator[Task], read: Read, total: int | None, key: str
    ) -> None:
        self.endpoint, self.log, self.patience = client.endpoint, client.log, client.patience
        self.sent = Sent()
        self._tasks, self._total, self._key = tasks, total, key
        self._on_progress = client.on_progress
        self._price = client.price
        self._talk = client.talk(read)
        self._pacer = Pacer(self.endpoint)
        self._budget = Budget(client.limits, client.price)
        self._slots = asyncio.Semaphore(self.endpoint.concurrency)
        self._stopping = asyncio.Event()
        self._hurry = asyncio.Event()
        self._probe = asyncio.Lock()
        self._asking: dict[str, asyncio.Event] = {}
        self._posting: set[asyncio.Task[Any]] = set()
        self._held: list[Reply] = []  # refusals before the first reply: is it the rows?
        self._health = Health(self.endpoint, self.patience)
        self._began = time.monotonic()
        self._loop: asyncio.AbstractEventLoop | None = None

    # the run as a whole -----------------------------------------------------------------------

    async def main(self) -> Sent:
        self._loop = asyncio.get_running_loop()
        self.log.refresh()
        # more than there are slots: those that pause before another try hold none
        width = self.endpoint.concurrency + -(-self.endpoint.concurrency // 4)
        async with self._client() as self._sdk:
            with self._on_interrupt():
                workers = [asyncio.create_task(self._work()) for _ in range(width)]
                ticker = asyncio.create_task(self._tick())
                try:
                    await self._wait(workers)
                finally:
                    for task in (*workers, ticker):
                        task.cancel()
                    await asyncio.gather(*workers, ticker, return_exceptions=True)
        self._keep_held()
        self.log.sync()
        self.sent.seconds = time.monotonic() - self._began
        self._show()
        return self.sent

    async def _wait(self, workers: list[asyncio.Task[Any]]) -> None:
        """Until all workers are done, or until what is in flight has come in after a stop."""
        stopping = asyncio.create_task(self._stopping.wait())
        hurry = asyncio.create_task(self._hurry.wait())
        try:
            running = await until(stopping, set(workers))
            for worker in running - self._posting:
                worker.cancel()
            await until(hurry, running, self.endpoint.timeout)
        finally:
            stopping.cancel()
            hurry.cancel()

    def _client(self) -> openai.AsyncOpenAI:
        import openai

        n = self.endpoint.concurrency
        pool = type(openai.DEFAULT_CONNECTION_LIMITS)(
            max_connections=n, max_keepalive_connections=n, keepalive_expiry=30.0
        )
        http = openai.DefaultAsyncHttpxClient(limits=pool, timeout=self.endpoint.timeout)
        return openai.AsyncOpenAI(
            api_key=self._key,
            base_url=self.endpoint.base_url,
            timeout=self.endpoint.timeout,
            max_retries=0,
            http_client=http,
        )

    @contextmanager
    def _on_interrupt(self) -> Iterator[None]:
        """Ctrl-C stops the run instead of the program, where this is the main thread."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = signal.getsignal(signal.SIGINT)
        signal.signal(signal.SIGINT, lambda *_: self.interrupt())
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before)

    def interrupt(self) -> None:
        """Stop; called once more, do not wait for what is in flight. From any thread or signal."""
        assert self._loop is not None
        message = "Interrupted. Everything that was answered is kept."
        again = self._stopping.is_set()
        step = self._hurry.set if again else lambda: self.stop(Stop("interrupted", message))
        self._loop.call_soon_threadsafe(step)

    def stop(self, why: Stop, hurry: bool = False) -> None:
        self.sent.stopped = self.sent.stopped or why
        self._stopping.set()
        if hurry:
            self._hurry.set()

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(TICK)
            self._show()
            await asyncio.to_thread(self.log.sync)

    def _show(self) -> None:
        if self._on_progress is not None:
            seconds = time.monotonic() - self._began
            sent = self.sent
            flying = len(self._posting)
            self._on_progress(
                Status(
                    sent.tasks,
                    self._total,
                    flying,
                    sent.calls,
                    sent.usage,
                    self._pacer.rate,
                    seconds,
                )
            )

    # one task ---------------------------------------------------------------------------------

    async def _work(self) -> None:
        for task in self._tasks:
            if self._unknown_mode(task) is not None:
                async with self._probe:  # the first finds out for the others
                    await self._converse(task)
            else:
                await self._converse(task)
            if self._stopping.is_set():
                return

    async def _converse(self, task: Task) -> None:
        conversation = converse(task, self._talk)
        try:
            request = next(conversation)
            while (reply := await self._reply(request, task)) is not None:
                request = conversation.send(reply)
        except StopIteration:
            self.sent.tasks += 1
            return
        self.sent.open += 1

    async def _reply(self, request: Request, task: Task) -> Reply | None:
        """The reply from the log, else from the endpoint; None: there is none for now."""
        while (asked := self._asking.get(request.key)) is not None:
            await asked.wait()
        if (known := self.log.get(request.key)) is not None:
            self.sent.found += 1
            return known
        if self._stopping.is_set():
            return None
        self._asking[request.key] = done = asyncio.Event()
        try:
            if not await self._budget.reserve(request):
                self.stop(self._budget.stop())
                return None
            reply = None
            try:
                reply = await self._ask(request, task)
            finally:
                self._budget.settle(request, reply)
            return reply
        finally:
            del self._asking[request.key]
            done.set()

    async def _ask(self, request: Request, task: Task) -> Reply | None:
        """Try until there is an answer, or no more tries."""
        for attempt in range(self.endpoint.max_retries + 1):
            answer = await self._post(request)
            if answer is None:
                return None
            if isinstance(answer, Reply):
                self._keep(answer, request, task)
                return answer
            if isinstance(answer, Refused):
                return self._refused(answer, request, task)
            if isinstance(answer, Stop):
                self.stop(answer)
                return None
            self._note(answer)
            if self._stopping.is_set() or attempt == self.endpoint.max_retries:
                return None
            await asyncio.sleep(self._pause(attempt, answer))
        return None

    def _pause(self, attempt: int, trouble: Trouble) -> float:
        patience = self.patience
        if trouble.kind == "429" and self._pacer.rate is not None:
            attempt = 0  # the pacer spaces the tries already
        top = min(patience.longest_backoff, patience.first_backoff * 2**attempt)
        return max(random.uniform(0, top), trouble.retry_after or 0.0)

    async def _post(self, request: Request) -> Reply | Failure | None:
        """One call, once a slot is free and the pacer agrees; None: the run has stopped by then."""
        import openai

        me = asyncio.current_task()
        assert me is not None
        async with self._slots:
            tokens = self._budget.tokens(request) if self._pacer.counts_tokens else 0
            start = await self._pacer.start(tokens)
            if self._stopping.is_set():
                return None
            self._posting.add(me)
            began = time.monotonic()
            try:
                # as extra_body: the SDK would look through each message and schema for files
                raw = await self._sdk.chat.completions.with_raw_response.create(
                    model=request.model, messages=[], extra_body=request.body()
                )
                body = json.loads(raw.content)
                reply = reply_of(request.key, body, seconds=time.monotonic() - began)
            except openai.APIError as error:
                failure = failure_of(error, self.endpoint, self._key, self._health.answered)
                if isinstance(failure, Trouble) and failure.kind == "429":
                    self._pacer.rejected(failure.retry_after)
                return failure
            except (ValueError, RecursionError, EndpointError) as error:
                return Trouble("no answer", str(error) if isinstance(error, EndpointError) else
                               "the answer is not JSON")  # fmt: skip
            finally:
                self._posting.discard(me)
        used = reply.prompt_tokens + reply.completion_tokens
        self._pacer.delivered(used - tokens if tokens else 0)
        self._pacer.told(raw.headers, start)
        return reply

    # what an answer changes -------------------------------------------------------------------

    def _keep(self, reply: Reply, request: Request, task: Task) -> None:
        self.log.put(reply)
        self.sent.calls += 1
        self.sent.usage += usage_of(reply, self._price)
        self._health.good()
        self._keep_held()
        if self._unknown_mode(task) is not None:
            self._note_mode(request, task, "taken")

    def _keep_held(self) -> None:
        """Refusals become final, unless the run was stopped before any reply came."""
        if self._health.answered or self.sent.stopped is None:
            for reply in self._held:
                self.log.put(reply)
        self._held.clear()

    def _refused(self, answer: Refused, request: Request, task: Task) -> Reply | None:
        reply = Reply(request.key, error=answer.error)
        if self._unknown_mode(task) is not None and refuses_format(answer.error):
            self._note_mode(request, task, "refused")
            return reply
        self.sent.refused += 1
        self._held.append(reply)
        if (stop := self._health.refused(answer)) is not None:
            self.stop(stop)
            return None
        if self._health.answered:
            self._keep_held()
        return reply

    def _note(self, trouble: Trouble) -> None:
        self.sent.troubles[trouble.kind] += 1
        self.sent.last_trouble = trouble.says
        if (stop := self._health.trouble(trouble)) is not None:
            self.stop(stop, hurry=True)

    # what the endpoint takes ------------------------------------------------------------------

    def _unknown_mode(self, task: Task) -> Mode | None:
        """The mode that `auto` would try next; None: the setting or the log has it."""
        if self.endpoint.structured != "auto":
            return None
        for mode in MODES[:-1]:
            known = self.log.get(mode_key(self.endpoint, task.schema, mode))
            if known is None:
                return mode
            if known.text == "taken":
                return None
        return None

    def _note_mode(self, request: Request, task: Task, word: str) -> None:
        kind: Mapping[str, Any] = request.response_format or {}
        mode = next((m for m in MODES[:-1] if m == kind.get("type")), None)
        if mode is not None:
            self.log.put(Reply(mode_key(self.endpoint, task.schema, mode), word))

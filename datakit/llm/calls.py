"""The calls of one run on one dataset: its log of replies, and what may still be spent."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from datakit.errors import EndpointError, Unfinished
from datakit.llm import prices as price_tables
from datakit.llm.asking import Asking, Standing, StillOpen, Tally, collect, open_requests
from datakit.llm.client import Client, Sent, Status
from datakit.llm.endpoint import EndpointSettings, Limits
from datakit.llm.exchange import Task, Usage
from datakit.llm.log import ReplyLog
from datakit.progress import progress
from datakit.records import Dropped


@dataclass(frozen=True)
class Spending:
    """What the calls of a run may come to."""

    limits: Limits = field(default_factory=Limits)
    live: bool = True  # False: nothing is sent, every reply has to be there
    give_up: bool = False  # what gets no reply is dropped
    prices: Path | None = None  # a table of the user's own


class Calls:
    """What the asking steps of a run share."""

    def __init__(self, folder: Path, spending: Spending) -> None:
        self.folder, self.spending = folder, spending
        self.spent = Usage()

    @functools.cached_property
    def log(self) -> ReplyLog:
        return ReplyLog(self.folder)

    @functools.cached_property
    def prices(self) -> price_tables.Prices:
        return price_tables.load(self.spending.prices)

    def price(self, endpoint: EndpointSettings) -> price_tables.Price | None:
        return self.prices.of(endpoint.model, endpoint.base_url)

    def tally(self, asking: Asking) -> Tally:
        return Tally(self.price(asking.endpoint))

    def check(self, endpoint: EndpointSettings) -> None:
        """Raise now what the first call would raise.

        Raises:
            UsageError: the environment has no key for the endpoint.
            PlanError: a cost is to be limited that is not known.
        """
        self._client(endpoint)

    def complete(self, asking: Asking, n_tasks: int, show: bool = False) -> None:
        """Send what has no reply yet.

        Raises:
            Unfinished: a limit is reached, or some requests got no reply.
            EndpointError: the endpoint is down or refuses to work for us.
            KeyboardInterrupt: Ctrl-C; what was in flight has come in.
        """
        if not self.spending.live or not _any_open(asking, self.log):
            return
        with progress(asking.name, n_tasks, "tasks", show) as bar:

            def shown(status: Status) -> None:
                bar.label = f"{asking.name} ({_spent_line(status)})"
                bar.advance(status.done - bar.done)

            client = self._client(asking.endpoint, shown)
            sent = client.send(asking.tasks(), asking.read, n_tasks)
        self.spent += sent.usage + Usage(sent.refused)
        self._judge(asking, sent)

    def _client(
        self, endpoint: EndpointSettings, shown: Callable[[Status], None] | None = None
    ) -> Client:
        limits = self.spending.limits
        left = Limits(
            None if limits.max_calls is None else max(0, limits.max_calls - self.spent.calls),
            None if limits.max_cost is None else limits.max_cost - (self.spent.cost or 0.0),
        )
        return Client(endpoint, self.log, left, self.prices, shown)

    def _judge(self, asking: Asking, sent: Sent) -> None:
        """Raise where a run did not come to its end."""
        if sent.stopped is not None:
            if sent.stopped.reason == "interrupted":
                raise KeyboardInterrupt
            if sent.stopped.reason in ("max_calls", "max_cost"):
                raise Unfinished(f"{asking.name}: {sent.stopped.message}")
            raise EndpointError(f"{asking.name}: {sent.stopped.message}")
        if sent.open and not self.spending.give_up:
            why = ", ".join(f"{kind} {n:,}" for kind, n in sent.troubles.most_common(3))
            command = asking.name.split("/")[0]
            raise Unfinished(
                f"{asking.name}: {sent.open:,} tasks got no reply from {asking.endpoint.base_url} "
                f"(tries that failed: {why}; the last: {sent.last_trouble}). What was answered is "
                f"kept: run the same command again, or `datakit {command}` with --drop-failed."
            )

    def collect(
        self, asking: Asking, items: Iterable[Task | Dropped], tally: Tally
    ) -> Iterator[Any]:
        """The records of all items from the log alone.

        Raises:
            Unfinished: a request has no reply.
        """
        try:
            yield from collect(asking, items, self.log, tally, give_up=self.spending.give_up)
        except StillOpen:
            raise Unfinished(
                f"{asking.name}: not every request has a reply; all replies are kept. Run the same "
                "command again, or with --drop-failed to drop what gets none."
            ) from None


def _any_open(asking: Asking, log: ReplyLog) -> bool:
    return next(open_requests(asking, log, Standing()), None) is not None


def _spent_line(status: Status) -> str:
    usage = status.usage
    tokens = usage.prompt_tokens + usage.completion_tokens
    cost = "" if usage.cost is None else f", cost {usage.cost:,.2f}"
    return f"{status.calls:,} calls, {tokens:,} tokens{cost}"

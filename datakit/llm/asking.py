"""What one plugin asks of one endpoint: what is still open, and what came of it.

Everything here reads the log of replies and nothing else. The live client, batch files and a
resumed run only differ in how replies came into the log.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from datakit.llm.conversation import Read, Talk, converse, no_reply
from datakit.llm.endpoint import EndpointSettings
from datakit.llm.exchange import Outcome, Reply, Request, Task, Usage
from datakit.llm.log import ReplyLog
from datakit.llm.prices import Price, usage_of
from datakit.llm.prompts import message_tokens
from datakit.records import Dropped


@dataclass(frozen=True)
class Asking:
    """A plugin's questions: each call of `items` gives the same, in the same order."""

    name: str  # of the step: "generate/llm_bottom_up"
    endpoint: EndpointSettings
    items: Callable[[], Iterator[Task | Dropped]]
    read: Read

    def tasks(self) -> Iterator[Task]:
        """What is asked, without what is not asked about."""
        return (item for item in self.items() if isinstance(item, Task))

    def talk(self, log: ReplyLog, price: Price | None = None) -> Talk:
        return Talk(self.endpoint, log.get, self.read, price)


class StillOpen(Exception):
    """A request has no reply yet; its text is the request's key."""


def follow(task: Task, talk: Talk) -> tuple[Request | Outcome, list[Reply]]:
    """How far a task has come by the replies that there are, and these replies."""
    conversation, replies = converse(task, talk), []
    try:
        request = next(conversation)
        while (reply := talk.lookup(request.key)) is not None:
            replies.append(reply)
            request = conversation.send(reply)
    except StopIteration as end:
        outcome: Outcome = end.value
        return outcome, replies
    return request, replies


# --- what is open -------------------------------------------------------------------------


@dataclass
class Standing:
    """How far the tasks of a plugin are."""

    tasks: int = 0
    done: int = 0
    not_asked: Counter[str] = field(default_factory=Counter)  # reasons why records are passed over
    missing: int = 0  # first requests without a reply; equal ones count once
    follow_ups: int = 0  # repairs, and truncated replies asked for again
    replies: Usage = field(default_factory=Usage)  # of the tasks' first requests

    @property
    def is_complete(self) -> bool:
        return self.done == self.tasks


def open_requests(
    asking: Asking, log: ReplyLog, standing: Standing
) -> Iterator[tuple[Task, Request]]:
    """The requests that are to be answered next, equal ones once; `standing` is filled meanwhile.

    Of one task that is a single request: what a repair asks depends on the reply before.
    """
    seen: set[bytes] = set()
    talk = asking.talk(log)
    for item in asking.items():
        if isinstance(item, Dropped):
            standing.not_asked[item.reason] += 1
            continue
        standing.tasks += 1
        step, replies = follow(item, talk)
        if replies:
            standing.replies += usage_of(replies[0], None)
        if isinstance(step, Outcome):
            standing.done += 1
            continue
        if (key := bytes.fromhex(step.key)) in seen:
            continue
        seen.add(key)
        standing.follow_ups += bool(replies)
        standing.missing += not replies
        yield item, step


# --- what came of it ----------------------------------------------------------------------


@dataclass
class Tally:
    """What was asked and what came of it, for the manifest."""

    price: Price | None = None
    asked: int = 0
    states: Counter[str] = field(default_factory=Counter)  # parsed, repaired, dropped
    usage: Usage = field(default_factory=Usage)  # of the replies in use, each once
    models: Counter[str] = field(default_factory=Counter)  # as the endpoint names them: replies
    via: Counter[str] = field(default_factory=Counter)  # live, batch: replies
    prompts: dict[str, str] = field(default_factory=dict)  # id -> digest
    schemas: dict[str, str] = field(default_factory=dict)  # name -> digest
    _seen: set[bytes] = field(default_factory=set)

    def add_task(self, task: Task) -> None:
        self.asked += 1
        self.prompts[task.prompt_id] = task.prompt_digest
        self.schemas[task.schema.name] = task.schema.digest

    def add_reply(self, reply: Reply) -> None:
        key = bytes.fromhex(reply.key)
        if key in self._seen:
            return
        self._seen.add(key)
        self.usage += usage_of(reply, self.price)
        self.via[reply.via] += 1
        if reply.error is None:
            self.models[reply.model or "unnamed"] += 1

    def as_json(self) -> dict[str, Any]:
        return {
            "asked": self.asked,
            **{state: self.states[state] for state in ("parsed", "repaired", "dropped")},
            "calls": self.usage.calls,
            "prompt_tokens": self.usage.prompt_tokens,
            "cached_tokens": self.usage.cached_tokens,
            "completion_tokens": self.usage.completion_tokens,
            "cost": self.usage.cost,
            "models": dict(sorted(self.models.items())),
            "via": dict(sorted(self.via.items())),
            "prompts": dict(sorted(self.prompts.items())),
            "schemas": dict(sorted(self.schemas.items())),
        }


def collect(
    asking: Asking,
    items: Iterable[Task | Dropped],
    log: ReplyLog,
    tally: Tally,
    *,
    give_up: bool = False,
) -> Iterator[Any]:
    """The records of all items, in their order, from the log alone.

    Args:
        asking: whose items they are.
        items: all of `asking.items()`.
        log: where the replies are.
        tally: filled meanwhile.
        give_up: a task without a reply gives a dropped row.

    Raises:
        StillOpen: a request has no reply, and that is not to be given up.
    """
    talk = asking.talk(log, tally.price)
    for item in items:
        if isinstance(item, Dropped):
            yield item
            continue
        tally.add_task(item)
        step, replies = follow(item, talk)
        for reply in replies:
            tally.add_reply(reply)
        if isinstance(step, Outcome):
            tally.states[step.state] += 1
            yield from step.records
        elif give_up:
            tally.states["dropped"] += 1
            yield no_reply(item, "no reply came, and --drop-failed gave it up")
        else:
            raise StillOpen(step.key)


# --- what it would cost -------------------------------------------------------------------


@dataclass(frozen=True)
class Estimate:
    """What is still to be paid for. Tokens are estimated from the text, not counted."""

    name: str
    model: str
    base_url: str
    standing: Standing
    prompt_tokens: int
    most_completion_tokens: int  # every reply as long as it may be
    # every reply as long as those so far were on average; None: there are none yet
    completion_tokens: int | None
    price: Price | None
    currency: str

    @property
    def calls(self) -> int:
        return self.standing.missing + self.standing.follow_ups

    def cost(self, completion_tokens: int | None) -> float | None:
        """Of live calls; a batch may be cheaper."""
        if self.price is None or completion_tokens is None:
            return None
        return self.price.cost(self.prompt_tokens, 0, completion_tokens)

    def as_json(self) -> dict[str, Any]:
        return {
            "step": self.name,
            "model": self.model,
            "base_url": self.base_url,
            "tasks": self.standing.tasks,
            "done": self.standing.done,
            "not_asked": self.standing.not_asked.total(),
            "calls": self.calls,
            "repairs": self.standing.follow_ups,
            "estimated_prompt_tokens": self.prompt_tokens,
            "estimated_completion_tokens": self.completion_tokens,
            "most_completion_tokens": self.most_completion_tokens,
            "estimated_cost": self.cost(self.completion_tokens),
            "most_cost": self.cost(self.most_completion_tokens),
            "currency": self.currency,
            "price_date": self.price.date if self.price else None,
        }

    def lines(self) -> Iterator[str]:
        """For the screen."""
        at = self.standing
        why = ", ".join(f"{reason} {n:,}" for reason, n in sorted(at.not_asked.items()))
        yield f"{self.name} asks {self.model} at {self.base_url}"
        yield (
            f"  {at.tasks:,} tasks, {at.done:,} done, {at.not_asked.total():,} not asked"
            f"{f' ({why})' if why else ''}; {self.calls:,} calls to make ({at.follow_ups:,} of "
            "them repairs), further repairs not counted"
        )
        typical = (
            f"about {self.completion_tokens:,} by the replies so far, "
            if self.completion_tokens is not None
            else ""
        )
        yield (
            f"  tokens, estimated from the text: about {self.prompt_tokens:,} in; out {typical}"
            f"at most {self.most_completion_tokens:,}"
        )
        yield f"  {self._cost_line()}"

    def _cost_line(self) -> str:
        most, typical = self.cost(self.most_completion_tokens), self.cost(self.completion_tokens)
        if self.price is None or most is None:
            return f"price of {self.model} not known: give a table of your own with --prices FILE"
        about = f"about {typical:,.2f}, " if typical is not None else ""
        batch = f"; in batch files {self.price.batch:.0%} of it" if self.price.batch != 1.0 else ""
        return (
            f"price, estimated: {about}at most {most:,.2f} {self.currency} "
            f"(table of {self.price.date or 'no date'}{batch})"
        )


def estimate(asking: Asking, log: ReplyLog, price: Price | None, currency: str) -> Estimate:
    """What the open requests of a plugin would come to; nothing is sent."""
    standing, prompt_tokens, most = Standing(), 0, 0
    name = asking.endpoint.max_tokens_name
    for task, request in open_requests(asking, log, standing):
        prompt_tokens += message_tokens(request.messages)
        most += int(request.parameters.get(name, task.max_tokens))
    calls, known = standing.missing + standing.follow_ups, standing.replies
    typical = known.completion_tokens * calls // known.calls if known.completion_tokens else None
    return Estimate(
        asking.name, asking.endpoint.model, asking.endpoint.base_url, standing,
        prompt_tokens, most, typical, price, currency,
    )  # fmt: skip

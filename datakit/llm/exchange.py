"""What is asked of a language model and what comes back, as plain records.

A *task* is what a generator or a judge wants to know. Its first *request*, and the repairs that
may follow, are a conversation; each request has one stored *reply*, found again by the request's
key. A plugin writes tasks and reads values; it never sees a network.
"""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, Protocol

from datakit.records import Document, Dropped, Judgement, Passage, Query

Role = Literal["system", "user", "assistant"]


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a conversation."""

    role: Role
    content: str

    def as_json(self) -> dict[str, str]:
        return {"role": self.role, "content": self.content}


@dataclass(frozen=True)
class Schema:
    """A JSON schema by name and version; replies are checked against the whole of it."""

    name: str  # bottom_up.v1
    body: Mapping[str, Any]

    @functools.cached_property
    def digest(self) -> str:
        """64 hex digits over the canonical JSON of the body."""
        return hashlib.sha256(canonical(self.body)).hexdigest()


@dataclass(frozen=True)
class Task:
    """One thing to ask: the messages, the form of the answer, and what it is about."""

    record_id: str  # of the passage, cluster or pair; drops carry it
    messages: tuple[Message, ...]
    schema: Schema
    prompt_id: str  # bottom_up.v1.en
    prompt_digest: str  # 64 hex digits over the prompt file
    max_tokens: int = 2048  # of the reply; a truncated one is asked again with twice as many
    sample: int = 0  # the same messages again: 1, 2, …
    about: Any = None  # what the plugin needs to read the answer; no part of the request


@dataclass(frozen=True)
class Request:
    """One call, as it is sent; equal requests have equal keys and share a reply."""

    base_url: str
    model: str
    messages: tuple[Message, ...]
    parameters: Mapping[str, Any]  # temperature, max_tokens, seed, …
    response_format: Mapping[str, Any] | None = None  # as it is sent
    schema_digest: str = ""  # of the full schema, whatever part of it is sent
    sample: int = 0

    @functools.cached_property
    def key(self) -> str:
        """64 hex digits over all that decides the reply; no key or header is part of it."""
        value = {
            "base_url": self.base_url.rstrip("/"),
            "model": self.model,
            "messages": [m.as_json() for m in self.messages],
            "parameters": dict(self.parameters),
            "response_format": self.response_format,
            "schema": self.schema_digest,
            "sample": self.sample,
        }
        return hashlib.sha256(canonical(value)).hexdigest()

    def body(self) -> dict[str, Any]:
        """The JSON body of a chat-completions call."""
        body: dict[str, Any] = {
            "model": self.model,
            "messages": [m.as_json() for m in self.messages],
            **self.parameters,
        }
        if self.response_format is not None:
            body["response_format"] = dict(self.response_format)
        return body


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens and money of one reply or of many."""

    calls: int = 0
    prompt_tokens: int = 0
    cached_tokens: int = 0  # of the prompt tokens, those that the provider had cached
    completion_tokens: int = 0
    cost: float | None = 0.0  # None: a price is not known

    def __add__(self, other: Usage) -> Usage:
        cost = None if self.cost is None or other.cost is None else self.cost + other.cost
        return Usage(
            self.calls + other.calls,
            self.prompt_tokens + other.prompt_tokens,
            self.cached_tokens + other.cached_tokens,
            self.completion_tokens + other.completion_tokens,
            cost,
        )


@dataclass(frozen=True)
class Reply:
    """One raw reply as it is stored, before anybody has parsed it.

    `error` marks a request that the endpoint refused for good (a permanent 4xx): it is stored too,
    and never sent again.
    """

    key: str
    text: str = ""
    finish_reason: str | None = None  # stop, length, content_filter, …
    refusal: str | None = None
    model: str | None = None  # as the endpoint names it
    prompt_tokens: int = 0
    cached_tokens: int = 0
    completion_tokens: int = 0
    error: str | None = None  # status and message of a permanent error
    via: Literal["live", "batch"] = "live"
    seconds: float | None = None


@dataclass(frozen=True)
class Reading:
    """What a plugin makes of a value that fits the schema.

    `errors` are sentences for the model: what is wrong and what was expected. They lead to a repair
    call while one is left; `records` of the last reading are what the task gives.
    """

    records: tuple[Query | Judgement | Dropped, ...] = ()
    errors: tuple[str, ...] = ()


@dataclass(frozen=True)
class Outcome:
    """A finished task: its records, and how it came to them."""

    task: Task
    records: tuple[Any, ...]
    n_requests: int
    state: Literal["parsed", "repaired", "dropped"]
    usage: Usage = field(default_factory=Usage)


class Asks(Protocol):
    """A plugin that asks a language model: `unit = "calls"`.

    It is called twice in a run: once to send what has no reply yet, once to read all replies in
    the order of the tasks. Both times it must give the same tasks.
    """

    unit: ClassVar[Literal["calls"]]
    endpoint: str  # the name of an endpoint of the plan

    def tasks(
        self, documents: Iterable[Document], passages: Iterable[Passage]
    ) -> Iterator[Task | Dropped]:
        """What to ask, in the order of the passages; what is not asked about is dropped."""
        ...

    def read(self, task: Task, value: Any, model: str) -> Reading:
        """The records of a reply: `value` fits the task's schema, `model` is who wrote it."""
        ...


def canonical(value: Any) -> bytes:
    """JSON with sorted keys, no blanks, UTF-8: equal values give equal bytes."""
    text = json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=_plain
    )
    return text.encode("utf-8", "surrogatepass")


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} is not JSON")

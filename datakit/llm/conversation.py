"""From a task to its outcome: which request comes next, and what its reply means.

Nothing here sends anything. `converse` is a generator that gives requests and is sent replies; the
client feeds it from the endpoint, `walk` from a log alone. Both come to the same outcome.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any

from datakit.llm.endpoint import EndpointSettings
from datakit.llm.exchange import Message, Outcome, Reading, Reply, Request, Task, Usage
from datakit.llm.prices import Price, usage_of
from datakit.llm.structured import (
    Lookup,
    NotJson,
    check,
    instructed,
    mode_of,
    parse,
    refuses_format,
    response_format,
)
from datakit.records import Dropped

Read = Callable[[Task, Any, str], Reading]
_LONGEST_DETAIL = 500  # characters of what a dropped row says
_LONGEST_QUOTE = 20_000  # characters of a reply that is shown to its writer again

_REPAIR = {
    "en": (
        "Your answer cannot be used as it is:\n{errors}\n"
        "Send the whole answer again, corrected, as one JSON object and nothing else."
    ),
    "zh": (
        "你的回答还不能使用：\n{errors}\n"
        "请改正以上问题，重新给出完整的回答：只输出一个 JSON 对象，不要输出任何其他内容。"
    ),
}


@dataclass(frozen=True)
class Talk:
    """What all conversations of a run share."""

    endpoint: EndpointSettings
    lookup: Lookup  # a reply by its key, or None
    read: Read
    price: Price | None = None  # of the endpoint's model; None: costs are not known


def walk(task: Task, talk: Talk) -> Request | Outcome:
    """How far a task has come by the replies that there are: its next request, or its outcome."""
    conversation = converse(task, talk)
    try:
        request = next(conversation)
        while (reply := talk.lookup(request.key)) is not None:
            request = conversation.send(reply)
    except StopIteration as end:
        outcome: Outcome = end.value
        return outcome
    return request


def no_reply(task: Task, detail: str) -> Dropped:
    """The row of a task that no reply came to; it is asked again by the next run."""
    return Dropped(task.record_id, "no_reply", detail[:_LONGEST_DETAIL])


def converse(task: Task, talk: Talk) -> Generator[Request, Reply, Outcome]:
    """Give requests, be sent their replies, return the outcome.

    A truncated reply is asked for once more with twice the room. A reply that does not parse, does
    not fit the schema or is not as the plugin wants it is shown to the model again, with all that
    is wrong with it, at most `endpoint.repairs` times. After that it is dropped as unparsable;
    where the plugin had read one, the records of its last reading stand.
    """
    endpoint, language = talk.endpoint, _language(task)
    said = _Said(task, talk.price)
    turns: tuple[Message, ...] = ()
    room, resent, n_repairs = task.max_tokens, False, 0
    reading: Reading | None = None
    while True:
        request = _request(task, talk, turns, room, language)
        reply = yield request
        if _in_another_format(reply, request, task, talk):
            continue
        said.add(reply)
        if (cause := _failure(reply)) is not None:
            return said.stands(reading, n_repairs) or said.dropped(*cause)
        if reply.finish_reason == "length":
            if resent:
                detail = f"cut off at {room} tokens, and before that at {room // 2}"
                return said.stands(reading, n_repairs) or said.dropped("truncated", detail)
            room, resent = room * 2, True
            continue
        last, errors = _understood(task, talk, reply)
        reading = last or reading
        if last is not None and not errors:
            return said.read(last, n_repairs)
        if n_repairs == endpoint.repairs:
            detail = "; ".join(errors)
            return said.stands(reading, n_repairs) or said.dropped("unparsable", detail)
        n_repairs += 1
        turns = (*turns, *_repair(reply, errors, language))


class _Said:
    """What a conversation has come to: its replies counted, its outcome made."""

    def __init__(self, task: Task, price: Price | None) -> None:
        self._task, self._price = task, price
        self._n, self._usage = 0, Usage()

    def add(self, reply: Reply) -> None:
        self._n += 1
        self._usage += usage_of(reply, self._price)

    def read(self, reading: Reading, n_repairs: int) -> Outcome:
        state = "repaired" if n_repairs else "parsed"
        return Outcome(self._task, reading.records, self._n, state, self._usage)  # type: ignore[arg-type]

    def stands(self, reading: Reading | None, n_repairs: int) -> Outcome | None:
        return None if reading is None else self.read(reading, n_repairs)

    def dropped(self, reason: str, detail: str) -> Outcome:
        row = Dropped(self._task.record_id, reason, detail[:_LONGEST_DETAIL])
        return Outcome(self._task, (row,), self._n, "dropped", self._usage)


def _language(task: Task) -> str:
    """Of what is added to a prompt: that of the prompt, where we write it."""
    return "zh" if task.prompt_id.endswith(".zh") else "en"


def _request(
    task: Task, talk: Talk, turns: tuple[Message, ...], room: int, language: str
) -> Request:
    endpoint = talk.endpoint
    mode = mode_of(endpoint, task.schema, talk.lookup)
    parameters = {
        "temperature": endpoint.temperature,
        "top_p": endpoint.top_p,
        "seed": endpoint.seed,
        endpoint.max_tokens_name: room,
    }
    return Request(
        base_url=endpoint.base_url,
        model=endpoint.model,
        messages=(*instructed(task.messages, task.schema, mode, language), *turns),
        parameters={name: value for name, value in parameters.items() if value is not None},
        response_format=response_format(task.schema, mode),
        schema_digest=task.schema.digest,
        sample=task.sample,
    )


def _in_another_format(reply: Reply, request: Request, task: Task, talk: Talk) -> bool:
    """Whether the request was refused for its format, and there is now another one to ask in."""
    if talk.endpoint.structured != "auto" or reply.error is None:
        return False
    if not refuses_format(reply.error):
        return False
    mode = mode_of(talk.endpoint, task.schema, talk.lookup)
    return response_format(task.schema, mode) != request.response_format


def _failure(reply: Reply) -> tuple[str, str] | None:
    """Reason and detail of a reply that holds no answer at all."""
    if reply.error is not None:
        return "request_refused", reply.error
    if reply.refusal:
        return "refused", reply.refusal
    if reply.finish_reason == "content_filter":
        return "filtered", "the endpoint's content filter held the answer back"
    return None


def _understood(task: Task, talk: Talk, reply: Reply) -> tuple[Reading | None, tuple[str, ...]]:
    """The plugin's reading of a reply, and all that is wrong with the reply."""
    try:
        value = parse(reply.text)
    except NotJson as error:
        return None, (f"not a JSON object: {error}",)
    if errors := check(value, task.schema):
        return None, errors
    reading = talk.read(task, value, reply.model or talk.endpoint.model)
    return reading, reading.errors


def _repair(reply: Reply, errors: tuple[str, ...], language: str) -> tuple[Message, ...]:
    listed = "\n".join(f"- {error}" for error in errors)
    ask = Message("user", _REPAIR[language].format(errors=listed))
    text = reply.text[:_LONGEST_QUOTE]
    return (Message("assistant", text), ask) if text.strip() else (ask,)

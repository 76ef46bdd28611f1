"""From a task and the replies that there are to the next request, or to the outcome."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from datakit.llm.conversation import Talk, no_reply, walk
from datakit.llm.endpoint import EndpointSettings
from datakit.llm.exchange import Message, Outcome, Reading, Reply, Request, Schema, Task
from datakit.llm.prices import Price
from datakit.llm.structured import mode_key
from datakit.records import Dropped

SCHEMA = Schema(
    "days.v1",
    {
        "type": "object",
        "additionalProperties": False,
        "required": ["days"],
        "properties": {"days": {"type": "integer", "minimum": 1}},
    },
)
TASK = Task("p1", (Message("user", "How many days?"),), SCHEMA, "days.v1.en", "0" * 64, 100)
ENDPOINT = EndpointSettings(model="m", base_url="http://localhost/v1", api_key_env="")


def read(task: Task, value: Any, model: str) -> Reading:
    row = Dropped(task.record_id, f"days_{value['days']}", model)
    return Reading((row,), ("30 is not what the text says",) if value["days"] == 30 else ())


class Script:
    """Answers a conversation with the given replies, one after another."""

    def __init__(
        self, *replies: Reply, endpoint: EndpointSettings = ENDPOINT, task: Task = TASK
    ) -> None:
        self.log: dict[str, Reply] = {}
        self.requests: list[Request] = []
        self.talk = Talk(endpoint, self.log.get, read, Price("m", 1.0, 2.0))
        left = list(replies)
        self.end = walk(task, self.talk)
        while isinstance(self.end, Request):
            self.requests.append(self.end)
            if not left:
                break
            self.log[self.end.key] = replace(left.pop(0), key=self.end.key)
            self.end = walk(task, self.talk)

    @property
    def outcome(self) -> Outcome:
        assert isinstance(self.end, Outcome)
        return self.end

    @property
    def reasons(self) -> list[str]:
        return [row.reason for row in self.outcome.records]


def says(text: str, finish: str = "stop", **more: Any) -> Reply:
    return Reply("", text, finish, prompt_tokens=10, completion_tokens=5, **more)


def test_a_reply_that_fits_is_read_at_once() -> None:
    script = Script(says('{"days": 14}'))

    assert script.reasons == ["days_14"]
    assert (script.outcome.state, script.outcome.n_requests) == ("parsed", 1)
    assert script.outcome.usage.cost == pytest.approx((10 * 1.0 + 5 * 2.0) / 1e6)


def test_the_first_request_has_what_the_settings_say() -> None:
    endpoint = replace(ENDPOINT, temperature=None, seed=3, max_tokens_name="max_completion_tokens")
    (request,) = Script(endpoint=endpoint).requests

    assert request.parameters == {"seed": 3, "max_completion_tokens": 100}
    assert request.response_format["json_schema"]["name"] == "days_v1"
    assert request.messages == TASK.messages


@pytest.mark.parametrize(
    ("text", "says_why"),
    [
        ("thirty", "Expecting value"),
        ('{"days": 0}', "less than the minimum"),
        ('{"days": "30"}', "integer"),
        ('{"days": 14, "note": 1}', "note"),
        ("{}", '"days" is a required property'),
    ],
)
def test_a_reply_that_does_not_fit_is_shown_with_its_errors(text: str, says_why: str) -> None:
    script = Script(says(text), says('{"days": 14}'))

    repair = script.requests[1].messages
    assert [m.role for m in repair] == ["user", "assistant", "user"]
    assert repair[1].content == text
    assert says_why in repair[2].content
    assert (script.outcome.state, script.reasons) == ("repaired", ["days_14"])


def test_all_errors_are_in_one_repair() -> None:
    script = Script(says('{"day": 1, "note": 2}'))

    last = script.requests[1].messages[-1].content
    assert all(word in last for word in ("'day'", "'note'", '"days" is a required'))


def test_what_stays_broken_is_dropped_as_unparsable() -> None:
    script = Script(says("no"), says("still no"))

    assert script.reasons == ["unparsable"]
    assert script.outcome.state == "dropped"
    assert len(script.requests) == 2


def test_without_repairs_there_is_one_call() -> None:
    script = Script(says("no"), endpoint=replace(ENDPOINT, repairs=0))

    assert (script.reasons, len(script.requests)) == (["unparsable"], 1)


def test_errors_of_the_plugin_lead_to_a_repair() -> None:
    script = Script(says('{"days": 30}'), says('{"days": 14}'))

    assert "30 is not what the text says" in script.requests[1].messages[-1].content
    assert script.reasons == ["days_14"]


@pytest.mark.parametrize(
    "second",
    [says('{"days": 30}'), says("broken"), says("", refusal="no"), Reply("", error="400: no")],
)
def test_the_last_reading_stands_where_the_repair_brings_none(second: Reply) -> None:
    script = Script(says('{"days": 30}'), second)

    assert script.reasons == ["days_30"]
    assert script.outcome.state == "repaired"


def test_a_truncated_reply_is_asked_for_with_twice_the_room() -> None:
    script = Script(says('{"da', "length"), says('{"days": 14}'))

    assert [r.parameters["max_tokens"] for r in script.requests] == [100, 200]
    assert script.requests[0].messages == script.requests[1].messages
    assert (script.reasons, script.outcome.state) == (["days_14"], "parsed")


def test_a_reply_truncated_twice_is_dropped() -> None:
    script = Script(says("{", "length"), says("{", "length"))

    assert script.reasons == ["truncated"]
    assert "200 tokens" in script.outcome.records[0].detail


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (says("", refusal="I cannot help"), "refused"),
        (says("", "content_filter"), "filtered"),
        (Reply("", error="400: bad prompt"), "request_refused"),
    ],
)
def test_a_reply_without_an_answer_is_dropped_as_what_it_is(reply: Reply, reason: str) -> None:
    script = Script(reply)

    assert (script.reasons, len(script.requests)) == ([reason], 1)


def test_a_refusal_costs_nothing() -> None:
    assert Script(Reply("", error="400: no")).outcome.usage.cost == 0.0


def test_an_empty_reply_is_not_shown_to_the_model() -> None:
    roles = [m.role for m in Script(says("  ")).requests[1].messages]

    assert roles == ["user", "user"]


def test_a_chinese_prompt_is_repaired_in_chinese() -> None:
    script = Script(says("三十"), task=replace(TASK, prompt_id="days.v1.zh"))

    assert "请改正以上问题" in script.requests[1].messages[-1].content


def test_equal_tasks_have_equal_requests_and_samples_have_others() -> None:
    (one,) = Script().requests
    (same,) = Script(task=replace(TASK, record_id="p2", about="other")).requests
    (second,) = Script(task=replace(TASK, sample=1)).requests

    assert one.key == same.key
    assert one.key != second.key


def test_an_instruction_carries_the_schema_in_the_system_message() -> None:
    endpoint = replace(ENDPOINT, structured="instruction")
    (request,) = Script(endpoint=endpoint).requests
    task = replace(TASK, messages=(Message("system", "You count."), *TASK.messages))
    (other,) = Script(endpoint=endpoint, task=task).requests

    assert request.response_format is None
    assert [m.role for m in request.messages] == ["system", "user"]
    assert json.dumps(SCHEMA.body["required"]) in request.messages[0].content
    assert other.messages[0].content.startswith("You count.\n\nAnswer with one JSON object")


def test_auto_goes_on_with_what_the_log_says_the_endpoint_takes() -> None:
    endpoint = replace(ENDPOINT, structured="auto")
    first = Script(endpoint=endpoint)
    assert first.requests[0].response_format["type"] == "json_schema"

    refused = mode_key(endpoint, SCHEMA, "json_schema")
    first.log[refused] = Reply(refused, "refused")
    then = walk(TASK, first.talk)
    assert isinstance(then, Request)
    assert then.response_format == {"type": "json_object"}

    refused = mode_key(endpoint, SCHEMA, "json_object")
    first.log[refused] = Reply(refused, "refused")
    last = walk(TASK, first.talk)
    assert isinstance(last, Request)
    assert last.response_format is None
    assert len({first.requests[0].key, then.key, last.key}) == 3


def test_a_task_without_a_reply_is_a_dropped_row() -> None:
    assert no_reply(TASK, "500: down") == Dropped("p1", "no_reply", "500: down")

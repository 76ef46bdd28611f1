"""JSON out of hostile text, the reduced schema, and the check against the whole one."""

from __future__ import annotations

import json
from typing import Any

import pytest

from datakit import resources
from datakit.errors import PlanError
from datakit.llm.exchange import Schema
from datakit.llm.structured import (
    LONGEST_REPLY,
    MOST_ERRORS,
    NotJson,
    check,
    parse,
    prepared,
    reduced,
    refuses_format,
    response_format,
)

SCHEMA = Schema("any.v1", {"type": "object", "properties": {"a": {"type": "integer"}}})


@pytest.mark.parametrize(
    "text",
    [
        '{"a": 1}',
        '\ufeff {"a": 1}\n',
        '```json\n{"a": 1}\n```',
        'Here you are:\n```\n{"a": 1}\n```\nIs that all?',
        '<think>{"a": 2} or not?</think>\n{"a": 1}',
        '好的，结果如下：{"a": 1}。',
    ],
)
def test_one_object_is_found_in_what_models_put_around_it(text: str) -> None:
    assert parse(text) == {"a": 1}


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "empty"),
        ("<think>never ends", "empty"),
        ("no", "Expecting value"),
        ('{"a": 1} or {"a": 2}', "Extra data"),
        ('{"a": 1, "a": 2}', "twice"),
        ('{"a": NaN}', "NaN"),
        ('{"a": -Infinity}', "Infinity"),
        ('{"a": "\\ud83d"}', "surrogate"),
        ('{"a": ' + "9" * 5000 + "}", "digits"),
        ("[" * 200_000, "deeply"),
        ("x" * (LONGEST_REPLY + 1), "more than"),
        ('{"a": 1', "delimiter"),
        ('{"a": "line\nbreak"}', "control character"),
    ],
)
def test_what_is_not_one_json_value_is_said_to_be_none(text: str, why: str) -> None:
    with pytest.raises(NotJson, match=why):
        parse(text)


def test_a_whole_surrogate_pair_is_one_character() -> None:
    assert parse('{"a": "\\ud83d\\ude00"}') == {"a": "😀"}


def test_an_error_names_its_place_and_is_cut() -> None:
    schema = Schema("b.v1", {"properties": {"a": {"items": {"type": "integer"}}}})

    (error,) = check({"a": [1, "x" * 10_000]}, schema)

    assert error.startswith("$.a[1]: ")
    assert len(error) < 400


def test_errors_are_limited() -> None:
    schema = Schema("c.v1", {"items": {"type": "integer"}})

    assert len(check(["x"] * 1000, schema)) == MOST_ERRORS


def test_a_deep_value_is_checked_to_its_bottom() -> None:
    tree = {"anyOf": [{"type": "array", "items": {"$ref": "#/$defs/tree"}}, {"type": "integer"}]}
    schema = Schema("tree.v1", {"$ref": "#/$defs/tree", "$defs": {"tree": tree}})
    nested = "[" * 900 + "{}" + "]" * 900

    assert check(parse(nested.replace("{}", "1")), schema) == ()
    assert "nested too deeply" in check(parse(nested.replace("{}", '"x"')), schema)[0]


@pytest.mark.parametrize("body", [{"type": "strange"}, {"$ref": "http://127.0.0.1:1/s.json"}])
def test_what_is_no_schema_or_lies_elsewhere_is_a_plan_error(body: dict[str, Any]) -> None:
    with pytest.raises(PlanError, match="schema odd"):
        prepared(Schema("odd", body))


def nodes(value: Any) -> list[dict[str, Any]]:
    if isinstance(value, dict):
        return [value, *(n for inner in value.values() for n in nodes(inner))]
    return [n for inner in value for n in nodes(inner)] if isinstance(value, list) else []


def test_the_reduced_schema_has_closed_objects_and_no_ranges() -> None:
    full = resources.schema("bottom_up.v1")

    body = reduced(Schema("bottom_up.v1", full))

    objects = [n for n in nodes(body) if isinstance(n.get("properties"), dict)]
    assert len(objects) == len([n for n in nodes(full) if isinstance(n.get("properties"), dict)])
    assert all(n["additionalProperties"] is False for n in objects)
    assert all(n["required"] == list(n["properties"]) for n in objects)
    assert not any("maxLength" in n or "minimum" in n or "maxItems" in n for n in nodes(body))
    assert "$schema" not in body
    assert all("type" in n for n in nodes(body) if "enum" in n)


def test_a_property_called_as_a_keyword_is_kept() -> None:
    body = {"type": "object", "properties": {"minimum": {"type": "integer", "minimum": 1}}}

    assert reduced(Schema("k.v1", body))["properties"] == {"minimum": {"type": "integer"}}


def test_what_fits_the_whole_schema_is_what_counts() -> None:
    schema = Schema(
        "n.v1", {"type": "object", "properties": {"a": {"type": "integer", "maximum": 5}}}
    )

    sent = response_format(schema, "json_schema")
    assert sent is not None
    assert "maximum" not in json.dumps(sent)
    assert check({"a": 6}, schema) != ()
    assert check({"a": 5}, schema) == ()


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        ("400: 'response_format.type' json_schema is not supported", True),
        ("400: Invalid parameter: 'response_format' of type 'json_schema'", True),
        ("422: guided decoding is not available", True),
        ("400: this model's maximum context length is 8192 tokens", False),
        ("400: this prompt cannot be processed", False),
    ],
)
def test_a_refused_format_is_told_from_a_refused_row(error: str, expected: bool) -> None:
    assert refuses_format(error) is expected

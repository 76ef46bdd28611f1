"""Structured output: how a schema is asked for, and whether a reply fits it.

An endpoint may take a JSON schema, only "some JSON object", or neither. Whatever it takes, every
reply is read and checked here, against the whole schema.
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NoReturn

from datakit.errors import PlanError
from datakit.llm.endpoint import EndpointSettings
from datakit.llm.exchange import Message, Reply, Request, Schema, canonical

if TYPE_CHECKING:
    from jsonschema_rs import Draft202012Validator, ValidationError

Mode = Literal["json_schema", "json_object", "instruction"]
MODES: tuple[Mode, ...] = ("json_schema", "json_object", "instruction")
Lookup = Callable[[str], Reply | None]

LONGEST_REPLY = 1_000_000  # characters; a longer one is no answer to a question of ours
MOST_ERRORS = 12  # that a repair call lists
_LONGEST_ERROR = 300  # characters of one

# what strict modes take: https://platform.openai.com/docs/guides/structured-outputs
_STRICT = frozenset(
    ("type", "properties", "required", "additionalProperties", "items", "enum", "const", "anyOf",
     "$ref", "$defs", "description")
)  # fmt: skip
_INSTRUCTION = {
    "en": "Answer with one JSON object that fits this JSON Schema, and with nothing else:",
    "zh": "只回答一个符合以下 JSON Schema 的 JSON 对象，不要输出任何其他内容：",
}


class NotJson(ValueError):
    """A reply that is no JSON value; its text says why."""


# --- how it is asked for ------------------------------------------------------------------


def reduced(schema: Schema) -> dict[str, Any]:
    """The part of a schema that strict modes take: closed objects, everything required.

    Lengths, ranges and patterns are left to the check of the reply.
    """
    body = _reduced(schema.body)
    assert isinstance(body, dict)
    return body


def _reduced(node: Any) -> Any:
    if not isinstance(node, Mapping):
        return node
    out: dict[str, Any] = {}
    for name, value in node.items():
        if name not in _STRICT:
            continue
        if name in ("properties", "$defs"):
            out[name] = {key: _reduced(inner) for key, inner in value.items()}
        elif name == "anyOf":
            out[name] = [_reduced(inner) for inner in value]
        elif name == "items":
            out[name] = _reduced(value)
        else:
            out[name] = value
    if "properties" in out:
        out["required"] = list(out["properties"])
        out["additionalProperties"] = False
    if "enum" in out and "type" not in out and all(isinstance(v, str) for v in out["enum"]):
        out["type"] = "string"
    return out


@dataclass(frozen=True)
class Prepared:
    """What is made of a schema once."""

    response_format: Mapping[str, Any]
    validator: Draft202012Validator


_prepared: dict[str, Prepared] = {}


def prepared(schema: Schema) -> Prepared:
    """The schema as it is sent, and its validator; made once for each digest.

    Raises:
        PlanError: it is no JSON Schema.
    """
    found = _prepared.get(schema.digest)
    if found is None:
        import jsonschema_rs

        name = re.sub(r"[^a-zA-Z0-9_-]", "_", schema.name)[:64]
        inner = {"name": name, "strict": True, "schema": reduced(schema)}
        try:
            validator = jsonschema_rs.Draft202012Validator(dict(schema.body), retriever=_never)
        except ValueError as error:
            raise PlanError(f"schema {schema.name} is no JSON Schema: {error.args[0]}") from None
        found = Prepared({"type": "json_schema", "json_schema": inner}, validator)
        _prepared[schema.digest] = found
    return found


def response_format(schema: Schema, mode: Mode) -> Mapping[str, Any] | None:
    """The `response_format` of a request; None where the endpoint takes none."""
    if mode == "json_schema":
        return prepared(schema).response_format
    return {"type": "json_object"} if mode == "json_object" else None


def instructed(
    messages: tuple[Message, ...], schema: Schema, mode: Mode, language: str
) -> tuple[Message, ...]:
    """The messages; where the schema is not sent by itself, the system message ends with it."""
    if mode == "json_schema":
        return messages
    text = _instruction(schema.digest, canonical(schema.body).decode(), language)
    if messages and messages[0].role == "system":
        first = dataclasses.replace(messages[0], content=f"{messages[0].content}\n\n{text}")
        return (first, *messages[1:])
    return (Message("system", text), *messages)


@functools.lru_cache(maxsize=64)
def _instruction(digest: str, body: str, language: str) -> str:
    return f"{_INSTRUCTION[language]}\n{body}"


# --- what an endpoint takes ---------------------------------------------------------------


def mode_of(endpoint: EndpointSettings, schema: Schema, lookup: Lookup) -> Mode:
    """The mode that the setting names; for `auto` the first that the endpoint has not refused."""
    if endpoint.structured != "auto":
        return endpoint.structured
    for mode in MODES[:-1]:
        known = lookup(mode_key(endpoint, schema, mode))
        if known is None or known.text == "taken":
            return mode
    return MODES[-1]


def mode_key(endpoint: EndpointSettings, schema: Schema, mode: Mode) -> str:
    """Where the log keeps whether the endpoint takes a schema in this mode: `taken`, `refused`."""
    asked = {"type": f"does the endpoint take {mode}?"}
    return Request(endpoint.base_url, endpoint.model, (), {}, asked, schema.digest).key


def refuses_format(error: str) -> bool:
    """Whether a refusal is about `response_format`, not about the row.

    Endpoints word it differently: the name of the field, of a mode, or of guided decoding.
    """
    return bool(
        re.search(
            r"response_?format|json_?schema|json_?object|json mode|guided|grammar|strict schema"
            r"|structured.?outputs?",
            error,
            re.IGNORECASE,
        )
    )


# --- whether a reply fits -----------------------------------------------------------------


def parse(text: str) -> Any:
    """The JSON value of a reply; a reasoning block before it and a code fence around it are cut.

    Raises:
        NotJson: there is none, or more than one, or something that JSON does not have (NaN, a key
            twice, half a surrogate pair).
    """
    if len(text) > LONGEST_REPLY:
        raise NotJson(f"{len(text):,} characters, more than {LONGEST_REPLY:,}")
    body = _bare(text)
    if not body:
        raise NotJson("the answer is empty")
    try:
        value = json.loads(body, parse_constant=_no_constant, object_pairs_hook=_object)
        if "\\ud" in body or "\\uD" in body:
            json.dumps(value, ensure_ascii=False).encode()
    except json.JSONDecodeError as error:
        raise NotJson(f"{error.msg} at character {error.pos}") from None
    except RecursionError:
        raise NotJson("nested too deeply") from None
    except UnicodeEncodeError:
        raise NotJson("half a surrogate pair") from None
    except NotJson:
        raise
    except ValueError as error:  # a number of too many digits
        raise NotJson(str(error)[:_LONGEST_ERROR]) from None
    return value


def check(value: Any, schema: Schema) -> tuple[str, ...]:
    """What is wrong with a value, one sentence each and at most `MOST_ERRORS`; none: it fits."""
    validator = prepared(schema).validator
    if validator.is_valid(value):
        return ()
    try:
        errors = itertools.islice(validator.iter_errors(value), MOST_ERRORS)
        return tuple(_said(error) for error in errors)
    except ValueError:  # deeper than the validator can tell what is wrong
        return ("$: it does not fit the schema, and is nested too deeply to say where",)


def _bare(text: str) -> str:
    """The text without what stands around the object: a byte order mark, reasoning, a fence."""
    text = text.strip().removeprefix("\ufeff")
    if text.startswith("<think>"):
        text = text.partition("</think>")[2].strip()
    if text.startswith(("{", "[")):
        return text
    start, end = text.find("{"), text.rfind("}")
    return text[start : end + 1] if 0 <= start < end else text


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise NotJson(f"the key {twice[:80]!r} stands twice in one object")
    return value


def _no_constant(name: str) -> NoReturn:
    raise NotJson(f"{name} is not JSON")


def _never(uri: str) -> NoReturn:
    raise ValueError(f"{uri[:_LONGEST_ERROR]} is not part of the schema, and is never fetched")


def _said(error: ValidationError) -> str:
    path = "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in error.instance_path)
    message = error.message
    if len(message) > _LONGEST_ERROR:
        message = f"{message[: _LONGEST_ERROR // 2]} … {message[-_LONGEST_ERROR // 2 :]}"
    return f"${path[:_LONGEST_ERROR]}: {message}"

"""What an endpoint's answer means: a reply, a refusal of this row, trouble that passes, or the end.

Endpoints are not trusted: what they say is cut to a line, and a key in it is struck out.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from datakit.errors import EndpointError, UsageError
from datakit.llm.endpoint import EndpointSettings
from datakit.llm.exchange import Reply
from datakit.llm.pacer import retry_after
from datakit.llm.structured import refuses_format

if TYPE_CHECKING:
    import openai

StopReason = Literal[
    "max_calls", "max_cost", "interrupted", "key", "model", "address", "budget", "refused",
    "format", "down",
]  # fmt: skip

_LONGEST = 200  # characters of what an endpoint says
_MOST_TOKENS = 1 << 40
_PASSING = frozenset((408, 409, 425, 429))  # and 5xx: another try may succeed
_NO_BUDGET = re.compile(
    r"insufficient[ _](quota|balance|funds|credits)|exceeded your current quota|billing_hard_limit",
    re.IGNORECASE,
)
_KEEPS = "Everything that was answered is kept: the same command goes on from there."


@dataclass(frozen=True)
class Stop:
    """Why a run ended before all was asked; the message is one line for a person."""

    reason: StopReason
    message: str


@dataclass(frozen=True)
class Refused:
    """The request is refused for good; others may not be."""

    error: str  # status and message


@dataclass(frozen=True)
class Trouble:
    """No answer this time."""

    kind: str  # 429, 500, timeout, connection, no answer
    says: str
    retry_after: float | None = None  # seconds


Failure = Stop | Refused | Trouble


def key_of(endpoint: EndpointSettings, environment: Mapping[str, str]) -> str:
    """The endpoint's key, from the environment.

    Raises:
        UsageError: the variable that the settings name is not set.
    """
    if not endpoint.api_key_env:
        return "none"  # the SDK wants one; an endpoint that wants none does not look
    key = environment.get(endpoint.api_key_env, "").strip()
    if not key:
        raise UsageError(
            f"{endpoint.base_url}: no key: the environment variable {endpoint.api_key_env} is not "
            f"set. Set it, or name another by api_key_env; an endpoint that wants no key has "
            f'api_key_env = "".'
        )
    if not key.isascii() or not key.isprintable():
        raise UsageError(
            f"{endpoint.base_url}: the key in {endpoint.api_key_env} has characters that no key "
            "has. Copy it again."
        )
    return key


def reply_of(
    key: str, body: Any, via: Literal["live", "batch"] = "live", seconds: float | None = None
) -> Reply:
    """The reply in the body of a chat-completions answer.

    Raises:
        EndpointError: the body is none.
    """
    choices = body.get("choices") if isinstance(body, dict) else None
    first = choices[0] if isinstance(choices, list) and choices else None
    message = first.get("message") if isinstance(first, dict) else None
    if not isinstance(first, dict) or not isinstance(message, dict):
        raise EndpointError("the answer is no chat completion: it has no choices[0].message")
    usage = body.get("usage") or {}
    details = usage.get("prompt_tokens_details") or {}
    return Reply(
        key,
        text=_text(message, "content") or "",
        finish_reason=_text(first, "finish_reason"),
        refusal=_text(message, "refusal"),
        model=(_text(body, "model") or "")[:_LONGEST] or None,
        prompt_tokens=_count(usage, "prompt_tokens"),
        cached_tokens=_count(details, "cached_tokens"),
        completion_tokens=_count(usage, "completion_tokens"),
        via=via,
        seconds=None if seconds is None else round(seconds, 3),
    )


def _text(value: Mapping[str, Any], name: str) -> str | None:
    found = value.get(name)
    if found is not None and not isinstance(found, str):
        raise EndpointError(f"the answer is no chat completion: {name} is no text")
    return found


def _count(value: Any, name: str) -> int:
    found = value.get(name, 0) if isinstance(value, dict) else None
    if found is None and isinstance(value, dict):
        return 0
    if not isinstance(found, int) or isinstance(found, bool) or not 0 <= found < _MOST_TOKENS:
        raise EndpointError(f"the answer is no chat completion: {name} is no number of tokens")
    return found


def failure_of(
    error: openai.APIError, endpoint: EndpointSettings, key: str, answered: bool
) -> Failure:
    """What an error of the SDK means; `answered`: whether this endpoint has given a reply before.

    Only before the first reply does a 403 or 404 mean the key, the model or the address; after it,
    it is the row.
    """
    import openai

    if isinstance(error, openai.APITimeoutError):
        return Trouble("timeout", f"no answer within {endpoint.timeout:g} s")
    if not isinstance(error, openai.APIStatusError):
        return Trouble("connection", said(_innermost(error), key))
    status, text = error.status_code, said(_message(error), key)
    if stop := _stop(status, text, error.code, endpoint, answered):
        return stop
    if status in _PASSING or status >= 500:
        return Trouble(str(status), text, retry_after(error.response.headers))
    return Refused(f"{status}: {text}")


def _stop(
    status: int, text: str, code: str | None, endpoint: EndpointSettings, answered: bool
) -> Stop | None:
    """Why nothing more can be had from the endpoint; None: something can."""
    where, what = endpoint.base_url, f"{status}: {text}"
    if status == 402 or (status in (403, 429) and _NO_BUDGET.search(f"{code} {text}")):
        return Stop("budget", f"{where} says that there is no budget left ({what}). {_KEEPS}")
    if status == 401 or (status == 403 and not answered):
        name, ask = "calls with no key", "Name its variable: api_key_env."
        if endpoint.api_key_env:
            name, ask = f"the key in {endpoint.api_key_env}", "Is it expired, or another service's?"
        return Stop("key", f"{where} refuses {name} ({what}). {ask}")
    if status == 404 and not answered:
        return _not_there(endpoint, what, text)
    if status < 400:
        return Stop("address", f"{where} sends us elsewhere ({what}). Check base_url.")
    fixed = endpoint.structured in ("json_schema", "json_object")
    if status < 429 and not answered and fixed and refuses_format(what):
        return Stop(
            "format",
            f'{where} does not take structured = "{endpoint.structured}" ({what}). '
            'Set structured = "auto" for this endpoint.',
        )
    return None


def _not_there(endpoint: EndpointSettings, what: str, text: str) -> Stop:
    where = endpoint.base_url
    if "model" in text.lower() or endpoint.model in text:
        return Stop("model", f"{where} has no model {endpoint.model!r} ({what}). Check model.")
    return Stop(
        "address",
        f"{where} has no /chat/completions ({what}). Check base_url: most end in /v1.",
    )


def said(text: str, key: str) -> str:
    """What an endpoint says, on one line, cut, and without anything that looks like a key."""
    line = " ".join(text.split())
    if len(key) > len("none"):
        line = line.replace(key, "…")
    line = re.sub(r"\b(?:(?:sk|pk|gsk|xai)-|Bearer )[\w*.-]{6,}", "…", line)
    line = "".join(c if c.isprintable() else "?" for c in line)
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 1]}…"


def _message(error: openai.APIStatusError) -> str:
    """The message in an error body, wherever an endpoint puts it; else the body itself."""
    body = error.body
    if isinstance(body, dict):
        inner = body.get("error", body)
        if isinstance(inner, dict):
            found = inner.get("message") or inner.get("detail") or inner.get("msg")
            inner = found if found is not None else inner
        return str(inner)
    text = str(body if body is not None else error.response.text)
    return re.sub(r"<[^>]*>", " ", text) if text.lstrip().startswith("<") else text


def _innermost(error: BaseException) -> str:
    """What a connection error comes from: `Connection refused`, not `Connection error`."""
    while (cause := error.__cause__ or error.__context__) is not None:
        if isinstance(error, OSError) and not isinstance(cause, OSError):
            break
        error = cause
    return str(error) or type(error).__name__

"""Settings of an endpoint: a table `[llm.<name>]` of the plan."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

Structured = Literal["auto", "json_schema", "json_object", "instruction"]


@dataclass(frozen=True)
class EndpointSettings:
    """One model at one OpenAI-compatible address; the key is only ever read from the environment.

    The fields above the line decide what is asked and are part of a request's key; those below
    only decide how fast.
    """

    model: str = ""
    base_url: str = "https://api.openai.com/v1"
    family: str = ""  # of the model: gpt, qwen, llama, …; the model's name where it is not given
    temperature: float | None = 0.7  # None: not sent, for models that do not take one
    top_p: float | None = None
    seed: int | None = None  # sent where it is given
    max_tokens_name: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    structured: Structured = "json_schema"  # auto: try, and remember what the endpoint takes
    # ------------------------------------------------------------------------------------------
    api_key_env: str = "OPENAI_API_KEY"  # "": the endpoint wants no key
    concurrency: int = 64  # requests in flight
    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    timeout: float = 120.0  # seconds for one reply
    max_retries: int = 8  # of one request, on connection errors, 429 and 5xx
    repairs: int = 1  # calls that ask for a corrected reply

    def identity(self) -> dict[str, Any]:
        """What decides the replies."""
        return {
            "model": self.model,
            "base_url": self.base_url.rstrip("/"),
            "family": self.family,
            "temperature": self.temperature,
            "top_p": self.top_p,
            "seed": self.seed,
            "structured": self.structured,
            "repairs": self.repairs,
        }


@dataclass(frozen=True)
class Limits:
    """Where a run stops, with everything kept; None: nowhere."""

    max_calls: int | None = None
    max_cost: float | None = None  # in the currency of the price table

"""Whether it makes sense to go on asking an endpoint: the circuit that opens when it is down."""

from __future__ import annotations

import time
from dataclasses import dataclass

from datakit.llm.answers import Refused, Stop, Trouble
from datakit.llm.endpoint import EndpointSettings

_LATER = "Everything that was answered is kept: run the same command again later."


@dataclass(frozen=True)
class Patience:
    """How long trouble is borne; seconds where nothing else is said."""

    first_backoff: float = 0.5  # upper end of the first pause, doubled with each try (full jitter)
    longest_backoff: float = 20.0
    unreachable: float = 5.0  # nothing has ever come from the endpoint
    down: float = 30.0  # nothing but errors comes any more
    overloaded: float = 120.0  # nothing but 429 comes any more
    fewest_failures: int = 8  # in a row, before it is called down
    most_refusals: int = 20  # before the first reply: then it is not the rows


class Health:
    """What came from an endpoint lately, and what that means for the run."""

    def __init__(self, endpoint: EndpointSettings, patience: Patience) -> None:
        self._where, self._patience = endpoint.base_url, patience
        self.answered = False  # whether a reply has ever come in this run
        self._last_good = time.monotonic()
        self._failures = self._refusals = 0

    def good(self) -> None:
        """A reply came."""
        self.answered = True
        self._failures, self._last_good = 0, time.monotonic()

    def refused(self, refused: Refused) -> Stop | None:
        """A request was refused for good; before any reply, many of them are no matter of rows."""
        self._failures = 0
        if self.answered:
            return None
        self._refusals += 1
        if self._refusals < self._patience.most_refusals:
            return None
        return Stop(
            "refused",
            f"{self._where} refuses every request ({refused.error}). Check the settings of the "
            "endpoint; nothing was dropped.",
        )

    def trouble(self, trouble: Trouble) -> Stop | None:
        """A try brought no answer; a reason to stop when it has been so for long."""
        self._failures += 1
        patience, what = self._patience, f"{trouble.kind}: {trouble.says}"
        if (trouble.retry_after or 0.0) > patience.overloaded:
            asks = f"asks to wait {trouble.retry_after:.0f} s"
            return Stop("down", f"{self._where} {asks} ({what}). {_LATER}")
        limit = patience.down if self.answered else patience.unreachable
        if trouble.kind == "429":
            limit = patience.overloaded
        silent = time.monotonic() - self._last_good
        if self._failures < patience.fewest_failures or silent < limit:
            return None
        if self.answered or trouble.kind == "429":
            says = f"has answered nothing for {silent:.0f} s ({what}). {_LATER}"
        else:
            says = f"does not answer ({what}). Does it run, and is base_url right?"
        return Stop("down", f"{self._where} {says}")

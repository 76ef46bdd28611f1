"""What a run may still spend, counting what is in flight at the most it can come to."""

from __future__ import annotations

import asyncio
from typing import Any

from datakit.llm.answers import Stop
from datakit.llm.endpoint import Limits
from datakit.llm.exchange import Reply, Request, canonical
from datakit.llm.prices import Price, usage_of
from datakit.llm.prompts import message_tokens

_ROOM_NAMES = ("max_tokens", "max_completion_tokens")
_FIRST_SHARE = 0.25  # of its room that a reply is taken to fill, before one has come
_OF_A_MESSAGE = 16  # tokens that wrap one, at most


class Budget:
    """Calls and money within limits; a reservation is made before a request and settled after."""

    def __init__(self, limits: Limits, price: Price | None) -> None:
        self._limits, self._price = limits, price
        self._calls, self._cost = 0, 0.0
        self._reserved_calls, self._reserved_cost = 0, 0.0
        self._bounds: dict[str, float] = {}
        self._changed: asyncio.Future[None] | None = None
        self._replies = self._completion = 0

    async def reserve(self, request: Request) -> bool:
        """Wait until the request fits what is left; False: it will not."""
        if self._limits == Limits():
            return True
        bound = self._most_cost(request)
        while not self._fits(bound):
            if not self._reserved_calls:
                return False
            if self._changed is None:
                self._changed = asyncio.get_running_loop().create_future()
            await asyncio.shield(self._changed)
        self._reserved_calls += 1
        self._reserved_cost += bound
        self._bounds[request.key] = bound
        return True

    def settle(self, request: Request, reply: Reply | None) -> None:
        """The request is over; without a reply it has cost nothing."""
        if reply is not None and reply.error is None:
            self._replies += 1
            self._completion += reply.completion_tokens
        bound = self._bounds.pop(request.key, None)
        if bound is None:
            return
        self._reserved_calls -= 1
        self._reserved_cost -= bound
        if reply is not None:
            self._calls += 1
            unknown = not reply.prompt_tokens and reply.error is None  # the endpoint did not say
            self._cost += bound if unknown else usage_of(reply, self._price).cost or 0.0
        if self._changed is not None:
            self._changed.set_result(None)
            self._changed = None

    def stop(self) -> Stop:
        """What to say when `reserve` gave False."""
        kept = "Everything that was answered is kept: a higher limit goes on from there."
        most = self._limits.max_calls
        if most is not None and self._calls >= most:
            return Stop("max_calls", f"max_calls is reached after {self._calls:,} calls. {kept}")
        return Stop(
            "max_cost",
            f"max_cost is reached: {self._cost:.4f} is spent, and one more call may cost more than "
            f"is left. {kept}",
        )

    def tokens(self, request: Request) -> int:
        """About how many tokens a request takes with its reply; an estimate."""
        room = _room(request)
        mean = self._completion / self._replies if self._replies else room * _FIRST_SHARE
        return message_tokens(request.messages) + round(min(mean, room))

    def _fits(self, bound: float) -> bool:
        calls, cost = self._limits.max_calls, self._limits.max_cost
        if calls is not None and self._calls + self._reserved_calls >= calls:
            return False
        return cost is None or self._cost + self._reserved_cost + bound <= cost

    def _most_cost(self, request: Request) -> float:
        """No token is shorter than a byte, and no reply longer than its room."""
        if self._price is None:
            return 0.0
        most = sum(
            _OF_A_MESSAGE + len(m.content.encode("utf-8", "replace")) for m in request.messages
        )
        if request.response_format is not None:
            most += len(canonical(request.response_format))
        return self._price.cost(most, 0, _room(request))


def _room(request: Request) -> int:
    values: list[Any] = [request.parameters.get(name) for name in _ROOM_NAMES]
    return next((int(value) for value in values if value is not None), 0)

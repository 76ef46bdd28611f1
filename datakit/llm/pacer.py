"""When the next request may start: one pacer for all requests to an endpoint.

Budgets a minute are kept by buckets, those that the settings name and those that the endpoint tells
in its `x-ratelimit-*` headers. Beyond them the rate is free until the endpoint rejects more than a
tenth of what it is sent: then it is what the endpoint was measured to admit, and is tried a little
higher after each window without trouble. Fewer rejections are the background of a busy
service; slowing down for each of them would bring the rate to nothing.
"""

from __future__ import annotations

import asyncio
import datetime
import email.utils
import re
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from datakit.llm.endpoint import EndpointSettings

WINDOW = 1.5  # seconds over which rejections are judged
BACKGROUND = 0.1  # share of rejections that is no congestion
FEWEST = 3  # rejections below which a window says nothing
PROBE = 1.1  # how much higher the rate is tried after a window without congestion
STEADY = 3  # such windows in a row after which the steps grow
BURST = 1.0  # seconds of a budget that may be spent at once
RAMP = 0.25  # seconds over which the slots open at the start

_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
Clock = Callable[[], float]


@dataclass
class Bucket:
    """What is left of a budget that fills at a steady rate. It may be overdrawn by one request."""

    rate: float  # units a second
    capacity: float
    level: float
    filled: float  # when the level was true

    def wait(self, units: float, now: float) -> float:
        """Seconds until so many units are there; a request above the capacity needs a full one."""
        self._fill(now)
        missing = min(units, self.capacity) - self.level
        return 0.0 if missing <= 1e-9 else missing / self.rate

    def take(self, units: float, now: float) -> None:
        self._fill(now)
        self.level -= units

    def _fill(self, now: float) -> None:
        self.level = min(self.capacity, self.level + (now - self.filled) * self.rate)
        self.filled = now


@dataclass(frozen=True, slots=True)
class Start:
    """What had been started in all when a request started, itself included."""

    requests: int
    tokens: int


class Pacer:
    """Tells how long to wait before a start, and learns from every answer."""

    def __init__(self, endpoint: EndpointSettings, clock: Clock = time.monotonic) -> None:
        self._clock = clock
        self._turn = asyncio.Lock()  # those that wait do so one after another
        now = self._began = clock()
        rpm, tpm = endpoint.requests_per_minute, endpoint.tokens_per_minute
        self._requests: list[Bucket | None] = [_bucket(rpm, now), None]
        self._tokens: list[Bucket | None] = [_bucket(tpm, now), None]
        self._rate: Bucket | None = None
        self._slots = endpoint.concurrency
        self._started = Start(0, 0)
        self._starts: deque[float] = deque()  # of the last window
        self._rejections: deque[float] = deque()
        self._n_clean = 0  # windows without congestion since the last with it
        self._judged = self._held_from = self._held_until = now

    @property
    def rate(self) -> float | None:
        """Requests a second by congestion; None: free."""
        return None if self._rate is None else self._rate.rate

    @property
    def counts_tokens(self) -> bool:
        """Whether it matters how many tokens a request takes."""
        return any(self._tokens)

    def hold(self, seconds: float) -> None:
        """Start nothing for so long."""
        now = self._clock()
        if now >= self._held_until:
            self._held_from = now
        self._held_until = max(self._held_until, now + seconds)

    def claim(self, tokens: int) -> float:
        """Seconds to wait; 0: the request may start now, and is counted."""
        now = self._clock()
        if not self._started.requests:
            self._began = self._judged = now
        self._judge(now)
        budgets = [(b, 1) for b in (*self._requests, self._rate) if b is not None]
        budgets += [(b, tokens) for b in self._tokens if b is not None]
        wait = max(self._held_until - now, self._ramp(now))
        for bucket, units in budgets:
            wait = max(wait, bucket.wait(units, now))
        if wait > 0:
            return wait
        for bucket, units in budgets:
            bucket.take(units, now)
        self._starts.append(now)
        self._started = Start(self._started.requests + 1, self._started.tokens + tokens)
        return 0.0

    async def start(self, tokens: int) -> Start:
        """Wait until a request of about so many tokens may start."""
        if self._turn.locked() or self.claim(tokens) > 0:
            async with self._turn:
                while (wait := self.claim(tokens)) > 0:
                    await asyncio.sleep(wait)
        return self._started

    def delivered(self, tokens_off: int) -> None:
        """An answer came; the request took so many more tokens than was said at its start."""
        for bucket in self._tokens:
            if bucket is not None:
                bucket.take(tokens_off, self._clock())

    def rejected(self, retry_after: float | None) -> None:
        """A 429 came. Only when it is one of many does its Retry-After hold everybody."""
        now = self._clock()
        self._rejections.append(now)
        congested = self._judge(now)
        if congested and retry_after is not None:
            self.hold(retry_after)

    def told(self, headers: Mapping[str, str], start: Start) -> None:
        """What the endpoint says is left, in the answer to the request that started then.

        What started later is not in its count yet.
        """
        now = self._clock()
        for buckets, unit, later in (
            (self._requests, "requests", self._started.requests - start.requests),
            (self._tokens, "tokens", self._started.tokens - start.tokens),
        ):
            buckets[1] = _told(headers, unit, later, now) or buckets[1]

    def _ramp(self, now: float) -> float:
        """Slots open one after another, so that the first answers come before the last starts."""
        n = self._started.requests
        return 0.0 if n >= self._slots else self._began + RAMP * n / self._slots - now

    def _judge(self, now: float) -> bool:
        """Whether the window shows congestion; sets the rate at the end of each."""
        for times in (self._starts, self._rejections):
            while times and times[0] < now - WINDOW:
                times.popleft()
        n_rejected, n_started = len(self._rejections), len(self._starts)
        congested = n_rejected >= FEWEST and n_rejected > BACKGROUND * n_started
        # a free rate of which most is rejected is not let run for a whole window
        flooded = congested and self._rate is None and 2 * n_rejected > n_started
        if now - self._judged < (WINDOW / 3 if flooded else WINDOW):
            return congested
        self._judged = now
        if congested:
            self._n_clean = 0
            self._set_rate(max(n_started - n_rejected, 1) / self._open_time(now), now)
        elif self._rate is not None:
            self._n_clean += 1
            faster = max(1, self._n_clean - STEADY)  # a rate that was set far too low, by a stall
            self._set_rate(self._rate.rate * min(PROBE**faster, 2.0), now)
        return congested

    def _open_time(self, now: float) -> float:
        """Seconds of the window in which requests could start; a hold says nothing about a rate."""
        start = max(now - WINDOW, self._began)
        held = min(now, self._held_until) - max(start, self._held_from)
        return max(now - start - max(held, 0.0), WINDOW / 6)

    def _set_rate(self, rate: float, now: float) -> None:
        # the capacity: what a steady stream of starts needs, not a burst that is rejected again
        level = 1.0 if self._rate is None else min(self._rate.level, 1.0)
        self._rate = Bucket(rate, max(1.0, rate * 0.05), level, now)


def _bucket(per_minute: int | None, now: float) -> Bucket | None:
    """A budget of so many a minute, of which one second's worth may be spent at once."""
    if per_minute is None:
        return None
    rate = per_minute / 60.0
    capacity = max(rate * BURST, 1.0)
    return Bucket(rate, capacity, capacity, now)


def _told(headers: Mapping[str, str], unit: str, later: int, now: float) -> Bucket | None:
    """A budget by the headers: `limit` in all, `remaining` now, all of it again after `reset`."""
    limit = _number(headers.get(f"x-ratelimit-limit-{unit}"))
    remaining = _number(headers.get(f"x-ratelimit-remaining-{unit}"))
    reset = duration(headers.get(f"x-ratelimit-reset-{unit}"))
    if limit is None or remaining is None or not limit > remaining or not reset:
        return None
    return Bucket((limit - remaining) / reset, limit, max(0.0, remaining) - later, now)


def _number(text: str | None) -> float | None:
    """A finite number, 0 or more; None where the text is none."""
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if 0 <= value < float("inf") else None


def duration(text: str | None) -> float | None:
    """Seconds of `20ms`, `1m30s`, `6h0m0s` or a bare number; None where it is neither."""
    if not text:
        return None
    if (plain := _number(text)) is not None:
        return plain
    parts = _DURATION.findall(text)
    if "".join(n + u for n, u in parts) != text:
        return None
    return sum(float(n) * _SECONDS[u] for n, u in parts)


def retry_after(headers: Mapping[str, str], now: datetime.datetime | None = None) -> float | None:
    """Seconds that a Retry-After header, a number or a date, asks to wait; None: there is none."""
    if (ms := _number(headers.get("retry-after-ms"))) is not None:
        return ms / 1000
    text = headers.get("retry-after")
    if text is None:
        return None
    if (seconds := duration(text.strip())) is not None:
        return seconds
    try:
        then = email.utils.parsedate_to_datetime(text)
    except ValueError:
        return None
    if then.tzinfo is None:
        then = then.replace(tzinfo=datetime.UTC)
    return max(0.0, (then - (now or datetime.datetime.now(datetime.UTC))).total_seconds())

"""The pacer against a clock that the test sets, and a model of an endpoint."""

from __future__ import annotations

import datetime

import pytest

from datakit.llm.endpoint import EndpointSettings
from datakit.llm.pacer import RAMP, WINDOW, Pacer, Start, duration, retry_after

NOW = datetime.datetime(2026, 1, 1, 12, 0, 0, tzinfo=datetime.UTC)


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def pacer(**settings: object) -> tuple[Pacer, Clock]:
    clock = Clock()
    settings.setdefault("concurrency", 1)
    return Pacer(EndpointSettings(model="m", **settings), clock), clock  # type: ignore[arg-type]


def starts(paced: Pacer, clock: Clock, seconds: float, tokens: int = 0) -> int:
    """How many requests start in so much time, each as soon as it may."""
    end, count = clock.now + seconds, 0
    while clock.now < end:
        wait = paced.claim(tokens)
        if wait == 0:
            count += 1
        clock.now += max(wait, 0.0001)
    return count


def test_slots_open_over_a_short_ramp() -> None:
    paced, clock = pacer(concurrency=64)

    assert starts(paced, clock, RAMP / 2) == pytest.approx(32, abs=2)


@pytest.mark.parametrize("rpm", [1, 30, 600])
def test_a_budget_of_requests_is_kept(rpm: int) -> None:
    paced, clock = pacer(requests_per_minute=rpm)

    assert starts(paced, clock, 60.0) <= rpm + max(1, rpm / 60)
    assert starts(paced, clock, 60.0) == pytest.approx(rpm, rel=0.02, abs=1)


def test_a_budget_of_tokens_is_kept_by_what_requests_really_took() -> None:
    paced, clock = pacer(tokens_per_minute=60_000)
    took = 0
    end = clock.now + 120
    while clock.now < end:
        wait = paced.claim(100)
        if wait == 0:
            paced.delivered(400)  # it took 500, not 100
            took += 500
        clock.now += max(wait, 0.0001)

    assert took == pytest.approx(120_000, rel=0.02)


def test_a_request_above_the_budget_still_starts() -> None:
    paced, clock = pacer(tokens_per_minute=60)

    assert starts(paced, clock, 1.0, tokens=500) == 1


def test_background_rejections_do_not_slow_anything() -> None:
    paced, clock = pacer()
    for i in range(2000):
        assert paced.claim(0) == 0
        paced.rejected(None) if i % 15 == 0 else paced.delivered(0)
        clock.now += 0.005

    assert paced.rate is None


def run_against(paced: Pacer, clock: Clock, admitted: float, seconds: float) -> tuple[int, int]:
    """(answered, rejected); so many are admitted a second, a quarter of them at once."""
    level, answered, rejected = 0.0, 0, 0
    end = clock.now + seconds
    while clock.now < end:
        level = min(admitted / 4, level + 0.001 * admitted)
        clock.now += 0.001
        if paced.claim(0) > 0:
            continue
        if level >= 1:
            level -= 1
            answered += 1
            paced.delivered(0)
        else:
            rejected += 1
            paced.rejected(None)
    return answered, rejected


def test_congestion_is_met_by_the_rate_that_is_admitted() -> None:
    paced, clock = pacer()
    run_against(paced, clock, 40, 5.0)

    answered, rejected = run_against(paced, clock, 40, 30.0)

    assert answered >= 0.95 * 40 * 30
    assert rejected <= 0.15 * answered


def test_the_rate_finds_a_capacity_that_comes_back() -> None:
    paced, clock = pacer()
    run_against(paced, clock, 5, 10.0)
    assert paced.rate < 10

    run_against(paced, clock, 100, 20.0)
    answered, _ = run_against(paced, clock, 100, 10.0)

    assert answered >= 0.9 * 100 * 10


def test_retry_after_holds_everybody_only_under_congestion() -> None:
    paced, clock = pacer()
    for _ in range(50):
        paced.claim(0)
        clock.now += 0.01
    paced.rejected(5.0)
    assert paced.claim(0) == 0
    for _ in range(20):
        paced.rejected(5.0)
    assert paced.claim(0) == pytest.approx(5.0)
    clock.now += 5.1
    assert paced.claim(0) == 0


def test_headers_say_what_is_left() -> None:
    paced, clock = pacer()
    for _ in range(3):
        paced.claim(0)
    headers = {
        "x-ratelimit-limit-requests": "60",
        "x-ratelimit-remaining-requests": "4",
        "x-ratelimit-reset-requests": "56s",
    }
    paced.told(headers, Start(1, 0))  # two more have started since

    assert [paced.claim(0) for _ in range(3)] == [0, 0, pytest.approx(1.0)]
    assert starts(paced, clock, 10.0) == pytest.approx(10, abs=1)


def test_headers_of_nonsense_change_nothing() -> None:
    paced, _ = pacer()
    for value in ("", "many", "-1", "inf", "nan"):
        names = ("limit", "remaining", "reset")
        paced.told({f"x-ratelimit-{n}-requests": value for n in names}, Start(0, 0))

        assert paced.claim(0) == 0


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("20ms", 0.02), ("1m30s", 90), ("6h0m0s", 21600), ("7.66s", 7.66), ("12", 12),
     ("", None), ("soon", None), ("1m x", None), (None, None), ("-3", None)],
)  # fmt: skip
def test_durations(text: str | None, seconds: float | None) -> None:
    assert duration(text) == (None if seconds is None else pytest.approx(seconds))


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "3"}, 3),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after-ms": "250", "retry-after": "9"}, 0.25),
        ({"retry-after": "Thu, 01 Jan 2026 12:00:07 GMT"}, 7),
        ({"retry-after": "Thu, 01 Jan 2026 11:00:00 GMT"}, 0),
        ({"retry-after": "later"}, None),
        ({"retry-after": "-1"}, None),
        ({}, None),
    ],
)
def test_retry_after_is_seconds_or_a_date(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after(headers, NOW) == seconds


def test_the_window_is_short() -> None:
    assert WINDOW == 1.5  # what the figures in the benches were measured with

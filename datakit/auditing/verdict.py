"""From a measured value to a severity: limits are written as in the checklist, `W>1% E>5%`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from datakit.auditing.intervals import wilson
from datakit.errors import PlanError
from datakit.records import Finding, sha256

Severity = Literal["blocker", "error", "warning", "info"]
Part = Literal["corpus", "train", "test"]
Tier = Literal["cheap", "retriever", "judge", "human"]
Status = Literal["pass", "warn", "fail", "not_established", "skipped"]

SEVERITIES: tuple[Severity, ...] = ("info", "warning", "error", "blocker")  # mildest first
TIERS: tuple[Tier, ...] = ("cheap", "retriever", "judge", "human")
PARTS: tuple[Part, ...] = ("corpus", "train", "test")
_LETTERS: dict[str, Severity] = {"B": "blocker", "E": "error", "W": "warning", "I": "info"}
_LIMIT = re.compile(r"([BEW])([<>])(\d*\.?\d+)(%?)")
MAX_RECORDS = 1000  # ids that a finding carries; `n_affected` counts them all


@dataclass(frozen=True)
class Check:
    """What is known of a check before it runs."""

    id: str  # DK101
    title: str
    family: str  # integrity, duplicates, leakage, …
    fix: str  # what to do about a finding
    tier: Tier = "cheap"
    cost: int = 1  # order inside a tier: cheapest first


class Limit(NamedTuple):
    severity: Severity
    above: bool  # values above the bound are bad
    bound: float

    def crossed(self, value: float) -> bool:
        return value > self.bound if self.above else value < self.bound


def limits(text: str) -> tuple[Limit, ...]:
    """Parse `W>1% E>5%`, worst first; `I` and the empty text have no limit.

    Raises:
        PlanError: not of that form.
    """
    found = []
    for word in text.split():
        match = _LIMIT.fullmatch(word)
        if match:
            bound = float(match[3]) / (100 if match[4] else 1)
            found.append(Limit(_LETTERS[match[1]], match[2] == ">", bound))
        elif word != "I":
            raise PlanError(f"limit {word!r}: expected B, E or W, > or <, and a number: W>1% E>5%")
    return tuple(sorted(found, key=lambda x: -SEVERITIES.index(x.severity)))


@dataclass(frozen=True)
class Result:
    """What a check measured on one part of the dataset."""

    part: Part
    value: float | None  # None: not established, `reason` says why
    n: int | None = None  # what the value is over
    message: str = ""
    records: Sequence[str] = ()  # ids of all that is affected
    low: float | None = None
    high: float | None = None
    entity: str = "passage"  # the table of the ids
    measure: str = ""  # of a check that measures several things
    column: str = ""  # the field that holds the limits; the part's when empty
    sampled: bool = False  # of a sample: an error needs the whole interval
    reason: str = ""
    n_affected: int | None = None  # where more are affected than have ids
    percentile: float | None = None  # worse than so many percent of public tasks


def rate(part: Part, hits: int, n: int, message: str, **fields: Any) -> Result:
    """A share of n with its Wilson interval; nothing to count is not established."""
    if not n:
        return not_established(part, fields.pop("reason", "nothing to count"), **fields)
    fields.pop("reason", None)
    low, high = wilson(min(hits, n), n)
    return Result(part, hits / n, n, message, low=low, high=high, **fields)


def not_established(part: Part, reason: str, **fields: Any) -> Result:
    known = {k: v for k, v in fields.items() if k in ("measure", "entity", "column")}
    return Result(part, None, reason=reason, **known)


@dataclass(frozen=True)
class Outcome:
    """A row of measures.json: a result and what its limits make of it."""

    check_id: str
    title: str
    family: str
    tier: Tier
    part: str
    measure: str
    value: float | None
    low: float | None
    high: float | None
    n: int | None
    threshold: float | None
    limits: str
    severity: Severity | None  # of what was crossed; None where nothing was
    status: Status
    reason: str
    message: str
    percentile: float | None = None  # worse than so many percent of public tasks

    @property
    def key(self) -> tuple[str, str, str]:
        return self.check_id, self.part, self.measure


def outcome(check: Check, result: Result, text: str) -> Outcome:
    """Apply limits to a result.

    Args:
        check: whose it is.
        result: with or without a value.
        text: the limits of its part.
    """
    value, parsed = result.value, limits(text)
    severity: Severity | None = None
    status: Status = "not_established" if value is None else "pass"
    threshold = parsed[-1].bound if parsed else None
    if value is not None:
        crossed = next((x for x in parsed if x.crossed(value)), None)
        if crossed is not None:
            severity, threshold = crossed.severity, crossed.bound
            if result.sampled and severity == "error" and not _whole(result, crossed):
                severity = "warning"
            status = "warn" if severity == "warning" else "fail"
        elif text.strip() == "I" and _count(result):
            severity = "info"
    return Outcome(
        check.id, check.title, check.family, check.tier, result.part, result.measure, value,
        result.low, result.high, result.n, threshold, text, severity, status, result.reason,
        result.message, result.percentile,
    )  # fmt: skip


def _whole(result: Result, limit: Limit) -> bool:
    end = result.low if limit.above else result.high
    return end is None or limit.crossed(end)


def _count(result: Result) -> int:
    return len(result.records) if result.n_affected is None else result.n_affected


def finding(check: Check, result: Result, made: Outcome) -> Finding:
    """The finding of a crossed limit, or of an informative check that has something to say."""
    assert made.severity is not None
    part = result.part + result.measure
    return Finding(
        finding_id=finding_id(check.id, result.entity, part, result.records),
        check_id=check.id,
        severity=made.severity,
        status="pass" if made.status == "skipped" else made.status,
        message=result.message,
        record_ids=tuple(result.records[:MAX_RECORDS]),
        n_affected=_count(result),
        value=result.value,
        ci_low=result.low,
        ci_high=result.high,
        threshold=made.threshold,
        n=result.n,
        fix=check.fix,
    )  # fmt: skip


def finding_id(check_id: str, entity: str, part: str, records: Iterable[str]) -> str:
    """16 hex digits: the same check with the same records is the same finding."""
    return sha256(check_id, entity, part, *sorted(records))[:16]

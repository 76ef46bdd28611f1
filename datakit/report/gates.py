"""The gates as `datakit verify` left them, and what would establish those that are open."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

MOST_ROWS = 120
# what helps where a gate fails; a reason of the gate's own comes before it
HELP = {
    "G1": "have labels judged: datakit judge OUT --budget 208",
    "G2": "have unlabelled pairs judged: datakit review serve OUT --strategy unjudged-top --n 200",
    "G3": "have people grade what a judge graded: "
    "datakit review serve OUT --strategy random --n 150",
    "G4": "have the pools judged: datakit judge OUT, or "
    "datakit review serve OUT --strategy unjudged-top --n 200",
    "G5": "add retrievers to the plan: datakit plan init plan.toml",
    "G7": "write harder queries: datakit generate OUT --plan llm",
    "G8": "write queries in words of their own: datakit generate OUT --plan llm",
    "G9": "write queries for more passages: datakit generate OUT",
    "G10": "have people grade a random sample: datakit review serve OUT --strategy random --n 150",
}


@dataclass(frozen=True, slots=True)
class GateRow:
    """One metric of a gate."""

    gate: str
    title: str
    metric: str
    value: float | None
    low: float | None
    high: float | None
    n: int | None
    need: str
    threshold: float | None
    status: str  # pass, fail, not_established
    reason: str

    @property
    def help(self) -> str:
        return HELP.get(self.gate, "")


@dataclass(frozen=True, slots=True)
class GateFacts:
    rows: tuple[GateRow, ...]
    is_stale: bool = False  # the tables have changed since

    def of(self, status: str) -> list[GateRow]:
        return [row for row in self.rows if row.status == status]

    @property
    def word(self) -> str:
        """`pass` only when every gate has been established and holds."""
        if self.of("fail"):
            return "fail"
        return "incomplete" if self.of("not_established") else "pass"

    def grouped(self, status: str) -> list[tuple[str, str, list[GateRow]]]:
        """Gate, title and its rows of a status, in the order of the gates."""
        found: dict[tuple[str, str], list[GateRow]] = {}
        for row in self.of(status):
            found.setdefault((row.gate, row.title), []).append(row)
        return [(gate, title, rows) for (gate, title), rows in found.items()]


def gate_facts(raw: Mapping[str, Any] | None, content_hash: str) -> GateFacts | None:
    """What gates.json says.

    Args:
        raw: its content, with the list `gates`; None: there is none.
        content_hash: of the tables as they are now.
    """
    if raw is None:
        return None
    rows = [one for one in raw["gates"] if isinstance(one, dict)]
    stale = raw.get("content_hash") != content_hash
    return GateFacts(tuple(_row(one) for one in rows[:MOST_ROWS]), stale)


def _row(one: Mapping[str, Any]) -> GateRow:
    status = one.get("status")
    return GateRow(
        gate=str(one.get("gate", ""))[:12],
        title=str(one.get("title", "")),
        metric=str(one.get("metric", "")),
        value=number_of(one.get("value")),
        low=number_of(one.get("low")),
        high=number_of(one.get("high")),
        n=None if (n := number_of(one.get("n"))) is None else int(n),
        need=str(one.get("need", "")),
        threshold=number_of(one.get("threshold")),
        status=status if status in ("pass", "fail") else "not_established",
        reason=str(one.get("reason", "")),
    )


def number_of(value: Any) -> float | None:
    """A finite number, or None."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if abs(value) < float("inf") else None

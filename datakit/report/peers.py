"""Where a dataset stands among public retrieval tasks."""

from __future__ import annotations

from dataclasses import dataclass

from datakit.auditing import peers
from datakit.report.facts import Facts

SOURCE = "361 text retrieval tasks, from the statistics inside mteb 2.26.24"
_SMALL, _TINY = 0.01, 1e-4


@dataclass(frozen=True, slots=True)
class PeerRow:
    """A value, the quantiles of public tasks, and where the value stands between them."""

    name: str
    value: float
    quantiles: tuple[float, ...]  # P10, P25, P50, P75, P90
    percentile: float
    beyond: str  # "below" or "above" the outermost that is known, else empty


def peer_rows(facts: Facts) -> tuple[PeerRow, ...]:
    """For each reference value that this dataset has a counterpart of."""
    found = {
        "passages": facts.sources.n_passages,
        "queries": facts.n_test,
        "positives per query": _of(facts, "DK301", "mean"),
        "distractor ratio": _of(facts, "DK307", ""),
        "exact duplicate rate": _of(facts, "DK101", ""),
    }
    return tuple(_row(name, float(value)) for name, value in found.items() if value is not None)


def _of(facts: Facts, check_id: str, measure: str) -> float | None:
    """A check's value on the test part, else on any."""
    rows = (
        [r for r in facts.audit.of(check_id, measure) if r.value is not None] if facts.audit else []
    )
    rows.sort(key=lambda r: r.part != "test")
    return rows[0].value if rows else None


def _row(name: str, value: float) -> PeerRow:
    known = peers.QUANTILES[name]
    beyond = "below" if value < known[0] else "above" if value > known[-1] else ""
    return PeerRow(name, value, known, peers.percentile(name, value), beyond)


def plain_value(value: float | None) -> str:
    """At most four figures: 0.0366, 0.961, 1.27, 12.5, 3,412."""
    if value is None:
        return "–"
    size = abs(value)
    if value == int(value) and size < 1e15:
        return f"{int(value):,}"
    if size < _TINY:
        return "< 0.0001" if value > 0 else "> −0.0001"
    if size < _SMALL:
        return f"{value:.4f}"
    if size < 10:
        return f"{value:.3f}"
    return f"{value:,.1f}" if size < 1000 else f"{value:,.0f}"

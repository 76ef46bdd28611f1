"""What every step of the build read, kept and dropped, as the manifest tells it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from datakit.dataset import Dataset
from datakit.report.reading import pieces, tabulate
from datakit.report.shaping import single

UNITS = {
    "ingest": ("records", "documents"),
    "segment": ("documents", "passages"),
    "duplicates": ("passages", "in clusters"),
    "generate": ("passages", "queries"),
    "filter": ("queries", "queries"),
    "retrieve": ("queries", "pairs"),
    "pool": ("queries", "pairs"),
    "mine": ("queries", "judgements"),
    "split": ("queries", "queries"),
    "negatives": ("queries", "negatives"),
    "check": ("queries", "values"),
}
MAX_REASONS = 8  # per step
MAX_STEPS = 40


@dataclass(frozen=True, slots=True)
class DropReason:
    """Why records did not go on, how many, and the first two of them."""

    reason: str
    count: int
    examples: tuple[tuple[str, str], ...]  # record id, detail


@dataclass(frozen=True, slots=True)
class StageFact:
    """One step of the build, as the manifest tells it."""

    name: str
    plugin: str
    seen: int
    kept: int
    dropped: int
    seconds: float
    shards: int | None  # None: the step does not say
    computed: int
    reasons: tuple[DropReason, ...]
    n_reasons: int
    reads_documents: bool = False  # a generator over the whole corpus, not over passages

    @property
    def reused(self) -> int:
        return (self.shards or 0) - self.computed

    @property
    def input_unit(self) -> str:
        if self.reads_documents:
            return "documents"
        return UNITS.get(self.name.split("/")[0], ("records", "records"))[0]

    @property
    def output_unit(self) -> str:
        return UNITS.get(self.name.split("/")[0], ("records", "records"))[1]


def stage_facts(dataset: Dataset) -> tuple[StageFact, ...]:
    """The steps in the order in which they ran, with their drops."""
    entries = list(dataset.manifest.get("stages", {}).items())[:MAX_STEPS]
    return tuple(_stage_fact(dataset, name, entry) for name, entry in entries)


def _stage_fact(dataset: Dataset, name: str, entry: Mapping[str, Any]) -> StageFact:
    counts = entry.get("counts", {})
    shards = entry.get("shards") or {}
    table = dropped_table(dataset, name)
    reasons: Mapping[str, int] = entry.get("dropped_by_reason") or {}
    if not reasons and table:
        reasons = single(tabulate(dataset, table, "reason"))
    largest = sorted(reasons.items(), key=lambda item: (-item[1], item[0]))[:MAX_REASONS]
    examples = _first_of_each(dataset, table, [r for r, _ in largest]) if table else {}
    return StageFact(
        name=name,
        plugin=str(entry.get("plugin", "")),
        seen=int(counts.get("in", 0)),
        kept=int(counts.get("out", 0)),
        dropped=int(counts.get("dropped", 0)),
        seconds=float(entry.get("seconds", 0.0)),
        shards=shards.get("total"),
        computed=int(shards.get("computed", 0)),
        reasons=tuple(DropReason(r, n, tuple(examples.get(r, ()))) for r, n in largest),
        n_reasons=len(reasons),
        reads_documents=name.startswith("generate/") and "document" in entry.get("inputs", {}),
    )


def dropped_table(dataset: Dataset, step: str) -> str | None:
    """The table of a step's drops, if it has one."""
    names = (f"dropped/{step.replace('/', '.')}", f"dropped/{step}")
    return next((name for name in names if name in dataset), None)


def _first_of_each(
    dataset: Dataset, table: str, reasons: Sequence[str], n: int = 2
) -> dict[str, list[tuple[str, str]]]:
    import pyarrow.compute as pc

    found: dict[str, list[tuple[str, str]]] = {reason: [] for reason in reasons}
    for piece in pieces(dataset, table, ("record_id", "reason", "detail")):
        for reason, rows in found.items():
            if len(rows) < n:
                part = piece.filter(pc.equal(piece["reason"], reason)).slice(0, n - len(rows))
                rows += [(row["record_id"], row["detail"]) for row in part.to_pylist()]
    return found

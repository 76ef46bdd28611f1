"""Would passages of many sources answer a query equally well?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from datakit.auditing import Check, Facts, Result, not_established
from datakit.calibration.store import FOLDER, scored_table
from datakit.registry import plugin


@plugin("audits", "dk502_ambiguous")
@dataclass(frozen=True)
class Ambiguous:
    """Median number of documents above a certified threshold in the first 20 of a run."""

    check: ClassVar[Check] = Check(
        "DK502", "Ambiguous queries", "queries", "Name company and period in the queries.",
        tier="retriever",
    )  # fmt: skip
    train: str = "W>3"
    test: str = "W>3"

    def __call__(self, facts: Facts) -> Iterator[Result]:
        import json

        import numpy as np

        found = {}
        for file in sorted((facts.dataset.path / FOLDER).glob("*.json")):
            body = json.loads(file.read_text("utf-8"))
            if body.get("tau_plus") is not None:
                found[body["level"]] = scored_table(body), float(body["tau_plus"])
        levels = facts.query_columns["level"].to_pylist()
        for part, inside in facts.parts():
            counts = []
            for level, (table, least) in found.items():
                rows = [r for r in np.flatnonzero(inside).tolist() if levels[r] == level]
                counts += _documents_above(facts, table, facts.queries.names(rows), least)
            if not counts:
                reason = "no certified threshold of a run: datakit calibrate OUT"
                yield not_established(part, reason, entity="query")
                continue
            yield Result(
                part, float(np.median(counts)), len(counts), "documents above the threshold in the "
                f"first 20, median {np.median(counts):.0f}", entity="query",
            )  # fmt: skip


def _documents_above(facts: Facts, table: str, ids: list[str], least: float) -> list[int]:
    rows: dict[str, list[tuple[float, str]]] = {name: [] for name in ids}
    for row in facts.dataset.where(table, "query_id", ids):
        if row.score is not None:
            rows[row.query_id].append((row.score, row.passage_id))
    return [
        len({p.rsplit(":", 1)[0] for s, p in sorted(own, reverse=True)[:20] if s >= least})
        for own in rows.values()
    ]

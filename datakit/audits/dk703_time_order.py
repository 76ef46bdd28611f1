"""Does train look into the future of test?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from datakit.auditing import Check, Facts, Result, not_established, rate
from datakit.registry import plugin


@plugin("audits", "dk703_time_order")
@dataclass(frozen=True)
class TimeOrder:
    """Train queries with a positive later than the earliest positive of test, in a time split."""

    check: ClassVar[Check] = Check(
        "DK703", "Time order", "splits", "Split again with time_split.", cost=2
    )
    test: str = "W>0"
    temporal: bool = False  # whether the split is meant to be by time; a plan's time_split says so

    def __call__(self, facts: Facts) -> Iterator[Result]:
        import numpy as np

        settings = facts.dataset.manifest["stages"].get("split", {}).get("settings", {})
        if not (self.temporal or settings.get("time_split")):
            yield not_established("test", "the split is not by time", entity="query")
            return
        dates = facts.dataset.arrow("passage", ["date"])["date"].to_pylist()
        labels = facts.labels
        train, test = facts.in_part("train"), facts.in_part("test")
        earliest: dict[int, str] = {}
        latest: dict[int, str] = {}
        rows = np.flatnonzero(labels.positive)
        for q, p in zip(labels.query[rows].tolist(), labels.passage[rows].tolist(), strict=True):
            date = dates[p]
            if date:
                earliest[q] = min(earliest.get(q, date), date)
                latest[q] = max(latest.get(q, date), date)
        start = min((d for q, d in earliest.items() if test[q]), default=None)
        asked = [q for q in latest if train[q]]
        if start is None or not asked:
            yield not_established("test", "no dates of positives in train and test")
            return
        late = [q for q in asked if latest[q] > start]
        yield rate(
            "test", len(late), len(asked), f"{len(late):,} queries of train have a positive later "
            f"than {start}, the earliest of test", records=facts.queries.names(late),
            entity="query",
        )  # fmt: skip

"""Is there something to find for every query?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from datakit.auditing import Check, Facts, Result, not_established, rate
from datakit.registry import plugin


@plugin("audits", "dk006_no_positive")
@dataclass(frozen=True)
class NoPositive:
    """Queries without a label of `relevant_from` or above."""

    check: ClassVar[Check] = Check(
        "DK006", "Queries without a positive", "integrity", "datakit fix PATH --check DK006 -o NEW"
    )
    train: str = "W>1%"
    test: str = "E>0"

    def __call__(self, facts: Facts) -> Iterator[Result]:
        import numpy as np

        labels = facts.labels
        for part, inside in facts.parts():
            if not len(labels):
                yield not_established(part, "the dataset has no labels", entity="query")
                continue
            has = np.zeros(len(facts.queries), bool)
            has[labels.query[labels.positive]] = True
            without = np.flatnonzero(inside & ~has)
            yield rate(
                part, len(without), int(inside.sum()), f"{len(without):,} queries have no label of "
                f"{labels.relevant_from} or above", records=facts.queries.names(without),
                entity="query",
            )  # fmt: skip

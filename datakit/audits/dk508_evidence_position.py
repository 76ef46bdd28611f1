"""Does the answer always stand at the start?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from datakit.auditing import Check, Facts, Result, not_established, rate
from datakit.auditing.evidence import positions
from datakit.registry import plugin

LEAST = 30  # queries with evidence


@plugin("audits", "dk508_evidence_position")
@dataclass(frozen=True)
class EvidencePosition:
    """Share of evidence in the first third of its passage; Kolmogorov-Smirnov to uniform told."""

    check: ClassVar[Check] = Check(
        "DK508", "Position of the evidence", "queries",
        "Ask the generator for the middle and the end of passages too.", cost=3,
    )  # fmt: skip
    train: str = "W>50% E>65%"
    test: str = "W>50%"

    def __call__(self, facts: Facts) -> Iterator[Result]:
        from scipy.stats import kstest

        where = positions(facts)
        for part, inside in facts.parts():
            own = {row: at for row, at in where.items() if inside[row]}
            if len(own) < LEAST:
                reason = f"{len(own)} queries have evidence in their passage, {LEAST} are needed"
                yield not_established(part, reason, entity="query")
                continue
            first = [row for row, at in own.items() if at < 1 / 3]
            distance = float(kstest(list(own.values()), "uniform").statistic)
            yield rate(
                part, len(first), len(own), f"the evidence of {len(first):,} of {len(own):,} "
                f"queries stands in the first third of its passage; KS distance {distance:.2f}",
                records=facts.queries.names(first), entity="query",
            )  # fmt: skip

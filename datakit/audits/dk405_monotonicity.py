"""Do higher grades go with higher scores?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from datakit.auditing import Check, Facts, Result, not_established
from datakit.registry import plugin


@plugin("audits", "dk405_monotonicity")
@dataclass(frozen=True)
class Monotonicity:
    """Spearman's rho of grades and cross-encoder scores of labels."""

    check: ClassVar[Check] = Check(
        "DK405", "Grades follow scores", "correctness", "Review labels whose score and grade part.",
        tier="retriever",
    )  # fmt: skip
    test: str = "W<.2 E<0"

    def __call__(self, facts: Facts) -> Iterator[Result]:
        from scipy.stats import spearmanr

        pairs = [
            (row.grade, row.scores["ce"])
            for table in facts.labels.tables
            for row in facts.dataset.read(table)
            if "ce" in row.scores
        ]
        if len({g for g, _ in pairs}) < 2:
            reason = "labels of two grades with cross-encoder scores are needed"
            yield not_established("test", reason, entity="qrel")
            return
        rho = float(spearmanr(*zip(*pairs, strict=True)).statistic)
        yield Result(
            "test", rho, len(pairs), f"grades and scores correlate by rho {rho:.2f}", entity="qrel"
        )

"""How much of the corpus is asked about, and how evenly?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from datakit.auditing import Check, Facts, Result, not_established, rate
from datakit.registry import plugin


@plugin("audits", "dk702_coverage")
@dataclass(frozen=True)
class Coverage:
    """Passages that are positive for some query; Gini of the queries over those that are."""

    check: ClassVar[Check] = Check(
        "DK702", "Coverage", "splits", "Generate queries for the passages without one."
    )
    train: str = "W<.5"
    test: str = "I"
    gini: str = "W>.8"

    def __call__(self, facts: Facts) -> Iterator[Result]:
        import numpy as np

        labels, n = facts.labels, len(facts.passages)
        for part, inside in facts.parts():
            rows = np.flatnonzero(labels.positive)
            rows = rows[inside[labels.query[rows]]]
            if not len(rows):
                yield not_established(part, "no positive labels")
                continue
            counts = np.bincount(labels.passage[rows], minlength=n)
            covered = int((counts > 0).sum())
            yield rate(
                part, covered, n, f"{covered:,} of {n:,} passages are positive for a query",
                measure="passages",
            )  # fmt: skip
            if part == "train":
                value = gini(counts[counts > 0])
                yield Result(
                    part, value, covered, f"queries spread over these passages with Gini "
                    f"{value:.2f}", measure="gini", column="gini",
                )  # fmt: skip


def gini(counts: object) -> float:
    """0: every passage has as many queries; 1: one has them all."""
    import numpy as np

    x = np.sort(np.asarray(counts, float))
    n = len(x)
    return float((2 * np.arange(1, n + 1) - n - 1) @ x / (n * x.sum()))

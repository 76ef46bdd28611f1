"""Do the labels tell degrees of relevance apart?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from datakit.auditing import Check, Facts, Result, not_established, rate
from datakit.auditing.labels import mask_of
from datakit.registry import plugin


@plugin("audits", "dk403_grades")
@dataclass(frozen=True)
class Grades:
    """Share of the commonest grade: one grade for all pairs cannot order them."""

    check: ClassVar[Check] = Check(
        "DK403", "Grades", "correctness", "Use measures for binary labels, or have pairs graded."
    )
    train: str = "I"
    test: str = "W>95%"

    def __call__(self, facts: Facts) -> Iterator[Result]:
        import numpy as np

        labels = facts.labels
        for part, inside in facts.parts():
            grades = labels.grade[mask_of(labels, inside)]
            if not len(grades):
                yield not_established(part, "no labels", entity="qrel")
                continue
            values, counts = np.unique(grades, return_counts=True)
            said = ", ".join(f"{v}: {c:,}" for v, c in zip(values, counts, strict=True))
            yield rate(
                part, int(counts.max()), len(grades), f"labels by grade: {said}", entity="qrel"
            )

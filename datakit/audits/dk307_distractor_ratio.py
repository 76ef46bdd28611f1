"""Is there anything in the corpus that no query asks for?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from datakit.auditing import Check, Facts, Result, not_established, peers, rate
from datakit.auditing.labels import mask_of
from datakit.registry import plugin


@plugin("audits", "dk307_distractor_ratio")
@dataclass(frozen=True)
class DistractorRatio:
    """1 - judged passages / passages: a corpus of positives only makes retrieval easy."""

    check: ClassVar[Check] = Check(
        "DK307", "Distractor ratio", "completeness",
        "Add passages that no query was written from: the whole collection, not the answers alone.",
    )  # fmt: skip
    test: str = "W<.5 E<.1"

    def __call__(self, facts: Facts) -> Iterator[Result]:
        import numpy as np

        labels, n = facts.labels, len(facts.passages)
        mine = labels.whole & mask_of(labels, facts.in_part("test"))
        if not mine.any():
            yield not_established("test", "no labels in a test part")
            return
        free = n - len(np.unique(labels.passage[mine]))
        yield rate(
            "test", free, n, f"{n - free:,} of {n:,} passages are labelled for a test query",
            percentile=peers.worse_than("distractor ratio", free / n, low_is_bad=True),
        )  # fmt: skip

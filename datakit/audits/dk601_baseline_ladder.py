"""Do better systems score better, and chance badly?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from datakit.auditing import Check, Facts, Result, not_established
from datakit.auditing.intervals import of_mean
from datakit.registry import plugin


@plugin("audits", "dk601_baseline_ladder")
@dataclass(frozen=True)
class BaselineLadder:
    """nDCG@10 of chance, BM25, latent semantic analysis, both fused, and the dataset's runs."""

    check: ClassVar[Check] = Check(
        "DK601", "Baseline ladder", "discrimination",
        "Add distractors; reword queries that copy; enlarge the corpus.", tier="retriever", cost=2,
    )  # fmt: skip
    test: str = "I"
    random: str = "E>.05"
    bm25: str = "E>.95"

    def __call__(self, facts: Facts) -> Iterator[Result]:
        systems = facts.systems
        if not systems.asked:
            yield not_established("test", "no test query has a positive", entity="query")
            return
        for name, run in systems.ladder.items():
            values = systems.measured(run, "nDCG@10")
            low, high = of_mean(values)
            yield Result(
                "test", float(values.mean()), len(values), f"nDCG@10 of {name} is "
                f"{values.mean():.3f}", (), low, high, "query", name,
                name if name in ("random", "bm25") else "", True,
            )  # fmt: skip

"""How much of what retrievers put on top did anybody judge?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from datakit.auditing import Check, Facts, Result, not_established
from datakit.auditing.intervals import of_mean
from datakit.registry import plugin


@plugin("audits", "dk302_holes")
@dataclass(frozen=True)
class Holes:
    """Judged@10 of each system, averaged over queries."""

    check: ClassVar[Check] = Check(
        "DK302", "Judged@10", "completeness",
        "Have the unlabelled top passages judged: datakit review export --strategy unjudged-top",
        tier="retriever", cost=2,
    )  # fmt: skip
    test: str = "W<.6 E<.3"

    def __call__(self, facts: Facts) -> Iterator[Result]:
        systems = facts.systems
        if not systems.asked:
            yield not_established("test", "no test query has a positive", entity="query")
            return
        for name, run in sorted(systems.ladder.items()):
            if name == "random":
                continue
            values = systems.measured(run, "Judged@10")
            low, high = of_mean(values)
            holes = [q.query_id for q, v in zip(systems.asked, values, strict=True) if v < 0.3]
            yield Result(
                "test", float(values.mean()), len(values),
                f"of the first 10 passages of {name}, {values.mean():.0%} are judged",
                holes, low, high, "query", name, sampled=True,
            )  # fmt: skip

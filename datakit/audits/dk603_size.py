"""Are there enough queries to tell systems apart?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from datakit.auditing import Check, Facts, Result, not_established, peers
from datakit.registry import plugin

FACTOR = 2.8  # two-sided 5 %, power 80 %


@plugin("audits", "dk603_size")
@dataclass(frozen=True)
class Size:
    """Test queries with a positive; the difference of nDCG@10 that so many can show.

    Source of 75 and 250:
        Jones and van Rijsbergen (secondary).
    """

    check: ClassVar[Check] = Check(
        "DK603", "Size of the test part", "discrimination", "Add queries to the test part."
    )
    test: str = "E<75 W<250"
    difference: str = "W>.05"

    def __call__(self, facts: Facts) -> Iterator[Result]:
        import numpy as np

        labels, test = facts.labels, facts.in_part("test")
        if not test.any():
            yield not_established("test", "the dataset has no test part", entity="query")
            return
        has = np.zeros(len(facts.queries), bool)
        has[labels.query[labels.positive]] = True
        n = int((has & test).sum())
        yield Result(
            "test", float(n), n, f"{n:,} test queries have a positive", entity="query",
            measure="queries", percentile=peers.worse_than("queries", float(n), low_is_bad=True),
        )  # fmt: skip
        if facts.tier == "cheap" or n < 2:
            reason = "needs --tier retriever" if n >= 2 else "fewer than two queries"
            yield not_established(
                "test", reason, entity="query", measure="difference", column="difference"
            )
            return
        systems = facts.systems
        values = systems.measured(systems.ladder["bm25"], "nDCG@10") - systems.measured(
            systems.ladder["lsa"], "nDCG@10"
        )
        shown = FACTOR * float(values.std(ddof=1)) / n**0.5
        yield Result(
            "test", shown, n, f"{n:,} queries show a difference of {shown:.3f} nDCG@10",
            entity="query", measure="difference", column="difference",
        )  # fmt: skip

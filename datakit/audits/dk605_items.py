"""Which queries rank systems against all others?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from datakit.auditing import Check, Facts, Result, not_established, rate
from datakit.auditing.intervals import Z
from datakit.registry import plugin

LEAST = 6  # kinds of retriever
QUERIES = 100  # of fewer, chance alone (one in forty) passes 5 % too often


@plugin("audits", "dk605_items")
@dataclass(frozen=True)
class Items:
    """Queries whose nDCG@10 correlates negatively with the systems' mean over the other queries.

    Settings of one retriever err together, so each retriever counts once: of two kinds, every query
    that suits the worse one would be told. A query counts where the whole 95 % interval of its
    correlation (Fisher's z) lies below 0: one in forty by chance.
    """

    check: ClassVar[Check] = Check(
        "DK605", "Items", "discrimination", "Read these queries: their labels may be wrong.",
        tier="retriever", cost=4,
    )  # fmt: skip
    test: str = "W>5%"
    negative: float = -0.5

    def __call__(self, facts: Facts) -> Iterator[Result]:
        import math

        import numpy as np

        systems = facts.systems
        runs = [run for name, run in systems.ladder.items() if name != "random"]
        if len(systems.asked) < QUERIES or len(runs) < LEAST:
            reason = (
                f"{len(runs)} retrievers and {len(systems.asked):,} queries, {LEAST} and {QUERIES} "
                "are needed: datakit retrieve"
            )
            yield not_established("test", reason, entity="query")
            return
        sure = -math.tanh(Z / math.sqrt(len(runs) - 3))
        values = np.stack([systems.measured(run, "nDCG@10") for run in runs])
        rest = (values.sum(axis=1, keepdims=True) - values) / (values.shape[1] - 1)
        own, other = values - values.mean(axis=0), rest - rest.mean(axis=0)
        spread = np.sqrt((own**2).sum(axis=0) * (other**2).sum(axis=0))
        r = np.where(spread > 1e-9, (own * other).sum(axis=0) / np.maximum(spread, 1e-9), 0.0)
        least = min(self.negative, sure)
        against = [q.query_id for q, v in zip(systems.asked, r, strict=True) if v < least]
        yield rate(
            "test", len(against), len(r), f"{len(against):,} queries rank the systems against the "
            "others", records=against, entity="query",
        )  # fmt: skip

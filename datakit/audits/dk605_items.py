"""Which queries rank systems against all others?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from datakit.auditing import Check, Facts, Result, not_established, rate
from datakit.registry import plugin

LEAST = 12  # systems


@plugin("audits", "dk605_items")
@dataclass(frozen=True)
class Items:
    """Queries whose nDCG@10 correlates negatively with the systems' mean over the other queries.

    With some dozen systems a correlation within .5 of 0 is noise: only what lies below counts.
    """

    check: ClassVar[Check] = Check(
        "DK605", "Items", "discrimination", "Read these queries: their labels may be wrong.",
        tier="retriever", cost=4,
    )  # fmt: skip
    test: str = "W>5%"
    negative: float = -0.5

    def __call__(self, facts: Facts) -> Iterator[Result]:
        import numpy as np

        systems = facts.systems
        if len(systems.asked) < 20 or len(systems.variants) < LEAST:
            yield not_established("test", f"{LEAST} systems and 20 queries are needed")
            return
        values = np.stack([systems.measured(r, "nDCG@10") for r in systems.variants.values()])
        rest = (values.sum(axis=1, keepdims=True) - values) / (values.shape[1] - 1)
        own, other = values - values.mean(axis=0), rest - rest.mean(axis=0)
        spread = np.sqrt((own**2).sum(axis=0) * (other**2).sum(axis=0))
        r = np.where(spread > 1e-9, (own * other).sum(axis=0) / np.maximum(spread, 1e-9), 0.0)
        against = [
            q.query_id for q, v in zip(systems.asked, r, strict=True) if v < self.negative
        ]  # fmt: skip
        yield rate(
            "test", len(against), len(r), f"{len(against):,} queries rank the systems against the "
            "others", records=against, entity="query",
        )  # fmt: skip

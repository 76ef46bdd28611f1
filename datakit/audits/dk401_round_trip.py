"""Do retrievers find the passage that a query was written from?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from datakit.auditing import Check, Facts, Result, not_established, rate
from datakit.registry import plugin


@plugin("audits", "dk401_round_trip")
@dataclass(frozen=True)
class RoundTrip:
    """Recall@100 of a seed passage by the fused retrievers; it drops no test query."""

    check: ClassVar[Check] = Check(
        "DK401", "Round trip", "correctness", "Read these queries: are they about their seed?",
        tier="retriever", cost=2,
    )  # fmt: skip
    test: str = "W<.9"

    def __call__(self, facts: Facts) -> Iterator[Result]:
        systems = facts.systems
        seeded = [q for q in systems.asked if q.seed_passage_ids]
        if not seeded:
            yield not_established("test", "no query says from which passage it was written")
            return
        run = systems.ladder["hybrid"]
        lost = [
            q.query_id
            for q in seeded
            if not set(q.seed_passage_ids) & first(run.get(q.query_id, {}), 100)
        ]
        yield rate(
            "test", len(seeded) - len(lost), len(seeded), f"the seed of {len(lost):,} queries is "
            "not among the first 100", records=lost, entity="query",
        )  # fmt: skip


def first(scored: dict[str, float], k: int) -> set[str]:
    """The k best passages."""
    return set(sorted(scored, key=lambda p: (scored[p], p), reverse=True)[:k])

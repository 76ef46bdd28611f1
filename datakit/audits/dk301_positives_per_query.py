"""How many passages are relevant to a query?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from datakit.auditing import Check, Facts, Result, not_established, peers, rate
from datakit.registry import plugin


@plugin("audits", "dk301_positives_per_query")
@dataclass(frozen=True)
class PositivesPerQuery:
    """The mean, and in a large corpus the share of queries with a single positive."""

    check: ClassVar[Check] = Check(
        "DK301", "Positives per query", "completeness",
        "Mine indirect positives (datakit mine) and have unlabelled pairs judged.",
    )  # fmt: skip
    train: str = "I"
    test: str = "W>80%"
    mean: str = "I"
    least_corpus: int = 10_000  # passages; a small corpus may well hold one answer alone

    def __call__(self, facts: Facts) -> Iterator[Result]:
        import numpy as np

        from datakit.auditing.intervals import of_mean

        labels, n_passages = facts.labels, len(facts.passages)
        count = np.bincount(labels.query[labels.positive], minlength=len(facts.queries))
        for part, inside in facts.parts():
            mine = count[inside & (count > 0)]
            if not len(mine):
                yield not_established(part, "no positive labels", entity="query")
                continue
            value = float(mine.mean())
            low, high = of_mean(mine.astype(float)) if len(mine) <= 20_000 else (None, None)
            yield Result(
                part, value, len(mine), f"{value:.2f} positives per query", low=low, high=high,
                measure="mean", column="mean", entity="query",
                percentile=peers.worse_than("positives per query", value, low_is_bad=True),
            )  # fmt: skip
            if n_passages <= self.least_corpus and part == "test":
                reason = f"the corpus has {n_passages:,} passages, {self.least_corpus:,} are needed"
                yield not_established(part, reason, measure="single", entity="query")
                continue
            one = np.flatnonzero(inside & (count == 1))
            yield rate(
                part, len(one), len(mine), f"{len(one):,} queries have a single positive",
                records=facts.queries.names(one), entity="query", measure="single",
            )  # fmt: skip

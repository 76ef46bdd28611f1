"""Are train and test of one kind?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from datakit.auditing import Check, Facts, Result, not_established
from datakit.auditing.sampling import sample
from datakit.registry import plugin

SAMPLE = 2000  # queries of each part
LEAST = 100


@plugin("audits", "dk701_split_shift")
@dataclass(frozen=True)
class SplitShift:
    """AUC of a classifier that tells queries of train from queries of test."""

    check: ClassVar[Check] = Check(
        "DK701", "Split shift", "splits", "Split at random within each source and level.", cost=4
    )
    test: str = "W>.6"

    def __call__(self, facts: Facts) -> Iterator[Result]:
        import numpy as np

        from datakit.auditing.classifier import auc

        parts = [np.flatnonzero(facts.in_part(p)) for p in ("train", "test")]
        if min(map(len, parts)) < LEAST:
            reason = f"train and test of {LEAST} queries are needed"
            yield not_established("test", reason, entity="query")
            return
        names = [facts.queries.names(sample(r, SAMPLE, f"shift{i}")) for i, r in enumerate(parts)]
        texts = facts.texts_of("query", [*names[0], *names[1]])
        value, low, high = auc(*([texts[n] for n in own] for own in names))
        yield Result(
            "test", value, len(texts), f"queries of test are told from those of train, AUC "
            f"{value:.2f}", (), low, high, "query", sampled=True,
        )  # fmt: skip

"""How many positive labels are wrong?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from datakit.auditing import Check, Facts, Result, not_established
from datakit.auditing.judged import precision, said
from datakit.auditing.labels import mask_of
from datakit.registry import plugin

_AUTOMATIC = ("direct", "indirect-query", "indirect-passage", "duplicate")


@plugin("audits", "dk402_false_positives")
@dataclass(frozen=True)
class FalsePositives:
    """Automatic positives that people, or else a judge, graded below `relevant_from`."""

    check: ClassVar[Check] = Check(
        "DK402", "False positives", "correctness",
        "Review these labels: datakit review export --strategy disagreement", tier="judge",
    )  # fmt: skip
    train: str = "W>5% E>10%"
    test: str = "W>5% E>10%"

    def __call__(self, facts: Facts) -> Iterator[Result]:
        labels, found = facts.labels, said(facts)
        sources = labels.source.to_pylist()
        for part, inside in facts.parts():
            mine = labels.positive & mask_of(labels, inside)
            rows = [r for r in mine.nonzero()[0].tolist() if sources[r] in _AUTOMATIC]
            pairs = [tuple(p.split(" ")) for p in labels.pair(rows)]
            known = precision(found, pairs, labels.relevant_from)  # type: ignore[arg-type]
            if known is None:
                reason = "no automatic positive was judged by a model or a person"
                yield not_established(part, reason, entity="qrel")
                continue
            yield Result(
                part, 1 - known.value, known.n, f"{known.n - known.right:,} of {known.n:,} "
                f"automatic positives that were judged are not relevant{known.note}",
                [" ".join(p) for p in known.wrong], 1 - known.high, 1 - known.low, "qrel",
                sampled=True,
            )  # fmt: skip

"""Does every label point at a query and a passage that are there?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from datakit.auditing import Check, Facts, Result
from datakit.auditing.labels import mask_of
from datakit.registry import plugin


@plugin("audits", "dk004_dangling_ids")
@dataclass(frozen=True)
class DanglingIds:
    """Labels whose query or passage is absent."""

    check: ClassVar[Check] = Check(
        "DK004", "Dangling ids", "integrity", "Add the missing records, or leave the labels out."
    )
    train: str = "B>0"
    test: str = "B>0"

    def __call__(self, facts: Facts) -> Iterator[Result]:
        labels = facts.labels
        lost = [d.record_id for d in facts.not_imported("unknown_query", "unknown_passage")]
        homeless = labels.query < 0  # of no query, so of no part: counted with the last
        parts = list(facts.parts())
        for part, inside in parts:
            mine = mask_of(labels, inside)
            dangling = mine & (labels.passage < 0)
            last = part == parts[-1][0]
            if last:
                dangling |= homeless
            ids = labels.pair(dangling.nonzero()[0]) + (lost if last else [])
            n = int(mine.sum()) + (int(homeless.sum()) + len(lost) if last else 0)
            yield Result(
                part, float(len(ids)), n,
                f"{len(ids):,} of {n:,} labels are of a query or passage that is not there",
                ids, entity="qrel",
            )  # fmt: skip

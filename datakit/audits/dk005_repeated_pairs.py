"""Is every pair labelled once?"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from datakit.auditing import Check, Facts, Result
from datakit.auditing.labels import mask_of
from datakit.registry import plugin

if TYPE_CHECKING:
    import numpy as np

    from datakit.auditing.labels import Labels

_GRADES = re.compile(r"grade (\d+) here, (\d+) at")  # what the importers say of the row left out


@plugin("audits", "dk005_repeated_pairs")
@dataclass(frozen=True)
class RepeatedPairs:
    """Labels of a pair that has one already, with the same grade or with another."""

    check: ClassVar[Check] = Check(
        "DK005", "Repeated pairs", "integrity", "datakit fix PATH --check DK005 -o NEW"
    )
    train: str = "W>0"
    test: str = "W>0"
    conflict: str = "E>0"  # of pairs with several grades

    def __call__(self, facts: Facts) -> Iterator[Result]:
        labels = facts.labels
        again, other = repeated(labels)
        dropped = facts.not_imported("repeated_pair")
        parts = list(facts.parts())
        for part, inside in parts:
            mine = mask_of(labels, inside)
            same_ids = labels.pair((again & ~other & mine).nonzero()[0])
            other_ids = labels.pair((again & other & mine).nonzero()[0])
            for drop in dropped if part == parts[-1][0] else ():
                grades = _GRADES.search(drop.detail)
                conflict = bool(grades) and grades[1] != grades[2]  # type: ignore[index]
                (other_ids if conflict else same_ids).append(drop.record_id)
            n = int(mine.sum())
            yield Result(
                part, float(len(same_ids)), n, f"{len(same_ids):,} labels repeat a pair with the "
                "same grade", same_ids, entity="qrel", measure="same grade",
            )  # fmt: skip
            yield Result(
                part, float(len(other_ids)), n, f"{len(other_ids):,} labels repeat a pair with "
                "another grade", other_ids, entity="qrel", measure="other grade", column="conflict",
            )  # fmt: skip


def repeated(labels: Labels) -> tuple[np.ndarray, np.ndarray]:
    """(n_labels,) whether the pair is there before, and whether its grades differ."""
    import numpy as np

    pair = labels.query * (labels.passage.max(initial=0) + 1) + labels.passage
    pair[~labels.whole] = -1 - np.flatnonzero(~labels.whole)  # no two of these are one pair
    _, first, inverse = np.unique(pair, return_index=True, return_inverse=True)
    again = first[inverse] != np.arange(len(pair))
    differs = labels.grade != labels.grade[first[inverse]]
    conflicting = np.bincount(inverse[differs], minlength=len(first)) > 0
    return again, conflicting[inverse]

"""Is the same query asked twice?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from datakit.auditing import Check, Facts, Result, rate
from datakit.auditing.copies import first_of
from datakit.registry import plugin

if TYPE_CHECKING:
    import numpy as np


@plugin("audits", "dk104_repeated_queries")
@dataclass(frozen=True)
class RepeatedQueries:
    """Queries whose comparison key another of the part has, some with other positives."""

    check: ClassVar[Check] = Check(
        "DK104", "Repeated queries", "duplicates", "datakit fix PATH --check DK104 -o NEW"
    )
    train: str = "W>1%"
    test: str = "E>0"

    def __call__(self, facts: Facts) -> Iterator[Result]:
        import numpy as np

        texts = facts.queries
        for part, inside in facts.parts():
            rows = np.flatnonzero(inside)
            first = rows[first_of(texts.keys[rows])]
            again = rows[first != rows]
            other = _other_positives(facts, again, first[first != rows])
            yield rate(
                part, len(again), len(rows), f"{len(again):,} queries repeat another of {part}, "
                f"{other:,} of them with other positives", records=texts.names(again),
                entity="query",
            )  # fmt: skip


def _other_positives(facts: Facts, rows: np.ndarray, first: np.ndarray) -> int:
    import numpy as np

    labels = facts.labels
    wanted = set(rows.tolist()) | set(first.tolist())
    found: dict[int, set[int]] = {q: set() for q in wanted}
    mine = labels.positive & np.isin(labels.query, np.array(sorted(wanted), np.int64))
    for q, p in zip(labels.query[mine].tolist(), labels.passage[mine].tolist(), strict=True):
        found[q].add(p)
    return sum(found[a] != found[b] for a, b in zip(rows.tolist(), first.tolist(), strict=True))

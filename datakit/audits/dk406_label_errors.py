"""Which labels does a model of the grades doubt?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from datakit.auditing import Check, Facts, Result, not_established, rate
from datakit.registry import plugin


@plugin("audits", "dk406_label_errors")
@dataclass(frozen=True)
class LabelErrors:
    """Confident learning over the labels' calibrated probability of relevance.

    Source:
        Northcutt, Jiang and Chuang 2021: a label is doubted when the other class is at least as
        probable as it is on average among that class's own.
    """

    check: ClassVar[Check] = Check(
        "DK406", "Label errors", "correctness", "Review these labels first.", tier="judge"
    )
    train: str = "W>10%"
    test: str = "W>10%"

    def __call__(self, facts: Facts) -> Iterator[Result]:
        import numpy as np

        relevant = facts.labels.relevant_from
        rows = [
            (row.query_id, row.passage_id, row.grade >= relevant, row.scores["p_rel"])
            for table in facts.labels.tables
            for row in facts.dataset.read(table)
            if "p_rel" in row.scores
        ]
        label = np.array([r[2] for r in rows], bool)
        p = np.array([r[3] for r in rows], float)
        for part, inside in facts.parts():
            own = inside[facts.queries.rows_of(_strings([r[0] for r in rows]))] if rows else label
            if not (own & label).any() or not (own & ~label).any():
                reason = "labels of both kinds with a probability of relevance are needed"
                yield not_established(part, reason, entity="qrel")
                continue
            high, low = p[own & label].mean(), p[own & ~label].mean()
            doubted = own & np.where(label, 1 - p >= 1 - low, p >= high)
            yield rate(
                part, int(doubted.sum()), int(own.sum()), f"{int(doubted.sum()):,} labels look "
                "wrong by their own probability",
                records=[" ".join(rows[i][:2]) for i in np.flatnonzero(doubted)], entity="qrel",
            )  # fmt: skip


def _strings(names: list[str]) -> object:
    import pyarrow as pa

    return pa.array(names, pa.string())

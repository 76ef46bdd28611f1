"""Do labels by people and by a judge rank systems alike?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from datakit.auditing import Check, Facts, Result, not_established
from datakit.auditing.judged import said
from datakit.auditing.ranking import tau
from datakit.registry import plugin

LEAST = 12  # systems
QUERIES = 20  # that both labelled


@plugin("audits", "dk606_label_source")
@dataclass(frozen=True)
class LabelSource:
    """Kendall's tau of the rankings by human and by the judge's labels of the same queries."""

    check: ClassVar[Check] = Check(
        "DK606", "Label source", "discrimination", "Have more pairs judged by people.", tier="judge"
    )
    test: str = "W<.8"

    def __call__(self, facts: Facts) -> Iterator[Result]:
        import numpy as np

        found = said(facts)
        by_human: dict[str, dict[str, int]] = {}
        by_judge: dict[str, dict[str, int]] = {}
        for (q, p), grades in found.human.items():
            ordered = sorted(g for _, g in grades)
            by_human.setdefault(q, {})[p] = ordered[(len(ordered) - 1) // 2]
        for (q, p), last in found.judge.items():
            by_judge.setdefault(q, {})[p] = last[-1]
        both = by_human.keys() & by_judge.keys()
        if len(both) < QUERIES:
            reason = f"{len(both)} queries were labelled by people and by a judge, {QUERIES} needed"
            yield not_established("test", reason, entity="query")
            return
        systems = facts.systems
        at = [i for i, q in enumerate(systems.asked) if q.query_id in both]
        if len(at) < QUERIES or len(systems.variants) < LEAST:
            yield not_established("test", f"{LEAST} systems are needed", entity="query")
            return
        rankings = [
            [
                float(np.mean(systems.measured(run, "nDCG@10", dict(labels))[at]))
                for run in systems.variants.values()
            ]
            for labels in (by_human, by_judge)
        ]
        value = tau(*rankings)
        yield Result(
            "test", value, len(at), f"people's and the judge's labels rank {len(rankings[0])} "
            f"systems with tau {value:.2f}", entity="query",
        )  # fmt: skip

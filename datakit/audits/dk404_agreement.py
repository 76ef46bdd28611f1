"""Do assessors agree?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from datakit.auditing import Check, Facts, Result, not_established
from datakit.auditing.judged import said
from datakit.registry import plugin

LEAST = 100  # pairs


@plugin("audits", "dk404_agreement")
@dataclass(frozen=True)
class Agreement:
    """Cohen's kappa of judge and people, relevant or not; raw share and quadratic kappa told."""

    check: ClassVar[Check] = Check(
        "DK404", "Agreement", "correctness", "datakit agree PATH, then adjudicate.", tier="human"
    )
    test: str = "E<.4"

    def __call__(self, facts: Facts) -> Iterator[Result]:
        import numpy as np
        from sklearn.metrics import cohen_kappa_score

        found, relevant = said(facts), facts.labels.relevant_from
        both = sorted(found.human.keys() & found.judge.keys())
        if len(both) < LEAST:
            reason = f"{len(both)} pairs were graded by a judge and a person, {LEAST} are needed"
            yield not_established("test", reason, entity="qrel")
            return
        judge = np.array([found.judge[p][-1] for p in both])
        people = np.array(
            [sorted(g for _, g in found.human[p])[(len(found.human[p]) - 1) // 2] for p in both]
        )
        kappa = cohen_kappa_score(judge >= relevant, people >= relevant)
        quadratic = cohen_kappa_score(judge, people, weights="quadratic")
        draw = np.random.default_rng(0)
        again = [
            cohen_kappa_score(judge[at] >= relevant, people[at] >= relevant)
            for at in (draw.integers(0, len(both), len(both)) for _ in range(1000))
        ]
        low, high = np.nanpercentile(again, [2.5, 97.5])
        yield Result(
            "test", float(kappa), len(both), f"judge and people: raw {(judge == people).mean():.2f}"
            f", kappa {kappa:.2f}, quadratic kappa {quadratic:.2f}",
            [" ".join(p) for p, a, b in zip(both, judge, people, strict=True) if a != b],
            float(low), float(high), "qrel", sampled=True,
        )  # fmt: skip

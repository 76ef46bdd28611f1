"""Do assessors agree?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from datakit import agreement
from datakit.auditing import Check, Facts, Result, not_established
from datakit.auditing.judged import said
from datakit.records import GRADES
from datakit.registry import plugin

LEAST = 100  # pairs


@plugin("audits", "dk404_agreement")
@dataclass(frozen=True)
class Agreement:
    """Cohen's kappa of judge and people, relevant or not; raw share and alpha told."""

    check: ClassVar[Check] = Check(
        "DK404",
        "Agreement",
        "correctness",
        "datakit review agree PATH, then adjudicate.",
        tier="human",
    )
    test: str = "E<.4"

    def __call__(self, facts: Facts) -> Iterator[Result]:
        import numpy as np

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
        cells = agreement.confusion(judge, people, len(GRADES))
        two = agreement.confusion(judge >= relevant, people >= relevant, 2)
        kappa = agreement.estimate(two, agreement.cohen, seed=0)
        counts = (np.stack([judge, people], 1)[:, :, None] == np.arange(len(GRADES))).sum(1)
        alpha = agreement.krippendorff(agreement.coincidences(counts).sum(0, keepdims=True))[0]
        quadratic = agreement.cohen(cells.sum(0, keepdims=True), "quadratic")[0]
        if kappa.value is None:
            yield not_established("test", "judge or people gave one grade only", entity="qrel")
            return
        yield Result(
            "test", kappa.value, len(both), f"judge and people: raw {(judge == people).mean():.2f}"
            f", kappa {kappa.value:.2f}, quadratic kappa {quadratic:.2f}, ordinal alpha "
            f"{alpha:.2f}",
            [" ".join(p) for p, a, b in zip(both, judge, people, strict=True) if a != b],
            kappa.low, kappa.high, "qrel", sampled=True,
        )  # fmt: skip

"""Is the judge more generous or stricter than people?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from datakit.auditing import Check, Facts, Result, not_established
from datakit.auditing.intervals import of_mean
from datakit.auditing.judged import said
from datakit.registry import plugin

LEAST = 30  # pairs


@plugin("audits", "dk407_judge_bias")
@dataclass(frozen=True)
class JudgeBias:
    """Size of the mean of judge minus human grades."""

    check: ClassVar[Check] = Check(
        "DK407",
        "Judge bias",
        "correctness",
        "Calibrate the judge on human grades.",
        tier="human",
    )
    test: str = "W>.3"

    def __call__(self, facts: Facts) -> Iterator[Result]:
        import numpy as np

        found = said(facts)
        both = sorted(found.human.keys() & found.judge.keys())
        if len(both) < LEAST:
            reason = f"{len(both)} pairs were graded by a judge and a person, {LEAST} are needed"
            yield not_established("test", reason, entity="qrel")
            return
        differences = np.array(
            [found.judge[p][-1] - np.mean([g for _, g in found.human[p]]) for p in both]
        )
        mean = float(differences.mean())
        low, high = of_mean(differences)
        ends = sorted((abs(low), abs(high))) if low * high > 0 else [0.0, max(-low, high)]
        yield Result(
            "test", abs(mean), len(both), f"the judge grades {abs(mean):.2f} "
            f"{'above' if mean > 0 else 'below'} people on average", (), ends[0], ends[1], "qrel",
            sampled=True, n_affected=len(both),
        )  # fmt: skip

"""Does the order of systems hold when unjudged passages are left out?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from datakit.auditing import Check, Facts, Result, not_established
from datakit.auditing.ranking import tau, tau_ap
from datakit.registry import plugin

LEAST = 12  # systems


@plugin("audits", "dk305_robust_ranking")
@dataclass(frozen=True)
class RobustRanking:
    """Tau of rankings by nDCG@10 with and without unjudged passages, and by bpref."""

    check: ClassVar[Check] = Check(
        "DK305", "Ranking robust to holes", "completeness",
        "Have the unlabelled top passages judged: datakit review export --strategy unjudged-top",
        tier="retriever", cost=4,
    )  # fmt: skip
    test: str = "W<.9 E<.8"

    def __call__(self, facts: Facts) -> Iterator[Result]:
        systems = facts.systems
        if not systems.asked or len(systems.variants) < LEAST:
            yield not_established("test", f"fewer than {LEAST} systems or no queries")
            return
        labels = facts.labels
        if (labels.grade >= labels.relevant_from).all():
            reason = "only positives are labelled: without judged negatives this says nothing"
            yield not_established("test", reason, entity="query")
            return
        names = sorted(systems.variants)
        raw = [systems.measured(systems.variants[n], "nDCG@10").mean() for n in names]
        judged = {
            n: {q: {p: s for p, s in run.items() if p in systems.grades.get(q, {})}
                for q, run in systems.variants[n].items()}
            for n in names
        }  # fmt: skip
        kept = [systems.measured(judged[n], "nDCG@10").mean() for n in names]
        bpref = [systems.measured(systems.variants[n], "Bpref").mean() for n in names]
        for measure, other in (("condensed", kept), ("bpref", bpref)):
            value = tau(raw, other)
            yield Result(
                "test", value, len(names), f"the ranking of {len(names)} systems agrees with the "
                f"{measure} one by tau {value:.2f}, tau AP {tau_ap(raw, other):.2f}",
                entity="query", measure=measure,
            )  # fmt: skip

"""From how many retrievers do the labels come, and what would be missed without each?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from datakit.auditing import Check, Facts, Result, not_established, rate
from datakit.registry import plugin


@plugin("audits", "dk306_pool")
@dataclass(frozen=True)
class Pool:
    """Retrievers whose runs the dataset has; positives that only one of them finds."""

    check: ClassVar[Check] = Check(
        "DK306", "Pool", "completeness", "Retrieve with a further kind of retriever, then mine.",
        tier="retriever", cost=2,
    )  # fmt: skip
    test: str = "W<3"
    alone: str = "W>15%"

    def __call__(self, facts: Facts) -> Iterator[Result]:
        dataset = facts.dataset
        runs = [t for t in dataset.tables() if t.startswith("run/")]
        if not runs:
            yield not_established("test", "the dataset has no runs: how it was pooled is unknown")
            return
        yield Result("test", float(len(runs)), len(runs), f"{len(runs)} retrievers were pooled")
        systems = facts.systems
        own = {q.query_id for q in systems.asked}
        found = {
            t: {(r.query_id, r.passage_id) for r in dataset.where(t, "query_id", own)} for t in runs
        }
        positive = {
            (q, p)
            for q, grades in systems.grades.items()
            for p, g in grades.items()
            if g >= facts.labels.relevant_from
        }
        for table, pairs in found.items():
            rest = set().union(*(f for t, f in found.items() if t != table))
            only = sorted(" ".join(pair) for pair in positive & pairs - rest)
            yield rate(
                "test", len(only), len(positive), f"{len(only):,} positives are found by "
                f"{table.removeprefix('run/')} alone", records=only, entity="qrel",
                measure=table.removeprefix("run/"), column="alone", reason="no positives",
            )  # fmt: skip

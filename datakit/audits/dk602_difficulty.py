"""How many queries does every system answer, or none?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from datakit.auditing import Check, Facts, Result, not_established, rate
from datakit.registry import plugin


@plugin("audits", "dk602_difficulty")
@dataclass(frozen=True)
class Difficulty:
    """Queries that every system answers first; queries that none answers in its first 100."""

    check: ClassVar[Check] = Check(
        "DK602", "Trivial and impossible queries", "discrimination",
        "Reword the trivial; read the impossible beside their positives.", tier="retriever", cost=2,
    )  # fmt: skip
    test: str = "W>70%"
    impossible: str = "W>15%"

    def __call__(self, facts: Facts) -> Iterator[Result]:
        import numpy as np

        systems = facts.systems
        runs = [run for name, run in systems.ladder.items() if name != "random"]
        names = [q.query_id for q in systems.asked]
        if not names:
            yield not_established("test", "no test query has a positive", entity="query")
            return
        first = np.all([systems.measured(run, "Success@1") > 0 for run in runs], axis=0)
        never = np.all([systems.measured(run, "Success@100") == 0 for run in runs], axis=0)
        for measure, flags, said, column in (
            ("trivial", first, "queries are answered first by every system", ""),
            ("impossible", never, "queries have no positive in the first 100 of any system",
             "impossible"),
        ):  # fmt: skip
            rows = [n for n, yes in zip(names, flags, strict=True) if yes]
            yield rate(
                "test", len(rows), len(names), f"{len(rows):,} {said}", records=rows,
                entity="query", measure=measure, column=column,
            )  # fmt: skip

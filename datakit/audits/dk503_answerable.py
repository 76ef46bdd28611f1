"""Does the evidence answer the query?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from datakit.auditing import Check, Facts, Result, not_established, rate
from datakit.auditing.judged import said, verdict
from datakit.registry import plugin


@plugin("audits", "dk503_answerable")
@dataclass(frozen=True)
class Answerable:
    """Queries with evidence whose seed passage people, or else a judge, found relevant."""

    check: ClassVar[Check] = Check(
        "DK503", "Answerable queries", "queries", "Read these queries beside their evidence.",
        tier="judge",
    )  # fmt: skip
    train: str = "W<.9"
    test: str = "W<.9"

    def __call__(self, facts: Facts) -> Iterator[Result]:
        from datakit.auditing.evidence import spans

        found, have = said(facts), spans(facts)
        seeds = facts.query_columns["seed_passage_ids"]
        for part, inside in facts.parts():
            rows = [row for row in have if inside[row]]
            seen = []
            for row, name in zip(rows, facts.queries.names(rows), strict=True):
                verdicts = [
                    verdict(found, (name, seed), facts.labels.relevant_from)
                    for seed in seeds[row].as_py() or ()
                ]
                known = [v for v in verdicts if v is not None]
                if known:
                    seen.append((name, any(known)))
            if not seen:
                yield not_established(part, "no seed with evidence was judged", entity="query")
                continue
            no = [name for name, yes in seen if not yes]
            yield rate(
                part, len(seen) - len(no), len(seen), f"{len(no):,} of {len(seen):,} judged "
                "queries are not answered by their evidence", records=no, entity="query",
                sampled=True,
            )  # fmt: skip

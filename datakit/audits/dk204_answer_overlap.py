"""How many answers of test were seen in train?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from datakit.auditing import Check, Facts, Result, not_established, rate
from datakit.auditing.evidence import answers
from datakit.registry import plugin


@plugin("audits", "dk204_answer_overlap")
@dataclass(frozen=True)
class AnswerOverlap:
    """Test queries whose evidence says what some train query's evidence says."""

    check: ClassVar[Check] = Check(
        "DK204", "Answers seen in train", "leakage",
        "Report results on the queries with unseen answers too.", cost=2,
    )  # fmt: skip
    test: str = "I"

    def __call__(self, facts: Facts) -> Iterator[Result]:
        train, test = facts.in_part("train"), facts.in_part("test")
        found = answers(facts)
        if not found or not train.any():
            yield not_established("test", "no evidence, or no train part", entity="query")
            return
        seen = {key for row, keys in found.items() if train[row] for key in keys}
        asked = [row for row in found if test[row]]
        again = [row for row in asked if found[row] & seen]
        yield rate(
            "test", len(again), len(asked), f"the answers of {len(again):,} held-out queries are "
            "in train", records=facts.queries.names(again), entity="query",
            reason="no evidence in test",
        )  # fmt: skip

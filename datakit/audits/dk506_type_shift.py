"""Are there queries of every form in the shares that were asked for?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from datakit.auditing import Check, Facts, Result, not_established
from datakit.auditing.shares import counted, divergence
from datakit.registry import plugin


@plugin("audits", "dk506_type_shift")
@dataclass(frozen=True)
class TypeShift:
    """Jensen-Shannon divergence of the queries' forms to a quota."""

    check: ClassVar[Check] = Check(
        "DK506", "Types of queries", "queries", "Ask the generator for the missing forms."
    )
    train: str = "W>.1"
    test: str = "W>.1"
    quota: Mapping[str, float] = field(default_factory=dict)  # {keyword = 1, question = 2}

    def __call__(self, facts: Facts) -> Iterator[Result]:
        forms = facts.query_columns["form"].to_pylist()
        for part, inside in facts.parts():
            own = counted(f for f, yes in zip(forms, inside, strict=True) if yes)
            if not self.quota or not own:
                reason = "no quota given: --set 'DK506.quota={question = 1, keyword = 1}'"
                yield not_established(part, reason if own else "no form is known", entity="query")
                continue
            value = divergence(own, self.quota)
            said = ", ".join(f"{k} {n:,}" for k, n in own.most_common())
            yield Result(
                part, value, own.total(), f"forms ({said}) are {value:.2f} from the quota",
                entity="query",
            )  # fmt: skip

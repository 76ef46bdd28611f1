"""Can the queries be understood on their own?"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from datakit.auditing import Check, Facts, Result, rate
from datakit.registry import plugin

if TYPE_CHECKING:
    from datakit.records import Query

# the parties of a contract, and words for a text at hand; beside the filters' own lexicon
_PARTIES = re.compile(
    r"(?<![\u4e00-\u9fff])[甲乙丙]方|[甲乙丙]方(?=[的是在应须需可能未不向将与和要如有哪])"
)
_NAMED = re.compile(r"《|公司|银行|集团|合同中|甲方.*乙方")


@plugin("audits", "dk501_context_dependent")
@dataclass(frozen=True)
class ContextDependent:
    """Queries that point at something only a reader of their passage sees, by a lexicon."""

    check: ClassVar[Check] = Check(
        "DK501", "Context-dependent queries", "queries", "Name what they point at, or drop them.",
        cost=3,
    )  # fmt: skip
    train: str = "W>5%"
    test: str = "W>5% E>15%"

    def __call__(self, facts: Facts) -> Iterator[Result]:
        import numpy as np

        flags = np.fromiter((_points(q) for q in facts.dataset.read("query")), bool)
        for part, inside in facts.parts():
            rows = np.flatnonzero(flags & inside)
            yield rate(
                part, len(rows), int(inside.sum()), f"{len(rows):,} queries point at a text that "
                "only their passage has", records=facts.queries.names(rows), entity="query",
            )  # fmt: skip


def _points(query: Query) -> bool:
    from datakit.filters.deixis import not_standalone
    from datakit.filters.settings import FilterSettings

    if not_standalone(query, (), FilterSettings()) is not None:
        return True
    return bool(_PARTIES.search(query.text)) and not _NAMED.search(query.text)

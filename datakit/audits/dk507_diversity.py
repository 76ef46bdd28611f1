"""Do queries begin and read alike?"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from datakit.auditing import Check, Facts, Result, rate
from datakit.auditing.sampling import sample
from datakit.filters.words import NO_SPACES, UNIT
from datakit.registry import plugin

SAMPLE = 20_000  # queries of a part
LEAST = 50  # queries: of fewer, five beginnings are a large share of any
PREFIX = 3  # words; in scripts without spaces so many characters and one


@plugin("audits", "dk507_diversity")
@dataclass(frozen=True)
class Diversity:
    """Share of queries that begin with one of the five commonest prefixes of three words."""

    check: ClassVar[Check] = Check(
        "DK507",
        "Diversity",
        "queries",
        "Vary prompt, persona and examples.",
        cost=3,
    )
    train: str = "W>30%"
    test: str = "W>30%"

    def __call__(self, facts: Facts) -> Iterator[Result]:
        import numpy as np

        from datakit.auditing import not_established

        for part, inside in facts.parts():
            rows = sample(np.flatnonzero(inside), SAMPLE, part)
            if len(rows) < LEAST:
                reason = f"{len(rows)} queries, {LEAST} are needed"
                yield not_established(part, reason, entity="query")
                continue
            names = facts.queries.names(rows)
            texts = facts.texts_of("query", names)
            units = {n: [u.casefold() for u in UNIT.findall(texts[n])] for n in names}
            first = {n: _prefix(u) for n, u in units.items()}
            top = Counter(p for p in first.values() if p).most_common(5)
            common = {p for p, n in top if n > 1}
            alike = [n for n in names if first[n] in common]
            pairs = [pair for u in units.values() for pair in itertools.pairwise(u)]
            distinct = len(set(pairs)) / len(pairs) if pairs else 1.0
            said = ", ".join(f"{' '.join(p)!r} {n:,}" for p, n in top[:3])
            yield rate(
                part, len(alike), len(names), f"{len(alike):,} queries begin with one of five "
                f"prefixes ({said}); distinct-2 is {distinct:.2f}", records=alike, entity="query",
            )  # fmt: skip


def _prefix(units: list[str]) -> tuple[str, ...]:
    """The first words; empty for a query that has no more than those."""
    size = PREFIX + 1 if units and NO_SPACES.match(units[0]) else PREFIX
    return tuple(units[:size]) if len(units) > size else ()

"""Are queries as long as those that people ask?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from datakit.auditing import Check, Facts, Result, not_established
from datakit.auditing.shares import counted, divergence
from datakit.errors import UsageError
from datakit.filters.words import count_words
from datakit.registry import plugin

_BINS = (2, 4, 6, 8, 10, 12, 15, 20, 30)  # words; in Chinese two characters are one


@plugin("audits", "dk505_length_shift")
@dataclass(frozen=True)
class LengthShift:
    """Jensen-Shannon divergence of the queries' lengths to those of a list of real queries."""

    check: ClassVar[Check] = Check(
        "DK505",
        "Length of queries",
        "queries",
        "Ask the generator for the missing lengths.",
    )
    train: str = "W>.1"
    test: str = "W>.1"
    reference: str = ""  # a text file of real queries, one a line

    def __call__(self, facts: Facts) -> Iterator[Result]:
        import numpy as np

        if not self.reference:
            for part, _ in facts.parts():
                reason = "no real queries to compare with: --set DK505.reference=queries.txt"
                yield not_established(part, reason, entity="query")
            return
        try:
            lines = Path(self.reference).read_text("utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(f"DK505.reference: {error}: expected a text file") from None
        target = counted(_bin(line) for line in lines if line.strip())
        for part, inside in facts.parts():
            ids = facts.queries.names(np.flatnonzero(inside))
            own = counted(_bin(t) for t in facts.texts_of("query", ids).values())
            value = divergence(own, target)
            yield Result(
                part, value, len(ids), f"lengths are {value:.2f} from those of the real queries",
                entity="query",
            )  # fmt: skip


def _bin(text: str) -> int:
    n = count_words(text)
    return sum(n > edge for edge in _BINS)

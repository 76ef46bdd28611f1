"""How much of the corpus says the same in nearly the same words?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from datakit.auditing import Check, Facts, Result, rate
from datakit.registry import plugin


@plugin("audits", "dk102_near_duplicates")
@dataclass(frozen=True)
class NearDuplicates:
    """Passages with Jaccard >= .8 and equal numbers with another; exact duplicates aside."""

    check: ClassVar[Check] = Check(
        "DK102", "Near-duplicates", "duplicates", "datakit fix PATH --check DK102 -o NEW", cost=5
    )
    corpus: str = "W>1% E>5%"

    def __call__(self, facts: Facts) -> Iterator[Result]:
        import numpy as np

        copies, texts = facts.copies, facts.passages
        own = np.arange(copies.n)
        near = np.flatnonzero((copies.near != own) & (copies.exact == own))
        yield rate(
            "corpus", len(near), len(texts),
            f"{len(near):,} passages nearly repeat another", records=texts.names(near),
        )  # fmt: skip

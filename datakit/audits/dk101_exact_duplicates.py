"""How much of the corpus is there twice?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from datakit.auditing import Check, Facts, Result, peers, rate
from datakit.auditing.copies import first_of
from datakit.registry import plugin


@plugin("audits", "dk101_exact_duplicates")
@dataclass(frozen=True)
class ExactDuplicates:
    """1 - clusters / passages, over comparison keys."""

    check: ClassVar[Check] = Check(
        "DK101", "Exact duplicates", "duplicates", "datakit fix PATH --check DK101 -o NEW"
    )
    corpus: str = "W>1% E>5%"

    def __call__(self, facts: Facts) -> Iterator[Result]:
        import numpy as np

        texts = facts.passages
        again = np.flatnonzero(first_of(texts.keys) != np.arange(len(texts)))
        share = len(again) / max(len(texts), 1)
        yield rate(
            "corpus", len(again), len(texts),
            f"{len(again):,} passages repeat the text of another", records=texts.names(again),
            percentile=peers.worse_than("exact duplicate rate", share),
        )  # fmt: skip

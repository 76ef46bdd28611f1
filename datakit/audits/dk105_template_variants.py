"""How much of the corpus differs from another passage in its numbers alone?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from datakit.auditing import Check, Facts, Result, rate
from datakit.registry import plugin


@plugin("audits", "dk105_template_variants")
@dataclass(frozen=True)
class TemplateVariants:
    """Passages with Jaccard >= .8 and other numbers than another."""

    check: ClassVar[Check] = Check(
        "DK105", "Template variants", "duplicates",
        "Name company and period in the queries, so that only one variant answers.", cost=5,
    )  # fmt: skip
    corpus: str = "W>20%"

    def __call__(self, facts: Facts) -> Iterator[Result]:
        import numpy as np

        copies, texts = facts.copies, facts.passages
        variant = np.flatnonzero(copies.variant != np.arange(copies.n))
        yield rate(
            "corpus", len(variant), len(texts),
            f"{len(variant):,} passages are another with other numbers",
            records=texts.names(variant),
        )  # fmt: skip

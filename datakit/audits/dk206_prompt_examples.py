"""Did the examples of a prompt come back as test queries?"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from datakit import resources
from datakit.auditing import Check, Facts, Result, not_established, rate
from datakit.auditing.keys import key_hash
from datakit.registry import plugin

# what a prompt quotes: a JSON string, a text in quotation marks, a list item
_QUOTED = re.compile(
    r'"((?:[^"\\\n]|\\.){8,300})"|“([^”\n]{4,300})”|^\s*[-*\d.]+\s+(.{8,300})$', re.M
)


@plugin("audits", "dk206_prompt_examples")
@dataclass(frozen=True)
class PromptExamples:
    """Test queries that stand in a prompt of datakit as an example."""

    check: ClassVar[Check] = Check(
        "DK206", "Prompt examples in test", "leakage", "Leave these queries out of the test part."
    )
    test: str = "B>0"
    prompts: tuple[str, ...] = ()  # further prompts, as text files

    def __call__(self, facts: Facts) -> Iterator[Result]:
        from pathlib import Path

        import numpy as np

        test = facts.in_part("test")
        if not test.any():
            yield not_established("test", "the dataset has no test part", entity="query")
            return
        files = [*resources.folder("prompts").glob("*.md"), *map(Path, self.prompts)]
        said = {
            next(filter(None, match.groups()))
            for file in files
            for match in _QUOTED.finditer(file.read_text("utf-8"))
        }
        known = np.array([key_hash(text) for text in sorted(said)], np.uint64)
        there = np.flatnonzero(test & np.isin(facts.queries.keys, known))
        yield rate(
            "test", len(there), int(test.sum()), f"{len(there):,} queries of test are examples "
            "of a prompt", records=facts.queries.names(there), entity="query",
        )  # fmt: skip

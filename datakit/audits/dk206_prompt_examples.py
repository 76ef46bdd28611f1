"""Did the examples of a prompt come back as test queries?"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from datakit import resources
from datakit.auditing import Check, Facts, Result, not_established, rate
from datakit.auditing.keys import key_hash
from datakit.registry import plugin

_QUOTED = re.compile(r'"((?:[^"\\\n]|\\.){1,300})"|“([^”\n]{1,300})”')
LEAST = 8  # characters of an example; a quoted word is none


@plugin("audits", "dk206_prompt_examples")
@dataclass(frozen=True)
class PromptExamples:
    """Test queries that a prompt of datakit quotes, or that were given as few-shot examples."""

    check: ClassVar[Check] = Check(
        "DK206", "Prompt examples in test", "leakage", "Leave these queries out of the test part."
    )
    test: str = "B>0"
    examples: tuple[str, ...] = ()  # further files: JSON lines with a query, or a query a line

    def __call__(self, facts: Facts) -> Iterator[Result]:
        import numpy as np

        test = facts.in_part("test")
        if not test.any():
            yield not_established("test", "the dataset has no test part", entity="query")
            return
        stages = facts.dataset.manifest["stages"].values()
        given = {str(s.get("settings", {}).get("few_shot") or "") for s in stages}
        said = _quoted() | {q for name in (*given, *self.examples) for q in _examples(name)}
        known = np.array([key_hash(text) for text in sorted(said)], np.uint64)
        there = np.flatnonzero(test & np.isin(facts.queries.keys, known))
        yield rate(
            "test", len(there), int(test.sum()), f"{len(there):,} held-out queries are examples "
            "of a prompt", records=facts.queries.names(there), entity="query",
        )  # fmt: skip


def _quoted() -> set[str]:
    """What the prompts of datakit quote."""
    texts = (p.read_text("utf-8") for p in resources.folder("prompts").glob("*.md"))
    found = (m[1] or m[2] for text in texts for m in _QUOTED.finditer(text))
    return {text for text in found if len(text) >= LEAST}


def _examples(name: str) -> Iterator[str]:
    """The queries of a file of examples that is still there."""
    if not name or not Path(name).is_file():
        return
    for line in Path(name).read_text("utf-8", errors="replace").splitlines():
        try:
            row: Any = json.loads(line)
        except ValueError:
            row = line
        query = row.get("query") if isinstance(row, dict) else row
        if isinstance(query, str) and query.strip():
            yield query

"""Are queries those of a public benchmark?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from datakit.auditing import Check, Facts, Result, not_established, rate
from datakit.auditing.keys import key_hash
from datakit.errors import UsageError
from datakit.registry import plugin

if TYPE_CHECKING:
    import numpy as np


@plugin("audits", "dk205_public_benchmarks")
@dataclass(frozen=True)
class PublicBenchmarks:
    """Queries whose comparison key a given list of queries has; passages are not compared."""

    check: ClassVar[Check] = Check(
        "DK205", "Queries of public benchmarks", "leakage", "Leave these queries out."
    )
    train: str = "I"
    test: str = "I"
    release: str = "E>0"
    lists: tuple[str, ...] = ()  # text files, one query a line; datakit ships none

    def __call__(self, facts: Facts) -> Iterator[Result]:
        import numpy as np

        keys = [_keys(Path(name)) for name in self.lists]
        for part, inside in facts.parts():
            if not keys:
                reason = "no list of benchmark queries given: --set DK205.lists='[\"queries.txt\"]'"
                yield not_established(part, reason, entity="query")
                continue
            known = np.isin(facts.queries.keys, np.concatenate(keys))
            there = np.flatnonzero(inside & known)
            yield rate(
                part, len(there), int(inside.sum()), f"{len(there):,} queries are those of a "
                "public benchmark", records=facts.queries.names(there), entity="query",
            )  # fmt: skip


def _keys(path: Path) -> np.ndarray:
    import numpy as np

    try:
        lines = path.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: expected a text file, one query a line: {error}") from None
    return np.array([key_hash(line) for line in lines if line.strip()], np.uint64)

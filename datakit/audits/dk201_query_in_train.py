"""Are queries of the test part in train too?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from datakit.auditing import Check, Facts, Result, not_established, rate
from datakit.registry import plugin


@plugin("audits", "dk201_query_in_train")
@dataclass(frozen=True)
class QueryInTrain:
    """Queries of dev and test whose comparison key a query of train has."""

    check: ClassVar[Check] = Check(
        "DK201", "Test queries in train", "leakage", "datakit fix PATH --check DK201 -o NEW"
    )
    test: str = "B>0"

    def __call__(self, facts: Facts) -> Iterator[Result]:
        import numpy as np

        train, test = facts.in_part("train"), facts.in_part("test")
        both = facts.not_imported("other_split")
        if both:
            yield Result(
                "test", float(len(both)), None, f"{len(both):,} labels are of queries that another "
                "split labels too; the importer left them out", [d.record_id for d in both],
                entity="qrel", measure="ids",
            )  # fmt: skip
        if not train.any() or not test.any():
            yield not_established("test", "the dataset has no train and test parts", entity="query")
            return
        keys = facts.queries.keys
        there = np.flatnonzero(test & np.isin(keys, keys[train]))
        yield rate(
            "test", len(there), int(test.sum()), f"{len(there):,} held-out queries stand in train",
            records=facts.queries.names(there), entity="query",
        )  # fmt: skip

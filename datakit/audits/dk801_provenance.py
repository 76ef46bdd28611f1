"""Is it known how every record came to be?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from datakit.auditing import Check, Facts, Result, rate
from datakit.registry import plugin


@plugin("audits", "dk801_provenance")
@dataclass(frozen=True)
class Provenance:
    """Queries with generator and seed; passages whose document says its source."""

    check: ClassVar[Check] = Check(
        "DK801", "Provenance", "governance", "Say in the card where queries and labels come from."
    )
    train: str = "W<1"
    test: str = "W<1"
    corpus: str = "W<1"
    release: str = "E<1"

    def __call__(self, facts: Facts) -> Iterator[Result]:
        import numpy as np
        import pyarrow as pa
        import pyarrow.compute as pc

        dataset = facts.dataset
        known: set[str] = set()
        if "document" in dataset:
            rows = dataset.arrow("document", ["doc_id", "source_uri"])
            known = set(rows.filter(pc.not_equal(rows["source_uri"], ""))["doc_id"].to_pylist())
        docs = dataset.arrow("passage", ["doc_id"])["doc_id"]
        sourced = (
            pc.sum(pc.is_in(docs, value_set=pa.array(sorted(known), pa.string()))).as_py() or 0
        )
        yield rate(
            "corpus", sourced, len(docs), f"{len(docs) - sourced:,} passages do not say from which "
            "source they are", n_affected=len(docs) - sourced,
        )  # fmt: skip
        columns = facts.query_columns
        has = pc.and_(
            pc.is_valid(columns["generator_id"]),
            pc.or_(
                *(
                    pc.greater(pc.list_value_length(columns[c]), 0)
                    for c in ("seed_passage_ids", "supporting_doc_ids")
                )
            ),
        ).to_numpy()
        for part, inside in facts.parts():
            without = np.flatnonzero(inside & ~has)
            n = int(inside.sum())
            yield rate(
                part, n - len(without), n, f"{len(without):,} queries do not say what wrote them "
                "and from which passage", records=facts.queries.names(without), entity="query",
            )  # fmt: skip

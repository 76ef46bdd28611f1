"""Is every id there once?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

from datakit.auditing import Check, Facts, Result
from datakit.registry import plugin


@plugin("audits", "dk003_repeated_ids")
@dataclass(frozen=True)
class RepeatedIds:
    """Rows minus distinct ids, of documents, passages and queries."""

    check: ClassVar[Check] = Check(
        "DK003", "Repeated ids", "integrity", "datakit fix PATH --check DK003 -o NEW"
    )
    corpus: str = "B>0"

    def __call__(self, facts: Facts) -> Iterator[Result]:
        known = [("passage", facts.passages.ids), ("query", facts.queries.ids)]
        if "document" in facts.dataset:
            known.append(("document", facts.dataset.arrow("document", ["doc_id"])["doc_id"]))
        dropped = facts.not_imported("repeated_id")
        for table, ids in known:
            more = [d.record_id for d in dropped if _table(d.record_id) == table]
            repeated = _repeated(ids)
            extra = sum(n - 1 for _, n in repeated) + len(more)
            yield Result(
                "corpus", float(extra), len(ids), f"{extra:,} rows of {table} have an id that is "
                "there already", [name for name, _ in repeated] + more, entity=table,
                measure=table, n_affected=extra,
            )  # fmt: skip


def _table(place: str) -> str:
    """The table that a row of an imported file was meant for, by the file's name."""
    return "query" if "quer" in place or "topic" in place else "passage"


def _repeated(ids: Any) -> list[tuple[str, int]]:
    """The ids that are there more than once, with how often."""
    import pyarrow.compute as pc

    counts = pc.value_counts(ids)
    more = counts.filter(pc.greater(counts.field("counts"), 1))
    return list(
        zip(more.field("values").to_pylist(), more.field("counts").to_pylist(), strict=True)
    )

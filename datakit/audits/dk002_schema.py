"""Does every row have the form of its record?"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from datakit.auditing import Check, Facts, Result
from datakit.auditing.rows import rows_that_fail
from datakit.auditing.texts import batches
from datakit.registry import plugin

if TYPE_CHECKING:
    from datakit.auditing.texts import Texts

_LOST = ("bad_json", "bad_row", "no_id", "no_text", "not_utf8")
# the start of another row inside a text: a line break, an integer id, a tab or its blank
_ROW = re.compile(r'\n"?(\d{1,15})[\t ]')


@plugin("audits", "dk002_schema")
@dataclass(frozen=True)
class Schema:
    """Rows that fail the schema, that no importer could read, or that a reader ran together."""

    check: ClassVar[Check] = Check(
        "DK002", "Rows follow the schema", "integrity",
        "Read the source again: as JSON lines, or as tables with quoting off.",
    )  # fmt: skip
    corpus: str = "B>0"

    def __call__(self, facts: Facts) -> Iterator[Result]:
        dataset = facts.dataset
        n = sum(dataset.count(table) for table in dataset.tables())
        bad = list(rows_that_fail(dataset))
        yield Result(
            "corpus", float(sum(x.n for x in bad)), n,
            f"rows that fail their schema: {'; '.join(f'{x.where}: {x.why}' for x in bad[:5])}",
            [x.where for x in bad], entity="row", measure="schema",
        )  # fmt: skip
        lost = [d.record_id for d in facts.not_imported(*_LOST)]
        yield Result(
            "corpus", float(len(lost)), n, f"{len(lost):,} rows that the importer could not read",
            lost, entity="row", measure="unreadable rows",
        )  # fmt: skip
        merged = [row for t in ("passage", "query") for row in _merged(facts, t)]
        yield Result(
            "corpus", float(len(merged)), n,
            f"{len(merged):,} texts hold whole rows: a reader took a quote for the start of a cell",
            merged, measure="swallowed rows",
        )  # fmt: skip


def _merged(facts: Facts, table: str) -> Iterator[str]:
    """Texts with a line that starts with an integer id that is missing among the integer ids."""
    texts: Texts = facts.passages if table == "passage" else facts.queries
    sample: list[Any] = texts.ids[:100].to_pylist()
    if not sample or not all(name.isdecimal() for name in sample):
        return
    known = {int(name) for name in texts.ids.to_pylist() if name.isdecimal()}
    lowest, highest = min(known), max(known)
    for batch in batches(facts.dataset, table, [f"{table}_id", "text"]):
        for name, text in zip(*(c.to_pylist() for c in batch.columns), strict=True):
            inside = map(int, _ROW.findall(text)) if "\n" in text else ()
            # a list item's number is there as an id: only one that is missing tells of a row
            if any(lowest < i <= highest + 1 and i not in known for i in inside):
                yield name

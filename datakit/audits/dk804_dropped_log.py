"""Is every removed row told of, with a reason?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from datakit.auditing import Check, Facts, Result, not_established, rate
from datakit.registry import plugin


@plugin("audits", "dk804_dropped_log")
@dataclass(frozen=True)
class DroppedLog:
    """Rows that the stages dropped, and those that `dropped/…` holds with a reason."""

    check: ClassVar[Check] = Check(
        "DK804", "Dropped log", "governance", "Build again: the tables of dropped rows are missing."
    )
    corpus: str = "W<1"
    release: str = "E<1"

    def __call__(self, facts: Facts) -> Iterator[Result]:
        import pyarrow.compute as pc

        dataset = facts.dataset
        stages = dataset.manifest["stages"]
        dropped = {name: int(s.get("counts", {}).get("dropped", 0)) for name, s in stages.items()}
        if not any(dropped.values()):
            yield not_established("corpus", "no stage dropped a row")
            return
        told, silent = 0, []
        for name, n in dropped.items():
            tables = [
                t for t in dataset.tables()
                if t.startswith("dropped/") and dataset.manifest["tables"][t]["made_by"] == name
            ]  # fmt: skip
            rows = sum(
                pc.sum(pc.not_equal(dataset.arrow(t, ["reason"])["reason"], "")).as_py() or 0
                for t in tables
            )
            told += min(n, rows)
            silent += [name] if rows < n else []
        total = sum(dropped.values())
        yield rate(
            "corpus", told, total, f"{total - told:,} of {total:,} dropped rows have no reason "
            f"({', '.join(silent) or 'all are told'})", records=silent, entity="stage",
        )  # fmt: skip

"""Are negatives so near to the positives that they may be relevant?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from datakit.auditing import Check, Facts, Result, not_established, rate
from datakit.registry import plugin


@plugin("audits", "dk304_risky_negatives")
@dataclass(frozen=True)
class RiskyNegatives:
    """Mined negatives whose score is .95 of the lowest positive's or more.

    Source of the cut-off: 2407.15831 (secondary); on small corpora .80 is nearer.
    """

    check: ClassVar[Check] = Check(
        "DK304", "Risky negatives", "completeness", "datakit fix PATH --check DK304 -o NEW",
        tier="retriever",
    )  # fmt: skip
    train: str = "E>2%"
    ratio: float = 0.95

    def __call__(self, facts: Facts) -> Iterator[Result]:
        import pyarrow.compute as pc

        tables = [t for t in facts.dataset.tables() if t.split("/")[0] == "negative"]
        if not tables:
            yield not_established("train", "the dataset has no negatives", entity="negative")
            return
        n, risky = 0, []
        for table in tables:
            rows = facts.dataset.arrow(table, ["query_id", "passage_id", "ratio", "kind"])
            mined = rows.filter(pc.equal(rows["kind"], "mined"))
            n += len(mined)
            bad = mined.filter(pc.greater_equal(mined["ratio"], self.ratio))
            risky += pc.binary_join_element_wise(
                bad["query_id"], bad["passage_id"], " "
            ).to_pylist()  # fmt: skip
        yield rate(
            "train", len(risky), n, f"{len(risky):,} negatives score {self.ratio} of a positive's "
            "score or more", records=risky, entity="negative", reason="no mined negatives",
        )  # fmt: skip

"""May the sources be passed on?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from datakit.auditing import Check, Facts, Result, rate
from datakit.registry import plugin


@plugin("audits", "dk802_licence")
@dataclass(frozen=True)
class Licence:
    """Documents with a licence; without documents, whether the manifest names one."""

    check: ClassVar[Check] = Check(
        "DK802", "Licence", "governance", "Write the licence of every source into its metadata."
    )
    corpus: str = "W<1"
    release: str = "E<1"

    def __call__(self, facts: Facts) -> Iterator[Result]:
        dataset = facts.dataset
        if "document" not in dataset:
            named = bool(dataset.manifest.get("licence"))
            said = "the dataset names its licence" if named else "no licence is named"
            yield rate("corpus", int(named), 1, said, n_affected=int(not named))
            return
        rows = dataset.arrow("document", ["doc_id", "licence"]).to_pylist()
        without = [r["doc_id"] for r in rows if not r["licence"]]
        yield rate(
            "corpus", len(rows) - len(without), len(rows), f"{len(without):,} of {len(rows):,} "
            "documents have no licence", records=without, entity="document",
        )  # fmt: skip

"""Can every format hold the ids, and is every grade on the scale?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

from datakit.auditing import Check, Facts, Result
from datakit.auditing.labels import mask_of
from datakit.registry import plugin

_SAFE = r"\A[!#-&(-~]{1,200}\z"  # printable ASCII without quotes and blanks


@plugin("audits", "dk007_ids_and_grades")
@dataclass(frozen=True)
class IdsAndGrades:
    """Ids that some format cannot hold; labels whose grade the label scale does not have."""

    check: ClassVar[Check] = Check(
        "DK007", "Unsafe ids, grades off the scale", "integrity",
        "datakit fix PATH --check DK007 -o NEW (ids); grades have to be mended in the source",
    )  # fmt: skip
    train: str = "B>0"
    test: str = "B>0"
    corpus: str = "B>0"

    def __call__(self, facts: Facts) -> Iterator[Result]:
        import numpy as np

        unsafe = _unsafe(facts.passages.ids)
        yield Result(
            "corpus", float(len(unsafe)), len(facts.passages),
            f"{len(unsafe):,} passage ids have blanks, quotes or other characters that break files",
            unsafe, measure="ids",
        )  # fmt: skip
        labels = facts.labels
        grades = {int(g) for g in facts.dataset.manifest["label_scale"]["grades"]}
        off = ~np.isin(labels.grade, np.array(sorted(grades)))
        dropped = [d.record_id for d in facts.not_imported("bad_grade")]
        parts = list(facts.parts())
        for part, inside in parts:
            unsafe = _unsafe(facts.queries.ids.filter(_mask(inside)))
            yield Result(
                part, float(len(unsafe)), int(inside.sum()),
                f"{len(unsafe):,} query ids have blanks, quotes or other characters that break "
                "files", unsafe, entity="query", measure="ids",
            )  # fmt: skip
            mine = mask_of(labels, inside)
            last = part == parts[-1][0]
            wrong = labels.pair((off & mine).nonzero()[0]) + (dropped if last else [])
            yield Result(
                part, float(len(wrong)), int(mine.sum()) + (len(dropped) if last else 0),
                f"{len(wrong):,} labels have a grade that is not one of {sorted(grades)}",
                wrong, entity="qrel", measure="grades",
            )  # fmt: skip


def _unsafe(ids: Any) -> list[str]:
    import pyarrow.compute as pc

    found: list[str] = ids.filter(pc.invert(pc.match_substring_regex(ids, _SAFE))).to_pylist()
    return found


def _mask(inside: Any) -> Any:
    import pyarrow as pa

    return pa.array(inside)

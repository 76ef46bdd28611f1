"""How precise are labels that nobody gave directly?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from datakit.auditing import Check, Facts, Result, not_established
from datakit.auditing.judged import precision, said
from datakit.auditing.labels import mask_of
from datakit.registry import plugin

INDIRECT = ("indirect-query", "indirect-passage", "duplicate")


@plugin("audits", "dk409_indirect_labels")
@dataclass(frozen=True)
class IndirectLabels:
    """Precision of mined and inherited positives against people, or else a judge, by source."""

    check: ClassVar[Check] = Check(
        "DK409", "Indirect labels", "correctness", "Raise the threshold: datakit calibrate",
        tier="judge",
    )  # fmt: skip
    train: str = "W<.8 E<.6"
    test: str = "W<.8 E<.6"

    def __call__(self, facts: Facts) -> Iterator[Result]:
        labels, found = facts.labels, said(facts)
        sources = labels.source.to_pylist()
        for part, inside in facts.parts():
            rows = (labels.positive & mask_of(labels, inside)).nonzero()[0].tolist()
            for source in INDIRECT:
                mine = [r for r in rows if sources[r] == source]
                if not mine:
                    continue
                pairs = [tuple(p.split(" ")) for p in labels.pair(mine)]
                known = precision(found, pairs, labels.relevant_from)  # type: ignore[arg-type]
                if known is None:
                    yield not_established(
                        part, f"none of {len(mine):,} labels was judged", measure=source,
                        entity="qrel",
                    )  # fmt: skip
                    continue
                yield Result(
                    part, known.value, known.n, f"{known.right:,} of {known.n:,} judged labels of "
                    f"source {source} are right{known.note}", [" ".join(p) for p in known.wrong],
                    known.low, known.high, "qrel", measure=source, sampled=True,
                )  # fmt: skip

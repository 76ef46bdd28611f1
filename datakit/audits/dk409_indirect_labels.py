"""How precise are labels that nobody gave directly?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from datakit.auditing import Check, Facts, Result, not_established, rate
from datakit.auditing.judged import said, verdict
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
                seen = [(p, verdict(found, p, labels.relevant_from)) for p in pairs]  # type: ignore[arg-type]
                judged = [(p, v) for p, v in seen if v is not None]
                if not judged:
                    yield not_established(
                        part, f"none of {len(mine):,} labels was judged", measure=source,
                        entity="qrel",
                    )  # fmt: skip
                    continue
                right = sum(bool(v) for _, v in judged)
                yield rate(
                    part, right, len(judged), f"{right:,} of {len(judged):,} judged labels of "
                    f"source {source} are right", records=[" ".join(p) for p, v in judged if not v],
                    entity="qrel", measure=source, sampled=True,
                )  # fmt: skip

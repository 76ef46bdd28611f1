"""Do texts hold personal data or secrets?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from datakit.auditing import Check, Facts, Result, rate
from datakit.registry import plugin

if TYPE_CHECKING:
    import numpy as np

    from datakit.auditing.verdict import Part


@plugin("audits", "dk512_personal_data")
@dataclass(frozen=True)
class PersonalData:
    """Texts with a hit of the pattern pack; only kinds and counts are told, never a value."""

    check: ClassVar[Check] = Check(
        "DK512", "Personal data, secrets", "queries",
        "Mask or leave out; list what was looked at in DK512.reviewed.", cost=2,
    )  # fmt: skip
    train: str = "W>0"
    test: str = "W>0"
    corpus: str = "W>0"
    release: str = "E>0"
    reviewed: tuple[str, ...] = ()  # ids of passages and queries that may stay

    def __call__(self, facts: Facts) -> Iterator[Result]:
        import numpy as np

        yield self._of(facts, "corpus", "passage", np.ones(len(facts.passages), bool))
        for part, inside in facts.parts():
            yield self._of(facts, part, "query", inside)

    def _of(self, facts: Facts, part: Part, entity: str, inside: np.ndarray) -> Result:
        texts = facts.passages if entity == "passage" else facts.queries
        # a company's code is no person's
        kinds = {
            kind: [r for r in rows if inside[r]]
            for kind, rows in sorted(texts.personal.items())
            if kind != "company_code"
        }
        rows = sorted({r for own in kinds.values() for r in own})
        names = [n for n in texts.names(rows) if n not in self.reviewed]
        said = ", ".join(f"{k.replace('_', ' ')} {len(own):,}" for k, own in kinds.items() if own)
        return rate(
            part, len(names), int(inside.sum()), f"texts with personal data or secrets: "
            f"{said or 'none'}", records=names, entity=entity,
        )  # fmt: skip

"""Was the text read in the right encoding?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from datakit.auditing import Check, Facts, Result, rate
from datakit.registry import plugin

if TYPE_CHECKING:
    import numpy as np

    from datakit.auditing.verdict import Part


@plugin("audits", "dk010_encoding")
@dataclass(frozen=True)
class Encoding:
    """U+FFFD, control, private-use and zero-width characters, radicals, mojibake, mixed writing."""

    check: ClassVar[Check] = Check(
        "DK010", "Encoding", "integrity", "datakit fix PATH --check DK010 -o NEW"
    )
    train: str = "W>0 E>.1%"
    test: str = "W>0 E>.1%"
    corpus: str = "W>0 E>.1%"

    def __call__(self, facts: Facts) -> Iterator[Result]:
        import numpy as np

        yield self._of(facts, "corpus", "passage", np.ones(len(facts.passages), bool))
        for part, inside in facts.parts():
            yield self._of(facts, part, "query", inside)

    def _of(self, facts: Facts, part: Part, entity: str, inside: np.ndarray) -> Result:
        import numpy as np

        texts = facts.passages if entity == "passage" else facts.queries
        kinds = {
            slug: [r for r in rows if inside[r]] for slug, rows in sorted(texts.broken.items())
        }
        rows = sorted({r for found in kinds.values() for r in found})
        lost = facts.not_imported("not_utf8") if part == "corpus" else []
        said = [
            f"{slug.replace('_', ' ')} in {len(found):,}" for slug, found in kinds.items() if found
        ]
        said += [f"{len(lost):,} rows that are not UTF-8"] if lost else []
        return rate(
            part, len(rows) + len(lost), int(inside.sum()) + len(lost),
            f"texts with broken characters: {', '.join(said) or 'none'}",
            records=texts.names(np.array(rows, np.int64)) + [d.record_id for d in lost],
            entity=entity,
        )  # fmt: skip

"""Does a card tell what a user has to know?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

from datakit.auditing import Check, Facts, Result, rate
from datakit.registry import plugin

FIELDS = (
    "name", "description", "licence", "version", "creator", "languages",
    "intended_use", "limitations", "biases", "personal_data", "collection", "annotation",
)  # fmt: skip


@plugin("audits", "dk803_card")
@dataclass(frozen=True)
class Card:
    """Required and responsible-AI fields of the card: `card` in the manifest.

    Source of the fields:
        Croissant and its responsible-AI vocabulary, in datakit's words.
    """

    check: ClassVar[Check] = Check(
        "DK803", "Card", "governance", "Fill in the missing fields of the card."
    )
    release: str = "E<1"

    def __call__(self, facts: Facts) -> Iterator[Result]:
        manifest = facts.dataset.manifest
        card: Any = manifest.get("card")
        card = card if isinstance(card, dict) else {}
        known = {
            "name": manifest.get("dataset_id"),
            "version": manifest.get("version"),
            "licence": manifest.get("licence"),
        } | card
        missing = [name for name in FIELDS if not known.get(name)]
        yield rate(
            "corpus", len(FIELDS) - len(missing), len(FIELDS), f"the card lacks "
            f"{', '.join(missing) or 'nothing'}", records=missing, entity="field",
        )  # fmt: skip

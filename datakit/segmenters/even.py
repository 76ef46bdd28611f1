"""The baseline that cuts by size alone, at the ends of lines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from datakit.registry import plugin
from datakit.segmentation.corpus import DEPTHS, Line
from datakit.segmenters._by_gaps import ByGaps

if TYPE_CHECKING:
    from datakit.segmentation.model import GapModel, Scored


@plugin("segmenters", "even")
@dataclass(frozen=True)
class EvenPassages(ByGaps):
    """Passages of even size near the target, cut between lines; no headings, no model.

    What is left of `topic_change` where every gap is as good as any other. `fixed_window` is the
    baseline that ignores paragraphs too.
    """

    def gap_model(self) -> GapModel:
        return Unscored()


@dataclass(frozen=True)
class Unscored:
    """Knows nothing of any gap."""

    name: str = "even"

    def scored(self, documents: Sequence[Sequence[Line]]) -> list[Scored]:
        """All NaN."""
        import numpy as np

        from datakit.segmentation.model import Scored

        half = dict.fromkeys(DEPTHS, 0.5)
        nothing = [np.full((max(0, len(lines) - 1), 2), np.nan, np.float32) for lines in documents]
        return [Scored(p, half) for p in nothing]

    def identity(self) -> dict[str, Any]:
        return {"model": self.name}

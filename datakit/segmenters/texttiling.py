"""The baseline that cuts where the words before and after have least in common."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from datakit.registry import plugin
from datakit.segmenters._by_gaps import ByGaps

if TYPE_CHECKING:
    from datakit.segmentation.model import GapModel


@plugin("segmenters", "texttiling")
@dataclass(frozen=True)
class TextTilingPassages(ByGaps):
    """Passages cut where neighbouring blocks of words differ most (Hearst 1997); no headings.

    The scores are those of `datakit.segmentation.baselines.TextTiling`; sizes are kept by the
    same dynamic programming as those of `topic_change`.
    """

    block_words: int = 200  # compared on each side of a gap
    cut_off: float = 0.5  # deviations above the mean depth from which a gap is a boundary

    def gap_model(self) -> GapModel:
        from datakit.segmentation.baselines import TextTiling

        return TextTiling(self.cut_off, self.cut_off, block_words=self.block_words)

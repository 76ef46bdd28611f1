"""The baseline that cuts where the vectors of the text before and after differ most."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from datakit.registry import plugin
from datakit.segmenters._by_gaps import ByGaps

if TYPE_CHECKING:
    from datakit.segmentation.model import GapModel


@plugin("segmenters", "cosine")
@dataclass(frozen=True)
class CosinePassages(ByGaps):
    """Passages cut where the embeddings of neighbouring lines differ most; no headings.

    The scores are those of `datakit.segmentation.baselines.Cosine`; sizes are kept by the same
    dynamic programming as those of `topic_change`.
    """

    encoder: str = "all-MiniLM-L6-v2"  # in the extra `offline`; or a folder, or a hub id
    window: int = 2  # lines on each side of a gap
    cut_off: float = 0.5  # deviations above the mean depth from which a gap is a boundary

    def gap_model(self) -> GapModel:
        from datakit.segmentation.baselines import Cosine

        return Cosine(self.cut_off, self.cut_off, encoder=self.encoder, window=self.window)

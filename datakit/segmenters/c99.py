"""The baseline that splits a document where the density of likeness gains most."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from datakit.registry import plugin
from datakit.segmenters._by_gaps import ByGaps

if TYPE_CHECKING:
    from datakit.segmentation.model import GapModel


@plugin("segmenters", "c99")
@dataclass(frozen=True)
class C99Passages(ByGaps):
    """Passages cut by divisive clustering of ranked likeness (Choi 2000); no headings.

    The scores are those of `datakit.segmentation.baselines.C99`; sizes are kept by the same
    dynamic programming as those of `topic_change`. Memory grows with the square of the number of
    lines: about 30 bytes for each pair of lines.
    """

    mask: int = 11  # lines on a side of the square in which a likeness is ranked
    cut_off: float = 1.2  # deviations above the mean gain from which a split counts

    def gap_model(self) -> GapModel:
        from datakit.segmentation.baselines import C99

        return C99(self.cut_off, self.cut_off, mask=self.mask)

"""Passages that are about one thing: cuts where a model sees the topic change, and at headings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from datakit.registry import plugin
from datakit.segmentation.corpus import Depth
from datakit.segmenters._by_gaps import ByGaps

if TYPE_CHECKING:
    from datakit.segmentation.model import GapModel, Scored


def load_model(model: str) -> GapModel:
    """The model by folder or name; it stays in memory."""
    from datakit.segmentation.model import load

    return load(model)


@plugin("segmenters", "topic_change")
@dataclass(frozen=True)
class TopicChange(ByGaps):
    """Passages that start at headings and where a trained model sees the topic change.

    A section above `max_tokens`, and a document without headings, is cut where a change is
    probable; a part below `min_tokens` joins the neighbour that it is most probably about. Every
    character of the document that is no blank is in exactly one passage. Each passage keeps the
    probability of a change at its start, at its end and inside it, and why it starts where it does.
    """

    model: str = "shipped"  # or a folder that `datakit train segmenter` made
    depth: Depth = "subsection"  # or "section": only where the topic of the top headings changes
    threshold: float | None = None  # the probability that counts as a change; None: the model's
    trust_headings: bool = True  # false: headings are lines like any other

    is_calibrated: ClassVar[bool] = True

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.threshold is not None and not 0 < self.threshold < 1:
            raise ValueError(f"0 < threshold < 1 is expected, found {self.threshold}")

    def gap_model(self) -> GapModel:
        return load_model(self.model)

    def gap_depth(self) -> Depth:
        return self.depth

    def trusts_headings(self) -> bool:
        return self.trust_headings

    def threshold_of(self, scored: Scored) -> float:
        return super().threshold_of(scored) if self.threshold is None else self.threshold

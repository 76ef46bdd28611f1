"""Rerankers: they read a query and a passage together and only score.

A reranker is a frozen dataclass of settings; `score(pairs)` gives (n_pairs,) float32, more for
the more relevant, nan where the query or the passage is outside its setting `languages`. Only the
order means something: what a score is worth is what a calibration says.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from datakit.records import Passage, Query

if TYPE_CHECKING:
    import numpy as np


class Reranker(Protocol):
    """What scores pairs of a query and a passage."""

    def score(self, pairs: Sequence[tuple[Query, Passage]]) -> np.ndarray: ...

"""Samples that depend on the records alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from datakit.records import seed_for

if TYPE_CHECKING:
    import numpy as np


def sample(rows: np.ndarray, size: int, seed: str) -> np.ndarray:
    """At most so many of the rows, in order; the same ones every time."""
    import numpy as np

    if len(rows) <= size:
        return rows
    draw = np.random.default_rng(seed_for(0, "audit", seed))
    found: np.ndarray = np.sort(draw.choice(rows, size, replace=False))
    return found


def is_whole(rows: Sequence[int] | np.ndarray, size: int) -> bool:
    """Whether a sample of that size is all there is."""
    return len(rows) <= size

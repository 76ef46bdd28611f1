"""Intervals of rates and means."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

Z = 1.959963984540054  # two-sided 95 % of the normal distribution
RESAMPLES = 10_000


def wilson(hits: int, n: int) -> tuple[float, float]:
    """95 % interval of a rate; 0 of 100 gives [0, .037].

    Source:
        Wilson 1927, as in Brown, Cai and DasGupta 2001.
    """
    if not n:
        return 0.0, 1.0
    p, z2 = hits / n, Z * Z
    middle = (p + z2 / (2 * n)) / (1 + z2 / n)
    half = Z * math.sqrt(p * (1 - p) / n + z2 / (4 * n * n)) / (1 + z2 / n)
    return max(0.0, middle - half), min(1.0, middle + half)


def of_mean(values: np.ndarray, seed: int = 0) -> tuple[float, float]:
    """95 % percentile bootstrap of a mean over queries, 10,000 resamples.

    Args:
        values: (n_queries,) float.
        seed: of the resamples.
    """
    from datakit.measures import bootstrap

    low, high = bootstrap(values.reshape(-1, 1), RESAMPLES, seed)
    return float(low[0]), float(high[0])

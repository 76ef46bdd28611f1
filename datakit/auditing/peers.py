"""Where a value stands among public retrieval tasks.

Source:
    361 text retrieval tasks, from the statistics inside mteb 2.26.24, median over subsets.
"""

from __future__ import annotations

LEVELS = (10, 25, 50, 75, 90)
QUANTILES: dict[str, tuple[float, ...]] = {
    "exact duplicate rate": (0, 0, 0.0001, 0.003, 0.013),
    "distractor ratio": (0, 0.57, 0.95, 0.989, 0.996),
    "positives per query": (1.0, 1.0, 1.6, 4.4, 23),
    "queries": (50, 180, 885, 1570, 5774),
    "passages": (973, 5183, 38316, 106813, 522931),
}


def percentile(name: str, value: float) -> float:
    """The share of public tasks, in percent, whose value is at most this one.

    Between the known quantiles it is interpolated; beyond them it is the outermost that is known.
    """
    import numpy as np

    known = QUANTILES[name]
    # of equal quantiles the last one counts: 0 duplicates is what a quarter of the tasks have
    return float(np.interp(value, _rising(known), LEVELS))


def _rising(values: tuple[float, ...]) -> list[float]:
    """Equal neighbours set apart by nothing that shows: np.interp wants them rising."""
    return [v - 1e-12 * (len(values) - i) for i, v in enumerate(values)]


def worse_than(name: str, value: float, low_is_bad: bool = False) -> float:
    """The share of public tasks, in percent, that are better."""
    found = percentile(name, value)
    return 100 - found if low_is_bad else found

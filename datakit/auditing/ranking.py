"""How far two rankings of systems agree."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def tau(first: Sequence[Any], second: Sequence[Any]) -> float:
    """Kendall's tau-b of two lists of scores; 1 where neither tells any two apart."""
    import math

    from scipy.stats import kendalltau

    value = float(kendalltau(first, second).statistic)
    return 1.0 if math.isnan(value) else value


def tau_ap(first: Sequence[Any], second: Sequence[Any]) -> float:
    """tau_AP of the second ranking against the first: errors at the top weigh more.

    Source:
        Yilmaz, Aslam and Robertson 2008.
    """
    order = sorted(range(len(second)), key=lambda i: -second[i])
    if len(order) < 2:
        return 1.0
    right: float = sum(
        sum(bool(first[j] >= first[order[i]]) for j in order[:i]) / i for i in range(1, len(order))
    )
    return 2 * right / (len(order) - 1) - 1

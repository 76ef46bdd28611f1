"""The probability of relevance as a function of a score that never falls."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class Curve:
    """g(s): linear between the knots, constant beyond them."""

    x: tuple[float, ...]  # scores, rising
    y: tuple[float, ...]  # P(grade >= 2 | score), never falling

    def __call__(self, scores: Any) -> np.ndarray:
        """(n,) float64 in [0, 1] for (n,) scores."""
        import numpy as np

        found: np.ndarray = np.interp(np.asarray(scores, float), self.x, self.y)
        return found


def fit(scores: Any, relevant: Any, weights: Any = None) -> Curve:
    """Weighted least squares under the constraint that the curve never falls.

    Args:
        scores: (n,) float, finite; equal scores become one point first.
        relevant: (n,) bool or 0 and 1.
        weights: (n,) float above 0; how many pairs each one stands for.

    Raises:
        ValueError: nothing to fit, shapes differ, or a score is not finite.

    Source:
        Pool adjacent violators, Barlow et al. 1972; scipy's implementation. Equal to
        scikit-learn's IsotonicRegression(out_of_bounds="clip").
    """
    import numpy as np
    from scipy.optimize import isotonic_regression

    s, r = np.asarray(scores, float), np.asarray(relevant, float)
    w = np.ones(len(s)) if weights is None else np.asarray(weights, float)
    if not len(s) or not len(s) == len(r) == len(w):
        raise ValueError(f"{len(s)} scores, {len(r)} grades, {len(w)} weights: expected as many")
    if not np.isfinite(s).all() or not (w > 0).all():
        raise ValueError("scores have to be finite and weights above 0")
    x, at = np.unique(s, return_inverse=True)
    total = np.bincount(at, w)
    mean = np.bincount(at, w * r) / total
    fitted = np.clip(isotonic_regression(mean, weights=total).x, 0.0, 1.0)
    kept = _ends(fitted)
    return Curve(tuple(x[kept].tolist()), tuple(fitted[kept].tolist()))


def _ends(fitted: Sequence[float] | np.ndarray) -> np.ndarray:
    """Where a run of equal values begins or ends: the points between them say nothing."""
    import numpy as np

    values = np.asarray(fitted)
    moves = np.diff(values) != 0
    kept: np.ndarray = np.concatenate([[True], moves]) | np.concatenate([moves, [True]])
    return kept

"""What happens to each scored pair: a label, nothing, or a question to the judge."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from datakit.calibration.isotonic import Curve
from datakit.records import RELEVANT_FROM

if TYPE_CHECKING:
    import numpy as np


class Decided(NamedTuple):
    """Positions of the pairs, by what happens to them."""

    accepted: np.ndarray  # at or above tau plus: grade 2
    left: np.ndarray  # below tau minus: stays unjudged
    asked: np.ndarray  # in between, the least certain first
    over_budget: np.ndarray  # in between, and not asked about: stays unjudged, is counted


def decide(
    scores: Any,
    curve: Curve,
    tau_plus: float | None,
    tau_minus: float | None,
    budget: int | None = None,
) -> Decided:
    """Sort the pairs of a pool by their scores.

    Args:
        scores: (n,) float.
        curve: the probability of relevance by score.
        tau_plus: None: nothing is accepted.
        tau_minus: None: nothing is left alone.
        budget: pairs that the judge may be asked about; None: all.
    """
    import numpy as np

    s = np.asarray(scores, float)
    accepted = s >= (np.inf if tau_plus is None else tau_plus)
    left = ~accepted & (s < (-np.inf if tau_minus is None else tau_minus))
    between = np.flatnonzero(~accepted & ~left)
    # the curve has steps: on one, the better scores first, not the queries in their order
    order = between[np.lexsort((-s[between], np.abs(curve(s[between]) - 0.5)))]
    n = len(order) if budget is None else budget
    return Decided(np.flatnonzero(accepted), np.flatnonzero(left), order[:n], order[n:])


def is_disputed(grade: int | None, probability: float | None) -> bool:
    """Whether a second judge should look: the first is unsure, or says other than the score.

    Source:
        The cascade of RLHN (2505.16967): a cheap model first, a strong one where they disagree.
    """
    if grade is None or grade in (1, 2):
        return True
    return probability is not None and (grade >= RELEVANT_FROM) != (probability > 0.5)

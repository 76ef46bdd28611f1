"""What labelling missed: false negatives and recall, with intervals."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from datakit.calibration.certify import upper_bound

if TYPE_CHECKING:
    import numpy as np

TAIL = 0.025  # beyond each end of a 95 % interval


@dataclass(frozen=True)
class Estimate:
    """A value with its 95 % interval; None where it cannot be told."""

    value: float | None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Counts:
    """Pairs of a level: what was pooled, drawn and found.

    The arrays are of pairs without a label, (n_strata,) int. The drawn pairs are a random sample
    of their stratum, the checked ones of what is positive by its score.
    """

    pooled: np.ndarray
    drawn: np.ndarray
    relevant: np.ndarray  # of those drawn
    by_score: int  # positive by their score, and not judged
    checked: int  # of those by score, the sample that was judged
    confirmed: int  # of the sample
    judged: int  # positive since somebody judged them so, the confirmed among them


@dataclass(frozen=True)
class Missed:
    """How much relevance the labels of a level leave out, inside the pool."""

    n_unlabelled: int
    n_drawn: int
    n_relevant: int
    missed: Estimate  # relevant pairs without a label
    rate: Estimate  # of the pairs without a label, those that are relevant
    found: Estimate  # positive labels that are right
    recall: Estimate  # found / (found + missed)


def missed(counts: Counts) -> Missed:
    """False negatives by strata, and recall, with 95 % intervals.

    missed = sum over strata of N_h * x_h / n_h; rate = missed / sum of N_h; found = judged +
    by_score * confirmed / checked; recall = found / (found + missed). A stratum of which nothing
    was drawn takes the rate of all strata. Labels by score of which nothing was checked leave
    `found` and `recall` unknown, and so does a level without any positive label.

    The intervals are of these pairs and these queries. They are no bootstrap: of a stratum in
    which nothing relevant was drawn it never draws anything, and such strata hold much of what is
    missed (it covered 89 to 92 % instead of 95).

    Raises:
        ValueError: nothing was drawn.
    """
    n_drawn, n_relevant = int(counts.drawn.sum()), int(counts.relevant.sum())
    if not n_drawn:
        raise ValueError("no pair without a label was drawn and judged")
    n_pooled = int(counts.pooled.sum())
    lost = _scaled_up(counts.pooled, counts.drawn, counts.relevant)
    rate = Estimate(*(end / n_pooled if n_pooled else None for end in _ends(lost)))
    found = _found(counts)
    recall = Estimate(None) if found.value is None else _share(found, lost)
    return Missed(n_pooled, n_drawn, n_relevant, lost, rate, found, recall)


def _found(counts: Counts) -> Estimate:
    """Positive labels that are right."""
    import numpy as np

    most = counts.judged + counts.by_score
    if not most or (counts.by_score and not counts.checked):
        return Estimate(None)
    wrong = _scaled_up(
        np.array([counts.by_score]),
        np.array([counts.checked]),
        np.array([counts.checked - counts.confirmed]),
    )
    value, low, high = _ends(wrong)
    return Estimate(most - value, most - high, most - low)


def _ends(one: Estimate) -> tuple[float, float, float]:
    """Value, low and high of an estimate that has all three."""
    return float(one.value or 0), float(one.low or 0), float(one.high or 0)


def _scaled_up(sizes: np.ndarray, n: np.ndarray, hits: np.ndarray) -> Estimate:
    """Hits among all pairs of some strata, by those among a sample of each.

    A hit stands for w = N_h / n_h pairs. Its variance is w * (w + 1): of the rate, and of the
    pairs of the stratum themselves, which need not be those that were drawn.

    Source:
        The gamma interval for a weighted sum of Poisson counts: Fay and Feuer 1997, which adds an
        unseen hit to the upper end and so holds with few hits and with none; one of mean weight,
        as Tiwari, Clegg and Zou 2006 have it.
    """
    import numpy as np
    from scipy.special import gammaincinv

    total, seen = float(sizes.sum()), n > 0
    if not total:
        return Estimate(0.0, 0.0, 0.0)
    weights = sizes[seen] / n[seen] + sizes[~seen].sum() / n.sum()
    spreads = weights * (weights + 1)
    value, spread = (float(np.dot(each, hits[seen])) for each in (weights, spreads))
    low = spread / value * float(gammaincinv(value**2 / spread, TAIL)) if value else 0.0
    open_ = weights > 0
    more, wider = value + float(weights[open_].mean()), spread + float(spreads[open_].mean())
    high = wider / more * float(gammaincinv(more**2 / wider, 1 - TAIL))
    return Estimate(value, low, max(value, min(high, total)))


def _share(found: Estimate, lost: Estimate) -> Estimate:
    """The share of what was found in what was found or lost, two independent estimates.

    Source:
        Limits of the ratio found / lost from the limits of both: Donner and Zou 2012 (MOVER),
        written so that neither needs to be above 0.
    """
    f, f_low, f_high = _ends(found)
    m, m_low, m_high = _ends(lost)
    if f + m == 0:
        return Estimate(None)
    least, most = f_low * (2 * f - f_low), m_low * (2 * m - m_low)
    root = math.sqrt(max(0.0, (f * m) ** 2 - m_high * (2 * m - m_high) * least))
    low = 0.0 if not least else least / (f * m + root) if m_high else math.inf
    root = math.sqrt(max(0.0, (f * m) ** 2 - most * f_high * (2 * f - f_high)))
    high = (f * m + root) / most if most else math.inf
    low, high = (1.0 if math.isinf(odds) else odds / (1 + odds) for odds in (low, high))
    return Estimate(f / (f + m), low, high)


def outside(relevant: int, n: int) -> Estimate:
    """The rate of relevant pairs outside the pool by a random sample of them: value and upper end.

    None of 200 bounds it at 1.5 %. It stands beside recall and is never part of it.
    """
    if not n:
        return Estimate(None)
    return Estimate(relevant / n, None, upper_bound(relevant, n))


def corrected(share: float, sensitivity: float, specificity: float) -> float | None:
    """A rate that a judge measured, corrected for what people say of the judge.

    None where the judge says no more than chance.

    Source:
        Rogan and Gladen 1978: p = (p' + spec - 1) / (sens + spec - 1), cut to [0, 1].
    """
    power = sensitivity + specificity - 1
    if power <= 0:
        return None
    return min(1.0, max(0.0, (share + specificity - 1) / power))


def against_people(judged: Any, human: Any) -> tuple[float, float] | None:
    """Sensitivity and specificity of a judge, by pairs that people judged too.

    Args:
        judged: (n,) bool; relevant by the judge.
        human: (n,) bool; relevant by people.

    Returns:
        None where people found only relevant or only other pairs.
    """
    import numpy as np

    j, h = np.asarray(judged, bool), np.asarray(human, bool)
    if not h.any() or h.all():
        return None
    return float(j[h].mean()), float((~j[~h]).mean())

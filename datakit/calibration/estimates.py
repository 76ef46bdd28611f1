"""What labelling missed: false negatives and recall, with intervals over queries."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from datakit.calibration.certify import upper_bound

if TYPE_CHECKING:
    import numpy as np

LEVELS = (2.5, 97.5)  # of the percentile interval


@dataclass(frozen=True)
class Estimate:
    """A value with its 95 % interval; None where it cannot be told."""

    value: float | None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Counts:
    """Pairs by query: what was pooled, drawn and found.

    The first three are of pairs without a label, (n_queries, n_strata); the others of positive
    labels, (n_queries, n_sources). A drawn pair is part of a random sample of its stratum.
    """

    pooled: np.ndarray
    drawn: np.ndarray
    relevant: np.ndarray  # of those drawn
    positives: np.ndarray
    checked: np.ndarray  # of the positives, those that were judged
    confirmed: np.ndarray  # of those judged


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


def missed(counts: Counts, n_boot: int = 1000, seed: int = 0) -> Missed:
    """False negatives by strata, and recall; 95 % bootstrap over queries.

    missed = sum over strata of N_h * x_h / n_h; rate = missed / sum of N_h; found = sum over
    sources of positives * precision; recall = found / (found + missed). A stratum of which nothing
    was drawn takes the rate of all strata. A source of which nothing was checked leaves `found`
    and `recall` unknown. Where no drawn pair is relevant the bootstrap sees no error at all: the
    upper ends then come from the exact binomial bound.

    Args:
        counts: by query.
        n_boot: samples of queries.
        seed: of the samples.

    Raises:
        ValueError: nothing was drawn.
    """
    import numpy as np

    whole = [table.sum(axis=0)[None, :].astype(float) for table in _tables(counts)]
    n_drawn, n_relevant = int(whole[1].sum()), int(whole[2].sum())
    if not n_drawn:
        raise ValueError("no pair without a label was drawn and judged")
    n_queries = len(counts.pooled)
    times = np.random.default_rng(seed).multinomial(
        n_queries, np.full(n_queries, 1 / n_queries), size=n_boot
    )
    again = [times @ table.astype(float) for table in _tables(counts)]
    point, samples = _values(whole), _values(again)
    known = not bool(((whole[3] > 0) & (whole[4] == 0)).any())
    found = [_estimate(point[i][0], samples[i]) for i in range(4)]
    if n_relevant == 0:
        found = _with_exact(found, upper_bound(0, n_drawn, 0.975), float(whole[0].sum()))
    nothing = Estimate(None)
    return Missed(
        int(whole[0].sum()), n_drawn, n_relevant, found[0], found[1],
        found[2] if known else nothing, found[3] if known else nothing,
    )  # fmt: skip


def _tables(counts: Counts) -> tuple[np.ndarray, ...]:
    return (
        counts.pooled, counts.drawn, counts.relevant,
        counts.positives, counts.checked, counts.confirmed,
    )  # fmt: skip


def _values(sums: list[np.ndarray]) -> list[np.ndarray]:
    """Missed, rate, found, recall, each (n_samples,), of sums (n_samples, n_columns)."""
    import numpy as np

    pooled, drawn, relevant, positives, checked, confirmed = sums
    with np.errstate(invalid="ignore", divide="ignore"):
        lost = (pooled * _rates(relevant, drawn)).sum(axis=1)
        found = (positives * _rates(confirmed, checked)).sum(axis=1)
        return [lost, lost / pooled.sum(axis=1), found, found / (found + lost)]


def _rates(hits: np.ndarray, n: np.ndarray) -> np.ndarray:
    """Hits by column; where a column has no observation, of all columns together."""
    import numpy as np

    overall = hits.sum(axis=1, keepdims=True) / np.maximum(n.sum(axis=1, keepdims=True), 1)
    rates: np.ndarray = np.where(n > 0, hits / np.maximum(n, 1), overall)
    return rates


def _estimate(value: float, samples: np.ndarray) -> Estimate:
    import numpy as np

    samples = samples[np.isfinite(samples)]
    if not np.isfinite(value) or not len(samples):
        return Estimate(None)
    low, high = np.percentile(samples, LEVELS)
    return Estimate(float(value), float(low), float(high))


def _with_exact(found: list[Estimate], rate: float, n_pooled: float) -> list[Estimate]:
    """Upper ends of missed and rate, and the lower end of recall, from an exact rate."""
    lost, share, right, recall = found
    low = recall.low
    if right.low is not None and right.low + rate * n_pooled > 0:
        low = right.low / (right.low + rate * n_pooled)
    return [
        Estimate(lost.value, lost.low, rate * n_pooled),
        Estimate(share.value, share.low, rate),
        right,
        Estimate(recall.value, low, recall.high),
    ]


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

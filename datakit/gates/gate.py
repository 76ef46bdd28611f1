"""A row of a gate, how its status follows from value, interval and need, and the statistics."""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

from datakit.calibration.certify import CONFIDENCE, lower_bound

if TYPE_CHECKING:
    import numpy as np

Status = Literal["pass", "fail", "not_established"]
N_BOOT = 2000  # samples of queries of an interval
_SENSES = {">=": operator.ge, "<=": operator.le}


@dataclass(frozen=True)
class Need:
    """A threshold and the side on which a value is good."""

    sense: Literal[">=", "<="]
    threshold: float

    def holds(self, value: float) -> bool:
        return bool(_SENSES[self.sense](value, self.threshold))

    def __str__(self) -> str:
        return f"{self.sense} {self.threshold:.2f}"


@dataclass(frozen=True)
class Gate:
    """One metric of a gate, as `gates.json` has it."""

    gate: str  # G1 to G13
    title: str
    metric: str
    value: float | None = None
    low: float | None = None  # of the 95 % interval; where only a bound is known, the other is None
    high: float | None = None
    n: int | None = None  # of what `metric` counts: labels, pairs, queries or systems
    need: Need | None = None  # None: reported only
    status: Status = "not_established"
    reason: str = ""

    def as_json(self) -> dict[str, Any]:
        raw = asdict(self)
        need = raw.pop("need")
        raw["threshold"] = need["threshold"] if need else None
        raw["need"] = str(self.need) if self.need else ""
        return raw


@dataclass(frozen=True)
class Found:
    """A value with its 95 % interval."""

    value: float
    low: float | None = None
    high: float | None = None


def decided(found: Found, need: Need, by: Literal["value", "bound"]) -> tuple[Status, str]:
    """Pass, fail, or too few observations to tell.

    Args:
        found: the value and its interval.
        need: what it should reach.
        by: `value`: the value alone decides. `bound`: the unfavourable end of the interval has to
            reach the threshold too; where only the value does, nothing is established.
    """
    if not need.holds(found.value):
        return "fail", ""
    end = found.low if need.sense == ">=" else found.high
    if by == "bound" and (end is None or not need.holds(end)):
        return "not_established", "the value holds, its interval does not: judge more"
    return "pass", ""


# --- statistics ---------------------------------------------------------------------------


def resampled(
    columns: np.ndarray, statistic: Callable[[np.ndarray], np.ndarray], seed: int
) -> Found:
    """A statistic of sums over queries, with its percentile bootstrap interval over queries.

    Args:
        columns: (n_queries, n_columns).
        statistic: (n_samples, n_columns) sums to (n_samples,); nan where it has no value.
        seed: of the samples.
    """
    import numpy as np

    n = len(columns)
    times = np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), size=N_BOOT)
    with np.errstate(invalid="ignore", divide="ignore"):
        value = float(statistic(columns.sum(axis=0)[None, :].astype(float))[0])
        samples = statistic(times @ columns.astype(float))
    samples = samples[np.isfinite(samples)]
    if not len(samples):
        return Found(value)
    low, high = np.percentile(samples, [2.5, 97.5])
    return Found(value, float(low), float(high))


def mean(values: np.ndarray, seed: int) -> Found:
    """The mean over queries with its bootstrap interval; values (n_queries,)."""
    import numpy as np

    table = np.column_stack([values, np.ones(len(values))])
    return resampled(table, lambda sums: sums[:, 0] / sums[:, 1], seed)


def weighted_share(
    hits: np.ndarray, n: np.ndarray, sizes: np.ndarray, clusters: np.ndarray
) -> Found:
    """A share over strata, with the exact one-sided 95 % bound from below.

    Args:
        hits: (n_strata,) of those looked at.
        n: (n_strata,) looked at, at least 1 each.
        sizes: (n_strata,) that each stands for.
        clusters: (n_clusters, n_strata) residuals hit - share of its stratum, summed by query.

    Source:
        Korn and Graubard 1998: Clopper-Pearson at the effective sample size, which allows for the
        weights and for observations that come by query; never more than the sample itself has.
    """
    import numpy as np

    weight = sizes / sizes.sum()
    value = float((weight * hits / n).sum())
    by_design = 1 / float((weight**2 / n).sum())
    k = len(clusters)
    spread = float((((clusters * (weight / n)).sum(axis=1)) ** 2).sum()) * k / max(1, k - 1)
    size = by_design
    if spread > 0:
        size = min(by_design, value * (1 - value) / spread)
    size = max(1.0, min(size, float(np.sum(n))))
    return Found(value, _bound(value, size))


def _bound(share: float, n: float) -> float:
    """Clopper-Pearson from below for a share of an effective, perhaps broken, number."""
    from scipy.special import betaincinv

    if float(n).is_integer() and float(share * n).is_integer():
        return lower_bound(int(share * n), int(n))
    if share <= 0:
        return 0.0
    return float(betaincinv(share * n, n - share * n + 1, 1 - CONFIDENCE))


def kendall(a: np.ndarray, b: np.ndarray) -> float:
    """Kendall's tau-b of two vectors of scores; nan where one of them is constant."""
    from scipy.stats import kendalltau

    return float(kendalltau(a, b).statistic)

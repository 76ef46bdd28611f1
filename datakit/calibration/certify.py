"""Thresholds with a guarantee: fixed-sequence tests with exact bounds.

A claim is about a region of scores: above a threshold few pairs are not relevant, below another
one few are. The thresholds in question are fixed before anybody judges, and are tried from the
strict to the loose; the first that fails ends the walk. So the chance that a false claim is made
stays below 1 - confidence, however many thresholds there are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from datakit.records import RELEVANT_FROM

if TYPE_CHECKING:
    import numpy as np

Side = Literal["above", "below"]
CONFIDENCE = 0.95  # one-sided
ABOVE = (0.005, 0.01, 0.02, 0.05, 0.10, 0.20)  # of the pool, from the top; pipeline §7
BELOW = (0.20, 0.40, 0.60, 0.70, 0.80, 0.90)  # of the pool, from the bottom: our default


@dataclass(frozen=True)
class Claim:
    """What is to be shown of a region: a rate of errors of at most `limit`.

    An error above is a pair that is not relevant, below one that is. A pair without a usable
    grade is an error on either side, so a judge that fails cannot make a claim come true.
    """

    side: Side
    limit: float  # 0.10 above: precision >= 0.90; 0.05 below: at most 5 % missed
    confidence: float = CONFIDENCE

    def errors(self, grades: Iterable[int | None]) -> int:
        """How many of the grades speak against the claim."""
        if self.side == "above":
            return sum(grade is None or grade < RELEVANT_FROM for grade in grades)
        return sum(grade is None or grade >= RELEVANT_FROM for grade in grades)

    def region(self, scores: Any, threshold: float) -> np.ndarray:
        """(n,) bool: at or above the threshold, or below it."""
        import numpy as np

        s = np.asarray(scores, float)
        inside: np.ndarray = s >= threshold if self.side == "above" else s < threshold
        return inside

    def least_n(self) -> int:
        """The smallest sample that can pass, with no error in it."""
        n = 1
        while upper_bound(0, n, self.confidence) > self.limit:
            n += 1
        return n


PRECISION = Claim("above", 0.10)
MISSED = Claim("below", 0.05)


@dataclass(frozen=True)
class Cut:
    """A threshold in question."""

    share: float  # of the pool, from the claim's side
    threshold: float
    n_region: int


@dataclass(frozen=True)
class Tried:
    """A threshold that was tested."""

    share: float
    threshold: float
    n_region: int
    n: int
    errors: int
    bound: float  # on the rate of errors, from above
    passed: bool


@dataclass(frozen=True)
class Walk:
    """How far a walk came."""

    tried: tuple[Tried, ...]
    waits_for: Cut | None = None  # its sample has not been judged

    @property
    def threshold(self) -> float | None:
        """The last that passed; None where none did."""
        passed = [one.threshold for one in self.tried if one.passed]
        return passed[-1] if passed else None


# --- exact bounds -------------------------------------------------------------------------


def lower_bound(successes: int, n: int, confidence: float = CONFIDENCE) -> float:
    """One-sided Clopper-Pearson bound on a rate from below."""
    return 1.0 - upper_bound(n - successes, n, confidence)


def upper_bound(successes: int, n: int, confidence: float = CONFIDENCE) -> float:
    """One-sided Clopper-Pearson bound on a rate from above; 1 without any observation.

    Raises:
        ValueError: more successes than observations, or fewer than none.
    """
    from scipy.special import betaincinv

    if not 0 <= successes <= n:
        raise ValueError(f"{successes} of {n}: expected 0 to {n}")
    if successes == n:
        return 1.0
    return float(betaincinv(successes + 1, n - successes, confidence))


def bound_in(size: int, errors: int, n: int, confidence: float = CONFIDENCE) -> float:
    """One-sided exact bound from above on the rate of errors among `size` things.

    Of a sample drawn without replacement: a region of 55 pairs that are all judged has no more
    errors than were seen, while the binomial bound speaks of a source without end.

    Args:
        size: of the region.
        errors: in the sample.
        n: of the sample, at most `size`.
        confidence: one-sided.

    Raises:
        ValueError: the numbers do not fit.

    Source:
        The most errors with which so few would be seen in 5 % of samples: hypergeometric, as
        Clopper-Pearson is for the binomial.
    """
    if not 0 <= errors <= n <= size:
        raise ValueError(f"{errors} of {n} of {size}: expected each at most the next")
    low, high = errors, size - (n - errors)
    while low < high:
        middle = (low + high + 1) // 2
        if _chance_of_few(size, middle, errors, n) > 1 - confidence:
            low = middle
        else:
            high = middle - 1
    return low / size if n else 1.0


def _chance_of_few(size: int, wrong: int, errors: int, n: int) -> float:
    """P(at most `errors` in a sample of n), of `size` things with `wrong` ones among them."""
    import numpy as np
    from scipy.special import gammaln

    def ways(of: Any, k: Any) -> Any:  # the logarithm of a binomial coefficient
        return gammaln(of + 1) - gammaln(k + 1) - gammaln(of - k + 1)

    k = np.arange(max(0, n - (size - wrong)), min(errors, wrong) + 1)
    return float(np.exp(ways(wrong, k) + ways(size - wrong, n - k) - ways(size, n)).sum())


def most_errors(n: int, limit: float, confidence: float = CONFIDENCE) -> int:
    """How many errors a sample of n may have to show a rate of at most `limit`; -1: n is too few"""
    errors = -1
    while errors < n and upper_bound(errors + 1, n, confidence) <= limit:
        errors += 1
    return errors


# --- the walk -----------------------------------------------------------------------------


def beginning_at(first: float, shares: Sequence[float]) -> tuple[float, ...]:
    """The shares from `first` on, itself among them."""
    return (first, *(share for share in shares if share > first))


def grid(scores: Any, shares: Sequence[float], claim: Claim) -> list[Cut]:
    """The thresholds of a pool, from the strict to the loose.

    Regions too small for any sample to pass are left out beforehand, as are thresholds that give
    the same region as the one before: neither depends on a grade.

    Args:
        scores: (n,) of the whole pool.
        shares: of the pool, rising.
        claim: above takes the top shares, below the bottom ones.
    """
    import numpy as np

    s = np.sort(np.asarray(scores, float))
    cuts: list[Cut] = []
    least, before = claim.least_n(), 0
    for share in shares:
        place = share * len(s)
        if claim.side == "above":
            at = len(s) - max(1, int(np.ceil(place - 1e-9)))
        else:
            at = min(len(s) - 1, int(place + 1e-9))
        if not 0 <= at < len(s):
            continue
        threshold = float(s[at])
        n_region = int(claim.region(s, threshold).sum())
        if n_region >= least and n_region > before:
            cuts.append(Cut(share, threshold, n_region))
            before = n_region
    return cuts


def walk(
    cuts: Iterable[Cut], claim: Claim, judged: Callable[[Cut], Sequence[int | None] | None]
) -> Walk:
    """Test threshold after threshold until one fails.

    Args:
        cuts: as `grid` gives them.
        claim: what is to be shown.
        judged: the grades of a fresh random sample of a cut's region; None: not judged yet.

    Source:
        Fixed-sequence procedure: Maurer, Hothorn and Lehmacher 1995; it needs no correction for
        the number of tests.
    """
    tried: list[Tried] = []
    for cut in cuts:
        grades = judged(cut)
        if grades is None:
            return Walk(tuple(tried), cut)
        errors = claim.errors(grades)
        bound = bound_in(cut.n_region, errors, len(grades), claim.confidence)
        passed = bound <= claim.limit
        tried.append(
            Tried(cut.share, cut.threshold, cut.n_region, len(grades), errors, bound, passed)
        )
        if not passed:
            break
    return Walk(tuple(tried))

"""What a claim that no threshold has shown would need: more judged pairs, a stricter threshold, or
a scorer that tells the pairs apart better.

A plan for the next samples, never a result: it is worked out from the sample that failed, and what
is judged next decides anew.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from datakit.calibration.certify import Claim, Tried, upper_bound

if TYPE_CHECKING:
    import numpy as np

POWER = 0.8  # chance that a sample of the size named passes, if the rate of errors is as seen
LEAST_PRECISION = 0.5  # labels of less are of no use to anyone
LEAST = 30  # judged pairs in a region before a plan is made of it: our default
WHOLE = 400  # pairs of a region of which all may be judged: our default
MOST = 5_000  # judged pairs for one threshold; beyond, a claim is as good as out of reach


@dataclass(frozen=True)
class Needed:
    """What the sample of the threshold that failed says of the pairs beyond some score.

    Of all the thresholds within the failed region this is the loosest of which a sample can be
    expected to pass; where there is none, the failed threshold itself, and `n_needed` is None.
    """

    threshold: float
    share: float  # of the pool, from the claim's side
    n_region: int
    n: int  # judged pairs there
    errors: int  # among them
    n_needed: int | None  # judged pairs that pass with a chance of `POWER`; None: no number does
    shown: float  # rate of errors that the failed sample bounds, at its own threshold


def sample_size(rate: float, claim: Claim, power: float = POWER, most: int = MOST) -> int | None:
    """The smallest sample that shows the claim with this chance, at a true rate of errors.

    None: more than `most` pairs would be needed.
    """
    from scipy.special import bdtr

    if rate >= claim.limit:
        return None
    errors, n = 0, claim.least_n()
    while n <= most:
        if bdtr(errors, n, rate) >= power:
            return n
        errors += 1
        n = _least_with(errors, claim, n)
    return None


def _least_with(errors: int, claim: Claim, n: int) -> int:
    """The smallest sample, from n on, that passes with so many errors."""
    low, high = n, n + 1
    while upper_bound(errors, high, claim.confidence) > claim.limit:
        low, high = high, 2 * high
    while low < high:
        middle = (low + high) // 2
        if upper_bound(errors, middle, claim.confidence) > claim.limit:
            low = middle + 1
        else:
            high = middle
    return low


def needed(
    claim: Claim, failed: Tried, scores: Sequence[float], wrong: Sequence[bool], pool: Any
) -> Needed:
    """Look for a threshold, within the region that failed, of which a sample should pass.

    The pairs of the failed sample beyond a stricter score are a random sample of the pairs there.
    Their rate of errors is taken as (errors + 1) / (n + 2), so that few pairs promise little.

    Args:
        claim: what was to be shown.
        failed: the threshold at which the walk stopped.
        scores: (n,) of the sample that failed.
        wrong: (n,) whether the grade speaks against the claim.
        pool: (n_pool,) scores of all pairs.
    """
    import numpy as np

    sign = -1.0 if claim.side == "above" else 1.0  # the best first
    order = np.argsort(sign * np.asarray(scores, float), kind="stable")
    ranked, errors = np.asarray(scores, float)[order], np.cumsum(np.asarray(wrong)[order])
    whole = np.asarray(pool, float)
    for at in _ends(ranked)[::-1]:
        n, found = at + 1, int(errors[at])
        is_whole = n == len(ranked)
        threshold = failed.threshold if is_whole else _beyond(claim, whole, float(ranked[at]))
        n_region = int(claim.region(whole, threshold).sum())
        size = _within(n_region, (found + 1) / (n + 2), claim)
        if size is not None:
            share = failed.share if is_whole else n_region / len(whole)
            return Needed(threshold, share, n_region, n, found, size, failed.bound)
    return Needed(
        failed.threshold, failed.share, failed.n_region, failed.n, failed.errors, None, failed.bound
    )


def _within(n_region: int, rate: float, claim: Claim) -> int | None:
    """The size of a sample of a region; where all of it is judged, its rate is known."""
    if rate >= claim.limit:
        return None
    size = sample_size(rate, claim)
    if size is not None and size <= n_region:
        return size
    return n_region if n_region <= WHOLE else None


def _ends(ranked: np.ndarray) -> list[int]:
    """The last place of each score, from `LEAST` pairs on."""
    return [
        at for at in range(LEAST - 1, len(ranked))
        if at + 1 == len(ranked) or ranked[at] != ranked[at + 1]
    ]  # fmt: skip


def _beyond(claim: Claim, pool: np.ndarray, score: float) -> float:
    """The threshold whose region ends with this score."""
    if claim.side == "above":
        return score
    looser = pool[pool > score]
    return float(looser.min()) if len(looser) else score


# --- in words -----------------------------------------------------------------------------


def lines(steps: Mapping[str, Any]) -> Iterator[str]:
    """What is needed, by side, of the field `steps` of a calibration; nothing where a threshold
    passed, and of a calibration that was made before the field was there.
    """
    for side, name in (("above", "tau plus"), ("below", "tau minus")):
        found = steps[side].get("needed")
        if found is not None:
            yield f"{name} {_said(side, steps[side], found)}"


def _said(side: str, step: Mapping[str, Any], found: Mapping[str, Any]) -> str:
    size, region = found["n_needed"], found["n_region"]
    sign, kind = (">=", "not relevant") if side == "above" else ("<", "relevant")
    seen = f"{found['errors']:,} of {found['n']:,} judged there {kind}"
    where = f"the {region:,} pairs with score {sign} {found['threshold']:.4g} ({seen})"
    if size is None:
        return f"is not had by judging more of {where}. {_out_of_reach(side, found)}"
    if found["threshold"] == step["tried"][-1]["threshold"]:
        return f"needs about {size - found['n']:,} more judged pairs of {where}: --step {size}"
    option = "--top" if side == "above" else "--bottom"
    more = f" --step {size}" if size > step["tried"][-1]["n"] else ""
    return f"needs about {size:,} judged pairs of {where}: {option} {_up(found['share'])}{more}"


def _out_of_reach(side: str, found: Mapping[str, Any]) -> str:
    if side == "below":
        return "All pairs are for the judge"
    shown = 1 - found["shown"]
    said = "Rank better ([rerank] in the plan)"
    return said if shown < LEAST_PRECISION else f"{said} or ask for --precision {_down(shown)}"


def _up(share: float) -> str:
    """Two digits, up, so that the region has all the pairs that were counted."""
    place = 10 ** (1 - math.floor(math.log10(share)))
    return f"{math.ceil(share * place - 1e-9) / place:.6f}".rstrip("0")


def _down(value: float) -> str:
    return f"{math.floor(value * 100 + 1e-9) / 100:.2f}"

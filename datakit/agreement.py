"""Agreement between assessors: kappa of Cohen and of Fleiss, alpha of Krippendorff, intervals.

Every figure is a function of sums over pairs, so one bootstrap serves all: its samples are weights
of the pairs, and the sums under all weights are one matrix product.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import numpy as np

Scale = Literal["nominal", "ordinal", "quadratic"]
N_BOOT = 2000
_CHUNK = 1 << 22  # weights in memory at once


@dataclass(frozen=True)
class Estimate:
    """A figure with its 95 % percentile interval over pairs; None: it is not defined."""

    value: float | None
    low: float | None
    high: float | None
    n: int  # pairs that it rests on


def confusion(a: Any, b: Any, n_grades: int) -> np.ndarray:
    """(n, n_grades * n_grades) float64: each pair's cell in the table of grades by two assessors.

    Args:
        a: (n,) int, 0 to n_grades - 1, by the one.
        b: (n,) int, by the other.
        n_grades: of the scale.
    """
    import numpy as np

    cells = np.zeros((len(a), n_grades * n_grades))
    cells[np.arange(len(a)), np.asarray(a, int) * n_grades + np.asarray(b, int)] = 1
    return cells


def raw(sums: np.ndarray) -> np.ndarray:
    """(m,) the share of equal grades, of (m, k * k) sums of `confusion`."""
    import numpy as np

    k = _side(sums)
    shares: np.ndarray = np.einsum("mii->m", sums.reshape(-1, k, k)) / sums.sum(1)
    return shares


def cohen(sums: np.ndarray, scale: Scale = "nominal") -> np.ndarray:
    """(m,) kappa of (m, k * k) sums of `confusion`; nan where chance leaves nothing to explain.

    Source:
        Cohen 1960 and 1968. Equal to scikit-learn's cohen_kappa_score, weights None or quadratic.
    """
    import numpy as np

    k = _side(sums)
    table = sums.reshape(-1, k, k)
    table = table / table.sum((1, 2), keepdims=True)
    grades = np.arange(k)
    apart = (grades[:, None] - grades[None, :]) ** 2.0
    if scale == "nominal":
        apart = (apart > 0).astype(float)
    chance = np.einsum("mi,mj,ij->m", table.sum(2), table.sum(1), apart)
    seen = np.einsum("mij,ij->m", table, apart)
    return _one_minus(seen, chance)


def fleiss(sums: np.ndarray, n_raters: int) -> np.ndarray:
    """(m,) kappa of several assessors, each of whom graded every pair.

    Args:
        sums: (m, k + 1) weighted sums over pairs: how often each grade was given, then the number
            of pairs of assessors that agree.
        n_raters: who graded each pair.

    Source:
        Fleiss 1971.
    """
    counts, agreeing = sums[:, :-1], sums[:, -1]
    n = counts.sum(1) / n_raters
    shares = counts / counts.sum(1, keepdims=True)
    chance = (shares**2).sum(1)
    seen = agreeing / (n * n_raters * (n_raters - 1) / 2)
    return _one_minus(1 - seen, 1 - chance)


def coincidences(counts: np.ndarray) -> np.ndarray:
    """(n, k * k) each pair's coincidences of grades; zero where fewer than two graded it.

    Args:
        counts: (n, k) how many assessors gave each grade.
    """
    import numpy as np

    counts = np.asarray(counts, float)
    k = counts.shape[1]
    both = counts[:, :, None] * counts[:, None, :]
    both[:, np.arange(k), np.arange(k)] -= counts
    n = counts.sum(1)
    both /= np.maximum(n - 1, 1)[:, None, None]
    both[n < 2] = 0
    flat: np.ndarray = both.reshape(len(counts), k * k)
    return flat


def krippendorff(sums: np.ndarray, scale: Scale = "ordinal") -> np.ndarray:
    """(m,) alpha of (m, k * k) sums of `coincidences`; any number of assessors, gaps allowed.

    Source:
        Krippendorff, Content Analysis, 4th edition, chapter 12. Equal to the package krippendorff.
    """
    import numpy as np

    k = _side(sums)
    table = sums.reshape(-1, k, k)
    n = table.sum(2)
    if scale == "ordinal":
        upto = np.cumsum(n, 1)
        # grades from c to k, the two ends counted half
        between = upto[:, None, :] - upto[:, :, None] + (n[:, :, None] - n[:, None, :]) / 2
        apart = between**2
    else:
        apart = np.broadcast_to(1.0 - np.eye(k), table.shape)
    seen = (table * apart).sum((1, 2))
    chance = np.einsum("mi,mj,mij->m", n, n, apart) / np.maximum(n.sum(1) - 1, 1)
    return _one_minus(seen, chance)


def estimate(
    rows: np.ndarray, figure: Callable[[np.ndarray], np.ndarray], seed: int, n_boot: int = N_BOOT
) -> Estimate:
    """A figure with its interval, by a bootstrap over pairs.

    Args:
        rows: (n, d) what each pair adds to the sums that the figure is made of.
        figure: (m, d) sums -> (m,) values; nan where it is not defined.
        seed: of the samples.
        n_boot: how many; samples in which the figure is not defined are left out.
    """
    import numpy as np

    n = len(rows)
    if not n:
        return Estimate(None, None, None, 0)
    value = float(figure(rows.sum(0, keepdims=True))[0])
    if np.isnan(value):
        return Estimate(None, None, None, n)
    rng = np.random.default_rng(seed)
    found = []
    for start in range(0, n_boot, size := max(1, _CHUNK // n)):
        m = min(size, n_boot - start)
        weights = rng.multinomial(n, np.full(n, 1 / n), size=m)
        found.append(figure(weights @ rows))
    known = np.concatenate(found)
    known = known[~np.isnan(known)]
    low, high = np.percentile(known, [2.5, 97.5]) if len(known) else (None, None)
    return Estimate(value, _number(low), _number(high), n)


def _number(value: Any) -> float | None:
    return None if value is None else float(value)


def _side(sums: np.ndarray) -> int:
    return math.isqrt(sums.shape[1])


def _one_minus(seen: np.ndarray, chance: np.ndarray) -> np.ndarray:
    import numpy as np

    defined = chance > 0
    safe = np.where(defined, chance, 1.0)
    found: np.ndarray = np.where(defined, 1 - seen / safe, np.nan)
    return found

"""Is a difference more than chance: paired randomisation, Holm's correction, detectable effects."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from datakit.measures import bootstrap

if TYPE_CHECKING:
    import numpy as np

PERMUTATIONS = 10_000
LEVEL = 0.05
DETECTABLE = 2.8  # 1.96 + 0.84: two-sided 5 %, power 80 %
_BLOCK = 4_000_000  # sign flips at a time: 32 MB


@dataclass(frozen=True)
class Difference:
    """A mean paired difference, B - A, and what can be said of it."""

    value: float
    low: float  # 95 % bootstrap interval
    high: float
    p: float  # two-sided, paired randomisation
    n: int
    detectable: float  # the least true difference that n pairs show in four of five cases


def difference(a: np.ndarray, b: np.ndarray, seed: int) -> Difference:
    """Compare two systems or sets on the same things.

    Args:
        a: (n,) values, n at least 2.
        b: (n,) values of the same things in the same order.
        seed: of sign flips and samples.

    Raises:
        ValueError: the shapes differ, or there are fewer than two pairs.
    """
    import numpy as np

    if a.shape != b.shape or len(a) < 2:
        raise ValueError(f"two vectors of one length above 1 are expected: {a.shape}, {b.shape}")
    diff = np.asarray(b, float) - np.asarray(a, float)
    low, high = bootstrap(diff[:, None], PERMUTATIONS, seed)[:, 0].tolist()
    spread = float(diff.std(ddof=1))
    return Difference(
        float(diff.mean()), low, high, randomisation(diff, seed), len(diff),
        DETECTABLE * spread / len(diff) ** 0.5,
    )  # fmt: skip


def randomisation(diff: np.ndarray, seed: int, n: int = PERMUTATIONS) -> float:
    """Two-sided p of a paired randomisation test: random sign flips of the differences.

    Source:
        Fisher; Smucker, Allan and Carterette 2007. p = (b + 1) / (n + 1), so that it is never 0.
    """
    import numpy as np

    rng = np.random.default_rng(seed)
    observed = abs(float(diff.mean()))
    extreme = 0
    block = max(1, _BLOCK // max(1, len(diff)))
    for start in range(0, n, block):
        signs = rng.integers(0, 2, (min(block, n - start), len(diff))) * 2 - 1
        # equal up to rounding is as extreme
        extreme += int((np.abs(signs @ diff) / len(diff) >= observed - 1e-12).sum())
    return (extreme + 1) / (n + 1)


def holm(p: Mapping[str, float]) -> dict[str, float]:
    """Holm's step-down correction of several p values.

    Source:
        Holm 1979; the i-th smallest of m is multiplied by m - i, never below the one before.
    """
    out: dict[str, float] = {}
    worst = 0.0
    for i, name in enumerate(sorted(p, key=lambda one: (p[one], one))):
        worst = max(worst, min(1.0, (len(p) - i) * p[name]))
        out[name] = worst
    return {name: out[name] for name in p}

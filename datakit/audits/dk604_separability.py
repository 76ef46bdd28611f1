"""Which pairs of systems does the test part tell apart?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, ClassVar

from datakit.auditing import Check, Facts, Result, not_established
from datakit.auditing.ranking import tau
from datakit.registry import plugin

if TYPE_CHECKING:
    import numpy as np

LEAST = 12  # systems
FLIPS = 10_000
HALVES = 100
ALPHA = 0.05


@plugin("audits", "dk604_separability")
@dataclass(frozen=True)
class Separability:
    """Mean tau of the rankings by random halves of the queries; pairs that differ after Holm."""

    check: ClassVar[Check] = Check(
        "DK604", "Separability", "discrimination", "Add queries to the test part.",
        tier="retriever", cost=4,
    )  # fmt: skip
    test: str = "W<.8"
    pairs: str = "I"

    def __call__(self, facts: Facts) -> Iterator[Result]:
        import numpy as np

        systems = facts.systems
        if len(systems.asked) < 20 or len(systems.variants) < LEAST:
            yield not_established("test", f"{LEAST} systems and 20 queries are needed")
            return
        names = sorted(systems.variants)
        values = np.stack([systems.measured(systems.variants[n], "nDCG@10") for n in names])
        draw = np.random.default_rng(0)
        taus = []
        for _ in range(HALVES):
            order = draw.permutation(values.shape[1])
            half = len(order) // 2
            sides = [values[:, at].mean(axis=1) for at in (order[:half], order[half:])]
            taus.append(tau(*sides))
        value = float(np.mean(taus))
        yield Result(
            "test", value, values.shape[1], f"two halves of the queries rank {len(names)} systems "
            f"with tau {value:.2f}", entity="query", measure="split-half tau",
        )  # fmt: skip
        apart = differing(values, FLIPS)
        all_pairs = len(names) * (len(names) - 1) // 2
        yield Result(
            "test", apart / all_pairs, all_pairs, f"{apart} of {all_pairs} pairs of systems differ",
            entity="query", measure="pairs", column="pairs",
        )  # fmt: skip


def differing(values: np.ndarray, flips: int, alpha: float = ALPHA) -> int:
    """Pairs of systems that differ by a paired randomisation test, Holm over the pairs.

    Args:
        values: (n_systems, n_queries).
        flips: random flips of signs, two-sided; p = (b + 1) / (B + 1).
        alpha: family-wise level.
    """
    import numpy as np

    draw = np.random.default_rng(0)
    signs = draw.choice(np.array([-1, 1], np.int8), (flips, values.shape[1])).astype(np.float32)
    p = []
    for a, b in combinations(values.astype(np.float32), 2):
        difference = a - b
        as_far = np.abs(signs @ difference) >= abs(difference.sum()) - 1e-6
        p.append((int(as_far.sum()) + 1) / (flips + 1))
    for rank, value in enumerate(sorted(p)):
        if value > alpha / (len(p) - rank):
            return rank
    return len(p)

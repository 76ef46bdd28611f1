"""Which pairs a judge sees: drawn by hash, so that a draw depends on the pair and on nothing else.

A pair that was drawn for a purpose is drawn again after a rebuild; what it was judged stays of use.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from datakit.records import seed_for

if TYPE_CHECKING:
    import numpy as np

Pair = tuple[str, str]  # query_id, passage_id


class Sample(NamedTuple):
    """Drawn positions, and how many pairs each stands for."""

    at: np.ndarray  # (n,) int
    weights: np.ndarray  # (n,) float: N_h / n_h of its stratum


def draws(pairs: Sequence[Pair], seed: int, purpose: str) -> np.ndarray:
    """(n,) int64: a random number for each pair and purpose; draws of two purposes are independent.

    The n pairs of least number are a simple random sample of any set of them.
    """
    import numpy as np

    return np.fromiter((seed_for(seed, purpose, f"{q}\t{p}") for q, p in pairs), np.int64)


def simple(numbers: Any, n: int, among: Any = None) -> np.ndarray:
    """(min(n, size),) int, rising: positions of a simple random sample without replacement.

    Args:
        numbers: (size,) as `draws` gives them.
        n: how many.
        among: (size,) bool; where False, nothing is drawn.
    """
    import numpy as np

    values = np.asarray(numbers)
    at = np.arange(len(values)) if among is None else np.flatnonzero(among)
    return np.sort(at[np.argsort(values[at], kind="stable")[:n]])


def strata(scores: Any, n_strata: int = 10) -> np.ndarray:
    """(n,) int: the quantile of each score, 0 the lowest; equal scores share one."""
    import numpy as np

    s = np.asarray(scores, float)
    if not len(s):
        return np.zeros(0, int)
    edges = np.quantile(s, np.arange(1, n_strata) / n_strata)
    return np.searchsorted(edges, s, side="right")


def stratified(of: Any, numbers: Any, n: int) -> Sample:
    """As many from each stratum, as far as it has them; what one lacks the others give.

    Args:
        of: (size,) int; the stratum of each pair.
        numbers: (size,) as `draws` gives them.
        n: of all strata together.
    """
    import numpy as np

    of = np.asarray(of)
    names, sizes = np.unique(of, return_counts=True)
    shares = shared_out(sizes.tolist(), n)
    at = [simple(numbers, share, of == name) for name, share in zip(names, shares, strict=True)]
    weights = [
        np.full(len(one), size / len(one)) for one, size in zip(at, sizes, strict=True) if len(one)
    ]
    if not weights:
        return Sample(np.zeros(0, int), np.zeros(0))
    positions = np.concatenate(at)
    order = np.argsort(positions, kind="stable")
    return Sample(positions[order], np.concatenate(weights)[order])


def shared_out(sizes: Sequence[int], n: int) -> list[int]:
    """Cut n into equal shares, none above its size; what is odd goes to the last, the highest."""
    shares = [0] * len(sizes)
    left = min(n, sum(sizes))
    while left:
        room = [i for i in range(len(sizes)) if shares[i] < sizes[i]]
        each = left // len(room)
        if not each:
            for i in room[len(room) - left :]:
                shares[i] += 1
            break
        for i in room:
            more = min(each, sizes[i] - shares[i])
            shares[i] += more
            left -= more
    return shares

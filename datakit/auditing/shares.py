"""Distributions of queries, and how far two are apart."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any


def divergence(first: Mapping[Any, float], second: Mapping[Any, float]) -> float:
    """Jensen-Shannon divergence with base 2: 0 equal, 1 nothing in common.

    Source:
        Lin 1991.
    """
    import math

    a, b = _shares(first), _shares(second)
    total = 0.0
    for key in a.keys() | b.keys():
        p, q = a.get(key, 0.0), b.get(key, 0.0)
        m = (p + q) / 2
        total += sum(x * math.log2(x / m) for x in (p, q) if x > 0) / 2
    return max(0.0, total)


def _shares(counts: Mapping[Any, float]) -> dict[Any, float]:
    total = sum(counts.values())
    return {k: v / total for k, v in counts.items()} if total else {}


def counted(values: Iterable[Any]) -> Counter[Any]:
    """How often each value is there; None aside."""
    return Counter(v for v in values if v is not None)

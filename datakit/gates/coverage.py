"""G9 coverage: how much of the corpus is asked about, and how evenly."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping

from datakit.gates.gate import Gate, Need
from datakit.gates.ground import Ground

COVERED = Need(">=", 0.60)
# reasons for which a generator says that a passage has nothing to ask
NOT_ELIGIBLE = ("boilerplate", "nothing_to_ask", "standalone", "not_standalone", "too_short")


def coverage(
    ground: Ground, eligible: Collection[str], copies: Mapping[str, str]
) -> Iterator[Gate]:
    """G9: eligible passages that are a positive of some query; the rest is reported.

    Args:
        ground: the evidence.
        eligible: passages that a query could have been written from.
        copies: passage_id -> cluster of copies; asked about one is asked about all.
    """
    title, metric = "coverage", "eligible passages with a query"
    positives = Counter(
        query_id
        for (query_id, _), grade in ground.labels().items()
        if grade >= ground.relevant_from
    )
    if not eligible or not positives:
        why = "no positive label" if eligible else "no passage that a query could be written from"
        yield Gate("G9", title, metric, n=len(eligible), need=COVERED, reason=why)
        return
    asked = {
        copies.get(passage_id, passage_id)
        for (_, passage_id), grade in ground.labels().items()
        if grade >= ground.relevant_from
    }
    value = sum(copies.get(one, one) in asked for one in eligible) / len(eligible)
    # a count of all of them: there is no sample and so no interval
    yield Gate(
        "G9", title, metric, value, n=len(eligible), need=COVERED,
        status="pass" if COVERED.holds(value) else "fail", reason=_reported(ground, positives),
    )  # fmt: skip


def _reported(ground: Ground, positives: Mapping[str, int]) -> str:
    queries = ground.queries.values()
    facets = [f"{key}={value}" for q in queries for key, value in sorted(q.facets.items())]
    return "; ".join((
        f"{sum(positives.values()) / len(positives):.2f} positives a query",
        _shares("levels", (q.level for q in queries)),
        _shares("forms", (q.form for q in queries)),
        f"entropy of facets {entropy(facets):.2f} bits",
    ))  # fmt: skip


def _shares(what: str, values: Iterable[str | None]) -> str:
    counts = Counter(value or "none" for value in values)
    total = max(1, counts.total())
    return f"{what} " + ", ".join(f"{name} {n / total:.2f}" for name, n in sorted(counts.items()))


def entropy(values: Collection[str]) -> float:
    """Of the distribution of the values, in bits; 0 where all are equal."""
    counts = Counter(values)
    total = counts.total()
    return -sum(n / total * math.log2(n / total) for n in counts.values()) if total else 0.0

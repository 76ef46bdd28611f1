"""G5 rank stability and G6 seed-only gap: does the order of systems hold?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from datakit.calibration.sampling import Pair
from datakit.gates.gate import Found, Gate, Need, decided, kendall, mean
from datakit.gates.ground import Ground
from datakit.records import seed_for

if TYPE_CHECKING:
    import numpy as np

SYSTEMS = 12  # one swap moves tau by .03; with six by .13
STABLE = Need(">=", 0.80)
SPLITS = 200  # random halves
QUERIES = 25  # in each of the two sets that are compared
TITLE = "rank stability"


def rank_stability(ground: Ground) -> Iterator[Gate]:
    """G5: Kendall tau between rankings of systems on halves, by judges, by generators."""
    systems, asked = ground.main()
    metrics = [f"Kendall tau, {what}" for what in ("half-splits", "two judges", "two generators")]
    if len(systems) < SYSTEMS:
        for metric in metrics:
            why = f"{len(systems)} of {SYSTEMS} systems"
            yield Gate("G5", TITLE, metric, n=len(systems), need=STABLE, reason=why)
        return
    values = table(ground, ground.labels(), asked)
    halves, judges, generators = metrics
    rng_seed = seed_for(ground.seed, "verify", "halves") % 2**32
    yield _row(halves, half_splits(values, rng_seed), len(systems), f"{len(asked)} queries")
    yield _two_judges(ground, asked, judges, len(systems))
    yield _two_generators(ground, asked, values, generators)


def table(ground: Ground, labels: Mapping[Pair, int], asked: list[str]) -> np.ndarray:
    """(n_queries, n_systems) nDCG@10 of the systems of the main language."""
    import numpy as np

    systems, _ = ground.main()
    return np.column_stack([ground.ndcg(one, labels, asked) for one in systems])


def half_splits(values: np.ndarray, seed: int) -> Found | None:
    """Mean tau of random halves of the queries, with the range of 95 % of them."""
    import numpy as np

    if len(values) < 2 * QUERIES:
        return None
    rng = np.random.default_rng(seed)
    taus = []
    for _ in range(SPLITS):
        order = rng.permutation(len(values))
        left, right = np.array_split(order, 2)
        taus.append(kendall(values[left].mean(axis=0), values[right].mean(axis=0)))
    low, high = np.nanpercentile(taus, [2.5, 97.5])
    return Found(float(np.nanmean(taus)), float(low), float(high))


def _between(a: np.ndarray, b: np.ndarray, seed: int) -> Found:
    """Tau between two sets of queries, each resampled."""
    import numpy as np

    rng = np.random.default_rng(seed)
    taus = [
        kendall(
            a[rng.integers(0, len(a), len(a))].mean(axis=0),
            b[rng.integers(0, len(b), len(b))].mean(axis=0),
        )
        for _ in range(SPLITS)
    ]
    low, high = np.nanpercentile(taus, [2.5, 97.5])
    return Found(kendall(a.mean(axis=0), b.mean(axis=0)), float(low), float(high))


def _two_judges(ground: Ground, asked: list[str], metric: str, n: int) -> Gate:
    """The two that graded most, on the queries that both graded."""
    ranked = sorted(ground.by_assessor, key=lambda one: (-len(ground.by_assessor[one]), one))[:2]
    if len(ranked) < 2:
        return Gate("G5", TITLE, metric, n=n, need=STABLE, reason=f"{len(ranked)} of 2 judges")
    by = [ground.by_assessor[one] for one in ranked]
    relevant = [
        {q for (q, _), grade in grades.items() if grade >= ground.relevant_from} for grades in by
    ]
    both = [q for q in asked if q in relevant[0] and q in relevant[1]]
    if len(both) < QUERIES:
        why = f"{len(both)} of {QUERIES} queries with relevant passages by both judges"
        return Gate("G5", TITLE, metric, n=n, need=STABLE, reason=why)
    one, other = (table(ground, grades, both) for grades in by)
    seed = seed_for(ground.seed, "verify", "judges") % 2**32
    return _row(metric, _between(one, other, seed), n, f"{len(both)} queries")


def _two_generators(ground: Ground, asked: list[str], values: np.ndarray, metric: str) -> Gate:
    """The two families that wrote most queries."""
    import numpy as np

    family = np.array([ground.queries[q].generator_family or "" for q in asked])
    names, sizes = np.unique(family[family != ""], return_counts=True)
    large = [str(name) for name in names[np.argsort(-sizes, kind="stable")]][:2]
    n = values.shape[1]
    if len(large) < 2 or int(sorted(sizes)[-2]) < QUERIES:
        why = f"{len(large)} of 2 families of generators with at least {QUERIES} queries"
        return Gate("G5", TITLE, metric, n=n, need=STABLE, reason=why)
    a, b = (values[family == name] for name in large)
    seed = seed_for(ground.seed, "verify", "generators") % 2**32
    return _row(metric, _between(a, b, seed), n, " and ".join(large))


def _row(metric: str, found: Found | None, n: int, note: str) -> Gate:
    if found is None or found.value != found.value:
        why = f"fewer than {2 * QUERIES} labelled queries, or systems that do not differ"
        return Gate("G5", TITLE, metric, n=n, need=STABLE, reason=why)
    status, _ = decided(found, STABLE, "value")
    return Gate("G5", TITLE, metric, found.value, found.low, found.high, n, STABLE, status, note)


def seed_only_gap(ground: Ground) -> Iterator[Gate]:
    """G6, reported: what labels beyond the generating passage change."""
    import numpy as np

    title, metrics = "seed-only gap", ("Kendall tau, direct and full", "nDCG@10, full - direct")
    direct = {p: one.grade for p, one in ground.automatic.items() if one.source == "direct"}
    systems, asked = ground.main()
    seeded = {q for q, _ in direct}
    asked = [q for q in asked if q in seeded]
    if not systems or not asked:
        for metric in metrics:
            why = "no direct label, or no run over labelled queries"
            yield Gate("G6", title, metric, n=len(systems), reason=why)
        return
    before, after = table(ground, direct, asked), table(ground, ground.labels(), asked)
    few = f"{len(systems)} systems, {SYSTEMS} are needed for a tau"
    if len(systems) < SYSTEMS:
        yield Gate("G6", title, metrics[0], n=len(systems), reason=few)
    else:
        tau = kendall(before.mean(axis=0), after.mean(axis=0))
        yield Gate("G6", title, metrics[0], tau, n=len(systems), status="pass", reason="reported")
    found = mean(np.mean(after - before, axis=1), seed_for(ground.seed, "verify", "gap"))
    yield Gate(
        "G6", title, metrics[1], found.value, found.low, found.high, len(asked), None, "pass",
        "reported",
    )  # fmt: skip

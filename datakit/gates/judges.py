"""G3 judge validity, G10 family bias and G11 oracle sanity: the judge against people."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING

from datakit.agreement import cohen
from datakit.gates.gate import Found, Gate, Need, decided, mean, resampled
from datakit.gates.ground import ANCHOR, Ground, System
from datakit.records import GRADES, seed_for

if TYPE_CHECKING:
    import numpy as np

PAIRS = 150  # graded by both
# UMBRELA's band of agreement, by a second source
KAPPAS = (
    ("kappa, relevant or not", Need(">=", 0.40)),
    ("kappa, four grades", Need(">=", 0.30)),
    ("quadratic kappa", Need(">=", 0.60)),
)
N_GRADES = len(GRADES)


def judge_validity(ground: Ground) -> Iterator[Gate]:
    """G3: agreement of the judge with people beyond chance, on pairs that both graded."""
    import numpy as np

    both = sorted(ground.judge.keys() & ground.people.keys())
    title = "judge validity"
    if len(both) < PAIRS:
        why = f"{len(both)} of {PAIRS} pairs graded by both judge and people"
        why = why if ground.judge else "no judge"
        for metric, need in KAPPAS:
            yield Gate("G3", title, metric, n=len(both), need=need, reason=why)
        return
    row = {query_id: i for i, query_id in enumerate(sorted({q for q, _ in both}))}
    table = np.zeros((len(row), N_GRADES * N_GRADES))
    for pair in both:
        cell = min(ground.judge[pair], 3) * N_GRADES + min(ground.people[pair], 3)
        table[row[pair[0]], cell] += 1
    seed = seed_for(ground.seed, "verify", "kappa")
    kappas: tuple[Callable[[np.ndarray], np.ndarray], ...] = (
        lambda sums: cohen(_by_relevance(sums, ground.relevant_from)),
        cohen,
        partial(cohen, scale="quadratic"),
    )
    for (metric, need), kappa in zip(KAPPAS, kappas, strict=True):
        found = resampled(table, kappa, seed)
        if found.value != found.value:
            why = "judge or people gave one grade only: agreement beyond chance has no value"
            yield Gate("G3", title, metric, n=len(both), need=need, reason=why)
            continue
        status, why = decided(found, need, "value")
        yield Gate(
            "G3", title, metric, found.value, found.low, found.high, len(both), need, status, why
        )


def _by_relevance(sums: np.ndarray, relevant_from: int) -> np.ndarray:
    """(m, 16) counts of grades by grades to (m, 4) of relevant or not by relevant or not."""
    import numpy as np

    side = (np.arange(N_GRADES) >= relevant_from).astype(int)
    fold = np.eye(2)[side]  # (4, 2)
    tables = sums.reshape(-1, N_GRADES, N_GRADES)
    folded: np.ndarray = np.einsum("mij,ia,jb->mab", tables, fold, fold).reshape(-1, 4)
    return folded


# --- family bias and oracle ---------------------------------------------------------------


def family_bias(ground: Ground) -> Iterator[Gate]:
    """G10: do labels favour systems that had a part in making them, by what people say?"""
    title, metric = "family bias", "nDCG@10, labels - people, own - other systems"
    anchor = _graded(ground)
    own = [one for one in ground.systems if _overlaps(one, ground)]
    other = [one for one in ground.systems if not _overlaps(one, ground)]
    why = ""
    if len(anchor) < ANCHOR:
        why = f"no human anchor ({len(anchor)} of {ANCHOR} queries)"
    elif not own or not other:
        missing = "that had no part in the labels" if own else "that had a part in the labels"
        why = f"no system {missing}: add one to the plan after mining"
    if why:
        yield Gate("G10", title, metric, n=len(anchor), reason=why)
        return
    gain = _mean_gain(ground, own, anchor) - _mean_gain(ground, other, anchor)
    found = mean(gain, seed_for(ground.seed, "verify", "bias"))
    inside = _includes_zero(found)
    yield Gate(
        "G10", title, metric, found.value, found.low, found.high, len(anchor), None,
        "pass" if inside else "fail", "" if inside else "the interval does not include 0",
    )  # fmt: skip


def _graded(ground: Ground) -> list[str]:
    """Anchor queries for which people found something relevant."""
    found = {q for (q, _), grade in ground.people.items() if grade >= ground.relevant_from}
    return [q for q in ground.anchor(ground.people) if q in found]


def _overlaps(system: System, ground: Ground) -> bool:
    name = system.model.casefold()
    return system.pooled or any(family.casefold() in name for family in ground.families if family)


def _mean_gain(ground: Ground, systems: list[System], asked: list[str]) -> np.ndarray:
    import numpy as np

    automatic = ground.labels(people=False)
    gains = [
        ground.ndcg(one, automatic, asked) - ground.ndcg(one, ground.people, asked)
        for one in systems
    ]
    total: np.ndarray = np.mean(gains, axis=0)
    return total


def _includes_zero(found: Found) -> bool:
    return (found.low or 0.0) <= 0.0 <= (found.high or 0.0)


def oracle_sanity(ground: Ground) -> Iterator[Gate]:
    """G11: under the judge's labels no system may beat a ranking by people's grades."""
    title, metric = "oracle sanity", "nDCG@10, best system - oracle of people"
    need = Need("<=", 0.0)
    anchor = [q for q in _graded(ground) if any(p[0] == q for p in ground.judge)]
    if len(anchor) < ANCHOR or not ground.systems:
        why = f"no human anchor with a judge ({len(anchor)} of {ANCHOR} queries)"
        yield Gate("G11", title, metric, n=len(anchor), need=need, reason=why)
        return
    best = sorted(ground.people.items(), key=lambda one: (-one[1], one[0]))
    ranking: dict[str, list[str]] = {q: [] for q in anchor}
    for (query_id, passage_id), _ in best:
        if query_id in ranking:
            ranking[query_id].append(passage_id)
    oracle = System("oracle", {q: tuple(ids) for q, ids in ranking.items()})
    top = ground.ndcg(oracle, ground.judge, anchor)
    gaps = {one.name: ground.ndcg(one, ground.judge, anchor) - top for one in ground.systems}
    name = max(sorted(gaps), key=lambda one: float(gaps[one].mean()))
    found = mean(gaps[name], seed_for(ground.seed, "verify", "oracle"))
    status, _ = decided(found, need, "value")
    yield Gate(
        "G11", title, metric, found.value, found.low, found.high, len(anchor), need, status,
        f"best system: {name}",
    )  # fmt: skip

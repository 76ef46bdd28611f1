"""G1 label precision and G2 label recall."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import TYPE_CHECKING

from datakit.calibration.certify import PRECISION
from datakit.calibration.sampling import Pair
from datakit.gates.gate import Found, Gate, Need, decided, resampled, weighted_share
from datakit.gates.ground import ANCHOR, Ground
from datakit.judging.pools import level_of
from datakit.records import LEVELS, seed_for

if TYPE_CHECKING:
    import numpy as np

PRECISE = Need(">=", 0.90)
RECALLED = Need(">=", 0.80)
MISSED = Need("<=", 0.06)
JUDGE_RELATIVE = "judge-relative"


def label_precision(ground: Ground) -> Iterator[Gate]:
    """G1: how many of the automatic positive labels are right, weighted by source."""
    title, metric = "label precision", "precision of automatic labels"
    positives = automatic_positives(ground)
    by_people = {pair: ground.people[pair] for pair in positives if pair in ground.people}
    least = PRECISION.least_n()
    grades = by_people if len(by_people) >= least else ground.judge
    checked = {pair: grades[pair] for pair in positives if pair in grades}
    if len(checked) < least:
        yield Gate("G1", title, metric, n=len(checked), need=PRECISE, reason=_why_not(
            len(positives), len(checked), least))  # fmt: skip
        return
    found = precision(positives, checked, ground.relevant_from)
    status, reason = decided(found, PRECISE, "bound")
    if grades is not by_people:
        reason = "; ".join(filter(None, (JUDGE_RELATIVE, reason)))
    yield Gate(
        "G1", title, metric, found.value, found.low, None, len(checked), PRECISE, status, reason
    )


def _why_not(n_positives: int, n_checked: int, least: int) -> str:
    if not n_positives:
        return "no automatic label"
    return (
        f"{n_checked} of {n_positives:,} automatic labels judged, at least {least} are needed: "
        "datakit judge OUT --budget 208"
    )


def automatic_positives(ground: Ground) -> dict[Pair, str]:
    """Their pairs with the source; in an eval set without the uncertified, which do not count."""
    return {
        pair: one.source
        for pair, one in ground.automatic.items()
        if one.grade >= ground.relevant_from
        and (ground.purpose == "train" or pair not in ground.uncertified)
    }


def precision(
    positives: Mapping[Pair, str], checked: Mapping[Pair, int], relevant_from: int
) -> Found:
    """The share that is right; a source of which nothing was checked has no part in it."""
    import numpy as np

    sizes_of: dict[str, int] = {}
    for source in positives.values():
        sizes_of[source] = sizes_of.get(source, 0) + 1
    looked = {positives[pair] for pair in checked}
    at = {source: i for i, source in enumerate(sorted(looked))}
    sizes = np.array([sizes_of[source] for source in sorted(looked)], float)
    row = {query_id: i for i, query_id in enumerate(sorted({q for q, _ in checked}))}
    hits, n = np.zeros((len(row), len(at))), np.zeros((len(row), len(at)))
    for pair, grade in checked.items():
        place = row[pair[0]], at[positives[pair]]
        n[place] += 1
        hits[place] += grade >= relevant_from
    total_hits, total = hits.sum(axis=0), n.sum(axis=0)
    residuals = hits - n * (total_hits / total)
    return weighted_share(total_hits, total, sizes, residuals)


# --- recall -------------------------------------------------------------------------------


def label_recall(ground: Ground) -> Iterator[Gate]:
    """G2: of what is relevant in the pool, how much is labelled; by level.

    With a human anchor, its queries are counted: their pools are judged whole. Without it the
    estimates of `datakit calibrate` are shown, which are relative to the judge, and nothing is
    established.
    """
    anchor = ground.anchor(ground.people)
    under_test = positives_under_test(ground)
    if not ground.automatic and not ground.judge:
        yield from _open(ground, "no label but people's: nothing to test")
        return
    if len(anchor) < ANCHOR:
        yield from _open(ground, f"no human anchor ({len(anchor)} of {ANCHOR} queries)")
        return
    for level in _levels(ground):
        asked = [q for q in anchor if level_of(ground.queries[q]) == level]
        if not asked:
            yield from _rows(level, None, None, 0, "no query of this level in the human anchor")
            continue
        recall, rate, n = recalled(ground, ground.people, under_test, asked)
        yield from _rows(level, recall, rate, n, "")


def positives_under_test(ground: Ground) -> set[Pair]:
    """Positive labels as they would be without people."""
    labels = ground.labels(people=False)
    return {pair for pair, grade in labels.items() if grade >= ground.relevant_from}


def recalled(
    ground: Ground, truth: Mapping[Pair, int], positives: Collection[Pair], asked: Collection[str]
) -> tuple[Found, Found, int]:
    """Recall, rate of false negatives, and pairs without a label, on queries judged whole.

    recall = R / (R + M): R the right ones of the positive labels, M the relevant pairs of the
    pool without one. Rate = M over the pairs of the pool without a label. Bootstrap over queries.
    """
    import numpy as np

    pool = ground.pool()
    table = np.zeros((len(asked), 3))  # right labels, missed, pairs without a positive label
    for i, query_id in enumerate(sorted(asked)):
        for passage_id in pool[query_id]:
            pair = (query_id, passage_id)
            relevant = truth.get(pair, -1) >= ground.relevant_from
            if pair in positives:
                table[i, 0] += relevant
            elif pair in truth:
                table[i, 1] += relevant
                table[i, 2] += 1
    seed = seed_for(ground.seed, "verify", "recall")
    recall = resampled(table, _recall, seed)
    rate = resampled(table, lambda sums: sums[:, 1] / sums[:, 2], seed)
    return recall, rate, int(table[:, 2].sum())


def _recall(sums: np.ndarray) -> np.ndarray:
    share: np.ndarray = sums[:, 0] / (sums[:, 0] + sums[:, 1])
    return share


def _levels(ground: Ground) -> list[str]:
    there = {level_of(query) for query in ground.queries.values()}
    return [level for level in (*LEVELS, "all") if level in there]


def _open(ground: Ground, reason: str) -> Iterator[Gate]:
    """What calibration estimated, where it did; not established all the same."""
    for level in _levels(ground):
        missed = ground.calibrations.get(level, {}).get("missed")
        if not missed:
            yield from _rows(level, None, None, None, reason)
            continue
        recall, rate = (
            Found(**missed[name]) if missed[name]["value"] is not None else None
            for name in ("recall", "rate")
        )
        said = f"{reason}; values {JUDGE_RELATIVE}"
        yield from _rows(level, recall, rate, missed["n_drawn"], said, known=False)


def _rows(
    level: str,
    recall: Found | None,
    rate: Found | None,
    n: int | None,
    reason: str,
    known: bool = True,
) -> Iterator[Gate]:
    for name, found, need in (("recall", recall, RECALLED), ("missed share", rate, MISSED)):
        metric = f"{name}, {level} level"
        if found is None or found.value != found.value:
            why = reason or "no relevant pair in the pool"
            yield Gate("G2", "label recall", metric, n=n, need=need, reason=why)
            continue
        by = "value" if name == "recall" else "bound"
        status, why = decided(found, need, by) if known else ("not_established", "")  # type: ignore[arg-type]
        yield Gate(
            "G2", "label recall", metric, found.value, found.low, found.high, n, need, status,
            "; ".join(filter(None, (reason, why))),
        )  # fmt: skip

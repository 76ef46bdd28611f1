"""G7 difficulty and G8 lexical bias: can the set tell systems apart, and by more than words?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from datakit.gates.gate import N_BOOT, Found, Gate, Need, decided, mean
from datakit.gates.ground import DEPTH, KEPT, Ground, System
from datakit.records import seed_for

if TYPE_CHECKING:
    import numpy as np

QUERIES = 75  # below it no difference between systems is shown (Jones and van Rijsbergen)
EASY, HARD = Need("<=", 0.30), Need("<=", 0.10)
COPIED = Need("<=", 0.5)
FUSION = 60  # k of reciprocal rank fusion (Cormack et al. 2009)


def difficulty(ground: Ground) -> Iterator[Gate]:
    """G7: queries that all systems answer, that none does, and hybrid against BM25.

    A system answers a query when it ranks a positive first (as filter F11 has it); none does when
    no system has a positive among its first ten.
    """
    import numpy as np

    title = "difficulty"
    metrics = ("share all-correct", "share none-correct", "nDCG@10, hybrid - lexical")
    systems, asked = ground.main()
    if len(systems) < 2 or not asked:
        for metric, need in zip(metrics, (EASY, HARD, None), strict=True):
            why = f"{len(systems)} system with rankings of labelled queries, 2 are needed"
            yield Gate("G7", title, metric, n=len(asked), need=need, reason=why)
        return
    labels = ground.labels()
    positive = {pair for pair, grade in labels.items() if grade >= ground.relevant_from}
    ranks = np.array([[_rank(q, one.rankings[q], positive) for one in systems] for q in asked])
    said = _measured(ground, systems, asked)
    shares = ((ranks == 1).all(axis=1), (ranks > DEPTH).all(axis=1))
    for metric, share, need in zip(metrics, shares, (EASY, HARD), strict=False):
        found = mean(share.astype(float), seed_for(ground.seed, "verify", metric))
        status, _ = decided(found, need, "value")
        yield Gate(
            "G7", title, metric, found.value, found.low, found.high, len(asked), need, status, said
        )
    yield _hybrid_gain(ground, systems, asked, title, metrics[2])


def _rank(query_id: str, ids: tuple[str, ...], positive: set[tuple[str, str]]) -> int:
    """Of the first positive, from 1; beyond what is kept where there is none."""
    for rank, one in enumerate(ids, 1):
        if (query_id, one) in positive:
            return rank
    return KEPT + 1


def _measured(ground: Ground, systems: list[System], asked: list[str]) -> str:
    labels = ground.labels()
    rows = [f"{one.name} {ground.ndcg(one, labels, asked).mean():.3f}" for one in systems]
    return "nDCG@10: " + ", ".join([*rows, "oracle 1.000"])


def _hybrid_gain(
    ground: Ground, systems: list[System], asked: list[str], title: str, metric: str
) -> Gate:
    """The best lexical run against a hybrid, or against its fusion with the best dense run."""
    labels = ground.labels()
    values = {one.name: ground.ndcg(one, labels, asked) for one in systems}
    best = {
        family: max(of, key=lambda one: float(values[one.name].mean()))
        for family in ("lexical", "dense", "hybrid")
        if (of := [one for one in systems if one.family == family])
    }
    if "lexical" not in best or not best.keys() & {"dense", "hybrid"}:
        why = "no lexical run, or neither a dense nor a hybrid one"
        return Gate("G7", title, metric, n=len(asked), reason=why)
    lexical = best["lexical"]
    hybrid = best.get("hybrid") or System("fusion", fused(lexical, best["dense"]))
    gain = ground.ndcg(hybrid, labels, asked) - values[lexical.name]
    found = mean(gain, seed_for(ground.seed, "verify", metric))
    note = f"{hybrid.name} and {lexical.name}"
    if len(asked) < QUERIES:
        why = f"{note}; {len(asked)} of {QUERIES} queries"
        return Gate("G7", title, metric, found.value, found.low, found.high, len(asked), reason=why)
    apart = (found.low or 0.0) > 0 or (found.high or 0.0) < 0
    return Gate(
        "G7", title, metric, found.value, found.low, found.high, len(asked), None,
        "pass" if apart else "fail", note if apart else f"{note}; the interval includes 0",
    )  # fmt: skip


def fused(one: System, other: System) -> dict[str, tuple[str, ...]]:
    """Reciprocal rank fusion of two rankings; ties by descending id."""
    out: dict[str, tuple[str, ...]] = {}
    for query_id in one.rankings.keys() | other.rankings.keys():
        scores: dict[str, float] = {}
        for system in (one, other):
            for rank, passage_id in enumerate(system.rankings.get(query_id, ()), 1):
                scores[passage_id] = scores.get(passage_id, 0.0) + 1 / (FUSION + rank)
        out[query_id] = tuple(sorted(scores, key=lambda p: (scores[p], p), reverse=True)[:KEPT])
    return out


def lexical_bias(ground: Ground, texts: Mapping[str, str]) -> Iterator[Gate]:
    """G8: do queries in a passage's own words favour the lexical system?

    Args:
        ground: the evidence.
        texts: passage_id -> text of the positive passages.
    """
    import numpy as np

    title, metric = "lexical bias", "Spearman(overlap, lexical - dense nDCG@10)"
    systems, asked = ground.main()
    of = {family: [one for one in systems if one.family == family] for family in
          ("lexical", "dense")}  # fmt: skip
    if not of["lexical"] or not of["dense"] or len(asked) < QUERIES:
        why = f"needs a lexical and a dense run on {QUERIES} queries; {len(asked)} queries"
        yield Gate("G8", title, metric, n=len(asked), need=COPIED, reason=why)
        return
    labels = ground.labels()
    gap = np.mean([ground.ndcg(one, labels, asked) for one in of["lexical"]], axis=0) - np.mean(
        [ground.ndcg(one, labels, asked) for one in of["dense"]], axis=0
    )
    found = _spearman(overlaps(ground, asked, texts), gap, seed_for(ground.seed, "verify", "words"))
    if found is None:
        why = "all queries have the same overlap or the same gap"
        yield Gate("G8", title, metric, n=len(asked), need=COPIED, reason=why)
        return
    status, _ = decided(found, COPIED, "value")
    yield Gate(
        "G8", title, metric, found.value, found.low, found.high, len(asked), COPIED, status, ""
    )


def overlaps(ground: Ground, asked: list[str], texts: Mapping[str, str]) -> np.ndarray:
    """(n_queries,) the share of a query's words in the positive passage that has most of them."""
    import numpy as np

    from datakit.text import words

    positives: dict[str, list[str]] = {query_id: [] for query_id in asked}
    for (query_id, passage_id), grade in ground.labels().items():
        if grade >= ground.relevant_from and query_id in positives:
            positives[query_id].append(passage_id)
    language = {q: ground.queries[q].language for q in asked}
    there = {
        p: set(words(texts[p], language[q])) for q, ids in positives.items() for p in ids
        if p in texts
    }  # fmt: skip
    shares = []
    for query_id in asked:
        own = set(words(ground.queries[query_id].text, language[query_id]))
        held = [len(own & there[p]) for p in positives[query_id] if p in there]
        shares.append(max(held, default=0) / max(1, len(own)))
    return np.array(shares)


def _spearman(a: np.ndarray, b: np.ndarray, seed: int) -> Found | None:
    """Spearman's rho with its bootstrap interval over queries."""
    import numpy as np
    from scipy.stats import rankdata

    if np.ptp(a) == 0 or np.ptp(b) == 0:
        return None
    rng = np.random.default_rng(seed)
    samples = []
    for at in [np.arange(len(a)), *rng.integers(0, len(a), (N_BOOT // 4, len(a)))]:
        x, y = rankdata(a[at]), rankdata(b[at])
        ok = np.ptp(x) > 0 and np.ptp(y) > 0
        samples.append(float(np.corrcoef(x, y)[0, 1]) if ok else np.nan)
    low, high = np.nanpercentile(samples[1:], [2.5, 97.5])
    return Found(samples[0], float(low), float(high))

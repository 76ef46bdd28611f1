"""G4 pool health: is what systems rank first known, and do labels lean on one system?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from datakit.calibration.sampling import Pair
from datakit.gates.gate import Gate, Need, decided, mean
from datakit.gates.ground import DEPTH, KEPT, Ground, System
from datakit.records import seed_for

KNOWN = Need(">=", 0.95)
MOVED = Need("<=", 0.02)
TITLE = "pool health"


def pool_health(ground: Ground) -> Iterator[Gate]:
    """G4: share of the first ten that is judged, labelled or certified low, and leave-one-out."""
    known, moved = f"known share of the first {DEPTH}", "|change of nDCG@10|, one system left out"
    if not ground.systems:
        why = "no run: datakit retrieve OUT"
        yield Gate("G4", TITLE, known, need=KNOWN, reason=why)
        yield Gate("G4", TITLE, moved, need=MOVED, reason=why)
        return
    yield _known(ground, known)
    yield _left_out(ground, moved)


def _known(ground: Ground, metric: str) -> Gate:
    """The worst system; plain Judged@10 stands beside it."""
    labels = ground.labels()
    graded = ground.judge.keys() | ground.people.keys()
    shares = {}
    for system in ground.systems:
        shares[system.name] = [
            (
                _share(query_id, ids, labels.keys() | ground.below),
                _share(query_id, ids, graded),
            )
            for query_id, ids in sorted(system.rankings.items())
        ]
    import numpy as np

    tables = {name: np.array(rows) for name, rows in shares.items() if rows}
    if not tables:
        return Gate("G4", TITLE, metric, need=KNOWN, reason="no run has a row for these queries")
    name = min(sorted(tables), key=lambda one: float(tables[one][:, 0].mean()))
    found = mean(tables[name][:, 0], seed_for(ground.seed, "verify", "known"))
    status, _ = decided(found, KNOWN, "value")
    return Gate(
        "G4", TITLE, metric, found.value, found.low, found.high, len(tables[name]), KNOWN, status,
        f"worst system: {name}; Judged@10 {tables[name][:, 1].mean():.3f}",
    )  # fmt: skip


def _share(query_id: str, ids: tuple[str, ...], known: object) -> float:
    top = ids[:DEPTH]
    return sum((query_id, one) in known for one in top) / max(1, len(top))  # type: ignore[operator]


def _left_out(ground: Ground, metric: str) -> Gate:
    """How far a system falls by labels to which it made no proposal of its own."""
    systems, asked = ground.main()
    if len(systems) < 2 or not asked:
        why = f"{len(systems)} system with rankings of labelled queries, 2 are needed"
        return Gate("G4", TITLE, metric, n=len(asked), need=MOVED, reason=why)
    labels = ground.labels()
    changes = {}
    for system in systems:
        kept = without(system, systems, labels, ground)
        changes[system.name] = ground.ndcg(system, kept, asked) - ground.ndcg(system, labels, asked)
    name = max(sorted(changes), key=lambda one: abs(float(changes[one].mean())))
    found = mean(changes[name], seed_for(ground.seed, "verify", "left out"))
    size = abs(found.value)
    return Gate(
        "G4", TITLE, metric, size, None, max(abs(found.low or 0.0), abs(found.high or 0.0)),
        len(asked), MOVED, "pass" if MOVED.holds(size) else "fail", f"most moved: {name}",
    )  # fmt: skip


def without(
    left_out: System, systems: list[System], labels: Mapping[Pair, int], ground: Ground
) -> dict[Pair, int]:
    """The labels as a pool without this system would have them.

    Gone is what it alone has among its first; a direct label needs no retriever, nor does a
    person's outside every pool.
    """
    others = {
        (query_id, one)
        for system in systems
        if system is not left_out
        for query_id, ids in system.rankings.items()
        for one in ids[:KEPT]
    }
    alone = {
        (query_id, one) for query_id, ids in left_out.rankings.items() for one in ids[:KEPT]
    } - others
    direct = {pair for pair, one in ground.automatic.items() if one.source == "direct"}
    return {pair: grade for pair, grade in labels.items() if pair not in alone or pair in direct}

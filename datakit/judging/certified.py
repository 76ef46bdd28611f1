"""Calibrations at work: which hold, the labels that follow, what to ask next, what is missed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any, NamedTuple

from datakit.calibration import cascade, store
from datakit.calibration.isotonic import Curve
from datakit.calibration.sampling import Pair
from datakit.dataset import Dataset
from datakit.judging.certifying import (
    Samples,
    accepted,
    fit_sample,
    missed_of,
    passed_sample,
)
from datakit.judging.counting import counts_of
from datakit.judging.labels import grades_of
from datakit.judging.pairs import records_of
from datakit.judging.pools import NO_LEVEL, POOL, Pool, levels, pool_of
from datakit.judging.tables import judged
from datakit.miners.indirect_positive import indirect_label
from datakit.records import LEVELS, RELEVANT_FROM, Dropped, Judgement, Pooled, Query

if TYPE_CHECKING:
    import numpy as np

Bodies = Mapping[str, Mapping[str, Any]]  # by level


# --- which hold ---------------------------------------------------------------------------


def calibrations(dataset: Dataset) -> dict[str, dict[str, Any]]:
    """The calibrations that hold, by level."""
    found = {level: current(dataset, level) for level in (*LEVELS, NO_LEVEL)}
    return {level: body for level, body in found.items() if body is not None}


def current(dataset: Dataset, level: str) -> dict[str, Any] | None:
    """The calibration of a level, if the corpus and the scores are still those it was made of."""
    body = store.read(dataset.path, level)
    return body if body is not None and why_not(dataset, body) is None else None


def why_not(dataset: Dataset, body: Mapping[str, Any]) -> str | None:
    """Why a calibration does not hold any more; None: it does."""
    if set(body["samples"]) != {one.name for one in fields(Samples)}:
        return "made by another version of datakit"
    if "passage" not in dataset or body["corpus"] != dataset.digest("passage"):
        return "made of other passages"
    table = store.scored_table(body)
    if table not in dataset or dataset.digest(table) != body["scorer"]["digest"]:
        return f"made of other scores than {table} has now"
    return None


class _Level(NamedTuple):
    """A calibration that holds, with its pool."""

    body: Mapping[str, Any]
    samples: Samples
    pool: Pool
    curve: Curve | None
    tau_plus: float | None  # None for topic queries: they have no label by score
    tau_minus: float | None

    def decided(self, budget: int | None = None) -> cascade.Decided:
        import numpy as np

        if self.curve is None:
            n = len(self.pool.pairs)
            return cascade.Decided(*(np.arange(k) for k in (0, 0, 0, n)))
        return cascade.decide(self.pool.scores, self.curve, self.tau_plus, self.tau_minus, budget)


def _level(dataset: Dataset, body: Mapping[str, Any], queries: Mapping[str, Query]) -> _Level:
    samples, level = Samples(**body["samples"]), body["level"]
    pool = pool_of(dataset, body["scorer"]["table"], level, queries, samples.of(level))
    knots = body["curve"]
    curve = None if knots is None else Curve(tuple(knots["x"]), tuple(knots["y"]))
    taus = (None, None) if level == "topic" else (body["tau_plus"], body["tau_minus"])
    return _Level(body, samples, pool, curve, *taus)


def _levels(dataset: Dataset, bodies: Bodies) -> Iterator[_Level]:
    queries = records_of(dataset) if bodies else {}
    for level in levels(queries):
        if level in bodies:
            yield _level(dataset, bodies[level], queries)


# --- labels -------------------------------------------------------------------------------


def labels(dataset: Dataset, bodies: Bodies) -> Iterator[Judgement]:
    """Grade 2 for every pair at or above its level's tau plus, in the order of the pool."""
    import numpy as np

    for one in _levels(dataset, bodies):
        at = np.flatnonzero(accepted(one.pool, one.tau_plus))
        if not len(at):
            continue
        likely = one.curve(one.pool.scores[at]) if one.curve else np.full(len(at), np.nan)
        wanted = {
            one.pool.pairs[i]: {"score": float(one.pool.scores[i]), "p_rel": round(float(p), 6)}
            for i, p in zip(at.tolist(), likely, strict=True)
        }
        for pooled in _pooled(dataset, wanted):
            pair = (pooled.query_id, pooled.passage_id)
            row = Judgement(*pair, 2, "indirect-passage", calibration_id=one.body["calibration_id"])
            scores = dict(pooled.scores) | wanted[pair]
            yield indirect_label(row, replace(pooled, scores=scores))


def _pooled(dataset: Dataset, wanted: Mapping[Pair, Any]) -> Iterator[Pooled]:
    """The rows of the pool for some pairs; what only a run proposed comes from S3."""
    left = dict.fromkeys(wanted)
    if POOL in dataset:
        rows: Iterator[Pooled] = dataset.read(POOL)
        for row in rows:
            if (row.query_id, row.passage_id) in left:
                del left[row.query_id, row.passage_id]
                yield row
    for query_id, passage_id in left:
        yield Pooled(query_id, passage_id, ("global",), (), False, None)


def unjudged_topics(
    dataset: Dataset, queries: Sequence[Query], bodies: Bodies
) -> Iterator[Dropped]:
    """Topic queries that wait for a judge: where one is at work, they have no other label."""
    if "topic" not in bodies:
        return
    known = {one.query_id for one in judged(dataset) if one.grade is not None}
    for query in queries:
        if query.level == "topic" and query.query_id not in known:
            why = (
                f"topic query {query.text!r}: no pair of it is judged, and where a judge is at "
                "work topic queries have no automatic label. Run `datakit mine` with a larger "
                "--budget."
            )
            yield Dropped(query.query_id, "not_judged", why)


# --- what to ask --------------------------------------------------------------------------


def between(dataset: Dataset, bodies: Bodies | None = None) -> list[Pair]:
    """The pairs between the thresholds of the calibrations that hold, the least certain first; of
    topic queries every pair.
    """
    found: list[tuple[float, Pair]] = []
    for one in _levels(dataset, calibrations(dataset) if bodies is None else bodies):
        if one.curve is None:
            continue
        sure = abs(one.curve(one.pool.scores) - 0.5)
        found += [(float(sure[i]), one.pool.pairs[i]) for i in one.decided().asked.tolist()]
    return [pair for _, pair in sorted(found, key=lambda one: one[0])]


def probabilities(dataset: Dataset, pairs: Sequence[Pair]) -> dict[Pair, float]:
    """g(s) of the pairs that a calibration which holds has scores for."""
    wanted = set(pairs)
    found: dict[Pair, float] = {}
    for one in _levels(dataset, calibrations(dataset)):
        if one.curve is not None:
            at = [i for i, pair in enumerate(one.pool.pairs) if pair in wanted]
            likely = one.curve(one.pool.scores[at])
            found |= {one.pool.pairs[i]: float(p) for i, p in zip(at, likely, strict=True)}
    return found


# --- how it stands ------------------------------------------------------------------------


def standing(dataset: Dataset, bodies: Bodies) -> dict[str, dict[str, Any]]:
    """What labels rest on, level by level, and what they miss; part of the manifest.

    A level: `calibration_id` and `scorer`, or None with `why`; with a calibration the pairs of
    its pool (`n_pool`) as they are: labelled by score (`n_certified`), relevant by judges and
    people (`n_judged_relevant` of `n_judged`), below tau minus (`n_left`), not asked about
    (`n_open`); `missed` with `rate` and `recall` and their intervals, `outside` beside it.
    """
    queries = records_of(dataset)
    grades = grades_of(judged(dataset)) if bodies else {}
    out: dict[str, dict[str, Any]] = {}
    for level in levels(queries):
        if level in bodies:
            out[level] = _stands(_level(dataset, bodies[level], queries), grades)
            continue
        body = store.read(dataset.path, level)
        why = "no calibration" if body is None else f"calibration {why_not(dataset, body)}"
        out[level] = {"calibration_id": None, "why": why}
    return out


def _stands(one: _Level, grades: Mapping[Pair, int | None]) -> dict[str, Any]:
    import numpy as np

    given = [grades.get(pair) for pair in one.pool.pairs]
    known = np.array([grade is not None for grade in given], bool)
    relevant = np.array([(grade or 0) >= RELEVANT_FROM for grade in given], bool)
    certified = accepted(one.pool, one.tau_plus)
    decided = one.decided()
    left = np.zeros(len(known), bool)
    left[decided.left] = True
    return {
        "calibration_id": one.body["calibration_id"],
        "scorer": one.body["scorer"]["run"],
        "tau_plus": one.tau_plus,
        "tau_minus": one.tau_minus,
        "n_pool": len(known),
        "n_certified": int((certified & ~known).sum()),
        "n_judged": int(known.sum()),
        "n_judged_relevant": int(relevant.sum()),
        "n_left": int((left & ~known).sum()),
        "n_open": int((~certified & ~left & ~known).sum()),
        "missed": _missed(one, grades, decided, known, relevant, certified),
        "outside": one.body["outside"],
    }


def _missed(
    one: _Level,
    grades: Mapping[Pair, int | None],
    decided: cascade.Decided,
    known: np.ndarray,
    relevant: np.ndarray,
    certified: np.ndarray,
) -> dict[str, Any] | None:
    """What the labels leave out, judged pairs among them.

    The sample of the curve speaks for the pairs that nobody would have asked about otherwise: the
    judge's queue goes by score alone, so what it has worked off is a set of scores, which is left
    out of the strata on both sides.
    """
    import numpy as np

    asked = decided.asked
    waiting = np.flatnonzero(~known[asked])
    worked_off = asked[: waiting[0] if len(waiting) else len(asked)]
    rest = ~certified
    rest[worked_off] = False
    fit, of = fit_sample(one.pool, one.samples)
    drawn = fit.at[rest[fit.at] & known[fit.at]]
    checked = passed_sample(one.pool, one.samples, one.tau_plus)
    counts = counts_of(
        one.pool, grades, of, drawn=drawn, open_=rest & ~known, by_score=certified & ~known,
        checked=[i for i in checked if certified[i]], judged=relevant,
    )  # fmt: skip
    return missed_of(counts)

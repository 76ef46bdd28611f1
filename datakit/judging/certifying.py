"""Calibration of one level: its pool and scores, the samples to judge, and what they show."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from datakit.calibration import cascade, certify, estimates, isotonic, sampling, store
from datakit.calibration.certify import Claim, Cut, Walk
from datakit.calibration.isotonic import Curve
from datakit.calibration.sampling import Pair
from datakit.dataset import Dataset
from datakit.errors import UsageError
from datakit.judging.labels import JUDGED_BY, grades_of
from datakit.judging.pairs import records_of
from datakit.judging.tables import judged
from datakit.records import LEVELS, RELEVANT_FROM, Judgement, Query, ScoredPassage, seed_for

if TYPE_CHECKING:
    import numpy as np

NO_LEVEL = "all"  # of queries that have none
Grades = Mapping[Pair, int | None]


@dataclass(frozen=True)
class Samples:
    """How much is judged for each level, and what is to be shown."""

    fit: int = 400  # pairs for the curve, in equal parts from each decile of the scores
    step: int = 208  # pairs for each threshold tried; a true precision of 0.95 passes 84 % of steps
    outside: int = 200  # pairs outside the pool; none relevant bounds their rate at 1.5 %
    precision: float = 0.90  # at or above tau plus
    missed: float = 0.05  # share of relevant pairs below tau minus
    depth: int = 20  # of the pool for sentence and passage queries
    topic_depth: int = 50
    n_boot: int = 1000
    seed: int = 13


@dataclass(frozen=True)
class Pool:
    """The scored pairs of a level, without seeds and their copies."""

    level: str
    run: str
    query_ids: tuple[str, ...]
    pairs: tuple[Pair, ...]
    scores: np.ndarray  # (n_pairs,) float64
    inside: frozenset[Pair]  # the pairs with the seeds


@dataclass(frozen=True)
class Labelled:
    """What is known of a level's pairs beside the scores."""

    automatic: tuple[Judgement, ...]  # as mined: nobody judged them
    grades: Grades  # by judges and people
    assessors: tuple[str, ...]


# --- pool ---------------------------------------------------------------------------------


def level_of(query: Query) -> str:
    return query.level or NO_LEVEL


def levels(queries: Mapping[str, Query]) -> list[str]:
    there = {level_of(query) for query in queries.values()}
    return [level for level in (*LEVELS, NO_LEVEL) if level in there]


def run_of(dataset: Dataset, name: str | None) -> str:
    """The run whose scores are calibrated.

    Raises:
        UsageError: there is none, or there are several and none is named.
    """
    runs = [t.removeprefix("run/") for t in dataset.tables() if t.startswith("run/")]
    if name is None and len(runs) == 1:
        return runs[0]
    if name not in runs:
        found = ", ".join(runs) or "none: run `datakit retrieve`"
        what = f"has no run {name!r}" if name is not None else "has several runs, or none"
        raise UsageError(
            f"{dataset.path} {what}; name the one whose scores are to be calibrated with --run "
            f"(there: {found})."
        )
    return name


def pool_of(
    dataset: Dataset, run: str, level: str, queries: Mapping[str, Query], samples: Samples
) -> Pool:
    """The best pairs of each query of a level by a run, down to the level's depth."""
    import numpy as np

    wanted = {key for key, query in queries.items() if level_of(query) == level}
    found: dict[str, list[tuple[float, str]]] = defaultdict(list)
    rows: Iterator[ScoredPassage] = dataset.read(f"run/{run}")
    for row in rows:
        if row.query_id in wanted:
            found[row.query_id].append((row.score, row.passage_id))
    made = _made(dataset)
    depth = samples.topic_depth if level in ("topic", NO_LEVEL) else samples.depth
    pairs: list[Pair] = []
    scores: list[float] = []
    inside: set[Pair] = set()
    for query_id in sorted(found):
        seeds = set(queries[query_id].seed_passage_ids)
        for score, passage_id in sorted(found[query_id], reverse=True)[:depth]:
            pair = (query_id, passage_id)
            inside.add(pair)
            if passage_id not in seeds and pair not in made:
                pairs.append(pair)
                scores.append(score)
    query_ids = tuple(sorted(found))
    return Pool(level, run, query_ids, tuple(pairs), np.array(scores), frozenset(inside))


def _made(dataset: Dataset) -> set[Pair]:
    """Pairs that are labelled by a query's making: seeds, and copies of them."""
    if "judgement" not in dataset:
        return set()
    rows: Iterator[Judgement] = dataset.read("judgement")
    return {(j.query_id, j.passage_id) for j in rows if j.source in ("direct", "duplicate")}


def labelled(dataset: Dataset, query_ids: Sequence[str]) -> Labelled:
    """The labels of some queries."""
    wanted = set(query_ids)
    mined: Iterator[Judgement] = dataset.read("judgement") if "judgement" in dataset else iter(())
    rows = [one for one in judged(dataset) if one.query_id in wanted]
    return Labelled(
        tuple(one for one in mined if one.query_id in wanted and one.source not in JUDGED_BY),
        grades_of(rows),
        tuple(sorted({one.assessor_id or one.source for one in rows})),
    )


def _outside(dataset: Dataset, pool: Pool, samples: Samples) -> list[Pair]:
    """A random sample of the pairs that the pool leaves out."""
    import numpy as np

    passages = sorted(dataset.arrow("passage", ["passage_id"])["passage_id"].to_pylist())
    n_all = len(pool.query_ids) * len(passages)
    n = min(samples.outside, n_all - len(pool.inside))
    rng = np.random.default_rng(seed_for(samples.seed, "calibrate/outside", pool.level))
    drawn: dict[Pair, None] = {}
    while len(drawn) < n:
        at = int(rng.integers(n_all))
        pair = (pool.query_ids[at // len(passages)], passages[at % len(passages)])
        if pair not in pool.inside:
            drawn[pair] = None
    return list(drawn)


# --- a level ------------------------------------------------------------------------------


@dataclass(frozen=True)
class Calibrated:
    """What came of a level: its calibration, or the pairs that have to be judged first."""

    level: str
    n_pool: int
    waits_for: tuple[Pair, ...] = ()
    body: Mapping[str, Any] | None = None


def calibrate(
    dataset: Dataset, run: str, level: str, queries: Mapping[str, Query], samples: Samples
) -> Calibrated:
    """Calibrate a level by what has been judged so far.

    The samples are drawn by hash, so every call draws the same; thresholds are tried from strict
    to loose, and the sample of the next one is asked for only when the one before has passed.
    """
    pool = pool_of(dataset, run, level, queries, samples)
    if not pool.pairs:
        return Calibrated(level, 0)
    known = labelled(dataset, pool.query_ids)
    numbers = sampling.draws(pool.pairs, samples.seed, f"calibrate/{level}/fit")
    of = sampling.strata(pool.scores)
    fit = sampling.stratified(of, numbers, samples.fit)
    waiting = dict.fromkeys(pool.pairs[i] for i in fit.at.tolist())
    beyond = _outside(dataset, pool, samples)
    waiting |= dict.fromkeys(beyond)
    claims = (
        Claim("above", round(1 - samples.precision, 6)),
        Claim("below", samples.missed),
    )
    walks = []
    for claim, shares in zip(claims, (certify.ABOVE, certify.BELOW), strict=True):
        steps = _Steps(pool, known.grades, claim, samples)
        walks.append(certify.walk(certify.grid(pool.scores, shares, claim), claim, steps))
        waiting |= dict.fromkeys(steps.asked)
    still = tuple(pair for pair in waiting if pair not in known.grades)
    if still:
        return Calibrated(level, len(pool.pairs), still)
    body = _body(dataset, pool, samples, claims, walks)
    body["assessors"] = list(known.assessors)
    body |= _fitted(pool, known, fit, of, samples)
    body["outside"] = _beyond(beyond, known.grades)
    body["people"] = _people(dataset, pool, body)
    return Calibrated(level, len(pool.pairs), body=body)


class _Steps:
    """The fresh sample of each threshold, and what of it has been asked about."""

    def __init__(self, pool: Pool, grades: Grades, claim: Claim, samples: Samples) -> None:
        self._pool, self._grades, self._claim, self._samples = pool, grades, claim, samples
        self.asked: list[Pair] = []

    def __call__(self, cut: Cut) -> list[int | None] | None:
        pool, claim = self._pool, self._claim
        purpose = f"calibrate/{pool.level}/{claim.side}/{cut.share:g}"
        numbers = sampling.draws(pool.pairs, self._samples.seed, purpose)
        region = claim.region(pool.scores, cut.threshold)
        drawn = sampling.simple(numbers, self._samples.step, region).tolist()
        pairs = [pool.pairs[i] for i in drawn]
        self.asked += pairs
        if any(pair not in self._grades for pair in pairs):
            return None
        return [self._grades[pair] for pair in pairs]


def _body(
    dataset: Dataset, pool: Pool, samples: Samples, claims: Sequence[Claim], walks: Sequence[Walk]
) -> dict[str, Any]:
    above, below = walks
    return {
        "level": pool.level,
        "corpus": dataset.digest("passage"),
        "scorer": scorer(dataset, pool.run),
        "samples": asdict(samples),
        "n_queries": len(pool.query_ids),
        "n_pool": len(pool.pairs),
        "tau_plus": above.threshold,
        "tau_minus": below.threshold,
        "steps": {
            claim.side: {
                "limit": claim.limit,
                "confidence": claim.confidence,
                "tried": [asdict(one) for one in walk.tried],
            }
            for claim, walk in zip(claims, walks, strict=True)
        },
    }


def scorer(dataset: Dataset, run: str) -> dict[str, Any]:
    """Whose scores: the run's rows, and the plugin with its model where a stage made it."""
    made_by = dataset.manifest["tables"][f"run/{run}"]["made_by"]
    identity = dataset.manifest["stages"].get(made_by, {}).get("identity", {})
    return {"run": run, "digest": dataset.digest(f"run/{run}"), "identity": identity}


def _fitted(
    pool: Pool, known: Labelled, fit: sampling.Sample, of: np.ndarray, samples: Samples
) -> dict[str, Any]:
    """The curve, and what the same sample says of the pairs without a label."""
    grades = [known.grades[pool.pairs[i]] for i in fit.at.tolist()]
    usable = [i for i, grade in enumerate(grades) if grade is not None]
    out: dict[str, Any] = {"fit": {"n": len(grades), "n_null": len(grades) - len(usable)}}
    if not usable:
        return out | {"curve": None, "missed": None}
    relevant = [(grades[i] or 0) >= RELEVANT_FROM for i in usable]
    at = fit.at[usable]
    curve = isotonic.fit(pool.scores[at], relevant, fit.weights[usable])
    out["curve"] = {"x": list(curve.x), "y": list(curve.y)}
    counts = _counts(pool, known, of, at.tolist(), relevant)
    seed = seed_for(samples.seed, "calibrate/bootstrap", pool.level)
    found = estimates.missed(counts, samples.n_boot, seed) if counts.drawn.sum() else None
    out["missed"] = None if found is None else asdict(found)
    return out


def _counts(
    pool: Pool, known: Labelled, of: np.ndarray, drawn: Sequence[int], relevant: Sequence[bool]
) -> estimates.Counts:
    """By query: pairs without an automatic label by decile, and positive labels by source."""
    import numpy as np

    row = {query_id: i for i, query_id in enumerate(pool.query_ids)}
    positives = {
        (one.query_id, one.passage_id): one.source
        for one in known.automatic
        if (one.grade or 0) >= RELEVANT_FROM
    }
    sources = {source: i for i, source in enumerate(sorted(set(positives.values())))}
    tables = [np.zeros((len(row), 10), int) for _ in range(3)]
    for i, pair in enumerate(pool.pairs):
        if pair not in positives:
            tables[0][row[pair[0]], of[i]] += 1
    for i, is_relevant in zip(drawn, relevant, strict=True):
        pair = pool.pairs[i]
        if pair not in positives:
            tables[1][row[pair[0]], of[i]] += 1
            tables[2][row[pair[0]], of[i]] += is_relevant
    labels = [np.zeros((len(row), max(1, len(sources))), int) for _ in range(3)]
    for pair, source in positives.items():
        place = row[pair[0]], sources[source]
        labels[0][place] += 1
        grade = known.grades.get(pair)
        if grade is not None:
            labels[1][place] += 1
            labels[2][place] += grade >= RELEVANT_FROM
    return estimates.Counts(*tables, *labels)


def _beyond(pairs: Sequence[Pair], grades: Grades) -> dict[str, Any]:
    known = [grade for pair in pairs if (grade := grades[pair]) is not None]
    relevant = sum(grade >= RELEVANT_FROM for grade in known)
    return {
        "n": len(known),
        "n_relevant": relevant,
        "rate": asdict(estimates.outside(relevant, len(known))),
    }


def _people(dataset: Dataset, pool: Pool, body: Mapping[str, Any]) -> dict[str, Any] | None:
    """How the judges do by people, and the last certified precision corrected for it."""
    wanted = set(pool.query_ids)
    rows = [one for one in judged(dataset) if one.query_id in wanted]
    by_people = grades_of(one for one in rows if one.source == "human")
    by_judges = grades_of(one for one in rows if one.source == "judge")
    both = [
        (mine, theirs)
        for pair, theirs in by_people.items()
        if theirs is not None and (mine := by_judges.get(pair)) is not None
    ]
    rates = estimates.against_people(
        [mine >= RELEVANT_FROM for mine, _ in both], [h >= RELEVANT_FROM for _, h in both]
    )
    if rates is None:
        return None
    passed = [step for step in body["steps"]["above"]["tried"] if step["passed"]]
    precision = 1 - passed[-1]["errors"] / passed[-1]["n"] if passed else None
    return {
        "n": len(both),
        "sensitivity": rates[0],
        "specificity": rates[1],
        "precision": None if precision is None else estimates.corrected(precision, *rates),
    }


# --- used ---------------------------------------------------------------------------------


def between(dataset: Dataset, samples: Samples | None = None) -> list[Pair]:
    """The pairs between the thresholds of the calibrations that hold, the least certain first."""
    queries = records_of(dataset)
    found: list[tuple[float, Pair]] = []
    for level in levels(queries):
        body = current(dataset, level)
        if body is None or body["curve"] is None:
            continue
        kept = samples or Samples(**body["samples"])
        pool = pool_of(dataset, body["scorer"]["run"], level, queries, kept)
        curve = Curve(tuple(body["curve"]["x"]), tuple(body["curve"]["y"]))
        asked = cascade.decide(pool.scores, curve, body["tau_plus"], body["tau_minus"]).asked
        sure = abs(curve(pool.scores) - 0.5)
        found += [(float(sure[i]), pool.pairs[i]) for i in asked.tolist()]
    return [pair for _, pair in sorted(found, key=lambda one: one[0])]


def current(dataset: Dataset, level: str) -> dict[str, Any] | None:
    """The calibration of a level, if the corpus and the scores are still those it was made of."""
    body = store.read(dataset.path, level)
    if body is None or body["corpus"] != dataset.digest("passage"):
        return None
    table = f"run/{body['scorer']['run']}"
    if table not in dataset or dataset.digest(table) != body["scorer"]["digest"]:
        return None
    return body


def probabilities(dataset: Dataset, pairs: Sequence[Pair]) -> dict[Pair, float]:
    """g(s) of the pairs that a calibration which holds has scores for."""
    queries = records_of(dataset, {query_id for query_id, _ in pairs})
    wanted = set(pairs)
    found: dict[Pair, float] = {}
    for level in levels(queries):
        body = current(dataset, level)
        if body is None or body["curve"] is None:
            continue
        curve = Curve(tuple(body["curve"]["x"]), tuple(body["curve"]["y"]))
        rows: Iterator[ScoredPassage] = dataset.where(
            f"run/{body['scorer']['run']}", "query_id", queries
        )
        for row in rows:
            pair = (row.query_id, row.passage_id)
            if pair in wanted and level_of(queries[row.query_id]) == level:
                found[pair] = float(curve([row.score])[0])
    return found

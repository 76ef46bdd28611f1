"""Calibration of one level: the samples to judge, and what they show.

`calibration/<level>.json` holds, and keeps these names:

| key | what |
| --- | --- |
| `calibration_id` | 16 hex digits over all the rest; labels name it |
| `level`, `corpus`, `scorer` | what it is of: table digests, `scorer.run` whose scores |
| `samples` | sizes that were judged, and what was to be shown |
| `n_queries`, `n_pool` | pairs without seeds and their copies |
| `fit`, `curve` | pairs judged for the curve; its knots `x` (score), `y` (P(grade >= 2)) |
| `steps.above`, `steps.below` | `limit` of errors, `confidence`, and of each threshold `tried`: `share` of the pool, `threshold`, `n_region`, `n`, `errors`, `bound`, `passed`; `needed`: what the sample that failed says would be needed (`calibration.needed`), null where a threshold passed |
| `tau_plus`, `tau_minus` | the last thresholds that passed; null where none did |
| `missed` | what labels by tau plus alone leave out: `rate` (of false negatives), `recall`, … each `value`, `low`, `high` |
| `outside` | a random sample of pairs outside the pool |
| `assessors`, `people` | who judged, and how judges do by people |

Nothing in it depends on what was mined with it: the same judgements give the same file.
"""  # noqa: E501 (a table)

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from datakit.calibration import certify, estimates, isotonic, sampling
from datakit.calibration.certify import Claim, Cut, Walk
from datakit.calibration.needed import needed
from datakit.calibration.sampling import Pair
from datakit.dataset import Dataset
from datakit.judging.counting import counts_of, is_relevant
from datakit.judging.labels import grades_of
from datakit.judging.pools import NO_LEVEL, Pool, pool_of, scorer
from datakit.judging.tables import judged
from datakit.records import RELEVANT_FROM, Judgement, Query, seed_for

if TYPE_CHECKING:
    import numpy as np

Grades = Mapping[Pair, int | None]


@dataclass(frozen=True)
class Samples:
    """How much is judged for each level, and what is to be shown."""

    fit: int = 400  # pairs for the curve, in equal parts from each decile of the scores
    step: int = 208  # pairs for each threshold tried; a true precision of 0.95 passes 84 % of steps
    outside: int = 200  # pairs outside the pool; none relevant bounds their rate at 1.5 %
    precision: float = 0.90  # at or above tau plus
    missed: float = 0.05  # share of relevant pairs below tau minus
    top: float = certify.ABOVE[0]  # of the pool: where the thresholds for labels begin
    bottom: float = certify.BELOW[0]  # of the pool: where those for what is left alone begin
    depth: int = 20  # of a run that takes the place of the pool, for sentence and passage queries
    topic_depth: int = 50
    seed: int = 13

    def of(self, level: str) -> int:
        """The depth of a run at a level."""
        return self.topic_depth if level in ("topic", NO_LEVEL) else self.depth

    def claims(self) -> tuple[Claim, Claim]:
        """What is to be shown of the pairs above tau plus, and of those below tau minus."""
        return Claim("above", round(1 - self.precision, 6)), Claim("below", self.missed)

    def cuts(self, scores: Any, claim: Claim) -> list[Cut]:
        """The thresholds of a pool that are tried for a claim."""
        first, shares = (
            (self.top, certify.ABOVE) if claim.side == "above" else (self.bottom, certify.BELOW)
        )
        return certify.grid(scores, certify.beginning_at(first, shares), claim)


@dataclass(frozen=True)
class Calibrated:
    """What came of a level: its calibration, or the pairs that have to be judged first."""

    level: str
    n_pool: int
    waits_for: tuple[Pair, ...] = ()
    body: Mapping[str, Any] | None = None


def calibrate(
    dataset: Dataset,
    table: str,
    level: str,
    queries: Mapping[str, Query],
    samples: Samples,
    ahead: int = 0,
) -> Calibrated:
    """Calibrate a level by what has been judged so far.

    The samples are drawn by hash, so every call draws the same; thresholds are tried from strict
    to loose, and the sample of the next one is asked for only when the one before has passed.
    Topic queries get no label by score, so none is tried for them.

    Args:
        dataset: with the scores.
        table: `pool` or `run/<name>`, whose scores are calibrated.
        level: of the queries.
        queries: of all levels, by id.
        samples: how much is judged.
        ahead: how many thresholds beyond the next one are asked about as well once one has
            passed, where a round of questions takes a day; fewer rounds, and some answers that are
            never needed. The first is asked about alone: where nothing is certified it is the only
            one.
    """
    pool = pool_of(dataset, table, level, queries, samples.of(level))
    if not pool.pairs:
        return Calibrated(level, 0)
    asked_of = set(pool.query_ids)
    rows = [one for one in judged(dataset) if one.query_id in asked_of]
    grades = grades_of(rows)
    fit, of = fit_sample(pool, samples)
    beyond = _outside(dataset, pool, samples)
    wanted = dict.fromkeys([*(pool.pairs[i] for i in fit.at.tolist()), *beyond])
    walks = []
    for claim in samples.claims():
        steps = _Steps(pool, grades, claim, samples)
        cuts = [] if level == "topic" else samples.cuts(pool.scores, claim)
        walk = certify.walk(cuts, claim, steps)
        if walk.waits_for is not None and walk.tried:
            next_ones = cuts.index(walk.waits_for) + 1
            for cut in cuts[next_ones : next_ones + ahead]:
                steps(cut)
        walks.append(walk)
        wanted |= dict.fromkeys(steps.asked)
    still = tuple(pair for pair in wanted if pair not in grades)
    if still:
        return Calibrated(level, len(pool.pairs), still)
    body = _body(dataset, pool, samples, walks, grades)
    used = [one for one in rows if (one.query_id, one.passage_id) in wanted]
    body["assessors"] = sorted({one.assessor_id or one.source for one in used})
    body |= _fitted(pool, grades, fit, of, samples, body["tau_plus"])
    body["outside"] = _beyond(beyond, grades)
    body["people"] = _people(used, body)
    return Calibrated(level, len(pool.pairs), body=body)


# --- samples ------------------------------------------------------------------------------


def fit_sample(pool: Pool, samples: Samples) -> tuple[sampling.Sample, np.ndarray]:
    """The pairs that the curve is fitted to, and the stratum of each pair of the pool."""
    numbers = sampling.draws(pool.pairs, samples.seed, f"calibrate/{pool.level}/fit")
    of = sampling.strata(pool.scores)
    return sampling.stratified(of, numbers, samples.fit), of


def step_sample(pool: Pool, claim: Claim, cut: Cut, samples: Samples) -> list[int]:
    """Positions of the fresh sample of a threshold's region."""
    purpose = f"calibrate/{pool.level}/{claim.side}/{cut.share:g}"
    numbers = sampling.draws(pool.pairs, samples.seed, purpose)
    region = claim.region(pool.scores, cut.threshold)
    drawn: list[int] = sampling.simple(numbers, samples.step, region).tolist()
    return drawn


class _Steps:
    """The fresh sample of each threshold, and what of it has been asked about."""

    def __init__(self, pool: Pool, grades: Grades, claim: Claim, samples: Samples) -> None:
        self._pool, self._grades, self._claim, self._samples = pool, grades, claim, samples
        self.asked: list[Pair] = []

    def __call__(self, cut: Cut) -> list[int | None] | None:
        drawn = step_sample(self._pool, self._claim, cut, self._samples)
        pairs = [self._pool.pairs[i] for i in drawn]
        self.asked += pairs
        if any(pair not in self._grades for pair in pairs):
            return None
        return [self._grades[pair] for pair in pairs]


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


# --- what the samples show ----------------------------------------------------------------


def _body(
    dataset: Dataset, pool: Pool, samples: Samples, walks: Sequence[Walk], grades: Grades
) -> dict[str, Any]:
    above, below = walks
    return {
        "level": pool.level,
        "corpus": dataset.digest("passage"),
        "scorer": scorer(dataset, pool.table),
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
                "needed": _needed(pool, grades, claim, samples, walk),
            }
            for claim, walk in zip(samples.claims(), walks, strict=True)
        },
    }


def _needed(
    pool: Pool, grades: Grades, claim: Claim, samples: Samples, walk: Walk
) -> dict[str, Any] | None:
    """What would be needed where no threshold passed; None where one did or none was tried."""
    if walk.threshold is not None or not walk.tried:
        return None
    failed = walk.tried[0]  # the first ends the walk
    drawn = step_sample(pool, claim, samples.cuts(pool.scores, claim)[0], samples)
    wrong = [claim.errors([grades[pool.pairs[i]]]) > 0 for i in drawn]
    return asdict(needed(claim, failed, pool.scores[drawn].tolist(), wrong, pool.scores))


def _fitted(
    pool: Pool,
    grades: Grades,
    fit: sampling.Sample,
    of: np.ndarray,
    samples: Samples,
    tau_plus: float | None,
) -> dict[str, Any]:
    """The curve, and what the same sample says of the pairs below tau plus."""
    import numpy as np

    known = [grades[pool.pairs[i]] for i in fit.at.tolist()]
    usable = [i for i, grade in enumerate(known) if grade is not None]
    out: dict[str, Any] = {"fit": {"n": len(known), "n_null": len(known) - len(usable)}}
    if not usable:
        return out | {"curve": None, "missed": None}
    relevant = [(known[i] or 0) >= RELEVANT_FROM for i in usable]
    at = fit.at[usable]
    curve = isotonic.fit(pool.scores[at], relevant, fit.weights[usable])
    out["curve"] = {"x": list(curve.x), "y": list(curve.y)}
    labelled = accepted(pool, tau_plus)
    checked = passed_sample(pool, samples, tau_plus)
    every = np.arange(len(labelled))
    confirmed = [i for i in checked if is_relevant(grades, pool.pairs[i])]
    counts = counts_of(
        pool, grades, of, drawn=at[~labelled[at]], open_=~labelled,
        by_score=labelled & ~np.isin(every, checked), checked=checked,
        judged=np.isin(every, confirmed),
    )  # fmt: skip
    return out | {"missed": missed_of(counts)}


def accepted(pool: Pool, tau_plus: float | None) -> np.ndarray:
    """(n_pairs,) bool: those that are labelled by their score; none of a topic query."""
    import numpy as np

    if tau_plus is None or pool.level == "topic":
        return np.zeros(len(pool.pairs), bool)
    found: np.ndarray = pool.scores >= tau_plus
    return found


def passed_sample(pool: Pool, samples: Samples, tau_plus: float | None) -> list[int]:
    """Positions of the sample by which tau plus passed."""
    above = samples.claims()[0]
    for cut in samples.cuts(pool.scores, above):
        if cut.threshold == tau_plus:
            return step_sample(pool, above, cut, samples)
    return []


def missed_of(counts: estimates.Counts) -> dict[str, Any] | None:
    """The estimate as plain values; None where nothing was drawn."""
    return asdict(estimates.missed(counts)) if counts.drawn.sum() else None


def _beyond(pairs: Sequence[Pair], grades: Grades) -> dict[str, Any]:
    known = [grade for pair in pairs if (grade := grades[pair]) is not None]
    relevant = sum(grade >= RELEVANT_FROM for grade in known)
    return {
        "n": len(known),
        "n_relevant": relevant,
        "rate": asdict(estimates.outside(relevant, len(known))),
    }


def _people(rows: Sequence[Judgement], body: Mapping[str, Any]) -> dict[str, Any] | None:
    """How the judges do by people, and the last certified precision corrected for it."""
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

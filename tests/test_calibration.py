"""Calibration: every function beside a reference, and simulations of what it promises."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom, binomtest, hypergeom
from sklearn.isotonic import IsotonicRegression

from datakit.calibration import cascade, certify, estimates, isotonic, needed, sampling, store
from datakit.calibration.certify import MISSED, PRECISION, Claim, Cut, Tried, Walk
from datakit.errors import DatasetError

SEEDS = range(100)

# --- the curve ----------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(20))
def test_the_curve_is_that_of_scikit_learn(seed: int) -> None:
    rng = np.random.default_rng(seed)
    scores = rng.normal(size=200).round(1 if seed % 2 else 6)  # with ties and without
    relevant = rng.random(200) < 1 / (1 + np.exp(-2 * scores))
    weights = rng.uniform(0.5, 30, 200)
    reference = IsotonicRegression(y_min=0, y_max=1, out_of_bounds="clip")
    reference.fit(scores, relevant.astype(float), sample_weight=weights)

    curve = isotonic.fit(scores, relevant, weights)

    asked = np.linspace(-5, 5, 1001)
    assert curve(asked) == pytest.approx(reference.predict(asked), abs=1e-9)


def test_weights_undo_a_stratified_sample() -> None:
    curve = isotonic.fit([0.0, 0.0, 1.0], [1, 0, 1], [1.0, 9.0, 1.0])

    assert curve([0.0, 1.0]).tolist() == pytest.approx([0.1, 1.0])


@pytest.mark.parametrize(
    ("scores", "relevant", "weights"),
    [([], [], None), ([1.0], [1, 0], None), ([np.nan], [1], None), ([1.0], [1], [0.0])],
)
def test_what_cannot_be_fitted_is_refused(
    scores: list[float], relevant: list[int], weights: list[float] | None
) -> None:
    with pytest.raises(ValueError, match=r"expected as many|have to be"):
        isotonic.fit(scores, relevant, weights)


# --- exact bounds -------------------------------------------------------------------------


@given(st.integers(1, 600).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_bounds_are_those_of_scipy(case: tuple[int, int]) -> None:
    k, n = case
    above = binomtest(k, n, alternative="greater").proportion_ci(0.95, "exact").low
    below = binomtest(k, n, alternative="less").proportion_ci(0.95, "exact").high

    assert certify.lower_bound(k, n) == pytest.approx(above, abs=1e-9)
    assert certify.upper_bound(k, n) == pytest.approx(below, abs=1e-9)


@pytest.mark.parametrize(
    ("n", "errors"), [(28, -1), (29, 0), (46, 1), (61, 2), (76, 3), (103, 5), (208, 13), (300, 21)]
)
def test_errors_that_still_show_a_precision_of_90_percent(n: int, errors: int) -> None:
    assert certify.most_errors(n, PRECISION.limit) == errors


@pytest.mark.parametrize(("n", "errors"), [(58, -1), (59, 0), (93, 1), (153, 3), (208, 5)])
def test_errors_that_still_show_5_percent_missed(n: int, errors: int) -> None:
    assert certify.most_errors(n, MISSED.limit) == errors


@pytest.mark.parametrize(("n", "passes"), [(103, 0.59), (208, 0.84), (300, 0.95)])
def test_how_often_a_true_precision_of_95_percent_passes(n: int, passes: float) -> None:
    power = binom.cdf(certify.most_errors(n, 0.10), n, 0.05)

    assert power == pytest.approx(passes, abs=0.006)


def test_the_smallest_samples_that_can_pass() -> None:
    assert (PRECISION.least_n(), MISSED.least_n()) == (29, 59)


def test_a_pair_without_a_grade_is_an_error_on_either_side() -> None:
    assert PRECISION.errors([3, 2, 1, 0, None]) == 3
    assert MISSED.errors([3, 2, 1, 0, None]) == 3


# --- samples ------------------------------------------------------------------------------

PAIRS = [(f"q{i // 10}", f"p{i}") for i in range(1000)]


def test_a_draw_depends_on_the_pair_and_the_purpose_alone() -> None:
    whole = dict(zip(PAIRS, sampling.draws(PAIRS, 13, "fit").tolist(), strict=True))
    part = sampling.draws(PAIRS[500:], 13, "fit").tolist()

    assert part == [whole[pair] for pair in PAIRS[500:]]
    assert sampling.draws(PAIRS[:1], 13, "step").tolist() != [whole[PAIRS[0]]]


def test_every_pair_is_drawn_as_often() -> None:
    times = np.zeros(len(PAIRS))
    for seed in SEEDS:
        times[sampling.simple(sampling.draws(PAIRS, seed, "fit"), 200)] += 1

    # 100 draws with probability 0.2: 20 on average, 4 standard deviations are 16
    assert times.sum() == 100 * 200
    assert (np.abs(times - 20) <= 16 + 4).all()


def test_a_sample_keeps_to_its_region() -> None:
    among = np.arange(1000) % 7 == 0

    drawn = sampling.simple(sampling.draws(PAIRS, 1, "x"), 50, among)

    assert len(set(drawn.tolist())) == 50
    assert among[drawn].all()
    assert (np.diff(drawn) > 0).all()
    assert len(sampling.simple(sampling.draws(PAIRS, 1, "x"), 5000, among)) == among.sum()


def test_strata_are_deciles_and_equal_scores_share_one() -> None:
    assert np.bincount(sampling.strata(np.arange(1000.0))).tolist() == [100] * 10
    assert len(set(sampling.strata([1.0] * 5 + [2.0] * 5).tolist())) == 2
    assert sampling.strata([]).tolist() == []


def test_a_stratified_sample_stands_for_all_pairs() -> None:
    scores = np.random.default_rng(0).exponential(size=1000).round(2)
    of = sampling.strata(scores)

    at, weights = sampling.stratified(of, sampling.draws(PAIRS, 13, "fit"), 400)

    assert len(at) == 400
    assert weights.sum() == pytest.approx(1000)
    for name in range(10):
        size, n = (of == name).sum(), (of[at] == name).sum()
        assert weights[of[at] == name] == pytest.approx(size / n)


@pytest.mark.parametrize(
    ("sizes", "n", "shares"),
    [
        ([100, 100], 50, [25, 25]),
        ([10, 100, 100], 100, [10, 45, 45]),
        ([5, 5], 100, [5, 5]),
        ([9, 9, 9], 10, [3, 3, 4]),
        ([], 5, []),
    ],
)
def test_what_a_small_stratum_lacks_the_others_give(
    sizes: list[int], n: int, shares: list[int]
) -> None:
    assert sampling.shared_out(sizes, n) == shares


# --- the walk -----------------------------------------------------------------------------


def test_a_grid_goes_from_strict_to_loose_and_leaves_out_what_cannot_pass() -> None:
    scores = np.arange(2000.0)

    above = certify.grid(scores, certify.ABOVE, PRECISION)
    below = certify.grid(scores, certify.BELOW, MISSED)

    assert [cut.n_region for cut in above] == [40, 100, 200, 400]
    assert [cut.share for cut in above] == [0.02, 0.05, 0.10, 0.20]
    assert [cut.n_region for cut in below] == [400, 800, 1200, 1400, 1600, 1800]
    assert certify.grid(np.arange(100.0), certify.ABOVE, PRECISION) == []


def test_equal_scores_are_one_region() -> None:
    cuts = certify.grid([1.0] * 500 + [2.0] * 500, certify.ABOVE, PRECISION)

    assert [(cut.threshold, cut.n_region) for cut in cuts] == [(2.0, 500)]


def grades(n: int, errors: int) -> list[int | None]:
    return [0] * errors + [2] * (n - errors)


@pytest.mark.parametrize(
    ("size", "errors", "n"), [(60, 3, 40), (55, 3, 55), (300, 0, 29), (9, 9, 9)]
)
def test_a_small_region_has_the_most_errors_that_fit_its_sample(
    size: int, errors: int, n: int
) -> None:
    fits = [k for k in range(size + 1) if hypergeom(size, k, n).cdf(errors) > 0.05]
    possible = [k for k in fits if errors <= k <= size - (n - errors)]

    assert certify.bound_in(size, errors, n) == max(possible) / size


def test_a_region_that_is_wholly_judged_is_known_and_a_large_one_is_as_the_binomial() -> None:
    assert certify.bound_in(55, 3, 55) == 3 / 55
    assert certify.bound_in(2_000_000, 13, 208) == pytest.approx(
        certify.upper_bound(13, 208), rel=1e-3
    )
    with pytest.raises(ValueError, match="4 of 3 of 9"):
        certify.bound_in(9, 4, 3)


def test_the_walk_stops_at_the_first_failure() -> None:
    cuts = [Cut(share, -share, 10_000) for share in certify.ABOVE]
    found = dict(zip(certify.ABOVE, (2, 13, 14, 0, 0, 0), strict=True))

    walk = certify.walk(cuts, PRECISION, lambda cut: grades(208, found[cut.share]))

    assert [one.passed for one in walk.tried] == [True, True, False]
    assert walk.threshold == -0.01
    assert walk.waits_for is None


def test_a_walk_that_fails_at_once_has_no_threshold_and_one_without_grades_waits() -> None:
    cuts = [Cut(0.1, 1.0, 50_000)]

    assert certify.walk(cuts, PRECISION, lambda _: grades(208, 14)).threshold is None
    assert certify.walk(cuts, PRECISION, lambda _: None).waits_for == cuts[0]


# --- what is promised, simulated ----------------------------------------------------------


def pool(seed: int, steepness: float, middle: float, n: int = 20_000) -> tuple[np.ndarray, ...]:
    """Scores, and whether each pair is relevant: more often the higher its score."""
    rng = np.random.default_rng(seed)
    scores = rng.normal(size=n)
    relevant = rng.random(n) < 0.97 / (1 + np.exp(-steepness * (scores - middle)))
    return scores, relevant


Sampled = Callable[[Cut], Sequence[int | None]]


def judge(scores: np.ndarray, relevant: np.ndarray, claim: Claim, seed: int) -> Sampled:
    """A fresh random sample of a cut's region, judged right."""

    def sample(cut: Cut) -> list[int | None]:
        rng = np.random.default_rng([seed, round(1000 * cut.share)])
        region = claim.region(scores, cut.threshold)
        at = sampling.simple(rng.random(len(scores)), 208, region)
        return [2 * int(one) for one in relevant[at]]

    return sample


def wrong_claims(claim: Claim, shares: Sequence[float], middle: float) -> tuple[int, int]:
    """Of 100 seeds: how many thresholds break their claim, and how many there are."""
    broken = n = 0
    for seed in SEEDS:
        scores, relevant = pool(seed, 2.5, middle)
        cuts = certify.grid(scores, shares, claim)
        threshold = certify.walk(cuts, claim, judge(scores, relevant, claim, seed)).threshold
        if threshold is None:
            continue
        n += 1
        region = claim.region(scores, threshold)
        errors = ~relevant[region] if claim.side == "above" else relevant[region]
        broken += bool(errors.mean() > claim.limit)
    return broken, n


@pytest.mark.parametrize("middle", [0.55, 0.7, 0.9])
def test_certified_precision_holds_in_95_of_100_seeds(middle: float) -> None:
    broken, n = wrong_claims(PRECISION, certify.ABOVE, middle)

    assert n >= 50
    assert broken <= 5


@pytest.mark.parametrize("middle", [1.0, 1.3, 2.0])
def test_the_bound_on_what_is_missed_holds_in_95_of_100_seeds(middle: float) -> None:
    broken, n = wrong_claims(MISSED, certify.BELOW, middle)

    assert n >= 50
    assert broken <= 5


def test_labels_that_just_miss_the_precision_are_hardly_ever_certified() -> None:
    """The worst case: 89.5 % are right at every score, so that every threshold is wrong."""
    claimed = 0
    for seed in SEEDS:
        rng = np.random.default_rng(seed)
        blocks = np.tile(np.arange(1000) >= 105, (200, 1))  # of each threshold's region too
        scores, relevant = -np.arange(200_000.0), rng.permuted(blocks, axis=1).ravel()
        cuts = certify.grid(scores, certify.ABOVE, PRECISION)
        walk = certify.walk(cuts, PRECISION, judge(scores, relevant, PRECISION, seed))
        claimed += walk.threshold is not None

    assert claimed <= 5


def test_without_the_bound_the_same_walk_breaks_its_promise() -> None:
    """The share that the sample shows, taken at its word, is wrong far more often."""
    loose = Claim("above", 0.10, confidence=0.5)

    broken, _ = wrong_claims(loose, certify.ABOVE, 0.7)

    assert broken > 5


# --- what a claim would need that nothing has shown ----------------------------------------


@pytest.mark.parametrize(
    ("rate", "claim", "n"), [(0.0, PRECISION, 29), (0.05, PRECISION, 179), (0.1, PRECISION, None)]
)
def test_a_sample_is_as_large_as_its_chance_to_pass_asks_for(
    rate: float, claim: Claim, n: int | None
) -> None:
    found = needed.sample_size(rate, claim)

    assert found == n
    if n is not None:
        assert binom.cdf(certify.most_errors(n, claim.limit), n, rate) >= needed.POWER


def failed(scores: np.ndarray, wrong: np.ndarray, claim: Claim) -> Tried:
    """The walk over a pool of which every pair was judged."""
    grade = np.where(wrong == (claim.side == "above"), 0, 3)
    (cut,) = certify.grid(scores, (1.0,) if claim.side == "above" else (0.99,), claim)
    inside = claim.region(scores, cut.threshold)
    walk: Walk = certify.walk([cut], claim, lambda _: grade[inside].tolist())
    assert walk.threshold is None
    return walk.tried[0]


def test_a_region_that_is_good_enough_needs_a_larger_sample() -> None:
    scores, wrong = np.linspace(0, 1, 10_000), np.arange(10_000) % 14 == 0
    tried = Tried(1.0, 0.0, 10_000, 208, 15, certify.upper_bound(15, 208), False)
    drawn = np.arange(1, 10_000, 47)[:208]

    found = needed.needed(PRECISION, tried, scores[drawn].tolist(), wrong[drawn].tolist(), scores)

    assert (found.threshold, found.n) == (0.0, 208)
    assert found.n_needed is not None
    assert found.n_needed > 208
    steps = {side: {"tried": [{"threshold": 0.0}], "limit": 0.1} for side in ("above", "below")}
    steps["above"]["needed"] = asdict(found)
    (line,) = needed.lines(steps)
    assert line.startswith(f"tau plus needs about {found.n_needed - 208:,} more judged pairs")
    assert line.endswith(f"--step {found.n_needed}")


def test_where_only_the_best_scores_are_good_a_stricter_start_is_named() -> None:
    scores = np.linspace(0, 1, 1000)
    wrong = (scores < 0.8) & (np.arange(1000) % 2 == 0)

    found = needed.needed(
        PRECISION, failed(scores, wrong, PRECISION), scores.tolist(), wrong.tolist(), scores
    )

    assert found.n_needed is not None
    assert 0.5 < found.threshold < 0.8
    assert found.errors < 0.1 * found.n == 0.1 * found.n_region
    tried = [{"threshold": 0.0, "n": 1000}]
    steps = {"above": {"tried": tried, "limit": 0.1, "needed": asdict(found)}}
    (line,) = needed.lines(steps | {"below": {"needed": None}})
    steps["above"]["tried"] = [{"threshold": 0.0, "n": 20}]
    assert next(needed.lines(steps | {"below": {}})) == f"{line} --step {found.n_needed}"
    share = float(line.rpartition("--top ")[2])
    assert certify.grid(scores, [share], PRECISION)[0].n_region >= found.n_region


def test_scores_that_tell_nothing_apart_are_said_to_need_a_better_ranking() -> None:
    scores, wrong = np.linspace(0, 1, 1000), np.arange(1000) % 5 == 0
    tried = failed(scores, wrong, PRECISION)

    found = needed.needed(PRECISION, tried, scores.tolist(), wrong.tolist(), scores)

    assert found.n_needed is None
    steps = {"above": {"tried": [{"threshold": 0.0}], "limit": 0.1, "needed": asdict(found)}}
    (line,) = needed.lines(steps | {"below": {}})
    assert "is not had by judging more" in line
    assert len(line) < 200
    shown = float(line.rpartition("--precision ")[2])
    assert shown <= 1 - tried.bound < shown + 0.01


def test_of_a_small_region_no_more_pairs_are_needed_than_it_has() -> None:
    scores, wrong = np.linspace(0, 1, 100), np.arange(100) == 40
    tried = Tried(0.9, 2.0, 100, 60, 1, certify.bound_in(100, 4, 60), False)

    found = needed.needed(MISSED, tried, scores[:60].tolist(), wrong[:60].tolist(), scores)

    assert certify.most_errors(100, MISSED.limit) < 2
    assert found.n_needed == found.n_region == 100


# --- estimates ----------------------------------------------------------------------------


def counts(
    pooled: list[int], drawn: list[int], relevant: list[int], *found: int
) -> estimates.Counts:
    return estimates.Counts(np.array(pooled), np.array(drawn), np.array(relevant), *found)


def test_missed_and_recall_by_hand() -> None:
    found = estimates.missed(counts([200, 40], [10, 10], [1, 5], 6, 4, 3, 7))

    assert found.missed.value == pytest.approx(200 * 1 / 10 + 40 * 5 / 10)
    assert found.rate.value == pytest.approx(40 / 240)
    assert found.found.value == pytest.approx(7 + 6 * 3 / 4)
    assert found.recall.value == pytest.approx(11.5 / 51.5)
    assert (found.n_unlabelled, found.n_drawn, found.n_relevant) == (240, 20, 6)


def test_a_stratum_of_which_nothing_was_drawn_takes_the_rate_of_all() -> None:
    found = estimates.missed(counts([100, 50], [10, 0], [2, 0], 0, 0, 0, 4))

    assert found.missed.value == pytest.approx(150 * 2 / 10)


def test_labels_that_nobody_checked_leave_recall_unknown() -> None:
    found = estimates.missed(counts([100], [20], [1], 6, 0, 0, 3))

    assert found.rate.value == pytest.approx(0.05)
    assert (found.recall.value, found.found.value) == (None, None)


def test_without_a_positive_label_there_is_no_recall() -> None:
    found = estimates.missed(counts([100], [50], [5], 0, 0, 0, 0))

    assert found.rate.value == pytest.approx(0.1)
    assert (found.recall.value, found.recall.low) == (None, None)


def test_none_found_is_not_none_there() -> None:
    found = estimates.missed(counts([200], [40], [0], 0, 0, 0, 40))

    exact = binomtest(0, 40).proportion_ci(0.95, "exact").high
    assert found.rate.value == 0
    assert found.rate.high is not None
    assert exact <= found.rate.high < 1.3 * exact
    assert found.recall.low == pytest.approx(40 / (40 + 200 * found.rate.high))
    assert (found.recall.value, found.recall.high) == (1, 1)


def test_nothing_left_is_nothing_missed() -> None:
    found = estimates.missed(counts([0], [10], [2], 0, 0, 0, 5))

    assert found.missed == estimates.Estimate(0, 0, 0)
    assert found.recall == estimates.Estimate(1, 1, 1)


def test_nothing_drawn_is_refused() -> None:
    with pytest.raises(ValueError, match="was drawn and judged"):
        estimates.missed(counts([0], [0], [0], 0, 0, 0, 0))


@pytest.mark.parametrize(
    "rates", [(0.0005, 0.001, 0.004, 0.3), (0.002, 0.01, 0.05, 0.4), (0.0, 0.0, 0.002, 0.02)]
)
def test_intervals_cover_the_truth(rates: tuple[float, ...]) -> None:
    """Few of the drawn pairs are relevant, and each stands for many; 93 % and more hold it."""
    hits = {"missed": 0, "rate": 0, "recall": 0}
    seeds = range(400)
    for seed in seeds:
        rng = np.random.default_rng(seed)
        pooled = np.array([4000, 4000, 3000, 500])
        lost = rng.binomial(pooled, rates)
        drawn = np.array([40, 40, 40, 40])
        relevant = rng.hypergeometric(lost, pooled - lost, drawn)
        confirmed = int(rng.hypergeometric(270, 30, 100))
        found = estimates.missed(
            estimates.Counts(pooled, drawn, relevant, 200, 100, confirmed, confirmed)
        )
        truth = {
            "missed": lost.sum(),
            "rate": lost.sum() / pooled.sum(),
            "recall": 270 / (270 + lost.sum()),
        }
        for name, value in truth.items():
            one = getattr(found, name)
            hits[name] += one.low <= value <= one.high

    assert min(hits.values()) >= 0.93 * len(seeds)


def test_none_of_200_outside_the_pool_is_at_most_one_and_a_half_percent() -> None:
    found = estimates.outside(0, 200)

    assert found.value == 0
    assert found.high == pytest.approx(0.015, abs=0.0005)
    assert estimates.outside(0, 0).value is None


def test_a_rate_is_corrected_for_what_the_judge_gets_wrong() -> None:
    truth, sensitivity, specificity = 0.7, 0.9, 0.8
    seen = truth * sensitivity + (1 - truth) * (1 - specificity)

    assert estimates.corrected(seen, sensitivity, specificity) == pytest.approx(truth)
    assert estimates.corrected(0.99, 0.9, 0.8) == 1.0
    assert estimates.corrected(0.5, 0.5, 0.5) is None


def test_a_judge_beside_people() -> None:
    assert estimates.against_people([1, 1, 0, 0, 1], [1, 1, 1, 0, 0]) == pytest.approx((2 / 3, 0.5))
    assert estimates.against_people([1, 0], [1, 1]) is None


# --- what happens to a pair ---------------------------------------------------------------


def test_pairs_between_the_thresholds_are_asked_about_the_least_certain_first() -> None:
    curve = isotonic.Curve((0.0, 1.0), (0.0, 1.0))

    found = cascade.decide([0.95, 0.1, 0.8, 0.55, 0.3], curve, 0.9, 0.2, budget=2)

    assert [one.tolist() for one in found] == [[0], [1], [3, 4], [2]]


def test_without_thresholds_all_pairs_are_asked_about() -> None:
    curve = isotonic.Curve((0.0,), (0.5,))

    assert len(cascade.decide([0.1, 0.9], curve, None, None).asked) == 2


def test_on_a_step_of_the_curve_the_better_scores_are_asked_about_first() -> None:
    flat = isotonic.Curve((0.0, 1.0), (0.2, 0.2))

    assert cascade.decide([0.1, 0.7, 0.4], flat, None, None, budget=2).asked.tolist() == [1, 2]


@pytest.mark.parametrize(
    ("grade", "probability", "disputed"),
    [
        (3, 0.9, False), (3, 0.2, True), (0, 0.1, False), (0, 0.8, True), (1, None, True),
        (2, 0.9, True), (0, None, False), (None, 0.1, True),
    ],
)  # fmt: skip
def test_a_second_judge_looks_where_the_first_is_unsure_or_against_the_score(
    grade: int | None, probability: float | None, disputed: bool
) -> None:
    assert cascade.is_disputed(grade, probability) is disputed


# --- the file -----------------------------------------------------------------------------


def test_a_calibration_is_known_by_its_hash(tmp_path: Path) -> None:
    body = {"level": "passage", "tau_plus": 0.75, "curve": {"x": [0.1], "y": [1.0]}}

    path = store.write(tmp_path, "passage", body)

    found = store.read(tmp_path, "passage")
    assert found == {"calibration_id": store.calibration_id(body), **body}
    assert store.calibration_id(found) == store.calibration_id(body)
    assert store.read(tmp_path, "topic") is None
    path.write_text(path.read_text().replace("0.75", "0.65"))
    with pytest.raises(DatasetError, match="was changed after it was written"):
        store.read(tmp_path, "passage")


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"calibration_id": 1', "[" * 100_000])
def test_what_is_no_calibration_is_one_line(text: str, tmp_path: Path) -> None:
    path = store.write(tmp_path, "passage", {"level": "passage"})
    path.write_text(text)

    with pytest.raises(DatasetError, match=r"is no calibration \(.*Run `datakit calibrate"):
        store.read(tmp_path, "passage")

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_array
from scipy.sparse.csgraph import maximum_bipartite_matching

from datakit.errors import UsageError
from datakit.segmentation import measures
from datakit.segmentation.baselines import best_cut_off, depth_scores, peaks, smoothed


def gaps(marks: str) -> np.ndarray:
    return np.array([mark == "1" for mark in marks])


Pair = tuple[np.ndarray, np.ndarray]
PAIRS = st.integers(1, 60).flatmap(
    lambda n: st.tuples(*[st.lists(st.booleans(), min_size=n, max_size=n).map(np.array)] * 2)
)


def test_pk_counts_pairs_of_lines_that_are_wrongly_together_or_apart() -> None:
    # lines a b c | d e f, found a b | c d e f; two apart: ac, bd, ce, df; ac and ce are wrong
    assert measures.pk(gaps("00100"), gaps("01000")) == 0.5


def test_window_diff_counts_windows_with_another_number_of_boundaries() -> None:
    # windows of two gaps: 01 against 11, 10 against 11, 00 against 10, 00 against 00
    assert measures.window_diff(gaps("01000"), gaps("11100"), k=2) == pytest.approx(3 / 4)


@pytest.mark.parametrize(("marks", "k"), [("0", 1), ("00", 2), ("0" * 19, 10), ("01" * 5, 2)])
def test_window_is_half_the_mean_length_of_a_segment_and_2_or_more(marks: str, k: int) -> None:
    assert measures.window_size(gaps(marks)) == k


def test_a_boundary_next_to_the_right_gap_costs_half_of_one_that_is_missing() -> None:
    gold = gaps("0010000")

    assert measures.boundary_similarity(gold, gaps("0001000")) == 0.5
    assert measures.boundary_similarity(gold, gaps("0000000")) == 0.0
    assert measures.boundary_similarity(gold, gold) == 1.0
    assert measures.boundary_similarity(gaps("000"), gaps("000")) == 1.0


@given(PAIRS)
def test_measures_are_best_for_the_gold_itself_and_in_range_else(pair: Pair) -> None:
    gold, found = pair

    assert measures.pk(gold, gold) == measures.window_diff(gold, gold) == 0.0
    assert measures.boundary_similarity(gold, gold) == measures.f_score(gold, gold).f1 == 1.0
    assert 0 <= measures.pk(gold, found) <= measures.window_diff(gold, found) <= 1
    assert 0 <= measures.boundary_similarity(gold, found) <= 1


@given(PAIRS)
def test_tolerance_matches_one_to_one_and_as_many_as_can_be(pair: Pair) -> None:
    gold, found = pair
    wanted, had = np.flatnonzero(gold), np.flatnonzero(found)
    near = np.abs(wanted[:, None] - had[None, :]) <= 1
    best = maximum_bipartite_matching(csr_array(near)) if near.size else np.array([-1])

    assert measures.n_matches(gold, found, 1) == int((best >= 0).sum())
    assert measures.n_matches(gold, found) <= measures.n_matches(gold, found, 1)


def test_f_scores_are_those_of_boundaries() -> None:
    scores = measures.f_score(gaps("10100"), gaps("01010"), tolerance=1)
    strict = measures.f_score(gaps("10100"), gaps("10010"))

    assert (scores.precision, scores.recall, scores.f1) == (1.0, 1.0, 1.0)
    assert (strict.precision, strict.recall, strict.f1) == (0.5, 0.5, 0.5)


def test_nothing_found_where_nothing_is_to_be_found_is_right() -> None:
    assert measures.f_score(gaps("000"), gaps("000")).f1 == 1.0
    assert measures.f_score(gaps("010"), gaps("000")).precision == 0.0


def test_gaps_of_two_documents_are_refused() -> None:
    with pytest.raises(UsageError, match=r"gold has shape \(3,\), found has \(2,\)"):
        measures.pk(gaps("010"), gaps("01"))
    with pytest.raises(UsageError, match="one line has no gap"):
        measures.pk(gaps(""), gaps(""))


# --- what baselines compute --------------------------------------------------------------------


def test_depth_is_measured_from_the_nearest_peak_on_each_side() -> None:
    # the gap of 0.2 lies 0.7 below the peak to its left and 0.3 below that to its right
    depths = depth_scores(np.array([0.1, 0.9, 0.2, 0.5, 0.4]))

    np.testing.assert_allclose(depths, [0.8, 0.0, 1.0, 0.0, 0.1])


def test_of_peaks_too_near_each_other_the_higher_stays() -> None:
    assert peaks(np.array([0.2, 0.9, 0.5, 0.1, 0.6]), apart=2).tolist() == [
        False, True, False, False, True,
    ]  # fmt: skip


def test_smoothing_keeps_a_constant_and_every_place() -> None:
    assert smoothed(np.full(5, 2.0), np.ones(3)).tolist() == [2.0] * 5
    assert smoothed(np.array([0.0, 0, 6, 0, 0]), np.ones(3)).tolist() == [0, 2, 2, 2, 0]
    assert smoothed(np.array([3.0]), np.ones(7)).tolist() == [3.0]


def test_the_cut_off_is_the_one_with_the_best_measure() -> None:
    golds = [gaps("00100100"), gaps("0100")]
    scores = [np.array([0.1, 0.2, 1.9, 0.3, 0.2, 1.5, 0.4, 0.1]), np.array([0.2, 1.7, -np.inf, 0])]

    for criterion in ("f1", "pk"):
        c = best_cut_off(golds, scores, criterion)  # type: ignore[arg-type]
        assert 0.4 < c <= 1.5

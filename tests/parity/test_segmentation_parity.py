"""Measures equal those of segeval and nltk; depth scores equal nltk's; C99 is near its paper."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
import segeval
from hypothesis import given
from hypothesis import strategies as st
from nltk.metrics.segmentation import pk as nltk_pk
from nltk.metrics.segmentation import windowdiff as nltk_windowdiff
from nltk.tokenize.texttiling import TextTilingTokenizer

from datakit.segmentation import measures
from datakit.segmentation.baselines import C99, cuts, depth_scores, peaks
from datakit.segmentation.corpus import read

N_CHOI = 50  # documents of the 400 with segments of 3 to 11 sentences
Pair = tuple[np.ndarray, np.ndarray]


def pairs(least: int, most: int = 80) -> st.SearchStrategy[Pair]:
    one = st.integers(least, most).flatmap(
        lambda n: st.tuples(
            *[
                st.floats(0.02, 0.9).flatmap(
                    lambda p: st.lists(st.floats(0, 1).map(lambda x: x < p), min_size=n, max_size=n)
                )
            ]
            * 2
        )
    )
    return one.map(lambda both: (np.array(both[0]), np.array(both[1])))


def masses(gaps: np.ndarray) -> tuple[int, ...]:
    """Lengths of the segments in lines."""
    edges = [0, *(np.flatnonzero(gaps) + 1).tolist(), len(gaps) + 1]
    return tuple(np.diff(edges).tolist())


# segeval cannot divide by zero windows: two lines have none of its size, 2
@given(pairs(least=2))
def test_windows_equal_segeval(pair: Pair) -> None:
    gold, found = pair
    wanted, had = masses(gold), masses(found)

    assert measures.window_size(gold) == segeval.compute_window_size(wanted)
    assert measures.pk(gold, found) == pytest.approx(float(segeval.pk(had, wanted)))
    assert measures.window_diff(gold, found) == pytest.approx(
        float(segeval.window_diff(had, wanted))
    )


# without any boundary segeval fails (max of nothing)
@given(pairs(least=1).filter(lambda pair: pair[0].any() or pair[1].any()), st.integers(2, 5))
def test_boundary_similarity_equals_segeval(pair: Pair, near: int) -> None:
    gold, found = pair
    theirs = segeval.boundary_similarity(masses(gold), masses(found), n_t=near)

    assert measures.boundary_similarity(gold, found, near) == pytest.approx(float(Decimal(theirs)))


@given(pairs(least=1), st.data())
def test_windows_equal_nltk(pair: Pair, data: st.DataObject) -> None:
    gold, found = pair
    k = data.draw(st.integers(1, len(gold)))
    wanted, had = ("".join(map(str, gaps.astype(int))) for gaps in pair)

    assert measures.pk(gold, found, k) == pytest.approx(nltk_pk(wanted, had, k))
    assert measures.window_diff(gold, found, k) == pytest.approx(nltk_windowdiff(wanted, had, k))


@given(st.lists(st.floats(0, 1), min_size=12, max_size=60))
def test_depths_and_boundaries_equal_nltk(similarities: list[float]) -> None:
    theirs = TextTilingTokenizer(stopwords=["the"])
    clipped = min(max(len(similarities) // 10, 2), 5)  # nltk gives these no depth
    inside = slice(clipped, -clipped)

    depths = np.zeros(len(similarities))
    depths[inside] = depth_scores(np.array(similarities))[inside]
    cut_off = depths.mean() - depths.std() / 2
    boundaries = peaks(depths, apart=4) & (depths > cut_off)  # nltk's are 4 gaps apart or more

    np.testing.assert_allclose(depths, theirs._depth_scores(similarities), atol=1e-12)
    assert boundaries.tolist() == [b == 1 for b in theirs._identify_boundaries(depths.tolist())]


def test_c99_is_within_three_points_of_its_paper(shared_data: Path) -> None:
    found = (d for d in read([shared_data / "segmentation" / "choi"]) if "/3-11/" in d.doc_id)
    documents = [document.variant("stripped") for document in found][::8][:N_CHOI]
    golds = [document.gold("section") for document in documents]

    cut = cuts(C99(), [document.lines for document in documents])  # his c, nothing chosen here
    values = [measures.pk(gold, one[:, 0]) for gold, one in zip(golds, cut, strict=True)]

    assert len(documents) == N_CHOI
    assert np.mean(values) == pytest.approx(0.13, abs=0.03)  # Choi 2000 reports 13 % for C99

"""Search by inner product: exact whatever the block sizes, the precision and the device."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from datakit.retrievers import _codes, _exact
from datakit.retrievers._codes import CodeName
from datakit.retrievers._exact import Compiled, InTorch, Vectors, top_k

RNG = np.random.default_rng(1)


def unit(vectors: np.ndarray) -> np.ndarray:
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def texts_like(n: int, dim: int = 64) -> np.ndarray:
    """Vectors in bundles, as those of passages on a few subjects are."""
    subjects = RNG.normal(size=(12, dim))
    return unit(subjects[RNG.integers(0, 12, n)] + RNG.normal(size=(n, dim)))


@pytest.fixture(params=["bfloat16", "float32"])
def precision(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """The product in both precisions, whatever this processor is faster in."""
    monkeypatch.setattr(_codes, "_half_is_faster", lambda device: request.param == "bfloat16")
    return str(request.param)


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_exact, "PASSAGES_A_BLOCK", {"cpu": 100})
    monkeypatch.setattr(_exact, "QUERIES_A_BLOCK", {"cpu": 3})
    monkeypatch.setattr(_exact, "QUERIES_AT_ONCE", 7)


@pytest.mark.usefixtures("precision", "small_blocks")
@pytest.mark.parametrize("k", [1, 7, 40, 1000])
def test_of_equal_scores_the_earlier_row_comes_first_at_the_cut_too(k: int) -> None:
    # small whole numbers: many scores are equal, and every product is without rounding
    queries = RNG.integers(-2, 3, (10, 4)).astype(np.float32)
    passages = RNG.integers(-2, 3, (900, 4)).astype(np.float32)
    every = queries @ passages.T

    scores, rows = top_k(queries, passages, k)

    expected = np.argsort(-every, axis=1, kind="stable")[:, :k]
    np.testing.assert_array_equal(rows, expected)
    np.testing.assert_array_equal(scores, np.take_along_axis(every, expected, 1))


@pytest.mark.usefixtures("small_blocks")
def test_what_is_found_hangs_on_neither_precision_nor_blocks(
    precision: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    passages, queries = texts_like(1500), texts_like(20)
    every = queries.astype(float) @ passages.astype(float).T
    vectors = Vectors(passages)

    scores, rows = vectors.search(queries, 50)

    assert str(vectors.codes.dtype) == f"torch.{precision}"
    np.testing.assert_array_equal(rows, np.argsort(-every, axis=1)[:, :50])
    monkeypatch.undo()
    np.testing.assert_array_equal(top_k(queries, passages, 50)[0], scores)


@pytest.mark.usefixtures("precision")
def test_copies_beyond_the_candidates_are_searched_again() -> None:
    passages = texts_like(1000)
    passages[::2] = passages[0]  # 500 copies: no product says which of them are the first

    _, rows = top_k(passages[:1], passages, 60)

    np.testing.assert_array_equal(rows[0], np.arange(0, 120, 2))


@pytest.mark.usefixtures("precision")
def test_the_slack_covers_every_error_of_the_product() -> None:
    passages, queries = texts_like(400), texts_like(50)
    codes = Vectors(passages).codes
    coded = codes.queries(queries)
    found = (coded @ codes.rows(0, 400).T).float().numpy()
    true = queries.astype(float) @ passages.astype(float).T

    for scores, truth in zip(found.T, true.T, strict=True):
        assert (abs(truth - scores) <= codes.slack(queries, coded, scores)).all()


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
@pytest.mark.parametrize("shift", [0.0, -9.0])
def test_both_running_top_ks_keep_the_same(dtype: torch.dtype, shift: float) -> None:
    # below 0 the order of the bits is the other way round
    scores = (torch.from_numpy(RNG.normal(size=(4, 1000)).astype("f4")) + shift).to(dtype)
    kept = []
    for keep in (Compiled(4, 30), InTorch(4, 30, scores)):
        for first in range(0, 1000, 150):
            keep.take(slice(0, 4), scores[:, first : first + 150].contiguous(), first)
        weakest, rows = keep.result()
        np.testing.assert_array_equal(weakest, scores.float().topk(30).values[:, -1].numpy())
        kept.append(scores.gather(1, torch.from_numpy(rows)).float().sort(dim=1).values)

    assert torch.equal(*kept)


@pytest.mark.usefixtures("precision")
@pytest.mark.parametrize(("codes", "recall"), [("int8", 0.99), ("binary", 0.5)])
def test_codes_find_most_and_score_in_full_precision(codes: CodeName, recall: float) -> None:
    passages, queries = texts_like(2000), texts_like(20)
    exact, rows = top_k(queries, passages, 10)

    scores, found = Vectors(passages, codes).search(queries, 10)

    shared = [len(set(a) & set(b)) / 10 for a, b in zip(rows, found, strict=True)]
    assert np.mean(shared) >= recall
    both = found == rows
    np.testing.assert_array_equal(scores[both], exact[both])


def test_more_candidates_find_more() -> None:
    passages, queries = texts_like(2000), texts_like(20)
    _, rows = top_k(queries, passages, 10)

    def recall(rescore: int) -> float:
        _, found = Vectors(passages, "binary", rescore=rescore).search(queries, 10)
        return float(np.mean([len(set(a) & set(b)) for a, b in zip(rows, found, strict=True)]))

    assert recall(1) < recall(8) <= recall(200) == 10


def test_codes_take_a_quarter_and_a_32nd_of_the_memory() -> None:
    passages = texts_like(100)

    assert Vectors(passages, "int8").codes.held.nbytes == passages.nbytes // 4
    assert Vectors(passages, "binary").codes.held.nbytes == passages.nbytes // 32


def test_a_dimension_without_a_value_is_no_division_by_zero() -> None:
    passages = np.pad(texts_like(100), ((0, 0), (0, 1)))

    _, rows = Vectors(passages, "int8").search(passages[:5], 1)

    np.testing.assert_array_equal(rows[:, 0], np.arange(5))


@pytest.mark.usefixtures("precision")
def test_vectors_are_read_from_a_file_that_may_not_be_written(tmp_path: object) -> None:
    path = f"{tmp_path}/vectors.npy"
    passages = texts_like(300)
    np.save(path, passages)

    scores, rows = Vectors(np.load(path, mmap_mode="r")).search(passages[:4], 20)

    np.testing.assert_array_equal(rows, top_k(passages[:4], passages, 20)[1])
    np.testing.assert_allclose(scores[:, 0], 1, rtol=1e-6)

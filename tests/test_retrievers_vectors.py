"""Vectors in chunks whose borders hang on the texts alone, and what is kept of them on disk."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from datakit import vectors
from datakit.vectors import encode_unique, forget_unused, vectors_kept_in

TEXTS = [f"clause {i} " + "of the contract " * (i % 9) for i in range(400)]
CHUNK = 1000


class Counting:
    """An encoder whose vectors show the chunk that a text was in."""

    def __init__(self) -> None:
        self.chunks: list[list[str]] = []

    def __call__(self, texts: Sequence[str]) -> np.ndarray:
        self.chunks.append(list(texts))
        return np.array([[len(text), len(texts)] for text in texts], np.float32)


def encoded(texts: list[str], model: str = "m") -> tuple[np.ndarray, Counting]:
    encode = Counting()
    return encode_unique(texts, {"model": model}, encode, CHUNK), encode


def test_every_text_gets_its_vector_and_copies_the_same() -> None:
    found, encode = encoded([*TEXTS, TEXTS[3]])

    np.testing.assert_array_equal(found[:-1, 0], [len(text) for text in TEXTS])
    np.testing.assert_array_equal(found[-1], found[3])
    assert sorted(text for chunk in encode.chunks for text in chunk) == sorted(TEXTS)
    assert encoded([])[0].shape == (0, 0)


def test_chunks_are_of_about_one_length_and_of_the_size_wanted() -> None:
    _, encode = encoded(TEXTS)
    sizes = [sum(map(len, chunk)) for chunk in encode.chunks]

    assert CHUNK / 2 < np.mean(sizes) < CHUNK * 2
    assert max(sizes) < CHUNK * (vectors.MOST_CHUNKS_LONG + 1)
    assert np.mean([max(map(len, c)) - min(map(len, c)) for c in encode.chunks]) < 20


def test_a_text_that_comes_or_goes_costs_its_own_chunk(tmp_path: Path) -> None:
    with vectors_kept_in(tmp_path):
        _, first = encoded(TEXTS)
        again, none = encoded(TEXTS[::-1])
        grown, more = encoded([*TEXTS, "a new clause of the contract"])
        _, fewer = encoded(TEXTS[1:])
    fresh, _ = encoded([*TEXTS, "a new clause of the contract"])

    assert none.chunks == []
    np.testing.assert_array_equal(again[::-1], encoded(TEXTS)[0])
    assert len(first.chunks) > 10
    assert len(more.chunks) <= 2
    assert len(fewer.chunks) <= 2
    np.testing.assert_array_equal(grown, fresh)


def test_another_encoder_has_other_vectors(tmp_path: Path) -> None:
    with vectors_kept_in(tmp_path):
        encoded(TEXTS)
        _, other = encoded(TEXTS, "another")

    assert other.chunks


def test_a_large_list_lies_in_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vectors, "MAPPED_FROM", 1)

    with vectors_kept_in(tmp_path):
        found, _ = encoded(TEXTS)

    assert isinstance(found, np.memmap)
    np.testing.assert_array_equal(found, encoded(TEXTS)[0])
    assert all(path.parent != tmp_path for path in tmp_path.rglob("*") if path.is_file())


def test_what_nobody_asked_for_is_forgotten(tmp_path: Path) -> None:
    with vectors_kept_in(tmp_path):
        encoded(TEXTS[:200])
        for path in tmp_path.glob("*/*.npy"):
            os.utime(path, (0, 0))
        encoded(TEXTS[:100])
        read = {path for path in tmp_path.glob("*/*.npy") if path.stat().st_mtime > 0}

    forget_unused(tmp_path)

    assert set(tmp_path.glob("*/*.npy")) == read
    assert read

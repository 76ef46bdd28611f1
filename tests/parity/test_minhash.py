"""Signatures equal datasketch's; pairs equal those of an exact comparison."""

from __future__ import annotations

import random
from collections.abc import Callable
from itertools import combinations

import numpy as np
import pytest

from datakit.miners import _minhash
from datakit.miners.duplicates import Duplicates
from datakit.records import Passage, normal_key

TEXTS = ["the quick brown fox jumps over the lazy dog", "天地玄黄宇宙洪荒日月盈昃", "one two"]


def test_signatures_equal_datasketch_bit_for_bit() -> None:
    from datasketch import MinHash

    cut = _minhash.units([normal_key(text) for text in TEXTS])
    hashes, lengths = _minhash.shingles(cut, 5)
    ours = _minhash.signatures(hashes, lengths[lengths > 0], 64, seed=7)

    assert lengths.tolist() == [5, 8, 0]
    for column, part in zip(ours.T, np.split(hashes, lengths.cumsum()[:2]), strict=False):
        theirs = MinHash(64, seed=7, hashfunc=int, scheme="affine32")
        theirs.update_batch(part.tolist())
        assert np.array_equal(column, theirs.hashvalues)


@pytest.mark.parametrize("threshold", [0.5, 0.6, 0.7, 0.8, 0.9])
def test_a_pair_at_the_threshold_is_a_candidate_with_probability_98_percent(
    threshold: float,
) -> None:
    bands, rows = Duplicates(threshold=threshold).bands()

    assert bands * rows <= 128
    assert 1 - (1 - threshold**rows) ** bands >= 0.98


def english(draw: random.Random) -> list[str]:
    """Words as units; rare ones often enough that texts differ."""
    return [
        f"w{chr(97 + draw.randrange(26))}{int(draw.paretovariate(0.5)) % 999}x" for _ in range(90)
    ]


def chinese(draw: random.Random) -> list[str]:
    return [chr(0x4E10 + int(draw.paretovariate(0.5)) % 3000) for _ in range(160)]


@pytest.mark.parametrize(("unit", "join"), [(english, " "), (chinese, "")])
def test_recall_is_99_percent_and_no_false_pair_is_an_edge(
    unit: Callable[[random.Random], list[str]], join: str
) -> None:
    draw = random.Random(13)
    groups = [_family(unit(draw), draw, unit) for _ in range(250)]
    texts = [join.join(units) for group in groups for units in group]
    passages = [Passage(f"{i:05d}", "d", text, 0, len(text), i) for i, text in enumerate(texts)]
    rows = {row.passage_id: row.cluster_id for row in Duplicates()(passages)}
    sets = [_shingles(units) for group in groups for units in group]

    true = [
        (i, j)
        for at in range(0, len(sets), 5)
        for i, j in combinations(range(at, at + 5), 2)
        if len(sets[i] & sets[j]) / len(sets[i] | sets[j]) >= 0.8
    ]
    hits = sum(rows.get(f"{i:05d}", "?") == rows.get(f"{j:05d}") for i, j in true)
    assert len(true) > 300
    assert hits / len(true) >= 0.99
    # texts of different families share next to nothing
    assert all(int(a) // 5 == int(b) // 5 for a, b in rows.items())


def _family(
    units: list[str], draw: random.Random, unit: Callable[[random.Random], list[str]]
) -> list[list[str]]:
    """A text and four copies with one to six units replaced."""
    group = [units]
    for edits in (1, 2, 4, 6):
        copy = list(units)
        for _ in range(edits):
            copy[draw.randrange(len(copy))] = unit(draw)[0]
        group.append(copy)
    return group


def _shingles(units: list[str]) -> set[tuple[str, ...]]:
    return {tuple(units[i : i + 5]) for i in range(len(units) - 4)}

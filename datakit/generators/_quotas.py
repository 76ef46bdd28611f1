"""Which form of query is asked for where, and who asks: drawn for each passage by itself."""

from __future__ import annotations

import random
from collections.abc import Sequence
from itertools import accumulate, pairwise
from math import floor

from datakit.records import Form, seed_for

FORMS: tuple[Form, ...] = ("keyword", "question", "need")


def forms_of(shares: Sequence[float], n_slots: int, seed: int) -> tuple[Form, ...]:
    """The forms of a passage's slots, in the order in which they are asked for.

    Each form gets its share of the slots, rounded down or up. Which of the two depends on one
    offset that the seed draws, so that the mean over passages is the share itself, and no passage
    needs to know of another (systematic rounding: the largest remainders, chosen at random).

    Args:
        shares: of keyword, question and need, of any sum above 0.
        n_slots: how many forms.
        seed: of the passage.
    """
    draw = random.Random(seed)
    offset = draw.random()
    total = sum(shares)
    edges = [floor(offset + n_slots * part / total) for part in (0.0, *accumulate(shares))]
    edges[-1] = edges[0] + n_slots  # whatever floating point made of the sum
    forms = [
        form
        for form, (low, high) in zip(FORMS, pairwise(edges), strict=True)
        for _ in range(high - low)
    ]
    draw.shuffle(forms)  # a model that writes fewer queries leaves out the last ones
    return tuple(forms)


def draw_of(seed: int, stage: str, record_id: str) -> random.Random:
    """Random numbers that depend on the record alone."""
    return random.Random(seed_for(seed, stage, record_id))

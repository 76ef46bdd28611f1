"""The grades of a dataset's assessors side by side, their agreement, and what they differ on."""

from __future__ import annotations

import itertools
from collections.abc import Collection
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from datakit import agreement
from datakit.agreement import Estimate
from datakit.calibration.sampling import Pair
from datakit.dataset import Dataset
from datakit.errors import UsageError, did_you_mean
from datakit.judging.tables import judged
from datakit.records import GRADES, RELEVANT_FROM, seed_for

if TYPE_CHECKING:
    import numpy as np

FEW = 100  # pairs below which agreement says little (audits: our default)
MOST = 10  # assessors shown two by two
_MISSING = -1


@dataclass(frozen=True)
class Ratings:
    """Who gave which grade."""

    pairs: tuple[Pair, ...]
    assessors: tuple[str, ...]
    grades: np.ndarray  # (n_pairs, n_assessors) int; -1: not graded, or could not tell


@dataclass(frozen=True)
class Agreed:
    """One figure of agreement."""

    figure: str
    who: tuple[str, ...]
    estimate: Estimate
    note: str = ""


def ratings(
    dataset: Dataset, judges: bool = False, assessors: Collection[str] = (),
    pairs: Collection[Pair] | None = None,
) -> Ratings:  # fmt: skip
    """The last grade that each assessor gave to each pair.

    Args:
        dataset: with tables `judgement/<name>`.
        judges: language models count as assessors too.
        assessors: only these; empty: all.
        pairs: only these; None: all.

    Raises:
        UsageError: one of the named assessors graded nothing.
    """
    import numpy as np

    last: dict[tuple[Pair, str], int | None] = {}
    for one in judged(dataset):
        if one.source == "human" or (judges and one.source == "judge"):
            pair = (one.query_id, one.passage_id)
            if pairs is None or pair in pairs:
                last[pair, one.assessor_id or one.source] = one.grade
    names = sorted({name for _, name in last})
    for name in assessors:
        if name not in names:
            raise UsageError(f"assessor {name!r} graded nothing here{did_you_mean(name, names)}")
    names = [name for name in names if not assessors or name in assessors]
    column = {name: i for i, name in enumerate(names)}
    found = sorted({pair for (pair, name), grade in last.items() if name in column})
    row = {pair: i for i, pair in enumerate(found)}
    grades = np.full((len(found), len(names)), _MISSING, int)
    for (pair, name), grade in last.items():
        if name in column and grade is not None:
            grades[row[pair], column[name]] = grade
    return Ratings(tuple(found), tuple(names), grades)


def agree(r: Ratings, seed: int, n_boot: int = agreement.N_BOOT) -> list[Agreed]:
    """All figures: two by two, then of all assessors together."""
    couples = list(itertools.combinations(range(min(len(r.assessors), MOST)), 2))
    rows = [one for a, b in couples for one in _of_two(r, a, b, seed, n_boot)]
    return [*rows, *_of_all(r, seed, n_boot)]


def _of_two(r: Ratings, a: int, b: int, seed: int, n_boot: int) -> list[Agreed]:
    """Raw agreement and the kappas of two assessors, over the pairs that both graded."""
    both = r.grades[(r.grades[:, [a, b]] != _MISSING).all(1)][:, [a, b]]
    if not len(both):
        return []
    who = (r.assessors[a], r.assessors[b])
    cells = agreement.confusion(both[:, 0], both[:, 1], len(GRADES))
    two = agreement.confusion(both[:, 0] >= RELEVANT_FROM, both[:, 1] >= RELEVANT_FROM, 2)
    known = partial(
        agreement.estimate, seed=seed_for(seed, "review/agree", "\t".join(who)), n_boot=n_boot
    )
    return [
        Agreed("equal grades", who, known(cells, agreement.raw)),
        Agreed("kappa (Cohen)", who, known(cells, agreement.cohen)),
        Agreed("kappa, quadratic", who, known(cells, partial(agreement.cohen, scale="quadratic"))),
        Agreed("kappa, relevant or not", who, known(two, agreement.cohen)),
    ]


def _of_all(r: Ratings, seed: int, n_boot: int) -> list[Agreed]:
    import numpy as np

    least = 2  # grades of a pair that can agree
    known = partial(agreement.estimate, seed=seed_for(seed, "review/agree", ""), n_boot=n_boot)
    counts = (r.grades[:, :, None] == np.arange(len(GRADES))).sum(1)
    several = counts[counts.sum(1) >= least]
    rows = agreement.coincidences(several)
    out = []
    full = counts[counts.sum(1) == len(r.assessors)]
    if len(r.assessors) >= least and len(full):
        agreeing = (full * (full - 1)).sum(1, keepdims=True) / 2
        kappa = partial(agreement.fleiss, n_raters=len(r.assessors))
        note = "" if len(full) == len(several) else "only pairs that every assessor graded"
        found = known(np.hstack([full, agreeing]).astype(float), kappa)
        out.append(Agreed("kappa (Fleiss)", r.assessors, found, note))
    if len(several):
        for scale in ("ordinal", "nominal"):
            alpha = partial(agreement.krippendorff, scale=scale)
            out.append(Agreed(f"alpha (Krippendorff), {scale}", r.assessors, known(rows, alpha)))
    return out


def disputed(r: Ratings) -> list[tuple[Pair, dict[str, int]]]:
    """Pairs that somebody has to decide, the widest apart first, with what was said.

    Grades that are two or more apart, or on both sides of relevance.
    """
    import numpy as np

    given = r.grades != _MISSING
    top = np.where(given, r.grades, min(GRADES)).max(1, initial=0)
    low = np.where(given, r.grades, max(GRADES)).min(1, initial=max(GRADES))
    apart = np.where(given.sum(1) > 1, top - low, 0)
    crossing = (top >= RELEVANT_FROM) & (low < RELEVANT_FROM)
    at = np.flatnonzero((apart > 1) | ((apart > 0) & crossing))
    at = at[np.lexsort((at, -apart[at]))]
    return [
        (r.pairs[i], {r.assessors[j]: int(r.grades[i, j]) for j in np.flatnonzero(given[i])})
        for i in at.tolist()
    ]

"""Pairs of a pool by stratum and by who labels them, for the estimates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from datakit.calibration.estimates import Counts
from datakit.calibration.sampling import Pair
from datakit.judging.pools import Pool
from datakit.records import RELEVANT_FROM

if TYPE_CHECKING:
    import numpy as np

STRATA = 10  # deciles of the scores


def counts_of(
    pool: Pool,
    grades: Mapping[Pair, int | None],
    of: np.ndarray,
    *,
    drawn: Sequence[int] | np.ndarray,
    open_: np.ndarray,
    by_score: np.ndarray,
    checked: Sequence[int],
    judged: np.ndarray,
) -> Counts:
    """What `estimates.missed` takes.

    Args:
        pool: of a level.
        grades: by judges and people.
        of: (n_pairs,) int; the stratum of each pair.
        drawn: positions of a random sample of what is not labelled, with a usable grade.
        open_: (n_pairs,) bool; the pairs without a label, over which the sample speaks.
        by_score: (n_pairs,) bool; positive by their score alone, and not judged.
        checked: positions of a random sample of what is positive by its score, with a grade.
        judged: (n_pairs,) bool; positive since somebody judged them so.
    """
    import numpy as np

    def by_stratum(at: np.ndarray) -> np.ndarray:
        counted: np.ndarray = np.bincount(of[at], minlength=STRATA)
        return counted

    at = np.asarray(drawn, int)
    sure = [pool.pairs[i] for i in checked]
    return Counts(
        by_stratum(np.flatnonzero(open_)),
        by_stratum(at),
        by_stratum(at[[is_relevant(grades, pool.pairs[i]) for i in at.tolist()]]),
        int(by_score.sum()),
        sum(grades.get(pair) is not None for pair in sure),
        sum(is_relevant(grades, pair) for pair in sure),
        int(judged.sum()),
    )


def is_relevant(grades: Mapping[Pair, int | None], pair: Pair) -> bool:
    """Whether it has a grade, and one of a positive."""
    return (grades.get(pair) or 0) >= RELEVANT_FROM

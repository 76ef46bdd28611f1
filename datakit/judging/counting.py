"""Pairs of a pool by query, stratum and source of their label, for the estimates."""

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
        by_score: (n_pairs,) bool; positive by their score alone.
        checked: positions of a random sample of those, with a grade.
        judged: (n_pairs,) bool; positive since somebody judged them so.
    """
    import numpy as np

    place = {query_id: i for i, query_id in enumerate(pool.query_ids)}
    row = np.array([place[query_id] for query_id, _ in pool.pairs], int)
    given = [grades.get(pair) for pair in pool.pairs]
    known = np.array([grade is not None for grade in given], bool)
    relevant = np.array([(grade or 0) >= RELEVANT_FROM for grade in given], bool)
    sampled, sure = (np.zeros(len(row), bool) for _ in range(2))
    sampled[np.asarray(drawn, int)] = True
    sure[np.asarray(checked, int)] = True

    def table(which: np.ndarray, columns: np.ndarray, n: int) -> np.ndarray:
        flat = np.bincount(row[which] * n + columns[which], minlength=len(place) * n)
        return flat.reshape(len(place), n)

    source = np.where(by_score, 0, 1)
    return Counts(
        table(open_, of, STRATA),
        table(sampled, of, STRATA),
        table(sampled & relevant, of, STRATA),
        table(by_score | judged, source, 2),
        table((sure & known) | judged, np.where(judged, 1, 0), 2),
        table((sure & relevant) | judged, np.where(judged, 1, 0), 2),
    )

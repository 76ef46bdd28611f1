"""Measures of a segmentation against its gold, over gaps: True where a boundary stands.

All take two (n_gaps,) bool arrays of one document, gold first, and count n_gaps + 1 lines. They
equal segeval's and nltk's; where these two differ in their defaults, segeval's are taken.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from datakit.errors import UsageError

NEAR = 2  # boundary similarity: a boundary that is off by less than so many gaps is a near miss


def window_size(gold: np.ndarray) -> int:
    """Half the mean length of the gold's segments in lines, rounded half to even, 2 or more.

    A document of two lines has one window only, of one gap.

    Raises:
        UsageError: there is no gap.
    """
    n_lines = len(gold) + 1
    if n_lines < 2:
        raise UsageError("a document of one line has no gap to measure: expected two lines or more")
    half = round(n_lines / (2 * (int(np.count_nonzero(gold)) + 1)))
    return min(max(half, 2), n_lines - 1)


def pk(gold: np.ndarray, found: np.ndarray, k: int | None = None) -> float:
    """Share of the pairs of lines k apart that are wrongly held to be, or not, in one segment.

    Args:
        gold: (n_gaps,) bool.
        found: (n_gaps,) bool.
        k: lines between the two; None takes `window_size(gold)`.

    Returns:
        0 (best) to 1.

    Source:
        Beeferman, Berger, Lafferty 1999, Statistical Models for Text Segmentation.
    """
    gold_counts, found_counts = _counts(gold, found, k)
    return float(np.mean((gold_counts > 0) != (found_counts > 0)))


def window_diff(gold: np.ndarray, found: np.ndarray, k: int | None = None) -> float:
    """Share of the windows of k gaps in which the numbers of boundaries differ.

    Args:
        gold: (n_gaps,) bool.
        found: (n_gaps,) bool.
        k: gaps in a window; None takes `window_size(gold)`.

    Returns:
        0 (best) to 1.

    Source:
        Pevzner, Hearst 2002, A Critique and Improvement of an Evaluation Metric for Text
        Segmentation; as segeval has it, without Lamprier's correction at the ends.
    """
    gold_counts, found_counts = _counts(gold, found, k)
    return float(np.mean(gold_counts != found_counts))


def _counts(gold: np.ndarray, found: np.ndarray, k: int | None) -> tuple[np.ndarray, np.ndarray]:
    """Boundaries in each window of k gaps: twice (n_gaps - k + 1,) int64."""
    _check(gold, found)
    k = window_size(gold) if k is None else k
    if not 1 <= k <= len(gold):
        raise UsageError(f"k = {k}: expected 1 to {len(gold)}, the number of gaps")
    sums = np.zeros((2, len(gold) + 1), np.int64)
    np.cumsum([gold, found], axis=1, out=sums[:, 1:])
    gold_counts, found_counts = sums[:, k:] - sums[:, :-k]
    return gold_counts, found_counts


def _check(gold: np.ndarray, found: np.ndarray) -> None:
    if gold.shape != found.shape or gold.ndim != 1:
        raise UsageError(
            f"gold has shape {gold.shape}, found has {found.shape}: expected (n_gaps,) twice"
        )


def boundary_similarity(gold: np.ndarray, found: np.ndarray, near: int = NEAR) -> float:
    """1 minus the mean cost of the edits between two segmentations, over edits and matches.

    An added or missing boundary costs 1, one that is d < `near` gaps off d / `near`.

    Args:
        gold: (n_gaps,) bool.
        found: (n_gaps,) bool.
        near: segeval's n_t.

    Returns:
        0 to 1 (best); 1 where neither has a boundary.

    Source:
        Fournier 2013, Evaluating Text Segmentation using Boundary Edit Distance; transpositions
        are found as segeval does, the shortest first and from the left.
    """
    _check(gold, found)
    missed, added = gold & ~found, found & ~gold
    costs = 0.0
    n_near = 0
    for distance in range(1, near):
        for i in _pairs(missed, added, distance):
            j = i + distance
            if (missed[i] and added[j]) or (added[i] and missed[j]):  # of no earlier pair
                missed[[i, j]] = added[[i, j]] = False
                n_near += 1
                costs += distance / near
    n_far = int(np.count_nonzero(missed) + np.count_nonzero(added))
    total = n_near + n_far + int(np.count_nonzero(gold & found))
    return 1.0 - (costs + n_far) / total if total else 1.0


def _pairs(missed: np.ndarray, added: np.ndarray, distance: int) -> list[int]:
    """Gaps i where one boundary is missed and one added at i and i + distance, either way."""
    swapped = (missed[:-distance] & added[distance:]) | (added[:-distance] & missed[distance:])
    return np.flatnonzero(swapped).tolist()


def n_matches(gold: np.ndarray, found: np.ndarray, tolerance: int = 0) -> int:
    """Boundaries found, one to one, at most `tolerance` gaps off: as many as can be paired."""
    _check(gold, found)
    if not tolerance:
        return int(np.count_nonzero(gold & found))
    wanted, had = np.flatnonzero(gold).tolist(), np.flatnonzero(found).tolist()
    i = j = matched = 0
    while i < len(wanted) and j < len(had):
        if abs(wanted[i] - had[j]) <= tolerance:
            matched += 1
            i += 1
            j += 1
        elif wanted[i] < had[j]:
            i += 1
        else:
            j += 1
    return matched


@dataclass(frozen=True, slots=True)
class Scores:
    """Precision, recall and F1 of boundaries."""

    precision: float
    recall: float
    f1: float


def f_scores(
    n_matched: float | np.ndarray, n_gold: float | np.ndarray, n_found: float | np.ndarray
) -> np.ndarray:
    """Precision, recall and F1 from counts, element by element: (3, …) float64.

    Nothing found where there is nothing to find is right: 1. Else 0 over 0 is 0.
    """
    matched, wanted, had = np.broadcast_arrays(n_matched, n_gold, n_found)
    nothing = (wanted == 0) & (had == 0)
    parts = [(matched, had), (matched, wanted), (2 * matched, wanted + had)]
    values = [np.where(nothing, 1.0, a / np.maximum(b, 1)) for a, b in parts]
    return np.stack(values)


def f_score(gold: np.ndarray, found: np.ndarray, tolerance: int = 0) -> Scores:
    """Precision, recall and F1 of one document's boundaries."""
    matched = n_matches(gold, found, tolerance)
    return Scores(*f_scores(matched, int(gold.sum()), int(found.sum())).tolist())


def n_wrong(gold: np.ndarray, found: np.ndarray) -> int:
    """Gaps at which the two differ: 0 for a document segmented exactly."""
    _check(gold, found)
    return int(np.count_nonzero(gold != found))

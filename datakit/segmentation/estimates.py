"""Measures of a segmenter over many documents, with intervals over groups of them.

Pk, WindowDiff, boundary similarity and macro F1 are means over documents, micro F1 is over all
boundaries. Intervals are 95 % percentile intervals over groups (documents of one publisher or
near-duplicates), which are drawn whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from datakit.segmentation import measures

MEASURES = (
    "pk", "window_diff", "boundary_similarity", "f1", "f1_near", "macro_f1", "macro_f1_near",
    "exact", "nearly_exact",
)  # fmt: skip
NEAR = 1  # gaps that a boundary may be off in f1_near and macro_f1_near
FEW_WRONG = 2  # gaps that may be wrong in a document that is nearly exact


@dataclass(frozen=True, slots=True)
class Estimate:
    """A measure with its 95 % interval over groups; None where one group says nothing of others."""

    value: float
    low: float | None
    high: float | None


# columns of what is summed over documents
_N, _PK, _WINDOW_DIFF, _SIMILARITY, _MACRO, _MACRO_NEAR, _EXACT, _NEARLY = range(8)
N_GOLD, N_FOUND, _MATCHED, _MATCHED_NEAR = range(8, 12)


def of_document(gold: np.ndarray, found: np.ndarray) -> tuple[float, ...]:
    """(12,) the columns above for one document."""
    matched = measures.n_matches(gold, found)
    near = measures.n_matches(gold, found, NEAR)
    n_gold, n_found = int(gold.sum()), int(found.sum())
    macro, macro_near = measures.f_scores(np.array([matched, near]), n_gold, n_found)[2].tolist()
    wrong = measures.n_wrong(gold, found)
    return (
        1.0,
        measures.pk(gold, found),
        measures.window_diff(gold, found),
        measures.boundary_similarity(gold, found),
        macro,
        macro_near,
        float(wrong == 0),
        float(wrong <= FEW_WRONG),
        n_gold,
        n_found,
        matched,
        near,
    )


def estimates(
    each: np.ndarray,
    groups: Sequence[str],
    n_boot: int,
    seed: int,
    other: np.ndarray | None = None,
) -> dict[str, Estimate]:
    """Each measure over the documents, with an interval over resampled groups.

    Args:
        each: (n_documents, 12), a row of `of_document` for each.
        groups: of each document.
        n_boot: samples; 0 leaves the intervals out.
        seed: of the samples.
        other: as `each`, of another segmenter on the same documents, whose measures are taken
            off; a sample has the same groups on both sides.
    """
    names, at = np.unique(np.asarray(groups), return_inverse=True)
    rng = np.random.default_rng(seed)
    counts = rng.multinomial(len(names), np.full(len(names), 1 / len(names)), n_boot)
    drawn = np.concatenate([np.ones((1, len(names)), np.int64), counts])  # the documents first
    values = _measured(drawn, at, each)
    if other is not None:
        values -= _measured(drawn, at, other)
    value = values[0].tolist()
    if len(names) < 2 or not n_boot:
        return {m: Estimate(v, None, None) for m, v in zip(MEASURES, value, strict=True)}
    low, high = np.percentile(values[1:], [2.5, 97.5], axis=0).tolist()
    return {m: Estimate(*of) for m, *of in zip(MEASURES, value, low, high, strict=True)}


def _measured(drawn: np.ndarray, group: np.ndarray, each: np.ndarray) -> np.ndarray:
    """(n, 9) measures, one row for each draw of groups.

    Args:
        drawn: (n, n_groups), how often each group counts.
        group: (n_documents,), the group of each.
        each: (n_documents, 12).
    """
    sums = np.zeros((drawn.shape[1], each.shape[1]))
    np.add.at(sums, group, each)
    return _measures(drawn @ sums)


def _measures(sums: np.ndarray) -> np.ndarray:
    """(n, 12) sums over documents to (n, 9) measures, in the order of MEASURES."""
    mean = sums / sums[:, [_N]]
    micro, micro_near = (
        measures.f_scores(sums[:, matched], sums[:, N_GOLD], sums[:, N_FOUND])[2]
        for matched in (_MATCHED, _MATCHED_NEAR)
    )
    columns = [
        mean[:, _PK], mean[:, _WINDOW_DIFF], mean[:, _SIMILARITY], micro, micro_near,
        mean[:, _MACRO], mean[:, _MACRO_NEAR], mean[:, _EXACT], mean[:, _NEARLY],
    ]  # fmt: skip
    return np.stack(columns, axis=1)

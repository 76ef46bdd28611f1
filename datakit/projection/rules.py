"""Which passages of another segmentation a label holds for, and with which grade.

A label says: this much of the document is relevant to this query, with this grade. How much, its
evidence tells; where that is not known, it is the whole old passage.

* A passage that holds the evidence (but for 5 %) has the label's grade.
* A passage that holds at least `part` of it gives a needed part of the answer: its grade is that
  of a needed part (the lowest relevant grade), or the label's own if that is lower.
  Where that is a part of a whole passage, whose evidence is not known, the label is uncertified.
* A passage that holds less stays unjudged: it is a candidate for a judge, with grade None.
* Grade 0 goes the other way: a passage is 0 where labels of 0 cover it (but for 5 %); one that
  holds more than what was judged is unjudged.
* Where several labels of a query fall into one passage, the highest grade counts.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from datakit.projection.intervals import Ints, Spans, disjoint, overlaps

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

WHOLE = 0.95  # a passage rarely begins or ends exactly where its evidence does: blanks, a mark
UNJUDGED = -1


@dataclass(frozen=True)
class Labels:
    """Labels with their evidence.

    query, grade are (n,) int64; the evidence is `spans`, of which `of` (int64, from 0 to n - 1)
    names the label. Every label has some.
    """

    query: Ints
    grade: Ints
    of: Ints
    spans: Spans


@dataclass(frozen=True)
class Moved:
    """What became of labels, a row for each label and each passage that touches its evidence."""

    label: Ints  # (k,) rows of the labels
    passage: Ints  # (k,) rows of the passages
    share: Floats  # (k,) how much of the evidence the passage holds; of a 0, how much of it is 0
    grade: Ints  # (k,) UNJUDGED where the passage holds too little, or of a 0 too much


def move(labels: Labels, passages: Spans, part: float, needed: int) -> Moved:
    """Move labels to other passages by the rules above.

    Args:
        labels: n of them.
        passages: m of them, in any order.
        part: the least share of the evidence that counts as a part, above 0 and at most 1.
        needed: the highest grade of a passage that holds a part.

    Returns:
        The rows by label and passage.
    """
    zero = labels.grade[labels.of] == 0
    whole = _summed(labels.of[~zero], labels.spans.take(np.flatnonzero(~zero)), passages)
    size = np.zeros(len(labels.grade))
    rows, left = disjoint(labels.of, labels.spans)
    np.add.at(size, labels.of[rows], left.size)
    label, passage, shared = whole
    share = shared / size[label]
    grade = labels.grade[label]
    grade = np.where(
        share >= WHOLE, grade, np.where(share >= part, np.minimum(grade, needed), UNJUDGED)
    )
    found = Moved(label, passage, share, grade)
    return _joined(found, _zeros(labels, np.flatnonzero(zero), passages))


def _zeros(labels: Labels, rows: Ints, passages: Spans) -> Moved:
    """Labels of grade 0: a passage is covered by all those of its query together."""
    of, spans = labels.of[rows], labels.spans.take(rows)
    label, passage, _ = _summed(of, spans, passages)
    query, covered_passage, shared = _summed(labels.query[of], spans, passages)
    m = max(len(passages), 1)
    covered = shared / passages.size[covered_passage]
    at = np.searchsorted(query * m + covered_passage, labels.query[label] * m + passage)
    share = covered[at] if len(covered) else np.zeros(len(label))
    return Moved(label, passage, share, np.where(share >= WHOLE, 0, UNJUDGED))


def _summed(group: Ints, spans: Spans, passages: Spans) -> tuple[Ints, Ints, Ints]:
    """(groups, passages, shared code points) of every pair that shares any, by both."""
    rows, left = disjoint(group, spans)
    own = group[rows]
    m = max(len(passages), 1)
    keys: list[Ints] = []
    sums: list[Ints] = []
    for row, passage, shared in overlaps(left, passages):
        key, inverse = np.unique(own[row] * m + passage, return_inverse=True)
        keys.append(key)
        sums.append(np.bincount(inverse, shared, len(key)).astype(np.int64))
    if not keys:
        nothing = np.zeros(0, np.int64)
        return nothing, nothing, nothing
    key, inverse = np.unique(np.concatenate(keys), return_inverse=True)
    total = np.bincount(inverse, np.concatenate(sums), len(key)).astype(np.int64)
    return key // m, key % m, total


def _joined(one: Moved, other: Moved) -> Moved:
    label = np.concatenate([one.label, other.label])
    passage = np.concatenate([one.passage, other.passage])
    order = np.lexsort((passage, label))
    return Moved(
        label[order],
        passage[order],
        np.concatenate([one.share, other.share])[order],
        np.concatenate([one.grade, other.grade])[order],
    )


# --- what could not be moved ------------------------------------------------------------------

MOVED, NO_TEXT, IN_PIECES, MORE_THAN_JUDGED = "", "text_not_there", "in_pieces", "holds_unjudged"
REASONS = (MOVED, NO_TEXT, IN_PIECES, MORE_THAN_JUDGED)


def reasons(labels: Labels, moved: Moved) -> tuple[npt.NDArray[np.int8], Floats, Ints]:
    """Why labels have no passage.

    Returns:
        (row of REASONS, the largest share, passages that touch the evidence), each (n,).
    """
    n = len(labels.grade)
    best = np.zeros(n)
    np.maximum.at(best, moved.label, moved.share)
    touched = np.bincount(moved.label, minlength=n).astype(np.int64)
    kept = np.bincount(moved.label, moved.grade >= 0, n) > 0
    why = np.where(labels.grade == 0, 3, 2)
    why = np.where(touched == 0, 1, why)
    return np.where(kept, 0, why).astype(np.int8), best, touched

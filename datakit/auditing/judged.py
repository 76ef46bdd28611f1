"""What judges and people said of pairs, laid over the labels."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from datakit.auditing.intervals import RESAMPLES, wilson
from datakit.calibration.estimates import against_people, corrected

if TYPE_CHECKING:
    from datakit.auditing.facts import Facts

Pair = tuple[str, str]
ANCHOR = 30  # pairs that both a judge and people graded, to correct the one by the other: ours


class Said(NamedTuple):
    """Grades of pairs, in the order of their judgements."""

    judge: dict[Pair, list[int]]
    human: dict[Pair, list[tuple[str, int]]]  # with the assessor
    automatic: dict[Pair, str]  # source of the automatic label


def said(facts: Facts) -> Said:
    """All judgements of the dataset, read once."""
    if "said" not in facts.kept:
        judge: dict[Pair, list[int]] = defaultdict(list)
        human: dict[Pair, list[tuple[str, int]]] = defaultdict(list)
        automatic: dict[Pair, str] = {}
        dataset = facts.dataset
        for table in dataset.tables():
            if table.split("/")[0] != "judgement":
                continue
            for row in dataset.read(table):
                pair = row.query_id, row.passage_id
                if row.grade is None:
                    continue
                if row.source == "judge":
                    judge[pair].append(row.grade)
                elif row.source == "human":
                    human[pair].append((row.assessor_id or "", row.grade))
                else:
                    automatic[pair] = row.source
        facts.kept["said"] = Said(dict(judge), dict(human), automatic)
    kept: Said = facts.kept["said"]
    return kept


def label_sources(facts: Facts) -> dict[str, list[int]]:
    """Rows of the positive labels by their source."""
    labels = facts.labels
    found: dict[str, list[int]] = defaultdict(list)
    sources = labels.source.to_pylist()
    for row in labels.positive.nonzero()[0].tolist():
        found[sources[row]].append(row)
    return dict(found)


def verdict(found: Said, pair: Pair, relevant_from: int) -> bool | None:
    """Whether a pair is relevant by people (lower median), else by the last word of the judge."""
    if pair in found.human:
        grades = sorted(g for _, g in found.human[pair])
        return grades[(len(grades) - 1) // 2] >= relevant_from
    if pair in found.judge:
        return found.judge[pair][-1] >= relevant_from
    return None


@dataclass(frozen=True)
class Precision:
    """The share of labels that are right, as far as somebody graded them."""

    value: float
    low: float
    high: float
    n: int
    right: int
    wrong: tuple[Pair, ...]
    note: str  # whose word it is


def precision(found: Said, pairs: Sequence[Pair], relevant_from: int) -> Precision | None:
    """How many of the pairs are relevant, with a 95 % interval; None where nobody graded any.

    What people graded counts as they graded it. Where a judge graded some, and people enough of
    what the judge graded anywhere, the judge's share is corrected by its sensitivity and
    specificity (Rogan and Gladen 1978), with a bootstrap over both samples.
    """
    seen = [(p, v) for p in pairs if (v := verdict(found, p, relevant_from)) is not None]
    if not seen:
        return None
    right, n = sum(v for _, v in seen), len(seen)
    wrong = tuple(p for p, v in seen if not v)
    low, high = wilson(right, n)
    if all(p in found.human for p, _ in seen):
        return Precision(right / n, low, high, n, right, wrong, "")
    by_judge = [p for p in pairs if p in found.judge]
    fixed = _corrected(found, by_judge, relevant_from)
    if fixed is None:
        note = " (judge-relative: too few were graded by people too)"
        return Precision(right / n, low, high, n, right, wrong, note)
    return Precision(*fixed, n, right, wrong, " (the judge corrected by what people say of it)")


def _corrected(
    found: Said, pairs: Sequence[Pair], relevant_from: int
) -> tuple[float, float, float] | None:
    """The judge's share of relevant pairs, corrected, with its interval."""
    import numpy as np

    both = sorted(found.human.keys() & found.judge.keys())
    if len(both) < ANCHOR:
        return None
    judge = np.array([found.judge[p][-1] >= relevant_from for p in both])
    people = np.array([bool(verdict(found, p, relevant_from)) for p in both])
    known = against_people(judge, people)
    share = float(np.mean([found.judge[p][-1] >= relevant_from for p in pairs]))
    value = corrected(share, *known) if known else None
    if known is None or value is None:
        return None
    # a resample of zeros and ones is a draw of how many ones there are
    draw, n_relevant = np.random.default_rng(0), int(people.sum())
    shares = draw.binomial(len(pairs), share, RESAMPLES) / len(pairs)
    sensitivity = draw.binomial(n_relevant, known[0], RESAMPLES) / n_relevant
    n_other = len(both) - n_relevant
    specificity = draw.binomial(n_other, known[1], RESAMPLES) / n_other
    power = sensitivity + specificity - 1
    with np.errstate(divide="ignore", invalid="ignore"):
        values = np.clip((shares + specificity - 1) / power, 0, 1)
    low, high = np.percentile(values[power > 0], [2.5, 97.5])
    return value, float(low), float(high)

"""What judges and people said of pairs, laid over the labels."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from datakit.auditing.facts import Facts

Pair = tuple[str, str]


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

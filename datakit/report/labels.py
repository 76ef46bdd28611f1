"""The labels by level, source and grade."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from datakit.dataset import Dataset
from datakit.records import GRADES, LEVELS
from datakit.report.reading import add_groups, has_flag, main_labels, pieces, relevant_from
from datakit.report.shaping import Cross, Histogram, cross, level_name, ordered, small_bins

SOURCES = ("direct", "indirect-query", "indirect-passage", "duplicate", "judge", "human")


@dataclass(frozen=True, slots=True)
class LabelFacts:
    """The labels: all tables by size, and the one that counts in full."""

    table: str
    n: int
    tables: tuple[tuple[str, int, int, int], ...]  # name, pairs, relevant pairs, queries
    sources: Cross  # level x source
    grades: tuple[tuple[int, int, str], ...]  # grade, pairs, meaning
    positives: Histogram  # per query, queries without any included
    without: int | None  # queries without a relevant passage
    uncertified: int
    uncertified_by_level: tuple[tuple[str, int, int], ...]  # level, uncertified, all
    by_source: Mapping[str, int]


def label_facts(dataset: Dataset) -> LabelFacts | None:
    table = main_labels(dataset)
    if table is None:
        return None
    sources: Counter[tuple[str, str]] = Counter()
    by_source: Counter[str] = Counter()
    by_grade: Counter[int] = Counter()
    flagged: Counter[str] = Counter()
    for (level, source, grade, uncertified), count in _label_groups(dataset, table).items():
        sources[level_name(level), source] += count
        by_source[source] += count
        by_grade[grade] += count
        flagged[level_name(level)] += count if uncertified else 0
    levels = ordered({level for level, _ in sources}, LEVELS)
    shape = cross(sources, levels, ordered({s for _, s in sources}, SOURCES))
    positives, without = _positives(dataset, table)
    names = sorted(t for t in dataset.tables() if t.startswith("qrel/") or t == "qrel")[:20]
    return LabelFacts(
        table=table,
        n=dataset.count(table),
        tables=tuple(_label_table(dataset, name) for name in names),
        sources=shape,
        grades=_grades(dataset, by_grade),
        positives=positives,
        without=without,
        uncertified=flagged.total(),
        uncertified_by_level=tuple((lv, flagged[lv], sum(c)) for lv, c in shape.items()),
        by_source=by_source,
    )


def _label_groups(dataset: Dataset, table: str) -> Counter[tuple[Any, ...]]:
    """Labels by level, source, grade and whether they are uncertified."""
    total: Counter[tuple[Any, ...]] = Counter()
    for piece in pieces(dataset, table, ("level", "source", "grade", "flags")):
        marked = piece.append_column("uncertified", [has_flag(piece["flags"], "uncertified")])
        by = ("level", "source", "grade", "uncertified")
        add_groups(total, marked.drop_columns(["flags"]), by)
    return total


def _grades(dataset: Dataset, counted: Mapping[int, int]) -> tuple[tuple[int, int, str], ...]:
    scale = {str(grade): text for grade, text in GRADES.items()}
    scale |= dataset.manifest.get("label_scale", {}).get("grades", {})
    return tuple(
        (grade, n, str(scale.get(str(grade), "")))
        for grade, n in sorted(counted.items(), reverse=True)
    )


def _label_table(dataset: Dataset, table: str) -> tuple[str, int, int, int]:
    import pyarrow.compute as pc

    labels = dataset.arrow(table, ["query_id", "grade"])
    relevant = pc.sum(pc.greater_equal(labels["grade"], relevant_from(dataset))).as_py() or 0
    return table, labels.num_rows, relevant, pc.count_distinct(labels["query_id"]).as_py()


def _positives(dataset: Dataset, table: str) -> tuple[Histogram, int | None]:
    """Relevant passages per query of the query table, or per labelled query without one."""
    import numpy as np
    import pyarrow.compute as pc

    labels = dataset.arrow(table, ["query_id", "grade"])
    relevant = labels.filter(pc.greater_equal(labels["grade"], relevant_from(dataset)))
    counts = relevant.group_by("query_id").aggregate([([], "count_all")])["count_all"].to_numpy()
    if "query" not in dataset:
        return small_bins(counts), None
    without = max(dataset.count("query") - len(counts), 0)
    return small_bins(np.concatenate([counts, np.zeros(without, dtype=int)])), without

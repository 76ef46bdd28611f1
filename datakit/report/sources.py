"""What the corpus is made of: types, industries, dates, languages, lengths, copies."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from datakit.dataset import Dataset
from datakit.report.reading import pieces, size, tabulate
from datakit.report.shaping import (
    NONE,
    TOP,
    Count,
    Cross,
    Histogram,
    cross,
    equal_bins,
    language_name,
    ordered,
    ranked,
    single,
)

OLDER, UNDATED = "older", "–"  # short, since they head narrow columns


@dataclass(frozen=True, slots=True)
class SourceFacts:
    """What the corpus is made of."""

    unit: str  # what `types`, `times` and so on count: documents, or passages without them
    n: int
    n_documents: int | None
    n_passages: int | None
    types: tuple[Count, ...]
    times: Cross  # industry x time
    untimed: int
    languages: tuple[Count, ...]  # passages
    lengths: Histogram
    length_unit: str
    duplicates: tuple[tuple[str, int, int], ...] | None  # relation, passages, clusters


def source_facts(dataset: Dataset) -> SourceFacts:
    table = "document" if "document" in dataset else "passage"
    times, untimed = _industry_by_time(dataset, table)
    lengths, unit = _passage_lengths(dataset)
    return SourceFacts(
        unit=table + "s",
        n=size(dataset, table) or 0,
        n_documents=size(dataset, "document"),
        n_passages=size(dataset, "passage"),
        types=ranked(single(tabulate(dataset, table, "doc_type"))),
        times=times,
        untimed=untimed,
        languages=ranked(single(tabulate(dataset, "passage", "language"), language_name)),
        lengths=lengths,
        length_unit=unit,
        duplicates=_duplicates(dataset),
    )


def _industry_by_time(dataset: Dataset, table: str, most: int = 7) -> tuple[Cross, int]:
    """Industry x year, or x quarter where the dates span at most two years; `most` columns."""
    counted = tabulate(dataset, table, "category", "date")
    dates = {date for _, date in counted if date}
    years = {date[:4] for date in dates}
    bucket = _quarter if len(years) <= 2 and any(len(d) >= 7 for d in dates) else _year
    by_time: Counter[str] = Counter()
    for (_, date), count in counted.items():
        if date:
            by_time[bucket(date)] += count
    untimed = sum(n for (_, date), n in counted.items() if not date)
    room = most - bool(untimed)
    recent = sorted(by_time)[-(room if len(by_time) <= room else room - 1) :]
    counts: Counter[tuple[str, str]] = Counter()
    for (category, date), count in counted.items():
        time = bucket(date) if date else UNDATED
        counts[category or NONE, time if time in recent or not date else OLDER] += count
    return _heat(counts, [OLDER, *recent, UNDATED]), untimed


def _heat(counts: Mapping[tuple[str, str], int], columns: list[str]) -> Cross:
    rows: Counter[str] = Counter()
    for (row, _), count in counts.items():
        rows[row] += count
    names = [name for name, _ in ranked(rows, TOP + 2)]
    merged: Counter[tuple[str, str]] = Counter()
    for (row, column), count in counts.items():
        merged[row if row in names else names[-1], column] += count
    seen = {column for _, column in merged}
    return cross(merged, names, [c for c in columns if c in seen])


def _year(date: str) -> str:
    return date[:4]


def _quarter(date: str) -> str:
    month = date[5:7]
    return f"{date[2:4]}-Q{(int(month) + 2) // 3}" if month.isdigit() else date[:4]


def _passage_lengths(dataset: Dataset) -> tuple[Histogram, str]:
    """In tokens where the segmenter counted them, else in characters."""
    import numpy as np
    import pyarrow.compute as pc

    if "passage" not in dataset:
        return Histogram(), "tokens"
    tokens = dataset.arrow("passage", ["n_tokens"])["n_tokens"].to_numpy()
    if len(tokens) and tokens.max() > 0:
        return equal_bins(tokens), "tokens"
    sizes = [
        pc.utf8_length(piece["text"]).to_numpy() for piece in pieces(dataset, "passage", ["text"])
    ]
    return equal_bins(np.concatenate(sizes) if sizes else np.zeros(0)), "characters"


def _duplicates(dataset: Dataset) -> tuple[tuple[str, int, int], ...] | None:
    if "duplicate" not in dataset:
        return None
    passages: Counter[str] = Counter()
    clusters: Counter[str] = Counter()
    for (relation, _), count in tabulate(dataset, "duplicate", "relation", "cluster_id").items():
        passages[relation] += count
        clusters[relation] += 1
    names = ordered(passages, ("exact", "near", "template"))
    return tuple((name, passages[name], clusters[name]) for name in names)

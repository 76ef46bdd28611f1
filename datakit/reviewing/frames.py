"""The pairs that a strategy is about: its frame, and the order in which they matter.

random        labels, each equally likely: feeds rates of wrong labels
unjudged-top  unlabelled passages in some retriever's first ten, equally likely: feeds the rate
of missing labels
disagreement  assessors differ, then retrievers do, widest apart first: no sample
uncertain     judges were unsure, then scores between calibrated thresholds: no sample
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from datakit.calibration.cascade import is_disputed
from datakit.calibration.sampling import Pair
from datakit.dataset import Dataset
from datakit.errors import UnknownName, UsageError
from datakit.judging.certified import between, probabilities
from datakit.judging.pairs import grades_by
from datakit.judging.tables import judged_tables
from datakit.records import Judgement
from datakit.report.ranks import top
from datakit.reviewing.agreeing import disputed, ratings

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

TOP = 10  # first ranks of a run, as in nDCG@10
FAR = 100  # ranks that a run is asked for, at least


@dataclass(frozen=True)
class Frame:
    """The pairs that a batch is drawn from."""

    what: str  # in words
    pairs: tuple[Pair, ...]
    is_sample: bool  # drawn at random with equal chances, not in this order


def frame_of(dataset: Dataset, strategy: str) -> Frame:
    """The frame of a strategy; what people have graded is still in it.

    Raises:
        UnknownName: no such strategy.
        UsageError: the dataset has nothing that the strategy needs.
    """
    if strategy not in STRATEGIES:
        raise UnknownName("strategy", strategy, STRATEGIES)
    return STRATEGIES[strategy](dataset)


def labelled(dataset: Dataset) -> set[Pair]:
    """All pairs with a label or a judgement of any kind."""
    found: set[Pair] = set()
    for table in dataset.tables():
        if table.split("/")[0] in ("qrel", "judgement"):
            found |= _pairs(dataset.arrow(table, ["query_id", "passage_id"]))
    return found


def _pairs(table: pa.Table) -> set[Pair]:
    return set(zip(*(table[name].to_pylist() for name in ("query_id", "passage_id")), strict=True))


def _random(dataset: Dataset) -> Frame:
    tables = [t for t in dataset.tables() if t.split("/")[0] == "qrel"]
    if not tables:
        raise UsageError(
            f"{dataset.path} has no labels to draw from: run `datakit mine`, or use "
            "--strategy unjudged-top."
        )
    table = max(tables, key=lambda name: (name == "qrel/mined", dataset.count(name)))
    pairs = _pairs(dataset.arrow(table, ["query_id", "passage_id"]))
    return Frame(f"labels of {table}", tuple(sorted(pairs)), is_sample=True)


def _unjudged_top(dataset: Dataset) -> Frame:
    known, found = labelled(dataset), set()
    for name in _runs(dataset):
        for first in top(dataset, name, TOP):
            found |= _pairs(first)
    what = f"pairs without a label in the first {TOP} of {', '.join(_runs(dataset))}"
    return Frame(what, tuple(sorted(found - known)), is_sample=True)


def _disagreement(dataset: Dataset) -> Frame:
    people = [pair for pair, _ in disputed(ratings(dataset, judges=True))]
    runs = _runs(dataset) if any(t.startswith("run/") for t in dataset.tables()) else []
    apart = _apart(dataset, runs) if len(runs) > 1 else []
    pairs = tuple(dict.fromkeys([*people, *apart]))
    if not pairs:
        raise UsageError(
            f"{dataset.path}: nothing disagrees: no two assessors graded one pair differently, and "
            "no two retrievers share a query. Use --strategy random."
        )
    what = "pairs on which assessors differ, then pairs on which retrievers do"
    return Frame(what, pairs, is_sample=False)


def _apart(dataset: Dataset, runs: Sequence[str]) -> list[Pair]:
    """Pairs that one run ranks in its first ten and another lower or not at all, widest first."""
    import numpy as np

    best: dict[Pair, np.ndarray] = {}
    covered: dict[str, set[int]] = {}
    for i, run in enumerate(runs):
        for table in top(dataset, run, FAR):
            names = (table[name].to_pylist() for name in ("query_id", "passage_id", "rank"))
            for query_id, passage_id, rank in zip(*names, strict=True):
                row = best.setdefault((query_id, passage_id), np.zeros(len(runs)))
                row[i] = 1 / rank
                covered.setdefault(query_id, set()).add(i)
    gaps = []
    for pair, row in best.items():
        seen = sorted(covered[pair[0]])
        values = row[seen]
        # a run that does not cover the query says nothing about it
        if len(seen) > 1 and values.max() >= 1 / TOP > values.min():
            gaps.append((float(values.min() - values.max()), pair))
    return [pair for _, pair in sorted(gaps)]


def _uncertain(dataset: Dataset) -> Frame:
    unsure: list[Pair] = []
    for table in judged_tables(dataset):
        grades = grades_by(dataset, table)
        rows: Iterator[Judgement] = dataset.read(table)
        by_model = {(one.query_id, one.passage_id) for one in rows if one.source == "judge"}
        likely = probabilities(dataset, sorted(by_model))
        unsure += [p for p in sorted(by_model) if is_disputed(grades.get(p), likely.get(p))]
    pairs = tuple(dict.fromkeys([*unsure, *between(dataset)]))
    if not pairs:
        raise UsageError(
            f"{dataset.path} has no judge's grades and no calibration to be unsure about: run "
            "`datakit judge` and `datakit calibrate`, or use --strategy random."
        )
    what = "pairs on which a judge was unsure, then pairs between calibrated thresholds"
    return Frame(what, pairs, is_sample=False)


STRATEGIES: dict[str, Callable[[Dataset], Frame]] = {
    "random": _random,
    "unjudged-top": _unjudged_top,
    "disagreement": _disagreement,
    "uncertain": _uncertain,
}


def _runs(dataset: Dataset) -> list[str]:
    runs = [t.removeprefix("run/") for t in dataset.tables() if t.startswith("run/")]
    if not runs:
        raise UsageError(f"{dataset.path} has no run: run `datakit retrieve` first.")
    return runs

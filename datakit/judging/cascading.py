"""The cascade of labels as rounds of questions: samples for the curves and thresholds first, then
what lies between the thresholds. Every round is worked out from what is there, so a run that was
stopped goes on where it was, and a pair that has an answer is not asked about again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from datakit.calibration import store
from datakit.calibration.sampling import Pair
from datakit.dataset import Dataset
from datakit.errors import Unfinished
from datakit.judging import certified
from datakit.judging.certifying import Calibrated, Samples, calibrate
from datakit.judging.labels import grades_of
from datakit.judging.pairs import records_of
from datakit.judging.pools import levels
from datakit.judging.tables import judged

FOR_SAMPLES, FOR_QUEUE = "calibration", "queue"


@dataclass(frozen=True)
class Round:
    """Pairs to ask about next."""

    purpose: str  # FOR_SAMPLES, FOR_QUEUE
    pairs: tuple[Pair, ...]


def calibrated(
    dataset: Dataset, table: str, samples: Samples, ahead: int = 0
) -> Iterator[Calibrated]:
    """Calibrate every level as far as its pairs are judged; what is whole is written."""
    queries = records_of(dataset)
    for level in levels(queries):
        found = calibrate(dataset, table, level, queries, samples, ahead)
        if found.body is not None:
            store.write(dataset.path, level, found.body)
        yield found


def next_round(
    dataset: Dataset,
    table: str,
    samples: Samples,
    budget: int | None,
    ahead: int = 0,
    seeds: bool = False,
    report: Callable[[Calibrated], Any] = lambda _: None,
) -> Round | None:
    """What is to be asked next; None: nothing is.

    Args:
        dataset: locked for writing.
        table: whose scores are calibrated.
        samples: how much is judged for calibration.
        budget: pairs of the queue between the thresholds, all runs together; None: all.
        ahead: see `calibrate`.
        seeds: whether every query's seeds are asked about, beside the samples.
        report: called for every level.
    """
    waiting: list[Pair] = []
    for found in calibrated(dataset, table, samples, ahead):
        report(found)
        waiting += found.waits_for
    known = grades_of(judged(dataset))
    if seeds:
        own = (
            (q.query_id, one) for q in records_of(dataset).values() for one in q.seed_passage_ids
        )
        waiting += [pair for pair in own if pair not in known]
    if waiting:
        return Round(FOR_SAMPLES, tuple(dict.fromkeys(waiting)))
    queue = [pair for pair in certified.between(dataset)[:budget] if pair not in known]
    return Round(FOR_QUEUE, tuple(queue)) if queue else None


def run(
    dataset: Dataset,
    table: str,
    samples: Samples,
    budget: int | None,
    ask: Callable[[Round], Any],
    seeds: bool = False,
    report: Callable[[Calibrated], Any] = lambda _: None,
) -> None:
    """Ask round after round until nothing is open.

    Args:
        dataset: locked for writing.
        table: see `next_round`.
        samples: likewise.
        budget: likewise.
        ask: has the pairs of a round judged, and the grades appended.
        seeds: see `next_round`.
        report: called for every level, in every round.

    Raises:
        Unfinished: a round brought no grade.
    """
    while found := next_round(dataset, table, samples, budget, seeds=seeds, report=report):
        before = _open(dataset, found.pairs)
        ask(found)
        if found.purpose == FOR_SAMPLES and _open(dataset, found.pairs) == before:
            raise Unfinished(
                f"{before:,} pairs were asked about and none has a grade, not even an empty one: "
                f"see the tables dropped/judge.* of {dataset.path}."
            )
        if found.purpose == FOR_QUEUE:
            return


def _open(dataset: Dataset, pairs: Sequence[Pair]) -> int:
    known = grades_of(judged(dataset))
    return sum(pair not in known for pair in pairs)

"""Everything that the report says about a dataset, computed from its tables and its manifest.

Tables are read by column and part by part; text is read only for the few records that are shown.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from datakit.dataset import Dataset
from datakit.records import Finding, Measure
from datakit.report.assessors import JudgeCard, judge_card
from datakit.report.audits import AuditFacts, audit_facts
from datakit.report.beside import read_beside
from datakit.report.calibrations import CalibrationFact, calibration_facts
from datakit.report.filters import RuleFact, rule_facts
from datakit.report.gates import GateFacts, gate_facts
from datakit.report.labels import LabelFacts, label_facts
from datakit.report.measures import MeasureFacts, RunFact, measure_facts, run_facts, short_measure
from datakit.report.pooled import PoolFacts, pool_facts
from datakit.report.positions import PositionFacts, position_facts
from datakit.report.queries import QueryFacts, query_facts
from datakit.report.rankings import RankFacts, rank_facts
from datakit.report.reading import relevant_from
from datakit.report.sources import SourceFacts, source_facts
from datakit.report.splits import SplitFacts, split_facts
from datakit.report.stages import StageFact, stage_facts


@dataclass(frozen=True, slots=True)
class Facts:
    """What the tables and the manifest say; verdict and pointers are derived from it."""

    dataset: Dataset
    stages: tuple[StageFact, ...]
    sources: SourceFacts
    queries: QueryFacts | None
    labels: LabelFacts | None
    pool: PoolFacts | None
    runs: tuple[RunFact, ...]
    measures: MeasureFacts | None
    splits: SplitFacts | None
    rules: tuple[RuleFact, ...]
    ranks: RankFacts | None
    positions: PositionFacts
    judges: JudgeCard | None
    gates: GateFacts | None  # None: `datakit verify` has not run
    audit: AuditFacts | None  # None: `datakit audit` has not run
    calibrations: tuple[CalibrationFact, ...]
    unreadable: tuple[str, ...]  # files beside the tables, and why

    @property
    def n_test(self) -> int | None:
        """Queries that measures rest on: the test split, or all where nothing is split."""
        if self.splits:
            return self.splits.queries("test")
        return self.queries.n if self.queries else None

    @property
    def n_relevant(self) -> int:
        least = relevant_from(self.dataset)
        return sum(n for g, n, _ in self.labels.grades if g >= least) if self.labels else 0

    @property
    def extractive(self) -> bool:
        """Whether every query that is measured was copied out of the text by rule."""
        return self.queries is not None and self.queries.extractive

    def sourced(self, *sources: str) -> int:
        """Labels from any of these sources."""
        return sum(self.labels.by_source.get(s, 0) for s in sources) if self.labels else 0

    def runs_by_value(self) -> list[str]:
        """The runs by their first measure, best first; by name where nothing is measured."""
        values = {m.run: m.value for m in self.headline()}
        return sorted((r.name for r in self.runs), key=lambda name: (-values.get(name, 0.0), name))

    def headline(self, short: str | None = None) -> list[Measure]:
        """The values over all queries of the front split, under the fullest labels.

        Args:
            short: of the measure, as `short_measure` gives it; by default the first measure.
        """
        m = self.measures
        if m is None:
            return []
        name = next((name for name in m.measures if short in (None, short_measure(name))), "")
        return m.at(measure=name, split=m.split, level="all", language="all", labels=m.labels[-1])


def gather(
    dataset: Dataset, folder: Path | None = None, before: Sequence[Finding] | None = None
) -> Facts:
    """All facts of a dataset.

    Args:
        dataset: any.
        folder: where gates, audit and calibrations lie; by default with the dataset.
        before: findings of an earlier audit to compare with.
    """
    beside = read_beside(folder or dataset.path)
    splits, runs = split_facts(dataset), run_facts(dataset)
    front = "test" if splits and splits.queries("test") else "all"
    return Facts(
        dataset=dataset,
        stages=stage_facts(dataset),
        sources=source_facts(dataset),
        queries=query_facts(dataset),
        labels=label_facts(dataset),
        pool=pool_facts(dataset),
        runs=runs,
        measures=measure_facts(dataset),
        splits=splits,
        rules=rule_facts(dataset),
        ranks=rank_facts(dataset, front, [run.name for run in runs]),
        positions=position_facts(dataset),
        judges=judge_card(dataset),
        gates=gate_facts(beside.gates, str(dataset.manifest.get("content_hash", ""))),
        audit=audit_facts(dataset, beside, before),
        calibrations=calibration_facts(dataset, beside.calibrations),
        unreadable=beside.unreadable,
    )

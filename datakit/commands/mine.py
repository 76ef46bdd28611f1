"""`datakit mine`: labels beyond the seed, with a judge through the whole cascade."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from datakit.commands import calling
from datakit.commands.grouped import (
    CallOptions,
    PlanOptions,
    SampleOptions,
    ShownOptions,
    grouped,
)
from datakit.commands.options import DatasetArgument, JudgeOption, RunOption
from datakit.commands.stage import print_outcome
from datakit.errors import UsageError

if TYPE_CHECKING:
    from datakit.dataset import Dataset
    from datakit.judging.cascading import Round
    from datakit.judging.certifying import Calibrated, Samples
    from datakit.pipeline import Build
    from datakit.plan import Use

AHEAD = 2  # thresholds asked about in advance in a batch: a round of batch files takes a day
LABELS = ("mine", "filter/retrieved", "split", "negatives")  # stages that follow the judge


@grouped
def mine(
    context: typer.Context,
    out: DatasetArgument,
    chosen: PlanOptions,
    judge: JudgeOption = None,
    budget: Annotated[
        int | None,
        typer.Option(min=0, help="Most pairs between the thresholds that the judge is asked about, "
                     "all runs together; the samples of the calibration come on top."),
    ] = None,
    judge_seeds: Annotated[
        bool,
        typer.Option("--judge-seeds", help="Have every query's seed judged as well: a query whose "
                     "seed is not relevant is dropped."),
    ] = False,
    run: RunOption = None,
    *,
    samples: SampleOptions,
    calls: CallOptions,
    shown: ShownOptions,
) -> None:  # fmt: skip
    """Add labels beyond the generating passage, then splits and hard negatives.

    Without a judge: labels on which retrievers agree, uncertified, or by the calibrations that
    are there. With --judge the whole cascade: pairs are pooled, samples are judged until every
    level has certified thresholds, what lies above is labelled, what lies between is judged
    within --budget, the rest stays unjudged and is counted. The same command goes on where it
    stopped and pays nothing twice.

    Example: datakit mine out --judge llm --budget 500 --endpoint model=qwen3-32b --endpoint
    base_url=http://localhost:8000/v1

    Batch files: datakit mine out --judge llm --export-batch batch/, then the same with
    --import-batch batch/*.out.jsonl, until nothing is open.
    """
    from datakit import pipeline
    from datakit.commands.judge import with_judge
    from datakit.dataset import Dataset

    calls.check(context)
    dataset = Dataset.open(out)
    plan, who = chosen.changed(chosen.loaded(dataset), "mine"), None
    batch = calls.export_batch or calls.import_batch
    if judge is not None or any((budget is not None, judge_seeds, batch)):
        plan, who = with_judge(calls.with_endpoint(plan), judge, {})
    build = pipeline.Build(dataset, plan, [], os.cpu_count() or 1, shown.loud, calls.spending())
    work = _Cascade(build, who, samples.samples(dataset), budget, judge_seeds, run, shown.loud)
    _check_ours(dataset)
    _check_runs(dataset)
    with dataset.locked():
        if "duplicate" not in dataset:  # of passages that were imported nobody has looked for them
            work.stage("duplicates")
        work.stage("pool")
        if calls.export_batch is not None:
            work.export(calls.export_batch, shown.as_json)
            return
        work.judged(calls.files(context))
        for stage in LABELS:
            work.stage(stage)
    standing = dataset.manifest["stages"]["mine"]["notes"].get("levels", {})
    if shown.as_json:
        print(json.dumps({"levels": standing, "counts": _counts(build)}, ensure_ascii=False))
    elif shown.loud:
        print("\n".join(_standing_lines(standing)))


def _check_ours(dataset: Dataset) -> None:
    """Raise where mining would put generated queries in the place of imported ones.

    Raises:
        UsageError: says how to keep them, or how to leave them out.
    """
    made_by = dataset.manifest["tables"].get("query", {}).get("made_by")
    if made_by != "import" or "query/candidate" not in dataset:
        return
    raise UsageError(
        f"{dataset.path} has imported queries ({dataset.count('query'):,}), and mine would replace "
        f"them by generated ones. Leave them out: `datakit import SOURCE -o {dataset.path} "
        "--passages-only`; what was generated stays."
    )


def _check_runs(dataset: Dataset) -> None:
    """Raise UsageError where the runs are of other passages or queries than there are now."""
    from datakit.engine import stale_steps

    stale = [name for name in stale_steps(dataset) if name.startswith("retrieve/")]
    if stale:
        raise UsageError(
            f"{dataset.path}: passages or queries have changed since {', '.join(stale)}: run "
            f"`datakit retrieve {dataset.path}` first."
        )


@dataclass
class _Cascade:
    """One run of the command."""

    build: Build
    judge: Use | None
    samples: Samples
    budget: int | None
    seeds: bool
    run: str | None
    loud: bool
    told: set[str] = field(default_factory=set)  # levels that were reported; a round has them all

    def stage(self, name: str) -> None:
        """Bring one stage up to date."""
        self.build.run(name, print_outcome if self.loud else lambda _: None)

    def judged(self, files: list[Path]) -> None:
        """Ask the judge, or read what it answered, until nothing is open."""
        from datakit.judging import cascading
        from datakit.judging.pools import table_of_scores

        if self.judge is None:
            return
        table = table_of_scores(self.build.dataset, self.run)
        if files:
            found = self._next(table, AHEAD)
            while found is not None:
                self._ask(found, files)
                found = self._next(table, AHEAD)
            return
        cascading.run(
            self.build.dataset, table, self.samples, self.budget,
            lambda found: self._ask(found, []), self.seeds, self._report,
        )  # fmt: skip

    def export(self, folder: Path, as_json: bool) -> None:
        """Write what is to be asked next."""
        from datakit.judging.pools import table_of_scores

        found = self._next(table_of_scores(self.build.dataset, self.run), AHEAD)
        if found is None:
            print("Nothing is open: run the same command without --export-batch.")
            return
        asking = self._judging(found).asking()
        calling.export_batch([asking], self.build.calls, folder, as_json)

    def _next(self, table: str, ahead: int) -> Round | None:
        from datakit.judging.cascading import next_round

        return next_round(
            self.build.dataset, table, self.samples, self.budget, ahead, self.seeds, self._report
        )

    def _ask(self, found: Round, files: list[Path]) -> None:
        from datakit.commands.judge import ask

        if self.loud:
            print(f"{len(found.pairs):,} pairs to judge: {found.purpose}", file=sys.stderr)
        ask(self.build, self._judging(found), files, self.loud, False)

    def _judging(self, found: Round) -> Any:
        from datakit.judging.asking import Judging

        assert self.judge is not None
        return Judging.of(self.build.plan, self.build.dataset, self.judge, found.pairs)

    def _report(self, found: Calibrated) -> None:
        from datakit.commands.calibrate import level_lines

        if self.loud and not found.waits_for and found.level not in self.told:
            self.told.add(found.level)
            print("\n".join(level_lines(found)))


def _counts(build: Build) -> dict[str, Any]:
    """Labels by their source."""
    from collections import Counter

    sources = build.dataset.arrow("qrel/mined", ["source"])["source"].to_pylist()
    return dict(sorted(Counter(sources).items()))


def _standing_lines(levels: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """On what the labels of each level rest."""
    from datakit.commands.calibrate import shown

    for level, one in levels.items():
        if one["calibration_id"] is None:
            yield f"{level}: uncertified labels only ({one['why']})"
            continue
        yield (
            f"{level}: {one['n_pool']:,} pairs in the pool; {one['n_certified']:,} labelled by "
            f"score, {one['n_judged']:,} judged ({one['n_judged_relevant']:,} relevant), "
            f"{one['n_left']:,} below tau minus, {one['n_open']:,} not asked about"
        )
        if one["tau_plus"] is None and level != "topic":
            yield "  no threshold is certified: no automatic labels, only what was judged"
        if one["missed"]:
            yield (
                f"  false negatives {shown(one['missed']['rate'])} of the pairs without a label; "
                f"recall in the pool {shown(one['missed']['recall'])}"
            )

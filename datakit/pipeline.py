"""A build: the steps of a plan, in order, over one dataset directory."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from datakit import engine, sources, stages
from datakit.dataset import Dataset, unwritable, write_atomic
from datakit.engine import Outcome, Step
from datakit.errors import DatasetError, PlanError, YieldTooLow
from datakit.llm.calls import Calls, Spending
from datakit.plan import ASKED_FOR, Plan, Use, parse
from datakit.reading import NOT_A_DOCUMENT
from datakit.runners.local import LocalRunner

REPLIES = ".replies"  # below the dataset: what language models answered
Report = Callable[[Outcome], None]
STAGES = (
    "ingest", "segment", "duplicates", "generate", "filter", "retrieve", "pool", "mine",
    "filter/retrieved", "split", "negatives", "mutate", "check",
)  # fmt: skip


@dataclass
class Build:
    """One dataset, the plan for it, and who computes."""

    dataset: Dataset
    plan: Plan
    files: list[sources.SourceFile]
    workers: int = 1
    show: bool = True
    spending: Spending = field(default_factory=Spending)

    def __post_init__(self) -> None:
        self.bench = stages.Workbench(self.dataset, self.plan)
        self.calls = Calls(self.dataset.path / REPLIES, self.spending)

    def steps(self, only: str | None = None) -> Iterator[Step]:
        """The steps in order; each is made when its turn comes, since it looks at its inputs."""
        plan, dataset = self.plan, self.dataset
        makers: dict[str, Callable[[], Iterator[Step]]] = {
            "ingest": lambda: iter([stages.ingest_step(plan, self.files)]),
            "segment": lambda: iter([stages.segment_step(plan)]),
            "duplicates": lambda: iter([stages.duplicates_step(plan, dataset)]),
            "generate": lambda: (
                stages.generate_step(plan, dataset, use, self.calls)
                for use in plan.uses["generate"]
            ),
            "filter": lambda: iter([stages.filter_step(plan, dataset)]),
            "retrieve": lambda: (
                stages.retrieve_step(plan, self.bench, use, stages.query_table(dataset))
                for use in plan.uses["retrieve"]
            ),
            "pool": lambda: iter([stages.pool_step(plan, self.bench)]),
            "mine": lambda: iter([stages.mine_step(plan, self.bench)]),
            "filter/retrieved": lambda: iter([stages.filter_retrieved_step(plan, dataset)]),
            "split": lambda: iter([stages.split_step(plan, dataset)]),
            "negatives": lambda: iter([stages.negatives_step(plan, self.bench)]),
            "mutate": lambda: (stages.mutate_step(use, dataset) for use in plan.uses["mutate"]),
            "check": lambda: iter([stages.check_step(plan, dataset)]),
        }
        for stage in STAGES if only is None else (only,):
            yield from makers[stage]()

    def run(self, only: str | None = None, report: Report = lambda _: None) -> list[Outcome]:
        """Bring the dataset up to date, or one stage of it.

        Raises:
            YieldTooLow: a stage kept nothing, or less than its floor.
        """
        self.preflight(only)
        outcomes = []
        done = []
        with LocalRunner(self.workers) as runner:
            for step in self.steps(only):
                outcome = engine.run_step(step, self.dataset, runner, self.show)
                done.append(step)
                outcomes.append(outcome)
                report(outcome)
        if only is None:
            engine.prune(self.dataset, done)
        self.describe()
        return outcomes

    def preflight(self, only: str | None = None) -> None:
        """Raise now what a later stage would raise: a model, package or key that is not there."""
        for stage, uses in self.plan.uses.items():
            if stage in ASKED_FOR:
                continue
            for use in uses if only in (None, stage) else ():
                stages.identity(use.plugin)
                if use.asks and self.spending.live and not self._has_been_answered(use):
                    self.calls.check(self.plan.endpoint_of(use))

    def _has_been_answered(self, use: Use) -> bool:
        """Whether this endpoint gave the table that is there: its replies may be all we need."""
        entry = self.dataset.manifest["stages"].get(f"{use.stage}/{use.name}") or {}
        known = entry.get("identity", {}).get("endpoint")
        return bool(known == self.plan.endpoint_of(use).identity())

    def check_sources(self) -> None:
        """Raise where too many of the sources could not be read; the rest has been built."""
        entry = self.dataset.manifest["stages"]["ingest"]
        reasons = dict(entry["dropped_by_reason"])
        left_out = reasons.pop(NOT_A_DOCUMENT, 0)  # nobody meant them to be read
        seen, dropped = (entry["counts"][name] - left_out for name in ("in", "dropped"))
        if seen and (seen - dropped) / seen < self.plan.floors.ingest:
            why = ", ".join(f"{reason} {n:,}" for reason, n in reasons.items())
            raise YieldTooLow(
                f"the dataset is built, but {dropped:,} of {seen:,} sources were dropped ({why}): "
                f"more than floors.ingest allows. Look at them: `datakit stats {self.dataset.path} "
                "dropped/ingest`."
            )

    def describe(self) -> None:
        """Bring what the manifest says about the whole up to date."""
        manifest = dict(self.dataset.manifest)
        manifest |= {
            "purpose": self.plan.purpose,
            "seed": self.plan.seed,
            "plan": json.loads(json.dumps(self.plan.as_dict(), default=list)),
        }
        asked = {use.name: self._model_of(use) for use in self.plan.asking()}
        manifest["models"] = {name: model for name, model in asked.items() if model}
        if "passage" in self.dataset:
            languages = self.dataset.arrow("passage", ["language"])["language"].unique()
            manifest["languages"] = sorted(x for x in languages.to_pylist() if x)
        if "query" in self.dataset:
            splits = self.dataset.arrow("query", ["split"])["split"].value_counts().to_pylist()
            manifest["splits"] = {
                s["values"]: {"queries": s["counts"]}
                for s in sorted(splits, key=lambda s: str(s["values"]))
                if s["values"]
            }
        if manifest != self.dataset.manifest:
            with unwritable(self.dataset.path):
                self.dataset.save(manifest)

    def _model_of(self, use: Use) -> dict[str, Any] | None:
        """Who wrote the queries of a generator, or judged, as far as that is there."""
        entry = self.dataset.manifest["stages"].get(f"{use.stage}/{use.name}")
        if not entry or "llm" not in entry["notes"]:
            return None
        endpoint, notes = entry["identity"]["endpoint"], entry["notes"]["llm"]
        return {
            "role": "judge" if use.stage in ASKED_FOR else "generator",
            "model": endpoint["model"],
            "family": endpoint["family"] or endpoint["model"],
            "base_url": endpoint["base_url"],
            "answered_as": sorted(notes["models"]),
            "prompts": notes["prompts"],
        }


def plan_of(dataset: Dataset) -> Plan:
    """The plan that a dataset was built with; the default plan for an imported one."""
    return parse(dataset.manifest.get("plan") or {})


def build(
    source_paths: list[Path],
    out: str | Path,
    plan: Plan,
    *,
    limit: int | None = None,
    workers: int = 1,
    show: bool = True,
    report: Report = lambda _: None,
    spending: Spending | None = None,
) -> Dataset:
    """Make or bring up to date the dataset at `out`; ends with the page `report.html` in it.

    Args:
        source_paths: files and folders.
        out: the dataset directory.
        plan: as `plan.load()` gives it.
        limit: only the first so many source files.
        workers: processes that read, segment and generate; the result does not depend on it.
        show: progress on stderr.
        report: called after every step.
        spending: where calls of language models stop, and what they cost.

    Raises:
        DatakitError: see its subclasses; whatever was finished is kept.
    """
    from datakit.inspection import inspect
    from datakit.report import write_report

    files = sources.find(source_paths, skip=Path(out))[:limit]
    if not files:
        raise PlanError(f"no files in {', '.join(map(str, source_paths))}: nothing to build from.")
    dataset = Dataset.create(out)
    with dataset.locked():
        _remember_sources(dataset, source_paths, limit)
        work = Build(dataset, plan, files, workers, show, spending or Spending())
        outcomes = work.run(report=report)
        inspect(dataset, plan.audit, not all(one.skipped for one in outcomes), show)
        with unwritable(dataset.path):
            write_report(dataset)
        work.check_sources()
    return dataset


def _remember_sources(dataset: Dataset, source_paths: list[Path], limit: int | None) -> None:
    """Where the sources lie is known to this machine only: not in the manifest."""
    file = dataset.path / engine.SHARDS / "sources.json"
    known = {"sources": [str(p.resolve()) for p in source_paths], "limit": limit}
    with unwritable(dataset.path):
        file.parent.mkdir(exist_ok=True)
        write_atomic(file, json.dumps(known))


def remembered_sources(dataset: Dataset) -> list[sources.SourceFile]:
    """The files that the sources of the last build hold now.

    Raises:
        DatasetError: the dataset was not built on this machine.
    """
    try:
        known = json.loads((dataset.path / engine.SHARDS / "sources.json").read_text("utf-8"))
    except OSError:
        raise DatasetError(
            f"{dataset.path} does not know its sources: name them, as in the build."
        ) from None
    return sources.find(known["sources"], skip=dataset.path)[: known["limit"]]

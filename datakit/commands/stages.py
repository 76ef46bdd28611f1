"""The stages, one by one, for people who bring their own passages, queries or labels."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from datakit.commands.options import (
    DatasetArgument,
    JsonOption,
    OutOption,
    PlanOption,
    QuietOption,
    SetOption,
    Sources,
    UseOption,
    WorkersOption,
)
from datakit.commands.stage import print_outcome, run_stage
from datakit.errors import UsageError

if TYPE_CHECKING:
    pass


def ingest(
    sources: Sources = None,
    out: OutOption = Path("out"),
    plan: PlanOption = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Only the first so many files.")] = None,
    workers: WorkersOption = 0,
    quiet: QuietOption = False,
) -> None:
    """Read source files into documents.

    Example: datakit ingest filings/ -o out
    """
    from datakit import pipeline
    from datakit import plan as plans
    from datakit.dataset import Dataset
    from datakit.sources import find

    if not sources:
        raise UsageError("ingest needs source files or folders.")
    dataset = Dataset.create(out)
    with dataset.locked():
        files = find(sources, skip=out)[:limit]
        work = pipeline.Build(
            dataset, plans.load(plan), files, workers or os.cpu_count() or 1, not quiet
        )
        work.run("ingest", print_outcome if not quiet else lambda _: None)


def segment(
    out: DatasetArgument,
    plan: PlanOption = None,
    use: UseOption = None,
    values: SetOption = None,
    workers: WorkersOption = 0,
    quiet: QuietOption = False,
) -> None:
    """Cut documents into passages, and find near-duplicates.

    Example: datakit segment out --use fixed_window --set target_tokens=200
    """
    run_stage("segment", out, plan, use, values, quiet, workers)
    run_stage("duplicates", out, None, None, None, quiet)


def retrieve(
    out: DatasetArgument,
    plan: PlanOption = None,
    use: UseOption = None,
    values: SetOption = None,
    quiet: QuietOption = False,
) -> None:
    """Run the retrievers over all queries.

    Example: datakit retrieve out --use bm25 --set k1=0.9 --set b=0.4
    """
    run_stage("retrieve", out, plan, use, values, quiet)


def check(
    out: DatasetArgument,
    plan: PlanOption = None,
    use: Annotated[
        str | None, typer.Option("--use", help="Run this retriever first (an imported dataset).")
    ] = None,
    values: SetOption = None,
    quiet: QuietOption = False,
    as_json: JsonOption = False,
) -> None:
    """Measure the retrievers on the dataset's labels.

    Example: datakit check out --use bm25
    """
    from datakit.records import as_dict

    if use:
        run_stage("retrieve", out, plan, use, values, quiet or as_json)
    dataset = run_stage("check", out, None, None, None, quiet or as_json)
    measures = [as_dict(m) for m in dataset.read("measure")]
    if as_json:
        print(json.dumps(measures, ensure_ascii=False))
    elif not quiet:
        _print_measures(measures)


def _print_measures(measures: list[dict[str, Any]]) -> None:
    print(
        f"{'labels':<8} {'split':<6} {'retriever':<12} {'measure':<10} {'value':<6}  "
        "95 % interval, queries"
    )
    for m in measures:
        if m["level"] == m["language"] == "all":
            print(
                f"{m['labels']:<8} {m['split']:<6} {m['run']:<12} {m['measure']:<10} "
                f"{m['value']:.4f}  [{m['ci_low']:.4f}, {m['ci_high']:.4f}]  n={m['n_queries']:,}"
            )


def report(
    out: DatasetArgument,
    to: Annotated[Path | None, typer.Option("-o", "--to", help="Default: OUT/report.html.")] = None,
    baseline: Annotated[
        Path | None,
        typer.Option(metavar="PREVIOUS", help="An earlier audit: show what is new and gone."),
    ] = None,
) -> None:
    """Write the HTML report of a dataset: what is established, and what to fix first.

    Shows what `datakit verify`, `audit` and `calibrate` left in OUT, and says what has not run.

    Example: datakit report out
    """
    from datakit.auditing.outputs import read_findings
    from datakit.dataset import Dataset
    from datakit.report import write_report

    before = read_findings(baseline) if baseline else None
    print(write_report(Dataset.open(out), to, before=before))

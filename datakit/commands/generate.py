"""`datakit generate`: queries by rule, T5 or a language model, live or through batch files."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from datakit.commands import calling
from datakit.commands.calling import check_one_of, usage_line
from datakit.commands.options import (
    DatasetArgument,
    DryRunOption,
    EndpointOption,
    ExportBatchOption,
    ImportBatchOption,
    JsonOption,
    MaxCallsOption,
    MaxCostOption,
    PlanOption,
    PricesOption,
    QuietOption,
    SetOption,
    UseOption,
    WorkersOption,
    settings_of,
)
from datakit.commands.stage import print_outcome
from datakit.errors import UsageError

if TYPE_CHECKING:
    from datakit.llm.asking import Asking
    from datakit.pipeline import Build

WIDTH = 120  # columns of the closing table, in a narrower terminal too


def generate(
    context: typer.Context,
    out: DatasetArgument,
    plan: PlanOption = None,
    use: UseOption = None,
    values: SetOption = None,
    endpoint: EndpointOption = None,
    dry_run: DryRunOption = False,
    max_calls: MaxCallsOption = None,
    max_cost: MaxCostOption = None,
    prices: PricesOption = None,
    export_batch: ExportBatchOption = None,
    import_batch: ImportBatchOption = None,
    drop_failed: Annotated[
        bool,
        typer.Option("--drop-failed", help="What failed is dropped, so that a run can end."),
    ] = False,
    workers: WorkersOption = 0,
    quiet: QuietOption = False,
    as_json: JsonOption = False,
) -> None:
    """Write queries for passages and topics, and filter them.

    Generators that ask a language model send what has no reply yet; a run that stops is gone on
    with by the same command. With --export-batch nothing is sent: the requests become files for a
    provider's batch service, and --import-batch reads what came back.

    Example: datakit generate out --plan llm --dry-run
    """
    from datakit import pipeline
    from datakit import plan as plans
    from datakit.dataset import Dataset
    from datakit.llm.calls import Spending
    from datakit.llm.endpoint import Limits

    check_one_of(dry_run=dry_run, export_batch=export_batch, import_batch=import_batch)
    if context.args and not import_batch:
        raise UsageError(f"generate takes one dataset directory; what is {context.args[0]!r}?")
    dataset = Dataset.open(out)
    chosen = plans.load(plan) if plan else pipeline.plan_of(dataset)
    if endpoint:
        chosen = plans.with_endpoint(chosen, settings_of(endpoint, "--endpoint"))
    if use or values:
        chosen = plans.with_plugin(chosen, "generate", use, settings_of(values))
    loud = not quiet and not as_json
    build = pipeline.Build(
        dataset,
        chosen,
        [],
        workers or os.cpu_count() or 1,
        loud,
        Spending(Limits(max_calls, max_cost), import_batch is None, drop_failed, prices),
    )
    if dry_run:
        calling.print_estimates(_askings(build), build.calls, as_json)
        return
    with dataset.locked():
        if export_batch is not None:
            calling.export_batch(_askings(build), build.calls, export_batch, as_json)
            return
        if import_batch is not None:
            paths = [*import_batch, *map(Path, context.args)]
            calling.import_batch(_askings(build), build.calls, paths, loud)
        for stage in ("generate", "filter"):
            build.run(stage, print_outcome if loud else lambda _: None)
    found = summary(build)
    if as_json:
        print(json.dumps(found, ensure_ascii=False))
    elif loud:
        _print_summary(found)


def _askings(build: Build) -> list[Asking]:
    """What the plan's generators ask.

    Raises:
        UsageError: none of them asks a language model.
    """
    from datakit.stages import asking_of

    found = [
        asking_of(build.plan, build.dataset, use) for use in build.plan.uses["generate"] if use.asks
    ]
    if not found:
        raise UsageError(
            "no generator of the plan asks a language model: give --plan llm, or a plan of your "
            "own with [llm.default]."
        )
    return found


# --- the closing table --------------------------------------------------------------------


def summary(build: Build) -> dict[str, Any]:
    """What the generators of a plan asked and gave, and what the filters kept."""
    from collections import Counter
    from dataclasses import asdict

    dataset, stages = build.dataset, build.dataset.manifest["stages"]
    steps = [f"generate/{use.name}" for use in build.plan.uses["generate"]]
    kept = Counter(
        (str(row["level"]), str(row["form"]))
        for row in dataset.arrow("query/candidate", ["level", "form"]).to_pylist()
    )
    return {
        "out": str(dataset.path),
        "generators": {name: stages[name]["notes"].get("llm", {}) for name in steps},
        "written": {name: stages[name]["counts"]["out"] for name in steps},
        "dropped": {name: stages[name]["dropped_by_reason"] for name in [*steps, "filter"]},
        "kept": [{"level": k[0], "form": k[1], "queries": n} for k, n in sorted(kept.items())],
        "this_run": asdict(build.calls.spent),
    }


def _print_summary(found: dict[str, Any]) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, show_header=False)
    for name, notes in found["generators"].items():
        table.add_row(name, f"{found['written'][name]:,} queries")
        if notes:
            table.add_row("  asked", _states(notes))
            table.add_row("  tokens", f"{usage_line(notes)} (of all replies in use)")
    for name, reasons in found["dropped"].items():
        if reasons:
            why = ", ".join(f"{reason} {n:,}" for reason, n in reasons.items())
            table.add_row(f"dropped by {name}", why)
    for level in ("sentence", "passage", "topic"):
        forms = [row for row in found["kept"] if row["level"] == level]
        if forms:
            text = ", ".join(f"{row['form']} {row['queries']:,}" for row in forms)
            table.add_row(f"kept, {level} level", text)
    if any(found["generators"].values()):
        table.add_row("this run", usage_line(found["this_run"]))
    console = Console(highlight=False)
    console.width = max(console.width, WIDTH)
    console.print(table)


def _states(notes: dict[str, Any]) -> str:
    states = ", ".join(f"{state} {notes[state]:,}" for state in ("parsed", "repaired", "dropped"))
    return f"{notes['asked']:,}: {states}"

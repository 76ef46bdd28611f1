"""`datakit generate`: queries by rule, T5 or a language model, live or through batch files."""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING, Any

import typer

from datakit.commands import calling
from datakit.commands.calling import usage_line
from datakit.commands.grouped import CallOptions, PlanOptions, ShownOptions, grouped
from datakit.commands.options import DatasetArgument, DryRunOption, WorkersOption
from datakit.commands.stage import print_outcome
from datakit.errors import UsageError

if TYPE_CHECKING:
    from datakit.llm.asking import Asking
    from datakit.pipeline import Build

WIDTH = 120  # columns of the closing table, in a narrower terminal too


@grouped
def generate(
    context: typer.Context,
    out: DatasetArgument,
    chosen: PlanOptions,
    dry_run: DryRunOption = False,
    *,
    calls: CallOptions,
    workers: WorkersOption = 0,
    shown: ShownOptions,
) -> None:
    """Write queries for passages and topics, and filter them.

    Generators that ask a language model send what has no reply yet; a run that stops is gone on
    with by the same command. With --export-batch nothing is sent: the requests become files for a
    provider's batch service, and --import-batch reads what came back.

    Example: datakit generate out --plan llm --dry-run
    """
    from datakit import pipeline
    from datakit.dataset import Dataset

    calls.check(context, dry_run=dry_run)
    dataset = Dataset.open(out)
    plan = calls.with_endpoint(chosen.loaded(dataset))
    plan = chosen.changed(plan, "generate")
    build = pipeline.Build(
        dataset, plan, [], workers or os.cpu_count() or 1, shown.loud, calls.spending()
    )
    _print_skipped(build, shown.loud)
    if dry_run:
        calling.print_estimates(_askings(build), build.calls, shown.as_json)
        return
    with dataset.locked():
        if calls.export_batch is not None:
            calling.export_batch(_askings(build), build.calls, calls.export_batch, shown.as_json)
            return
        if calls.import_batch is not None:
            calling.import_batch(_askings(build), build.calls, calls.files(context), shown.loud)
        for stage in ("generate", "filter"):
            build.run(stage, print_outcome if shown.loud else lambda _: None)
    found = summary(build)
    if shown.as_json:
        print(json.dumps(found, ensure_ascii=False))
    elif shown.loud:
        _print_summary(found)


def _print_skipped(build: Build, loud: bool) -> None:
    """A line on stderr for each generator that has nothing to ask about.

    Raises:
        UsageError: that is so of all of them.
    """
    from datakit.stages import why_no_topics

    uses = build.plan.uses["generate"]
    reasons = [why for use in uses if (why := why_no_topics(build.dataset, use))]
    if len(reasons) == len(uses):
        raise UsageError(reasons[0])
    if loud:
        for why in reasons:
            print(why, file=sys.stderr)


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

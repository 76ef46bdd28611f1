"""`datakit generate`: queries by rule, T5 or a language model, live or through batch files."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from datakit.commands.options import (
    DatasetArgument,
    EndpointOption,
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
from datakit.errors import Unfinished, UsageError

if TYPE_CHECKING:
    from datakit.llm.asking import Asking
    from datakit.llm.batch import Imported
    from datakit.pipeline import Build

WIDTH = 120  # columns of the closing table, in a narrower terminal too


def generate(
    context: typer.Context,
    out: DatasetArgument,
    plan: PlanOption = None,
    use: UseOption = None,
    values: SetOption = None,
    endpoint: EndpointOption = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what would be asked, and the price.")
    ] = False,
    max_calls: MaxCallsOption = None,
    max_cost: MaxCostOption = None,
    prices: PricesOption = None,
    export_batch: Annotated[
        Path | None,
        typer.Option("--export-batch", metavar="DIR", help="Write open requests as batch files."),
    ] = None,
    import_batch: Annotated[
        list[Path] | None,
        typer.Option("--import-batch", metavar="FILE…", help="Read a provider's output files."),
    ] = None,
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

    _check_options(dry_run, export_batch, import_batch, context.args)
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
        _print_estimates(build, as_json)
        return
    with dataset.locked():
        if export_batch is not None:
            _export(build, export_batch, as_json)
            return
        if import_batch is not None:
            _import(build, [*import_batch, *map(Path, context.args)], loud)
        for stage in ("generate", "filter"):
            build.run(stage, print_outcome if loud else lambda _: None)
    found = summary(build)
    if as_json:
        print(json.dumps(found, ensure_ascii=False))
    elif loud:
        _print_summary(found)


def _check_options(
    dry_run: bool,
    export_batch: Path | None,
    import_batch: list[Path] | None,
    more: list[str],
) -> None:
    chosen = [
        name
        for name, given in (
            ("--dry-run", dry_run),
            ("--export-batch", export_batch),
            ("--import-batch", import_batch),
        )
        if given
    ]
    if len(chosen) > 1:
        raise UsageError(f"{chosen[0]} and {chosen[1]} cannot go together: give one of them.")
    if more and not import_batch:
        raise UsageError(f"generate takes one dataset directory; what is {more[0]!r}?")


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


# --- dry run ------------------------------------------------------------------------------


def _print_estimates(build: Build, as_json: bool) -> None:
    from datakit.llm.asking import estimate

    calls = build.calls
    found = [
        estimate(asking, calls.log, calls.price(asking.endpoint), calls.prices.currency)
        for asking in _askings(build)
    ]
    if as_json:
        print(json.dumps([one.as_json() for one in found], ensure_ascii=False))
        return
    for one in found:
        print("\n".join(one.lines()))


# --- batch files --------------------------------------------------------------------------


def _export(build: Build, folder: Path, as_json: bool) -> None:
    from datakit.llm import batch
    from datakit.llm.asking import Standing, open_requests

    standings: list[Standing] = []

    def requests() -> Iterator[Any]:
        for asking in _askings(build):
            standings.append(Standing())
            for _, request in open_requests(asking, build.calls.log, standings[-1]):
                yield request

    made = batch.export(requests(), folder)
    repairs = sum(standing.follow_ups for standing in standings)
    if as_json:
        files = [str(path) for path in made.files]
        print(json.dumps({"files": files, "requests": made.requests, "repairs": repairs}))
        return
    if not made.requests:
        print("Every request has its reply: run the same command without --export-batch.")
        return
    print(f"{made.requests:,} requests, {repairs:,} of them repairs:")
    for path in made.files:
        print(f"  {path}")
    print(
        "Have the provider's batch service answer them, then give its output files to the same "
        "command with --import-batch FILE… instead of --export-batch."
    )


def _import(build: Build, paths: list[Path], loud: bool) -> None:
    """Read the files into the log; ends the command where something is open afterwards."""
    from datakit.llm import batch
    from datakit.llm.asking import Standing, open_requests

    askings, give_up = _askings(build), build.spending.give_up
    made = batch.import_files(batch.output_files(paths), build.calls.log, give_up=give_up)
    standing = Standing()
    for asking in askings:
        for _ in open_requests(asking, build.calls.log, standing):
            pass
    if loud:
        print("\n".join(_import_lines(made, standing)), file=sys.stderr)
    if not standing.is_complete and not give_up:
        raise Unfinished(
            f"{standing.missing + standing.follow_ups:,} requests are open "
            f"({standing.missing:,} missing, {standing.follow_ups:,} to repair); all replies are "
            "kept. Write the open ones with --export-batch DIR, or run without --import-batch to "
            "send them now."
        )


def _import_lines(made: Imported, standing: Any) -> Iterator[str]:
    yield (
        f"imported {made.replies:,}, there already {made.known:,}, failed {made.failed:,}, "
        f"not readable {made.broken:,}; missing {standing.missing:,}, to repair "
        f"{standing.follow_ups:,}, done {standing.done:,} of {standing.tasks:,}"
    )
    for text, n in made.says.most_common(3):
        yield f"  failed {n:,} times: {text}"
    if made.first_broken:
        yield f"  not readable, the first: {made.first_broken}"


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


def usage_line(usage: dict[str, Any]) -> str:
    """Calls, tokens and money on one line."""
    cost = "price not known" if usage["cost"] is None else f"cost {usage['cost']:,.4f}"
    return (
        f"{usage['calls']:,} calls, {usage['prompt_tokens']:,} tokens in, "
        f"{usage['completion_tokens']:,} out, {cost}"
    )

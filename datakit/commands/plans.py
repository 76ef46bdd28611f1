"""Plans shown, written, and explained against a dataset."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from datakit.commands.options import (
    DatasetArgument,
    PlanOption,
    Sources,
)
from datakit.errors import UsageError

if TYPE_CHECKING:
    from datakit.dataset import Dataset
    from datakit.plan import Plan

plan_app = typer.Typer(help="Show, write and explain plans.", no_args_is_help=True)


@plan_app.command("show")
def plan_show(
    name: Annotated[str | None, typer.Argument(help="A plan file or a shipped plan.")] = None,
) -> None:
    """A plan with every setting filled in.

    Example: datakit plan show default
    """
    from datakit import plan as plans

    print(plans.load(name).toml(), end="")


@plan_app.command("init")
def plan_init(
    path: Annotated[Path, typer.Argument(help="The file to write.")] = Path("plan.toml"),
    start: Annotated[
        str, typer.Option("--from", help="The shipped plan to start from.")
    ] = "default",
) -> None:
    """Write a commented plan to change.

    Example: datakit plan init plan.toml
    """
    from datakit import plan as plans

    if path.exists():
        raise UsageError(f"{path} is there already: remove it or choose another name.")
    path.write_text(plans.plan_path(start).read_text("utf-8"), "utf-8")
    print(path)


@plan_app.command("explain")
def plan_explain(
    out: DatasetArgument,
    sources: Sources = None,
    plan: PlanOption = None,
) -> None:
    """Why a stage would run again, stage by stage.

    Example: datakit plan explain out --plan plan.toml
    """
    from datakit import engine, pipeline
    from datakit import plan as plans
    from datakit.dataset import Dataset
    from datakit.sources import find

    dataset = Dataset.open(out)
    chosen: Plan = plans.load(plan) if plan else pipeline.plan_of(dataset)
    files = find(sources, skip=out) if sources else pipeline.remembered_sources(dataset)
    earlier: list[str] = []
    for step in pipeline.Build(dataset, chosen, files, show=False).steps():
        causes = engine.explain(step, dataset)
        causes += [f"{e} would run again" for e in earlier if feeds(dataset, e, step.inputs)]
        print(f"{step.name:<32} " + ("would run again" if causes else "up to date"))
        for cause in causes:
            print(f"{'':<34}{cause}")
        if causes:
            earlier.append(step.name)


def feeds(dataset: Dataset, step: str, inputs: tuple[str, ...]) -> bool:
    """Whether a step writes one of the tables."""
    return any(
        table in dataset and dataset.manifest["tables"][table]["made_by"] == step
        for table in inputs
    )

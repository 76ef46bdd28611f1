"""Datasets in and out: the formats of others."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from datakit.commands.options import (
    DatasetArgument,
    OutOption,
    SetOption,
    settings_of,
)
from datakit.errors import UsageError

if TYPE_CHECKING:
    pass


def export(
    out: DatasetArgument,
    to: Annotated[str, typer.Option("--to", help="The format: see `datakit plugins exporters`.")],
    folder: Annotated[Path, typer.Option("-o", "--out", help="A new folder.")],
    values: SetOption = None,
) -> None:
    """Write a dataset in another format, read it back and compare.

    Example: datakit export out --to beir -o out-beir
    """
    from datakit import engine, registry
    from datakit.dataset import Dataset

    dataset = Dataset.open(out)
    stale = engine.stale_steps(dataset)
    if stale:
        # after `datakit mine` the measures alone are old: no build is needed for these
        again = f"datakit check {out}" if stale == ["check"] else "datakit build"
        raise UsageError(
            f"{stale[0]} was made from tables that have since been replaced. "
            f"Run `{again}` again before exporting."
        )
    for path in registry.make("exporters", to.replace("-", "_"), settings_of(values))(
        dataset, folder
    ):
        print(path)


def import_(
    path: Annotated[Path, typer.Argument(help="The folder or file to import.")],
    out: OutOption = Path("out"),
    form: Annotated[
        str | None, typer.Option("--from", help="The format; guessed if left out.")
    ] = None,
    values: SetOption = None,
    passages_only: Annotated[
        bool,
        typer.Option("--passages-only", help="Leave out queries, labels and runs; `datakit "
                     "generate` then writes queries."),
    ] = False,
) -> None:  # fmt: skip
    """Make a dataset of ours from someone else's.

    Example: datakit import scifact/ --from beir -o out
    """
    from datakit import importing

    dataset = importing.import_dataset(
        path, out, form, settings_of(values), passages_only=passages_only
    )
    for table in dataset.tables():
        print(f"{table:<24} {dataset.count(table):>10,}")
    for finding in importing.findings(dataset):
        print(f"{finding.severity}: {finding.message}")

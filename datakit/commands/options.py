"""Options and arguments that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from datakit.errors import PlanError

Sources = Annotated[
    list[Path] | None, typer.Argument(help="Files and folders to read.", show_default=False)
]
OutOption = Annotated[Path, typer.Option("-o", "--out", help="The dataset directory.")]
DatasetArgument = Annotated[Path, typer.Argument(metavar="OUT", help="A dataset directory.")]
PlanOption = Annotated[
    str | None, typer.Option("--plan", help="A plan: a TOML file, or `default`, `no_encoder`.")
]
SeedOption = Annotated[int | None, typer.Option(help="Replaces the plan's seed.")]
PurposeOption = Annotated[
    str | None, typer.Option(help="train or eval: may filters that lean on a retriever drop?")
]
WorkersOption = Annotated[
    int, typer.Option(help="Processes for reading, segmenting and generating. 0: one per core.")
]
QuietOption = Annotated[bool, typer.Option("--quiet", "-q", help="Errors only.")]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")]
UseOption = Annotated[str | None, typer.Option("--use", help="Another plugin for this stage.")]
SetOption = Annotated[
    list[str] | None, typer.Option("--set", help="A setting of the plugin, NAME=VALUE; repeatable.")
]


def settings_of(values: list[str] | None) -> dict[str, Any]:
    """`NAME=VALUE` as TOML would read it; what TOML cannot read is text."""
    import tomllib

    settings = {}
    for item in values or []:
        name, sign, value = item.partition("=")
        if not sign:
            raise PlanError(f"--set {item!r}: expected NAME=VALUE, such as --set max_tokens=300")
        try:
            settings[name] = tomllib.loads(f"value = {value}")["value"]
        except tomllib.TOMLDecodeError:
            settings[name] = value
    return settings

"""Options and arguments that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from datakit.errors import PlanError, UsageError

Sources = Annotated[
    list[Path] | None, typer.Argument(help="Files and folders to read.", show_default=False)
]
OutOption = Annotated[Path, typer.Option("-o", "--out", help="The dataset directory.")]
DatasetArgument = Annotated[Path, typer.Argument(metavar="OUT", help="A dataset directory.")]
PlanOption = Annotated[
    str | None,
    typer.Option("--plan", help="A plan: a TOML file, or `default`, `no_encoder`, `llm`."),
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
EndpointOption = Annotated[
    list[str] | None,
    typer.Option(
        "--endpoint",
        help="A setting of the endpoint that is asked, such as model=…, base_url=…; repeatable. "
        "NAME.SETTING=VALUE for another than `default`.",
    ),
]
MaxCallsOption = Annotated[
    int | None,
    typer.Option("--max-calls", min=0, help="Stop after so many calls; all replies are kept."),
]
MaxCostOption = Annotated[
    float | None,
    typer.Option("--max-cost", min=0, help="Stop before calls cost more; all replies are kept."),
]
PricesOption = Annotated[
    Path | None,
    typer.Option("--prices", metavar="FILE", help="Prices of your own, before those of datakit."),
]
DryRunOption = Annotated[
    bool, typer.Option("--dry-run", help="Only say what would be asked, and the price.")
]
ExportBatchOption = Annotated[
    Path | None,
    typer.Option("--export-batch", metavar="DIR", help="Write open requests as batch files."),
]
ImportBatchOption = Annotated[
    list[Path] | None,
    typer.Option("--import-batch", metavar="FILE…", help="Read a provider's output files."),
]
DropFailedOption = Annotated[
    bool, typer.Option("--drop-failed", help="What failed is left out, so that a run can end.")
]
JudgeOption = Annotated[str | None, typer.Option(help="A judge of the plan by name, or a plugin.")]
# --- how much is judged for a calibration
RunOption = Annotated[
    str | None,
    typer.Option(help="The run whose scores are calibrated: `bm25`, … Default: those of the pool."),
]
PrecisionOption = Annotated[
    float, typer.Option(min=0.5, max=0.999, help="To be shown of what lies above tau plus.")
]
MissedOption = Annotated[
    float, typer.Option(min=0.001, max=0.5, help="Most that is relevant below tau minus.")
]
FitOption = Annotated[int, typer.Option(min=20, help="Pairs for the curve, per level.")]
StepOption = Annotated[int, typer.Option(min=10, help="Pairs for each threshold tried.")]
OutsideOption = Annotated[int, typer.Option(min=0, help="Pairs outside the pool, per level.")]
TopOption = Annotated[
    float,
    typer.Option(
        min=0.0001,
        max=0.5,
        help="Share of the pool, from the top, where thresholds for labels begin.",
    ),
]
BottomOption = Annotated[
    float,
    typer.Option(
        min=0.0001, max=0.9, help="The same from the bottom, for what is left without a label."
    ),
]


def settings_of(values: list[str] | None, option: str = "--set") -> dict[str, Any]:
    """`NAME=VALUE` as TOML would read it; what TOML cannot read is text."""
    import tomllib

    settings = {}
    for item in values or []:
        name, sign, value = item.partition("=")
        if not sign:
            example = "max_tokens=300" if option == "--set" else "model=qwen3-8b"
            raise PlanError(f"{option} {item!r}: expected NAME=VALUE, such as {option} {example}")
        try:
            settings[name] = tomllib.loads(f"value = {value}")["value"]
        except tomllib.TOMLDecodeError:
            settings[name] = value
    return settings


def named_texts(values: list[str] | None, option: str, form: str) -> dict[str, str]:
    """`NAME=TEXT` of a repeatable option, by name."""
    found = {}
    for item in values or []:
        name, sign, text = item.partition("=")
        if not sign:
            raise UsageError(f"{option} {item!r}: expected {form}.")
        found[name] = text
    return found

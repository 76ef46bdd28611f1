"""The command line: every command is a library call plus printing.

Exit codes: 0 done, 1 done with findings or drops above a floor, 2 usage, 3 a missing optional
dependency. Heavy imports are in the commands: `datakit --help` loads none of them.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Annotated, NoReturn, Protocol, runtime_checkable

import typer

from datakit.commands.audit import audit
from datakit.commands.build import build
from datakit.commands.calibrate import calibrate
from datakit.commands.clusters import clusters
from datakit.commands.compare import compare
from datakit.commands.convert import export, import_
from datakit.commands.fix import fix
from datakit.commands.generate import generate
from datakit.commands.judge import judge
from datakit.commands.look import plugins, show, stats
from datakit.commands.mine import mine
from datakit.commands.plans import plan_app
from datakit.commands.project import project
from datakit.commands.prompts import prompts_app
from datakit.commands.register import register
from datakit.commands.review import review_app
from datakit.commands.segmenter import eval_segmenter, train_segmenter
from datakit.commands.stages import check, ingest, report, retrieve, segment
from datakit.commands.train_generator import train_generator
from datakit.commands.train_retriever import train_retriever
from datakit.commands.verify import verify
from datakit.errors import DatakitError
from datakit.version import __version__

app = typer.Typer(
    name="datakit",
    help="Raw documents in, a passage-retrieval dataset that people can trust out.\n\n"
    "Start with: datakit build --sample -o out",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
train_app = typer.Typer(help="Train models of your own.", no_args_is_help=True)
train_app.command("segmenter")(train_segmenter)
train_app.command("generator")(train_generator)
train_app.command("retriever")(train_retriever)
eval_app = typer.Typer(help="Measure models on data of your own.", no_args_is_help=True)
eval_app.command("segmenter")(eval_segmenter)

WITH_FILES = {"allow_extra_args": True}  # further batch files after the option that names one
PANELS: dict[str, list[tuple[str, Callable[..., None] | typer.Typer]]] = {
    "Make a dataset": [
        ("build", build), ("ingest", ingest), ("segment", segment), ("generate", generate),
        ("clusters", clusters), ("retrieve", retrieve), ("mine", mine), ("project", project),
        ("plan", plan_app), ("prompts", prompts_app),
    ],
    "Judge its labels": [("judge", judge), ("review", review_app), ("calibrate", calibrate)],
    "Know what it is worth": [
        ("report", report), ("check", check), ("verify", verify), ("audit", audit), ("fix", fix),
        ("compare", compare), ("stats", stats), ("show", show),
    ],
    "Formats of others": [("export", export), ("import", import_), ("register", register)],
    "Models and plugins": [("train", train_app), ("eval", eval_app), ("plugins", plugins)],
}  # fmt: skip
for panel, commands in PANELS.items():
    for name, command in commands:
        if isinstance(command, typer.Typer):
            app.add_typer(command, name=name, rich_help_panel=panel)
        else:
            settings = WITH_FILES if command in (generate, mine, judge) else None
            app.command(name, context_settings=settings, rich_help_panel=panel)(command)

INTERRUPTED = 130  # the exit code after Ctrl-C


@runtime_checkable
class _Shown(Protocol):
    """Typer's usage errors print themselves; its stubs do not say so."""

    def show(self) -> None: ...


def main() -> NoReturn:
    """Run the command line; every expected failure is one line and an exit code."""
    try:
        code = app(standalone_mode=False)
        if code == INTERRUPTED:  # typer has made a code of it
            raise KeyboardInterrupt
    except DatakitError as error:
        code = _fail(str(error), error.exit_code)
    except KeyboardInterrupt:
        code = _fail(
            "stopped; what is finished is kept: run the same command to go on", INTERRUPTED
        )
    except BrokenPipeError:  # the reader of a pipe has gone: `datakit show … | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    except typer.TyperException as error:
        if isinstance(error, _Shown):
            error.show()
        code = error.exit_code
    sys.exit(code if isinstance(code, int) else 0)


def _fail(message: str, code: int) -> int:
    print(f"datakit: {message}", file=sys.stderr)
    return code


@app.callback(invoke_without_command=True)
def _root(
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    if version:
        print(f"datakit {__version__}")
        raise typer.Exit

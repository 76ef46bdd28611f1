"""`datakit register`: a dataset that ir_datasets finds by name in every later process."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from datakit.commands.options import JsonOption
from datakit.errors import UsageError


def register(
    out: Annotated[
        Path | None,
        typer.Argument(
            metavar="OUT",
            help="A dataset directory, or an export to ir_datasets.",
            show_default=False,
        ),
    ] = None,
    name: Annotated[
        str | None, typer.Option("--name", help="Instead of the dataset's own name.")
    ] = None,
    show: Annotated[bool, typer.Option("--list", help="Print the registered names.")] = False,
    remove: Annotated[
        str | None, typer.Option("--remove", metavar="NAME", help="Forget a name.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Make a dataset known to ir_datasets under `datakit/NAME`, for good.

    `datakit-irds` and Python's `import datakit.irds` find it from then on; nothing is copied. The
    names are in DATAKIT_HOME, or in the platform's folder for settings.

    Example: datakit register out --name terms
    """
    from datakit import registered

    if sum((out is not None, show, remove is not None)) != 1:
        raise UsageError("register needs a dataset directory, or --list, or --remove NAME.")
    if show:
        found = registered.names()
        if as_json:
            print(json.dumps({name: str(path) for name, path in found.items()}))
        else:
            for known, path in found.items():
                print(f"datakit/{known:<24} {path}")
    elif remove is not None:
        print(f"datakit/{remove} is forgotten; {registered.remove(remove)} stays")
    elif out is not None:
        _add(out, name, as_json)


def _add(out: Path, name: str | None, as_json: bool) -> None:
    from datakit import irds

    ids = irds.keep(out, name)
    if as_json:
        print(json.dumps(ids))
    else:
        print("\n".join(ids))

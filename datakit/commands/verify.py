"""`datakit verify`: the gates of a dataset."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from datakit.commands.options import DatasetArgument, JsonOption, QuietOption, settings_of


def verify(
    out: DatasetArgument,
    self_test: Annotated[
        bool, typer.Option("--self-test", help="G13: spoil labels on purpose; do the gates move?")
    ] = False,
    training: Annotated[
        bool, typer.Option("--training", help="G12: train an encoder on the labels; minutes.")
    ] = False,
    values: Annotated[
        list[str] | None,
        typer.Option("--set", help="Of G12, as of `train retriever`, NAME=VALUE; repeatable."),
    ] = None,
    steps: Annotated[int, typer.Option(min=1, help="Of G12: training steps.")] = 200,
    test: Annotated[
        list[Path] | None, typer.Option("--test", help="Of G12: another dataset to test on.")
    ] = None,
    quiet: QuietOption = False,
    as_json: JsonOption = False,
) -> None:
    """What is established about a dataset's labels and rankings, gate by gate, and what is not.

    Writes gates.json. Ends with exit code 1 when a gate fails; a gate that nothing in the dataset
    bears out is `not established`, and the verdict is `pass` only without such.

    Example: datakit verify out --self-test
    """
    from datakit.dataset import Dataset
    from datakit.gates import training as utility
    from datakit.gates import verify as gates

    dataset = Dataset.open(out)
    trial = None
    if training:
        trial = utility.Trial(settings_of(values), steps, tuple(test or ()))

    def say(line: str) -> None:
        if not quiet and not as_json:
            print(line, file=sys.stderr, flush=True)

    rows, ground = gates.verify(dataset, self_test=self_test, training=trial, say=say)
    with dataset.locked():
        gates.write(dataset, rows)
    word = gates.verdict(rows, ground)
    if as_json:
        found = {"verdict": word, "gates": [row.as_json() for row in rows]}
        print(json.dumps(found, ensure_ascii=False))
    elif not quiet:
        print("\n".join(gates.lines(rows, ground)))
    if word == "fail":
        raise typer.Exit(1)

"""`datakit compare`: two builds of the same documents."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from datakit.commands.options import JsonOption, QuietOption, settings_of


def compare(
    a: Annotated[Path, typer.Argument(metavar="A", help="A dataset directory.")],
    b: Annotated[Path, typer.Argument(metavar="B", help="Another build of the same documents.")],
    primary: Annotated[
        str,
        typer.Option(
            help="The metric that decides: precision, yield, coverage, forms, leak or utility."
        ),
    ],
    test: Annotated[
        Path | None, typer.Option("--test", help="A third dataset: train on each, test on it.")
    ] = None,
    values: Annotated[
        list[str] | None,
        typer.Option("--set", help="Of that training, as of `train retriever`; repeatable."),
    ] = None,
    steps: Annotated[int, typer.Option(min=1, help="Of that training.")] = 200,
    seeds: Annotated[int, typer.Option(min=3, help="Trainings of each build.")] = 3,
    pairs_out: Annotated[
        Path | None,
        typer.Option("--pairs-out", help="Only write labels of both for a judge, to this folder."),
    ] = None,
    budget: Annotated[int, typer.Option(min=1, help="Of --pairs-out, for each build.")] = 208,
    quiet: QuietOption = False,
    as_json: JsonOption = False,
) -> None:
    """Which of two builds is better by one metric that is named beforehand.

    Paired by seed passage or by test query: randomisation test with 10,000 permutations, Holm's
    correction over the other metrics, bootstrap intervals, minimum detectable effect.

    Example: datakit compare out-a out-b --primary coverage
    """
    from datakit import comparison
    from datakit.dataset import Dataset

    one, other = Dataset.open(a), Dataset.open(b)
    if pairs_out is not None:
        for file in comparison.write_pairs(one, other, pairs_out, budget):
            print(file)
        return
    utility = None
    if test is not None:
        utility = comparison.Utility(test, settings_of(values), steps, seeds)

    def say(line: str) -> None:
        if not quiet and not as_json:
            print(line, file=sys.stderr, flush=True)

    found = comparison.compare(one, other, primary, utility, say=say)
    if as_json:
        print(json.dumps(comparison.as_json(found), ensure_ascii=False))
    else:
        print("\n".join(comparison.lines(found)))

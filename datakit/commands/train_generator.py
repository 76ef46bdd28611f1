"""`datakit train generator`: a model that writes queries, from pairs."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from datakit.commands.options import JsonOption, QuietOption, SetOption, named_texts, settings_of


def train_generator(
    data: Annotated[
        list[Path],
        typer.Argument(
            metavar="PAIRS",
            help="Passages with queries: JSON lines or TSV of (passage, query), question sets as "
            "SQuAD and CMRC have them, BEIR folders, dataset directories.",
            show_default=False,
        ),
    ],
    out: Annotated[Path, typer.Option("-o", "--out", help="The model folder to write.")] = Path(
        "generator"
    ),
    model: Annotated[
        str | None,
        typer.Option(help="Where it starts: a folder or hub id.", show_default="google/mt5-base"),
    ] = None,
    from_config: Annotated[
        bool, typer.Option("--from-config", help="Its config and tokenizer, random weights.")
    ] = False,
    values: SetOption = None,
    seed: Annotated[int, typer.Option(help="Of the order of the pairs and of the weights.")] = 0,
    limit: Annotated[
        int | None, typer.Option(min=1, help="Only so many pairs to train on.")
    ] = None,
    licence: Annotated[
        list[str] | None, typer.Option(help="For the card, SET=TEXT; repeatable.")
    ] = None,
    quiet: QuietOption = False,
    as_json: JsonOption = False,
) -> None:
    """Train a model that writes queries, and write its card; the generator t5 uses it.

    After an interruption, the same command goes on after the last finished epoch.

    Example: datakit train generator pairs.jsonl --model google/mt5-base -o generator
    """
    import shlex

    from datakit.training.generator import Job, train

    settings = settings_of(values)
    if model:
        settings["model"] = model
    if from_config:
        settings["from_config"] = True
    job = Job(
        data=tuple(data),
        out=out,
        settings=settings,
        seed=seed,
        limit=limit,
        licences=named_texts(licence, "--licence", "SET=TEXT"),
        command=shlex.join(["datakit", *sys.argv[1:]]),
    )

    def say(line: str) -> None:
        if not quiet and not as_json:
            print(line, file=sys.stderr, flush=True)

    about = train(job, say)
    if as_json:
        print(json.dumps({"out": str(out), **about}, ensure_ascii=False))
    elif not quiet:
        print(out / "README.md")

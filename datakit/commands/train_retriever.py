"""`datakit train retriever`: a bi-encoder, from the train queries of a dataset."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from datakit.commands.options import (
    DatasetArgument,
    JsonOption,
    QuietOption,
    SetOption,
    settings_of,
)


def train_retriever(
    data: DatasetArgument,
    out: Annotated[Path, typer.Option("-o", "--out", help="The model folder to write.")] = Path(
        "retriever"
    ),
    arch: Annotated[
        str, typer.Option(help="checkpoint, or bag: a bag of vectors from scratch, for a CPU.")
    ] = "checkpoint",
    model: Annotated[
        str | None,
        typer.Option(help="The checkpoint: a folder or hub id.", show_default="all-MiniLM-L6-v2"),
    ] = None,
    test: Annotated[
        list[Path] | None,
        typer.Option("--test", help="Another dataset to test on, such as one of people's queries."),
    ] = None,
    values: SetOption = None,
    seed: Annotated[int, typer.Option(help="Of the order of the pairs and of the weights.")] = 0,
    quiet: QuietOption = False,
    as_json: JsonOption = False,
) -> None:
    """Train an encoder on a dataset's train queries, test it, and write its card.

    After an interruption, the same command goes on after the last finished epoch. The retriever
    `dense` loads the folder.

    Example: datakit train retriever out --arch bag -o my-retriever
    """
    import shlex

    from datakit.training.retriever import Job, train

    settings: dict[str, Any] = settings_of(values) | {"arch": arch}
    if model:
        settings["model"] = model
    job = Job(data, out, settings, seed, tuple(test or ()), shlex.join(["datakit", *sys.argv[1:]]))

    def say(line: str) -> None:
        if not quiet and not as_json:
            print(line, file=sys.stderr, flush=True)

    about = train(job, say)
    if as_json:
        print(json.dumps({"out": str(out), **about}, ensure_ascii=False))
        return
    if not quiet:
        for one in about["tested"]:
            gain = one["gain"]
            print(
                f"{one['name']}: nDCG@10 {one['before']:.3f} before, {one['after']:.3f} after "
                f"({gain['value']:+.3f}, p {gain['p']:.4f}), BM25 {one['bm25']:.3f}; "
                f"{one['n']} test queries"
            )
        print(out / "README.md")

"""`datakit project`: the labels of a dataset on another segmentation of its documents."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from datakit.commands.options import (
    DatasetArgument,
    JsonOption,
    QuietOption,
    SetOption,
    settings_of,
)


def project(
    out: DatasetArgument,
    new: Annotated[Path, typer.Option("-o", "--out", help="A new dataset directory.")],
    passages: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Spans: Parquet or JSON lines with doc_id, start and end, or a dataset directory "
            "of the same documents.",
        ),
    ] = None,
    segmenter: Annotated[
        str | None, typer.Option(metavar="NAME", help="Cut the documents with this segmenter.")
    ] = None,
    values: SetOption = None,
    part: Annotated[
        float,
        typer.Option(help="The least share of its evidence for which a label holds in part."),
    ] = 0.5,
    quiet: QuietOption = False,
    as_json: JsonOption = False,
) -> None:
    """Move labels, seeds and negatives to other passages of the same documents.

    A passage that holds a label's evidence gets its grade; one that holds a part of it the grade
    of a part. What a judge or a person said goes where the very text is that they read. What could
    not be moved is in table dropped/project, with the reason.

    Example: datakit project out --segmenter fixed_window --set target_tokens=200 -o out-200
    """
    from datakit import projection

    done = projection.project(
        out, new, passages, segmenter, settings_of(values), part, not (quiet or as_json)
    )
    if as_json:
        print(json.dumps({"out": str(new), "counts": done.counts, "dropped": done.reasons}))
        return
    if not quiet:
        for name, n in done.counts.items():
            print(f"{name:<24} {n:>10,}")
        for reason, n in done.reasons.items():
            print(f"dropped: {reason:<15} {n:>10,}")
        print(f"next: datakit check {new} --use bm25", file=sys.stderr)

"""Segmenters trained and measured."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from datakit.commands.options import (
    JsonOption,
    QuietOption,
    named_texts,
    settings_of,
)

if TYPE_CHECKING:
    from datakit.segmentation.evaluate import Row


def train_segmenter(
    data: Annotated[
        list[Path],
        typer.Argument(
            help="Documents with headings: dataset directories, or JSON lines of paragraphs with "
            "section paths.",
            show_default=False,
        ),
    ],
    out: Annotated[Path, typer.Option("-o", "--out", help="The model folder to write.")],
    arch: Annotated[
        str,
        typer.Option(
            help="hashed (small, from scratch), pair (cross-encoder on two paragraphs) or "
            "hierarchical (any encoder under a sequence transformer)."
        ),
    ] = "hashed",
    encoder: Annotated[
        str | None, typer.Option(help="Of pair and hierarchical: a name, folder or hub id.")
    ] = None,
    values: Annotated[
        list[str] | None,
        typer.Option("--set", help="A setting of the architecture, NAME=VALUE; repeatable."),
    ] = None,
    seeds: Annotated[
        int, typer.Option(min=1, help="So many networks, whose probabilities are averaged.")
    ] = 1,
    seed: Annotated[int, typer.Option(help="Of the first network.")] = 0,
    all_data: Annotated[
        bool, typer.Option("--all-data", help="Learn from the test documents too.")
    ] = False,
    limit: Annotated[
        int | None, typer.Option(min=1, help="Only so many documents of each split.")
    ] = None,
    licence: Annotated[
        list[str] | None, typer.Option(help="For the card, SET=TEXT; repeatable.")
    ] = None,
    quiet: QuietOption = False,
    as_json: JsonOption = False,
) -> None:
    """Train a segmenter on documents with headings, and write its model card.

    After an interruption, the same command goes on after the last finished epoch.

    Example: datakit train segmenter corpus.jsonl --arch hashed -o model
    """
    import shlex

    from datakit.segmentation.train import Job, train

    settings = settings_of(values) | ({"encoder": encoder} if encoder else {})
    job = Job(
        data=tuple(data),
        out=out,
        arch=arch,
        settings=settings,
        seeds=seeds,
        seed=seed,
        all_data=all_data,
        limit=limit,
        licences=named_texts(licence, "--licence", "SET=TEXT"),
        command=shlex.join(["datakit", *sys.argv[1:]]),
    )
    loud = not quiet and not as_json
    model = train(job, (lambda line: print(line, file=sys.stderr, flush=True)) if loud else _silent)
    if as_json:
        print(json.dumps({"out": str(out), **model.identity(), **model.training}))
    elif not quiet:
        _print_quality(model.training["quality"])
        print(out / "README.md")


def _silent(line: str) -> None:
    """Where progress goes with --quiet."""


def _print_quality(rows: list[dict[str, Any]]) -> None:
    print(f"{'set':<18} {'form':<9} {'depth':<11} {'for':<3} {'Pk':>6} {'WD':>6} {'F1':>6}")
    for q in rows:
        print(
            f"{q['source'] + ' ' + q['language']:<18} {q['variant']:<9} {q['depth']:<11} "
            f"{q['threshold']:<3} {100 * q['pk']:>6.1f} {100 * q['window_diff']:>6.1f} "
            f"{100 * q['f1']:>6.1f}"
        )


def eval_segmenter(
    data: Annotated[
        list[Path],
        typer.Argument(
            help="Documents with headings: dataset directories, or JSON lines of paragraphs with "
            "section paths.",
            show_default=False,
        ),
    ],
    segmenters: Annotated[
        str | None,
        typer.Option(
            help="Of none, every, random, even, texttiling, c99, cosine, headings; "
            "random_true_count and even_true_count are told the number of boundaries; shipped, or "
            "folders of models. With commas.",
            show_default="all but cosine and the told",
        ),
    ] = None,
    split: Annotated[
        str, typer.Option(help="test, dev, train or all; a hash of the group decides.")
    ] = "test",
    variants: Annotated[
        str, typer.Option(help="What is left of the headings, with commas.")
    ] = "marked,plain,stripped",
    depths: Annotated[str, typer.Option(help="With commas.")] = "section,subsection",
    limit: Annotated[
        int | None, typer.Option(min=1, help="Only so many documents of each set, drawn by hash.")
    ] = None,
    encoder: Annotated[
        str | None, typer.Option(help="Of cosine: a name, folder or hub id.")
    ] = None,
    dtype: Annotated[
        str, typer.Option(help="Of that encoder: float32, bfloat16 or auto.")
    ] = "float32",
    tune: Annotated[
        str, typer.Option(help="What the baselines' cut-offs are chosen for: f1 or pk.")
    ] = "f1",
    max_lines: Annotated[
        int | None, typer.Option(min=2, help="Leave out documents with more lines.")
    ] = None,
    a_group: Annotated[
        int | None, typer.Option(min=1, help="At most so many documents of a group.")
    ] = None,
    against: Annotated[
        str | None,
        typer.Option(
            help="One of the segmenters: differences to it, with intervals over the same groups."
        ),
    ] = None,
    n_boot: Annotated[int, typer.Option(min=0, help="Samples for the intervals.")] = 1000,
    seed: Annotated[int, typer.Option(help="Of the samples.")] = 0,
    as_markdown: Annotated[
        bool, typer.Option("--markdown", help="The table as Markdown on stdout.")
    ] = False,
    quiet: QuietOption = False,
    as_json: JsonOption = False,
) -> None:
    """Measure segmenters against headings: Pk, WindowDiff, boundary similarity, F1, speed.

    Baselines choose their cut-off on development documents of the same set.

    Example: datakit eval segmenter corpus.jsonl --segmenters shipped,my-model --against shipped
    """
    from datakit.segmentation import evaluate, tables

    settings = evaluate.settings(
        {
            "segmenters": segmenters.split(",") if segmenters else None,
            "split": split,
            "variants": variants.split(","),
            "depths": depths.split(","),
            "limit": limit,
            "max_lines": max_lines,
            "a_group": a_group,
            "against": against,
            "encoder": encoder,
            "dtype": dtype,
            "tune": tune,
            "n_boot": n_boot,
            "seed": seed,
        }
    )
    rows = evaluate.with_progress(data, settings, show=not (quiet or as_json))
    if as_json:
        print(json.dumps([row.as_json() for row in rows], ensure_ascii=False))
    elif as_markdown:
        print(tables.markdown(rows), end="")
    else:
        _print_rows(rows)


def _print_rows(rows: list[Row]) -> None:
    """One table for what is to be compared: a set, language, variant and depth."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    from datakit.segmentation import tables

    console = Console(highlight=False)
    # whole numbers in a narrow terminal too: a line may go on below
    console.width = max(console.width, tables.WIDTH)
    for block in tables.blocks(rows):
        table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
        first, *others = tables.columns(block)
        table.add_column(first, no_wrap=True)
        for name in others:
            table.add_column(name, justify="right", no_wrap=True)
        for row in block:
            table.add_row(*tables.cells(row))
        console.print(tables.title(block), soft_wrap=True)
        console.print(table)

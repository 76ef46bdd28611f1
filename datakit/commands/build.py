"""The main job: documents in, a dataset with its report out."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from datakit.commands.options import (
    JsonOption,
    MaxCallsOption,
    MaxCostOption,
    OutOption,
    PlanOption,
    PricesOption,
    PurposeOption,
    QuietOption,
    SeedOption,
    Sources,
    WorkersOption,
)
from datakit.commands.stage import print_outcome
from datakit.errors import UsageError

if TYPE_CHECKING:
    from datakit.dataset import Dataset


def build(
    sources: Sources = None,
    out: OutOption = Path("out"),
    plan: PlanOption = None,
    sample: Annotated[
        bool, typer.Option("--sample", help="Use the documents that come with datakit.")
    ] = False,
    purpose: PurposeOption = None,
    seed: SeedOption = None,
    limit: Annotated[
        int | None, typer.Option(min=1, help="Only the first so many source files.")
    ] = None,
    max_calls: MaxCallsOption = None,
    max_cost: MaxCostOption = None,
    prices: PricesOption = None,
    workers: WorkersOption = 0,
    quiet: QuietOption = False,
    as_json: JsonOption = False,
) -> None:
    """Make a dataset from documents: every stage, then the report.

    What is finished is not done again: after an interruption, the same command goes on.

    Example: datakit build filings/ terms/ -o out
    """
    from datakit import pipeline
    from datakit import plan as plans
    from datakit.llm.calls import Spending
    from datakit.llm.endpoint import Limits

    if sample == bool(sources):
        raise UsageError(
            "give source files or folders, or --sample for the documents in datakit, not both."
        )
    if sample:
        from datakit import samples

        sources = [samples.root()]
    loud = not quiet and not as_json
    dataset = pipeline.build(
        list(sources or []),
        out,
        plans.load(plan, seed=seed, purpose=purpose),
        limit=limit,
        workers=workers or os.cpu_count() or 1,
        show=loud,
        report=print_outcome if loud else lambda _: None,
        spending=Spending(Limits(max_calls, max_cost), prices=prices),
    )
    if as_json:
        print(json.dumps(_summary(dataset), ensure_ascii=False))
    elif not quiet:
        _print_table(dataset)


def _summary(dataset: Dataset) -> dict[str, Any]:
    """What a build made, for the closing table and for scripts."""
    from collections import Counter

    from datakit import inspection

    count = {t: dataset.count(t) for t in dataset.tables() if not t.startswith("dropped/")}
    queries = dataset.arrow("query", ["level", "split", "language"]).to_pylist()
    labels = dataset.arrow("qrel/mined", ["source"])["source"].to_pylist()
    return {
        "out": str(dataset.path),
        "report": str(dataset.path / "report.html"),
        "content_hash": dataset.manifest["content_hash"],
        "rows": count,
        "queries": {
            field: dict(sorted(Counter(str(q[field]) for q in queries).items()))
            for field in ("level", "split", "language")
        },
        "labels": dict(sorted(Counter(labels).items())),
        "dropped": {
            name: entry["dropped_by_reason"]
            for name, entry in dataset.manifest["stages"].items()
            if entry["dropped_by_reason"]
        },
        **inspection.counts(dataset),
    }


def _print_table(dataset: Dataset) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table

    summary = _summary(dataset)
    rows = summary["rows"]
    table = Table(box=box.SIMPLE_HEAD, title=None, show_header=False)
    pairs = " ".join
    for name, value in (
        ("documents", f"{rows['document']:,}"),
        ("passages", f"{rows['passage']:,}"),
        ("queries", f"{rows['query']:,}"),
        ("  by level", pairs(f"{k} {v:,} " for k, v in summary["queries"]["level"].items())),
        ("  by split", pairs(f"{k} {v:,} " for k, v in summary["queries"]["split"].items())),
        ("  by language", pairs(f"{k} {v:,} " for k, v in summary["queries"]["language"].items())),
        ("labels", pairs(f"{k} {v:,} " for k, v in summary["labels"].items())),
        ("negatives", f"{rows['negative/mined']:,}"),
        *_headline(dataset),
        ("gates", pairs(f"{k.replace('_', ' ')} {v} " for k, v in summary["gates"].items())),
        ("audit", pairs(f"{k} {v} " for k, v in summary["findings"].items()) or "no findings"),
        ("report", summary["report"]),
    ):
        table.add_row(name, value)
    Console(soft_wrap=True, highlight=False).print(table)


def _headline(dataset: Dataset) -> list[tuple[str, str]]:
    """nDCG@10 of each retriever on the test split and the mined labels."""
    return [
        (
            f"nDCG@10 {m.run}",
            f"{m.value:.3f}  [{m.ci_low:.3f}, {m.ci_high:.3f}]  {m.n_queries:,} test queries",
        )
        for m in dataset.read("measure")
        if (m.measure, m.split, m.level, m.language, m.labels)
        == ("nDCG@10", "test", "all", "all", "mined")
    ]

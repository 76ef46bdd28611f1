"""What the commands of single stages share: run one, and print what it did."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from datakit.commands.options import settings_of

if TYPE_CHECKING:
    from datakit.dataset import Dataset
    from datakit.engine import Outcome


def print_outcome(outcome: Outcome) -> None:
    """A step's counts on stderr, its drops by reason below."""
    done = "unchanged" if outcome.skipped else f"{outcome.seconds:6.1f} s"
    counts, shards = outcome.counts, outcome.shards
    reused = shards["total"] - shards["computed"]
    note = (
        f"  ({reused} of {shards['total']} shards reused)" if reused and not outcome.skipped else ""
    )
    why = ", ".join(f"{reason} {n:,}" for reason, n in outcome.reasons.items())
    print(
        f"{outcome.step:<32} {counts['in']:>8,} in {counts['out']:>8,} out "
        f"{counts['dropped']:>7,} dropped  {done}{note}"
        + (f"\n{'':34}dropped: {why}" if why else ""),
        file=sys.stderr,
        flush=True,
    )


def run_stage(
    stage: str, out: Path, plan: str | None, use: str | None, values: list[str] | None, quiet: bool,
    workers: int = 0,
) -> Dataset:  # fmt: skip
    """Bring one stage of a dataset up to date, with the plan it was built with or another."""
    from datakit import pipeline
    from datakit import plan as plans
    from datakit.dataset import Dataset

    dataset = Dataset.open(out)
    chosen = plans.load(plan) if plan else pipeline.plan_of(dataset)
    if use or values:
        chosen = plans.with_plugin(chosen, stage, use, settings_of(values))
    with dataset.locked():
        work = pipeline.Build(dataset, chosen, [], workers or os.cpu_count() or 1, not quiet)
        work.run(stage, print_outcome if not quiet else lambda _: None)
    return dataset

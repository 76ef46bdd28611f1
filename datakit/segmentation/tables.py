"""What `datakit.segmentation.evaluate` measured, as text in tables."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

from datakit.segmentation.estimates import FEW_WRONG, MEASURES, Estimate
from datakit.segmentation.evaluate import Row

COLUMNS = (
    "segmenter", "Pk", "WD", "B", "F1", "±1", "macro F1", "±1", "exact", f"≤{FEW_WRONG} wrong",
    "docs/CPU s", "chosen",
)  # fmt: skip
DIFFERENCES = ("less Pk", "less F1")  # columns more where another's measures are taken off
COMPARED = ("pk", "f1")  # measures with an interval and a difference
WIDTH = 190  # characters that a table has room in


def title(block: Sequence[Row]) -> str:
    """What the rows of a block have in common."""
    row = block[0]
    against = next((f"; less {row.against}" for row in block if row.against), "")
    return (
        f"{row.source} {row.language}, {row.variant}, {row.depth}: {row.n_documents:,} documents "
        f"of {row.n_groups:,} groups, split {row.split}, {row.n_lines:,} lines, "
        f"{row.n_boundaries:,} boundaries{against}"
    )


def columns(block: Sequence[Row]) -> tuple[str, ...]:
    """COLUMNS, with DIFFERENCES where some row has them."""
    return COLUMNS + DIFFERENCES if any(row.against for row in block) else COLUMNS


def cells(row: Row) -> tuple[str, ...]:
    """A row as text, in the order of `columns`; shares in percent, intervals for Pk and F1."""
    shown = [_shown(row.values[measure], measure in COMPARED) for measure in MEASURES]
    speed = row.documents_per_cpu_second
    name = f"{row.system} (oracle)" if row.is_oracle else row.system
    different = [_shown(row.differences[m], True, "+") for m in COMPARED] if row.differences else []
    return (
        name, *shown, "" if speed is None else f"{speed:,.{speed < 10:d}f}", row.setting, *different
    )  # fmt: skip


def _shown(estimate: Estimate, with_interval: bool, sign: str = "") -> str:
    text = f"{100 * estimate.value:{sign}.1f}"
    if with_interval and estimate.low is not None and estimate.high is not None:
        text += f" [{100 * estimate.low:{sign}.1f}, {100 * estimate.high:{sign}.1f}]"
    return text


def blocks(rows: Sequence[Row]) -> Iterator[list[Row]]:
    """Rows of one set, language, variant and depth, which are to be compared."""
    for _, block in itertools.groupby(
        rows, lambda row: (row.source, row.language, row.variant, row.depth)
    ):
        yield list(block)


def markdown(rows: Sequence[Row]) -> str:
    """The tables as Markdown, each under its title."""
    parts = []
    for block in blocks(rows):
        names = columns(block)
        rule = ("---", *["---:"] * (len(names) - 1))
        filled = ((*cells(row), "", "")[: len(names)] for row in block)
        lines = [names, rule, *filled]
        escaped = ([cell.replace("|", "\\|") for cell in line] for line in lines)
        parts += [f"{title(block)}\n\n", *(f"| {' | '.join(line)} |\n" for line in escaped), "\n"]
    return "".join(parts).rstrip("\n") + "\n"

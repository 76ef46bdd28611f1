"""All gates of a dataset: rows, verdict, `gates.json`, and the table as text."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from datakit.dataset import Dataset, unwritable, write_atomic
from datakit.gates import self_test as g13
from datakit.gates import training as g12
from datakit.gates.coverage import NOT_ELIGIBLE, coverage
from datakit.gates.difficulty import difficulty, lexical_bias
from datakit.gates.gate import Gate
from datakit.gates.ground import Ground, read
from datakit.gates.judges import family_bias, judge_validity, oracle_sanity
from datakit.gates.labels import JUDGE_RELATIVE, label_precision, label_recall
from datakit.gates.pools import pool_health
from datakit.gates.ranking import rank_stability, seed_only_gap
from datakit.version import __version__

FILE = "gates.json"
FORMAT = "1"  # of that file
SMALL_CORPUS = 2_000  # passages
SMALL = "small corpus: pools cover most of it; rank stability is weak evidence"
EXTRACTIVE = "extractive queries: measures term matching, not search intent"
Say = Callable[[str], None]


def verify(
    dataset: Dataset,
    *,
    self_test: bool = False,
    training: g12.Trial | None = None,
    say: Say = lambda line: None,
) -> tuple[list[Gate], Ground]:
    """Run the gates.

    Args:
        dataset: built or imported.
        self_test: G13 too.
        training: what G12 trains and on what it tests; None: not asked for.
        say: told what training does.

    Raises:
        DatasetError: there are no queries.
    """
    ground = read(dataset)
    rows: list[Gate] = []
    for gate in (
        label_precision, label_recall, judge_validity, pool_health, rank_stability,
        seed_only_gap, difficulty,
    ):  # fmt: skip
        rows += gate(ground)
    rows += lexical_bias(ground, _texts(dataset, ground))
    rows += coverage(ground, _eligible(dataset), _copies(dataset))
    rows += family_bias(ground)
    rows += oracle_sanity(ground)
    rows += g12.not_asked() if training is None else g12.training_utility(dataset, training, say)
    rows += g13.self_test(ground) if self_test else g13.not_asked()
    return rows, ground


def write(dataset: Dataset, rows: Iterable[Gate]) -> Path:
    """Replace `gates.json`: which state of the tables it is about, and an object a metric."""
    file = dataset.path / FILE
    found = {
        "format": FORMAT,
        "dataset_id": str(dataset.manifest.get("dataset_id", "")),
        "content_hash": str(dataset.manifest.get("content_hash", "")),
        "tool_version": __version__,
        "gates": [row.as_json() for row in rows],
    }
    with unwritable(dataset.path):
        write_atomic(file, json.dumps(found, ensure_ascii=False, indent=1) + "\n")
    return file


def _texts(dataset: Dataset, ground: Ground) -> dict[str, str]:
    wanted = {p for (_, p), grade in ground.labels().items() if grade >= ground.relevant_from}
    return {one.passage_id: one.text for one in dataset.where("passage", "passage_id", wanted)}


def _eligible(dataset: Dataset) -> list[str]:
    """All passages but those of which a generator says that there is nothing to ask."""
    nothing: set[str] = set()
    for table in dataset.tables():
        if table.startswith("dropped/generate"):
            rows = dataset.read(table)
            nothing |= {one.record_id for one in rows if one.reason in NOT_ELIGIBLE}
    ids = dataset.arrow("passage", ["passage_id"])["passage_id"].to_pylist()
    return [one for one in ids if one not in nothing]


def _copies(dataset: Dataset) -> dict[str, str]:
    if "duplicate" not in dataset:
        return {}
    rows = dataset.read("duplicate")
    return {one.passage_id: one.cluster_id for one in rows if one.relation != "template"}


# --- verdict and text ---------------------------------------------------------------------


def verdict(rows: Sequence[Gate], ground: Ground) -> str:
    """`fail`, `smoke`, `incomplete` or `pass`; the last only when every gate is established."""
    states = {row.status for row in rows}
    if "fail" in states:
        return "fail"
    if extractive(ground):
        return "smoke"
    return "incomplete" if "not_established" in states else "pass"


def extractive(ground: Ground) -> bool:
    """Whether rules alone wrote the queries that are tested with."""
    tested = [q for q in ground.queries.values() if q.split in ("test", None)]
    return bool(tested) and all(q.generator_family == "extractive" for q in tested)


def lines(rows: Sequence[Gate], ground: Ground) -> Iterator[str]:
    """The table and the verdict as text."""
    shown = [(row.gate, row.title, _status(row), _said(row, rows)) for row in _merged(rows)]
    widths = [max(len(row[i]) for row in shown) for i in range(3)]
    for row in shown:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=False)]
        yield "  ".join([*cells, row[3]]).rstrip()
    if ground.n_passages < SMALL_CORPUS:
        yield SMALL
    if extractive(ground):
        yield EXTRACTIVE
    yield "; ".join(
        [f"verdict: {verdict(rows, ground)}"]
        + [
            f"{said}: {' '.join(names)}"
            for status, said in (("fail", "failed"), ("not_established", "not established"))
            if (names := dict.fromkeys(row.gate for row in rows if row.status == status))
        ]
    )


def _merged(rows: Sequence[Gate]) -> Iterator[Gate]:
    """One row for the metrics of a gate that are open for the same reason, without a value."""
    for i, row in enumerate(rows):
        before = rows[i - 1] if i else None
        same = before is not None and (before.gate, before.reason) == (row.gate, row.reason)
        if not (same and row.value is None and before is not None and before.value is None):
            yield row


def _status(row: Gate) -> str:
    relative = f" ({JUDGE_RELATIVE})" if row.value is not None and _is_relative(row) else ""
    return row.status.replace("_", " ") + relative


def _is_relative(row: Gate) -> bool:
    return JUDGE_RELATIVE in row.reason


def _said(row: Gate, rows: Sequence[Gate]) -> str:
    reason = "; ".join(
        part for part in row.reason.split("; ")
        if part and part not in (JUDGE_RELATIVE, f"values {JUDGE_RELATIVE}")
    )  # fmt: skip
    if row.value is None:
        return reason
    several = sum(other.gate == row.gate for other in rows) > 1
    parts = [f"{row.metric} {row.value:.3f}" if several else f"{row.value:.3f}"]
    if row.low is not None and row.high is not None:
        parts.append(f"95 % interval {row.low:.3f} to {row.high:.3f}")
    elif row.low is not None:
        parts.append(f"95 % lower bound {row.low:.3f}")
    elif row.high is not None:
        parts.append(f"95 % upper bound {row.high:.3f}")
    if row.n is not None:
        parts.append(f"n={row.n}")
    if row.need is not None:
        parts.append(f"need {row.need}")
    text = ", ".join(parts)
    return f"{text}; {reason}" if reason else text

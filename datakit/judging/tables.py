"""The tables `judgement/<name>`: rows are added and never changed, and a build keeps them."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from datakit.dataset import Dataset, unwritable
from datakit.engine import JUDGED, SHARDS
from datakit.records import Dropped, Judgement
from datakit.tables import Part, PartWriter
from datakit.version import __version__

PREFIX = "judgement/"


def table_of(name: str) -> str:
    return f"{PREFIX}{name}"


def judged_tables(dataset: Dataset) -> tuple[str, ...]:
    """The tables of judges and people, the one that was added to last at the end."""
    return tuple(sorted((t for t in dataset.tables() if t.startswith(PREFIX)), key=_age(dataset)))


def _age(dataset: Dataset) -> Any:
    stages = dataset.manifest["stages"]

    def age(table: str) -> tuple[int, str]:
        made_by = dataset.manifest["tables"][table]["made_by"]
        return int(stages.get(made_by, {}).get("notes", {}).get("round", 0)), table

    return age


def judged(dataset: Dataset) -> Iterator[Judgement]:
    """What judges and people said, round by round."""
    for table in judged_tables(dataset):
        yield from dataset.read(table)


def append(
    dataset: Dataset,
    name: str,
    records: Iterable[Judgement | Dropped],
    about: Mapping[str, Any],
    seconds: float = 0.0,
) -> dict[str, int]:
    """Add rows to `judgement/<name>`; drops become the table `dropped/judge.<name>`.

    Args:
        dataset: locked for writing.
        name: of the judge, or `human`.
        records: of this run.
        about: what the manifest says of it: plugin, settings, identity, notes.
        seconds: that the run took.

    Returns:
        Rows added and dropped, by `added`, `dropped`.
    """
    table, stage = table_of(name), f"{JUDGED}/{name}"
    folder = dataset.path / SHARDS / f"{JUDGED}.{name}"
    with unwritable(dataset.path):
        shutil.rmtree(folder, ignore_errors=True)
        rows = PartWriter(Judgement, folder, "new")
        drops = PartWriter(Dropped, folder, "dropped")
        reasons: Counter[str] = Counter()
        for record in records:
            if isinstance(record, Dropped):
                reasons[record.reason] += 1
                drops.add(record)
            else:
                rows.add(record)
        new = [(folder / part.file, part) for part in rows.close()]
        dropped = [(folder / part.file, part) for part in drops.close()]
        added = sum(part.rows for _, part in new)
        old: list[tuple[Path, Part]] = dataset.parts(table) if table in dataset else []
        made = {table: [*old, *new]}
        if dropped:
            made[f"dropped/{JUDGED}.{name}"] = dropped
        if added or dropped:
            counts = {"in": added + reasons.total(), "out": added, "dropped": reasons.total()}
            entry = _entry(dataset, stage, table, about) | {
                "counts": counts,
                "dropped_by_reason": dict(sorted(reasons.items())),
                "seconds": round(seconds, 3),
            }
            dataset.publish(made, stage, entry)
        shutil.rmtree(folder, ignore_errors=True)
    return {"added": added, "dropped": reasons.total()}


def _entry(dataset: Dataset, stage: str, table: str, about: Mapping[str, Any]) -> dict[str, Any]:
    """What the manifest says; no input table, since a judgement holds whatever is rebuilt."""
    rounds = [
        int(entry.get("notes", {}).get("round", 0))
        for entry in dataset.manifest["stages"].values()
        if entry["stage"] == JUDGED
    ]
    return {
        "stage": JUDGED,
        "plugin": about["plugin"],
        "settings": dict(about.get("settings", {})),
        "unit": "global",
        "inputs": {},
        "outputs": [table],
        "shards": {"total": 1, "computed": 1},
        "tool_version": __version__,
        "key": stage,
        "identity": dict(about.get("identity", {})),
        "notes": dict(about.get("notes", {})) | {"round": max(rounds, default=0) + 1},
    }

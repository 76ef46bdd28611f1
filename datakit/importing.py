"""Make a dataset directory from someone else's dataset."""

from __future__ import annotations

import json
import shutil
import time
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from datakit import registry
from datakit.dataset import Dataset, unwritable
from datakit.errors import UsageError
from datakit.progress import progress
from datakit.records import (
    Document,
    Dropped,
    Duplicate,
    Finding,
    Judgement,
    Passage,
    Qrel,
    Query,
)
from datakit.tables import PartWriter, record_class
from datakit.version import __version__

STAGE = "import"
FINDINGS = f"finding/{STAGE}"


def guess(path: Path) -> str:
    """The format of a folder or file, as the importers recognise it.

    Raises:
        UsageError: none does, or several do.
    """
    names = [n for n in registry.names("importers") if registry.make("importers", n).matches(path)]
    if len(names) != 1:
        found = f"looks like {' and '.join(names)}" if names else "is of no known format"
        raise UsageError(
            f"{path} {found}: name it with --from, one of {', '.join(registry.names('importers'))}."
        )
    return names[0]


def import_dataset(
    path: str | Path,
    out: str | Path,
    form: str | None = None,
    values: Mapping[str, Any] | None = None,
    *,
    passages_only: bool = False,
) -> Dataset:
    """Import the dataset at `path` into a new directory `out`.

    Args:
        path: what the importer reads.
        out: the new dataset directory.
        form: the importer's name; guessed from the files when None.
        values: the importer's settings.
        passages_only: leave out queries, labels and runs, to have queries written here.

    Raises:
        UsageError: nothing there, no importer for it, or `out` holds a dataset that was built.
    """
    form, path = _named(str(path), form)
    form = form or (guess(path) if path.exists() else None)
    if form is not None and getattr(registry.load("importers", form), "by_id", False):
        path = _registered(path)
    elif not path.exists():
        raise UsageError(f"{path} does not exist: give the folder or file to import.")
    importer = registry.make("importers", str(form), values)
    dataset = Dataset.create(out)
    if dataset.manifest["stages"] and STAGE not in dataset.manifest["stages"]:
        raise UsageError(f"{out} holds a dataset that was built: choose a new folder for -o.")
    folder = dataset.path / ".shards" / STAGE
    with dataset.locked():
        shutil.rmtree(folder, ignore_errors=True)
        try:
            _import(importer, path, dataset, folder, passages_only)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    return dataset


def findings(dataset: Dataset) -> Iterator[Finding]:
    """What an import found odd: one for each kind of oddity, warnings first."""
    found = list(dataset.read(FINDINGS)) if FINDINGS in dataset else []
    yield from sorted(found, key=lambda finding: finding.severity, reverse=True)


def _import(importer: Any, path: Path, dataset: Dataset, folder: Path, passages_only: bool) -> None:
    """Write the records as they come: no more than a part of each table is in memory."""
    import pyarrow as pa

    started = time.monotonic()
    writers: dict[str, PartWriter] = {}
    grades: set[int] = set()
    dropped: Counter[str] = Counter()
    with unwritable(dataset.path), progress(f"import {importer.plugin_name}") as shown:
        for name, record in map(_placed, importer(path)):
            shown.advance(getattr(record, "num_rows", 1))
            if passages_only and name not in _OF_PASSAGES:
                continue
            if name not in writers:
                writers[name] = PartWriter(record_class(name), folder, name.replace("/", "."))
            if isinstance(record, pa.Table):
                writers[name].add_table(record)
                if name.startswith("qrel/"):
                    grades.update(record["grade"].unique().to_pylist())
                continue
            writers[name].add(record)
            if isinstance(record, Qrel):
                grades.add(record.grade)
            elif isinstance(record, Dropped):
                dropped[record.reason] += 1
        made = {
            name: [(folder / part.file, part) for part in writer.close()]
            for name, writer in writers.items()
        }
    _check_whole(importer, path, made.keys(), passages_only)
    n_rows = sum(p.rows for n, parts in made.items() if n != FINDINGS for _, p in parts)
    n_dropped = dropped.total()
    scale = importer.label_scale(path, grades) if hasattr(importer, "label_scale") else None
    dataset.manifest |= {"label_scale": scale} if scale else _said(path, grades)
    dataset.publish(
        made,
        STAGE,
        {
            "stage": STAGE, "plugin": importer.plugin_name, "settings": asdict(importer),
            "inputs": {}, "outputs": sorted(made),
            "counts": {"in": n_rows, "out": n_rows - n_dropped, "dropped": n_dropped},
            "dropped_by_reason": dict(sorted(dropped.items())),
            "seconds": round(time.monotonic() - started, 3), "tool_version": __version__,
        },
    )  # fmt: skip


def _check_whole(importer: Any, path: Path, made: Collection[str], passages_only: bool) -> None:
    """Raise UsageError where what was read is no dataset."""
    elsewhere = getattr(importer, "passages_elsewhere", False)
    if "passage" not in made and (passages_only or not elsewhere):
        raise UsageError(f"{path} holds no passages for {importer.plugin_name}.")
    if "query" not in made and not passages_only:
        raise UsageError(
            f"{path} holds no queries for {importer.plugin_name}: with --passages-only they can be "
            "written afterwards (`datakit generate`)."
        )


_TABLES: dict[type[Any], str] = {
    Document: "document", Passage: "passage", Query: "query", Duplicate: "duplicate",
    Judgement: "judgement", Dropped: f"dropped/{STAGE}", Finding: FINDINGS,
}  # fmt: skip


_OF_PASSAGES = {"document", "passage", "duplicate", f"dropped/{STAGE}", FINDINGS}


def _placed(record: Any) -> tuple[str, Any]:
    """Its table and the record (or Arrow table of records), which may come with its table's name.

    Labels that come without go to `qrel/<source>`.
    """
    if type(record) is tuple:
        return record
    return f"qrel/{record.source}" if isinstance(record, Qrel) else _TABLES[type(record)], record


def _named(path: str, form: str | None) -> tuple[str | None, Path]:
    """`hf:folder` names the format and the path."""
    before, colon, after = path.partition(":")
    if form is None and colon and not Path(path).exists() and before in registry.names("importers"):
        return before, Path(after)
    return form, Path(path)


def _registered(path: Path) -> Path:
    """The id of a dataset of ir_datasets: itself, or that of an export of ours in a folder."""
    from datakit import irds

    irds.register_all()
    return Path(irds.register(path)) if (path / irds.DEFINITION).is_file() else path


def _said(path: Path, grades: set[int]) -> dict[str, Any]:
    """Purpose and label scale as an export of ours says, else what can be said of the grades."""
    try:
        report = json.loads((path / "export_report.json").read_text("utf-8"))
        scale = report["label_scale"] if report["tool"] == "datakit" else {}
        if {str(grade) for grade in grades} <= scale["grades"].keys():
            return {"label_scale": scale, "purpose": report["purpose"]}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        pass
    return {"label_scale": label_scale(grades)}


def label_scale(grades: Iterable[int]) -> dict[str, Any]:
    """What can be said of someone else's grades: which there are, and that 1 and up is relevant.

    That is how BEIR, MS MARCO and TREC's binary measures read them.
    """
    meaning = {0: "not relevant", 1: "relevant"}
    return {
        "grades": {str(g): meaning.get(g, f"grade {g}") for g in sorted({0, 1, *grades})},
        "relevant_from": 1,
        "unjudged": "unknown",
    }

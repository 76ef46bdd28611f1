"""Make a dataset directory from someone else's dataset."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from datakit import registry
from datakit.dataset import Dataset, write_tables
from datakit.errors import UsageError
from datakit.records import Dropped, Passage, Qrel, Query


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
) -> Dataset:
    """Import the dataset at `path` into a new directory `out`.

    Args:
        path: what the importer reads.
        out: the new dataset directory.
        form: the importer's name; guessed from the files when None.
        values: the importer's settings.

    Raises:
        UsageError: nothing there, or no importer for it.
    """
    path = Path(path)
    if not path.exists():
        raise UsageError(f"{path} does not exist: give the folder or file to import.")
    importer = registry.make("importers", form or guess(path), values)
    tables = sort_out(importer(path))
    scale = label_scale(
        q.grade for name in tables if name.startswith("qrel/") for q in tables[name]
    )
    if not tables["passage"] or not tables["query"]:
        raise UsageError(f"{path} holds no passages or no queries for {importer.plugin_name}.")
    return write_tables(out, tables, "import", label_scale=scale)


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


def sort_out(records: Iterable[Any]) -> dict[str, list[Any]]:
    """Records by table; labels go to `qrel/<source>`."""
    tables: dict[str, list[Any]] = {"passage": [], "query": []}
    names = {Passage: "passage", Query: "query", Dropped: "dropped/import"}
    for record in records:
        name = f"qrel/{record.source}" if isinstance(record, Qrel) else names[type(record)]
        tables.setdefault(name, []).append(record)
    return tables

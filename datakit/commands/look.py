"""What a dataset and the package hold."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from datakit.commands.options import (
    DatasetArgument,
    JsonOption,
)
from datakit.errors import UnknownName

if TYPE_CHECKING:
    from datakit.dataset import Dataset


def stats(
    out: DatasetArgument,
    table: Annotated[
        str | None, typer.Argument(help="Print this table's first rows, each as a line of JSON.")
    ] = None,
    rows: Annotated[int, typer.Option(min=1, help="How many rows of the table.")] = 20,
    as_json: JsonOption = False,
) -> None:
    """Tables with their rows, stages with their counts and drops.

    Example: datakit stats out dropped/ingest
    """
    from datakit.dataset import Dataset
    from datakit.engine import stale_steps

    dataset = Dataset.open(out)
    if table is not None:
        _print_rows(dataset, table, rows)
        return
    stages = dataset.manifest["stages"]
    if as_json:
        counted = {name: dataset.count(name) for name in dataset.tables()}
        print(json.dumps({"tables": counted, "stages": stages, "stale": stale_steps(dataset)}))
        return
    wide = max((len(name) for name in (*dataset.tables(), *stages, "table")), default=0)
    print(f"{'table':<{wide}} {'rows':>10}  digest")
    for name in dataset.tables():
        print(f"{name:<{wide}} {dataset.count(name):>10,}  {dataset.digest(name)[7:23]}")
    print()
    for name, entry in stages.items():
        counts = entry["counts"]
        drops = ", ".join(f"{reason} {n:,}" for reason, n in entry["dropped_by_reason"].items())
        print(
            f"{name:<{wide}} {counts['in']:>8,} in {counts['out']:>8,} out "
            f"{counts['dropped']:>7,} dropped {entry['seconds']:>8.1f} s  {drops}".rstrip()
        )
    for name in stale_steps(dataset):
        print(f"{name} was made from tables that have since been replaced: run `datakit build`")


def _print_rows(dataset: Dataset, table: str, most: int) -> None:
    from itertools import islice

    from datakit.records import as_dict

    for record in islice(dataset.read(table), most):
        print(json.dumps(as_dict(record), ensure_ascii=False))


def show(
    out: DatasetArgument,
    record_id: Annotated[
        str, typer.Argument(metavar="ID", help="Of a query, passage or document.")
    ],
    as_json: JsonOption = False,
) -> None:
    """A query, passage or document with its whole provenance chain.

    Example: datakit show out 3c19e07b5a2f4d10
    """
    from datakit.dataset import Dataset
    from datakit.provenance import chain, lines

    found = chain(Dataset.open(out), record_id)
    if as_json:
        print(json.dumps(found, ensure_ascii=False))
    else:
        print("\n".join(lines(found)))


def plugins(
    kind: Annotated[str | None, typer.Argument(help="ingestors, segmenters, generators, …")] = None,
) -> None:
    """The plugins with their settings.

    Example: datakit plugins retrievers
    """
    import inspect

    from datakit import registry

    if kind is not None and kind not in registry.KINDS:
        raise UnknownName("plugin kind", kind, registry.KINDS)
    for each in [kind] if kind else registry.KINDS:
        print(each)
        for name in registry.names(each):
            cls = registry.load(each, name)
            print(f"  {name:<22} {(inspect.getdoc(cls) or '').splitlines()[0]}")
            for field in registry.settings(cls).values():
                print(f"      {field.name} = {_default(field)}")


def _default(field: Any) -> str:
    import dataclasses

    if field.default is not dataclasses.MISSING:
        return repr(field.default)
    if field.default_factory is not dataclasses.MISSING:
        return repr(field.default_factory())
    return "(needed)"

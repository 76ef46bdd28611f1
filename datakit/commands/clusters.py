"""`datakit clusters`: what topic queries would be asked about, before a call is paid for."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from datakit.commands.options import (
    DatasetArgument,
    JsonOption,
    PlanOption,
    SetOption,
    UseOption,
    settings_of,
)
from datakit.errors import UsageError

if TYPE_CHECKING:
    from datakit.generators._clusters import CellClusters, Cluster

_FALLBACK = "extractive_top_down"


def clusters(
    out: DatasetArgument,
    plan: PlanOption = None,
    use: UseOption = None,
    values: SetOption = None,
    cell: Annotated[
        str | None, typer.Option("--cell", metavar="TEXT", help="Only cells whose name has it.")
    ] = None,
    titles: Annotated[int, typer.Option(min=0, help="Titles shown of each cluster.")] = 5,
    as_json: JsonOption = False,
) -> None:
    """Show cells of documents and their clusters, before any topic query is asked for.

    Needs documents only, or passages with titles: it works after `datakit ingest`. Settings are
    those of the plan's generator of topic queries; `--set window=month` tries another.

    Example: datakit clusters out --set window=year --titles 3
    """
    from datakit.dataset import Dataset
    from datakit.stages import documents_of

    dataset = Dataset.open(out)
    generator = _generator(dataset.path, plan, use, values)
    found = [
        one
        for one in generator.cells(documents_of(dataset))
        if cell is None or cell in one.cell.key
    ]
    if cell is not None and not found:
        raise UsageError(
            f"{out} has no cell with {cell!r} in its name: see `datakit clusters {out}`."
        )
    least = generator.min_documents
    if as_json:
        summary = {"generator": generator.plugin_name, **_totals(found, least)}
        cells = [_as_json(one, least) for one in found]
        print(json.dumps(summary | {"cells": cells}, ensure_ascii=False))
        return
    for one in found:
        _print_cell(one, least, titles)
    _print_totals(found, least, generator.unit)


def _generator(path: Path, plan: str | None, use: str | None, values: list[str] | None) -> Any:
    """The plan's generator that makes clusters, with the settings given; else the default one."""
    from datakit import pipeline, registry
    from datakit import plan as plans
    from datakit.dataset import Dataset

    chosen = plans.load(plan) if plan else pipeline.plan_of(Dataset.open(path))
    uses = [one.plugin for one in chosen.uses["generate"] if hasattr(one.plugin, "cells")]
    named = [plugin for plugin in uses if use in (None, plugin.plugin_name)]
    settings = settings_of(values)
    if named:
        kept = {name: getattr(named[0], name) for name in registry.settings(type(named[0]))}
        return registry.make("generators", named[0].plugin_name, kept | settings)
    made = registry.make("generators", use or _FALLBACK, settings)
    if not hasattr(made, "cells"):
        raise UsageError(f"{use} makes no clusters: use extractive_top_down or llm_top_down.")
    return made


# --- as text ------------------------------------------------------------------------------


def _print_cell(found: CellClusters, least: int, titles: int) -> None:
    broad = [one for one in found.clusters if one.is_broad(least)]
    measures = (
        ("silhouette", found.silhouette),
        ("Davies-Bouldin", found.davies_bouldin),
        ("diversity", found.diversity),
    )
    known = "".join(f", {name} {value:.2f}" for name, value in measures if value is not None)
    covered = len({doc_id for one in broad for doc_id in one.doc_ids})
    print(
        f"{_shown(found.cell.key)}: documents {found.n_documents:,}, clusters {len(broad):,}, "
        f"documents in them {covered:,}{known}"
    )
    for one in broad:
        _print_cluster(one, titles)


def _print_cluster(cluster: Cluster, titles: int) -> None:
    n = len(cluster.doc_ids)
    silhouette = "" if cluster.silhouette is None else f", silhouette {cluster.silhouette:.2f}"
    sources = f" of {cluster.n_sources} sources" if cluster.unit == "section" else ""
    terms = " / ".join(cluster.terms)
    print(f"  {n} documents{sources}, cohesion {cluster.cohesion:.2f}{silhouette}: {_shown(terms)}")
    for title in cluster.titles[:titles]:
        print(f"      {_shown(title)}")
    if 0 < titles < len(cluster.titles):
        print(f"      … and {len(cluster.titles) - titles:,} more")


def _print_totals(found: Iterable[CellClusters], least: int, unit: str) -> None:
    totals = _totals(found, least)
    print(
        f"{totals['n_cells']:,} cells, {totals['n_documents']:,} documents, "
        f"{totals['n_clusters']:,} clusters of {totals['n_clustered']:,} documents"
    )
    if unit == "calls":
        print(f"one call each: {totals['n_clusters']:,}; their price: `datakit generate --dry-run`")
    if not totals["n_clusters"]:
        print(
            "No two documents of a cell have titles or headings that are alike. A larger cell may: "
            "--set window=year, or all.",
            file=sys.stderr,
        )


def _shown(text: str) -> str:
    """Text of a source, without what would move the cursor of a terminal."""
    return "".join(char if char.isprintable() else " " for char in text)


# --- as JSON ------------------------------------------------------------------------------


def _totals(found: Iterable[CellClusters], least: int) -> dict[str, int]:
    """Counts over all cells; a document of two categories is in two of them."""
    cells = list(found)
    broad = [one for cell in cells for one in cell.clusters if one.is_broad(least)]
    return {
        "n_cells": len(cells),
        "n_documents": sum(cell.n_documents for cell in cells),
        "n_clusters": len(broad),
        "n_clustered": len({doc_id for one in broad for doc_id in one.doc_ids}),
    }


def _as_json(found: CellClusters, least: int) -> dict[str, Any]:
    cell = found.cell
    return {
        "cell": cell.key,
        "category": cell.category,
        "window": cell.window,
        "language": cell.language,
        "kind": cell.kind,
        "n_documents": found.n_documents,
        "silhouette": found.silhouette,
        "davies_bouldin": found.davies_bouldin,
        "diversity": found.diversity,
        "n_narrow": sum(not one.is_broad(least) for one in found.clusters),
        "clusters": [
            {
                "unit": one.unit,
                "size": len(one.doc_ids),
                "n_sources": one.n_sources,
                "cohesion": one.cohesion,
                "silhouette": one.silhouette,
                "terms": one.terms,
                "titles": one.titles,
                "doc_ids": one.doc_ids,
            }
            for one in found.clusters
            if one.is_broad(least)
        ],
    }

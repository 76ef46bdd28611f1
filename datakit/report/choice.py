"""Which labels the report follows from query to bytes: chosen by rule, not by hand."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from datakit.dataset import Dataset
from datakit.report.reading import lookup, relevant_from, whole
from datakit.report.shaping import level_rank

if TYPE_CHECKING:
    import pyarrow as pa

Cell = tuple[str, str, str]  # level, language, source


def candidates(dataset: Dataset, table: str, n: int = 12) -> dict[Cell, list[tuple[str, str]]]:
    """For each level, language and source the first relevant pairs by id.

    Queries with a mined negative and labels with evidence come first: they show the whole chain.
    """
    import pyarrow.compute as pc

    queries = dataset.arrow("query", ["query_id", "level", "language"])
    labels = dataset.arrow(table, ["query_id", "passage_id", "grade", "source", "evidence"])
    labels = labels.filter(pc.greater_equal(labels["grade"], relevant_from(dataset)))
    labels = labels.filter(pc.is_in(labels["query_id"], value_set=queries["query_id"]))
    negatives = whole(dataset, "negative/mined", "query_id")
    ids = labels["query_id"]
    labels = labels.append_column(
        "plain", pc.equal(pc.fill_null(pc.list_value_length(labels["evidence"]), 0), 0)
    ).drop_columns(["evidence", "grade"])
    no_negative = (
        pc.invert(pc.is_in(ids, value_set=negatives["query_id"]))
        if negatives is not None
        else labels["plain"]
    )
    labels = labels.append_column("bare", no_negative)
    for name in ("level", "language"):
        values = pc.fill_null(lookup(ids, queries, "query_id", name), "")
        labels = labels.append_column(name, values)
    return _first_of_cells(labels, n)


def _first_of_cells(labels: pa.Table, n: int) -> dict[Cell, list[tuple[str, str]]]:
    import pyarrow.compute as pc

    names = ("level", "language", "source")
    order = [(name, "ascending") for name in ("bare", "plain", "query_id", "passage_id")]
    cells: dict[Cell, list[tuple[str, str]]] = {}
    groups = labels.group_by(list(names)).aggregate([]).to_pylist()
    for group in sorted(groups, key=lambda g: [g[name] for name in names])[:200]:
        mask = pc.and_(pc.equal(labels["level"], group["level"]), pc.and_(
            pc.equal(labels["language"], group["language"]),
            pc.equal(labels["source"], group["source"]),
        ))  # fmt: skip
        part = labels.filter(mask).select(["bare", "plain", "query_id", "passage_id"])
        # booleans cannot be sorted in some versions of pyarrow
        for i, name in enumerate(("bare", "plain")):
            part = part.set_column(i, name, pc.cast(part[name], "int8"))
        first = part.take(pc.select_k_unstable(part, k=min(n, part.num_rows), sort_keys=order))
        cells[group["level"], group["language"], group["source"]] = list(
            zip(first["query_id"].to_pylist(), first["passage_id"].to_pylist(), strict=True)
        )
    return cells


def choose(cells: Mapping[Cell, Sequence[tuple[str, str]]], n: int) -> list[tuple[str, str]]:
    """`n` pairs, each of another query, from the level, language and source seen least so far."""
    left = {cell: list(pairs) for cell, pairs in cells.items()}
    seen: Counter[tuple[str, ...]] = Counter()
    used: set[str] = set()
    chosen: list[tuple[Cell, tuple[str, str]]] = []

    def novelty(cell: Cell) -> tuple[Any, ...]:
        level, language, source = cell
        where = seen[level, language], seen["source", source], seen[cell]
        return *where, level_rank(level), cell

    while len(chosen) < n and any(left.values()):
        cell = min((c for c, pairs in left.items() if pairs), key=novelty)
        pair = left[cell].pop(0)
        if pair[0] in used:
            continue
        used.add(pair[0])
        chosen.append((cell, pair))
        for key in (cell[:2], ("source", cell[2]), cell):
            seen[key] += 1
    chosen.sort(key=lambda c: (level_rank(c[0][0]), c[0][1], c[0][2]))
    return [pair for _, pair in chosen]

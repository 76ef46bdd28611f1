"""What the formats of tab-separated files share: collection, queries, binary labels."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from datakit.exporters._examples import Numbers
from datakit.exporters._lines import Cells, ascending, read_columns
from datakit.exporters._view import Title, View, titled
from datakit.exporters._write import Draft

AS_IS = Numbers({}, {})

LOST = "spans, section paths, documents; levels, forms and languages of queries"
LOST_LABELS = "sources, routes and evidence of labels; judgements"


def write_collection(
    view: View, draft: Draft, name: str, title: Title, numbers: Numbers = AS_IS
) -> None:
    """`pid⇥text`, or `pid⇥text⇥title` where titles are kept apart."""
    draft.start(name)
    for passage in view.passages():
        own, text = (draft.one_line(part) for part in titled(passage, title))
        cells = [numbers.passage(passage.passage_id), text]
        if title in ("keep", "header"):
            cells.append(own)
        draft.add(name, "\t".join(cells), tuple(cells))


def write_queries(view: View, draft: Draft, pattern: str, numbers: Numbers = AS_IS) -> None:
    """`qid⇥text`, one file a split."""
    for split in view.splits:
        draft.start(pattern.format(split=split))
    for query in view.queries.values():
        cells = (numbers.query(query.query_id), draft.one_line(query.text))
        draft.add(pattern.format(split=query.split), "\t".join(cells), cells)


def write_binary(view: View, draft: Draft, pattern: str, numbers: Numbers = AS_IS) -> None:
    """`qid⇥0⇥pid⇥1`, one file a split."""
    for split in view.splits:
        draft.start(pattern.format(split=split))
    for qrel in view.labels():
        query, passage = numbers.query(qrel.query_id), numbers.passage(qrel.passage_id)
        name = pattern.format(split=view.split_of(qrel.query_id))
        draft.add(name, f"{query}\t0\t{passage}\t1", (query, passage))


def read_binary(path: Path) -> Iterator[Cells]:
    """(query_id, passage_id) of lines that say nothing else."""
    for query, zero, passage, one in read_columns(path, 4):
        if (zero, one) != ("0", "1"):
            raise ValueError(f"expected 0 and 1 around {passage!r}, found {zero!r} and {one!r}")
        yield query, passage


def read_texts(path: Path, n: int = 2, numeric: bool = False) -> Iterator[Cells]:
    """An id and texts; the ids ascend, or are whole numbers in any order."""
    rows = map(tuple, read_columns(path, n))
    return rows if numeric else ascending(rows, 0)

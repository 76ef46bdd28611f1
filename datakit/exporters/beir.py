"""BEIR: corpus.jsonl, queries.jsonl, qrels/{split}.tsv."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from datakit.dataset import Dataset
from datakit.exporters import _batches
from datakit.exporters._view import Title, View
from datakit.exporters._write import Draft, export, json_line
from datakit.records import Query
from datakit.registry import plugin

if TYPE_CHECKING:
    import pyarrow as pa

_HEADER = "query-id\tcorpus-id\tscore\n"
_OF_PASSAGE = [
    "doc_id", "start", "end", "ordinal", "section_path", "issuer", "category", "doc_type", "date",
    "language",
]  # fmt: skip
_OF_QUERY = ("split", "level", "form", "language")


@plugin("exporters", "beir")
@dataclass(frozen=True)
class Beir:
    """Corpus, queries and graded labels as BEIR's GenericDataLoader reads them.

    Source:
        beir 2.2.0, beir/datasets/data_loader.py: line 1 of a label file is skipped, grades are
        integers, queries without labels are not loaded, a label file without labels is an
        IndexError: so a split without labels has none.
    """

    labels: str = "mined"  # the label table qrel/<labels>
    title: Title = "keep"  # fold: title, a blank and the text are the text; header: Passage.header
    lowest_grade: int = 0  # labels below it are left out: 2 leaves what is relevant on our scale

    def __call__(self, dataset: Dataset, out: Path) -> list[Path]:
        return export(self, dataset, out)

    def losses(self, view: View) -> list[str]:
        lost = [
            "BEIR's loader reads no metadata: documents, spans, section paths, levels, forms",
            "sources, routes and evidence of labels; judgements",
            "runs, negatives, duplicates",
        ]
        if view.unlabelled():
            lost.append(f"{view.unlabelled():,} queries without labels, which the loader skips")
        lost += [f"split {split}: it has no labels" for split in view.splits_without_labels()]
        return lost

    def write(self, view: View, draft: Draft) -> None:
        import pyarrow as pa

        draft.start("corpus.jsonl")
        for rows in _batches.passages(view):
            title, text = _batches.titled(rows, self.title)
            cells = pa.table({"_id": rows["passage_id"], "title": title, "text": text})
            draft.add_lines("corpus.jsonl", _lines(cells, rows.select(_OF_PASSAGE)), cells)
        draft.start("queries.jsonl")
        for query in view.queries.values():
            row = {"_id": query.query_id, "text": query.text, "metadata": _known(query)}
            draft.add("queries.jsonl", json_line(row), (query.query_id, query.text))
        for labels in _batches.labels(view):
            for split, rows in _batches.by_split(labels):
                name = f"qrels/{split}.tsv"
                if name not in draft.tallies:
                    draft.raw(name, _HEADER)
                cells = rows.select(["query_id", "passage_id", "grade"]).combine_chunks()
                columns = [column.chunk(0) for column in cells.columns]
                lines = _batches.joined(columns[0], "\t", columns[1], "\t", columns[2], "\n")
                draft.add_lines(name, lines, cells)

    def read(self, name: str, path: Path) -> Iterator[pa.Table]:
        if name == "corpus.jsonl":
            return _batches.read_json(path, ("_id", "title", "text"))
        if name == "queries.jsonl":
            return _batches.read_json(path, ("_id", "text"))
        columns = {"query-id": "string", "corpus-id": "string", "score": "int64"}
        return _batches.read_columns(path, columns, keys=2)

    def read_with_others(self, draft: Draft) -> None:
        """Not done: BEIR's loader holds the whole corpus in memory; our tests compare with it."""


def _lines(cells: pa.Table, about: pa.Table) -> pa.Array:
    """Lines of the corpus, as `json_line` writes them."""
    columns = [_batches.json_text(cells[name].combine_chunks()) for name in cells.column_names]
    parts: list[Any] = []
    for name, column in zip(cells.column_names, columns, strict=True):
        parts += ['", "' if parts else '{"', f'{name}": "', column]
    return _batches.joined(*parts, '", "metadata": ', _batches.json_object(about), "}\n")


def _known(query: Query) -> dict[str, Any]:
    """The fields that hold something."""
    values = {name: getattr(query, name) for name in _OF_QUERY}
    return {name: value for name, value in values.items() if value is not None}

"""BEIR: corpus.jsonl, queries.jsonl, qrels/{split}.tsv."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from datakit.dataset import Dataset
from datakit.exporters._view import Title, View, titled
from datakit.exporters._write import (
    Cells,
    Draft,
    ascending,
    export,
    json_line,
    read_columns,
    read_json,
)
from datakit.records import Passage, Query
from datakit.registry import plugin

_HEADER = "query-id\tcorpus-id\tscore\n"
_OF_PASSAGE = (
    "doc_id", "start", "end", "ordinal", "section_path", "issuer", "category", "doc_type", "date",
    "language",
)  # fmt: skip
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
        draft.start("corpus.jsonl")
        for passage in view.passages():
            title, text = titled(passage, self.title)
            row = {
                "_id": passage.passage_id, "title": title, "text": text,
                "metadata": _known(passage, _OF_PASSAGE),
            }  # fmt: skip
            draft.add("corpus.jsonl", json_line(row), (passage.passage_id, title, text))
        draft.start("queries.jsonl")
        for query in view.queries.values():
            about = _known(query, _OF_QUERY)
            row = {"_id": query.query_id, "text": query.text, "metadata": about}
            draft.add("queries.jsonl", json_line(row), (query.query_id, query.text))
        for qrel in view.labels():
            cells = (qrel.query_id, qrel.passage_id, qrel.grade)
            name = f"qrels/{view.split_of(qrel.query_id)}.tsv"
            if name not in draft.tallies:
                draft.raw(name, _HEADER)
            draft.add(name, "\t".join(map(str, cells)), cells)

    def read(self, name: str, path: Path) -> Iterator[Cells]:
        if name == "corpus.jsonl":
            return read_json(path, ("_id", "title", "text"))
        if name == "queries.jsonl":
            return read_json(path, ("_id", "text"))
        rows = ((q, p, int(grade)) for q, p, grade in read_columns(path, 3, skip=1))
        return ascending(rows, 0, 1)

    def read_with_others(self, draft: Draft) -> None:
        """Not done: BEIR's loader holds the whole corpus in memory; our tests compare with it."""


def _known(record: Passage | Query, names: tuple[str, ...]) -> dict[str, Any]:
    """The fields that hold something."""
    values = {name: getattr(record, name) for name in names}
    return {name: value for name, value in values.items() if value not in (None, ())}

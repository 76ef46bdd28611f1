"""ColBERT: collection, queries, triples and qrels with dense whole numbers as ids."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from datakit.dataset import Dataset
from datakit.exporters._examples import examples, numbered
from datakit.exporters._lines import Cells, read_columns, read_lines
from datakit.exporters._tsv import LOST, LOST_LABELS, read_binary, write_collection
from datakit.exporters._view import Title, View
from datakit.exporters._write import Draft, export
from datakit.records import Split
from datakit.registry import plugin


@plugin("exporters", "colbert")
@dataclass(frozen=True)
class ColBert:
    """A passage's number is its line's, from 0; there is no header, which would be a passage.

    Source:
        github.com/stanford-futuredata/ColBERT: a third cell of the collection is a title, joined
        by ` | `; a line of triples.jsonl is `[query, positive, negative, …]`.
    """

    binary: ClassVar[bool] = True

    labels: str = "mined"  # the label table qrel/<labels>
    relevant_from: int | None = None  # the lowest grade that counts; None: the dataset's own
    title: Title = "keep"  # as third cell; drop: no third cell
    split: Split | None = None  # of the queries; None: all, with triples of train

    def __call__(self, dataset: Dataset, out: Path) -> list[Path]:
        return export(self, dataset, out)

    def losses(self, view: View) -> list[str]:
        return [LOST, LOST_LABELS, "grades and splits", "ids (see id_map.tsv)",
                "line breaks and tabs in texts", "runs; scores of negatives",
                *([] if self.split is None else ["queries of other splits"])]  # fmt: skip

    def write(self, view: View, draft: Draft) -> None:
        numbers = numbered(view, draft, dense=True)
        write_collection(view, draft, "collection.tsv", self.title, numbers)
        draft.start("queries.tsv")
        for query in view.queries.values():
            if self.split in (None, query.split) and query.text.strip():
                cells = (numbers.query(query.query_id), draft.one_line(query.text))
                draft.add("queries.tsv", "\t".join(cells), cells)
        draft.start("qrels.tsv")
        for qrel in view.labels(self.split):
            pair = (numbers.query(qrel.query_id), numbers.passage(qrel.passage_id))
            draft.add("qrels.tsv", f"{pair[0]}\t0\t{pair[1]}\t1", pair)
        for example in examples(view, self.split or "train"):
            negatives = [int(numbers.passage(row.passage_id)) for row in example.negatives]
            for label in example.positives if negatives else ():
                asked = int(numbers.query(example.query.query_id))
                line = json.dumps([asked, int(numbers.passage(label.passage_id)), *negatives])
                draft.add("triples.jsonl", line, (line,))

    def read(self, name: str, path: Path) -> Iterator[Cells]:
        if name == "qrels.tsv":
            yield from read_binary(path)
        elif name == "triples.jsonl":
            yield from ((json.dumps(json.loads(line)),) for _, line in read_lines(path))
        elif name == "queries.tsv":
            yield from map(tuple, read_columns(path, 2))
        else:
            three = self.title in ("keep", "header")
            for at, cells in enumerate(read_columns(path, 3 if three else 2)):
                if cells[0] != str(at):
                    raise ValueError(f"line {at + 1} is of passage {cells[0]!r}")
                yield tuple(cells)

    def read_with_others(self, draft: Draft) -> None:
        """ColBERT's loader needs its own torch build; its rules are in the strict reader."""

"""Multi-CPR: corpus.tsv, {split}.query.txt and qrels.{split}.tsv."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from datakit.dataset import Dataset
from datakit.exporters._examples import numbered
from datakit.exporters._lines import Cells
from datakit.exporters._tsv import (
    LOST,
    LOST_LABELS,
    read_binary,
    read_texts,
    write_binary,
    write_collection,
    write_queries,
)
from datakit.exporters._view import Title, View
from datakit.exporters._write import Draft, export
from datakit.registry import plugin


@plugin("exporters", "multi_cpr")
@dataclass(frozen=True)
class MultiCpr:
    """Three kinds of file without a header; ids are whole numbers, labels say relevant.

    Source:
        github.com/Alibaba-NLP/Multi-CPR: corpus lines are `pid⇥passage`, with a title as third
        cell where there is one. It has one relevant passage a query; here all are written.
    """

    binary: ClassVar[bool] = True

    labels: str = "mined"  # the label table qrel/<labels>
    relevant_from: int | None = None  # the lowest grade that counts; None: the dataset's own
    title: Title = "keep"  # as third cell; drop: no third cell

    def __call__(self, dataset: Dataset, out: Path) -> list[Path]:
        return export(self, dataset, out)

    def losses(self, view: View) -> list[str]:
        return [LOST, LOST_LABELS, "grades", "ids that are no whole numbers (see id_map.tsv)",
                "line breaks and tabs in texts", "runs, negatives"]  # fmt: skip

    def write(self, view: View, draft: Draft) -> None:
        numbers = numbered(view, draft)
        write_collection(view, draft, "corpus.tsv", self.title, numbers)
        write_queries(view, draft, "{split}.query.txt", numbers)
        write_binary(view, draft, "qrels.{split}.tsv", numbers)

    def read(self, name: str, path: Path) -> Iterator[Cells]:
        if name.startswith("qrels."):
            return read_binary(path)
        three = name == "corpus.tsv" and self.title in ("keep", "header")
        return read_texts(path, 3 if three else 2, numeric=True)

    def read_with_others(self, draft: Draft) -> None:
        """There is no loader of its own."""

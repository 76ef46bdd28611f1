"""FlagEmbedding: a JSON line per query with positive and negative texts."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from datakit.dataset import Dataset
from datakit.exporters._examples import Texts, examples
from datakit.exporters._lines import Cells, json_line, read_lines
from datakit.exporters._tsv import LOST, LOST_LABELS
from datakit.exporters._view import Title, View
from datakit.exporters._write import Draft, export
from datakit.registry import plugin


@plugin("exporters", "flagembedding")
@dataclass(frozen=True)
class FlagEmbedding:
    """`{query, pos, neg}`; a query without negatives is left out: training divides by their number.

    Source:
        github.com/FlagOpen/FlagEmbedding, fine-tuning data of embedders and re-rankers.
    """

    binary: ClassVar[bool] = True

    labels: str = "mined"  # the label table qrel/<labels>
    relevant_from: int | None = None  # the lowest grade that counts; None: the dataset's own
    title: Title = "fold"  # into the text; drop: none
    prompt: str | None = None  # the instruction of every row

    def __call__(self, dataset: Dataset, out: Path) -> list[Path]:
        return export(self, dataset, out)

    def losses(self, view: View) -> list[str]:
        return [LOST, LOST_LABELS, "grades", "ids", "runs; scores of negatives",
                "passages and queries that are in no row"]  # fmt: skip

    def write(self, view: View, draft: Draft) -> None:
        with Texts(view, "drop" if self.title in ("keep", "header") else self.title) as texts:
            for example in examples(view):
                if not example.negatives:
                    view.left_out["queries without negatives"] += 1
                    continue
                row: dict[str, Any] = {
                    "query": example.query.text,
                    "pos": [texts.text(label.passage_id) for label in example.positives],
                    "neg": [texts.text(row.passage_id) for row in example.negatives],
                }
                row |= {"prompt": self.prompt} if self.prompt else {}
                draft.add(f"{example.split}.jsonl", json_line(row), (json_line(row),))

    def read(self, name: str, path: Path) -> Iterator[Cells]:
        for number, line in read_lines(path):
            row = json.loads(line)
            if not row["pos"] or not row["neg"]:
                raise ValueError(f"line {number} has no positive or no negative")
            yield (json_line(row),)

    def read_with_others(self, draft: Draft) -> str | None:
        """As FlagEmbedding opens its files: with `datasets`."""
        from datakit.exporters._datasets import json_with_datasets

        return json_with_datasets(draft)

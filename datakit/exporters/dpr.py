"""DPR: a JSON list per split of questions with passages, and the passage file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from datakit.dataset import Dataset
from datakit.exporters._examples import Example, Texts, add_item, close_list, examples, read_items
from datakit.exporters._lines import Cells, json_line
from datakit.exporters._psgs import PASSAGES, read_passages, write_passages
from datakit.exporters._tsv import LOST, LOST_LABELS
from datakit.exporters._view import Title, View
from datakit.exporters._write import Draft, export
from datakit.registry import plugin


@plugin("exporters", "dpr")
@dataclass(frozen=True)
class Dpr:
    """Questions with positive and hard negative contexts; there are no answers to write.

    Source:
        github.com/facebookresearch/DPR, retriever input data format. `query_id` is ours.
    """

    binary: ClassVar[bool] = True

    labels: str = "mined"  # the label table qrel/<labels>
    relevant_from: int | None = None  # the lowest grade that counts; None: the dataset's own
    title: Title = "keep"  # drop: titles are empty

    def __call__(self, dataset: Dataset, out: Path) -> list[Path]:
        return export(self, dataset, out)

    def losses(self, view: View) -> list[str]:
        return [LOST, LOST_LABELS, "grades", "queries without labels", "scores of negatives; runs",
                "line breaks and tabs in texts of psgs.tsv"]  # fmt: skip

    def write(self, view: View, draft: Draft) -> None:
        write_passages(view, draft, self.title)
        with Texts(view, self.title) as texts:
            for example in examples(view):
                row = _row(example, texts)
                add_item(draft, f"{example.split}.json", row, (json_line(row),))
        for name in [name for name in draft.tallies if name.endswith(".json")]:
            close_list(draft, name)

    def read(self, name: str, path: Path) -> Iterator[Cells]:
        if name == PASSAGES:
            return read_passages(path)
        return ((json_line(row),) for row in read_items(path))

    def read_with_others(self, draft: Draft) -> None:
        """DPR's loader needs its own torch build."""


def _row(example: Example, texts: Texts) -> dict[str, Any]:
    def context(passage_id: str) -> dict[str, str]:
        title, text = texts[passage_id]
        return {"title": title, "text": text, "passage_id": passage_id}

    return {
        "query_id": example.query.query_id, "question": example.query.text, "answers": [],
        "positive_ctxs": [context(label.passage_id) for label in example.positives],
        "negative_ctxs": [],
        "hard_negative_ctxs": [context(row.passage_id) for row in example.negatives],
    }  # fmt: skip

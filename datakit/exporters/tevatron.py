"""Tevatron: a JSON line per training query with positives and negatives, and the corpus."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

from datakit.dataset import Dataset
from datakit.exporters._examples import Example, Texts, examples
from datakit.exporters._lines import Cells, json_line, read_lines
from datakit.exporters._tsv import LOST, LOST_LABELS
from datakit.exporters._view import Title, View, titled
from datakit.exporters._write import Draft, export
from datakit.registry import plugin

CORPUS = "corpus.jsonl"


@plugin("exporters", "tevatron")
@dataclass(frozen=True)
class Tevatron:
    """The layout with texts inside (`old`), or the one with ids and a corpus (`new`).

    Source:
        github.com/texttron/tevatron: the new layout drops titles in training and puts them before
        the text in encoding, so there they are folded into the text; both need a negative.
    """

    binary: ClassVar[bool] = True

    labels: str = "mined"  # the label table qrel/<labels>
    relevant_from: int | None = None  # the lowest grade that counts; None: the dataset's own
    layout: Literal["old", "new"] = "old"
    title: Title = "keep"  # of the old layout; the new one always folds
    without_negatives: bool = False  # queries that have none go out too; training refuses them

    def __call__(self, dataset: Dataset, out: Path) -> list[Path]:
        return export(self, dataset, out)

    def losses(self, view: View) -> list[str]:
        return [LOST, LOST_LABELS, "grades", "runs; scores of negatives",
                "queries without labels" + ("" if self.without_negatives else " or negatives"),
                *(["titles: folded into the text"] if self.layout == "new" else [])]  # fmt: skip

    def write(self, view: View, draft: Draft) -> None:
        title: Title = "fold" if self.layout == "new" else self.title
        draft.start(CORPUS)
        for passage in view.passages():
            own, text = titled(passage, title)
            row: dict[str, Any] = {"docid": passage.passage_id, "title": own, "text": text}
            if self.layout == "new":
                del row["title"]
            draft.add(CORPUS, json_line(row), tuple(row.values()))
        with Texts(view, title) as texts:
            for example in examples(view):
                if example.negatives or self.without_negatives:
                    row = self._row(example, texts)
                    draft.add(f"{example.split}.jsonl", json_line(row), (json_line(row),))
                else:
                    view.left_out["queries without negatives"] += 1

    def _row(self, example: Example, texts: Texts) -> dict[str, Any]:
        positives = [label.passage_id for label in example.positives]
        negatives = [row.passage_id for row in example.negatives]
        query = example.query
        if self.layout == "new":
            return {
                "query_id": query.query_id, "query_text": query.text,
                "positive_document_ids": positives, "negative_document_ids": negatives,
            }  # fmt: skip
        return {
            "query_id": query.query_id, "query": query.text,
            "positive_passages": [_passage(name, texts) for name in positives],
            "negative_passages": [_passage(name, texts) for name in negatives],
        }  # fmt: skip

    def read(self, name: str, path: Path) -> Iterator[Cells]:
        for _, line in read_lines(path):
            row = json.loads(line)
            yield tuple(row.values()) if name == CORPUS else (json_line(row),)

    def read_with_others(self, draft: Draft) -> str | None:
        """As Tevatron opens its files: with `datasets`."""
        from datakit.exporters._datasets import json_with_datasets

        return json_with_datasets(draft)


def _passage(name: str, texts: Texts) -> dict[str, str]:
    title, text = texts[name]
    return {"docid": name, "title": title, "text": text}

"""PAQ: a JSON line per question with the passages that answer it, and the passage file."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from datakit.dataset import Dataset
from datakit.exporters._examples import examples
from datakit.exporters._lines import Cells, json_line, read_lines
from datakit.exporters._psgs import PASSAGES, read_passages, write_passages
from datakit.exporters._tsv import LOST, LOST_LABELS
from datakit.exporters._view import Title, View
from datakit.exporters._write import Draft, export
from datakit.records import Passage, Qrel
from datakit.registry import plugin


@plugin("exporters", "paq")
@dataclass(frozen=True)
class Paq:
    """Questions with evidence as answers: offset and text, relative to the passage.

    Source:
        github.com/facebookresearch/PAQ, metadata format. `query_id` is ours; `subsets` has the
        split. A label without evidence inside the passage has an empty text at offset 0.
    """

    binary: ClassVar[bool] = True

    labels: str = "mined"  # the label table qrel/<labels>
    relevant_from: int | None = None  # the lowest grade that counts; None: the dataset's own
    title: Title = "keep"  # drop: titles are empty

    def __call__(self, dataset: Dataset, out: Path) -> list[Path]:
        return export(self, dataset, out)

    def losses(self, view: View) -> list[str]:
        return [LOST, LOST_LABELS, "grades", "queries without labels", "negatives, runs",
                "line breaks and tabs in texts of psgs.tsv"]  # fmt: skip

    def write(self, view: View, draft: Draft) -> None:
        write_passages(view, draft, self.title)
        spans = Spans(view)
        for example in examples(view):
            answers = [
                {"passage_id": label.passage_id, **spans.answer(label), "extractor": "datakit"}
                for label in example.positives
            ]
            row: dict[str, Any] = {
                "query_id": example.query.query_id, "question": example.query.text,
                "subsets": [example.split], "answer": sorted({a["text"] for a in answers} - {""}),
                "passage_score": None, "answers": answers,
            }  # fmt: skip
            draft.add("paq.jsonl", json_line(row), (json_line(row),))

    def read(self, name: str, path: Path) -> Iterator[Cells]:
        if name == PASSAGES:
            return read_passages(path)
        return ((json_line(json.loads(line)),) for _, line in read_lines(path))

    def read_with_others(self, draft: Draft) -> None:
        """There is no loader of its own."""


class Spans:
    """Evidence of labels, relative to their passage."""

    def __init__(self, view: View) -> None:
        wanted = {label.passage_id for label in view.labels() if label.evidence}
        found = (p for p in view.passages() if p.passage_id in wanted) if wanted else ()
        self._passages: dict[str, Passage] = {p.passage_id: p for p in found}

    def of(self, label: Qrel) -> tuple[int, int] | None:
        """Start and end of the first span that lies inside the passage."""
        passage = self._passages.get(label.passage_id)
        for span in label.evidence if passage else ():
            start, end = span.start - passage.start, span.end - passage.start  # type: ignore[union-attr]
            if 0 <= start < end <= len(passage.text):  # type: ignore[union-attr]
                return start, end
        return None

    def answer(self, label: Qrel) -> dict[str, Any]:
        span = self.of(label)
        if span is None:
            return {"offset": 0, "text": ""}
        return {"offset": span[0], "text": self._passages[label.passage_id].text[slice(*span)]}

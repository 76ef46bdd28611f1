"""KILT: a JSON line per query with its provenance, and the knowledge source it points into."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from datakit.dataset import Dataset
from datakit.exporters._examples import examples
from datakit.exporters._lines import Cells, json_line, read_lines
from datakit.exporters._order import in_order
from datakit.exporters._tsv import LOST_LABELS
from datakit.exporters._view import View
from datakit.exporters._write import Draft, export
from datakit.exporters.paq import Spans
from datakit.records import Passage, Qrel
from datakit.registry import plugin

KNOWLEDGE = "knowledge.jsonl"


@plugin("exporters", "kilt")
@dataclass(frozen=True)
class Kilt:
    """Documents as pages, passages as their paragraphs, labels as provenance.

    Source:
        github.com/facebookresearch/KILT, data format: `wikipedia_id` is the doc_id here,
        characters count from the start of the paragraph. `meta` and `passage_ids` hold ours.
    """

    binary: ClassVar[bool] = True

    labels: str = "mined"  # the label table qrel/<labels>
    relevant_from: int | None = None  # the lowest grade that counts; None: the dataset's own

    def __call__(self, dataset: Dataset, out: Path) -> list[Path]:
        return export(self, dataset, out)

    def losses(self, view: View) -> list[str]:
        return ["section paths", "levels, forms and languages of queries", LOST_LABELS, "grades",
                "queries without labels", "negatives, runs"]  # fmt: skip

    def write(self, view: View, draft: Draft) -> None:
        place: dict[str, tuple[str, int, str]] = {}  # document, paragraph and title by passage_id
        rows = in_order(view.passages(), lambda p: (p.doc_id, p.ordinal, p.passage_id))
        draft.start(KNOWLEDGE)
        for doc_id, group in itertools.groupby(rows, key=lambda passage: passage.doc_id):
            passages: list[Passage] = list(group)
            title = passages[0].title or ""
            for at, passage in enumerate(passages):
                place[passage.passage_id] = (doc_id, at, title)
            row = {
                "_id": doc_id, "wikipedia_id": doc_id, "wikipedia_title": title,
                "text": [p.text for p in passages], "passage_ids": [p.passage_id for p in passages],
                "starts": [p.start for p in passages], "ordinals": [p.ordinal for p in passages],
            }  # fmt: skip
            draft.add(KNOWLEDGE, json_line(row), (json_line(row),))
        lengths = {p.passage_id: len(p.text) for p in view.passages()}
        spans = Spans(view)
        for example in examples(view):
            sources = [_source(q, place, lengths, spans) for q in example.positives]
            line: dict[str, Any] = {
                "id": example.query.query_id, "input": example.query.text,
                "output": [{"provenance": sources}], "meta": {},
            }  # fmt: skip
            draft.add(f"{example.split}.jsonl", json_line(line), (json_line(line),))

    def read(self, name: str, path: Path) -> Iterator[Cells]:
        return ((json_line(json.loads(line)),) for _, line in read_lines(path))

    def read_with_others(self, draft: Draft) -> None:
        """Its loader fetches files; there is none for a folder."""


def _source(
    label: Qrel, place: dict[str, tuple[str, int, str]], lengths: dict[str, int], spans: Spans
) -> dict[str, Any]:
    doc_id, at, title = place[label.passage_id]
    start, end = spans.of(label) or (0, lengths[label.passage_id])
    evidence = [[span.doc_id, span.start, span.end] for span in label.evidence]
    return {
        "wikipedia_id": doc_id, "title": title, "section": "",
        "start_paragraph_id": at, "start_character": start,
        "end_paragraph_id": at, "end_character": end,
        "meta": {"passage_id": label.passage_id, "evidence": evidence},
    }  # fmt: skip

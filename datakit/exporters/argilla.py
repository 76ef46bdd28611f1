"""Argilla: pairs to be graded as records, with the settings of their dataset."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from datakit.dataset import Dataset
from datakit.exporters import _review
from datakit.exporters._examples import Texts, add_item, close_list, read_items
from datakit.exporters._lines import Cells, json_line
from datakit.exporters._view import View
from datakit.exporters._write import Draft, export
from datakit.registry import plugin

RECORDS = "records.json"


@plugin("exporters", "argilla")
@dataclass(frozen=True)
class Argilla:
    """The folder that `argilla.Dataset.from_disk` takes: one question, a grade per label.

    The grades that the dataset has are hidden unless asked for: people follow what they see.

    Source:
        argilla 2.8, datasets/_io/_disk.py and settings/_io: .argilla/settings.json,
        .argilla/dataset.json, records.json.
    """

    labels: str = "mined"  # the label table qrel/<labels>
    lowest_grade: int = 0  # labels below it are left out
    min_submitted: int = 1  # people that grade each pair
    show_grade: bool = False  # as a suggestion

    def __call__(self, dataset: Dataset, out: Path) -> list[Path]:
        return export(self, dataset, out)

    def losses(self, view: View) -> list[str]:
        return [*_review.LOST, *([] if self.show_grade else ["grades: hidden from people"])]

    def write(self, view: View, draft: Draft) -> None:
        name = str(view.dataset.manifest["dataset_id"])
        draft.raw(".argilla/dataset.json", _json({"name": name}))
        draft.raw(".argilla/settings.json", _json(self._settings(_review.grades(view))))
        with Texts(view, "keep") as texts:
            for pair in _review.pairs(view, texts):
                row = self._record(pair)
                add_item(draft, RECORDS, row, (json_line(row),))
        close_list(draft, RECORDS)

    def _settings(self, grades: list[tuple[str, str]]) -> dict[str, Any]:
        guidelines = "\n".join(f"{grade}: {text}" for grade, text in grades)
        text = {"type": "text", "use_markdown": False}
        return {
            "guidelines": guidelines, "allow_extra_metadata": False,
            "distribution": {"strategy": "overlap", "min_submitted": self.min_submitted},
            "fields": [
                {"name": name, "title": name, "required": name != "title", "settings": text}
                for name in ("query", "passage", "title")
            ],
            "questions": [
                {
                    "name": "grade", "title": "Does the passage answer the query?",
                    "description": guidelines, "required": True,
                    "settings": {
                        "type": "label_selection",
                        "options": [
                            {"value": grade, "text": f"{grade}: {text}", "description": None}
                            for grade, text in grades
                        ],
                    },
                }
            ],
            "metadata": [
                {
                    "name": name, "title": name, "settings": {"type": "terms"},
                    "visible_for_annotators": False,
                }
                for name in ("query_id", "passage_id", "split")
            ],
            "vectors": [],
        }  # fmt: skip

    def _record(self, pair: _review.Pair) -> dict[str, Any]:
        suggestion = {"grade": {"value": str(pair.grade), "score": None, "agent": "datakit"}}
        return {
            "id": pair.record_id,
            "fields": {"query": pair.query, "passage": pair.text, "title": pair.title},
            "metadata": {
                "query_id": pair.query_id, "passage_id": pair.passage_id, "split": pair.split,
            },
            "suggestions": suggestion if self.show_grade else {},
            "responses": {}, "vectors": {},
        }  # fmt: skip

    def read(self, name: str, path: Path) -> Iterator[Cells]:
        for row in read_items(path):
            if not isinstance(row.get("fields"), dict):
                raise ValueError("a record has no fields")
            yield (json_line(row),)

    def read_with_others(self, draft: Draft) -> None:
        """Argilla reads records into its own server."""


def _json(value: Any) -> str:
    return json.dumps(value, indent=1, ensure_ascii=False) + "\n"

"""Label Studio: pairs to be graded as tasks, and the labelling interface."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from xml.sax.saxutils import quoteattr

from datakit.dataset import Dataset
from datakit.exporters import _review
from datakit.exporters._examples import Texts, add_item, close_list, read_items
from datakit.exporters._lines import Cells, json_line
from datakit.exporters._view import View
from datakit.exporters._write import Draft, export
from datakit.registry import plugin

TASKS = "tasks.json"


@plugin("exporters", "label_studio")
@dataclass(frozen=True)
class LabelStudio:
    """A task per pair with a choice per grade, or one per query with its passages to be ranked.

    The grades that the dataset has are hidden unless asked for: people follow what they see.

    Source:
        labelstud.io/guide/tasks and /tags: Choices, List, Ranker and Bucket.
    """

    labels: str = "mined"  # the label table qrel/<labels>
    lowest_grade: int = 0  # labels below it are left out
    layout: Literal["pair", "list"] = "pair"
    show_grade: bool = False  # as a prediction; of layout pair

    def __call__(self, dataset: Dataset, out: Path) -> list[Path]:
        return export(self, dataset, out)

    def losses(self, view: View) -> list[str]:
        return [*_review.LOST, *([] if self.show_grade else ["grades: hidden from people"])]

    def write(self, view: View, draft: Draft) -> None:
        draft.raw("config.xml", _config(self.layout, _review.grades(view)))
        with Texts(view, "keep") as texts:
            groups = itertools.groupby(_review.pairs(view, texts), key=lambda pair: pair.query_id)
            for _, group in groups:
                found = list(group)
                rows = map(self._task, found) if self.layout == "pair" else [_list(found)]
                for row in rows:
                    add_item(draft, TASKS, row, (json_line(row),))
        close_list(draft, TASKS)

    def _task(self, pair: _review.Pair) -> dict[str, Any]:
        data = {
            "record_id": pair.record_id, "query_id": pair.query_id, "passage_id": pair.passage_id,
            "query": pair.query, "title": pair.title, "text": pair.text, "split": pair.split,
        }  # fmt: skip
        if not self.show_grade:
            return {"data": data}
        choice = {
            "from_name": "grade", "to_name": "passage", "type": "choices",
            "value": {"choices": [str(pair.grade)]},
        }  # fmt: skip
        return {"data": data, "predictions": [{"model_version": "datakit", "result": [choice]}]}

    def read(self, name: str, path: Path) -> Iterator[Cells]:
        for row in read_items(path):
            if not isinstance(row.get("data"), dict):
                raise ValueError("a task has no data")
            yield (json_line(row),)

    def read_with_others(self, draft: Draft) -> None:
        """Label Studio reads tasks into its own server."""


def _list(group: list[_review.Pair]) -> dict[str, Any]:
    """All passages of a query; `html` would be run by the browser, `body` is text."""
    first = group[0]
    items = [{"id": pair.passage_id, "title": pair.title, "body": pair.text} for pair in group]
    data = {"query_id": first.query_id, "query": first.query, "split": first.split, "items": items}
    return {"data": data}


def _config(layout: str, grades: list[tuple[str, str]]) -> str:
    lines = ["<View>", '  <Header value="$query"/>']
    if layout == "pair":
        lines += ['  <Header value="$title" size="4"/>', '  <Text name="passage" value="$text"/>']
        lines += ['  <Choices name="grade" toName="passage" choice="single" required="true">']
        lines += [
            f"    <Choice value={quoteattr(grade)} hint={quoteattr(text)}/>"
            for grade, text in grades
        ]
        lines += ["  </Choices>"]
    else:
        lines += ['  <List name="passages" value="$items" title="Passages"/>']
        lines += ['  <Ranker name="grade" toName="passages">']
        lines += [
            f"    <Bucket name={quoteattr(grade)} title={quoteattr(f'{grade}: {text}')}/>"
            for grade, text in grades
        ]
        lines += ["  </Ranker>"]
    return "\n".join([*lines, "</View>", ""])

"""Passages with generated queries by language, as the data of xQG has them."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from datakit.dataset import Dataset
from datakit.exporters._lines import Cells, json_line, read_lines
from datakit.exporters._tsv import LOST, LOST_LABELS
from datakit.exporters._view import Title, View, titled
from datakit.exporters._write import Draft, export
from datakit.registry import plugin

REST = "rest.jsonl"


@plugin("exporters", "xqg")
@dataclass(frozen=True)
class Xqg:
    """`{docid, title, text, generated_queries: {language: […]}}`, one file a split.

    Readers take the i-th query of any language, so each language has as many as the longest: its
    queries are given again from the first. Passages without a query are in rest.jsonl.
    """

    binary: ClassVar[bool] = True

    labels: str = "mined"  # the label table qrel/<labels>
    relevant_from: int | None = None  # the lowest grade that counts; None: the dataset's own
    title: Title = "keep"  # fold: into the text; drop: empty

    def __call__(self, dataset: Dataset, out: Path) -> list[Path]:
        return export(self, dataset, out)

    def losses(self, view: View) -> list[str]:
        return [LOST, LOST_LABELS, "grades", "query ids; queries of one text become one",
                "queries without labels", "negatives, runs"]  # fmt: skip

    def write(self, view: View, draft: Draft) -> None:
        asked: dict[str, list[str]] = defaultdict(list)  # query ids by passage
        for label in view.labels():
            asked[label.passage_id].append(label.query_id)
        again = 0
        for passage in view.passages():
            own, text = titled(passage, self.title)
            row: dict[str, Any] = {"docid": passage.passage_id, "title": own, "text": text}
            by_split: dict[str, dict[str, list[str]]] = {}
            for query_id in asked.get(passage.passage_id, ()):
                query = view.queries[query_id]
                languages = by_split.setdefault(str(query.split), {})
                languages.setdefault(query.language or "und", []).append(query.text)
            for split, languages in by_split.items():
                again += _even(languages)
                line = json_line(row | {"generated_queries": dict(sorted(languages.items()))})
                draft.add(f"{split}.jsonl", line, (line,))
            if not by_split:
                line = json_line(row | {"generated_queries": {}})
                draft.add(REST, line, (line,))
        if again:
            draft.rules.append(f"{again:,} queries are given again, so that languages are even")

    def read(self, name: str, path: Path) -> Iterator[Cells]:
        for number, line in read_lines(path):
            row = json.loads(line)
            if len({len(texts) for texts in row["generated_queries"].values()}) > 1:
                raise ValueError(f"line {number} has languages of unequal length")
            yield (json_line(row),)

    def read_with_others(self, draft: Draft) -> None:
        """There is no loader of its own."""


def _even(languages: dict[str, list[str]]) -> int:
    """Make all lists as long as the longest; how many queries that took."""
    longest = max(map(len, languages.values()))
    again = 0
    for texts in languages.values():
        n = len(texts)
        texts += [texts[i % n] for i in range(longest - n)]
        again += longest - n
    return again

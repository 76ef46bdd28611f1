"""T2Ranking: collection, queries, graded and binary qrels, mined negatives."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from datakit.dataset import Dataset
from datakit.exporters._examples import Numbers, numbered
from datakit.exporters._lines import Cells, read_columns
from datakit.exporters._tsv import LOST, LOST_LABELS
from datakit.exporters._view import Title, View, titled
from datakit.exporters._write import Draft, export
from datakit.registry import plugin

MINED = "train.mined.tsv"


@plugin("exporters", "t2ranking")
@dataclass(frozen=True)
class T2Ranking:
    """Files with a header, whole numbers as ids, grades in qrels, relevant pairs apart.

    Source:
        huggingface.co/datasets/THUIR/T2Ranking: `qrels.retrieval.*` has the pairs of grade 2 and
        up; `train.mined.tsv` has a place in a list and a score for each negative.
    """

    labels: str = "mined"  # the label table qrel/<labels>
    lowest_grade: int = 0  # labels below it are left out
    title: Title = "drop"  # fold: title, a blank and the text; the format has no place of its own

    def __call__(self, dataset: Dataset, out: Path) -> list[Path]:
        return export(self, dataset, out)

    def losses(self, view: View) -> list[str]:
        titles = [] if self.title == "fold" else ["titles"]
        return [*titles, LOST, LOST_LABELS, "ids that are no whole numbers (see id_map.tsv)",
                "line breaks and tabs in texts", "runs", "negatives of dev and test"]  # fmt: skip

    def write(self, view: View, draft: Draft) -> None:
        numbers = numbered(view, draft)
        _headed(draft, "collection.tsv", "pid\ttext")
        for passage in view.passages():
            title = "drop" if self.title in ("keep", "header") else self.title
            text = draft.one_line(titled(passage, title)[1])
            _add(draft, "collection.tsv", (numbers.passage(passage.passage_id), text))
        for split in view.splits:
            _headed(draft, f"queries.{split}.tsv", "qid\ttext")
            _headed(draft, f"qrels.{split}.tsv", "qid\t-\tpid\trel")
            _headed(draft, f"qrels.retrieval.{split}.tsv", "qid\tpid")
        for query in view.queries.values():
            cells = (numbers.query(query.query_id), draft.one_line(query.text))
            _add(draft, f"queries.{query.split}.tsv", cells)
        for qrel in view.labels():
            split = view.split_of(qrel.query_id)
            pair = (numbers.query(qrel.query_id), numbers.passage(qrel.passage_id))
            _add(draft, f"qrels.{split}.tsv", (pair[0], "0", pair[1], str(qrel.grade)))
            if qrel.grade >= view.relevant_from:
                _add(draft, f"qrels.retrieval.{split}.tsv", pair)
        self._mined(view, draft, numbers)

    def _mined(self, view: View, draft: Draft, numbers: Numbers) -> None:
        if "train" not in view.splits_with_negatives():
            return
        _headed(draft, MINED, "qid\tpid\tindex\tscore")
        rows = view.negatives("train")
        for query, group in itertools.groupby(rows, lambda row: row.query_id):
            for at, row in enumerate(sorted(group, key=lambda row: row.mined_rank)):
                pair = (numbers.query(query), numbers.passage(row.passage_id))
                _add(draft, MINED, (*pair, str(at), repr(row.score)))

    def read(self, name: str, path: Path) -> Iterator[Cells]:
        n = 4 if name == MINED or (name.startswith("qrels.") and "retrieval" not in name) else 2
        for cells in read_columns(path, n, skip=1):
            if not cells[0].isdigit() or (n == 4 and not cells[2].isdigit()):
                raise ValueError(f"an id of {cells} is no whole number")
            yield tuple(cells)

    def read_with_others(self, draft: Draft) -> None:
        """There is no loader of its own."""


def _headed(draft: Draft, name: str, header: str) -> None:
    draft.raw(name, header + "\n")
    draft.start(name)


def _add(draft: Draft, name: str, cells: tuple[str, ...]) -> None:
    draft.add(name, "\t".join(cells), cells)

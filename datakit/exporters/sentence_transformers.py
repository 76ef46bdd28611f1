"""sentence-transformers: a Parquet file per split in the shape that a loss takes."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from datakit.dataset import Dataset
from datakit.errors import UsageError
from datakit.exporters._examples import Example, Texts, examples
from datakit.exporters._parquet import Columns, read_parquet
from datakit.exporters._tsv import LOST, LOST_LABELS
from datakit.exporters._view import Title, View
from datakit.exporters._write import Draft, export
from datakit.records import ScoredPassage
from datakit.registry import plugin

Shape = Literal["pair", "triplet", "n-tuple", "scored", "labelled", "binary", "list"]
Row = tuple[list[str], tuple[Any, ...]]  # passage ids; what stands beside the query

# checked with sentence-transformers 6.2; the order of columns counts, their names do not
_LOSSES: dict[str, str] = {
    "pair": "(Cached)MultipleNegativesRankingLoss, (Cached)GISTEmbedLoss, MegaBatchMarginLoss",
    "triplet": "(Cached)MultipleNegativesRankingLoss, (Cached)GISTEmbedLoss, Triplet-, AnglELoss",
    "n-tuple": "(Cached)MultipleNegativesRankingLoss, CachedGISTEmbedLoss, AnglELoss",
    "scored": "MarginMSELoss, DistillKLDivLoss (label: a score for the positive and each negative)",
    "labelled": "CoSENTLoss, AnglELoss, CosineSimilarityLoss (score: grade / highest grade)",
    "binary": "ContrastiveLoss, OnlineContrastiveLoss; of a cross-encoder BinaryCrossEntropyLoss",
    "list": "of a cross-encoder: LambdaLoss, ListNetLoss, PListMLELoss, RankNetLoss",
}
_IN_BATCH = ("pair", "triplet", "n-tuple")


@plugin("exporters", "sentence_transformers")
@dataclass(frozen=True)
class SentenceTransformers:
    """Training rows for bi-encoders and cross-encoders; loss.md names the losses that fit.

    Ids stand in a file of their own, row by row: a column `…_id` would be read as text.
    """

    labels: str = "mined"  # the label table qrel/<labels>
    lowest_grade: int = 0  # labels below it are left out
    title: Title = "fold"  # into the text; drop: none
    shape: Shape = "triplet"
    negatives: int = 5  # of an n-tuple or a scored row; queries with fewer are left out
    run: str | None = None  # of a scored row: the run whose scores are the labels

    def __call__(self, dataset: Dataset, out: Path) -> list[Path]:
        if self.shape == "scored" and not self.run:
            raise UsageError("shape 'scored' needs scores: name a run with --set run=NAME.")
        return export(self, dataset, out)

    def losses(self, view: View) -> list[str]:
        grades = [] if self.shape in ("labelled", "list") else ["grades"]
        return [LOST, LOST_LABELS, *grades, "the corpus beyond the passages in the rows",
                "queries without a row"]  # fmt: skip

    def _columns(self) -> Columns:
        several = [f"negative_{i}" for i in range(1, self.negatives + 1)]
        names: dict[str, dict[str, str]] = {
            "pair": {"anchor": "string", "positive": "string"},
            "triplet": {"anchor": "string", "positive": "string", "negative": "string"},
            "n-tuple": dict.fromkeys(["anchor", "positive", *several], "string"),
            "scored": dict.fromkeys(["query", "positive", *several], "string")
            | {"label": "doubles"},
            "labelled": {"sentence1": "string", "sentence2": "string", "score": "double"},
            "binary": {"anchor": "string", "passage": "string", "label": "int64"},
            "list": {"query": "string", "docs": "strings", "labels": "ints"},
        }
        return names[self.shape]

    def write(self, view: View, draft: Draft) -> None:
        columns, ids = self._columns(), {"query_id": "string", "passage_ids": "strings"}
        scores = _Scores(view, self.run) if self.shape == "scored" and self.run else None
        highest = max(map(int, view.dataset.manifest["label_scale"]["grades"]))
        with Texts(view, "drop" if self.title in ("keep", "header") else self.title) as texts:
            for example in examples(view):
                n = 0
                known = scores.of(example.query.query_id) if scores else {}
                for passage_ids, values in self._rows(example, known, highest):
                    n += 1
                    found = [texts.text(name) for name in passage_ids]
                    whole = (found,) if self.shape == "list" else tuple(found)
                    row = (example.query.text, *whole, *values)
                    draft.row(f"{example.split}.parquet", columns, row)
                    draft.row(
                        f"{example.split}.ids.parquet", ids, (example.query.query_id, passage_ids)
                    )
                if not n:
                    view.left_out["queries without a row of this shape"] += 1
        draft.raw("loss.md", self._advice())

    def _rows(self, example: Example, scores: dict[str, float], highest: int) -> Iterator[Row]:
        positives = [label.passage_id for label in example.positives]
        negatives = [row.passage_id for row in example.negatives]
        if self.shape == "pair":
            yield from (([p], ()) for p in positives)
        elif self.shape == "triplet":
            yield from (([p, n], ()) for p, n in itertools.product(positives, negatives))
        elif self.shape == "labelled":
            yield from (([q.passage_id], (q.grade / highest,)) for q in example.labels)
        elif self.shape == "binary":
            yield from (([p], (1,)) for p in positives)
            yield from (([n], (0,)) for n in negatives)
        elif self.shape == "list":
            names = [label.passage_id for label in example.labels]
            yield names, ([label.grade for label in example.labels],)
        elif len(negatives) >= self.negatives:
            for positive in positives:
                names = [positive, *negatives[: self.negatives]]
                if self.shape == "n-tuple":
                    yield names, ()
                elif all(name in scores for name in names):
                    yield names, ([scores[name] for name in names],)

    def _advice(self) -> str:
        lines = [f"# Losses for shape {self.shape}", "", f"{_LOSSES[self.shape]}.", ""]
        if self.shape in _IN_BATCH:
            lines += [
                "Use `batch_sampler=BatchSamplers.NO_DUPLICATES`: a query with several positives",
                "has several rows, and each would be a negative of the other.", "",
            ]  # fmt: skip
        lines += ["Read a file with `datasets.Dataset.from_parquet`; its columns go to the loss in",
                  "their order. Ids are in the file `.ids.parquet`, row by row.", ""]  # fmt: skip
        return "\n".join(lines)

    def read(self, name: str, path: Path) -> Iterator[Any]:
        if name.endswith(".ids.parquet"):
            return read_parquet(path, {"query_id": "string", "passage_ids": "strings"})
        return read_parquet(path, self._columns())

    def read_with_others(self, draft: Draft) -> str | None:
        """As sentence-transformers takes them: with `datasets`."""
        from datakit.exporters._datasets import parquet_with_datasets

        return parquet_with_datasets(draft)


class _Scores:
    """The scores of a run, query by query in the order of their ids."""

    def __init__(self, view: View, run: str) -> None:
        self._groups = itertools.groupby(view.run(run), key=lambda row: row.query_id)
        self._ahead = self._next()

    def _next(self) -> tuple[str, list[ScoredPassage]] | None:
        group = next(self._groups, None)
        return (group[0], list(group[1])) if group else None

    def of(self, query_id: str) -> dict[str, float]:
        while self._ahead and self._ahead[0] < query_id:
            self._ahead = self._next()
        if self._ahead is None or self._ahead[0] != query_id:
            return {}
        return {row.passage_id: row.score for row in self._ahead[1]}

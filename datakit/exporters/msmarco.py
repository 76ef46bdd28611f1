"""MS MARCO passage ranking: collection, queries, qrels and triples, all tab-separated."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from datakit.dataset import Dataset
from datakit.exporters._examples import Example, Texts, examples
from datakit.exporters._lines import Cells, read_columns
from datakit.exporters._tsv import (
    LOST,
    LOST_LABELS,
    read_binary,
    read_texts,
    write_binary,
    write_collection,
    write_queries,
)
from datakit.exporters._view import Title, View
from datakit.exporters._write import Draft, Tally, compare, export
from datakit.registry import plugin

IDS = "qidpidtriples.train.full.2.tsv"
TEXTS = "triples.train.small.tsv"


@plugin("exporters", "msmarco")
@dataclass(frozen=True)
class MsMarco:
    """collection.tsv, queries, qrels and, where train has negatives, both files of triples.

    Source:
        github.com/microsoft/MSMARCO-Passage-Ranking: no header, no quoting, ids as text.
    """

    binary: ClassVar[bool] = True

    labels: str = "mined"  # the label table qrel/<labels>
    relevant_from: int | None = None  # the lowest grade that counts; None: the dataset's own
    title: Title = "drop"  # fold: title, a blank and the text; the format has no place of its own
    triples: bool = True  # write the triples of train, as ids and as texts

    def __call__(self, dataset: Dataset, out: Path) -> list[Path]:
        return export(self, dataset, out)

    def losses(self, view: View) -> list[str]:
        titles = [] if self.title == "fold" else ["titles"]
        return [*titles, LOST, LOST_LABELS, "grades", "line breaks and tabs in texts", "runs",
                "negatives of dev and test; scores of negatives"]  # fmt: skip

    def write(self, view: View, draft: Draft) -> None:
        title: Title = "drop" if self.title in ("keep", "header") else self.title
        write_collection(view, draft, "collection.tsv", title)
        write_queries(view, draft, "queries.{split}.tsv")
        write_binary(view, draft, "qrels.{split}.tsv")
        if self.triples and "train" in view.splits_with_negatives():
            with Texts(view, title, draft.one_line) as texts:
                for example in examples(view, "train"):
                    self._triples(example, texts, draft)

    def _triples(self, example: Example, texts: Texts, draft: Draft) -> None:
        query, text = example.query.query_id, draft.one_line(example.query.text)
        for positive in example.positives:
            for negative in example.negatives:
                ids = (query, positive.passage_id, negative.passage_id)
                draft.add(IDS, "\t".join(ids), ids)
                row = (text, texts.text(ids[1]), texts.text(ids[2]))
                draft.add(TEXTS, "\t".join(row), row)

    def read(self, name: str, path: Path) -> Iterator[Cells]:
        if name.startswith("qrels."):
            return read_binary(path)
        if name in (IDS, TEXTS):
            return map(tuple, read_columns(path, 3))
        return read_texts(path)

    def read_with_others(self, draft: Draft) -> str | None:
        """Collection and queries once more with ir_datasets."""
        return tsv_with_ir_datasets(draft, ("collection.tsv", "queries."))


def tsv_with_ir_datasets(draft: Draft, prefixes: tuple[str, ...]) -> str | None:
    """Compare files of ids and texts with what ir_datasets finds; None if it is not installed."""
    try:
        import ir_datasets
        from ir_datasets.formats import TsvDocs
        from ir_datasets.util import LocalDownload
    except ImportError:
        return None
    for name, meant in draft.tallies.items():
        if name.startswith(prefixes):
            rows = TsvDocs(LocalDownload(draft.folder / name)).docs_iter()
            compare(name, meant, Tally.of(map(tuple, rows)), "ir_datasets")
    return f"ir_datasets {ir_datasets.__version__}"

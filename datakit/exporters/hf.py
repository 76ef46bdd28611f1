"""Hugging Face: Parquet and a card, loadable with `datasets` and with mteb as they stand."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING

from datakit.dataset import Dataset
from datakit.exporters import _batches, _card, _provenance
from datakit.exporters._parquet import read_parquet
from datakit.exporters._view import Title, View
from datakit.exporters._write import Draft, Tally, export
from datakit.registry import plugin

if TYPE_CHECKING:
    import pyarrow as pa

CORPUS = {"id": "string", "title": "string", "text": "string"}
QUERIES = {"id": "string", "text": "string"}
QRELS = {"query-id": "string", "corpus-id": "string", "score": "int32"}
TOP = {"query-id": "string", "corpus-ids": "strings"}
_PART_ROWS = 100_000  # passages in a file of the corpus: about 20 MB


@plugin("exporters", "hf")
@dataclass(frozen=True)
class HuggingFace:
    """The layout of MTEB's retrieval sets, and all that it cannot hold in configs of our own.

    Source:
        mteb 2.26, RetrievalDatasetLoader: configs `corpus`, `queries`, `default`; a null title is
        a TypeError, further columns break the collation, so there are none.
    """

    labels: str = "mined"  # the label table qrel/<labels>
    title: Title = "keep"  # fold: title, a blank and the text are the text; header: Passage.header
    lowest_grade: int = 0  # labels below it are left out
    provenance: bool = True  # write documents, spans, judgements and negatives beside them
    top_ranked: str | None = None  # a run to be re-ranked: mteb then takes it for re-ranking
    mteb_task: bool = False  # write task.py, a TaskMetadata to be completed
    licence: str = "unknown"  # of the card
    domains: tuple[str, ...] = ("Written",)  # of the mteb task, as mteb names them

    def __call__(self, dataset: Dataset, out: Path) -> list[Path]:
        return export(self, dataset, out)

    def losses(self, view: View) -> list[str]:
        lost = ["runs and findings"]
        if not self.provenance:
            lost += ["documents, spans, section paths, levels, forms, languages, negatives",
                     "sources, routes and evidence of labels; judgements"]  # fmt: skip
        if view.unlabelled():
            lost.append(f"{view.unlabelled():,} queries without labels, which mteb skips")
        return lost + [f"split {s}: it has no labels" for s in view.splits_without_labels()]

    def write(self, view: View, draft: Draft) -> None:
        import pyarrow as pa

        queries = "queries/part-00000.parquet"
        at = 0
        for rows in _batches.passages(view):
            for piece in _batches.cut(rows, at, _PART_ROWS):
                title, text = _batches.titled(piece, self.title)
                cells = pa.table({"id": piece["passage_id"], "title": title, "text": text})
                draft.rows(f"corpus/part-{at // _PART_ROWS:05d}.parquet", CORPUS, cells)
                at += len(piece)
        draft.start_table(queries, QUERIES)
        for query in view.queries.values():
            draft.row(queries, QUERIES, (query.query_id, query.text))
        for labels in _batches.labels(view):
            for split, rows in _batches.by_split(labels):
                cells = rows.select(["query_id", "passage_id", "grade"])
                draft.rows(f"qrels/{split}.parquet", QRELS, cells)
        if self.top_ranked:
            self._top_ranked(view, draft, self.top_ranked)
        configs = _configs(draft)
        if self.provenance:
            configs += _provenance.write(view.dataset, draft.folder)
        draft.raw("README.md", _card.card(view, draft, configs, self.licence))
        if self.mteb_task:
            draft.raw("task.py", _card.mteb_task(view, self.licence, self.domains))

    def _top_ranked(self, view: View, draft: Draft, run: str) -> None:
        ids: dict[str, list[str]] = {}
        for scored in view.run(run):
            ids.setdefault(scored.query_id, []).append(scored.passage_id)
        for query_id, passage_ids in ids.items():
            name = f"top_ranked/{view.split_of(query_id)}.parquet"
            draft.row(name, TOP, (query_id, passage_ids))

    def read(self, name: str, path: Path) -> Iterator[pa.Table]:
        kind = name.partition("/")[0]
        columns = {"corpus": CORPUS, "queries": QUERIES, "qrels": QRELS, "top_ranked": TOP}[kind]
        return read_parquet(path, columns)

    def read_with_others(self, draft: Draft) -> str | None:
        """Every config once more with `datasets`, as its card says."""
        from datakit.exporters import _datasets
        from datakit.exporters._write import compare

        name = _datasets.version()
        for config, files in _configs(draft) if name else []:
            for split, pattern in files:
                rows = _datasets.loaded(draft.folder, parquet=True, name=config, split=split)
                found = Tally.of(rows)
                compare(pattern, _tally(draft, pattern), found, str(name))
        for config, files in _provenance.configs(draft.folder) if name else []:
            for split, file in files:
                rows = _datasets.loaded(draft.folder, parquet=True, name=config, split=split)
                _provenance.compare_count(draft.folder / file, sum(map(len, rows)), str(name))
        return name


def _tally(draft: Draft, pattern: str) -> Tally:
    """Of all files of a pattern."""
    return Tally.total_of(t for name, t in draft.tallies.items() if fnmatch(name, pattern))


def _configs(draft: Draft) -> list[_card.Config]:
    """Config names with (split, files)."""
    found: list[_card.Config] = [
        ("corpus", [("corpus", "corpus/part-*.parquet")]),
        ("queries", [("queries", "queries/part-*.parquet")]),
    ]
    for config, folder in (("default", "qrels"), ("top_ranked", "top_ranked")):
        names = sorted(name for name in draft.tallies if name.startswith(f"{folder}/"))
        if names:
            found.append((config, [(Path(name).stem, name) for name in names]))
    return found

"""ir_datasets: a folder that `datakit.irds.register` makes known to ir_datasets."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any, Literal

from datakit.dataset import Dataset
from datakit.errors import DatasetError
from datakit.exporters import _irds_rows as rows
from datakit.exporters._irds_rows import Doc, DocPair, Topic
from datakit.exporters._order import in_order
from datakit.exporters._view import (
    Title,
    View,
    corpus_language,
    one_language,
    titled,
)
from datakit.exporters._write import (
    Cells,
    Draft,
    Tally,
    ascending,
    compare,
    export,
    json_line,
    read_columns,
    read_json,
    read_qrels,
    read_run,
    run_lines,
    write_qrels,
)
from datakit.records import Qrel, safe_id
from datakit.registry import digest, plugin

DEFINITION = "datakit-irds.json"
FORMAT, FORMAT_VERSION = "datakit-irds", "2"
DIRECT = "direct/{split}.txt"  # labels of the passages that queries were written from
Pairs = Literal["all", "best"]
_README = """# {name}

Passages, queries, graded labels, runs and training pairs for ir_datasets. In this folder:

    import ir_datasets, datakit.irds
    name = datakit.irds.register(".")  # "datakit/{name}"
    dataset = ir_datasets.load(name + "/{split}")
"""


@plugin("exporters", "ir_datasets")
@dataclass(frozen=True)
class IrDatasets:
    """A folder of its own that ir_datasets, ir_measures and PyTerrier read by name.

    `datakit.irds.register(folder)` registers it; it also takes a datakit dataset as it is.
    """

    labels: str = "mined"  # the label table qrel/<labels>
    title: Title = "keep"  # fold: title, a blank and the text are the text; header: Passage.header
    lowest_grade: int = 0  # labels below it are left out: 2 leaves what is relevant on our scale
    pairs: Pairs = "all"  # a negative with each positive, or with the best of them

    def __call__(self, dataset: Dataset, out: Path) -> list[Path]:
        return export(self, dataset, out)

    def losses(self, view: View) -> list[str]:
        return [
            "documents, spans, section paths and duplicates",
            "seeds, parents, evidence and scores of queries",
            "routes, evidence and scores of labels; judgements",
        ]

    def write(self, view: View, draft: Draft) -> None:
        draft.start("docs.jsonl")
        for doc in docs(view, self.title):
            draft.add("docs.jsonl", json_line(doc._asdict()), doc)
        for topic in topics(view):
            name = f"queries/{view.split_of(topic.query_id)}.jsonl"
            draft.add(name, json_line(topic._asdict()), topic)
        write_qrels(view, draft, "qrels/{split}.txt")
        direct = rows.direct_table(view)
        if direct:
            of_seeds = View(view.dataset, direct.removeprefix("qrel/"), view.lowest_grade)
            write_qrels(of_seeds, draft, DIRECT)
        for run in view.runs:
            for split in view.splits:
                draft.start(_run_file(run, split))
            for line, cells in run_lines(view, run):
                draft.add(_run_file(run, view.split_of(str(cells[0]))), line, cells)
        for pair in docpairs(view, self.pairs):
            name = f"docpairs/{view.split_of(pair.query_id)}.tsv"
            draft.add(name, "\t".join(map(str, pair)), pair)
        definition = _definition(view, draft)
        draft.raw(DEFINITION, json.dumps(definition, indent=1, ensure_ascii=False) + "\n")
        draft.raw("README.md", _README.format(name=definition["name"], split=view.splits[-1]))

    def read(self, name: str, path: Path) -> Iterator[Cells]:
        kind = name.split("/", maxsplit=1)[0]
        if kind == "docs.jsonl":
            return read_json(path, Doc._fields)
        if kind == "queries":
            return read_json(path, Topic._fields)
        if kind == "docpairs":
            return read_docpairs(path)
        return read_qrels(path) if kind in ("qrels", "direct") else read_run(path)

    def read_with_others(self, draft: Draft) -> str | None:
        """Every file once more with the readers that ir_datasets has for its format."""
        if not importlib.util.find_spec("ir_datasets"):
            return None
        import ir_datasets

        for name, tally in draft.tallies.items():
            path = draft.folder / name
            found, meant = _as_they_read(name, path), tally
            if name.startswith("scoreddocs/"):  # they pass over the ranks
                meant = Tally.of((q, p, score) for q, p, _, score in read_run(path))
            if found is not None:
                compare(name, meant, Tally.of(map(tuple, found)), "ir_datasets")
        return f"ir_datasets {ir_datasets.__version__}"


# --- rows of a dataset, sorted by their ids -------------------------------------------------


def docs(view: View, title: Title = "keep") -> Iterator[Doc]:
    if title == "header":  # made of many columns
        for passage in view.passages():
            yield Doc(passage.passage_id, *titled(passage, title), passage.doc_id)
        return
    last = ""
    for doc in in_order(rows.docs(view.dataset, title=title), itemgetter(0)):
        if doc.doc_id == last:
            raise DatasetError(
                f"{view.dataset.path}: table passage has {last} there twice. "
                "Run `datakit build` (or `datakit import`) again."
            )
        last = doc.doc_id
        yield doc


def topics(view: View, split: str | None = None) -> Iterator[Topic]:
    for query in view.queries.values():
        if split in (None, query.split):
            yield Topic(query.query_id, query.text, query.level or "", query.form or "")


def docpairs(view: View, pairs: Pairs = "all", split: str | None = None) -> Iterator[DocPair]:
    """Negatives with positives of their query.

    The positive's grade is `relevant_from` or more, the negative's below that or unknown.
    """
    judged = groupby(view.labels(split), lambda qrel: qrel.query_id)
    query_id, positives = "", list[str]()
    for negative in view.negatives(split):
        while query_id < negative.query_id:
            query_id, labels = next(judged, (_AFTER_ALL, iter(())))
            positives = _positives(labels, view.relevant_from)
        if query_id != negative.query_id or negative.passage_id in positives:
            continue
        chosen = positives if pairs == "all" else positives[:1]
        for positive in sorted(chosen):
            yield DocPair(
                query_id, positive, negative.passage_id, safe_id(negative.run),
                float(negative.score), float(negative.margin),
            )  # fmt: skip


_AFTER_ALL = "\x7f"  # ids are printable ASCII


def _positives(labels: Iterator[Qrel], relevant_from: int) -> list[str]:
    """The relevant passages of one query, best first."""
    relevant = [qrel for qrel in labels if qrel.grade >= relevant_from]
    relevant.sort(key=lambda qrel: (-qrel.grade, qrel.passage_id))
    return [qrel.passage_id for qrel in relevant]


# --- files ----------------------------------------------------------------------------------


def read_docpairs(path: Path) -> Iterator[Cells]:
    """The cells of `DocPair`s, by query, positive and negative."""
    rows = (
        (query, positive, negative, run, float(score), float(margin))
        for query, positive, negative, run, score, margin in read_columns(path, 6)
    )
    return ascending(rows, 0, 2, 1)


def _run_file(run: str, split: str) -> str:
    return f"scoreddocs/{safe_id(run).replace('/', '-')}.{split}.txt"


def _as_they_read(name: str, path: Path) -> Iterator[Any] | None:
    """The rows of a file from ir_datasets' own reader; None for a file that it does not read."""
    from ir_datasets import formats
    from ir_datasets.util import LocalDownload

    file = LocalDownload(path)
    rows: Iterator[Any] | None = None
    match name.split("/", maxsplit=1)[0]:
        case "docs.jsonl":
            rows = formats.JsonlDocs(file, Doc).docs_iter()
        case "queries":
            rows = formats.JsonlQueries(file, Topic).queries_iter()
        case "qrels" | "direct":
            rows = ((q, i, p, grade) for q, p, grade, i in formats.TrecQrels(file, {}).qrels_iter())
        case "scoreddocs":
            rows = formats.TrecScoredDocs(file).scoreddocs_iter()
        case "docpairs":
            pairs = formats.TsvDocPairs(file, DocPair).docpairs_iter()
            rows = ((*pair[:4], float(pair.score), float(pair.margin)) for pair in pairs)
    return rows


def _definition(view: View, draft: Draft) -> dict[str, Any]:
    manifest = view.dataset.manifest
    tallies = sorted(draft.tallies.items())
    return {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "name": manifest["dataset_id"],
        "content_hash": manifest.get("content_hash"),
        "digest": digest({name: tally.digest for name, tally in tallies}),
        "notes": rows.notes(view),
        "docs": {
            "path": "docs.jsonl",
            "count": draft.tallies["docs.jsonl"].rows,
            "digest": draft.tallies["docs.jsonl"].digest,
            "language": corpus_language(view.dataset),
        },
        "qrels_defs": manifest["label_scale"]["grades"],
        "relevant_from": view.relevant_from,
        "splits": _splits(view, draft),
    }


def _splits(view: View, draft: Draft) -> dict[str, Any]:
    """Files and subsets of each split."""
    labelled = rows.labelled(view.dataset, rows.direct_table(view))
    direct = set(map(safe_id, labelled.to_pylist()))
    paired = set(map(safe_id, rows.with_negatives(view.dataset).to_pylist()))
    splits: dict[str, Any] = {}
    for split, level, only_direct in rows.subsets(rows.queries(view.dataset), labelled):
        pairs = f"docpairs/{split}.tsv"
        if split not in splits:
            splits[split] = {
                "queries": f"queries/{split}.jsonl",
                "qrels": f"qrels/{split}.txt",
                "direct": DIRECT.format(split=split) if direct else None,
                "scoreddocs": {run: _run_file(run, split) for run in view.runs},
                "docpairs": pairs if pairs in draft.tallies else None,
                "subsets": [],
            }
        chosen = [
            query
            for query in view.queries.values()
            if query.split == split
            and level in (None, query.level)
            and (not only_direct or query.query_id in direct)
        ]
        splits[split]["subsets"].append(
            {
                "level": level,
                "direct": only_direct,
                "language": one_language(query.language for query in chosen),
                "docpairs": pairs in draft.tallies
                and any(query.query_id in paired for query in chosen),
            }
        )
    return splits

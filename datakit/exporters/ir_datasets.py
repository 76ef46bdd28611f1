"""ir_datasets: a folder that `datakit.irds.register` makes known to ir_datasets."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from datakit.dataset import Dataset
from datakit.exporters._view import Labels, Title, View, titled
from datakit.exporters._write import (
    Cells,
    Draft,
    Tally,
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
from datakit.registry import plugin

DEFINITION = "datakit-irds.json"
_README = """# {name}

Passages, queries, graded labels, runs and training pairs for ir_datasets. To load:

    import ir_datasets, datakit.irds
    name = datakit.irds.register("THIS FOLDER")  # "datakit/{name}"
    dataset = ir_datasets.load(name + "/{split}")
"""


@plugin("exporters", "ir_datasets")
@dataclass(frozen=True)
class IrDatasets:
    """A folder of its own that ir_datasets, ir_measures and PyTerrier read by name.

    `datakit.irds.register(folder)` registers it; it also takes a datakit dataset as it is.
    """

    labels: Labels = "mined"  # table qrel/mined or qrel/seed
    title: Title = "keep"  # fold: title, a blank and the text are the text
    drop_zero: bool = False  # leave out labels of grade 0
    pairs: Literal["all", "best"] = "all"  # a negative with each positive, or the best of them

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
        for row in docs(view, self.title):
            draft.add("docs.jsonl", json_line(row), tuple(row.values()))
        for row in queries(view):
            split = view.split_of(row["query_id"])
            draft.add(f"queries/{split}.jsonl", json_line(row), tuple(row.values()))
        write_qrels(view, draft, "qrels/{split}.txt")
        self._write_runs(view, draft)
        for pair in docpairs(view, self.pairs):
            split = view.split_of(pair[0])
            draft.add(f"docpairs/{split}.tsv", "\t".join(map(_written, pair)), pair)
        definition = _definition(view, draft)
        draft.raw(DEFINITION, json.dumps(definition, indent=1, ensure_ascii=False) + "\n")
        readme = _README.format(name=definition["name"], split=view.splits[-1])
        draft.raw("README.md", readme)

    def _write_runs(self, view: View, draft: Draft) -> None:
        for run in view.runs:
            for line, cells in run_lines(view, run):
                split = view.split_of(str(cells[0]))
                draft.add(f"scoreddocs/{run}.{split}.txt", line, cells)

    def read(self, name: str, path: Path) -> Iterator[Cells] | None:
        kind = name.split("/", maxsplit=1)[0]
        if kind == "docs.jsonl":
            return read_json(path, ("doc_id", "title", "text", "source_doc_id"))
        if kind == "queries":
            return read_json(path, ("query_id", "text", "level", "form"))
        if kind == "qrels":
            return read_qrels(path)
        if kind == "scoreddocs":
            return read_run(path)
        return read_docpairs(path) if kind == "docpairs" else None

    def read_with_others(self, draft: Draft) -> str | None:
        """Everything once more through the handlers that ir_datasets gets."""
        if not importlib.util.find_spec("ir_datasets"):
            return None
        import ir_datasets

        from datakit import irds

        for name, rows in irds.rows_by_file(draft.folder):
            ours = Tally.of(self._as_irds(name, draft.folder / name))
            compare(name, ours, Tally.of(rows), "ir_datasets")
        return f"ir_datasets {ir_datasets.__version__}"

    def _as_irds(self, name: str, path: Path) -> Iterator[Cells]:
        """The cells of a file in the order of ir_datasets' records."""
        for cells in self.read(name, path) or ():
            if name.startswith("qrels/"):
                query, source, passage, grade = cells
                yield query, passage, grade, source
            elif name.startswith("scoreddocs/"):
                query, passage, _, score = cells
                yield query, passage, score
            else:
                yield cells


# --- rows, in the order of the fields of datakit.irds --------------------------------------


def docs(view: View, title: Title) -> Iterator[dict[str, str]]:
    for passage in view.passages():
        own, text = titled(passage, title)
        yield {
            "doc_id": passage.passage_id,
            "title": own,
            "text": text,
            "source_doc_id": passage.doc_id,
        }


def queries(view: View) -> Iterator[dict[str, str]]:
    """Level and form are `""` where they are not known: only str fields reach every tool."""
    for query in view.queries.values():
        yield {
            "query_id": query.query_id,
            "text": query.text,
            "level": query.level or "",
            "form": query.form or "",
        }


Pair = tuple[str, str, str, str, float]


def docpairs(view: View, pairs: Literal["all", "best"] = "all") -> Iterator[Pair]:
    """(query_id, positive, negative, run, score of the negative in it), by the ids.

    The positive's grade is `relevant_from` or more, the negative's below that or unknown.
    """
    for negative in view.negatives():
        grades = view.grades.get(negative.query_id, {})
        if grades.get(negative.passage_id, 0) >= view.relevant_from:
            continue
        positives = sorted(p for p, grade in grades.items() if grade >= view.relevant_from)
        if pairs == "best":
            positives = sorted(positives, key=lambda p: (-grades[p], p))[:1]
        for positive in positives:
            yield (negative.query_id, positive, negative.passage_id,
                   negative.run, float(negative.score))  # fmt: skip


def read_docpairs(path: Path) -> Iterator[Cells]:
    for query, positive, negative, run, score in read_columns(path, 5):
        yield query, positive, negative, run, float(score)


def _written(cell: str | float) -> str:
    return cell if isinstance(cell, str) else repr(cell)


def _definition(view: View, draft: Draft) -> dict[str, Any]:
    splits: dict[str, Any] = {}
    for split in view.splits:
        runs = {run: f"scoreddocs/{run}.{split}.txt" for run in view.runs}
        pairs = f"docpairs/{split}.tsv"
        splits[split] = {
            "queries": f"queries/{split}.jsonl",
            "qrels": f"qrels/{split}.txt",
            "scoreddocs": {run: path for run, path in runs.items() if path in draft.tallies},
            "docpairs": pairs if pairs in draft.tallies else None,
        }
    return {
        "format": "datakit-irds",
        "format_version": "1",
        "name": view.dataset.manifest["dataset_id"],
        "content_hash": view.dataset.manifest.get("content_hash"),
        "docs": {
            "path": "docs.jsonl",
            "count": draft.tallies["docs.jsonl"].rows,
            "digest": draft.tallies["docs.jsonl"].digest,
            "language": view.language("passage"),
        },
        "queries": {"language": view.language("query")},
        "qrels_defs": view.dataset.manifest["label_scale"]["grades"],
        "splits": splits,
    }

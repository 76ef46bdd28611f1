"""MIRACL: packed JSON lines of passages, topics and qrels by language and split."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from datakit.dataset import Dataset
from datakit.exporters._lines import Cells, json_line, read_columns, read_lines
from datakit.exporters._tsv import LOST_LABELS
from datakit.exporters._view import View, corpus_language
from datakit.exporters._write import ID_MAP, Draft, export
from datakit.registry import plugin


@plugin("exporters", "miracl")
@dataclass(frozen=True)
class Miracl:
    """Passages are named `document#place`, as MIRACL names the paragraphs of an article.

    Source:
        huggingface.co/datasets/miracl: `{docid, title, text}`, topics `qid⇥query`, qrels
        `qid Q0 docid rel` separated by tabs.
    """

    labels: str = "mined"  # the label table qrel/<labels>
    lowest_grade: int = 0  # labels below it are left out
    language: str | None = None  # in the file names; None: the corpus's own, `xx` if there is none

    def __call__(self, dataset: Dataset, out: Path) -> list[Path]:
        return export(self, dataset, out)

    def losses(self, view: View) -> list[str]:
        return [
            "spans and section paths; passage ids (see id_map.tsv)",
            "levels, forms and languages of queries; tabs and line breaks in queries",
            LOST_LABELS,
            "runs, negatives",
        ]

    def write(self, view: View, draft: Draft) -> None:
        language = self.language or corpus_language(view.dataset) or "xx"
        corpus = f"miracl-corpus-v1.0-{language}/docs-0.jsonl.gz"
        draft.start(corpus)
        before = dict(view.new_ids())
        names: dict[str, str] = {}
        taken: set[str] = set()
        for passage in view.passages():
            name = f"{passage.doc_id}#{passage.ordinal}"
            if name in taken:  # two passages that say the same place: their own ids are kept
                name = f"{passage.passage_id}#{passage.ordinal}"
            taken.add(name)
            names[passage.passage_id] = name
            old = before.get(passage.passage_id, passage.passage_id)
            if name != old:
                draft.add(ID_MAP, f"{name}\t{json.dumps(old)}", (name, old))
            row = {"docid": name, "title": passage.title or "", "text": passage.text}
            draft.add(corpus, json_line(row), tuple(row.values()))
        for new, old in before.items():
            if new in view.queries or new not in names:
                draft.add(ID_MAP, f"{new}\t{json.dumps(old)}", (new, old))
        folder = f"miracl-v1.0-{language}"
        for split in view.splits:
            draft.start(f"{folder}/topics/topics.miracl-v1.0-{language}-{split}.tsv")
            draft.start(f"{folder}/qrels/qrels.miracl-v1.0-{language}-{split}.tsv")
        for query in view.queries.values():
            name = f"{folder}/topics/topics.miracl-v1.0-{language}-{query.split}.tsv"
            cells = (query.query_id, draft.one_line(query.text))
            draft.add(name, "\t".join(cells), cells)
        for qrel in view.labels():
            split = view.split_of(qrel.query_id)
            label = (qrel.query_id, "Q0", names[qrel.passage_id], str(qrel.grade))
            name = f"{folder}/qrels/qrels.miracl-v1.0-{language}-{split}.tsv"
            draft.add(name, "\t".join(label), label)

    def read(self, name: str, path: Path) -> Iterator[Cells]:
        if name.endswith(".gz"):
            for _, line in read_lines(path):
                row = json.loads(line)
                yield row["docid"], row["title"], row["text"]
        else:
            yield from map(tuple, read_columns(path, 4 if "/qrels/" in name else 2))

    def read_with_others(self, draft: Draft) -> None:
        """Its loader is a script that fetches files; there is none for a folder."""

"""TREC: topics, qrels and runs as trec_eval and its kin read them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from datakit.dataset import Dataset
from datakit.exporters._view import View
from datakit.exporters._write import (
    Cells,
    Draft,
    Tally,
    ascending,
    compare,
    export,
    read_columns,
    read_qrels,
    read_run,
    run_lines,
    write_qrels,
)
from datakit.records import safe_id
from datakit.registry import plugin

_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # XML 1.0, 2.2


@plugin("exporters", "trec")
@dataclass(frozen=True)
class Trec:
    """Topics, qrels and runs for trec_eval and ir_measures; the passages are not written.

    Equal scores rank by descending passage_id, as in trec_eval; ranks count from 1. The source
    of a label stands where TREC has the iteration.
    """

    labels: str = "mined"  # the label table qrel/<labels>
    lowest_grade: int = 0  # labels below it are left out: 2 leaves what is relevant on our scale
    runs: bool = True  # write the runs

    def __call__(self, dataset: Dataset, out: Path) -> list[Path]:
        return export(self, dataset, out)

    def losses(self, view: View) -> list[str]:
        return [
            f"the {view.dataset.count('passage'):,} passages: the format has no place for them",
            "levels, forms, languages and seeds of queries",
            "routes, evidence and scores of labels; judgements",
            "negatives, duplicates" if self.runs else "negatives, duplicates, runs",
        ]

    def write(self, view: View, draft: Draft) -> None:
        draft.raw("topics.xml", '<?xml version="1.0" encoding="UTF-8"?>\n<topics>\n')
        for query in view.queries.values():
            text = draft.one_line(query.text)
            name = f"topics.{query.split}.tsv"
            draft.add(name, f"{query.query_id}\t{text}", (query.query_id, text))
            in_xml = _NO_XML.sub(" ", text)
            number = escape(query.query_id, {'"': "&quot;"})
            draft.add(
                "topics.xml",
                f'<topic number="{number}" split="{query.split}">'
                f"<query>{escape(in_xml)}</query></topic>",
                (query.query_id, in_xml),
            )
        draft.raw("topics.xml", "</topics>\n")
        write_qrels(view, draft, "qrels.{split}.txt")
        for run in view.runs if self.runs else ():
            name = f"run.{safe_id(run).replace('/', '-')}.txt"
            draft.start(name)
            for line, cells in run_lines(view, run):
                draft.add(name, line, cells)

    def read(self, name: str, path: Path) -> Iterator[Cells]:
        if name.startswith("qrels."):
            return read_qrels(path)
        if name.startswith("run."):
            return read_run(path)
        if name.endswith(".xml"):
            return ascending(_read_topics(path), 0)
        return ascending(map(tuple, read_columns(path, 2)), 0)

    def read_with_others(self, draft: Draft) -> str:
        """Qrels and runs once more with ir_measures."""
        import ir_measures

        read_qrels_too: Any = ir_measures.read_trec_qrels  # untyped
        read_run_too: Any = ir_measures.read_trec_run
        for name in draft.tallies:
            path = draft.folder / name
            if name.startswith("qrels."):
                ours = Tally.of(read_qrels(path))
                rows = read_qrels_too(str(path))
                found = Tally.of((q.query_id, q.iteration, q.doc_id, q.relevance) for q in rows)
            elif name.startswith("run."):
                ours = Tally.of((query, p, score) for query, p, _, score in read_run(path))
                scored = read_run_too(str(path))
                found = Tally.of((s.query_id, s.doc_id, s.score) for s in scored)
            else:
                continue
            compare(name, ours, found, "ir_measures")
        return f"ir_measures {ir_measures.__version__}"


def _read_topics(path: Path) -> Iterator[Cells]:
    """(query_id, text) of topics.xml, without the tree in memory."""
    from lxml import etree

    with path.open("rb") as file:
        try:
            for _, topic in etree.iterparse(file, tag="topic", resolve_entities=False):
                yield str(topic.get("number")), topic.findtext("query") or ""
                topic.clear()
        except etree.XMLSyntaxError as error:
            raise ValueError(str(error)) from None

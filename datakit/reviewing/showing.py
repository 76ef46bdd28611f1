"""A pair as the labelling page shows it: the query, the passage with its evidence, neighbours."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from datakit.calibration.sampling import Pair
from datakit.dataset import Dataset
from datakit.judging.pairs import looked_up
from datakit.records import Dropped, Evidence, Passage, Qrel, Query

MOST_CHARS = 20_000  # of a passage that are shown
NEIGHBOUR_CHARS = 1_500
_LANGUAGE_CHARS = 35


@dataclass(frozen=True)
class Shown:
    """The records that a pair is shown from."""

    query: Query
    passage: Passage
    spans: tuple[Evidence, ...]
    before: Passage | None
    after: Passage | None

    def as_json(self) -> dict[str, Any]:
        """Plain values; texts are pieces with a mark, so that the page never builds markup."""
        query, passage = self.query, self.passage
        return {
            "query_id": query.query_id, "passage_id": passage.passage_id, "query": query.text,
            "language": (query.language or "")[:_LANGUAGE_CHARS], "level": query.level or "",
            "form": query.form or "", "split": query.split or "",
            "context": passage.header,
            "passage_language": (passage.language or "")[:_LANGUAGE_CHARS],
            "pieces": pieces(passage, self.spans),
            "cut": max(0, len(passage.text) - MOST_CHARS),
            "before": self.before.text[-NEIGHBOUR_CHARS:] if self.before else "",
            "after": self.after.text[:NEIGHBOUR_CHARS] if self.after else "",
        }  # fmt: skip


def shown(dataset: Dataset, pairs: Sequence[Pair]) -> dict[Pair, Shown]:
    """What is needed to show the pairs; pairs that the dataset no longer has are left out."""
    found = [one for one in looked_up(dataset, pairs) if not isinstance(one, Dropped)]
    labelled = _label_spans(dataset, {(q.query_id, p.passage_id) for q, p in found})
    beside = _beside(dataset, [p for _, p in found])
    return {
        (q.query_id, p.passage_id): Shown(
            q, p, (*labelled.get((q.query_id, p.passage_id), ()), *q.evidence),
            beside.get((p.doc_id, p.ordinal - 1)), beside.get((p.doc_id, p.ordinal + 1)),
        )
        for q, p in found
    }  # fmt: skip


def _label_spans(dataset: Dataset, wanted: set[Pair]) -> dict[Pair, tuple[Evidence, ...]]:
    out: dict[Pair, tuple[Evidence, ...]] = {}
    queries = {query_id for query_id, _ in wanted}
    for table in (t for t in dataset.tables() if t.split("/")[0] == "qrel"):
        rows: Iterator[Qrel] = dataset.where(table, "query_id", queries)
        out |= {
            (one.query_id, one.passage_id): one.evidence
            for one in rows
            if one.evidence and (one.query_id, one.passage_id) in wanted
        }
    return out


def _beside(dataset: Dataset, passages: Sequence[Passage]) -> dict[tuple[str, int], Passage]:
    wanted = {(p.doc_id, p.ordinal + step) for p in passages for step in (-1, 1)}
    rows: Iterator[Passage] = dataset.where("passage", "doc_id", {p.doc_id for p in passages})
    return {(p.doc_id, p.ordinal): p for p in rows if (p.doc_id, p.ordinal) in wanted}


def pieces(passage: Passage, spans: Sequence[Evidence]) -> list[list[Any]]:
    """[text, is it evidence] in order; together they are the passage, up to `MOST_CHARS`."""
    text = passage.text[:MOST_CHARS]
    marked = sorted(
        (max(one.start - passage.start, 0), min(one.end - passage.start, len(text)))
        for one in spans
        if one.doc_id == passage.doc_id
    )
    out: list[list[Any]] = []
    at = 0
    for start, end in marked:
        first = max(start, at)
        if first < end:
            if at < first:
                out.append([text[at:first], False])
            out.append([text[first:end], True])
            at = end
    if at < len(text):
        out.append([text[at:], False])
    return out


def scale(manifest: Mapping[str, Any]) -> dict[str, str]:
    """Grade -> meaning, highest first, as the dataset's label scale has it."""
    grades = manifest.get("label_scale", {}).get("grades", {})
    return {str(g): str(text) for g, text in sorted(grades.items(), reverse=True)}

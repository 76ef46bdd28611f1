"""Pairs that people review: grouped by query, with an id that both formats know."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from datakit.exporters._examples import Texts
from datakit.exporters._view import View
from datakit.records import sha256

LOST = [
    "spans, section paths, documents; levels and forms of queries",
    "routes and evidence of labels; judgements",
    "runs, negatives",
    "passages and queries without labels",
]


@dataclass(frozen=True)
class Pair:
    """One pair as a person sees it."""

    record_id: str  # 16 hex digits over both ids
    query_id: str
    passage_id: str
    query: str
    title: str
    text: str
    split: str
    grade: int


def pairs(view: View, texts: Texts) -> Iterator[Pair]:
    """The labelled pairs, by query and passage."""
    for label in view.labels():
        query = view.queries[label.query_id]
        title, text = texts[label.passage_id]
        yield Pair(
            sha256(label.query_id, label.passage_id)[:16], label.query_id, label.passage_id,
            query.text, title, text, str(query.split), label.grade,
        )  # fmt: skip


def grades(view: View) -> list[tuple[str, str]]:
    """Grades and their meanings, the highest first."""
    scale = view.dataset.manifest["label_scale"]["grades"]
    return sorted(scale.items(), key=lambda pair: -int(pair[0]))

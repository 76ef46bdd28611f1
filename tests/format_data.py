"""A small dataset with all that formats stumble over, and what each format keeps of it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from datakit.dataset import Dataset, write_tables
from datakit.records import (
    Evidence,
    Judgement,
    Negative,
    Passage,
    Qrel,
    Query,
    ScoredPassage,
    safe_id,
)
from datakit.text import normalise

LONG = "p" * 1000  # an id that no format holds
TEXTS = (
    "Fees are due on the first.\nLate fees apply.",
    "用户可以随时取消订阅。\n退款在30天内到账。",
    'A "quoted" clause,\twith a tab\u2028and a rare break.',
    "Nothing to see here.",
    '"Only a quote opens this one, and a backslash \\ is in it.',
)
IDS = ("d0:5-49", "d1:0-24", "d2:3-48", LONG, "民法 第4条")


def tables() -> dict[str, list[Any]]:
    passages = [
        Passage(
            name, f"d{i}", text, 5 if i == 0 else 0, len(text) + (5 if i == 0 else 0), i % 2,
            title=None if i == 3 else f"Terms {i}", language="zh" if i == 1 else "en",
        )
        for i, (name, text) in enumerate(zip(IDS, TEXTS, strict=True))
    ]  # fmt: skip
    queries = [
        Query("q3", "late fee", "en", "sentence", "keyword", split="train"),
        Query("q1", "what is\tdue\nwhen?", "en", "passage", "question", split="test"),
        Query("q2", "怎样取消订阅", "zh", "passage", "question", split="test"),
        Query("q4", "fees and \"refunds\"", "en", "topic", "need", split="dev"),
        Query("q 5", "取消需要多久？", "zh", "sentence", "question", split="train"),
    ]  # fmt: skip
    seen = (Evidence("d0", 5, 9),)
    qrels = [
        Qrel("q1", IDS[0], 3, "direct", evidence=seen),
        Qrel("q1", IDS[2], 2, "judge"),
        Qrel("q1", IDS[3], 0, "judge"),
        Qrel("q2", IDS[1], 3, "direct"),
        Qrel("q3", IDS[0], 2, "direct"),
        Qrel("q3", LONG, 1, "judge"),
        Qrel("q4", IDS[0], 3, "direct"),
        Qrel("q4", IDS[4], 2, "human"),
        Qrel("q 5", IDS[1], 3, "direct"),
    ]
    negatives = [
        Negative("q3", IDS[4], "mined", "bm25", 0.5, 0.25, 1.5, 2, "train"),
        Negative("q3", IDS[1], "mined", "bm25", 0.75, 0.3, 1.25, 1, "train"),
        Negative("q 5", LONG, "mined", "bm25", 0.25, 0.2, 1.5, 1, "train"),
    ]
    run = [
        ScoredPassage("q2", IDS[1], 0.1), ScoredPassage("q1", IDS[0], 1.5),
        ScoredPassage("q1", LONG, 1.5), ScoredPassage("q3", IDS[1], -2.0),
        ScoredPassage("q3", IDS[0], 2.0), ScoredPassage("q3", IDS[4], -2.5),
    ]  # fmt: skip
    return {
        "passage": passages, "query": queries, "qrel/mined": qrels, "run/bm25": run,
        "negative/mined": negatives, "judgement": [Judgement("q1", IDS[0], None, "human")],
    }  # fmt: skip


def awkward(folder: Path) -> Dataset:
    """The dataset, written to `folder`."""
    return write_tables(folder, tables(), "test")


def one_line(text: str) -> str:
    return re.sub("[\t\n\x0b\x0c\r\x1c-\x1e\x85\u2028\u2029]", " ", text)


def view(dataset: Dataset) -> dict[str, set[Any]]:
    """What can be compared: texts, titles, documents, labels, splits, negatives, runs."""
    passages = list(dataset.read("passage")) if "passage" in dataset else []
    queries = list(dataset.read("query"))
    labels = [q for t in dataset.tables() if t.startswith("qrel/") for q in dataset.read(t)]
    negatives = [n for t in dataset.tables() if t.startswith("negative/") for n in dataset.read(t)]
    runs = [r for t in dataset.tables() if t.startswith("run/") for r in dataset.read(t)]
    text_of = {safe_id(p.passage_id): p.text for p in passages}

    def s(row: Any) -> tuple[str, str]:
        return safe_id(row.query_id), safe_id(row.passage_id)

    return {
        # as an import stores texts: a tab is a blank, a line separator a line feed
        "passages": {(safe_id(p.passage_id), normalise(p.text)) for p in passages},
        "lines": {(safe_id(p.passage_id), one_line(p.text)) for p in passages},
        "titles": {(safe_id(p.passage_id), p.title or "") for p in passages},
        "documents": {(safe_id(p.passage_id), p.doc_id, p.ordinal) for p in passages},
        "queries": {(safe_id(q.query_id), normalise(q.text)) for q in queries},
        "query lines": {(safe_id(q.query_id), one_line(q.text)) for q in queries},
        "query texts": {one_line(q.text) for q in queries},
        "splits": {(safe_id(q.query_id), q.split) for q in queries},
        "levels": {(safe_id(q.query_id), q.level, q.form) for q in queries},
        "grades": {(*s(q), q.grade) for q in labels},
        "relevant": {s(q) for q in labels if q.grade >= relevant_from(dataset)},
        "relevant texts": {
            (one_line(query.text), one_line(text_of.get(safe_id(q.passage_id), "")))
            for query in queries
            for q in labels
            if q.query_id == query.query_id and q.grade >= relevant_from(dataset)
        },
        "sources": {(*s(q), q.source) for q in labels},
        "negatives": {s(n) for n in negatives},
        "runs": {(*s(r), r.score) for r in runs},
    }


def relevant_from(dataset: Dataset) -> int:
    return int(dataset.manifest["label_scale"]["relevant_from"])


# what follows from what: who keeps grades keeps what is relevant
IMPLIED = {"passages": {"lines"}, "queries": {"query lines"}, "grades": {"relevant"}}
LINES = {"lines", "query lines", "relevant", "relevant texts"}
# what comes back equal; all else is a loss, which the export's report lists
KEPT: dict[str, set[str]] = {
    "hf": {
        "passages", "titles", "documents", "queries", "splits", "levels", "grades", "sources",
        "negatives",
    },
    "beir": {"passages", "titles", "documents", "queries", "splits", "levels", "grades"},
    "trec": {"query lines", "splits", "grades", "sources", "runs"},
    "msmarco": LINES | {"splits", "negatives"},
    "t2ranking": LINES | {"splits", "grades", "negatives"},
    "multi_cpr": LINES | {"splits", "titles"},
    "miracl": {"passages", "titles", "documents", "query lines", "splits", "grades"},
    "tevatron": {"passages", "titles", "queries", "splits", "relevant", "negatives"},
    "dpr": {"lines", "titles", "queries", "splits", "relevant", "negatives"},
    "kilt": {"passages", "documents", "queries", "splits", "relevant"},
    "paq": {"lines", "titles", "queries", "splits", "relevant"},
    "xqg": {"passages", "titles", "query texts", "relevant texts"},
    "colbert": {"lines", "titles", "query lines", "relevant"},
}  # fmt: skip
# who reads what another one's name wrote
READERS = {name: name for name in KEPT} | {"colbert": "msmarco"}


def kept(name: str) -> set[str]:
    """All that a format keeps."""
    return KEPT[name].union(*(IMPLIED.get(part, set()) for part in KEPT[name]))

"""Collections with human labels, in BEIR's layout, as records: for benches of labels."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from datakit.records import Passage, Query

# lowest grade of a positive; of Cranfield 1 is "minimum interest"
RELEVANT = {"vaswani": 1, "cranfield-graded": 2, "stard": 1}
_STATUTE = re.compile(r"(.+?)第[一二三四五六七八九十百千零〇\d]+条")


@dataclass(frozen=True)
class Labelled:
    """Passages, what people asked, and which passages they found relevant."""

    name: str
    passages: list[Passage]
    queries: list[Query]
    positives: Mapping[str, frozenset[str]]  # by query_id


def read(root: Path, name: str) -> Labelled:
    """A collection; a statute is one document of many articles, an abstract is its own."""
    folder = root / name / "derived"
    language = "zh" if name == "stard" else "en"
    passages: list[Passage] = []
    counts: dict[str, int] = {}
    ids: dict[str, str] = {}
    for row in _lines(folder / "corpus.jsonl"):
        if not row["text"].strip():
            continue
        title = row.get("title") or None
        statute = _STATUTE.match(title or "")
        doc_id = statute[1] if statute else f"{name}-{row['_id']}"
        start = counts.get(doc_id, 0)
        end = start + len(row["text"])
        counts[doc_id] = end + 2
        one = Passage(
            f"{doc_id}:{start}-{end}", doc_id, row["text"], start, end, 0, title=title,
            issuer=statute[1] if statute else None, language=language,
        )  # fmt: skip
        ids[row["_id"]] = one.passage_id
        passages.append(one)
    found: dict[str, set[str]] = {}
    with (folder / "qrels" / "test.tsv").open() as file:
        for row in csv.DictReader(file, delimiter="\t"):
            if int(row["score"]) >= RELEVANT[name] and row["corpus-id"] in ids:
                found.setdefault(row["query-id"], set()).add(ids[row["corpus-id"]])
    queries = [
        Query(f"h{row['_id']}", row["text"], language, "passage", "question")
        for row in _lines(folder / "queries.jsonl")
        if row["_id"] in found
    ]
    positives = {f"h{key}": frozenset(own) for key, own in found.items()}
    return Labelled(name, passages, queries, positives)


def _lines(path: Path) -> list[dict[str, str]]:
    return [json.loads(line) for line in path.read_text("utf-8").split("\n") if line.strip()]

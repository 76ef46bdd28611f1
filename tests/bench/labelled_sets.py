"""Collections with human labels, in BEIR's layout, as records: for benches of labels."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from datakit.records import Passage, Query

# lowest grade of a positive; of Cranfield 1 is "minimum interest"
RELEVANT = {"vaswani": 1, "cranfield-graded": 2, "stard": 1}
Rows = Mapping[str, Sequence[str]]  # query_id -> passage_ids, the best first
_SENTENCE = re.compile(r"\s+\.(?=\s|$)")
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


def as_written(passages: Sequence[Passage]) -> list[Passage]:
    """English abstracts with capitals and full stops, and without the title that opens them.

    The collections keep them in lower case with marks apart (vaswani without any): no rule of the
    extractive generator takes that for prose. The ids stay, the spans are of the new text.
    """
    found = []
    for one in passages:
        if one.language != "en":
            found.append(one)
            continue
        text = _tidy(one.text.removeprefix(one.title or ""))
        title = _tidy(one.title).rstrip(".") if one.title else None
        if text:
            found.append(replace(one, text=text, title=title, start=0, end=len(text)))
    return found


def _tidy(text: str) -> str:
    parts = [re.sub(r"\s+([,;:?)])", r"\1", part.strip()) for part in _SENTENCE.split(text)]
    return " ".join(f"{part[0].upper()}{part[1:]}." for part in parts if part)


def thinned(data: Labelled, n: int, seed: int, nearest: Rows | None = None) -> list[Query]:
    """At most n of people's queries, each with one of its positives as if written from it.

    Args:
        data: a collection.
        n: how many queries, the same for every seed.
        seed: of the positive that is left.
        nearest: a ranking of each query: then its best positive is left, since a passage that a
            query was written from shares its words.
    """
    rng = np.random.default_rng(seed)
    chosen = sorted(np.random.default_rng(0).permutation(len(data.queries))[:n].tolist())
    found = []
    for query in (data.queries[i] for i in chosen):
        own = sorted(data.positives[query.query_id])
        drawn = own[int(rng.integers(len(own)))]
        ranking = nearest.get(query.query_id, []) if nearest else []
        left = next((one for one in ranking if one in own), drawn)
        found.append(replace(query, pattern="human", seed_passage_ids=(left,)))
    return found


def _lines(path: Path) -> list[dict[str, str]]:
    return [json.loads(line) for line in path.read_text("utf-8").split("\n") if line.strip()]

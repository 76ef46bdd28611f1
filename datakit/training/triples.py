"""What a retriever is trained on: queries of a dataset with positive and negative passages."""

from __future__ import annotations

import math
import random
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from datakit.dataset import Dataset
from datakit.errors import DatasetError
from datakit.records import RELEVANT_FROM, Negative, Passage, Qrel, Query, seed_for
from datakit.retrievers import passage_text

Labels = Literal["direct", "all"]


@dataclass(frozen=True, slots=True)
class Against:
    """A negative passage of a query."""

    text: str
    margin: float | None = None  # of the teacher: the lowest positive's score minus this one's


@dataclass(frozen=True, slots=True)
class Example:
    """A query, a passage that answers it, and passages that do not."""

    query: str
    positive: str
    negatives: tuple[Against, ...]
    query_id: str
    passage_id: str  # of the positive


@dataclass(frozen=True)
class Triples:
    """Examples by split, and what they were drawn from."""

    train: tuple[Example, ...]
    dev: tuple[Example, ...]
    positives: dict[str, frozenset[str]]  # query_id -> passage_ids, never negatives in a batch
    texts: tuple[str, ...]  # of the whole corpus, in the order of its ids
    languages: tuple[str, ...]
    left_out: dict[str, int]


def read(dataset: Dataset, labels: Labels = "all", negatives: bool = True) -> Triples:
    """The examples of a dataset's train and dev queries; a test query is never read.

    Args:
        dataset: built or imported.
        labels: `direct` are the passages that queries were written from, `all` the complete set.
        negatives: mined and mutated negatives too.

    Raises:
        DatasetError: it has no passages, queries or labels, or no query to train on.
    """
    if "passage" not in dataset or "query" not in dataset:
        raise DatasetError(f"{dataset.path} has no passages or no queries: nothing to train on.")
    table = _label_table(dataset, labels)
    passages = {one.passage_id: one for one in _passages(dataset)}
    queries = {q.query_id: q for q in _queries(dataset) if q.split != "test"}
    relevant_from = int(dataset.manifest.get("label_scale", {}).get("relevant_from", RELEVANT_FROM))
    left_out: Counter[str] = Counter()
    positives: dict[str, list[str]] = defaultdict(list)
    rows: Iterator[Qrel] = dataset.read(table)
    for one in rows:
        if one.grade < relevant_from:
            continue
        if one.query_id not in queries:
            left_out["of a test query"] += 1
        elif one.passage_id in passages:
            positives[one.query_id].append(one.passage_id)
    against = _negatives(dataset, passages) if negatives else {}
    examples: dict[str, list[Example]] = {"train": [], "dev": []}
    for query_id, found in sorted(positives.items()):
        query = queries[query_id]
        kept = tuple(a for p, a in against.get(query_id, ()) if p not in found)
        for passage_id in sorted(found):
            text = passage_text(passages[passage_id], True)
            part = "dev" if query.split == "dev" else "train"
            examples[part].append(Example(query.text, text, kept, query_id, passage_id))
    if not examples["train"]:
        raise DatasetError(
            f"{dataset.path}: no train query has a positive label in {table!r} (split test is "
            "left out). Build with more documents, or with other [split] shares."
        )
    texts = [passage_text(passages[one], True) for one in sorted(passages)]
    languages = sorted({q.language for q in queries.values() if q.language})
    return Triples(
        tuple(examples["train"]), tuple(examples["dev"]),
        {q: frozenset(found) for q, found in positives.items()}, tuple(texts), tuple(languages),
        dict(left_out),
    )  # fmt: skip


def _passages(dataset: Dataset) -> Iterator[Passage]:
    rows: Iterator[Passage] = dataset.read("passage")
    return rows


def _queries(dataset: Dataset) -> Iterator[Query]:
    rows: Iterator[Query] = dataset.read("query")
    return rows


def _label_table(dataset: Dataset, labels: Labels) -> str:
    tables = [table for table in dataset.tables() if table.startswith("qrel/")]
    wanted = "qrel/seed" if labels == "direct" else "qrel/mined"
    if wanted in tables:
        return wanted
    if labels == "all" and len(tables) == 1:  # of an imported set: the source names it
        return tables[0]
    raise DatasetError(
        f"{dataset.path} has no table {wanted!r} (labels there: {', '.join(tables) or 'none'})."
    )


def _negatives(
    dataset: Dataset, passages: dict[str, Passage]
) -> dict[str, list[tuple[str, Against]]]:
    """By query, the passage's id with its text; of a mutated one the text that is stored."""
    texts = dict(passages)
    for table in dataset.tables():
        if table.startswith("passage/"):
            texts |= {one.passage_id: one for one in dataset.read(table)}
    found: dict[str, list[tuple[str, Against]]] = defaultdict(list)
    for table in dataset.tables():
        if not table.startswith("negative/"):
            continue
        rows: Iterator[Negative] = dataset.read(table)
        for one in rows:
            if one.split != "test" and one.passage_id in texts:
                said = passage_text(texts[one.passage_id], True)
                margin = None if math.isnan(one.margin) else one.margin
                found[one.query_id].append((one.passage_id, Against(said, margin)))
    return found


def batches(
    triples: Triples, examples: Sequence[Example], size: int, seed: int
) -> Iterator[list[Example]]:
    """All examples in random order; in a batch no passage answers a query that it is not for.

    The others' positives are a query's negatives: one that answers it too waits for a later batch.
    """
    order = list(range(len(examples)))
    random.Random(seed).shuffle(order)
    waiting = [examples[i] for i in order]
    while waiting:
        batch: list[Example] = []
        later: list[Example] = []
        for i, one in enumerate(waiting):
            if len(batch) == size:
                later += waiting[i:]
                break
            if all(_apart(one, other, triples) for other in batch):
                batch.append(one)
            else:
                later.append(one)
        yield batch
        waiting = later


def _apart(one: Example, other: Example, triples: Triples) -> bool:
    return (
        one.positive != other.positive
        and one.passage_id not in triples.positives.get(other.query_id, ())
        and other.passage_id not in triples.positives.get(one.query_id, ())
    )


def columns(
    batch: Sequence[Example], n: int, texts: Sequence[str], seed: int
) -> tuple[list[list[str]], list[list[float | None]]]:
    """Queries, positives and n negatives for each, as texts; and the teacher's margins.

    A query with fewer negatives gets random passages of the corpus in their place, without a
    margin.

    Returns:
        n + 2 lists of texts, and for each row its n margins.
    """
    out: list[list[str]] = [[one.query for one in batch], [one.positive for one in batch]]
    picked = [_picked(one, n, texts, seed) for one in batch]
    out += [[row[k].text for row in picked] for k in range(n)]
    return out, [[against.margin for against in row] for row in picked]


def _picked(one: Example, n: int, texts: Sequence[str], seed: int) -> list[Against]:
    rng = random.Random(seed_for(seed, "negatives", f"{one.query_id} {one.passage_id}"))
    chosen = rng.sample(one.negatives, min(n, len(one.negatives)))
    while len(chosen) < n:
        text = texts[rng.randrange(len(texts))]
        if text != one.positive or len(texts) == 1:
            chosen.append(Against(text))
    return chosen

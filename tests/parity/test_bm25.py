"""bm25 against bm25s called directly: equal scores, and nDCG@10 equal to 4 decimals.

English goes through bm25s' own tokeniser; for Chinese, which it does not cut, bigrams are given.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest

from datakit.measures import measure_runs
from datakit.records import Passage, Qrel, Query, ScoredPassage
from datakit.registry import make

DOCUMENTS = ["a lease ends", "the lease is renewed", "rent is due on the first", "", "a a a lease"]


def tokens(texts: list[str], language: str) -> list[list[str]]:
    import bm25s
    import Stemmer

    if language == "zh":
        runs = [re.findall(r"[\u4e00-\u9fff]+|[a-z0-9]+", text.lower()) for text in texts]
        return [[piece for run in found for piece in cut(run)] for found in runs]
    found: list[list[str]] = bm25s.tokenize(
        texts, stopwords="en", stemmer=Stemmer.Stemmer("english"), return_ids=False,
        show_progress=False,
    )  # fmt: skip
    return found


def cut(run: str) -> list[str]:
    return [run] if run.isascii() else [run[i : i + 2] for i in range(len(run) - 1)] or [run]


def by_bm25s(passages: list[Passage], queries: list[Query], language: str) -> np.ndarray:
    """(n_queries, n_passages) float32."""
    import bm25s

    index = bm25s.BM25(k1=1.2, b=0.75, method="lucene", backend="numpy")
    texts = [f"{p.title or ''} {p.text}" for p in passages]
    index.index(tokens(texts, language), show_progress=False)
    asked = tokens([query.text for query in queries], language)
    none = np.zeros(len(passages), np.float32)
    return np.stack([index.get_scores(one) if one else none for one in asked])


def load(folder: Path, language: str) -> tuple[list[Passage], list[Query], list[Qrel]]:
    """A labelled set in BEIR's layout."""

    def rows(file: str) -> list[dict[str, str]]:
        return [json.loads(line) for line in (folder / file).read_text("utf-8").splitlines()]

    passages = [
        Passage(
            row["_id"], row["_id"], row["text"], 0, 1, 0, title=row["title"], language=language
        )
        for row in rows("corpus.jsonl")
    ]  # fmt: skip
    queries = [Query(r["_id"], r["text"], language, None, None) for r in rows("queries.jsonl")]
    lines = (folder / "qrels/test.tsv").read_text("utf-8").splitlines()[1:]
    cells = (line.split("\t") for line in lines)
    return passages, queries, [Qrel(q, p, int(grade), "human") for q, p, grade in cells]


def test_scores_equal_those_of_bm25s() -> None:
    passages = [
        Passage(str(i), "d", t, 0, len(t), 0, language="en") for i, t in enumerate(DOCUMENTS)
    ]
    queries = [
        Query("q1", "leases", "en", None, None),
        Query("q2", "rent the a a", "en", None, None),
    ]
    index = make("retrievers", "bm25").fit(passages)

    ours = index.score([(query, passage) for query in queries for passage in passages])

    np.testing.assert_allclose(ours.reshape(2, 5), by_bm25s(passages, queries, "en"), rtol=1e-6)


@pytest.mark.parametrize(
    ("name", "language", "expected"),
    [("vaswani", "en", 0.4362), ("cranfield-graded", "en", 0.4328), ("stard", "zh", 0.5185)],
)
def test_ndcg_equals_that_of_bm25s(
    shared_data: Path, name: str, language: str, expected: float
) -> None:
    passages, queries, qrels = load(shared_data / "labelled" / name / "derived", language)
    ours = make("retrievers", "bm25").fit(passages).search(queries, 100)
    theirs = [
        ScoredPassage(query.query_id, passages[i].passage_id, float(scores[i]))
        for query, scores in zip(queries, by_bm25s(passages, queries, language), strict=True)
        for i in np.argsort(-scores)[:150]  # more than enough for the ties at rank 10
    ]

    rows = measure_runs(
        {"ours": ours, "theirs": theirs}, qrels, queries, ["nDCG@10"], n_boot=2, relevant_from=1
    )

    values = [round(row.value, 4) for row in rows if row.language == "all"]
    assert values == [expected, expected]

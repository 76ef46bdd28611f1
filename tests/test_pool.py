"""The pool: which space proposes which pair, how deep, and what a pair scores."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from test_miners import DUPLICATES, PASSAGES, REFUNDS, SCORES, TOPIC, retrieved

from datakit import plan as plans
from datakit.errors import PlanError
from datakit.miners.indirect_positive import IndirectPositive
from datakit.records import Passage, Pooled, Query
from datakit.registry import make
from datakit.retrievers import NO_ROW, Retrieved, RowIndex

PASSAGE_LEVEL = replace(REFUNDS, level="passage")
OTHER = replace(REFUNDS, query_id="q2", text="Acme data kept", seed_passage_ids=("a:10-19",))


def pool(queries: Sequence[Query], **settings: int) -> dict[tuple[str, str], Pooled]:
    rows = list(IndirectPositive(**settings).pool(queries, PASSAGES, DUPLICATES, retrieved()))
    found = {(row.query_id, row.passage_id): row for row in rows}
    assert len(found) == len(rows)
    return found


def test_a_seed_and_its_copy_are_the_querys_own() -> None:
    found = pool([REFUNDS])

    assert {p for (_, p), row in found.items() if row.own} == {"a:0-9", "b:0-9"}
    assert found["q1", "a:0-9"].routes[0] == "seed"
    assert "structural" in found["q1", "b:0-9"].routes


def test_a_passage_query_pools_its_document_and_the_same_category_and_year() -> None:
    found = pool([PASSAGE_LEVEL])

    assert found["q1", "a:10-19"].routes == ("local",)
    assert "structural" in found["q1", "d:10-19"].routes
    assert found["q1", "a:10-19"].proposed_by == ("bm25", "dense")


def test_a_sentence_query_pools_the_seeds_of_its_documents_other_sentence_queries() -> None:
    assert ("q1", "a:10-19") not in pool([REFUNDS])
    assert "local" in pool([REFUNDS, OTHER])["q1", "a:10-19"].routes


def test_a_near_query_of_the_document_proposes_its_seed() -> None:
    alone = {"percentile": 0}

    assert "query" not in pool([REFUNDS, OTHER], **alone, neighbours=0)["q1", "a:10-19"].routes
    elsewhere = replace(OTHER, query_id="q3", seed_passage_ids=("d:0-9",))
    found = pool([REFUNDS, OTHER, elsewhere], **alone)
    assert "query" in found["q1", "a:10-19"].routes


def test_every_space_is_as_deep_for_each_retriever() -> None:
    found = pool([PASSAGE_LEVEL], depth=1)

    best = [row for row in found.values() if not row.own and "structural" in row.routes]
    assert len(best) <= 2
    assert len(found) < len(pool([PASSAGE_LEVEL]))


def test_a_topic_query_pools_its_documents_its_cell_and_the_corpus() -> None:
    found = pool([TOPIC], per_document=1, cell_depth=2, topic_depth=3)

    local = {p for (_, p), row in found.items() if "local" in row.routes}
    assert local == {"a:0-9", "b:0-9"}
    assert sum("structural" in row.routes for row in found.values()) == 2
    assert sum("global" in row.routes for row in found.values()) == 3


def test_pairs_compare_by_share_of_the_best_and_cosine() -> None:
    one = pool([REFUNDS])["q1", "c:0-9"]

    assert one.scores == {"bm25": 0.89, "dense": 0.89}
    assert one.score == pytest.approx((0.89 / SCORES["a:0-9"] + 0.89) / 2, abs=1e-5)


class Length:
    """A reranker that likes long passages."""

    def score(self, pairs: Sequence[tuple[Query, Passage]]) -> np.ndarray:
        return np.array([float(len(passage.text)) for _, passage in pairs], np.float32)


def test_a_reranker_scores_every_pair() -> None:
    rows = list(
        IndirectPositive().pool([REFUNDS], PASSAGES, DUPLICATES, retrieved(), Length(), "length")
    )

    texts = {one.passage_id: one.text for one in PASSAGES}
    assert [row.score for row in rows] == [float(len(texts[row.passage_id])) for row in rows]
    assert all(row.scores["length"] == row.score for row in rows)


def test_an_index_scores_pairs_by_number_as_it_does_by_record() -> None:
    for name in ("bm25", "lsa"):
        index = make("retrievers", name).fit(PASSAGES)
        assert isinstance(index, RowIndex)
        rows = [(0, row) for row in range(len(PASSAGES))]
        by_number = index.score_rows([REFUNDS], np.array([*rows, (0, NO_ROW)]))
        by_record = index.score([(REFUNDS, one) for one in index.passages])

        assert np.array_equal(by_number[:-1], by_record)
        assert np.isnan(by_number[-1])


def test_what_proposes_and_scores_does_not_hang_on_how_many_are_asked_together() -> None:
    queries = [PASSAGE_LEVEL, replace(OTHER, level="passage"), TOPIC]
    engines = {name: make("retrievers", name).fit(PASSAGES) for name in ("bm25", "lsa")}
    voters = [Retrieved(n, i, list(i.search(queries, 10))) for n, i in engines.items()]
    miner = IndirectPositive(neighbours=0)

    together = list(miner.pool(queries, PASSAGES, DUPLICATES, voters))
    one_by_one = [row for q in queries for row in miner.pool([q], PASSAGES, DUPLICATES, voters)]

    assert together == one_by_one


def test_a_plan_has_one_reranker_or_none() -> None:
    named = {"use": "cross_encoder", "model": "some-model"}
    plan = plans.parse({"rerank": [named]})

    assert plan.reranker() is not None
    assert plans.parse(plan.as_dict()).reranker() == plan.reranker()
    assert plans.load("default").reranker() is None
    with pytest.raises(PlanError, match="rerank takes one plugin, found 2"):
        plans.parse({"rerank": [named, named]})

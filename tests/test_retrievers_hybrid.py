"""Reciprocal rank fusion, alone and in a plan."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pytest

from datakit import plan as plans
from datakit.errors import DatakitError, PlanError
from datakit.records import Passage, Query, ScoredPassage
from datakit.registry import make
from datakit.retrievers import Family
from datakit.retrievers.hybrid import Hybrid, HybridIndex

PASSAGES = [Passage(one, "d", f"text {one}", 0, 1, i) for i, one in enumerate("abcdef")]
BY_ID = {one.passage_id: one for one in PASSAGES}
QUERY = Query("q", "anything", "en", None, None)


@dataclass(frozen=True)
class Ranking:
    """An index that ranks as it is told."""

    order: str
    family: Family = "lexical"

    def search(self, queries: Sequence[Query], k: int) -> Iterator[ScoredPassage]:
        for query in queries:
            for rank, one in enumerate(self.order[:k], 1):
                yield ScoredPassage(query.query_id, one, 1 / rank)

    def score(self, pairs: Sequence[tuple[Query, Passage]]) -> np.ndarray:
        raise NotImplementedError


def fused(*orders: str, settings: Hybrid | None = None) -> HybridIndex:
    return (settings or Hybrid()).fuse(PASSAGES, [Ranking(order) for order in orders])


def found(index: HybridIndex, k: int = 10) -> str:
    return "".join(row.passage_id for row in index.search([QUERY], k))


def test_scores_are_the_sums_of_reciprocal_ranks() -> None:
    run = list(fused("abc", "bd").search([QUERY], 10))

    assert {row.passage_id: row.score for row in run} == pytest.approx(
        {"a": 1 / 61, "b": 1 / 62 + 1 / 61, "c": 1 / 63, "d": 1 / 62}, rel=1e-6
    )
    assert [row.passage_id for row in run] == ["b", "a", "d", "c"]


def test_equal_scores_rank_by_descending_id_at_the_cut_too() -> None:
    assert found(fused("abc", "bca", "cab"), 2) == "cb"


def test_a_weight_lets_one_ranking_decide() -> None:
    names = ("one", "two")

    assert found(fused("ab", "ba", settings=Hybrid(names, (1.0, 1.1)))) == "ba"
    assert found(fused("ab", "ba", settings=Hybrid(names, (1.1, 1.0)))) == "ab"


def test_only_so_many_of_each_ranking_count() -> None:
    assert found(fused("abc", "dbc", settings=Hybrid(depth=1))) == "da"


def test_score_gives_what_search_gives_and_0_to_what_no_ranking_has() -> None:
    index = fused("abc", "bd")
    run = {row.passage_id: row.score for row in index.search([QUERY], 10)}
    stranger = Passage("x", "d", "elsewhere", 0, 1, 0)

    scores = index.score([(QUERY, one) for one in [*PASSAGES, stranger]])

    expected = [run.get(one.passage_id, 0.0) for one in PASSAGES]
    np.testing.assert_array_equal(scores[:-1], np.array(expected, np.float32))
    assert np.isnan(scores[-1])


def test_a_query_that_no_retriever_answers_has_no_score() -> None:
    index = fused("", "")

    assert found(index) == ""
    assert np.isnan(index.score([(QUERY, PASSAGES[0])])).all()


def test_without_a_plan_it_fuses_plugins_by_name() -> None:
    made = make("retrievers", "hybrid", {"of": ["bm25", "lsa"]})
    texts = ["a lease ends", "rent is due", "keys are returned"]
    passages = [Passage(str(i), "d", t, 0, 1, i, language="en") for i, t in enumerate(texts)]
    asked = Query("q", "when is the rent due", "en", None, None)

    (first, *_) = made.fit(passages).search([asked], 3)

    assert first.passage_id == "1"
    with pytest.raises(DatakitError, match="names nothing to fuse"):
        Hybrid().fit(passages)


@pytest.mark.parametrize(
    "values", [{"of": ["bm25"], "weights": [1.0, 2.0]}, {"depth": 0}, {"weights": [1.0]},
               {"of": ["bm25"], "weights": [0.0]}],
)  # fmt: skip
def test_settings_that_make_no_sense_are_refused(values: dict[str, object]) -> None:
    with pytest.raises(PlanError, match="hybrid"):
        make("retrievers", "hybrid", values)


def plan(**settings: object) -> plans.Plan:
    retrieve = [{"use": "bm25"}, {"use": "lsa", "name": "space"}, {"use": "hybrid"} | settings]
    return plans.parse({"retrieve": retrieve})


def test_in_a_plan_it_fuses_the_steps_it_names_in_its_order_else_all_others() -> None:
    def names(one: plans.Plan) -> list[str]:
        return [use.name for use in one.fused(one.uses["retrieve"][-1])]

    assert names(plan()) == ["bm25", "space"]
    assert names(plan(of=["space", "bm25"])) == ["space", "bm25"]
    assert plans.parse(plan(of=["space"]).as_dict()) == plan(of=["space"])


@pytest.mark.parametrize("name", ["lsa", "hybrid"])
def test_a_plan_that_fuses_what_it_does_not_have_is_refused(name: str) -> None:
    with pytest.raises(PlanError, match=f"hybrid fuses '{name}', which is no retriever"):
        plan(of=[name])
    with pytest.raises(PlanError, match="hybrid fuses other retrievers"):
        plans.parse({"retrieve": [{"use": "hybrid"}]})

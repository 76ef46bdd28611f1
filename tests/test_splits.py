"""Splits: what stays together, what is dropped, and that nothing leaks into test."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence

import pytest

from datakit.errors import PlanError
from datakit.records import Duplicate, Level, Qrel, Query
from datakit.splits import SplitResult, SplitSettings, split_queries


def passage(document: int, at: int = 0) -> str:
    return f"d{document:02d}:{at}-{at + 9}"


def query(name: str, level: Level, *seeds: str, documents: Sequence[int] = ()) -> Query:
    supporting = tuple(f"d{d:02d}" for d in documents)
    return Query(
        name, f"text {name}", "en", level, "question",
        seed_passage_ids=seeds, supporting_doc_ids=supporting,
    )  # fmt: skip


def label(query: Query, *passages: str, grade: int = 2) -> list[Qrel]:
    return [Qrel(query.query_id, p, grade, "direct") for p in passages]


class Collection:
    """Documents with three passages and six queries each; topics over neighbouring documents."""

    def __init__(self, n: int = 30, topics: int = 15, spread: int = 3) -> None:
        self.documents = [(f"d{d:02d}", f"d{d:02d}") for d in range(n)]
        self.queries: list[Query] = []
        self.qrels: list[Qrel] = []
        for d in range(n):
            for at in (0, 10, 20):
                for level in ("sentence", "passage"):
                    self.add(query(f"{level[0]}{d:02d}.{at}", level, passage(d, at)))
        for t in range(topics):
            held = [(t * 2 + i) % n for i in range(spread)]
            topic = query(f"t{t:02d}", "topic", documents=held)
            self.add(topic, *[passage(d, 10) for d in held])

    def add(self, query: Query, *positives: str) -> None:
        self.queries.append(query)
        self.qrels += label(query, *(positives or query.seed_passage_ids))

    def split(self, duplicates: Sequence[Duplicate] = (), **settings: object) -> SplitResult:
        made = SplitSettings(**settings)  # type: ignore[arg-type]
        return split_queries(self.queries, self.qrels, self.documents, duplicates, made)


def positives(collection: Collection, result: SplitResult, split: str) -> set[str]:
    of = result.assignments
    return {q.passage_id for q in collection.qrels if of.get(q.query_id) == split}


def test_thirty_documents_give_three_splits_with_all_three_levels() -> None:
    result = Collection().split()

    assert all(len(result.report.queries[s]) == 3 for s in ("train", "dev", "test"))
    assert 0.6 < len([s for s in result.assignments.values() if s == "train"]) / 195 < 0.9


@pytest.mark.parametrize(("n", "topics", "spread"), [(30, 40, 7), (12, 8, 4), (30, 15, 5)])
def test_topics_that_overlap_too_much_for_components_still_reach_every_split(
    n: int, topics: int, spread: int
) -> None:
    result = Collection(n, topics, spread).split()

    assert result.report.links_left_out["topics"] > 0
    assert all(result.report.queries[s]["topic"] for s in ("train", "dev", "test"))
    assert result.report.leakage["positive passage"]["train in test"] == 0


def test_every_query_is_assigned_or_dropped_with_a_reason() -> None:
    collection = Collection(topics=40, spread=7)
    result = collection.split()
    dropped = {d.record_id for d in result.dropped}

    assert dropped | set(result.assignments) == {q.query_id for q in collection.queries}
    assert not dropped & set(result.assignments)
    assert sum(result.report.dropped.values()) == len(dropped)
    assert {d.reason for d in result.dropped} <= {"crosses_split", "positive_in_test"}


@pytest.mark.parametrize("seed", range(5))
def test_no_train_or_dev_query_has_a_positive_of_test_or_a_copy_of_one(seed: int) -> None:
    collection = Collection(topics=30, spread=6)
    copies = [Duplicate(passage(d, 20), passage(d // 2 * 2, 20), "near", 0.9) for d in range(30)]
    result = collection.split(copies, seed=seed)
    test = positives(collection, result, "test")

    assert test
    assert not test & positives(collection, result, "train")
    assert not test & positives(collection, result, "dev")
    assert result.report.leakage["copy of a positive"]["train in test"] == 0


def test_a_family_goes_to_one_split() -> None:
    collection = Collection(n=30, topics=0)
    collection.documents = [(d, f"f{i // 3}") for i, (d, _) in enumerate(collection.documents)]
    result = collection.split()

    for family in range(10):
        members = {f"{family * 3 + i:02d}" for i in range(3)}
        assert len({s for q, s in result.assignments.items() if q[1:3] in members}) == 1
    assert result.report.components == 10
    assert not any(result.report.leakage["family"].values())


def test_documents_with_a_copied_passage_go_together_but_not_with_a_template() -> None:
    collection = Collection(n=9, topics=0)
    near = [Duplicate(passage(d), passage(0), "near", 0.9) for d in (0, 1)]
    template = [Duplicate(passage(d), passage(2), "template", 0.9) for d in range(2, 9)]
    collection_split = collection.split([*near, *template], max_component_share=0.3)

    assert collection_split.report.components == 8
    assert collection_split.assignments["s00.0"] == collection_split.assignments["s01.0"]


def test_a_boilerplate_in_every_document_does_not_make_one_component_of_all() -> None:
    collection = Collection(n=20, topics=0)
    copies = [Duplicate(passage(d), passage(0), "near", 0.9) for d in range(20)]
    result = collection.split(copies)

    assert result.report.links_left_out == {"copies": 1}
    assert set(result.assignments.values()) == {"train", "dev", "test"}
    # the boilerplate itself is in test, so train queries about its copies go
    assert {d.record_id[3:] for d in result.dropped} == {".0"}


def test_a_topic_query_whose_link_is_left_out_follows_most_of_its_positives() -> None:
    collection = Collection(n=20, topics=0)
    wide = query("wide", "topic", documents=range(12))
    collection.add(wide, *[passage(d) for d in range(12)])
    result = collection.split(max_component_share=0.1)
    homes = Counter(result.assignments.get(f"s{d:02d}.10") for d in range(12))

    assert result.report.links_left_out == {"topics": 1}
    assert result.assignments["wide"] == homes.most_common(1)[0][0]


def test_a_query_with_seeds_in_several_documents_holds_them_together() -> None:
    collection = Collection(n=12, topics=0)
    collection.add(query("merged", "passage", passage(3), passage(7)))
    assignments = collection.split(max_component_share=0.5).assignments

    assert assignments["merged"] == assignments["s03.0"] == assignments["s07.0"]


@pytest.mark.parametrize("n", [3, 4, 7])
def test_three_components_suffice_for_three_splits(n: int) -> None:
    for seed in range(10):
        result = Collection(n=n, topics=0).split(seed=seed)
        assert set(result.assignments.values()) == {"train", "dev", "test"}


def test_one_query_of_each_level_in_three_documents_fills_three_splits() -> None:
    queries = [query("a", "sentence", passage(1)), query("b", "passage", passage(2))]
    queries.append(query("c", "topic", documents=[3]))
    qrels = [q for one, d in zip(queries, (1, 2, 3), strict=True) for q in label(one, passage(d))]
    result = split_queries(queries, qrels, [], [])

    assert set(result.assignments.values()) == {"train", "dev", "test"}


def test_the_same_seed_gives_the_same_splits_in_any_order_and_another_seed_others() -> None:
    collection = Collection()
    first = collection.split()
    for rows in (collection.queries, collection.qrels, collection.documents):
        random.Random(1).shuffle(rows)  # type: ignore[arg-type]

    assert collection.split() == first
    assert collection.split(seed=14).assignments != first.assignments


def test_shares_of_nothing_leave_a_split_empty() -> None:
    result = Collection(topics=0).split(shares=(0.5, 0.0, 0.5))

    assert set(result.assignments.values()) == {"train", "test"}


def test_a_time_split_puts_later_documents_and_nothing_else_into_test() -> None:
    collection = Collection(n=30, topics=0)
    collection.documents = [  # type: ignore[assignment]
        (doc_id, "old" if d in {0, 29} else None, f"2024-{d // 3 + 1:02d}")
        for d, (doc_id, _) in enumerate(collection.documents)
    ]
    result = collection.split(time_split="2024-08-31")

    assert {q[1:3] for q, s in result.assignments.items() if s == "test"} == {
        f"{d:02d}" for d in range(24, 30)
    }
    assert {d.record_id[1:3] for d in result.dropped} == {"00"}
    assert {d.reason for d in result.dropped} == {"before_time_split"}


def test_a_time_split_without_dates_is_told() -> None:
    with pytest.raises(PlanError, match="no document has a date"):
        Collection(n=4, topics=0).split(time_split="2024")


def test_few_test_queries_are_warned_about() -> None:
    assert "below 75" in Collection(n=6).split().report.warnings[0]
    assert not Collection(n=300, topics=0).split(shares=(0.5, 0.2, 0.3)).report.warnings


def test_no_queries_give_no_splits() -> None:
    assert split_queries([], [], [], []).assignments == {}


def test_shares_that_do_not_add_up_are_refused() -> None:
    with pytest.raises(ValueError, match="add up to 1"):
        SplitSettings(shares=(0.8, 0.1, 0.2))

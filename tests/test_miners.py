"""Indirect positives and hard negatives on ten passages with a known answer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest

from datakit.errors import PlanError
from datakit.miners._corpus import heading_key, named_entity, need, quarters_of
from datakit.miners._pointing import points_elsewhere
from datakit.miners.hard_negative import HardNegative
from datakit.miners.indirect_positive import IndirectPositive
from datakit.records import (
    Dropped,
    Duplicate,
    Evidence,
    Judgement,
    Negative,
    Passage,
    Qrel,
    Query,
    ScoredPassage,
)
from datakit.retrievers import Family, Retrieved

TEXTS = {
    "a:0-9": "Acme refunds the price within 14 days.",
    "a:10-19": "Acme keeps personal data for one year.",
    "b:0-9": "Acme refunds the price within 14 days.",
    "b:10-19": "Acme refunds the price of a subscription within 14 days too.",
    "c:0-9": "Acme refunds the price within 30 days.",
    "d:0-9": "Bolt refunds the price within 14 days.",
    "d:10-19": "Bolt ships to Europe.",
    "e:0-9": "Acme answers letters.",
    "f:0-9": "Acme uses cookies.",
    "g:0-9": "Acme may change these terms.",
}


def passage(passage_id: str, text: str) -> Passage:
    doc_id, _, span = passage_id.partition(":")
    start, end = map(int, span.split("-"))
    return Passage(
        passage_id, doc_id, text, start, end, start // 10, title="Terms", language="en",
        issuer=text.split(maxsplit=1)[0], category="shops", date="2024-03",
    )  # fmt: skip


PASSAGES = [passage(i, text) for i, text in TEXTS.items()]
DUPLICATES = [
    Duplicate("a:0-9", "a:0-9", "exact", 1.0),
    Duplicate("b:0-9", "a:0-9", "exact", 1.0),
    Duplicate("c:0-9", "a:0-9", "template", 0.8),
]
REFUNDS = Query(
    "q1", "Acme refunds price 14 days", "en", "sentence", "keyword",
    seed_passage_ids=("a:0-9",), facets={"entity": "Acme"}, scores={"seed_grade": 3},
    evidence=(Evidence("a", 2, 8), Evidence("a", 12, 18)),
)  # fmt: skip
# what a retriever gives to REFUNDS; every other pair gets 0
SCORES = {"a:0-9": 0.9, "b:0-9": 0.9, "c:0-9": 0.89, "d:0-9": 0.88, "b:10-19": 0.87, "e:0-9": 0.1}
TOPIC = Query(
    "t1", "refund of the price", "en", "topic", "need", supporting_doc_ids=("a", "b"),
    facets={"category": "shops", "time": "2024"},
)  # fmt: skip


@dataclass
class FixedIndex:
    """An index that knows its scores."""

    family: Family
    scores: dict[str, dict[str, float]]

    def search(self, queries: Sequence[Query], k: int) -> Iterator[ScoredPassage]:
        for query in queries:
            found = self.scores.get(query.query_id, {})
            for one in sorted(found, key=lambda one: (-found[one], one))[:k]:
                yield ScoredPassage(query.query_id, one, found[one])

    def score(self, pairs: Sequence[tuple[Query, Passage]]) -> np.ndarray:
        return np.array(
            [
                self.scores.get(query.query_id.split()[0], {}).get(passage.passage_id, 0.0)
                for query, passage in pairs
            ]
        )

    def query_vectors(self, queries: Sequence[Query]) -> np.ndarray:
        return np.ones((len(queries), 1), np.float32)


def retrieved(
    queries: Sequence[Query] = (REFUNDS, TOPIC), **other: dict[str, float]
) -> list[Retrieved]:
    scores = {"q1": SCORES, "t1": SCORES}
    lexical = FixedIndex("lexical", scores)
    dense = FixedIndex("dense", scores | other)
    return [
        Retrieved("bm25", lexical, list(lexical.search(queries, 100))),
        Retrieved("dense", dense, list(dense.search(queries, 100))),
    ]


def mine(
    queries: Sequence[Query], miner: IndirectPositive | None = None, **other: dict[str, float]
) -> dict[tuple[str, str], Judgement]:
    # of so few passages the 95th percentile would be the best one
    miner = miner or IndirectPositive(percentile=50)
    rows = miner(queries, PASSAGES, DUPLICATES, retrieved(queries, **other))
    return {(row.query_id, row.passage_id): row for row in rows if isinstance(row, Judgement)}


def test_a_seed_is_a_direct_label_with_its_evidence() -> None:
    label = mine([REFUNDS])["q1", "a:0-9"]

    assert (label.grade, label.source, label.routes) == (3, "direct", ("seed",))
    assert label.evidence == (Evidence("a", 2, 8),)
    assert label.scores == {"bm25": 0.9, "dense": 0.9}


def test_a_copy_inherits_and_a_template_does_not() -> None:
    labels = mine([REFUNDS])

    assert (labels["q1", "b:0-9"].grade, labels["q1", "b:0-9"].source) == (3, "duplicate")
    assert ("q1", "c:0-9") not in labels


def test_what_both_kinds_of_retriever_put_near_the_seed_is_an_uncertified_positive() -> None:
    label = mine([REFUNDS])["q1", "b:10-19"]

    assert (label.grade, label.source, label.calibration_id) == (2, "indirect-passage", None)
    assert label.flags == ("uncertified",)
    assert label.routes == ("global",)


def test_a_copy_of_what_retrievers_agreed_on_is_as_uncertified() -> None:
    twice = [*DUPLICATES, Duplicate("b:10-19", "b:10-19", "exact", 1.0)]
    twice += [
        Duplicate("e:0-9", "b:10-19", "exact", 1.0),
        Duplicate("d:10-19", "b:10-19", "near", 0.9),
    ]
    rows = IndirectPositive(percentile=50)([REFUNDS], PASSAGES, twice, retrieved([REFUNDS]))
    labels = {row.passage_id: row for row in rows if isinstance(row, Judgement)}

    copy = labels["e:0-9"]
    assert (copy.grade, copy.source, copy.flags) == (2, "duplicate", ("uncertified",))
    assert copy.routes == ("structural",)
    assert "d:10-19" not in labels  # another issuer's


def test_a_short_name_within_a_word_is_not_named() -> None:
    query = replace(REFUNDS, text="rounds of bellwether proceedings", facets={"entity": "HER"})

    assert (named_entity(query), need(query)) == ("", query.text)
    named = replace(query, text="HER: what it charges, and whether Her fees rise")
    assert (named_entity(named), need(named)) == (
        "her", ": what it charges, and whether fees rise",
    )  # fmt: skip


def test_another_issuer_is_no_positive_of_a_query_that_names_one() -> None:
    assert ("q1", "d:0-9") not in mine([REFUNDS])
    unnamed = replace(REFUNDS, text="refunds price 14 days")
    assert ("q1", "d:0-9") in mine([unnamed])


def test_a_named_year_and_number_must_be_the_passages_own() -> None:
    assert ("q1", "b:10-19") not in mine([replace(REFUNDS, text="Acme refunds 2019 14 days")])
    assert ("q1", "b:10-19") in mine([replace(REFUNDS, text="Acme refunds 2024 14 days")])
    assert ("q1", "b:10-19") not in mine([replace(REFUNDS, text="Acme refunds 99 days")])


def test_a_named_quarter_must_be_that_of_the_passage_or_named_in_it() -> None:
    assert ("q1", "b:10-19") in mine([replace(REFUNDS, text="Acme refunds Q1 2024 14 days")])
    assert ("q1", "b:10-19") not in mine([replace(REFUNDS, text="Acme refunds Q2 2024 14 days")])
    assert quarters_of("Q2 2023, the third quarter of 2023, 2023年第四季度") == {
        (2023, 2), (2023, 3), (2023, 4),
    }  # fmt: skip


def test_one_kind_of_retriever_is_not_enough() -> None:
    only_seed = {"a:0-9": 0.9, "b:0-9": 0.9}

    assert {p for _, p in mine([REFUNDS], q1=only_seed)} == {"a:0-9", "b:0-9"}


def test_a_passage_far_below_the_seed_is_no_positive() -> None:
    weak = SCORES | {"b:10-19": 0.5, "d:0-9": 0.4}

    assert ("q1", "b:10-19") not in mine([REFUNDS], q1=weak)


def test_a_retriever_that_misses_the_seed_does_not_vote() -> None:
    no_seed = {"b:10-19": 0.87}

    assert ("q1", "b:10-19") not in mine([REFUNDS], q1=no_seed)


@pytest.mark.parametrize(
    ("sentence", "language"),
    [
        ("For the refund of the price within 14 days see section 5.", "en"),
        ("Refunds of the price within 14 days are described in our Refund Policy.", "en"),
        ("This policy describes how Acme refunds the price within 14 days.", "en"),
        ("退款价格14天的规定，详见附注七。", "zh"),
    ],
)
def test_a_passage_that_points_elsewhere_is_no_positive(sentence: str, language: str) -> None:
    asked = "Acme refunds price 14 days" if language == "en" else "退款 价格 14天"
    query = replace(REFUNDS, text=asked, language=language, facets={})
    texts = TEXTS | {"b:10-19": sentence}
    if language == "zh":
        texts["a:0-9"] = "收到退货后14天退款，退款价格全额返还。"

    def found(**changed: str) -> set[str]:
        passages = [
            replace(passage(one, text), language=language, issuer=None, category=None)
            for one, text in (texts | changed).items()
        ]
        rows = IndirectPositive(percentile=40)([query], passages, DUPLICATES, retrieved([query]))
        return {row.passage_id for row in rows if isinstance(row, Judgement)}

    assert "b:10-19" not in found()
    assert "b:10-19" in found(**{"b:10-19": texts["a:0-9"]})


@pytest.mark.parametrize(
    "sentence",
    [
        "See Note 7 to the consolidated financial statements.",
        "The information required by this Item is incorporated by reference to our annual report.",
        "For more information about how we use and share your data, please read our Policy.",
        "In this notice, we explain how we collect and protect personal information.",
        "公司收入确认政策的变更情况详见附注七。",
        "具体内容请见本报告第三节。",
        "本政策旨在向您说明我们如何处理个人信息。",
    ],
)
def test_a_sentence_that_only_says_where_something_stands(sentence: str) -> None:
    assert points_elsewhere(sentence)


@pytest.mark.parametrize(
    "sentence",
    [
        "We keep your data for 30 days.",
        "We may share the data we collect with our parent company and affiliates, as described "
        "in section 4.",
        "You will see a notice on our website before the price changes.",
        "报告期内公司营业收入同比增长12%，主要系光伏业务放量所致，详见第三节。",
        "我们将在15个工作日内回复您的请求。",
    ],
)
def test_a_sentence_that_tells_something_may_point_elsewhere_too(sentence: str) -> None:
    assert not points_elsewhere(sentence)


def test_words_that_are_scattered_over_a_passage_are_no_positive() -> None:
    def found(text: str) -> bool:
        passages = [passage(one, other) for one, other in (TEXTS | {"b:10-19": text}).items()]
        rows = IndirectPositive(percentile=50)(
            [REFUNDS], passages, DUPLICATES, retrieved([REFUNDS])
        )
        return "b:10-19" in {row.passage_id for row in rows if isinstance(row, Judgement)}

    assert found("Acme also writes letters. Acme refunds the price within 14 days.")
    assert not found(
        "Acme refunds nothing here. Letters are answered. The price is in euros. Cookies are kept. "
        "Orders leave the house within 14 days."
    )


def test_of_a_question_in_other_words_than_its_seed_nothing_is_told_by_words() -> None:
    other_words = replace(REFUNDS, text="Acme money returned buyer changes mind 14 days")

    assert ("q1", "b:10-19") not in mine([other_words])
    lenient = IndirectPositive(percentile=50, seed_coverage=0.0)
    assert ("q1", "b:10-19") in mine([other_words], lenient)


def test_clusters_beyond_the_limit_are_left_out_and_the_rest_is_flagged() -> None:
    labels = mine([REFUNDS], IndirectPositive(percentile=50, limits=(1, 50, 200)))

    assert [label.source for label in labels.values()] == ["direct", "duplicate"]
    assert {label.flags for label in labels.values()} == {("capped",)}


def test_a_topic_query_is_labelled_in_its_documents_and_beyond() -> None:
    labels = mine([TOPIC])

    assert labels["t1", "a:0-9"].routes == ("local", "structural", "global")
    assert labels["t1", "d:0-9"].routes == ("structural", "global")
    assert {label.source for label in labels.values()} == {"indirect-passage"}
    assert ("t1", "e:0-9") not in labels


def test_a_label_of_a_topic_query_has_most_words_of_the_topic() -> None:
    def labelled(topic: str) -> set[str]:
        asked = replace(TOPIC, facets=TOPIC.facets | {"topic": topic})
        return {passage_id for _, passage_id in mine([asked])}

    assert labelled("price refunds") == {p for _, p in mine([TOPIC])}
    assert "d:0-9" not in labelled("refunds of a subscription price in Acme")


def test_a_topic_query_of_one_supported_document_is_dropped() -> None:
    alone = replace(TOPIC, supporting_doc_ids=("a", "g"))
    (dropped,) = IndirectPositive(percentile=50)([alone], PASSAGES, DUPLICATES, retrieved([alone]))

    assert isinstance(dropped, Dropped)
    assert dropped.reason == "fewer_than_two_supported_documents"
    assert "1 of 2" in dropped.detail


def test_the_need_is_the_query_without_the_entity_that_it_names() -> None:
    assert named_entity(REFUNDS) == "acme"
    assert need(REFUNDS) == "refunds price 14 days"
    assert named_entity(replace(REFUNDS, text="refunds")) == ""


@pytest.mark.parametrize(
    "title", ["9.2 Refunds", "12. REFUNDS", "b. Refunds", "Refunds", "8a. Refunds"]
)
def test_a_heading_is_the_same_under_any_number(title: str) -> None:
    assert heading_key(title) == "refunds"


def negatives(
    labels: dict[str, int], query: Query = REFUNDS, **settings: Any
) -> list[Negative | ScoredPassage | Dropped]:
    qrels = [Qrel(query.query_id, one, grade, "direct") for one, grade in labels.items()]
    miner = HardNegative(**({"small": 0, "queue": 0} | settings))
    return list(miner([query], PASSAGES, DUPLICATES, qrels, retrieved([query])))


def test_what_is_too_near_unjudged_waits_for_a_judge() -> None:
    found = negatives({"a:0-9": 3}, queue=1)
    (waiting,) = [one for one in found if isinstance(one, ScoredPassage)]

    # c:0-9 is nearer, but a template of the positive; d:0-9 is nearer than 0.95 x 0.9
    assert (waiting.passage_id, waiting.score) == ("d:0-9", 0.88)


def test_in_a_small_corpus_the_ratio_falls_while_the_median_query_has_enough() -> None:
    near = {"q1": {"a:0-9": 0.9, "d:0-9": 0.84, "b:10-19": 0.75, "e:0-9": 0.1}}

    def nearest(small: int, sample: int) -> set[str]:
        qrels = [Qrel("q1", "a:0-9", 3, "direct")]
        miner = HardNegative(small=small, sample=sample, queue=0)
        rows = miner([REFUNDS], PASSAGES, DUPLICATES, qrels, retrieved([REFUNDS], **near))
        return {one.passage_id for one in rows if isinstance(one, Negative)}

    assert "d:0-9" in nearest(small=0, sample=4)  # 0.84 < 0.95 x 0.9
    assert "d:0-9" in nearest(small=2000, sample=4)  # else three would be left
    assert "d:0-9" not in nearest(small=2000, sample=1)


def test_a_negative_is_less_near_than_the_positive_by_the_ratio() -> None:
    (found,) = negatives({"a:0-9": 3})

    assert isinstance(found, Negative)
    assert (found.passage_id, found.run, found.mined_rank) == ("e:0-9", "bm25", 6)
    assert (found.ratio, found.margin) == (pytest.approx(0.1 / 0.9, abs=1e-5), pytest.approx(0.8))


def test_copies_templates_and_related_passages_are_no_negatives() -> None:
    found = negatives({"a:0-9": 3, "d:0-9": 1}, ratio=1.0)

    assert {one.passage_id for one in found if isinstance(one, Negative)} == {"b:10-19", "e:0-9"}


def test_a_passage_judged_zero_is_a_negative_at_any_score() -> None:
    found = [one for one in negatives({"a:0-9": 3, "d:0-9": 0}) if isinstance(one, Negative)]

    assert [(one.passage_id, one.flags) for one in found] == [("d:0-9", ("judged",)), ("e:0-9", ())]


def test_an_unjudged_passage_of_a_topic_querys_document_is_no_negative() -> None:
    found = negatives({"a:0-9": 2}, TOPIC, ratio=1.0)

    assert {one.passage_id for one in found if isinstance(one, Negative)} == {"d:0-9", "e:0-9"}


def test_the_sample_hangs_on_the_seed_and_the_query_alone() -> None:
    first = negatives({"a:0-9": 3}, sample=1, ratio=1.0)

    assert len(first) == 1
    assert negatives({"a:0-9": 3}, sample=1, ratio=1.0) == first


def test_a_query_without_negatives_says_why() -> None:
    (dropped,) = negatives({"e:0-9": 2})

    assert isinstance(dropped, Dropped)
    assert dropped.reason == "no_eligible_negative"


def test_an_unknown_teacher_is_refused() -> None:
    with pytest.raises(PlanError, match=r"teacher = 'dens' is no dense retriever.*'dense'"):
        negatives({"a:0-9": 3}, teacher="dens")

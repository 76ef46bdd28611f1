"""Mutated negatives: one fact of the evidence, in English and Chinese, kept out of the corpus."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from corpus import write_corpus

from datakit import pipeline
from datakit import plan as plans
from datakit.errors import PlanError
from datakit.miners import _mutations_chinese, _mutations_english
from datakit.miners._mutations import FACTS, changes, other_number
from datakit.miners.mutated_negative import MutatedNegative
from datakit.records import Dropped, Evidence, Passage, Query
from datakit.registry import make

ENGLISH = [
    ("notice_period", "You must give notice within thirty (30) days.",
     "You must give notice within ninety (90) days."),
    ("notice_period", "We refund within 14 days.", "We refund within 28 days."),
    ("amount", "The plan costs $9.99 a month.", "The plan costs $19.98 a month."),
    ("amount", "Sales were 61% of revenue.", "Sales were 30% of revenue."),
    ("period", "Cash was $5 million at June 30, 2024.", "Cash was $5 million at June 30, 2021."),
    ("obligation", "The customer may end the contract.", "The customer must end the contract."),
    ("obligation", "You are required to pay.", "You are permitted to pay."),
    ("negation", "Payments are not refundable.", "Payments are refundable."),
    ("negation", "Margin rose to 5%.", "Margin fell to 5%."),
    ("negation", "The fee will cover delivery.", "The fee will not cover delivery."),
    ("party", "The tenant pays for repairs.", "The landlord pays for repairs."),
    ("party", "You may cancel at any time.", "We may cancel at any time."),
    ("jurisdiction", "The laws of California govern.", "The laws of New York govern."),
]  # fmt: skip
CHINESE = [
    ("notice_period", "应当在三十日内通知。", "应当在六十日内通知。"),
    ("amount", "总投资约18亿元。", "总投资约36亿元。"),
    ("period", "2024年销量达到新高。", "2021年销量达到新高。"),
    ("period", "公司一季度亏损。", "公司三季度亏损。"),
    ("obligation", "经营者应当退款。", "经营者可以退款。"),
    ("negation", "收入同比增长35%。", "收入同比下降35%。"),
    ("negation", "出租人不得转让。", "出租人可以转让。"),
    ("party", "买方承担运费。", "卖方承担运费。"),
    ("jurisdiction", "由北京仲裁委员会仲裁。", "由上海仲裁委员会仲裁。"),
]  # fmt: skip
LEFT = [
    "If you are not satisfied, any refund is limited.", "You must be at least 18 years old.",
    "Profit increased by 131%.", "在6月20日前提交。", "销量同比增长131%。", "该条款是完整的。",
]  # fmt: skip


@pytest.mark.parametrize(("fact", "was", "now"), ENGLISH)
def test_an_english_sentence_says_the_contrary(fact: str, was: str, now: str) -> None:
    assert changes(was, _mutations_english.RULES)[fact].applied(was) == now


@pytest.mark.parametrize(("fact", "was", "now"), CHINESE)
def test_a_chinese_sentence_says_the_contrary(fact: str, was: str, now: str) -> None:
    assert changes(was, _mutations_chinese.RULES)[fact].applied(was) == now


@pytest.mark.parametrize("sentence", LEFT)
def test_what_would_read_wrong_is_left_alone(sentence: str) -> None:
    rules = _mutations_english.RULES if sentence.isascii() else _mutations_chinese.RULES
    found = changes(sentence, rules)

    assert not found.keys() & {"negation", "notice_period", "obligation"} - {
        "obligation" if sentence.startswith("You must") else ""
    }


def test_another_number_keeps_its_form() -> None:
    assert [other_number("1,250.00"), other_number("61", 100), other_number("2")] == [
        "2,500.00", "30", "4",
    ]  # fmt: skip


TEXT = "Acme sells cloud storage. Acme refunds the price within 14 days of payment."
PASSAGE = Passage("d:0-75", "d", TEXT, 0, 75, 0, title="Acme Terms", issuer="Acme", language="en")
OTHER = replace(PASSAGE, passage_id="e:0-75", doc_id="e", issuer="Bolt", text="Bolt ships.")
QUERY = Query(
    "q1", "refund period", "en", "sentence", "keyword", seed_passage_ids=("d:0-75",),
    evidence=(Evidence("d", 31, 60),), split="train",
)  # fmt: skip


def test_only_the_evidence_of_train_queries_is_changed() -> None:
    miner = MutatedNegative(per_query=8)
    rows = [
        row for row in miner([QUERY, replace(QUERY, query_id="q2", split="test")],
                             {"d:0-75": PASSAGE}, [PASSAGE, OTHER])
        if not isinstance(row, Dropped)
    ]  # fmt: skip
    texts = {negative.flags[0]: text for negative, text in rows}

    assert {negative.query_id for negative, _ in rows} == {"q1"}
    assert texts["notice_period"].text == TEXT.replace("14", "28")
    assert texts["entity"].text == TEXT.replace("Acme", "Bolt")
    assert texts["entity"].title == "Bolt Terms"
    assert all(negative.flags[1] == "unjudged" for negative, _ in rows)


def test_a_query_without_evidence_is_dropped_with_the_reason() -> None:
    bare = replace(QUERY, evidence=())

    (row,) = MutatedNegative()([bare], {"d:0-75": PASSAGE}, [])

    assert isinstance(row, Dropped)
    assert row.reason == "nothing_to_change"


def test_a_fact_that_no_rule_changes_is_refused() -> None:
    with pytest.raises(PlanError, match="no rules for colour"):
        make("miners", "mutated_negative", {"facts": ["colour"]})
    assert set(MutatedNegative().facts) == set(FACTS)


def test_a_build_keeps_mutated_texts_out_of_the_corpus(tmp_path: Path) -> None:
    plan = plans.parse({
        "mutate": [{"use": "mutated_negative"}], "retrieve": [{"use": "bm25"}, {"use": "lsa"}],
    })  # fmt: skip
    built = pipeline.build([write_corpus(tmp_path / "in")], tmp_path / "out", plan, show=False)
    corpus = {one.passage_id for one in built.read("passage")}
    made = {one.passage_id: one for one in built.read("passage/mutated")}

    assert made
    assert not corpus & made.keys()
    assert {one.passage_id for one in built.read("negative/mutated")} == made.keys()
    assert plans.parse(plan.as_dict()) == plan

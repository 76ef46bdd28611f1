"""F8: what counts as the same question in other words, and what never does."""

from __future__ import annotations

from typing import Any

import pytest

from datakit.filters import merge_duplicates
from datakit.records import Evidence, Query

SAME = [
    (
        "en",
        "question",
        "How can I cancel my subscription with Acme?",
        "How do I cancel my Acme subscription?",
    ),
    (
        "en",
        "question",
        "What is the way to delete a photo on Acme?",
        "How do I remove pictures on Acme?",
    ),
    ("en", "question", "Can you tell me who owns the uploaded files?", "Who owns uploaded files?"),
    ("en", "question", "May users resell a licence?", "Can users resell licences?"),
    ("en", "question", "What is the notice period of Acme?", "What's the notice period at Acme?"),
    ("en", "need", "I want to know how to contact Acme", "I need to know how to contact Acme"),
    ("en", "keyword", "Acme refund policy", "refund policy of Acme"),
    ("en", "keyword", "public repository access", "public repositories and access"),
    ("zh", "question", "贵州茅台2020年的营收有多少？", "2020年贵州茅台营业收入是多少？"),
    ("zh", "question", "请问如何注销账号？", "怎么注销帐号？"),
    ("zh", "question", "能否关闭自动续费？", "可不可以关闭自动续费"),
    ("zh", "question", "什么是可转债？", "可转债是什么？"),
    ("zh", "need", "我想了解试用期的工资标准", "想知道试用期工资标准"),
    ("zh", "keyword", "自动续费 关闭", "关闭 自动续费"),
]
OTHER = [
    ("en", "question", "What were sales of Acme in 2022?", "What were sales of Acme in 2023?"),
    ("en", "question", "Can I cancel within 14 days?", "Can I cancel within 30 days?"),
    (
        "en",
        "question",
        "Does a loan over $500 need 2 forms?",
        "Does a loan over $2 need 500 forms?",
    ),
    ("en", "question", "Can users share passwords?", "Can't users share passwords?"),
    ("en", "question", "Which data is sold with consent?", "Which data is sold without consent?"),
    ("en", "question", "Does Google share data with Meta?", "Does Meta share data with Google?"),
    ("en", "question", "Which company did Google acquire?", "Which company acquired Google?"),
    ("en", "question", "Can tenants sue landlords?", "Can landlords sue tenants?"),
    (
        "en",
        "question",
        "May data move from France to Spain?",
        "May data move to France from Spain?",
    ),
    ("en", "question", "What must users do on deletion?", "What may users do on deletion?"),
    ("en", "question", "When does Acme delete files?", "Why does Acme delete files?"),
    ("en", "question", "How many files does Acme keep?", "How long does Acme keep files?"),
    ("en", "question", "Is the Pro plan refundable?", "Is the Basic plan refundable?"),
    ("en", "question", "What happens before renewal?", "What happens after renewal?"),
    (
        "en",
        "question",
        "What is due before 5 and after 9 days?",
        "What is due after 5 and before 9 days?",
    ),
    ("en", "question", "How is the C++ library licensed?", "How is the C# library licensed?"),
    ("en", "keyword", "transfer to Spain", "transfer from Spain"),
    ("zh", "question", "贵州茅台2020年的营收是多少？", "贵州茅台2021年的营收是多少？"),
    ("zh", "question", "贵州茅台2020年的营收是多少？", "五粮液2020年的营收是多少？"),
    ("zh", "question", "营业收入增长了10%吗？", "营业收入增长了15%吗？"),
    ("zh", "question", "会员可以退款吗？", "会员不可以退款吗？"),
    ("zh", "question", "腾讯收购了哪家公司？", "哪家公司收购了腾讯？"),
    ("zh", "question", "谁收购了Google？", "Google收购了谁？"),
    ("zh", "question", "营业收入是多少？", "营业成本是多少？"),
    ("zh", "question", "为什么关闭自动续费？", "怎么关闭自动续费？"),
    ("zh", "question", "三个月内能退款吗？", "六个月内能退款吗？"),
    ("zh", "question", "新能源车补贴有哪些？", "新源车补贴有哪些？"),
    ("zh", "keyword", "茅台 涨价", "茅台 降价"),
]


def pair(language: str, form: Any, *texts: str) -> list[Query]:
    return [
        Query(key, text, language, "sentence", form, seed_passage_ids=(f"p{key}",))
        for key, text in zip("ab", texts, strict=True)
    ]


@pytest.mark.parametrize(("language", "form", "left", "right"), SAME)
def test_the_same_question_in_other_words_is_merged(
    language: str, form: str, left: str, right: str
) -> None:
    merged, survivors = merge_duplicates(pair(language, form, left, right))

    assert [query.seed_passage_ids for query in merged] == [("pa", "pb")]
    assert survivors == {"a": "a", "b": "a"}


@pytest.mark.parametrize(("language", "form", "left", "right"), OTHER)
def test_another_number_name_negation_or_direction_stays_apart(
    language: str, form: str, left: str, right: str
) -> None:
    asked = pair(language, form, left, right)

    assert merge_duplicates(asked)[0] == asked


def test_another_form_level_or_language_stays_apart() -> None:
    asked = [
        Query("a", "Acme refunds", "en", "sentence", "keyword"),
        Query("b", "refunds of Acme", "en", "sentence", "question"),
        Query("c", "refunds of Acme", "en", "passage", "keyword"),
        Query("d", "Acme refunds", "fr", "sentence", "keyword"),
    ]

    assert merge_duplicates(asked)[0] == asked


def test_the_survivor_takes_all_positives_and_the_lowest_seed_grade() -> None:
    a, b = pair("en", "question", *SAME[0][2:])
    b = Query(
        "b", b.text, "en", "sentence", "question", seed_passage_ids=("pb",),
        evidence=(Evidence("d", 0, 4),), scores={"seed_grade": 2.0},
    )  # fmt: skip
    a = Query(
        "a", a.text, "en", "sentence", "question", seed_passage_ids=("pa",),
        scores={"seed_grade": 3.0},
    )  # fmt: skip

    ((kept,), _) = merge_duplicates([b, a])

    assert kept.seed_passage_ids == ("pa", "pb")
    assert kept.evidence == (Evidence("d", 0, 4),)
    assert kept.scores == {"seed_grade": 2.0}


def test_equal_and_then_alike_end_at_one_survivor() -> None:
    asked = [
        Query("c", "How can I cancel?", "en", "sentence", "question"),
        Query("b", "how can I CANCEL?", "en", "sentence", "question"),
        Query("a", "How do I cancel?", "en", "sentence", "question"),
    ]

    merged, survivors = merge_duplicates(asked)

    assert [query.query_id for query in merged] == ["a"]
    assert survivors == {"a": "a", "b": "a", "c": "a"}
    assert [q.query_id for q in merge_duplicates(asked, paraphrases=False)[0]] == ["b", "a"]

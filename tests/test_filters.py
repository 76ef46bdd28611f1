from __future__ import annotations

import re
import time
from dataclasses import replace
from typing import Any

import pytest

from datakit import registry
from datakit.errors import PlanError, UsageError
from datakit.filters import FilterSettings, Tally, count_words, filter_queries, shared_run
from datakit.filters.deixis import not_standalone
from datakit.records import Dropped, Evidence, Passage, Query

ENGLISH = (
    "You may cancel a paid subscription at any time from the billing page of your account, and the"
    " cancellation takes effect at the end of the billing cycle that has already been paid for."
    " Acme keeps backup copies of deleted files for thirty days before they are erased for good."
)
CHINESE = (
    "贵州茅台2020年实现营业收入949.15亿元，同比增长11.1%，主要受益于直销渠道占比提升和产品结构优化。"
    "公司预计2021年营业总收入较上年度增长10.5%左右，基本建设投资68.21亿元。"
)
PASSAGES = {
    "en": Passage("en", "d1", ENGLISH, 0, len(ENGLISH), 0, language="en", issuer="Acme Ltd"),
    "zh": Passage("zh", "d2", CHINESE, 0, len(CHINESE), 0, language="zh", issuer="贵州茅台"),
}


def query(text: str, language: str = "en", level: Any = "sentence", **values: Any) -> Query:
    known = {"form": "question", "seed_passage_ids": (language,)}
    return Query(values.pop("query_id", "q1"), text, language, level, **{**known, **values})


UNFLAGGED = FilterSettings(off=("F6",))  # most queries below claim no evidence


def run(
    *queries: Query, purpose: str = "train", settings: FilterSettings = UNFLAGGED
) -> list[Query | Dropped]:
    return list(filter_queries(queries, PASSAGES, settings, purpose))


def verdict(found: Query) -> str:
    (result,) = run(found)
    return result.reason if isinstance(result, Dropped) else "kept"


ENGLISH_VERDICTS = [
    ("How long does Acme keep backups of removed files?", "kept"),
    ("When does ending a paid plan with Acme take effect?", "kept"),
    ("Can I get my money back after stopping a subscription?", "kept"),
    ("What does Article 6 GDPR allow as a legal basis?", "kept"),
    ("What is the penalty under Section 404 of Sarbanes-Oxley?", "kept"),
    ("Which terms of service mention a class action waiver?", "kept"),
    ("How does it feel to be such a customer?", "kept"),
    ("What did GameStop's (GME) sales reach in 2023?", "kept"),
    ("What was “adjusted EBITDA” at Apple in 2023?", "kept"),
    ("How do I cancel a Booking.com stay?", "kept"),
    ("Which band was Andy Taylor the former guitarist of?", "kept"),
    ("What is the name of the company that Musk founded?", "kept"),
    ("What contract types does Lockheed Martin use?", "kept"),
    ("How is the present value of leases computed?", "kept"),
    ("How are 3D models licensed by Sketchfab?", "kept"),
    ("What do the terms of Acme say on refunds?", "kept"),
    ("Why was Volkswagen AG fined in the U.S. in 2016?", "kept"),
    ("What is covered by this section?", "not_standalone"),
    ("Who may end the above contract early?", "not_standalone"),
    ("When does said agreement take effect?", "not_standalone"),
    ("What rights are granted herein to users?", "not_standalone"),
    ("Which fees are due as follows in 2024?", "not_standalone"),
    ("What does the passage say about backups?", "not_standalone"),
    ("How are fees set out below calculated?", "not_standalone"),
    ("According to the document, who pays taxes?", "not_standalone"),
    ("What does Section 5.2 require of users?", "not_standalone"),
    ("How much revenue did the company report?", "not_standalone"),
    ("What do they do with deleted files?", "not_standalone"),
    ("What were sales in this quarter?", "not_standalone"),
    ("Acme keeps backup copies of deleted files for thirty days?", "lexical_leak"),
    ("paid subscription cancellation billing cycle account backup files?", "lexical_leak"),
    ("Refund?", "too_short"),
    ("fees " * 40, "too_long"),
    ("What is it to be or not to be?", "only_stop_words"),
    ("12.5 % 2019 2020", "no_words"),
    ("What is in the (second part?", "unbalanced"),
    ('Who may "cancel the plan early?', "unbalanced"),
    ("How do I use https://acme.example/help today?", "url"),
    ("Can I write to legal@acme.example about fees?", "email"),
    ("Can I call +1 212 555 0123 about fees?", "phone"),
    ("What is session 9f86d081884c7d659a2f about?", "hex_string"),
    ("Comment résilier mon abonnement payant chez vous ?", "wrong_language"),
    ("订阅什么时候可以取消并退款？", "wrong_language"),
]
CHINESE_VERDICTS = [
    ("贵州茅台去年的营收规模有多大？", "kept"),
    ("白酒龙头2021年的收入目标是多少？", "kept"),
    ("本田汽车2020年在华销量如何？", "kept"),
    ("日本公司在半导体材料上的份额有多大？", "kept"),
    ("资本公积转增股本需要缴税吗？", "kept"),
    ("用户应该如何注销账户？", "kept"),
    ("线上表现最好的白酒品牌是哪家？", "kept"),
    ("此次交易的对价是多少？", "not_standalone"),
    ("《民法典》第五百六十三条规定了什么？", "kept"),
    ("18岁以下的用户可以注册吗？", "kept"),
    ("iPhone 12的5G渗透率是多少？", "kept"),
    ("武则天的本名叫什么？", "kept"),
    ("什么是个人使用？", "kept"),
    ("合同签订后技术被公开，能否终止该合同？", "kept"),
    ("京东方的第一条生产线何时投产？", "kept"),
    ("成本下降对毛利率有何影响？", "kept"),
    ("人民银行如何监管支付机构？", "kept"),
    ("本公司的营业收入是多少？", "not_standalone"),
    ("上述风险包括哪些方面？", "not_standalone"),
    ("具体的费用标准如下吗？", "not_standalone"),
    ("该公司的直销渠道占比是多少？", "not_standalone"),
    ("本条款何时开始生效？", "not_standalone"),
    ("用户违反本协议有什么后果？", "not_standalone"),
    ("这份报告的评级是什么？", "not_standalone"),
    ("此项目的投资额是多少？", "not_standalone"),
    ("我们认为哪些公司值得关注？", "not_standalone"),
    ("第五条规定的义务是什么？", "not_standalone"),
    ("本周医药板块的涨幅是多少？", "not_standalone"),
    ("以下哪项不属于个人信息？", "not_standalone"),
    ("主要受益于直销渠道占比提升和产品结构优化吗？", "lexical_leak"),
    ("退款？", "too_short"),
    ("怎么" * 40, "only_stop_words"),
    ("直销渠道" * 20, "too_long"),
    ("营业收入（亿元是多少？", "unbalanced"),
    ("如何拨打010-66568393咨询基金？", "phone"),
    ("营业收入は何億元ですか？", "wrong_language"),
    ("How much revenue did Moutai report?", "wrong_language"),
]


@pytest.mark.parametrize(("text", "expected"), ENGLISH_VERDICTS)
def test_english_queries_get_the_verdict_of_a_reader(text: str, expected: str) -> None:
    assert verdict(query(text)) == expected


@pytest.mark.parametrize(("text", "expected"), CHINESE_VERDICTS)
def test_chinese_queries_get_the_verdict_of_a_reader(text: str, expected: str) -> None:
    assert verdict(query(text, "zh")) == expected


@pytest.mark.parametrize(
    ("text", "n_words"),
    [
        ("notice period", 2),
        ("退款政策", 2),
        ("退款费", 2),
        ("iPhone 12销量", 3),
        ("don't pay 1,000", 3),
    ],
)
def test_two_characters_without_spaces_count_as_one_word(text: str, n_words: int) -> None:
    assert count_words(text) == n_words


@pytest.mark.parametrize("level", ["sentence", "passage", "topic"])
def test_keyword_query_may_have_two_words_at_any_level(level: str) -> None:
    assert verdict(query("notice period", level=level, form="keyword")) == "kept"
    assert verdict(query("notice period", level=level)) == "too_short"


def test_extractive_copy_is_flagged_and_not_dropped() -> None:
    text = "Acme keeps backup copies of deleted files for thirty days"

    (kept,) = run(query(text, generator_family="extractive"))
    assert isinstance(kept, Query)
    assert kept.flags == ("lexical_copy",)


def test_name_of_the_issuer_is_no_leak() -> None:
    name = "中国银河证券股份有限公司研究院"
    passage = Passage("p", "d", f"{name}发布行业报告。", 0, 20, 0, language="zh", issuer=name)
    asked = query(f"{name}的评级体系是怎样的？", "zh", seed_passage_ids=("p",))

    assert list(filter_queries([asked], {"p": passage}, UNFLAGGED, "eval")) == [asked]


def test_shared_run_counts_words_and_pairs_of_characters() -> None:
    assert shared_run("so A b, C d e F now", "a b c d e f", 6) == "a b c d e f"
    assert shared_run("a b c d e", "a b c d e f", 6) is None
    assert (
        shared_run("请问直销渠道占比提升和产品", "受益于直销渠道占比提升和产品结构", 5)
        == "直销渠道占比提升和产"
    )


def test_equal_queries_of_a_level_become_the_one_with_the_smallest_id() -> None:
    spans = [Evidence("d1", 0, 5), Evidence("d1", 9, 12)]
    b = query("Who pays  the VAT?", query_id="b", evidence=(spans[0],), child_ids=("x",))
    a = query("who pays the ＶＡＴ?", query_id="a", evidence=(spans[1],), seed_passage_ids=("zh",))

    dropped, kept = run(b, a)
    assert isinstance(dropped, Dropped)
    assert (dropped.record_id, dropped.reason) == ("b", "duplicate_query")
    assert "a" in dropped.detail.split("also")[1]
    assert kept == replace(a, seed_passage_ids=("zh", "en"), evidence=(spans[1], spans[0]),
                           child_ids=("x",))  # fmt: skip


def test_equal_queries_of_two_levels_stay_two() -> None:
    asked = [query("Who pays the VAT of Acme?", level=level, query_id=level)
             for level in ("sentence", "passage")]  # fmt: skip

    assert run(*asked) == asked


def test_links_follow_a_merge_and_forget_what_was_dropped() -> None:
    parent = query("Who pays taxes and fees?", query_id="p", child_ids=("a", "b", "bad"))
    twins = [query("Who pays the VAT?", query_id=key, parent_ids=("p",)) for key in ("b", "a")]
    bad = query("What about this section?", query_id="bad", parent_ids=("p",))

    kept = [found for found in run(parent, *twins, bad) if isinstance(found, Query)]
    assert [found.query_id for found in kept] == ["p", "a"]
    assert kept[0].child_ids == ("a",)


def test_every_query_comes_out_once_as_kept_or_dropped() -> None:
    asked = [query(text, query_id=f"q{i}") for i, (text, _) in enumerate(ENGLISH_VERDICTS)]

    for purpose in ("train", "eval"):
        ids = [
            r.query_id if isinstance(r, Query) else r.record_id
            for r in run(*asked, *asked[:3], purpose=purpose)
        ]
        assert sorted(ids) == sorted(q.query_id for q in [*asked, *asked[:3]])


def test_query_of_a_passage_that_is_not_there_is_dropped() -> None:
    assert verdict(query("Who pays the VAT?", seed_passage_ids=("gone",))) == "seed_missing"


def test_unknown_purpose_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match="expected 'train' or 'eval'"):
        run(query("Who pays the VAT?"), purpose="test")


def test_a_service_that_is_called_like_a_pronoun_is_named() -> None:
    text = "HER lets you buy virtual items; they cannot be exchanged for money."
    passage = Passage("her", "d3", text, 0, len(text), 0, language="en", issuer="HER")
    asked = Query("q1", "HER virtual items", "en", "passage", "keyword", seed_passage_ids=("her",))

    (kept,) = filter_queries([asked], {"her": passage}, FilterSettings(), "train")

    assert isinstance(kept, Query)


def test_a_word_in_capitals_among_others_is_a_name() -> None:
    named = Query("q1", "HER virtual items", "en", "passage", "keyword")
    shouted = Query("q2", "HER VIRTUAL ITEMS", "en", "passage", "keyword")

    assert not_standalone(named, (), FilterSettings()) is None
    assert not_standalone(shouted, (), FilterSettings()) is not None


# --- F6, switches and counts -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("evidence", "flags"),
    [
        ((Evidence("d1", 0, 20),), ()),
        ((), ("unverified",)),
        ((Evidence("d1", 0, 20, verified=False),), ("unverified",)),
        ((Evidence("d1", 0, 20), Evidence("d1", 200, 900)), ("unverified",)),
        ((Evidence("other", 0, 20),), ("unverified",)),
    ],
)
def test_query_without_verified_evidence_in_its_seed_is_flagged(
    evidence: tuple[Evidence, ...], flags: tuple[str, ...]
) -> None:
    (kept,) = run(query("Who pays the VAT?", evidence=evidence), settings=FilterSettings())

    assert isinstance(kept, Query)
    assert kept.flags == flags


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        ("fragments", "What is in the (second part?"),
        ("F2", "订阅什么时候可以取消并退款？"),
        ("F3", "Refund?"),
        ("F4", "Acme keeps backup copies of deleted files for thirty days?"),
        ("F5", "What is covered by this section?"),
    ],
)
def test_each_rule_can_be_switched_off(rule: Any, text: str) -> None:
    assert isinstance(run(query(text))[0], Dropped)
    assert isinstance(run(query(text), settings=FilterSettings(off=(rule, "F6")))[0], Query)


def test_duplicates_stay_where_their_rule_is_off() -> None:
    asked = [query("Who pays the VAT?", query_id=key) for key in "ab"]

    assert run(*asked, settings=FilterSettings(off=("F6", "F8"))) == asked


def test_every_rule_counts_and_keeps_five_examples() -> None:
    asked = [query(f"What about the above point {i}?", query_id=f"q{i}") for i in range(7)]
    asked += [query("Who pays the VAT?", query_id=f"r{i}") for i in range(3)]
    tally = Tally(("F2",))

    list(filter_queries(asked, PASSAGES, FilterSettings(off=("F2",)), "train", tally))
    notes = tally.notes()

    assert notes["F2"] == {"title": "language and script", "state": "off"}
    assert (notes["F5"]["seen"], notes["F5"]["dropped"]) == (10, 7)
    assert notes["F5"]["reasons"] == {"not_standalone": 7}
    assert [one["query_id"] for one in notes["F5"]["examples"]] == ["q0", "q1", "q2", "q3", "q4"]
    assert (notes["F6"]["seen"], notes["F6"]["flagged"]) == (3, 3)
    assert (notes["F8"]["seen"], notes["F8"]["merged"]) == (3, 2)


@pytest.mark.parametrize("text", ["a" * 300_000, "@." * 100_000, "(" * 200_000, "0-" * 150_000])
def test_enormous_text_is_dropped_before_a_pattern_reads_it(text: str) -> None:
    start = time.perf_counter()
    (found,) = run(query(text))

    assert isinstance(found, Dropped)
    assert found.reason == "too_long"
    assert time.perf_counter() - start < 1
    assert len(found.detail) < 200


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"sentence_words": [9, 3]}, "sentence_words: 0 <= least <= most is expected, found 9, 3"),
        ({"easy_share": 1.5}, "easy_share from 0 to 1 is expected, found 1.5"),
        ({"round_trip_train": 0}, "round_trip_train >= 1 is expected, found 0"),
        ({"off": ["F12"]}, "off"),
    ],
)
def test_impossible_settings_are_one_line(values: dict[str, Any], message: str) -> None:
    with pytest.raises(PlanError, match=re.escape(message)):
        registry.checked(FilterSettings, "[filter]", values)

"""Which questions and key words the extractive generator makes of which sentence."""

from __future__ import annotations

from typing import Any

import pytest
from builders import document

from datakit import registry
from datakit.generators import _chinese_clause, _classes, _terms_topics
from datakit.generators._chinese import tag
from datakit.generators._context import Context, context_of
from datakit.generators._laws import law_name
from datakit.generators.extractive_bottom_up import ExtractiveBottomUp
from datakit.records import Passage, Query

LAW = """
# 第一章 总则

为了保护湿地，维护湿地生态功能，根据有关法律，结合本市实际，制定本条例。湿地保护规划由市林业主管部门组织编制。
违反本条例规定，擅自填埋湿地的，由县林业主管部门责令改正，并处五千元以上罚款。
湿地公园的管理单位应当定期公布水质监测结果。禁止在湿地保护区内捕猎候鸟。施工单位发现珍稀鸟巢的，应当立即停止施工。
湿地利用方案应当包括下列内容：
"""

FRENCH = """
# Conditions générales

## Article 4 – Résiliation

Vous pouvez résilier votre abonnement à tout moment.
Vous devez conserver le justificatif de paiement.
Vous ne pouvez pas revendre les billets. Nous conservons vos données pendant trois ans.
"""


def asked(text: str, **meta: Any) -> list[Query]:
    doc = document(text, **meta)
    made = registry.make("segmenters", "headings", {"min_tokens": 8})([doc])
    passages = [p for p in made if isinstance(p, Passage)]
    generator = ExtractiveBottomUp(sentence_queries=12, need_share=0.0, least_quality=0.0)
    return [record for record in generator(passages) if isinstance(record, Query)]


def texts(text: str, **meta: Any) -> set[str]:
    return {query.text for query in asked(text, **meta)}


@pytest.mark.parametrize(
    "question",
    [
        "《青泽市湿地保护条例》的立法目的是什么？",
        "根据《青泽市湿地保护条例》，湿地保护规划由谁组织编制？",
        "根据《青泽市湿地保护条例》，擅自填埋湿地怎么处罚？",
        "根据《青泽市湿地保护条例》，可以在湿地保护区内捕猎候鸟吗？",
        "根据《青泽市湿地保护条例》，施工单位发现珍稀鸟巢应当怎么办？",
        "根据《青泽市湿地保护条例》，湿地利用方案应当包括哪些内容？",
    ],
)
def test_chinese_laws_are_asked_for_aims_duties_bans_and_penalties(question: str) -> None:
    assert question in texts(LAW, doc_type="law", title="青泽市湿地保护条例", language="zh")


@pytest.mark.parametrize(
    ("sentence", "clause"),
    [
        ("2024年黄金行业营业总收入达到1538.8亿元，同比增长2.35%", "2024年黄金行业营业总收入"),
        ("资产荒背景下，陕西动力煤价格将明显上涨", "陕西动力煤价格上涨"),
        ("莎普爱思（603168）：陕西动力煤价格将明显上涨", "莎普爱思 陕西动力煤价格上涨"),
    ],
)
def test_a_clause_loses_its_figure_and_its_adverbs_and_keeps_its_order(
    sentence: str, clause: str
) -> None:
    weights = {token.word: 1.0 for token in tag(sentence)}

    assert _chinese_clause.clause_query(sentence, weights, frozenset(), True) == clause


@pytest.mark.parametrize(
    ("sentence", "clause"),
    [
        ("管线档案移交的期限，按照有关规定执行", "管线档案移交的期限"),
        ("检疫医师应当立即签发入境检疫证", ""),  # an order, copied out
        ("市人民政府应当统筹安排养老服务资金", ""),
    ],
)
def test_a_clause_of_a_law_names_what_it_rules_on(sentence: str, clause: str) -> None:
    weights = {token.word: 1.0 for token in tag(sentence)}

    assert _chinese_clause.clause_query(sentence, weights, frozenset(), False) == clause


@pytest.mark.parametrize(
    "sentence",
    [
        "上述情形应当依照前款规定办理登记手续",  # points outside
        "由其所在单位依法给予处分",
        "对不符合法定结婚条件而生育子女的",  # half a sentence
        "如果全球手机出货量不及预期",  # a condition is no fact
        "根据半导体协会的统计数据",  # a preposition without its verb
        "基建投资发力支撑生产",  # a conclusion that is copied out
    ],
)
def test_a_clause_that_cannot_stand_alone_gives_nothing(sentence: str) -> None:
    weights = {token.word: 1.0 for token in tag(sentence)}

    assert _chinese_clause.clause_query(sentence, weights, frozenset(), True) == ""


@pytest.mark.parametrize(
    ("sentence", "question"),
    [
        (
            "Charging an electric vehicle is prohibited during the journey.",
            "Is charging an electric vehicle prohibited during the journey on Acme?",
        ),
        (
            "Promotional credits may not be exchanged for cash.",
            "Can promotional credits be exchanged for cash on Acme?",
        ),
    ],
)
def test_what_happens_to_a_thing_is_asked_by_inversion(sentence: str, question: str) -> None:
    made = texts(f"# Terms\n\n{sentence}", issuer="Acme", doc_type="terms", title="Terms")

    assert question in made


@pytest.mark.parametrize(
    "sentence",
    [
        "This may be changed at any time without further notice to anyone.",
        "The terms in each subsection are as follows for the listed regions.",
        "Such provisions shall be deemed severable from the remaining provisions.",
    ],
)
def test_a_subject_that_names_nothing_is_not_asked_about(sentence: str) -> None:
    made = asked(f"# Terms\n\n{sentence}", issuer="Acme", doc_type="terms", title="Terms")

    assert not [query for query in made if query.pattern == "whether"]


@pytest.mark.parametrize(
    ("sentence", "question"),
    [
        (
            "The decrease in operating margin was primarily due to higher freight rates.",
            "Why did Globex's operating margin decrease in the quarter ended June 30, 2024?",
        ),
        (
            "Unexpected shifts in export rules could adversely affect our business.",
            "How could unexpected shifts in export rules affect Globex?",
        ),
        (
            "Our Analog segment includes power products, sensors and signal chips.",
            "What does Globex's Analog segment include?",
        ),
    ],
)
def test_filings_are_asked_for_reasons_risks_and_parts(sentence: str, question: str) -> None:
    made = texts(
        f"# Results\n\n{sentence}", issuer="GLOBEX INC", doc_type="10-Q", title="10-Q",
        date="2024-06-30",
    )  # fmt: skip

    assert question.lower() in {text.lower() for text in made}


@pytest.mark.parametrize(
    "question",
    [
        "Puis-je résilier mon abonnement à tout moment chez Lumière ?",
        "Dois-je conserver le justificatif de paiement chez Lumière ?",
        "Ai-je le droit de revendre les billets chez Lumière ?",
        "Combien de temps Lumière conserve-t-il mes données ?",
    ],
)
def test_french_terms_are_asked_about_in_french(question: str) -> None:
    assert question in texts(FRENCH, issuer="Lumière", doc_type="terms", language="fr")


@pytest.mark.parametrize(
    ("language", "title", "question"),
    [
        ("en", "Governing Law", "Which law governs the Acme terms?"),
        ("en", "How long we keep your data", "How long does Acme keep my data?"),
        ("fr", "Droit de rétractation", "Comment exercer mon droit de rétractation chez Acme ?"),
        ("zh", "如何注销您的账号", "怎么注销Acme账号？"),
        ("en", "A word from our founder", None),
        ("de", "Datenschutz", None),
    ],
)
def test_a_usual_section_title_says_what_the_section_answers(
    language: str, title: str, question: str | None
) -> None:
    context = Context(language, "terms", "Acme", "terms", None, None, None)

    assert _terms_topics.question_of(title, "What is said.", context) == question


def test_a_key_word_query_is_one_phrase_of_the_sentence() -> None:
    text = (
        "# Two-factor authentication\n\nThe Data Protection Officer provides independent advice "
        "and monitors the use of personal information. Two-factor authentication protects every "
        "account."
    )
    found = [q for q in asked(text, issuer="Acme", doc_type="terms") if q.pattern == "key_sentence"]

    assert found
    for query in found:
        phrase = query.text.removeprefix("Acme ").lower()
        assert phrase in " ".join(text.lower().split())


def test_a_term_of_a_passage_comes_again_in_it() -> None:
    text = (
        "# 一、需求端\n\n光伏玻璃产能继续扩张，头部企业开工率维持高位。"
        "受此影响，光伏玻璃库存天数上升。下半年光伏玻璃需求有望回升，行业会议讨论了出口退税问题。"
    )
    made = asked(text, doc_type="research_report", title="纯碱行业观察", language="zh")
    terms = [query.text.split()[-1] for query in made if query.pattern == "key_term"]

    assert terms
    assert all(text.count(term) > 1 for term in terms)


def test_chinese_terms_without_a_title_are_named_by_who_introduces_itself() -> None:
    doc = document(
        "墨鱼笔记（以下简称“我们”）深知个人信息的重要性。", doc_type="privacy", language="zh"
    )
    made = registry.make("segmenters", "headings", {"min_tokens": 1})([doc])
    passages = [p for p in made if isinstance(p, Passage)]

    assert context_of(passages).issuer == "墨鱼笔记"


@pytest.mark.parametrize(
    "sentence",
    [
        "Trademarks are a signifier of a product's identity and of its reputation.",  # explains
        "If you have an account, and you would like to close it, then we will ask for a proof.",
        "You may have to prove access to your mobile phone before the order is sent.",
    ],
)
def test_what_nobody_would_ask_of_terms_gives_no_question(sentence: str) -> None:
    made = asked(f"# Terms\n\n{sentence}", issuer="Acme", doc_type="terms", title="Terms")

    assert not [query for query in made if query.form != "keyword"]


def test_you_in_a_heading_about_the_policy_is_the_company() -> None:
    text = "# Policy\n\n## How often will you update the privacy policy?\n\n"
    made = texts(
        f"{text}We update the policy once a year, always in the first week of January.",
        issuer="Acme", doc_type="privacy policy", title="Acme Privacy Policy",
    )  # fmt: skip

    assert made
    assert not [text for text in made if "will I" in text]


def test_a_rise_from_one_date_to_another_is_asked_for_at_the_later_one() -> None:
    sentence = (
        "Billings increased from $48 million at December 31, 2017 to $50 million at "
        "December 31, 2018, primarily driven by advances on new orders."
    )
    made = texts(f"# Liquidity\n\n{sentence}", issuer="Acme Corp", doc_type="10-K", title="10-K")

    assert any("2018" in text for text in made)
    assert not [text for text in made if "2017" in text]


@pytest.mark.parametrize(
    ("title", "text", "name"),
    [
        ("GEOTHERMAL STEAM ACT OF 1970", "", "Geothermal Steam Act of 1970"),
        (
            "To aid states, and for other purposes.",
            "This Act may be cited as the “Aid Act”.",
            "Aid Act",
        ),
        ("116 HR 1079 RS: To require guidance.", "", "H.R. 1079"),
        (
            "Regulation (EU) 2024/903 of the Council laying down measures",
            "",
            "Regulation (EU) 2024/903",
        ),
        ("Minutes of a meeting", "", ""),
    ],
)
def test_a_law_is_called_by_its_short_title_or_number(title: str, text: str, name: str) -> None:
    assert law_name(title, text) == name


def test_a_term_of_a_law_is_asked_for_with_the_law() -> None:
    text = (
        "# Definitions\n\nThe term “Administrator” means the Administrator of the "
        "Environmental Protection Agency."
    )

    made = texts(text, doc_type="law", title="TOXIC SUBSTANCES CONTROL ACT")

    assert any("Administrator" in one and "Toxic Substances Control Act" in one for one in made)


@pytest.mark.parametrize(
    "sentence",
    [
        "If you decide to create an account for a club, you represent that you may bind the club.",
        "For example, if you shopped on the website of an advertiser, we use that to show you ads.",
        "Certain features of our plans may be described as unlimited by our partners in the shop.",
    ],
)
def test_what_is_supposed_or_promised_is_nobodys_question(sentence: str) -> None:
    made = texts(
        f"# Plans\n\n{sentence}", issuer="Acme", doc_type="terms", title="Terms of Service"
    )

    assert not any(one.endswith("?") for one in made)


@pytest.mark.parametrize(
    ("title", "text"),
    [
        ("Payment terms for residents of Israel", "The fee is due each month."),  # of some readers
        ("Trademarks", "Use the mark with its symbol."),  # not whose they are
        ("Changes to the terms of use", "We may change them."),  # this is the policy
    ],
)
def test_a_section_title_gives_no_question_that_its_section_leaves_open(
    title: str, text: str
) -> None:
    context = Context("en", "terms", "Acme", "privacy policy", None, None, None)

    assert _terms_topics.question_of(title, text, context) is None


@pytest.mark.parametrize(
    "sentence",
    [
        "We will respond to your request in good time.",
        "You may use our services.",
        "You may use the attached withdrawal form at any time.",
        "To use the sync feature, you must accept the additional terms of the store.",
        "If your data is subject to the laws of Brazil, the United Kingdom, and you object, "
        "contact our office.",
        "Notices are deemed received two days after they were sent by first class or certified "
        "mail.",
    ],
)
def test_kinds_of_question_that_readers_found_bad_are_not_asked(sentence: str) -> None:
    made = asked(f"# Terms\n\n{sentence}", issuer="Acme", doc_type="terms", title="Terms")

    assert not [query for query in made if query.form != "keyword"]


def test_a_kind_of_question_that_is_good_half_of_the_time_is_not_asked() -> None:
    terms = Context("en", "terms", "Acme", "terms", None, None, None)

    assert not _classes.is_asked("faq", terms)
    assert _classes.bonus("definition", terms) > _classes.bonus("how_to", terms)

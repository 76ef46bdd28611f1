"""The extractive generators: what they ask, with which evidence, and what they leave out."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest
from builders import document

from datakit import registry
from datakit.generators.extractive_bottom_up import ExtractiveBottomUp
from datakit.generators.extractive_top_down import ExtractiveTopDown
from datakit.records import Document, Dropped, Passage, Query, passage_id

TERMS = """
# Terms of Service

## 4.2 Refunds

“Renewal Fee” means the fee that we charge for each further year of a subscription.
You may cancel your subscription at any time.
We will refund the unused part of the price within 30 days of your notice.
We may suspend your account if a payment fails. You must not resell the Services.

## How we use your information

We use your information to detect fraud and to improve search.
We retain your information for two years after you close your account.
If you delete your profile, we remove your photographs.
"""

CHINESE_TERMS = """
# 隐私政策

## 二、我们如何存储您的个人信息

个人信息，是指以电子或者其他方式记录的与已识别或者可识别的自然人有关的各种信息。您的个人信息将存储于中华人民共和国境内。
我们会收集您的设备信息，以便识别异常登录。如您是未满14周岁的未成年人，请在监护人陪同下阅读本政策。
"""

REPORT = """
# 一、市场规模

2023年全球半导体材料市场规模达到667亿美元，同比下降8.2%。半导体材料主要包括硅片、光刻胶、电子特气和抛光材料。
光刻胶是指通过紫外光等照射后溶解度发生变化的耐蚀刻薄膜材料。
"""


def passages_of(doc: Document) -> list[Passage]:
    made = registry.make("segmenters", "headings", {"min_tokens": 8})([doc])
    return [p for p in made if isinstance(p, Passage)]


def asked(doc: Document, **settings: Any) -> list[Query]:
    made = ExtractiveBottomUp(**{"least_quality": 0.0} | settings)(passages_of(doc))
    return [record for record in made if isinstance(record, Query)]


def texts(queries: Iterable[Query]) -> set[str]:
    return {query.text for query in queries}


def terms(**meta: Any) -> Document:
    given = {"issuer": "Acme, Inc.", "title": "Terms of Service", "doc_type": "terms"} | meta
    return document(TERMS, **given)


@pytest.mark.parametrize(
    "text",
    [
        'What does "Renewal Fee" mean in the Acme terms?',
        "Can I cancel my Acme subscription at any time?",
        "How quickly will Acme refund the unused part of the price?",
        "How long does Acme keep my information?",
        "How does Acme use my information?",
        "Can I get a refund from Acme?",
    ],
)
def test_terms_are_asked_about_in_the_voice_of_their_reader(text: str) -> None:
    assert text in texts(asked(terms(), sentence_queries=9, need_share=0.0))


def test_a_condition_that_runs_on_into_its_consequence_is_not_asked_about() -> None:
    doc = document(
        "# Terms of Service\n\n## Licence\n\nIF YOU DO NOT AGREE TO THESE TERMS YOU WILL NOT "
        "ACCESS, AND WILL ENSURE THAT YOUR CONTRACTORS WILL NOT ACCESS, THE SERVICE. "
        "If you break a seal on the hardware, we may end the warranty.",
        issuer="Acme, Inc.", doc_type="terms",
    )  # fmt: skip
    asked_about = texts(q for q in asked(doc, sentence_queries=9) if q.pattern == "consequence")

    assert any("seal" in text for text in asked_about)
    assert not any("agree" in text for text in asked_about)


def test_a_month_is_named_once_and_an_analyst_is_no_subject() -> None:
    report = (
        "# 一、行业动态\n\n2020年10月份中国半导体销售额为128亿美元，同比增长6.3%，景气度回升。"
        "王小明2018年加入青松证券研究所。"
    )
    queries = asked(document(report, doc_type="research_report", language="zh", date="2020-12-01"))

    assert not any("月月份" in query.text or "研究所" in query.text for query in queries)
    assert any("中国半导体销售额" in query.text for query in queries)


def test_a_share_of_the_questions_becomes_needs() -> None:
    needs = [q for q in asked(terms(), sentence_queries=9, need_share=1.0) if q.form == "need"]

    assert "I want to cancel" not in texts(needs)  # "may" alone says nothing about how
    assert any("whether I can cancel my Acme subscription at any time" in t for t in texts(needs))
    assert all("?" not in q.text for q in needs)


def test_evidence_is_the_sentence_in_the_document() -> None:
    doc = terms()
    for query in asked(doc):
        for evidence in query.evidence:
            span = doc.text[evidence.start : evidence.end]
            assert span == span.strip()
            assert span[-1] in ".:"
            assert evidence.doc_id == doc.doc_id
        assert bool(query.evidence) == (query.level == "sentence")


def test_a_definition_is_graded_3_and_key_words_2() -> None:
    grades = {query.pattern: query.scores["seed_grade"] for query in asked(terms())}

    assert grades["definition"] == 3
    assert grades["heading"] == 2


def test_passage_queries_have_the_sentence_queries_of_their_passage_as_children() -> None:
    queries = asked(terms())
    for parent in (query for query in queries if query.level == "passage"):
        own = {
            q.query_id
            for q in queries
            if q.level == "sentence" and q.seed_passage_ids == parent.seed_passage_ids
        }
        assert set(parent.child_ids) == own


def test_no_more_queries_than_the_settings_allow() -> None:
    queries = asked(terms(), sentence_queries=1, passage_queries=1)
    per_passage = [(q.seed_passage_ids, q.level) for q in queries]

    assert len(set(per_passage)) == len(per_passage)


def test_without_an_issuer_the_name_comes_from_the_title_or_the_query_is_marked() -> None:
    named = asked(terms(issuer=None, title="Acme Terms of Service"))
    unnamed = asked(terms(issuer=None))

    assert not any("Acme" in q.text for q in unnamed)
    assert all("no_entity" in q.flags for q in unnamed)
    assert all("no_entity" in q.flags for q in named)  # the text does not bear the title out


@pytest.mark.parametrize(
    "text",
    ["什么是个人信息？", "墨鱼笔记把我的个人信息存储在哪里？", "墨鱼笔记会收集我的设备信息吗？"],
)
def test_chinese_terms_are_asked_about_in_chinese(text: str) -> None:
    doc = document(CHINESE_TERMS, issuer="墨鱼笔记", doc_type="privacy", title="隐私政策")
    found = texts(asked(doc, sentence_queries=9, need_share=0.0))
    expected = text.replace("什么是个人信息？", "墨鱼笔记隐私政策中的“个人信息”是什么意思？")

    assert expected in found
    assert "墨鱼笔记如何存储我的个人信息？" in found


@pytest.mark.parametrize(
    "text",
    ["2023年全球半导体材料市场规模是多少？", "半导体材料主要包括哪些？", "什么是光刻胶？"],
)
def test_figures_parts_and_terms_of_a_chinese_report(text: str) -> None:
    doc = document(
        REPORT, doc_type="research_report", title="半导体材料行业深度", date="2024-03-01"
    )

    assert text in texts(asked(doc, sentence_queries=9, need_share=0.0))


@pytest.mark.parametrize(
    ("sentence", "question"),
    [
        ("1-6月份，全国水泥产量8.15亿吨，同比下降4.3%。", "2025年1-6月全国水泥产量是多少？"),
        ("隆基绿能：2024年电池产能达到30万吨，同比持平。", "2024年隆基绿能电池产能是多少？"),
        ("据统计，2030年全球固态电池出货量达614GWh。", "2030年全球固态电池出货量是多少？"),
        (
            "据统计，2025年7月19日，国内氧气单价为439元，较上月略有上涨。",
            "2025年7月19日国内氧气单价是多少？",
        ),
    ],
)
def test_a_figure_is_asked_for_with_its_own_period_and_owner(sentence: str, question: str) -> None:
    doc = document(f"# 一、概览\n\n{sentence}", title="行业观察", date="2025-08", language="zh")

    assert question in texts(asked(doc, need_share=0.0, least_quality=0.0))


@pytest.mark.parametrize(
    "sentence",
    [
        "乘用车销量：2025年6月，乘用车批发完成249万辆。",  # the first number is the year
        "2025年6月，乘用车累计销量1300万辆，创下新高。",
        "2025年7月，N均价每瓦为0.29元，环比持平。",  # a name that is cut
        "2024年CVRM营收120亿美元，同比增长10%。",  # of which company?
        "2025年1-5月硅料价格35元，组件技术迭代推动突破。",  # a price is of a day
    ],
)
def test_a_figure_of_another_time_or_owner_is_not_asked_for(sentence: str) -> None:
    doc = document(f"# 一、概览\n\n{sentence}", title="行业观察", date="2025-08", language="zh")

    assert not any(q.pattern == "amount" for q in asked(doc, least_quality=0.0))


def test_an_app_that_nobody_named_is_not_asked_about() -> None:
    text = "# 存储\n\n我们将您的个人信息存储于中华人民共和国境内的服务器上。"

    made = asked(document(text, doc_type="privacy", title="隐私政策", language="zh"))

    assert not any("APP" in query.text for query in made)


def test_a_figure_needs_its_subject_and_its_period() -> None:
    doc = document(
        "# 一、概览\n\n市场规模达到667亿美元，同比下降8.2%，处于近年较低水平。", title="点评"
    )

    assert not any(q.pattern == "amount" for q in asked(doc))


@pytest.mark.parametrize(
    ("sentence", "question"),
    [
        (
            "Net sales increased 12% to $3.4 billion in the third quarter of 2024.",
            "How much did Globex's net sales increase in the third quarter of 2024?",
        ),
        (
            "Gross profit decreased 4% in fiscal 2023 due to higher freight costs.",
            "Why did Globex's gross profit decrease in fiscal 2023?",
        ),
        ("We had 1,610 employees at the end of June.", "How many employees does Globex have?"),
        (
            "Inventories are stated at the lower of cost or net realizable value.",
            "How are Globex's inventories valued?",
        ),
    ],
)
def test_filings_are_asked_for_figures_causes_and_policies(sentence: str, question: str) -> None:
    doc = document(f"# Results\n\n{sentence}", issuer="GLOBEX INC", doc_type="10-Q", title="10-Q")

    assert question in texts(asked(doc, need_share=0.0))


@pytest.mark.parametrize(
    ("sentence", "question"),
    [
        (
            "Long shifts were associated with a higher risk of falls.",
            "Are long shifts associated with a higher risk of falls?",
        ),
        (
            "Seroprevalence does not differ between goats and sheep (P = 0.58).",
            "Does seroprevalence differ between goats and sheep?",
        ),
    ],
)
def test_papers_are_asked_what_they_found(sentence: str, question: str) -> None:
    doc = document(f"# Results\n\n{sentence}", doc_type="article", title="A study")

    assert question in texts(asked(doc, need_share=0.0))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("Home\n\nProducts\n\nPricing\n\nAbout us\n\nCareers", "nothing_to_ask"),
        ("12.4 88 9,120 3.3\n\n71 0.4 5,002 9.1\n\n8 8 15 2,204", "boilerplate"),
        ("页码 1 2 3\n\n目录\n\n返回首页", "nothing_to_ask"),
    ],
)
def test_a_passage_that_answers_nothing_is_dropped_with_a_reason(text: str, reason: str) -> None:
    doc = document(text, language="zh" if "页" in text else "en", title="Page")
    span = Passage(
        passage_id(doc.doc_id, 0, len(doc.text)), doc.doc_id, doc.text, 0, len(doc.text), 0,
        language=doc.language,
    )  # fmt: skip

    (dropped,) = ExtractiveBottomUp()([span])

    assert isinstance(dropped, Dropped)
    assert (dropped.record_id, dropped.reason) == (span.passage_id, reason)


def test_french_gets_headings_and_key_terms_but_no_english() -> None:
    doc = document(
        "# Conditions\n\n## Article 5 – Droit de rétractation\n\nLe consommateur dispose d'un "
        "délai de quatorze jours pour exercer son droit de rétractation sans donner de motif.",
        issuer="Lumière", doc_type="terms", language="fr",
    )  # fmt: skip
    queries = asked(doc)

    assert "Lumière droit de rétractation" in texts(queries)
    assert not any(" I " in query.text or "the" in query.text.split() for query in queries)


def test_another_seed_words_other_needs() -> None:
    one, other = (texts(asked(terms(), seed=seed, sentence_queries=9)) for seed in (1, 2))

    assert one != other
    assert texts(asked(terms(), seed=1, sentence_queries=9)) == one


# --- topics ------------------------------------------------------------------------------------


def report(title: str, **meta: Any) -> Document:
    given = {"doc_type": "research_report", "language": "zh", "category": "电子"} | meta
    return document("# 摘要\n\n正文。", title=title, source_uri=f"{title}.md", **given)


def policy(issuer: str, *headings: str, **meta: Any) -> Document:
    body = "\n\n".join(f"## {heading}\n\nSome text about it." for heading in headings)
    given = {"doc_type": "terms", "language": "en", "valid_from": "2024-05-01"}
    given |= {"issuer": issuer, "title": "Terms of Service", "source_uri": f"{issuer}.md"}
    return document(body, **(given | meta))


def topics(*documents: Document, **settings: Any) -> list[Query]:
    made = ExtractiveTopDown(**settings)(documents, [])
    return [record for record in made if isinstance(record, Query)]


def test_reports_of_a_category_and_a_quarter_make_a_topic() -> None:
    queries = topics(
        report("动力电池行业月报：装机量回升", date="2024-01-12"),
        report("动力电池价格跟踪", date="2024-03-02"),
        report("动力电池出海专题", date="2024-05-02"),
    )

    assert "2024年第一季度电子行业动力电池的发展趋势如何？" in texts(queries)
    for query in queries:
        assert len(query.supporting_doc_ids) == 2
        assert query.facets["time"] == "2024-Q1"
        assert (query.level, query.scope, query.seed_passage_ids) == ("topic", "cross", ())


def test_terms_make_topics_of_the_headings_that_two_issuers_share() -> None:
    queries = topics(
        policy("Acme", "1. Refunds and cancellation", "2. Acme Rockets"),
        policy("Globex", "Refunds and Cancellation", "Governing law"),
    )

    found = texts(queries)
    assert "How do online services handle refunds and cancellation?" in found
    assert not any("rocket" in text.lower() for text in found)


def test_a_french_title_that_speaks_to_its_reader_is_no_topic() -> None:
    made = topics(
        policy("Acme", "Vos droits", "Droit de rétractation", language="fr"),
        policy("Écla", "Vos droits", "Droit de rétractation", language="fr"),
    )

    assert {query.text.lower() for query in made} == {"droit de rétractation 2024"}


@pytest.mark.parametrize(
    "title", ["Tarif normal", "Site Internet de", "Conditions générales de vente", "Code civil"]
)
def test_a_french_title_that_says_little_without_its_document_is_no_topic(title: str) -> None:
    made = topics(policy("Acme", title, language="fr"), policy("Écla", title, language="fr"))

    assert made == []


def test_a_french_topic_is_supported_by_the_documents_whose_headings_hold_all_its_words() -> None:
    made = topics(
        policy("Acme", "Droit de rétractation légal", language="fr"),
        policy("Écla", "Droit de rétractation", language="fr"),
        policy("Zef", "Droit légal", language="fr"),
    )

    assert [len(query.supporting_doc_ids) for query in made] == [2]


def test_topics_of_sections_are_supported_by_documents_with_such_a_heading() -> None:
    made = topics(
        policy("Acme", "Gift card refunds"),
        policy("Globex", "Gift card refunds"),
        policy("Initech", "Gift cards"),
    )

    assert made
    for query in made:
        words = query.facets["topic"].split()
        assert len(query.supporting_doc_ids) == (2 if "refunds" in words else 3)


@pytest.mark.parametrize("title", ["Request a refund", "Responsibilities"])
def test_an_order_or_a_word_that_says_too_little_is_no_english_topic(title: str) -> None:
    assert topics(policy("Acme", title), policy("Globex", title)) == []


def test_documents_of_two_languages_share_no_topic() -> None:
    queries = topics(
        policy("Acme", "Refunds"), policy("Écla", "Refunds", language="fr"), queries_per_cluster=4
    )

    assert queries == []


def test_two_versions_by_one_issuer_are_no_second_opinion() -> None:
    new, old = (policy("Acme", "Refunds", source_uri=f"{year}.md") for year in (2023, 2024))

    assert topics(new, old) == []


def test_a_lone_document_is_dropped_and_named() -> None:
    doc = report("动力电池行业月报", date="2024-01-12")
    (dropped,) = ExtractiveTopDown()([doc], [])

    assert isinstance(dropped, Dropped)
    assert (dropped.record_id, dropped.reason) == (doc.doc_id, "single_document_cluster")


def test_undated_documents_without_a_category_have_a_cell_of_their_own() -> None:
    documents = [report(t, category=None) for t in ("动力电池价格跟踪", "动力电池出海专题")]
    (cluster,) = ExtractiveTopDown().clusters(documents, [])

    assert cluster.cell == "uncategorised|undated|zh|report"
    assert len(cluster.doc_ids) == 2
    assert "动力电池" in cluster.terms[0]


def test_the_order_of_the_documents_changes_nothing() -> None:
    documents = [
        policy(name, "Refunds", "Governing law", "Fees and payment", "Children")
        for name in ("Acme", "Globex", "Initech", "Umbrella")
    ]

    assert topics(*documents) == topics(*reversed(documents))


def test_real_terms_give_whole_queries_and_questions_among_them(shared_data: Any) -> None:
    folder = shared_data / "tos" / "ota-demo-snapshots" / "GitHub"
    reader = registry.make("ingestors", "terms_html")
    documents = [d for p in sorted(folder.glob("*.html")) for d in reader(p, f"GitHub/{p.name}")]
    queries = [q for doc in documents if isinstance(doc, Document) for q in asked(doc)]

    assert len({q.text.casefold() for q in queries if q.form == "question"}) > 50
    for query in queries:
        last = query.text.rstrip("?").split()[-1].lower()
        assert last not in {"of", "the", "a", "an", "and", "or", "to", "your", "our", "such"}
        assert 2 <= len(query.text.split()) <= 25
        assert "  " not in query.text

"""Bottom-up queries by a language model: what is asked, and how replies are read."""

from __future__ import annotations

import copy
import json
import pickle
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datakit import registry
from datakit.errors import PlanError, UnknownName
from datakit.generators._people import personas
from datakit.generators._quotas import FORMS, forms_of
from datakit.generators.llm_bottom_up import VARIABLES, LlmBottomUp, domain_of
from datakit.llm import prompts
from datakit.llm.exchange import Reading, Task
from datakit.llm.structured import check
from datakit.records import Dropped, Passage, Query, passage_id

ENGLISH = (
    "You may cancel your plan within 15 days of purchase and receive a full refund. After that, "
    "a cancellation fee of $4.50 applies to every month that is left. We tell you by e-mail at "
    "least 30 days before the price of your plan goes up."
)
CHINESE = (
    "用户应当在收到账单之日起十五日内付清费用，逾期每日按欠款的０.５％支付违约金。"
    "连续12个月未登录的，平台有权注销账号，注销前七日会以短信通知用户。"
)


def passage(text: str = ENGLISH, **fields: Any) -> Passage:
    language = "zh" if text == CHINESE else "en"
    known = {
        "passage_id": passage_id("doc", 100, 100 + len(text)),
        "doc_id": "doc",
        "start": 100,
        "end": 100 + len(text),
        "ordinal": 0,
        "language": language,
        "doc_type": "terms",
        "issuer": "蓝桥" if language == "zh" else "Acme",
    }
    return Passage(**known | {"text": text} | fields)  # type: ignore[arg-type]


def task_of(one: Passage, **settings: Any) -> tuple[LlmBottomUp, Task]:
    plugin = LlmBottomUp(**settings)
    (task,) = plugin.tasks([], [one])
    assert isinstance(task, Task)
    return plugin, task


def query(text: str, form: str = "question", **fields: Any) -> dict[str, Any]:
    return {"text": text, "form": form, "names_entity": True, "needs_time": False, **fields}


def reply(text: str = ENGLISH) -> dict[str, Any]:
    if text == CHINESE:
        return {
            "standalone_score": 85,
            "summary": "付款期限、违约金和注销规则。",
            "facts": [
                {
                    "evidence": "逾期每日按欠款的0.5%支付违约金",
                    "fact_type": "amount",
                    "queries": [query("蓝桥账单晚交了要罚多少钱？")],
                },
                {
                    "evidence": "注销前七日会以短信通知用户",
                    "fact_type": "deadline",
                    "queries": [query("蓝桥 账号注销 提前提醒", "keyword")],
                },
            ],
            "passage_queries": [
                {"query": query("我很久没用蓝桥了，也有账单没交，会有什么后果？", "need"),
                 "covers_facts": [0, 1]},
            ],
        }  # fmt: skip
    return {
        "standalone_score": 90,
        "summary": "Refunds, fees and notices of price changes.",
        "facts": [
            {
                "evidence": "You may cancel your plan within 15 days of purchase and receive a full"
                " refund.",
                "fact_type": "right",
                "queries": [query("Until when does Acme give the money back?")],
            },
            {
                "evidence": "a cancellation fee of $4.50 applies to every month that is left",
                "fact_type": "amount",
                "queries": [query("acme early termination cost", "keyword")],
            },
        ],
        "passage_queries": [
            {"query": query("I bought Acme by mistake. What do I get back if I stop now or later?",
                            "need"),
             "covers_facts": [0, 1]},
        ],
    }  # fmt: skip


def read(
    change: Any = None, text: str = ENGLISH, settings: dict[str, Any] | None = None
) -> Reading:
    plugin, task = task_of(passage(text), **settings or {})
    value = copy.deepcopy(reply(text))
    if change:
        change(value)
    assert check(value, task.schema) == ()
    return plugin.read(task, value, "qwen")


def queries(reading: Reading) -> list[Query]:
    return [record for record in reading.records if isinstance(record, Query)]


def drops(reading: Reading) -> list[str]:
    return [record.reason for record in reading.records if isinstance(record, Dropped)]


# --- read: what is kept -------------------------------------------------------------------


@pytest.mark.parametrize("text", [ENGLISH, CHINESE])
def test_a_good_reply_gives_queries_with_evidence_in_the_document(text: str) -> None:
    document = "x" * 100 + text

    reading = read(text=text)
    first, second, whole = queries(reading)

    assert reading.errors == ()
    assert [q.level for q in (first, second, whole)] == ["sentence", "sentence", "passage"]
    assert whole.child_ids == (first.query_id, second.query_id)
    assert whole.evidence == (*first.evidence, *second.evidence)
    for one in (first, second, whole):
        assert one.seed_passage_ids == (passage(text).passage_id,)
        assert one.scores == {"seed_grade": 3.0}
        assert one.generator_family == "qwen"
        for span in one.evidence:
            assert document[span.start : span.end] in text
    assert document[second.evidence[0].start : second.evidence[0].end] == (
        "注销前七日会以短信通知用户"
        if text == CHINESE
        else "a cancellation fee of $4.50 applies to every month that is left"
    )


def test_full_width_evidence_is_found_by_its_half_width_quote() -> None:
    first = queries(read(text=CHINESE))[0]
    (span,) = first.evidence

    assert CHINESE[span.start - 100 : span.end - 100] == "逾期每日按欠款的０.５％支付违约金"


def test_provenance_is_in_every_query() -> None:
    plugin, task = task_of(passage())
    (first, *_) = queries(plugin.read(task, reply(), "qwen"))

    assert first.generator_id is not None
    assert first.generator_id.startswith(f"bottom_up.v1.en@{task.prompt_digest[:16]}+")
    assert (first.pattern, first.form, first.language) == ("right", "question", "en")
    assert first.facets == {"entity": "Acme"}
    assert first.persona in {p.persona_id for p in personas("personas.v1")["terms"]}
    assert first.flags == ("names_entity",)


def test_another_family_writes_other_queries() -> None:
    plugin, task = task_of(passage())
    one, other = (queries(plugin.read(task, reply(), name))[0] for name in ("qwen", "gpt"))

    assert one.query_id != other.query_id
    assert one.generator_id != other.generator_id


def test_reading_again_gives_the_same() -> None:
    assert read() == read()


# --- read: what is refused ----------------------------------------------------------------


def plant(old: str, new: str, fact: int) -> Any:
    def change(value: dict[str, Any]) -> None:
        evidence = value["facts"][fact]["evidence"]
        assert old in evidence
        value["facts"][fact]["evidence"] = evidence.replace(old, new)

    return change


@pytest.mark.parametrize(
    ("text", "old", "new", "fact"),
    [
        (ENGLISH, "15 days", "14 days", 0),
        (ENGLISH, "$4.50", "$4.05", 1),
        (CHINESE, "0.5%", "0.6%", 0),
        (CHINESE, "0.5%", "０.８％", 0),
        (CHINESE, "七日", "十日", 1),
    ],
)
def test_a_near_miss_quote_is_an_error_and_its_queries_are_dropped(
    text: str, old: str, new: str, fact: int
) -> None:
    reading = read(plant(old, new, fact), text)

    assert len(reading.errors) == 1
    assert f"facts[{fact}].evidence is not in the passage word for word" in reading.errors[0]
    # the passage query has one verified fact left, and needs two
    assert drops(reading) == ["evidence_not_found", "evidence_not_found"]
    assert len(queries(reading)) == 1


def test_an_error_says_what_the_passage_has_instead() -> None:
    (error,) = read(plant("15 days", "14 days", 0)).errors

    assert "14, 15" in error
    assert "within 15 days of purchase" in error


def test_a_low_score_gives_no_query_and_no_error() -> None:
    reading = read(lambda value: value.update(standalone_score=49))

    assert drops(reading) == ["not_standalone"]
    assert reading.records[0] == Dropped(
        passage().passage_id, "not_standalone",
        "stand-alone score 49, expected 50 or more: Refunds, fees and notices of price changes.",
    )  # fmt: skip
    assert (queries(reading), reading.errors) == ([], ())


def test_a_reply_without_facts_is_said_to_be_one() -> None:
    assert drops(read(lambda value: value.update(facts=[], passage_queries=[]))) == [
        "nothing_asked"
    ]


def test_a_passage_query_about_facts_that_are_not_there() -> None:
    reading = read(lambda value: value["passage_queries"][0].update(covers_facts=[0, 7]))

    assert "passage_queries[0].covers_facts is [0, 7]" in reading.errors[0]
    assert drops(reading) == ["facts_not_found"]


def test_the_same_fact_twice_is_one_fact() -> None:
    reading = read(lambda value: value["passage_queries"][0].update(covers_facts=[1, 1]))

    assert drops(reading) == ["facts_not_found"]


def test_two_facts_in_the_same_words_are_one_fact() -> None:
    def change(value: dict[str, Any]) -> None:
        value["facts"][1]["evidence"] = value["facts"][0]["evidence"]

    assert drops(read(change)) == ["evidence_not_found"]


def test_a_passage_query_with_a_third_fact_that_is_not_there_is_worth_less() -> None:
    def change(value: dict[str, Any]) -> None:
        value["facts"].append(
            {
                "evidence": "We tell you by e-mail at least 90 days before the price goes up.",
                "fact_type": "deadline",
                "queries": [query("How early does Acme announce a higher price?")],
            }
        )
        value["passage_queries"][0]["covers_facts"] = [0, 1, 2]

    whole = queries(read(change))[-1]

    assert whole.level == "passage"
    assert whole.scores == {"seed_grade": 2.0}
    assert "evidence_partial" in whole.flags
    assert len(whole.evidence) == 2


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("Until when does Acme give the money back?", "duplicate_query"),
        ("  until when does ACME give the money back ", "duplicate_query"),
        ("　 ", "blank_query"),
    ],
)
def test_a_text_that_is_no_new_query_is_dropped(text: str, reason: str) -> None:
    reading = read(lambda value: value["facts"][1]["queries"].__setitem__(0, query(text)))

    assert drops(reading) == [reason]


def test_more_queries_than_asked_for_are_dropped_in_order() -> None:
    reading = read(settings={"sentence_queries": 1})

    assert queries(reading)[0].text == "Until when does Acme give the money back?"
    assert drops(reading) == ["over_budget"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Can I cancel your plan within 15 days of purchase at Acme?", "is copied from"),
        ("What does this policy say about refunds?", "points outside"),
    ],
)
def test_what_a_filter_would_drop_is_asked_for_in_other_words(text: str, said: str) -> None:
    def change(value: dict[str, Any]) -> None:
        value["facts"][0]["queries"][0]["text"] = text

    assert said in read(change).errors[0]
    assert len(queries(read(change))) == 3  # the filters have the last word
    assert read(change, settings={"rewrite": False}).errors == ()


def test_a_query_that_needs_a_period_and_names_none_is_flagged() -> None:
    def change(value: dict[str, Any]) -> None:
        value["facts"][0]["queries"][0]["needs_time"] = True

    assert queries(read(change))[0].flags == ("names_entity", "needs_time", "no_period")


def test_a_repeated_quote_is_flagged() -> None:
    text = f"{ENGLISH} {ENGLISH}"
    plugin, task = task_of(passage(text))

    (first, *_) = queries(plugin.read(task, reply(), "qwen"))

    assert first.evidence[0].start == 100
    assert "evidence_repeated" in first.flags


def test_hostile_text_in_a_reply_is_only_text() -> None:
    text = "Acme \x00refund\u202e {{ 7*7 }} <script>\n\n[/INST]"
    reading = read(
        lambda value: value["facts"][0]["queries"][0].update(text=text), settings={"rewrite": False}
    )

    assert queries(reading)[0].text == "Acme refund {{ 7*7 }} <script> [/INST]"


# --- ask ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "language", "prompt_id", "said"),
    [
        (ENGLISH, "en", "bottom_up.v1.en", "queries: English;"),
        (ENGLISH, "fr-CA", "bottom_up.v1.en", "queries: French;"),
        (ENGLISH, None, "bottom_up.v1.en", "queries: English;"),  # as detected
        (CHINESE, "zh-Hans", "bottom_up.v1.zh", "语言：中文；"),
    ],
)
def test_the_language_of_the_passage_decides(
    text: str, language: str | None, prompt_id: str, said: str
) -> None:
    _, task = task_of(passage(text, language=language))

    assert task.prompt_id == prompt_id
    assert said in task.messages[1].content


def test_the_header_is_context_and_the_passage_is_data() -> None:
    one = passage(title="Terms {{ 7*7 }}", section_path=("5 Fees", "5.2 Refunds"), date="2024-03")
    _, task = task_of(one)

    user = task.messages[1].content

    assert "Issuer: Acme\nTitle: Terms {{ 7*7 }}\nKind: terms" in user
    assert "Section: 5 Fees > 5.2 Refunds\nDate: 2024-03\n</context>" in user
    assert f"<passage>\n{ENGLISH}\n</passage>" in user
    assert ENGLISH not in task.messages[0].content


@pytest.mark.parametrize(
    ("doc_type", "domain", "said"),
    [
        ("terms", "terms", "terms of service, a privacy policy"),
        ("10-K", "filing", "a company's filing"),
        ("EX-99.1", "filing", "a company's filing"),
        ("DEF 14A", "filing", "a company's filing"),
        ("research_report", "report", "a research report"),
        ("statute", "law", "a statute, regulation or treaty"),
        ("article", "article", "Readers ask what something is"),
        (None, "article", "Readers ask what something is"),
    ],
)
def test_the_kind_of_document_decides_the_advice(
    doc_type: str | None, domain: str, said: str
) -> None:
    one = passage(doc_type=doc_type)
    _, task = task_of(one)

    assert domain_of(one) == domain
    assert said in task.messages[0].content
    assert task.about.persona_id in {p.persona_id for p in personas("personas.v1")[domain]}


def test_a_passage_is_asked_the_same_whatever_is_beside_it() -> None:
    plugin = LlmBottomUp()
    many = [passage(passage_id=f"doc:{n}") for n in range(20)]

    together = list(plugin.tasks([], many))
    alone = [task for one in reversed(many) for task in plugin.tasks([], [one])]

    assert together == alone[::-1]
    assert len({task.messages for task in together if isinstance(task, Task)}) > 5


def test_passages_that_hold_nothing_to_ask_are_dropped_with_a_reason() -> None:
    titles = ("Fees that the customer pays to Acme", "Fees for cancelling a plan before its end")
    short, long = passage("Fees."), passage("The fee is due. " * 2000)
    heading = passage("\n\n".join(titles), section_path=titles)

    found = list(LlmBottomUp().tasks([], [short, heading, long]))

    assert [one.reason for one in found if isinstance(one, Dropped)] == [
        "too_short", "too_short", "too_long",
    ]  # fmt: skip


def test_a_task_can_be_put_aside_and_read_later() -> None:
    plugin, task = task_of(passage())

    later = pickle.loads(pickle.dumps(task))

    assert plugin.read(later, reply(), "qwen") == plugin.read(task, reply(), "qwen")


# --- quotas -------------------------------------------------------------------------------


@given(
    st.tuples(*[st.floats(0, 100)] * 3).filter(lambda shares: sum(shares) > 1e-6),
    st.integers(0, 6),
    st.integers(0, 2**62),
)
def test_each_form_gets_its_share_rounded_down_or_up(
    shares: tuple[float, float, float], n_slots: int, seed: int
) -> None:
    forms = Counter(forms_of(shares, n_slots, seed))

    assert sum(forms.values()) == n_slots
    for form, share in zip(FORMS, shares, strict=True):
        assert abs(forms[form] - n_slots * share / sum(shares)) < 1 + 1e-6


@pytest.mark.parametrize("first", [1, 2, 4])
def test_over_many_passages_the_shares_come_out(first: int) -> None:
    forms = Counter(f for seed in range(4000) for f in forms_of((25, 50, 25), 4, seed)[:first])

    for form, share in (("keyword", 0.25), ("question", 0.5), ("need", 0.25)):
        assert forms[form] / forms.total() == pytest.approx(share, abs=0.03)


# --- settings -----------------------------------------------------------------------------


def test_few_shot_pairs_are_shown_in_their_language(tmp_path: Path) -> None:
    file = tmp_path / "pairs.jsonl"
    pairs = [
        {"query": "how long do I have to return shoes", "passage": "Shoes are returned in a week."},
        {"query": "鞋子几天内能退", "passage": "鞋类商品自签收之日起七日内可以退货。"},
    ]
    file.write_text("\n".join(json.dumps(pair) for pair in pairs), "utf-8")

    _, english = task_of(passage(), few_shot=str(file))
    plugin, chinese = task_of(passage(CHINESE), few_shot=str(file))
    value = reply(CHINESE)
    value["facts"][0]["queries"][0]["text"] = "鞋子几天内能退？"
    reading = plugin.read(chinese, value, "qwen")

    assert "return shoes" in english.messages[1].content
    assert "鞋子" not in english.messages[1].content
    assert "查询：鞋子几天内能退" in chinese.messages[1].content
    assert drops(reading) == ["few_shot_copy"]


@pytest.mark.parametrize(
    "line", ["", "no json", "[]", '{"query": "a"}', '{"query": "a", "passage": 3}', "[" * 9999]
)
def test_few_shot_pairs_that_are_none_are_refused(line: str, tmp_path: Path) -> None:
    (tmp_path / "pairs.jsonl").write_text(line, "utf-8")

    with pytest.raises(PlanError, match="few-shot pairs"):
        registry.make("generators", "llm_bottom_up", {"few_shot": str(tmp_path / "pairs.jsonl")})


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"prompt": "bottom_up.v9"}, r"Did you mean 'bottom_up\.v1'"),
        ({"prompt": "top_down.v1"}, "expected 'bottom_up.v1'|it is not given"),
        ({"personas": "personas.v9"}, r"Did you mean 'personas\.v1'"),
        ({"sentence_queries": 7}, "1 to 6"),
        ({"passage_queries": 3}, "0 to 2"),
        ({"forms": (0, 0, 0)}, "not all 0"),
        ({"promt": "x"}, "Did you mean 'prompt'"),
    ],
)
def test_settings_are_checked_before_anything_runs(settings: dict[str, Any], message: str) -> None:
    with pytest.raises((PlanError, UnknownName), match=message):
        registry.make("generators", "llm_bottom_up", settings)


def test_personas_of_ones_own(tmp_path: Path) -> None:
    file = tmp_path / "people.toml"
    file.write_text(
        '[[anything]]\nid = "nurse"\nen = "a nurse"\nzh = "护士"\n'
        'scenarios = [{ id = "night", en = "on a night shift", zh = "值夜班" }]\n',
        "utf-8",
    )

    _, task = task_of(passage(CHINESE), personas=str(file))

    assert task.about.persona_id == "nurse/night"
    assert "提问者：护士。" in task.messages[1].content


@pytest.mark.parametrize("text", ["a = ", "a = 1", "[[a]]\nid = 'x'", "[[a]]\nid='x'\nen=''\n"])
def test_a_file_that_has_no_personas_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "people.toml").write_text(text, "utf-8")

    with pytest.raises(PlanError, match="personas"):
        LlmBottomUp(personas=str(tmp_path / "people.toml"))


def test_a_change_of_a_file_beside_the_settings_makes_old_rows_stale(tmp_path: Path) -> None:
    words = prompts.released_path("bottom_up.v1.en").read_text("utf-8")
    file = tmp_path / "mine.md"
    file.write_text(words, "utf-8")
    before = LlmBottomUp(prompt=str(file)).fingerprint()

    file.write_text(words.replace("You write", "Write"), "utf-8")

    assert LlmBottomUp(prompt=str(file)).fingerprint() != before
    assert LlmBottomUp().fingerprint() == LlmBottomUp().fingerprint()


def test_every_domain_and_variable_has_words_in_both_languages() -> None:
    for prompt in prompts.versions("bottom_up.v1"):
        assert set(prompt.variables) == set(VARIABLES)
    people = personas("personas.v1")
    assert set(people) == {"terms", "filing", "report", "law", "article"}
    for group in people.values():
        assert len({one.persona_id for one in group}) == len(group) >= 6

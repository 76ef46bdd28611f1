"""Duplicates: which passages are copies, and which only look like it."""

from __future__ import annotations

import random

import pytest

from datakit.miners.duplicates import Duplicates
from datakit.records import Duplicate, Passage

CLAUSE = (
    "A customer may cancel the subscription at any time in the account settings, and the part of "
    "the fee that covers the rest of the billing period is returned to the original means of "
    "payment within 30 days after the request was confirmed by electronic mail."
)
ZH = (
    "用户可以随时在账户设置中取消订阅，自确认申请之日起30天内，公司将剩余结算周期对应的费用原路退还，"
    "已经享受的优惠不再追回，但是因为违反本协议而被终止服务的用户不适用本条的约定。"
)


def passages(*texts: str) -> list[Passage]:
    return [Passage(f"p{i}", "d", text, 0, len(text), i) for i, text in enumerate(texts)]


def found(*texts: str, **settings: float) -> dict[str, Duplicate]:
    return {row.passage_id: row for row in Duplicates(**settings)(passages(*texts))}  # type: ignore[arg-type]


def relations(*texts: str) -> list[str | None]:
    rows = found(*texts)
    return [rows[p.passage_id].relation if p.passage_id in rows else None for p in passages(*texts)]


def test_texts_equal_but_for_case_blanks_and_width_are_exact() -> None:
    assert relations(CLAUSE, CLAUSE.upper().replace(" ", "  "), "other words") == [
        "exact", "exact", None,
    ]  # fmt: skip
    assert relations("ＡＢＣ条款", "abc条款") == ["exact", "exact"]


@pytest.mark.parametrize(
    ("text", "copy"),
    [(CLAUSE, CLAUSE.replace("A customer", "Customers")), (ZH, ZH.replace("公司将", "我们将"))],
)
def test_a_lightly_edited_copy_is_near_and_belongs_to_the_smallest_id(text: str, copy: str) -> None:
    rows = found(text, copy, "something else altogether, of which there is no copy")

    assert {row.relation for row in rows.values()} == {"near"}
    assert {row.cluster_id for row in rows.values()} == {"p0"}
    assert rows["p0"].similarity == 1.0
    assert 0.8 <= rows["p1"].similarity < 1.0


@pytest.mark.parametrize(
    ("text", "old", "new"),
    [
        (CLAUSE, "30 days", "14 days"),
        (CLAUSE, "30 days", "thirty days"),
        (CLAUSE, "30 days", "30% days"),
        (CLAUSE, "at any time", "before 5 May"),
        (ZH, "30天", "60天"),
        (ZH, "本条", "第三条"),
    ],
)
def test_another_number_or_date_makes_a_template_variant(text: str, old: str, new: str) -> None:
    rows = found(text, text.replace(old, new), threshold=0.7)

    assert {row.relation for row in rows.values()} == {"template"}


@pytest.mark.parametrize(
    ("text", "old", "new"),
    [
        (CLAUSE, "may cancel", "may not cancel"),
        (f"Overall up. {CLAUSE}", "Overall up", "Overall down"),
        (f"{CLAUSE} The seller pays.", "seller", "buyer"),
        (ZH, "不再追回", "再追回"),
        (f"{ZH}费用同比上升。", "上升", "下降"),
    ],
)
def test_a_word_that_turns_the_statement_round_makes_a_template_variant(
    text: str, old: str, new: str
) -> None:
    rows = found(text, text.replace(old, new), threshold=0.7)

    assert {row.relation for row in rows.values()} == {"template"}


def test_may_is_a_month_only_beside_a_number_and_one_within_a_word_is_none() -> None:
    assert relations(CLAUSE, CLAUSE.replace("may", "can")) == ["near", "near"]
    assert relations(ZH, ZH.replace("可以", "一般可以")) == ["near", "near"]


def test_the_number_of_a_clause_is_no_fact() -> None:
    assert relations(f"7.1. {CLAUSE}", f"(8) {CLAUSE}") == ["near", "near"]
    assert relations(f"三、{ZH}", f"四、{ZH}") == ["near", "near"]


def test_template_variants_do_not_join_a_cluster() -> None:
    near, other = CLAUSE.replace("A customer", "Customers"), CLAUSE.replace("30 days", "14 days")
    rows = found(CLAUSE, near, other, threshold=0.7)

    assert [rows[p].relation for p in ("p0", "p1", "p2")] == ["near", "near", "template"]
    assert rows["p2"].cluster_id == "p0"


def test_texts_under_five_words_are_only_exact() -> None:
    assert relations("Refunds", "refunds", "Refunds policy", "Refunds policy now") == [
        "exact", "exact", None, None,
    ]  # fmt: skip


def test_empty_input_and_passages_without_copies_give_no_rows() -> None:
    assert found() == {}
    assert found(CLAUSE) == {}
    assert found("", "。、") == {}


def test_rows_are_sorted_and_do_not_depend_on_the_order_of_passages() -> None:
    words = CLAUSE.split()
    texts = [" ".join([*words[:i], "extra", *words[i:]]) for i in range(0, len(words), 3)]
    rows = list(Duplicates()(passages(*texts, ZH, ZH)))
    mixed = passages(*texts, ZH, ZH)
    random.Random(5).shuffle(mixed)

    assert rows == list(Duplicates()(mixed))
    assert [row.passage_id for row in rows] == sorted(row.passage_id for row in rows)


def test_a_boilerplate_of_thousands_of_variants_is_one_cluster_in_little_time() -> None:
    texts = [f"{CLAUSE} reference {word}" for word in _words(3000)]
    rows = found(*texts)

    assert len(rows) == 3000
    assert {row.cluster_id for row in rows.values()} == {"p0"}


def test_passages_are_streamed_and_batches_do_not_change_the_rows(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    texts = [CLAUSE, ZH, CLAUSE.replace("mail.", "letter."), ZH.replace("约定。", "规定。")]
    whole = found(*texts)
    monkeypatch.setattr("datakit.miners.duplicates.BATCH_PASSAGES", 1)

    assert found(*texts) == whole
    assert len(whole) == 4


def test_a_threshold_outside_0_to_1_is_refused() -> None:
    with pytest.raises(ValueError, match="threshold"):
        Duplicates(threshold=1.2)


def _words(n: int) -> list[str]:
    letters = "abcdefghjklnopqrstuwyz"
    return [letters[i % 22] + letters[i // 22 % 22] + letters[i // 484 % 22] for i in range(n)]

"""Quotes found again in a passage, and near-miss quotes refused."""

from __future__ import annotations

import re

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from datakit.generators._quotes import Found, Missing, align

ENGLISH = (
    "You may cancel your subscription within 15 days of purchase and receive a full refund. "
    "A cancellation fee of $4.50 applies from January 1, 2024, unless the plan costs less than "
    "1,000 dollars a year. After thirty (30) days we are unable to refund more than 5% of the "
    "price.\n\nNet sales fell -5.2% to $1,234.5 million in the third quarter of fiscal 2023."
)
CHINESE = (
    "公司应当在收到退款申请之日起十五日内退还押金３００元，逾期每日按 0.5% 支付违约金。"
    "用户连续12个月未登录的，平台有权注销账号。\n2023年第三季度，公司实现营业收入35.6亿元，"
    "同比增长8.2%；毛利率为二十八点五个百分点，不低于行业平均水平。"
)
BOTH = [ENGLISH, CHINESE]


def slices(text: str) -> st.SearchStrategy[str]:
    """Pieces of a text of at least twelve characters."""
    last = len(text)
    return st.integers(0, last - 12).flatmap(
        lambda start: st.integers(start + 12, last).map(lambda end: text[start:end])
    )


def retyped(quote: str) -> str:
    """The same words as another hand would type them."""
    swaps = {"“": '"', "，": ",", "；": ";", "。": "。", "-": "–", "'": "’", " ": "  ", "\n": " "}
    wide = "".join(chr(ord(c) + 0xFEE0) if c.isdecimal() and c.isascii() else c for c in quote)
    return "".join(swaps.get(c, c) for c in wide).swapcase()


# --- what is found ------------------------------------------------------------------------


@given(st.sampled_from(BOTH).flatmap(lambda t: slices(t).map(lambda quote: (t, quote))))
def test_a_span_that_is_found_holds_the_quote(pair: tuple[str, str]) -> None:
    text, quote = pair

    found = align(quote, text)

    if isinstance(found, Found) and found.how == "exact":
        assert text[found.start : found.end] == quote.strip()
    elif isinstance(found, Found):
        assert quote.strip()[1:-1] in text[found.start : found.end]


@given(st.sampled_from(BOTH).flatmap(lambda t: slices(t).map(lambda quote: (t, quote))))
def test_a_retyped_quote_has_the_span_of_the_words(pair: tuple[str, str]) -> None:
    text, quote = pair
    plain = align(quote, text)
    assume(isinstance(plain, Found) and plain.how == "exact")

    found = align(retyped(quote), text)

    assert isinstance(found, Found)
    assert (found.start, found.end) == (plain.start, plain.end)  # type: ignore[union-attr]


@given(st.text(max_size=80), st.text(max_size=200))
def test_any_span_lies_in_the_text(quote: str, text: str) -> None:
    found = align(quote, text)

    if isinstance(found, Found):
        assert 0 <= found.start < found.end <= len(text)


@pytest.mark.parametrize(
    ("quote", "words"),
    [
        ("“cancel your subscription within 15 days”", "cancel your subscription within 15 days"),
        ("YOU MAY CANCEL YOUR SUBSCRIPTION", "You may cancel your subscription"),
        ("退还押金300元,逾期每日按0.5%支付违约金", "退还押金３００元，逾期每日按 0.5% 支付违约金"),
        ("平台有权注销账号。2023年第三季度", "平台有权注销账号。\n2023年第三季度"),
    ],
)
def test_typography_does_not_matter(quote: str, words: str) -> None:
    text = ENGLISH if words in ENGLISH else CHINESE

    found = align(quote, text)

    assert isinstance(found, Found)
    assert (found.how, text[found.start : found.end]) == ("normalised", words)


@pytest.mark.parametrize(
    ("quote", "words"),
    [
        (
            "You may cancel you subscription within 15 days of purchase and receive a full refund",
            "You may cancel your subscription within 15 days of purchase and receive a full refund",
        ),
        (
            "公司应当在收到退款申请之日起十五日内退还押金300元，逾期每日按0.5%的支付违约金。"
            "用户连续12个月未登录的",
            "公司应当在收到退款申请之日起十五日内退还押金３００元，逾期每日按 0.5% 支付违约金。"
            "用户连续12个月未登录的",
        ),
    ],
)
def test_a_slip_of_the_pen_is_forgiven(quote: str, words: str) -> None:
    text = ENGLISH if words in ENGLISH else CHINESE

    found = align(quote, text)

    assert isinstance(found, Found)
    assert (found.how, text[found.start : found.end]) == ("near", words)


def test_of_a_repeated_quote_the_first_place_is_taken_and_said() -> None:
    text = "The fee is due monthly. Late payment costs interest. The fee is due monthly."

    assert align("The fee is due monthly.", text) == Found(0, 23, "exact", repeated=True)


def test_combining_marks_stay_with_their_letter() -> None:
    text = "Le délai de re\u0301tractation est de quatorze jours q\u0323"

    found = align("est de quatorze jours q", text)

    assert not isinstance(found, Found) or found.end == len(text)


# --- what is refused ----------------------------------------------------------------------

DIGITS = "0123456789０１２３４５６７８９〇一二三四五六七八九十"


def other_digit(char: str, shift: int) -> str:
    for group in ("0123456789", "０１２３４５６７８９", "一二三四五六七八九"):
        if char in group:
            return group[(group.index(char) + 1 + shift % (len(group) - 1)) % len(group)]
    return "百"


@given(
    st.sampled_from(BOTH).flatmap(lambda t: slices(t).map(lambda quote: (t, quote))),
    st.integers(0, 1000),
    st.integers(0, 8),
)
def test_one_changed_digit_is_refused(pair: tuple[str, str], which: int, shift: int) -> None:
    text, quote = pair
    places = [i for i, char in enumerate(quote) if char in DIGITS]
    assume(places)
    at = places[which % len(places)]
    planted = quote[:at] + other_digit(quote[at], shift) + quote[at + 1 :]
    assume(planted not in text)

    assert isinstance(align(planted, text), Missing)


@given(
    st.sampled_from(BOTH).flatmap(lambda t: slices(t).map(lambda quote: (t, quote))),
    st.integers(0, 1000),
)
def test_one_digit_left_out_is_refused(pair: tuple[str, str], which: int) -> None:
    text, quote = pair
    inner = quote.strip()[1:-1]  # a quote may end anywhere, a number in it may not
    places = [m.start() + 1 for m in re.finditer(rf"[{DIGITS}]", inner)]
    assume(places)
    at = places[which % len(places)]
    planted = quote.strip()[:at] + quote.strip()[at + 1 :]

    assert isinstance(align(planted, text), Missing)


@pytest.mark.parametrize(
    "quote",
    [
        "5 days of purchase and receive a full refund",  # of 15
        "A cancellation fee of $4.5",  # of 4.50
        "we are able to refund more than 5% of the price",
        "able to refund more than 5% of the price",
        "Net sales fell 5.2% to $1,234.5 million",
        "5.2% to $1,234.5 million in the third quarter",  # of -5.2 %
        "Net sales fell -5.2% to $1,234.5 billion in the third quarter of fiscal 2023.",
        "Net sales fell -5.2% to €1,234.5 million in the third quarter of fiscal 2023.",
        "Net sales fell -5.2% to $1,234.5 million in the fourth quarter of fiscal 2023.",
        "You may cancel your subscription within 15 months of purchase and receive a full refund",
        "You may not cancel your subscription within 15 days of purchase and receive a full refund",
        "applies from February 1, 2024, unless the plan costs less than 1,000 dollars a year",
        "applies from January 1, 2024, unless the plan costs more than 1,000 dollars a year",
        "五日内退还押金３００元，逾期每日按 0.5% 支付违约金",  # 十五日
        "收到退款申请之日起十五日内退还押金３００元，逾期每月按 0.5% 支付违约金",
        "2023年第三季度，公司实现营业收入35.6万元，同比增长8.2%",
        "2023年第二季度，公司实现营业收入35.6亿元，同比增长8.2%",
        "2023年第三季度，公司实现营业收入35.6亿元，同比下降8.2%",
        "毛利率为二十八点五个百分点，低于行业平均水平",
        "毛利率为二十八点六个百分点，不低于行业平均水平",
        "",
        "   ",
        "This sentence stands in no passage at all, wherever one looks.",
    ],
)
def test_what_says_something_else_is_no_quote(quote: str) -> None:
    assert all(isinstance(align(quote, text), Missing) for text in BOTH)


@pytest.mark.parametrize(
    ("quote", "text"),
    [
        ("an area of 102 square metres", "an area of 10² square metres"),
        ("take 11/2 spoons of it daily", "take 1½ spoons of it daily"),
        ("between 10 and 5 per cent of all the revenue that the stores of the group had in it",
         "between 5 and 10 per cent of all the revenue that the stores of the group had in it"),
        ("holders of Class B shares have one vote for each of their shares at every meeting",
         "holders of Class A shares have one vote for each of their shares at every meeting"),
    ],
)  # fmt: skip
def test_numbers_that_only_look_alike_are_refused(quote: str, text: str) -> None:
    assert isinstance(align(quote, text), Missing)


def test_a_refusal_says_what_differs_and_what_stands_there() -> None:
    missing = align("cancel your subscription within 14 days of purchase", ENGLISH)

    assert isinstance(missing, Missing)
    assert missing.differs == ("14", "15")
    assert missing.nearest == "cancel your subscription within 15 days of purchase"

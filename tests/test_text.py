from __future__ import annotations

import itertools
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datakit.text import (
    count_tokens,
    detect_language,
    is_cjk_language,
    normalise,
    normalise_with_offsets,
    sentences,
    stop_words,
    token_spans,
    tokens,
    words,
)

# what real pages are made of, the troublesome characters well represented
ODD = st.characters() | st.sampled_from(
    "\r\n\x00\t\x0b\x85\u2028\xa0\u3000\xad\u200b\ufeff\x92\uf06c\uf0b7\uf0ab\uf034e\u0301\u1100\u1161"
    "\u0958Å\u212b\u09c7\u09be\ud800.。；;！“”（）() aA12•\u200d"
)
TEXTS = st.text(ODD, max_size=60)
PROSE = st.text(st.sampled_from("ab A.Z?!;,。；，“”（）()图表1：2\n …•e.g. 上海是"), max_size=200)


@given(TEXTS)
def test_normalised_text_is_nfc_and_has_no_control_characters(text: str) -> None:
    result = normalise(text)

    assert unicodedata.is_normalized("NFC", result)
    assert not {unicodedata.category(c) for c in result.replace("\n", "")} & {
        "Cc",
        "Cs",
        "Zl",
        "Zp",
    }


@given(TEXTS)
def test_normalising_twice_changes_nothing(text: str) -> None:
    assert normalise(normalise(text)) == normalise(text)


@given(TEXTS)
def test_offsets_lead_back_in_order_to_every_code_point(text: str) -> None:
    result, offsets = normalise_with_offsets(text)

    assert result == normalise(text)
    assert len(offsets) == len(result)
    assert list(offsets) == sorted(offsets)
    assert all(0 <= offset < len(text) for offset in offsets)


@given(TEXTS)
def test_offset_of_an_unchanged_code_point_is_its_own(text: str) -> None:
    result, offsets = normalise_with_offsets(text)

    plain = [(c, text[offset]) for c, offset in zip(result, offsets, strict=True) if "!" < c < "~"]
    assert all(new == old for new, old in plain if ord(old) < 0x80)


def test_offsets_survive_composition_and_removed_characters() -> None:
    text, offsets = normalise_with_offsets("\ufeffcafe\u0301\r\nb\x00c")

    assert text == "café\nbc"
    assert list(offsets) == [1, 2, 3, 4, 6, 8, 10]


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("a\r\nb\rc\u2028d\x0ce", "a\nb\nc\nd\ne"),
        ("don\x92t \x93x\x94", "don’t “x”"),
        ("不变。\uf06c电子行业", "不变。\n• 电子行业"),
        ("\uf0b7 first\n\uf0b7 second", "• first\n• second"),
        ("评级\uf0ab\uf0ab", "评级★★"),
        ("a\xa0b\u3000c\td", "a b c d"),
        ("co\xadop\u200berate", "cooperate"),
        ("ﬁne ①", "ﬁne ①"),
    ],
)
def test_characters_of_real_pages_are_mended(raw: str, expected: str) -> None:
    assert normalise(raw) == expected


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("en", "You may cancel your subscription at any time by writing to us."),
        ("fr", "Vous pouvez résilier votre abonnement à tout moment en nous écrivant."),
        ("de", "Sie können Ihr Abonnement jederzeit kündigen, wenn Sie uns schreiben."),
        ("es", "Usted puede cancelar su suscripción en cualquier momento cuando lo desee."),
        ("it", "Puoi annullare il tuo abbonamento in qualsiasi momento, quando lo desideri."),
        ("pt", "Você pode cancelar a sua assinatura a qualquer momento quando não a quiser."),
        ("nl", "U kunt uw abonnement op elk moment opzeggen door ons te schrijven."),
        ("pl", "Możesz zrezygnować z subskrypcji w każdej chwili, jeżeli do nas napiszesz."),
        ("sv", "Du kan när som helst avsluta din prenumeration genom att skriva till oss."),
        ("zh", "公司2020年实现营业收入745亿元，同比增长14.75%。"),
        ("ja", "利用者はいつでも契約を解除することができます。"),
        ("ko", "이용자는 언제든지 계약을 해지할 수 있습니다."),
        ("ru", "Вы можете отменить подписку в любое время."),
        (None, "revenue growth 2020"),
        (None, "12.5 % | 14.0 %"),
    ],
)
def test_language_is_told_by_script_and_stop_words(language: str | None, text: str) -> None:
    assert detect_language(text) == language


def test_addresses_do_not_decide_the_language() -> None:
    links = " ".join(f"https://example.com/{i}/de/la/que" for i in range(50))

    assert detect_language(f"What we collect about you and why {links}") == "en"


def split(text: str, language: str | None) -> list[str]:
    return [text[start:end] for start, end in sentences(text, language)]


@pytest.mark.parametrize(
    ("text", "language", "expected"),
    [
        ("We pay e.g. 3.5%. You agree.", "en", ["We pay e.g. 3.5%.", "You agree."]),
        ("See No. 12 of Art. 5. It binds.", "en", ["See No. 12 of Art. 5.", "It binds."]),
        ("1. Fees. You pay.", "en", ["1. Fees.", "You pay."]),
        ("(a). You pay.", "en", ["(a). You pay."]),
        ("U.S. law applies in the U.S. The rest is void.", "en",
         ["U.S. law applies in the U.S.", "The rest is void."]),
        ("Sold by Apple Inc. The buyer pays. Apple Inc. Europe too.", "en",
         ["Sold by Apple Inc.", "The buyer pays.", "Apple Inc. Europe too."]),
        ("It ends. “Content” means text.", "en", ["It ends.", "“Content” means text."]),
        ("It is void (see Section 5. Fees) here. Next.", "en",
         ["It is void (see Section 5. Fees) here.", "Next."]),
        ("See “Article 7. Fees” below.", "en", ["See “Article 7. Fees” below."]),
        ("Fees\nYou pay", "en", ["Fees", "You pay"]),
        ("You agree.We may stop.", "en", ["You agree.", "We may stop."]),
        ("Nach Art. 6 Abs. 1 S. 1 lit. f DSGVO ab 1. Mai bzw. später. Danach nicht.", "de",
         ["Nach Art. 6 Abs. 1 S. 1 lit. f DSGVO ab 1. Mai bzw. später.", "Danach nicht."]),
        ("L'art. L. 121-1 s'applique. M. Dupont signe.", "fr",
         ["L'art. L. 121-1 s'applique.", "M. Dupont signe."]),
    ],
)  # fmt: skip
def test_latin_sentences_end_where_a_reader_ends_them(
    text: str, language: str, expected: list[str]
) -> None:
    assert split(text, language) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("营收增长3.5%。利润下降！为何？", ["营收增长3.5%。", "利润下降！", "为何？"]),
        ("他说：“好。”我们同意。", ["他说：“好。”", "我们同意。"]),
        ("“好。”的说法不对。", ["“好。”的说法不对。"]),
        ("增长（见附录。下同）较快。稳定。", ["增长（见附录。下同）较快。", "稳定。"]),
        ("包括：（一）名称；（二）住所。", ["包括：（一）名称；", "（二）住所。"]),
        ("上涨；下跌。", ["上涨；下跌。"]),
        ("一、行业概况......3二、展望......12", ["一、行业概况......3", "二、展望......12"]),
        ("需求向好•供给不足", ["需求向好", "•供给不足"]),
        ("等等……，未完。", ["等等……，未完。"]),
        ("占比20%。图表36：市场规模资料来源：华泰证券研究所从全球看，增速快。",
         ["占比20%。", "图表36：市场规模资料来源：华泰证券研究所", "从全球看，增速快。"]),
    ],
)  # fmt: skip
def test_chinese_sentences_end_where_a_reader_ends_them(text: str, expected: list[str]) -> None:
    assert split(text, "zh") == expected


def test_a_line_is_split_by_the_rules_of_its_own_script() -> None:
    text = "公司增长。前景好。\nThis is e.g. a disclaimer. It binds."

    expected = ["公司增长。", "前景好。", "This is e.g. a disclaimer.", "It binds."]
    assert split(text, "zh") == split(text, "en") == expected


@given(PROSE, st.sampled_from(["en", "zh", "de", None]))
@settings(deadline=None, max_examples=150)
def test_sentences_are_trimmed_in_order_and_lose_nothing(text: str, language: str | None) -> None:
    spans = sentences(text, language)

    assert all(text[start:end] == text[start:end].strip() != "" for start, end in spans)
    assert all("\n" not in text[start:end] for start, end in spans)
    assert all(a[1] <= b[0] for a, b in itertools.pairwise(spans))
    assert "".join("".join(text[s:e] for s, e in spans).split()) == "".join(text.split())


@pytest.mark.parametrize(("text", "language", "limit"), [
    ("上海浦发银行，" * 15_000, "zh", 1_000),
    ("数字1.5" * 20_000, "zh", 1_000),
    ("word, " * 20_000, "en", 2_000),
    ("x" * 50_000, "en", 2_000),
])  # fmt: skip
def test_no_sentence_is_longer_than_the_bound(text: str, language: str, limit: int) -> None:
    spans = sentences(text, language)

    assert max(end - start for start, end in spans) <= limit
    assert not any(text[start].isdigit() and text[start - 1] == "." for start, _ in spans[1:])


@pytest.mark.parametrize("text", ["(" * 50_000, "A. " * 20_000, '" ' * 30_000, "a.a" * 20_000])
def test_hostile_text_is_split_in_bounded_time(text: str) -> None:
    assert sentences(text, "en")
    assert tokens(text[:30_000], "en")


CHINESE = """我来到北京清华大学
他来到了网易杭研大厦
小明硕士毕业于中国科学院计算所，后在日本京都大学深造
公司2020年实现营业收入745亿元，同比增长14.75%
台积电预计2021年营收将达到20%的增长
本协议自双方签字之日起生效
用户可以随时注销账户并删除个人信息
iPhone12系列手机热销，5G渗透率持续提升
我们维持“买入”评级，目标价35.6元
贵州茅台（600519.SH）发布三季报
面板价格上涨，LCD龙头迈入收获期
请务必阅读正文之后的免责条款部分
医疗器械板块收入同比增长30.2%
若甲方违约，乙方有权解除合同
上海浦东发展银行与长春市长春药店
工信处女干事每月经过下属科室都要亲口交代24口交换机等技术性器件的安装工作
永和服装饰品有限公司
C++和c#是什么关系？11+122=133，是吗？PI=3.14159
中华人民共和国民法典第五百六十三条
新冠疫苗进展不及预期的风险""".splitlines()


@pytest.mark.parametrize("text", CHINESE)
def test_chinese_words_equal_those_of_jieba(text: str) -> None:
    jieba = pytest.importorskip("jieba")
    jieba.setLogLevel(60)

    mine = [text[start:end] for start, end in tokens(text, "zh")]
    assert mine == [word for word in jieba.cut(text) if not word.isspace()]


def test_token_spans_of_mixed_text_are_words_of_both_languages() -> None:
    text = "Tencent 腾讯控股有限公司 doesn't pay 😀 1,000 元"

    found = [text[start:end] for start, end in tokens(text, "en")]
    assert {"Tencent", "腾讯", "控股", "有限公司", "n't", "1,000", "元"} <= set(found)


@pytest.mark.parametrize("language", ["en", "zh", "ja", "ko", "xx", None])
def test_tokens_lose_nothing_but_blanks(language: str | None) -> None:
    text = "A 上海！ b\nc... 😀 https://a.example/b?c=d&e " + "x-" * 300

    joined = "".join(text[start:end] for start, end in tokens(text, language))
    assert joined == "".join(text.split())


def test_words_are_lower_case_and_without_punctuation() -> None:
    assert words("The Company's “Fees” (3.5%), Inc.", "en") == [
        "the",
        "company",
        "fees",
        "3.5",
        "inc",
    ]
    assert words("《民法典》规定：利率3.5%。", "zh") == ["民法典", "规定", "利率", "3.5"]


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("", 0),
        ("Hello, world!", 4),
        ("上海A股。", 5),
        ("...... 12", 2),
        ("a" * 64, 2),
        ("한국어", 3),
    ],
)
def test_size_counts_words_and_cjk_characters(text: str, size: int) -> None:
    assert count_tokens(text, None) == size == len(token_spans(text))


@given(st.text(st.sampled_from("ab Z9_.,-\t\n\x1f\x85\xa0é²½ª’“—…™人、\u3000ก"), max_size=90))
def test_size_is_the_number_of_units(text: str) -> None:
    assert count_tokens(text) == len(token_spans(text))


@given(st.text(max_size=80), st.text(max_size=80))
def test_size_of_a_whole_never_exceeds_that_of_its_parts(left: str, right: str) -> None:
    assert count_tokens(left + right, None) <= count_tokens(left, None) + count_tokens(right, None)


def test_language_tags_are_read_by_their_first_part() -> None:
    assert [is_cjk_language(tag) for tag in ("zh-Hans-CN", "ja", "en", None)] == [1, 1, 0, 0]
    assert "the" in stop_words("en-GB")
    assert "的" in stop_words("zh")
    assert stop_words("qq") == frozenset() == stop_words(None)

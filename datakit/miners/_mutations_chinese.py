"""One-fact mutations of Chinese sentences."""

from __future__ import annotations

import re
from collections.abc import Iterator

from datakit.miners._mutations import Change, Rule, other_number, swap

_NUMERALS = {
    "二": "五", "两": "五", "三": "七", "四": "八", "五": "十", "六": "三", "七": "十五",
    "八": "四", "九": "三", "十": "三十", "十五": "三十", "二十": "六十", "三十": "六十",
    "六十": "三十", "九十": "三十",
}  # fmt: skip
_TIME = r"(?:个工作日|个自然日|个月|个小时|小时|工作日|日|天|年|周)"
_CITIES = ("北京", "上海", "深圳", "广州", "杭州", "南京", "成都", "武汉", "天津", "重庆")
_ROLES = {
    "买方": "卖方", "卖方": "买方", "甲方": "乙方", "乙方": "甲方", "出租人": "承租人",
    "承租人": "出租人", "用人单位": "劳动者", "劳动者": "用人单位", "债权人": "债务人",
    "债务人": "债权人", "买受人": "出卖人", "出卖人": "买受人", "贷款人": "借款人",
    "借款人": "贷款人", "承运人": "托运人", "托运人": "承运人", "保险人": "投保人",
    "投保人": "保险人", "发包人": "承包人", "承包人": "发包人", "原告": "被告", "被告": "原告",
    "委托人": "受托人", "受托人": "委托人", "赠与人": "受赠人", "受赠人": "赠与人",
}  # fmt: skip
_NEGATIONS = {
    "不得": "可以", "有权": "无权", "无权": "有权", "不予": "应予", "不承担": "承担",
    "不属于": "属于", "不包括": "包括", "不适用": "适用", "不影响": "影响", "不需要": "需要",
    "禁止": "允许", "不能": "能够", "无效": "有效",
    "同比增长": "同比下降", "同比下降": "同比增长", "环比增长": "环比下降", "环比下降": "环比增长",
    "同比上升": "同比下降", "同比减少": "同比增加", "同比增加": "同比减少", "同比提升": "同比下降",
    "属于": "不属于", "承担": "不承担", "适用": "不适用", "包括": "不包括",
}  # fmt: skip
_AFTER = r"(?!的|及|和|与|方|、|于|义务|情况|范围)"
_PLAIN = r"(?<![不未无非拒免由所应须])"


_HALVES = swap(
    "period", r"(?P<was>[一二三四]季度|[上下]半年)",
    {"一季度": "三季度", "二季度": "四季度", "三季度": "一季度", "四季度": "二季度",
     "上半年": "下半年", "下半年": "上半年"},
)  # fmt: skip
_LIMIT = r"(?:之内|以内|内|前|以上|以下|届满)"  # what makes a time a period to keep


def amount(sentence: str) -> Iterator[Change]:
    """Money, shares and counted things; the unit stays."""
    share = r"(?<![\d.\-~—至])(?P<was>\d+(?:\.\d+)?)(?=(?:%|％|个百分点))(?!(?:%|％)[-~—至])"
    counted = (
        r"(?<![\d.,\-~—至第])(?P<was>\d[\d,]*(?:\.\d+)?)(?=(?:亿|万|千)?(?:美元|港元|元|辆|台|吨|家|"
        r"人|股|套|颗|件|户|平方米|千瓦时|GWh|MW|倍|名|次))"
    )
    for pattern, most in ((share, 100.0), (counted, None)):
        for match in re.finditer(pattern, sentence):
            was = match["was"]
            ranged = re.match(r"[^\d，。；]{0,4}[-~—至]\d", sentence[match.end() :])
            if float(was.replace(",", "")) > 1 and not ranged:
                now = other_number(was, most)
                yield Change("amount", match.start("was"), match.end("was"), now)


def period(sentence: str) -> Iterator[Change]:
    """The year, where the sentence has one; else a quarter or a half."""
    years = re.findall(r"(?<!\d)20\d\d(?=年)", sentence)
    if len(set(years)) == 1 and not re.search(r"〔|（20|修订|修正|颁布", sentence):
        at = sentence.index(years[0])
        yield Change("period", at, at + 4, str(int(years[0]) - 3))
    if len(re.findall("季度|半年", sentence)) == 1 and not re.search("前.季度", sentence):
        yield from _HALVES(sentence)


def notice_period(sentence: str) -> Iterator[Change]:
    """`三十日内`, `15个工作日前`, `两年以上`."""
    digits = rf"(?<![\d.月])(?P<was>\d{{1,3}})(?={_TIME}{_LIMIT})"
    for match in re.finditer(digits, sentence):
        if int(match["was"]) > 1:
            now = other_number(match["was"])
            yield Change("notice_period", match.start(), match.end(), now)
    numeral = r"(?<![一二三四五六七八九十百第月])(?P<was>[二两三四五六七八九十]{1,2})"
    words = rf"{numeral}(?={_TIME}{_LIMIT})"
    for match in re.finditer(words, sentence):
        if match["was"] in _NUMERALS:
            now = _NUMERALS[match["was"]]
            yield Change("notice_period", match.start(), match.end(), now)


def negation(sentence: str) -> Iterator[Change]:
    """A negation goes or comes, or a direction turns."""
    for was, now in _NEGATIONS.items():
        pattern = was + _AFTER
        if not now.startswith(("不", "无")) or was.startswith(("不", "无")):
            pattern = was
        if was in ("属于", "承担", "适用", "包括"):
            pattern = _PLAIN + was + _AFTER
        found = re.findall(pattern, sentence)
        if len(found) == 1 and sentence.count(was) == 1 and not _nested(sentence, was):
            at = re.search(pattern, sentence)
            if at:
                yield Change("negation", at.start(), at.start() + len(was), now)


def _nested(sentence: str, was: str) -> bool:
    """Whether a second negation stands near: two of them say something else than the contrary."""
    at = sentence.index(was)
    after = sentence[at + len(was) :]
    if was.endswith(("增长", "上升", "增加", "提升")) and re.match(
        r"[^%％]{0,8}?\d{3,}(?:\.\d+)?[%％]", after
    ):
        return True  # nothing falls by more than a hundred per cent
    near = sentence[max(0, at - 6) : at] + after[:6]
    return bool(re.search(r"不|未|无|非|但|除", near))


def obligation(sentence: str) -> Iterator[Change]:
    """`应当` and `必须` become `可以`, and the other way round."""
    for was, now in (("必须", "可以"), ("应当", "可以"), ("可以", "应当")):
        found = [m.start() for m in re.finditer(was, sentence)]
        if len(found) == 1 and not _nested(sentence, was):
            before, after = sentence[: found[0]], sentence[found[0] + 2 :]
            if (
                not before.endswith(("也", "就", "还", "又", "，其", "理"))
                and after[:1] not in "的。，"
            ):
                yield Change("obligation", found[0], found[0] + 2, now)


def party(sentence: str) -> Iterator[Change]:
    """The role that acts, where its counterpart is not in the sentence."""
    for was, now in _ROLES.items():
        if sentence.count(was) == 1 and now not in sentence:
            at = sentence.index(was)
            if not sentence[:at].endswith(("再", "被", "共同", "非")):
                yield Change("party", at, at + len(was), now)


def jurisdiction(sentence: str) -> Iterator[Change]:
    """The city of a court or an arbitration, and whose law applies."""
    court = re.search(
        rf"(?P<was>{'|'.join(_CITIES)})(?=市?[^，。；]{{0,8}}(?:法院|仲裁委员会))", sentence
    )
    if court and sentence.count(court["was"]) == 1:
        now = next(city for city in _CITIES if city not in sentence)
        yield Change("jurisdiction", court.start("was"), court.end("was"), now)
    law = re.search(r"适用(?P<was>中华人民共和国)(?=的?法律)", sentence)
    if law:
        yield Change("jurisdiction", law.start("was"), law.end("was"), "香港特别行政区")


RULES: tuple[Rule, ...] = (
    notice_period, amount, period, obligation, negation, party, jurisdiction,
    swap("negation", r"(?P<was>买入|卖出)(?=评级)", {"买入": "卖出", "卖出": "买入"}),
)  # fmt: skip

"""Chinese questions about figures: how much something is, and how much it changed."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from datakit.generators._chinese import period_in, tag
from datakit.generators._chinese_keys import COMMON, PLAIN, UNTELLING
from datakit.generators._chinese_phrases import PRONOUN, made, specific
from datakit.generators._context import Context
from datakit.generators._drafts import Draft

_MEASURE = (
    r"(?:营业总?收入|营收|归母净利润|扣非净利润|扣非归母净利润|净利润|利润总额|利润|毛利率"
    r"|净利率|费用率|销售额|销售收入|收入"
    r"|销量|产量|产能利用率|产能|出货量|装车量|装机量|装机容量|吞吐量|成交量|进口量|出口量"
    r"|批签发量|采浆量|库存系数|渠道库存|库存"
    r"|市场规模|市场份额|份额|市占率|渗透率|收入占比|营收占比|支付占比|销售占比|产值|市值"
    r"|投资额|投资规模|研发投入|研发费用|资本开支"
    r"|设备支出|支出|增速|单价|均价|合约价|现货价|价格|加工费|成本|出口额|进口额|规模"
    r"|需求量|患病率|发病率|国产化率|自给率|稼动率"
    r"|良率|存储容量|市盈率|估值|现金流净额|经营性现金流|货币资金|有息负债|资产负债率|负债率|负债|订单"
    r"|合同负债|门店数量|员工数量|人数|周转天数"
    r"|补贴申请|保有量|签约量|交付量|开工率|占有率|录取人数|床位数|覆盖率|中标价|数量)"
)
_NUMBER = (
    r"\d[\d.,]*\s*(?:万亿|亿|万|千|百)?(?:美元|欧元|人民币|元|台|辆|吨|片|部|人次|人|倍|家"
    r"|例|套|颗|平方米|千瓦时|千瓦|GWh|MWh|kWh"
    r"|GW|MW|Wh|%|％|pct|个百分点|个工作日|个月|天|年|笔|份|个|款|座|艘|公里|股|张|桶|立方米)?"
)
_CLAUSE = re.compile(r"[^，。；！？]+")
_FIGURE = re.compile(
    rf"^(?P<lead>.{{0,24}}?)(?P<measure>{_MEASURE})(?P<how>[^\d，。；]{{0,14}}?)(?P<n>{_NUMBER})"
)
_SOLD = re.compile(
    rf"^(?P<lead>.{{2,20}}?)(?:累计|共|合计)?(?P<verb>销售|出口|进口|交付|装车|生产)(?:了"
    rf"|约|近|超过)?(?P<n>{_NUMBER})"
)
_CHANGE = re.compile(r"同比|环比|增长|增加|提升|上涨|上升|下降|下滑|下跌|减少|回落|增幅|降幅")
_GUESS = re.compile(r"预计|有望|将|预期|预测|力争|目标")
_UNIT = re.compile(
    r"(?:[亿万千元台辆吨片部人次倍家例套颗时瓦天月年日笔份个款座艘股张桶米里]|GWh|MWh|kWh"
    r"|GW|MW|Wh|%|％|pct|百分点)$"
)


def figure(text: str, context: Context) -> Iterator[Draft]:
    if re.search(r"财年|财季|若|如果|假设|每(?:提|上|下|增|降)", text):
        return  # a condition is no fact
    period: str | None = None
    label = _label_of(text)
    text = re.sub(r"（[^（）]*）|\([^()]*\)", "", text)  # a remark has an owner of its own
    for clause in _CLAUSE.findall(_COMPARED.sub("", text)):
        match = _FIGURE.match(clause) or _SOLD.match(clause)
        period = _period(clause[: match.end()] if match else clause, context) or period
        when = period or _title_period(context)
        if not match or not when or not _UNIT.search(match["n"].strip()):
            continue
        measure = match.groupdict().get("measure", "")
        if _AT_ONCE.search(measure) and _MONTHS.search(when):
            continue
        if _YEAR.fullmatch(match["n"].strip()) or _OF_ANOTHER_TIME.search(clause[: match.end()]):
            continue
        share = (
            match.groupdict().get("measure", "").endswith("量") and match["n"].strip()[-1] in "%％"
        )
        if share and not _CHANGE.search(match["how"]):
            continue  # a share answers how much it grew, not how much it is
        subject = _whose(match["lead"], label or context.issuer)
        # the month is in `when`: of 10月份中国增速 the rest is the subject
        subject = subject and _labelled(re.sub(r"^(?:月份|月)", "", subject), label, measure)
        if (
            not subject
            or not _is_whole(subject, clause, measure, label)
            or (
                match.groupdict().get("measure") in ("库存", "价格", "产量", "销量", "成本", "订单")
                and all(token.tag == "ns" for token in tag(subject))
            )
        ):
            continue  # 河南库存: of what?
        gap = " " if when[-1].isascii() and when[-1].isalnum() and subject[0].isascii() else ""
        if "verb" in match.groupdict():
            what = f"{gap}{subject}{match['verb']}量"
            yield from made(f"{when}{what}是多少", "amount", 1.9)
        else:
            yield from _asked_figure(
                f"{gap}{subject}{match['measure']}", match["how"], when, clause
            )


_AT_ONCE = re.compile(r"(?<!均)价|库存|开工率|稼动率")  # of a day, not of months
_MONTHS = re.compile(r"\d月?[-–~～至到]\d{1,2}月")
_YEAR = re.compile(r"(?:19|20)\d\d\s*年?")
# a figure of a stretch of time that its question could not name
_OF_ANOTHER_TIME = re.compile(
    r"累计|年内|今年以来|年初|本[周月期]|上[周月期]|[当每单日][周日月]|周度|[近过]去?[一二三四五六七八九十两\d]+个?"
    r"[年月周日天]|截至|截止|[日月周年]均|年增速|复合|TTM|滚动"
)
# what only a company has: of a product or a trade one asks for sales
_COMPANYS = re.compile(
    r"营收|收入|利润|毛利率|净利率|费用|现金流|货币资金|负债|研发|市值|产能|订单"
)


_NOTHING = UNTELLING | COMMON | PLAIN | {"交易", "定义", "概念", "特点", "结构", "格局"}


_COMPANY = re.compile(r"(?<![行产工农林牧渔商])业$|(?:股份|集团|科技|公司|银行|证券)$")


def _label_of(text: str) -> str | None:
    """What a line is about that opens with a name: 隆基绿能 of 隆基绿能：2024年末…."""
    match = re.match(r"([^，。；：:、（(\d]{2,12})[：:]", text)
    tokens = tag(match[1]) if match else []
    named = tokens and all(token.is_noun and token.word not in _NOTHING for token in tokens)
    measured = match and re.search(
        r"[进出]口|[产销量率额价]|方面|数据|情况|宏观|政策|供需|现状|布局|动态|表现|趋势", match[1]
    )
    return match[1] if match and named and not measured else None


def _labelled(subject: str, label: str | None, measure: str) -> str:
    """A subject with the label of its line in front, where it is part of a company."""
    owned = _COMPANYS.search(measure) or _COMPANY.search(label or "")
    apart = label and label not in subject and owned
    return f"{label}{subject}" if apart else subject


def _is_whole(subject: str, clause: str, measure: str, label: str | None) -> bool:
    """Whether a subject in Latin letters is a whole word that one could ask about by itself."""
    at = clause.find(subject)
    before, after = clause[max(0, at - 1) : at], clause[at + len(subject) :][:1]
    if at >= 0 and (_is_cut(before + subject[0]) or _is_cut(subject[-1] + after)):
        return False
    if not re.fullmatch(r"[A-Za-z\d][A-Za-z\d\s.+-]*", subject):
        return True
    letters = len(re.findall(r"[A-Za-z]", subject))
    part_of_a_company = letters < 6 and subject.isupper() and subject != label
    return letters > 1 and not (part_of_a_company and _COMPANYS.search(measure))


def _is_cut(pair: str) -> bool:
    """Whether two neighbouring characters are of one name in Latin letters."""
    return re.fullmatch(r"[A-Za-z\d.-]{2}", pair) is not None


def _asked_figure(what: str, how: str, when: str, clause: str) -> Iterator[Draft]:
    """What to ask about a figure: how much it changed, or how much it is."""
    if re.search(r"占|率|利用|目标|增速|面积|[一二三四五六七八九十两]|分别", how):
        return
    change = _CHANGE.findall(how)
    if change and not re.search(r"[至到]", how):
        moved = _moved(change, how)
        if moved:
            yield from made(
                f"{when}{what}{moved}多少", "amount", 2.0, need=f"想知道{when}{what}{moved}多少"
            )
    elif change or _LEVEL.fullmatch(how):
        guess = "预计达到多少" if _GUESS.search(clause) else "是多少"
        yield from made(f"{when}{what}{guess}", "amount", 2.0)


_LEVEL = re.compile(
    r"(?:预计|有望|将|已|约|仅|可|大概|接近|近|超|超过|突破|达|达到|为|是|约为|达成|增至"
    r"|升至|降至|回升至|至|在|合计|了|会|：|:)*"
)
_RELATIVE = re.compile(
    r"(?<![\d年.])(\d{1,2}月?[-–~～至到]\d{1,2}月|(?<![-–~～至到])\d{1,2}月)(?:份)?(?![\d月]*日|\d)|(?<!年)(?:第?([一二三四])季度|(上半年"
    r"|下半年|前三季度|全年))"
)
_REPORTED = re.compile(r"(20[1-3]\d)年?(?:年度)?(一季报|中报|半年报|三季报|年报)")
_REPORT_PERIODS = {
    "一季报": "一季度",
    "中报": "上半年",
    "半年报": "上半年",
    "三季报": "前三季度",
    "年报": "",
}


def _period(clause: str, context: Context) -> str | None:
    """The period that a clause names; a month or quarter without a year takes that of the date."""
    named = period_in(clause)
    if named or not context.date:
        return named
    match = _RELATIVE.search(clause)
    if not match:
        return None
    named = _title_period(context)
    year = int((named or context.date)[:4])
    month = int(context.date[5:7]) if len(context.date) >= 7 else 12
    if match[1]:
        year -= int(re.findall(r"\d+", match[1])[-1]) > month and not named
        return f"{year}年{match[1]}"
    if match[2]:
        year -= 3 * "一二三四".index(match[2]) + 1 > month and not named
        return f"{year}年{match[2]}季度"
    return f"{year}年{match[3]}"


def _title_period(context: Context) -> str | None:
    """What a report that is named after its period reports on: 2024年一季度 of 2024年一季报."""
    match = _REPORTED.search(context.title or "")
    return f"{match[1]}年{_REPORT_PERIODS[match[2]]}" if match else None


_COMPARED = re.compile(
    r"(?:较|比|相比|相较|与|同)于?(?:去年|20\d\d年)[^，。；]*|\d[-–~～至]20\d\d年"
    r"|20\d\d\s?[-–~～至]\s?20\d\d年?"
)


def _moved(change: Sequence[str], how: str) -> str | None:
    """`同比增长` of what the clause says; a sign stands for the word."""
    moved = "".join(dict.fromkeys(change))
    if moved not in ("同比", "环比"):
        return moved
    if re.search(r"[+＋]", how):
        return f"{moved}增长"
    return f"{moved}下降" if re.search(r"[-－−]", how) else None


def _whose(lead: str, owner: str | None) -> str | None:
    """The subject of a figure, from the clause before it, else what its line is about."""
    lead = re.sub(
        r"^.*?(?:整理|数据显示|统计显示|统计|预计|预测|来看|方面|其中|明确|提出|力争|根据[^，]*)",
        "",
        re.sub(r"^[^：:]*[：:]", "", lead),
    )
    lead = re.sub(
        r"20[1-3]\d\s*年?(?:Q[1-4]|H[12])?E?(?:财年|年度|财季)?(?:第?[一二三四1-4]季度|前三季度"
        r"|前\d+个?月|[上下]半年|\d{1,2}月?[-–~～至到]\d{1,2}月份?|\d{1,2}月\d{1,2}日"
        r"|\d{1,2}月份?|全年|末|底|初)?(?:，)?|[1-4]Q[12]\d|^[\d.~\-至到]+(?:年|(?![\d.~\-至到月A-Za-z]))",
        "",
        lead,
    )
    lead = re.sub(
        r"(?:第?[一二三四]季度|前三季度|[上下]半年|\d{1,2}月?[-–~～至到]\d{1,2}月份?"
        r"|\d{1,2}月\d{1,2}日|\d{1,2}月份?|全年|期末|年末)末?(?:，)?",
        "",
        lead,
    )
    lead = re.sub(
        r"^(?:的|在|到|至|，|、|我们|公司|实现|末|底|全年|年|间|将|有望|预计|计划|及|和|与)+",
        "",
        lead.strip(),
    )
    lead = re.sub(r"(?:实现|的|达到|其|总体|整体|合计|将|有望|已)+$", "", lead)
    if not lead:
        return owner
    if re.match("[对向从由]", lead) or "占" in lead:
        return None
    if len(lead) > 16 or PRONOUN.search(lead):
        return None
    tokens = tag(lead)
    noun_like = all(
        token.is_content
        or token.word in ("的", "与", "和", "中", "国内", "我国")
        or (token.tag in ("f", "ns", "r") and token.word == "我国")
        for token in tokens
    )
    if not noun_like or tokens[-1].tag == "v" or tokens[0].tag == "v":
        return None
    told = any(token.is_noun and token.word not in _NOTHING for token in tokens)
    return lead if told and specific(tokens) else None

"""Chinese questions by rule: definitions, figures, causes, parts, and what terms allow."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

from datakit.generators._chinese import Token, is_debris, period_in, subject_of, tag
from datakit.generators._context import Context
from datakit.generators._drafts import Draft
from datakit.generators._words import word_set

_ENUMERATOR = re.compile(
    r"^\s*(?:[•·▪●◦■◆➢*–—-]\s*|第[一二三四五六七八九十百零\d]+[条章节款][、，：:\s]*|[（"
    r"(][一二三四五六七八九十\d]{1,3}[)）]"
    r"|[一二三四五六七八九十]{1,3}[、.．]|\d{1,2}(?:\.\d{1,2})+[、.．\s]*"
    r"|\d{1,2}[、.．)）\s]\s*|[①-⑳]|其中[，,]|此外[，,]|另外[，,]|同时[，,]|因此[，,])+"
)
_PRONOUN = re.compile(
    r"[其该此这那它他她]|上述|前述|本[文图表节章报次期]|以下|下列|如下|同时|以及$|二者|两者"
    r"|前者|后者"
)


def plain(sentence: str) -> str:
    """A sentence without enumerator, blanks and final mark."""
    text = re.sub(r"(?<![A-Za-z])\s+|\s+(?![A-Za-z])", "", sentence)
    return _ENUMERATOR.sub("", text).rstrip("。；;.！!：: ")


def drafts(sentence: str, context: Context) -> list[Draft]:
    """All questions that the rules find in one sentence, best first."""
    text = plain(sentence)
    if not 6 <= len(text) <= 400 or is_debris(sentence):
        return []
    found = [draft for rule in _RULES[context.kind] for draft in rule(text, context)]
    return sorted(found, key=lambda draft: -draft.weight)


def _made(
    question: str, pattern: str, weight: float, indirect: str | None = None, need: str | None = None
) -> Iterator[Draft]:
    text = re.sub(r"([\u4e00-\u9fff]{2,4})\1", r"\1", question.strip("，、 "))
    brackets = (
        text.count("（")
        + text.count("(")
        + text.count("“")
        - text.count("”")
        - text.count("）")
        - text.count(")")
    )
    if 6 <= len(text) <= 40 and not brackets and not re.search(r"[；;。\[\]|]", text):
        yield Draft(f"{text}？", indirect or text, pattern, 3, weight, need)


# --- noun phrases ------------------------------------------------------------------------------


def noun_phrase(text: str, limit: int = 14) -> str | None:
    """The text where it looks like one noun phrase of content words."""
    text = text.strip('，、 “”"')
    if (
        not 2 <= len(text) <= limit
        or _PRONOUN.search(text)
        or re.search(r"[，。；：、,:()（）%]", text)
    ):
        return None
    tokens = tag(text)
    inside = all(
        token.is_content or token.word in ("的", "与", "和", "及") or token.tag == "f"
        for token in tokens
    )
    first, last = tokens[0], tokens[-1]
    if (
        not inside
        or not last.is_noun
        or not first.is_content
        or last.tag == "v"
        or first.tag == "v"
    ):
        return None
    return text


# --- definitions and parts ---------------------------------------------------------------------

_MEANS = re.compile(
    r"^(?:所谓|(?:本(?:法|条例|办法|规定|协议|政策|解释|细则)(?:中)?)?所称(?:的)?)?[“\"「]?"
    r"([^，。；：“”\"]{2,16}?)[”\"」]?"
    r"(?:（[^）]{1,40}）|\([^)]{1,40}\))?[，,：:]?(?:是指|系指|指的是|是指的|即指|，指|：指"
    r"|是一[种类门个项]|定义为)(.{6,})"
)
_PARTS = re.compile(
    r"(?:^|，)([^，。；：]{2,16}?)(?:主要|通常|一般|大致)?(?:可以|可)?(包括|包含|分为"
    r"|可分为|划分为|由)([^。；]{4,})"
)


def _definition(text: str, context: Context) -> Iterator[Draft]:
    match = _MEANS.match(text)
    term = match[1].strip() if match else ""
    if not match or _PRONOUN.search(term) or len(match[2]) < 8 or not tag(term)[-1].is_noun:
        return
    if any(token.tag in ("p", "c", "r", "d", "v", "zg") for token in tag(term)[:1]):
        return
    if context.kind == "law" and context.title:
        yield from _made(f"《{_bare(context.title)}》中的{term}是指什么", "definition", 2.0)
    elif context.kind == "terms" and context.issuer:
        yield from _made(
            f"{context.issuer}{context.label}中的“{term}”是什么意思", "definition", 2.0
        )
    else:
        yield from _made(f"什么是{term}", "definition", 2.0, need=f"想了解{term}的定义")
        yield from _made(f"{term}是什么", "definition", 1.9)


def _bare(title: str) -> str:
    """The title of a law without the date of its version."""
    return re.sub(r"[（(].*?[）)]", "", title)


def _parts(text: str, context: Context) -> Iterator[Draft]:
    match = _PARTS.search(text)
    if not match or match[3].count("、") + match[3].count("和") + match[3].count("及") < 1:
        return
    noun = noun_phrase(match[1])
    if not noun or len(noun) < 4 or not _specific(tag(noun)):
        return
    if match[2] == "由":
        if re.search(r"(?:构成|组成)$|(?:构成|组成)，", match[3]):
            yield from _made(f"{noun}由哪些部分组成", "parts", 1.7)
        return
    kinds = "分为哪几类" if "分" in match[2] else "主要包括哪些"
    yield from _made(f"{noun}{kinds}", "parts", 1.7, need=f"想了解{noun}{kinds}")


# --- figures -----------------------------------------------------------------------------------

_MEASURE = (
    r"(?:营业总?收入|营收|归母净利润|扣非净利润|扣非归母净利润|净利润|利润总额|利润|毛利率"
    r"|净利率|费用率|销售额|销售收入|收入"
    r"|销量|产量|产能利用率|产能|出货量|装车量|装机量|装机容量|吞吐量|成交量|进口量|出口量"
    r"|批签发量|采浆量|库存系数|渠道库存|库存"
    r"|市场规模|市场份额|份额|市占率|渗透率|收入占比|营收占比|支付占比|销售占比|产值|市值"
    r"|投资额|投资规模|研发投入|研发费用|资本开支"
    r"|设备支出|支出|增速|单价|均价|合约价|现货价|价格|加工费|成本|出口额|进口额|规模"
    r"|需求量|患病率|发病率|国产化率|自给率|稼动率"
    r"|良率|存储容量|市盈率|估值|现金流净额|经营性现金流|货币资金|有息负债|负债率|负债|订单"
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
_GUESS = re.compile(r"预计|有望|将|预期|预测")
_UNIT = re.compile(
    r"(?:[亿万千元台辆吨片部人次倍家例套颗时瓦天月年日笔份个款座艘股张桶米里]|GWh|MWh|kWh"
    r"|GW|MW|Wh|%|％|pct|百分点)$"
)


def _figure(text: str, context: Context) -> Iterator[Draft]:
    if re.search(r"若|如果|假设|每(?:提|上|下|增|降)", text):
        return  # a condition is no fact
    period: str | None = None
    for clause in _CLAUSE.findall(_COMPARED.sub("", text)):
        match = _FIGURE.match(clause) or _SOLD.match(clause)
        period = _period(clause[: match.end()] if match else clause, context) or period
        when = period or _title_period(context)
        if not match or not when or not _UNIT.search(match["n"].strip()):
            continue
        subject = _whose(match["lead"], context)
        # the month is in `when`: of 10月份中国增速 the rest is the subject
        subject = subject and re.sub(r"^(?:月份|月)", "", subject)
        if not subject:
            continue
        gap = " " if when[-1].isascii() and when[-1].isalnum() and subject[0].isascii() else ""
        if "verb" in match.groupdict():
            what = f"{gap}{subject}{match['verb']}量"
            yield from _made(f"{when}{what}是多少", "amount", 1.9)
        else:
            yield from _asked_figure(
                f"{gap}{subject}{match['measure']}", match["how"], when, clause
            )


def _asked_figure(what: str, how: str, when: str, clause: str) -> Iterator[Draft]:
    """What to ask about a figure: how much it changed, or how much it is."""
    if re.search(r"占|率|利用|目标|增速|面积|[一二三四五六七八九十两]|分别", how):
        return
    change = _CHANGE.findall(how)
    if change and not re.search(r"[至到]", how):
        moved = _moved(change, how)
        if moved:
            yield from _made(
                f"{when}{what}{moved}多少", "amount", 2.0, need=f"想知道{when}{what}{moved}多少"
            )
    elif change or _LEVEL.fullmatch(how):
        guess = "预计达到多少" if _GUESS.search(clause) else "是多少"
        yield from _made(f"{when}{what}{guess}", "amount", 2.0)


_LEVEL = re.compile(
    r"(?:预计|有望|将|已|约|仅|可|大概|接近|近|超|超过|突破|达|达到|为|是|约为|达成|增至"
    r"|升至|降至|回升至|至|在|合计|了|会|：|:)*"
)
_RELATIVE = re.compile(
    r"(?<![\d年.])(\d{1,2}月)(?:份)?(?![\d月]*日|\d)|(?<!年)(?:第?([一二三四])季度|(上半年"
    r"|下半年|前三季度|全年))"
)
_REPORTED = re.compile(r"(20[12]\d)年?(?:年度)?(一季报|中报|半年报|三季报|年报)")
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
        year -= int(match[1][:-1]) > month and not named
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


def _whose(lead: str, context: Context) -> str | None:
    """The subject of a figure, from the clause before it, else the company of the document."""
    lead = re.sub(
        r"^.*?(?:数据显示|统计显示|统计|预计|预测|来看|方面|其中|明确|提出|力争|根据[^，]*)",
        "",
        lead,
    )
    lead = re.sub(
        r"20[12]\d\s*年?(?:Q[1-4]|H[12])?(?:第?[一二三四1-4]季度|前三季度|前\d+个?月|[上下]半年"
        r"|\d{1,2}月份?|全年|末|底|初)?(?:，)?|[1-4]Q[12]\d|^[\d.~\-至到]+年?",
        "",
        lead,
    )
    lead = re.sub(
        r"(?:第?[一二三四]季度|前三季度|[上下]半年|\d{1,2}月份?|全年|期末|年末)末?(?:，)?", "", lead
    )
    lead = re.sub(
        r"^(?:的|在|到|至|，|、|我们|公司|实现|末|底|全年|年|间|将|有望|预计|及|和|与)+",
        "",
        lead.strip(),
    )
    lead = re.sub(r"(?:实现|的|达到|其|总体|整体|合计|将|有望|已)+$", "", lead)
    if not lead:
        return context.issuer
    if len(lead) > 16 or _PRONOUN.search(lead):
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
    return lead if _specific(tokens) else None


_GENERIC = word_set(
    """
    行业 板块 公司 企业 医院 患者 产品 销售 综合 平均 总 合计 单季度 季度 中国 全球 国内 我国
    全国 世界 海外 国外 市场 客户 代表 诱因 因素 原因 方法 方式 主要 内容 标的 措施 整体 总体
    营业 年度 目标 项目 业务 主营 上市 上市公司 用户 归属于 归属 母公司 股东 活跃 管理 期间 会员
    门店 单店 单车 研发 重点 同比 环比 参与者 零售 的 和 与 及 中 各 其他 单 美国 欧洲 日本 大陆
    中国大陆 地区 相关 类型 功能 信息 服务
    """
)


def _specific(tokens: Sequence[Token]) -> bool:
    """Whether a noun phrase names more than "the industry" or "the company"."""
    return any(token.word not in _GENERIC and token.is_noun for token in tokens)


# --- causes and effects ------------------------------------------------------------------------

_MOVES = (
    "同比增长|同比下降|环比增长|环比下降|增长|下降|上涨|下跌|下滑|提升|回升|改善|承压|回落"
    "|上升|减少|增加|扩大|提高|走弱|走强|放缓|加速|紧张|短缺|高增|偏低|偏高|较低|不足|亏损"
    "|收窄|延迟|推迟|失败"
)
_CAUSE = re.compile(
    rf"(?:^|[，：])([^，。；：]{{2,20}}?(?:{_MOVES}))(?:\d[\d.%％]*|较快|明显|显著"
    r"|幅度较大)?，?(?:主要|这主要|其)?"
    r"(?:原因[是为在]|受(?=[^，。]{2,20}影响)|是因为|是由于|由于|系|得益于|受益于|因为|在于"
    r"|是因|源于|源自|归因于|为)"
)
_EFFECT = re.compile(
    r"(?:^|，)([^，。；：对]{2,14})对([^，。；：]{2,14}?)(?:的|有|产生|造成|带来|形成"
    r"|具有)+[^，。；]{0,8}?(?:影响|冲击|作用|压力|支撑)"
)


def _cause(text: str, context: Context) -> Iterator[Draft]:
    match = _CAUSE.search(text)
    if not match:
        return
    moved = re.sub(r"^(?:的|而|但|且|使得|带动|导致|随着|预计|其中|近年来|目前)+", "", match[1])
    move = re.search(rf"(?:{_MOVES})+$", moved)
    noun = _core(moved[: move.start()]) if move else None
    if move and noun and _specific(tag(noun)):
        yield from _made(
            f"{noun}{move.group()}的原因是什么",
            "cause",
            1.9,
            need=f"想了解{noun}{move.group()}的原因",
        )


def _core(text: str) -> str | None:
    """A subject with its period: 2020年血制品批签发量."""
    period = re.match(_YEAR_START, text)
    head = period.group() if period else ""
    noun = noun_phrase(text[len(head) :].strip("，"), 14)
    return f"{head}{noun}" if noun else None


_YEAR_START = re.compile(
    r"20[12]\d年?(?:第?[一二三四1-4]季度|前三季度|[上下]半年|Q[1-4]|H[12]|\d{1,2}月)?"
)


def _effect(text: str, context: Context) -> Iterator[Draft]:
    match = _EFFECT.search(text)
    if not match:
        return
    left, right = noun_phrase(match[1]), noun_phrase(match[2].rstrip("的"))
    if left and right:
        yield from _made(
            f"{left}对{right}有什么影响", "effect", 1.8, need=f"想了解{left}对{right}的影响"
        )


# --- terms -------------------------------------------------------------------------------------

_YOU = r"(?:您|你|用户|使用者|会员)"
_WE = r"(?:我们|本公司|本平台|本应用|本软件|本网站|本站|我司|公司)"
_YOU_CAN_BY = re.compile(
    rf"^{_YOU}(?:可以|可|能够|有权)(?:随时|自行|选择|也可以)*(?:通过|在|于|点击"
    rf"|登录)[^，。；]{{2,40}}?(?:来|中|上|页面|功能|方式|后|进行)?[，,]?((?:注销|删除|查询"
    r"|查看|更正|修改|关闭|撤回|撤销|取消|更改|管理|访问|退出|联系|投诉|举报|申请|获取"
    rf"|下载|导出|绑定|解除)[^，。；（(]{{2,20}})(?=[，。；（(：:]|$)"
)
_YOU_CAN = re.compile(
    rf"^{_YOU}(?:可以|可|有权|能够)(?:随时|自行|选择|自主)*([^，。；（(：:]{{4,24}})"
    r"(?=[，。；（(：:]|$)"
)
_YOU_MUST_NOT = re.compile(
    rf"^{_YOU}(?:不得|不能|不可以|不可|不应|严禁|禁止)([^，。；（(：:]{{4,24}})(?=[，。；（(：:]|$)"
)
_YOU_MUST = re.compile(
    rf"^{_YOU}(?:应当|应该|应|必须|须|需要|需)(?!知|理解|明白|了解)([^，。；（"
    rf"(：:]{{4,24}})(?=[，。；（(：:]|$)"
)
_WE_WILL = re.compile(
    rf"(?:^|，){_WE}(?:不会|将不会|可能会|可能|会|将会|将|有权|需要)([^，。；（"
    rf"(：:]{{4,26}})(?=[，。；（(：:]|$)"
)
_IF_YOU = re.compile(
    rf"^(?:如果|如|若|倘若|当)(?:{_YOU})([^，。；（(]{{4,22}}?)(?:时|的|的话)?，(?:则"
    rf"|那么)?(?:{_WE}|您|你|可能|将|会)"
)
_WANT = re.compile(r"^(?:想要?|需要?|希望|欲|要)(.{3,20})")
_KEPT = re.compile(
    r"(?:保存|存储|保留|留存)[^，。；]{0,12}(?:期限|期间|时间|不超过|最短|\d+年|\d+个?月"
    r"|\d+[日天])|(?:期限|期间)[^，。]{0,14}(?:保存|存储|保留)"
)
_WHERE = re.compile(r"(?:存储|保存|储存)(?:于|在)[^，。]{0,8}(?:境内|中国|中华人民共和国|服务器)")
_MINOR = re.compile(r"(?:未满|不满|年满|低于)\s*(?:1[0-9]|十[一-龥]?)\s*周?岁")
_ANSWERED = re.compile(
    r"[一二三四五六七八九十\d]+\s*[)）]?个?(?:工作日|天|日|小时)(?:之?内"
    r"|以内)[^，。]{0,10}?(答复|回复|处理|响应|反馈)"
)
_VERB_START = ("v", "vn", "n", "a", "d", "l", "i", "p", "zg", "uj")


def _asked(text: str, context: Context, named: bool) -> str:
    """From the voice of the terms to the voice of who asks."""
    who = context.issuer or "平台"
    text = re.sub(r"[您你]们?", "我", text)
    text = re.sub(r"用户自?己?的", "我的", text)
    again = "平台" if named else who
    text = re.sub(r"本(?:公司|平台|应用|软件|网站|站|产品|服务)", again, text)
    return re.sub(r"我们", again, text)


def _phrase(text: str) -> str | None:
    """A verb phrase that starts with a verb and ends with a content word."""
    text = text.strip("，、 ")
    tokens = tag(text)
    if len(tokens) < 2 or not 4 <= len(text) <= 24 or _PRONOUN.search(text.replace("其他", "")):
        return None
    if tokens[0].tag[0] not in "vpd" or tokens[0].tag in ("vd",):
        return None
    if tokens[0].tag[0] == "d" and (len(tokens) < 3 or tokens[1].tag[0] != "v"):
        return None
    if not _ends_well(tokens) or re.search(r"相关信息|采取措施|予以|下列|本[协政隐]", text):
        return None
    nouns = [token for token in tokens if token.is_noun and token.word not in _GENERIC]
    return text if nouns else None


def _ends_well(tokens: Sequence[Token]) -> bool:
    last = tokens[-1]
    return last.tag[0] in "nvlijaf" or last.tag == "eng" or last.word in ("信息", "您", "你")


def _you(text: str, context: Context) -> Iterator[Draft]:
    who = context.issuer
    place = f"在{who}" if who else ""
    by = _YOU_CAN_BY.match(text)
    if by and (phrase := _phrase(by[1])):
        said = _asked(phrase, context, named=True)
        yield from _made(
            f"怎么{place}{said}",
            "how_to",
            1.9,
            indirect=f"怎么{place}{said}",
            need=f"我想{place}{said}",
        )
        return
    can = _YOU_CAN.match(text)
    if (
        can
        and (phrase := _phrase(can[1]))
        and not phrase.startswith(("通过", "在", "根据", "参考"))
    ):
        yield from _made(
            f"我可以{place}{_asked(phrase, context, True)}吗",
            "permission",
            1.4,
            f"能不能{place}{_asked(phrase, context, True)}",
        )
    no = _YOU_MUST_NOT.match(text)
    if no and (phrase := _phrase(no[1])):
        yield from _made(
            f"可以{place}{_asked(phrase, context, True)}吗",
            "prohibition",
            1.4,
            f"能不能{place}{_asked(phrase, context, True)}",
        )
    must = _YOU_MUST.match(text)
    if must and (phrase := _phrase(must[1])):
        yield from _made(
            f"使用{who or '该服务'}需要{_asked(phrase, context, True)}吗", "obligation", 1.2
        )


def _we(text: str, context: Context) -> Iterator[Draft]:
    who = context.issuer or "平台"
    match = _WE_WILL.search(text)
    phrase = _phrase(match[1]) if match else None
    if phrase and not re.match(
        r"(?:根据|按|依|在|为|对|以|尽|竭|努力|严格|采取|免费采取|因|不|视|与|按照|及时|将"
        r"|从法律|予以|可能|无法|继续努力|确保|保证)",
        phrase,
    ):
        yield from _made(
            f"{who}会{_asked(phrase, context, True)}吗",
            "provider_duty",
            1.4,
            f"{who}会不会{_asked(phrase, context, True)}",
        )
    wants = _IF_YOU.match(text)
    if wants:
        want = _WANT.match(wants[1])
        clause = want[1] if want else wants[1]
        phrase = _phrase(clause)
        place = f"在{context.issuer}" if context.issuer else ""
        if phrase and want:
            said = _asked(phrase, context, True)
            yield from _made(f"怎么{place}{said}", "how_to", 1.8, need=f"我想{place}{said}")
        elif phrase and not re.match(r"(?:对|有|是|为|认为|发现|在|使用|不同意)", phrase):
            yield from _made(
                f"如果我{place}{_asked(phrase, context, True)}会怎么样", "consequence", 1.5
            )


def _facts(text: str, context: Context) -> Iterator[Draft]:
    who = context.issuer or "平台"
    if "信息" in text and _KEPT.search(text):
        yield from _made(
            f"{who}会保存我的个人信息多久", "retention", 2.0, f"{who}保存个人信息的期限"
        )
    if "信息" in text and _WHERE.search(text):
        yield from _made(
            f"{who}把我的个人信息存储在哪里", "storage", 1.9, f"{who}把个人信息存储在哪里"
        )
    if _MINOR.search(text):
        yield from _made(f"未成年人可以使用{who}吗", "age", 1.7, f"未成年人能不能使用{who}")
    answered = _ANSWERED.search(text)
    if answered:
        yield from _made(f"{who}多久会{answered[1]}我的请求", "deadline", 1.9)


# --- questions that a text answers itself -------------------------------------------------------

_ASKED_SELF = re.compile(r"^[^。！]{4,30}[？?]$")


def own_question(sentence: str, context: Context) -> Draft | None:
    """A question of the text itself, as the headings of a FAQ are; its answer follows it."""
    text = re.sub(r"^(?:[一二三四五六七八九十\d]+)?[问答QA][:：、.]?\s*", "", plain(sentence))
    if not _ASKED_SELF.match(text) or _PRONOUN.search(text) or is_debris(sentence):
        return None
    asked = _asked(text.rstrip("？?"), context, named=False)
    if context.kind == "terms" and context.issuer and context.issuer not in asked:
        asked = f"在{context.issuer}{asked}"
    elif context.kind != "terms" and len(asked) < 14:
        about = re.sub(r"(?:问答|指南|攻略|常见问题|须知|FAQ).*$", "", context.title or "")
        asked = f"{about} {asked}" if 3 < len(about) <= 20 and "？" not in about else asked
    return next(_made(asked, "faq", 2.1), None)


# --- laws --------------------------------------------------------------------------------------

_PENALTY = re.compile(
    r"违反[^，。]{2,24}规定，([^，。；]{4,26}?)的，(?:由|处|责令|给予|可以|应当|依法)"
)
_WITHIN = re.compile(
    r"^([^，。；]{2,16}?)应当(?:自|在|于)[^，。；]{2,30}?(?:之日起|后)?"
    r"([一二三四五六七八九十\d]+个?(?:工作日|日|月|天|年))内，?([^，。；（]{4,20})"
    r"(?=[，。；（：]|$)"
)


def _statute(text: str, context: Context) -> Iterator[Draft]:
    title = _bare(context.title or "")
    where = f"根据《{title}》，" if 2 < len(title) <= 18 else ""
    penalty = _PENALTY.search(text)
    if penalty:
        yield from _made(f"{where}{penalty[1]}会受到什么处罚", "penalty", 2.0)
    within = _WITHIN.match(text)
    if within and not _PRONOUN.search(within[1]):
        yield from _made(f"{where}{within[1]}应当在多长时间内{within[3]}", "deadline", 2.0)


Rule = Callable[[str, Context], Iterator[Draft]]
_REPORT: tuple[Rule, ...] = (_definition, _figure, _cause, _effect, _parts)
_RULES: dict[str, tuple[Rule, ...]] = {
    "terms": (_definition, _you, _we, _facts),
    "law": (_definition, _statute),
    "filing": _REPORT,
    "report": _REPORT,
    "article": _REPORT,
}


def need_leads() -> tuple[str, ...]:
    """How a need begins; which one it is depends on the seed."""
    return ("想知道", "想了解一下", "我想查一下")


__all__ = ["drafts", "noun_phrase", "plain", "subject_of"]

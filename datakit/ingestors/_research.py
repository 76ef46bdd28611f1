"""Chinese research reports as running text: headings found again, running lines taken out.

Text that was pulled out of a PDF has neither lines nor pages. What is left to go by: the table of
contents with its dot leaders names the headings, the notice to read the disclaimer stands at every
page break together with the page's header, and bullets and captions begin as they always do.
"""

from __future__ import annotations

import itertools
import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from datakit.ingestors import _dates

HEADING_MARK = "\ufdd0"  # before a line that is a heading; no character of any text

_BROKER = re.compile(
    "中信建投|中信证券|中金公司|国泰君安|海通国际|海通证券|华泰证券|广发证券|招商证券|国信证券|申万宏源"
    "|东方证券|兴业证券|光大证券|安信证券|银河证券|平安证券|长江证券|方正证券|国金证券|天风证券|民生证券"
    "|浙商证券|东吴证券|东北证券|东兴证券|开源证券|西南证券|太平洋证券|华西证券|国盛证券|华安证券|华金证券"
    "|华创证券|中泰证券|中银国际|中银证券|国海证券|国联证券|国元证券|财通证券|财信证券|财富证券|长城国瑞"
    "|长城证券|首创证券|信达证券|山西证券|万联证券|渤海证券|德邦证券|东海证券|东莞证券|川财证券|国都证券"
    "|国融证券|恒泰证券|红塔证券|宏信证券|华鑫证券|华龙证券|华融证券|华福证券|江海证券|九州证券|联储证券"
    "|联讯证券|粤开证券|南京证券|上海证券|湘财证券|新时代证券|西部证券|东方财富证券|野村东方|英大证券"
    "|中原证券|中航证券|中邮证券|中天证券|中山证券|第一创业|爱建证券|甬兴证券|国开证券|国投证券|国新证券"
    "|世纪证券|五矿证券|招银国际|浦银国际|交银国际|建银国际|农银国际|工银国际|第一上海|高盛高华|汇丰前海"
    "|元大证券|头豹研究院|艾瑞咨询|亿欧智库|前瞻产业研究院|中研普华"
)
_OWN = re.compile(r"(?:股份|有限|经济|金融|证券)*(?:研究所|研究院|研究部|研究中心|公司|版权)")

# Shenwan's first level (2021) and two subjects of market comment; words that tell each of them
_INDUSTRIES = {
    "电子": "电子|半导体|芯片|集成电路|面板|消费电子|被动元件|元器件|LED|MLCC|晶圆|封测|光学光电",
    "医药生物": "医药|医疗|生物科技|生物制品|创新药|疫苗|药店|CXO|CRO|CDMO|血制品|集采|核药|眼科"
                "|肿瘤|糖尿病|抗体|中药|诊断|药物",
    "计算机": "计算机|软件|云计算|人工智能|大模型|信创|网络安全|AI\\s?Agent|算力",
    "通信": "通信|5G|光模块|运营商|物联网|卫星互联网",
    "传媒": "传媒|游戏|影视|广告营销|短视频|出版",
    "银行": "银行|息差|信贷",
    "非银金融": "非银|券商|保险|证券行业|信托|金融科技",
    "房地产": "房地产|地产|物业|楼市|房企",
    "汽车": "汽车|新能源车|整车|智能驾驶|零部件",
    "电力设备": "电力设备|新能源|光伏|锂电|储能|风电|电池|电网设备|硅料|氢能",
    "机械设备": "机械|工程机械|机器人|机床|专用设备|通用设备|自动化设备",
    "国防军工": "军工|国防|航空装备|航天|低空经济|无人机",
    "食品饮料": "食品|饮料|白酒|啤酒|乳业|调味品|零食",
    "家用电器": "家电|白电|黑电|小家电|家用电器|扫地机",
    "纺织服饰": "纺织|服装|服饰|运动鞋",
    "轻工制造": "轻工|造纸|家居|包装印刷|文具",
    "商贸零售": "零售|商贸|电商|超市|免税",
    "社会服务": "社会服务|旅游|酒店|餐饮|教育|人力资源",
    "美容护理": "美容|化妆品|医美|个护",
    "农林牧渔": "农业|农林牧渔|养殖|生猪|种业|饲料|宠物",
    "基础化工": "化工|化学制品|化肥|农药|聚氨酯|制冷剂|氟化工",
    "石油石化": "石油|石化|油气|原油|炼化",
    "煤炭": "煤炭|动力煤|焦煤|煤价",
    "钢铁": "钢铁|钢材|铁矿|钢价",
    "有色金属": "有色|黄金(?:行业|价格|股|板块|消费)|金价|铜价|铝业|稀土|锂矿|贵金属|工业金属",
    "建筑材料": "建材|水泥|玻璃|防水材料",
    "建筑装饰": "建筑装饰|建筑业|基建|工程咨询",
    "交通运输": "交通运输|交运|航运|物流|快递|航空公司|机场|港口|高速公路|铁路",
    "公用事业": "公用事业|电力行业|火电|水电|核电|燃气|水务",
    "环保": "环保|固废|污水|环境治理",
    "宏观经济": "宏观|货币政策|财政政策|GDP|通胀|CPI|降准|降息|美联储|关税|汇率|出口数据|社融",
    "投资策略": "投资策略|A股|大盘|沪指|择时|策略周报|资产配置|公募基金|北向资金",
}  # fmt: skip
_SUBJECTS = frozenset(("宏观经济", "投资策略"))  # any long text has their words
_INDUSTRY = {name: re.compile(words) for name, words in _INDUSTRIES.items()}
_GENRES = frozenset(
    ("行业分析", "宏观分析", "公司分析", "个股", "行业研究", "其他", "其它", "未分类")
)
_REPORT = re.compile(
    r"证券研究报告|研究报告|行业研究|投资评级|分析师|研报|投资要点|行业(?:周报|月报|观察|点评|深度|跟踪)"
)
_REPORT_TITLE = re.compile(r"点评|行业专题|深度报告|跟踪|年度策略|半年度展望|周报|月报")

_DATE = re.compile(
    r"((?:19|20)\d\d)\s?(?:(年)\s?(\d{1,2})\s?月\s?(\d{1,2})\s?日"
    r"|([-./])(\d{1,2})\5(\d{1,2})(?![\d.]))"
)
_DATE_LABEL = re.compile(r"(?:报告|发布|出版|完成)?(?:日期|时间)[：:]?\s*$")
_NOT_ITS_OWN = re.compile(r"(?:截[至止]|[（(~～—至到《>]|[-–]|\d[.、]|本周|上周|数据)\s*$")
FRONT_CHARS = 6_000  # the first page or two, where a report names its date and its maker


# --- metadata -----------------------------------------------------------------------------------


def refine(fields: dict[str, Any], text: str, name: str) -> None:
    """Fill in what a Chinese report says about itself: subject, issuer, kind, date."""
    genre = fields.get("category")
    if genre in _GENRES:
        fields["category"] = None
        fields["meta"]["genre"] = genre
    title = f"{fields.get('title') or ''} {name}"
    fields["category"] = fields.get("category") or industry(title, text)
    told = _REPORT.search(title) or _REPORT_TITLE.search(title)
    if not (genre in _GENRES or told or _REPORT.search(text[:FRONT_CHARS])):
        return
    fields["doc_type"] = fields.get("doc_type") or "research_report"
    fields["issuer"] = fields.get("issuer") or issuer(text)
    fields["date"] = fields.get("date") or _dates.date_in_name(name) or report_date(text)


def industry(title: str, text: str) -> str | None:
    """The industry that the title, else the first lines, else the whole text is about."""
    for part, least in ((title, 1), (text[:800], 3), (text, 3 + len(text) // 500)):
        counts = Counter({name: len(words.findall(part)) for name, words in _INDUSTRY.items()})
        (best, n), (_, second) = counts.most_common(2)
        if n >= least and n > second and (part is not text or best not in _SUBJECTS):
            return best
    return None


def issuer(text: str) -> str | None:
    """The broker or institute that a report names most, as its own in the first place."""
    counts: Counter[str] = Counter()
    for match in _BROKER.finditer(text):
        own = _OWN.match(text, match.end())
        counts[match.group()] += 5 if own else 1
    return max(counts, key=lambda name: (counts[name], name)) if counts else None


def report_date(text: str) -> str | None:
    """The day of a report: a labelled date, else the first on its front that stands alone.

    A range, a title in a list and "截至…" are dates of something else. A date written with 年月日
    counts before one with hyphens, which lists of other reports have.
    """
    found: dict[int, str] = {}
    for match in _DATE.finditer(text[:FRONT_CHARS]):
        before = text[max(0, match.start() - 24) : match.start()]
        after = text[match.end() : match.end() + 1]
        year, *rest = (part for part in match.groups() if part)
        mark, month, day = rest
        iso = _dates.find_date(f"{year}-{int(month):02d}-{int(day):02d}")
        if iso is None or _NOT_ITS_OWN.search(before) or after in tuple("-~～—–至到）)"):
            continue
        rank = 0 if _DATE_LABEL.search(before) else 1 if mark == "年" else 2
        found.setdefault(rank, iso)
    month = None if 0 in found else _month(text)
    return month or (found[min(found)] if found else None)


def _month(text: str) -> str | None:
    """`2020年12月` on its own, close to the top."""
    match = re.search(
        r"(?<![在于至自到年截])(20\d\d)年(\d{1,2})月(?=$|\s|分析师|证券|研究|行业|[|｜—-])",
        text[:300],
    )
    month = int(match[2]) if match else 0
    return f"{match[1]}-{month:02d}" if match and 1 <= month <= 12 else None


# --- text ---------------------------------------------------------------------------------------


@dataclass
class Cleaned:
    """A report's text with a line for each part, and what was taken out of it."""

    text: str
    left_out: dict[str, int] = field(default_factory=dict)  # what: characters


def needs_lines(text: str) -> bool:
    """Whether a text is so long and has so few line ends that it lost them."""
    return 1_000 < len(text) <= MAX_CHARS and text.count("\n") < len(text) / 2_000


_NOTICE = re.compile(
    r"(?:敬请|谨请|请)(?:务必)?(?:仔细|一起)?(?:阅读|参阅|参见|参考|查阅)"
    r"|各项声明请参见|本报告版权属于|未经许可，禁止转载|证券投资咨询业务资格批文号"
)
_TOKEN = re.compile(r"\d+|[.\s]+|[A-Za-z]+|.", re.S)
MAX_RUNNING = 60  # tokens on either side of the notice
MAX_CHARS = 2_000_000  # of a report; past it nothing is looked for


def clean(text: str) -> Cleaned:
    """A report without running lines, table of contents and disclaimer, with lines again."""
    cleaned = Cleaned(text)
    _without_template_marks(cleaned)
    _without_running_lines(cleaned)
    _without_disclaimer(cleaned)
    titles = _without_contents(cleaned)
    cleaned.text = _with_headings(cleaned.text, titles)
    cleaned.text = _with_lines(cleaned.text)
    return cleaned


def _take_out(cleaned: Cleaned, what: str, spans: Sequence[tuple[int, int]], fill: str) -> None:
    parts, last, n = [], 0, 0
    for start, end in sorted(spans):
        if end <= last:
            continue
        parts += [cleaned.text[last : max(start, last)], fill]
        n += end - max(start, last)
        last = end
    cleaned.text = "".join(parts) + cleaned.text[last:]
    if n:
        cleaned.left_out[what] = cleaned.left_out.get(what, 0) + n


_TEMPLATE_MARK = re.compile(r"\[?\[?\s?_?[Tt]able_?[A-Za-z0-9_]{1,24}\]?|[#＃]\w{2,12}Time1[#＃]")


def _without_template_marks(cleaned: Cleaned) -> None:
    """`[Table_Main]` and the like, which a broker's template leaves behind."""
    spans = [match.span() for match in _TEMPLATE_MARK.finditer(cleaned.text) if "_" in match[0]]
    _take_out(cleaned, "template marks", spans, "\n")


def _without_running_lines(cleaned: Cleaned) -> None:
    """What stands at every page break: the notice, the header, the page number."""
    by_start: dict[str, list[int]] = {}
    for match in _NOTICE.finditer(cleaned.text):
        # the same notice goes on the same way
        key = re.sub(r"\d+", "0", cleaned.text[match.start() : match.end() + 4])
        by_start.setdefault(key, []).append(match.start())
    spans: list[tuple[int, int]] = []
    for starts in by_start.values():
        if len(starts) >= 3:
            spans += _repeated_around(cleaned.text, starts)
    _take_out(cleaned, "running lines", spans, "")
    _take_out(cleaned, "running lines", _numbered_lines(cleaned.text), "")


_PROSE_MARK = re.compile("[。，、：；（）()%]|来源|图|表|资料|研究所")
GRAM = 12  # characters of a phrase that is looked for on every page


def _numbered_lines(text: str) -> list[tuple[int, int]]:
    """A phrase that comes back once a page, next to a number that counts up."""
    masked = re.sub(r"\d", "0", text)
    counts = Counter(masked[i : i + GRAM] for i in range(0, len(text) - GRAM))
    for phrase, n in counts.most_common(200):
        if n < max(5, len(text) / 5_000):
            break
        if len(re.findall(r"[\u4e00-\u9fff]", phrase)) < 6 or _PROSE_MARK.search(phrase):
            continue
        anchors = [match.start() for match in re.finditer(re.escape(phrase), masked)]
        gaps = sorted(b - a for a, b in itertools.pairwise(anchors))
        if gaps[len(gaps) // 2] < 400 or anchors[-1] - anchors[0] < len(text) / 2:
            continue
        spans = _repeated_around(text, anchors)
        sourced = any("来源" in text[a:b] for a, b in spans)
        if not sourced and _counts_up(text, spans):
            return spans
    return []


def _counts_up(text: str, spans: list[tuple[int, int]]) -> bool:
    """Whether the numbers in and beside the spans count pages."""
    numbers = [
        {int(n) for n in re.findall(r"\d{1,3}", text[max(0, a - 4) : b + 4])} for a, b in spans
    ]
    steps = sum(
        any(n + 1 in after or n + 2 in after for n in before)
        for before, after in itertools.pairwise(numbers)
    )
    return steps >= 0.75 * (len(spans) - 1)


def _repeated_around(text: str, anchors: list[int]) -> list[tuple[int, int]]:
    """The span around each anchor that at least 40 % of the anchors have in common."""
    after = [_tokens(text[a : a + 4 * MAX_RUNNING]) for a in anchors]
    before = [_tokens(text[max(0, a - 4 * MAX_RUNNING) : a], -1) for a in anchors]
    right, left = _common(after), _common(before)
    starts = [a - n for a, n in zip(anchors, left, strict=True)]
    # the stop of the sentence above and the caption below are not part of the page's edge
    starts = [start + (text[start] in "。！？；") for start in starts]
    spans = [(start, a + m) for start, a, m in zip(starts, anchors, right, strict=True)]
    return _at_page_numbers(text, [(a, b - _caption_chars(text[a:b])) for a, b in spans])


def _caption_chars(text: str) -> int:
    match = re.search(r"(?:图表?|表)$", text)
    return len(match.group()) if match else 0


def _at_page_numbers(text: str, spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Spans that end with the page's number and not with figures that follow it: `82019`."""
    page = 0
    found = []
    for start, end in spans:
        digits = re.search(r"\d{1,40}$", text[start:end])
        if digits:
            runs = [digits.group()[:n] for n in range(1, min(3, len(digits.group())) + 1)]
            fits = [run for run in runs if int(run) - page in (1, 2)]
            if fits:
                end -= len(digits.group()) - len(fits[0])  # noqa: PLW2901
                page = int(fits[0])
            else:
                page = int(runs[-1]) if runs[-1] == digits.group() else page + 1
        found.append((start, end))
    return found


def _tokens(text: str, step: int = 1) -> list[str]:
    """The first tokens of a text, or the last ones from its end on."""
    return _TOKEN.findall(text)[::step][:MAX_RUNNING]


def _common(rows: list[list[str]]) -> list[int]:
    """Characters at the start of each row that the rows share; numbers count as equal."""
    lengths = [0] * len(rows)
    live = list(range(len(rows)))
    for k in range(MAX_RUNNING):
        here = {i: rows[i][k] for i in live if k < len(rows[i])}
        masked = {i: "0" if token.isdecimal() else token for i, token in here.items()}
        if not masked:
            break
        best, n = Counter(masked.values()).most_common(1)[0]
        live = [i for i in live if masked.get(i) == best]
        if n < max(3, 0.4 * len(rows)) or (best == "0" and not _increase([here[i] for i in live])):
            break
        for i in live:
            lengths[i] += len(here[i])
    return lengths


def _increase(numbers: list[str]) -> bool:
    """Whether numbers count pages, or are the number of pages, from one to the next."""
    steps = [int(b[:6]) - int(a[:6]) for a, b in itertools.pairwise(numbers)]
    return sum(step in (0, 1, 2) for step in steps) >= 0.5 * len(steps)


_DISCLAIMER = re.compile(
    r"分析师(?:及研究助理)?(?:声明|承诺|简介|介绍|与研究助理简介)|免责(?:声明|条款|及评级说明)|法律声明"
    r"|特别声明|重要声明|信息披露|投资评级(?:的?说明|标准|定义|体系)|评级(?:说明|标准|体系|定义)"
)
_BOILERPLATE = re.compile(
    r"仅供.{0,20}(?:参考|客户使用)|不构成|版权|未经.{0,20}(?:许可|授权|同意)|以下简称|具备证券投资咨询"
    r"|沪深300指数|承担.{0,6}(?:责任|风险)"
)
LAST_PART = 0.4  # of a report, after which its disclaimer may begin


def _without_disclaimer(cleaned: Cleaned) -> None:
    """The closing statements: from their first heading on, if what follows is boilerplate."""
    text = cleaned.text
    cues = [match.start() for match in _BOILERPLATE.finditer(text)]
    for match in _DISCLAIMER.finditer(text, int(LAST_PART * len(text))):
        n_cues = len(cues) - bisect_left(cues, match.start())
        # boilerplate has such a phrase every two lines; prose hardly ever
        if n_cues >= 4 and n_cues * 450 > len(text) - match.start():
            _take_out(cleaned, "disclaimer", [(match.start(), len(text))], "")
            return


_LEADER = re.compile(r"\s*(?:\.{4,}|…{2,}|(?:\. ){4,}|·{4,})[.\s…·]*-?\s*(?=\d)")
_CONTENTS = re.compile(r"(?:内容|图表?|插图|表格|表|正文)?\s?目\s?录\s?(?:CONTENTS)?|图表索引")
MAX_TITLE = 80
MAX_JUMP = 25  # pages between two entries


def _without_contents(cleaned: Cleaned) -> list[str]:
    """The titles that the table of contents lists; it is taken out."""
    text = cleaned.text
    leaders = list(_LEADER.finditer(text))
    if len(leaders) < 3:
        return []
    titles: list[str] = []
    page = 0
    spans: list[tuple[int, int]] = []
    start = max(0, leaders[0].start() - MAX_TITLE)
    for match in _CONTENTS.finditer(text, start, leaders[0].start()):
        start = match.start()
        break
    else:
        start = leaders[0].start() - len(_tail_title(text[start : leaders[0].start()]))
    for leader in leaders:
        if leader.start() - start > 3 * MAX_TITLE:  # not part of the same list
            start = leader.start() - len(_tail_title(text[start : leader.start()]))
        title = _CONTENTS.sub("", text[start : leader.start()]).strip()
        digits, page = _page(text[leader.end() : leader.end() + 4], page)
        end = leader.end() + digits
        end += len(re.match(r"-?\s*", text[end : end + 8])[0])  # type: ignore[index]
        spans.append((start, end))
        start = end
        if 2 <= len(title) <= MAX_TITLE:
            titles.append(title)
    _take_out(cleaned, "table of contents", spans, "\n")
    return titles


def _tail_title(text: str) -> str:
    """The end of a text that can be an entry of a table of contents."""
    cut = max(text.rfind(mark) for mark in "。；\n：")
    return text[cut + 1 :][-MAX_TITLE:]


def _page(text: str, last: int) -> tuple[int, int]:
    """How many digits the page number has, and the number: `51.1.` is page 5, then 1.1."""
    run = re.match(r"\d{1,4}", text)
    digits = run.group() if run else ""
    for n in range(min(3, len(digits)), 0, -1):
        number, rest = int(digits[:n]), text[n : n + 1]
        if last <= number <= last + MAX_JUMP and rest not in (".", "、"):
            return n, number
    for n in range(1, min(3, len(digits)) + 1):  # a second list starts again at a lower page
        if text[n : n + 1] not in (".", "、"):
            return n, int(digits[:n])
    return 1 if digits else 0, last


_FIGURE = re.compile(r"(?:图表?|表格?)\s?\d")
_NUMBERED = re.compile(r"[\d一二三四五六七八九十（(第]")


def _with_headings(text: str, titles: list[str]) -> str:
    """A line of its own for each title of the table of contents, in the order of the list."""
    cuts: list[tuple[int, int, str]] = []
    at = 0
    figures_at = 0
    for title in titles:
        figure = bool(_FIGURE.match(title))
        if not figure and len(title) < (4 if _NUMBERED.match(title) else 6):
            continue
        found = text.find(title, figures_at if figure else at)
        if found < 0:
            continue
        end = found + len(title)
        if figure:
            figures_at = end
        else:
            at = end
        cuts.append((found, end, "" if figure else HEADING_MARK))
    parts, last = [], 0
    for start, end, mark in sorted(cuts):
        if start >= last:
            parts += [text[last:start], "\n", mark, text[start:end], "\n"]
            last = end
    return "".join(parts) + text[last:]


_BREAKS = re.compile(
    r"(?<=[。！？；;）)%\d\w])(?=(?:图表?|(?<!图)表)\s?\d{1,3}[-.\d]*\s?[：:])"
    r"|(?=(?:资料|数据)来源[：:])"
    r"|(?<=[。！？；）)])(?=(?:投资要点|核心观点|投资建议|风险提示|盈利预测|投资逻辑|主要观点|风险因素)"
    r"[：:]?)"
    r"|(?<=[。；！？])(?=[（(]?[一二三四五六七八九十]{1,3}[）)、])"
)
_MAKER = r"(?:研究(?:所|院|部|中心)?(?!报告|员|表明|显示|发现)|整理)(?:整理|绘制|预测)?"
_HOUSE = r"[\u4e00-\u9fff]{2,4}证券(?:研究所|研究院|研究部)?(?:整理)?"
_SOURCE_NOTE = re.compile(
    rf"((?:资料|数据)来源[：:][^。；\n]{{1,80}}?(?:{_MAKER}|[，、,]{_HOUSE})"
    rf"(?:[，、,](?:Wind|[^。；，\n]{{1,30}}?{_MAKER}|{_HOUSE}))*)"
)


def _with_lines(text: str) -> str:
    """Line ends where a caption, a source note or a known section begins."""
    text = _BREAKS.sub("\n", text)
    return _SOURCE_NOTE.sub(r"\1\n", text)

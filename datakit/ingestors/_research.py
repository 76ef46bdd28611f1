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
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from datakit.ingestors import _dates, _industries, _report_debris
from datakit.ingestors._hant import simplified

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
    "|华源证券|金元证券|大同证券|申港证券|华宝证券|金融街证券|诚通证券|麦高证券|群益证券|国泰海通"
    "|元大证券|联合资信|大公国际|中诚信国际|东方金诚|沙利文|灼识咨询|中国信通院|头豹研究院|艾瑞咨询|亿欧智库|前瞻产业研究院|中研普华"
)
_HOUSE_NAME = re.compile(r"([\u4e00-\u9fff]{2}证券)(?=股份有限公司|有限责任公司|研究所|研究院)")
_NO_HOUSE = re.compile("[究报告投资本公司从事具备等各与为由在的]")
_NO_ISSUER = re.compile("历史|公开|网络|互联网|转载|整理|研报|佚名|未知|匿名|原创|admin", re.I)
_OWN = re.compile(r"(?:股份|有限|经济|金融|证券)*(?:研究所|研究院|研究部|研究中心|公司|版权)")

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
_DATE_LABEL = re.compile(
    r"(?:(?:报告|发布|出版|完成)?(?:日期|时间)[：:]?|Time1[#＃]|Table_Date\])\s*$"
)
_NOT_ITS_OWN = re.compile(r"(?:截[至止]|[（(~～—至到《>]|[-–]|\d[.、]|本周|上周|数据)\s*$")
FRONT_CHARS = 6_000  # the first page or two, where a report names its date and its maker


# --- metadata -----------------------------------------------------------------------------------


_DAY = r"(?:19|20)\d\d(?:[-._/]\d{1,2}[-._/]\d{1,2}|年\d{1,2}月\d{1,2}日|[01]\d[0-3]\d)"
_TITLE_DATE = re.compile(
    rf"^(?P<first>{_DAY})(?:[\s:：_-]+|(?![\d.]))(?=.*[^\W\d])|\s?[（(](?P<last>{_DAY})[)）]$"
)


def refine(fields: dict[str, Any], text: str, name: str) -> None:
    """Fill in what a Chinese report says about itself: subject, issuer, kind, date, rating.

    A title that opens or closes with its day (`2025.6.30煤炭行业周报`) loses it; the title as it
    was given stays in `meta`. A source such as `历史公开研报` is no issuer and goes there as well.
    """
    text = simplified(text)
    genre = fields.get("category")
    if genre in _GENRES:
        fields["category"] = None
        fields["meta"]["genre"] = genre
    _without_day(fields)
    title = simplified(f"{fields.get('title') or ''} {name}")
    filing = named_filing(name)
    if filing or _FILING.search(title):
        _refine_filing(fields, text, filing)
        return
    fields["category"] = fields.get("category") or industry(title, text)
    told = _REPORT.search(title) or _REPORT_TITLE.search(title)
    if not (genre in _GENRES or told or _REPORT.search(text[:FRONT_CHARS])):
        return
    fields["doc_type"] = fields.get("doc_type") or "research_report"
    given = fields.get("issuer")
    if given and _NO_ISSUER.search(given):
        fields["issuer"] = None
        fields["meta"]["source"] = given
    fields["issuer"] = fields.get("issuer") or issuer(text)
    fields["date"] = fields.get("date") or _dates.date_in_name(name) or report_date(text)
    fields["meta"] |= {"rating": rating(text) or "", "stock_code": stock_code(title, text) or ""}


def _without_day(fields: dict[str, Any]) -> None:
    title = fields.get("title") or ""
    match = _TITLE_DATE.search(title)
    digits = "".join(f"{int(n):02d}" for n in re.findall(r"\d+", match.group())) if match else ""
    day = _dates.date_in_name(digits)
    if match and day:
        fields["meta"]["title_as_given"] = title
        fields["title"] = (title[: match.start()] + title[match.end() :]).strip()
        fields["date"] = fields.get("date") or day


_FILING = re.compile(r"(?:年度|半年度|季度)报告(?:全文|摘要)?\s*(?:$|20)")
_FILING_KINDS = {
    "年度报告": "annual_report", "半年度报告": "interim_report", "季度报告": "quarterly_report",
}  # fmt: skip
_FILING_NAME = re.compile(
    r"(?P<date>\d{4}-\d\d-\d\d)[_ ]+(?P<issuer>\D[^_]*?)[_ ]+(?P<stock_code>\d{6})[_ ]+[^_]+?[_ ]+"
    r"(?P<year>(?:19|20)\d\d年?)[_ ]+(?P<kind>[^_ ]+)$"
)
_CODE_LABEL = re.compile(r"(?:股票|证券)代码[：:\s|]{1,6}(\d{6})(?!\d)")
_COMPANY_LABEL = re.compile(
    r"(?:公司的?中文名称|公司名称)[：:\s|]{1,6}([\u4e00-\u9fff（）()]{4,40}?公司)"
)


def named_filing(name: str) -> dict[str, str]:
    """What a filing's name says: `2020-01-21__issuer__600000__short__2019年__年度报告`.

    Returns:
        date, issuer, stock_code, title and doc_type; empty for another name.
    """
    match = _FILING_NAME.match(name)
    if not match:
        return {}
    found = {key: value.strip() for key, value in match.groupdict().items()}
    kind = found.pop("kind")
    found["title"] = f"{found['issuer']} {found.pop('year')}{kind}"
    return found | {"doc_type": _FILING_KINDS.get(kind, "")}


def _refine_filing(fields: dict[str, Any], text: str, named: dict[str, str]) -> None:
    """A listed company's own report: who, which share, which industry."""
    front = text[: 5 * FRONT_CHARS]
    company, code = _COMPANY_LABEL.search(front), _CODE_LABEL.search(front)
    kind = next(
        (k for word, k in _FILING_KINDS.items() if word in (fields.get("title") or "")), None
    )
    fields["doc_type"] = fields.get("doc_type") or named.get("doc_type") or kind or "annual_report"
    fields["issuer"] = fields.get("issuer") or named.get("issuer") or (company and company[1])
    fields["date"] = named.get("date") or fields.get("date")
    fields["category"] = (
        fields.get("category")
        or _industries.division_industry(text)
        or _industries.company_industry(text)
    )
    fields["meta"]["stock_code"] = named.get("stock_code") or (code[1] if code else "")


industry = _industries.industry


def issuer(text: str) -> str | None:
    """The broker or institute that a report names most, as its own in the first place."""
    counts: Counter[str] = Counter()
    for match in _BROKER.finditer(text):
        own = _OWN.match(text, match.end())
        counts[match.group()] += 5 if own else 1
    if not counts:  # a house that is not on the list signs all the same
        counts.update(name for name in _HOUSE_NAME.findall(text) if not _NO_HOUSE.search(name[:-2]))
    best = max(counts, key=lambda name: (counts[name], name)) if counts else None
    return best if best and counts[best] >= LEAST_NAMED else None


LEAST_NAMED = 2  # times that a report names its maker
_RATINGS = (
    "强于大市|优于大市|领先大市|同步大市|跟随大市|弱于大市|落后大市|强大于市|谨慎推荐|强烈推荐|审慎增持|谨慎增持"
    "|推荐|看好|买入|增持|中性|持有|减持|卖出|超配|标配|低配"
)
_RATING = re.compile(
    rf"(?:(?:行业|投资|公司)?评级[：:\s]{{0,2}}|^|[\u4e00-\u9fff）)\]●｜|。\s])"
    rf"(?P<rating>{_RATINGS})\s?[（(]?(?:[#＃]\w+[#＃])?(?:维持|首次|上调|下调|调高|调低)"
    rf"|(?:行业|投资)评级[：:\s]{{0,2}}(?P<labelled>{_RATINGS})"
)


def rating(text: str) -> str | None:
    """The rating on a report's front: `行业评级：推荐`, `强于大市（维持）`."""
    match = _RATING.search(text[:FRONT_CHARS])
    return (match["rating"] or match["labelled"]) if match else None


_SHARE_CODE = re.compile(r"[（(\s](\d{6})(?:\.(?:SH|SZ|BJ))?[)）\s]")


def stock_code(title: str, text: str) -> str | None:
    """The share that a report is about, where its title or a label on its front says so."""
    match = _SHARE_CODE.search(f" {title} ") or _CODE_LABEL.search(text[:FRONT_CHARS])
    return match[1] if match else None


def report_date(text: str) -> str | None:
    """The day of a report: a labelled date, else the first on its front that stands alone.

    A range, a title in a list and "截至…" are dates of something else. A date written with 年月日
    counts before one with hyphens, which lists of other reports have; a page's edge that every
    page repeats counts before both.
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
    return month or (found[min(found)] if found else _month_of_work(text))


def _month(text: str) -> str | None:
    """`2020年12月` on its own, close to the top."""
    match = re.search(
        r"(?<![在于至自到年截])(20\d\d)年(\d{1,2})月(?=$|\s|分析师|证券|研究|行业|[|｜—-])",
        text[:300],
    )
    return _year_month(match)


def _month_of_work(text: str) -> str | None:
    """`本次研究于2019年1月完成`, which consultancies write into their method."""
    return _year_month(
        re.search(
            r"(?:研究|报告|调研)[^。]{0,6}于(20\d\d)年(\d{1,2})月[^。]{0,8}(?:完成|发布)", text
        )
    )


def _year_month(match: re.Match[str] | None) -> str | None:
    month = int(match[2]) if match else 0
    return f"{match[1]}-{month:02d}" if match and 1 <= month <= 12 else None


# --- text ---------------------------------------------------------------------------------------


@dataclass
class Cleaned:
    """A report's text with a line for each part, and what was taken out of it."""

    text: str
    left_out: dict[str, int] = field(default_factory=dict)  # what: characters

    @property
    def plain(self) -> str:
        """The text for looking, in simplified characters, as long as the text."""
        return simplified(self.text)


def needs_lines(text: str) -> bool:
    """Whether a text is so long and has so few line ends that it lost them."""
    return 1_000 < len(text) <= MAX_CHARS and text.count("\n") < len(text) / 2_000


_NOTICE = re.compile(
    r"(?:敬请|谨请|请)(?:务必)?(?:仔细|一起)?(?:阅读|参阅|参见|参考|查阅)"
    r"|各项声明请参见|本报告版权属于|未经许可，禁止转载|证券投资咨询业务资格批文号"
    r"|请通过合法途径获取本公司|(?:证券)?研究报告发送给|版权归[\u4e00-\u9fff]{2,12}所有"
)
# the same where it stands once, and what a front page says of its authors
_ONE_NOTICE = re.compile(
    r"(?:敬请|谨请|请)(?:务必|仔细|一起)*(?:阅读|参阅|参见|参考|查阅)[^。！？；\d\n]{0,20}?"
    r"(?:免责|法律|重要|特别|信息披露|评级)[^。！？；，\d\n]{0,14}?(?:声明|申明|条款|说明|披露|提示)(?:部分)?[。.]?"
    r"|请务必阅读正文之[后前]的?(?=\s*$)"
    r"|(?:免责|重要|法律)声明[^。\n]{0,16}是(?:本)?报告的(?:一|组成)部分，请务必一起阅读。?"
    r"|(?:证券)?研究报告发送给[^。\n]{2,30}。(?:版权归[^。\n]{2,12}所有)?|版权归[\u4e00-\u9fff]{2,10}证券所有"
    r"|[\u4e00-\u9fff]{2,10}(?:具备|取得)证券投资咨询业务资格"
    r"|本报告的?信息均?来[自源]于?[^。\n]{2,20}信息[^。\n]{0,60}(?:自担|准确性)[^。\n]{0,20}。"
    r"|请通过合法途径获取本公司[^。\n]{4,80}声明内容。?|仅供机构投资者使用|证券研究报告(?=[|｜\n]|$)"
)
_CONTACT = re.compile(
    r"(?:证券|首席|联席首席)?(?:分析师|研究员|联系人|研究助理|投资咨询)?(?:[（(][^（）()\n]{1,8}[)）])?[：:]?"
    r"[\u4e00-\u9fff·]{0,6}"
    r"(?:(?:SAC|SFC|CE)\s?(?:执业|No|NO|CE)?[^\u4e00-\u9fff\n]{0,6}|S?AC?(?:执业)?证?书?编号[：:]?|"
    r"(?:证券)?(?:投资咨询)?(?:执业|从业)?(?:资格)?(?:证书?)?(?:编号|证号|编码|NO\.?)[：:]|"
    r"(?:联系)?(?:电话|邮箱|邮件|传真|手机)[：:]|E-?MAIL[：:]|(?<![\w.])(?=[\w.＠-]{2,30}[@＠]))"
    r"\s?[A-Za-z0-9()（）+＋@＠._\s－—-]{6,}",
    re.I,
)
_TOKEN = re.compile(r"\d+|[.\s]+|[A-Za-z]+|.", re.S)
MAX_RUNNING = 60  # tokens on either side of the notice
MAX_CHARS = 2_000_000  # of a report; past it nothing is looked for


def clean(text: str) -> Cleaned:
    """A report without running lines, contents, disclaimer and axes, with lines again.

    Lines behind `HEADING_MARK` are headings, those behind `TABLE_MARK` rows of a table.
    """
    cleaned = Cleaned(text)
    _without_template_marks(cleaned)
    _without_running_lines(cleaned)
    _without_disclaimer(cleaned)
    _take_out(cleaned, "notices", _spans(_ONE_NOTICE, cleaned.plain), "\n")
    _take_out(cleaned, "contacts of the authors", _contacts(cleaned.plain), "\n")
    titles = _without_contents(cleaned)
    cleaned.text = _with_headings(cleaned.text, titles)
    cleaned.text = _with_lines(cleaned)
    _take_out(cleaned, "chart axes", _report_debris.axis_spans(cleaned.plain), "\n")
    cleaned.text = "\n".join(_report_debris.with_marked_rows(cleaned.text.split("\n")))
    return cleaned


def _spans(pattern: re.Pattern[str], text: str) -> list[tuple[int, int]]:
    return [match.span() for match in pattern.finditer(text)]


def _contacts(text: str) -> list[tuple[int, int]]:
    """Names, numbers and addresses of the analysts, which stand on the first page."""
    return [
        match.span()
        for match in _CONTACT.finditer(text[:FRONT_CHARS])
        if sum(char.isdigit() for char in match.group()) >= 6 or "@" in match.group()
    ]


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


_TEMPLATE_MARK = re.compile(
    r"\[?\[?\s?_?[Tt]able_?[A-Za-z0-9_]{1,24}\]?|[#＃][A-Za-z]{4,24}\d?[#＃]"
)


def _without_template_marks(cleaned: Cleaned) -> None:
    """`[Table_Main]` and the like, which a broker's template leaves behind."""
    spans = [
        match.span()
        for match in _TEMPLATE_MARK.finditer(cleaned.text)
        if "_" in match[0] or match[0][0] in "#＃"
    ]
    _take_out(cleaned, "template marks", spans, "\n")


def _without_running_lines(cleaned: Cleaned) -> None:
    """What stands at every page break: the notice, the header, the page number."""
    by_start: dict[str, list[int]] = {}
    text = cleaned.plain
    for match in _NOTICE.finditer(text):
        # the same notice goes on the same way
        key = re.sub(r"\d+", "0", text[match.start() : match.end() + 4])
        by_start.setdefault(key, []).append(match.start())
    spans: list[tuple[int, int]] = []
    for starts in by_start.values():
        if len(starts) >= 3:
            spans += _repeated_around(text, starts)
    _take_out(cleaned, "running lines", spans, "")
    _take_out(cleaned, "running lines", _numbered_lines(cleaned.plain), "")


_PROSE_MARK = re.compile("[。，、：；（）()%]|来源|图|表|资料|研究所")
_SENTENCE_MARK = re.compile("[。，；%]")
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
        told = sum(bool(_SENTENCE_MARK.search(text[a:b])) for a, b in spans) > len(spans) / 2
        if not sourced and not told and _counts_up(text, spans):
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
    r"|免责申明|投资评级[：:]\s?(?=[^。]{0,12}(?:预计|指未来))|证券研究报告免责"
)
_BOILERPLATE = re.compile(
    r"仅供.{0,20}(?:参考|客户使用)|不构成|版权|未经.{0,20}(?:许可|授权|同意)|以下简称|具备证券投资咨询"
    r"|沪深300指数|预计\d{1,2}个月内|个月内[^。]{0,20}(?:指数|市场)|投资需谨慎|利益冲突|不代表|独立、?客观|承担.{0,6}(?:责任|风险)"
)
LAST_PART = 0.4  # of a report, after which its disclaimer may begin
MIN_CUES = 4  # phrases of boilerplate in a disclaimer, and
CHARS_PER_CUE = 450
MAX_GAP = 600  # characters between two of them where prose follows


def _without_disclaimer(cleaned: Cleaned) -> None:
    """The closing statements: from their heading to the end, or to where the boilerplate ends.

    They may stand before an appendix; what comes after them stays.
    """
    text = cleaned.plain
    cues = [match.end() for match in _BOILERPLATE.finditer(text)]
    for match in _DISCLAIMER.finditer(text, int(LAST_PART * len(text))):
        start = match.start()
        rest = cues[bisect_left(cues, start) :]
        # boilerplate has such a phrase every two lines; prose hardly ever
        if len(rest) >= MIN_CUES and len(rest) * CHARS_PER_CUE > len(text) - start:
            _take_out(cleaned, "disclaimer", [(start, len(text))], "")
            return
        run = list(_run_of(rest, match.end()))
        if len(run) >= MIN_CUES:
            stop = re.compile(r"[。！\n]|$").search(text, run[-1])
            _take_out(cleaned, "disclaimer", [(start, stop.end() if stop else run[-1])], "\n")
            return


def _run_of(cues: Sequence[int], last: int) -> Iterator[int]:
    """The cues that follow one another closely."""
    for cue in cues:
        if cue - last > MAX_GAP:
            return
        yield cue
        last = cue


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
    for match in _CONTENTS.finditer(cleaned.plain, start, leaders[0].start()):
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
    r"|(?=(?:资料|数据)来源[：:])|(?<=[；，])(?=注：)"
    r"|(?<=[。！？；）)])(?=(?:投资要点|核心观点|投资建议|风险提示|盈利预测|投资逻辑|主要观点|风险因素)"
    r"[：:]?)"
    r"|(?<=[。；！？])(?=[（(]?[一二三四五六七八九十]{1,3}[）)、])"
)
_MAKER = r"(?:研究(?:所|院|部|中心)?(?!报告|员|表明|显示|发现)|整理)(?:整理|绘制|预测)?"
_HOUSE = (
    r"[\u4e00-\u9fff]{2,4}证券(?:经纪（香港）|国际)?(?:研究所|研究院|研究部)?(?:整理)?(?:及预测)?"
)
_SOURCE_NOTE = re.compile(
    rf"((?:资料|数据)来源[：:][^。；\n]{{1,80}}?(?:{_MAKER}|[，、,]{_HOUSE})"
    rf"(?:[，、,](?:[Ww][Ii][Nn][Dd]|[^。；，\n]{{1,30}}?{_MAKER}|{_HOUSE}))*)"
)


def _with_lines(cleaned: Cleaned) -> str:
    """Line ends where a caption, a source note or a known section begins."""
    plain = cleaned.plain
    cuts = {match.start() for match in _BREAKS.finditer(plain)}
    cuts |= {match.end() for match in _SOURCE_NOTE.finditer(plain)}
    edges = [0, *sorted(cuts - {0, len(plain)}), len(plain)]
    return "\n".join(cleaned.text[a:b] for a, b in itertools.pairwise(edges))

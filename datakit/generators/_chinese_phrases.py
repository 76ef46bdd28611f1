"""Chinese phrases cut out of sentences, and what makes a question of one presentable."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

from datakit.generators._chinese import Token, tag
from datakit.generators._context import Context
from datakit.generators._drafts import Draft
from datakit.generators._words import word_set

Rule = Callable[[str, Context], Iterator[Draft]]

_ENUMERATOR = re.compile(
    r"^\s*(?:[•·▪●◦■◆➢*–—-]\s*|第[一二三四五六七八九十百零\d]+[条章节款][、，：:\s]*|[（"
    r"(][一二三四五六七八九十\d]{1,3}[)）]"
    r"|[一二三四五六七八九十]{1,3}[、.．]|\d{1,2}(?:\.\d{1,2})+[、.．\s]*"
    r"|\d{1,2}[、.．)）\s]\s*|[a-zA-Z][、.．)）]\s*|[①-⑳]|其中[，,]|此外[，,]|另外[，,]"
    r"|同时[，,]|因此[，,])+"
)
PRONOUN = re.compile(
    r"[其该此这那它他她]|上述|前述|本[文图表节章报次期]|以下|下列|如下|同时|以及$|二者|两者"
    r"|前者|后者"
)


def plain(sentence: str) -> str:
    """A sentence without enumerator, blanks and final mark."""
    text = re.sub(r"(?<![A-Za-z])\s+|\s+(?![A-Za-z])", "", sentence)
    return _ENUMERATOR.sub("", text).rstrip("。；;.！!：: ")


def made(
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
        or PRONOUN.search(text)
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


def bare(title: str) -> str:
    """The title of a law without the date of its version."""
    return re.sub(r"[（(].*?[）)]", "", title)


GENERIC = word_set(
    """
    行业 板块 公司 企业 医院 患者 产品 销售 综合 平均 总 合计 单季度 季度 中国 全球 国内 我国
    全国 世界 海外 国外 市场 客户 代表 诱因 因素 原因 方法 方式 主要 内容 标的 措施 整体 总体
    营业 年度 目标 项目 业务 主营 上市 上市公司 用户 归属于 归属 母公司 股东 活跃 管理 期间 会员
    门店 单店 单车 研发 重点 同比 环比 参与者 零售 的 和 与 及 中 各 其他 单 美国 欧洲 日本 大陆
    中国大陆 地区 相关 类型 功能 信息 服务
    """
)


def specific(tokens: Sequence[Token]) -> bool:
    """Whether a noun phrase names more than "the industry" or "the company"."""
    return any(token.word not in GENERIC and token.is_noun for token in tokens)

"""Chinese questions by rule: definitions, figures, causes, parts, and what terms allow."""

from __future__ import annotations

import re
from collections.abc import Iterator

from datakit.generators import _chinese_law, _chinese_terms
from datakit.generators._chinese import is_debris, tag
from datakit.generators._chinese_figures import figure
from datakit.generators._chinese_phrases import (
    PRONOUN,
    Rule,
    bare,
    made,
    noun_phrase,
    plain,
    specific,
)
from datakit.generators._context import Context
from datakit.generators._drafts import Draft


def drafts(sentence: str, context: Context) -> list[Draft]:
    """All questions that the rules find in one sentence, best first."""
    text = plain(sentence)
    if not 6 <= len(text) <= 400 or is_debris(sentence):
        return []
    found = [draft for rule in _RULES[context.kind] for draft in rule(text, context)]
    return sorted(found, key=lambda draft: -draft.weight)


# --- definitions and parts ---------------------------------------------------------------------

_MEANS = re.compile(
    r"^(?:所谓|(?:本(?:法|条例|办法|规定|协议|政策|解释|细则)(?:中)?)?所称(?:的)?)?[“\"「]?"
    r"([^，。；：“”\"]{2,16}?)[”\"」]?"
    r"(?:（[^）]{1,40}）|\([^)]{1,40}\))?[，,：:]?(?:是指|系指|指的是|是指的|即指|[，：]指(?![导定示引挥派标数望责])"
    r"|是一[种类门个项]|定义为)(.{6,})"
)
_PARTS = re.compile(
    r"(?:^|，)([^，。；：]{2,16}?)(?:主要|通常|一般|大致)?(?:可以|可)?(包括|包含|分为"
    r"|可分为|划分为|由)([^。；]{4,})"
)


_ALIAS = re.compile(r"[,，]?(?:又称|又名|也称|亦称|俗称|简称|也叫|又叫)")


def _definition(text: str, context: Context) -> Iterator[Draft]:
    match = _MEANS.match(text)
    term = _ALIAS.split(match[1].strip())[0] if match else ""
    if (
        not match
        or not term
        or PRONOUN.search(term)
        or len(match[2]) < 8
        or not tag(term)[-1].is_noun
    ):
        return
    if any(token.tag in ("p", "c", "r", "d", "v", "zg") for token in tag(term)[:1]):
        return
    if "了" in term or (context.kind == "terms" and not context.issuer):
        return
    if context.kind == "law" and context.title:
        yield from made(f"《{bare(context.title)}》中的{term}是指什么", "definition", 2.0)
    elif context.kind == "terms" and context.issuer:
        yield from made(f"{context.issuer}{context.label}中的“{term}”是什么意思", "definition", 2.0)
    else:
        yield from made(f"什么是{term}", "definition", 2.0, need=f"想了解{term}的定义")
        yield from made(f"{term}是什么", "definition", 1.9)


def _parts(text: str, context: Context) -> Iterator[Draft]:
    match = _PARTS.search(text)
    if not match or match[3].count("、") + match[3].count("和") + match[3].count("及") < 1:
        return
    noun = noun_phrase(match[1])
    if not noun or len(noun) < 4 or not specific(tag(noun)):
        return
    if match[2] == "由":
        if re.search(r"(?:构成|组成)$|(?:构成|组成)，", match[3]):
            yield from made(f"{noun}由哪些部分组成", "parts", 1.7)
        return
    kinds = "分为哪几类" if "分" in match[2] else "主要包括哪些"
    yield from made(f"{noun}{kinds}", "parts", 1.7, need=f"想了解{noun}{kinds}")


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


_MEASURED = re.compile(
    r"(?:归母|扣非|营业)?(?:净利|营收|收入|毛利|利润|业绩|销量|销售额|产量|价格|费用|估值)"
)


def _cause(text: str, context: Context) -> Iterator[Draft]:
    match = _CAUSE.search(text)
    if not match:
        return
    moved = re.sub(r"^(?:的|而|但|且|使得|带动|导致|随着|预计|其中|近年来|目前)+", "", match[1])
    move = re.search(rf"(?:{_MOVES})+$", moved)
    noun = _core(moved[: move.start()]) if move else None
    if context.kind in ("report", "filing") and noun and _MEASURED.match(noun):
        noun = f"{context.issuer}{noun}" if context.issuer else None  # whose?
    if move and noun and specific(tag(noun)):
        yield from made(
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
        yield from made(
            f"{left}对{right}有什么影响", "effect", 1.8, need=f"想了解{left}对{right}的影响"
        )


# --- questions that a text answers itself -------------------------------------------------------

_ASKED_SELF = re.compile(r"^[^。！]{4,30}[？?]$")


def own_question(sentence: str, context: Context) -> Draft | None:
    """A question of the text itself, as the headings of a FAQ are; its answer follows it."""
    text = re.sub(r"^(?:[一二三四五六七八九十\d]+)?[问答QA][:：、.]?\s*", "", plain(sentence))
    if not _ASKED_SELF.match(text) or PRONOUN.search(text) or is_debris(sentence):
        return None
    asked = _chinese_terms.asked(text.rstrip("？?"), context, named=False)
    if context.kind == "terms" and context.issuer and context.issuer not in asked:
        asked = f"在{context.issuer}{asked}"
    elif context.kind != "terms" and len(asked) < 14:
        if context.kind in ("report", "article") and not re.match(
            r".{0,12}(?:行业|板块|市场)", asked
        ):
            return None  # "what drives it now?"
        about = re.sub(r"(?:问答|指南|攻略|常见问题|须知|FAQ).*$", "", context.title or "")
        asked = f"{about} {asked}" if 3 < len(about) <= 20 and "？" not in about else asked
    return next(made(asked, "faq", 2.1), None)


_REPORT: tuple[Rule, ...] = (_definition, figure, _cause, _effect, _parts)
_RULES: dict[str, tuple[Rule, ...]] = {
    "terms": (_definition, *_chinese_terms.RULES),
    "law": (_definition, *_chinese_law.RULES),
    "filing": _REPORT,
    "report": _REPORT,
    "article": _REPORT,
}


def need_leads() -> tuple[str, ...]:
    """How a need begins; which one it is depends on the seed."""
    return ("想知道", "想了解一下", "我想查一下")

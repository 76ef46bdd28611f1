"""Queries from section titles: without their numbers, in the voice of who asks."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from datakit.generators import _latin, _latin_phrases, _terms_topics
from datakit.generators._asker import to_asker
from datakit.generators._chinese import tag as chinese_tag
from datakit.generators._context import Context
from datakit.generators._english_phrases import placed
from datakit.generators._verbs import NOUNS, base_of, is_base
from datakit.generators._words import phrase_set, word_set
from datakit.records import Form, normal_key

_NUMBERING = re.compile(
    r"^[\s#*•▪■◼●❑➢>_~-]*(?:(?:section|sec\.|article|art\.?|item|part|chapter|appendix|annex"
    r"|schedule|note|clause|title|subtitle|subchapter|division|abschnitt|artikel"
    r"|teil|partie|chapitre|titre|anhang|annexe|step|no\.?)\s+(?:\d+(?:\.\d+)*[a-z]?"
    r"|[ivxlc]+|[a-z])\b\s*[.):–—-]*\s*|§+\s*\d+[a-z]?\s*[.):–—-]*\s*"
    r"|\d{1,2}\s+[-–—]\s+|\(?\d+(?:[.\-]\d+)*[a-z]?\s*[.):–—、．]+\s*|\d+(?:\.\d+)+\s*"
    r"|[A-Z]\d{1,2}\.\s*(?=[A-Za-z])|[A-Z]-\d{1,2}\s+(?=[A-Z])|(?<=\d\.)[a-z]\.(?=[A-Za-z])|\d{1,2}\s+(?=[A-ZÀ-Þ])"
    r"|\(?[ivxlc]{1,5}[.)]\s+|\(?[a-zA-Z][.)]\s+)+",
    re.I,
)
_NUMBERING_ZH = re.compile(
    r"^[\s#*•▪■◼●❑➢>_~◆-]*(?:(?:附录|附件)[一二三四五六七八九十\d]*[、.．：:\s]*"
    r"|第[一二三四五六七八九十百零\d]+(?:部分|章|节|条|款"
    r"|篇)[、.．：:\s]*|[（(]\s*[一二三四五六七八九十\d]{1,3}\s*[)）][、.．]?"
    r"|[一二三四五六七八九十]{1,3}[、.．：]\s*|\d{1,2}(?:[.．]\d{1,2})+(?![\d寸吋年月日家大万亿%％个])[、.．\s]*"
    r"|\d{1,2}[、.．)）\s]\s*|[①-⑳])+"
)
_CAPTION = re.compile(
    r"^(?:图表?|表|附表|附图)\s*\d|^(?:figure|fig\.|table|exhibit|box)\s*\d", re.I
)
_GENERIC = phrase_set(
    """
    abstract | about | definition | acknowledgements | acknowledgments | additional information
    additional terms | annex | appendix | author contributions | background
    background and objectives | conclusion | conclusions | contents | definitions | details
    discussion | faq | faqs | foreword | footnotes | further information | general
    general conditions | general information | general provisions | general terms | glossary
    detailed design | motivation | drawbacks | alternatives | rationale | future work | prior art
    rationale and alternatives | guide-level explanation | reference-level explanation
    unresolved questions | open questions | future possibilities | implementation | related work
    how we teach this | copyright | status | includes | this includes | users | our users | examples
    what this means | changelog
    highlights | home | index | information | interpretation | introduction | key points | legal
    legal notice | main | materials and methods | materials | menu | methods | method
    miscellaneous | more | more information | navigation | note | notes | objective | objectives
    other | other information | other matters | other provisions | other terms | others
    overview | part | preamble | preface | purpose | quick summary | references | related
    related links | resources | results | results and discussion | scope | search | section
    signature | signatures | statement | subject | summary | supporting information
    supplementary material | table of contents | terms | terms and conditions
    the short version | tl dr | untitled | welcome | exhibits | financial statements
    notes to consolidated financial statements | notes to financial statements | business
    properties | item | none | abbreviations | key terms
    notes to condensed consolidated financial statements | forward-looking statements
    cautionary statement | reserved | results of operations | terms of service | terms of use
    privacy policy | privacy notice | cookie policy | user agreement | cookies policy
    privacy statement | effective date | allgemeines | allgemeine bestimmungen | sonstiges
    schlussbestimmungen | präambel | einleitung | überblick | übersicht | inhalt
    inhaltsverzeichnis | généralités | dispositions générales | préambule | divers | définitions
    sommaire | objet | généralité | aperçu | participants | patients | subjects | design
    setting | measures | procedure | sample | samples | measurement | study design
    study population | statistics | data | limitations | case report | competing interests
    content | consent | standards | our standards | last updated
    short title | short title table of contents | sense of congress | findings | effective dates
    other events | key information | additional notes | additional considerations | signatures
    selected financial data | list of significant subsidiaries | non-gaap financial measures
    regional sales results
    funding | ethics statement | statistical analysis | strengths and limitations
    """
)
_GENERIC_ZH = word_set(
    """
    其他 其它 总则 附则 投资要点 核心观点 报告要点 摘要 目录 正文 简介 概述 前言 引言 导言 结论
    小结 总结 投资摘要 内容摘要 图表目录 附录 参考文献 声明 免责声明 法律声明 投资评级 评级说明
    分析师声明 定义 说明 备注 背景 研究背景 投资建议 风险提示 风险因素 风险 观点 要点 主要观点
    内容提要 事件 点评 相关报告 资料来源 重要提示 特别提示 一般规定 附件 更多 首页 其他事项
    其他用途 用户须知 特别说明 补充说明 声明与条款 个人信息 信息 适用范围 释义 正文目录 投资逻辑
    行业动态 公司动态 行业新闻 市场表现 行情回顾 市场回顾 本周观点 核心要点 核心结论 投资策略
    市场走势 行业走势 本周行情 行情走势 主赛道 结论与建议
    隐私政策 用户协议 服务条款 产品或服务 核心结论 市场观点 综述 概况 概览 序言 概要
    """
)
_WITH_SUBJECT = word_set(
    """
    投资建议 风险提示 风险因素 投资策略 行业动态 市场表现 行情回顾 概况 综述 释义 定义 适用范围
    """
)


@dataclass(frozen=True, slots=True)
class Titled:
    """A query made of a section title."""

    text: str
    form: Form


_CUT_OFF = re.compile(r"\s(?:and|or|of|the|an?|with|including)$", re.I)  # a line, not a title
_NOT_ASKED_FOR = re.compile(r"[!]|\b(?:don't|do not|let's)\b", re.I)


def clean(title: str, cjk: bool) -> str | None:
    """A section title without numbering and marks at its ends; None where nothing is left."""
    text = " ".join(title.split("|", maxsplit=1)[0].split())
    if not cjk and _NOT_ASKED_FOR.search(text):
        return None  # "Don't go! But if you do": an address, not a title
    if _CAPTION.search(text) or re.match(r"#[A-Za-z]", text):
        return None
    text = (_NUMBERING_ZH if cjk else _NUMBERING).sub("", text)
    text = re.sub(r"\(continued\)|（续）|\[[^\]]*\]|[“”\"„«»*_#【】]", "", text, flags=re.I)
    text = re.sub(r"\s+sec\. ?\d+[a-z]?\.?$", "", text, flags=re.I)
    text = text.strip(" .:;,：。；，、-–—•·|&")
    if not cjk and _CUT_OFF.search(text):
        return None
    text = re.sub(r"(?<=[\u4e00-\u9fff])\s+(?=[\u4e00-\u9fff])", "", text) if cjk else text
    letters = sum(char.isalpha() for char in text)
    if any(text.count(pair[0]) != text.count(pair[1]) for pair in ("()", "（）", "[]")):
        return None
    text = re.sub(r"^本[周月期]", "", text)
    if letters < (2 if cjk else 4) or letters < 0.6 * len(text.replace(" ", "")):
        return None
    return text


_DOCUMENT = re.compile(
    r"^(?:current |general |online |website |our |global )*"
    r"(?:terms(?: (?:of|and) \w+)*|privacy \w+|cookies? \w+|[\w-]+ agreement|legal notice"
    r"|imprint|(?:in|on|about) this \w+)$",
    re.I,
)


def is_generic(title: str) -> bool:
    """Whether a cleaned title says nothing without the document around it."""
    title = re.sub(r"\s*\((?:unaudited|continued|audited)\)", "", title, flags=re.I)
    key = re.sub(r"^(?:the|our|die|der|das|les?|la) ", "", normal_key(title))
    return key in _GENERIC or title in _GENERIC_ZH or bool(_DOCUMENT.match(key))


_BACK_MATTER = re.compile(
    r"(?:funding|acknowledge?ments?|competing interests?|conflicts? of interests?|disclosures?"
    r"|authors?['’]? contributions?|supporting information|references|bibliography|signatures?"
    r"|data availability(?: statement)?|ethic(?:s|al)(?: (?:statement|approval))?|abbreviations"
    r"|exhibit index|authors? response|decision letter)",
    re.I,
)


def is_back_matter(title: str) -> bool:
    """Whether a section thanks, refers, declares or signs: nobody looks for what it says."""
    return bool(_BACK_MATTER.fullmatch(clean(title, cjk=False) or ""))


_HANGS = re.compile(r"(?:for|in|of|by|to|with|within|on|at|from|and|or|if)\b", re.I)


def topic_of(path: tuple[str, ...], context: Context) -> str | None:
    """The last title as a noun phrase to put beside a key term; None where it is a question."""
    cleaned = clean(path[-1], context.is_cjk) if path else None
    if not cleaned or is_generic(cleaned) or _HANGS.match(cleaned):
        return None
    if context.is_cjk:
        nouns = all(token.tag[0] != "v" or token.tag == "vn" for token in chinese_tag(cleaned))
        return cleaned if nouns and len(cleaned) <= 10 and not _ASKING_ZH.search(cleaned) else None
    text = _LEADING.sub("", lowered(cleaned, context))
    if context.language == "en" and not any(map(_latin_phrases.tells, text.split())):
        return None
    asks = _QUESTION.match(text) or re.search(
        r"\b(?:we|you|your|our|us|these|this|i)\b|[?:;]", text
    )
    return None if asks or len(text.split()) > 5 else text


def from_path(path: tuple[str, ...], text: str, context: Context) -> Titled | None:
    """The query of the nearest title that says something; None where none does.

    Args:
        path: section titles from the top.
        text: of the passage, with its title.
        context: the document.
    """
    for depth, title in enumerate(reversed(path)):
        cleaned = clean(title, context.is_cjk)
        bare = (
            re.sub(re.escape(context.issuer), "", cleaned or "", flags=re.I).strip(" 's’")
            if context.issuer
            else cleaned
        )
        if bare and cleaned and not (is_generic(bare) and cleaned not in _WITH_SUBJECT):
            return (
                _chinese(_with_parent(cleaned, path, depth), context)
                if context.is_cjk
                else _latin_query(cleaned, context)
                if _is_told(bare, text, context)
                else None
            )
        if depth == 1 or (cleaned and _OWN_MATTER.match(cleaned)):
            break
    return None


# what is under such a title is not what the title above is about
_OWN_MATTER = re.compile(r"definitions?|findings|general|short title|miscellaneous|other\b", re.I)
_SINGLE = 3  # times that a title of one word comes in its passage; our default


def _is_told(title: str, text: str, context: Context) -> bool:
    """Whether an English title says what its passage is about: its words come again there."""
    if context.language not in ("en", "") or _QUESTION.match(title):
        return True
    words = [word for word in re.findall(r"[\w'’&.-]+", title) if _latin_phrases.tells(word)]
    stems = _latin.content_stems(text, "en")
    found = [stems.count(_latin.stem(word)) for word in words]
    if len(title.split()) == 1:
        if context.kind not in ("terms", "filing"):
            acronym = title.isupper() and len(title) < 6
            return bool(found) and (
                acronym or context.kind == "law"
            )  # an acronym; "agent" says too little
        least = _SINGLE if context.kind == "terms" else _SINGLE - 1
        return bool(found) and found[0] >= least
    return any(n > 1 for n in found)


_ACCOUNTED = re.compile(
    r"\b(?:recogni[sz]|measured|recorded|accounts? for|accounted for|amorti[sz]|depreciat|estimat"
    r"|valued|stated at)",
    re.I,
)
_NOTES = re.compile(r"\bnotes?\b|polic|estimates", re.I)


def question_from_path(path: tuple[str, ...], text: str, context: Context) -> str | None:
    """What the section answers as a whole, told by its title; None where the title is unusual.

    Args:
        path: section titles from the top.
        text: of the passage, with its title.
        context: the document.
    """
    cleaned = clean(path[-1], context.is_cjk)
    if not cleaned or (_QUESTION.match(cleaned) and "?" in path[-1]):
        return None
    if context.kind == "terms":
        asked = _terms_topics.question_of(cleaned, text, context)
        about_data = asked and re.search(r"\bmy (?:\w+ )?data\b", asked)
        return None if about_data and not re.search(r"data|information", text, re.I) else asked
    notes = context.kind == "filing" and context.issuer and _NOTES.search(" ".join(path[:-1]))
    if not notes or len(_ACCOUNTED.findall(text)) < 3 or is_generic(cleaned):
        return None
    words = cleaned.split()
    if not 1 <= len(words) <= 6 or re.search(r"[:;,()–—]| - |\d", cleaned):
        return None
    if re.fullmatch(r"revenues? recognition", cleaned, re.I):
        return f"How does {context.issuer} recognize revenue?"
    if _is_stated(words):
        return None
    return f"How does {context.issuer} account for {lowered(cleaned, context)}?"


def _is_stated(words: list[str]) -> bool:
    first = words[0].lower()
    told = word_set(
        """
        policy policies accounting estimates changes items other basis recent information provisions
        proceedings disclosures commitments contingencies recognition adopted standards summary
        """
    )
    return is_base(first) or any(word.lower() in told for word in words) or words[0].islower()


# --- English and other Latin languages ---------------------------------------------------------

_WH_WE = re.compile(
    r"^((?:how|what|which|when|why|where|who|with whom|to whom)(?: (?!do |can |will "
    r"|may )[\w/-]+){0,4}?) we "
        r"(?:may |might |will |can )?(do not |don't )?([a-z]+)\b(.*)$", re.I
)  # fmt: skip
_WH_DO_WE = re.compile(
    r"^((?:how|what|which|when|why|where|who|with whom)(?: [\w/-]+){0,4}?) (?:do|can|will"
    r"|may) we (.+)$",
    re.I,
)
_DO_WE = re.compile(r"^(?:do|can|will|may) we (.+)$", re.I)
_NOUN_WE = re.compile(
    r"^((?:the )?(?:[\w/-]+ ){0,3}(?:information|data|cookies|technologies|services)) "
    r"(?:that )?we (?:may )?([a-z]+)\b(.*)$",
    re.I,
)
_WH_YOU = re.compile(r"^(how|what|when|where) you (can|may|must|should|need to) (.+)$", re.I)
_QUESTION = re.compile(
    r"^(?:how|what|which|when|why|where|who|whose|with whom|do|does|did|can|could|is|are"
    r"|will|should|may|am)\b.*",
    re.I,
)
_LEADING = re.compile(
    r"^(?:about\s+)?(?:the|a|an|our|your|this|these|other|about|certain|some|important)\s+", re.I
)
_USER_OWN = frozenset(
    [
        "rights",
        "obligations",
        "responsibilities",
        "choices",
        "options",
        "conduct",
        "duties",
        "acceptance",
        "consent",
    ]
)


_FINITE_VERB = word_set(
    """
    is are was were has have will may can must shall should could would do does cannot
    """
)


_AUXILIARIES = frozenset(["is", "are", "was", "were", "has", "have"])


def _is_finite(word: str) -> bool:
    return word in _FINITE_VERB or (word.endswith("s") and base_of(word) not in _latin.NO_VERB)


# "how long your personal data is stored": the order of a heading
_UNINVERTED = re.compile(
    r"^(how long|how|when|where|why) ((?:my|your|our|the|personal)(?: [\w-]+){1,4}?) "
    r"(is|are|will|can) (.+)$"
)


def _latin_query(title: str, context: Context) -> Titled | None:
    words = title.split()
    if len(words) > 7 and title.count(",") > 1:  # a list of topics: the first stands for all
        first = title.split(",", maxsplit=1)[0].split()
        words = first if len(first) > 1 else words
    if len(words) > 12:
        words = re.split(r"[:;(–—]| - ", title)[0].split()
        if not 1 <= len(words) <= 12:
            return None
    text = lowered(" ".join(words), context)
    if context.language == "fr":
        return _french(text, context)
    if context.language not in ("en", ""):
        return _named(_LEADING.sub("", text), context)
    if context.label in ("policy", "guidelines") and re.search(r"\bthis policy\b", text):
        return None  # which of them?
    text = _UNINVERTED.sub(r"\1 \3 \2 \4", text)
    asked = _as_question(text, context)
    return Titled(_sentence(asked), "question") if asked else _english_noun(text, context)


def _english_noun(text: str, context: Context) -> Titled | None:
    """Key words of a title that is a noun phrase; of one that is a sentence its best phrase."""
    if context.kind == "terms" and (
        clause := re.search(r"\s(?:when|if|where) (?:you|we|i)\b", text)
    ):
        text = text[: clause.start()]
    acts, *after = text.split()
    told = len(after) > 2 and context.kind in ("terms", "filing")
    # what one is told to do: "provide personalised services and ads"
    listed = acts.endswith(",") and after and is_base(after[0].strip(","))
    told = told or bool(listed)
    acts = acts.strip(",")
    orders = is_base(acts) and (listed or acts not in NOUNS) and (told or after[:1] == ["how"])
    hangs = re.match(r"(?:being|having|of|by|and|or|within|from|to|on|at|if|when|where)\b", text)
    if orders or hangs or "?" in text or _QUESTION.match(text):
        return None
    said = text.split()[1:]
    if text.startswith("we "):
        text, said = text.removeprefix("we "), ["is", *said]
    if (len(said) > 3 and any(map(_is_finite, said))) or _AUXILIARIES & set(said):
        weights = dict.fromkeys(_latin.content_stems(text, context.language), 1.0)
        text = _latin_phrases.keyword_query(
            _latin.parse(text, context), weights, (), weights, size=6
        )
        own = {_latin.stem(word) for word in (context.issuer or "").split()}
        told_by = {_latin.stem(word) for word in text.split() if _latin_phrases.tells(word)} - own
        if len(told_by) < 3:
            return None
    if context.kind in ("terms", "filing"):
        return _of_issuer(text, context)
    return _of_subject(text, context)


def _sentence(text: str) -> str:
    text = re.sub(r"\s+", " ", text).strip(" ?")
    return f"{text[0].upper()}{text[1:]}?"


# "you" who changes the terms is who wrote them, not who reads them
_AUTHOR_ACTS = re.compile(
    r"\byou (?:update|change|amend|revise|modify)\b.*\b(?:policy|policies|terms|notice|agreement)\b"
)


def _as_question(text: str, context: Context) -> str | None:
    who = context.issuer
    text = text.rstrip("?")
    if who and context.kind in ("terms", "filing"):
        for pattern, build in _VOICES:
            match = pattern.match(text)
            if match:
                return _checked(build(match, context), context)
    if not _QUESTION.match(text) or len(text.split()) < 4:
        return None
    if re.match(r"when (?!do\b|does\b|is\b|are\b|can\b|will\b|should\b|must\b)", text):
        return None
    if not text.startswith("how to ") and not re.match(
        r"^(?:do|does|did|can|could|is|are|will|should|may|am)\b|.*\b(?:do|does|did|can|is|are"
        r"|will|should|must|may|happens|has|have)\b",
        text,
    ):
        return None
    how = re.match(r"how to (?=\w)", text)
    if how and context.kind == "terms":
        said = to_asker(text[how.end() :], context, named=False)
        return _checked(f"how do I {placed(said, context)}", context)
    if who and _AUTHOR_ACTS.search(text):
        said = re.sub(r"\bdo you\b", f"does {who}", text)
        return _checked(re.sub(r"\byou\b", who, said), context)
    if context.kind == "filing" and re.match(
        r"(?:how|what|when|where|why|who) (?:i|we|you)\b", text
    ):
        return None  # "where you can find more information"
    asked = re.sub(r"\bare you\b", "am I", text)
    asked = re.sub(r"\b(do|can|will|may|should|must) you\b", r"\1 I", asked)
    return _checked(to_asker(asked, context, named=False), context)


def _checked(text: str, context: Context) -> str | None:
    if (
        re.search(r"\b(?:these|this|following|below)\b|\b(?:it|them)$", text)
        or not 3 <= len(text.split()) <= 18
    ):
        return None
    if re.match(r"what (?:is|are) (?:an? )?[\w-]+(?: [\w-]+)?$", text):
        return text  # a definition is the same everywhere
    if (
        context.kind in ("terms", "filing")
        and context.issuer
        and context.issuer.lower() not in text.lower()
    ):
        return (
            f"{text} on {context.issuer.removeprefix('The ')}" if context.kind == "terms" else None
        )
    return text


def _rest(text: str, context: Context) -> str:
    return to_asker(text.strip(), context, named=True)


def _wh_we(match: re.Match[str], context: Context) -> str:
    head, negated, verb, rest = match.groups()
    if not is_base(verb.lower()):
        return ""
    return f"{head} does {context.issuer} {'not ' if negated else ''}{verb} {_rest(rest, context)}"


def _noun_we(match: re.Match[str], context: Context) -> str:
    noun, verb, rest = match.groups()
    if not is_base(verb.lower()) or is_base(noun.split(maxsplit=1)[0].lower()):
        return ""
    return f"what {_LEADING.sub('', noun)} does {context.issuer} {verb} {_rest(rest, context)}"


_VOICES: tuple[tuple[re.Pattern[str], Callable[[re.Match[str], Context], str]], ...] = (
    (_WH_WE, _wh_we),
    (_WH_DO_WE, lambda m, c: f"{m[1]} does {c.issuer} {_rest(m[2], c)}"),
    (_DO_WE, lambda m, c: f"does {c.issuer} {_rest(m[1], c)}"),
    (_NOUN_WE, _noun_we),
    (
        _WH_YOU,
        lambda m, c: (
            f"{m[1]} {'do I need to' if m[2].lower() == 'need to' else m[2] + ' I'} "
            f"{_rest(m[3], c)}"
        ),
    ),
)


def _of_issuer(text: str, context: Context) -> Titled | None:
    own = re.match(r"^your ([\w-]+)", text)
    if own and own[1] in _USER_OWN:
        text = f"user {text[5:]}"
    text = _LEADING.sub("", text)
    said = to_asker(text, context, named=False)
    said = re.sub(r"\b(?:my|its) ", "", said)
    if context.kind == "filing" and not context.issuer:
        return None
    if context.kind == "filing" and context.date:
        year = context.date[:4]
        said = said if year in said else f"{said} {year}"
    return _named(said, context)


def _named(text: str, context: Context) -> Titled | None:
    """With the issuer in front, unless it is there already."""
    issuer = context.issuer
    if issuer and issuer.lower() not in text.lower() and context.kind in ("terms", "filing"):
        shared = {_latin.stem(word) for word in issuer.split()}
        words = [
            word for word in text.split() if _latin.stem(word) not in shared or len(shared) > 2
        ]
        left = " ".join(words)
        text = f"{issuer} {text if len(words) < 2 or _CUT_OFF.search(left) else left}"
    n = len(text.split())
    return Titled(text, "keyword") if 2 <= n <= 12 else None


def _of_subject(text: str, context: Context) -> Titled | None:
    """A title of an article with what the article is about, unless it says so itself."""
    text = _LEADING.sub("", text)
    subject = context.topic
    stems = set(_latin.content_stems(text, context.language))
    if subject and not stems & set(_latin.content_stems(subject, context.language)):
        text = f"{text} {subject}"
    n = len(text.split())
    if not subject and n < 4 and text == text.lower():  # "total sales": nobody could tell whose
        return None
    return Titled(text, "keyword") if 2 <= n <= 12 else None


_VAGUE_HEADS = word_set(
    """
    approach study analysis evidence factor effect method review report investigation assessment
    evaluation role case trial version use impact influence comparison perspective province
    """
)


_YEARS = frozenset(str(year) for year in range(1900, 2100))


_NO_TITLE = re.compile(r"immediate release|filer information|^exhibit|^untitled", re.I)


def title_topic(context: Context, idf: Mapping[str, float]) -> str:
    """The phrase of a title that most of its document is about; "" where it has none.

    Args:
        context: the document.
        idf: weight of each stem among its passages; a stem of every passage has the least.
    """
    if (
        context.kind == "law"
        and context.language != "en"
        and len((context.title or "").split()) <= 6
    ):
        return context.title or ""
    title = context.title or ""
    if _NO_TITLE.search(title):
        return ""
    if re.fullmatch(r"[\w-]+", title):  # a file name: 2582-raw-reference
        named = re.sub(r"[-_]+", " ", re.sub(r"^\d+[-_]", "", title)).strip()
        return named if 2 <= len(named.split()) <= 5 else ""
    chunks = _latin.parse(title, context).chunks
    rated = []
    for chunk in chunks:
        words = chunk.words[1:] if chunk.is_verb else chunk.words
        known = [idf[_latin.stem(word)] for word in words if _latin.stem(word) in idf]
        if len(words) < 2 and len(chunks) > 1 and words[0].islower():
            continue  # "goats": too little where the title says more
        if known and len(words) <= 4 and _latin.stem(words[-1]) not in _VAGUE_HEADS | _YEARS:
            rare = sum(known) / len(known)
            rated.append((rare - 0.3 * min(len(words), 3), chunk.at, " ".join(words)))
    return min(rated)[2] if rated else ""


_ASKS_FR = re.compile(
    r"(?:comment|quel(?:le)?s?|combien|pourquoi|qui|quand|où|puis-je|que|à qui|avec qui)\b", re.I
)
_SPOKEN_FR = re.compile(r"\b(?:nous|vous|notre|nos|votre|je|il|elle|sont|est|avez)\b", re.I)


def _french(text: str, context: Context) -> Titled | None:
    """A French title in the voice of who asks; None where it says "we" or is a sentence."""
    text = _LEADING.sub(
        "", re.sub(r"^(?:[ivxlc]+|\d+(?:\.\d+)*)\s*[/–—.-]\s*", "", text, flags=re.I)
    )
    if _ASKS_FR.match(text):
        asked = re.sub(r"\bvos\b", "mes", text).rstrip(" ?")
        if re.search(r"\b(?:nous|vous|notre|nos|votre|ce|cette|ces)\b", asked):
            return None
        named = not context.issuer or context.issuer.lower() in asked.lower()
        asked = asked if named else f"{asked} chez {context.issuer}"
        return Titled(f"{asked[0].upper()}{asked[1:]} ?", "question")
    if _SPOKEN_FR.search(text) or len(text.split()) < 2 or text.startswith("contenu"):
        return None
    return _named(text, context)


def lowered(title: str, context: Context) -> str:
    """Small letters but for names, acronyms and German nouns."""
    shouted = title.isupper()
    issuer = set((context.issuer or "").split())

    def small(word: str) -> str:
        bare = re.sub(r"['’]s$", "", word.strip("(),.;:?!'’\""))
        if bare in issuer or (context.language == "de" and not shouted):
            return word
        acronym = (
            bare.isupper() and len(bare) <= 6 and not shouted and bare.lower() not in context.lower
        )
        mixed = any(char.isupper() for char in bare[1:]) and not bare.isupper()
        return word if acronym or mixed or (bare in context.names) else word.lower()

    text = " ".join(small(word) for word in title.split())
    if context.issuer:
        text = re.sub(rf"\b{re.escape(context.issuer)}(?!\w)", context.issuer, text, flags=re.I)
    return text


# --- Chinese -----------------------------------------------------------------------------------

_VAGUE_ZH = re.compile(r"相关|重要|资讯|动态|公告|风险提示|投资建议")
_THIS_ZH = r"本《?[\u4e00-\u9fff]{0,4}(?:政策|协议|声明|条款|指引)》?(?:的(?=.))?"
_ASKING_ZH = re.compile(r"如何|怎样|怎么|什么|哪些|是否|为何|为什么|多久|多少")


def _with_parent(title: str, path: tuple[str, ...], depth: int) -> str:
    """A short title behind what the one above is about: 电解铝 需求端."""
    if len(title) > 5 or len(path) < depth + 2 or _ASKING_ZH.search(title):
        return title
    above = re.split(r"[：:，,、；;]", clean(path[-depth - 2], cjk=True) or "")[0]
    named = 2 <= len(above) <= 8 and not is_generic(above) and title not in above
    return f"{above}：{title}" if named and all(t.is_noun for t in chinese_tag(above)) else title


def _chinese(title: str, context: Context) -> Titled | None:
    text = re.sub(r"\s+(?=[^\x00-\x7f])|(?<=[^\x00-\x7f])\s+", "", title)
    stock = re.match(r"我们(?:非常|高度|十分)?重视|其他|(?:坚定|持续)看好|.*(?:扫码|读者)", text)
    if stock or (context.kind == "terms" and len(text) <= 2):
        return None
    subject = context.topic or ("APP" if context.kind == "terms" else None)
    if context.kind == "law" and text == re.sub(r"\s", "", context.title or ""):
        return None  # the law as a whole: its first article is no answer
    if text in _WITH_SUBJECT and not subject:
        return None
    head, colon, rest = text.partition("：")
    if colon and is_generic(head):
        text = rest
    if _ASKING_ZH.search(text) and len(text) <= 30:
        return _asked_zh(text, context, subject)
    if len(text) > (22 if context.kind == "report" else 30):
        parts = [part for part in re.split(r"[，：:。；;—]", text) if part]
        text = next((part for part in parts if 6 <= len(part) <= 24), "")
        if not text:
            return None
        if colon and parts[0] == head and head != text and 2 <= len(head) <= 10:
            text = f"{head}：{text}"  # IGBT：欧美日大厂占据主要份额
    text = re.sub(r"[：:，,；;|/—–]+|、(?=.{8})", " ", text)
    if context.kind == "terms":
        text = re.sub(r"[与跟和]我们(?:取得)?联系|联系我们", "联系方式", text)
        text = re.sub(r"和\s*/\s*或", "或", text)
        text = re.sub(r"(?:[向为给对与](?=(?:您|你|我们))|关于)?(?:您|你|我们|本公司)的?", "", text)
        text = re.sub(r"^(?:关于|对于)(?=.{4})", "", text)
        text = re.sub(_THIS_ZH, "", text)
    needs = context.kind in ("terms", "filing", "law") or len(text) < 8 or _VAGUE_ZH.search(text)
    if not needs and not _names_something(text, context):
        needs = True
        if not subject:
            return None
    if subject and needs and subject not in text:
        shared = {token.word for token in chinese_tag(subject)} & {
            token.word for token in chinese_tag(text)
        }
        text = (
            text
            if shared - {"行业", "市场"} and context.kind not in ("terms", "law")
            else f"{subject} {text}"
        )
    return Titled(" ".join(text.split()), "keyword") if 4 <= len(text) <= 34 else None


def _names_something(text: str, context: Context) -> bool:
    """Whether a title of a report names a product, place, company, or what the report is about."""
    tokens = chinese_tag(text)
    titled = {token.word for token in chinese_tag(context.title or "") if token.is_noun}
    titled -= {"行业", "市场", "板块", "报告", "公司", "企业", "机会", "策略", "中国", "分析"}
    particular = any(token.tag in ("nz", "nt", "ns", "nr", "eng") for token in tokens)
    return particular or any(token.word in titled and len(token.word) > 1 for token in tokens)


def _asked_zh(text: str, context: Context, subject: str | None) -> Titled | None:
    who = context.issuer or "APP"
    text = text.rstrip("？?")
    if context.kind == "terms":
        text = re.sub(_THIS_ZH, f"{context.issuer or ''}{context.label}", text)
        text = re.sub(r"我们|本公司|我司|本平台", who, text)
        text = re.sub(r"[您你]", "我", text)
        if who not in text and context.issuer:
            text = f"在{who}{text}"
        elif not context.issuer and not re.search(r"APP|平台", text):
            text = f"APP{text}"
    elif subject and subject not in text and len(text) < 12:
        text = f"{subject}{text}"
    return Titled(f"{text}？", "question") if 6 <= len(text) <= 36 else None

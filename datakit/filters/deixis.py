"""F5: a query must stand alone: it points at nothing that only a reader of its passage sees.

The words are in `deixis.toml`. A name in the query is taken for what a later "the company" means.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence
from typing import NamedTuple

from datakit.filters.settings import FilterSettings, Wrong, language_of, lexicon
from datakit.records import Passage, Query
from datakit.text import base_language, detect_language


def not_standalone(
    query: Query, seeds: Sequence[Passage], settings: FilterSettings
) -> Wrong | None:
    """F5: the query points at something that only a reader of the passage sees."""
    language = base_language(language_of(query, seeds)) or detect_language(query.text)
    found = None
    if language == "en":
        found = _english_deixis(query.text, seeds)
    elif language == "zh":
        found = _chinese_deixis(query.text, seeds)
    if not found:
        return None
    return Wrong("not_standalone", f"{found!r} in {query.text!r} points outside; name what it is")


def _alternatives(language: str, *names: str) -> str:
    """The words of some lists as one regular expression."""
    return "|".join(word for name in names for word in lexicon("deixis", language)[name].split())


# --- English -------------------------------------------------------------------------------------


class _English(NamedTuple):
    pointing: re.Pattern[str]
    unnamed: re.Pattern[str]
    dummy: re.Pattern[str]
    company_words: frozenset[str]
    no_names: frozenset[str]


@functools.cache
def _english() -> _English:
    parts, says = _alternatives("en", "parts"), _alternatives("en", "says")
    things = _alternatives("en", "parts", "things")
    pointing = rf"""\b(?:
      (?:this|these)\ (?:\w+\ )?(?:{things}|fiscal\ year)(?:s|es|ies)?\b
    | (?:that|those|said|such)\ (?:{parts}|information|company|amount|fee)s?\b
    | the\ (?:above|foregoing|following|aforementioned|aforesaid|said)\b
    | the\ (?:present|given|provided|attached)\ (?:{parts})s?\b
    | the\ (?:latter|former)(?=\W*$|,|\ (?:is|are|was|were|has|have|does)\b)
    | (?:above|below)[- ]?(?:mentioned|described|listed|referenced)\b
    | (?:mentioned|described|discussed|listed|shown|stated|outlined|set\ (?:out|forth)|see)
      \ (?:above|below|here)\b
    | here(?:in|of|to|under|by|with|inafter|inabove)\b
    | there(?:in|of|to|under|with|after|for)\b
    | aforementioned | aforesaid | abovementioned | as\ follows | as\ above | as\ mentioned
    | (?:in|from|by|to|of|per)\ the\ (?:{parts})\b(?!\ (?:of|for|on|to|in|that|about|between)\b)
    | (?:does|do|did)\ the\ (?:{parts})s?\ (?:{says})\b
    | (?:is|are|was|were)\ the\ (?:{parts})\ (?:about|binding|called|dated|effective|valid)\b
    | the\ (?:passage|excerpt|snippet|author)s?\b
    | the\ (?:reporting|current|prior|previous)\ (?:period|quarter|(?:fiscal\ )?year)\b
    )"""
    issuers = _alternatives("en", "unnamed_issuers")
    services = _alternatives("en", "unnamed_services")
    unnamed = rf"""\b(?:
      the\ (?:{issuers})(?:['’]s)?\b
      (?![-\ ]*(?:of|that|which|who|whose|the|called|named|with|in|behind|manager|account|
         holiday|loan|transfer|statement|card|deed|fund|law)\b)
    | (?:do(?:es)?|did|can|may|will|is|are|has|have|on|to|from|by|using|use|with|through|of|in|
         delete|access|leave|join)\ the\ (?:{services})
      (?=\W*$|\ (?:is|are|and|or|for|when|if|without|after|before|collect|use|share|store|sell|let|
         allow|keep|track|require|charge|work|on|from|to)s?\b)
    | (?:do|did|will|would|can|may|have|are)\ you\ (?:\w+ly\ )?
      (?:{_alternatives("en", "asked_of_you")})\b
    | your\ (?:{_alternatives("en", "your_things")})\b
    )"""
    company_words = frozenset(lexicon("deixis", "en")["company_words"].split())
    return _English(
        re.compile(pointing, re.I | re.X),
        re.compile(unnamed, re.I | re.X),
        re.compile(rf"^\W*(?:{_alternatives('en', 'dummy_it')})\b", re.I),
        company_words,
        company_words | frozenset(lexicon("deixis", "en")["no_names"].split()),
    )


_PRONOUN = re.compile(
    r"^(?:[a-z']+ ){0,2}(?:they|he|she|them)\b(?! who\b)|^(?:his|her|its|their)\b", re.I
)
# a word in capitals is a name among words that are not, whatever it spells
_IN_CAPITALS = re.compile(r"(?<!\w)(?:HE|HER|HIS|IT|ITS|SHE|THAT|THEM|THESE|THEY|THIS)(?!\w)")
# an "it" right after the first auxiliary has nothing before it that it could mean
_OPENING_IT = re.compile(
    r"^(?:(?:how|when|where|why|what|who|which|and|so|but|long|much|many|often|far|soon)\ ){0,3}"
    r"(?:do(?:es)?|did|is|was|can|could|will|would|has|had|must|may|might|should)(?:n['’]t)? it\b",
    re.I,
)
_CLAUSE = re.compile(
    r"\b(?:section|clause|paragraph|article|item|exhibit|appendix|schedule|figure|table|note)"
    r"s? \(?\d[\d.]*\)?(?:\([a-z0-9]{1,3}\))*(?!\w)",
    re.I,
)
_OF_LAW = re.compile(r"\s*(?:(?:of|in|under) (?:the )?)?[A-Z][\w-]+|\s*\d+ [A-Z]")
_ACT_BEFORE = re.compile(r"\b(?:[A-Z]{3,}|\w+ (?:Act|Code|Regulation|Directive|Law|Convention))\b")
_CAPITALS = re.compile(r"(?<!^)(?<![.?!] )\b[A-Z][\w&-]*(?:\.\w+)*")


def _english_deixis(text: str, seeds: Sequence[Passage]) -> str | None:
    rules = _english()
    named = _names_issuer(text, seeds) or _names_somebody(text)
    for name in sorted({seed.issuer for seed in seeds if seed.issuer}):
        # a service may be called HER or This: as it writes itself it is a name and points nowhere
        text = re.sub(rf"(?<!\w){re.escape(name)}(?!\w)", "Acme", text)
    if not text.isupper():
        text = _IN_CAPITALS.sub("Acme", text)
    for pattern in (rules.pointing, _PRONOUN):
        if found := pattern.search(text):
            return found.group()
    opening = _OPENING_IT.search(text)
    if opening and not rules.dummy.match(text[opening.end() :]):
        return opening.group()
    clause = _CLAUSE.search(text)
    if clause and not _names_law(text, clause):
        return clause.group()
    unnamed = rules.unnamed.search(text)
    return unnamed.group() if unnamed and not named else None


def _names_law(text: str, clause: re.Match[str]) -> bool:
    return bool(_OF_LAW.match(text, clause.end()) or _ACT_BEFORE.search(text, 0, clause.start()))


def _names_issuer(text: str, seeds: Sequence[Passage]) -> bool:
    names = {word for seed in seeds for word in re.findall(r"\w{3,}", (seed.issuer or "").lower())}
    return bool((names - _english().company_words) & set(re.findall(r"\w{3,}", text.lower())))


def _names_somebody(text: str) -> bool:
    """Whether a capital letter inside the query starts a name that could be a company's."""
    return any(name.lower() not in _english().no_names for name in _CAPITALS.findall(text))


# --- Chinese -------------------------------------------------------------------------------------


class _Chinese(NamedTuple):
    pointing: re.Pattern[str]
    backward: re.Pattern[str]
    company: re.Pattern[str]


@functools.cache
def _chinese() -> _Chinese:
    nouns = _alternatives("zh", "nouns")
    classifiers = _alternatives("zh", "classifiers")
    own = _alternatives("zh", "nouns", "own")
    pointing = rf"""
      (?<![{lexicon("deixis", "zh")["not_own"]}])本(?:{own})
    | 上述|前述|下述|前款|前条|上文|下文|后文|原文|文本中|(?<!告一)段落|如上所|如下|见下|见上
    | 文章(?:中|里)?(?:提到|指出|认为|称)|材料(?:中|里)(?:提到|指出)|报告(?:中|里)(?:提到|指出|认为)
    | (?:^|[，、据从在])文中
    | 以下(?:内容|条款|情况|规定|信息|几|方面|哪|简称|列|原因|问题)
    | (?:^|[，、由从据如见在])[上下左右][表图](?![现达述演像书谋片为文])
    | 我(?:司|行(?=的|将|已|有)|公司)|贵(?:司|公司)|我们(?:认为|预计|判断|维持|建议|看好|预测)
    | 报告期(?:内|末)?|今日|昨日
    """
    # 该合同 may mean a contract that the query itself has named in an earlier clause
    backward = rf"""
      (?<![应活不本早就都才还真又理总])该等?(?:{nouns}|{classifiers})
    | (?<![因如彼从为至对据])此[次时处]?(?:{nouns}|{classifiers})
    | 这(?:一|个|份|项|篇|家|些|种|款|次|段|条|类|只)*(?:{nouns})
    | ^(?:请问)?(?:它|他|她|其)(?:们)?(?!他|她|它|实|余|次|中|乐|妙|所|间|貌)
    """
    # 哪些公司, 上市公司 and 公司法 are about companies; 公司2021年 is about one that is not named
    company = rf"""
      你们|贵(?:平台|网站|店)
    | (?:^|[，、,。；]|请问|目前|当前|未来|预计|对于|关于|截至目前)
      公司(?:目前|当前|未来|的)?(?:(?:19|20)?\d\d\s?年|[今去明]年|上半年|下半年|一季度|三季度|
          {_alternatives("zh", "company_facts")})
    """
    return _Chinese(*(re.compile(pattern, re.X) for pattern in (pointing, backward, company)))


_CLAUSE_END = re.compile(r"[，。？；,;?]")
_CHINESE_CLAUSE = re.compile(
    r"第[一二三四五六七八九十百零〇\d]+(?:条|款)(?=规定|约定|要求|明确|所|中|第|是|的|$|\W)"
)
_CHINESE_LAW = re.compile(r"[》法例则章]|办法|规定|协议|合同|政策|解释|准则|决定|通知|标准")


def _chinese_deixis(text: str, seeds: Sequence[Passage]) -> str | None:
    rules = _chinese()
    if found := rules.pointing.search(text):
        return found.group()
    backward = rules.backward.search(text)
    if backward and not _CLAUSE_END.search(text, 0, backward.start()):
        return backward.group()
    company = rules.company.search(text)
    named = any(seed.issuer and seed.issuer in text for seed in seeds)
    if company and not named and not _CLAUSE_END.search(text, 0, company.start()):
        return company.group().strip("，、,。；")
    clause = _CHINESE_CLAUSE.search(text)
    if clause and not _CHINESE_LAW.search(text, 0, clause.start()):
        return clause.group()
    return None

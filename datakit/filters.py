"""Rules that a query must pass before it is used; none of them leans on a retriever.

| rule | reasons |
| --- | --- |
| fragments | `no_words`, `only_stop_words`, `unbalanced`, `url`, `email`, `phone`, `hex_string` |
| F2 language and script | `wrong_language` |
| F3 length in words | `too_short`, `too_long` |
| F4 wording copied from the seed passage | `lexical_leak`, or the flag `lexical_copy` |
| F5 does not stand alone | `not_standalone` |
| F8 same text as another query of the level | `duplicate_query` |

All act alike for training and evaluation. In scripts without spaces two characters count as one
word. A rule is a function from a query, its seed passages and the settings to what is wrong.
"""

from __future__ import annotations

import functools
import itertools
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple, TypeVar

from datakit.errors import UsageError
from datakit.records import Dropped, Passage, Query, normal_key
from datakit.text import (
    LATIN_LANGUAGES,
    base_language,
    detect_language,
    script_shares,
    stop_words,
    words,
)

T = TypeVar("T")


@dataclass(frozen=True)
class FilterSettings:
    """Limits of the filters; all are our default."""

    sentence_words: tuple[int, int] = (3, 32)  # least and most
    passage_words: tuple[int, int] = (5, 40)
    topic_words: tuple[int, int] = (4, 40)
    keyword_words: int = 2  # the least of a keyword query, at any level
    leak_run: int = 6  # words in a row that query and seed passage share
    leak_share: float = 0.8  # of the query's content words that the seed passage has
    leak_words: int = 5  # content words below which the share says nothing
    script_share: float = 0.2  # of the target's script among the letters of a query


class Wrong(NamedTuple):
    """What is wrong with a query: found, expected, next step."""

    reason: str
    detail: str


Rule = Callable[[Query, Sequence[Passage], FilterSettings], Wrong | None]


def filter_queries(
    queries: Iterable[Query],
    passages_by_id: Mapping[str, Passage],
    settings: FilterSettings,
    purpose: str,
) -> Iterator[Query | Dropped]:
    """Queries that pass every rule, merged where their texts are equal.

    Dropped queries come first, in the order of the input; then the survivors, in that order too.
    Parents and children that were merged are named by their survivor, and those that were dropped
    are no longer named.

    Raises:
        UsageError: `purpose` is neither train nor eval.
    """
    if purpose not in {"train", "eval"}:
        raise UsageError(f"purpose is {purpose!r}; expected 'train' or 'eval'")
    kept: list[Query] = []
    gone: dict[str, str | None] = {}  # dropped query -> its survivor, where it has one
    for query in queries:
        wrong, passed = check(query, passages_by_id, settings)
        if wrong:
            gone[query.query_id] = None
            yield Dropped(query.query_id, *wrong)
        else:
            kept.append(passed)
    merged, survivors = merge_duplicates(kept)
    yield from _lost(kept, survivors)
    gone |= {lost: survivor for lost, survivor in survivors.items() if lost != survivor}
    for query in merged:
        yield _relinked(query, gone)


def _lost(queries: Iterable[Query], survivors: Mapping[str, str]) -> Iterator[Dropped]:
    seen: set[str] = set()
    for query in queries:
        survivor = survivors[query.query_id]
        if survivor != query.query_id or query.query_id in seen:
            detail = f"{query.text!r} is also {survivor}, which has its seed passages and evidence"
            yield Dropped(query.query_id, "duplicate_query", detail)
        seen.add(query.query_id)


def check(
    query: Query, passages_by_id: Mapping[str, Passage], settings: FilterSettings
) -> tuple[Wrong | None, Query]:
    """The first rule that the query breaks, and the query with its flags."""
    missing = [key for key in query.seed_passage_ids if key not in passages_by_id]
    if missing:
        return Wrong("seed_missing", f"there is no passage {missing[0]}; generate again"), query
    seeds = [passages_by_id[key] for key in query.seed_passage_ids]
    for rule in RULES:
        if wrong := rule(query, seeds, settings):
            return wrong, query
    leak = lexical_leak(query, seeds, settings)
    if leak and query.generator_family != "extractive":
        return leak, query
    if leak and "lexical_copy" not in query.flags:
        query = replace(query, flags=(*query.flags, "lexical_copy"))
    return None, query


# --- fragments ---------------------------------------------------------------------------------

_PAIRS = ("()", "[]", "{}", "（）", "【】", "《》", "“”", "「」", "『』", "«»")
# Booking.com is a name, booking.com/help is an address
_URL = re.compile(
    r"https?:|www\.|[\w-]+\.[a-z]{2,4}/\w|[\w-]+\.(?:html?|pdf|aspx?|php)(?!\w)", re.I
)
_EMAIL = re.compile(r"[\w.+-]+@[\w-]+\.\w+")
_PHONE = re.compile(
    r"(?<![A-Za-z0-9.])(?:\+\d{1,3}[ .-]?(?:\(?\d{1,4}\)?[ .-]?){2,5}\d{2,4}"  # +44 20 7946 0958
    r"|\(?\d{3}\)?[ .-]\d{3}[ .-]\d{4}"  # (212) 555-0123
    r"|0\d{2,3}-?\d{7,8}|1[3-9]\d{9}|[48]00-?\d{3}-?\d{4})(?![A-Za-z0-9.])"  # 010-66568393, 400-…
)
_HEX = re.compile(
    r"(?<![0-9a-z])(?=[0-9a-f-]*\d)(?=[0-9a-f-]*[a-f])[0-9a-f][0-9a-f-]{15,}(?![0-9a-z])", re.I
)
_LETTER = re.compile(r"[^\W\d_]")


def fragment(query: Query, seeds: Sequence[Passage], settings: FilterSettings) -> Wrong | None:
    """A piece of text that nobody would type: no words, a half bracket, an address."""
    text = query.text
    if not _LETTER.search(text):
        return Wrong("no_words", f"{text!r} has no letters; leave such passages out")
    for reason, pattern in (
        ("email", _EMAIL), ("url", _URL), ("phone", _PHONE), ("hex_string", _HEX),
    ):  # fmt: skip
        if found := pattern.search(text):
            return Wrong(reason, f"{found.group()!r} found in {text!r}; expected words alone")
    if (odd := _unbalanced(text)) is not None:
        return Wrong("unbalanced", f"{odd!r} has no partner in {text!r}; take the whole phrase")
    if _is_empty(text, _language(query, seeds)):
        return Wrong("only_stop_words", f"{text!r} has no content word; expected at least one")
    return None


# spaCy's Chinese stop words hold 个人 and 使用, which a query may well be about
_CHINESE_EMPTY = (
    "的 了 吗 呢 吧 啊 是 有 和 与 或 在 其 它 他 她 我 你 您 这 那 能 会 要 应 不 对 于 从 到 被"
    " 把 让 给 之 以 及 请 个 哪 几 什么 怎么 怎样 怎么样 如何 为何 为什么 哪些 哪个 哪里 多少 我们"
    " 你们 他们 这个 那个 这些 那些 可以 能否 是否 应该 没有 请问 一个 一些 还是 以及 关于 需要"
)


def _is_empty(text: str, language: str | None) -> bool:
    chinese = base_language(language) == "zh"
    empty = frozenset(_CHINESE_EMPTY.split()) if chinese else stop_words(language)
    return empty.issuperset(words(text, language))


def _unbalanced(text: str) -> str | None:
    opens = {pair[0]: pair[1] for pair in _PAIRS}
    closes = set(opens.values())
    waiting: list[str] = []
    for char in text:
        if char in opens:
            waiting.append(char)
        elif char in closes and (not waiting or opens[waiting.pop()] != char):
            return char
    if waiting:
        return waiting[-1]
    return '"' if text.count('"') % 2 else None


# --- F2 language -------------------------------------------------------------------------------

_LETTERS_OF = {"zh": ("zh",), "ja": ("ja", "zh")}
_SURE_WORDS = 4  # below that many words the stop words of a Latin query prove nothing


def wrong_language(
    query: Query, seeds: Sequence[Passage], settings: FilterSettings
) -> Wrong | None:
    """F2: the query is not in the language it is meant to be in."""
    target = base_language(_language(query, seeds))
    shares = script_shares(query.text)
    if not target or not shares:
        return None
    scripts = ("latin",) if target in LATIN_LANGUAGES else _LETTERS_OF.get(target, (target,))
    share = sum(shares.get(script, 0.0) for script in scripts)
    if share < settings.script_share and (target in LATIN_LANGUAGES or set(scripts) & _KNOWN):
        found = max(shares, key=lambda name: shares[name])
        return Wrong("wrong_language", _language_detail(query, found, target))
    if target == "zh" and shares.get("ja", 0.0) > 0.1:  # kana
        return Wrong("wrong_language", _language_detail(query, "ja", target))
    found = _other_latin(query.text, target)
    return Wrong("wrong_language", _language_detail(query, found, target)) if found else None


_KNOWN = frozenset({"zh", "ja", "ko", "ru", "el", "he", "ar", "hi", "th"})


def _other_latin(text: str, target: str) -> str:
    """The other Latin-script language that a text is in, else the empty string."""
    if target not in LATIN_LANGUAGES or len(text.split()) < _SURE_WORDS:
        return ""
    found = detect_language(text)
    if found is None or found == target:
        return ""
    said = set(text.lower().split())
    own, other = stop_words(target) - stop_words(found), stop_words(found) - stop_words(target)
    # a keyword query has no function words: one that another language shares says nothing
    return found if not own & said and len(other & said) >= 2 else ""


def _language_detail(query: Query, found: str, target: str) -> str:
    return f"{query.text!r} reads as {found}; expected {target}: state the language in the prompt"


def _language(query: Query, seeds: Sequence[Passage]) -> str | None:
    return query.language or (seeds[0].language if seeds else None)


# --- F3 length ---------------------------------------------------------------------------------

_CJK = "\u3041-\u30ff\u3400-\u9fff\U00020000-\U0003ffff"
_NO_SPACES = re.compile(f"[{_CJK}]")
_UNIT = re.compile(rf"[{_CJK}]|[^\W_{_CJK}]+(?:['’.,-][^\W_{_CJK}]+)*")


def length(query: Query, seeds: Sequence[Passage], settings: FilterSettings) -> Wrong | None:
    """F3: too few or too many words for the level."""
    least, most = {
        "sentence": settings.sentence_words,
        "passage": settings.passage_words,
        "topic": settings.topic_words,
        None: (settings.keyword_words, settings.passage_words[1]),
    }[query.level]
    if query.form == "keyword":
        least = settings.keyword_words
    n_words = count_words(query.text)
    if least <= n_words <= most:
        return None
    reason = "too_short" if n_words < least else "too_long"
    kind = f"a {query.level or 'query'} query" + (" of keywords" if query.form == "keyword" else "")
    return Wrong(reason, f"{query.text!r}: {n_words} words; expected {least} to {most} of {kind}")


def count_words(text: str) -> int:
    """Words of a query; in scripts without spaces two characters are one word, rounded up."""
    units = _UNIT.findall(text)
    n_characters = sum(1 for unit in units if _NO_SPACES.match(unit))
    return len(units) - n_characters + -(-n_characters // 2)


# --- F4 lexical leak ---------------------------------------------------------------------------


def lexical_leak(query: Query, seeds: Sequence[Passage], settings: FilterSettings) -> Wrong | None:
    """F4: a long run, or nearly all content words, are the seed passage's own.

    The issuer's name is no leak: a query must name it.
    """
    for passage in seeds:
        text = _without_name(query.text, passage.issuer)
        if run := shared_run(text, passage.text, settings.leak_run):
            return Wrong("lexical_leak", f"{run!r} is copied from {passage.passage_id}; reword it")
        own = content_words(text, _language(query, seeds))
        copied = own & content_words(passage.text, passage.language)
        if len(own) >= settings.leak_words and len(copied) > settings.leak_share * len(own):
            return Wrong(
                "lexical_leak",
                f"{len(copied)} of {len(own)} content words are those of {passage.passage_id}; "
                f"expected at most {settings.leak_share:.0%}: reword it",
            )
    return None


def shared_run(query: str, passage: str, n_words: int) -> str | None:
    """The first run of `n_words` words that both texts have, else None.

    In scripts without spaces it is twice as many characters.
    """
    units = [unit.lower() for unit in _UNIT.findall(query)]
    weights = [1 if _NO_SPACES.match(unit) else 2 for unit in units]
    where = _joined(passage)
    end = weight = 0
    for start, own in enumerate(weights):
        while end < len(units) and weight < 2 * n_words:
            weight += weights[end]
            end += 1
        if weight < 2 * n_words:
            return None
        if f" {' '.join(units[start:end])} " in where:
            return _readable(units[start:end])
        weight -= own
    return None


def _readable(units: Sequence[str]) -> str:
    return ("" if _NO_SPACES.match(units[0]) else " ").join(units)


@functools.lru_cache(maxsize=256)  # the queries of a passage come together
def _joined(text: str) -> str:
    return f" {' '.join(unit.lower() for unit in _UNIT.findall(text))} "


@functools.lru_cache(maxsize=1024)
def content_words(text: str, language: str | None) -> frozenset[str]:
    """Distinct words of a text that are no stop words; in Chinese those of two characters on."""
    stop = stop_words(language)
    return frozenset(
        word
        for word in words(text, language)
        if word not in stop and not (len(word) == 1 and _NO_SPACES.match(word))
    )


def _without_name(text: str, name: str | None) -> str:
    if not name or len(name) < 2:
        return text
    return re.sub(re.escape(name), " \N{BULLET} ", text, flags=re.IGNORECASE)


# --- F5 stands alone ---------------------------------------------------------------------------

_PARTS = (
    "agreement|appendix|article|chapter|clause|contract|disclosure|document|excerpt|exhibit|figure"
    "|filing|guidelines|notice|page|paragraph|passage|policy|provision|report|schedule|section"
    "|statement|study|table|terms|text|addendum|annex|licen[cs]e|prospectus|extract|context"
)
_THINGS = f"{_PARTS}|app|company|product|service|site|website|platform|period|quarter|week|month"
_SAYS = (
    "allow|apply|contain|cover|define|describe|end|expire|forbid|give|include|last|list|mean|mention"
    "|permit|prohibit|provide|refer|require|say|set|specify|state|take"
)
_ENGLISH = re.compile(
    rf"""\b(?:
      (?:this|these)\ (?:\w+\ )?(?:{_THINGS}|year|fiscal\ year)(?:s|es|ies)?\b
    | (?:that|those|said|such)\ (?:{_PARTS}|information|company|amount|fee)s?\b
    | the\ (?:above|foregoing|following|aforementioned|aforesaid|said)\b
    | the\ (?:present|given)\ (?:{_PARTS})\b
    | the\ (?:latter|former)(?=\W*$|,|\ (?:is|are|was|were|has|have|does)\b)
    | (?:above|below)[- ]?(?:mentioned|described|listed|referenced)\b
    | (?:mentioned|described|listed|shown|stated|outlined|set\ (?:out|forth)|see)\ (?:above|below)\b
    | here(?:in|of|to|under|by|with|inafter|inabove)\b | there(?:in|of|to|under|with|after)\b
    | aforementioned | aforesaid | abovementioned | as\ follows | as\ above | as\ mentioned
    | (?:in|from|by|to|of|per)\ the\ (?:{_PARTS})\b(?!\ (?:of|for|on|to|in|that|about|between)\b)
    | (?:does|do|did)\ the\ (?:{_PARTS})s?\ (?:{_SAYS})\b
    | (?:is|are|was|were)\ the\ (?:{_PARTS})\ (?:about|binding|called|dated|effective|valid)\b
    | the\ (?:passage|excerpt|author)s?\b
    | the\ (?:reporting|current)\ (?:period|quarter|year)\b
    )""",
    re.IGNORECASE | re.VERBOSE,
)
_UNNAMED = re.compile(
    r"\bthe (?:company|registrant|issuer|group|corporation)\b"
    r"(?! (?:of|that|which|who|whose|the|called|named|with|in)\b)",
    re.IGNORECASE,
)
_PRONOUN = re.compile(
    r"^(?:[a-z']+ ){0,2}(?:they|he|she|them)\b(?! who\b)|^(?:his|her|its|their)\b", re.I
)
_CLAUSE = re.compile(
    r"\b(?:section|clause|paragraph|article|item|exhibit|appendix|schedule|figure|table|note)"
    r"s? \(?\d[\d.]*\)?(?:\([a-z0-9]{1,3}\))*(?!\w)",
    re.I,
)
_OF_LAW = re.compile(r"\s*(?:(?:of|in|under) (?:the )?)?[A-Z][\w-]+|\s*\d+ [A-Z]")

_NOUNS = (
    "公司|集团|企业|机构|银行|行业|板块|产品|药物|药品|疫苗|项目|业务|协议|合同|条款|条例|章程|服务"
    "|平台|网站|应用|软件|报告|文件|文章|研究|政策|规定|办法|规则|法规|法律|事件|交易|股票|基金|期间"
    "|年度|季度|国家|地区|技术|指标|数据|表格|情况|部分|内容|方案|计划|声明|公告|说明书|网页|页面"
    "|指南|案例|药企|论文|材料"
)
_CLASSIFIERS = "条(?!约)|款|章|节|法|类|笔|份|家|种|项"
_OWN = f"{_NOUNS}|条(?!约)|款|章|节|法|文|次|期|周|月|季|年|所|店|站|段|行(?!业?情)|轮|案"
_NOT_OWN = "日资成基版样根剧标书课原股副蓝脚译抄读文手"  # 日本公司, 资本, 成本, 基本服务
_CHINESE = re.compile(
    rf"""
      (?<![{_NOT_OWN}])本(?:{_OWN})
    | 上述|前述|下述|前款|前条|上文|下文|后文|原文|文本中|(?<!告一)段落|如上所|如下|见下|见上
    | (?:^|[，、据从在])文中
    | 以下(?:内容|条款|情况|规定|信息|几|方面|哪|简称|列|原因|问题)
    | (?:^|[，、由从据如见在])[上下左右][表图](?![现达述演像书谋片为文])
    | 我(?:司|行(?=的|将|已|有)|公司)|贵(?:司|公司)|我们(?:认为|预计|判断|维持|建议|看好|预测)
    | 报告期(?:内|末)?|今日|昨日
    """,
    re.VERBOSE,
)
# 该合同 may mean a contract that the query itself has named in an earlier clause
_CHINESE_BACKWARD = re.compile(
    rf"(?<![应活不本早就都才还真又理总])该等?(?:{_NOUNS}|{_CLASSIFIERS})"
    rf"|(?<![因如彼从为至对据])此[次时处]?(?:{_NOUNS}|{_CLASSIFIERS})"
    rf"|这(?:一|个|份|项|篇|家|些|种|款|次|段|条|类|只)*(?:{_NOUNS})"
)
_CLAUSE_END = re.compile(r"[，。？；,;?]")
_CHINESE_CLAUSE = re.compile(
    r"第[一二三四五六七八九十百零〇\d]+(?:条|款)(?=规定|约定|要求|明确|所|中|第|是|的|$|\W)"
)
_CHINESE_LAW = re.compile(r"[》法例则章]|办法|规定|协议|合同|政策|解释|准则|决定|通知|标准")


def not_standalone(
    query: Query, seeds: Sequence[Passage], settings: FilterSettings
) -> Wrong | None:
    """F5: the query points at something that only a reader of the passage sees."""
    language = base_language(_language(query, seeds)) or detect_language(query.text)
    found = None
    if language == "en":
        found = _english_deixis(query.text, seeds)
    elif language == "zh":
        found = _chinese_deixis(query.text)
    if not found:
        return None
    return Wrong("not_standalone", f"{found!r} in {query.text!r} points outside; name what it is")


def _english_deixis(text: str, seeds: Sequence[Passage]) -> str | None:
    unnamed_issuer = not _names_issuer(text, seeds)
    for name in sorted({seed.issuer for seed in seeds if seed.issuer}):
        # a service may be called HER or This: as it writes itself it is a name and points nowhere
        text = re.sub(rf"(?<!\w){re.escape(name)}(?!\w)", "Acme", text)
    for pattern in (_ENGLISH, _PRONOUN):
        if found := pattern.search(text):
            return found.group()
    clause = _CLAUSE.search(text)
    if clause and not _OF_LAW.match(text, clause.end()):
        return clause.group()
    unnamed = _UNNAMED.search(text)
    return unnamed.group() if unnamed and unnamed_issuer else None


def _names_issuer(text: str, seeds: Sequence[Passage]) -> bool:
    names = {word for seed in seeds for word in re.findall(r"\w{3,}", (seed.issuer or "").lower())}
    return bool(names & set(re.findall(r"\w{3,}", text.lower())))


def _chinese_deixis(text: str) -> str | None:
    if found := _CHINESE.search(text):
        return found.group()
    backward = _CHINESE_BACKWARD.search(text)
    if backward and not _CLAUSE_END.search(text, 0, backward.start()):
        return backward.group()
    clause = _CHINESE_CLAUSE.search(text)
    if clause and not _CHINESE_LAW.search(text, 0, clause.start()):
        return clause.group()
    return None


RULES: tuple[Rule, ...] = (fragment, wrong_language, length, not_standalone)


# --- F8 duplicates -----------------------------------------------------------------------------


def merge_duplicates(queries: Sequence[Query]) -> tuple[list[Query], dict[str, str]]:
    """F8: queries of one level and language whose `normal_key` is equal become one.

    Returns:
        The survivors in the order of the input, and the survivor of every query: the smallest
        query_id of the equal ones, with the seeds, evidence, parents and children of all.
    """
    groups: dict[tuple[str | None, str | None, str], list[Query]] = {}
    for query in queries:
        key = (query.level, base_language(query.language), normal_key(query.text))
        groups.setdefault(key, []).append(query)
    united = {}
    survivors: dict[str, str] = {}
    for group in groups.values():
        query = _united(group)
        united[query.query_id] = query
        survivors.update((other.query_id, query.query_id) for other in group)
    seen: set[str] = set()
    merged = []
    for query in queries:
        if query.query_id in united and query.query_id not in seen:
            seen.add(query.query_id)
            merged.append(united[query.query_id])
    return merged, survivors


def _united(group: Sequence[Query]) -> Query:
    if len(group) == 1:
        return group[0]
    ordered = sorted(group, key=lambda query: query.query_id)
    return replace(
        ordered[0],
        seed_passage_ids=_union(query.seed_passage_ids for query in ordered),
        parent_ids=_union(query.parent_ids for query in ordered),
        child_ids=_union(query.child_ids for query in ordered),
        supporting_doc_ids=_union(query.supporting_doc_ids for query in ordered),
        evidence=_union(query.evidence for query in ordered),
        flags=_union(query.flags for query in ordered),
    )


def _union(parts: Iterable[Sequence[T]]) -> tuple[T, ...]:
    return tuple(dict.fromkeys(itertools.chain.from_iterable(parts)))


def _relinked(query: Query, gone: Mapping[str, str | None]) -> Query:
    parents, children = _led(query.parent_ids, query, gone), _led(query.child_ids, query, gone)
    if (parents, children) == (query.parent_ids, query.child_ids):
        return query
    return replace(query, parent_ids=parents, child_ids=children)


def _led(ids: tuple[str, ...], query: Query, gone: Mapping[str, str | None]) -> tuple[str, ...]:
    led = dict.fromkeys(gone.get(key, key) for key in ids)
    return tuple(key for key in led if key is not None and key != query.query_id)

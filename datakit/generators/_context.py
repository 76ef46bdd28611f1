"""What a query has to name so that it can be understood without its document."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from datakit.generators._laws import law_name
from datakit.generators._words import word_set
from datakit.records import Passage
from datakit.text import base_language, is_cjk_language

Kind = Literal["terms", "filing", "report", "law", "article"]

_KINDS: tuple[tuple[Kind, str], ...] = (
    (
        "filing",
        r"^\s*(?:10|20|40|8|6)-?[kqf]\b|^ex-?\d|^424b|^s-[1348]\b|^def.?14a|annual.?report"
        r"|quarterly|filing|年度?报",
    ),
    ("report", r"research|report|研[报究]|报告|点评|跟踪|周报|月报|专题|深度|策略"),
    (
        "law",
        r"statute|\blaw\b(?! enforcement)|\bact\b|regulation|legislation|bill\b|法律|法规|条例"
        r"|(?:(?<![方办看想说做])法|办法|规定|规则|细则|的解释|的决定)(?:[（(][^）)]*[）)])?$",
    ),
    (
        "terms",
        r"terms|privacy|community|acceptable.use|data.processing|polic|agreement|conditions"
        r"|guideline|imprint|tracker|cookie|\btos\b|eula|licen[cs]e|copyright|notice|协议|条款|隐私"
        r"|政策|datenschutz|nutzungsbedingung|\bagb\b|confidentialit|mentions",
    ),
)

# who publishes a report without being what it is about
_PUBLISHER = re.compile(
    r"证券|研[报究]|报告|公众号|咨询|期货|资本|基金|智库|securities|research|capital|journal|press"
    r"|advisors?|bank of america|morgan|goldman",
    re.I,
)
_LEGAL_FORM = re.compile(
    r"[\s,]+(?:inc|incorporated|corp|corporation|co|company|ltd|limited|llc|l\.l\.c|plc|lp"
    r"|llp|ag|gmbh"
    r"|se|s\.?a\.?s?|s\.?r\.?l|n\.?v|b\.?v|holdings?|group holdings?)\.?$|\s*/[A-Z]{2}/?$"
    r"|(?:（[^）]*）|\([^)]*\))$",
    re.I,
)
_LEGAL_FORM_ZH = re.compile(r"(?:股份有限公司|有限责任公司|有限公司|股份公司|公司)$")

_LABELS_EN = (
    ("privacy", "privacy policy"), ("cookie", "cookie policy"), ("tracker", "cookie policy"),
    ("acceptable use", "acceptable use policy"), ("guideline", "guidelines"),
    ("developer", "developer terms"), ("copyright", "copyright policy"),
    ("refund", "refund policy"), ("processing|processor", "data processing agreement"),
    ("imprint", "legal notice"), ("accessib", "accessibility statement"),
    ("commercial", "terms of sale"), ("policy", "policy"),
)  # fmt: skip
_LABELS_ZH = (
    ("privacy|隐私|个人信息", "隐私政策"),
    ("cookie", "Cookie政策"),
    ("policy|政策", "政策"),
)


@dataclass(frozen=True)
class Context:
    """One document as its queries see it."""

    language: str  # base language: en, zh, fr; "" where unknown
    kind: Kind
    issuer: str | None  # the short name of who speaks as "we"; None for reports and articles
    label: str  # what the document is called: terms, privacy policy, 隐私政策
    title: str | None
    category: str | None
    date: str | None
    topic: str = ""  # what it is about, in a few words, where no issuer says so
    lower: frozenset[str] = field(default=frozenset(), repr=False)  # words it writes small
    names: frozenset[str] = field(default=frozenset(), repr=False)  # capitalised inside a sentence

    @property
    def is_cjk(self) -> bool:
        return is_cjk_language(self.language)


def context_of(passages: Sequence[Passage]) -> Context:
    """The context that the passages of one document share."""
    first = passages[0]
    kind = kind_of(first.doc_type, first.title)
    language = base_language(first.language) or ""
    text = "\n".join(passage.text for passage in passages)
    lower = frozenset() if is_cjk_language(language) else _lower_words(text)
    names = frozenset() if is_cjk_language(language) else _names(text, lower)
    return Context(
        language=language,
        kind=kind,
        issuer=_speaker(first, kind, text),
        label=_label(first, language, kind),
        title=first.title,
        category=first.category,
        date=first.date,
        topic=law_name(first.title or "", text) if kind == "law" and language == "en" else "",
        lower=lower,
        names=names,
    )


def kind_of(doc_type: str | None, title: str | None) -> Kind:
    """What sort of document it is, by its type, else by its title."""
    if re.search(r"[\u4e00-\u9fff](?:条例|办法|规定|细则)(?:[（(][^）)]*[）)])?$", title or ""):
        return "law"
    for value in (doc_type, title):
        spaced = (value or "").replace("_", " ")
        for kind, pattern in _KINDS:
            if re.search(pattern, spaced, re.I):
                return kind
    return "article"


def _speaker(passage: Passage, kind: Kind, text: str) -> str | None:
    name = passage.issuer
    if kind == "terms" and not name:
        return _named_by_title(passage.title, text) or _named_by_text(text)
    if not name or kind == "law" or (kind in ("report", "article") and _PUBLISHER.search(name)):
        return None
    short = short_name(name, text)
    told = short in (passage.title or "") or text.count(short) >= _OFTEN
    return short if told or kind not in ("report", "article") else None


_TITLE_WORDS = re.compile(
    r"[\s|–—:·-]*\b(?:(?:the|general|our|online|website|site|app|mobile|global|eu|uk|us"
    r"|user|customer|legal|full)\s+)*"
    r"(?:terms|conditions|privacy|cookies?|polic(?:y|ies)|agreement|eula|statement|notice"
    r"|guidelines|acceptable use"
    r"|legal|imprint|copyright|data|community|rules|end user)\b.*",
    re.I,
)
_TITLE_WORDS_ZH = re.compile(
    r"(?:的|用户|隐私|服务|个人信息|许可|使用|平台|法律|软件|会员|权限|儿童|保护|注册).*"
)
_MENTION = re.compile(
    r"\b(?:[Ww]elcome to|(?:offered|provided|operated|owned) by|between you and"
    r"|agreement with|your use of|use of"
    r"|access to|visit(?:ing)?|using|contact)\s+((?:[A-Z][\w&'’-]*)(?:[ .](?:[A-Z][\w&'’-]*"
    r"|com|org|net)){0,2})"
)
_MENTION_ZH = re.compile(
    r"(?:欢迎(?:您|你)?(?:使用|来到)|(?:您|你)(?:在)?(?:使用|注册|登录|下载))[“《]?"
    r"([\u4e00-\u9fffA-Za-z0-9]{2,8}?)[”》]?(?:[，。！、（(时的]|服务|产品|软件|APP|App"
    r"|平台|账号|客户端|及)"
)
_SPEAKER_ZH = re.compile(
    r"(?:^"
    r"|[，。：\s【由“])([\u4e00-\u9fffA-Za-z0-9]{2,20}(?:（[\u4e00-\u9fff]{2,4}）[\u4e00-\u9fff]{2,8})?)”?】?"
    r"(?:及其关联公司)?\s?[（(]以下(?:或|统|简|合)*称(?:为|作)?[：:\s]*[“\"']?(?:我们|本公司"
    r"|我司|平台)"
    r"|(?:^|[。\s])([\u4e00-\u9fffA-Za-z0-9]{2,8})(?:一向|非常|十分|一直|高度|深知)*(?:重视"
    r"|注重|尊重)(?:并保护)?(?:您|你|用户|使用者)"
)
_NO_NAME = word_set(
    """
    the this these our your service services website websites site sites app apps platform terms
    agreement privacy policy cookies cookie company software content materials products product
    account google_analytics we us you any information personal data apis api
    """
)  # fmt: skip
_QUALIFIERS = word_set(
    """
    additional master advertising sales sale subscriber subscription services service brand
    branding eu eea uk us intellectual property developer our general supplemental commercial
    group network consent consumer search booking my your the in-app usage trackers tracking
    website
    """
)
_PLACES = word_set(
    """
    European Europe Union Economic Area United States Kingdom California Google Facebook Apple
    Android Microsoft Twitter Instagram Data Protection Act Privacy Shield Commission January
    February March April May June July August September October November December Article
    Section Standard Contractual Clauses Analytics Internet Federal Court Switzerland Swiss
    Ireland Germany France Canada Australia Delaware York San Francisco English American
    Arbitration Association Customer User Users Services Service Personal Information Cookies
    Terms Conditions Use Guidelines Agent Application GmbH AUP GDPR EU UK Web Policy Agreement
    Party Parties Content Account Provider Board Authority Office Regulation General Directive
    State Law Inc Ltd
    """
)
_NO_NAME_ZH = re.compile(
    r"^(?:本|我们|我的|该|第三方|更新|此|其|产品|服务|网站|软件|应用|账号|手机|微信|相关"
    r"|平台|某|任何|以上|前|最|法律|一|如|的|导言|联系|非常|一直|十分|引言|概述|提示|欢迎|为了"
    r"|我司)|用户|隐私|本|协议|声明"
)


def _named_by_title(title: str | None, text: str) -> str | None:
    """The name in front of "Terms of Service" or 隐私政策."""
    title = " ".join((title or "").split())
    if re.search(r"[\u4e00-\u9fff]", title):
        name = _TITLE_WORDS_ZH.sub("", re.sub(r"[《》“”]", "", title))
        return name if 2 <= len(name) <= 10 and not _NO_NAME_ZH.search(name) else None
    name = _TITLE_WORDS.sub("", title) if _TITLE_WORDS.search(title) else ""
    name = re.sub(r"['’]s$", "", name.strip(" |:–—-")).rstrip("'’®™ ")
    words = name.split()
    while words and words[-1].lower() in _QUALIFIERS:
        words.pop()
    name = " ".join(words)
    good = name[:1].isupper() and len(words) <= 3 and words[0].lower() not in _NO_NAME | _QUALIFIERS
    return short_name(name, text) if good and name.lower() in text.lower() else None


_OFTEN = 5  # times that a report names the company it is about; our default
_OPENING = 3000  # characters in which a document says who it is


def _named_by_text(text: str) -> str | None:
    """The name that a text says one uses, visits or makes an agreement with, at least twice."""
    if re.search(r"[\u4e00-\u9fff]{4}", text):
        names = Counter(_MENTION_ZH.findall(text))
        found = _most_frequent(names, 2, lambda name: not _NO_NAME_ZH.search(name))
        return found or _speaker_zh(text[:_OPENING])
    names = Counter(name.strip(" .'’") for name in _MENTION.findall(text))
    found = _most_frequent(names, 2, lambda name: not _NO_NAME & set(name.lower().split()))
    if found:
        return short_name(found.removesuffix("’s").removesuffix("'s"), text)
    start = text[:1500]
    inside = Counter(re.findall(r"(?<=[a-z,] )[A-Z][A-Za-z]+\b(?! [A-Z])", text))
    return _most_frequent(
        inside,
        5,
        lambda name: name not in _PLACES and name.lower() not in _NO_NAME and name in start,
    )


def _speaker_zh(opening: str) -> str | None:
    """Who introduces itself as "we" at the start of Chinese terms."""
    for match in _SPEAKER_ZH.finditer(opening):
        name = re.sub(r"（.*?）", "", short_name(match[1] or match[2]))
        if 2 <= len(name) <= 12 and not _NO_NAME_ZH.search(name):
            return name
    return None


def _most_frequent(names: Counter[str], least: int, is_name: Callable[[str], bool]) -> str | None:
    ranked = sorted(names.items(), key=lambda one: (-one[1], one[0]))
    return next((name for name, count in ranked if count >= least and is_name(name)), None)


def short_name(name: str, text: str = "") -> str:
    """A company's name as people type it: no legal form, no shouting.

    Args:
        name: as the source has it: `MCDONALDS CORP`.
        text: where the name may be written better: `McDonald's`.
    """
    name = re.sub(r"[“”《》「」\"#*]", "", name)
    short = re.sub(r"^The\s+(?=\S+\s)", "", " ".join(name.split()), flags=re.I)
    for pattern in (_LEGAL_FORM, _LEGAL_FORM_ZH):
        while (cut := pattern.sub("", short).strip(" ,")) and cut != short:
            short = cut
    letters = [char for char in short if char.isalpha()]
    shouted = sum(char.isupper() for char in letters) >= 0.8 * len(letters)
    if not shouted or len(short) <= 4:
        return short
    return _as_written(short, text) or short.title()


def possessive(name: str) -> str:
    """`Intel's`, `United Airlines'`, `McDonald's`."""
    if name.endswith(("'s", "’s")):
        return name
    return f"{name}'" if name.endswith("s") else f"{name}'s"


def _as_written(short: str, text: str) -> str | None:
    """The most frequent spelling in the text that is not all capitals."""
    loose = r"['’]?".join(re.escape(char) for char in short if char not in "'’")
    found = re.findall(rf"\b{loose}(?!\w)", text[:200_000], re.I)
    mixed = (one.replace("’", "'") for one in found if sum(map(str.islower, one)) >= len(one) / 2)
    spellings = Counter(one for one in mixed if not one.islower())
    return min(spellings, key=lambda one: (-spellings[one], one)) if spellings else None


def _label(passage: Passage, language: str, kind: Kind) -> str:
    if kind == "filing":
        return passage.doc_type or "annual report"
    named = f"{passage.title or ''} {passage.doc_type or ''}"
    chinese = is_cjk_language(language)
    for pattern, label in _LABELS_ZH if chinese else _LABELS_EN:
        if re.search(pattern, named, re.I):
            return label
    return "用户协议" if chinese else "terms"


def _lower_words(text: str) -> frozenset[str]:
    plain = re.sub(r"\S*(?:://|www\.|@|\w\.(?:com|org|net|io)\b)\S*", " ", text)
    return frozenset(re.findall(r"(?<![\w.])[^\W\d_A-Z][^\W\d_A-Z]+\b", plain))


def _names(text: str, lower: frozenset[str]) -> frozenset[str]:
    """Words that stand capitalised after a small word and are never written small."""
    found = Counter(re.findall(r"(?<=[a-z,] )[A-Z][a-z]+\b", text))
    return frozenset(
        word for word, count in found.items() if count > 1 and word.lower() not in lower
    )

"""Which sentences can be asked about, and which passages hold none."""

from __future__ import annotations

import re

from datakit.generators._chinese import is_debris
from datakit.generators._latin import FUNCTION, has_verb
from datakit.text import is_cjk_language

_LATIN_DEBRIS = re.compile(
    r"\|.*\||\bby (?:striking|inserting|redesignating|amending|adding at the end)\b|\.{4,}|_{4,}|https?://\S+.*https?://|^(?:figure|fig\.|table|source"
    r"|note)s?\s*\d*\s*[:.]|\bdoi:|&nbsp;"
    r"|[a-z-]+:[A-Z]\w+Member|\b\d{4}-\d\d-\d\d\d{6,}|^\W*(?:back to top|read more|skip to"
    r"|share this|print this|click here"
    r"|last (?:updated|modified|revised)|effective date|updated|table of contents|see also"
    r"|copyright|©)\b",
    re.I,
)
_LATIN_DISCLAIMER = re.compile(
    r"forward-looking statement|all rights reserved|permission is hereby granted"
    r"|incorporated (?:herein )?by reference"
    r"|pursuant to the requirements of (?:section|the securities)|duly caused this report"
    r"|exhibit \d+\.\d|©\s?\d{4}"
    r"|licensed under the (?:creative|apache|mit)|we wish to thank|supported by "
    r"(?:a )?grants?\b|competing interests"
    r"|indicate by check ?mark|registrant[’'s]* (?:is|was|telephone|has)|express an opinion"
    r"|in our opinion|our audits?\b"
    r"|form 10-[kq]|see accompanying notes|\bcookies? (?:banner|preferences) to\b"
    r"|declare that (?:they|there)",
    re.I,
)
_CHINESE_DISCLAIMER = re.compile(
    r"免责|分析师(?:声明|承诺)|评级(?:说明|标准|定义)|法律声明|本报告|不构成|仅供参考"
    r"|版权所有|转载|投资建议.{0,6}参考|执业资格|重要声明|特别声明|市场有风险|雇员|关联人士"
    r"|监管披露|本研究报告|制作.{0,4}报告|机构客户|内部使用|工作底?稿"
)
# what every policy says, and lists of shares: fine to retrieve, nothing to ask
_CHINESE_STOCK = re.compile(
    r"另有规定|国家安全|公共利益|公共安全|司法机关|合法权益所必|(?:仔细|认真|完整)阅读|阅读并|适用于(?:我们|您|本)"
    r"|相关公司[：:]|建议关注|重点推荐|推荐[：:]|(?:涨|跌)幅(?:靠前|前五|居前)|附录|详见|参见|如下[：:]|有权要求"
)
_REFERENCE = re.compile(r"\bet al\b|\[\d+\]|\(\d{4}\)\s*\d+:|\b\d+\(\d+\):\s?\d+")
_DEICTIC = re.compile(
    r"^(?:this|these|those|it|they|such|he|she|that|the (?:former|latter|above))\b", re.I
)
_DEICTIC_ZH = re.compile(r"^(?:这|该|其|此|上述|前述|它|他们)")


def is_usable(sentence: str, language: str) -> bool:
    """Whether a sentence is prose of a length that one can ask about."""
    text = " ".join(sentence.split())
    if text[-1:] in "?？" or "|" in text:
        return False
    if is_cjk_language(language):
        if text[-1:] not in "。；！：;!:”）" and len(text) < 25:
            return False
        return (
            10 <= len(text) <= 220 and not is_debris(text) and not _CHINESE_DISCLAIMER.search(text)
        )
    words = text.split()
    if not 5 <= len(words) <= 90 or _LATIN_DEBRIS.search(text) or _LATIN_DISCLAIMER.search(text):
        return False
    plain = sum(word[:-1].isalpha() or word.isalpha() for word in words)
    ends = text[-1] in '.;:!?。)”"'
    titled = sum(word[:1].isupper() for word in words) > 0.7 * len(words) and not text.isupper()
    if plain < 0.6 * len(words) or not (ends or len(words) >= 9) or titled or words[0] == "|":
        return False
    return language not in ("en", "") or (_reads_as_english(words) and has_verb(text))


_LEAST_ENGLISH = 0.12  # of the words of a sentence that are English function words; our default


def _reads_as_english(words: list[str]) -> bool:
    """Whether a sentence is English: a policy may go on in other languages."""
    small = sum(word.lower().strip(",.;:()") in FUNCTION for word in words)
    return small >= _LEAST_ENGLISH * len(words)


def is_stock_phrase(sentence: str) -> bool:
    """Whether a Chinese sentence says what all of its kind say, or lists shares."""
    return bool(_CHINESE_STOCK.search(sentence))


def is_deictic(sentence: str, language: str) -> bool:
    """Whether a sentence opens with a word that points outside it."""
    pattern = _DEICTIC_ZH if is_cjk_language(language) else _DEICTIC
    return bool(pattern.match(sentence.strip()))


_LEAST_PROSE = (
    0.25  # of a passage in usable sentences; with less it is a table or a list; our default
)


def why_unusable(
    text: str, n_usable: int, language: str, prose: int | None = None
) -> tuple[str, str] | None:
    """Reason and detail where a passage gives no query; None where it may.

    Args:
        text: of the passage.
        n_usable: how many of its sentences are usable.
        language: of the passage.
        prose: characters of the usable sentences.
    """
    letters = sum(map(str.isalpha, text))
    disclaims = _CHINESE_DISCLAIMER if is_cjk_language(language) else _LATIN_DISCLAIMER
    if letters < 0.45 * max(1, len(text) - text.count(" ") - text.count("\n")):
        return "boilerplate", "found a table of numbers or marks, expected prose"
    if n_usable <= 2 and len(disclaims.findall(text)) >= 2:
        return "boilerplate", "found a disclaimer, signature or notice, expected prose"
    if len(_REFERENCE.findall(text)) > max(6, 2 * n_usable + 4):
        return "boilerplate", "found a list of references, expected prose"
    if n_usable and prose is not None and prose < _LEAST_PROSE * len(text):
        share = round(100 * prose / len(text))
        return "boilerplate", f"{share} % of it is whole sentences, expected 25 % or more"
    if not n_usable:
        return "nothing_to_ask", "found no whole sentence, expected at least one"
    return None

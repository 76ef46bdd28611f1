"""Pieces of text that nobody would type: no words, a half bracket, an address."""

from __future__ import annotations

import re
from collections.abc import Sequence

from datakit.filters.settings import FilterSettings, Wrong, language_of
from datakit.records import Passage, Query
from datakit.text import base_language, stop_words, words

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
    if _is_empty(text, language_of(query, seeds)):
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

"""When two queries ask the same thing in other words: a key that both have.

The key holds the kind of answer, numbers, negations, directions and names as they are, and the
remaining words in order, inflection and a few synonyms aside. What differs in any of these stays
apart: a merge that is missed costs a repeated query, a wrong one costs a wrong label. Keys are
compared by hash, so a million queries cost a million keys and no pairs. English and Chinese;
other languages have none.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Sequence
from typing import Any, NamedTuple

from datakit.filters.settings import lexicon
from datakit.records import Query
from datakit.text import base_language, words

Key = tuple[Any, ...]


def paraphrase_key(query: Query) -> Key | None:
    """Equal for two queries of a level, language and form that ask the same thing."""
    language = base_language(query.language)
    keyword = query.form == "keyword"
    if language == "en":
        asked = _english_key(query.text, keyword)
    elif language == "zh":
        asked = _chinese_key(query.text, keyword)
    else:
        return None
    return (query.level, language, query.form, *asked) if asked else None


def _ordered(terms: Sequence[str], keyword: bool) -> tuple[str, ...]:
    """The terms in order; of keywords `refund Acme` and `Acme refund` are one order."""
    if not keyword or len(terms) < 2:
        return tuple(terms)
    return min(tuple(terms[i:]) + tuple(terms[:i]) for i in range(len(terms)))


def _pairs(language: str, name: str) -> list[tuple[str, str]]:
    """The items `left=right` of a list."""
    halves = (item.partition("=") for item in lexicon("paraphrase", language)[name].split())
    return [(left, right) for left, _, right in halves]


# --- English -------------------------------------------------------------------------------------

_TOKEN = re.compile(r"[$€£¥]?\d[\d,.]*\d%?|[$€£¥]?\d%?|[^\W\d_]+(?:['’.&][^\W\d_]+)*[+#]*")
_NEGATIVE = re.compile(r"^(?:not?|never|none|nor|neither|without|cannot|nothing|nobody)$|n['’]t$")
_WH = frozenset({"who", "whom", "whose", "when", "where", "why", "how", "which", "what"})
_HOW = frozenset({"much", "many", "long", "often", "far", "old", "soon", "large", "big", "high"})


class _EnglishWords(NamedTuple):
    polite: re.Pattern[str]
    manner: re.Pattern[str]
    light: frozenset[str]
    may: frozenset[str]
    must: frozenset[str]
    guards: frozenset[str]
    auxiliaries: frozenset[str]
    numbers: frozenset[str]
    irregular: dict[str, str]
    same: dict[str, str]  # stem -> stem
    stem: Any


@functools.cache
def _english() -> _EnglishWords:
    import Stemmer

    stem = Stemmer.Stemmer("english").stemWord
    part = lexicon("paraphrase", "en")

    def opening(name: str) -> re.Pattern[str]:
        return re.compile(f"^(?:{'|'.join(part[name].splitlines())})+", re.I)

    def listed(name: str) -> frozenset[str]:
        return frozenset(part[name].split())

    return _EnglishWords(
        opening("polite"),
        opening("manner"),
        listed("light"),
        listed("may"),
        listed("must"),
        listed("guards"),
        listed("auxiliaries"),
        listed("numbers"),
        dict(_pairs("en", "irregular")),
        {stem(b): stem(a) for a, b in _pairs("en", "same")},
        stem,
    )


def _english_key(text: str, keyword: bool) -> Key | None:
    rules = _english()
    text = unicodedata.normalize("NFKC", text).replace("’", "'").strip()
    text = rules.polite.sub("", text)
    manner = rules.manner.match(text)
    if manner:
        kind, tokens = "how", _TOKEN.findall(text[manner.end() :])
    else:
        kind, tokens = _english_kind(_TOKEN.findall(text), rules.auxiliaries)
    parts = [part for i in range(len(tokens)) if (part := _part(tokens, i, keyword, rules)).word]
    following = [part.word for part in parts[1:]] + [""]
    # where a guard stands is part of it: from France to Spain, to France from Spain
    guards = sorted(
        f"{part.word} {after}"
        for part, after in zip(parts, following, strict=True)
        if part.sort == "guard"
    )
    modes = sorted(
        {part.word for part in parts if part.sort == "mode"} - ({"may"} if manner else set())
    )
    numbers, names, terms = (
        [part.word for part in parts if part.sort == sort] for sort in ("number", "name", "term")
    )
    if not terms:
        return None
    return kind, tuple(modes), tuple(guards), tuple(numbers), tuple(names), _ordered(terms, keyword)


class _Part(NamedTuple):
    """What a word is to the key; the empty word is nothing to it."""

    sort: str = ""
    word: str = ""


def _part(tokens: list[str], i: int, keyword: bool, rules: _EnglishWords) -> _Part:
    token = tokens[i]
    low = token.lower()
    if token[-1] == "%" or any(char.isdigit() for char in token) or low in rules.numbers:
        return _Part("number", low.replace(",", ""))
    if _NEGATIVE.search(low):
        return _Part("guard", "without" if low == "without" else "not")
    if low in rules.must or (low == "have" and tokens[i + 1 : i + 2] == ["to"]):
        return _Part("mode", "must")
    if low in rules.may:
        return _Part("mode", "may")
    if low in rules.guards and not _infinitive(tokens, i, rules):
        return _Part("guard", low)
    if low in rules.light or low == "to":
        return _Part()
    if not keyword and i and token[0].isupper():
        subject = "subject " if tokens[i - 1].lower() in rules.auxiliaries else ""
        return _Part("name", subject + low.removesuffix("'s"))
    stem = rules.stem(rules.irregular.get(low, low.removesuffix("'s")))
    return _Part("term", rules.same.get(stem, stem))


def _english_kind(tokens: list[str], auxiliaries: frozenset[str]) -> tuple[str, list[str]]:
    """The kind of answer asked for, and the words without those that ask."""
    low = [token.lower().removesuffix("'s") for token in tokens]
    for i, word in enumerate(low[:4]):
        if word == "how" and low[i + 1 : i + 2] and low[i + 1] in _HOW:
            return f"how {low[i + 1]}", tokens[:i] + tokens[i + 2 :]
        if word in _WH:
            return ("what" if word == "which" else word), tokens[:i] + tokens[i + 1 :]
    if low and (low[0] in auxiliaries or low[0] in ("whether", "if", "am")):
        return "whether", tokens[1:] if low[0] in ("whether", "if") else tokens
    return "", tokens


def _infinitive(tokens: list[str], i: int, rules: _EnglishWords) -> bool:
    """Whether a `to` only leads to a verb: allowed to, need to."""
    before = tokens[i - 1].lower() if i else ""
    known = before in rules.may or before in rules.must or before in ("have", "how", "want", "like")
    return tokens[i].lower() == "to" and known


# --- Chinese -------------------------------------------------------------------------------------

_YEAR = re.compile(r"(?:19|20)\d\d\s*年(?:度)?(?:第?[一二三四1-4]季度|[上下]半年)?")


class _ChineseWords(NamedTuple):
    polite: re.Pattern[str]
    kinds: tuple[tuple[str, re.Pattern[str]], ...]
    light: frozenset[str]
    same: dict[str, str]


@functools.cache
def _chinese() -> _ChineseWords:
    part = lexicon("paraphrase", "zh")
    kinds = (line.split("=") for line in part["kinds"].splitlines())
    return _ChineseWords(
        re.compile(f"^(?:(?:{part['polite']})[，,：:]?)+"),
        tuple((name, re.compile(pattern)) for name, pattern in kinds),
        frozenset(part["light"].split()),
        {b: a for a, b in _pairs("zh", "same")},
    )


def _chinese_key(text: str, keyword: bool) -> Key | None:
    """Years may stand anywhere, `茅台2020年营收` or `2020年茅台营收`; other words in order."""
    rules = _chinese()
    text = rules.polite.sub("", unicodedata.normalize("NFKC", text).casefold().strip())
    years = tuple("".join(year.split()) for year in _YEAR.findall(text))
    text = _YEAR.sub("", text)
    kind = ""
    for name, pattern in rules.kinds:
        text, n = pattern.subn(" ", text)
        kind = f"{kind} {name}" if n else kind
    for other, word in rules.same.items():
        text = text.replace(other, word)
    terms = [word for word in words(text, "zh") if word not in rules.light]
    return (kind, years, _ordered(terms, keyword)) if terms else None

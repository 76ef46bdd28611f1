"""Keyword queries of a sentence and of a passage, with what makes them stand alone."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from datakit.generators import (
    _chinese,
    _chinese_clause,
    _chinese_keys,
    _chinese_phrases,
    _latin,
    _latin_phrases,
)
from datakit.generators._context import Context
from datakit.generators._english_filings import time_in

# a unit is no topic: "kg ECM"; and every filing has its statements
_SAYS_LITTLE = re.compile(r"^[a-zµ][a-zA-Z]? |financial statements?$")
_FIGURE = re.compile(r"\d")
_OPENING = 16  # characters in which a Chinese sentence names the period that all of it is about
_HAN = re.compile(r"[\u4e00-\u9fff]")
# what an app says of itself, and asks of everybody
_TERMS_STOCK = re.compile(
    r"属于|重视|尽[力最合]|努力|升级|有权|有义务|许可人|甲方|乙方|脱敏|采取\w*措施|责任$|承诺"
    r"|绝对安全|百分之百"
)
_NEAR = 24  # characters from the period to the clause that it is put in front of
_POINTS_OUTSIDE = re.compile(r"本[协政周月期报条指]|指本|[上下]文|此期间|报告期|[【】\[\]]")


def of_sentence(
    text: str, parsed: _latin.Sentence | None, context: Context, weights: Mapping[str, float],
    about: Iterable[str],
) -> str:  # fmt: skip
    """What a person would type to find the sentence; "" where it is too little.

    Args:
        text: the sentence.
        parsed: its chunks; None in Chinese.
        context: its document.
        weights: weight of each word of the passage.
        about: stems of the section title.
    """
    if parsed is None:
        return _chinese_sentence(text, context, weights, about)
    return _latin_sentence(text, parsed, context, weights, about)


def of_passage(
    texts: Sequence[str], parsed: Sequence[_latin.Sentence], context: Context,
    weights: Mapping[str, float], topic: str | None,
) -> str:  # fmt: skip
    """The best term of a passage with what it belongs to; "" where it has none.

    Args:
        texts: its usable sentences.
        parsed: their chunks; empty in Chinese.
        context: its document.
        weights: weight of each word of the passage.
        topic: section title to put in front.
    """
    if context.is_cjk:
        return _chinese_passage(texts, context, weights, topic)
    return _latin_passage(parsed, context, weights, topic)


def _latin_sentence(
    text: str, parsed: _latin.Sentence, context: Context, weights: Mapping[str, float],
    about: Iterable[str],
) -> str:  # fmt: skip
    own = [_latin.stem(word) for word in (context.issuer or "").split()]
    titled = set(about)
    found = _latin_phrases.keyword_query(
        parsed, weights, own, titled, language=context.language, actor=context.kind == "law"
    )
    if not found or _squeezed(context.issuer or "-") in _squeezed(found):
        return ""
    stems_told = [_latin.stem(word) for word in found.split() if _latin_phrases.tells(word)]
    topical = bool(set(stems_told) & titled)
    figured = context.kind != "terms" and bool(len(stems_told) > 2 or _FIGURE.search(text))
    if context.language == "en":
        if not (topical or figured) or _is_pointed_at(found, text):
            return ""  # "improved productivity": two words, and the sentence only mentions them
        if context.kind == "terms" and not _opens(found, text):
            return ""
    if context.issuer:
        time = time_in(text) if context.kind == "filing" else None
        told = time and time[-4:] not in found and time[-4:] <= (context.date or "9999")[:4]
        year = f" {time[-4:]}" if time and told else ""
        return f"{context.issuer} {found}{year}"
    if context.kind in ("filing", "terms"):
        return ""  # nobody could tell whose
    stems = set(_latin.content_stems(found, context.language))
    known = _latin.content_stems(f"{context.title or ''} {context.topic}", context.language)
    if context.topic and (context.kind == "law" or not stems & set(known)):
        return found if context.topic.lower() in found.lower() else f"{found} {context.topic}"
    named = context.kind != "report" or re.search(r"[A-Z]", found)
    return found if named and len(stems) > 2 and stems - set(known) else ""


_ARTICLES = r"(?:the|an?|our|your|all|any|its|their)"


def _opens(found: str, text: str) -> bool:
    """Whether an English sentence is about a phrase: it opens with it, or is hardly longer."""
    plain = re.sub(rf"\b{_ARTICLES}\s+", "", text, flags=re.I).lstrip("\"“'( ")
    n_found, n_text = len(found.split()), len(text.split())
    return _squeezed(plain).startswith(_squeezed(found)) or n_text <= n_found + 5


def _is_pointed_at(found: str, text: str) -> bool:
    """Whether the sentence means one of several: "the counterparties in these contracts"."""
    words = "|".join(re.escape(word) for word in found.split() if len(word) > 3)
    pointed = rf"\b(?:th(?:is|ese|ose|at)|such|other|certain)\s+(?:{words})\b"
    return bool(words) and re.search(pointed, text, re.I) is not None


def _squeezed(text: str) -> str:
    return re.sub(r"[\W_]+", "", text.casefold()) or "-"


def _chinese_sentence(
    sentence: str, context: Context, weights: Mapping[str, float], about: Iterable[str]
) -> str:
    subject = context.topic if len(context.topic) <= 20 else ""
    own = frozenset(token.word for token in _chinese.tag(context.issuer or ""))
    plain = _chinese_phrases.plain(sentence)
    text = _chinese_clause.clause_query(plain, weights, own, context.kind != "law")
    if not text or (context.kind == "terms" and _TERMS_STOCK.search(text)):
        return ""
    period = _chinese.period_in(sentence[:_OPENING])
    near = 0 <= sentence.find(text[:3]) <= _NEAR
    if period and near and context.kind in ("report", "filing") and not _chinese.period_in(text):
        text = f"{period}{text}"
    named = _names_itself(text, context, about)
    if context.kind in ("report", "article") and not named:
        return ""
    owned = context.kind in ("terms", "filing", "law")
    if subject and (owned or not named) and subject not in text:
        text = f"{subject} {text}"
    return text


def _names_itself(text: str, context: Context, about: Iterable[str]) -> bool:
    """Whether a query names a product, place or company, or what one of its titles does."""
    tokens = _chinese.tag(text)
    titled = {token.word for token in _chinese.tag(context.title or "") if token.is_noun}
    known = (titled | set(about)) - _chinese_keys.COMMON - _chinese_keys.UNTELLING
    named = any(token.tag in ("nz", "nt", "ns", "nr", "eng") for token in tokens)
    return named or any(token.word in known and len(token.word) > 1 for token in tokens)


def _latin_passage(
    parsed: Sequence[_latin.Sentence], context: Context, weights: Mapping[str, float],
    topic: str | None,
) -> str:  # fmt: skip
    taken = _latin.content_stems(f"{context.issuer or ''} {topic or ''}", context.language)
    if context.kind in ("terms", "law") and context.language == "en":
        return ""  # half of them were named in passing; the titles say enough
    least = 2 if context.language != "en" else 3
    terms = _latin_phrases.key_terms(parsed, weights, taken, 1, least, context.language)
    if not terms or _SAYS_LITTLE.search(terms[0]):
        return ""
    opening = {_latin.stem(word) for sentence in parsed[:2] for _, word in sentence.tokens}
    if context.language == "en" and not {_latin.stem(word) for word in terms[0].split()} <= opening:
        return ""  # what comes up later is not what the passage is about
    owner = context.issuer or context.topic
    short = topic and len(topic.split()) + len(terms[0].split()) < 6
    named = [topic, *terms] if topic and short and not owner else terms
    unnamed = context.kind == "terms" and not context.issuer
    if unnamed or (not owner and context.kind in ("filing", "law")):
        return ""
    shared = set(_latin.content_stems(" ".join(named), context.language))
    known = set(_latin.content_stems(owner or "", context.language))
    if known & shared and not context.issuer and context.kind != "law":
        return terms[0] if len(terms[0].split()) > 2 and "(" not in terms[0] else ""
    if owner and not known <= shared:
        named = [owner, *named] if context.issuer else [*named, owner]
    text = " ".join(named)
    return text if len(text.split()) > 2 and "(" not in text else ""


def _chinese_passage(
    texts: Sequence[str], context: Context, weights: Mapping[str, float], topic: str | None
) -> str:
    subject = context.topic if len(context.topic) <= 20 else ""
    own = {token.word for token in _chinese.tag(f"{subject} {topic or ''}")}
    terms = _chinese_keys.key_terms(texts, weights, own, 1)
    if terms and context.kind == "law" and _is_office(terms[0], texts, context):
        return ""
    if terms and context.kind not in ("terms", "law") and not _carries(terms[0], texts):
        return ""
    if not terms or _POINTS_OUTSIDE.search("".join(terms)):
        return ""
    short = len(terms[0]) < 5 and context.kind != "terms"
    named = [topic, *terms] if topic and short else terms
    if subject and subject not in "".join(named):
        named = [subject, *named]
    return " ".join(named) if len("".join(named)) >= 6 else ""


_OFTEN = 3  # sentences that name the term of a passage of research; our default, from a reading


def _carries(term: str, texts: Sequence[str]) -> bool:
    """Whether a passage is about a term: it opens with it and comes back to it."""
    named = [term in text for text in texts]
    return any(named[:2]) and sum(named) >= _OFTEN


_OFFICE = r"(?:等|行政|主管|部门|机关|机构|委员会|局)"


def _is_office(term: str, texts: Sequence[str], context: Context) -> bool:
    """Whether a term of a law is who carries it out, or what all of the law is about."""
    if term in (context.title or "") or re.search(r"(?:银行|委员会|政府|法院|检察院)$", term):
        return True
    return re.search(re.escape(term) + _OFFICE, "\n".join(texts)) is not None

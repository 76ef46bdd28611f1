"""F2: the language and the script of a query."""

from __future__ import annotations

import re
from collections.abc import Sequence

from datakit.filters.settings import FilterSettings, Wrong, language_of
from datakit.records import Passage, Query
from datakit.text import (
    LATIN_LANGUAGES,
    base_language,
    detect_language,
    script_shares,
    stop_words,
)

_LETTERS_OF = {"zh": ("zh",), "ja": ("ja", "zh")}
_SURE_WORDS = 4  # below that many words the stop words of a Latin query prove nothing


def wrong_language(
    query: Query, seeds: Sequence[Passage], settings: FilterSettings
) -> Wrong | None:
    """F2: the query is not in the language it is meant to be in."""
    target = base_language(language_of(query, seeds))
    shares = script_shares(query.text)
    if not target or not shares:
        return None
    scripts = ("latin",) if target in LATIN_LANGUAGES else _LETTERS_OF.get(target, (target,))
    share = sum(shares.get(script, 0.0) for script in scripts)
    known = target in LATIN_LANGUAGES or set(scripts) & _KNOWN
    if share < settings.script_share and known and not _names_alone(query, seeds):
        found = max(shares, key=lambda name: shares[name])
        return Wrong("wrong_language", _language_detail(query, found, target))
    if target == "zh" and shares.get("ja", 0.0) > 0.1:  # kana
        return Wrong("wrong_language", _language_detail(query, "ja", target))
    found = _other_latin(query.text, target, _said_there(seeds, target))
    return Wrong("wrong_language", _language_detail(query, found, target)) if found else None


_KNOWN = frozenset({"zh", "ja", "ko", "ru", "el", "he", "ar", "hi", "th"})
_LATIN_NAME = re.compile(r"[^\W\d_]*[A-Z\d][\w.&-]*")


def _names_alone(query: Query, seeds: Sequence[Passage]) -> bool:
    """Keywords that are names and symbols as a seed passage writes them: `Cookie API`, `RoHS 2`."""
    said = query.text.split()
    return query.form == "keyword" and any(
        all(_LATIN_NAME.fullmatch(word) and word in passage.text for word in said)
        for passage in seeds
    )


def _said_there(seeds: Sequence[Passage], target: str) -> frozenset[str]:
    """The words of the seed passages in the target language: names such as Le Chat among them."""
    texts = (f"{p.text} {p.issuer or ''}" for p in seeds if base_language(p.language) == target)
    return frozenset(word for text in texts for word in text.lower().split())


def _other_latin(text: str, target: str, known: frozenset[str]) -> str:
    """The other Latin-script language that a text is in, else the empty string.

    Words that are `known` to be of the target language say nothing.
    """
    if target not in LATIN_LANGUAGES or len(text.split()) < _SURE_WORDS:
        return ""
    found = detect_language(text)
    if found is None or found == target:
        return ""
    said = set(text.lower().split()) - known
    own, other = stop_words(target) - stop_words(found), stop_words(found) - stop_words(target)
    # a keyword query has no function words: one that another language shares says nothing
    return found if not own & said and len(other & said) >= 2 else ""


def _language_detail(query: Query, found: str, target: str) -> str:
    return f"{query.text!r} reads as {found}; expected {target}: state the language in the prompt"


def _language(query: Query, seeds: Sequence[Passage]) -> str | None:
    return query.language or (seeds[0].language if seeds else None)

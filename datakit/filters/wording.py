"""F3 and F4: how long a query is, and how much of it is the seed passage's own wording."""

from __future__ import annotations

import re
from collections.abc import Sequence

from datakit.filters.settings import FilterSettings, Wrong, language_of
from datakit.filters.words import content_words, count_words, shared_run
from datakit.records import Passage, Query


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


def lexical_leak(query: Query, seeds: Sequence[Passage], settings: FilterSettings) -> Wrong | None:
    """F4: a long run, or nearly all content words, are the seed passage's own.

    The issuer's name is no leak: a query must name it.
    """
    for passage in seeds:
        text = _without_name(query.text, passage.issuer)
        if run := shared_run(text, passage.text, settings.leak_run):
            return Wrong("lexical_leak", f"{run!r} is copied from {passage.passage_id}; reword it")
        own = content_words(text, language_of(query, seeds)) - _name_words(passage)
        copied = own & content_words(passage.text, passage.language)
        if len(own) >= settings.leak_words and len(copied) > settings.leak_share * len(own):
            return Wrong(
                "lexical_leak",
                f"{len(copied)} of {len(own)} content words are those of {passage.passage_id}; "
                f"expected at most {settings.leak_share:.0%}: reword it",
            )
    return None


def _name_words(passage: Passage) -> frozenset[str]:
    """Of an issuer `The Harlow Foods Company` a query says `Harlow Foods`."""
    return content_words(passage.issuer or "", passage.language)


def _without_name(text: str, name: str | None) -> str:
    if not name or len(name) < 2:
        return text
    return re.sub(re.escape(name), " \N{BULLET} ", text, flags=re.IGNORECASE)

"""Words of queries and passages, as the rules count and compare them."""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence

from datakit.text import stop_words, words

_CJK = "\u3041-\u30ff\u3400-\u9fff\U00020000-\U0003ffff"
NO_SPACES = re.compile(f"[{_CJK}]")
UNIT = re.compile(rf"[{_CJK}]|[^\W_{_CJK}]+(?:['’.,-][^\W_{_CJK}]+)*")


def count_words(text: str) -> int:
    """Words of a query; in scripts without spaces two characters are one word, rounded up."""
    units = UNIT.findall(text)
    n_characters = sum(1 for unit in units if NO_SPACES.match(unit))
    return len(units) - n_characters + -(-n_characters // 2)


def shared_run(query: str, passage: str, n_words: int) -> str | None:
    """The first run of `n_words` words that both texts have, else None.

    In scripts without spaces it is twice as many characters.
    """
    units = [unit.lower() for unit in UNIT.findall(query)]
    weights = [1 if NO_SPACES.match(unit) else 2 for unit in units]
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
    return ("" if NO_SPACES.match(units[0]) else " ").join(units)


@functools.lru_cache(maxsize=256)  # the queries of a passage come together
def _joined(text: str) -> str:
    return f" {' '.join(unit.lower() for unit in UNIT.findall(text))} "


@functools.lru_cache(maxsize=1024)
def content_words(text: str, language: str | None) -> frozenset[str]:
    """Distinct words of a text that are no stop words; in Chinese those of two characters on."""
    stop = stop_words(language)
    return frozenset(
        word
        for word in words(text, language)
        if word not in stop and not (len(word) == 1 and NO_SPACES.match(word))
    )

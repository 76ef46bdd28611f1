"""Do two nearly equal texts speak of different people, companies or products?"""

from __future__ import annotations

import re
from collections import Counter

_WORD = re.compile(r"\w+")
# a capital at the start of the text, of a sentence, a line or a list item says nothing
_NAME = re.compile(r"(?<![.!?:;•·*\n\"“(] )(?<![\n.\"“(])(?<!^)\b[A-Z]\w*")
_HAN = re.compile(r"[\u3400-\u9fff]")


def differ_in_a_name(one: str, other: str) -> bool:
    """Whether what differs can be a name.

    In scripts with capitals: a capitalised word inside a sentence that the other text has less
    often. In Chinese, which does not mark names: two characters or more that are replaced.
    Rather yes than no: a difference in two places of a Chinese text is one long difference here.
    """
    return bool(_only_in(one, other) or _only_in(other, one) or _replaced(one, other))


def _only_in(one: str, other: str) -> set[str]:
    """Capitalised words of one text that the other has less often, whatever their case."""
    more = Counter(w.casefold() for w in _WORD.findall(one))
    more -= Counter(w.casefold() for w in _WORD.findall(other))
    return {w for w in _NAME.findall(one) if w.casefold() in more}


def _replaced(one: str, other: str) -> bool:
    """Whether two Chinese characters or more stand in each text in the other's place."""
    a, b = _HAN.findall(one), _HAN.findall(other)
    start = _alike(a, b)
    a, b = a[start:], b[start:]
    return min(len(a), len(b)) - _alike(a[::-1], b[::-1]) >= 2


def _alike(one: list[str], other: list[str]) -> int:
    """How many characters the two begin with in common."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((i for i, (a, b) in pairs if a != b), min(len(one), len(other)))

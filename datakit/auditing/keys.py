"""Comparison keys: the form in which two texts count as the same text.

NFKC, case-folded, without blanks and punctuation. What stands between two digits stays, since 1.5
is not 15, and so do the signs that make another word of one (C++, C#, 30 %).
"""

from __future__ import annotations

import functools
import re
import sys
import unicodedata

_KEPT = "%#@&+*"


@functools.cache
def _apart() -> re.Pattern[str]:
    marks = [
        chr(c)
        for c in range(sys.maxunicode + 1)
        if unicodedata.category(chr(c))[0] in "PZ" and chr(c) not in _KEPT
    ]
    apart = re.escape("".join(marks)) + r"\s_"
    # a run between two digits stays: the first branch starts no run after a digit, the second
    # ends none before one
    return re.compile(rf"(?<![\d{apart}])[{apart}]+|[{apart}]++(?!\d)")


def comparison_key(text: str) -> str:
    """`The fee: 1.5 %` and `the fee 1.5%` have the same key, `the fee 15%` another."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return _apart().sub("", folded)


def key_hash(text: str) -> int:
    """64 bits of a text's comparison key."""
    import xxhash

    return xxhash.xxh3_64_intdigest(comparison_key(text).encode("utf-8", "surrogatepass"))

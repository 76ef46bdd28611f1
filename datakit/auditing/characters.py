"""What kinds of characters texts hold: whole batches at a time through one table of code points."""

from __future__ import annotations

import functools
import sys
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Bits = NDArray[np.uint16]
    Ints = NDArray[np.int64]

(REPLACED, CONTROL, PRIVATE, RADICAL, ZERO_WIDTH, HIGH_LATIN, DIGIT, AT, HAN, LATIN, SIMPLE,
 TRADITIONAL, OTHER) = (1 << i for i in range(13))  # fmt: skip
BROKEN = REPLACED | CONTROL | PRIVATE | RADICAL | ZERO_WIDTH

# letters of scripts other than Latin and Han, by what detects a language
_OTHER = (
    (0x0370, 0x1FFF), (0x3041, 0x30FF), (0xAC00, 0xD7AF), (0x2C00, 0x2DFF),
)  # fmt: skip
# the commonest characters that have one form in simplified and another in traditional writing
_SIMPLE = "国发这说时为们来对会过还没从经问间开关东车长见现书学习业务产权规则条约证据财户贷债额"
_TRADITIONAL = (
    "國發這說時為們來對會過還沒從經問間開關東車長見現書學習業務產權規則條約證據財戶貸債額"
)
CODES_AT_ONCE = 1 << 20  # 4 MB of code points


class Kinds(NamedTuple):
    """What the texts of a batch hold."""

    bits: Bits  # (n_texts,) which kinds are there
    n_chars: Ints  # (n_texts,)
    digits: Ints  # (n_texts,) how many digits
    han: Ints
    latin: Ints
    other: Ints  # letters of other scripts
    mixed: Ints  # the lesser of simplified-only and traditional-only characters


@functools.cache
def _table() -> Bits:
    import numpy as np

    table = np.zeros(sys.maxunicode + 1, np.uint16)
    for low, high in ((0, 8), (0x0B, 0x0C), (0x0E, 0x1F), (0x7F, 0x9F)):
        table[low : high + 1] = CONTROL
    for low, high in ((0xE000, 0xF8FF), (0xF0000, 0x10FFFF)):
        table[low : high + 1] = PRIVATE
    table[0x2E80 : 0x2FDF + 1] = RADICAL
    table[[0x200B, 0x2060, 0xFEFF, *range(0x202A, 0x202F)]] = ZERO_WIDTH
    table[0xFFFD] = REPLACED
    table[0xA1:0x100] |= HIGH_LATIN
    for low, high in _OTHER:
        table[low : high + 1] |= OTHER
    for low, high in ((0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xF900, 0xFAFF), (0x20000, 0x3FFFF)):
        table[low : high + 1] |= HAN
    letters = [c for c in range(0x250) if chr(c).isalpha()]
    table[letters] |= LATIN
    table[0x30:0x3A] |= DIGIT
    table[ord("@")] |= AT
    table[[ord(c) for c in _SIMPLE]] |= SIMPLE
    table[[ord(c) for c in _TRADITIONAL]] |= TRADITIONAL
    return table


def kinds(texts: list[str]) -> Kinds:
    """Which kinds of characters each text holds, and how many.

    Args:
        texts: a batch; together at most some million characters.
    """
    import numpy as np

    joined = "\n".join([*texts, ""]).encode("utf-32-le", "surrogatepass")
    found = _table()[np.frombuffer(joined, np.uint32)]
    lengths = np.fromiter(map(len, texts), np.int64, len(texts))
    starts = np.cumsum(lengths + 1) - (lengths + 1)

    def count(kind: int) -> Ints:
        total = np.zeros(len(found) + 1, np.int64)
        np.cumsum((found & kind) != 0, out=total[1:])
        counted: Ints = total[starts + lengths] - total[starts]
        return counted

    bits = np.bitwise_or.reduceat(found, starts) if texts else np.zeros(0, np.uint16)
    mixed = np.zeros(len(texts), np.int64)
    if np.bitwise_or.reduce(bits) & TRADITIONAL if texts else False:
        mixed = np.minimum(count(SIMPLE), count(TRADITIONAL))
    return Kinds(bits, lengths, count(DIGIT), count(HAN), count(LATIN), count(OTHER), mixed)

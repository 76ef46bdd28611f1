"""MinHash sketches of texts, whole batches at a time in numpy.

A unit is a word, a number as written (`1,000.50`, `$5`, `30%`, `2024-03-31`), or one character
of a script without spaces (Han, Kana, Thai, Lao, Khmer, Burmese), so a Chinese text is cut into
characters and a mixed one needs no decision. A shingle is n units in a row. Signatures equal those
that datasketch's scheme `affine32` gives the same shingle hashes.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, NamedTuple

from datakit.miners import _opposites

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Bools = NDArray[np.bool_]
    Bytes = NDArray[np.uint8]
    Ints = NDArray[np.int64]
    Hashes = NDArray[np.uint64]
    Hashes32 = NDArray[np.uint32]

POWERS = 1 << 18  # entries of the table of powers that is always there: one batch of text


# --- units: words, numbers and characters, as hashes -------------------------------------------

# what a code point can be, as bits
_WORD, _DIGIT, _ALONE, _JOIN, _CURRENCY, _NUMERAL, _COUNTED, _OPPOSED = (1 << i for i in range(8))
_LAST = 0x3FFFF  # code points above are unassigned or private
_NO_SPACES = (
    (0x0E00, 0x0EFF), (0x1000, 0x109F), (0x1780, 0x17FF), (0x3005, 0x3007), (0x3041, 0x30FF),
    (0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xF900, 0xFAFF), (0x20000, _LAST),
)  # fmt: skip
_SIGNS = {
    _JOIN: ".,:/-",  # between two digits they belong to the number
    _CURRENCY: "$€£¥₹₽₩",
    _NUMERAL: "零〇一二三四五六七八九十百千万亿两",
    _COUNTED: "年月日天周季时分元角条款项章节成倍名家份个股吨户岁次期",
    _OPPOSED: _opposites.CHARACTERS,
}
_NUMBER_WORDS = (
    "two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
    "seventeen eighteen nineteen twenty thirty forty fifty sixty seventy eighty ninety hundred "
    "thousand million billion trillion half twice daily weekly monthly quarterly "
    "yearly annual annually january february march april june july august september october "
    "november december jan feb mar apr jun jul aug sep sept oct nov dec"
)
_SPREAD = 0x9E3779B97F4A7C15  # 2**64 / golden ratio, odd: multiplying by it is a bijection
_BASE = 0xD1342543DE82EF95  # odd; a multiplier of Steele and Vigna 2021
_CHAIN = 0xAF251AF3B0F025B5  # odd; another


class Units(NamedTuple):
    """The units of a batch of texts."""

    hashes: Hashes  # (n_units,)
    ends: Ints  # (n_texts,) index after the last unit of each text
    facts: Hashes  # (n_texts,) of the multiset of each text's numbers, dates and opposite words


def units(keys: list[str]) -> Units:
    """Cut normalised texts into units.

    The hash of a unit is the polynomial of its code points at `_BASE` mod 2**64, read off one
    running sum over the whole batch; no two of 160,000 words of real pages collide.
    """
    import numpy as np

    # a line feed never occurs in a normal key: it separates the texts
    joined = "\n".join([*keys, ""]).encode("utf-32-le", "surrogatepass")
    codes = np.minimum(np.frombuffer(joined, np.uint32), _LAST)
    kinds = _kinds()[codes]
    total = np.zeros(len(codes) + 1, np.uint64)
    np.cumsum((codes + np.uint64(1)) * _powers(_BASE, len(codes)), out=total[1:])
    inverse = _powers(pow(_BASE, -1, 1 << 64), len(codes))
    starts, ends = _bounds(codes, kinds)
    hashes = (total[ends] - total[starts]) * inverse[starts]
    breaks = np.flatnonzero(codes == ord("\n"))
    facts = _sums(_mixed(hashes) * _factual(hashes, kinds, starts), starts, breaks)
    first, last = _chinese_numbers(codes, kinds)
    facts += _sums(_mixed((total[last] - total[first]) * inverse[first]), first, breaks)
    return Units(hashes, np.searchsorted(starts, breaks), facts)


@functools.cache
def _kinds() -> Bytes:
    """The bits of every code point up to `_LAST`."""
    import numpy as np

    points = range(_LAST + 1)
    kinds = np.fromiter((chr(c).isalnum() or c == 0x5F for c in points), np.uint8)
    kinds[[c for c in points if kinds[c] and chr(c).isdecimal()]] = _DIGIT
    for low, high in _NO_SPACES:
        alone = kinds[low : high + 1]
        alone[alone == _WORD] = _ALONE
    for bit, chars in _SIGNS.items():
        kinds[[ord(c) for c in chars]] |= bit
    return kinds


def _bounds(codes: Hashes32, kinds: Bytes) -> tuple[Ints, Ints]:
    """Start and end of every unit: a run of word characters, or one that stands alone."""
    import numpy as np

    inside = (kinds & (_WORD | _DIGIT)) != 0
    before, after = _beside((kinds & _DIGIT) != 0)
    inside |= before & after & ((kinds & _JOIN) != 0)
    inside |= before & (codes == ord("%"))
    inside |= after & ((kinds & _CURRENCY) != 0)
    alone = (kinds & _ALONE) != 0
    before, after = _beside(inside)
    return np.flatnonzero(inside & ~before | alone), np.flatnonzero(inside & ~after | alone) + 1


def _beside(holds: Bools) -> tuple[Bools, Bools]:
    """Whether it holds for the one before, and for the one after."""
    import numpy as np

    before, after = np.zeros_like(holds), np.zeros_like(holds)
    before[1:], after[:-1] = holds[:-1], holds[1:]
    return before, after


def _mixed(values: Hashes) -> Hashes:
    """Spread 64-bit values: the finalizer of SplitMix64 (Steele et al. 2014), one round less."""
    import numpy as np

    values = values * np.uint64(_SPREAD)
    values ^= values >> np.uint64(32)
    values *= np.uint64(_CHAIN)
    values ^= values >> np.uint64(29)
    return values


def _powers(base: int, n: int) -> Hashes:
    """base**0 … base**(n-1) mod 2**64."""
    return _power_table(base, max(POWERS, 1 << n.bit_length()))[:n]


@functools.lru_cache(maxsize=2)
def _power_table(base: int, n: int) -> Hashes:
    import numpy as np

    powers = np.full(n, base, np.uint64)
    powers[0] = 1
    return np.multiply.accumulate(powers)


def _sums(values: Hashes, at: Ints, breaks: Ints) -> Hashes:
    """Sum mod 2**64 of the values of each text; `at` are their offsets in the batch."""
    import numpy as np

    total = np.zeros(len(values) + 1, np.uint64)
    np.cumsum(values, out=total[1:])
    sums: Hashes = np.diff(total[np.searchsorted(at, breaks)], prepend=np.uint64(0))
    return sums


# --- facts: numbers, dates, and words that turn a statement round, for the guard ---------------


def _factual(hashes: Hashes, kinds: Bytes, starts: Ints) -> Hashes:
    """1 for a unit that starts with a digit or a sign and a digit, says a number or a month, or
    has an opposite (`_opposites`).
    """
    import numpy as np

    digit = (kinds & _DIGIT) != 0
    numeric = (digit | _beside(digit)[1])[starts]
    numeric |= _among(hashes, _word_hashes(*_NUMBER_WORDS.split()))
    before, after = _beside(numeric)
    may = hashes == _word_hashes("may")[0]  # a month only beside a number
    opposed = _among(hashes, _word_hashes(*_opposites.WORDS))
    opposed |= ((kinds & _OPPOSED) != 0)[starts]
    counted: Hashes = (numeric | (may & (before | after)) | opposed).astype(np.uint64)
    return counted


def _among(hashes: Hashes, words: Hashes) -> Bools:
    """Whether each hash is one of `words`, which are sorted."""
    import numpy as np

    found: Bools = words[np.searchsorted(words[:-1], hashes)] == hashes
    return found


@functools.cache
def _word_hashes(*words: str) -> Hashes:
    import numpy as np

    total = np.zeros(len(words), np.uint64)
    for i, word in enumerate(words):
        codes = np.array([ord(c) + 1 for c in word], np.uint64)
        total[i] = (codes * _powers(_BASE, len(codes))).sum(dtype=np.uint64)
    return np.sort(total)


def _chinese_numbers(codes: Hashes32, kinds: Bytes) -> tuple[Ints, Ints]:
    """Start and end of numbers in Chinese characters.

    Two numerals or more in a row, one after a digit or 第, or before a counted thing: 一 in 一般 is
    no number.
    """
    import numpy as np

    numeral = (kinds & _NUMERAL) != 0
    if not numeral.any():
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    before, _ = _beside(((kinds & (_NUMERAL | _DIGIT)) != 0) | (codes == ord("第")))
    _, after = _beside((kinds & (_NUMERAL | _COUNTED)) != 0)
    inside = numeral & (before | after)
    before, after = _beside(inside)
    return np.flatnonzero(inside & ~before), np.flatnonzero(inside & ~after) + 1


# --- shingles, signatures, bands --------------------------------------------------------------


def shingles(cut: Units, n: int) -> tuple[Hashes32, Ints]:
    """Hashes of all runs of n units inside a text.

    Returns:
        (n_shingles,) uint32, text after text, repeats kept; (n_texts,) how many each text has.
    """
    import numpy as np

    counts = np.diff(cut.ends, prepend=np.int64(0))
    positions = max(len(cut.hashes) - n + 1, 0)
    chained = np.zeros(positions, np.uint64)
    for j in range(n):
        chained = chained * np.uint64(_CHAIN) + cut.hashes[j : j + positions]
    inside = np.ones(len(cut.hashes), np.bool_)
    for j in range(1, n):
        inside[cut.ends[counts >= j] - j] = False
    mixed = _mixed(chained[inside[:positions]]) >> np.uint64(32)
    return mixed.astype(np.uint32), np.maximum(counts - (n - 1), 0)


@functools.lru_cache(maxsize=8)
def permutations(n: int, seed: int) -> tuple[Hashes32, Hashes32]:
    """Factors and summands of n permutations h -> a * h + b mod 2**32, as datasketch draws them."""
    import numpy as np

    draw = np.random.RandomState(seed % (1 << 32))
    a = draw.randint(0, 1 << 31, n, dtype=np.uint32) * np.uint32(2) + np.uint32(1)
    return a, draw.randint(0, 1 << 32, n, dtype=np.uint32)


def signatures(hashes: Hashes32, lengths: Ints, n: int, seed: int) -> Hashes32:
    """MinHash signatures.

    Args:
        hashes: (n_shingles,) uint32, text after text.
        lengths: (n_texts,) shingles of each text, at least 1.
        n: permutations.
        seed: of the permutations.

    Returns:
        (n, n_texts) uint32: a row per permutation.

    Source:
        datasketch 2.0, `MinHash(scheme="affine32")`: MurmurHash3's finalizer, then affine maps.
    """
    import numpy as np

    found = np.empty((n, len(lengths)), np.uint32)
    if not len(lengths):
        return found
    spread = _fmix32(hashes)
    starts = np.cumsum(lengths) - lengths
    buffer = np.empty_like(spread)
    for row, a, b in zip(found, *permutations(n, seed), strict=True):
        np.multiply(spread, a, out=buffer)
        np.add(buffer, b, out=buffer)
        np.minimum.reduceat(buffer, starts, out=row)
    return found


def _fmix32(hashes: Hashes32) -> Hashes32:
    import numpy as np

    hashes = hashes ^ (hashes >> np.uint32(16))
    hashes *= np.uint32(0x85EBCA6B)
    hashes ^= hashes >> np.uint32(13)
    hashes *= np.uint32(0xC2B2AE35)
    return hashes ^ (hashes >> np.uint32(16))


def band_keys(found: Hashes32, bands: int, rows: int) -> Hashes:
    """(bands, n_texts) uint64: texts with an equal key agree in all rows of the band."""
    import numpy as np

    cut = found[: bands * rows].reshape(bands, rows, -1).astype(np.uint64)
    keys = np.zeros((bands, found.shape[1]), np.uint64)
    for row in range(rows):
        keys = keys * np.uint64(_CHAIN) + cut[:, row]
    return keys


# --- exact Jaccard ----------------------------------------------------------------------------


def gather(starts: Ints, lengths: Ints) -> Ints:
    """Indices of several ranges, one after the other."""
    import numpy as np

    shift = starts - (np.cumsum(lengths) - lengths)
    return np.repeat(shift, lengths) + np.arange(lengths.sum())


def jaccard(left: Hashes32, right: Hashes32, n_left: Ints, n_right: Ints) -> NDArray[np.float64]:
    """Jaccard similarity of pairs of shingle sets.

    Args:
        left: (sum of n_left,) uint32, pair after pair; repeats count once.
        right: (sum of n_right,) uint32, likewise.
        n_left: (n_pairs,) how many of `left` are each pair's.
        n_right: (n_pairs,) how many of `right`.

    Returns:
        (n_pairs,) float64; exact but for two shingles of a pair with an equal 32-bit hash, which
        100 shingles a side meet in 2 of a million pairs.
    """
    import numpy as np

    pairs = np.arange(len(n_left), dtype=np.uint64)
    # pair, shingle, side: sorted, the two sides of a common shingle are neighbours
    coded = np.concatenate(
        [
            (np.repeat(pairs, n) << np.uint64(33)) | (side.astype(np.uint64) << np.uint64(1)) | bit
            for bit, n, side in (
                (np.uint64(0), n_left, left),
                (np.uint64(1), n_right, right),
            )
        ]
    )
    coded.sort()
    distinct = np.ones(len(coded), np.bool_)
    distinct[1:] = coded[1:] != coded[:-1]
    coded = coded[distinct]
    common = coded[1:][(coded[1:] >> np.uint64(1)) == (coded[:-1] >> np.uint64(1))]
    both = np.bincount((common >> np.uint64(33)).astype(np.int64), minlength=len(pairs))
    sizes = np.bincount((coded >> np.uint64(33)).astype(np.int64), minlength=len(pairs))
    return both / (sizes - both)

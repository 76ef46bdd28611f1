"""Quotes of a model found again in the passage: exact, up to typography, or all but a typo.

A quote that differs from the passage in a number, a date, a unit or a negation is no quote of it,
however alike the two are.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from dataclasses import dataclass
from typing import Literal

from datakit.generators._words import word_set
from datakit.text import normalise

LEAST_RATIO = 95.0  # of rapidfuzz's partial ratio; pipeline §3
_MARGIN = 3  # characters that a window may have been put beside the quote's true place
How = Literal["exact", "normalised", "near"]


@dataclass(frozen=True, slots=True)
class Found:
    """Where a quote stands: `text[start:end]`."""

    start: int
    end: int
    how: How
    repeated: bool = False  # the same words stand there more than once; this is the first place


@dataclass(frozen=True, slots=True)
class Missing:
    """Why a quote is not in the text."""

    why: Literal["absent", "changed"]
    nearest: str = ""  # what the text has instead, where it has something like it
    differs: tuple[str, ...] = ()  # in the quote or in the text, not in both


def align(quote: str, text: str) -> Found | Missing:
    """Find a quote in a text, in three steps: exact, normalised, nearly so.

    Args:
        quote: as a model gave it.
        text: of the passage.

    Returns:
        The span, whose edges never cut a word or a number in two; or why there is none.
    """
    quote = normalise(quote).strip()
    if not quote:
        return Missing("absent")
    if places := _places(quote, text):
        return Found(places[0], places[0] + len(quote), "exact", len(places) > 1)
    plain, wanted = _Plain(text), _Plain(quote).text
    for needle in dict.fromkeys((wanted, wanted.strip("\"'"))):
        if needle and (places := _places(needle, plain.text)):
            span = plain.span(places[0], places[0] + len(needle))
            return Found(*span, "normalised", len(places) > 1)
    return _near(wanted.strip("\"'"), plain, text)


def _near(quote: str, plain: _Plain, text: str) -> Found | Missing:
    from rapidfuzz import fuzz

    if not quote or len(quote) > len(plain.text):
        return Missing("absent")
    found = fuzz.partial_ratio_alignment(quote, plain.text, score_cutoff=70.0)
    if found is None:
        return Missing("absent")
    start, end = _trimmed(quote, plain.text, found.dest_start, found.dest_end)
    if start >= end:
        return Missing("absent")
    place, own = plain.span(start, end), plain.text[start:end]
    nearest = text[place[0] : place[1]]
    differs = _differences(_facts(quote), _facts(own))
    if fuzz.ratio(quote, own) < LEAST_RATIO:
        return Missing("absent", nearest, differs)
    if differs:
        return Missing("changed", nearest, differs)
    return Found(*place, "near")


def _places(needle: str, text: str) -> list[int]:
    """Where the needle stands in the text without cutting a word or a number in two."""
    places: list[int] = []
    at = text.find(needle)
    while at >= 0 and len(places) < 2:
        if not _cuts(text, at) and not _cuts(text, at + len(needle)):
            places.append(at)
        at = text.find(needle, at + 1)
    return places


def _trimmed(quote: str, text: str, start: int, end: int) -> tuple[int, int]:
    """A window of the text cut to what it shares with the quote, then grown to whole words.

    An empty window where the quote opens or ends with words that the text does not have there.
    """
    before, after = _overhang(quote, text[start:end])[:2]
    start = max(0, start - before - _MARGIN) if before else start
    end = min(len(text), end + after + _MARGIN) if after else end
    before, after, first, last = _overhang(quote, text[start:end])
    if any(map(str.isalnum, quote[:before] + quote[len(quote) - after :])):
        return start, start
    start, end = start + first, start + last
    while start > 0 and _cuts(text, start):
        start -= 1
    while end < len(text) and _cuts(text, end):
        end += 1
    return start, end


def _overhang(quote: str, window: str) -> tuple[int, int, int, int]:
    """How much of the quote, before and after, the window does not have; and where it has the rest.

    All of the quote and no place where they share nothing.
    """
    from rapidfuzz.distance import Indel

    shared = [block for block in Indel.opcodes(quote, window) if block.tag == "equal"]
    if not shared:
        return len(quote), 0, 0, 0
    one, other = shared[0], shared[-1]
    return one.src_start, len(quote) - other.src_end, one.dest_start, other.dest_end


# --- edges ------------------------------------------------------------------------------------

_CHINESE_DIGITS = "〇零一二三四五六七八九十百千万亿两壹贰叁肆伍陆柒捌玖拾佰仟"
_JOINT = re.compile(r"[.,:/-]")  # inside a number or a date: 1,000, 3.5, 12:30, 2024-03-31


def _cuts(text: str, at: int) -> bool:
    """Whether a cut at this offset goes through a word or a number."""
    if not 0 < at < len(text):
        return False
    left, right = text[at - 1], text[at]
    if unicodedata.combining(right):
        return True
    if _is_latin(left) and _is_latin(right):
        return True
    if left in _CHINESE_DIGITS and right in _CHINESE_DIGITS:
        return True
    before = text[at - 2] if at > 1 else " "
    if right.isdecimal():
        if left in "-−" and not before.isalnum():  # the sign of the number
            return True
        return bool(_JOINT.match(left)) and before.isdecimal()
    after = text[at + 1] if at + 1 < len(text) else " "
    return left.isdecimal() and bool(_JOINT.match(right)) and after.isdecimal()


def _is_latin(char: str) -> bool:
    """A letter or digit of a script that puts blanks between words."""
    return char == "_" or (char.isalnum() and not "\u2e80" <= char <= "\ufaff")


# --- what must be equal -----------------------------------------------------------------------

_SCALE = "thousand|million|billion|trillion|percent|percentage|basis|bps|bp|per"
_NUMBER_WORDS = word_set(
    """
    zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen
    sixteen seventeen eighteen nineteen twenty thirty forty fifty sixty seventy eighty ninety
    hundred thousand million billion trillion dozen half third quarter double twice once first
    second fourth fifth sixth seventh eighth ninth tenth
    january february march april may june july august september october november december
    jan feb mar apr jun jul aug sep sept oct nov dec
    monday tuesday wednesday thursday friday saturday sunday
    """
)
_UNITS = word_set(
    """
    second seconds minute minutes hour hours day days week weeks month months quarter quarters year
    years daily weekly monthly quarterly annual annually yearly percent percentage bps usd eur gbp
    cny rmb hkd jpy dollar dollars euro euros pound pounds yuan
    """
)
_NEGATIONS = word_set(
    """
    no not none nor never neither without unless except cannot only
    least most more less before after above below under over
    increase increases increased decrease decreases decreased
    may must shall should
    """
)
_TELLING = _NUMBER_WORDS | _UNITS | _NEGATIONS
_PREFIX = re.compile(r"(?:un|in|im|ir|il|dis|non-?)(?=\w{3})")
_CHINESE_POLARITY = "不未无非否没勿免禁除仅应须可能升降增减涨跌高低前后上下以内外"
_CHINESE_UNITS = "年月日天周季时分秒元角倍成期股份个名次条款项"
_ATOM = re.compile(
    rf"[+-]?\d(?:[\d.,:/-]*\d)?\s?(?:%|‰|(?:{_SCALE})\b)?|[$€£¥₩%‰]"
    r"|[a-z\u00c0-\u024f]+(?:'[a-z]+)?|[{han}]".replace(
        "{han}", _CHINESE_DIGITS + _CHINESE_POLARITY + _CHINESE_UNITS
    )
)


def _differences(ours: list[str], theirs: list[str]) -> tuple[str, ...]:
    """What only one of two lists has; all of it where they differ in their order alone."""
    if ours == theirs:
        return ()
    one, other = Counter(ours), Counter(theirs)
    return tuple(sorted(((one - other) + (other - one)) or one))


def _facts(text: str) -> list[str]:
    """Numbers, dates, units, negations and single letters of a normalised text, in order."""
    found: list[str] = []
    for match in _ATOM.finditer(text):
        atom = match.group()
        if not atom[0].isalpha() or "\u2e80" <= atom[0] <= "\ufaff":
            found.append(atom.replace(" ", ""))
        elif atom in _TELLING or len(atom) == 1 or atom.endswith("n't"):
            found.append(atom)
        elif prefix := _PREFIX.match(atom):
            found.append(prefix.group())
    return found


# --- typography -------------------------------------------------------------------------------

_SAME = (
    dict.fromkeys("“”„‟«»「」『』〝〞＂", '"')
    | dict.fromkeys("‘’‚‛′`´＇", "'")
    | dict.fromkeys("‐‑‒–—―−﹣－", "-")
    | dict.fromkeys("〜～∼", "~")
)
# 10² is not 102, and 1½ is not 11/2
_OTHER_NUMBERS = ("<super>", "<sub>", "<fraction>", "<circle>")


class _Plain:
    """A text in the form in which quotes are compared, and where each character came from.

    NFKC, case-folded, one kind of quotes and dashes, one blank for many, and none beside a Chinese
    character, except between two numbers.
    """

    def __init__(self, text: str) -> None:
        self.text = ""
        chars: list[str] = []
        self._origin: list[int] = []
        blank = -1  # where a run of blanks began
        for at, char in enumerate(text):
            if char.isspace():
                blank = at if blank < 0 else blank
                continue
            plain = _folded(char)
            if blank >= 0 and chars and not _is_loose(chars[-1], plain[:1]):
                chars.append(" ")
                self._origin.append(blank)
            blank = -1
            chars.extend(plain)
            self._origin.extend([at] * len(plain))
        self.text = "".join(chars)

    def span(self, start: int, end: int) -> tuple[int, int]:
        """The place in the original of a place in the plain text."""
        return self._origin[start], self._origin[end - 1] + 1


def _folded(char: str) -> str:
    if char in _SAME:
        return _SAME[char]
    if unicodedata.decomposition(char).startswith(_OTHER_NUMBERS):
        return char
    return "".join(_SAME.get(c, c) for c in unicodedata.normalize("NFKC", char).casefold())


def _is_loose(left: str, right: str) -> bool:
    """Whether a blank between these characters says nothing, as in Chinese."""
    wide = _is_wide(left) or _is_wide(right)
    return wide and not (_is_digit(left) and _is_digit(right))


def _is_wide(char: str) -> bool:
    return "\u2e80" <= char <= "\ufaff"


def _is_digit(char: str) -> bool:
    return char.isdecimal() or char in _CHINESE_DIGITS

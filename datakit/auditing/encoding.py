"""Text that was read with the wrong encoding, and characters that a PDF left behind."""

from __future__ import annotations

import re
import unicodedata

from datakit.auditing import characters as c

_KUN = re.compile("锟斤|斤拷|烫烫烫|屯屯屯")
_UTF8_AS_LATIN = re.compile(
    r"[\u00c2-\u00f4][\u0080-\u00bf\u0152\u0153\u0160\u0161\u0178\u017d\u017e\u0192\u02c6\u02dc"
    r"\u2013\u2014\u2018-\u201e\u2020-\u2022\u2026\u2030\u2039\u203a\u20ac\u2122]+"
)
_GB_AS_LATIN = re.compile(r"[\u00a1-\u00ff]{4,}")
MIXED = 3  # characters of each writing; a name in the other one has fewer


def broken(text: str, bits: int, mixed: int) -> list[str]:
    """What is wrong with the encoding of a text: slugs, the gravest first.

    Args:
        text: to look through.
        bits: the kinds of its characters.
        mixed: the lesser of its simplified-only and traditional-only characters.
    """
    found = [
        name
        for bit, name in (
            (c.REPLACED, "replacement_character"), (c.CONTROL, "control_character"),
            (c.PRIVATE, "private_use"), (c.RADICAL, "radical"), (c.ZERO_WIDTH, "zero_width"),
        )
        if bits & bit
    ]  # fmt: skip
    latin = bool(bits & c.HIGH_LATIN) and repaired_latin(text) != text
    if latin or (bits & c.HAN and _KUN.search(text)):
        found.append("mojibake")
    if mixed >= MIXED:
        found.append("simplified_and_traditional")
    return found


def repaired_latin(text: str) -> str:
    """UTF-8 or GB18030 that was read as Latin-1, read again; other text stays as it is."""
    text = _UTF8_AS_LATIN.sub(lambda m: _again(m[0], "cp1252", "utf-8"), text)
    return _GB_AS_LATIN.sub(lambda m: _chinese(m[0]), text)


def _again(piece: str, read_as: str, written_in: str) -> str:
    for codec in (read_as, "latin-1"):
        try:
            return piece.encode(codec).decode(written_in)
        except UnicodeError:
            continue
    return piece


def _chinese(piece: str) -> str:
    found = _again(piece, "latin-1", "gb18030")
    return found if all("\u3000" <= ch <= "\u9fff" or ch == "\uff0c" for ch in found) else piece


_REMOVED = r"[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u200b\u2060\ufeff\u202a-\u202e]"
_RADICALS = r"[\u2e80-\u2fdf]"
_MENDED = re.compile(
    f"(?P<utf8>{_UTF8_AS_LATIN.pattern})|(?P<gb>{_GB_AS_LATIN.pattern})|(?P<radical>{_RADICALS})"
    f"|(?P<removed>{_REMOVED})"
)


def edits(text: str) -> tuple[tuple[int, int, str], ...]:
    """The spans of a text that can be mended for sure: start, end, what stands there then.

    U+FFFD and private-use characters stay: what they stood for is lost.
    """
    if text.isascii() and text.isprintable():
        return ()
    found = []
    for match in _MENDED.finditer(text):
        old, kind = match[0], match.lastgroup
        if kind == "utf8":
            new = _again(old, "cp1252", "utf-8")
            new = _chinese(old) if new == old else new
        elif kind == "gb":
            new = _chinese(old)
        else:
            new = unicodedata.normalize("NFKC", old) if kind == "radical" else ""
        if new != old:
            found.append((match.start(), match.end(), new))
    return tuple(found)

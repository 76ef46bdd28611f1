"""What a law or bill is called by those who look for it."""

from __future__ import annotations

import re

from datakit.generators._words import word_set

_CITED = re.compile(
    r"\b(?:may|shall) be (?:cited|referred to|known) as (?:the )?[“\"‘']+([A-Z][^”\"’']{4,90})"
)
_NAME = re.compile(r"\b(?:Act|Law|Code|Statute|Ordinance|Constitution)\b(?: of \d{4})?$", re.I)
_IN_BRACKETS = re.compile(r"\(([A-Z][^()]{4,70} (?:Act|Regulation|Directive))\)")
_NUMBERED = re.compile(
    r"\b((?:(?:Implementing|Delegated) )?(?:Regulation|Directive|Decision) "
    r"(?:\((?:EU|EC|EEC|Euratom)\) )?(?:No )?\d+/\d+|Public Law \d+[-–]\d+)"
)
_BILL = re.compile(r"^\d+ (H|S)(R|RES|JRES|CONRES)? (\d+)\b")
_BILL_KINDS = {"": "", "R": "R.", "RES": "Res.", "JRES": "J.Res.", "CONRES": "Con.Res."}
_OPENING = 6_000  # characters in which a law says how it may be cited
_MAX_WORDS = 11
_SMALL = word_set("a an and as at by for from in of on or the to under with")


def law_name(title: str, text: str) -> str:
    """The short title of a law, else its number; "" where neither is told.

    Args:
        title: of the document.
        text: of the document.
    """
    title = " ".join(title.split())
    bracketed = _IN_BRACKETS.search(title)
    if bracketed:
        return bracketed[1]
    if _NAME.search(title) and len(title.split()) <= _MAX_WORDS:
        return unshouted_title(title)
    cited = _CITED.search(text[:_OPENING])
    if cited and len(cited[1].split()) <= _MAX_WORDS:
        return " ".join(unshouted_title(cited[1]).split()).rstrip(" .,;")
    bill = _BILL.match(title)
    if bill:
        return f"{bill[1]}.{_BILL_KINDS[bill[2] or '']} {bill[3]}"
    numbered = _NUMBERED.search(title)
    return numbered[1].replace("–", "-") if numbered else ""


def unshouted_title(title: str) -> str:
    """`Geothermal Steam Act of 1970` of a title in capitals; others stay."""
    if not title.isupper():
        return title
    words = title.lower().split()
    return " ".join(
        word if i and word in _SMALL else "-".join(part.capitalize() for part in word.split("-"))
        for i, word in enumerate(words)
    )

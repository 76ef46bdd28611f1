"""Enumerators: the numbers that text brings along, and those that a list gives its items."""

from __future__ import annotations

import re
from dataclasses import dataclass

from datakit.ingestors._style import style_of

ENUMERATOR = re.compile(
    r"""
    (?:\d{1,3}(?:\.\d{1,3}){1,4}[.)、:]?(?=\s|[^\W\d_])  # 1.1, 2.3.4.
    |\d{1,3}\s?[.)、．:](?!\d)                            # 1.  2)  3、
    |[(（]\s?(?:\d{1,3}|[a-zA-Z]|[ivxIVX]{1,5}|[一二三四五六七八九十]{1,3})\s?[)）]
    |[a-zA-Z][.)](?=\s)
    |[ivxIVX]{1,5}[.)](?=\s)
    |第\s?[一二三四五六七八九十百零\d]{1,5}\s?[章节節条條部编編篇款]分?
    |[一二三四五六七八九十]{1,3}[、.．,，:：]
    |[①②③④⑤⑥⑦⑧⑨⑩]
    |§\s?\d+[a-z]?(?:\.\d+)*
    |(?:article|section|clause|part|chapter|schedule|annex|appendix|exhibit|artikel|abschnitt
       |teil|anlage|annexe|titre|chapitre)\s+(?:\d{1,3}(?:\.\d+)*|[IVXLC]{1,6}|[A-Z])\b[.:)]?
    )\s*
    """,
    re.X | re.I,
)


@dataclass(slots=True)
class OpenList:
    """An open list: what the next number is, and how it is written."""

    ordered: bool
    style: str
    next: int = 1
    step: int = 1


def list_of(tag: str, attributes: dict[str, str]) -> OpenList:
    start = attributes.get("start", "1")
    style = attributes.get("type", "1")
    css = style_of(attributes.get("style", "")).list_type
    if css:
        style = {"none": "", "lower-alpha": "a", "lower-latin": "a", "upper-alpha": "A",
                 "upper-latin": "A", "lower-roman": "i", "upper-roman": "I",
                 "disc": "", "circle": "", "square": ""}.get(css, "1")  # fmt: skip
    ordered = tag == "ol" and style in ("1", "a", "A", "i", "I")
    return OpenList(
        ordered,
        style,
        int(start) if start.isdecimal() and len(start) < 7 else 1,
        -1 if "reversed" in attributes else 1,
    )


def enumerator(value: int, style: str) -> str:
    if style in "aA" and value > 0:
        letters = ""
        while value > 0:
            value, rest = divmod(value - 1, 26)
            letters = chr(ord(style) + rest) + letters
        return f"{letters}."
    if style in "iI" and 0 < value < 4000:
        return f"{_roman(value) if style == 'I' else _roman(value).lower()}."
    return f"{value}."


def _roman(value: int) -> str:
    signs = (
        (1000, "M"), (900, "CM"), (500, "D"), (400, "CD"), (100, "C"), (90, "XC"), (50, "L"),
        (40, "XL"), (10, "X"), (9, "IX"), (5, "V"), (4, "IV"), (1, "I"),
    )  # fmt: skip
    out = ""
    for number, sign in signs:
        count, value = divmod(value, number)
        out += sign * count
    return out

"""Which paragraphs are headings in fact: bold lines, capitals, numbered clause titles.

A style of numbering gets its depth from where it first appears: under the last real heading, each
new style goes one deeper, a style that is open already closes those below it. That works for
"1." over "1.1" over "(a)" as for 第一章 over 第一条 and 一、 over （一） over 1、.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from datakit.ingestors._html import ENUMERATOR, RawBlock

MAX_WORDS = 16
MAX_CHARS = 120  # 40 where a character is a word
MAX_PLAIN_WORDS = 10  # of a numbered line that nothing but its number sets apart
MAX_SOFT_SHARE = 0.4  # of a page's blocks, and
MAX_SOFT_RUN = 3  # in a row: more cannot be headings
_CJK = re.compile("[\u3040-\u30ff\u3400-\u9fff]")
_SENTENCE_END = re.compile(r"[.;,!。；，！…]$|[,;，；]|[.!。！]\s+\S")
_ZH_NUMERAL = "一二三四五六七八九十百零"


def promote(blocks: list[RawBlock]) -> list[RawBlock]:
    """Turn paragraphs that stand as headings into headings, in place; rules go."""
    blocks = [block for block in blocks if block.kind != "rule"]
    ranks = _Ranks()
    for i, block in enumerate(blocks):
        if block.kind == "heading":
            ranks.real(block)
            continue
        after = blocks[i + 1] if i + 1 < len(blocks) else None
        before = blocks[i - 1] if i else None
        style = _style(block)
        if style and after and _stands_alone(block, style, before, after):
            block.kind, block.level = "heading", ranks.level(style)
            found = ENUMERATOR.match(block.text)
            block.number = block.number or (found.group().strip() if found else None)
    return blocks


def demote(blocks: list[RawBlock]) -> None:
    """Make paragraphs of headings by class where the class is on everything."""
    run: list[RawBlock] = []
    soft = sum(block.kind == "heading" and block.soft for block in blocks)
    everywhere = soft > MAX_SOFT_SHARE * len(blocks)
    for block in [*blocks, RawBlock("paragraph", "")]:
        if block.kind == "heading" and block.soft:
            run.append(block)
            continue
        if len(run) > MAX_SOFT_RUN or everywhere:
            for heading in run:
                heading.kind, heading.level = "paragraph", None
        run = []


def dense(blocks: list[RawBlock]) -> None:
    """Close gaps in the levels of headings: an `h4` right under an `h1` is at level 2."""
    open_: list[int] = []
    for block in blocks:
        if block.kind == "heading":
            level = block.level or 1
            while open_ and open_[-1] >= level:
                open_.pop()
            open_.append(level)
            block.level = len(open_)


def numbering(text: str) -> str | None:
    """The style of a line's enumerator: `1.`, `1.1`, `(a)`, `第条`, `一`; None without one."""
    match = ENUMERATOR.match(text)
    if not match:
        return None
    raw = match.group().strip()
    decimals = re.fullmatch(r"(\d+(?:\.\d+)*)[.)、．:]?", raw)
    if decimals:
        return ".".join("1" for _ in decimals.group(1).split(".")) + ("" if "." in raw else raw[-1])
    word = re.match(r"[^\W\d_]{4,}", raw)
    if word and not _CJK.match(raw):
        return word.group().lower()
    shape = re.sub(rf"[{_ZH_NUMERAL}]+", "一", re.sub(r"\d+", "1", raw))
    shape = re.sub(r"[、.．,，:：\s]", "", shape)
    if re.fullmatch(r"[(（]?[ivxIVX]+[)）.]?", shape):
        return "I" if shape.upper() == shape else "i"
    return re.sub(r"[a-z]", "a", re.sub(r"[A-Z]", "A", shape))


def _style(block: RawBlock) -> str | None:
    """How a block looks like a heading: its numbering, `bold`, or None."""
    text = block.text
    if block.kind not in ("paragraph", "list_item") or "\n" in text or block.links > 0.9:
        return None
    if len(text) > 2 * MAX_CHARS:
        return None
    number = numbering(text)
    body = text[len(ENUMERATOR.match(text).group()) :] if number else text  # type: ignore[union-attr]
    set_apart = block.bold or block.underline or _capitals(body)
    if not _is_title(body, number, set_apart):
        return None
    if block.kind == "list_item" and not set_apart:
        return None
    return number or ("bold" if set_apart else None)


def _is_title(body: str, number: str | None, set_apart: bool) -> bool:
    """Short, without the punctuation of a sentence, and more than an enumerator."""
    cjk = len(_CJK.findall(body))
    words = len(body.split()) + cjk // 2
    if number and not body.strip():
        return bool(_CJK.match(number))  # 第三条 alone on its line
    short = words <= (MAX_WORDS if set_apart else MAX_PLAIN_WORDS)
    if len(body) > (MAX_CHARS // 3 if cjk else MAX_CHARS) or not short:
        return False
    if not any(char.isalpha() for char in body) or (not number and body[0].islower()):
        return False
    if number and body.endswith(".") and words <= 6 and body.count(".") == 1:
        body = body[:-1]  # "1. Definitions."
    if _SENTENCE_END.search(body):
        return set_apart and words <= 8 and body[-1] not in ".;,。；，"
    if not set_apart:
        return body[-1] not in ":：?？" and (cjk > 0 or body[0].isupper())
    return True


def _capitals(text: str) -> bool:
    return text.isupper() and sum(char.isalpha() for char in text) >= 5


def _stands_alone(block: RawBlock, style: str, before: RawBlock | None, after: RawBlock) -> bool:
    """Whether a body follows, so that a run of short numbered lines stays a list."""
    if block.kind == "list_item":
        deeper = after.kind == "list_item" and (after.level or 1) > (block.level or 1)
        return deeper or (after.nested and after.kind in ("paragraph", "table", "heading"))
    if style == "bold" or block.bold:
        leads_in = after.kind == "list_item" and block.text[-1] in ":："
        return not leads_in or len(block.text.split()) <= 4
    neighbours = (after, before)
    return not any(
        b and b.kind == "paragraph" and len(b.text) <= MAX_CHARS and numbering(b.text) == style
        for b in neighbours
    )


@dataclass
class _Ranks:
    """Levels of headings that no tag ranks, under the last one that a tag does."""

    base: int = 0
    open: list[str] = field(default_factory=list)

    def real(self, heading: RawBlock) -> None:
        self.base = heading.level or 1
        self.open = []

    def level(self, style: str) -> int:
        if style == "bold":
            if not self.open or self.open[-1] != "bold":
                self.open.append("bold")
        elif style in self.open:
            del self.open[self.open.index(style) + 1 :]
        else:
            self.open.append(style)
        return self.base + len(self.open)

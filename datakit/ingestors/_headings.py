"""Which paragraphs are headings in fact: bold lines, capitals, numbered clause titles.

A style of numbering gets its depth from where it first appears: under the last real heading, each
new style goes one deeper, a style that is open already closes those below it. That works for
"1." over "1.1" over "(a)" as for 第一章 over 第一条 and 一、 over （一） over 1、.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass, field

from datakit.ingestors._html import ENUMERATOR, RawBlock

MAX_WORDS = 16
MAX_CHARS = 120  # 40 where a character is a word
MAX_PLAIN_WORDS = 10  # of a numbered line that nothing but its number sets apart
MAX_SOFT_SHARE = 0.4  # of a page's blocks, and
MAX_SOFT_RUN = 3  # in a row: more cannot be headings
_CJK = re.compile("[\u3040-\u30ff\u3400-\u9fff]+")
_SENTENCE_END = re.compile(r"[.;,!。；，！…]$|[,;，；]|[.!。！]\s+\S")
_FIRST = re.compile(r"\d+|[一二三四五六七八九十百]+|[a-zA-Z]+")
# how Chinese documents nest their numbers, whatever comes first on a page
_CUSTOM = {"第一编": 0, "第一篇": 0, "第一部分": 0, "第一章": 1, "第一节": 2, "第一條": 3,
           "第一条": 3, "一": 4, "（一）": 5, "(一)": 5, "1": 6, "1、": 6, "（1）": 7,
           "(1)": 7}  # fmt: skip
_MANY_SENTENCES = re.compile(r"[.!?。！？]\s*\S")
# "Last updated: 3 May 2024" is bold often and heads nothing
_DATED = re.compile(
    r"(?:last |date )?(?:updated?|revised|modified|effective|published|version|stand|gültig)\b"
    r".{0,40}\d"
    r"|(?:dernière )?mise à jour.{0,40}\d|(?:最近|最后)?(?:更新|修订|生效|发布|版本).{0,12}\d", re.I
)  # fmt: skip
_ZH_NUMERAL = "一二三四五六七八九十百零"


def promote(blocks: list[RawBlock]) -> list[RawBlock]:
    """Turn paragraphs that stand as headings into headings, in place; rules go."""
    blocks = [block for block in blocks if block.kind != "rule"]
    ranks = _Ranks()
    for i, block in enumerate(blocks):
        if block.kind == "heading":
            ranks.real(block)
            continue
        style = _style(block)
        if style is None or i + 1 == len(blocks):
            continue
        before = blocks[i - 1] if i else None
        if _stands_alone(block, style, before, blocks[i + 1]):
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
    return _numbering(match.group().strip()) if match else None


@functools.lru_cache(maxsize=4096)
def _numbering(raw: str) -> str:
    """The style of an enumerator."""
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
    enumerator = ENUMERATOR.match(text)
    body = text[enumerator.end() :] if enumerator else text
    if len(body) > MAX_CHARS:
        return None
    set_apart = block.bold or block.underline or _capitals(body)
    if not set_apart and (enumerator is None or block.kind == "list_item"):
        return None
    number = _numbering(enumerator.group().strip()) if enumerator else None
    if not _is_title(body, number, set_apart) or (len(text) < 80 and _DATED.match(text)):
        return None
    return number or "bold"


def _is_title(body: str, number: str | None, set_apart: bool) -> bool:
    """Short, without the punctuation of a sentence, and more than an enumerator."""
    cjk = 0 if body.isascii() else sum(map(len, _CJK.findall(body)))
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
    if set_apart and body[-1] in "?？" and not _MANY_SENTENCES.search(body):
        return True  # a question may have commas
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
    return not (_same_list(block, after, style) or _same_list(before, block, style))


def _same_list(first: RawBlock | None, second: RawBlock | None, style: str) -> bool:
    """Whether two short lines are neighbours in one list: `一、` after `十、` starts a new one."""
    for block in (first, second):
        if block is None or block.kind != "paragraph" or len(block.text) > MAX_CHARS:
            return False
        if numbering(block.text) != style:
            return False
    numbers = [_ordinal(block.text) for block in (first, second) if block]
    return None in numbers or numbers[1] != 1


def _ordinal(text: str) -> int | None:
    """The number that a line begins with: 1 of `1.`, `一、`, `（一）`, `(a)` and `第一条`."""
    match = _FIRST.search(text[:8])
    if not match:
        return None
    raw = match.group()
    if raw.isdecimal():
        return int(raw)
    return 1 if raw in ("一", "a", "A", "i", "I") else 2


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
            rank = _CUSTOM.get(style, 0)
            while self.open and _CUSTOM.get(self.open[-1], 0) > rank > 0:
                self.open.pop()
            self.open.append(style)
        return self.base + len(self.open)

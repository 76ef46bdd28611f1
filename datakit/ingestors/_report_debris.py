"""What the charts and tables of a report leave behind when its PDF becomes one line of text.

An axis leaves its ticks (`0%20%40%60%2018/12019/1`), a legend its names beside them, a table its
rows without a mark between the cells. Ticks say nothing and are taken out; rows of a table are
kept, apart from the running text.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator

Span = tuple[int, int]

TABLE_MARK = "\ufdd1"  # before a line that is rows of a table; no character of any text

_MONTH = "Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec"
_RUN = re.compile(
    rf"(?:[\d.,%％()（）/+~:：\s-]|{_MONTH}|(?<=\d)[QHEAqh](?![a-z])|(?<=\d)年(?![\u4e00-\u9fff])"
    r"|(?<=\d)月(?=\d)|Q(?=[1-4]))+"
)
MIN_RUN = 16  # characters of a run that is an axis
MIN_TICKS = 5
_WHOLE = re.compile(r"\d{1,3}(?:,\d{3})+|\d+")
# what may stand glued together; which it was shows in the equal steps
_TICKS = (
    _WHOLE, re.compile(r"\d{1,3},\d{3}"), re.compile(r"\d*\.\d"), re.compile(r"\d*\.\d\d"),
)  # fmt: skip
_DATES = re.compile(
    rf"(?:19|20)?\d\d[-/]\d{{1,2}}(?:[-/]\d{{1,2}})?|(?:{_MONTH})-?\d\d|\d\dQ[1-4]|Q[1-4]\d\d"
)
_YEARS = re.compile(r"(?:(?:19|20)\d\d[AE年]?){4,}")
_GLUED = re.compile(r"\d{16,}")  # no figure has so many digits
_AFTER = re.compile(r"(?:[(（][^()（）]{1,8}[)）])?[^。！？；，、：\n\d\ufdd0]{0,40}(?=\n|$)")
_BEFORE = re.compile(r"(?:^|(?<=[。！？；\n]))[^。！？；，\n\d\ufdd0]{0,40}$")
_UNIT = re.compile(r"亿|万|元|倍|个|家|部|台|片|点|吨|例|年")
_TOLD = re.compile(r"((?:19|20)\d\d)年$|((?:19|20)\d\d(?:年[QH]\d|[QH]\d|年))[\u4e00-\u9fff]$")
_SHARE = re.compile(r"\.?(?:SZ|SH|HK|CH)(?![a-z])")
_LEAD = re.compile(r"[为达至约是到于]$")

_PART = re.compile(r"[^。！？；\n]*[。！？；\n]?")
_GRAMMAR = re.compile(
    "的|了|在|为|是|将|从|由|与|和|及|对|较|占|至|到|预计|同比|环比|达|约|我们|其中|均|分别|如|以|高于|低于"
)
_HAN = re.compile("[\u4e00-\u9fff]")
_CAPTION = re.compile(r"(?:图表?|表)\s?\d{1,3}")
LONG_ROW = 180  # characters without a full stop: a table of words
MIN_ROW = 40  # characters of rows that are set apart
MIN_DIGITS = 0.28  # share of digits in rows; a sentence full of figures has 0.2
MAX_GRAMMAR = 0.03  # words of grammar per character; a sentence has 0.05 and more
MAX_HAN = 0.5  # share of Chinese characters in rows
MIN_NUMBERS = 8


def axis_spans(text: str) -> list[Span]:
    """Runs of ticks, with the legend beside them where nothing else is on the line."""
    spans: list[Span] = []
    for match in _RUN.finditer(text):
        run = match.group().rstrip(" \n(（+~:：,/.")
        end = match.start() + len(run)
        run = run.lstrip(" \n)）:：,/.%％")
        start = end - len(run)
        told = _TOLD.search(run + text[end : end + 1])
        end -= (
            max(told.end(1), told.end(2)) - told.start() if told else 0
        )  # the year that opens a sentence
        run = text[start:end]
        if len(run) < MIN_RUN or not _is_axis(run) or _is_listed(text, start, end):
            continue
        after = _AFTER.match(text, end)
        low = spans[-1][1] if spans else 0
        before = _BEFORE.search(text[max(low, start - 60) : start])
        start -= len(before.group()) if before and not _is_told(before.group()) else 0
        spans.append((start, after.end() if after and not _is_told(after.group()) else end))
    return spans


def _is_told(text: str) -> bool:
    """Whether what stands beside an axis is more than the names of its curves."""
    return bool(_CAPTION.search(text) or re.search("来源|风险|评级|建议", text))


def _is_axis(run: str) -> bool:
    if _GLUED.search(run) or _YEARS.search(run) or len(_DATES.findall(run)) >= MIN_TICKS:
        return True
    return any(_is_even(pattern.findall(run)) for pattern in _TICKS)


def _is_even(ticks: list[str]) -> bool:
    """Whether five numbers in a row go up or down in equal steps."""
    values = [round(float(tick.replace(",", "")[-12:]), 4) for tick in ticks]
    steps = [round(b - a, 4) for a, b in itertools.pairwise(values)]
    runs = ((step, sum(1 for _ in same)) for step, same in itertools.groupby(steps))
    return any(step and n >= MIN_TICKS - 1 for step, n in runs)


def _is_listed(text: str, start: int, end: int) -> bool:
    """Whether a sentence takes the numbers up, `分别为1.2/1.5/1.9/2.3亿元`, or a row of shares."""
    if _SHARE.search(text[max(0, start - 14) : end + 24]):
        return True
    led = _LEAD.search(text[max(0, start - 2) : start])
    return bool(led and _UNIT.match(text[end : end + 1]) and "/" in text[start:end])


def with_marked_rows(lines: Iterable[str]) -> Iterator[str]:
    """The lines, stretches that are rows of a table on lines of their own behind `TABLE_MARK`."""
    for line in lines:
        rows = glued_rows(line)
        edges = [0, *itertools.chain.from_iterable(rows), len(line)]
        for start, end in itertools.pairwise(edges):
            piece = line[start:end].strip()
            if piece:
                yield f"{TABLE_MARK}{piece}" if (start, end) in rows else piece


def glued_rows(line: str) -> list[Span]:
    """Stretches of a line that are rows of a table: many digits, hardly a word of grammar."""
    found: list[Span] = []
    for match in _PART.finditer(line):
        start, end = match.span()
        if end - start >= MIN_ROW and _is_row(line[start:end]):
            if found and found[-1][1] == start:
                found[-1] = (found[-1][0], end)
            else:
                found.append((start, end))
    return found


def _is_row(part: str) -> bool:
    ends = part[-1] in "。！？；"  # a row hardly ever does
    grammar = len(_GRAMMAR.findall(part)) / len(part)
    captioned = bool(_CAPTION.match(part))
    if not ends and len(part) >= LONG_ROW and (captioned or grammar <= MAX_GRAMMAR / 2):
        return True
    if captioned or grammar > MAX_GRAMMAR or len(_WHOLE.findall(part)) < MIN_NUMBERS:
        return False
    digits = sum(char.isdigit() for char in part) / len(part)
    han = len(_HAN.findall(part)) / len(part)
    return digits >= (1.5 * MIN_DIGITS if ends else MIN_DIGITS) and han <= MAX_HAN

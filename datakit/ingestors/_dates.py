"""Dates in running text, in ISO 8601: English, French, German, Spanish, Italian, Dutch,
Portuguese and Chinese.

A numeric date counts only when it can be read in one way: `31/01/2024`, or `01/02/2024` in a
language that always writes the day first. `01/02/2024` in English is no date.
"""

from __future__ import annotations

import bisect
import datetime as dt
import re
from collections.abc import Iterator
from dataclasses import dataclass

_MONTH_NAMES = (
    ("january", "jan", "janvier", "janv", "januar", "jänner", "enero", "ene", "gennaio", "januari",
     "janeiro"),
    ("february", "feb", "février", "fevrier", "févr", "fév", "februar", "febrero", "febbraio",
     "februari", "fevereiro"),
    ("march", "mar", "mars", "märz", "maerz", "mär", "marzo", "maart", "março"),
    ("april", "apr", "avril", "avr", "abril", "abr", "aprile"),
    ("may", "mai", "mayo", "maggio", "mei", "maio"),
    ("june", "jun", "juin", "juni", "junio", "giugno", "junho"),
    ("july", "jul", "juillet", "juil", "juli", "julio", "luglio", "julho"),
    ("august", "aug", "août", "aout", "agosto", "ago", "augustus"),
    ("september", "sept", "sep", "septembre", "septiembre", "settembre", "setembro"),
    ("october", "oct", "octobre", "oktober", "okt", "octubre", "ottobre", "outubro"),
    ("november", "nov", "novembre", "noviembre", "novembro"),
    ("december", "dec", "décembre", "decembre", "déc", "dezember", "dez", "diciembre", "dic",
     "dicembre", "dezembro"),
)  # fmt: skip
_MONTHS = {name: i for i, names in enumerate(_MONTH_NAMES, 1) for name in names}
_MONTH = "|".join(sorted(_MONTHS, key=len, reverse=True))
_YEAR = r"(?:19|20)\d\d"
_ZH_DIGITS = {c: str(i) for i, c in enumerate("〇一二三四五六七八九")} | {"零": "0", "○": "0"}
_ZH_NUMBER = "[〇零○一二三四五六七八九十]"

# a word with a number behind it: few words are, and each would be tried as sixty names of months
_WORD_AND_NUMBER = r"(?=[^\W\d_]++\.?,?\s*(?:of\s+|de\s+)?\d)"

# full dates first; a month alone only counts where there is no full date
_FULL = re.compile(
    rf"""
    (?=\d)(?:
       (?P<iso>\b{_YEAR}-\d\d?-\d\d?(?!\d))
       |(?P<zh>{_YEAR}\s*年\s*\d{{1,2}}\s*月\s*\d{{1,2}}\s*[日号])
       |(?P<dmy>\b\d{{1,2}}(?:st|nd|rd|th|er|re|º|°|\.)?\s*(?:of\s+|de\s+|-)?
          (?:{_MONTH})\b\.?(?:,|\s+de|\s+del|-)?\s*{_YEAR}(?!\d))
       |(?P<ymd>\b{_YEAR}[/.]\d{{1,2}}[/.]\d{{1,2}}(?!\d))
       |(?P<numeric>(?<![\d/.-])\d{{1,2}}\s?(?P<sep>[/.-])\s?\d{{1,2}}\s?(?P=sep)\s?{_YEAR}
          (?!\d|\.\d))
    )
    |(?P<han>[二一][〇零○一二三四五六七八九]{{3}}年{_ZH_NUMBER}{{1,2}}月{_ZH_NUMBER}{{1,3}}[日号])
    |(?P<mdy>\b{_WORD_AND_NUMBER}(?:{_MONTH})\b\.?\s*\d{{1,2}}(?:st|nd|rd|th)?\s*,?\s*(?:of\s+)?{_YEAR}(?!\d))
    """,
    re.X | re.I,
)
_PARTIAL = re.compile(
    rf"""
    (?P<zh>{_YEAR}\s*年\s*\d{{1,2}}\s*月)
    |(?P<my>\b{_WORD_AND_NUMBER}(?:{_MONTH})\b\.?,?\s*(?:of\s+|de\s+)?{_YEAR}(?!\d))
    |(?P<iso>\b{_YEAR}-(?:0[1-9]|1[0-2])\b(?![-\d]))
    """,
    re.X | re.I,
)
_NAME_DATE = re.compile(
    r"(?<!\d)((?:19|20)\d\d)[-_.]?(0[1-9]|1[0-2])[-_.]?(0[1-9]|[12]\d|3[01])(?!\d)"
)
_NAME_MONTH = re.compile(r"(?<!\d)((?:19|20)\d\d)[-_.](0[1-9]|1[0-2])(?!\d)")
_DAY_FIRST = frozenset(("fr", "de", "es", "it", "pt", "nl"))

_EFFECTIVE_CUE = re.compile(
    r"""effective\s+(?:date|as\s+of|from|on|since|starting)|date\s+effective|\beffective\s*[:\-–]?
    |(?:come|comes|came|go|goes|enter|enters)\s+into\s+(?:effect|force)|takes?\s+effect|in\s+force
    |(?:valid|applies|applicable)\s+(?:from|as\s+(?:of|from))|s.applique\s+à\s+partir|gilt\s+ab
    |(?:entrée?s?\s+en\s+vigueur|en\s+vigueur)|date\s+d[’']effet
    |g[üu]ltig\s+(?:ab|seit)|in\s?kraft|wirksam\s+(?:ab|seit)|stand\s*:
    |entrada\s+en\s+vigor|生效(?:日期|时间|日)?|施行(?:日期|时间)?|实施日期|生效於""",
    re.X | re.I,
)
_UPDATED_CUE = re.compile(
    r"""last\s+(?:updated?|revised|modified|amended|change[ds]?|reviewed)
    |(?:updated|revised|modified|amended)\s*(?:on|:|as\s+of|date)?
    |(?:revision|update|version|publication|posted)\s*(?:date)?\s*:|version\s+(?:of|dated)
    |this\s+(?:version|policy|notice)\s+was
    |derni[èe]re\s+(?:mise\s+à\s+jour|modification|révision)|mise?\s+à\s+jour|date\s+de\s+publication
    |(?:zuletzt|letzte)\s+\S*(?:aktualisi|geändert|änderung|bearbeitet|aktualisierung)\S*
    |(?:aktualisiert|stand)\s*(?:am|vom|:)?\b|[úu]ltima\s+actualizaci[óo]n
    |(?:最近|最后|上次|版本)?(?:更新|修订|修改|发布|發布|公布|版本)(?:日期|时间|于|於|日)?""",
    re.X | re.I,
)
# "la loi n° 78-17 du 6 janvier 1978": an act's date, not the document's
_ACT = re.compile(
    r"""(?:\b(?:loi|règlement|directive|décret|ordonnance|arrêté|regulation|act|verordnung|richtlinie
    |gesetz|ley|reglamento|directiva|legge|regolamento|direttiva|decreto)\b[^.;\n]{0,50}?)
    \b(?:du|of|dated|vom|de|del|di)\s+$""",
    re.X | re.I,
)
_ACT_REACH = 75  # characters before the date
# each alternative begins with a character, so that the search skips to one of the four
_ANY_YEAR = re.compile(
    r"19\d\d|20\d\d|二[〇零○一二三四五六七八九]{3}年|一[〇零○一二三四五六七八九]{3}年"
)
BEFORE_YEAR, AFTER_YEAR = 160, 40  # characters that a label, a day and a month take up at most
LABEL_CHARS = 20_000  # from the start and from the end; a document says its age there
CUE_REACH = 60  # characters between a cue and the start of its date


@dataclass(frozen=True, slots=True)
class LabelledDates:
    """What a text says about its own age, ISO 8601; None where it says nothing."""

    effective: str | None = None
    updated: str | None = None


def find_date(text: str, language: str | None = None) -> str | None:
    """The first full date of a text, else its first month with a year; ISO 8601.

    Args:
        text: any length; only what is written out counts, a bare year does not.
        language: decides on `01/02/2024`: the first of February where the language writes the day
            first, otherwise ambiguous and passed over.
    """
    for dates in (lambda part: _full_dates(part, language), _partial_dates):
        for part in _around_years(text):
            found = next((iso for _, _, iso in dates(part)), None)
            if found:
                return found
    return None


def effective_date(text: str, language: str | None = None) -> str | None:
    """The date from which a text says it holds, else the date of its last change."""
    dates = labelled_dates(text, language)
    return dates.effective or dates.updated


def labelled_dates(text: str, language: str | None = None) -> LabelledDates:
    """Dates that follow (or in Chinese precede) words such as "Effective date" or "更新日期".

    The date of a law that the text cites is not one of them.
    """
    if len(text) > 2 * LABEL_CHARS:
        text = text[:LABEL_CHARS] + "\n" + text[-LABEL_CHARS:]
    effective: str | None = None
    updated: str | None = None
    for part in _around_years(text):
        full = list(_full_dates(part, language))
        covered = {at for start, end, _ in full for at in range(start, end)}
        partial = [date for date in _partial_dates(part) if date[0] not in covered]
        dates = sorted(date for date in full + partial if not _of_an_act(part, date[0]))
        effective = effective or _nearest(part, _EFFECTIVE_CUE, dates)
        updated = updated or _nearest(part, _UPDATED_CUE, dates)
        if effective and updated:
            break
    return LabelledDates(effective, updated)


def _of_an_act(text: str, at: int) -> bool:
    """Whether the date that starts there is that of a law which the text cites."""
    return _ACT.search(text[max(0, at - _ACT_REACH) : at]) is not None


def _around_years(text: str) -> Iterator[str]:
    """The parts of a text that can hold a labelled date: years are rare and quick to find."""
    start = end = 0
    for match in _ANY_YEAR.finditer(text):
        if match.start() - BEFORE_YEAR > end:
            if end:
                yield text[start:end]
            start = max(0, match.start() - BEFORE_YEAR)
        end = match.end() + AFTER_YEAR
    if end:
        yield text[start:end]


def date_in_name(name: str) -> str | None:
    """The date in a file name: `10-k-2024-11-01.html`, `aapl-20250329.htm`, `report_2024-03`."""
    for match in _NAME_DATE.finditer(name):
        iso = _iso(*(int(part) for part in match.groups()))
        if iso:
            return iso
    match_month = _NAME_MONTH.search(name)
    return f"{match_month.group(1)}-{match_month.group(2)}" if match_month else None


def _nearest(text: str, cue: re.Pattern[str], dates: list[tuple[int, int, str]]) -> str | None:
    """The date of the first cue that has one next to it, on the same line or the next."""
    starts = [start for start, _, _ in dates]
    for match in cue.finditer(text) if dates else ():
        at = bisect.bisect_left(starts, match.end())
        if at < len(dates) and starts[at] - match.end() <= CUE_REACH:
            between = text[match.end() : starts[at]]
            if not re.search(r"[.;。；]\s", between):
                return dates[at][2]
        # 本政策自2024年3月31日起生效: only Chinese puts the date before the word
        if at and "\u4e00" <= match.group()[0] <= "\u9fff":
            between = text[dates[at - 1][1] : match.start()].strip(" ")
            if between in ("", "起", "正式"):
                return dates[at - 1][2]
    return None


def _full_dates(text: str, language: str | None) -> Iterator[tuple[int, int, str]]:
    for match in _FULL.finditer(text):
        iso = _read(match, language)
        if iso:
            yield match.start(), match.end(), iso


def _read(match: re.Match[str], language: str | None) -> str | None:
    raw = match.group()
    kind = next(name for name, value in match.groupdict().items() if value and name != "sep")
    if kind in ("dmy", "mdy"):
        return _with_month_name(raw, kind)
    if kind == "han":
        return _iso(*_han_numbers(raw))
    numbers = [int(n) for n in re.findall(r"\d+", raw)]
    if kind == "numeric":
        return _numeric(numbers, language, "." in raw)
    return _iso(*numbers)


def _with_month_name(raw: str, kind: str) -> str | None:
    month = _MONTHS[_month_name(raw)]
    digits = [int(n) for n in re.findall(r"\d+", raw)]
    return _iso(digits[-1], month, digits[0])


def _month_name(raw: str) -> str:
    words: list[str] = re.findall(r"[^\W\d_]+", raw.lower())
    return next(word for word in words if word in _MONTHS)


def _numeric(numbers: list[int], language: str | None, dotted: bool) -> str | None:
    first, second, year = numbers
    if first > 12 or dotted or language in _DAY_FIRST or first == second:
        return _iso(year, second, first)
    return _iso(year, first, second) if second > 12 else None


def _han_numbers(raw: str) -> tuple[int, int, int]:
    year, rest = raw.split("年")
    month, day = re.split("月", rest)
    return (
        int("".join(_ZH_DIGITS[c] for c in year)),
        _han_number(month),
        _han_number(day.rstrip("日号")),
    )


def _han_number(digits: str) -> int:
    """One to thirty-one: 三, 十, 十二, 二十, 二十一."""
    tens, ten, ones = digits.partition("十")
    if not ten:
        return int("".join(_ZH_DIGITS[c] for c in digits))
    return 10 * int(_ZH_DIGITS.get(tens, "1")) + int(_ZH_DIGITS.get(ones, "0"))


def _partial_dates(text: str) -> Iterator[tuple[int, int, str]]:
    for match in _PARTIAL.finditer(text):
        year = re.search(_YEAR, match.group())
        if not year:
            continue
        if match.lastgroup == "my":
            month = _MONTHS[_month_name(match.group())]
        else:
            month = int(re.findall(r"\d+", match.group())[-1])
        if 1 <= month <= 12:
            yield match.start(), match.end(), f"{year.group()}-{month:02d}"


def _iso(year: int, month: int, day: int) -> str | None:
    """An ISO date; None where there is no such day."""
    try:
        return dt.date(year, month, day).isoformat() if year >= 1900 else None
    except ValueError:
        return None

"""One-fact mutations of English sentences, grammatical by the form of what they replace."""

from __future__ import annotations

import re
from collections.abc import Iterator

from datakit.miners._mutations import Change, Rule, like, other_number, swap

_UNIT = r"(?:business |calendar |working |consecutive )?(?:days|weeks|months|years|hours|minutes)"
_WORDS = {
    "two": "six", "three": "nine", "four": "eight", "five": "ten", "six": "two", "seven": "thirty",
    "eight": "four", "nine": "three", "ten": "thirty", "twelve": "six", "fourteen": "sixty",
    "fifteen": "forty-five", "twenty": "sixty", "thirty": "ninety", "forty-five": "ninety",
    "sixty": "fifteen", "ninety": "thirty",
}  # fmt: skip
_VALUES = {
    "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9,
    "ten": 10, "twelve": 12, "fourteen": 14, "fifteen": 15, "twenty": 20, "thirty": 30,
    "forty-five": 45, "sixty": 60, "ninety": 90,
}  # fmt: skip
# the clause may be the condition of another: a change there contradicts nothing
_CONDITION = re.compile(
    r"\b(?:if|unless|whether|where|when|until|except|provided|that|which|who|what|how|why)\b", re.I
)
# adding a negation beside one of these gives another meaning than the contrary, or none
_NEGATED = re.compile(
    r"\b(?:not|no|never|none|neither|nor|cannot|any|either|only|without|nothing|nobody|unable|"
    r"at all|hardly|but|also|ever)\b|n['’]t\b",
    re.I,
)
DIRECTIONS = {
    "increased": "decreased", "decreased": "increased", "rose": "fell", "fell": "rose",
    "declined": "grew", "grew": "declined", "increase": "decrease", "decrease": "increase",
    "gain": "loss", "higher": "lower", "lower": "higher",
}  # fmt: skip
ROLES = {
    "buyer": "seller", "seller": "buyer", "landlord": "tenant", "tenant": "landlord",
    "lessor": "lessee", "lessee": "lessor", "licensor": "licensee", "licensee": "licensor",
    "lender": "borrower", "borrower": "lender", "employer": "employee", "employee": "employer",
    "customer": "provider", "provider": "customer", "plaintiff": "defendant",
    "defendant": "plaintiff", "supplier": "customer",
}  # fmt: skip
_PLACES = (
    "California", "New York", "Delaware", "Washington", "Texas", "Illinois", "Ireland", "France",
    "Germany", "Switzerland", "Luxembourg", "Singapore", "Ontario", "England and Wales", "England",
    "the Netherlands", "Japan", "Australia", "Sweden", "Spain", "Italy", "India",
)  # fmt: skip
_MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September",
    "October", "November", "December",
)  # fmt: skip
_QUARTERS = {"first": "third", "second": "fourth", "third": "first", "fourth": "second"}


def notice_period(sentence: str) -> Iterator[Change]:
    """`30 days`, `thirty (30) days`, `thirty days`, `30-day`; where words and digits say the same
    number, both change.
    """
    pattern = (
        r"\b(?:(?P<word>[A-Za-z-]+) \()?(?P<digits>\d{1,3})(?P<close>\))?"
        rf"[ -](?:{_UNIT}|day|month|year)\b"
    )
    for match in re.finditer(pattern, sentence, re.I):
        word, digits = match["word"], match["digits"]
        old = re.match(r" (?:old|of age)\b", sentence[match.end() :])
        if old or int(digits) < 2 or bool(match["close"]) != bool(word):
            continue
        if word is None:
            now = other_number(digits)
            yield Change("notice_period", match.start("digits"), match.end("digits"), now)
        elif _VALUES.get(word.lower()) == int(digits):
            other = _WORDS[word.lower()]
            now = f"{like(word, other)} ({_VALUES[other]}"
            yield Change("notice_period", match.start("word"), match.end("digits"), now)
    for match in re.finditer(rf"\b(?P<was>[A-Za-z-]+) {_UNIT}\b", sentence):
        other = _WORDS.get(match["was"].lower(), "")
        if other and not sentence[: match.start()].endswith(("hundred ", "thousand ")):
            yield Change(
                "notice_period", match.start("was"), match.end("was"), like(match["was"], other)
            )


def amount(sentence: str) -> Iterator[Change]:
    """Money, shares and counted things."""
    money = r"(?:[$€£]|US\$|USD |EUR |GBP )\s?(?P<was>\d[\d,]*(?:\.\d+)?)"
    share = r"\b(?P<was>\d+(?:\.\d+)?)(?= ?%| percent\b| per cent\b)"
    counted = (
        r"(?<![$€£\d.,-])\b(?P<was>\d[\d,]*(?:\.\d+)?)(?= (?:million|billion|thousand|GB|MB|TB|"
        r"screens|users|devices|accounts|shares|employees|stores|copies|times|dollars|euros|"
        r"kilometers|miles|meters|people|customers|countries|units|points)\b)"
    )
    for pattern, most in ((money, None), (share, 100.0), (counted, None)):
        for match in re.finditer(pattern, sentence):
            was = match["was"].rstrip(",")
            if float(was.replace(",", "")) <= 1 or was.endswith("."):
                continue
            start = match.start("was")
            yield Change("amount", start, start + len(was), other_number(was, most))


def period(sentence: str) -> Iterator[Change]:
    """A year, where the sentence has one; a month beside it or a quarter."""
    years = re.findall(r"(?<![\d$€£,.-])(?:19|20)\d\d(?![\d%-])", sentence)
    quarter = re.search(r"\b(?P<was>first|second|third|fourth)(?= (?:fiscal )?quarter\b)",
                        sentence, re.I)  # fmt: skip
    if len(set(years)) == 1 and not re.search(r"\b(?:Act|Law|Code|Regulation|Rule)\b", sentence):
        at = sentence.index(years[0])
        yield Change("period", at, at + 4, str(int(years[0]) - 3))
    elif quarter:
        now = like(quarter["was"], _QUARTERS[quarter["was"].lower()])
        yield Change("period", quarter.start("was"), quarter.end("was"), now)
    month = re.search(rf"\b(?P<was>{'|'.join(_MONTHS)})(?= \d{{1,2}}\b)", sentence)
    if month:
        now = _MONTHS[(_MONTHS.index(month["was"]) + 5) % 12]
        day = re.match(r" (\d+)", sentence[month.end() :])
        if day and int(day[1]) <= 28:  # every month has such a day
            yield Change("period", month.start("was"), month.end("was"), now)


def negation(sentence: str) -> Iterator[Change]:
    """A negation goes, a direction turns, or a plain statement is negated."""
    gone = re.search(
        r"\b(?:may|must|shall|will|should|is|are|was|were|does|do|did|has|have|can)(?P<was> not)\b",
        sentence,
    )
    if gone and not re.search(r"\b(?:any|either|nor|only|limited|but)\b", sentence):
        verb = sentence[: gone.start("was")].rsplit(" ", 1)[-1].lower()
        if verb not in ("does", "did", "do"):
            yield Change("negation", gone.start("was"), gone.end("was"), "")
        elif verb == "do" and not sentence.startswith("Do not"):
            yield Change("negation", gone.start() - (gone.start() > 0), gone.end(), "")
    cannot = re.search(r"\b(?P<was>cannot)\b", sentence)
    if cannot and not re.search(r"\b(?:any|either|nor)\b", sentence):
        yield Change("negation", cannot.start(), cannot.end(), "can")
    turned = re.search(
        r"\b(?P<was>increased|decreased|rose|fell|declined|grew)(?= (?:by |to |\$|\d|approximately|"
        r"slightly|significantly))|\b(?P<noun>increase|decrease)(?= (?:in|of|was)\b)",
        sentence,
    )
    if turned and not re.match(r"[^%]{0,20}?\b\d{3,}(?:\.\d+)?%", sentence[turned.end() :]):
        was = turned["was"] or turned["noun"]
        yield from _turned(sentence, was, turned.start(), turned.end())
    yield from _negated(sentence)


def _turned(sentence: str, was: str, start: int, end: int) -> Iterator[Change]:
    now = DIRECTIONS[was.lower()]
    if sentence[:start].endswith("an ") and not now.startswith(("a", "e", "i", "o", "u")):
        yield Change("negation", start - 2, end, f" {now}")
    elif sentence[:start].endswith((" a ", "A ")) and now.startswith(("a", "e", "i", "o", "u")):
        yield Change("negation", start - 1, end, f"n {now}")
    else:
        yield Change("negation", start, end, now)


def _negated(sentence: str) -> Iterator[Change]:
    verb = re.search(
        r"(?<=[a-z)] )(?:must|shall|will|should|is|are|was|were|can)(?= [a-z])", sentence
    )
    if verb is None or _NEGATED.search(sentence) or _CONDITION.search(sentence[: verb.end()]):
        return
    if re.match(r" (?:to|as|all|each|both|most|one|these|be at least)\b", sentence[verb.end() :]):
        return
    if verb.group() in ("is", "are", "was", "were") and re.search(r"\b(?:and|or)\b", sentence):
        return
    now = "cannot" if verb.group() == "can" else f"{verb.group()} not"
    yield Change("negation", verb.start(), verb.end(), now)


def obligation(sentence: str) -> Iterator[Change]:
    """`must` and `may`, `is required to` and `is permitted to`."""
    for pattern, now in (
        (r"\b(?:is|are) (?P<was>required)(?= to\b)", "permitted"),
        (r"\b(?:is|are) (?P<was>(?:permitted|allowed))(?= to\b)", "required"),
        (r"(?<=[a-z)] )(?P<was>must|shall)(?= (?!not\b|have\b|be\b|also\b)[a-z])", "may"),
        (r"(?<=[A-Za-z)] )(?P<was>may)(?= (?!not\b|have\b|be\b|also\b|or\b|well\b)[a-z])", "must"),
    ):
        match = re.search(pattern, sentence)
        if match and not re.search(r"\bnot\b|\bnor\b", sentence[: match.start()]):
            if _CONDITION.search(sentence[: match.start()]):
                continue
            yield Change("obligation", match.start("was"), match.end("was"), now)


def party(sentence: str) -> Iterator[Change]:
    """The role that acts, where its counterpart is not in the sentence; `You may` and `We may`."""
    subject = re.match(
        r"(?P<was>You|We)(?= (?:may|must|shall|will|can|agree|are|have|reserve|should)\b)", sentence
    )
    if subject:
        mine = subject["was"]
        other = r"\b(?:we|us|our)\b" if mine == "You" else r"\b(?:you|your)\b"
        if not re.search(other, sentence[subject.end() :], re.I):
            yield Change("party", 0, len(mine), "We" if mine == "You" else "You")
    for match in re.finditer(rf"\b(?P<was>{'|'.join(ROLES)})\b", sentence, re.I):
        was = match["was"]
        now = ROLES[was.lower()]
        once = len(re.findall(rf"\b{was}\b", sentence, re.I)) == 1
        article = re.search(r"\ban? $", sentence[: match.start()], re.I)
        if once and not article and not re.search(rf"\b{now}", sentence, re.I):
            yield Change("party", match.start(), match.end(), like(was, now))


def jurisdiction(sentence: str) -> Iterator[Change]:
    """The place whose law or courts are named."""
    if not re.search(r"\b(?:law|laws|courts?|jurisdiction|arbitration)\b", sentence, re.I):
        return
    places = "|".join(re.escape(place) for place in _PLACES)
    found = list(re.finditer(rf"(?<=\b(?:of|in) )(?P<was>{places})\b(?! [A-Z])", sentence))
    found += list(re.finditer(rf"(?<=\bState of )(?P<was>{places})\b", sentence))
    for match in found:
        if sentence.count(match["was"]) > 1:
            continue
        american = _PLACES.index(match["was"]) < 6
        now = next(
            place for place in (("New York", "Texas") if american else ("Switzerland", "Ireland"))
            if place not in sentence
        )  # fmt: skip
        yield Change("jurisdiction", match.start("was"), match.end("was"), now)


RULES: tuple[Rule, ...] = (
    notice_period, amount, period, obligation, negation, party, jurisdiction,
    swap("obligation", r"\b(?P<was>mandatory|optional)\b",
         {"mandatory": "optional", "optional": "mandatory"}),
)  # fmt: skip

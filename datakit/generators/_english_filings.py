"""English questions from filings: figures with their periods, causes, policies and facts."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator

from datakit.generators._asker import to_asker
from datakit.generators._context import Context, possessive
from datakit.generators._drafts import Draft
from datakit.generators._english_phrases import made, noun_phrase, small_start
from datakit.generators._english_terms import uses
from datakit.generators._verbs import third_person

# filings

_MONTHS = "January|February|March|April|May|June|July|August|September|October|November|December"
_ONE_PERIOD = (
    r"(?:(?:first|second|third|fourth) (?:fiscal )?quarter (?:of )?(?:fiscal )?(?:year )?20\d\d"
    r"|Q[1-4] (?:of )?(?:FY)?\s?20\d\d|fiscal (?:year )?20\d\d|YTD 20\d\d"
    r"|first (?:three|six|nine) months of (?:fiscal )?20\d\d"
    r"|(?:year|quarter|(?:three|six|nine|twelve) months|(?:\d\d|[a-z]+)-week period) ended (?:"
    + _MONTHS
    + r") \d{1,2}, 20\d\d"
    r"|(?:" + _MONTHS + r") \d{1,2}, 20\d\d|20\d\d)"
)
_PERIOD = re.compile(rf"\b{_ONE_PERIOD}\b", re.I)
# what a figure is compared with is not the period that it belongs to
_COMPARED = re.compile(
    r"\b(?:from|compared (?:to|with)|than|versus|vs\.?|over|(?:same|comparable) (?:period"
    r"|quarter) (?:of|in|last)"
    rf"|end of|by)\s+(?:the )?(?:\w+ ){{0,3}}?{_ONE_PERIOD}|\b(?:compared|versus|vs)\b.*",
    re.I,
)
# "from $48 million at December 31, 2017 to $50 million": the later date is asked for
_MOVED_FROM = re.compile(rf"\bfrom \$?\d[^;.]{{0,40}}? (?:at|in|as of) {_ONE_PERIOD},? to\b", re.I)
_MOVED = re.compile(
    r"^(?:our |the |total |worldwide |global )*(.{3,60}?) (increased|decreased|grew"
    r"|declined|rose|fell|dropped)\b(.*)",
    re.I | re.S,
)
_AMOUNT = re.compile(r"\$\s?\d|\d\s?%|\d (?:percent|million|billion)|\bpercent\b", re.I)
_BECAUSE = re.compile(
    r"\b(?:due to|driven by|as a result of|resulting from|reflecting|attributable to|because of)\b",
    re.I,
)
_LEVEL = re.compile(
    r"^(?:our |the )?(.{3,60}?) (was|were|totaled|totalled|amounted to|reached) "
    r"(?:approximately |about |a record )?\$?\d[\d.,]*\s?(?:%|percent|million|billion)"
    r"(?! (?:lower|higher|less|more|better|worse|above|below)\b)",
    re.I,
)
_BASE_MOVE = {
    "increased": "increase", "decreased": "decrease", "grew": "grow", "declined": "decline",
    "rose": "rise", "fell": "fall", "dropped": "drop",
}  # fmt: skip


@functools.lru_cache(maxsize=16)  # several rules look at each sentence
def period_of(text: str) -> str | None:
    """The period that a sentence reports on, with its preposition: "in Q2 2023"."""
    match = _PERIOD.search(_COMPARED.sub(" ", _MOVED_FROM.sub("to", text)))
    if not match:
        return None
    period = " ".join(match.group().split())
    if re.fullmatch(r"[A-Z]\w+ \d{1,2}, \d{4}", period):
        return f"as of {period}"
    if re.match(r"YTD", period, re.I):
        return f"in the first months of {period[-4:]}"
    if re.match(r"(?:Q\d|fiscal|20)", period, re.I):
        return f"in {period}"
    return f"in the {period}"


def _own_period(text: str, context: Context) -> str | None:
    """The period of a filing, for a sentence that names none."""
    date = context.date or ""
    if context.kind != "filing" or not re.fullmatch(r"\d{4}-\d\d-\d\d", date):
        return None
    if re.search(
        r"\b(?:19|20)\d\d\b|\b(?:months|weeks|year|fiscal|annual|expect|will|would|could|if)\b",
        text,
        re.I,
    ):
        return None
    month = _MONTHS.split("|")[int(date[5:7]) - 1]
    unit = {"10-Q": "quarter", "10-K": "year"}.get(context.label.upper()[:4])
    return f"in the {unit} ended {month} {int(date[8:])}, {date[:4]}" if unit else None


def time_in(text: str) -> str | None:
    """The first period that a text names, as written."""
    match = _PERIOD.search(text)
    return " ".join(match.group().split()) if match else None


def reported(text: str, context: Context) -> Iterator[Draft]:
    period = period_of(text) or _own_period(text, context)
    if not period or not context.issuer:
        return
    body = re.sub(r"^(?:in|during|for|as of) [^,]{4,60}, (?:\d{4}, )?", "", text, flags=re.I)
    moved = _MOVED.match(body)
    if moved and period.startswith("as of"):  # a stock moves up to a day, a flow over a period
        moved = moved if _MOVED_FROM.search(body) else None
        period = period.replace("as of", "by")
    if moved and _AMOUNT.search(moved[3]):
        noun = _measure(moved[1], context)
        base = _BASE_MOVE[moved[2].lower()]
        if noun and _BECAUSE.search(moved[3]):
            yield from made(
                f"why did {_owned(noun, context)} {base} {period}",
                f"why {_owned(noun, context)} {moved[2].lower()} {period}",
                "cause",
                2.0,
            )
        elif noun:
            yield from made(
                f"how much did {_owned(noun, context)} {base} {period}",
                f"how much {_owned(noun, context)} {moved[2].lower()} {period}",
                "amount",
                2.0,
            )
    level = _LEVEL.match(body)
    if level and (noun := _measure(level[1], context)):
        be = level[2].lower() if level[2].lower() in ("was", "were") else _be(noun)
        yield from made(
            f"what {be} {_owned(noun, context)} {period}",
            f"what {_owned(noun, context)} {be} {period}",
            "amount",
            1.8,
        )


def _be(noun: str) -> str:
    head = re.split(r" (?:of|for|from|in|to|on|used|provided|paid) ", noun)[0]
    return "were" if head.endswith("s") and not head.endswith("ss") else "was"


_NO_MEASURE = ("increase", "decrease", "change", "amount", "value", "decline", "growth", "result")


def _owned(noun: str, context: Context) -> str:
    """`Globex's net sales`; a noun that names the company stays as it is."""
    issuer = str(context.issuer)
    named = noun.lower().startswith(issuer.lower())
    return noun if named else f"{possessive(issuer)} {noun}"


def _measure(text: str, context: Context) -> str | None:
    noun = noun_phrase(
        re.sub(
            r"^(?:(?:our|company's|the)\s+)+|\s+(?:\w+ly|also|offered|sold)$",
            "",
            text.strip(" ,*•"),
            flags=re.I,
        ),
        6,
    )
    if (
        not noun
        or noun.lower().removesuffix("s") in _NO_MEASURE
        or re.fullmatch(
            r"(?:assets?|liabilit\w+|gains?|loss(?:es)?|items?|balances?|charges?|costs?"
            r"|adjustments?|contracts?|investments?|payments?|funds?)",
            noun.lower(),
        )
        or re.fullmatch(r"(?:\w+ )?(?:expense|value|fee|amount|rate|award|period)", noun.lower())
        or re.match(
            r"(?:certain|impact|effect|results?|amount|portion|cost$|any|balance of)\b", noun, re.I
        )
    ):
        return None
    return to_asker(small_start(noun, context), context, named=True)


_RISE = re.compile(
    r"^(?:the |an? |our )?(?P<how>increase|decrease|decline|growth|improvement|reduction)s? in "
    r"(?:our |the |total )*(?P<what>.{3,60}?)(?:,? (?P<when>in|during|for|as of) [^,]{4,60}?)?,? "
    r"(?:was|were|is|are|reflects?|resulted|primarily|due)\b(?P<why>.*)",
    re.I,
)
_DRIVEN = re.compile(
    r"^(?:our |the |total )*(?P<what>.{3,60}?) (?:was|were) (?:\w+ly )?(?:driven|impacted|affected"
    r"|offset|favorably impacted|unfavorably impacted) by\b",
    re.I,
)
_HURTS = re.compile(
    r"^(?P<what>.{6,70}?) (?:could|may|might|can|would) (?:have (?:an?|the) (?:\w+ )*(?:adverse"
    r"|negative|material)"
    r"(?: \w+)* (?:effect|impact) on|(?:\w+ly )*(?:and (?:\w+ly )*)?(?:affect|harm|impact|hurt"
    r"|damage|reduce|disrupt|impair|limit|delay)) ",
    re.I,
)
_CONSISTS = re.compile(
    r"^(?:our |the )?(?P<what>.{4,50}?) (?P<verb>consists?|is comprised|are comprised|includes?"
    r"|comprises?)"
    r"(?: (?:primarily|principally|mainly))?(?: of)? .{12,}",
    re.I,
)
_STATED = re.compile(r"statements|assessment|policies|discussion|report\b", re.I)
_MOVES = {
    "increase": "increase", "growth": "grow", "improvement": "improve",
    "decrease": "decrease", "decline": "decline", "reduction": "decrease",
}  # fmt: skip


def drivers(text: str, context: Context) -> Iterator[Draft]:
    """Why something moved, what it is made of, and what could harm the company."""
    if not context.issuer:
        return
    who = context.issuer
    period = period_of(text) or _own_period(text, context)
    rise = _RISE.match(text)
    if rise and period and (noun := _measure(rise["what"], context)):
        base = _MOVES[rise["how"].lower()]
        yield from made(
            f"why did {_owned(noun, context)} {base} {period}",
            f"why {_owned(noun, context)} {_past(base)} {period}",
            "cause",
            2.0,
        )
    driven = _DRIVEN.match(text)
    if driven and period and (noun := _measure(driven["what"], context)):
        yield from made(
            f"what affected {_owned(noun, context)} {period}",
            f"what affected {_owned(noun, context)} {period}",
            "cause",
            1.8,
        )
    hurts = _HURTS.match(text)
    if hurts and (noun := noun_phrase(re.sub(r"^(?:any|a|an|the|such) ", "", hurts["what"]), 8)):
        said = to_asker(small_start(noun.removeprefix("our "), context), context, named=True)
        yield from made(
            f"how could {said} affect {who}", f"how {said} could affect {who}", "risk", 1.6
        )
    made_of = _CONSISTS.match(text)
    noun = _measure(made_of["what"], context) if made_of else None
    if made_of and noun and len(noun.split()) > 1 and not _STATED.search(noun):
        many = _be(noun) == "were"
        verb = (
            "consist of"
            if made_of["verb"].lower() != "includes" and made_of["verb"].lower() != "include"
            else "include"
        )
        aux = "do" if many else "does"
        shown = verb if many else verb.replace("consist", "consists").replace("include", "includes")
        yield from made(
            f"what {aux} {_owned(noun, context)} {verb}",
            f"what {_owned(noun, context)} {shown}",
            "parts",
            1.6,
        )


def _past(base: str) -> str:
    return "grew" if base == "grow" else base + ("d" if base.endswith("e") else "ed")


_LOCATED = re.compile(r"^our ([\w' -]{4,50}?) (is|are) located (?:in|at) ", re.I)
_COUNT = re.compile(
    r"\bwe (?:had|employed|employ|operate|operated|own|owned|have) (?:a total of "
        r"|approximately |about |over |more than |nearly )*"
    r"([\d,]{1,9}|two|three|four|five|six) ((?:[a-z-]+ ){0,2}(?:employees|stores"
        r"|restaurants|segments|facilities|people|countries|franchisees|locations|team members"
        r"|reportable segments|patents|aircraft|vehicles))(?=[,.;:]|$| (?:in|across|worldwide"
        r"|at|as of|globally|with|and|around|of)\b)", re.I
)  # fmt: skip
_RIVALS = re.compile(
    r"\bwe compete (?:\w+ )?(?:with|against)\b|\bour (?:\w+ )?competitors include\b", re.I
)


def company(text: str, context: Context) -> Iterator[Draft]:
    if not context.issuer:
        return
    who, own = context.issuer, possessive(context.issuer)
    located = _LOCATED.match(text)
    if located and (noun := noun_phrase(located[1], 5)):
        yield from made(
            f"where {located[2].lower()} {_owned(noun, context)} located",
            f"where {_owned(noun, context)} {located[2].lower()} located",
            "fact",
            1.8,
        )
    count = _COUNT.search(text)
    if count:
        yield from made(
            f"how many {count[2].lower()} does {who} have",
            f"how many {count[2].lower()} {who} has",
            "amount",
            2.0,
        )
    if _RIVALS.search(text):
        yield from made(f"who are {own} competitors", f"who {own} competitors are", "fact", 1.9)


_RECOGNISE = re.compile(
    r"^we (recogni[sz]e|measure|account for|estimate|determine|value|depreciate|amorti[sz]e"
        r"|classify|calculate|compute"
    r"|assess|evaluate|test|manage|fund) (.{4,70}?) (?:when|at|using|based|by|over|as|on"
        r"|under|in accordance|through|for impairment)\b", re.I
)  # fmt: skip
_RECORDED = re.compile(
    r"^(.{4,60}?) (is|are) (?:\w+ly )?(recorded|recogni[sz]ed|measured|depreciated"
        r"|amorti[sz]ed|valued|stated|carried|calculated"
    r"|computed|determined|accounted for|classified|estimated|translated|tested) (?:at"
        r"|using|over|when|on|by|as|under|based|in accordance)\b", re.I
)  # fmt: skip
_EXPECT = re.compile(
    r"^(?:for [^,]{3,20}, )?we (?:currently |still )?(?:expect|anticipate|estimate)"
    r"(?: that)? (?:our )?(.{4,60}?) (?:to be|will be|of) (?:\w+ ){0,4}\$?\d",
    re.I,
)


def policy(text: str, context: Context) -> Iterator[Draft]:
    if not context.issuer:
        return
    who = context.issuer
    treats = _RECOGNISE.match(text)
    noun = noun_phrase(treats[2].replace("our ", ""), 7) if treats else None
    if treats and noun and not re.fullmatch(r"(?:the|an?) \w+", noun):  # "the allowance": which?
        verb, said = treats[1].lower(), to_asker(small_start(noun, context), context, named=True)
        first, _, rest = verb.partition(" ")
        shown = f"{third_person(first)} {rest}".strip()
        yield from made(f"how does {who} {verb} {said}", f"how {who} {shown} {said}", "policy", 1.7)
    kept = _RECORDED.match(text)
    if kept and (noun := _measure(kept[1], context)):
        done = "valued" if kept[3].lower() in ("stated", "carried") else kept[3].lower()
        be = kept[2].lower()
        yield from made(
            f"how {be} {_owned(noun, context)} {done}",
            f"how {_owned(noun, context)} {be} {done}",
            "policy",
            1.6,
        )
    expected = _EXPECT.match(text)
    period = period_of(text)
    if expected and period and (noun := noun_phrase(expected[1], 7)):
        said = to_asker(noun, context, named=True)
        yield from made(
            f"what does {who} expect its {said} to be {period}",
            f"what {who} expects its {said} to be {period}",
            "outlook",
            1.9,
        )
    if re.match(r"we (?:may )?use\b", text, re.I):
        yield from uses(re.sub(r"^we (?:may )?", "", text, flags=re.I), context)

"""English phrases cut out of sentences, and what makes a question of one presentable."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from datakit.generators._context import Context
from datakit.generators._drafts import Draft
from datakit.generators._latin import FUNCTION
from datakit.generators._verbs import base_of, is_base
from datakit.generators._words import word_set

Rule = Callable[[str, Context], Iterator[Draft]]

_MAX_WORDS = 19
_MIN_WORDS = 4

# --- cutting -----------------------------------------------------------------------------------

_CUT = re.compile(
    r"(?<!\b[A-Z])\.(?=\s|$)|[;:—]|(?<!\d)–|\s-\s|,?\s(?:if|unless|except|provided|so long as"
    r"|as long as|because|since"
    r"|although|though|while"
    r"|whereas|pursuant to|in accordance with|as (?:described|set|provided|specified|permitted"
    r"|required|outlined|follows|defined|stated|necessary|well as|may be|part of|otherwise)|"
    r"including|such as|e\.g|i\.e|for example|in each case|to the (?:maximum |fullest )?extent"
    r"|solely|under (?:this|these)|where|by \w+ing|upon|in order to|so that|even if|in the event"
    r"|in which case|in connection with|and (?:you|we|that|to|will|may|must|shall|is|are"
    r"|has|have|do|does)|but|or (?:you|we)"
    r"|at (?:our|its) (?:sole |own )?discretion|in our sole)\b"
)
_RESTRICTIVE = re.compile(r"\s(?:that|which|who|whom|whose|when|after|before|until|prior to)\b")
DANGLING_END = re.compile(
    r"\b(?:to|of|for|in|on|at|by|with|from|and|or|the|a|an|any|your|our|its|my|as|than|into|upon"
    r"|about|that|which|who|not|be|is|are|was|were|such|all|other|under|through|per|via|each"
    r"|whether|no|more|less|only|also|these|this|between|against|without|within|including|both"
    r"|certain|relevant|applicable|following|additional|either|thereby|therefore|if|when)$",
    re.I,
)
_BAD = re.compile(
    r"\b(?:herein\w*|hereof|hereto|hereunder|thereof|thereto|therein|aforementioned|foregoing"
    r"|above|below|the following|said|section|clause|exhibit|paragraph|schedule|figure|fig|table"
    r"|article \d|such|these purposes|this purpose|respectively|e\.g|i\.e|etc|latter|former|https?"
    r"|and/or|these|those|doing so|do so|any other reasons?|www|herewith|set forth|in this|they"
    r"|them|their|it does|former|above-mentioned|page)\b"
    r"|\b(?:many|some|most|one|any|certain|all|each) of (?:the service\b|(?-i:[A-Z]))"
    r"|\b(?:by|to|from|with|of|for|on) it$|\w+s'$"
    r"|[{}<>|=_#*@\\]|\d{5,}|\b(\w+) \1\b|\bthis\b(?! (?:way|year|month|time))",
    re.I,
)


def cut(text: str, limit: int = 12) -> str | None:
    """The start of a clause up to where it may end; None where it cannot be cut in time."""
    text = re.split(r"\s\((?:i|a|1|A)\)\s", text)[0]
    text = re.sub(r"\s*\((?:[^()]|\([^()]*\))*\)", "", text)
    match = _CUT.search(text, 1)
    text = text[: match.start()] if match else text
    text = _first_of_series(text)
    whole = text
    words = text.split()
    if len(words) > limit:
        later = _RESTRICTIVE.search(text)
        comma = text.find(",")
        ends = [
            end
            for end in (
                later.start()
                if later
                and later.group().split()[0] in ("when", "after", "before", "until", "prior")
                else -1,
                comma,
            )
            if end > 0
        ]
        if not ends:
            return None
        text = text[: min(ends)]
    elif "," in text and not re.search(r",[^,]+\b(?:and|or)\b", text):
        text = text[: text.find(",")]
    rest = whole[len(text) :]
    if re.match(r"(?:,[^,]{2,30}){0,6},? (?:and|or|&) ", rest) and rest.startswith(","):
        return None  # cut inside a series
    text = _EMPTY_TAIL.sub("", text.strip(" ,"))
    if _OPEN_CLAUSE.search(text):
        return None
    if len(text.split()) > limit or DANGLING_END.search(text) or text.count('"') % 2:
        return None
    return text


_EMPTY_TAIL = re.compile(
    r"\s(?:in|for|from) (?:(?:a|the) )?(?:several|various|many|different|multiple|number of"
    r"|variety of)(?: \w+){0,2} (?:ways|reasons|purposes|sources|circumstances)$",
    re.I,
)
# "any incident that involves": cut off in front of the object
_OPEN_CLAUSE = re.compile(
    r"\b(?:that|which|who)(?: (?!you|we|I|they|it)\w+)? \w+s$|\bthat it \w+s?$"
)


def _first_of_series(text: str) -> str:
    """`copy the Software` of `copy, modify, or sell the Software`."""
    series = re.match(r"(\w+)((?:, \w+)+),? (?:and|or|and/or) (?:otherwise )?(\w+) (.+)", text)
    if series and is_base(series[1].lower()) and is_base(series[3].lower()):
        return f"{series[1]} or {series[3]} {series[4]}"
    return text


def verb_phrase(text: str, limit: int = 12) -> str | None:
    """A phrase that starts with the base form of a verb and has an object of some weight."""
    text = re.sub(
        r"^(?:(?:also|only|not|then|\w+ly|at any time|always|never|still)[, ]+)+", "", text
    )
    phrase = cut(text, limit)
    if phrase is None:
        return None
    words = phrase.lower().split()
    if (
        len(words) < 2
        or not is_base(words[0])
        or words[0] in _NOT_ASKED
        or words[1] in ("more", "it", "them")
    ):
        return None
    if words[0] in _MAKES_DO and " to " not in phrase and " to " in text[len(phrase) :]:
        return None  # "instruct your browser, by its options, | to refuse cookies"
    if _WHICH_DATA.search(phrase):
        return None
    phrase = _ANY_PLURAL.sub("", re.sub(r"\bcertain (?=\w)", "", phrase))
    rest = [word for word in words[1:] if word not in FUNCTION | VAGUE and base_of(word) != "be"]
    return phrase if rest else None


_MAKES_DO = word_set(
    "instruct ask allow tell set configure request direct cause enable require permit authorize"
)
_WHICH_DATA = re.compile(
    r"\bthe (?:information|data|content|materials?)\b"
    r"(?! (?:of|about|that|on|in|i|you|we|from|provided))",
    re.I,
)
_ANY_PLURAL = re.compile(r"\b(?:any and all|any|all) (?:other )?(?=(?:[a-z-]+ )?[a-z]{3,}s\b)")
# what is meant or hoped for is not asked for
_NOT_ASKED = word_set(
    """
    let contain include try seek believe strive aim endeavor endeavour encourage value hope want
    intend wish acknowledge understand represent warrant recommend suggest respect appreciate
    """
)
VAGUE = word_set(
    """
    information data content service services thing things right rights changes change terms
    policy agreement site website liability law laws behalf respect accordance account
    """
)


NOUN_PHRASE_STOP = re.compile(
    r"\b(?:is|are|was|were|be|been|has|have|had|will|may|can|could|should|would|do|does|did|that"
    r"|which|who|it|this|these|those|they|there|we|our|us|i|he|she|such|if|when|while|although"
    r"|however|not|both|each|some|other|another|its|their|one|all|most|many|then|so|as|than|thus"
    r"|here|since|because|whether|even|only)\b|[,;:()\[\]\"“”%$=<>]|\b\d+\b",
    re.I,
)


def noun_phrase(text: str, limit: int = 6) -> str | None:
    """The text where it looks like one noun phrase without clause, pronoun or number."""
    text = text.strip()
    words = text.split()
    if not 1 <= len(words) <= limit or NOUN_PHRASE_STOP.search(text) or DANGLING_END.search(text):
        return None
    if any(word.lower() in _FINITE for word in words):
        return None
    return text


_FINITE = word_set(
    """
    suggests suggest shows show showed indicates indicate found find finds reported using
    including based compared due according
    """
)


def finish(question: str) -> str | None:
    """The question with its capital and mark; None where it does not read as one."""
    question = " ".join(question.split()).strip(" ,.;")
    n = len(question.split())
    if not _MIN_WORDS <= n <= _MAX_WORDS or _BAD.search(question) or DANGLING_END.search(question):
        return None
    if question.count("(") or question.count(")") or sum(map(str.isdigit, question)) > 8:
        return None
    return question[0].upper() + question[1:] + "?"


def who_of(context: Context) -> str:
    return context.issuer or "the company"


def made(
    question: str,
    indirect: str,
    pattern: str,
    weight: float = 1.0,
    grade: int = 3,
    need: str | None = None,
) -> Iterator[Draft]:
    done = finish(question)
    if done:
        yield Draft(done, indirect, pattern, grade, weight, need)


def the_law(context: Context) -> str:
    """`the Geothermal Steam Act`, `H.R. 1079`: the law as it stands in a question."""
    numbered = re.match(r"(?:H|S)\.|(?:Regulation|Directive|Decision|Public Law)\b", context.topic)
    return context.topic if numbered else f"the {context.topic.removeprefix('the ')}"


_TELLS_NAME = re.compile(
    r"(?:\w+ly )?(?:notify|inform|contact|pay|indemnify|tell|email) (?!I\b)[A-Z]\w+"
)


def placed(phrase: str, context: Context) -> str:
    """A phrase of the asker with the service or law in it, so that the question stands alone."""
    if context.kind == "law":
        told = context.topic and context.topic.lower() not in phrase.lower()
        return f"{phrase} under {the_law(context)}" if told else phrase
    issuer = context.issuer
    if _TELLS_NAME.match(phrase):
        return phrase
    if not issuer or issuer.split()[0].lower() in re.findall(r"[\w.&-]+", phrase.lower()):
        return phrase
    account = re.search(
        r"\bmy (account|subscription|membership|profile|order|plan|password|purchase)", phrase
    )
    if account:
        return phrase.replace(account.group(), f"my {issuer} {account.group(1)}", 1)
    return f"{phrase} on {issuer}"


def small_start(noun: str, context: Context) -> str:
    first = noun.split(maxsplit=1)[0]
    named = first in context.names or not first[1:].islower()
    return noun if named and first.lower() not in ("a", "an") else noun[0].lower() + noun[1:]


# --- sentences --------------------------------------------------------------------------------

_LEAD = re.compile(
    r"^(?:(?:however|additionally|in addition|furthermore|moreover|accordingly|therefore"
        r"|for example"
    r"|for instance|in some cases|in certain cases|in general|generally|similarly|also"
        r"|finally|again"
    r"|thus|hence|consequently|as a result|note that|please note(?: that)?|please be aware that"
    r"|in particular|specifically|overall|in contrast|by contrast|instead|otherwise|further|first"
    r"|second|third|importantly|notably|interestingly|indeed|in fact|in short|in summary"
    r"|from time to time|in such cases?|in this case|to be clear|you (?:agree|acknowledge"
        r"|understand)"
    r"(?: and (?:agree|acknowledge|understand))? that)[,:]?\s+)+",
    re.I,
)  # fmt: skip
ENUMERATOR = re.compile(
    r"^\s*(?:[•·▪●◦*–—-]\s*|\(?(?:[ivxlc]{1,5}|[a-z]|\d{1,3})[.)]\s+|\d+(?:\.\d+)+\.?\s+"
    r"|§+\s*\d+\s*)+",
    re.I,
)


def plain(sentence: str) -> str:
    """A sentence without enumerator, leading adverb and final mark, with straight quotes."""
    text = " ".join(sentence.split())
    text = ENUMERATOR.sub("", text)
    text = re.sub(r"^\d{1,2}\s?(?=[A-Z][a-z])", "", _LEAD.sub("", text))  # the mark of a footnote
    return text.rstrip(" .;:!").replace("’", "'").replace("‘", "'")

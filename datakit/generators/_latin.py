"""Words, chunks and keyword queries in languages that put blanks between words.

There is no tagger: a chunk is a run of words between function words, verbs and punctuation marks
(as in RAKE), joined over "of" and its like, and freed of words that cannot stand at its edge.
"""

from __future__ import annotations

import functools
import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from datakit.generators._context import Context
from datakit.generators._verbs import BASE, NOUNS, WEAK, base_of
from datakit.generators._words import word_set
from datakit.text import stop_words

# what English leaves out of a keyword query; our own list
FUNCTION = word_set(
    """
    a about above and/or according accordingly across additional additionally after again
    against all almost along already also alternatively although always am among an and another
    any anyone anything are aren't around as at available be because been before behind being
    below besides best better between beyond both but by can can't cannot certain certainly
    consequently could did didn't do does doesn't doing don't done due during each e.g e.g. eg
    either else elsewhere enough especially etc etc. even ever every everyone everything example
    except far few finally first for from further furthermore generally given had has have
    having he hence her here hereby herein hereof hereto hereunder herself him himself his how
    however i i.e i.e. if in indeed instead into is isn't it its itself just last later latter
    least less let likely made mainly make makes making many may maybe me mere merely might
    moreover more most mostly much must my myself namely near nearly necessary need neither
    never nevertheless next no non none nor not nothing now of off often on once one ones only
    onto or other others otherwise ought our ours ourselves out over overall own particular
    particularly per perhaps please possible possibly previously primarily prior probably
    provided quite rather really regarding relatively respective respectively same second see
    set several shall she should similar similarly simply since so solely some someone something
    sometimes soon specific specifically still such sufficient than that the thee their theirs
    them themselves then there thereafter thereby therefore therein thereof thereto these they
    third this those though three through throughout thus till to together too turn toward towards
    two typically under unless unlike until up upon us usually various versus very via was
    wasn't we well were weren't what whatever when whenever where whereas whereby wherein
    wherever whether which whichever while who whoever whole whom whose why will with within
    without won't would yes yet you you'll you're you've your yours yourself yourselves we'll
    we're we've it's that's there's including include includes included following follows follow
    foregoing applicable relevant appropriate reasonable reasonably extent purpose purposes
    order case cases event manner means respect connection relation accordance pursuant subject
    regard basis behalf addition result agree agrees acknowledge understand understands ensure
    described forth outlined mentioned listed stated shown used using use uses based related
    relating concerning associated able directly indirectly immediately promptly currently
    recently approximately significantly expressly explicitly automatically fully part parts
    number amount way ways thing things kind type types variety range different new general main
    major important examples instance like well-known said aforementioned figure fig table
    section sections article paragraph clause et al cent four five six seven eight nine ten
    eleven twelve fifteen twenty thirty forty fifty hundred thousand million billion half thirds
    fifths dozen
    """
)
_LINKS = {
    "en": frozenset({"of"}), "fr": frozenset({"de", "du", "des", "d'"}),
    "es": frozenset({"de", "del"}), "it": frozenset({"di", "del", "della", "dei"}),
    "pt": frozenset({"de", "do", "da", "dos"}), "nl": frozenset({"van"}),
}  # fmt: skip
# words of contracts that are written with a capital and are no names
_DEFINED = word_set(
    """
    account accounts agreement agreements affiliate affiliates app application applications
    community company conditions confidential content contract customer customers data device
    effective end fee fees guidelines information intellectual law laws license licence member
    members notice order orders owner parties party partner partners personal plan platform
    policies policy privacy product products program property provider purchase rights seller
    sellers service services site sites software subscription subscriptions term terms third
    user users visitor visitors website websites work works contributor contributors
    """
)
# an adjective or participle that wants a noun behind it
UNFINISHED = word_set(
    """
    adequate any certain common commercial different early entire existing external full further
    great greater high higher internal large larger legal limited low lower main minimum maximum
    multiple necessary official original other overall own potential present previous primary
    public real recent relevant responsible same separate short significant similar small
    special specific strong total unique valid various whole wide general based caused due
    performed arising available probable outstanding foreign online offline year held deemed
    independent liable true false located enforceable anywhere personally aware current actual
    additional conducted obtained considered observed received given made provided required
    subject central identical annual monthly daily owned positive
    negative supplementary safe complex prior due initial final
    """
)
_TOKEN = re.compile(
    r"(?P<url>(?:https?://|www\.)\S+|\S+@\S+\.\w+|\b[\w-]+\.(?:com|org|net|io|eu|de|fr)\b\S*)"
    r"|(?P<money>[$€£¥]\s?\d[\d.,]*(?:\s?(?:million|billion|thousand|[mbk])\b)?)"
    r"|(?P<number>\d+(?:[.,]\d+)*\s?%?(?![\w]))"
    r"|(?P<elision>(?:[cdjlmnst]|qu|jusqu|lorsqu|puisqu)['’](?=\w))"
    r"|(?P<word>[^\W_](?:(?:[\w'’&+.-]|/(?=[A-Z]))*[\w+])?)"
    r"|(?P<mark>[^\w\s])",
    re.I,
)

_WORD = re.compile(r"[^\W\d_](?:[\w'’&+.-]*[\w+])")  # two characters and more, no number
_UNITS = word_set(
    """
    day days hour hours week weeks month months year years minutes
    """
)
_OTHER_CONNECTORS = {
    "fr": frozenset(["à", "pour", "par", "avec", "en", "sur", "et", "ou"]),
    "de": frozenset(["und", "oder", "für", "mit", "von", "bei", "zur", "zum"]),
    "es": frozenset(["a", "para", "por", "con", "en", "y", "o"]),
    "it": frozenset(["a", "per", "con", "in", "e", "o"]),
}
_YEAR = re.compile(r"(?:19|20)\d\d")
_DETERMINERS = word_set(
    """
    the a an our your its their his her my this that these those such any all each every both
    certain other same
    """
)
_LY = word_set(
    """
    anomaly annually assembly daily family friendly italy july monopoly monthly multiply
    quarterly reply supply weekly yearly apply comply rely
    """
)
CONNECTORS = word_set(
    """
    in for to with from by and or on at under between against without within via per during
    after before about among
    """
)
# kinds of tokens: content, verb, link inside a chunk, connector between chunks, determiner,
# anything else
CONTENT, VERB, LINK, CONNECTOR, DETERMINER, OTHER = "CVLKDO"


@dataclass(frozen=True, slots=True)
class Chunk:
    """Words that belong together, as they would be typed."""

    words: tuple[str, ...]
    at: int  # position of its first token in the sentence
    end: int  # position after its last token
    is_verb: bool = False  # its first word is a verb, the others its object

    @property
    def text(self) -> str:
        return re.sub(r"(\w['’]) ", r"\1", " ".join(self.words))


@dataclass(frozen=True, slots=True)
class Sentence:
    """The tokens of a sentence with their kinds, and its chunks."""

    tokens: tuple[tuple[str, str], ...]  # kind, token
    chunks: tuple[Chunk, ...]


@functools.cache
def function_words(language: str) -> frozenset[str]:
    """Words that carry no topic."""
    if language in ("en", ""):
        return FUNCTION
    return stop_words(language) | frozenset({"s", "l", "d", "c", "j", "n", "qu"})


def is_defined_word(low: str) -> bool:
    """Whether contracts write the word with a capital although it is no name."""
    return low in _DEFINED or stem(low) in _DEFINED


@functools.lru_cache(maxsize=200_000)
def stem(word: str) -> str:
    """A word as it is counted: lower case, no plural s, no possessive."""
    low = word.lower().removesuffix("'s").removesuffix("’s")
    if len(low) > 4 and low.endswith("ies"):
        return low[:-3] + "y"
    return low[:-1] if len(low) > 3 and low.endswith("s") and low[-2] not in "su" else low


def content_stems(text: str, language: str) -> list[str]:
    """Stems of the words that carry a topic, in order."""
    stop = function_words(language)
    return [stem(word) for word in _WORD.findall(text) if word.lower() not in stop]


def passage_weights(stems: Iterable[str], idf: Mapping[str, float]) -> dict[str, float]:
    """TF-IDF of the stems of one passage: idf · (1 + ln tf)."""
    return {
        word: idf.get(word, 1.0) * (1 + math.log(count)) for word, count in Counter(stems).items()
    }


# --- sentences into chunks ---------------------------------------------------------------------


def parse(sentence: str, context: Context) -> Sentence:
    """The tokens of a sentence with their kinds, and its chunks in order."""
    found = [(m.lastgroup or "", m.group()) for m in _TOKEN.finditer(sentence)]
    kinds = [_kind(found, i, context.language) for i in range(len(found))]
    for i, kind in enumerate(kinds):
        if kind == "?":
            kinds[i] = _verb_kind(found, kinds, i)
    tokens = tuple(zip(kinds, (token for _, token in found), strict=True))
    return Sentence(tokens, tuple(_chunks(tokens, context)))


def _kind(found: Sequence[tuple[str, str]], i: int, language: str) -> str:
    """The kind of a token by itself; `?` for what may be a verb."""
    group, token = found[i]
    low = token.lower().replace("’", "'")
    if group == "number":
        after = found[i + 1][1].lower() if i + 1 < len(found) else ""
        return CONTENT if _YEAR.fullmatch(token) or after in _UNITS else OTHER
    if low in _LINKS.get(language or "en", ()):
        return LINK
    if group != "word":
        return OTHER
    joint = _joint(low, language)
    if joint:
        return joint
    if not _carries_topic(found, i, low, language):
        return OTHER
    english = language in ("en", "")
    return "?" if english and (i == 0 or token == low) and _may_be_verb(low) else CONTENT


def _joint(low: str, language: str) -> str:
    """Whether a word joins others: determiner or connector; "" for neither."""
    if language not in ("en", ""):
        return CONNECTOR if low in _OTHER_CONNECTORS.get(language, ()) else ""
    return DETERMINER if low in _DETERMINERS else CONNECTOR if low in CONNECTORS else ""


def _carries_topic(found: Sequence[tuple[str, str]], i: int, low: str, language: str) -> bool:
    token = found[i][1]
    before = found[i - 1] if i else ("mark", "")
    if low in _UNITS:
        return before[0] == "number"
    if low == "time":  # "lysis time" is a term, "at any time" is none
        return before[0] == "word" and before[1].lower() not in FUNCTION
    if _is_verb_form(token, language, found[i + 1][1] if i + 1 < len(found) else ""):
        return False
    if low in function_words(language) or (len(token) == 1 and not token.isupper()):
        return False
    adverb = low.endswith("ly") and low not in _LY and len(low) > 4
    return not (adverb and language in ("en", ""))


def _may_be_verb(low: str) -> bool:
    base = base_of(low)
    return base is not None and not (base in NOUNS and low in (base, base + "s"))


_FRENCH_VERB = re.compile(r"(?:ez|[^i]ons|aient|r(?:a|ont|ait))$")


def _is_verb_form(token: str, language: str, after: str) -> bool:
    """Whether a word of French or German is a verb, as far as its ending or its case can tell.

    German nouns have a capital: a small word counts only in front of one.
    """
    if language == "fr":
        return len(token) > 4 and token == token.lower() and bool(_FRENCH_VERB.search(token))
    return language == "de" and token == token.lower() and not after[:1].isupper()


def _verb_kind(found: Sequence[tuple[str, str]], kinds: Sequence[str], i: int) -> str:
    """A participle in front of a noun is part of the phrase; any other form is a verb."""
    low = found[i][1].lower()
    before = kinds[i - 1] if i else OTHER
    after = kinds[i + 1] if i + 1 < len(kinds) else OTHER
    participle = low.endswith(("ed", "ing")) or low in ("known", "given", "paid", "held", "made")
    if participle and before != CONTENT and after == CONTENT:
        return CONTENT
    if low.endswith("ing") and before != CONTENT and base_of(low) not in WEAK:
        return CONTENT
    return VERB


def _chunks(tokens: Sequence[tuple[str, str]], context: Context) -> Iterable[Chunk]:
    """Noun phrases, those right behind a verb together with it: "terminate account"."""
    verb: tuple[str, int] | None = None
    i = 0
    while i < len(tokens):
        kind, token = tokens[i]
        if kind == CONTENT:
            words, end = _phrase(tokens, i, context)
            yield from _tidy(words, i, end, context.language, verb)
            verb, i = None, end
            continue
        if kind == VERB:
            verb = (token.lower(), i) if _says_something(tokens, i, context) else None
        elif kind != DETERMINER:
            verb = None
        i += 1


def _says_something(tokens: Sequence[tuple[str, str]], i: int, context: Context) -> bool:
    """Whether a verb is worth a word: a base form that says what may be done."""
    word = tokens[i][1].lower()
    return context.kind in ("terms", "law") and word in BASE and word not in WEAK


def _phrase(tokens: Sequence[tuple[str, str]], i: int, context: Context) -> tuple[list[str], int]:
    """The words of the noun phrase that starts at token i, and where it ends."""
    words: list[str] = []
    links = _LINKS.get(context.language or "en", ())
    while i < len(tokens):
        kind, token = tokens[i]
        if kind == CONTENT:
            words.append(_cased(tokens, i, context))
        elif kind == LINK and _links_on(tokens, i):
            words.append(token.lower())
        elif not (kind == DETERMINER and words[-1] in links):
            break
        i += 1
    return words, i


def _links_on(tokens: Sequence[tuple[str, str]], i: int) -> bool:
    """Whether a noun follows the link, determiners between them left out."""
    while i + 1 < len(tokens) and tokens[i + 1][0] == DETERMINER:
        i += 1
    return i + 1 < len(tokens) and tokens[i + 1][0] == CONTENT


def _cased(tokens: Sequence[tuple[str, str]], i: int, context: Context) -> str:
    """The word as it would be typed: names and acronyms as they are, all else lower case."""
    word = tokens[i][1]
    low = word.lower()
    if word == low or not word[0].isalpha():
        return word
    small = low in context.lower or stem(low) in context.lower or low + "s" in context.lower
    small = small or stem(low) in _DEFINED or low in _DEFINED
    if word.isupper():
        # an acronym is short and never written small
        return low if word.isalpha() and (small or len(word) > 5) else word
    if any(char.isupper() for char in word[1:]) or context.language == "de":
        return word
    named = (i + 1 < len(tokens) and tokens[i + 1][1][:1].isupper()) or word in context.names
    return low if small or (i == 0 and not named) else word


def _tidy(
    run: Sequence[str], start: int, end: int, language: str, verb: tuple[str, int] | None
) -> Iterable[Chunk]:
    """Without links and unfinished words at its edges; of a long run the last four words."""
    links = _LINKS.get(language or "en", frozenset())
    words = list(run)
    while words and (words[-1] in links or _is_unfinished(words[-1], len(words), language)):
        words.pop()
    if len(words) > 5:
        words, verb = words[-4:], None
    while words and (words[0] in links or (len(words) == 1 and words[0].lower() in UNFINISHED)):
        words.pop(0)
    if len(words) < 2 and not (words and words[0][0].isalpha() and len(words[0]) > 1):
        return
    if len({stem(word) for word in words}) < len(words):
        return
    if verb:
        yield Chunk((verb[0], *words), verb[1], end, is_verb=True)
    else:
        yield Chunk(tuple(words), start, end)


NOUN_ING = word_set(
    """
    accounting advertising aging banking billing binding breeding building clearing coding
    computing counseling engineering filing financing funding gaming hearing hosting housing
    imaging learning lending licensing listing manufacturing marketing meeting messaging mining
    modelling modeling monitoring offering outsourcing packaging parking phishing planning
    posting pricing printing processing profiling programming publishing rating reporting
    roaming saving scheduling screening sequencing setting sharing shipping shopping spending
    streaming tailoring targeting testing timing tracking trading training typing understanding
    warning wording writing morning evening string thing spring ring king wing
    """
)
_NOUN_ABLE = frozenset(
    ["receivable", "payable", "variable", "table", "cable", "vegetable", "consumable", "wearable"]
)


def _is_unfinished(word: str, n_words: int, language: str) -> bool:
    """Whether a word cannot end a phrase: an adjective, or a participle that goes on."""
    low = word.lower()
    if low in UNFINISHED:
        return True
    if language not in ("en", "") or word != low:
        return False
    if n_words > 1 and low.endswith("ing") and low not in NOUN_ING:
        return True
    ends = low.endswith(("able", "ible", "ful", "ous", "less", "ively"))
    return ends and stem(low) not in _NOUN_ABLE and len(low) > 5


FINITE = word_set(
    """
    is are was were be been has have had will may can must shall should would could do does did
    cannot est sont a ont peut peuvent doit doivent sera seront isn't aren't don't doesn't won't
    can't
    """
)


# "means the", "uses a": a word that may be a plural is a verb where a determiner follows it
_VERB_OBJECT = re.compile(
    r"\b[a-z]+s (?:the|an?|any|all|that|your|our|its|their|how|when|whether)\b"
)


def has_verb(sentence: str) -> bool:
    """Whether an English sentence holds a finite verb, as far as a list can tell."""
    words = sentence.lower().split()
    if not FINITE.isdisjoint(words):
        return True
    if _VERB_OBJECT.search(sentence):
        return True
    bare = (word.strip(".,;:()") for word in words[1:])
    return any(
        base_of(word) not in NO_VERB or (word.endswith("ed") and base_of(word)) for word in bare
    )


NO_VERB: frozenset[str | None] = NOUNS | {None}

"""English questions by inversion: "refunds may be delayed" becomes "can refunds be delayed?"."""

from __future__ import annotations

import re
from collections.abc import Iterator

from datakit.generators._asker import to_asker
from datakit.generators._context import Context
from datakit.generators._drafts import Draft
from datakit.generators._english_phrases import cut, made, placed, small_start
from datakit.generators._latin import FUNCTION
from datakit.generators._latin_phrases import COMMON
from datakit.generators._verbs import NOUNS, base_of, is_base
from datakit.generators._words import word_set

_AUXILIARY = re.compile(
    r"^(?P<subject>(?:[\w'&/-]+ ){1,9}?)(?P<aux>may|can|could|will|must|should|shall|is|are)"
    r"(?P<negated> not|not)? (?P<rest>.+)$",
    re.I,
)
_ASKS_WITH = {"may": "can", "shall": "will", "could": "could", "must": "must"}
_PRONOUNS = word_set(
    """
    once wherever whereas
    yet i you we he she it they this that these those there here who which what
    such none each either neither both all any some one another other others many most nothing
    anything everything someone anyone everyone nobody if when while where because although
    though whether since unless until as not no please see for in on at by to with from under
    upon during before after without within however therefore and or but so thus also then than
    above below following foregoing former latter respective said its their his her them us
    """
)
_NO_SUBJECT = word_set(
    """
    terms term agreement policy notice section sections use access information purpose purposes
    reason reasons example examples goal aim process result results following statement document
    provision provisions clause rest list case way ways services service content site website
    company parties party data policy's page things thing step steps fact
    """
)
_NO_REST = re.compile(
    r"^(?:(?:\w+ly |also |only |then |otherwise )*)(?:as follows|set forth|subject to"
    r"|governed by|deemed"
    r"|made up|described|defined|listed|set out|outlined|in addition|considered|located at|at http"
    r"|incorporated|intended to be|not limited|based on the foregoing|for informational|because"
    r"|that"
    r"|to |one of the|part of|an? (?:example|part|result|number)|the (?:following|same))\b",
    re.I,
)

_RULED = re.compile(
    r"(?:\w+ly )?(?:prohibited|permitted|allowed|forbidden|required|available|included|optional"
    r"|mandatory|free|encrypted|stored|deleted|shared|charged)\b",
    re.I,
)


# "the reimbursements may be credited", "the requirements of that body": which?
_SAID_BEFORE = re.compile(r"^[Tt]he (?![A-Z])|\b(?:that|such) (?:[a-z]+)(?: |$)(?<!that is )")
# "ads may never target", "smoking is prohibited"
_BARS = re.compile(
    r"(?:never|only)\b|(?:\w+ly )?(?:prohibited|permitted|allowed|forbidden|required)\b", re.I
)


def inverted(text: str, context: Context) -> Iterator[Draft]:
    """Yes-or-no questions about a noun: what may, must, will or does happen to it."""
    match = _AUXILIARY.match(text)
    if not match:
        return
    subject = match["subject"].strip()
    aux = match["aux"].lower()
    barred = aux == "must" or match["negated"] or _BARS.match(match["rest"])
    rest = re.sub(r"^(?:also|only|then|always|never|generally|typically) ", "", match["rest"])
    if not _is_subject(subject) or not _is_asked(subject, aux, rest, context):
        return
    if context.kind == "law" and _SAID_BEFORE.search(match.group()):
        return
    if context.kind == "terms" and not barred:
        return  # what may be and what will be is seldom asked of terms
    if context.kind == "terms" and re.match(r"(?:comply|conform|adhere)\b", rest):
        return
    phrase = cut(re.split(r",? (?:which|who|where|that you|that we)\b", rest, maxsplit=1)[0], 12)
    if not phrase or not _says_something(phrase, aux):
        return
    asked = _ASKS_WITH.get(aux, aux)
    named = _is_other_name(subject, context)
    if _POINTS_BACK.search(phrase) or (named and re.search(r"\bits\b", phrase)):
        return
    said = to_asker(f"{small_start(subject, context)} {phrase}", context, named=named)
    if (context.kind == "terms" and not named) or context.kind == "law":
        said = placed(said, context)
    noun, tail = _split(said, subject, phrase)
    if noun.endswith("the service"):
        asked = asked.replace("are", "is")
    if noun:
        yield from made(f"{asked} {said}", f"whether {noun} {asked} {tail}", "whether", 1.05)


# what things are like, not what one may do: "the standards may differ"
_STATES = re.compile(
    r"(?:differ|vary|change|depend|apply|include|contain|continue|remain|result|occur|have|provide)\b"
)
_POINTS_BACK = re.compile(
    r"\b(?:that|which|if|as|when) (?:it|they|he|she)\b|\b(?:shown|denoted|represented|expressed)\b"
)


def _is_asked(subject: str, aux: str, rest: str, context: Context) -> bool:
    """Whether a reader of this kind of document would ask whether it is so."""
    if _NO_REST.match(rest) or re.match(r"(?:certain|some|many|various)\b", subject, re.I):
        return False
    if context.kind == "article":
        return aux not in ("will", "shall")
    if context.kind != "terms":
        return True
    if aux in ("is", "are"):
        return bool(_RULED.match(rest))  # else it explains something
    return not (
        _STATES.match(rest) or (aux in ("will", "shall") and re.match(r"(?:be|not)\b", rest))
    )


def _is_other_name(subject: str, context: Context) -> bool:
    """Whether somebody else than the issuer does it: "Google will not sell" on AdMob."""
    words = subject.split()
    known = words[0] in context.names or (words[0].isupper() and words[0] != "A")
    return known and all(word[:1].isupper() for word in words)


def _split(said: str, subject: str, phrase: str) -> tuple[str, str]:
    """Where the subject ends in what the asker says; ("", said) where it cannot be told."""
    first = phrase.split(maxsplit=1)[0].lower()
    words = said.split()
    for i in range(1, len(words)):
        if words[i].lower() == first and i >= len(subject.split()) - 1:
            return " ".join(words[:i]), " ".join(words[i:])
    return "", said


def _is_subject(subject: str) -> bool:
    """Whether the words in front of the auxiliary are one noun phrase that names something."""
    words = subject.lower().split()
    if not 1 <= len(words) <= 8 or words[0] in _PRONOUNS or "," in subject:
        return False
    if any(
        word
        in _PRONOUNS
        - {"for", "in", "on", "to", "with", "from", "under", "and", "or", "of", "by", "at"}
        for word in words
    ):
        return False
    bare = [word for word in words if word not in FUNCTION and word not in ("your", "our", "the")]
    telling = [
        word for word in bare if word not in _NO_SUBJECT and word.removesuffix("'s") not in COMMON
    ]
    if not telling or (len(bare) < 2 and bare[0] in _NO_SUBJECT):
        return False
    verbs = [
        w for w in words[1:] if base_of(w) not in (None, *NOUNS) and not w.endswith(("ing", "ed"))
    ]
    return not verbs and not is_base(words[0])


def _says_something(phrase: str, aux: str) -> bool:
    first = phrase.split(maxsplit=1)[0].lower()
    words = [word for word in phrase.lower().split() if word not in FUNCTION]
    if len(words) < 2 or first in _PRONOUNS - {"to", "for", "in"}:
        return False
    told = [word for word in words[1:] if word not in COMMON and word not in _NO_SUBJECT]
    return bool(told) and (aux in ("is", "are") or is_base(first) or first == "be")

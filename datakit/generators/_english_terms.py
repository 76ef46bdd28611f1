"""English questions from terms and policies: what one may, must and gets, and what things mean."""

from __future__ import annotations

import re
from collections.abc import Iterator

from datakit.generators._asker import to_asker
from datakit.generators._context import Context, possessive
from datakit.generators._drafts import Draft
from datakit.generators._english_phrases import (
    VAGUE,
    Rule,
    cut,
    made,
    noun_phrase,
    placed,
    small_start,
    the_law,
    verb_phrase,
    who_of,
)
from datakit.generators._latin import FUNCTION
from datakit.generators._latin_phrases import tells
from datakit.generators._prose import is_deictic
from datakit.generators._verbs import NOUNS, base_of, is_base, third_person
from datakit.generators._words import word_set

# you

_YOU_MAY = re.compile(
    r"^you (?:may|can)(?! not\b|not\b) (?:(?:choose to|elect to|also|always|only) )*(.+)", re.I
)
_YOU_MAY_NOT = re.compile(
    r"^you (?:may not|must not|shall not|can ?not|can't|will not|should not|agree not to|agree that"
    r" you will not|are not (?:permitted|allowed|authori[sz]ed|entitled) to"
    r"|are prohibited from) (.+)",
    re.I,
)
_YOU_MUST = re.compile(
    r"^you (?:must|shall|are required to|need to|have to|will need to|are obligated to|agree to"
    r"|will be required to)(?! not\b) (.+)", re.I,
)  # fmt: skip
_YOU_RIGHT = re.compile(r"^you (?:also |may )?have (?:the|a) right to (.+)", re.I)
_YOU_RESPONSIBLE = re.compile(
    r"^you (?:are|will be|shall be) (?:\w+ly )?responsible for (.+)", re.I
)
_AGREED = word_set(
    """
    pay indemnify notify provide keep comply defend maintain reimburse promptly update arbitrate
    resolve submit waive grant
    """
)


# behind a link, in an annex; or the service as such, which everybody may use
_NO_CHOICE = re.compile(
    r"\bhere$|\battached\b|\binstructions\b|\bonly for\b"
    r"|^(?:recogni[sz]e|see|notice|understand|know|expect|learn)\b"
    r"|^(?:use|access)(?: and \w+)? (?:the|our|its)?(?: \w+)? ?"
    r"(?:services?|platform|site|website|app)$",
    re.I,
)
_ADJECTIVE_LAST = re.compile(r"\b(?:for|of|in|with|to|any|a|an) \w+(?:al|ive|ic|ary|ous)$", re.I)


def _is_adjective_left(phrase: str, text: str) -> bool:
    """Whether a phrase was cut at a comma between adjectives: "for personal, | private use"."""
    return bool(_ADJECTIVE_LAST.search(phrase)) and text[len(phrase) :].lstrip().startswith(",")


def _permission(text: str, context: Context) -> Iterator[Draft]:
    match = _YOU_MAY.match(text)
    if not match:
        return
    phrase = verb_phrase(match[1])
    if not phrase or (phrase.split()[0].lower() == "be" and "charged" not in phrase):
        return
    asked = re.sub(r" at any time(?: and for any reason)?$", "", phrase)
    if re.match(r"(?:have|need)\b", phrase, re.I):
        return
    if _NO_CHOICE.search(phrase) or _is_adjective_left(phrase, match[1]):
        return
    said = placed(to_asker(phrase, context, named=False), context)
    if re.search(r"\b(?:from|by|with|to) it\b", said):
        return
    done = placed(to_asker(asked, context, named=False), context)
    how = re.search(re.escape(phrase[-8:]) + r"[^.]{0,40}?,? by \w+ing\b", match[1]) or re.search(
        r"\b(?:by (?:contacting|emailing|clicking|sending|going|visiting|using|following"
        r"|logging)|via|through) ",
        match[1][len(phrase) :],
    )
    if how and not _WRONG.search(phrase):
        yield from made(
            f"how do I {done}", f"how to {done}", "how_to", 1.5, need=f"I want to {done}"
        )
    yield from made(f"can I {said}", f"whether I can {said}", "permission", 1.2)


_EXCEPTED = re.compile(r"\bexcept\b|\bunless\b|\bother than\b", re.I)
_NOT_FORBIDDEN = re.compile(r"(?:be|have|receive|get|lose|earn|incur|need)\b", re.I)


def _prohibition(text: str, context: Context) -> Iterator[Draft]:
    match = _YOU_MAY_NOT.match(text)
    phrase = verb_phrase(match[1]) if match else None
    if match and (_NOT_FORBIDDEN.match(match[1]) or _EXCEPTED.search(text)):
        return
    if (
        match
        and phrase
        and not re.search(
            r"^[^,;.]{0,20},? ?\b(?:if|unless|except|when|in (?:any|a) (?:way|manner))\b",
            match[1].split(phrase[-12:], 1)[-1],
        )
    ):
        said = placed(to_asker(phrase, context, named=False), context)
        yield from made(
            f"am I allowed to {said}", f"whether I am allowed to {said}", "prohibition", 1.1
        )


def _obligation(text: str, context: Context) -> Iterator[Draft]:
    match = _YOU_MUST.match(text)
    phrase = verb_phrase(match[1]) if match else None
    if not match or not phrase:
        return
    first = phrase.split()[0].lower()
    if first in ("be", "agree", "accept") or (
        "agree to" in text[:14].lower() and first not in _AGREED
    ):
        return
    days = re.search(
        r"\bwithin ((?:\w+ )?\(?\d+\)?[ -](?:calendar |business )?(?:day|hour|month)s?)", match[1]
    )
    if days and (short := verb_phrase(match[1][: days.start()])):
        said = placed(to_asker(short, context, named=False), context)
        yield from made(
            f"how long do I have to {said}", f"how long I have to {said}", "deadline", 1.8
        )
        return
    said = placed(to_asker(phrase, context, named=False), context)
    yield from made(f"do I have to {said}", f"whether I have to {said}", "obligation", 1.0)


def _right(text: str, context: Context) -> Iterator[Draft]:
    match = _YOU_RIGHT.match(text)
    phrase = verb_phrase(match[1]) if match else None
    if phrase:
        said = to_asker(phrase, context, named=False)
        end = "" if not context.issuer or context.issuer in said else f" with {context.issuer}"
        yield from made(
            f"do I have the right to {said}{end}",
            f"whether I have the right to {said}{end}",
            "right",
            1.4,
        )


def _responsible(text: str, context: Context) -> Iterator[Draft]:
    match = _YOU_RESPONSIBLE.match(text)
    phrase = cut(match[1], 10) if match else None
    if phrase and sum(word not in FUNCTION | VAGUE for word in phrase.lower().split()) > 2:
        said = placed(to_asker(phrase, context, named=False), context)
        yield from made(
            f"who is responsible for {said}", f"who is responsible for {said}", "responsible", 1.1
        )


# we

_WE_MAY = re.compile(
    r"^we (?:may|can|could|reserve the right(?:, [^,]{3,60},)?(?: [^,]{3,40})? to)(?! not\b) (.+)",
    re.I,
)
_WE_WILL = re.compile(r"^we (?:will|shall|won't|do|does)(?: not| never)? (.+)", re.I)
_REFUSES = re.compile(r"^we (?:won't|(?:will|shall) (?:not|never))\b", re.I)
_WE_DO_NOT = re.compile(r"^we (?:do not|don't|does not|never) (?:\w+ly )?(.+)", re.I)
_WE_VERB = re.compile(
    r"^we (collect|share|sell|disclose|store|process|transfer|retain|keep|use|receive|offer|provide"
    r"|require|charge|accept|allow|permit|monitor|review|track|encrypt|participate|rely|ask) (.+)",
    re.I,
)


def _may_we(text: str, context: Context) -> Iterator[Draft]:
    match = _WE_MAY.match(text)
    phrase = verb_phrase(match[1]) if match else None
    if not phrase or phrase.split()[0].lower() == "be" or phrase.lower().startswith("have to "):
        return
    said = to_asker(phrase, context, named=True)
    if re.fullmatch(r"\w+ its (?:policy|policies|terms|guidelines|rules|rights?)", said):
        return
    modal = "could" if context.kind == "filing" else "can"
    if re.match(r"(?:also )?use\b", phrase):
        yield from uses(f"use {phrase[4:]}", context)
    yield from made(
        f"{modal} {who_of(context)} {said}",
        f"whether {who_of(context)} {modal} {said}",
        "provider_right",
        1.2,
    )


def _will_we(text: str, context: Context) -> Iterator[Draft]:
    match = _WE_WILL.match(text)
    if not match or _WE_DO_NOT.match(text):
        return
    days = re.search(
        r"\bwithin ((?:\w+ )?\(?\d+\)?[ -](?:calendar |business |working )?(?:day|hour|month)s?)",
        match[1],
    )
    if days and (short := verb_phrase(match[1][: days.start()])):
        said = to_asker(short, context, named=True)
        yield from made(
            f"how quickly will {who_of(context)} {said}",
            f"how quickly {who_of(context)} will {said}",
            "deadline",
            1.8,
        )
    kept = _kept(match[1])
    if kept:
        yield from _how_long(kept, context)
    phrase = verb_phrase(match[1])
    if context.kind == "terms" and not _REFUSES.match(text):
        return  # "we will respond to your request": a promise that nobody asks about
    if phrase and phrase.split()[0].lower() != "be" and not phrase.endswith(" concerned"):
        said = to_asker(phrase, context, named=True)
        yield from made(
            f"will {who_of(context)} {said}",
            f"whether {who_of(context)} will {said}",
            "provider_duty",
            1.1,
        )


def _do_we_not(text: str, context: Context) -> Iterator[Draft]:
    match = _WE_DO_NOT.match(text)
    phrase = verb_phrase(match[1]) if match else None
    if phrase and phrase.split()[0].lower() != "be":
        said = to_asker(phrase, context, named=True)
        yield from made(
            f"does {who_of(context)} {said}",
            f"whether {who_of(context)} {_inflected(said)}",
            "practice",
            1.3,
        )


_PURPOSE = re.compile(
    r"(?:(?:use|process|rely|review)\b.* (?:to|for) [a-z]|(?:review|receive)\b"
    r"|\w+ (?:two|three|four|several|additional|certain|other|various|some) (?:\w+ )?"
    r"(?:information|data|types|kinds|categories)\b)",
    re.I,
)


def _do_we(text: str, context: Context) -> Iterator[Draft]:
    match = _WE_VERB.match(text)
    if not match:
        return
    whole = f"{match[1]} {match[2]}"
    verb = match[1].lower()
    kept = _kept(whole)
    if kept:
        yield from _how_long(kept, context)
    if verb == "use":
        yield from uses(whole, context)
    shared = re.match(r"(share|disclose|sell) (.{3,50}?) (?:with|to) (.+)", whole, re.I)
    if shared and (noun := noun_phrase(shared[2].replace("your ", "my "), 5)):
        said = to_asker(noun.replace("my ", "your "), context, named=True)
        tail = "with" if verb == "share" else "to"
        yield from made(
            f"who does {who_of(context)} {verb} {said} {tail}"[:-1] + tail[-1],
            f"who {who_of(context)} {verb}s {said} {tail}", "practice", 1.4,
        )  # fmt: skip
    phrase = verb_phrase(whole)
    if context.kind == "terms" and phrase and _PURPOSE.match(phrase):
        return  # "does it use data to turn on navigation?"
    if phrase and not re.match(r"(?:provide|offer) (?:our|the) services?\b", phrase, re.I):
        said = to_asker(phrase, context, named=True)
        yield from made(
            f"does {who_of(context)} {said}",
            f"whether {who_of(context)} {_inflected(said)}",
            "practice",
            1.2,
        )


def _inflected(phrase: str) -> str:
    """`collects and uses my data` of `collect and use my data`."""
    words = phrase.split()
    words[0] = third_person(words[0])
    if len(words) > 3 and words[1] in ("and", "or") and is_base(words[2]):
        words[2] = third_person(words[2])
    return " ".join(words)


def uses(whole: str, context: Context) -> Iterator[Draft]:
    match = re.match(
        r"use (.{3,60}?)(?:,[^,]*,)? (?:to (?=[a-z]+\b)|for (?:the (?:following )?purposes?"
        r"|purposes?|\w+ing))",
        whole,
        re.I,
    )
    if match and (noun := noun_phrase(match[1].replace("our ", ""), 6)):
        said = to_asker(noun, context, named=True)
        yield from made(
            f"what does {who_of(context)} use {said} for",
            f"what {who_of(context)} uses {said} for",
            "practice",
            1.5,
        )


_KEPT = re.compile(
    r"(?:retain|keep|store|hold|maintain) (?:and (?:use|store|retain) )?(.{3,70}?) "
    r"(?:only )?(?:for (?:as long|so long|up to|no longer|a (?:period|maximum|minimum)|the "
    r"(?:period|duration|time|length)|at least|\w+ \(?\d|\d"
    r"|(?:one|two|three|four|five|six|seven|eight|nine|ten|twelve) )|as long as|until|no longer)",
    re.I,
)


def _kept(text: str) -> str | None:
    match = _KEPT.match(re.sub(r"^(?:also|only|generally|typically) ", "", text))
    return noun_phrase(re.sub(r"\b[Yy]our\b", "your", match[1]), 7) if match else None


def _how_long(noun: str, context: Context) -> Iterator[Draft]:
    said = to_asker(noun, context, named=True)
    yield from made(
        f"how long does {who_of(context)} keep {said}",
        f"how long {who_of(context)} keeps {said}",
        "retention",
        2.0,
    )


# clauses and single facts of terms

_IF = re.compile(r"^if ((?:you|we|your|a|an|any) [^,;:]{6,110}), (?:then )?(.+)", re.I)
_IF_WANT = re.compile(
    r"^if you (?:want|wish|would like|choose|decide|prefer) to ([^,;:]{6,90}), ", re.I
)
_TO = re.compile(
    r"^(?:in order )?to ([^,;:]{6,90}), (?:you (?:can|may|must|will|should|need|have)"
    r"|please |simply |contact|go to|log in|visit |click)",
    re.I,
)
# a condition without a comma runs on into what follows from it
_RUNS_ON = re.compile(r"\b(?:you|we) (?:will|may|must|shall|should|agree)\b", re.I)
_MAIN_VERB = re.compile(r"\b(?:will|may|must|shall|can|is|are|should|agree|have|do|does)\b", re.I)
_HAS_VERB = re.compile(
    r"\b(?:is|are|was|has|have|does|fails?|becomes?|violates?|breaches|wishes|requests?)\b"
)
_IF_EMPTY = re.compile(
    r"^(?:you|we) (?:have any|have (?:a )?questions?|are (?:a|an|in|located|using|not sure"
    r"|unsure|the|one)|live"
    r"|reside|do not have|need|believe|would|wish|want|choose|like|become aware)|^any "
    r"(?:provision|part|term)",
    re.I,
)


_PROMISES = re.compile(
    r"(?:(?:then|please) )?(?:you (?:\w+ly )?(?:represent|agree|acknowledge|warrant|confirm"
    r"|understand|should|can|may)|please|contact|see|visit)\b",
    re.I,
)
_EXAMPLE = re.compile(r"\b(?:for example|for instance|e\.g)\b", re.I)
_IDLE = re.compile(
    r"you (?:\w+ly )?(?:have \w+ed|confirm|decide|think|believe|notice|know|intend|plan|prefer"
    r"|agree|see|find)\b",
    re.I,
)
_PAST = re.compile(r"you (?:\w+ly )?(?!need|proceed|exceed|succeed|embed|feed)\w{2,}ed\b", re.I)


# "you must enter into agreements" is a duty, not what happens
_FOLLOWS = re.compile(
    r"^(?!you must\b)(?!.*\blikely\b)[^;]{0,80}?\b(?:will|may|shall|is|are)\b", re.I
)


def _what_if(text: str, context: Context) -> Iterator[Draft]:
    match = _IF.match(text)
    # a main verb before the next comma: else what follows is more of the condition
    if not match or not _MAIN_VERB.search(match[2].split(",")[0]) or _IF_EMPTY.match(match[1]):
        return
    if (
        _EXAMPLE.search(text)
        or _PAST.match(match[1])
        or not _FOLLOWS.search(match[2])
        or _PROMISES.match(match[2])
        or _IDLE.match(match[1])
    ):
        return
    if re.match(r"[\s,]*(?:and|or|when|if)\b", match[2], re.I):  # one of two conditions
        return
    if (
        len(match[1].split()) > 13
        or re.search(r"\band (?:we|you)\b", match[1], re.I)
        or _RUNS_ON.search(match[1])
    ):
        return
    if not (match[1][:3] in ("you", "we ") or _HAS_VERB.search(match[1])):
        return
    if sum(tells(word) and word not in VAGUE for word in match[1].lower().split()) < 2:
        return
    said = to_asker(match[1], context, named=False)
    if re.match(r"(?:it|they)\b", said):
        return
    if context.issuer and context.issuer.lower() not in said.lower():
        said = placed(said, context)
    yield from made(f"what happens if {said}", f"what happens if {said}", "consequence", 1.6)


_WRONG = re.compile(
    r"\b(?:deceiv|mislead|harm|violat|infring|abus|fraud|spam|harass|imperson|illegal|unlawful"
    r"|malware"
    r"|exploit|threat|hack|circumvent|steal)",
    re.I,
)


_VOWS = re.compile(
    r"\s*(?:then )?you (?:\w+ly )?(?:represent|agree|acknowledge|warrant|confirm|understand)\b",
    re.I,
)


# what the reader does then, and not "see here"
_ACTS = re.compile(
    r"\s*(?:then |simply |just )*(?:you (?:can|may|must|will|should|need|have|would)\b"
    r"(?! (?:\w+ )?(?:accept|agree|comply|be|lose|not)\b)"
    r"|please (?!see\b|refer|read\b|review|\w+ here\b)"
    r"|(?:contact|go|log|visit|click|select|choose|open|use|send|e-?mail|call|write|follow|submit"
    r"|complete|enter|tap)\b(?! here\b))",
    re.I,
)
_FOR_READING = re.compile(r"(?:learn|know|understand|find out|use|read|see|view) ", re.I)


def _after(match: re.Match[str], text: str) -> str:
    """What follows the aim; where its pattern took the start of it, from there on."""
    return text[match.end(1) :].lstrip(", ")


def _how_to(text: str, context: Context) -> Iterator[Draft]:
    match = _IF_WANT.match(text) or _TO.match(text)
    if match and (_VOWS.match(text[match.end() :]) or not _ACTS.match(_after(match, text))):
        return  # what one promises by it, or what others then do, is not how it is done
    phrase = verb_phrase(match[1]) if match else None
    if (
        phrase
        and not _WRONG.search(phrase)
        and not _FOR_READING.match(phrase)
        and not re.match(r"(?:be|help|the|ensure|protect|provide|improve|assist)\b", phrase)
    ):
        said = placed(to_asker(phrase, context, named=False), context)
        yield from made(
            f"how do I {said}", f"how to {said}", "how_to", 1.6, need=f"I want to {said}"
        )


_NOT_LIABLE = re.compile(
    r"^(?:in no event )?(?:shall |will )?we (?:(?:are|is|will|shall|do|does|can ?not"
        r"|assume)(?: not| no)?,? )*(?:be |accept |assume |have |bear )?(?:held )?(?:any |no )?"
        r"(?:\w+ly )?(?:responsible|liable|responsibility|liability"
        r"|responsibility or liability)"
    r" (?:for|to you for) (.+)", re.I,
)  # fmt: skip
_OWN = re.compile(
    r"(?<!that )(?<!which )(?<!rights )(?<!if )\byou (?:\w+ )?(?:retain|keep|own|still own"
    r"|continue to own|will retain)\b[^.]{0,80}\b(?:content|ownership|rights|copyright|submissions?"
    r"|materials?)",
    re.I,
)
_VOUCHES = re.compile(r"\b(?:represent|warrant|confirm|necessary rights)\b", re.I)
_LICENCE = re.compile(r"\byou (?:\w+ ){0,2}grant\b[^.]{0,120}\blicen[cs]e", re.I)
_AS_IS = re.compile(
    r"[\"'“(‘]as[ -]is\b|\bas[ -]is\b[\"'”’,]* (?:and|or|basis)\b|\bprovided as[ -]is\b"
    r"|\bwithout (?:any )?warrant(?:y|ies)|\bdisclaims? (?:\w+ ){0,4}warrant",
    re.I,
)
_ARBITRATION = re.compile(
    r"\b(?:resolved|settled|determined|decided)\b[^.]{0,60}\barbitration|\bbinding arbitration\b",
    re.I,
)
_CLASS_ACTION = re.compile(
    r"\bclass action|\bclass,? (?:or )?(?:collective|consolidated|representative)|\bclass member",
    re.I,
)
_CONTACT = re.compile(
    r"\b(?:contact|reach|e-?mail|write to) us (?:at|by|via|through|on|using|here)\b", re.I
)
_ADDRESS = re.compile(r"@|\d{5}|https?:|www\.|\b(?:contact form|chat)\b", re.I)
_CHANGE_TERMS = re.compile(
    r"^we (?:may|can|reserve the right[^.]{0,60} to) (?:[\w, ]{0,30})?(?:change|modify"
    r"|update|revise|amend|alter)(?:[\w, /]{0,30})? (?:these|this|the|our) (?:terms"
    r"|agreement|policy|privacy|notice|conditions|guidelines|statement)",
    re.I,
)
_AGE = re.compile(
    r"\b(?:at least|over|under|older than|minimum age of|age of|aged) (?:the age of )?"
        r"(?:\w+ \()?\d\d\)?"
    r"(?: years?| or older|\b)", re.I,
)  # fmt: skip
_AGE_RULE = re.compile(
    r"\bmust be (?:\w+ ){0,4}(?:\d\d|age|legal|eighteen|sixteen|thirteen)"
    r"|at least|\bor older\b|not (?:\w+ ){0,2}(?:directed|intended|eligible"
        r"|permitted|allowed)"
    r"|to use (?:the|our)", re.I,
)  # fmt: skip
_YEARS = re.compile(r"\b(?:years?|aged?|older|children|minors?)\b", re.I)
_LAW = re.compile(
    r"\bgoverned (?:\w+ )*by (?:and (?:\w+ )+in accordance with )?(?:the )?(?:\w+ ){0,4}laws?\b",
    re.I,
)
_CONTRACT = re.compile(r"\b(?:terms|agreement|contract|conditions|policy|licen[cs]e|eula)\b", re.I)
_CAP = re.compile(
    r"\bliability\b.{0,160}\b(?:exceed|limited to)\b"
    r".{0,60}(?:[$€£]|\b(?:amounts?|fees|sums?|usd|dollars|euros?|paid|greater|lesser)\b)",
    re.I | re.S,
)
_NO_REFUND = re.compile(
    r"^((?:all |the )?[\w' -]{3,40}?)(?:,? paid[^,.]{0,30})? (?:are|is) (?:\w+ly )?"
    r"(?:non-?refundable|not refundable|(?<=(?:sales|rders) are )final)",
    re.I,
)


_FACT_WORD = re.compile(
    r"\b(?:age|years?|older|law|laws|liab|contact|reach|e-?mail|write|refund|final|licen"
        r"|own|retain|keep|warrant|as[ -]is"
    r"|arbitrat|class|respons|change|modify|update|revise|amend|alter|non-?refund)", re.I
)  # fmt: skip


def _single_facts(text: str, context: Context) -> Iterator[Draft]:
    if not _FACT_WORD.search(text):
        return
    who, label = who_of(context), context.label
    if _AGE.search(text) and _AGE_RULE.search(text) and _YEARS.search(text):
        yield from made(
            f"how old do I have to be to use {who}",
            f"how old I have to be to use {who}",
            "age",
            1.9,
        )
    if _LAW.search(text) and _CONTRACT.search(text) and not is_deictic(text, "en"):
        yield from made(
            f"which country's law governs the {who} {label}",
            f"which law governs the {who} {label}",
            "law",
            1.6,
        )
    if _CAP.search(text):
        yield from made(
            f"how much can {who} be liable for at most",
            f"what the maximum liability of {who} is",
            "liability",
            1.3,
        )
    if _CHANGE_TERMS.match(text):
        yield from made(
            f"can {who} change its {label}", f"whether {who} can change its {label}", "change", 1.6
        )
    reached = re.search(
        r"\b(?:if|when) you (?:contact|reach|e-?mail)|^(?:if|when) (?!you (?:have|need|want|wish))",
        text,
        re.I,
    )
    if _CONTACT.search(text) and _ADDRESS.search(text) and not reached:
        yield from made(f"how do I contact {who}", f"how to contact {who}", "contact", 1.0)
    yield from _rights_and_risks(text, context)
    refund = _NO_REFUND.match(text)
    if refund and (noun := noun_phrase(refund[1].removeprefix("all ").removeprefix("All "), 4)):
        said = to_asker(noun[0].lower() + noun[1:], context, named=True)
        yield from made(
            f"are {who} {said} refundable", f"whether {who} {said} are refundable", "refund", 2.0
        )


def _rights_and_risks(text: str, context: Context) -> Iterator[Draft]:
    who = who_of(context)
    if (
        _OWN.search(text)
        and not _VOUCHES.search(text)
        and re.search(r"content|submission|material|work|post", text, re.I)
    ):
        yield from made(
            f"who owns the content I post on {who}",
            f"who owns the content I post on {who}",
            "ownership",
            1.9,
        )
    if _LICENCE.search(text) and not re.search(r"\bnot (?:\w+ )?grant", text):
        yield from made(
            f"what licence do I give {who} to my content",
            f"what licence I give {who} to my content",
            "ownership",
            1.8,
        )
    if _ARBITRATION.search(text):
        yield from made(
            f"how are disputes with {who} resolved",
            f"how disputes with {who} are resolved",
            "dispute",
            1.7,
        )
    if _CLASS_ACTION.search(text):
        yield from made(
            f"can I join a class action against {who}",
            f"whether I can join a class action against {who}",
            "dispute",
            1.7,
        )
    if _AS_IS.search(text):
        yield from made(
            f"does {who} give any warranty", f"whether {who} gives any warranty", "warranty", 1.5
        )
    blame = _NOT_LIABLE.match(text)
    phrase = cut(re.sub(r"^any ", "", blame[1]), 10) if blame else None
    denied = blame and re.search(r"\b(?:not?|never|nor)\b", text[: -len(blame[1])])
    if (
        phrase
        and denied
        and len(phrase.split()) > 1
        and not re.match(r"(?:(?:any|all|other) )?(?:damages|loss|losses|such)\b", phrase)
    ):
        said = to_asker(phrase, context, named=True)
        yield from made(
            f"is {who} responsible for {said}",
            f"whether {who} is responsible for {said}",
            "liability",
            1.6,
        )


_YOURS = re.compile(r"^your ([\w' -]{3,40}?) (may|will|can) (?:not )?(be \w+.*)", re.I)


def _yours(text: str, context: Context) -> Iterator[Draft]:
    match = _YOURS.match(text)
    noun = noun_phrase(match[1], 4) if match else None
    phrase = cut(match[3], 9) if match else None
    if match and noun and phrase and len(phrase.split()) > 1:
        modal = match[2].lower().replace("may", "can")
        said = to_asker(phrase, context, named=True)
        subject = placed(to_asker(f"your {noun}", context, named=True), context)
        if " on " not in subject:
            yield from made(
                f"{modal} {subject} {said}",
                f"whether {subject} {modal} {said}",
                "provider_right",
                1.2,
            )


# definitions

_DEFINED = re.compile(
    r"^(?:the terms? |as used (?:in|herein)[^,]*, )?[\"“]([^\"”]{2,50})[\"”]"
        r"(?: or [\"“][^\"”]+[\"”])?,? "
    r"(?:means|mean|shall mean|refers? to|is defined as|are defined as|shall refer to|is"
        r"|are|includes?)\b (.+)", re.I
)  # fmt: skip
_MEANS = re.compile(
    r"^((?:[A-Z][\w&'/-]*|of|and|the|or)(?: (?:[A-Z][\w&'/-]*|of|and|or)){0,5}) (?:means"
    r"|refers to|is defined as|shall mean) (.+)"
)
_IS_A = re.compile(
    r"^((?:an? |the )?[\w' -]{3,50}?) (is|are) (an?|any|the (?:process|act|practice|ability"
    r"|use|study|number|amount|percentage)) (.{15,})",
    re.I,
)
_NOT_DEFINED = word_set(
    """
    we us our you your they company parties party this that it he she i agreement terms services
    service site
    """
)


def definition(text: str, context: Context) -> Iterator[Draft]:
    match = _DEFINED.match(text) or _MEANS.match(text)
    if not match:
        return
    term = match[1].strip(" ,.")
    if context.kind == "law" and not context.topic:
        return  # every law has its own "Administrator"
    if term.lower() in _NOT_DEFINED or len(term.split()) > 6 or len(match[2].split()) < 4:
        return
    where = _where(context)
    yield from made(
        f'what does "{term}" mean{where}', f'what "{term}" means{where}', "definition", 2.0
    )


def _where(context: Context) -> str:
    if context.kind == "law":
        return f" in {the_law(context)}" if context.topic else ""
    if context.kind in ("terms", "filing") and context.issuer:
        if context.kind == "filing":
            quarterly = context.label.upper().startswith("10-Q")
            return (
                f" in {possessive(context.issuer)} {'quarterly' if quarterly else 'annual'} report"
            )
        return f" in the {context.issuer} {context.label}"
    return ""


def what_is(text: str, context: Context) -> Iterator[Draft]:
    match = _IS_A.match(text)
    noun = noun_phrase(match[1], 5) if match else None
    if (
        not match
        or not noun
        or noun.split()[0].lower() in _NOT_DEFINED | {"your", "my", "there", "what"}
    ):
        return
    last = noun.split()[-1].lower()
    named = noun.split()[1:] and all(word[:1].isupper() for word in noun.split())
    if (
        (named and not any(word.isupper() for word in noun.split()))
        or noun.lower().startswith(("the ", "of ", "in ", "for ", "with "))
        or not any(tells(word) for word in noun.lower().split()[:2])
        or noun.split()[0].lower() in ("where", "when", "if", "as", "while", "because", "although")
        or last in _NOT_DEFINED
        or base_of(last) not in (None, *NOUNS)
    ):
        return
    if match[4].split()[0].lower() in (
        "shared",
        "condition",
        "breach",
        "violation",
        "matter",
        "result",
        "number",
        "little",
        "few",
        "major",
        "key",
        "good",
        "third",
        "condition",
        "limitation",
        "potential",
        "common",
        "important",
    ):
        return
    shown = small_start(noun, context)
    yield from made(
        f"what {match[2].lower()} {shown}", f"what {shown} {match[2].lower()}", "definition", 1.7
    )


PRACTICES: tuple[Rule, ...] = (_may_we, _will_we, _do_we_not, _do_we)
RULES: tuple[Rule, ...] = (
    definition, what_is, _permission, _prohibition, _obligation, _right, _responsible, _may_we,
    _will_we, _do_we_not, _do_we, _what_if, _how_to, _single_facts, _yours,
)  # fmt: skip

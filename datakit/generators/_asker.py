"""From the voice of a document to the voice of who asks: "your account" becomes "my account"."""

from __future__ import annotations

import re

from datakit.generators._context import Context, possessive
from datakit.generators._latin import is_defined_word
from datakit.generators._verbs import base_of, is_base, third_person
from datakit.generators._words import word_set

_AUXILIARY = word_set(
    """
    may can could will would shall should must might do did don't are were have had cannot can't
    won't agree
    """
)
_BEFORE_OBJECT = word_set(
    """
    to for from by with about against between of on upon at help helps let make give gives
    giving grant grants granting send sends sending show notify notifying inform contact charge
    allow enable bill than tell provide providing offer offering keep protect identify serve ask
    require and or
    """
)
_TRIMMED = re.compile(
    r"\s*\((?:[^()]|\([^()]*\))*\)|\s*\[[^\]]*\]|[“”\"„«»]|\b(?:hereby|therefore|also|thereby"
    r"|herein|hereunder|otherwise)\s"
)
_SERVICE = re.compile(
    r"\b(?:(?:the|our|this|these|its|any|such)\s+)+"
    r"(?:(?:online|web|mobile|digital|paid|free|premium|related|various|gaming|cloud|internet)\s)?"
    r"(?:(?:web)?sites?|services?|platforms?"
    r"|apps?|applications?|software|products?)"
    r"(?:(?:,| and| or| and/or|/)+\s*(?:(?:the|our)\s+)?(?:(?:web)?sites?|services?"
    r"|platforms?|apps?"
    r"|applications?|software|products?))*(?![\w-]|\s+(?:act|agreement|directive|regulation)\b)",
    re.I,
)
_CONTRACT = re.compile(
    r"\b(?:these|this|the|our)\s+(?:(?:website|general|user|service|master|license|customer)\s+)?"
    r"(?:terms(?:\s+(?:of|and)\s+\w+)?|agreements?|tos|tou|eula|terms\s*&\s*conditions"
    r"|conditions of use|user agreement)(?![\w-])",
    re.I,
)
_POLICY = re.compile(
    r"\b(?:this|our|the|these)\s+((?:privacy|cookie|acceptable use|refund|copyright|data)\s+)?"
    r"(?:polic(?:y|ies)|notice|statement|guidelines)(?![\w-])",
    re.I,
)
_CAPITALISED = re.compile(r"(?<!^)\b[A-Z][a-z]+\b")


def to_asker(text: str, context: Context, named: bool) -> str:
    """A clause of a document as its reader would say it.

    Args:
        text: a clause without its final mark: "terminate your access to our Services".
        context: the document; its issuer stands for "we".
        named: whether the question names the issuer already.

    Returns:
        The clause: "terminate my access to its service".
    """
    text = _TRIMMED.sub(lambda match: " " if match.group()[-1:] == " " else "", text)
    text = " ".join(text.split())
    text = _documents(text, context, named)
    if context.kind == "terms":
        text = _service(text, context, named or _names(text, context))
    text = _second_person(text)
    text = _first_person(text, context, named or _names(text, context))
    return _lowered(text, context)


def _names(text: str, context: Context) -> bool:
    return bool(context.issuer) and str(context.issuer).lower() in text.lower()


def _documents(text: str, context: Context, named: bool) -> str:
    owner = "its" if named else "the" if not context.issuer else f"the {context.issuer}"
    contract = (
        "terms" if context.label in ("policy", "privacy policy", "cookie policy") else context.label
    )
    text = _CONTRACT.sub(f"{owner} {contract}", text)
    return _POLICY.sub(
        lambda match: f"{owner} {(match.group(1) or '').lower()}{_plain_policy(match, context)}",
        text,
    )


def _plain_policy(match: re.Match[str], context: Context) -> str:
    if not match.group(1) and context.label.endswith("policy") and context.label != "policy":
        return context.label
    return "guidelines" if match.group().lower().endswith("guidelines") else "policy"


def _service(text: str, context: Context, named: bool) -> str:
    if not context.issuer:
        return _SERVICE.sub("the service", text)
    if named:
        return _SERVICE.sub("the service", text)
    return _SERVICE.sub("the service", _SERVICE.sub(lambda _: str(context.issuer), text, count=1))


def _second_person(text: str) -> str:
    text = re.sub(r"\bYour\b", "your", text)
    text = re.sub(r"\bYou\b", "you", text)
    for old, new in (
        (r"\byou are\b", "I am"), (r"\byou['’]re\b", "I'm"), (r"\byou were\b", "I was"),
        (r"\byou have\b", "I have"), (r"\byou['’]ve\b", "I've"), (r"\byou['’]ll\b", "I'll"),
        (r"\byourself\b|\byourselves\b", "myself"), (r"\byours\b", "mine"), (r"\byour\b", "my"),
    ):  # fmt: skip
        text = re.sub(old, new, text, flags=re.I)
    words = text.split()
    for i, word in enumerate(words):
        if word.strip(",;") == "you":
            words[i] = word.replace("you", "I" if _is_subject(words, i) else "me")
    return " ".join(words)


def _is_subject(words: list[str], i: int) -> bool:
    before = words[i - 1].lower().strip(",;") if i else ""
    if before in (
        "",
        "if",
        "when",
        "whenever",
        "while",
        "because",
        "unless",
        "until",
        "whether",
        "once",
    ):
        return True
    after = words[i + 1].lower() if i + 1 < len(words) and not words[i].endswith(",") else ""
    follows = after in _AUXILIARY or is_base(after) or after.endswith("ly") or after in ("don't",)
    past = after.endswith("ed") and base_of(after) is not None
    return (follows or past) and before not in _BEFORE_OBJECT


def _first_person(text: str, context: Context, named: bool) -> str:
    who = context.issuer or "the company"
    owner = "its" if named else possessive(who)
    pronoun = "it" if named else who
    text = re.sub(r"\bourselves\b", "itself", text, flags=re.I)
    text = re.sub(r"\b[Ww]e are\b", f"{pronoun} is", text)
    text = re.sub(r"\b[Ww]e have\b", f"{pronoun} has", text)
    text = re.sub(r"\b[Ww]e ((?:\w+ly )?)([a-z]+)\b", lambda m: _third(m, pronoun), text)
    text = re.sub(r"\b[Oo]urs?\b", owner, text)
    text = re.sub(
        r"\b(?:[Tt]he Company|THE COMPANY)(['’]s)?\b",
        lambda m: owner if m.group(1) else pronoun,
        text,
    )
    return re.sub(r"\b(?:[Ww]e|us|Us)\b", pronoun, text)


def _third(match: re.Match[str], who: str) -> str:
    adverb, verb = match.groups()
    inflected = third_person(verb) if is_base(verb) and verb not in _AUXILIARY else verb
    return f"{who} {adverb}{inflected}"


def _lowered(text: str, context: Context) -> str:
    """Defined terms in small letters; names and acronyms as they are."""
    own = set(str(context.issuer or "").split())

    def small(match: re.Match[str]) -> str:
        words = match.group().split()
        named = any(word in own or not _is_common(word.lower(), context) for word in words)
        # a filing writes its segments and products with capitals
        if named or (context.kind == "filing" and len(words) > 1):
            return match.group()
        return match.group().lower()

    text = re.sub(r"\b[A-Z][a-z]+(?: [A-Z][a-z]+)*\b", small, text)
    return re.sub(r"\b[A-Z]{2,}\b", lambda m: _unshouted(m.group(), context, own), text)


def _is_common(low: str, context: Context) -> bool:
    return low in context.lower or low.removesuffix("s") in context.lower or is_defined_word(low)


def _unshouted(word: str, context: Context, own: set[str]) -> str:
    low = word.lower()
    return low if word not in own and (low in context.lower or len(word) > 6) else word

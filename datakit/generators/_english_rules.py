"""English questions by rule: what a sentence permits, forbids, promises, defines or reports.

Every rule keeps the sentence's own verb phrase and changes its voice, so that what it writes is
grammatical whenever the phrase was cut at the right place. A phrase that cannot be cut cleanly
gives no question.
"""

from __future__ import annotations

import re

from datakit.generators import _english_terms
from datakit.generators._asker import to_asker
from datakit.generators._context import Context
from datakit.generators._drafts import Draft
from datakit.generators._english_filings import company, drivers, policy, reported
from datakit.generators._english_inverted import inverted
from datakit.generators._english_papers import finding
from datakit.generators._english_phrases import ENUMERATOR, Rule, finish, placed, plain, who_of
from datakit.generators._english_terms import definition, what_is
from datakit.generators._headings import lowered
from datakit.generators._verbs import base_of, is_base
from datakit.generators._words import word_set


def drafts(sentence: str, context: Context) -> list[Draft]:
    """All questions that the rules find in one sentence, best first.

    Args:
        sentence: as it stands in the passage.
        context: its document.
    """
    text = plain(sentence)
    if not 4 <= len(text.split()) <= 90:
        return []
    text = _unshouted(text, context)
    if text[0].isupper() and text.split()[0].lower() in ("you", "we", "your", "our", "if", "to"):
        text = text[0].lower() + text[1:]
    if context.issuer and context.kind in ("terms", "filing"):
        text = _issuer_as_we(text, context.issuer)
    if context.kind == "terms":
        text, n_users = _USERS.subn("you", text)
        text = re.sub(r"\b(?:his or her|his/her|their)\b", "your", text) if n_users else text
    rules = _RULES[context.kind]
    found = [draft for rule in rules for draft in rule(text, context)]
    if _EXAMPLE.match(sentence):  # what an example supposes is nobody's question
        found = [
            draft
            for draft in found
            if draft.pattern not in ("consequence", "whether", "permission", "how_to")
        ]
    if re.search(r"\bbelow\b", sentence):  # how it is done stands there
        found = [draft for draft in found if draft.pattern != "how_to"]
    if sentence.rstrip().endswith(":") or _LISTS.search(sentence):  # what follows it says so
        found = [draft for draft in found if draft.pattern not in _NEEDS_ALL]
    return sorted(found, key=lambda draft: -draft.weight)


_NEEDS_ALL = word_set(
    """
    law liability warranty age contact consequence dispute retention prohibition permission
    obligation provider_duty provider_right
    """
)
_LISTS = re.compile(r"\b(?:any|one|each|all) of the following\b|\(i\)[^()]*\bfollowing\b", re.I)
_EXAMPLE = re.compile(r"\W*for (?:example|instance)\b", re.I)


def _unshouted(text: str, context: Context) -> str:
    """A sentence in capitals in small letters, the issuer's name left as it is."""
    if sum(map(str.isupper, text)) < 0.6 * sum(map(str.isalpha, text)):
        return text
    text = text.lower()
    issuer = context.issuer
    whole = rf"(?<!\w){re.escape(issuer or '')}(?!\w)"
    return re.sub(whole, lambda _: str(issuer), text, flags=re.I) if issuer else text


_USERS = re.compile(
    r"^(?:all |the |each |any |our )?(?:users?|members?|customers?|subscribers?|visitors?"
        r"|participants?"
    r"|drivers?|sellers?|passengers?)(?= (?:may|must|can|shall|will|cannot|agrees?|should"
        r"|are|is)\b)", re.I,
)  # fmt: skip
_LEAD_IN = re.compile(
    r"\b(you (?:may not|must not|shall not|agree not to|will not|are not (?:permitted"
        r"|allowed) to|cannot|can't|may|can|must)"
    r"|(?:we|users?|members?) (?:may not|must not|shall not|may|can|must)|don't|do not)"
    r"(?: \w+)?(?:,? (?:or|and) [\w ,]{3,60})?:$", re.I,
)  # fmt: skip


def lead_in(sentence: str) -> str | None:
    """What introduces the items of a list: "you may not" of "When here, you may not:"."""
    match = _LEAD_IN.search(" ".join(sentence.split()).replace("’", "'"))
    if not match:
        return None
    lead = match[1].lower()
    return "you may not" if lead in ("don't", "do not") else lead


def item_text(lead: str, sentence: str) -> str | None:
    """A list item as a sentence: "you may not send spam"; None where it starts with no verb."""
    text = ENUMERATOR.sub("", " ".join(sentence.split()))
    text = re.sub(r"^(?:or|and) ", "", text)
    first = text.split()[0].lower().strip(",") if text else ""
    return f"{lead} {text[0].lower()}{text[1:]}" if is_base(first) else None


_ASKED = re.compile(
    r"^(?:q:\s*)?(?:how|what|which|when|why|where|who|do|does|can|is|are|will|may"
    r"|am)\b[^?.!]{10,110}\?$",
    re.I,
)


def own_question(sentence: str, context: Context) -> Draft | None:
    """A question of the text itself, as the headings of a FAQ are; its answer follows it."""
    text = ENUMERATOR.sub("", " ".join(sentence.split())).replace("’", "'")
    if not _ASKED.match(text) or (
        context.kind in ("article", "report") and " we " in f" {text.lower()} "
    ):
        return None
    if context.label in ("policy", "guidelines") and re.search(r"\bthis policy\b", text, re.I):
        return None  # which of them?
    text = re.sub(r"^q:\s*", "", text, flags=re.I)[:-1]
    who = who_of(context)
    if _READER_ASKS.search(text):
        text = re.sub(r"\b(do|can|will|may|did) you\b", r"\1 we", text, flags=re.I)
    text = re.sub(
        r"\b(do|can|will|may|did) (?:we|the company)\b",
        lambda m: f"{_DO_IT.get(m[1].lower(), m[1])} {who}",
        text,
        flags=re.I,
    )
    text = re.sub(r"\bare we\b", f"is {who}", text, flags=re.I)
    text = re.sub(r"\bare you\b", "am I", text, flags=re.I)
    text = re.sub(r"\b(do|can|will|may|should|must|did) you\b", r"\1 I", text, flags=re.I)
    if sum(word[:1].isupper() for word in text.split()) > len(text.split()) / 2:
        text = lowered(text, context)
    asked = to_asker(text, context, named=who.lower() in text.lower())
    if context.kind == "filing" and (not context.issuer or context.issuer not in asked):
        return None  # "the annual meeting": whose?
    if context.kind == "terms" and not _MEANING.match(asked):
        asked = placed(asked, context)
    done = finish(asked)
    return Draft(done, asked[0].lower() + asked[1:], "faq", 3, 2.1) if done else None


_MEANING = re.compile(r"what (?:is|are) (?:an? )?[\w-]+(?: [\w-]+)?$", re.I)  # the same everywhere
# who asks is the reader already, and "you" is the company
_READER_ASKS = re.compile(
    r"\b(?:my|me|i)\b"
    r"|\byou (?:update|change|amend|collect|share|disclose|sell|transfer|retain|store)\b"
    r"|\b(?:do|did|will) you use\b(?! (?:our|the|this)\b)",
    re.I,
)
_DO_IT = {"do": "does"}


def _issuer_as_we(text: str, issuer: str) -> str:
    """`we may` of `GitHub may`, `we collect` of `GitHub collects`."""
    name = rf"(?:{re.escape(issuer)}|the company)"
    text = re.sub(
        rf"^(?:{name})(?= (?:may|will|can|shall|does|reserves?|is|has|do|must)\b)",
        "we",
        text,
        flags=re.I,
    )
    text = re.sub(r"^we reserves", "we reserve", text)
    text = re.sub(r"^we does", "we do", text)

    def verb(match: re.Match[str]) -> str:
        base = base_of(match[1].lower())
        return f"we {base}" if base and match[1].endswith("s") else match.group()

    return re.sub(rf"^{name} (\w+s)\b", verb, text, flags=re.I)


_RULES: dict[str, tuple[Rule, ...]] = {
    "terms": (*_english_terms.RULES, inverted),
    "law": (definition, what_is, inverted),
    "filing": (definition, reported, drivers, company, policy, *_english_terms.PRACTICES),
    "report": (what_is, finding, reported, company),
    "article": (definition, what_is, finding, inverted),
}


def need_leads() -> tuple[str, ...]:
    """How a need begins; which one it is depends on the seed."""
    return ("I want to know", "I need to know", "I'd like to find out")

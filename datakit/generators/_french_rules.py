"""French questions by rule: what one may and must do, what a company does, what things mean."""

from __future__ import annotations

import re
from collections.abc import Iterator

from datakit.generators._context import Context
from datakit.generators._drafts import Draft
from datakit.generators._words import word_set

_CUT = re.compile(
    r"[.;:()–—]|\s-\s|,|\s(?:si|sauf|afin|lorsque|quand|dans la mesure|conformément|notamment"
    r"|ainsi que"
    r"|tels? que|telles? que|en cas|sous réserve|et (?:vous|nous|que)|ou (?:vous|nous)|mais|car"
    r"|puis"
    r"|dès|selon|y compris|qui|dont|où|en (?:cliquant|utilisant|adressant|envoyant|contactant|nous"
    r"|vous)|directement|via|par le biais|au moyen)\b"
)
_OPEN_END = word_set(
    """
    de du des d à au aux le la les un une et ou en sur pour par avec dans sans vers ces cette ce ses
    vos votre nos notre leur leurs que plus tout toute tous toutes autre autres tel telle suivant
    suivants suivante suivantes
    """
)
_MAY = re.compile(
    r"^vous (?:pouvez|avez (?:aussi |également )?le droit (?:de |d')"
    r"|êtes libre de )(?:également |aussi |à tout moment |bien sûr )*(.+)",
    re.I,
)
_MUST = re.compile(
    r"^vous (?:devez|êtes tenu(?:e|s)? de|avez l'obligation de)(?: également| alors)* (.+)", re.I
)
_MUST_NOT = re.compile(
    r"^vous (?:ne (?:pouvez|devez) (?:pas|en aucun cas)|n'êtes pas autorisée?s? à) (.+)", re.I
)
_WE = re.compile(
    r"^nous (?:pouvons |pourrons )?(?:également |aussi )?(collect|utilis|partag|conserv"
    r"|communiqu|stock|trait|transf[ée]r|enregistr)"
    r"(?:ons|eons|er|érer)(?: également| aussi)? (.+)",
    re.I,
)
_VERBS = {
    "collect": "collecte", "utilis": "utilise", "partag": "partage", "conserv": "conserve",
    "communiqu": "communique", "stock": "stocke", "trait": "traite", "transfér": "transfère",
    "transfer": "transfère", "enregistr": "enregistre",
}  # fmt: skip
_MEANS = re.compile(
    r"^[«\"“]?\s*([A-ZÀ-Þ][\w'’ -]{2,40}?)\s*[»\"”]?\s*:?\s*(?:désigne|signifie|s'entend"
    r"|se réfère à)\b .{12,}"
)
_NO_TERM = re.compile(r"(?:ce|cela|ceci|cette|ces|ils?|elles?|on|qui|nous|vous)\b", re.I)
_KEPT = re.compile(
    r"(?=.*(?:données|informations))(?=.*(?:conserv|archiv|stock)\w+)"
    r".*\b\w+ (?:jours|mois|ans?|années)\b",
    re.I,
)
_REFUND = re.compile(
    r"\bnon remboursables?\b|\bne sont pas remboursables?\b|\brembours\w+ .*\b(?:jours|délai)", re.I
)
_WITHDRAW = re.compile(r"délai de rétractation|droit de rétractation", re.I)
_LAW = re.compile(
    r"\b(?:régi\w*|soumis\w*) (?:par|au|à)\b.{0,20}\bdroit\b|\bdroit français\b", re.I
)
_FEMININE = re.compile(
    r"\bmon (?=(?:commande|demande|réservation|carte|photo|localisation|navigation|vie|boîte"
    r"|connexion"
    r"|facture|livraison|visite|préférence|réclamation|requête)\b)"
)
_DAYS = re.compile(r"\b\w+ (?:\(\d+\) )?jours\b", re.I)


def drafts(sentence: str, context: Context) -> list[Draft]:
    """All questions that the rules find in one sentence, best first."""
    who = context.issuer
    text = " ".join(sentence.replace("’", "'").split()).rstrip(" .;:!")
    if not who or context.kind != "terms" or not 4 <= len(text.split()) <= 70:
        return []
    text = re.sub(
        r"^(?:\(?\w{1,3}[.)] |[•*-] ?|(?:toutefois|cependant|par ailleurs|en outre|de plus),? )+",
        "",
        text,
        flags=re.I,
    )
    return sorted(_found(text, who), key=lambda draft: -draft.weight)


def _found(text: str, who: str) -> Iterator[Draft]:
    for pattern, opening, kind, weight in (
        (_MUST_NOT, "Ai-je le droit de", "prohibition", 1.2),
        (_MAY, "Puis-je", "permission", 1.2),
        (_MUST, "Dois-je", "obligation", 1.1),
    ):
        match = pattern.match(text)
        if (
            match
            and not (pattern is _MAY and _MUST_NOT.match(text))
            and (phrase := _phrase(match[1]))
        ):
            asked = f"{opening} {phrase} chez {who}"
            yield _draft(
                re.sub(r"^(Ai-je le droit d)e (?=[aeiouéèêh])", r"\1'", asked), kind, weight
            )
    does = _WE.match(text)
    if does and (phrase := _phrase(does[2], verb=False)):
        verb = _VERBS[does[1].lower()]
        yield _draft(f"Est-ce que {who} {verb} {phrase}", "practice", 1.3)
    means = _MEANS.match(text)
    if means and len(means[1].split()) <= 4 and not _NO_TERM.match(means[1]):
        yield _draft(
            f"Que signifie « {means[1].strip()} » dans les conditions de {who}", "definition", 1.9
        )
    if _KEPT.match(text):
        yield _draft(f"Combien de temps {who} conserve-t-il mes données", "retention", 2.0)
    if _REFUND.search(text):
        yield _draft(f"Puis-je me faire rembourser par {who}", "refund", 1.8)
    if _WITHDRAW.search(text) and _DAYS.search(text):
        yield _draft(f"Quel est le délai de rétractation chez {who}", "deadline", 2.0)
    if _LAW.search(text):
        yield _draft(f"Quel droit s'applique aux conditions de {who}", "law", 1.7)


def _draft(question: str, pattern: str, weight: float) -> Draft:
    asked = re.sub(r"\s+", " ", question)
    return Draft(f"{asked} ?", asked, pattern, 3, weight)


def _phrase(text: str, verb: bool = True) -> str | None:
    """A phrase in the voice of the reader; None where it cannot be cut cleanly."""
    match = _CUT.search(text)
    words = (text[: match.start()] if match else text).split()
    if (
        not 2 <= len(words) <= 13
        or words[-1].lower().strip("'") in _OPEN_END
        or words[-1].endswith("'")
    ):
        return None
    if verb and re.match(r"(?:avoir besoin|être|recevoir)\b", " ".join(words), re.I):
        return None
    first = words[0].lower()
    infinitive = re.match(r"(?:(?:vous|l'|les?|la|y|en|s')\s?)?\w+(?:er|ir|re|oir)$", first)
    if verb and not (infinitive or (first in ("vous", "en", "y") and len(words) > 2)):
        return None
    if not verb and first not in (
        "vos",
        "des",
        "les",
        "la",
        "le",
        "votre",
        "certaines",
        "ces",
        "l'adresse",
    ):
        return None
    said = " ".join(words)
    if re.search(
        r"\b(?:ci-|présente?s?|susmentionn|celui|celle|ceux|lesquel|ces derni|ce lien|ces|cette"
        r"|ici|y|amples|chaque|certaines?|suivantes?|spécifiques?)\b|^des informations$",
        said,
        re.I,
    ):
        return None
    said = re.sub(r"\bvous-même\b", "moi-même", said)
    said = re.sub(r"\bvous (?=[aeiouéèêh]\w+(?:er|ir|re)\b)", "m'", said)
    said = re.sub(r"\bvous (?=\w+(?:er|ir|re)\b)", "me ", said)
    for old, new in (
        (r"\bvous concernant\b", "me concernant"), (r"\bnotre (?=[aeiouéèê])", "son "),
        (r"\bvos\b", "mes"), (r"\bvotre\b", "mon"), (r"\bnos (?:services?|sites?"
                                                     r"|applications?)\b", "le service"),
        (r"\bnotre (?:site|service|application"
         r"|plateforme)\b", "le service"), (r"\bnous\b", "l'entreprise"),
        (r"^vous (?=\w+(?:er|ir"
         r"|re)\b)", "me "), (r"\bvous\b", "moi"), (r"\bnotre\b", "sa"), (r"\bnos\b", "ses"),
    ):  # fmt: skip
        said = re.sub(old, new, said, flags=re.I)
    said = re.sub(r"^me (?=[aeiouéèêh])", "m'", said)
    return _FEMININE.sub("ma ", said)

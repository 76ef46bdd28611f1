"""English questions from papers: what is associated, compared, measured and made of what."""

from __future__ import annotations

import re
from collections.abc import Iterator

from datakit.generators._context import Context
from datakit.generators._drafts import Draft
from datakit.generators._english_phrases import (
    DANGLING_END,
    NOUN_PHRASE_STOP,
    made,
    noun_phrase,
    small_start,
    verb_phrase,
)
from datakit.generators._latin import FUNCTION
from datakit.generators._verbs import base_of

# papers

_THAT = re.compile(
    r"^.{0,120}?\b(?:found|find|finds|show|shows|showed|shown|suggest|suggests|suggested"
        r"|indicate|indicates|indicated|indicating"
    r"|demonstrate|demonstrates|demonstrated|observed|reported|reveal|revealed|confirm"
        r"|confirmed|hypothesi[sz]ed"
    r"|concluded?|evidence|known|thought|believed|likely|possible|clear) that (.+)", re.I
)  # fmt: skip
_ASSOCIATED = re.compile(
    r"^(.{4,80}?) (is|are|was|were) (?:not )?(?:(?:\w+ly|also|not|positively|negatively) )*"
    r"(associated|correlated|linked|related) (with|to) (.+)",
    re.I,
)
_CAN = re.compile(r"^(.{4,60}?) (can|may|might|could) (?:(?:also|\w+ly|not) )?(.+)", re.I)
_EFFECT = re.compile(
    r"^(.{4,70}?) (?:(?:significantly|strongly|also|directly|markedly|not) )*(caused?s?"
        r"|increase[sd]?|decrease[sd]?|reduce[sd]?|inhibit(?:s|ed)?|promote[sd]?"
    r"|induce[sd]?|improve[sd]?|affect(?:s|ed)?|prevent(?:s|ed)?|enhance[sd]?|regulate[sd]?"
        r"|activate[sd]?|predict(?:s|ed)?|alter(?:s|ed)?|depress(?:es|ed)?|suppress(?:es|ed)?"
        r"|elevate[sd]?|stimulate[sd]?|modulate[sd]?|impair(?:s|ed)?|influence[sd]?|lower(?:s"
        r"|ed)?|accelerate[sd]?|trigger(?:s|ed)?) (.+)", re.I
)  # fmt: skip


def finding(text: str, context: Context) -> Iterator[Draft]:
    match = _THAT.match(text)
    core = match[1] if match else text
    core = re.sub(r"^(?:in|among|for|after|during|at|on) [^,]{3,60}, ", "", core, flags=re.I)
    if re.search(r"\b(?:we|our|us)\b", core[:60], re.I):
        return
    yield from _associated(core, context)
    yield from _effect(core, context)
    yield from _possible(core, context)
    yield from _measured(text, context)
    yield from _role(core, context)
    yield from _compared(core, context)


def _topic(noun: str | None, context: Context) -> str | None:
    """A noun phrase that says what it is about without the sentences around it."""
    if not noun:
        return None
    noun = re.sub(r"^(?:the|a|an)\s+(?=\w)", lambda m: m.group().lower(), noun, flags=re.I)
    words = noun.split()
    content = [word for word in words if word.lower() not in FUNCTION]
    vague = {
        "results",
        "study",
        "model",
        "method",
        "approach",
        "analysis",
        "data",
        "findings",
        "effect",
        "values",
        "value",
        "groups",
        "group",
        "patients",
        "cases",
        "differences",
        "finding",
        "latter",
        "former",
    }
    if not content or all(word.lower() in vague for word in content):
        return None
    return small_start(noun, context)


def _associated(core: str, context: Context) -> Iterator[Draft]:
    match = _ASSOCIATED.match(core)
    if not match:
        return
    left, right = _topic(noun_phrase(match[1], 8), context), _topic(_object(match[5], 8), context)
    if left and right and (len(right.split()) > 1 or not right.islower()):
        rest = f"{match[3].lower()} {match[4].lower()} {right}"
        be = match[2].lower().replace("was", "is").replace("were", "are")
        yield from made(f"{be} {left} {rest}", f"whether {left} {be} {rest}", "association", 1.6)


def _object(text: str, limit: int) -> str | None:
    text = re.split(
        r"[,;:(\[]|\s(?:that|which|when|while|whereas|but|because|as|by|after|than|compared"
        r"|and (?:was|were|is|are|had))\b",
        text,
    )[0]
    return noun_phrase(text, limit)


def _effect(core: str, context: Context) -> Iterator[Draft]:
    match = _EFFECT.match(core)
    if not match:
        return
    left, right = _topic(noun_phrase(match[1], 6), context), _topic(_object(match[3], 8), context)
    verb = match[2].lower()
    base = base_of(verb)
    if left and right and base and len(right.split()) > 1:
        plural = left.split()[-1].endswith("s") and not left.endswith("ss")
        aux = "do" if plural else "does"
        yield from made(
            f"{aux} {left} {base} {right}",
            f"whether {left} {base if plural else base + 's'} {right}",
            "finding",
            1.5,
        )


def _possible(core: str, context: Context) -> Iterator[Draft]:
    match = _CAN.match(core)
    left = _topic(noun_phrase(match[1], 6), context) if match else None
    phrase = verb_phrase(match[3], 10) if match else None
    if left and phrase and phrase.split()[0].lower() not in ("be", "have"):
        if NOUN_PHRASE_STOP.search(phrase):
            return
        yield from made(f"can {left} {phrase}", f"whether {left} can {phrase}", "finding", 1.3)


_MEASURED = re.compile(
    r"^(.{4,70}?) (was|were) (?:\w+ly )?(measured|determined|assessed|calculated|quantified"
        r"|estimated|purified"
    r"|extracted|isolated|analy[sz]ed|defined|identified|detected|evaluated|diagnosed"
        r"|collected|prepared"
    r"|generated|classified|tested|selected) (?:using|by|with|from|as|through|via"
        r"|according)\b", re.I
)  # fmt: skip
_ROLE = re.compile(r"^(.{4,60}?) (plays?|played) an? (?:\w+ ){0,2}role in (.+)", re.I)


def _measured(text: str, context: Context) -> Iterator[Draft]:
    match = _MEASURED.match(text)
    noun = _topic(noun_phrase(match[1], 7), context) if match else None
    if match and noun and len([w for w in noun.split() if w not in FUNCTION]) > 1:
        be, verb = match[2].lower(), match[3].lower()
        yield from made(f"how {be} {noun} {verb}", f"how {noun} {be} {verb}", "method", 1.2)


def _role(core: str, context: Context) -> Iterator[Draft]:
    match = _ROLE.match(core)
    if not match:
        return
    left, right = _topic(noun_phrase(match[1], 6), context), _topic(_object(match[3], 8), context)
    if left and right:
        aux = "do" if left.endswith("s") and not left.endswith("ss") else "does"
        verb = "play" if aux == "do" else "plays"
        yield from made(
            f"what role {aux} {left} play in {right}",
            f"what role {left} {verb} in {right}",
            "role",
            1.6,
        )


_HIGHER = re.compile(
    r"^(.{4,70}?) (is|are|was|were) (?:\w+ly )?(higher|lower|greater|larger|smaller|longer"
        r"|shorter|more common|more frequent|more likely"
    r"|less common|less likely|stronger|weaker|faster|slower) ((?:in|for|among|at|to|with"
        r"|during|when|than) .+)", re.I
)  # fmt: skip
_DIFFERS = re.compile(
    r"^(.{4,70}?) (?:(?:do|does|did) not differ|differ(?:s|ed)?) (?:\w+ly )?(between|among"
    r"|across|by|with) (.+)",
    re.I,
)
_NO_DIFFERENCE = re.compile(
    r"\b(?:no|not any|a) (?:\w+ly )?(?:significant "
    r"|statistically significant )?differences? (?:was |were )?(?:found |observed )?in "
    r"(.+? (?:between|among) .+)",
    re.I,
)
_CONSISTS = re.compile(
    r"^(.{4,50}?) (consists? of|comprises?|(?:is|are) composed of|(?:is|are) made up of) (.{12,})",
    re.I,
)
_MOST = re.compile(
    r"^(.{3,60}?) (is|are|was|were) (?:one of )?(the (?:most \w+|main|leading|primary"
    r"|largest|major|second(?:-| )most \w+|first) .{6,})",
    re.I,
)


def _compared(core: str, context: Context) -> Iterator[Draft]:
    higher = _HIGHER.match(core)
    if higher and (left := _topic(noun_phrase(higher[1], 7), context)):
        rest = re.split(r"[,;(\[]|\s(?:but|while|whereas|and (?:was|were|is|are))\b", higher[4])[
            0
        ].strip()
        if 2 <= len(rest.split()) <= 10 and not DANGLING_END.search(rest):
            be = higher[2].lower().replace("was", "is").replace("were", "are")
            said = f"{higher[3].lower()} {rest}"
            yield from made(f"{be} {left} {said}", f"whether {left} {be} {said}", "comparison", 1.7)
    differs = _DIFFERS.match(core)
    if differs and (left := _topic(noun_phrase(differs[1], 7), context)):
        right = _topic(_object(differs[3], 8), context)
        if right:
            aux = "do" if left.endswith("s") and not left.endswith("ss") else "does"
            rest = f"{differs[2].lower()} {right}"
            yield from made(
                f"{aux} {left} differ {rest}",
                f"whether {left} differ{'' if aux == 'do' else 's'} {rest}",
                "comparison",
                1.7,
            )
    same = _NO_DIFFERENCE.search(core)
    if same:
        rest = re.split(r"[,;(\[]|\s(?:but|while|that|which|as|after)\b", same[1])[0].strip()
        if 4 <= len(rest.split()) <= 12 and not DANGLING_END.search(rest):
            yield from made(
                f"is there a difference in {rest}",
                f"whether there is a difference in {rest}",
                "comparison",
                1.7,
            )
    yield from _made_of(core, context)


def _made_of(core: str, context: Context) -> Iterator[Draft]:
    parts = _CONSISTS.match(core)
    if parts and (left := _topic(noun_phrase(parts[1], 6), context)):
        aux = "do" if left.endswith("s") and not left.endswith("ss") else "does"
        yield from made(
            f"what {aux} {left} consist of",
            f"what {left} consist{'' if aux == 'do' else 's'} of",
            "parts",
            1.5,
        )
    most = _MOST.match(core)
    if most and noun_phrase(most[1], 8):
        rest = re.split(r"[,;(\[]|\s(?:that|which|and (?:is|was|are)|with|because|due)\b", most[3])[
            0
        ].strip()
        if (
            4 <= len(rest.split()) <= 12
            and not DANGLING_END.search(rest)
            and not most.group().lower().startswith(("this", "it", "these"))
        ):
            be = most[2].lower().replace("was", "is").replace("were", "are")
            yield from made(f"what {be} {rest}", f"what {rest} {be}", "superlative", 1.6)

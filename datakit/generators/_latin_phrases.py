"""Which English and French noun phrases say what a sentence or a passage is about."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from datakit.generators._latin import (
    CONNECTOR,
    CONNECTORS,
    CONTENT,
    DETERMINER,
    FINITE,
    FUNCTION,
    LINK,
    NOUN_ING,
    OTHER,
    UNFINISHED,
    VERB,
    Chunk,
    Sentence,
    stem,
)
from datakit.generators._verbs import BASE, base_of, is_base
from datakit.generators._words import word_set

_MONTHS = word_set(
    "january february march april may june july august september october november december"
)


_MAX_CHUNKS = 3
_SUBJECT_FIRST = 1.3  # a phrase from the start of the sentence is what it is about


# what most documents of a kind are full of: a phrase needs one word that is none of these
COMMON = word_set(
    """
    investors contrary representation prospective adverse schedules accompanying amended united
    increased decreased receipt law-enforcement partner partners authorization personal data
    information service services account accounts terms policy policies privacy party parties
    content law laws third right rights user users company companies agreement agreements
    website websites site sites app apps product products customer customers applicable
    individual individuals person persons people purpose purposes business businesses time times
    change changes provision provisions obligation obligations condition conditions section
    matter matters party's period periods year years quarter result results operation operations
    statement statements impact effect effects factor factors ability amount amounts increase
    decrease fiscal company's position activity activities item items example examples case
    cases part parts use uses type types basis end form forms date dates day days request
    requests respect view concern concerns entity entities state states country countries
    process processing subject subjects others member members study studies method methods
    analysis figure table value values group groups level levels number numbers finding findings
    difference differences significant action actions issue issues addition contents option
    options question questions answer answers way ways page pages list lists document documents
    organization organizations certain order access circumstance circumstances device devices
    risk risks significance importance range variety majority consent term occasion occasions
    management outside component exception exceptions technology technologies measure measures
    robust proceeding proceedings experience cost costs mechanism network instance instances
    discretion compliance reference references permission conjunction regard supervision
    description expense best sole full summary behaviour behavior material materials données
    donnée personnelles personnelle informations société utilisateur utilisateurs produit
    produits politique confidentialité droit droits présente présentes présent article articles
    générales client clients cadre ici lien relatives relative compte traitement traitements
    finalités personnel cas ensemble nécessaires consideration considerations outcome outcomes
    communication communications
    communicate expectation expectations assumption worldwide stock share shares common
    legitimate interest
    interests financial position positions registration provider providers replay podcast
    california residents resident experiences goal ownership holder holders work works owner owners
    event events unexpected report reports annual secretary director administrator commissioner
    minister council committee commission authority authorities agency agencies federal national
    collection point points file files board directors corporation
    email e-mail address addresses gdpr eu eea
    plan plans program programs effort efforts injury majority approval ads ad notice notices
    page pages role need needs feature features functionality tool tools partner member process
    processes procedure procedures detail details choice choices
    """
)


_U_S = re.compile(r"\bU\.S\b(?!\.)")


def keyword_query(
    parsed: Sentence, weights: Mapping[str, float], taken: Iterable[str], asked: Iterable[str],
    size: int = 7, language: str = "en", actor: bool = False,
) -> str:  # fmt: skip
    """The best noun phrase of a sentence, as it stands there but for its articles.

    Args:
        parsed: one sentence.
        weights: weight of each stem of the passage.
        taken: stems that the query names already (the issuer's).
        asked: stems that the passage is about: those of its section title.
        size: words at most.
        language: base language.
        actor: whether the subject of a sentence is who acts, not what it is about, as in laws.

    Returns:
        The words; "" where no phrase says enough.
    """
    blocked, topical = frozenset(taken), frozenset(asked)
    best: tuple[float, str] = (0.0, "")
    for i in range(len(parsed.chunks)):
        start = parsed.chunks[i].at
        listed = start > 0 and parsed.tokens[start - 1][1] == ","
        for words, end in _phrases_from(parsed, i, size, language):
            kept = _without(words, blocked)
            if (listed and "and" in words) or any(stem(word) in blocked for word in kept):
                continue  # the end of a list; "phases of Loncor's operations" of Loncor
            # French has no list of verbs here: only the section title says what a phrase is worth
            subject = i == 0 and language != "fr" and _is_subject(parsed, end)
            told = {stem(word) for word in kept if tells(word)}
            n_topical = len(told & topical)
            if len(told) < 2 or not (n_topical > 1 or (subject and (n_topical or not actor))):
                continue
            if language == "fr" and kept and _FRENCH_OPEN.match(kept[-1].lower()):
                continue
            if _runs_into_name(kept) or _is_clause(kept) or _goes_on(parsed, end, words[-1]):
                continue
            score = _worth_of(kept, weights) * (_SUBJECT_FIRST if subject else 1.0)
            if score > best[0]:
                best = (score, _U_S.sub("U.S.", Chunk(tuple(kept), 0, 0).text))
    return best[1]


# plurals that stand in front of another noun, as in "rights holder"
_PLURAL_FIRST = word_set(
    """
    sales earnings operations rights terms records claims products services systems securities
    communications customers savings sports goods news arms claims markets benefits costs credits
    """
)
_FRENCH_OPEN = re.compile(r"^(?:contre|ci-.*|ci|après|avant|stockés?|inférieure?s?|supérieure?s?)$")
_FRENCH_VERB_END = re.compile(r"(?:nn|tt|s|v|rg|qu|g|d)ent$|[^m]ant$|ément$|issent$")


_FRENCH_INFINITIVE = re.compile(r"[a-zé]{2,}(?:er|ir|re|oir)$")


def _is_clause(words: Sequence[str]) -> bool:
    """Whether a verb stands between the nouns: "the manager helps customers"."""
    for before, word, after in zip(["and", *words], words, [*words[1:], ""], strict=False):
        low = word.lower()
        if low == "or" or _FRENCH_VERB_END.search(low):
            return True
        if not after or after.lower() in CONNECTORS | {"of"}:
            continue
        base = base_of(low)
        acts = base is not None and base != low and low not in _PLURAL_FIRST
        joined = before.lower() in CONNECTORS | {"of"}
        if low.endswith(("izes", "ifies", "ates")) or (acts and low.endswith("s")):
            return True
        if acts and not joined and low.endswith("ed") and not before.lower().endswith("ly"):
            return True
    return False


def _runs_into_name(words: Sequence[str]) -> bool:
    """Whether a name follows a small word at once: "after the switch | Mistral AI erases"."""
    pairs = itertools.pairwise(words)
    return any(
        a.isalpha()
        and a.islower()
        and a not in CONNECTORS | {"of"}
        and b[0].isupper()
        and b[1:].islower()
        for a, b in pairs
    )


_OBJECTS = ("us", "you", "them", "it", "me")


_ADJECTIVE = re.compile(r"\w(?:al|ive|ic|ous|ary)$")  # "of a global | ban"


def _is_half(parsed: Sentence, end: int) -> bool:
    """Whether a participle and its noun follow: "the largest single | finished goods factory"."""
    if end < len(parsed.tokens) and _ADJECTIVE.search(parsed.tokens[end - 1][1]):
        return parsed.tokens[end][1].isalpha() and is_base(parsed.tokens[end][1].lower())
    if end + 1 >= len(parsed.tokens) or parsed.tokens[end + 1][0] != CONTENT:
        return False
    return parsed.tokens[end][1].lower().endswith(("ed", "ing"))


def _goes_on(parsed: Sentence, end: int, last: str) -> bool:
    """Whether the phrase is half of one, or ends with a verb: "the team reviews | each"."""
    low = last.lower()
    if low.endswith("ed") and base_of(low) not in (None, low):
        return True
    if end < len(parsed.tokens) and parsed.tokens[end][1].lower() in ("case", "cases", "order"):
        return True
    if _is_half(parsed, end):
        return True
    before_object = end < len(parsed.tokens) and (
        parsed.tokens[end][0] == DETERMINER
        or parsed.tokens[end][1].lower() in (*_OBJECTS, "how", "that", "what", "whether", "when")
    )
    return before_object and low.endswith("s") and base_of(low) not in (None, low)


def _is_command(parsed: Sentence, chunk: Chunk, words: Sequence[str], language: str) -> bool:
    """Whether a phrase opens with a verb: "permit cookies", "tasked with hosting"."""
    first = words[0].lower() if words else ""
    if first.endswith("ing") and base_of(first) and first not in NOUN_ING:
        return True
    if first.endswith("ed") and base_of(first) and len(words) < 2:
        return True
    if language == "fr":
        before = parsed.tokens[chunk.at - 1][1].lower() if chunk.at else ""
        return before not in _FRENCH_ARTICLES or not _FRENCH_CLAUSE.isdisjoint(words)
    if chunk.is_verb:
        return False
    kind, token = parsed.tokens[chunk.at - 1] if chunk.at else (OTHER, "")
    if token.lower() in ("to", "we", "you", "they"):
        return True
    return first in BASE and not (
        kind in (DETERMINER, LINK, CONTENT)
        or (kind == CONNECTOR and token.lower() not in ("to", "and", "or"))
    )


_FRENCH_CLAUSE = word_set(
    "vaut acceptent traite protège êtes dérivant permet concerne indique souhaite plupart biais cas"
)
_FRENCH_ARTICLES = word_set(
    "le la les l' l’ un une des du de d' d’ ce cet cette ces vos votre nos notre leur leurs au aux"
)


def _nouns(chunk: Chunk) -> tuple[str, ...]:
    return chunk.words[1:] if chunk.is_verb else chunk.words


def _phrases_from(
    parsed: Sentence, i: int, size: int, language: str
) -> Iterator[tuple[tuple[str, ...], int]]:
    """The phrases that start with chunk i, alone and with what prepositions join; their ends."""
    last = parsed.chunks[i]
    words = _nouns(last)
    if _is_command(parsed, last, words, language):
        return
    yield words, last.end
    for n_chunks, chunk in enumerate(parsed.chunks[i + 1 :], 2):
        joint = _connector(parsed.tokens[last.end : chunk.at])
        first = chunk.words[0].lower()
        bare = joint == "to" and chunk.at - last.end == 1  # "contracts to hedge"
        acts = bare or (first.endswith("ing") and base_of(first))
        if (
            not joint
            or (language == "fr" and joint in ("et", "ou"))
            or chunk.is_verb
            or acts
            or n_chunks > _MAX_CHUNKS
        ):
            return
        words = (*words, joint, *chunk.words)
        if len(words) > size or len({stem(w) for w in words}) < len(words):
            return
        last = chunk
        yield words, last.end


_QUANTITIES = word_set(
    "majority number variety range amount series set lot proportion portion half third two-third"
)
_SPEAKERS = frozenset(["company", "registrant"])
_EDGES = CONNECTORS | frozenset(["of", "d'", "l'", "et/ou", "à", "en", "sur", "de", "pour", "par"])


def _without(words: Sequence[str], blocked: frozenset[str]) -> list[str]:
    """The words without a leading or closing name that the query has already."""
    kept = list(words)
    if "of" in kept[:3] and stem(kept[kept.index("of") - 1]) in _QUANTITIES:
        kept = kept[kept.index("of") + 1 :]
    if len(kept) > 1 and stem(kept[0]) in _SPEAKERS and kept[1].endswith("s") and base_of(kept[1]):
        return []  # "the company faces competition": a clause, no phrase
    while kept and (stem(kept[0]) in blocked or stem(kept[0]) in _SPEAKERS):
        kept.pop(0)
    while kept and (stem(kept[-1]) in blocked or kept[-1].lower() in _EDGES):
        kept.pop()
    return kept


def _worth_of(words: Sequence[str], weights: Mapping[str, float]) -> float:
    """Weight of a phrase for its length; 0 where it is a single word or says what all say."""
    content = [word for word in words if word.lower() not in FUNCTION and len(word) > 1]
    telling = [word for word in content if tells(word)]
    if len(content) < 2 or not telling or (words and words[0].lower() in CONNECTORS | {"of"}):
        return 0.0
    total = sum(
        weights.get(stem(word), 0.0) * (1.0 if word in telling else 0.4) for word in content
    )
    return total / math.sqrt(len(content))


def tells(word: str) -> bool:
    low = word.lower()
    dated = (
        low in _MONTHS or any(map(str.isdigit, low)) or low.endswith(("-month", "-year", "-week"))
    )
    return not (
        dated
        or low in COMMON
        or low in FUNCTION
        or low in UNFINISHED
        or low.removesuffix("'s") in COMMON
    )


def _is_subject(parsed: Sentence, end: int) -> bool:
    """Whether a finite verb follows the phrase that opens a sentence."""
    if end >= len(parsed.tokens):
        return False
    kind, token = parsed.tokens[end]
    low = token.lower()
    return low in FINITE or (kind == VERB and not low.endswith("ing"))


def _connector(gap: Sequence[tuple[str, str]]) -> str:
    """The one preposition or conjunction between two chunks; "" where there is more."""
    kept = [(kind, token) for kind, token in gap if kind != DETERMINER]
    if len(kept) == 1 and gap[0] == kept[0] and kept[0][0] in (CONNECTOR, LINK):
        return kept[0][1].lower()
    return ""


def _worth(chunk: Chunk, weights: Mapping[str, float]) -> float:
    """Sum of the weights of its words; a word alone says less than a phrase."""
    total = sum(weights.get(stem(word), 0.0) for word in chunk.words if len(word) > 2)
    return total if len(chunk.words) > 1 else 0.7 * total


_EARLY = {0: 1.5, 1: 1.2}  # terms of the first sentences count for more; our default


def key_terms(
    sentences: Sequence[Sentence], weights: Mapping[str, float], taken: Iterable[str], n: int,
    least: int = 2, language: str = "en",
) -> list[str]:  # fmt: skip
    """The n best terms of a passage: phrases of two to four words that come again.

    Args:
        sentences: of the passage.
        weights: weight of each stem.
        taken: stems that the query names already.
        n: terms at most.
        least: how often a term comes at least.
        language: base language.
    """
    places: dict[str, list[tuple[int, list[str]]]] = {}
    blocked = frozenset(taken)
    for row, sentence in enumerate(sentences):
        for chunk in sentence.chunks:
            if len(chunk.words) < 2:
                continue
            words = _without(_nouns(chunk), blocked)
            if any(set(word.lower().split("-")) & blocked for word in words if "-" in word):
                continue  # "non-Tesla vehicle" of Tesla
            if language == "fr" and (words[-1:] and _FRENCH_INFINITIVE.search(words[-1])):
                continue  # "légitimement attendre"
            if language == "fr" and words and _FRENCH_INFINITIVE.search(words[0]):
                continue
            if not words or words[0][0].isdigit() or _is_command(sentence, chunk, words, ""):
                continue
            if words[-1].endswith("ed") and base_of(words[-1].lower()):
                continue  # "proportion injured"
            if 1 < len(words) <= 4 and not _runs_into_name(words):
                places.setdefault(" ".join(map(stem, words)), []).append((row, words))
    scores: dict[str, float] = {}
    for key, found in places.items():
        told = sum(map(tells, found[0][1]))
        if len(found) >= least + (0 if told > 1 else 2) and (
            worth := _worth_of(found[0][1], weights)
        ):
            scores[key] = worth * sum(_EARLY.get(row, 1.0) for row, _ in found)
    picked: list[str] = []
    named = set(blocked)
    for key in sorted(scores, key=lambda key: (-scores[key], key)):
        stems = set(key.split())
        if len(picked) == n:
            break
        if not stems & named:
            picked.append(Chunk(tuple(places[key][0][1]), 0, 0).text)
            named |= stems
    return picked

"""Everything that the rules find to ask about one passage, before any of it is chosen."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from datakit.generators import (
    _chinese,
    _chinese_rules,
    _classes,
    _english_phrases,
    _english_rules,
    _french_rules,
    _headings,
    _keywords,
    _latin,
)
from datakit.generators._context import Context
from datakit.generators._drafts import Draft
from datakit.generators._prose import is_deictic, is_stock_phrase, is_usable
from datakit.generators._rank import lexrank
from datakit.records import Form, Level, Passage, normal_key, seed_for
from datakit.text import sentences

STAGE = "generate/extractive_bottom_up"
_CENTRAL = 0.8  # what the most central sentence adds to the weight of its question; our default
_MAX_WORDS = 34  # of a sentence that key words stand for; a longer one says too many things
_MAX_CHINESE = 90  # the same in characters
_TITLE = 1.4  # how much more a word of the section title counts; our default

# a sentence that only says where something stands
_POINTS_ON = re.compile(
    r"\bthis (?:study|paper|work|article|section|thesis)\b|\b(?:error|scale) bars?\b|\basterisks?\b"
    r"|\b(?:included|described|discussed|defined) (?:below|above|elsewhere|herein)\b"
    r"|\b(?:denoted|plotted) (?:by|in)\b|\b(?:following|accompanying) (?:table|chart|graph)"
    r"|\bsets? forth\b|\bcan be found\b|\bthe following (?:is|are)\b|\bprovided elsewhere\b"
    r"|\bcontains? (?:\w+ )?(?:instructions|information|details)\b|\bas follows\b"
    r"|\b(?:shown|listed|presented|given|depicted|summari[sz]ed|reported) in (?:the )?(?:table|fig)"
    r"|\b(?:see|refer to) (?:the |our )?(?:note|item|part|section)\b|\blearn more\b",
    re.I,
)
_NOBODY = re.compile(r"\b[Tt]he [Cc]ompany\b|平台|(?<![A-Za-z])APP(?![A-Za-z])")


@dataclass(frozen=True, slots=True)
class Sentence:
    """A usable sentence of a passage."""

    text: str
    start: int  # in the passage
    end: int
    centrality: float  # 1 for the most central one of the passage
    said: str  # the text as the rules read it: a list item with what introduces the list
    parsed: _latin.Sentence | None  # None in Chinese


@dataclass(frozen=True, slots=True)
class Candidate:
    """A query before it is chosen."""

    text: str
    level: Level
    form: Form
    pattern: str
    grade: int
    sentence: Sentence | None = None  # that answers it; None where the whole passage does
    worth: float = 0.0  # how much one would ask it, as its rule says; 0 where no rule does
    quality: float | None = None  # probability that a reader accepts it; None where not scored


def content_words(text: str, context: Context) -> list[str]:
    """Words or stems that carry a topic."""
    return (
        _chinese.content_words(text)
        if context.is_cjk
        else _latin.content_stems(text, context.language)
    )


def weights_of(
    words: Sequence[str], passage: Passage, context: Context, idf: Mapping[str, float]
) -> dict[str, float]:
    """TF-IDF of the words of a passage; those of its section title count for more."""
    weights = _latin.passage_weights(words, idf)
    for word in set(content_words(" ".join(passage.section_path[-1:]), context)):
        weights[word] = weights.get(word, 1.0) * _TITLE
    return weights


def sentences_of(
    passage: Passage, context: Context, weights: Mapping[str, float]
) -> list[Sentence]:
    """The usable sentences of a passage with their centrality."""
    heads = {normal_key(title) for title in passage.section_path}
    lead: str | None = None
    spans: list[tuple[int, int, str]] = []
    for start, end in sentences(passage.text, context.language):
        text = passage.text[start:end]
        item = _english_rules.item_text(lead, text) if lead else None
        if item is None and context.language == "en":
            lead = _english_rules.lead_in(text)
        said = item or text
        if is_usable(said, context.language) and normal_key(text) not in heads:
            spans.append((start, end, said))
    rank = lexrank(
        [content_words(passage.text[start:end], context) for start, end, _ in spans], weights
    )
    top = max(rank, default=1.0)
    return [
        Sentence(
            passage.text[start:end],
            start,
            end,
            float(score / top),
            said,
            None
            if context.is_cjk
            else _latin.parse(_english_phrases.plain(passage.text[start:end]), context),
        )
        for (start, end, said), score in zip(spans, rank, strict=True)
    ]


def is_compact(sentence: str, context: Context) -> bool:
    """Whether a few words can stand for the sentence: it is short and stands on its own."""
    text = sentence.strip()
    if text[-1:] in ":：" or re.match(r"\(\d\)", text) or is_deictic(text, context.language):
        return False
    if is_stock_phrase(text) if context.is_cjk else _POINTS_ON.search(text):
        return False
    if not context.is_cjk and (text[-1:] not in '.;!)"”' or text.isupper()):
        return False  # a title or a cut line
    if (
        not context.is_cjk
        and _english_phrases.ENUMERATOR.sub("", text.lstrip("“\"‘'"))[:1].islower()
    ):
        return False  # one item of a list
    return len(text) <= _MAX_CHINESE if context.is_cjk else len(text.split()) <= _MAX_WORDS


def _drafts(sentence: str, context: Context) -> list[Draft]:
    if context.is_cjk:
        return _chinese_rules.drafts(sentence, context)
    if context.language == "fr":
        return _french_rules.drafts(sentence, context)
    return _english_rules.drafts(sentence, context) if context.language in ("en", "") else []


def _worth(draft: Draft, context: Context) -> float:
    """How much one would ask it, and how often questions of its kind read well."""
    return draft.weight + _classes.bonus(draft.pattern, context)


def _answered(
    passage: Passage, found: Sequence[Sentence], context: Context
) -> Iterator[tuple[Draft, Sentence]]:
    """Questions that open a line of the text, each with the sentence right behind it."""
    rules = _chinese_rules if context.is_cjk else _english_rules
    for sentence in found:
        before = passage.text[: sentence.start].rstrip()
        start = (
            max(before.rfind("\n"), before.rfind("？"), before.rfind("?"), before.rfind("。")) + 1
        )
        line = before[start:] if before[-1:] not in "?？" else before[before.rfind("\n") + 1 :]
        if context.language not in ("en", "", "zh") or line.strip()[-1:] not in ("?", "？"):
            continue
        if not context.is_cjk and (sentence.text[-1:] == ":" or _POINTS_ON.search(sentence.text)):
            continue  # the answer stands further down, or elsewhere
        draft = rules.own_question(line.strip(), context)
        if draft and _answers(sentence.text, draft.question, context):
            yield draft, sentence


def _answers(sentence: str, question: str, context: Context) -> bool:
    """Whether an answer takes up a word of its question, as far as words can tell."""
    own = set(content_words(context.issuer or "", context))
    asked = set(content_words(question, context)) - own
    return context.is_cjk or not asked or bool(asked & set(content_words(sentence, context)))


def rated(
    passage: Passage, found: Sequence[Sentence], context: Context
) -> list[tuple[float, Draft, Sentence]]:
    """Every question that the rules find, with what it is worth."""
    drafted = [
        (_worth(draft, context) + _CENTRAL * sentence.centrality, draft, sentence)
        for sentence in found
        for draft in _drafts(sentence.said, context)
    ]
    answered = _answered(passage, found, context)
    return drafted + [(_worth(draft, context), draft, answer) for draft, answer in answered]


def worded(
    draft: Draft, passage: Passage, context: Context, need_share: float, seed: int
) -> tuple[str, Form]:
    """The draft as a question, or for a share of them as a need."""
    draw = seed_for(seed, STAGE, f"{passage.passage_id}\n{draft.question}")
    asked_by_itself = draft.pattern == "faq"  # its words are the text's own
    if asked_by_itself or draw % 1000 >= 1000 * need_share:
        return draft.question, "question"
    if draft.need:
        return draft.need, "need"
    if context.language == "fr":
        return draft.question, "question"
    leads = _chinese_rules.need_leads() if context.is_cjk else _english_rules.need_leads()
    gap = "" if context.is_cjk else " "
    return f"{leads[draw // 1000 % len(leads)]}{gap}{draft.indirect}", "need"


def is_askable(draft: Draft, context: Context) -> bool:
    """Whether somebody who does not see the document could ask it."""
    if is_unnamed(context) and _NOBODY.search(draft.question):
        return False  # nobody could tell which company is meant
    return _names_issuer(draft, context)


def key_sentence(
    sentence: Sentence, passage: Passage, context: Context, weights: Mapping[str, float]
) -> str:
    """Key words that stand for a sentence; "" where it is too long, or says too little."""
    if not is_compact(sentence.text, context):
        return ""
    titled = set(content_words(" ".join(passage.section_path[-1:]), context))
    return _keywords.of_sentence(sentence.text, sentence.parsed, context, weights, titled)


def titled(passage: Passage, context: Context) -> Iterator[Candidate]:
    """The queries that the section title of a passage gives."""
    heading = _headings.from_path(passage.section_path, passage.text, context)
    if heading:
        yield Candidate(heading.text, "passage", heading.form, "heading", 2)
    asked = _headings.question_from_path(passage.section_path, passage.text, context)
    if asked:
        yield Candidate(asked, "passage", "question", "section_topic", 2)


def key_term(
    passage: Passage, found: Sequence[Sentence], context: Context, weights: Mapping[str, float],
    topic: str | None,
) -> str:  # fmt: skip
    """The best term of a passage with what it belongs to; "" where it has none."""
    texts = [sentence.text for sentence in found]
    parsed = [sentence.parsed for sentence in found if sentence.parsed]
    return _keywords.of_passage(texts, parsed, context, weights, topic)


def all_of(
    passage: Passage, found: Sequence[Sentence], context: Context, weights: Mapping[str, float],
    opens_section: bool, need_share: float, seed: int,
) -> list[Candidate]:  # fmt: skip
    """Every query that the rules find in a passage, of both levels.

    Args:
        passage: the passage.
        found: its usable sentences.
        context: its document.
        weights: weight of each word of the passage.
        opens_section: whether it is the first passage under its title.
        need_share: of the questions that become needs.
        seed: of that draw.
    """
    made: list[Candidate] = []
    for worth, draft, sentence in rated(passage, found, context):
        if is_askable(draft, context):
            text, form = worded(draft, passage, context, need_share, seed)
            made.append(
                Candidate(text, "sentence", form, draft.pattern, draft.grade, sentence, worth)
            )
    for sentence in found:
        text = key_sentence(sentence, passage, context, weights)
        if text:
            made.append(Candidate(text, "sentence", "keyword", "key_sentence", 2, sentence))
    heads = list(titled(passage, context)) if opens_section and passage.section_path else []
    topic = None if heads else _headings.topic_of(passage.section_path, context)
    text = key_term(passage, found, context, weights, topic)
    if text:
        heads.append(Candidate(text, "passage", "keyword", "key_term", 2))
    return made + heads


def _names_issuer(draft: Draft, context: Context) -> bool:
    """Whether a question of terms says whose they are, or is a definition, the same everywhere."""
    if context.kind != "terms" or not context.issuer or draft.pattern in ("definition", "faq"):
        return True
    first = context.issuer.removeprefix("The ").split()[0].lower()
    return context.is_cjk or context.language == "fr" or first in draft.question.lower()


def is_unnamed(context: Context) -> bool:
    """Whether the query should name an issuer that nobody told us."""
    return context.kind in ("terms", "filing") and not context.issuer

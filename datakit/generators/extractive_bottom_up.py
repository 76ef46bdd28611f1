"""Sentence and passage queries by rule: no model, no network.

A sentence that defines, permits, promises or reports something gives a question in the voice of
who would ask; a central sentence gives its best terms; a section title and the key terms of a
passage give passage queries. Every rule needs the text to be what it expects: where it is not,
there is no query.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import ClassVar, Literal

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
from datakit.generators._context import Context, context_of
from datakit.generators._drafts import Draft
from datakit.generators._english_filings import time_in
from datakit.generators._prose import is_deictic, is_stock_phrase, is_usable, why_unusable
from datakit.generators._rank import idf_of, lexrank
from datakit.records import (
    Dropped,
    Evidence,
    Form,
    Level,
    Passage,
    Query,
    normal_key,
    query_id,
    seed_for,
)
from datakit.registry import plugin, plugin_id
from datakit.text import sentences

_STAGE = "generate/extractive_bottom_up"
_CENTRAL = 0.8  # what the most central sentence adds to the weight of its question; our default
_MAX_WORDS = 34  # of a sentence that key words stand for; a longer one says too many things
_MAX_CHINESE = 90  # the same in characters
_TITLE = 1.4  # how much more a word of the section title counts; our default
_LEAST_CENTRAL = 0.5  # of the most central sentence: what is less central is not asked for
_AGAIN = 0.6  # taken off a question of a pattern that the passage has already


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
_NOBODY = re.compile(r"\bthe company\b|平台", re.I)


@dataclass(frozen=True, slots=True)
class _Sentence:
    text: str
    start: int  # in the passage
    end: int
    centrality: float  # 1 for the most central one of the passage
    said: str  # the text as the rules read it: a list item with what introduces the list
    parsed: _latin.Sentence | None  # None in Chinese


@dataclass(frozen=True, slots=True)
class _Candidate:
    text: str
    level: Level
    form: Form
    pattern: str
    grade: int
    sentence: _Sentence | None = None


@dataclass
class _Seen:
    """What one document has given so far."""

    texts: set[str] = field(default_factory=set)
    paths: set[tuple[str, ...]] = field(default_factory=set)

    def is_new(self, text: str) -> bool:
        """Whether the text has not been asked yet; from now on it has."""
        key = normal_key(text).rstrip("?？")
        fresh = key not in self.texts
        self.texts.add(key)
        return fresh


@plugin("generators", "extractive_bottom_up")
@dataclass(frozen=True)
class ExtractiveBottomUp:
    """Queries of sentence and passage level out of one passage, by rules alone."""

    unit: ClassVar[Literal["map"]] = "map"

    sentence_queries: int = 3  # at most, per passage; pipeline §3 gives 2-4
    passage_queries: int = 2  # at most, per passage; pipeline §3 gives 1-2
    need_share: float = 0.33  # of the questions that become needs: 50 % to 25 % in pipeline §3
    seed: int = 13

    def __call__(self, passages: Iterable[Passage]) -> Iterator[Query | Dropped]:
        generator_id = plugin_id(self)
        for _, group in groupby(passages, key=lambda passage: passage.doc_id):
            of_document = list(group)
            context = context_of(of_document)
            words = [_content(passage.text, context) for passage in of_document]
            idf = idf_of(words)
            context = replace(context, topic=_topic(context, idf))
            seen = _Seen()
            for passage, own in zip(of_document, words, strict=True):
                weights = _weights(own, passage, context, idf)
                yield from self._of_passage(passage, context, weights, seen, generator_id)

    def _of_passage(
        self,
        passage: Passage,
        context: Context,
        weights: Mapping[str, float],
        seen: _Seen,
        generator_id: str,
    ) -> Iterator[Query | Dropped]:
        if passage.section_path and _headings.is_back_matter(passage.section_path[-1]):
            yield Dropped(passage.passage_id, "boilerplate", f"under {passage.section_path[-1]!r}")
            return
        found = _sentences(passage, context, weights)
        prose = sum(sentence.end - sentence.start for sentence in found)
        why = why_unusable(passage.text, len(found), context.language, prose)
        if why:
            yield Dropped(
                passage.passage_id, why[0], f"passage of {passage.n_tokens} tokens: {why[1]}"
            )
            return
        low = self._sentence_level(passage, found, context, weights, seen)
        high = self._passage_level(passage, found, context, weights, seen)
        if not low and not high:
            yield _nothing(passage, found, context)
            return
        queries = [_query(c, passage, context, generator_id) for c in low]
        yield from queries
        children = tuple(query.query_id for query in queries)
        for candidate in high:
            yield _query(candidate, passage, context, generator_id, children)

    def _sentence_level(
        self, passage: Passage, found: Sequence[_Sentence], context: Context,
        weights: Mapping[str, float], seen: _Seen,
    ) -> list[_Candidate]:  # fmt: skip
        """Questions, then key words of what is not asked about, then more questions."""
        rated = self._rated(passage, found, context)
        room = max(1, self.sentence_queries - 1)  # key words keep a place
        asked = self._questions(rated, room, passage, context, seen)
        asked += self._key_sentences(asked, passage, found, context, weights, seen)
        asked += self._questions(rated, self.sentence_queries - len(asked), passage, context, seen)
        return sorted(asked, key=lambda c: c.sentence.start if c.sentence else 0)

    def _key_sentences(
        self, asked: Sequence[_Candidate], passage: Passage, found: Sequence[_Sentence],
        context: Context, weights: Mapping[str, float], seen: _Seen,
    ) -> list[_Candidate]:  # fmt: skip
        used = {id(candidate.sentence) for candidate in asked}
        rest = sorted(
            (one for one in found if id(one) not in used and _is_compact(one.text, context)),
            key=lambda one: (-one.centrality, one.start),
        )
        titled = set(_content(" ".join(passage.section_path[-1:]), context))
        room = min(self.sentence_queries - len(asked), 1 if asked else 2)
        made: list[_Candidate] = []
        for sentence in rest:
            if len(made) >= room or sentence.centrality < _LEAST_CENTRAL:
                break
            text = _keywords.of_sentence(sentence.text, sentence.parsed, context, weights, titled)
            if text and seen.is_new(text):
                made.append(_Candidate(text, "sentence", "keyword", "key_sentence", 2, sentence))
        return made

    def _rated(
        self, passage: Passage, found: Sequence[_Sentence], context: Context
    ) -> list[tuple[float, Draft, _Sentence]]:
        """Every question that the rules find, with what it is worth."""
        rated = [
            (_worth(draft, context) + _CENTRAL * sentence.centrality, draft, sentence)
            for sentence in found
            for draft in _drafts(sentence.said, context)
            if _classes.is_asked(draft.pattern, context)
        ]
        rated += [
            (_worth(draft, context), draft, answer)
            for draft, answer in _answered(passage, found, context)
            if _classes.is_asked(draft.pattern, context)
        ]
        return rated

    def _questions(
        self, rated: list[tuple[float, Draft, _Sentence]], room: int, passage: Passage,
        context: Context, seen: _Seen,
    ) -> list[_Candidate]:  # fmt: skip
        """The questions most worth asking, one per sentence; they leave the list."""
        picked: list[_Candidate] = []
        patterns: set[str] = set()
        while rated and len(picked) < room:
            best = max(
                rated,
                key=lambda one: (one[0] - _AGAIN * (one[1].pattern in patterns), -one[2].start),
            )
            _, draft, sentence = best
            rated.remove(best)
            text, form = self._worded(draft, passage, context)
            if _is_unnamed(context) and _NOBODY.search(draft.question):
                continue  # nobody could tell which company is meant
            if not _names_issuer(draft, context):
                continue
            if not seen.is_new(draft.question):
                continue
            seen.is_new(text)
            picked.append(_Candidate(text, "sentence", form, draft.pattern, draft.grade, sentence))
            patterns.add(draft.pattern)
            rated[:] = [one for one in rated if one[2] is not sentence]
        return picked

    def _worded(self, draft: Draft, passage: Passage, context: Context) -> tuple[str, Form]:
        """The draft as a question, or for a share of them as a need."""
        draw = seed_for(self.seed, _STAGE, f"{passage.passage_id}\n{draft.question}")
        asked_by_itself = draft.pattern == "faq"  # its words are the text's own
        if asked_by_itself or draw % 1000 >= 1000 * self.need_share:
            return draft.question, "question"
        if draft.need:
            return draft.need, "need"
        if context.language == "fr":
            return draft.question, "question"
        leads = _chinese_rules.need_leads() if context.is_cjk else _english_rules.need_leads()
        gap = "" if context.is_cjk else " "
        return f"{leads[draw // 1000 % len(leads)]}{gap}{draft.indirect}", "need"

    def _passage_level(
        self, passage: Passage, found: Sequence[_Sentence], context: Context,
        weights: Mapping[str, float], seen: _Seen,
    ) -> list[_Candidate]:  # fmt: skip
        made: list[_Candidate] = []
        path = passage.section_path
        if path and path not in seen.paths:
            seen.paths.add(path)
            titled = _headings.from_path(path, passage.text, context)
            if titled and seen.is_new(titled.text):
                made.append(_Candidate(titled.text, "passage", titled.form, "heading", 2))
            asked = _headings.question_from_path(path, passage.text, context)
            if asked and len(made) < self.passage_queries and seen.is_new(asked):
                made.append(_Candidate(asked, "passage", "question", "section_topic", 2))
        if len(made) < self.passage_queries:
            topic = _headings.topic_of(path, context) if not made else None
            texts = [sentence.text for sentence in found]
            parsed = [sentence.parsed for sentence in found if sentence.parsed]
            text = _keywords.of_passage(texts, parsed, context, weights, topic)
            if text and seen.is_new(text):
                made.append(_Candidate(text, "passage", "keyword", "key_term", 2))
        return made[: self.passage_queries]


# --- parts -------------------------------------------------------------------------------------


def _content(text: str, context: Context) -> list[str]:
    """Words or stems that carry a topic."""
    return (
        _chinese.content_words(text)
        if context.is_cjk
        else _latin.content_stems(text, context.language)
    )


def _topic(context: Context, idf: Mapping[str, float]) -> str:
    if context.is_cjk:
        return _chinese.subject_of(context) or ""
    named = context.topic or context.issuer
    return context.topic if named else _headings.title_topic(context, idf)


def _weights(
    words: Sequence[str], passage: Passage, context: Context, idf: Mapping[str, float]
) -> dict[str, float]:
    """TF-IDF of the words of a passage; those of its section title count for more."""
    weights = _latin.passage_weights(words, idf)
    for word in set(_content(" ".join(passage.section_path[-1:]), context)):
        weights[word] = weights.get(word, 1.0) * _TITLE
    return weights


def _sentences(passage: Passage, context: Context, weights: Mapping[str, float]) -> list[_Sentence]:
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
    rank = lexrank([_content(passage.text[start:end], context) for start, end, _ in spans], weights)
    top = max(rank, default=1.0)
    return [
        _Sentence(
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


def _is_compact(sentence: str, context: Context) -> bool:
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
    passage: Passage, found: Sequence[_Sentence], context: Context
) -> Iterator[tuple[Draft, _Sentence]]:
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
    own = set(_content(context.issuer or "", context))
    asked = set(_content(question, context)) - own
    return context.is_cjk or not asked or bool(asked & set(_content(sentence, context)))


def _nothing(passage: Passage, found: Sequence[_Sentence], context: Context) -> Dropped:
    vague = sum(is_deictic(sentence.text, context.language) for sentence in found)
    if 2 * vague > len(found):
        detail = (
            f"{vague} of {len(found)} sentences point outside it, expected one that stands alone"
        )
        return Dropped(passage.passage_id, "standalone", detail)
    detail = f"no rule and no key term fits its {len(found)} sentences, expected at least one"
    return Dropped(passage.passage_id, "nothing_to_ask", detail)


def _query(
    candidate: _Candidate, passage: Passage, context: Context, generator_id: str,
    children: tuple[str, ...] = (),
) -> Query:  # fmt: skip
    seeds = (passage.passage_id,)
    sentence = candidate.sentence
    evidence: tuple[Evidence, ...] = ()
    if sentence:
        start = passage.start + sentence.start
        evidence = (Evidence(passage.doc_id, start, passage.start + sentence.end),)
    return Query(
        query_id=query_id(generator_id, seeds, candidate.text),
        text=candidate.text,
        language=passage.language,
        level=candidate.level,
        form=candidate.form,
        generator_id=generator_id,
        generator_family="extractive",
        seed_passage_ids=seeds,
        child_ids=children,
        evidence=evidence,
        pattern=candidate.pattern,
        facets=_facets(candidate.text, context),
        scores={"seed_grade": float(candidate.grade)},
        flags=("lexical_copy", "no_entity") if _is_unnamed(context) else ("lexical_copy",),
    )


def _names_issuer(draft: Draft, context: Context) -> bool:
    """Whether a question of terms says whose they are, or is a definition, the same everywhere."""
    if context.kind != "terms" or not context.issuer or draft.pattern in ("definition", "faq"):
        return True
    first = context.issuer.removeprefix("The ").split()[0].lower()
    return context.is_cjk or context.language == "fr" or first in draft.question.lower()


def _is_unnamed(context: Context) -> bool:
    """Whether the query should name an issuer that nobody told us."""
    return context.kind in ("terms", "filing") and not context.issuer


def _facets(text: str, context: Context) -> dict[str, str]:
    """What the query names: the entity, the time; and the category of its document."""
    facets: dict[str, str] = {}
    if context.category:
        facets["category"] = context.category
    if context.issuer and context.issuer.lower() in text.lower():
        facets["entity"] = context.issuer
    time = _chinese.period_in(text) if context.is_cjk else time_in(text)
    if time:
        facets["time"] = time
    return facets

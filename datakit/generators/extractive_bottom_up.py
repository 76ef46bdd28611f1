"""Sentence and passage queries by rule: no model, no network.

A sentence that defines, permits, promises or reports something gives a question in the voice of
who would ask; a central sentence gives its best terms; a section title and the key terms of a
passage give passage queries. Every rule needs the text to be what it expects: where it is not,
there is no query.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import ClassVar, Literal

from datakit.errors import PlanError
from datakit.generators import _candidates as candidates
from datakit.generators import _chinese, _classes, _headings, _quality
from datakit.generators._candidates import Candidate, Sentence, is_unnamed
from datakit.generators._context import Context, context_of
from datakit.generators._drafts import Draft
from datakit.generators._english_filings import time_in
from datakit.generators._prose import is_deictic, why_unusable
from datakit.generators._quality_features import View, features, view_of
from datakit.generators._rank import idf_of
from datakit.records import Dropped, Evidence, Passage, Query, normal_key, query_id
from datakit.registry import plugin, plugin_id

_LEAST_CENTRAL = 0.5  # of the most central sentence: what is less central is not asked for
_AGAIN = 0.6  # taken off a question of a pattern that the passage has already


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
    # least probability that a reader accepts a query, for a passage to give it; 0: no scorer, the
    # kind of rule alone decides. Of languages without verdicts of readers the scorer knows nothing
    least_quality: float = 0.75
    seed: int = 13

    def __post_init__(self) -> None:
        if not 0 <= self.least_quality < 1:
            raise PlanError(
                f"extractive_bottom_up: least_quality is {self.least_quality}, expected 0 (all "
                "that the rules make) or more, and less than 1"
            )

    def fingerprint(self) -> dict[str, str] | None:
        """The scorer that decides which queries are written."""
        return {"quality": _quality.shipped().digest} if self.least_quality else None

    def __call__(self, passages: Iterable[Passage]) -> Iterator[Query | Dropped]:
        generator_id = plugin_id(self)
        for _, group in groupby(passages, key=lambda passage: passage.doc_id):
            of_document = list(group)
            context = context_of(of_document)
            words = [candidates.content_words(passage.text, context) for passage in of_document]
            idf = idf_of(words)
            context = replace(context, topic=_topic(context, idf))
            seen = _Seen()
            for passage, own in zip(of_document, words, strict=True):
                weights = candidates.weights_of(own, passage, context, idf)
                yield from self._of_passage(passage, context, weights, idf, seen, generator_id)

    def _of_passage(
        self,
        passage: Passage,
        context: Context,
        weights: Mapping[str, float],
        idf: Mapping[str, float],
        seen: _Seen,
        generator_id: str,
    ) -> Iterator[Query | Dropped]:
        if passage.section_path and _headings.is_back_matter(passage.section_path[-1]):
            yield Dropped(passage.passage_id, "boilerplate", f"under {passage.section_path[-1]!r}")
            return
        found = candidates.sentences_of(passage, context, weights)
        prose = sum(sentence.end - sentence.start for sentence in found)
        why = why_unusable(passage.text, len(found), context.language, prose)
        if why:
            yield Dropped(
                passage.passage_id, why[0], f"passage of {passage.n_tokens} tokens: {why[1]}"
            )
            return
        scorer = self._scorer(context)
        if scorer:
            view = view_of(passage, found, context, idf)
            low, high, best = self._by_quality(view, weights, seen, scorer)
        else:
            low = self._sentence_level(passage, found, context, weights, seen)
            high = self._passage_level(passage, found, context, weights, seen)
            best = None
        if not low and not high:
            yield _nothing(passage, found, context, best, self.least_quality)
            return
        queries = [_query(c, passage, context, generator_id) for c in low]
        yield from queries
        children = tuple(query.query_id for query in queries)
        for candidate in high:
            yield _query(candidate, passage, context, generator_id, children)

    def _scorer(self, context: Context) -> _quality.Scorer | None:
        """What scores the queries of a document; None where setting or language rule it out."""
        if not self.least_quality or not _quality.shipped().reads(context.language):
            return None
        return _quality.shipped()

    def _by_quality(
        self, view: View, weights: Mapping[str, float], seen: _Seen, scorer: _quality.Scorer
    ) -> tuple[list[Candidate], list[Candidate], float | None]:
        """The queries of both levels that readers are likeliest to accept, and the best score."""
        passage, path = view.passage, view.passage.section_path
        opens = bool(path) and path not in seen.paths
        seen.paths.add(path)
        found = candidates.all_of(
            passage, view.found, view.context, weights, opens, self.need_share, self.seed
        )
        scored = [(scorer.probability(features(one, view)), one) for one in found]
        scored.sort(key=lambda pair: (-pair[0], pair[1].text))
        picked: dict[str, list[Candidate]] = {"sentence": [], "passage": []}
        room = {"sentence": self.sentence_queries, "passage": self.passage_queries}
        asked: set[int] = set()
        for quality, one in scored:
            if quality < self.least_quality:
                break
            taken = one.sentence is not None and one.sentence.start in asked
            if taken or len(picked[one.level]) >= room[one.level] or not seen.is_new(one.text):
                continue
            picked[one.level].append(replace(one, quality=quality))
            if one.sentence:
                asked.add(one.sentence.start)
        low = sorted(picked["sentence"], key=lambda one: one.sentence.start if one.sentence else 0)
        return low, picked["passage"], scored[0][0] if scored else None

    def _sentence_level(
        self, passage: Passage, found: Sequence[Sentence], context: Context,
        weights: Mapping[str, float], seen: _Seen,
    ) -> list[Candidate]:  # fmt: skip
        """Questions, then key words of what is not asked about, then more questions."""
        rated = [
            one
            for one in candidates.rated(passage, found, context)
            if _classes.is_asked(one[1].pattern, context)
        ]
        room = max(1, self.sentence_queries - 1)  # key words keep a place
        asked = self._questions(rated, room, passage, context, seen)
        asked += self._key_sentences(asked, passage, found, context, weights, seen)
        asked += self._questions(rated, self.sentence_queries - len(asked), passage, context, seen)
        return sorted(asked, key=lambda c: c.sentence.start if c.sentence else 0)

    def _key_sentences(
        self, asked: Sequence[Candidate], passage: Passage, found: Sequence[Sentence],
        context: Context, weights: Mapping[str, float], seen: _Seen,
    ) -> list[Candidate]:  # fmt: skip
        used = {id(candidate.sentence) for candidate in asked}
        rest = sorted(
            (one for one in found if id(one) not in used),
            key=lambda one: (-one.centrality, one.start),
        )
        room = min(self.sentence_queries - len(asked), 1 if asked else 2)
        made: list[Candidate] = []
        for sentence in rest:
            if len(made) >= room or sentence.centrality < _LEAST_CENTRAL:
                break
            text = candidates.key_sentence(sentence, passage, context, weights)
            if text and seen.is_new(text):
                made.append(Candidate(text, "sentence", "keyword", "key_sentence", 2, sentence))
        return made

    def _questions(
        self, rated: list[tuple[float, Draft, Sentence]], room: int, passage: Passage,
        context: Context, seen: _Seen,
    ) -> list[Candidate]:  # fmt: skip
        """The questions most worth asking, one per sentence; they leave the list."""
        picked: list[Candidate] = []
        patterns: set[str] = set()
        while rated and len(picked) < room:
            best = max(
                rated,
                key=lambda one: (one[0] - _AGAIN * (one[1].pattern in patterns), -one[2].start),
            )
            _, draft, sentence = best
            rated.remove(best)
            if not candidates.is_askable(draft, context) or not seen.is_new(draft.question):
                continue
            text, form = candidates.worded(draft, passage, context, self.need_share, self.seed)
            seen.is_new(text)
            picked.append(Candidate(text, "sentence", form, draft.pattern, draft.grade, sentence))
            patterns.add(draft.pattern)
            rated[:] = [one for one in rated if one[2] is not sentence]
        return picked

    def _passage_level(
        self, passage: Passage, found: Sequence[Sentence], context: Context,
        weights: Mapping[str, float], seen: _Seen,
    ) -> list[Candidate]:  # fmt: skip
        made: list[Candidate] = []
        path = passage.section_path
        if path and path not in seen.paths:
            seen.paths.add(path)
            for titled in candidates.titled(passage, context):
                if len(made) < self.passage_queries and seen.is_new(titled.text):
                    made.append(titled)
        if len(made) < self.passage_queries:
            topic = _headings.topic_of(path, context) if not made else None
            text = candidates.key_term(passage, found, context, weights, topic)
            if text and seen.is_new(text):
                made.append(Candidate(text, "passage", "keyword", "key_term", 2))
        return made[: self.passage_queries]


# --- parts -------------------------------------------------------------------------------------


def _topic(context: Context, idf: Mapping[str, float]) -> str:
    if context.is_cjk:
        return _chinese.subject_of(context) or ""
    named = context.topic or context.issuer
    return context.topic if named else _headings.title_topic(context, idf)


def _nothing(
    passage: Passage, found: Sequence[Sentence], context: Context, best: float | None, least: float
) -> Dropped:
    """Why a passage gives no query; `best` is the score of its best one."""
    if best is not None and best < least:
        detail = f"its best query has {best:.2f}, expected {least:.2f} or more"
        return Dropped(passage.passage_id, "low_quality", detail)
    vague = sum(is_deictic(sentence.text, context.language) for sentence in found)
    if 2 * vague > len(found):
        detail = (
            f"{vague} of {len(found)} sentences point outside it, expected one that stands alone"
        )
        return Dropped(passage.passage_id, "standalone", detail)
    detail = f"no rule and no key term fits its {len(found)} sentences, expected at least one"
    return Dropped(passage.passage_id, "nothing_to_ask", detail)


def _query(
    candidate: Candidate, passage: Passage, context: Context, generator_id: str,
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
        scores=_scores(candidate),
        flags=("lexical_copy", "no_entity") if is_unnamed(context) else ("lexical_copy",),
    )


def _scores(candidate: Candidate) -> dict[str, float]:
    scores = {"seed_grade": float(candidate.grade)}
    return scores if candidate.quality is None else scores | {"quality": candidate.quality}


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

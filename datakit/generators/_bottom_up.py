"""A reply of the bottom-up prompt becomes queries: evidence found, links made, errors said."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from datakit.filters import FilterSettings, check
from datakit.generators._chinese import period_in
from datakit.generators._context import short_name
from datakit.generators._english_filings import time_in
from datakit.generators._quotes import Found, Missing, align
from datakit.llm.exchange import Reading
from datakit.llm.prompts import line
from datakit.records import Dropped, Evidence, Level, Passage, Query, normal_key, query_id
from datakit.text import is_cjk_language, normalise

_LIMITS = FilterSettings()


@dataclass(frozen=True, slots=True)
class About:
    """What reading a reply needs to know of its passage."""

    passage: Passage
    language: str | None
    persona_id: str
    examples: frozenset[str]  # keys of the few-shot queries


@dataclass(frozen=True, slots=True)
class Wanted:
    """How much is taken from a reply."""

    sentence_queries: int  # at most
    passage_queries: int
    rewrite: bool  # whether a query that a filter would drop is an error of the reply


class Reader:
    """One reply on its way to queries."""

    def __init__(self, about: About, wanted: Wanted, generator_id: str, family: str) -> None:
        self.about, self.wanted = about, wanted
        self.generator_id, self.family = generator_id, family
        self.records: list[Query | Dropped] = []
        self.errors: list[str] = []
        self.taken: set[str] = set()

    def reading(self, value: Mapping[str, Any]) -> Reading:
        facts = [self._fact(i, fact) for i, fact in enumerate(value["facts"])]
        self._passage_level(value["passage_queries"], facts)
        if not self.records:
            why = f"stand-alone score {value['standalone_score']}, but no fact and no query"
            self.records.append(Dropped(self.about.passage.passage_id, "nothing_asked", why))
        return Reading(tuple(self.records), tuple(self.errors))

    # --- sentence level

    def _fact(self, i: int, fact: Mapping[str, Any]) -> _Fact:
        """The evidence of a fact, and its queries as far as they are kept."""
        passage = self.about.passage
        found = align(fact["evidence"], passage.text)
        evidence = None
        if isinstance(found, Found):
            evidence = Evidence(passage.doc_id, passage.start + found.start,
                                passage.start + found.end)  # fmt: skip
        else:
            self.errors.append(_no_evidence(f"facts[{i}].evidence", fact["evidence"], found))
        flags = ("evidence_repeated",) if isinstance(found, Found) and found.repeated else ()
        kept = []
        for j, raw in enumerate(fact["queries"]):
            query = self._query(raw, "sentence", fact["fact_type"])
            if evidence is None:
                why = f"{_shown(query.text)} rests on {_shown(fact['evidence'])}"
                self._drop(query, "evidence_not_found", f"{why}, which {passage.passage_id} lacks")
                continue
            query = replace(
                query,
                evidence=(evidence,),
                scores={"seed_grade": 3.0},
                flags=(*query.flags, *flags),
            )
            if self._keep(query, f"facts[{i}].queries[{j}]", self.wanted.sentence_queries):
                kept.append(query.query_id)
        return _Fact(evidence, tuple(kept))

    # --- passage level

    def _passage_level(self, raws: Sequence[Mapping[str, Any]], facts: Sequence[_Fact]) -> None:
        for i, raw in enumerate(raws):
            where = f"passage_queries[{i}]"
            query = self._query(raw["query"], "passage", "several_facts")
            named = dict.fromkeys(raw["covers_facts"])
            known = [facts[n] for n in named if n < len(facts)]
            if len(known) < max(2, len(named)):
                self.errors.append(
                    f"{where}.covers_facts is {raw['covers_facts']}: two or more different "
                    f"positions in the list of {len(facts)} facts are expected, counted from 0."
                )
            verified = [fact.evidence for fact in known if fact.evidence is not None]
            spans = tuple(dict.fromkeys(verified))
            if len(known) < 2:
                why = f"covers_facts {raw['covers_facts']} of {len(facts)} facts, expected two"
                self._drop(query, "facts_not_found", f"{_shown(query.text)}: {why}")
                continue
            if len(spans) < 2:
                why = f"{len(spans)} places found for {len(known)} facts, expected two or more"
                self._drop(query, "evidence_not_found", f"{_shown(query.text)}: {why}")
                continue
            whole = len(verified) == len(named)
            query = replace(
                query,
                evidence=spans,
                child_ids=tuple(dict.fromkeys(key for fact in known for key in fact.query_ids)),
                scores={"seed_grade": 3.0 if whole else 2.0},
                flags=query.flags if whole else (*query.flags, "evidence_partial"),
            )
            self._keep(query, where, self.wanted.passage_queries)

    # --- both

    def _query(self, raw: Mapping[str, Any], level: Level, pattern: str) -> Query:
        passage, text = self.about.passage, " ".join(normalise(raw["text"]).split())
        facets = _facets(text, passage, self.about.language)
        flags = [name for name in ("names_entity", "needs_time") if raw[name]]
        if raw["needs_time"] and "time" not in facets:
            flags.append("no_period")
        seeds = (passage.passage_id,)
        return Query(
            query_id=query_id(self.generator_id, seeds, text),
            text=text,
            language=self.about.language,
            level=level,
            form=raw["form"],
            generator_id=self.generator_id,
            generator_family=self.family,
            seed_passage_ids=seeds,
            pattern=pattern,
            facets=facets,
            persona=self.about.persona_id,
            flags=tuple(flags),
        )

    def _keep(self, query: Query, where: str, most: int) -> bool:
        """Take a query in, unless it is no new one; what a filter would drop asks for new words."""
        key = text_key(query.text)
        kept = [one for one in self.records if isinstance(one, Query) and one.level == query.level]
        shown = _shown(query.text)
        if not key:
            self.errors.append(f"{where}.text is blank: a query is expected.")
            self._drop(query, "blank_query", "the text is blank, expected a query")
        elif key in self.about.examples:
            self.errors.append(f"{where}: {shown} is one of the examples: ask something else.")
            self._drop(query, "few_shot_copy", f"{shown} is one of the few-shot pairs")
        elif key in self.taken:
            self._drop(query, "duplicate_query", f"{shown} stands in the reply twice")
        elif len(kept) >= most:
            self._drop(query, "over_budget", f"{shown}: {most} {query.level} queries suffice")
        else:
            self.taken.add(key)
            self._criticise(query, where)
            self.records.append(query)
            return True
        return False

    def _criticise(self, query: Query, where: str) -> None:
        if not self.wanted.rewrite:
            return
        passage = self.about.passage
        wrong, _ = check(query, {passage.passage_id: passage}, _LIMITS)
        if wrong:
            self.errors.append(f"{where}: {line(wrong.detail)}.")

    def _drop(self, query: Query, reason: str, detail: str) -> None:
        self.records.append(Dropped(query.query_id, reason, detail))


@dataclass(frozen=True, slots=True)
class _Fact:
    evidence: Evidence | None
    query_ids: tuple[str, ...]


def _no_evidence(where: str, quote: str, missing: Missing) -> str:
    """What the model is told of a quote that is not in the passage."""
    said = f"{where} is not in the passage word for word: {_shown(quote)}."
    if missing.differs:
        said += f" What differs: {', '.join(missing.differs[:6])}."
    if missing.nearest:
        return f"{said} The passage has: {_shown(missing.nearest)}. Copy what it says."
    return f"{said} Copy the words from one place of it, or leave the fact out."


def _shown(text: str) -> str:
    return repr(line(text, 160))


def text_key(text: str) -> str:
    return normal_key(text).rstrip("?？.。!！ ")


def _facets(text: str, passage: Passage, language: str | None) -> dict[str, str]:
    """What the query names: the entity, the time; and the category of its document."""
    facets: dict[str, str] = {}
    if passage.category:
        facets["category"] = passage.category
    if passage.issuer and short_name(passage.issuer).casefold() in text.casefold():
        facets["entity"] = passage.issuer
    time = period_in(text) if is_cjk_language(language) else time_in(text)
    if time:
        facets["time"] = time
    return facets

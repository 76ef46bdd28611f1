"""Mutated negatives: a positive passage with one fact of its evidence changed."""

from __future__ import annotations

import math
import random
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from datakit.miners import _mutations_chinese, _mutations_english
from datakit.miners._mutations import FACTS, Change, changes
from datakit.records import Dropped, Negative, Passage, Query, seed_for
from datakit.registry import plugin
from datakit.text import sentences

_RULES = {"en": _mutations_english.RULES, "zh": _mutations_chinese.RULES}
UNJUDGED = "unjudged"


@plugin("miners", "mutated_negative")
@dataclass(frozen=True)
class MutatedNegative:
    """Passages that answer a train query but for one fact: entity, amount, negation, and so on.

    The text exists nowhere: it is stored as a passage of its own and never added to the corpus.
    Nobody has judged it, which the flag `unjudged` says.
    """

    per_query: int = 1  # each with another fact
    facts: tuple[str, ...] = FACTS
    languages: tuple[str, ...] = ("en", "zh")  # rules there are for these
    seed: int = 0

    def __post_init__(self) -> None:
        unknown = sorted(set(self.facts) - set(FACTS)) + sorted(set(self.languages) - set(_RULES))
        if unknown or self.per_query < 1:
            what = f"no rules for {', '.join(unknown)}" if unknown else "per_query is at least 1"
            raise ValueError(f"{what}; facts: {', '.join(FACTS)}; languages: en, zh")

    def __call__(
        self, queries: Sequence[Query], passages: Mapping[str, Passage], issuers: Sequence[Passage]
    ) -> Iterator[tuple[Negative, Passage] | Dropped]:
        """The mutated passages of each train query that has evidence.

        Args:
            queries: with their split; others than train are passed over.
            passages: those that they were written from, by id.
            issuers: passages whose issuers may stand in for another.

        Yields:
            A negative and its text as a passage; a query that gives none is Dropped.
        """
        others = _issuers(issuers)
        for query in queries:
            if query.split != "train":
                continue
            if (query.language or "") not in self.languages:
                yield Dropped(query.query_id, "no_rules", f"no rules for {query.language!r}")
                continue
            found = [made for one in query.seed_passage_ids if one in passages
                     for made in self._of(query, passages[one], others)]  # fmt: skip
            found = self._drawn(query, found)
            if not found:
                why = "no evidence that a rule could change"
                yield Dropped(query.query_id, "nothing_to_change", why)
            for fact, text in found:
                yield _made(query, text, fact)

    def _drawn(self, query: Query, found: list[tuple[str, Passage]]) -> list[tuple[str, Passage]]:
        """As many as are wanted, each with another fact, drawn by the query's id."""
        by_fact = {fact: (fact, text) for fact, text in reversed(found)}
        rng = random.Random(seed_for(self.seed, "mutated", query.query_id))
        kept = rng.sample(sorted(by_fact), min(self.per_query, len(by_fact)))
        return [by_fact[fact] for fact in kept]

    def _of(
        self, query: Query, passage: Passage, others: Mapping[tuple[str, str], list[str]]
    ) -> Iterator[tuple[str, Passage]]:
        """All one-fact changes of the evidence in a passage."""
        rules = _RULES[query.language or ""]
        for start, end in _evidence(query, passage):
            for fact, change in changes(passage.text[start:end], rules).items():
                at = Change(fact, start + change.start, start + change.end, change.now)
                if fact in self.facts:
                    yield fact, replace(passage, text=at.applied(passage.text))
            if "entity" in self.facts:
                yield from _other_entity(passage, passage.text[start:end], others)


def _evidence(query: Query, passage: Passage) -> Iterator[tuple[int, int]]:
    """Sentences of the passage that hold evidence of the query, as offsets into its text."""
    spans = [
        (one.start - passage.start, one.end - passage.start) for one in query.evidence
        if one.doc_id == passage.doc_id and one.verified
        and passage.start <= one.start < one.end <= passage.end
    ]  # fmt: skip
    for start, end in sentences(passage.text, passage.language):
        if any(a < end and start < b for a, b in spans):
            yield start, end


def _issuers(passages: Sequence[Passage]) -> dict[tuple[str, str], list[str]]:
    """Names by language and category."""
    found: dict[tuple[str, str], set[str]] = defaultdict(set)
    for one in passages:
        if one.issuer:
            found[one.language or "", one.category or ""].add(one.issuer)
    return {key: sorted(names) for key, names in found.items()}


def _other_entity(
    passage: Passage, evidence: str, others: Mapping[tuple[str, str], list[str]]
) -> Iterator[tuple[str, Passage]]:
    """Another issuer of its category wherever the passage and its title name the issuer."""
    mine = passage.issuer
    if not mine or not (named := _named(mine)).search(evidence):
        return
    known = others.get((passage.language or "", passage.category or ""), [])
    choice = [one for one in known if one not in mine and mine not in one]
    if not choice:
        return
    rng = random.Random(seed_for(0, "entity", passage.passage_id))
    other = choice[rng.randrange(len(choice))]
    title = named.sub(lambda _: other, passage.title) if passage.title else passage.title
    text = named.sub(lambda _: other, passage.text)
    yield "entity", replace(passage, text=text, title=title, issuer=other)


def _named(name: str) -> re.Pattern[str]:
    edges = (r"(?<!\w)", r"(?!\w)") if name.isascii() else ("", "")
    return re.compile(edges[0] + re.escape(name) + edges[1])


def _made(query: Query, text: Passage, fact: str) -> tuple[Negative, Passage]:
    """The negative and its text; nothing has scored it, so its scores are no numbers."""
    key = f"{text.passage_id}~{fact}~{query.query_id}"
    negative = Negative(
        query_id=query.query_id, passage_id=key, kind="mutated", run="", score=math.nan,
        ratio=math.nan, margin=math.nan, mined_rank=0, split=query.split, flags=(fact, UNJUDGED),
    )  # fmt: skip
    return negative, replace(text, passage_id=key, flags=(*text.flags, "mutated", fact))

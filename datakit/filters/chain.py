"""The rules that need nothing but a query and its seed passages, one after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from datakit.errors import UsageError
from datakit.filters.deixis import not_standalone
from datakit.filters.duplicates import merge_duplicates, relinked
from datakit.filters.evidence import unverified
from datakit.filters.fragments import fragment
from datakit.filters.language import wrong_language
from datakit.filters.settings import FilterSettings, RuleId, Wrong
from datakit.filters.tally import Tally
from datakit.filters.wording import length, lexical_leak
from datakit.records import Dropped, Passage, Query, normal_key

Check = Callable[[Query, Sequence[Passage], FilterSettings], Wrong | None]
MOST_CHARS = 2_000  # of a text that patterns are searched in


class Rule(NamedTuple):
    """One rule: what it finds wrong, and the flag of those it does not drop."""

    name: RuleId
    check: Check
    flag: str = ""  # given instead of a drop
    flags_only: str = ""  # to this generator family; all where it is empty


# the flagging ones last: a query that is dropped needs no flag
RULES: tuple[Rule, ...] = (
    Rule("fragments", fragment),
    Rule("F2", wrong_language),
    Rule("F3", length),
    Rule("F5", not_standalone),
    Rule("F4", lexical_leak, "lexical_copy", "extractive"),
    Rule("F6", unverified, "unverified"),
)


def filter_queries(
    queries: Iterable[Query],
    passages_by_id: Mapping[str, Passage],
    settings: FilterSettings,
    purpose: str,
    tally: Tally | None = None,
) -> Iterator[Query | Dropped]:
    """Queries that pass every rule, merged where they ask the same thing.

    Dropped queries come first, in the order of the input; then the survivors, in that order too.
    Parents and children that were merged are named by their survivor, and those that were dropped
    are no longer named.

    Args:
        queries: of all generators.
        passages_by_id: at least the seeds of the queries.
        settings: limits, and which rules are off.
        purpose: train or eval; the rules before retrieval act alike for both.
        tally: takes the counts and examples of each rule.

    Raises:
        UsageError: `purpose` is neither train nor eval.
    """
    if purpose not in {"train", "eval"}:
        raise UsageError(f"purpose is {purpose!r}; expected 'train' or 'eval'")
    tally = Tally(settings.off) if tally is None else tally
    kept: list[Query] = []
    gone: dict[str, str | None] = {}  # dropped query -> its survivor, where it has one
    for query in queries:
        wrong, passed = check(query, passages_by_id, settings, tally)
        if wrong:
            gone[query.query_id] = None
            yield Dropped(query.query_id, *wrong)
        else:
            kept.append(passed)
    if not settings.on("F8"):
        yield from (relinked(query, gone) for query in kept)
        return
    merged, survivors = merge_duplicates(kept, settings.paraphrases)
    tally.saw("F8", len(kept))
    yield from _lost(kept, merged, survivors, tally)
    gone |= {lost: to for lost, to in survivors.items() if lost != to}
    for query in merged:
        yield relinked(query, gone)


def _lost(
    queries: Iterable[Query], merged: Iterable[Query], survivors: Mapping[str, str], tally: Tally
) -> Iterator[Dropped]:
    texts = {query.query_id: query.text for query in merged}
    seen: set[str] = set()
    for query in queries:
        survivor = survivors[query.query_id]
        if survivor != query.query_id or query.query_id in seen:
            same = normal_key(query.text) == normal_key(texts[survivor])
            reason = "duplicate_query" if same else "paraphrase"
            how = "is also" if same else f"asks what {texts[survivor]!r} asks:"
            detail = f"{query.text!r} {how} {survivor}, which has its seed passages and evidence"
            tally.did("merged", "F8", query, reason, detail)
            yield Dropped(query.query_id, reason, detail)
        seen.add(query.query_id)


def check(
    query: Query,
    passages_by_id: Mapping[str, Passage],
    settings: FilterSettings,
    tally: Tally | None = None,
) -> tuple[Wrong | None, Query]:
    """The first rule that drops the query, and the query with its flags."""
    tally = Tally(settings.off) if tally is None else tally
    if missing := [key for key in query.seed_passage_ids if key not in passages_by_id]:
        wrong = Wrong("seed_missing", f"there is no passage {missing[0]}; generate again")
        tally.did("dropped", "seeds", query, *wrong)
        return wrong, query
    if size := _too_large(query):
        tally.did("dropped", "size", query, *size)
        return size, query
    seeds = [passages_by_id[key] for key in query.seed_passage_ids]
    for rule in RULES:
        if not settings.on(rule.name):
            continue
        tally.saw(rule.name)
        found = rule.check(query, seeds, settings)
        if not found:
            continue
        if rule.flag and rule.flags_only in ("", query.generator_family):
            tally.did("flagged", rule.name, query, *found)
            query = _flagged(query, rule.flag)
        else:
            tally.did("dropped", rule.name, query, *found)
            return found, query
    return None, query


def _flagged(query: Query, flag: str) -> Query:
    return query if flag in query.flags else replace(query, flags=(*query.flags, flag))


def _too_large(query: Query) -> Wrong | None:
    size = len(query.text)
    if size <= MOST_CHARS:
        return None
    return Wrong("too_long", f"{size:,} characters; expected a query, at most {MOST_CHARS:,}")

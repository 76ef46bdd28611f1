"""F8: queries that are equal, or paraphrases of one another, become one with all their seeds."""

from __future__ import annotations

import itertools
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

from datakit.filters.paraphrases import paraphrase_key
from datakit.records import Query, normal_key
from datakit.text import base_language

T = TypeVar("T")


def merge_duplicates(
    queries: Sequence[Query], paraphrases: bool = True
) -> tuple[list[Query], dict[str, str]]:
    """Queries of one level and language that ask the same thing become one.

    Equal texts by `normal_key` come first, then paraphrases by `paraphrase_key`. The survivor is
    the smallest query_id; it takes the seeds, evidence, parents, children and flags of all, and the
    lowest seed grade.

    Returns:
        The survivors in the order of the input, and of every query the one that it went into.
    """
    equal, survivors = _merge(queries, [_text_key(query) for query in queries])
    if not paraphrases:
        return equal, survivors
    apart, further = _merge(equal, [paraphrase_key(query) or _text_key(query) for query in equal])
    return apart, {lost: further[survivor] for lost, survivor in survivors.items()}


def _text_key(query: Query) -> tuple[Hashable, ...]:
    return (query.level, base_language(query.language), normal_key(query.text))


def _merge(
    queries: Sequence[Query], keys: Sequence[Hashable]
) -> tuple[list[Query], dict[str, str]]:
    groups: dict[Hashable, list[Query]] = {}
    for query, key in zip(queries, keys, strict=True):
        groups.setdefault(key, []).append(query)
    united = {}
    survivors: dict[str, str] = {}
    for group in groups.values():
        query = _united(group)
        united[query.query_id] = query
        survivors.update((other.query_id, query.query_id) for other in group)
    order = dict.fromkeys(query.query_id for query in queries)
    return [united[query_id] for query_id in order if query_id in united], survivors


def _united(group: Sequence[Query]) -> Query:
    if len(group) == 1:
        return group[0]
    ordered = sorted(group, key=lambda query: query.query_id)
    grades = [q.scores["seed_grade"] for q in ordered if "seed_grade" in q.scores]
    scores = dict(ordered[0].scores) | ({"seed_grade": min(grades)} if grades else {})
    return replace(
        ordered[0],
        seed_passage_ids=_union(query.seed_passage_ids for query in ordered),
        parent_ids=_union(query.parent_ids for query in ordered),
        child_ids=_union(query.child_ids for query in ordered),
        supporting_doc_ids=_union(query.supporting_doc_ids for query in ordered),
        evidence=_union(query.evidence for query in ordered),
        scores=scores,
        flags=_union(query.flags for query in ordered),
    )


def _union(parts: Iterable[Sequence[T]]) -> tuple[T, ...]:
    return tuple(dict.fromkeys(itertools.chain.from_iterable(parts)))


def relinked(query: Query, gone: Mapping[str, str | None]) -> Query:
    """The query with its parents and children led to where they went, the dropped ones left out.

    Args:
        query: one that stayed.
        gone: of every query that did not, its survivor, None where it was dropped.
    """
    parents, children = _led(query.parent_ids, query, gone), _led(query.child_ids, query, gone)
    if (parents, children) == (query.parent_ids, query.child_ids):
        return query
    return replace(query, parent_ids=parents, child_ids=children)


def _led(ids: tuple[str, ...], query: Query, gone: Mapping[str, str | None]) -> tuple[str, ...]:
    led = dict.fromkeys(gone.get(key, key) for key in ids)
    return tuple(key for key in led if key is not None and key != query.query_id)

"""Which judgement of a pair decides, and what judging does to a topic query."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from datakit.records import RELEVANT_FROM, Dropped, Judgement, Pooled, Qrel, Query

# who decides when several judged a pair
PRECEDENCE = ("human", "judge", "direct", "indirect-passage", "indirect-query", "duplicate")
JUDGED_BY = ("human", "judge")
LEAST_SUPPORTED = 2  # documents of a topic query


def decided(group: Sequence[Judgement]) -> Judgement:
    """The judgement that decides a pair.

    Of people the lower median, each with what they said last; of judges the last; else the first
    by `PRECEDENCE`. What a judge or a person decided keeps the routes and scores of all.

    Args:
        group: judgements of one pair with a grade, in the order in which they were made.
    """
    source = min((one.source for one in group), key=PRECEDENCE.index)
    rows = [one for one in group if one.source == source]
    if source not in JUDGED_BY:
        return rows[0]
    chosen = _lower_median(rows) if source == "human" else rows[-1]
    evidence = chosen.evidence
    if not evidence and (chosen.grade or 0) >= RELEVANT_FROM:
        evidence = next((one.evidence for one in group if one.evidence), ())
    scores: dict[str, float] = {}
    for one in (*(other for other in group if other is not chosen), chosen):
        scores |= one.scores
    return replace(
        chosen,
        routes=tuple(dict.fromkeys(route for one in group for route in one.routes)),
        scores=scores,
        evidence=evidence,
    )


def with_proposal(judged: Judgement, pooled: Pooled | None) -> Judgement:
    """A judgement with the routes and scores of its pair; a pair outside the pool has none."""
    if pooled is None:
        return judged
    scores = dict(pooled.scores) | dict(judged.scores)
    return replace(judged, routes=judged.routes or pooled.routes, scores=scores)


def _lower_median(rows: Sequence[Judgement]) -> Judgement:
    last = {one.assessor_id: one for one in rows}
    ordered = sorted(last.values(), key=lambda one: (one.grade or 0, one.assessor_id or ""))
    return ordered[(len(ordered) - 1) // 2]


def unsupported(query: Query, labels: Iterable[Qrel]) -> Dropped | None:
    """The drop of a topic query that was judged, where too few of its documents have an answer."""
    rows = list(labels)
    if query.level != "topic" or not any(one.source in JUDGED_BY for one in rows):
        return None
    relevant = {one.passage_id.rpartition(":")[0] for one in rows if one.grade >= RELEVANT_FROM}
    found = relevant & set(query.supporting_doc_ids)
    if len(found) >= LEAST_SUPPORTED:
        return None
    return Dropped(
        query.query_id,
        "fewer_than_two_supported_documents",
        f"topic query {query.text!r}: after judging, {len(found)} of "
        f"{len(query.supporting_doc_ids)} supporting documents have a relevant passage; at least "
        f"{LEAST_SUPPORTED} are needed.",
    )


def grades_of(judgements: Iterable[Judgement]) -> dict[tuple[str, str], int | None]:
    """The grade that judges and people gave to each pair; None: they looked and could not tell."""
    groups: dict[tuple[str, str], list[Judgement]] = {}
    for one in judgements:
        if one.source in JUDGED_BY:
            groups.setdefault((one.query_id, one.passage_id), []).append(one)
    return {pair: _grade(rows) for pair, rows in groups.items()}


def _grade(rows: Sequence[Judgement]) -> int | None:
    graded = [one for one in rows if one.grade is not None]
    return decided(graded).grade if graded else None


def by_query(labels: Iterable[Qrel]) -> Mapping[str, list[Qrel]]:
    found: dict[str, list[Qrel]] = {}
    for one in labels:
        found.setdefault(one.query_id, []).append(one)
    return found

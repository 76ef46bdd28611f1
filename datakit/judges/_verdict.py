"""What a judge's reply comes to: the snippet found in the passage, the grade capped."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from datakit.generators._quotes import Found, Missing, align
from datakit.llm.exchange import Reading
from datakit.llm.prompts import line
from datakit.records import (
    RELEVANT_FROM,
    Dropped,
    Evidence,
    Judgement,
    Passage,
    Query,
    normal_key,
)

CAP = 1  # the most that a passage about another entity or period can have
_YEAR = re.compile(r"(?<!\d)(?:19|20)\d\d(?!\d)")


def verdict(query: Query, passage: Passage, value: Mapping[str, Any], assessor_id: str) -> Reading:
    """The judgement in a reply.

    Another entity or period than the query names caps the grade at 1. A grade of 2 or more needs
    words that stand in the passage; without them the reply is an error, and the grade of a last
    reply is null: the pair stays unjudged.

    Args:
        query: as it was asked.
        passage: likewise.
        value: of the form of `judge.v1`.
        assessor_id: who decided.
    """
    given = int(value["grade"])
    capped = [
        flag
        for flag, other in (
            ("other_entity", value["same_entity"] is False and names_entity(query)),
            ("other_period", value["same_period"] is False and names_period(query)),
        )
        if other and given > CAP
    ]
    grade: int | None = min(given, CAP) if capped else given
    quote = value["snippet"] or ""
    found = align(quote, passage.text)
    evidence: tuple[Evidence, ...] = ()
    errors: tuple[str, ...] = ()
    flags = list(capped)
    if isinstance(found, Found):
        start, end = passage.start + found.start, passage.start + found.end
        evidence = (Evidence(passage.doc_id, start, end),)
    else:
        if quote.strip() or (grade or 0) >= RELEVANT_FROM:
            flags.append("snippet_not_found")
        if grade is not None and grade >= RELEVANT_FROM:
            errors = (_no_snippet(given, quote, found),)
            grade = None
    scores = {"match": float(value["match"]), "trust": float(value["trust"])}
    if grade != given:
        scores["given"] = float(given)
    row = Judgement(
        query.query_id, passage.passage_id, grade, "judge", scores=scores, evidence=evidence,
        assessor_id=assessor_id, flags=tuple(flags),
    )  # fmt: skip
    return Reading((row,), errors)


def unread(query: Query, passage: Passage, why: Dropped, assessor_id: str) -> Judgement:
    """The judgement of a reply that cannot be read: no grade, never 0."""
    return Judgement(
        query.query_id, passage.passage_id, None, "judge", assessor_id=assessor_id,
        flags=(why.reason,),
    )  # fmt: skip


def names_entity(query: Query) -> bool:
    """Whether the query's words name a company, product, person, place or law."""
    entity = normal_key(query.facets.get("entity", ""))
    return "names_entity" in query.flags or bool(entity and entity in normal_key(query.text))


def names_period(query: Query) -> bool:
    """Whether the query's words name a time."""
    time = normal_key(query.facets.get("time", ""))
    if time and time in normal_key(query.text):
        return True
    said = "needs_time" in query.flags and "no_period" not in query.flags
    return said or bool(_YEAR.search(query.text))


def _no_snippet(grade: int, quote: str, missing: Missing) -> str:
    """What the judge is told of a grade that rests on nothing."""
    if not quote.strip():
        return (
            f"grade is {grade}, but snippet is empty: copy the words of the passage that answer, "
            "or give 1 or 0."
        )
    said = f"snippet is not in the passage word for word: {line(quote, 160)!r}."
    if missing.nearest:
        said += f" The passage has: {line(missing.nearest, 160)!r}."
    return f"{said} Copy what it says from one place, or give 1 or 0."

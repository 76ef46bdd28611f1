"""A stand-in for a judge: grades by the share of a query's words that the passage holds."""

from __future__ import annotations

import json
from typing import Any

from stand_in import Body, fenced, first_question

from datakit.text import sentences, words


def grade(query: str, passage: str) -> int:
    """3, 2, 1, 0 from how much of the query stands in the passage."""
    share = _held(query, passage)
    return sum(share >= least for least in (0.3, 0.6, 0.85))


def reply(query: str, passage: str) -> dict[str, Any]:
    """A reply of the form of `judge.v1`, its snippet copied from the passage."""
    given = grade(query, passage)
    pieces = [passage[start:end].strip() for start, end in sentences(passage, _language(passage))]
    best = max(pieces, key=lambda piece: _held(query, piece), default="")
    return {
        "snippet": best[:300] if given else None, "same_entity": None, "same_period": None,
        "match": given, "trust": given, "grade": given,
    }  # fmt: skip


def answer(body: Body) -> str:
    """What the judge says to a request of the prompt `judge.v1`."""
    asked = first_question(body)
    return json.dumps(reply(fenced(asked, "query"), fenced(asked, "passage")), ensure_ascii=False)


def _language(text: str) -> str:
    return "zh" if any("\u4e00" <= char <= "\u9fff" for char in text) else "en"


def _held(query: str, passage: str) -> float:
    asked = {word.lower() for word in words(query, _language(query)) if len(word) > 1}
    there = {word.lower() for word in words(passage, _language(passage))}
    return len(asked & there) / max(1, len(asked))

"""What each rule saw and did, with a few examples, for the notes of a step."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Literal

from datakit.records import Query

Act = Literal["dropped", "flagged", "merged"]
EXAMPLES = 5  # kept for each rule
EXAMPLE_CHARS = 300  # of a text or a detail: the manifest keeps them

TITLES = {
    "F1": "reply fits the schema",
    "seeds": "its seed passages are there",
    "size": "small enough to be looked at",
    "fragments": "whole words, no address",
    "F2": "language and script",
    "F3": "number of words",
    "F4": "wording of its own",
    "F5": "stands alone",
    "F6": "answerable",
    "F7": "relevant passages in the pool",
    "F8": "no duplicate",
    "F9": "cross-encoder score",
    "F10": "round trip to its seed",
    "F11": "not easy for every retriever",
}


@dataclass
class _Counts:
    seen: int = 0
    acts: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    examples: list[dict[str, str]] = field(default_factory=list)
    not_established: str = ""


class Tally:
    """Counts of each rule, in the order in which rules are first named."""

    def __init__(self, off: tuple[str, ...] = ()) -> None:
        self._off = off
        self._rules: dict[str, _Counts] = {}

    def saw(self, rule: str, n: int = 1) -> None:
        self._of(rule).seen += n

    def did(self, act: Act, rule: str, query: Query, reason: str, detail: str) -> None:
        """Count what a rule did with a query; the first few are kept."""
        counts = self._of(rule)
        counts.acts[act] += 1
        counts.reasons[reason] += 1
        if len(counts.examples) < EXAMPLES:
            counts.examples.append(
                {
                    "query_id": query.query_id, "act": act, "reason": reason,
                    "text": query.text[:EXAMPLE_CHARS], "detail": detail[:EXAMPLE_CHARS],
                }
            )  # fmt: skip

    def cannot(self, rule: str, why: str) -> None:
        """The rule could say nothing about some or all queries, and why."""
        self._of(rule).not_established = why

    def notes(self) -> dict[str, dict[str, Any]]:
        """Rule -> title, state, counts by act and by reason, and up to five examples."""
        notes = {rule: _note(rule, counts) for rule, counts in self._rules.items()}
        return notes | {
            rule: {"title": TITLES[rule], "state": "off"} for rule in self._off if rule not in notes
        }

    def _of(self, rule: str) -> _Counts:
        return self._rules.setdefault(rule, _Counts())


def _note(rule: str, counts: _Counts) -> dict[str, Any]:
    note: dict[str, Any] = {
        "title": TITLES[rule],
        "state": "not established" if counts.not_established and not counts.seen else "on",
        "seen": counts.seen,
        "dropped": counts.acts["dropped"],
        "flagged": counts.acts["flagged"],
        "merged": counts.acts["merged"],
        "reasons": dict(sorted(counts.reasons.items())),
        "examples": counts.examples,
    }
    return note | ({"not_established": counts.not_established} if counts.not_established else {})

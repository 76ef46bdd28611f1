"""A question before it is chosen; the rules of every language make these."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Draft:
    """A question that a sentence answers, before it is chosen."""

    question: str
    indirect: str  # what follows "I want to know": whether I can …, how long …
    pattern: str
    grade: int = 3
    weight: float = 1.0  # how much a person would want to know it
    need: str | None = None  # a need of its own words

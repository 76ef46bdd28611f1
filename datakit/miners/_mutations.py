"""One-fact mutations of a sentence: what a rule replaces, and the facts that there are."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

FACTS = (
    "entity", "period", "amount", "negation", "party", "obligation", "notice_period",
    "jurisdiction",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Change:
    """One replacement in a text."""

    fact: str  # of FACTS
    start: int
    end: int
    now: str

    def applied(self, text: str) -> str:
        return text[: self.start] + self.now + text[self.end :]


Rule = Callable[[str], Iterator[Change]]  # the changes of a sentence, the surest first


def swap(fact: str, pattern: str, to: Mapping[str, str], flags: int = 0) -> Rule:
    """A rule that replaces the first match by its counterpart.

    Args:
        fact: what it changes.
        pattern: with a group `was` for what is replaced.
        to: lower-cased words to their counterparts; the case of the first letter is kept.
        flags: of the pattern.
    """
    compiled = re.compile(pattern, flags)

    def rule(sentence: str) -> Iterator[Change]:
        for match in compiled.finditer(sentence):
            was = match["was"]
            now = to.get(was.lower())
            if now is not None:
                yield Change(fact, match.start("was"), match.end("was"), like(was, now))

    return rule


def like(was: str, now: str) -> str:
    """`now` with a capital where `was` has one."""
    return now[:1].upper() + now[1:] if was[:1].isupper() else now


def other_number(digits: str, most: float | None = None) -> str:
    """Another number in the same form: separators and decimals are kept, never 0 or 1.

    Args:
        digits: `12`, `1,250.00`, `35`.
        most: the largest that makes sense: 100 of a share.
    """
    plain = digits.replace(",", "")
    decimals = len(plain.partition(".")[2])
    value = float(plain)
    new = value * 2 if most is None or value * 2 <= most else value / 2
    if decimals == 0:
        new = float(round(new))
        if new == value or new <= 1:
            new = value + 3
    return f"{new:,.{decimals}f}" if "," in digits else f"{new:.{decimals}f}"


def changes(sentence: str, rules: Sequence[Rule]) -> dict[str, Change]:
    """The first change of each fact that some rule finds."""
    found: dict[str, Change] = {}
    for rule in rules:
        for change in rule(sentence):
            found.setdefault(change.fact, change)
            break
    return found

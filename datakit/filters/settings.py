"""What the filters allow, and how a rule says what is wrong."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

from datakit.records import Passage, Query
from datakit.text import base_language

RuleId = Literal["fragments", "F2", "F3", "F4", "F5", "F6", "F7", "F8", "F9", "F10", "F11"]
Purpose = Literal["train", "eval"]


@dataclass(frozen=True)
class FilterSettings:
    """Limits of the filters; all are our default."""

    off: tuple[RuleId, ...] = ()  # rules that do not run: ["F4", "F10"]
    sentence_words: tuple[int, int] = (3, 32)  # F3: least and most
    passage_words: tuple[int, int] = (5, 40)
    topic_words: tuple[int, int] = (4, 40)
    keyword_words: int = 2  # the least of a keyword query, at any level
    leak_run: int = 6  # F4: words in a row that query and seed passage share
    leak_share: float = 0.8  # of the query's content words that the seed passage has
    leak_words: int = 5  # content words below which the share says nothing
    script_share: float = 0.2  # F2: of the target's script among the letters of a query
    sentence_relevant: tuple[int, int] = (1, 10)  # F7: clusters of relevant passages
    passage_relevant: tuple[int, int] = (1, 50)
    topic_relevant: tuple[int, int] = (2, 200)
    paraphrases: bool = True  # F8 merges paraphrases as well as equal texts
    ce_least: float | None = None  # F9: the calibrated cross-encoder score; None: the best share
    ce_share: float = 0.1  # of each level and split, by cross-encoder score; InPars keeps 10 %
    round_trip_train: int = 1  # F10: a seed is among so many best of some retriever (Promptagator)
    round_trip_eval: int = 100
    easy_weight: float = 0.5  # F11: of a training query that every retriever answers first
    easy_share: float = 0.3  # the most of an eval set; the rest is its subset `easy`

    def __post_init__(self) -> None:
        for name in ("sentence", "passage", "topic"):
            for kind in ("words", "relevant"):
                least, most = getattr(self, f"{name}_{kind}")
                if not 0 <= least <= most:
                    raise ValueError(
                        f"{name}_{kind}: 0 <= least <= most is expected, found {least}, {most}"
                    )
        for name in ("leak_share", "script_share", "ce_share", "easy_weight", "easy_share"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} from 0 to 1 is expected, found {getattr(self, name)}")
        for name in ("leak_run", "round_trip_train", "round_trip_eval"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} >= 1 is expected, found {getattr(self, name)}")

    def on(self, rule: RuleId) -> bool:
        """Whether a rule runs."""
        return rule not in self.off


class Wrong(NamedTuple):
    """What is wrong with a query: found, expected, next step."""

    reason: str
    detail: str


def language_of(query: Query, seeds: Sequence[Passage]) -> str | None:
    """The language that a query is meant to be in, as the records name it."""
    return query.language or (seeds[0].language if seeds else None)


@functools.cache
def lexicon(name: str, language: str | None) -> dict[str, Any]:
    """A language's part of one of the word lists beside this file; empty where it has none."""
    import tomllib

    text = (Path(__file__).parent / f"{name}.toml").read_text("utf-8")
    part: dict[str, Any] = tomllib.loads(text).get(base_language(language) or "", {})
    return part


@functools.cache
def code_digest() -> str:
    """16 hex digits over the rules and their word lists: an edit makes old results stale."""
    total = hashlib.sha256()
    for file in sorted(Path(__file__).parent.iterdir()):
        if file.suffix in (".py", ".toml"):
            total.update(file.read_bytes())
    return total.hexdigest()[:16]

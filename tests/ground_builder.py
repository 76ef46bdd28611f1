"""Evidence for the gates: queries with ten passages each, and systems of chosen quality."""

from __future__ import annotations

import random
from typing import Any

from datakit.calibration.sampling import Pair
from datakit.gates.ground import Automatic, Ground, System
from datakit.records import Query

POSITIVES = 3  # of the ten passages of a query
FAMILIES = ("lexical", "dense", "hybrid")


def pairs(n: int) -> list[Pair]:
    return [(f"q{q:03}", f"p{q:03}-{k}") for q in range(n) for k in range(10)]


def truth(n: int) -> dict[Pair, int]:
    """The first three passages of each query are relevant."""
    return {pair: 3 if int(pair[1][-1]) < POSITIVES else 0 for pair in pairs(n)}


def automatic(n: int, wrong: float = 0.0, kept: float = 1.0) -> dict[Pair, Automatic]:
    """Labels that mining gave: a share of the right ones, and some wrong ones in their place."""
    rng = random.Random(1)
    out = {}
    for pair, grade in truth(n).items():
        if grade and rng.random() < kept:
            query_id, passage_id = pair
            off = rng.random() < wrong
            here = passage_id[:-1] + str(POSITIVES + int(passage_id[-1])) if off else passage_id
            source = "direct" if passage_id.endswith("-0") else "indirect-passage"
            out[query_id, here] = Automatic(2, source)
    return out


def systems(n: int, qualities: list[float], **fields: Any) -> tuple[System, ...]:
    """Systems that put a relevant passage before the others with a probability."""
    found = []
    for number, quality in enumerate(qualities):
        rng = random.Random(number)
        rankings = {}
        for q in range(n):
            score = {
                f"p{q:03}-{k}": rng.random() + (k < POSITIVES) * (rng.random() < quality)
                for k in range(10)
            }
            rankings[f"q{q:03}"] = tuple(sorted(score, key=score.__getitem__, reverse=True))
        family = FAMILIES[number % 3]
        found.append(System(f"s{number:02}", rankings, family, **fields))
    return tuple(found)


def ground(n: int = 80, qualities: tuple[float, ...] = (0.5, 0.8, 0.95), **fields: Any) -> Ground:
    """Right labels, and systems of the given qualities; any field may be given by name."""
    queries = {
        f"q{q:03}": Query(f"q{q:03}", f"question {q}", "en", "passage", "question",
                          generator_family="extractive" if q % 2 else "llm")
        for q in range(n)
    }  # fmt: skip
    known: dict[str, Any] = {
        "queries": queries, "automatic": automatic(n), "systems": systems(n, list(qualities)),
        "n_passages": 10 * n,
    }  # fmt: skip
    return Ground(**(known | fields))

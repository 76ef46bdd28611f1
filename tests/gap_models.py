"""Models of gaps for tests: by a rule on the two lines, or by chance."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from datakit.segmentation.corpus import DEPTHS, Line
from datakit.segmentation.model import Scored

Rule = Callable[[Line, Line], float]


@dataclass
class ByRule:
    """A model of gaps whose probabilities a function of the two lines gives."""

    rule: Rule
    name: str = "by_rule"

    def probabilities(self, documents: Sequence[Sequence[Line]]) -> list[np.ndarray]:
        return [
            np.array(
                [[self.rule(a, b)] * 2 for a, b in itertools.pairwise(lines)], np.float32
            ).reshape(-1, 2)
            for lines in documents
        ]

    def scored(self, documents: Sequence[Sequence[Line]]) -> list[Scored]:
        quarter = dict.fromkeys(DEPTHS, 0.25)
        return [Scored(p, quarter) for p in self.probabilities(documents)]

    def identity(self) -> dict[str, Any]:
        return {"model": self.name}


@dataclass
class ByChance(ByRule):
    """Probabilities drawn by a seed, some of them exactly 0 and 1."""

    rule: Rule = lambda before, after: 0.25
    seed: int = 0

    def probabilities(self, documents: Sequence[Sequence[Line]]) -> list[np.ndarray]:
        found = []
        for lines in documents:
            drawn = np.random.default_rng(self.seed).random((max(0, len(lines) - 1), 2)) * 1.4 - 0.2
            found.append(np.sort(np.clip(drawn, 0, 1), axis=1).astype(np.float32))
        return found

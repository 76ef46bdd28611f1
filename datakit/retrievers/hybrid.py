"""Fusion: several retrievers' rankings become one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from datakit import registry
from datakit.errors import DatakitError
from datakit.records import Passage, Query, ScoredPassage
from datakit.registry import plugin
from datakit.retrievers import Family, Index, covers

if TYPE_CHECKING:
    import numpy as np


@plugin("retrievers", "hybrid")
@dataclass(frozen=True)
class Hybrid:
    """Reciprocal rank fusion of other retrievers: weight / (constant + rank), added up."""

    family: ClassVar[Family] = "hybrid"

    of: tuple[str, ...] = ()  # steps of the plan, by name; none: all that are no fusion themselves
    weights: tuple[float, ...] = ()  # one for each of `of`; none: all count alike
    constant: float = 60.0  # Cormack, Clarke & Buettcher 2009
    depth: int = 100  # passages taken of each ranking
    languages: tuple[str, ...] = ()  # ("en",) only these, ("!en",) all but these

    def __post_init__(self) -> None:
        if len(self.weights) not in (0, len(self.of)):
            raise ValueError(f"expected {len(self.of)} weights, one for each of `of`, or none")
        if self.depth < 1 or self.constant < 0 or any(weight <= 0 for weight in self.weights):
            raise ValueError("expected depth >= 1, constant >= 0 and weights above 0")

    def fit(self, passages: Sequence[Passage]) -> HybridIndex:
        """Without a plan: `of` are retrievers with their default settings.

        Raises:
            DatakitError: `of` names none.
        """
        if not self.of:
            raise DatakitError('hybrid: of = () names nothing to fuse, expected ("bm25", "lsa").')
        made = [registry.make("retrievers", name) for name in self.of]
        return self.fuse(passages, [one.fit(passages) for one in made])

    def fuse(self, passages: Sequence[Passage], indexes: Sequence[Index]) -> HybridIndex:
        """Fuse retrievers that are fitted on these passages, in the order of `of`."""
        return HybridIndex(self, passages, indexes)


class HybridIndex:
    """Fitted retrievers, and how much each counts."""

    family: Family = "hybrid"

    def __init__(
        self, settings: Hybrid, passages: Sequence[Passage], indexes: Sequence[Index]
    ) -> None:
        self._settings = settings
        self._passage_ids = {
            one.passage_id for one in passages if covers(settings.languages, one.language)
        }
        weights = settings.weights or (1.0,) * len(indexes)
        self._parts = list(zip(indexes, weights, strict=True))

    def search(self, queries: Sequence[Query], k: int) -> Iterator[ScoredPassage]:
        """The k best of the passages that some ranking has; of equal scores the larger
        passage_id first.
        """
        found = self._fused(queries)
        for query_id in dict.fromkeys(query.query_id for query in queries):
            scored = found.get(query_id, {})
            best = sorted(((score, one) for one, score in scored.items()), reverse=True)[:k]
            for score, passage_id in best:
                yield ScoredPassage(query_id, passage_id, score)

    def score(self, pairs: Sequence[tuple[Query, Passage]]) -> np.ndarray:
        """The score that `search` gives; 0 where no ranking has the passage."""
        import numpy as np

        out = np.full(len(pairs), np.nan, np.float32)
        found = self._fused(list({query.query_id: query for query, _ in pairs}.values()))
        for i, (query, passage) in enumerate(pairs):
            if passage.passage_id in self._passage_ids and query.query_id in found:
                out[i] = found[query.query_id].get(passage.passage_id, 0.0)
        return out

    def _fused(self, queries: Sequence[Query]) -> dict[str, dict[str, float]]:
        """query_id -> passage_id -> score in single precision, in which runs are compared."""
        import numpy as np

        inside = [query for query in queries if covers(self._settings.languages, query.language)]
        sums: dict[str, dict[str, float]] = {}
        for index, weight in self._parts:
            ranks: dict[str, int] = defaultdict(int)
            for row in index.search(inside, self._settings.depth):
                ranks[row.query_id] += 1
                if row.passage_id in self._passage_ids:
                    scores = sums.setdefault(row.query_id, defaultdict(float))
                    part = weight / (self._settings.constant + ranks[row.query_id])
                    scores[row.passage_id] += part
        return {
            query_id: {one: float(np.float32(score)) for one, score in scores.items()}
            for query_id, scores in sums.items()
        }

"""The query route: a query proposes what its nearest queries were made from."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from datakit.miners._corpus import Corpus, Group
from datakit.miners._voters import Voter
from datakit.records import Query, seed_for

if TYPE_CHECKING:
    import numpy as np


def near_seeds(
    queries: Sequence[Query],
    corpus: Corpus,
    voters: list[Voter],
    neighbours: int,
    percentile: float,
    n_random: int,
    seed: int,
) -> dict[str, dict[str, set[str]]]:
    """query_id -> retriever -> seeds of the query's nearest queries of its document and level.

    Near means a cosine at or above the percentile over random cross-document query pairs.
    """
    import numpy as np

    proposals: dict[str, dict[str, set[str]]] = defaultdict(dict)
    for voter in voters:
        if voter.family != "dense":
            continue
        groups: dict[Group, list[Query]] = defaultdict(list)
        for query in queries:
            if voter.covers(query) and corpus.documents(query):
                groups[query.level, query.language].append(query)
        for group, members in groups.items():
            vectors = voter.index.query_vectors(members)
            rng = np.random.default_rng(seed_for(seed, "mine/query", repr(group)))
            documents = [min(corpus.documents(query)) for query in members]
            threshold = _threshold(documents, vectors, percentile, n_random, rng)
            places: dict[str, list[int]] = defaultdict(list)
            for i, name in enumerate(documents):
                places[name].append(i)
            for at in places.values():
                for query_id, seeds in _neighbours(members, vectors, at, threshold, neighbours):
                    proposals[query_id][voter.name] = seeds
    return proposals


def _threshold(
    documents: list[str],
    vectors: np.ndarray,
    percentile: float,
    n_random: int,
    rng: np.random.Generator,
) -> float:
    import numpy as np

    left, right = rng.integers(0, len(documents), (2, n_random))
    cosines = np.einsum("ij,ij->i", vectors[left], vectors[right])
    names = np.array(documents)
    cosines = cosines[names[left] != names[right]]
    return float(np.percentile(cosines, percentile)) if len(cosines) else math.inf


def _neighbours(
    queries: list[Query], vectors: np.ndarray, at: list[int], threshold: float, n: int
) -> Iterator[tuple[str, set[str]]]:
    """For each query of a document: seeds of its nearest other queries there."""
    import numpy as np

    cosines = vectors[at] @ vectors[at].T
    np.fill_diagonal(cosines, -np.inf)
    order = np.argsort(-cosines, axis=1, kind="stable")[:, :n]
    for row, nearest in enumerate(order):
        query = queries[at[row]]
        seeds = {
            seed
            for other in nearest
            if cosines[row, other] >= threshold
            for seed in queries[at[other]].seed_passage_ids
        }
        yield query.query_id, seeds - set(query.seed_passage_ids)

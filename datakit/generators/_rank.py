"""Which words and which sentences carry a passage: TF-IDF within one document, and LexRank."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

_EDGE = 0.1  # cosine above which two sentences are joined (Erkan & Radev 2004, section 4)
_DAMPING = 0.85  # of the random walk (same source)
_STEPS = 25


def idf_of(passages: Iterable[Sequence[str]]) -> dict[str, float]:
    """Smoothed inverse document frequency: ln((1 + n) / (1 + df)) + 1, with passages as documents.

    Args:
        passages: the words of each passage of one document.
    """
    frequency: Counter[str] = Counter()
    n = 0
    for words in passages:
        n += 1
        frequency.update(set(words))
    return {word: math.log((1 + n) / (1 + df)) + 1 for word, df in frequency.items()}


def lexrank(sentences: Sequence[Sequence[str]], idf: Mapping[str, float]) -> np.ndarray:
    """How central each sentence is.

    Args:
        sentences: the content words of each sentence.
        idf: weight of each word.

    Returns:
        (n_sentences,) float64 that sums to 1; a sentence that resembles no other has little.

    Source:
        LexRank, 1109.2128, continuous form: edges are weighted by TF-IDF cosine.
    """
    import numpy as np

    n = len(sentences)
    if n < 2:
        return np.full(n, 1.0)
    similarity = _cosines(sentences, idf)
    similarity[similarity < _EDGE] = 0.0
    sums = similarity.sum(axis=1, keepdims=True)
    transition = np.divide(similarity, sums, out=np.full((n, n), 1 / n), where=sums > 0)
    rank = np.full(n, 1 / n)
    for _ in range(_STEPS):
        rank = (1 - _DAMPING) / n + _DAMPING * (rank @ transition)
    total: np.ndarray = rank / rank.sum()
    return total


def _cosines(sentences: Sequence[Sequence[str]], idf: Mapping[str, float]) -> np.ndarray:
    import numpy as np

    columns: dict[str, int] = {}
    cells: list[tuple[int, int, float]] = []
    for row, words in enumerate(sentences):
        for word, count in Counter(words).items():
            column = columns.setdefault(word, len(columns))
            cells.append((row, column, count * idf.get(word, 1.0)))
    vectors = np.zeros((len(sentences), max(1, len(columns))))
    for row, column, value in cells:
        vectors[row, column] = value
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    vectors /= np.where(norms > 0, norms, 1.0)
    cosines: np.ndarray = vectors @ vectors.T
    return cosines

"""Latent semantic analysis: TF-IDF and a truncated SVD, fitted on the passages themselves.

It needs no model and speaks any language, but it knows no more than the corpus: two words are
near when these passages use them together. It is not a trained encoder and is not named as one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

from datakit.records import Passage, Query
from datakit.registry import plugin
from datakit.retrievers import Family
from datakit.retrievers._search import DenseIndex, texts_by_preference
from datakit.retrievers._tokenise import TermLists, Tokeniser

if TYPE_CHECKING:
    import numpy as np
    import scipy.sparse


@plugin("retrievers", "lsa")
@dataclass(frozen=True)
class Lsa:
    """Cosine in the space of latent semantic analysis (Deerwester et al. 1990)."""

    family: ClassVar[Family] = "dense"

    dimensions: int = 256  # fewer where there are fewer passages or terms
    stemmer: str = "english"  # as in bm25
    # nDCG@10 on STARD: bigrams 0.463, search 0.461, words 0.447; "search" reads other terms than
    # bm25 does, so that the two agree for different reasons
    chinese: Literal["bigrams", "words", "search"] = "search"
    with_title: bool = True  # the passage's title counts as its first words
    seed: int = 0  # of the randomised SVD
    languages: tuple[str, ...] = ()  # ("en",) only these, ("!en",) all but these

    def fit(self, passages: Sequence[Passage]) -> DenseIndex:
        import numpy as np

        kept, texts = texts_by_preference(passages, self.languages, self.with_title)
        tokeniser = Tokeniser(self.stemmer, self.chinese)
        languages = [passage.language for passage in kept]
        ids = tokeniser.fit(zip(texts, languages, strict=True))
        if not tokeniser.vocabulary:
            return DenseIndex(kept, np.zeros((len(kept), 1), np.float32), _nowhere, self.languages)
        space = _Space(self, tokeniser, ids)
        return DenseIndex(kept, space.vectors, space.encode, self.languages)


class _Space:
    """The fitted space: TF-IDF weights and the axes of the SVD."""

    def __init__(self, settings: Lsa, tokeniser: Tokeniser, ids: TermLists) -> None:
        from sklearn.decomposition import TruncatedSVD
        from sklearn.feature_extraction.text import TfidfTransformer

        self._tokeniser = tokeniser
        self._tfidf = TfidfTransformer(sublinear_tf=True)
        weights = self._tfidf.fit_transform(_counts(ids, len(tokeniser.vocabulary)))
        limit = min(settings.dimensions, *weights.shape)
        self._svd = TruncatedSVD(n_components=limit, random_state=settings.seed % 2**32)
        # few passages span few directions: sklearn divides by their variance, which may be 0
        self.vectors = self._unit(self._fit(weights))

    def _fit(self, weights: scipy.sparse.csr_matrix) -> np.ndarray:
        import numpy as np
        from threadpoolctl import threadpool_limits

        # sums of several threads are rounded otherwise than those of one: the number of cores of a
        # machine would change the last digits of scores, and with them labels
        with threadpool_limits(1), np.errstate(invalid="ignore", divide="ignore"):
            vectors: np.ndarray = self._svd.fit_transform(weights)
        return vectors

    def encode(self, queries: list[Query]) -> np.ndarray:
        """(n_queries, dim) float32; zero where no term is known."""
        ids = self._tokeniser.transform((query.text, query.language) for query in queries)
        weights = self._tfidf.transform(_counts(ids, len(self._tokeniser.vocabulary)))
        return self._unit(self._svd.transform(weights))

    @staticmethod
    def _unit(vectors: np.ndarray) -> np.ndarray:
        import numpy as np

        length = np.linalg.norm(vectors, axis=1, keepdims=True)
        # what a text has outside the axes leaves only rounding behind
        vectors = np.where(length > 1e-6, vectors / np.maximum(length, 1e-6), 0)
        return vectors.astype(np.float32)


def _counts(ids: TermLists, n_terms: int) -> scipy.sparse.csr_matrix:
    """(n_texts, n_terms): how often each term occurs."""
    import numpy as np
    import scipy.sparse

    counts = scipy.sparse.csr_matrix(
        (np.ones(len(ids.values), np.float32), ids.values, ids.starts), shape=(len(ids), n_terms)
    )
    counts.sum_duplicates()
    return counts


def _nowhere(queries: list[Query]) -> np.ndarray:
    import numpy as np

    return np.zeros((len(queries), 1), np.float32)

"""BM25 over an inverted index of our own, whose scores are those of bm25s.

bm25s' numba search compiles anew in every process (about 8 s), lets the order of its heap decide
between equal scores at the cut, and counts terms in Python; these loops are compiled once per
machine and rank equal scores by descending passage_id.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

from datakit.records import Passage, Query, ScoredPassage
from datakit.registry import plugin
from datakit.retrievers import Family, _postings, covers
from datakit.retrievers._search import by_rows, inside_rows, texts_by_preference
from datakit.retrievers._tokenise import TermLists, Tokeniser

if TYPE_CHECKING:
    import numpy as np


@plugin("retrievers", "bm25")
@dataclass(frozen=True)
class Bm25:
    """BM25 over stemmed words, and character bigrams or words for Chinese."""

    family: ClassVar[Family] = "lexical"

    k1: float = 1.2  # Lucene's default; Robertson & Zaragoza 2009 give 1.2-2
    b: float = 0.75
    variant: Literal["lucene", "robertson", "atire"] = "lucene"
    # Snowball, for texts of no known language; a known language takes its own; "" stems nothing
    stemmer: str = "english"
    # nDCG@10 on STARD (1,445 articles): bigrams 0.519, search 0.505, words 0.487
    chinese: Literal["bigrams", "words", "search"] = "bigrams"
    stop_words: bool = True  # leave out Lucene's 33 English words
    with_title: bool = True  # the passage's title counts as its first words
    languages: tuple[str, ...] = ()  # ("en",) only these, ("!en",) all but these

    def fit(self, passages: Sequence[Passage]) -> Bm25Index:
        return Bm25Index(self, passages)


class Bm25Index:
    """Term weights of every passage, by term."""

    family: Family = "lexical"

    def __init__(self, settings: Bm25, passages: Sequence[Passage]) -> None:
        self._languages = settings.languages
        kept, texts = texts_by_preference(passages, settings.languages, settings.with_title)
        self.passages = kept
        self._rows = {passage.passage_id: row for row, passage in enumerate(self.passages)}
        self.tokeniser = Tokeniser(settings.stemmer, settings.chinese, settings.stop_words)
        languages = (passage.language for passage in self.passages)
        ids = self.tokeniser.fit(zip(texts, languages, strict=True))
        n_terms = len(self.tokeniser.vocabulary)
        self._postings = _postings.weigh(ids, n_terms, settings.k1, settings.b, settings.variant)

    def search(self, queries: Sequence[Query], k: int) -> Iterator[ScoredPassage]:
        """The k best of the passages that share a term with the query."""
        inside = [query for query in queries if covers(self._languages, query.language)]
        if not inside or not self.passages:
            return
        found = _postings.search(self._postings, self._terms(inside), min(k, len(self.passages)))
        for query, scores, rows in zip(inside, *(part.tolist() for part in found), strict=True):
            for score, row in zip(scores, rows, strict=True):
                if score <= 0:
                    break
                yield ScoredPassage(query.query_id, self.passages[row].passage_id, score)

    def score(self, pairs: Sequence[tuple[Query, Passage]]) -> np.ndarray:
        return by_rows(self, self._rows, pairs)

    def score_rows(self, queries: Sequence[Query], pairs: np.ndarray) -> np.ndarray:
        def scored(known: np.ndarray) -> np.ndarray:
            return _postings.score(self._postings, self._terms(queries), known)

        return inside_rows(queries, self._languages, pairs, scored)

    def _terms(self, queries: Sequence[Query]) -> TermLists:
        return self.tokeniser.transform((query.text, query.language) for query in queries)

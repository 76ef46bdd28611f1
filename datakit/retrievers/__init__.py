"""Retrievers: fitted on the passages, they rank them for queries.

A retriever is a frozen dataclass of settings; `fit` returns an `Index`. Equal scores rank by
descending passage_id, also at the cut-off k, as trec_eval ranks them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol, runtime_checkable

from datakit.records import Passage, Query, ScoredPassage

if TYPE_CHECKING:
    import numpy as np

Family = Literal["lexical", "dense", "hybrid"]
NO_ROW = -1  # of a passage that an index does not have


class Index(Protocol):
    """A retriever fitted on passages."""

    @property
    def family(self) -> Family: ...

    def search(self, queries: Sequence[Query], k: int) -> Iterator[ScoredPassage]:
        """The k best passages of each query, best first; queries outside `languages` are
        ignored.
        """
        ...

    def score(self, pairs: Sequence[tuple[Query, Passage]]) -> np.ndarray:
        """(n_pairs,) float32: the score that `search` gives; nan where the query or the passage
        is outside `languages` or was not among the passages.
        """
        ...


@runtime_checkable
class RowIndex(Index, Protocol):
    """An index that scores pairs given as numbers: millions of them, without an object for each."""

    @property
    def passages(self) -> Sequence[Passage]:
        """By row."""
        ...

    def score_rows(self, queries: Sequence[Query], pairs: np.ndarray) -> np.ndarray:
        """As `score`, for (n_pairs, 2) int64: a position in `queries`, and a row or `NO_ROW`."""
        ...


@runtime_checkable
class VectorIndex(Index, Protocol):
    """The index of a dense retriever: queries and passages are vectors of unit length."""

    def query_vectors(self, queries: Sequence[Query]) -> np.ndarray:
        """(n_queries, dim) float32; zero where the query is outside `languages`."""
        ...


@dataclass(frozen=True)
class Retrieved:
    """What a miner gets of one retriever: its index and its run."""

    name: str
    index: Index
    run: Sequence[ScoredPassage]
    languages: tuple[str, ...] = ()

    @property
    def family(self) -> Family:
        return self.index.family

    def covers(self, query: Query) -> bool:
        return covers(self.languages, query.language)


def covers(languages: Sequence[str], language: str | None) -> bool:
    """Does a setting `languages` include this language?

    `()` includes all, `("en",)` only these, `("!en",)` all but these. An unknown language is in
    what excludes and not in what names.
    """
    named = [name for name in languages if not name.startswith("!")]
    excluded = [name[1:] for name in languages if name.startswith("!")]
    primary = (language or "").split("-")[0].lower()
    if primary in excluded:
        return False
    return not named or primary in named


def passage_text(passage: Passage, with_title: bool) -> str:
    """What a retriever reads of a passage: its title and its text, as BEIR joins them."""
    title = (passage.title or "").strip()
    return f"{title} {passage.text}" if with_title and title else passage.text


def by_preference(passages: Sequence[Passage], languages: Sequence[str]) -> list[Passage]:
    """The passages inside `languages`, by descending passage_id: of two equal scores the earlier
    row wins.
    """
    inside = (passage for passage in passages if covers(languages, passage.language))
    return sorted(inside, key=lambda passage: passage.passage_id, reverse=True)

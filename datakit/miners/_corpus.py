"""The corpus as mining sees it: passages by document, cluster and place, and what texts hold."""

from __future__ import annotations

import itertools
import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from datakit.miners._pointing import telling
from datakit.records import Duplicate, Passage, Query, normal_key
from datakit.retrievers._postings import document_frequency
from datakit.retrievers._tokenise import Tokeniser

if TYPE_CHECKING:
    import numpy as np

Group = tuple[str | None, str | None]  # level and language: whose scores compare
YEAR = re.compile(r"(?<!\d)(?:19|20)\d\d(?!\d)")
_QUARTER = re.compile(
    r"\bQ(?P<a>[1-4]) ?(?P<a_year>20\d\d)|\b(?P<b>first|second|third|fourth) quarter (?:of )?"
    r"(?P<b_year>20\d\d)|(?P<c_year>20\d\d)年?第?(?P<c>[一二三四1-4])季度?",
    re.I,
)
_NTH = {"first": 1, "second": 2, "third": 3, "fourth": 4, "一": 1, "二": 2, "三": 3, "四": 4}
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_LONG = 6  # characters from which a name is looked for without regard to blanks and marks


class Corpus:
    """Passages by id, document, cluster and place; and what their texts hold."""

    def __init__(self, passages: Sequence[Passage], duplicates: Sequence[Duplicate]) -> None:
        self.passages = passages
        self.row = {passage.passage_id: row for row, passage in enumerate(passages)}
        self.by_doc: dict[str, list[int]] = defaultdict(list)  # rows
        self.by_category: dict[Group, list[int]] = defaultdict(list)  # category and language
        for row, passage in enumerate(passages):
            self.by_doc[passage.doc_id].append(row)
            if passage.category:
                self.by_category[passage.category, passage.language].append(row)
        self._placed: dict[str, list[set[int]]] = {}  # by passage_id, as far as it was asked for
        self._cluster = {one.passage_id: one.cluster_id for one in duplicates}
        self._copies: dict[str, list[str]] = defaultdict(list)
        self.members: dict[str, list[int]] = defaultdict(list)  # rows, templates included
        for one in duplicates:
            if one.passage_id not in self.row:
                continue
            self.members[one.cluster_id].append(self.row[one.passage_id])
            if one.relation != "template":
                self._copies[one.cluster_id].append(one.passage_id)

    def passage(self, passage_id: str) -> Passage:
        return self.passages[self.row[passage_id]]

    def documents(self, query: Query) -> set[str]:
        """The documents that a query was made from."""
        return {*query.supporting_doc_ids, *(seed.doc_id for seed in self.seeds(query))}

    def seeds(self, query: Query) -> list[Passage]:
        return [self.passage(one) for one in query.seed_passage_ids if one in self.row]

    def rows(self, passage_ids: Iterable[str]) -> list[int]:
        return [self.row[one] for one in passage_ids if one in self.row]

    def cluster(self, passage_id: str) -> str:
        """The duplicate cluster, template variants included; a passage of its own is its own."""
        return self._cluster.get(passage_id, passage_id)

    def copies(self, passage: Passage) -> list[str]:
        """Exact and near copies, none for a template variant."""
        members = self._copies.get(self.cluster(passage.passage_id), [])
        return members if passage.passage_id in members else []

    def inherited(self, query: Query) -> list[str]:
        """Copies of the query's seeds that fit what it names: they have the label of the seed."""
        seeds = self.seeds(query)
        copies = {copy for seed in seeds for copy in self.copies(seed)}
        copies -= {seed.passage_id for seed in seeds}
        return [copy for copy in sorted(copies) if self.fits(query, self.passage(copy))]

    def copies_at_issuer(self, passage: Passage) -> list[str]:
        """Its copies in other documents of its issuer, or in others without one."""
        return [
            copy for copy in self.copies(passage)
            if copy != passage.passage_id and self.passage(copy).issuer == passage.issuer
        ]  # fmt: skip

    @cached_property
    def order(self) -> np.ndarray:
        """(n_passages,) int64: each row's place by ascending passage_id, for ties."""
        import numpy as np

        ids = np.array([passage.passage_id for passage in self.passages])
        place = np.empty(len(ids), np.int64)
        place[np.argsort(ids, kind="stable")] = np.arange(len(ids))
        return place

    # --- what texts hold

    def fits(self, query: Query, passage: Passage) -> bool:
        """Does the passage belong to the issuer, years and quarters that the query names?"""
        about = normal_key(f"{passage.issuer or ''} {passage.title or ''}")
        entity = named_entity(query)
        issuer = normal_key(passage.issuer or "")
        if entity and entity not in about and not (issuer and issuer in entity):
            return False
        quarters = quarters_of(query.text)
        if quarters and not quarters <= _quarters_about(passage):
            return False
        years = set(YEAR.findall(query.text))
        if not years or (passage.date or "")[:4] in years:
            return True
        return years <= set(YEAR.findall(f"{passage.header} {passage.text}"))

    def covers(self, query: Query, passage: Passage, share: float, seed_share: float) -> bool:
        """Has the passage all the query's numbers, and in one place nearly as much of its words as
        a seed has, which itself has enough of them to be told by words?

        Args:
            query: with seeds.
            passage: to be compared with them.
            share: least share of what the best seed holds.
            seed_share: least share of the query's words that the best seed holds.
        """
        asked = need(query)
        # years and quarters are facets
        numbers = set(_NUMBER.findall(_QUARTER.sub(" ", asked))) - set(YEAR.findall(asked))
        if not numbers <= set(_NUMBER.findall(_full_text(passage)[0])):
            return False
        tokeniser, _ = self._words
        wanted = set(tokeniser.transform([(asked, query.language)])[0])
        by_seed = max(self._held_together(wanted, seed) for seed in self.seeds(query))
        if by_seed < seed_share * self._weight(wanted):
            return False
        return self._held_together(wanted, passage) >= share * by_seed

    def _held_together(self, wanted: set[int], passage: Passage) -> float:
        """The weight of the words that the passage has in one place: its heading and two sentences
        that follow each other and say something. Words that are scattered over a passage are no
        answer, nor are those of a sentence that points elsewhere.
        """
        places = self._places(passage)
        return max((self._weight(wanted & place) for place in places), default=0.0)

    def _places(self, passage: Passage) -> list[set[int]]:
        """The words of a passage, place by place; none where it only points elsewhere."""
        if passage.passage_id not in self._placed:
            tokeniser, language = self._words[0], passage.language
            lines = [*telling(passage.text, language, passage.section_path)]
            texts = [*passage.section_path[-1:], *lines]
            terms = [set(one) for one in tokeniser.transform([(one, language) for one in texts])]
            heading, said = set().union(*terms[: -len(lines)]), terms[-len(lines) :]
            self._placed[passage.passage_id] = [
                heading.union(*pair) for pair in itertools.pairwise([*said, set()]) if lines
            ]
        return self._placed[passage.passage_id]

    def _weight(self, terms: set[int]) -> float:
        """Rare words count more."""
        idf = self._words[1]
        return sum(float(idf[term]) for term in sorted(terms))

    def share_held(self, asked: str, passage: Passage) -> float:
        """Share of the words of `asked` that the passage has, rare ones counting more; 1.0 where
        the corpus knows none of them, 0.0 of a passage that only points elsewhere.
        """
        if not self._places(passage):
            return 0.0
        tokeniser, _ = self._words
        wanted = set(tokeniser.transform([(asked, passage.language)])[0])
        there = wanted & set(tokeniser.transform([_full_text(passage)])[0])
        whole = self._weight(wanted)
        return self._weight(there) / whole if whole else 1.0

    @cached_property
    def _words(self) -> tuple[Tokeniser, np.ndarray]:
        """A tokeniser over the corpus, and each term's inverse document frequency."""
        import numpy as np

        tokeniser = Tokeniser(chinese="search")
        frequency = document_frequency(
            tokeniser.fit(map(_full_text, self.passages)), len(tokeniser.vocabulary)
        )
        return tokeniser, np.log(1 + len(self.passages) / np.maximum(frequency, 1))


def _full_text(passage: Passage) -> tuple[str, str | None]:
    return f"{' '.join(passage.section_path)}\n{passage.text}", passage.language


def quarters_of(text: str) -> set[tuple[int, int]]:
    """Years and quarters that a text names: Q2 2023, second quarter of 2023, 2023年第二季度."""
    found = set()
    for match in _QUARTER.finditer(text):
        kind = next(kind for kind in "abc" if match[kind])
        nth = match[kind].lower()
        found.add((int(match[f"{kind}_year"]), _NTH.get(nth) or int(nth)))
    return found


def _quarters_about(passage: Passage) -> set[tuple[int, int]]:
    """The quarters that the passage names, and the one of its date."""
    found = quarters_of(f"{passage.header} {passage.text}")
    dated = re.match(r"(\d{4})-(\d\d)", passage.date or "")
    return found | {(int(dated[1]), (int(dated[2]) + 2) // 3)} if dated else found


def named_entity(query: Query) -> str:
    """The query's entity as a key, where its text names it; else ""."""
    entity = query.facets.get("entity", "")
    return normal_key(entity) if entity and _names(query.text, entity) else ""


def _names(text: str, name: str) -> bool:
    """Is the name in the text? A short one only as words of its own: "bellwether" is not HER."""
    key = normal_key(name)
    if len(key) >= _LONG or not key.isascii():
        return bool(key) and key in normal_key(text)
    return bool(_as_words(name).search(text))


def _as_words(name: str) -> re.Pattern[str]:
    return re.compile(rf"(?<![^\W_]){re.escape(name)}(?![^\W_])", re.I)


def need(query: Query) -> str:
    """The query's text without the entity that it names: what is asked about it.

    Whether the passage is of that entity is a matter of fact, not of scores; left in, a name that
    a passage repeats outweighs the need.
    """
    key, entity = named_entity(query), query.facets.get("entity", "")
    if not key:
        return query.text
    is_short = len(key) < _LONG and key.isascii()
    found = _as_words(entity) if is_short else re.compile(re.escape(entity), re.I)
    return " ".join(found.sub(" ", query.text).split())


def heading_key(title: str) -> str:
    """A heading without its number: "9.2 Refunds" and "12. REFUNDS" are the same."""
    return normal_key(re.sub(r"^[\W\d.]*(?:[a-z]\.\s|\d+[a-z]\.\s)?", "", title, flags=re.I))


def in_scope(query: Query, passage: Passage) -> bool:
    """Of the topic query's category, and not more than a year from its time."""
    category = query.facets.get("category")
    if category and passage.category != category:
        return False
    wanted = YEAR.findall(query.facets.get("time", ""))
    if not wanted:
        return True
    dated = YEAR.findall((passage.date or "")[:4])
    return bool(dated) and min(abs(int(dated[0]) - int(year)) for year in wanted) <= 1

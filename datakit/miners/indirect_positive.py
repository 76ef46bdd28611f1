"""Positives beyond the seed: labels that follow from a query's making, from copies, and from
agreement between retrievers of different kind. The last are *uncertified*: nobody judged them.
"""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from datakit.records import (
    Dropped,
    Duplicate,
    Judgement,
    Passage,
    Query,
    Source,
    normal_key,
    seed_for,
)
from datakit.registry import plugin
from datakit.retrievers import Retrieved
from datakit.retrievers._tokenise import Tokeniser

if TYPE_CHECKING:
    import numpy as np

Group = tuple[str | None, str | None]  # level and language: whose scores compare
Ranking = dict[str, float]  # passage_id -> score, best first
UNRANKED = 1_000_000_000
_YEAR = re.compile(r"(?<!\d)(?:19|20)\d\d(?!\d)")
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")


@plugin("miners", "indirect_positive")
@dataclass(frozen=True)
class IndirectPositive:
    """Direct, duplicate and uncertified indirect labels.

    A passage becomes an uncertified positive (grade 2) of a sentence or passage query when a
    lexical and a dense retriever agree on it. Each must find the query's own seed at all, put the
    passage, among those that are no copy of the seed, no deeper than the median seed of its level
    and language lies, and score it above random pairs and nearly as high as the seed. It must
    also fit what the query names (issuer, period, numbers) and hold the query's words as the seed
    does. Of a topic query's documents those passages are taken that both kinds of retriever have
    among the document's best, for the query or for one of its sub-questions; the query itself must
    score them well.

    Source:
        Candidate spaces: the published idea of FinCPRG (2508.02222). The rule, and every number
        below: our default, read against terms of service and Chinese research reports.
    """

    depth: int = 20  # ranks from which a retriever proposes for sentence and passage queries
    topic_depth: int = 50  # the same for topic queries, over the corpus
    cell_depth: int = 20  # the same, among passages of the query's category and near its time
    per_document: int = 3  # passages of one document that a retriever proposes for a topic query
    neighbours: int = 5  # queries whose seeds the query route proposes
    percentile: float = 95.0  # of the scores of random cross-document pairs
    n_random: int = 10_000  # such pairs, for each level, language and retriever
    seed_depth: int = 20  # a retriever that has no seed of the query so high does not vote on it
    least_rank: int = 2  # the rank cut-off is the median seed rank, within these two
    most_rank: int = 5
    ratio: float = 0.9  # least share of the seed's score
    topic_ratio: float = 0.7  # least share of the best score among the supporting documents
    outside_ratio: float = 0.85  # the same, for a passage of another document
    coverage: float = 0.95  # least share of the seed's query words, rare words counting more
    # clusters of positives kept for a sentence, passage and topic query (F7); beyond, the best,
    # flagged
    limits: tuple[int, int, int] = (10, 50, 200)
    seed: int = 0  # of the random pairs

    def __call__(
        self,
        queries: Sequence[Query],
        passages: Sequence[Passage],
        duplicates: Sequence[Duplicate],
        retrieved: Sequence[Retrieved],
    ) -> Iterator[Judgement | Dropped]:
        """Every label of each query, in the order of the queries.

        Args:
            queries: of all levels, with their seeds.
            passages: the corpus.
            duplicates: clusters; only exact and near copies inherit.
            retrieved: one lexical and one dense retriever at least, or nothing is mined. Each
                with a run over these queries.

        Yields:
            Judgements; a topic query that fewer than two documents support is Dropped.
        """
        corpus = _Corpus(passages, duplicates)
        voters = [_Voter(one) for one in retrieved]
        own = {query.query_id: _own_labels(query, corpus) for query in queries}
        chance = _Chance(self, queries, corpus, voters)
        mined = self._mine(queries, corpus, voters, own, chance)
        topics = _Topics(self, corpus, voters, chance)
        rows: list[Judgement | Dropped] = []
        for query in queries:
            if query.level == "topic":
                found: list[Judgement] | Dropped = topics(query)
            else:
                found = [*own[query.query_id], *mined.get(query.query_id, ())]
            rows += [found] if isinstance(found, Dropped) else self._capped(query, found, corpus)
        by_id = {query.query_id: query for query in queries}
        yield from _with_scores(rows, by_id, corpus, voters)

    def _capped(self, query: Query, labels: list[Judgement], corpus: _Corpus) -> list[Judgement]:
        """The first clusters up to the level's limit, flagged where some were left out."""
        limit = dict(zip(("sentence", "passage", "topic"), self.limits, strict=True))
        clusters = list(dict.fromkeys(corpus.cluster(one.passage_id) for one in labels))
        kept = set(clusters[: limit.get(query.level or "")])
        if len(kept) == len(clusters):
            return labels
        return [
            replace(one, flags=(*one.flags, "capped"))
            for one in labels
            if corpus.cluster(one.passage_id) in kept
        ]

    def _mine(
        self,
        queries: Sequence[Query],
        corpus: _Corpus,
        voters: list[_Voter],
        own: Mapping[str, list[Judgement]],
        chance: _Chance,
    ) -> dict[str, list[Judgement]]:
        """Indirect labels of sentence and passage queries, best first."""
        seeded = [query for query in queries if own[query.query_id]]
        cuts = _rank_cuts(self, seeded, own, voters)
        pairs = [
            (query, passage)
            for query in seeded
            for passage in _agreed(self, query, own[query.query_id], corpus, voters, cuts, chance)
            if corpus.fits(query, passage)
        ]
        as_good = _as_good_as_seed(self, pairs, corpus, voters)
        near = _near_queries(self, seeded, corpus, voters)
        mined: dict[str, list[Judgement]] = defaultdict(list)
        for (query, passage), good in zip(pairs, as_good, strict=True):
            routes = _routes(query, passage, self.depth, corpus, voters, near)
            if good and routes and corpus.covers(query, passage, self.coverage):
                mined[query.query_id].append(_indirect(query, passage, routes))
        return mined


# --- direct and duplicate ----------------------------------------------------------------------


def _own_labels(query: Query, corpus: _Corpus) -> list[Judgement]:
    """Labels by the query's making: its seeds, and their copies. A topic query has none."""
    seeds = corpus.seeds(query)
    if query.level == "topic" or not seeds:
        return []
    grade = int(query.scores.get("seed_grade", 2))
    direct = [
        Judgement(
            query.query_id, seed.passage_id, grade, "direct", routes=("seed",),
            evidence=tuple(
                e for e in query.evidence
                if e.doc_id == seed.doc_id and e.start < seed.end and e.end > seed.start
            ),
        )
        for seed in seeds
    ]  # fmt: skip
    taken = {seed.passage_id for seed in seeds}
    inherited = []
    for copy in sorted({copy for seed in seeds for copy in corpus.copies(seed)} - taken):
        if corpus.fits(query, corpus.by_id[copy]):
            inherited.append(
                Judgement(query.query_id, copy, grade, "duplicate", routes=("structural",))
            )
    return direct + inherited


def _indirect(query: Query, passage: Passage, routes: tuple[str, ...]) -> Judgement:
    source: Source = "indirect-query" if routes == ("query",) else "indirect-passage"
    return Judgement(
        query.query_id, passage.passage_id, 2, source, routes=routes, flags=("uncertified",)
    )  # fmt: skip


# --- the corpus as mining sees it --------------------------------------------------------------


class _Corpus:
    """Passages by id, document, cluster and place; and what their texts hold."""

    def __init__(self, passages: Sequence[Passage], duplicates: Sequence[Duplicate]) -> None:
        self.passages = passages
        self.by_id = {passage.passage_id: passage for passage in passages}
        self.by_doc: dict[str, list[Passage]] = defaultdict(list)
        self.by_category: dict[Group, list[Passage]] = defaultdict(list)
        for passage in passages:
            self.by_doc[passage.doc_id].append(passage)
            if passage.category:
                self.by_category[passage.category, passage.language].append(passage)
        self._cluster = {one.passage_id: one.cluster_id for one in duplicates}
        self._copies: dict[str, list[str]] = defaultdict(list)
        for one in duplicates:
            if one.relation != "template" and one.passage_id in self.by_id:
                self._copies[one.cluster_id].append(one.passage_id)

    def documents(self, query: Query) -> set[str]:
        """The documents that a query was made from."""
        return {*query.supporting_doc_ids, *(seed.doc_id for seed in self.seeds(query))}

    def seeds(self, query: Query) -> list[Passage]:
        return [self.by_id[one] for one in query.seed_passage_ids if one in self.by_id]

    def cluster(self, passage_id: str) -> str:
        """The duplicate cluster, template variants included; a passage of its own is its own."""
        return self._cluster.get(passage_id, passage_id)

    def copies(self, passage: Passage) -> list[str]:
        """Exact and near copies, none for a template variant."""
        members = self._copies.get(self.cluster(passage.passage_id), [])
        return members if passage.passage_id in members else []

    def fits(self, query: Query, passage: Passage) -> bool:
        """Does the passage belong to the issuer and the years that the query names?"""
        about = normal_key(f"{passage.issuer or ''} {passage.title or ''}")
        entity = named_entity(query)
        issuer = normal_key(passage.issuer or "")
        if entity and entity not in about and not (issuer and issuer in entity):
            return False
        years = set(_YEAR.findall(query.text))
        if not years or (passage.date or "")[:4] in years:
            return True
        return years <= set(_YEAR.findall(f"{passage.header} {passage.text}"))

    @cached_property
    def _words(self) -> tuple[Tokeniser, list[float]]:
        """A tokeniser over the corpus, and each term's inverse document frequency."""
        tokeniser = Tokeniser(chinese="search")
        frequency: Counter[int] = Counter()
        for terms in tokeniser.fit(map(_full_text, self.passages)):
            frequency.update(set(terms))
        n = len(self.passages)
        return tokeniser, [
            math.log(1 + n / frequency[term]) for term in range(len(tokeniser.vocabulary))
        ]

    def _terms(self, text: str, language: str | None) -> set[int]:
        return set(self._words[0].transform([(text, language)])[0])

    def covers(self, query: Query, passage: Passage, share: float) -> bool:
        """Has the passage all the query's numbers, and nearly as much of its words as a seed?"""
        asked = need(query)
        numbers = set(_NUMBER.findall(asked)) - set(_YEAR.findall(asked))  # years are a facet
        if not numbers <= set(_NUMBER.findall(_full_text(passage)[0])):
            return False
        wanted = self._terms(asked, query.language)
        idf = self._words[1]

        def held(one: Passage) -> float:
            return sum(idf[term] for term in sorted(wanted & self._terms(*_full_text(one))))

        return held(passage) >= share * max(held(seed) for seed in self.seeds(query))


def _full_text(passage: Passage) -> tuple[str, str | None]:
    return f"{' '.join(passage.section_path)}\n{passage.text}", passage.language


def named_entity(query: Query) -> str:
    """The query's entity as a key, where its text names it; else ""."""
    entity = normal_key(query.facets.get("entity", ""))
    return entity if entity and entity in normal_key(query.text) else ""


def need(query: Query) -> str:
    """The query's text without the entity that it names: what is asked about it.

    Whether the passage is of that entity is a matter of fact, not of scores; left in, a name that
    a passage repeats outweighs the need.
    """
    if not named_entity(query):
        return query.text
    return " ".join(re.sub(re.escape(query.facets["entity"]), " ", query.text, flags=re.I).split())


# --- retrievers as voters ----------------------------------------------------------------------


class _Voter:
    """A retriever's rankings and scores."""

    def __init__(self, retrieved: Retrieved) -> None:
        self.name, self.family, self.covers = retrieved.name, retrieved.family, retrieved.covers
        self.index: Any = retrieved.index
        self.rankings: dict[str, Ranking] = defaultdict(dict)
        rows = sorted(retrieved.run, key=lambda row: (row.score, row.passage_id), reverse=True)
        for row in rows:
            self.rankings[row.query_id][row.passage_id] = row.score

    def ranking(self, query: Query) -> Ranking:
        return self.rankings.get(query.query_id, {})

    def rank(self, query: Query, passage_ids: Iterable[str]) -> int:
        """The best rank of these passages, from 1; `UNRANKED` where the run has none."""
        wanted = set(passage_ids)
        ranks = (rank for rank, one in enumerate(self.ranking(query), 1) if one in wanted)
        return next(ranks, UNRANKED)


class _Chance:
    """What a retriever gives to a query and a passage that have nothing to do with each other."""

    def __init__(
        self,
        settings: IndirectPositive,
        queries: Sequence[Query],
        corpus: _Corpus,
        voters: list[_Voter],
    ) -> None:
        self._settings = settings
        self._corpus = corpus
        self._voters = voters
        self._queries: dict[Group, list[Query]] = defaultdict(list)
        for query in queries:
            self._queries[query.level, query.language].append(query)
        self._thresholds: dict[Group, dict[str, float]] = {}

    def threshold(self, query: Query, voter: _Voter) -> float:
        """The percentile over random cross-document pairs; infinite where there are none."""
        group = (query.level, query.language)
        if group not in self._thresholds:
            self._thresholds[group] = self._measure(group)
        return self._thresholds[group][voter.name]

    def _measure(self, group: Group) -> dict[str, float]:
        import numpy as np

        rng = np.random.default_rng(seed_for(self._settings.seed, "mine", repr(group)))
        pairs = self._random_pairs(group, rng)
        out = {}
        for voter in self._voters:
            scores = voter.index.score(pairs) if pairs else np.zeros(0)
            scores = scores[~np.isnan(scores)]
            out[voter.name] = (
                float(np.percentile(scores, self._settings.percentile)) if len(scores) else math.inf
            )
        return out

    def _random_pairs(self, group: Group, rng: np.random.Generator) -> list[tuple[Query, Passage]]:
        queries = self._queries[group]
        passages = [one for one in self._corpus.passages if one.language == group[1]]
        if not passages:
            return []
        n = self._settings.n_random
        drawn = zip(
            rng.integers(0, len(queries), n).tolist(),
            rng.integers(0, len(passages), n).tolist(),
            strict=True,
        )
        pairs = [(queries[q], passages[p]) for q, p in drawn]
        return [
            (query, one) for query, one in pairs if one.doc_id not in self._corpus.documents(query)
        ]


def _rank_cuts(
    settings: IndirectPositive,
    queries: Sequence[Query],
    own: Mapping[str, list[Judgement]],
    voters: list[_Voter],
) -> dict[tuple[str, Group], int]:
    """By retriever, level and language: the median rank of the best seed, within the bounds."""
    import numpy as np

    ranks: dict[tuple[str, Group], list[int]] = defaultdict(list)
    for query in queries:
        seeds = [one.passage_id for one in own[query.query_id]]
        for voter in voters:
            if voter.covers(query):
                group = (query.level, query.language)
                ranks[voter.name, group].append(voter.rank(query, seeds))
    return {
        key: int(np.clip(np.median(found), settings.least_rank, settings.most_rank))
        for key, found in ranks.items()
    }


def _agreed(
    settings: IndirectPositive,
    query: Query,
    own: list[Judgement],
    corpus: _Corpus,
    voters: list[_Voter],
    cuts: Mapping[tuple[str, Group], int],
    chance: _Chance,
) -> list[Passage]:
    """Passages that a lexical and a dense retriever rank high enough and above chance; those of
    the best ranks first.
    """
    clusters = {corpus.cluster(one.passage_id) for one in own}
    votes: dict[str, dict[str, int]] = {"lexical": {}, "dense": {}}
    for voter in voters:
        if not voter.covers(query):
            continue
        if voter.rank(query, (one.passage_id for one in own)) > settings.seed_depth:
            continue
        cut = cuts[voter.name, (query.level, query.language)]
        least = chance.threshold(query, voter)
        seen: set[str] = set()  # a cluster takes one rank, however many copies it has
        for passage_id, score in voter.ranking(query).items():
            cluster = corpus.cluster(passage_id)
            if cluster in clusters:
                continue
            seen.add(cluster)
            if len(seen) > cut or score < least:
                break
            votes[voter.family].setdefault(passage_id, len(seen))
    lexical, dense = votes["lexical"], votes["dense"]
    both = sorted(lexical.keys() & dense.keys(), key=lambda one: (lexical[one] + dense[one], one))
    return [corpus.by_id[one] for one in both]


def _as_good_as_seed(
    settings: IndirectPositive,
    pairs: list[tuple[Query, Passage]],
    corpus: _Corpus,
    voters: list[_Voter],
) -> list[bool]:
    """Does some retriever of each family score the passage near to the query's weakest seed?

    A lexical one is asked without the entity's name.
    """
    import numpy as np

    passed = {"lexical": np.zeros(len(pairs), bool), "dense": np.zeros(len(pairs), bool)}
    seeds = [(i, seed) for i, (query, _) in enumerate(pairs) for seed in corpus.seeds(query)]
    for voter in voters:
        asked = [_asked(query, voter) for query, _ in pairs]
        scores = voter.index.score(
            [(query, passage) for query, (_, passage) in zip(asked, pairs, strict=True)]
        )
        weakest = np.full(len(pairs), np.inf)
        of_seeds = voter.index.score([(asked[i], seed) for i, seed in seeds])
        np.fmin.at(weakest, [i for i, _ in seeds], of_seeds)
        with np.errstate(invalid="ignore"):  # nan: outside the retriever's languages
            passed[voter.family] |= (weakest < np.inf) & (scores >= settings.ratio * weakest)
    return list((passed["lexical"] & passed["dense"]).tolist())


def _asked(query: Query, voter: _Voter) -> Query:
    if voter.family == "dense" or not named_entity(query):
        return query
    return replace(query, query_id=f"{query.query_id} without entity", text=need(query))


# --- what proposed a pair ----------------------------------------------------------------------


def _routes(
    query: Query,
    passage: Passage,
    depth: int,
    corpus: _Corpus,
    voters: list[_Voter],
    near: Mapping[str, set[str]],
) -> tuple[str, ...]:
    """The candidate spaces that the pair lies in."""
    seeds = corpus.seeds(query)
    routes = {
        "query": passage.passage_id in near.get(query.query_id, ()),
        "local": any(seed.doc_id == passage.doc_id for seed in seeds),
        "structural": any(_same_place(query, seed, passage) for seed in seeds),
        "global": any(
            voter.covers(query) and voter.rank(query, (passage.passage_id,)) <= depth
            for voter in voters
        ),
    }
    return tuple(name for name, proposed in routes.items() if proposed)


def _same_place(query: Query, seed: Passage, passage: Passage) -> bool:
    """The same section in another document of the issuer, or, for passage queries, the same
    category in the same year.
    """
    if passage.doc_id == seed.doc_id:
        return False
    if seed.issuer and seed.issuer == passage.issuer and seed.section_path:
        last, other = seed.section_path[-1:], passage.section_path[-1:]
        if [*map(heading_key, last)] == [*map(heading_key, other)]:
            return True
    same_cell = seed.category and seed.date and seed.category == passage.category
    return bool(
        query.level == "passage" and same_cell and (passage.date or "")[:4] == (seed.date or "")[:4]
    )


def heading_key(title: str) -> str:
    """A heading without its number: "9.2 Refunds" and "12. REFUNDS" are the same."""
    return normal_key(re.sub(r"^[\W\d.]*(?:[a-z]\.\s|\d+[a-z]\.\s)?", "", title, flags=re.I))


def _near_queries(
    settings: IndirectPositive, queries: Sequence[Query], corpus: _Corpus, voters: list[_Voter]
) -> dict[str, set[str]]:
    """The query route: query_id -> seeds of its nearest queries of the same document and level.

    Near means a cosine at or above the percentile over random cross-document query pairs.
    """
    import numpy as np

    proposals: dict[str, set[str]] = {}
    for voter in voters:
        if voter.family != "dense":
            continue
        groups: dict[Group, list[Query]] = defaultdict(list)
        for query in queries:
            if voter.covers(query):
                groups[query.level, query.language].append(query)
        for group, members in groups.items():
            vectors = voter.index.query_vectors(members)
            rng = np.random.default_rng(seed_for(settings.seed, "mine/query", repr(group)))
            documents = [min(corpus.documents(query)) for query in members]
            threshold = _query_threshold(settings, documents, vectors, rng)
            for at in _positions(documents).values():
                proposals.update(_neighbours(settings, members, vectors, at, threshold))
    return proposals


def _query_threshold(
    settings: IndirectPositive,
    documents: list[str],
    vectors: np.ndarray,
    rng: np.random.Generator,
) -> float:
    import numpy as np

    left, right = rng.integers(0, len(documents), (2, settings.n_random))
    cosines = np.einsum("ij,ij->i", vectors[left], vectors[right])
    names = np.array(documents)
    cosines = cosines[names[left] != names[right]]
    return float(np.percentile(cosines, settings.percentile)) if len(cosines) else math.inf


def _positions(names: list[str]) -> dict[str, list[int]]:
    at: dict[str, list[int]] = defaultdict(list)
    for i, name in enumerate(names):
        at[name].append(i)
    return at


def _neighbours(
    settings: IndirectPositive,
    queries: list[Query],
    vectors: np.ndarray,
    at: list[int],
    threshold: float,
) -> Iterator[tuple[str, set[str]]]:
    """For each query of a document: seeds of its nearest other queries there."""
    import numpy as np

    cosines = vectors[at] @ vectors[at].T
    np.fill_diagonal(cosines, -np.inf)
    order = np.argsort(-cosines, axis=1, kind="stable")[:, : settings.neighbours]
    for row, nearest in enumerate(order):
        query = queries[at[row]]
        seeds = {
            seed
            for other in nearest
            if cosines[row, other] >= threshold
            for seed in queries[at[other]].seed_passage_ids
        }
        yield query.query_id, seeds - set(query.seed_passage_ids)


# --- topic queries -----------------------------------------------------------------------------


@dataclass
class _Scored:
    """One retriever's view of the passages in question for a topic query."""

    voter: _Voter
    scores: dict[str, float]  # of every passage of the documents in question
    # best rank within the passage's document, for the query or one of its sub-questions
    place: dict[str, int] = field(default_factory=dict)


class _Topics:
    """Labels of topic queries: the pool of documents first, then their best passages."""

    def __init__(
        self, settings: IndirectPositive, corpus: _Corpus, voters: list[_Voter], chance: _Chance
    ) -> None:
        self._settings, self._corpus = settings, corpus
        self._voters, self._chance = voters, chance

    def __call__(self, query: Query) -> list[Judgement] | Dropped:
        voters = [voter for voter in self._voters if voter.covers(query)]
        cell = self._cell_pool(query, voters)
        overall = {
            one for voter in voters for one in [*voter.ranking(query)][: self._settings.topic_depth]
        }
        by_id = self._corpus.by_id
        documents = {*query.supporting_doc_ids, *(by_id[one].doc_id for one in cell | overall)}
        views = [self._view(query, voter, documents) for voter in voters]
        best = {
            view.voter.name: max(
                (
                    view.scores[one.passage_id]
                    for doc_id in query.supporting_doc_ids
                    for one in self._corpus.by_doc.get(doc_id, ())
                    if one.passage_id in view.scores
                ),
                default=math.inf,
            )
            for view in views
        }
        labels = []
        for passage_id in self._agreed(query, views, best):
            passage = self._corpus.by_id[passage_id]
            supports = passage.doc_id in query.supporting_doc_ids
            routes = {
                "local": supports, "structural": passage_id in cell, "global": passage_id in overall
            }  # fmt: skip
            kept = tuple(name for name, proposed in routes.items() if proposed)
            if kept and (supports or self._fits(query, passage)):
                labels.append(_indirect(query, passage, kept))
        return self._supported(query, labels)

    def _cell_pool(self, query: Query, voters: list[_Voter]) -> set[str]:
        """The best passages of the query's category and time, of each retriever."""
        of_category = self._corpus.by_category.get((query.facets.get("category"), query.language))
        members = [one for one in of_category or () if self._in_scope(query, one)]
        pool: set[str] = set()
        for voter in voters:
            scores = self._scores(query, voter, members)
            pool.update(_best_first(scores)[: self._settings.cell_depth])
        return pool

    @staticmethod
    def _in_scope(query: Query, passage: Passage) -> bool:
        """Of the query's category, and not more than a year from its time."""
        category = query.facets.get("category")
        if category and passage.category != category:
            return False
        wanted = _YEAR.findall(query.facets.get("time", ""))
        if not wanted:
            return True
        dated = _YEAR.findall((passage.date or "")[:4])
        return bool(dated) and min(abs(int(dated[0]) - int(year)) for year in wanted) <= 1

    @staticmethod
    def _scores(query: Query, voter: _Voter, passages: Sequence[Passage]) -> dict[str, float]:
        if not passages:
            return {}
        scores = voter.index.score([(query, one) for one in passages]).tolist()
        return {
            one.passage_id: score
            for one, score in zip(passages, scores, strict=True)
            if not math.isnan(score)
        }

    def _view(self, query: Query, voter: _Voter, documents: set[str]) -> _Scored:
        members = [one for doc in sorted(documents) for one in self._corpus.by_doc.get(doc, ())]
        view = _Scored(voter, self._scores(query, voter, members))
        for scores in (view.scores, *self._sub_scores(query, voter, documents)):
            before: Counter[str] = Counter()
            for passage_id in _best_first(scores):
                doc_id = self._corpus.by_id[passage_id].doc_id
                before[doc_id] += 1
                place = view.place.get(passage_id, before[doc_id])
                view.place[passage_id] = min(place, before[doc_id])
        return view

    def _sub_scores(
        self, query: Query, voter: _Voter, documents: set[str]
    ) -> Iterator[dict[str, float]]:
        """For each sub-question the scores of the passages of the supporting documents."""
        supporting = sorted(documents & set(query.supporting_doc_ids))
        members = [one for doc in supporting for one in self._corpus.by_doc.get(doc, ())]
        for number, text in enumerate(query.sub_questions, 1):
            asked = replace(query, query_id=f"{query.query_id} part {number}", text=text)
            yield self._scores(asked, voter, members)

    def _agreed(self, query: Query, views: list[_Scored], best: Mapping[str, float]) -> list[str]:
        """Passages that both families have among their document's best and score well."""
        votes: dict[str, dict[str, float]] = {"lexical": {}, "dense": {}}
        for view in views:
            top = best[view.voter.name]
            chance = self._chance.threshold(query, view.voter)
            for passage_id, place in view.place.items():
                score = view.scores[passage_id]
                least = max(chance, self._share(query, passage_id) * top)
                if place <= self._settings.per_document and score >= least > 0:
                    share = max(score / top, votes[view.voter.family].get(passage_id, 0.0))
                    votes[view.voter.family][passage_id] = share
        both = votes["lexical"].keys() & votes["dense"].keys()
        return _best_first({one: votes["lexical"][one] + votes["dense"][one] for one in both})

    def _share(self, query: Query, passage_id: str) -> float:
        supports = self._corpus.by_id[passage_id].doc_id in query.supporting_doc_ids
        return self._settings.topic_ratio if supports else self._settings.outside_ratio

    def _fits(self, query: Query, passage: Passage) -> bool:
        return self._in_scope(query, passage) and self._corpus.fits(query, passage)

    def _supported(self, query: Query, labels: list[Judgement]) -> list[Judgement] | Dropped:
        found = {self._corpus.by_id[one.passage_id].doc_id for one in labels}
        supported = found & set(query.supporting_doc_ids)
        if len(supported) >= 2:
            return labels
        return Dropped(
            query.query_id,
            "fewer_than_two_supported_documents",
            f"topic query {query.text!r}: {len(supported)} of {len(query.supporting_doc_ids)} "
            f"supporting documents have a passage that a lexical and a dense retriever agree on; "
            f"at least 2 are needed. Ask for something that several documents say.",
        )


def _best_first(scores: Mapping[str, float]) -> list[str]:
    return sorted(scores, key=lambda one: (scores[one], one), reverse=True)


def _with_scores(
    rows: list[Judgement | Dropped],
    queries: Mapping[str, Query],
    corpus: _Corpus,
    voters: list[_Voter],
) -> Iterator[Judgement | Dropped]:
    """The rows with every retriever's score of their pair."""
    pairs = [
        (queries[row.query_id], corpus.by_id[row.passage_id])
        for row in rows
        if isinstance(row, Judgement)
    ]
    columns = {voter.name: iter(voter.index.score(pairs).tolist()) for voter in voters}
    for row in rows:
        if isinstance(row, Dropped):
            yield row
            continue
        scores = {name: next(column) for name, column in columns.items()}
        known = {name: round(score, 6) for name, score in scores.items() if not math.isnan(score)}
        yield replace(row, scores=known)

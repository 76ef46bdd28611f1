"""Positives beyond the seed: labels that follow from a query's making, from copies, and from
agreement between retrievers of different kind. The last are *uncertified*: nobody judged them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from datakit.miners._agreement import Agreement, labels
from datakit.miners._corpus import Corpus
from datakit.miners._near_queries import near_seeds
from datakit.miners._pool import Depths, Pool, by_pair
from datakit.miners._spaces import Spaces
from datakit.miners._topics import Topics
from datakit.miners._voters import Chance, Voter
from datakit.records import Dropped, Duplicate, Judgement, Passage, Pooled, Query, Source
from datakit.registry import plugin
from datakit.retrievers import Retrieved


@plugin("miners", "indirect_positive")
@dataclass(frozen=True)
class IndirectPositive:
    """Direct, duplicate and uncertified indirect labels, and the pool that others are judged in.

    A passage becomes an uncertified positive (grade 2) of a sentence or passage query when a
    lexical and a dense retriever agree on it. Each must find the query's own seed at all, put the
    passage, among those that are no copy of the seed, no deeper than the median seed of its level
    and language lies, and score it above random pairs and nearly as high as the seed. It must
    also fit what the query names (issuer, period, numbers) and hold the query's words as the seed
    does, in one place, and in sentences that say something: "see note 7" and "this policy
    describes how" do not count. Of a topic query's documents those passages are taken that both
    kinds of retriever have among the document's best, for the query or for one of its
    sub-questions; the query itself must score them well, and they must have most words of its
    topic.

    Source:
        Candidate spaces: the published idea of FinCPRG (2508.02222). The rule, and every number
        below: our default, read against terms of service and Chinese research reports.
    """

    depth: int = 20  # passages of each space that a retriever proposes, sentence and passage level
    topic_depth: int = 50  # the same for topic queries, over the corpus
    cell_depth: int = 20  # the same, among passages of the query's category and near its time
    per_document: int = 3  # passages of one document that a retriever proposes for a topic query
    neighbours: int = 5  # queries whose seeds the query route proposes; 0: without that route
    percentile: float = 95.0  # of the scores of random cross-document pairs
    n_random: int = 10_000  # such pairs, for each level, language and retriever
    seed_depth: int = 20  # a retriever that has no seed of the query so high does not vote on it
    least_rank: int = 2  # the rank cut-off is the median seed rank, within these two
    most_rank: int = 5
    ratio: float = 0.9  # least share of the seed's score
    topic_ratio: float = 0.7  # least share of the best score among the supporting documents
    outside_ratio: float = 0.85  # the same, for a passage of another document
    topic_coverage: float = 0.6  # least share of the words of a topic query's topic
    coverage: float = 0.95  # least share of the seed's query words, rare words counting more
    # least share of the query's words that its seed has: of a question in other words than the
    # seed's, the words that another passage shares are mostly those of asking
    seed_coverage: float = 0.5
    # clusters of positives kept for a sentence, passage and topic query (F7); beyond, the best,
    # flagged
    limits: tuple[int, int, int] = (10, 50, 200)
    seed: int = 0  # of the random pairs

    def pool(
        self,
        queries: Sequence[Query],
        passages: Sequence[Passage],
        duplicates: Sequence[Duplicate],
        retrieved: Sequence[Retrieved],
        reranker: Any = None,
        reranker_name: str = "",
    ) -> Iterator[Pooled]:
        """The pairs that are candidates, in the order of the queries.

        Args:
            queries: of all levels, with their seeds.
            passages: the corpus.
            duplicates: clusters.
            retrieved: every retriever that proposes, with a run over these queries.
            reranker: scores every pair, so that pairs are compared by it; None: they are compared
                by what the retrievers say.
            reranker_name: under which its score is kept.
        """
        corpus = Corpus(passages, duplicates)
        voters = [Voter(one, corpus) for one in retrieved]
        yield from self._pool(queries, corpus, voters, reranker, reranker_name)

    def __call__(
        self,
        queries: Sequence[Query],
        passages: Sequence[Passage],
        duplicates: Sequence[Duplicate],
        retrieved: Sequence[Retrieved],
        pool: Iterable[Pooled] | None = None,
        decided: Collection[str | None] = (),
    ) -> Iterator[Judgement | Dropped]:
        """Every label of each query, in the order of the queries.

        Args:
            queries: of all levels, with their seeds.
            passages: the corpus.
            duplicates: clusters; only exact and near copies inherit.
            retrieved: one lexical and one dense retriever at least, or nothing is mined. Each
                with a run over these queries.
            pool: as `pool` gives it; None: made here.
            decided: levels that a calibration decides: they get no uncertified label.

        Yields:
            Judgements; a topic query that fewer than two documents support is Dropped.
        """
        corpus = Corpus(passages, duplicates)
        voters = [Voter(one, corpus) for one in retrieved]
        chance = Chance(queries, corpus, voters, self.percentile, self.n_random, self.seed)
        own = {query.query_id: _own_labels(query, corpus) for query in queries}
        agreement = Agreement(self, corpus, voters, chance)
        mined = agreement([query for query in queries if query.level not in decided], own)
        topics = Topics(self, corpus, voters, chance)
        rows: list[Judgement | Dropped] = []
        for query in queries:
            if query.level != "topic":
                found = [*own[query.query_id], *labels(mined, query)]
                rows += self._capped(query, found, corpus)
            elif query.level not in decided:
                of_topic = topics(query)
                if isinstance(of_topic, Dropped):
                    rows.append(of_topic)
                else:
                    rows += self._capped(query, of_topic, corpus)
        if pool is None:
            pool = self._pool(queries, corpus, voters)
        yield from _with_routes(rows, pool)

    def _pool(
        self,
        queries: Sequence[Query],
        corpus: Corpus,
        voters: list[Voter],
        reranker: Any = None,
        reranker_name: str = "",
    ) -> Iterator[Pooled]:
        near = near_seeds(
            [query for query in queries if query.level != "topic"], corpus, voters,
            self.neighbours, self.percentile, self.n_random, self.seed,
        )  # fmt: skip
        depths = Depths(self.depth, self.topic_depth, self.cell_depth, self.per_document)
        spaces = Spaces(queries, corpus)
        return Pool(corpus, voters, spaces, near, depths, reranker, reranker_name)(queries)

    def _capped(self, query: Query, found: list[Judgement], corpus: Corpus) -> list[Judgement]:
        """The first clusters up to the level's limit, flagged where some were left out."""
        found = _with_copies(query, found, corpus)
        limit = dict(zip(("sentence", "passage", "topic"), self.limits, strict=True))
        clusters = list(dict.fromkeys(corpus.cluster(one.passage_id) for one in found))
        kept = set(clusters[: limit.get(query.level or "")])
        if len(kept) == len(clusters):
            return found
        return [
            replace(one, flags=(*one.flags, "capped"))
            for one in found
            if corpus.cluster(one.passage_id) in kept
        ]


def _own_labels(query: Query, corpus: Corpus) -> list[Judgement]:
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
    return direct + [
        Judgement(query.query_id, copy, grade, "duplicate", routes=("structural",))
        for copy in corpus.inherited(query)
    ]


def _with_copies(query: Query, found: list[Judgement], corpus: Corpus) -> list[Judgement]:
    """The labels, and the same for copies of what retrievers agreed on, as uncertified as it is."""
    out = {one.passage_id: one for one in found}
    for one in found:
        if "uncertified" not in one.flags:
            continue
        for copy in corpus.copies_at_issuer(corpus.passage(one.passage_id)):
            if corpus.fits(query, corpus.passage(copy)):
                label = replace(one, passage_id=copy, source="duplicate", routes=("structural",))
                out.setdefault(copy, label)
    return list(out.values())


def _with_routes(
    rows: list[Judgement | Dropped], pool: Iterable[Pooled]
) -> Iterator[Judgement | Dropped]:
    """The rows with the routes and scores of their pair; an indirect label that nothing proposed
    is left out.
    """
    pairs = {(one.query_id, one.passage_id) for one in rows if isinstance(one, Judgement)}
    found = by_pair(pool, pairs)
    for row in rows:
        if isinstance(row, Dropped):
            yield row
            continue
        pooled = found.get((row.query_id, row.passage_id))
        if row.source in ("direct", "duplicate"):
            yield replace(row, scores=pooled.scores if pooled else {})
        elif pooled:
            yield indirect_label(row, pooled)


def indirect_label(row: Judgement, pooled: Pooled) -> Judgement:
    """A label with its pair's routes and scores; the source says whether the query route alone
    proposed it.
    """
    source: Source = "indirect-query" if pooled.routes == ("query",) else "indirect-passage"
    return replace(row, source=source, routes=pooled.routes, scores=pooled.scores)

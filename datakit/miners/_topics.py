"""The uncertified rule of topic queries: the documents in question, then their best passages."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from datakit.miners._agreement import indirect
from datakit.miners._corpus import Corpus, in_scope
from datakit.miners._pool import sub_questions
from datakit.miners._spaces import cell_of
from datakit.miners._voters import Chance, Voter
from datakit.records import Dropped, Judgement, Passage, Query


class Limits(Protocol):
    """The settings of the rule; see `IndirectPositive`."""

    @property
    def topic_depth(self) -> int: ...
    @property
    def cell_depth(self) -> int: ...
    @property
    def per_document(self) -> int: ...
    @property
    def topic_ratio(self) -> float: ...
    @property
    def outside_ratio(self) -> float: ...
    @property
    def topic_coverage(self) -> float: ...


@dataclass
class _Scored:
    """One retriever's view of the passages in question for a topic query."""

    voter: Voter
    scores: dict[str, float]  # of every passage of the documents in question
    # best rank within the passage's document, for the query or one of its sub-questions
    place: dict[str, int] = field(default_factory=dict)


class Topics:
    """Labels of topic queries: the pool of documents first, then their best passages."""

    def __init__(self, limits: Limits, corpus: Corpus, voters: list[Voter], chance: Chance) -> None:
        self._limits, self._corpus = limits, corpus
        self._voters, self._chance = voters, chance

    def __call__(self, query: Query) -> list[Judgement] | Dropped:
        voters = [voter for voter in self._voters if voter.covers(query)]
        proposed = self._cell_pool(query, voters) | {
            one for voter in voters for one in [*voter.ranking(query)][: self._limits.topic_depth]
        }
        documents = {
            *query.supporting_doc_ids,
            *(self._corpus.passage(one).doc_id for one in proposed if one in self._corpus.row),
        }
        views = [self._view(query, voter, documents) for voter in voters]
        best = {view.voter.name: self._best(query, view) for view in views}
        labels = []
        for passage_id in self._agreed(query, views, best):
            passage = self._corpus.passage(passage_id)
            supports = passage.doc_id in query.supporting_doc_ids
            fits = in_scope(query, passage) and self._corpus.fits(query, passage)
            if not self._speaks_of(query, passage):
                continue
            if supports or (fits and passage_id in proposed):
                labels.append(indirect(query, passage))
        return self._supported(query, labels)

    def _speaks_of(self, query: Query, passage: Passage) -> bool:
        """Has it most of the topic's words? Scores alone take its neighbours: of `other
        comprehensive income` any passage about other income.
        """
        topic = query.facets.get("topic", "")
        return not topic or (self._corpus.share_held(topic, passage) >= self._limits.topic_coverage)

    def _best(self, query: Query, view: _Scored) -> float:
        """The best score among the supporting documents; infinite where there is none."""
        rows = [row for doc in query.supporting_doc_ids for row in self._corpus.by_doc.get(doc, ())]
        ids = (self._corpus.passages[row].passage_id for row in rows)
        return max((view.scores[one] for one in ids if one in view.scores), default=math.inf)

    def _cell_pool(self, query: Query, voters: list[Voter]) -> set[str]:
        """The best passages of the query's category and time, of each retriever."""
        members = cell_of(query, self._corpus)
        pool: set[str] = set()
        for voter in voters:
            scores = self._scores(query, voter, members)
            pool.update(_best_first(scores)[: self._limits.cell_depth])
        return pool

    def _scores(self, query: Query, voter: Voter, rows: Sequence[int]) -> dict[str, float]:
        import numpy as np

        if not rows:
            return {}
        pairs = np.stack([np.zeros(len(rows), np.int64), np.asarray(rows, np.int64)], axis=1)
        scores = voter.scores([query], pairs).tolist()
        return {
            self._corpus.passages[row].passage_id: score
            for row, score in zip(rows, scores, strict=True)
            if not math.isnan(score)
        }

    def _view(self, query: Query, voter: Voter, documents: set[str]) -> _Scored:
        members = [row for doc in sorted(documents) for row in self._corpus.by_doc.get(doc, ())]
        view = _Scored(voter, self._scores(query, voter, members))
        for scores in (view.scores, *self._sub_scores(query, voter, documents)):
            before: Counter[str] = Counter()
            for passage_id in _best_first(scores):
                doc_id = self._corpus.passage(passage_id).doc_id
                before[doc_id] += 1
                place = view.place.get(passage_id, before[doc_id])
                view.place[passage_id] = min(place, before[doc_id])
        return view

    def _sub_scores(
        self, query: Query, voter: Voter, documents: set[str]
    ) -> Iterator[dict[str, float]]:
        """For each sub-question the scores of the passages of the supporting documents."""
        supporting = sorted(documents & set(query.supporting_doc_ids))
        members = [row for doc in supporting for row in self._corpus.by_doc.get(doc, ())]
        for asked in sub_questions(query):
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
                if place <= self._limits.per_document and score >= least > 0:
                    # a sub-question may score where the query as a whole scores nothing
                    share = score / top if top > 0 else 0.0
                    share = max(share, votes[view.voter.family].get(passage_id, 0.0))
                    votes[view.voter.family][passage_id] = share
        both = votes["lexical"].keys() & votes["dense"].keys()
        return _best_first({one: votes["lexical"][one] + votes["dense"][one] for one in both})

    def _share(self, query: Query, passage_id: str) -> float:
        supports = self._corpus.passage(passage_id).doc_id in query.supporting_doc_ids
        return self._limits.topic_ratio if supports else self._limits.outside_ratio

    def _supported(self, query: Query, labels: list[Judgement]) -> list[Judgement] | Dropped:
        found = {self._corpus.passage(one.passage_id).doc_id for one in labels}
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

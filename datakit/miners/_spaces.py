"""Where candidates of a query come from: its documents, its copies and versions, the corpus.

| level | S1 local | S2 structural | S3 global |
| --- | --- | --- | --- |
| sentence | seeds of the document's other sentence queries | its cluster; seeds of the same kind of fact about the same entity | best of each retriever |
| passage | passages of the document | its cluster; the same section elsewhere; the same category and year | best of each retriever |
| topic | of each supporting document the best, for the query and each sub-question | best of the category, within a year | best of each retriever |

Of each space a retriever proposes its best passages, all retrievers equally many.

Source:
    S1 of sentence queries: the published idea of FinCPRG (2508.02222); the others: our default.
"""  # noqa: E501 (a table)

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from datakit.miners._corpus import Corpus, heading_key, in_scope
from datakit.records import Passage, Query, normal_key

MOST_IN_CELL = 5000  # passages of one category and year: a larger cell is no place of its own
Key = tuple[str | None, ...]


class Spaces:
    """S1 and S2 of sentence and passage queries, as rows of the corpus."""

    def __init__(self, queries: Sequence[Query], corpus: Corpus) -> None:
        self._corpus = corpus
        self._cells: dict[Key, list[int]] = defaultdict(list)
        self._places: dict[Key, list[int]] = defaultdict(list)
        for row, passage in enumerate(corpus.passages):
            if cell := _cell(passage):
                self._cells[cell].append(row)
            if place := _place(passage):
                self._places[place].append(row)
        self._cells = {k: rows for k, rows in self._cells.items() if len(rows) <= MOST_IN_CELL}
        self._seeds_of_doc: dict[str, set[int]] = defaultdict(set)  # of sentence queries
        self._seeds_of_fact: dict[Key, set[int]] = defaultdict(set)
        for query in queries:
            if query.level != "sentence":
                continue
            for row in corpus.rows(query.seed_passage_ids):
                self._seeds_of_doc[corpus.passages[row].doc_id].add(row)
                if fact := _fact(query):
                    self._seeds_of_fact[fact].add(row)

    def local(self, query: Query) -> list[int]:
        """S1, without the seeds."""
        documents = sorted({seed.doc_id for seed in self._corpus.seeds(query)})
        of = self._seeds_of_doc if query.level == "sentence" else self._corpus.by_doc
        return self._without_seeds(query, (row for doc in documents for row in of.get(doc, ())))

    def structural(self, query: Query) -> list[int]:
        """S2, without the seeds; of other documents where it is not a copy."""
        corpus = self._corpus
        found: set[int] = set()
        for seed in corpus.seeds(query):
            near: set[int] = set()
            if query.level == "passage":
                near.update(self._cells.get(_cell(seed) or (), ()))
                near.update(self._places.get(_place(seed) or (), ()))
            elif fact := _fact(query):
                near.update(self._seeds_of_fact[fact])
            found |= {row for row in near if corpus.passages[row].doc_id != seed.doc_id}
            found.update(corpus.members.get(corpus.cluster(seed.passage_id), ()))
        return self._without_seeds(query, found)

    def _without_seeds(self, query: Query, rows: Iterable[int]) -> list[int]:
        return sorted(set(rows) - set(self._corpus.rows(query.seed_passage_ids)))


def cell_of(query: Query, corpus: Corpus) -> list[int]:
    """S2 of a topic query: rows of its category, not more than a year from its time."""
    members = corpus.by_category.get((query.facets.get("category"), query.language), ())
    return [row for row in members if in_scope(query, corpus.passages[row])]


def _cell(passage: Passage) -> Key | None:
    """Category and year."""
    year = (passage.date or "")[:4]
    return (passage.category, year, passage.language) if passage.category and year else None


def _place(passage: Passage) -> Key | None:
    """Issuer and heading: a section of another version of the same source has them too."""
    if not passage.issuer or not passage.section_path:
        return None
    return passage.issuer, heading_key(passage.section_path[-1])


def _fact(query: Query) -> Key | None:
    """Which kind of fact about whom; None where the query is about nobody by name."""
    entity = normal_key(query.facets.get("entity", ""))
    return (query.pattern, entity) if query.pattern and entity else None

"""Topic queries by rule: from clusters of titles or headings, with no model and no network."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import ClassVar, Literal

from datakit.generators import _clusters, _topics
from datakit.generators._clusters import Cell, Cluster
from datakit.generators._topics import TopicDraft
from datakit.records import Document, Dropped, Passage, Query, normal_key, query_id, seed_for
from datakit.registry import plugin, plugin_id

__all__ = ["Cluster", "ExtractiveTopDown"]

_STAGE = "generate/extractive_top_down"
_LONE_CELL = 4  # queries at most where a cell is one cluster; pipeline §6


@plugin("generators", "extractive_top_down")
@dataclass(frozen=True)
class ExtractiveTopDown:
    """Queries of topic level, each for the documents of one cluster.

    Reports, filings and articles cluster by title within a category and a quarter; terms, and
    whatever is titled alike, by section heading within a category and a year. Documents of two
    languages never share a cluster. Only titles, headings and metadata are kept in memory.
    """

    unit: ClassVar[Literal["global"]] = "global"

    queries_per_cluster: int = 2  # at most
    min_documents: int = 2  # that a cluster must span, from as many issuers where these are known
    seed: int = 13

    def __call__(
        self, documents: Iterable[Document], passages: Iterable[Passage]
    ) -> Iterator[Query | Dropped]:
        generator_id = plugin_id(self)
        seen: set[str] = set()
        for cell, found in self._cells(documents):
            small = [one for one in found if not self._is_broad(one)]
            for cluster in found:
                if self._is_broad(cluster):
                    yield from self._queries(cluster, seen, generator_id)
            yield from _narrow(cell, small, self.min_documents)

    def clusters(self, documents: Iterable[Document], passages: Iterable[Passage]) -> list[Cluster]:
        """The clusters that span enough documents, cell by cell, the largest first."""
        return [one for _, found in self._cells(documents) for one in found if self._is_broad(one)]

    def _cells(self, documents: Iterable[Document]) -> Iterator[tuple[Cell, list[Cluster]]]:
        briefs = [_clusters.brief(document) for document in documents]
        for cell, members in _clusters.cells(briefs).items():
            yield cell, _clusters.clusters_of(cell, members, seed_for(self.seed, _STAGE, cell.key))

    def _is_broad(self, cluster: Cluster) -> bool:
        least = self.min_documents
        sources = cluster.n_sources if cluster.unit == "section" else len(cluster.doc_ids)
        return len(cluster.doc_ids) >= least and sources >= least

    def _queries(self, cluster: Cluster, seen: set[str], generator_id: str) -> Iterator[Query]:
        most = _LONE_CELL if cluster.alone else self.queries_per_cluster
        for draft in self._ordered(cluster):
            if most == 0:
                return
            if normal_key(draft.text) in seen:
                continue
            seen.add(normal_key(draft.text))
            most -= 1
            yield _query(draft, cluster, generator_id)

    def _ordered(self, cluster: Cluster) -> list[TopicDraft]:
        """The drafts of a cluster in an order that depends on the seed, so that forms vary."""
        drafts = _topics.drafts(cluster)
        if cluster.alone or len(drafts) < 2:
            return drafts
        start = seed_for(self.seed, _STAGE, "\n".join(cluster.doc_ids + cluster.titles)) % len(
            drafts
        )
        return drafts[start:] + drafts[:start]


def _narrow(cell: Cell, small: list[Cluster], least: int) -> Iterator[Dropped]:
    """Clusters of too few documents: one row each, or one for all headings of a cell."""
    reason = "single_document_cluster"
    if small and small[0].unit == "section":
        detail = f"{len(small)} headings of cell {cell.key} stand in fewer than {least} documents"
        yield Dropped(cell.key, reason, detail)
        return
    for cluster in small:
        n = len(cluster.doc_ids)
        detail = f"a cluster of cell {cell.key} has {n} document, expected {least} or more"
        yield Dropped(cluster.doc_ids[0], reason, detail)


def _query(draft: TopicDraft, cluster: Cluster, generator_id: str) -> Query:
    facets = {"topic": draft.topic}
    if cluster.category != _clusters.UNCATEGORISED:
        facets["category"] = cluster.category
    if cluster.window != _clusters.UNDATED:
        facets["time"] = cluster.window
    return Query(
        query_id=query_id(generator_id, cluster.doc_ids, draft.text),
        text=draft.text,
        language=cluster.language or None,
        level="topic",
        form=draft.form,
        generator_id=generator_id,
        generator_family="extractive",
        supporting_doc_ids=cluster.doc_ids,
        pattern="cluster",
        facets=facets,
        scope="cross",
        flags=("lexical_copy",),
    )

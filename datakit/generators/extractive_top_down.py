"""Topic queries by rule: from clusters of titles or headings, with no model and no network."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

from datakit.generators import _clusters, _topics
from datakit.generators._cells import Window
from datakit.generators._clusters import CellClusters, Cluster, Clustering
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

    unit: ClassVar[str] = "global"

    queries_per_cluster: int = 2  # at most
    min_documents: int = 2  # that a cluster must span, from as many issuers where these are known
    # of a cell in time: month, quarter, half, year, all; auto: a year for terms, else a quarter
    window: Window = "auto"
    encoder: str = ""  # of titles and headings, by name, folder or hub id; "": their words
    encoder_languages: tuple[str, ...] = ()  # that it is for; others by words. (): all
    allow_download: bool = False  # fetch a hub id that is not in the local cache
    seed: int = 13

    def __call__(
        self, documents: Iterable[Document], passages: Iterable[Passage]
    ) -> Iterator[Query | Dropped]:
        generator_id = plugin_id(self)
        seen: set[str] = set()
        for found in self.cells(documents):
            for cluster in found.clusters:
                if cluster.is_broad(self.min_documents):
                    yield from self._queries(cluster, seen, generator_id)
            yield from _clusters.narrow(found, self.min_documents)

    def cells(
        self, documents: Iterable[Document], *, with_lines: bool = False
    ) -> Iterator[CellClusters]:
        """The cells with their clusters, those of too few documents included."""
        return _clusters.found_in(documents, self.clustering, with_lines=with_lines)

    def clusters(self, documents: Iterable[Document], passages: Iterable[Passage]) -> list[Cluster]:
        """The clusters that span enough documents, cell by cell, the largest first."""
        return [
            one
            for found in self.cells(documents)
            for one in found.clusters
            if one.is_broad(self.min_documents)
        ]

    @property
    def clustering(self) -> Clustering:
        return Clustering(
            window=self.window,
            encoder=self.encoder,
            encoder_languages=self.encoder_languages,
            allow_download=self.allow_download,
            seed=self.seed,
        )

    def fingerprint(self) -> dict[str, Any] | None:
        """The encoder that decides the clusters."""
        return self.clustering.fingerprint()

    def _queries(self, cluster: Cluster, seen: set[str], generator_id: str) -> Iterator[Query]:
        most = _LONE_CELL if cluster.alone else self.queries_per_cluster
        for draft in self._ordered(cluster):
            if most == 0:
                return
            too_few = draft.doc_ids is not None and len(draft.doc_ids) < self.min_documents
            if too_few or normal_key(draft.text) in seen:
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


def _query(draft: TopicDraft, cluster: Cluster, generator_id: str) -> Query:
    doc_ids = cluster.doc_ids if draft.doc_ids is None else draft.doc_ids
    return Query(
        query_id=query_id(generator_id, doc_ids, draft.text),
        text=draft.text,
        language=cluster.language or None,
        level="topic",
        form=draft.form,
        generator_id=generator_id,
        generator_family="extractive",
        supporting_doc_ids=doc_ids,
        pattern="cluster",
        facets={"topic": draft.topic} | cluster.facets,
        scope="cross",
        flags=("lexical_copy",),
    )

"""The steps of retrievers, and the pool of what they find."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

from datakit.dataset import Dataset
from datakit.engine import SHARDS, Sink, Step
from datakit.plan import Plan, Use
from datakit.progress import progress
from datakit.records import Passage
from datakit.retrievers import Retrieved, VectorIndex
from datakit.stages.shared import identity, run_tables, spec, with_retrievers


class Workbench:
    """Passages and fitted retrievers of one dataset, kept for the steps that share them."""

    def __init__(self, dataset: Dataset, plan: Plan) -> None:
        self.dataset, self.plan = dataset, plan
        self._passages: tuple[str, list[Passage]] = ("", [])
        self._indexes: dict[str, Any] = {}

    def passages(self) -> list[Passage]:
        """All passages; read again only when the table has changed."""
        digest = self.dataset.digest("passage")
        if self._passages[0] != digest:
            self._passages = (digest, list(self.dataset.read("passage")))
            self._indexes = {}
        return self._passages[1]

    def index(self, use: Use) -> Any:
        """The plan's retriever, fitted on all passages."""
        passages = self.passages()
        if use.name not in self._indexes:
            if use.fuses:
                parts = [self.index(part) for part in self.plan.fused(use)]
                self._indexes[use.name] = use.plugin.fuse(passages, parts)
            else:
                with self.vectors_kept():
                    self._indexes[use.name] = use.plugin.fit(passages)
        return self._indexes[use.name]

    def vectors_kept(self) -> AbstractContextManager[None]:
        """Inside, what was encoded before an interruption is not encoded again."""
        from datakit.models import vectors_kept_in

        return vectors_kept_in(self.dataset.path / SHARDS / "vectors")

    def retrieved(self) -> list[Retrieved]:
        """Each retriever of the plan with its index and its run; a fusion is no witness of its own,
        since those that it fuses are heard.
        """
        queries = list(self.dataset.read(query_table(self.dataset)))
        found = []
        for use in self.plan.uses["retrieve"]:
            if use.fuses:
                continue
            index = self.index(use)
            if isinstance(index, VectorIndex):
                # a vector depends in its last digit on the batch it was in: all queries together,
                # as retrieval had them, or a build that goes on would give other scores
                with self.vectors_kept():
                    index.query_vectors(queries)
            run = list(self.dataset.read(f"run/{use.name}"))
            found.append(Retrieved(use.name, index, run, use.plugin.languages))
        return found


def query_table(dataset: Dataset) -> str:
    """What is retrieved: generated queries before they are split, else imported ones."""
    if "query/candidate" in dataset or "query" not in dataset:
        return "query/candidate"
    return "query"


def retrieve_step(plan: Plan, bench: Workbench, use: Use, queries: str) -> Step:
    table = f"run/{use.name}"
    depth = plan.retrieve.depth

    def work(sink: Sink) -> None:
        wanted = list(sink.reading(bench.dataset.read(queries)))
        with bench.vectors_kept():
            for row in bench.index(use).search(wanted, depth):
                sink.put(table, row)

    return Step(
        f"retrieve/{use.name}", "global", use.plugin.plugin_name,
        spec(use.plugin)[2] | {"depth": depth},
        identity(use.plugin) | {"depth": depth} | _identities_of_parts(plan, use),
        ("passage", queries), (table,), work,
    )  # fmt: skip


def _identities_of_parts(plan: Plan, use: Use) -> dict[str, Any]:
    """Of a fusion: what decides the runs that it fuses."""
    if not use.fuses:
        return {}
    return {"fused": {part.name: identity(part.plugin) for part in plan.fused(use)}}


def pool_step(plan: Plan, bench: Workbench) -> Step:
    """The pairs that mining looks at, and their scores."""
    plugin, dataset, reranker = plan.one("mine").plugin, bench.dataset, plan.reranker()

    def work(sink: Sink) -> None:
        queries = list(dataset.read("query/candidate"))
        sink.seen = len(queries)
        asked = {query.query_id for query in queries}
        with bench.vectors_kept(), progress("pool", len(asked), "queries", sink.show) as bar:
            for record in plugin.pool(
                queries, bench.passages(), list(dataset.read("duplicate")), bench.retrieved(),
                reranker and reranker.plugin, reranker.name if reranker else "",
            ):  # fmt: skip
                if record.query_id in asked:
                    asked.remove(record.query_id)
                    bar.advance()
                sink.put("pool", record)

    own = with_retrievers(plan, plugin)
    return Step(
        "pool", "global", plugin.plugin_name, spec(plugin)[2],
        own | {"rerank": {reranker.name: identity(reranker.plugin)} if reranker else {}},
        ("passage", "duplicate", "query/candidate", *run_tables(plan)), ("pool",), work,
    )  # fmt: skip

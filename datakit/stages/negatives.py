"""The steps of negatives: mined from the corpus, and made from positives."""

from __future__ import annotations

import dataclasses

from datakit.dataset import Dataset
from datakit.engine import Sink, Step
from datakit.plan import Plan, Use
from datakit.records import Dropped, Negative, ScoredPassage
from datakit.stages.retrieval import Workbench
from datakit.stages.shared import identity, run_tables, spec, with_retrievers


def negatives_step(plan: Plan, bench: Workbench) -> Step:
    plugin, dataset = plan.one("negatives").plugin, bench.dataset

    def work(sink: Sink) -> None:
        queries = list(sink.reading(dataset.read("query")))
        splits = {query.query_id: query.split for query in queries}
        with bench.vectors_kept():
            for record in plugin(
                queries,
                bench.passages(),
                list(dataset.read("duplicate")),
                list(dataset.read("qrel/mined")),
                bench.retrieved(),
            ):
                if isinstance(record, ScoredPassage):
                    sink.put("queue/negatives", record)
                    continue
                if isinstance(record, Negative):
                    record = dataclasses.replace(record, split=splits[record.query_id])  # noqa: PLW2901
                sink.put("negative/mined", record)

    return Step(
        "negatives", "global", plugin.plugin_name, spec(plugin)[2],
        with_retrievers(plan, plugin),
        ("passage", "duplicate", "query", "qrel/mined", *run_tables(plan)),
        ("negative/mined", "queue/negatives"), work,
    )  # fmt: skip


def mutate_step(use: Use, dataset: Dataset) -> Step:
    """Negatives whose text is in no document: it is kept in a table of its own, not the corpus."""
    name = use.name.removesuffix("_negative")
    negatives, texts = f"negative/{name}", f"passage/{name}"

    def work(sink: Sink) -> None:
        queries = list(sink.reading(dataset.read("query")))
        seeds = {seed for query in queries for seed in query.seed_passage_ids}
        passages = {one.passage_id: one for one in dataset.where("passage", "passage_id", seeds)}
        for record in use.plugin(queries, passages, list(passages.values())):
            if isinstance(record, Dropped):
                sink.put(negatives, record)
                continue
            negative, text = record
            sink.put(negatives, negative)
            sink.put(texts, text)

    return Step(
        f"mutate/{use.name}", "global", use.plugin.plugin_name, spec(use.plugin)[2],
        identity(use.plugin), ("passage", "query"), (negatives, texts), work,
    )  # fmt: skip

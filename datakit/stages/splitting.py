"""The split step: queries shared out, and their labels."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from datakit.dataset import Dataset
from datakit.engine import Sink, Step
from datakit.judging.tables import judged_tables
from datakit.plan import Plan
from datakit.records import Dropped, Judgement, Query, as_dict
from datakit.stages.filtering import covered, filter_identity, runs_of
from datakit.stages.labels import all_judgements, resolve
from datakit.stages.shared import run_tables, settings_of
from datakit.stages.titled import document_rows, document_tables


def split_step(plan: Plan, dataset: Dataset) -> Step:
    """The splits; then the rules that drop from the train split alone."""
    from datakit import filters
    from datakit.splits import split_queries

    def work(sink: Sink) -> None:
        judgements = all_judgements(dataset)
        queries = {q.query_id: q for q in sink.reading(dataset.read("query/filtered"))}
        labels = list(resolve(judgements, queries))
        result = split_queries(
            queries.values(),
            labels,
            document_rows(dataset),
            list(dataset.read("duplicate")),
            plan.split,
        )
        for dropped in result.dropped:
            sink.put("query", dropped)
        shared_out = [
            dataclasses.replace(queries[query_id], split=split)
            for query_id, split in result.assignments.items()
        ]
        tally = filters.Tally(plan.filter.off)
        runs = runs_of(plan, dataset, labels, shared_out)
        kept = {}
        for record in filters.filter_split(
            shared_out, labels, runs, plan.filter, plan.purpose, tally
        ):
            if isinstance(record, Dropped):
                sink.put("query", record)
            else:
                kept[record.query_id] = record
        _write_labels(sink, kept, judgements)
        sink.notes["split"] = as_dict(result.report)
        sink.notes["rules"] = tally.notes()

    settings = settings_of(plan.split)
    documents = document_tables(dataset)[:1]  # passages, where they are all that tells of them
    return Step(
        "split", "global", "split", settings,
        {"settings": settings, "filter": filter_identity(plan)} | covered(plan),
        (*documents, "duplicate", "query/filtered", "pool", "judgement", *judged_tables(dataset),
         *run_tables(plan)),
        ("query", "qrel/seed", "qrel/mined"), work,
    )  # fmt: skip


def _write_labels(sink: Sink, queries: Mapping[str, Query], judgements: list[Judgement]) -> None:
    for query in queries.values():
        sink.put("query", query)
    for qrel in resolve(judgements, queries):
        sink.put("qrel/mined", qrel)
    for qrel in resolve((j for j in judgements if j.source == "direct"), queries):
        sink.put("qrel/seed", qrel)

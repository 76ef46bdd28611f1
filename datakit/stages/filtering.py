"""The steps of the filter: before retrieval, and by runs and labels before the split."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from datakit.dataset import Dataset
from datakit.engine import Sink, Step
from datakit.filters import Run
from datakit.judging.labels import by_query, unsupported
from datakit.judging.tables import judged_tables
from datakit.plan import Plan, Use
from datakit.records import Qrel, Query
from datakit.retrievers import covers
from datakit.stages.labels import all_judgements, resolve
from datakit.stages.queries import query_tables
from datakit.stages.shared import read_all, run_tables, settings_of


def filter_step(plan: Plan, dataset: Dataset) -> Step:
    from datakit.filters import Tally, filter_queries

    tables = query_tables(plan)

    def work(sink: Sink) -> None:
        queries = sink.reading(read_all(dataset, tables))
        seeds = {s for q in read_all(dataset, tables) for s in q.seed_passage_ids}
        passages = {p.passage_id: p for p in dataset.read("passage") if p.passage_id in seeds}
        tally = Tally(plan.filter.off)
        for record in filter_queries(queries, passages, plan.filter, plan.purpose, tally):
            sink.put("query/candidate", record)
        sink.notes["rules"] = tally.notes()

    return Step(
        "filter", "global", "filter", settings_of(plan.filter), filter_identity(plan),
        (*tables, "passage"), ("query/candidate",), work, floor=plan.floors.filter,
    )  # fmt: skip


def filter_retrieved_step(plan: Plan, dataset: Dataset) -> Step:
    """The rules that need runs and labels, between mining and the split."""
    from datakit import filters

    def work(sink: Sink) -> None:
        judgements = all_judgements(dataset)
        labelled = {j.query_id for j in judgements if j.grade is not None}
        # those without a label were dropped by the mine stage, with its reason
        asked = (q for q in dataset.read("query/candidate") if q.query_id in labelled)
        queries = {q.query_id: q for q in sink.reading(asked)}
        labels = list(resolve(judgements, queries))
        for query_id, rows in by_query(labels).items():
            if dropped := unsupported(queries[query_id], rows):
                sink.put("query/filtered", dropped)
                del queries[query_id]
        clusters = {one.passage_id: one.cluster_id for one in dataset.read("duplicate")}
        runs = runs_of(plan, dataset, labels, queries.values())
        tally = filters.Tally(plan.filter.off)
        for record in filters.filter_retrieved(
            queries.values(), labels, clusters, runs, plan.filter, plan.purpose, tally
        ):
            sink.put("query/filtered", record)
        sink.notes["rules"] = tally.notes()

    return Step(
        "filter/retrieved", "global", "filter", settings_of(plan.filter),
        filter_identity(plan) | covered(plan),
        (
            "duplicate", "query/candidate", "pool", "judgement", *judged_tables(dataset),
            *run_tables(plan),
        ),
        ("query/filtered",), work, floor=plan.floors.filter,
    )  # fmt: skip


def runs_of(
    plan: Plan, dataset: Dataset, labels: list[Qrel], queries: Iterable[Query]
) -> list[Run]:
    """What the rules need of each retriever's run."""
    from datakit.filters import read_run, seeds_and_copies

    seeds = seeds_and_copies(labels, queries)
    return [
        read_run(use.name, _covering(use), partial(dataset.read, table), seeds)
        for use, table in zip(plan.uses["retrieve"], run_tables(plan), strict=True)
    ]


def filter_identity(plan: Plan) -> dict[str, Any]:
    from datakit.filters import code_digest

    settings = settings_of(plan.filter)
    return {"settings": settings, "purpose": plan.purpose, "code": code_digest()}


def covered(plan: Plan) -> dict[str, Any]:
    return {"languages": {use.name: use.plugin.languages for use in plan.uses["retrieve"]}}


def _covering(use: Use) -> Callable[[Query], bool]:
    languages = use.plugin.languages
    return lambda query: covers(languages, query.language)

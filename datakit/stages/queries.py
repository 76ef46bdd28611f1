"""The steps of generators, with and without a language model."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from datakit.dataset import Dataset
from datakit.engine import Sink, Step
from datakit.llm.asking import Asking
from datakit.llm.calls import Calls
from datakit.llm.exchange import Reading, Task
from datakit.llm.spool import Spool
from datakit.plan import Plan, Use
from datakit.reading import Spec, made
from datakit.records import Dropped, Passage
from datakit.stages.shared import identity, spec
from datakit.stages.titled import document_tables, documents_of, why_no_topics
from datakit.tables import read_part

NO_TITLES = "no_titles"  # the reason of a generator that is skipped: nothing to make topics of


def query_tables(plan: Plan) -> list[str]:
    """The tables that the plan's generators write."""
    return [f"query/{use.name}" for use in plan.uses["generate"]]


def generate_step(plan: Plan, dataset: Dataset, use: Use, calls: Calls) -> Step:
    if use.asks:
        return _asking_step(plan, dataset, use, calls)
    plugin, table = use.plugin, f"query/{use.name}"
    if hasattr(plugin, "for_corpus"):
        plugin = plugin.for_corpus(dataset.count("passage"))
    common = {
        "name": f"generate/{use.name}",
        "plugin": plugin.plugin_name,
        "settings": spec(plugin)[2],
        "identity": identity(plugin),
        "outputs": (table,),
    }
    if plugin.unit == "map":
        return Step(
            unit="map",
            inputs=("passage",),
            work="datakit.stages.queries:generate_part",
            payload=(spec(plugin), table),
            floor=plan.floors.generate,
            one_process=getattr(plugin, "one_process", False),
            **common,
        )

    def work(sink: Sink) -> None:
        if why := why_no_topics(dataset, use):
            sink.put(table, Dropped(use.name, NO_TITLES, why))
            return
        n_documents = dataset.count("document") if "document" in dataset else None
        documents = sink.reading(documents_of(dataset), n_documents)
        for record in plugin(documents, dataset.read("passage")):
            sink.put(table, record)

    return Step(unit="global", inputs=document_tables(dataset), work=work, **common)


def _asking_step(plan: Plan, dataset: Dataset, use: Use, calls: Calls) -> Step:
    """Send what has no reply yet, then read all replies in the order of the tasks."""
    table = f"query/{use.name}"

    def work(sink: Sink) -> None:
        made = asking_of(plan, dataset, use)
        with Spool(made.items(), sink.folder) as spool:
            asking = dataclasses.replace(made, items=spool.__iter__)
            calls.complete(asking, spool.tasks, sink.show)
            tally = calls.tally(asking)
            for record in calls.collect(asking, sink.reading(asking.items()), tally):
                sink.put(table, record)
        sink.extra |= {"asked": tally.asked, "unread": tally.states["dropped"]}
        sink.notes["llm"] = tally.as_json()

    return Step(
        f"generate/{use.name}", "global", use.plugin.plugin_name, spec(use.plugin)[2],
        asking_identity(plan, use), document_tables(dataset), (table,), work,
        floor=plan.floors.replies, floor_counts=("asked", "unread"),
    )  # fmt: skip


def asking_identity(plan: Plan, use: Use) -> dict[str, Any]:
    """What decides the rows of a plugin that asks: itself, its prompts, and who answers."""
    return identity(use.plugin) | {"endpoint": plan.endpoint_of(use).identity()}


def asking_of(plan: Plan, dataset: Dataset, use: Use) -> Asking:
    """What a generator of the plan asks about the dataset's passages."""

    def items() -> Iterator[Task | Dropped]:
        if why := why_no_topics(dataset, use):
            return iter([Dropped(use.name, NO_TITLES, why)])
        tasks: Iterator[Task | Dropped] = use.plugin.tasks(
            documents_of(dataset), dataset.read("passage")
        )
        return tasks

    def read(task: Task, value: Any, model: str) -> Reading:
        # the plan's name for it, since that of the reply changes with the endpoint's mood: live
        # and batch, today and tomorrow have to give equal query ids
        reading: Reading = use.plugin.read(task, value, endpoint.family or endpoint.model)
        return reading

    endpoint = plan.endpoint_of(use)
    return Asking(f"generate/{use.name}", endpoint, items, read)


def generate_part(payload: tuple[tuple[Spec, str], Path], sink: Sink) -> None:
    """Map function: queries from the passages of one part."""
    (plugin, table), path = payload
    for record in made(plugin)(sink.reading(read_part(Passage, path))):
        sink.put(table, record)

"""What each stage computes, as steps for the engine.

    ingest      files -> document                                  a shard per few files
    segment     document -> passage                                a shard per part
    duplicates  passage -> duplicate                               keyed
    generate    passage (or document, passage) -> query/<name>     a shard per part, or global;
                                                                   where a model is asked, global
    filter      query/* -> query/candidate                         global
    retrieve    passage, query/candidate -> run/<name>             global
    pool        passage, duplicate, query/candidate, run/* -> pool  global
    mine        …, pool, calibration/*.json -> judgement           global
    filter      …, judgement -> query/filtered                     global; by runs and labels
    split       … -> query, qrel/seed, qrel/mined                  global
    negatives   … -> negative/mined, queue/negatives               global
    mutate      passage, query -> negative/<name>, passage/<name>  global; where a plan asks for it
    check       … -> measure                                       global

A map function is `(payload, sink)`, found by name in any process; the others are closures over
the dataset that is being built.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import Any

from datakit import registry
from datakit.dataset import Dataset
from datakit.engine import SHARDS, Sink, Step, stale_steps
from datakit.errors import DatasetError
from datakit.filters import Run
from datakit.judging import certified
from datakit.judging.labels import by_query, decided, unsupported, with_proposal
from datakit.judging.tables import judged, judged_tables
from datakit.llm.asking import Asking
from datakit.llm.calls import Calls
from datakit.llm.exchange import Reading, Task
from datakit.llm.spool import Spool
from datakit.miners._pool import by_pair
from datakit.plan import Plan, Use
from datakit.progress import progress
from datakit.reading import Spec, made, reader
from datakit.records import (
    Document,
    Dropped,
    Judgement,
    Negative,
    Passage,
    Qrel,
    Query,
    ScoredPassage,
    as_dict,
)
from datakit.retrievers import Retrieved, VectorIndex, covers
from datakit.sources import SourceFile, shards
from datakit.tables import read_part

MOST_DROPS = 100_000  # of a file that are kept back until its first document


def spec(plugin: Any) -> Spec:
    """A plugin as plain values, for another process."""
    values = {name: getattr(plugin, name) for name in registry.settings(type(plugin))}
    return plugin.plugin_kind, plugin.plugin_name, values


def identity(plugin: Any) -> dict[str, Any]:
    """What decides a plugin's rows, its model's fingerprint included where it has a model."""
    fingerprint = getattr(plugin, "fingerprint", None)
    extra = {"model": fingerprint()} if fingerprint else {}
    return registry.identity(plugin) | extra


# --- ingest -------------------------------------------------------------------------------


def ingest_step(plan: Plan, files: list[SourceFile]) -> Step:
    plugins = [use.plugin for use in plan.uses["ingest"]]
    return Step(
        name="ingest",
        unit="map",
        plugin=", ".join(p.plugin_name for p in plugins),
        settings={p.plugin_name: spec(p)[2] for p in plugins} | dataclasses.asdict(plan.reading),
        identity={p.plugin_name: identity(p) for p in plugins} | dataclasses.asdict(plan.reading),
        inputs=(),
        outputs=("document",),
        work="datakit.stages:ingest_files",
        payload=(
            [spec(p) for p in plugins],
            sorted({type(p).__module__ for p in plugins}),
            plan.reading.seconds_per_document,
            plan.reading.leave_out,
        ),
        pieces=shards(files),
        floor=0.0,  # the plan's floor counts at the end of the build
    )


def ingest_files(
    payload: tuple[tuple[list[Spec], list[str], float, Sequence[str]], tuple[SourceFile, ...]],
    sink: Sink,
) -> None:
    """Map function: read each file with the ingestor that recognises it best."""
    how, files = payload
    read = reader(*how)
    for file in files:
        sink.extra["files"] += 1
        seen: set[str] = set()
        for record in _once(file, read(file, sink.folder / "scratch")):
            sink.seen += 1
            sink.put("document", _taken(record, file, seen))
            if isinstance(record, Document):
                sink.extra["characters"] += len(record.text)


def _once(file: SourceFile, records: Iterable[Document | Dropped]) -> Iterator[Document | Dropped]:
    """One drop for a file that gives nothing but drops of one kind, however many."""
    drops: list[Dropped] = []
    found = False
    for record in records:
        if isinstance(record, Dropped) and not found and len(drops) < MOST_DROPS:
            drops.append(record)
            continue
        yield from drops
        found, drops = True, []
        yield record
    if len(drops) > 1 and len({drop.reason for drop in drops}) == 1:
        detail = f"{len(drops):,} records, the first: {drops[0].detail}"
        drops = [Dropped(file.uri, drops[0].reason, detail)]
    yield from drops


def _taken(record: Document | Dropped, file: SourceFile, seen: set[str]) -> Document | Dropped:
    """A document with its file's metadata, once."""
    if isinstance(record, Dropped):
        return record
    if record.doc_id in seen:
        return Dropped(record.source_uri, "repeated", "the same text a second time in this file")
    seen.add(record.doc_id)
    fields: dict[str, Any] = dict(file.metadata)
    return dataclasses.replace(record, **fields) if fields else record


# --- segment ------------------------------------------------------------------------------


def segment_step(plan: Plan) -> Step:
    plugin = plan.one("segment").plugin
    return Step(
        name="segment",
        unit="map",
        plugin=plugin.plugin_name,
        settings=spec(plugin)[2],
        identity=identity(plugin),
        inputs=("document",),
        outputs=("passage",),
        work="datakit.stages:segment_part",
        payload=spec(plugin),
        floor=plan.floors.segment,
    )


def segment_part(payload: tuple[Spec, Path], sink: Sink) -> None:
    """Map function: the documents of one part into passages."""
    segmenter, path = made(payload[0]), payload[1]
    for record in segmenter(sink.reading(read_part(Document, path))):
        sink.put("passage", record)


# --- duplicates ---------------------------------------------------------------------------


def duplicates_step(plan: Plan, dataset: Dataset) -> Step:
    plugin = plan.one("duplicates").plugin

    def work(sink: Sink) -> None:
        passages = sink.reading(dataset.read("passage"), dataset.count("passage"))
        for record in plugin(passages):
            sink.put("duplicate", record)

    return Step(
        "duplicates", "keyed", plugin.plugin_name, spec(plugin)[2], identity(plugin),
        ("passage",), ("duplicate",), work,
    )  # fmt: skip


# --- generate -----------------------------------------------------------------------------


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
            work="datakit.stages:generate_part",
            payload=(spec(plugin), table),
            floor=plan.floors.generate,
            one_process=getattr(plugin, "one_process", False),
            **common,
        )

    def work(sink: Sink) -> None:
        documents = sink.reading(dataset.read("document"), dataset.count("document"))
        for record in plugin(documents, dataset.read("passage")):
            sink.put(table, record)

    return Step(unit="global", inputs=("document", "passage"), work=work, **common)


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
        asking_identity(plan, use), ("document", "passage"), (table,), work,
        floor=plan.floors.replies, floor_counts=("asked", "unread"),
    )  # fmt: skip


def asking_identity(plan: Plan, use: Use) -> dict[str, Any]:
    """What decides the rows of a plugin that asks: itself, its prompts, and who answers."""
    return identity(use.plugin) | {"endpoint": plan.endpoint_of(use).identity()}


def asking_of(plan: Plan, dataset: Dataset, use: Use) -> Asking:
    """What a generator of the plan asks about the dataset's passages."""

    def items() -> Iterator[Task | Dropped]:
        tasks: Iterator[Task | Dropped] = use.plugin.tasks(
            dataset.read("document"), dataset.read("passage")
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


# --- filter -------------------------------------------------------------------------------


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
        "filter", "global", "filter", _settings(plan.filter), _filter_identity(plan),
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
        runs = _runs(plan, dataset, labels, queries.values())
        tally = filters.Tally(plan.filter.off)
        for record in filters.filter_retrieved(
            queries.values(), labels, clusters, runs, plan.filter, plan.purpose, tally
        ):
            sink.put("query/filtered", record)
        sink.notes["rules"] = tally.notes()

    return Step(
        "filter/retrieved", "global", "filter", _settings(plan.filter),
        _filter_identity(plan) | _covered(plan),
        (
            "duplicate", "query/candidate", "pool", "judgement", *judged_tables(dataset),
            *run_tables(plan),
        ),
        ("query/filtered",), work, floor=plan.floors.filter,
    )  # fmt: skip


def _runs(plan: Plan, dataset: Dataset, labels: list[Qrel], queries: Iterable[Query]) -> list[Run]:
    """What the rules need of each retriever's run."""
    from datakit.filters import read_run, seeds_and_copies

    seeds = seeds_and_copies(labels, queries)
    return [
        read_run(use.name, _covering(use), partial(dataset.read, table), seeds)
        for use, table in zip(plan.uses["retrieve"], run_tables(plan), strict=True)
    ]


def _filter_identity(plan: Plan) -> dict[str, Any]:
    from datakit.filters import code_digest

    settings = _settings(plan.filter)
    return {"settings": settings, "purpose": plan.purpose, "code": code_digest()}


def _covered(plan: Plan) -> dict[str, Any]:
    return {"languages": {use.name: use.plugin.languages for use in plan.uses["retrieve"]}}


def _covering(use: Use) -> Callable[[Query], bool]:
    languages = use.plugin.languages
    return lambda query: covers(languages, query.language)


def read_all(dataset: Dataset, tables: Iterable[str]) -> Iterator[Any]:
    """The records of several tables, one after the other."""
    for table in tables:
        yield from dataset.read(table)


def _settings(settings: Any) -> dict[str, Any]:
    return {name: getattr(settings, name) for name in registry.settings(type(settings))}


# --- retrieve -----------------------------------------------------------------------------


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


def run_tables(plan: Plan) -> tuple[str, ...]:
    return tuple(f"run/{use.name}" for use in plan.uses["retrieve"])


# --- mine, split, negatives ---------------------------------------------------------------


def _with_retrievers(plan: Plan, plugin: Any) -> dict[str, Any]:
    """The identity of a miner: its own, and that of the retrievers whose scores it uses."""
    return identity(plugin) | {
        "retrievers": {use.name: identity(use.plugin) for use in plan.uses["retrieve"]}
    }


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

    own = _with_retrievers(plan, plugin)
    return Step(
        "pool", "global", plugin.plugin_name, spec(plugin)[2],
        own | {"rerank": {reranker.name: identity(reranker.plugin)} if reranker else {}},
        ("passage", "duplicate", "query/candidate", *run_tables(plan)), ("pool",), work,
    )  # fmt: skip


def mine_step(plan: Plan, bench: Workbench) -> Step:
    plugin, dataset = plan.one("mine").plugin, bench.dataset
    calibrated = certified.calibrations(dataset)

    def work(sink: Sink) -> None:
        queries = list(sink.reading(dataset.read("query/candidate")))
        with bench.vectors_kept():
            for record in plugin(
                queries, bench.passages(), list(dataset.read("duplicate")), bench.retrieved(),
                dataset.read("pool"), tuple(calibrated),
            ):  # fmt: skip
                sink.put("judgement", record)
        for record in certified.labels(dataset, calibrated):
            sink.put("judgement", record)
        for dropped in certified.unjudged_topics(dataset, queries, calibrated):
            sink.put("judgement", dropped)
        sink.notes["levels"] = certified.standing(dataset, calibrated)

    ids = {level: body["calibration_id"] for level, body in calibrated.items()}
    return Step(
        "mine", "global", plugin.plugin_name, spec(plugin)[2],
        _with_retrievers(plan, plugin) | {"calibrations": ids},
        (
            "passage", "duplicate", "query/candidate", *run_tables(plan), "pool",
            *judged_tables(dataset),
        ),
        ("judgement",), work,
    )  # fmt: skip


def all_judgements(dataset: Dataset) -> list[Judgement]:
    """What mining labelled, then what judges and people said, round by round.

    Of the latter only what is about a passage that is there: they outlive another segmentation.
    What the pool knows of their pairs, they have as well: who asked has not seen it.
    """
    rows = list(dataset.read("judgement"))
    if judged_tables(dataset):
        there = set(dataset.arrow("passage", ["passage_id"])["passage_id"].to_pylist())
        said = [one for one in judged(dataset) if one.passage_id in there]
        pool = by_pair(dataset.read("pool"), {(one.query_id, one.passage_id) for one in said})
        rows += [with_proposal(one, pool.get((one.query_id, one.passage_id))) for one in said]
    return rows


def resolve(judgements: Iterable[Judgement], queries: Mapping[str, Query]) -> Iterator[Qrel]:
    """One label for each judged pair of the given queries; pairs without a grade give none."""
    pairs: dict[tuple[str, str], list[Judgement]] = {}
    for judgement in judgements:
        if judgement.query_id in queries and judgement.grade is not None:
            pairs.setdefault((judgement.query_id, judgement.passage_id), []).append(judgement)
    for (query_id, passage_id), group in sorted(pairs.items()):
        one = decided(group)
        query = queries[query_id]
        yield Qrel(
            query_id, passage_id, one.grade or 0, one.source, query.level, query.split,
            one.routes, one.scores, one.evidence, one.calibration_id, len(group), one.flags,
        )  # fmt: skip


def split_step(plan: Plan, dataset: Dataset) -> Step:
    """The splits; then the rules that drop from the train split alone."""
    from datakit import filters
    from datakit.splits import split_queries

    def work(sink: Sink) -> None:
        judgements = all_judgements(dataset)
        queries = {q.query_id: q for q in sink.reading(dataset.read("query/filtered"))}
        documents = dataset.arrow("document", ["doc_id", "family_id", "date"]).to_pylist()
        labels = list(resolve(judgements, queries))
        result = split_queries(
            queries.values(),
            labels,
            [(row["doc_id"], row["family_id"], row["date"]) for row in documents],
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
        runs = _runs(plan, dataset, labels, shared_out)
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

    settings = _settings(plan.split)
    return Step(
        "split", "global", "split", settings,
        {"settings": settings, "filter": _filter_identity(plan)} | _covered(plan),
        ("document", "duplicate", "query/filtered", "pool", "judgement", *judged_tables(dataset),
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
        _with_retrievers(plan, plugin),
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


# --- check --------------------------------------------------------------------------------


def check_step(plan: Plan, dataset: Dataset) -> Step:
    stale = stale_steps(dataset)
    if "split" in stale:
        raise DatasetError(
            f"{dataset.path}: queries and labels were made from tables that have since been "
            "replaced. Run `datakit retrieve` and `datakit mine`, or `datakit build`."
        )
    made_by = {name: entry["made_by"] for name, entry in dataset.manifest["tables"].items()}
    # a run over other queries, of a retriever that the plan no longer has, measures nothing
    runs = tuple(t for t in made_by if t.startswith("run/") and made_by[t] not in stale)
    qrels = tuple(t for t in dataset.tables() if t.startswith("qrel/"))
    relevant_from = int(dataset.manifest["label_scale"]["relevant_from"])

    def work(sink: Sink) -> None:
        from datakit.measures import counts, measure_runs, measured

        asked = sink.reading(dataset.read("query"))
        queries = [query for query in asked if measured(query, plan.purpose)]
        for table in qrels:
            labels = [q for q in dataset.read(table) if counts(q, plan.purpose)]
            for run in runs:
                name = run.removeprefix("run/")
                for measure in measure_runs(
                    {name: dataset.read(run)},
                    labels,
                    {name: [q for q in queries if covers(_languages(dataset, run), q.language)]},
                    plan.check.measures,
                    labels=table.removeprefix("qrel/"),
                    seed=plan.seed,
                    n_boot=plan.check.n_boot,
                    relevant_from=relevant_from,
                ):
                    sink.put("measure", measure)

    settings = _settings(plan.check)
    own = {"settings": settings, "purpose": plan.purpose, "seed": plan.seed}
    return Step(
        "check", "global", "ir_measures", settings, own | {"relevant_from": relevant_from},
        ("query", *qrels, *runs), ("measure",), work,
    )  # fmt: skip


def _languages(dataset: Dataset, run: str) -> tuple[str, ...]:
    """The languages that a run's retriever was meant for; queries in others do not count."""
    stage = dataset.manifest["tables"][run]["made_by"]
    return tuple(dataset.manifest["stages"][stage]["settings"].get("languages", ()))

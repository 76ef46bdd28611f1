"""The mine step, and the labels that judgements come to."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from datakit.dataset import Dataset
from datakit.engine import Sink, Step
from datakit.judging import certified
from datakit.judging.labels import decided, with_proposal
from datakit.judging.tables import judged, judged_tables
from datakit.miners._pool import by_pair
from datakit.plan import Plan
from datakit.records import Judgement, Qrel, Query
from datakit.stages.retrieval import Workbench
from datakit.stages.shared import run_tables, spec, with_retrievers


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
        with_retrievers(plan, plugin) | {"calibrations": ids},
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

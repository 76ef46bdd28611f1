"""The check step: measures of the runs."""

from __future__ import annotations

from datakit.dataset import Dataset
from datakit.engine import Sink, Step, stale_steps
from datakit.errors import DatasetError
from datakit.plan import Plan
from datakit.retrievers import covers
from datakit.stages.shared import settings_of


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

    settings = settings_of(plan.check)
    own = {"settings": settings, "purpose": plan.purpose, "seed": plan.seed}
    return Step(
        "check", "global", "ir_measures", settings, own | {"relevant_from": relevant_from},
        ("query", *qrels, *runs), ("measure",), work,
    )  # fmt: skip


def _languages(dataset: Dataset, run: str) -> tuple[str, ...]:
    """The languages that a run's retriever was meant for; queries in others do not count."""
    stage = dataset.manifest["tables"][run]["made_by"]
    return tuple(dataset.manifest["stages"][stage]["settings"].get("languages", ()))

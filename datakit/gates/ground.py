"""What the gates look at: queries, labels by who decided them, and what each system ranks first."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from datakit import registry
from datakit.calibration.sampling import Pair
from datakit.calibration.store import scored_table
from datakit.dataset import Dataset
from datakit.errors import DatasetError
from datakit.judging import certified, pools
from datakit.judging.labels import JUDGED_BY, PRECEDENCE, decided
from datakit.judging.tables import judged
from datakit.measures import Grades, measured, per_query
from datakit.records import RELEVANT_FROM, Judgement, Qrel, Query

DEPTH = 10  # of a system's ranking that the gates look at, and of the pool
KEPT = 20  # passages kept of each ranking
ANCHOR = 50  # queries that people judged, at the least
COVERED = 0.95  # of a query's pool that is graded, for it to count as judged
NDCG = "nDCG@10"
Rankings = Mapping[str, tuple[str, ...]]  # query_id -> passage_ids, best first


@dataclass(frozen=True)
class Automatic:
    """A label that nobody judged."""

    grade: int
    source: str


@dataclass(frozen=True)
class System:
    """A run: what one retriever ranks first, and what it is."""

    name: str
    rankings: Rankings
    family: str = ""  # lexical, dense, hybrid; "": not known
    model: str = ""
    pooled: bool = False  # mining took its proposals


@dataclass(frozen=True)
class Ground:
    """The evidence in a dataset."""

    queries: Mapping[str, Query]  # that enter the measures
    automatic: Mapping[Pair, Automatic]  # of these queries
    uncertified: frozenset[Pair] = frozenset()  # automatic ones that nothing has calibrated
    judge: Mapping[Pair, int] = field(default_factory=dict)  # the last grade
    by_assessor: Mapping[str, Mapping[Pair, int]] = field(default_factory=dict)  # of the judges
    people: Mapping[Pair, int] = field(default_factory=dict)
    systems: tuple[System, ...] = ()
    calibrations: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)  # by level
    below: frozenset[Pair] = frozenset()  # scored below a certified tau minus
    families: tuple[str, ...] = ()  # of the models that wrote or judged
    n_passages: int = 0
    relevant_from: int = RELEVANT_FROM
    purpose: str = "train"
    seed: int = 13

    def labels(self, *, judge: bool = True, people: bool = True) -> dict[Pair, int]:
        """The grade of each labelled pair: people before the judge before what is automatic."""
        grades = {
            pair: one.grade
            for pair, one in self.automatic.items()
            if self.purpose == "train" or pair not in self.uncertified
        }
        grades |= self.judge if judge else {}
        grades |= self.people if people else {}
        return grades

    def pool(self) -> dict[str, set[str]]:
        """Of each query, the passages in the first `DEPTH` of any system, and those labelled."""
        found: dict[str, set[str]] = {query_id: set() for query_id in self.queries}
        for system in self.systems:
            for query_id, ids in system.rankings.items():
                found[query_id].update(ids[:DEPTH])
        for query_id, passage_id in self.automatic:
            found[query_id].add(passage_id)
        return found

    def anchor(self, grades: Mapping[Pair, int]) -> list[str]:
        """The queries whose pool these grades cover."""
        return [
            query_id
            for query_id, pool in sorted(self.pool().items())
            if pool and sum((query_id, one) in grades for one in pool) >= COVERED * len(pool)
        ]

    def main(self) -> tuple[list[System], list[str]]:
        """The systems of the language with most labelled queries, and its queries.

        A system counts that has a ranking for nine in ten of these; queries that it has none for
        are left out, so that all systems are compared on the same.
        """
        labelled = {q for (q, _), grade in self.labels().items() if grade >= self.relevant_from}
        by_language = Counter(self.queries[q].language for q in labelled)
        if not by_language:
            return [], []
        language = max(sorted(by_language, key=str), key=by_language.__getitem__)
        asked = sorted(q for q in labelled if self.queries[q].language == language)
        systems = [
            one for one in self.systems if sum(q in one.rankings for q in asked) >= 0.9 * len(asked)
        ]
        return systems, [q for q in asked if all(q in one.rankings for one in systems)]

    def ndcg(self, system: System, labels: Mapping[Pair, int], asked: Collection[str]) -> Any:
        """(n_queries,) nDCG@10 of the queries in `asked`, in its order; 0 without a label."""
        wanted = set(asked)
        grades: Grades = {query_id: {} for query_id in asked}
        for (query_id, passage_id), grade in labels.items():
            if query_id in wanted:
                grades[query_id][passage_id] = grade
        return per_query(NDCG, grades, system.rankings, self.relevant_from)


# --- reading ------------------------------------------------------------------------------


def read(dataset: Dataset) -> Ground:
    """The evidence of a dataset, built or imported.

    Raises:
        DatasetError: it has no queries or no labels.
    """
    for table, step in (("passage", "build"), ("query", "build")):
        if table not in dataset:
            raise DatasetError(
                f"{dataset.path} has no table {table!r}: nothing to verify. Run `datakit {step}`."
            )
    manifest = dataset.manifest
    purpose = str(manifest.get("purpose", "train"))
    queries = {q.query_id: q for q in dataset.read("query") if measured(q, purpose)}
    relevant_from = int(manifest.get("label_scale", {}).get("relevant_from", RELEVANT_FROM))
    automatic, graded = _labels(dataset, queries)
    judge = [one for one in graded if one.source == "judge"]
    by_assessor: dict[str, dict[Pair, int]] = defaultdict(dict)
    for one in judge:
        by_assessor[one.assessor_id or ""][_pair(one)] = one.grade or 0
    levels = sorted({pools.level_of(query) for query in queries.values()})
    calibrations = {
        level: body for level in levels if (body := certified.current(dataset, level)) is not None
    }
    return Ground(
        queries=queries,
        automatic={
            pair: Automatic(one.grade or 0, one.source)
            for pair, one in automatic.items()
            if one.grade is not None
        },
        uncertified=frozenset(p for p, one in automatic.items() if "uncertified" in one.flags),
        judge=_grades(judge),
        by_assessor=by_assessor,
        people=_grades([one for one in graded if one.source == "human"]),
        systems=tuple(_systems(dataset, queries)),
        calibrations=calibrations,
        below=frozenset(_below(dataset, queries, calibrations)),
        families=tuple(
            sorted({str(one["family"]) for one in manifest.get("models", {}).values()})
        ),
        n_passages=dataset.count("passage"),
        relevant_from=relevant_from,
        purpose=purpose,
        seed=int(manifest.get("seed", 13)),
    )  # fmt: skip


def _pair(one: Judgement | Qrel) -> Pair:
    return one.query_id, one.passage_id


def _labels(
    dataset: Dataset, queries: Mapping[str, Query]
) -> tuple[dict[Pair, Judgement], list[Judgement]]:
    """What is automatic, by pair, and what judges and people said, in their order."""
    rows = [one for one in _rows(dataset) if one.query_id in queries and one.grade is not None]
    groups: dict[Pair, list[Judgement]] = defaultdict(list)
    for one in rows:
        if one.source not in JUDGED_BY:
            groups[_pair(one)].append(one)
    automatic = {pair: min(of, key=lambda o: PRECEDENCE.index(o.source))
                 for pair, of in groups.items()}  # fmt: skip
    return automatic, [one for one in rows if one.source in JUDGED_BY]


def _rows(dataset: Dataset) -> Iterator[Judgement]:
    """Judgements of a build and of its judges; of an imported set, its labels."""
    if "judgement" in dataset:
        yield from dataset.read("judgement")
        yield from judged(dataset)
        return
    yield from judged(dataset)
    tables = [t for t in dataset.tables() if t.startswith("qrel/")]
    for table in tables:
        for one in dataset.read(table):
            yield Judgement(one.query_id, one.passage_id, one.grade, one.source, flags=one.flags)


def _grades(rows: list[Judgement]) -> dict[Pair, int]:
    groups: dict[Pair, list[Judgement]] = defaultdict(list)
    for one in rows:
        groups[_pair(one)].append(one)
    return {pair: decided(of).grade or 0 for pair, of in groups.items()}


def _systems(dataset: Dataset, queries: Mapping[str, Query]) -> Iterator[System]:
    stages = dataset.manifest["stages"]
    mined = stages.get("mine", {}).get("inputs", {})
    for table in dataset.tables():
        if not table.startswith("run/"):
            continue
        made = stages.get(dataset.manifest["tables"][table]["made_by"], {})
        model = made.get("settings", {}).get("model") or ""
        yield System(
            table.removeprefix("run/"),
            first(dataset, table, queries),
            _family(str(made.get("plugin", ""))),
            str(model),
            table in mined,
        )


def _family(plugin: str) -> str:
    """Lexical, dense or hybrid, as the retriever itself says."""
    if plugin not in registry.names("retrievers"):
        return ""
    return str(getattr(registry.load("retrievers", plugin), "family", ""))


def first(dataset: Dataset, table: str, queries: Collection[str]) -> dict[str, tuple[str, ...]]:
    """The first `KEPT` passages of each query by a run; ties by descending id, as trec_eval has it.

    Scores are compared in single precision, as trec_eval does.
    """
    frame = dataset.frame(table)
    frame = frame[frame["query_id"].isin(list(queries))]
    frame = frame.assign(score=frame["score"].astype("float32")).sort_values(
        ["query_id", "score", "passage_id"], ascending=[True, False, False], kind="stable"
    )
    kept = frame.groupby("query_id", sort=False).head(KEPT)
    return {
        str(query_id): tuple(rows)
        for query_id, rows in kept.groupby("query_id", sort=False)["passage_id"]
    }


def _below(
    dataset: Dataset, queries: Mapping[str, Query], calibrations: Mapping[str, Mapping[str, Any]]
) -> Iterator[Pair]:
    """The pairs that a certified threshold leaves out."""
    for level, body in calibrations.items():
        limit, table = body.get("tau_minus"), scored_table(body)
        if limit is None or table not in dataset:
            continue
        frame = dataset.arrow(table, ["query_id", "passage_id", "score"]).to_pandas()
        frame = frame[frame["score"] < limit]
        for query_id, passage_id in zip(frame["query_id"], frame["passage_id"], strict=True):
            query = queries.get(query_id)
            if query is not None and pools.level_of(query) == level:
                yield query_id, passage_id

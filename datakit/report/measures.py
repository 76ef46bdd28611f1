"""The runs of the retrievers, their measured values, and those values as tables."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from datakit import registry
from datakit.dataset import Dataset
from datakit.records import Measure
from datakit.report.reading import lookup, pieces, whole
from datakit.report.shaping import MOST, language_name, level_rank, ordered

if TYPE_CHECKING:
    import pyarrow as pa

MEASURES = ("nDCG@10", "R@100", "RR@10", "Judged@10")
MAX_RUNS = 24
MAX_MEASURES = 8
FEW = 10  # queries; a bootstrap over fewer gives no interval worth showing
MAX_ROWS = 240  # of one table of measures


@dataclass(frozen=True, slots=True)
class RunFact:
    """One retriever's run: what it covers."""

    name: str
    family: str  # lexical, dense, or unknown
    languages: Mapping[str, int]  # language code -> queries with a result


@dataclass(frozen=True, slots=True)
class MeasureFacts:
    """The measured values, and which of them stand in front."""

    rows: tuple[Measure, ...]
    measures: tuple[str, ...]
    runs: tuple[str, ...]
    labels: tuple[str, ...]
    split: str  # whose values stand in front: test where there is one
    splits: tuple[str, ...]

    @property
    def uneven(self) -> bool:
        """Whether the runs that stand in front are measured over different queries."""
        front = self.at(measure=self.measures[0], split=self.split, level="all", language="all")
        return len({m.n_queries for m in front if m.labels == self.labels[-1]}) > 1

    def at(self, **where: str) -> list[Measure]:
        """The rows whose fields equal what is given, in order."""
        return [m for m in self.rows if all(getattr(m, k) == v for k, v in where.items())]


def short_measure(measure: str) -> str:
    """`R(rel=2)@100` as R@100: what counts as relevant is said once for all measures."""
    return re.sub(r"\([^)]*\)", "", measure)


def _measure_order(measure: str) -> tuple[int, str]:
    short = short_measure(measure)
    return MEASURES.index(short) if short in MEASURES else len(MEASURES), measure


def run_facts(dataset: Dataset) -> tuple[RunFact, ...]:
    """Every run with its family and the languages of its queries."""
    queries = whole(dataset, "query", "query_id", "language")
    runs = [t for t in dataset.tables() if t.startswith("run/")][:MAX_RUNS]
    return tuple(_run_fact(dataset, table, queries) for table in runs)


def _run_fact(dataset: Dataset, table: str, queries: pa.Table | None) -> RunFact:
    import pyarrow as pa
    import pyarrow.compute as pc

    name = table.removeprefix("run/")
    entry = dataset.manifest.get("stages", {}).get(f"retrieve/{name}", {})
    plugin = str(entry.get("plugin", ""))
    ids = [pc.unique(piece["query_id"]) for piece in pieces(dataset, table, ["query_id"])]
    languages: Counter[str] = Counter()
    if ids and queries is not None:
        seen = pc.unique(pa.concat_arrays(ids))
        # retrieval is before filters of mining and split: some queries do not live to the end
        seen = seen.filter(pc.is_in(seen, value_set=queries["query_id"]))
        for code in lookup(seen, queries, "query_id", "language").to_pylist():
            languages[code or ""] += 1
    most = sorted(languages.most_common(MOST), key=lambda item: (-item[1], item[0]))
    return RunFact(name, _family(plugin), dict(most))


def _family(plugin: str) -> str:
    """`lexical`, `dense`, or `unknown` for a plugin that is not installed here."""
    if plugin not in registry.names("retrievers"):
        return "unknown"
    return str(getattr(registry.load("retrievers", plugin), "family", "unknown"))


def measure_facts(dataset: Dataset) -> MeasureFacts | None:
    if "measure" not in dataset or not dataset.count("measure"):
        return None
    rows = tuple(dataset.read("measure"))
    splits = ordered({m.split for m in rows}, ("test", "all", "dev", "train"))
    measures = sorted({m.measure for m in rows}, key=_measure_order)[:MAX_MEASURES]
    return MeasureFacts(
        rows=rows,
        measures=tuple(measures),
        runs=tuple(sorted({m.run for m in rows})[:MAX_RUNS]),
        labels=tuple(ordered({m.labels for m in rows}, ("seed", "mined", "human"))[:6]),
        split=splits[0],
        splits=tuple(splits),
    )


def split_name(split: str) -> str:
    return "all queries" if split == "all" else f"{split} split"


# --- as tables ----------------------------------------------------------------------------


@dataclass(frozen=True)
class Slice:
    """One slice of the queries under one label set, with a row per run."""

    title: str
    rows: list[tuple[str, int, list[Measure | None]]]  # run, n queries, a cell per measure


@dataclass(frozen=True)
class SliceTable:
    """Some slices of one split."""

    title: str
    slices: list[Slice]


def measure_tables(m: MeasureFacts | None) -> list[SliceTable]:
    """The front split by level and by language, then by both, then the other splits."""
    if m is None:
        return []
    both = [r for r in m.at(split=m.split) if r.level != "all" and r.language != "all"]
    one = [r for r in m.at(split=m.split) if r.level == "all" or r.language == "all"]
    name = split_name(m.split)
    tables = [
        SliceTable(f"{name}, by level and by language", _pivot(m, one)),
        SliceTable(f"{name}, by level and language together", _pivot(m, both)),
    ]
    tables += [SliceTable(split_name(s), _pivot(m, m.at(split=s))) for s in m.splits[1:5]]
    return [table for table in tables if table.slices]


def _pivot(m: MeasureFacts, rows: Sequence[Measure]) -> list[Slice]:
    slices: dict[tuple[Any, ...], dict[str, dict[str, Measure]]] = {}
    for r in rows:
        if r.labels in m.labels and r.run in m.runs:
            order = (m.labels.index(r.labels), level_rank(r.level), r.language != "all")
            runs = slices.setdefault((*order, r.labels, r.level, r.language), {})
            runs.setdefault(r.run, {})[r.measure] = r
    return [
        Slice(
            _slice_title(*key[-3:]),
            [_run_row(m, run, cells) for run, cells in sorted(runs.items())],
        )
        for key, runs in sorted(slices.items())[: MAX_ROWS // max(len(m.runs), 1)]
    ]


def _slice_title(labels: str, level: str, language: str) -> str:
    where = "all levels" if level == "all" else f"{level} level"
    spoken = "all languages" if language == "all" else language_name(language)
    return f"{labels} labels · {where} · {spoken}"


def _run_row(
    m: MeasureFacts, run: str, cells: dict[str, Measure]
) -> tuple[str, int, list[Measure | None]]:
    n = max(r.n_queries for r in cells.values())
    return run, n, [cells.get(name) for name in m.measures]

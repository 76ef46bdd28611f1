"""Worked examples: one label each, with all that led to it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass

from datakit import registry
from datakit.dataset import Dataset
from datakit.report.choice import candidates, choose
from datakit.report.passages import PassageView, view
from datakit.report.queries import QUERY_COLUMNS
from datakit.report.reading import Row, by_key, main_labels, relevant_from, select

Ranked = list[tuple[float, str]]  # score and passage_id, best first
EXAMPLES = 10
WINDOW, RIVAL_WINDOW = 900, 500  # characters of a passage that are shown
LABEL_COLUMNS = (
    "query_id", "passage_id", "grade", "source", "routes", "scores", "evidence", "calibration_id",
    "flags",
)  # fmt: skip
EXAMPLE_QUERY = (
    *QUERY_COLUMNS, "generator_id", "generator_family", "evidence", "facets", "split", "flags",
)  # fmt: skip
PASSAGE_COLUMNS = (
    "passage_id", "doc_id", "text", "start", "end", "title", "issuer", "section_path", "date",
    "language",
)  # fmt: skip
NEGATIVE_COLUMNS = ("query_id", "passage_id", "run", "score", "ratio", "margin", "mined_rank")


@dataclass(frozen=True, slots=True)
class Rival:
    """Another passage that a run puts before the reader: a competitor or a negative."""

    run: str
    rank: int  # from 1
    score: float
    state: str  # how it is labelled
    passage: PassageView | None
    ratio: float | None = None
    margin: float | None = None


@dataclass(frozen=True, slots=True)
class Example:
    """One label with all that led to it."""

    query: Row
    label: Row
    chain: tuple[tuple[str, str], ...]  # step, what it says
    passage: PassageView | None
    ranks: tuple[tuple[str, int | None], ...]  # run, rank of the labelled passage
    rival: Rival | None
    negative: Rival | None


def examples(dataset: Dataset, runs: Sequence[str]) -> tuple[Example, ...]:
    """Ten labels over levels, languages and sources, the same ones every time.

    Args:
        dataset: where they are from.
        runs: names of runs, the one to take a competitor from first.
    """
    table = main_labels(dataset)
    if table is None or "query" not in dataset:
        return ()
    return examples_of(dataset, runs, choose(candidates(dataset, table), EXAMPLES))


def examples_of(
    dataset: Dataset, runs: Sequence[str], pairs: Sequence[tuple[str, str]]
) -> tuple[Example, ...]:
    """Labelled pairs with all that led to them.

    Args:
        dataset: where they are from; it has labels.
        runs: names of runs, the one to take a competitor from first.
        pairs: query_id and passage_id, each with a label.
    """
    table = main_labels(dataset)
    if table is None or not pairs:
        return ()
    ids = list(dict.fromkeys(query_id for query_id, _ in pairs))
    labels: dict[str, dict[str, Row]] = defaultdict(dict)
    for row in select(dataset, table, "query_id", ids, LABEL_COLUMNS):
        labels[row["query_id"]][row["passage_id"]] = row
    ranking = {run: _rankings(dataset, run, ids) for run in runs}
    negatives = _first_negatives(dataset, ids)
    least = relevant_from(dataset)
    rivals = {
        q: _rival(q, {p for p, label in labels[q].items() if label["grade"] >= least}, ranking)
        for q in ids
    }
    wanted = {p for _, p in pairs} | {n["passage_id"] for n in negatives.values()}
    wanted |= {hit.passage_id for hit in rivals.values() if hit}
    bench = _Bench(
        dataset=dataset,
        queries=by_key(select(dataset, "query", "query_id", ids, EXAMPLE_QUERY), "query_id"),
        passages=_passages(dataset, wanted),
        labels=labels,
        ranking=ranking,
    )
    return tuple(_example(bench, q, p, rivals[q], negatives.get(q)) for q, p in pairs)


@dataclass(frozen=True, slots=True)
class _Bench:
    """The rows that the examples are made from."""

    dataset: Dataset
    queries: Mapping[str, Row]
    passages: Mapping[str, Row]
    labels: Mapping[str, Mapping[str, Row]]
    ranking: Mapping[str, Mapping[str, Ranked]]


def _rankings(dataset: Dataset, run: str, ids: Sequence[str]) -> dict[str, Ranked]:
    """Scored passages of some queries, best first; equal scores by descending id."""
    import numpy as np

    columns = ("query_id", "passage_id", "score")
    ranking: dict[str, Ranked] = defaultdict(list)
    for row in select(dataset, f"run/{run}", "query_id", ids, columns):
        # in single precision, as trec_eval compares scores
        ranking[row["query_id"]].append((float(np.float32(row["score"])), row["passage_id"]))
    return {query_id: sorted(scored, reverse=True) for query_id, scored in ranking.items()}


def _passages(dataset: Dataset, wanted: Set[str]) -> dict[str, Row]:
    """Passages by id, with the file that each was cut from."""
    rows = select(dataset, "passage", "passage_id", wanted, PASSAGE_COLUMNS)
    owners = {row["doc_id"] for row in rows}
    files = by_key(
        select(dataset, "document", "doc_id", owners, ("doc_id", "source_uri")), "doc_id"
    )
    found = [row | files.get(row["doc_id"], {}) for row in rows]
    return by_key(found, "passage_id")


@dataclass(frozen=True, slots=True)
class _Hit:
    run: str
    passage_id: str
    rank: int  # from 1
    score: float


def _rival(
    query_id: str, relevant: Set[str], ranking: Mapping[str, Mapping[str, Ranked]]
) -> _Hit | None:
    """The best-ranked passage that is not relevant, in the first run that has one."""
    for run, by_query in ranking.items():
        for rank, (score, passage_id) in enumerate(by_query.get(query_id, ()), 1):
            if passage_id not in relevant:
                return _Hit(run, passage_id, rank, score)
    return None


def _first_negatives(dataset: Dataset, ids: Sequence[str]) -> dict[str, Row]:
    rows = select(dataset, "negative/mined", "query_id", ids, NEGATIVE_COLUMNS)
    # the first by rank comes last, so that it is the one kept
    rows.sort(key=lambda r: (r["mined_rank"], r["run"], r["passage_id"]), reverse=True)
    return by_key(rows, "query_id")


def _example(
    bench: _Bench, query_id: str, passage_id: str, rival: _Hit | None, negative: Row | None
) -> Example:
    query, label = bench.queries[query_id], bench.labels[query_id][passage_id]
    spans = [*label["evidence"], *query["evidence"]]
    return Example(
        query=query,
        label=label,
        chain=provenance(bench.dataset, query, label),
        passage=_shown(bench, passage_id, spans, WINDOW),
        ranks=tuple(
            (run, _rank(by_query[query_id], passage_id))
            for run, by_query in bench.ranking.items()
            if query_id in by_query
        ),
        rival=_as_rival(bench, query_id, rival),
        negative=_as_negative(bench, query_id, negative),
    )


def _shown(bench: _Bench, passage_id: str, spans: Sequence[Row], width: int) -> PassageView | None:
    row = bench.passages.get(passage_id)
    return view(row, spans, width) if row else None


def _rank(scored: Ranked, passage_id: str) -> int | None:
    return next((i for i, (_, p) in enumerate(scored, 1) if p == passage_id), None)


def _as_rival(bench: _Bench, query_id: str, hit: _Hit | None) -> Rival | None:
    if hit is None:
        return None
    state = _state(bench, query_id, hit.passage_id)
    return Rival(
        hit.run, hit.rank, hit.score, state, _shown(bench, hit.passage_id, [], RIVAL_WINDOW)
    )


def _as_negative(bench: _Bench, query_id: str, row: Row | None) -> Rival | None:
    if row is None:
        return None
    return Rival(
        run=row["run"],
        rank=row["mined_rank"],
        score=row["score"],
        state=_state(bench, query_id, row["passage_id"]),
        passage=_shown(bench, row["passage_id"], [], RIVAL_WINDOW),
        ratio=row["ratio"],
        margin=row["margin"],
    )


def _state(bench: _Bench, query_id: str, passage_id: str) -> str:
    label = bench.labels[query_id].get(passage_id)
    return "unjudged" if label is None else f"grade {label['grade']}, {label['source']}"


def provenance(dataset: Dataset, query: Row, label: Row) -> tuple[tuple[str, str], ...]:
    """How a label came about, from the generator to whoever decided."""
    family = query["generator_family"] or "query given, not generated"
    generator = _generator(dataset, query["generator_id"])
    said = " · ".join(part for part in (family, generator) if part)
    scores = ", ".join(f"{k} {v:.4g}" for k, v in sorted(label["scores"].items()))
    decided = f"{label['source']}, grade {label['grade']}"
    calibration = label["calibration_id"] or "none"
    return (
        ("generator", said),
        ("pattern", query["pattern"] or "none"),
        ("proposed by", ", ".join(label["routes"]) or "no route recorded"),
        ("scores", scores or "none"),
        ("decided", decided),
        ("calibration", calibration),
        ("flags", ", ".join([*label["flags"], *query["flags"]]) or "none"),
    )


def _generator(dataset: Dataset, generator_id: str | None) -> str:
    """The step that wrote a query, found by the digest of its identity."""
    if not generator_id:
        return ""
    for name, entry in dataset.manifest.get("stages", {}).items():
        if registry.digest(entry.get("identity")) == generator_id:
            return str(name)
    return generator_id[:23]

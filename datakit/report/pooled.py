"""The pool by retriever: who proposed how many pairs, and what judges said of them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from datakit.dataset import Dataset
from datakit.judging.labels import grades_of
from datakit.judging.tables import judged
from datakit.report.reading import relevant_from

POOL, BETWEEN = "pool", "\x1f"


@dataclass(frozen=True, slots=True)
class Proposer:
    """One retriever's part of the pool."""

    name: str
    n: int  # pairs that it proposed
    alone: int  # of them, by no other retriever
    judged: int  # of them, with a grade by a judge or a person
    relevant: int  # of those judged


@dataclass(frozen=True, slots=True)
class PoolFacts:
    """Pairs that mining looks at; the queries' own seeds and their copies are left out."""

    n: int
    judged: int
    relevant: int
    proposers: tuple[Proposer, ...]


def pool_facts(dataset: Dataset) -> PoolFacts | None:
    """The pool by retriever; None where there is no pool."""
    import pyarrow.compute as pc

    if POOL not in dataset:
        return None
    table = dataset.arrow(POOL, ["query_id", "passage_id", "proposed_by", "own"])
    table = table.filter(pc.invert(table["own"]))
    names = pc.binary_join(table["proposed_by"], BETWEEN)
    sizes = {one["values"]: one["counts"] for one in pc.value_counts(names).to_pylist()}
    grades = {
        pair: grade for pair, grade in grades_of(judged(dataset)).items() if grade is not None
    }
    is_judged = pc.is_in(table["query_id"], value_set=_array({query for query, _ in grades}))
    seen = table.append_column("names", names).filter(is_judged)
    least = relevant_from(dataset)
    known: Counter[str] = Counter()
    relevant: Counter[str] = Counter()
    for row in seen.select(["query_id", "passage_id", "names"]).to_pylist():
        grade = grades.get((row["query_id"], row["passage_id"]))
        known[row["names"]] += grade is not None
        relevant[row["names"]] += grade is not None and grade >= least
    proposers = sorted({one for joined in sizes for one in joined.split(BETWEEN) if one})
    return PoolFacts(
        table.num_rows, sum(known.values()), sum(relevant.values()),
        tuple(
            Proposer(
                name, _of(name, sizes), sizes.get(name, 0), _of(name, known), _of(name, relevant)
            )
            for name in proposers
        ),
    )  # fmt: skip


def _of(name: str, counts: dict[str, int] | Counter[str]) -> int:
    """All that a retriever has a part in."""
    return sum(n for joined, n in counts.items() if name in joined.split(BETWEEN))


def _array(values: set[str]) -> object:
    import pyarrow as pa

    return pa.array(sorted(values), pa.string())

"""What retrievers find for the queries of the test part: the ladder, and variants of its rungs."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from datakit.errors import DatakitError
from datakit.records import Passage, Query, seed_for

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np

    from datakit.auditing.facts import Facts

DEPTH = 100
MOST_QUERIES = 1000  # of the test part; a sample by hash of more
MOST_PASSAGES = 200_000  # a larger corpus is too much for retrieval in one process
LADDER = ("random", "bm25", "lsa", "hybrid")  # without a model; runs of the dataset come on top
# rankings to compare: twelve systems that differ as systems of one kind do
VARIANTS: dict[str, tuple[str, dict[str, Any]]] = {
    **{
        f"bm25 k1={k1} b={b}": ("bm25", {"k1": k1, "b": b})
        for k1, b in ((0.6, 0.0), (0.6, 0.4), (0.6, 1.0), (2.0, 0.0), (2.0, 0.4), (2.0, 1.0))
    },
    "bm25 unstemmed": ("bm25", {"stemmer": "", "chinese": "words"}),
    **{f"lsa {d}": ("lsa", {"dimensions": d}) for d in (16, 32, 64, 128)},
}

Scores = dict[str, dict[str, float]]  # query_id -> passage_id -> score


@dataclass(eq=False)
class Systems:
    """Rankings of the test queries that have a positive, and their measures."""

    facts: Facts

    @cached_property
    def asked(self) -> list[Query]:
        """The test queries with a positive; at most so many, drawn by hash of their ids."""
        import numpy as np

        facts = self.facts
        labels = facts.labels
        has = np.zeros(len(facts.queries), bool)
        has[labels.query[labels.positive]] = True
        rows = np.flatnonzero(has & facts.in_part("test"))
        names = facts.queries.names(rows)
        if len(names) > MOST_QUERIES:
            names = sorted(names, key=lambda name: seed_for(0, "audit", name))[:MOST_QUERIES]
        return sorted(facts.dataset.where("query", "query_id", names), key=lambda q: q.query_id)

    @cached_property
    def passages(self) -> list[Passage]:
        n = len(self.facts.passages)
        if n > MOST_PASSAGES:
            raise DatakitError(
                f"{n:,} passages are more than the {MOST_PASSAGES:,} that an audit retrieves from; "
                "retrieve with `datakit retrieve` and audit a sample"
            )
        return list(self.facts.dataset.read("passage"))

    @cached_property
    def grades(self) -> dict[str, dict[str, int]]:
        """The labels of the asked queries."""
        import numpy as np

        labels, names = self.facts.labels, [q.query_id for q in self.asked]
        rows = np.flatnonzero(
            labels.whole & np.isin(labels.query, self.facts.queries.rows_of(_strings(names)))
        )
        found: dict[str, dict[str, int]] = {name: {} for name in names}
        queries, passages = self.facts.queries, self.facts.passages
        for q, p, g in zip(
            queries.names(labels.query[rows]), passages.names(labels.passage[rows]),
            labels.grade[rows].tolist(), strict=True,
        ):  # fmt: skip
            found[q][p] = g
        return found

    @cached_property
    def ladder(self) -> Mapping[str, Scores]:
        """By system: random, lexical, latent semantic, both fused, and the dataset's own runs."""
        runs = {"random": self._random()}
        for name in ("bm25", "lsa"):
            runs[name] = self._search(name, {})
        runs["hybrid"] = fused(runs["bm25"], runs["lsa"])
        own = {q.query_id for q in self.asked}
        dataset = self.facts.dataset
        for table in dataset.tables():
            name = table.removeprefix("run/")
            if table.startswith("run/") and name not in runs:
                found: Scores = {}
                for row in dataset.where(table, "query_id", own):
                    found.setdefault(row.query_id, {})[row.passage_id] = row.score
                if found:
                    runs[name] = found
        return runs

    @cached_property
    def variants(self) -> Mapping[str, Scores]:
        """Twelve systems or more: the ladder without chance, and other settings of its rungs."""
        found = {name: run for name, run in self.ladder.items() if name != "random"}
        for name, (kind, values) in VARIANTS.items():
            found[name] = self._search(kind, values)
        return found

    def _search(self, name: str, values: dict[str, Any]) -> Scores:
        from datakit import registry

        index = registry.make("retrievers", name, values).fit(self.passages)
        found: Scores = {}
        for row in index.search(self.asked, DEPTH):
            found.setdefault(row.query_id, {})[row.passage_id] = row.score
        return found

    def _random(self) -> Scores:
        import numpy as np

        ids, found = self.facts.passages.ids, {}
        for q in self.asked:
            draw = np.random.default_rng(seed_for(0, "random", q.query_id) % (1 << 32))
            rows = draw.choice(len(ids), min(DEPTH, len(ids)), replace=False)
            names = self.facts.passages.names(rows)
            found[q.query_id] = {n: float(DEPTH - i) for i, n in enumerate(names)}
        return found

    def measured(self, run: Scores, measure: str, grades: Any = None) -> np.ndarray:
        """(n_asked,) a measure as ir_measures names it; 0 where the run has nothing."""
        import ir_measures
        import numpy as np

        parsed = ir_measures.parse_measure(measure)
        relevant = self.facts.labels.relevant_from
        if "rel" in parsed.SUPPORTED_PARAMS and relevant != 1:
            parsed = parsed(rel=relevant)
        row = {q.query_id: i for i, q in enumerate(self.asked)}
        values = np.zeros(len(row))
        for metric in ir_measures.iter_calc([parsed], grades or self.grades, best_first(run)):
            if metric.query_id in row:
                values[row[metric.query_id]] = metric.value
        return values


def best_first(run: Scores) -> Scores:
    """Scores that fall by one per rank; equal ones by descending passage_id, as in trec_eval."""
    found = {}
    for query, scored in run.items():
        order = sorted(((s, p) for p, s in scored.items()), reverse=True)
        found[query] = {p: float(len(order) - i) for i, (_, p) in enumerate(order)}
    return found


def fused(*runs: Scores) -> Scores:
    """Reciprocal rank fusion with k = 60.

    Source:
        Cormack, Clarke and Buettcher 2009.
    """
    found: Scores = {}
    for run in runs:
        for query, scored in best_first(run).items():
            into = found.setdefault(query, {})
            for p, score in scored.items():
                into[p] = into.get(p, 0.0) + 1 / (60 + len(scored) - score + 1)
    return found


def _strings(names: list[str]) -> Any:
    import pyarrow as pa

    return pa.array(names, pa.string())

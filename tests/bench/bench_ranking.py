"""Do a dataset's labels rank retrievers as people's do? Kendall tau over sixteen variants.

    python tests/bench/bench_ranking.py ../shared/data/labelled [NAME…] [--encoder] [--queries 400]

Extractive queries are made from the documents of each collection (vaswani, cranfield-graded,
stard); no human query and no human label is seen. The variants are ranked by mean nDCG@10 with
these labels:

- seed: the passage that a query was written from, alone;
- uncertified: and what retrievers agree on;
- judged: and what the cascade labels with a stand-in for a judge, `--budget` pairs of its queue
  included: certified above tau plus, judged between;
- human: the collection's own queries and labels.

The stand-in is a rule. `words`: a passage is relevant when it holds most of the query's words, rare
ones counting more; it reads words as BM25 does and understands nothing. `encoder`: when the cosine
of all-MiniLM is 0.5 or more (English); then no variant is that encoder. What a rule certifies says
that the machinery works, not that its labels are good. The last line is of two halves of the human
queries: no label can be expected to do much better. Prints a table, asserts nothing.
"""

from __future__ import annotations

import argparse
import math
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import labelled_sets
import numpy as np
from labelled_sets import Labelled
from scipy.stats import kendalltau

from datakit.dataset import write_tables
from datakit.judging import cascading, certified
from datakit.judging.certifying import Samples
from datakit.judging.tables import append
from datakit.miners.indirect_positive import IndirectPositive
from datakit.records import Judgement, Passage, Query
from datakit.registry import make
from datakit.retrievers import Retrieved
from datakit.retrievers._tokenise import Tokeniser
from datakit.stages import resolve

Labels = Mapping[str, Mapping[str, int]]  # query_id -> passage_id -> grade
K = 10
VARIANTS: dict[str, tuple[str, dict[str, object]]] = {
    "bm25": ("bm25", {}),
    "bm25 k1=0.4": ("bm25", {"k1": 0.4}),
    "bm25 k1=3": ("bm25", {"k1": 3.0}),
    "bm25 b=0": ("bm25", {"b": 0.0}),
    "bm25 b=1": ("bm25", {"b": 1.0}),
    "bm25 unstemmed, words": ("bm25", {"stemmer": "", "chinese": "words"}),
    "bm25 with stop words, search": ("bm25", {"stop_words": False, "chinese": "search"}),
    "bm25 robertson": ("bm25", {"variant": "robertson"}),
    "lsa 16": ("lsa", {"dimensions": 16}),
    "lsa 48": ("lsa", {"dimensions": 48}),
    "lsa 128": ("lsa", {"dimensions": 128}),
    "lsa 256": ("lsa", {"dimensions": 256}),
}
FUSED = {
    "bm25 + lsa 128": (("bm25", "lsa 128"), (1.0, 1.0)),
    "bm25 + lsa 48": (("bm25", "lsa 48"), (1.0, 1.0)),
    "3 bm25 + lsa 256": (("bm25", "lsa 256"), (3.0, 1.0)),
    "bm25 + 3 lsa 128": (("bm25", "lsa 128"), (1.0, 3.0)),
}


def systems(passages: Sequence[Passage], encoder: bool) -> dict[str, object]:
    found = {name: make("retrievers", *how).fit(passages) for name, how in VARIANTS.items()}
    if encoder:
        found["dense"] = make("retrievers", "dense").fit(passages)
        fusion = make("retrievers", "hybrid", {"of": ("bm25", "dense")})
        found["bm25 + dense"] = fusion.fuse(passages, [found["bm25"], found["dense"]])
    for name, (parts, weights) in FUSED.items():
        fusion = make("retrievers", "hybrid", {"of": parts, "weights": weights})
        found[name] = fusion.fuse(passages, [found[part] for part in parts])
    return found


def ndcg(runs: Mapping[str, list[str]], labels: Labels) -> np.ndarray:
    """(n_queries,) nDCG@10 of the labelled queries, in their order."""
    out = []
    for query_id, grades in labels.items():
        gain = [grades.get(one, 0) for one in runs.get(query_id, [])[:K]]
        best = sorted(grades.values(), reverse=True)[:K]
        dcg, ideal = (sum(g / math.log2(i + 2) for i, g in enumerate(x)) for x in (gain, best))
        out.append(dcg / ideal if ideal else 0.0)
    return np.array(out)


def ranked(index: object, queries: Sequence[Query], k: int) -> dict[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    for row in index.search(queries, k):  # type: ignore[attr-defined]
        found[row.query_id].append(row.passage_id)
    return found


class StandIn:
    """Grades by the share of the query's words that a passage holds, weighed by rarity."""

    def __init__(self, passages: Sequence[Passage], queries: Sequence[Query]) -> None:
        self._tokens = Tokeniser(chinese="search")
        lists = self._tokens.fit((f"{p.title or ''} {p.text}", p.language) for p in passages)
        self._of = {p.passage_id: set(own) for p, own in zip(passages, lists, strict=True)}
        frequency = Counter(term for own in self._of.values() for term in own)
        self._idf = {t: math.log(1 + len(passages) / n) for t, n in frequency.items()}
        self._queries = {q.query_id: q for q in queries}

    def __call__(self, query_id: str, passage_id: str) -> int:
        query = self._queries[query_id]
        terms = set(self._tokens.transform([(query.text, query.language)])[0])
        whole = sum(self._idf[t] for t in sorted(terms))
        held = sum(self._idf[t] for t in sorted(terms & self._of[passage_id]))
        return 0 if not whole else sum(held / whole >= least for least in (0.4, 0.65, 0.9))


class Cosine:
    """Grades by the cosine of an encoder, at thresholds that nobody tuned."""

    def __init__(self, passages: Sequence[Passage], queries: Sequence[Query]) -> None:
        self._index = make("retrievers", "dense", {"dtype": "auto"}).fit(passages)
        self._queries = {q.query_id: q for q in queries}
        self._passages = {p.passage_id: p for p in passages}

    def __call__(self, query_id: str, passage_id: str) -> int:
        pair = self._queries[query_id], self._passages[passage_id]
        return sum(self._index.score([pair])[0] >= least for least in (0.35, 0.5, 0.65))


def generated(data: Labelled, n: int) -> list[Query]:
    rng = np.random.default_rng(0)
    made = [q for q in make("generators", "extractive_bottom_up")(data.passages)
            if isinstance(q, Query)]  # fmt: skip
    return [made[i] for i in sorted(rng.permutation(len(made))[:n])]


def label_sets(
    data: Labelled, queries: list[Query], indexes: Mapping[str, object], budget: int, rule: str
) -> dict[str, Labels]:
    miner = IndirectPositive()
    judge = (Cosine if rule == "encoder" else StandIn)(data.passages, queries)
    retrieved = [
        Retrieved(name, indexes[name], list(indexes[name].search(queries, 100)))  # type: ignore
        for name in ("bm25", "dense" if "dense" in indexes else "lsa 128")
    ]
    pool = list(miner.pool(queries, data.passages, [], retrieved))
    made = [j for j in miner(queries, data.passages, [], retrieved, pool)
            if isinstance(j, Judgement)]  # fmt: skip
    own = [j for j in made if not j.flags]
    with tempfile.TemporaryDirectory() as folder:
        tables = {"passage": data.passages, "query/candidate": queries, "pool": pool}
        dataset = write_tables(Path(folder) / "out", tables, "bench")

        def ask(found: cascading.Round) -> None:
            rows = [Judgement(q, p, judge(q, p), "judge", assessor_id="rule")
                    for q, p in found.pairs]  # fmt: skip
            append(dataset, "rule", rows, {"plugin": "bench"})

        with dataset.locked():
            cascading.run(dataset, "pool", Samples(), budget, ask)
            bodies = certified.calibrations(dataset)
            by_score = list(certified.labels(dataset, bodies))
            judged = list(dataset.read("judgement/rule"))
            standing = certified.standing(dataset, bodies)
    for level, one in standing.items():
        missed = one["missed"] or {}
        print(f"  {level}: pool {one['n_pool']:,}, tau plus {one['tau_plus']}, certified "
              f"{one['n_certified']:,}, judged {one['n_judged']:,} ({one['n_judged_relevant']:,} "
              f"relevant), recall by the rule {missed.get('recall')}")  # fmt: skip
    return {
        "seed": grades(own, queries),
        "uncertified": grades(made, queries),
        "certified": grades([*own, *by_score], queries),
        "judged": grades([*own, *by_score, *judged], queries),
    }


def grades(rows: Iterable[Judgement], queries: Sequence[Query]) -> Labels:
    found: dict[str, dict[str, int]] = defaultdict(dict)
    for one in resolve(rows, {query.query_id: query for query in queries}):
        found[one.query_id][one.passage_id] = one.grade
    return {q: own for q, own in found.items() if max(own.values(), default=0) > 0}


def table(data: Labelled, encoder: bool, n: int, budget: int, rule: str) -> None:
    indexes = systems(data.passages, encoder)
    queries = generated(data, n)
    sets = label_sets(data, queries, indexes, budget, rule)
    human = {q: dict.fromkeys(own, 1) for q, own in data.positives.items()}
    means: dict[str, list[float]] = defaultdict(list)
    halves: tuple[list[float], list[float]] = ([], [])
    for name, index in indexes.items():
        runs = ranked(index, queries, K)
        for kind, labels in sets.items():
            means[kind].append(float(ndcg(runs, labels).mean()))
        by_query = ndcg(ranked(index, data.queries, K), human)
        means["human"].append(float(by_query.mean()))
        for i in range(2):
            halves[i].append(float(by_query[i::2].mean()))
        said = "  ".join(f"{kind} {values[-1]:.3f}" for kind, values in means.items())
        print(f"  {name:<30} {said}")
    for kind in sets:
        tau = kendalltau(means[kind], means["human"]).statistic
        print(f"  {data.name}, {len(queries)} queries: tau of {kind:<12} against human {tau:.3f}")
    print(f"  two halves of the human queries: {kendalltau(*halves).statistic:.3f}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("root", type=Path)
    parser.add_argument("names", nargs="*", default=list(labelled_sets.RELEVANT))
    parser.add_argument("--encoder", action="store_true", help="MiniLM among the variants")
    parser.add_argument("--queries", type=int, default=400)
    parser.add_argument("--judge", choices=("words", "encoder"), default="words")
    parser.add_argument("--budget", type=int, default=2000)
    given = parser.parse_args()
    for name in given.names:
        data = labelled_sets.read(given.root, name)
        print(name, flush=True)
        table(data, given.encoder, given.queries, given.budget, given.judge)


if __name__ == "__main__":
    main()

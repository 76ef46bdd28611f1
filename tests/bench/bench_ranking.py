"""Do a dataset's labels rank retrievers as people's do? Kendall tau over 15 to 18 variants.

    python tests/bench/bench_ranking.py ../shared/data/labelled [NAME…] [--of generated thinned]

For each collection (vaswani, cranfield-graded, stard) two experiments:

- thinned: people's queries, each with one of its positives left, as a generator would leave it:
  a random one, over some draws, or the one that BM25 ranks best (`--left nearest`), since a query
  shares words with the passage it was written from. Then our mining, with people as the judge, on
  a small budget;
- generated: extractive queries made from the documents, no human query or label being seen; the
  judge is a rule.

Labels, by which the variants are ranked by mean nDCG@10:

- seed: the passage that a query was written from, alone;
- uncertified: and what retrievers agree on;
- certified: and what the cascade labels: certified above tau plus, and judged, by the number of
  pairs that are judged in all;
- pool: (thinned) and every positive in the pool, as if all of it were judged;
- human: (what they are compared with) the collection's own queries and labels.

Of tau: the value; its mean and 95 % interval over samples of queries (of both sides, so that it is
wide where either is noisy, and lies lower); and its value among the pairs of variants that people's
queries tell apart. `halves` is tau between random halves of people's queries: no label can be
expected to do much better.

The rule `words` finds a passage relevant that holds most of the query's words, rare ones counting
more; it reads words as BM25 does and understands nothing. `encoder` goes by the cosine of
all-MiniLM (English); then no variant is that encoder. What a rule certifies says that the
machinery works, not that its labels are good. Prints tables, asserts nothing.
"""

from __future__ import annotations

import argparse
import math
import tempfile
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import labelled_sets
import numpy as np
import ranked_variants as variants
from labelled_sets import Labelled
from ranked_variants import Labels

from datakit.dataset import Dataset, write_tables
from datakit.judging import cascading, certified
from datakit.judging.certifying import Samples
from datakit.judging.tables import append, judged
from datakit.miners.indirect_positive import IndirectPositive
from datakit.records import Judgement, Passage, Pooled, Query
from datakit.registry import make
from datakit.retrievers import Retrieved
from datakit.retrievers._tokenise import Tokeniser
from datakit.stages import resolve
from datakit.vectors import vectors_kept_in

Pair = tuple[str, str]  # query_id, passage_id
Judge = Callable[[Sequence[Pair]], list[int]]  # grades
# of a budget of some hundred pairs the samples may not take most: 60 for a threshold pass with
# one error at a precision of 0.92, none outside the pool
SMALL = Samples(fit=100, step=60, outside=0)


# --- judges ------------------------------------------------------------------------------


class Words:
    """Grades by the share of the query's words that a passage holds, weighed by rarity."""

    def __init__(self, passages: Sequence[Passage], queries: Sequence[Query]) -> None:
        self._tokens = Tokeniser(chinese="search")
        lists = self._tokens.fit((f"{p.title or ''} {p.text}", p.language) for p in passages)
        self._of = {p.passage_id: set(own) for p, own in zip(passages, lists, strict=True)}
        frequency = Counter(term for own in self._of.values() for term in own)
        self._idf = {t: math.log(1 + len(passages) / n) for t, n in frequency.items()}
        self._queries = {q.query_id: q for q in queries}

    def __call__(self, pairs: Sequence[Pair]) -> list[int]:
        return [self._grade(*pair) for pair in pairs]

    def _grade(self, query_id: str, passage_id: str) -> int:
        query = self._queries[query_id]
        terms = set(self._tokens.transform([(query.text, query.language)])[0])
        whole = sum(self._idf[t] for t in sorted(terms))
        held = sum(self._idf[t] for t in sorted(terms & self._of[passage_id]))
        return 0 if not whole else sum(held / whole >= least for least in (0.4, 0.65, 0.9))


class Cosine:
    """Grades by the cosine of an encoder, at thresholds that nobody tuned."""

    def __init__(self, index: Any, passages: Sequence[Passage], queries: Sequence[Query]) -> None:
        self._index = index
        self._queries = {q.query_id: q for q in queries}
        self._passages = {p.passage_id: p for p in passages}

    def __call__(self, pairs: Sequence[Pair]) -> list[int]:
        scores = self._index.score([(self._queries[q], self._passages[p]) for q, p in pairs])
        return [sum(float(score) >= least for least in (0.35, 0.5, 0.65)) for score in scores]


def people(data: Labelled) -> Judge:
    return lambda pairs: [2 * int(p in data.positives[q]) for q, p in pairs]


# --- labels ------------------------------------------------------------------------------


def label_sets(
    data: Labelled, queries: list[Query], indexes: dict[str, Any], judge: Judge, how: Samples,
    budgets: Sequence[int],
) -> tuple[dict[str, Labels], list[Pooled]]:  # fmt: skip
    """The sets of labels, and the pool."""
    names = ("bm25", "dense" if "dense" in indexes else "lsa 256")
    retrieved = [Retrieved(n, indexes[n], list(indexes[n].search(queries, 100))) for n in names]
    miner = IndirectPositive()
    pool = list(miner.pool(queries, data.passages, [], retrieved))
    made = [j for j in miner(queries, data.passages, [], retrieved, pool)
            if isinstance(j, Judgement)]  # fmt: skip
    own = [j for j in made if not j.flags]
    sets = {"seed": grades(own, queries), "uncertified": grades(made, queries)}
    with tempfile.TemporaryDirectory() as folder:
        tables = {"passage": data.passages, "query/candidate": queries, "pool": pool}
        dataset = write_tables(Path(folder) / "out", tables, "bench")
        with dataset.locked():
            for budget in sorted(budgets):
                spend(dataset, how, budget, judge)
                bodies = certified.calibrations(dataset)
                labels = [*own, *certified.labels(dataset, bodies), *judged(dataset)]
                sets[f"certified {budget:,}"] = grades(labels, queries)
                say(bodies, certified.standing(dataset, bodies))
    return sets, pool


def spend(dataset: Dataset, how: Samples, budget: int, judge: Judge) -> None:
    """Run the cascade until so many pairs are judged, those of the samples among them."""

    def ask(found: cascading.Round) -> None:
        given = zip(found.pairs, judge(found.pairs), strict=True)
        rows = [Judgement(*pair, grade, "judge", assessor_id="bench") for pair, grade in given]
        append(dataset, "bench", rows, {"plugin": "bench"})

    queue, before = 0, -1
    cascading.run(dataset, "pool", how, queue, ask)
    while before < (n := sum(1 for _ in judged(dataset))) < budget:
        queue, before = queue + budget - n, n
        cascading.run(dataset, "pool", how, queue, ask)


def say(bodies: Any, standing: Any) -> None:
    for level, one in standing.items():
        tried = [f"{step['share']:g} of the pool: {step['errors']} of {step['n']}"
                 for step in bodies[level]["steps"]["above"]["tried"]]  # fmt: skip
        recall = (one["missed"] or {}).get("recall") or {}
        print(f"    {level}: pool {one['n_pool']:,}, judged {one['n_judged']:,} "
              f"({one['n_judged_relevant']:,} relevant), tau plus {one['tau_plus']}, certified "
              f"{one['n_certified']:,}; errors at the thresholds: {'; '.join(tried) or 'none'}; "
              f"recall by the judge {recall.get('value')}")  # fmt: skip


def grades(rows: Iterable[Judgement], queries: Sequence[Query]) -> Labels:
    found: dict[str, dict[str, int]] = defaultdict(dict)
    for one in resolve(rows, {query.query_id: query for query in queries}):
        found[one.query_id][one.passage_id] = one.grade
    return {q: own for q, own in found.items() if max(own.values(), default=0) > 0}


# --- experiments -------------------------------------------------------------------------


def by_people(data: Labelled, indexes: dict[str, Any], queries: Sequence[Query]) -> np.ndarray:
    labels = {q.query_id: dict.fromkeys(sorted(data.positives[q.query_id]), 1) for q in queries}
    return variants.ndcg([variants.ranked(one, queries) for one in indexes.values()], labels)


def thinned(data: Labelled, indexes: dict[str, Any], given: argparse.Namespace) -> None:
    """One positive of each human query is left, then people judge a few pairs."""
    queries = labelled_sets.thinned(data, given.queries, 0)
    runs = [variants.ranked(one, queries) for one in indexes.values()]
    human = by_people(data, indexes, queries)
    nearest, draws = None, given.draws
    if given.left == "nearest":
        nearest, draws = variants.ranked(indexes["bm25"], data.queries, 1000), 1
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for draw in range(draws):
        queries = labelled_sets.thinned(data, given.queries, draw, nearest)
        sets, pool = label_sets(data, queries, indexes, people(data), SMALL, given.budget)
        sets["pool"] = everything(data, sets["seed"], pool)
        for kind, labels in sets.items():
            rows = {q.query_id: labels[q.query_id] for q in queries}
            found[kind].append(variants.agreement(variants.ndcg(runs, rows), human, paired=True))
    table(list(indexes), human, found)


def everything(data: Labelled, seeds: Labels, pool: Iterable[Pooled]) -> Labels:
    """The seeds, and whatever people found relevant in the pool."""
    labels = {query_id: dict(own) for query_id, own in seeds.items()}
    for one in pool:
        if one.passage_id in data.positives[one.query_id]:
            labels[one.query_id].setdefault(one.passage_id, 2)
    return labels


def generated(data: Labelled, indexes: dict[str, Any], given: argparse.Namespace) -> None:
    """Queries made from the documents, judged by a rule."""
    encoder = indexes.get("dense")
    if given.judge == "encoder":
        indexes = {name: one for name, one in indexes.items() if "dense" not in name}
    written = labelled_sets.as_written(data.passages)
    made = [q for q in make("generators", "extractive_bottom_up")(written)
            if isinstance(q, Query)]  # fmt: skip
    at = np.random.default_rng(0).permutation(len(made))[: given.generated]
    queries = [made[i] for i in sorted(at.tolist())]
    judge: Judge = Words(data.passages, queries)
    if given.judge == "encoder":
        judge = Cosine(encoder, data.passages, queries)
    sets, _ = label_sets(data, queries, indexes, judge, Samples(), [given.judged])
    runs = [variants.ranked(one, queries) for one in indexes.values()]
    human = by_people(data, indexes, data.queries)
    means = {kind: variants.ndcg(runs, labels) for kind, labels in sets.items()}
    print(f"    {len(queries)} of {len(made)} queries, judged by {given.judge}")
    for row, name in enumerate(indexes):
        said = "  ".join(f"{kind} {values[row].mean():.3f}" for kind, values in means.items())
        print(f"    {name:<28} {said}  human {human[row].mean():.3f}")
    compared = {k: [variants.agreement(v, human, paired=False)] for k, v in means.items()}
    table(list(indexes), human, compared)


def table(names: list[str], human: np.ndarray, found: dict[str, list[dict[str, Any]]]) -> None:
    """Tau by kind of label: means over draws, the interval over samples of queries of all draws."""
    scores = human.mean(axis=1)
    said = ", ".join(f"{names[i]} {scores[i]:.3f}" for i in np.argsort(-scores))
    sure = variants.told_apart(human)
    parts = variants.halves(human)
    print(f"  human nDCG@10 over {human.shape[1]} queries: {said}")
    print(
        f"  people tell {int(sure.sum())} of {len(sure)} pairs apart; halves: tau "
        f"{parts.mean():.3f} [{np.percentile(parts, 2.5):.3f}, {np.percentile(parts, 97.5):.3f}]"
    )
    for kind, draws in found.items():
        samples = np.concatenate([one["samples"] for one in draws])
        low, high = np.percentile(samples, [2.5, 97.5])
        mean, clear = (np.mean([one[key] for one in draws]) for key in ("tau", "clear"))
        least = f", least of {len(draws)} draws {min(one['tau'] for one in draws):.3f}"
        print(f"  {kind:<15} tau {mean:.3f}{least if len(draws) > 1 else ''}; samples "
              f"{samples.mean():.3f} [{low:.3f}, {high:.3f}]; among clear pairs {clear:.3f}",
              flush=True)  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("root", type=Path)
    parser.add_argument("names", nargs="*", default=list(labelled_sets.RELEVANT))
    parser.add_argument("--of", nargs="+", choices=("thinned", "generated"), required=True)
    parser.add_argument("--queries", type=int, default=250, help="thinned: at most")
    parser.add_argument("--draws", type=int, default=5, help="thinned: of the positive left")
    parser.add_argument("--left", choices=("random", "nearest"), default="random")
    parser.add_argument(
        "--budget", type=int, nargs="+", default=[400, 1000], help="thinned: pairs judged in all"
    )
    parser.add_argument("--generated", type=int, default=400, help="generated queries, at most")
    parser.add_argument("--judge", choices=("words", "encoder"), default="words")
    parser.add_argument("--judged", type=int, default=4000, help="generated: pairs judged in all")
    parser.add_argument("--vectors", type=Path, help="a folder to keep vectors in")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, vectors_kept_in(given.vectors or Path(folder)):
        for name in given.names:
            data = labelled_sets.read(given.root, name)
            indexes = variants.systems(data.passages, encoder=name != "stard")
            for what in given.of:
                print(f"{name}, {what}", flush=True)
                (thinned if what == "thinned" else generated)(data, indexes, given)


if __name__ == "__main__":
    main()

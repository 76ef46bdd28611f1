"""Mining against people: half of the positives hidden, the rest the seeds, people the judge.

    python tests/bench/bench_mining.py ../shared/data/labelled [NAME…] [--encoder] [--seeds 100]

For each collection (vaswani, cranfield-graded, stard):

- pool: of the hidden positives, how many are in it, and what share of it they are, by its depth,
  whole and without each route;
- labels: recall and precision of the hidden positives before calibration (retrievers agree) and
  after it (certified, the whole way through `judging.cascading` with people as the judge);
- the bound: over seeds, each with another hidden half and other samples, how often a threshold
  passes, and how often the precision above it, by all labels, is what was certified. Pairs are
  scored once.

What people did not label counts as not relevant: in these collections that is the convention, and
it makes precision a lower bound. Prints tables, asserts nothing.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import labelled_sets
import numpy as np
from labelled_sets import Labelled

from datakit.calibration import certify, sampling
from datakit.calibration.certify import Claim
from datakit.dataset import Dataset, write_tables
from datakit.judging import cascading, certified
from datakit.judging.certifying import Samples, fit_sample, missed_of
from datakit.judging.counting import counts_of
from datakit.judging.pools import Pool
from datakit.judging.tables import append
from datakit.miners.indirect_positive import IndirectPositive
from datakit.records import Judgement, Pooled, Query
from datakit.registry import make
from datakit.retrievers import Retrieved

DEPTHS = (5, 10, 20, 50)
ROUTES = ("query", "local", "structural", "global")
PRECISIONS = (0.9, 0.8, 0.5, 0.2, 0.1)


def halves(data: Labelled, seed: int) -> tuple[list[Query], set[tuple[str, str]]]:
    """Queries with one half of their positives as seeds, and the pairs of the other half."""
    rng = np.random.default_rng(seed)
    queries, hidden = [], set()
    for query in data.queries:
        own = sorted(data.positives[query.query_id])
        order = [own[i] for i in rng.permutation(len(own))]
        kept = max(1, (len(own) + int(rng.integers(2))) // 2)
        hidden |= {(query.query_id, one) for one in order[kept:]}
        queries.append(Query(
            query.query_id, query.text, query.language, query.level, query.form,
            seed_passage_ids=tuple(sorted(order[:kept])), pattern="human",
        ))  # fmt: skip
    return queries, hidden


def retrieve(data: Labelled, encoder: bool) -> list[Retrieved]:
    dense = make("retrievers", "dense") if encoder else make("retrievers", "lsa")
    found = []
    for engine in (make("retrievers", "bm25"), dense):
        index = engine.fit(data.passages)
        run = list(index.search(data.queries, 100))
        found.append(Retrieved(engine.plugin_name, index, run))
    return found


def rates(found: set[Any], hidden: set[Any]) -> str:
    right = len(found & hidden)
    precision = right / len(found) if found else float("nan")
    return f"recall {right / len(hidden):.3f}  precision {precision:.3f}  n {len(found):>7,}"


def pools(data: Labelled, retrieved: list[Retrieved]) -> None:
    queries, hidden = halves(data, 0)
    for depth in DEPTHS:
        miner = IndirectPositive(depth=depth)
        rows = [p for p in miner.pool(queries, data.passages, [], retrieved) if not p.own]
        found = {(p.query_id, p.passage_id) for p in rows}
        print(f"  pool, depth {depth:>3}: {'all routes':<22} {rates(found, hidden)}")
        for route in ROUTES:
            if any(route in p.routes for p in rows):
                less = {(p.query_id, p.passage_id) for p in rows if set(p.routes) - {route}}
                print(f"  pool, depth {depth:>3}: {'without ' + route:<22} {rates(less, hidden)}")


def labels(data: Labelled, retrieved: list[Retrieved], precision: float) -> None:
    queries, hidden = halves(data, 0)
    miner = IndirectPositive()
    pool = list(miner.pool(queries, data.passages, [], retrieved))
    made = list(miner(queries, data.passages, [], retrieved, pool))
    uncertified = {(j.query_id, j.passage_id) for j in made if isinstance(j, Judgement) and j.flags}
    print(f"  uncertified:                          {rates(uncertified, hidden)}")
    with tempfile.TemporaryDirectory() as folder:
        tables = {"passage": data.passages, "query/candidate": queries, "pool": pool}
        dataset = write_tables(Path(folder) / "out", tables, "bench")

        def ask(found: cascading.Round) -> None:
            rows = [
                Judgement(q, p, 3 if p in data.positives[q] else 0, "human", assessor_id="people")
                for q, p in found.pairs
            ]
            append(dataset, "human", rows, {"plugin": "bench"})

        with dataset.locked():
            samples = Samples(precision=precision)
            cascading.run(dataset, "pool", samples, budget=0, ask=ask)
            report(data, dataset, hidden, precision)
            cascading.run(dataset, "pool", samples, budget=1000, ask=ask)
            standing = certified.standing(dataset, certified.calibrations(dataset))
    one = standing["passage"]
    print(f"  after a queue of 1,000: judged {one['n_judged']:,}, relevant among them "
          f"{one['n_judged_relevant']:,}; missed {one['missed']}")  # fmt: skip


def report(data: Labelled, dataset: Dataset, hidden: set[Any], precision: float) -> None:
    bodies = certified.calibrations(dataset)
    found = {(j.query_id, j.passage_id) for j in certified.labels(dataset, bodies)}
    body = bodies["passage"]
    print(f"  certified at {precision}: tau plus {body['tau_plus']}, tau minus {body['tau_minus']}"
          f"; {rates(found, hidden)}")  # fmt: skip
    below = body["tau_minus"]
    left = [p for p in dataset.read("pool") if not p.own and below and p.score < below]
    lost = sum(p.passage_id in data.positives[p.query_id] for p in left)
    if left:
        print(f"  below tau minus: {lost:,} of {len(left):,} relevant ({lost / len(left):.4f})")


def bound(data: Labelled, pool: Sequence[Pooled], n_seeds: int, noise: float | None) -> None:
    """The claims of `certify`, over seeds; with `noise` by a score made of the labels and of that
    much noise, since a claim that never passes never fails.
    """
    what = "what retrievers say" if noise is None else f"labels with noise of {noise}"
    scores = np.array([p.score for p in pool])
    relevant = np.array([p.passage_id in data.positives[p.query_id] for p in pool])
    pairs = [(p.query_id, p.passage_id) for p in pool]
    if noise is not None:
        scores = relevant + np.random.default_rng(0).normal(0, noise, len(pool))
    for precision in PRECISIONS:
        claim = Claim("above", round(1 - precision, 6))
        passed, held, true = 0, 0, []
        for seed in range(n_seeds):
            rng = np.random.default_rng([seed, round(100 * precision)])
            queries, _ = halves(data, seed)
            seeds = {(q.query_id, one) for q in queries for one in q.seed_passage_ids}
            own = np.array([pair not in seeds for pair in pairs])
            s, r = scores[own], relevant[own]

            def judged(cut: certify.Cut, s=s, r=r, rng=rng, claim=claim) -> list[int]:
                numbers = rng.integers(0, 1 << 62, len(s))
                at = sampling.simple(numbers, 208, claim.region(s, cut.threshold))
                return [3 * int(one) for one in r[at]]

            tau = certify.walk(certify.grid(s, certify.ABOVE, claim), claim, judged).threshold
            if tau is None:
                held += 1
                continue
            passed += 1
            true.append(float(r[s >= tau].mean()))
            held += true[-1] >= precision
        said = f"mean {np.mean(true):.3f}, least {min(true):.3f}" if true else "none passes"
        print(f"  bound {precision} by {what}: a threshold in {passed} of {n_seeds} seeds; it "
              f"holds in {held}; precision above it {said}", flush=True)  # fmt: skip


def coverage(data: Labelled, retrieved: list[Retrieved], n_seeds: int, budget: int = 1000) -> None:
    """How often the interval of the recall holds the true one, the best pairs being judged."""
    queries, _ = halves(data, 0)
    rows = [p for p in IndirectPositive().pool(queries, data.passages, [], retrieved) if not p.own]
    rows.sort(key=lambda p: (p.query_id, p.passage_id))
    scores = np.array([p.score for p in rows])
    pairs = tuple((p.query_id, p.passage_id) for p in rows)
    asked = tuple(sorted({q for q, _ in pairs}))
    pool = Pool("passage", "pool", asked, pairs, scores, frozenset(pairs))
    truth = {pair: 3 * int(pair[1] in data.positives[pair[0]]) for pair in pairs}
    relevant = np.array([truth[pair] > 0 for pair in pairs])
    queue = np.zeros(len(pairs), bool)
    queue[np.argsort(-scores, kind="stable")[:budget]] = True
    held, values, trues = 0, [], []
    for seed in range(n_seeds):
        samples = Samples(seed=seed)
        fit, of = fit_sample(pool, samples)
        known = queue.copy()
        known[fit.at] = True
        nothing = np.zeros(len(pairs), bool)
        counts = counts_of(
            pool, truth, of, drawn=fit.at[~queue[fit.at]], open_=~known, by_score=nothing,
            checked=[], judged=relevant & known,
        )  # fmt: skip
        recall = (missed_of(counts) or {})["recall"]
        trues.append(float((relevant & known).sum() / relevant.sum()))
        values.append(recall["value"])
        held += recall["low"] <= trues[-1] <= recall["high"]
    print(f"  recall in the pool, estimated {np.mean(values):.3f}, true {np.mean(trues):.3f}: the "
          f"95 % interval holds it in {held} of {n_seeds} seeds", flush=True)  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("root", type=Path)
    parser.add_argument("names", nargs="*", default=list(labelled_sets.RELEVANT))
    parser.add_argument("--encoder", action="store_true", help="MiniLM instead of lsa")
    parser.add_argument("--precision", type=float, default=0.9)
    parser.add_argument("--seeds", type=int, default=100)
    given = parser.parse_args()
    for name in given.names:
        data = labelled_sets.read(given.root, name)
        print(f"{name}: {len(data.passages):,} passages, {len(data.queries):,} queries, "
              f"{sum(map(len, data.positives.values())):,} positives", flush=True)  # fmt: skip
        retrieved = retrieve(data, given.encoder)
        pools(data, retrieved)
        bound_pool = list(IndirectPositive().pool(data.queries, data.passages, [], retrieved))
        labels(data, retrieved, given.precision)
        coverage(data, retrieved, given.seeds)
        for noise in (None, 0.3, 0.4):
            bound(data, bound_pool, given.seeds, noise)


if __name__ == "__main__":
    main()

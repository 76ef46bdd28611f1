"""The pair classifier of arXiv 2012.03619: what the way of sampling training pairs brings.

    python tests/bench/bench_pair_sampling.py DATA [--pairs 3000] [--documents 40] [--seeds 2]

DATA holds documents with headings (JSON lines). A cross-encoder on all-MiniLM-L6-v2 is trained for
each sampling and seed on as many pairs, and tried on the same documents of the test split, without
their headings. `section` and `random` are the paper's by name, `document` is its consecutive
sampling as `datakit.segmentation.pair` has it, and `consecutive` takes neighbours only.

Printed: the accuracy of same-topic prediction on pairs drawn in its own way and on neighbours, and
Pk and F1 of the segmentations at both depths; calibration and threshold (for F1 less Pk) are fitted
on development documents. A row of several seeds is their mean, with the lowest and the highest;
below it the ensemble, the mean of their probabilities. Then the shipped model and cosine depth of
the encoder on the same documents, and the differences between ensembles, with 95 % intervals over
publishers, the same publishers on both sides.

For speed it differs from `datakit train segmenter --arch pair`: bfloat16, no dropout in attention,
and pairs of at most `--length` tokens, where the paper has 512.
"""

from __future__ import annotations

import argparse
import itertools
import json
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from sectioned import by_split

from datakit import models
from datakit.segmentation import calibration, pair
from datakit.segmentation.baselines import Cosine, cuts
from datakit.segmentation.calibration import Raw
from datakit.segmentation.corpus import DEPTHS, SectionedDocument, Split
from datakit.segmentation.measures import f_scores, pk
from datakit.segmentation.model import load, mean_logits
from datakit.segmentation.train import KINDS, choose_thresholds

TEST_PAIRS = 500
N_BOOT = 2000
COLUMNS = ("own", "neighbours", *(f"{d} {m}" for d in DEPTHS for m in ("Pk", "F1")))
NEIGHBOURS = pair.Settings(variants=("stripped",))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--samplings", default=",".join(pair.SAMPLINGS))
    parser.add_argument("--language", default="en")
    parser.add_argument("--pairs", type=int, default=3000, help="for training")
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--documents", type=int, default=40, help="for testing")
    parser.add_argument("--dev", type=int, default=15, help="documents that choose the thresholds")
    parser.add_argument("--length", type=int, default=128, help="tokens of both paragraphs")
    parser.add_argument("--learning-rate", type=float, default=1e-4, help="the encoder is small")
    options = parser.parse_args()
    found = by_split([options.data], options.language)
    bench = Bench(found, options.dev, options.documents)
    print(f"{options.language}: {len(found['train'])} training, {len(bench.dev)} "
          f"development, {len(bench.test)} test documents with {bench.n_gaps:,} gaps; "
          f"{options.pairs:,} pairs, {options.length} tokens, {options.seeds} seeds\n")  # fmt: skip
    print("| model |", " | ".join(COLUMNS), "| CPU s |")
    print("| --- |" + " ---: |" * (len(COLUMNS) + 1), flush=True)
    ensembles = {}
    with tempfile.TemporaryDirectory() as scratch:
        encoder = faster(Path(scratch) / "encoder")
        for sampling in options.samplings.split(","):
            settings = pair.Settings(
                encoder=str(encoder), sampling=sampling, variants=("stripped",), dev_pairs=200,
                max_pairs=options.pairs, max_length=options.length,
                learning_rate=options.learning_rate,
            )  # fmt: skip
            ensembles[f"pair, {sampling}"] = bench.of_sampling(settings, options.seeds)
    others = {"shipped": bench.shipped(), "cosine depth": bench.cosine()}
    for name, counts in others.items():
        row(name, [np.nan, np.nan, *total(counts)])
    differences(ensembles | others, bench.groups)


def drawn(documents: Sequence[SectionedDocument], n: int) -> list[SectionedDocument]:
    order = np.random.default_rng(0).permutation(len(documents))
    return [documents[i] for i in order[:n]]


def faster(folder: Path) -> Path:
    """The encoder without dropout in attention, whose drawing is a third of a training step, and
    with attention written out: its gradient takes half the time of the fused one on a processor.
    """
    folder.mkdir()
    source = models.find_model(models.BUNDLED)
    for file in (f for f in source.iterdir() if f.is_file() and f.name != "config.json"):
        (folder / file.name).symlink_to(file)
    config = json.loads((source / "config.json").read_text("utf-8"))
    config |= {"attention_probs_dropout_prob": 0.0, "attn_implementation": "eager"}
    (folder / "config.json").write_text(json.dumps(config), "utf-8")
    return folder


# --- runs ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Run:
    """What trained classifiers, one or several, say of everything that is measured."""

    pairs: tuple[np.ndarray, np.ndarray]  # logits of a change: pairs of its own way, neighbours
    dev: list[Raw]
    test: list[Raw]


def mean_of(runs: Sequence[Run]) -> Run:
    def mean(one: list[list[Raw]]) -> list[Raw]:
        logits = mean_logits([[raw.logits for raw in member] for member in one])
        return [raw._replace(logits=x) for raw, x in zip(one[0], logits, strict=True)]

    own, near = (mean_logits([[run.pairs[i]] for run in runs])[0] for i in (0, 1))
    return Run((own, near), mean([run.dev for run in runs]), mean([run.test for run in runs]))


class Bench:
    """Documents that choose thresholds and others to test on, and what runs are worth on them."""

    def __init__(
        self, documents: Mapping[Split, list[SectionedDocument]], n_dev: int, n_test: int
    ) -> None:
        self.documents = documents
        tested = drawn(documents["test"], n_test)
        self.groups = [d.group for d in tested]
        self.dev = [d.variant("stripped") for d in drawn(documents["dev"], n_dev)]
        self.test = [d.variant("stripped") for d in tested]
        self.golds = [np.stack([d.gold(depth) for depth in DEPTHS], axis=1) for d in self.test]
        self.n_gaps = sum(map(len, self.golds))

    def of_sampling(self, settings: pair.Settings, seeds: int) -> np.ndarray:
        """Prints the rows of a sampling; the counts of its ensemble."""
        pairs = [pair.sample(self.documents["test"], s, TEST_PAIRS, 1)
                 for s in (settings, NEIGHBOURS)]  # fmt: skip
        started = time.process_time()
        runs = [self.run(settings, seed, pairs) for seed in range(seeds)]
        seconds = (time.process_time() - started) / seeds
        figures = np.array([self.figures(one, pairs)[0] for one in runs])
        row(f"{settings.sampling}, mean", figures.mean(axis=0), seconds, figures)
        ensemble, counts = self.figures(mean_of(runs), pairs)
        row(f"{settings.sampling}, ensemble", ensemble)
        return counts

    def run(self, settings: pair.Settings, seed: int, pairs: Sequence[list[pair.Pair]]) -> Run:
        with tempfile.TemporaryDirectory() as folder, torch.autocast("cpu", torch.bfloat16):
            fitted = pair.fit(
                self.documents["train"], self.documents["dev"], settings, seed=seed,
                checkpoint_dir=Path(folder), on_progress=lambda line: None,
            )  # fmt: skip
        half = replace(fitted, network=fitted.network.to(torch.bfloat16))
        own, near = (half.score([(p.left, p.right) for p in one]) for one in pairs)
        dev, test = (half.raw([d.lines for d in of]) for of in (self.dev, self.test))
        return Run((own, near), dev, test)

    def figures(self, run: Run, pairs: Sequence[list[pair.Pair]]) -> tuple[list[float], np.ndarray]:
        """The columns, and the counts of each document."""
        accuracies = [
            float(np.mean((logits < 0) == np.array([p.same for p in one])))
            for logits, one in zip(run.pairs, pairs, strict=True)
        ]
        gold = {depth: [d.gold(depth) for d in self.dev] for depth in DEPTHS}
        scaled = calibration.fit(run.dev, gold)
        on_dev = [scaled(raw) for raw in run.dev]
        chosen = choose_thresholds(self.dev, on_dev, [raw.condition for raw in run.dev])[KINDS[0]]
        found = [
            scaled(raw) >= np.array([chosen.values[raw.condition][depth] for depth in DEPTHS])
            for raw in run.test
        ]
        counts = self.counts(found)
        return [*accuracies, *total(counts)], counts

    def counts(self, found: Sequence[np.ndarray]) -> np.ndarray:
        """(n_documents, n_depths, 5): one, Pk, boundaries found rightly, in the gold, found."""
        return np.array([
            [(1, pk(g, f), (g & f).sum(), g.sum(), f.sum())
             for g, f in zip(gold.T, cut.T, strict=True)]
            for gold, cut in zip(self.golds, found, strict=True)
        ])  # fmt: skip

    def shipped(self) -> np.ndarray:
        return self.counts(cuts(load(), [d.lines for d in self.test]))

    def cosine(self) -> np.ndarray:
        return self.counts(cuts(Cosine().fitted(self.dev), [d.lines for d in self.test]))


# --- figures -------------------------------------------------------------------------------------


def total(counts: np.ndarray, times: np.ndarray | None = None) -> list[float]:
    """Pk, the mean over documents, and F1, over all boundaries, of each depth.

    Args:
        counts: (n_documents, n_depths, 5), see `Bench.counts`.
        times: (n_documents,) how often each counts; None: once.
    """
    weights = np.ones(len(counts)) if times is None else times
    sums = np.einsum("d,dkc->kc", weights, counts)
    f1 = f_scores(sums[:, 2], sums[:, 3], sums[:, 4])[2]
    return np.stack([sums[:, 1] / sums[:, 0], f1], axis=1).ravel().tolist()


def row(
    name: str, values: Sequence[float], seconds: float = np.nan, spread: np.ndarray | None = None
) -> None:
    cells = ["" if np.isnan(v) else f"{100 * v:.1f}" for v in values]
    if spread is not None:
        cells = [f"{cell} ({100 * low:.1f} to {100 * high:.1f})" for cell, low, high
                 in zip(cells, spread.min(axis=0), spread.max(axis=0), strict=True)]  # fmt: skip
    print(f"| {name} |", " | ".join(cells), f"| {'' if np.isnan(seconds) else f'{seconds:.0f}'} |",
          flush=True)  # fmt: skip


def differences(counts: Mapping[str, np.ndarray], groups: Sequence[str]) -> None:
    """Prints the difference of every two, with an interval over resampled groups."""
    names, at = np.unique(np.asarray(groups), return_inverse=True)
    rng = np.random.default_rng(0)
    times = rng.multinomial(len(names), np.full(len(names), 1 / len(names)), N_BOOT)[:, at]
    print("\n| difference |", " | ".join(COLUMNS[2:]), "|")
    print("| --- |" + " ---: |" * len(COLUMNS[2:]))
    for (one, a), (other, b) in itertools.combinations(counts.items(), 2):
        value = np.subtract(total(a), total(b))
        resampled = [np.subtract(total(a, n), total(b, n)) for n in times]
        low, high = np.percentile(resampled, [2.5, 97.5], axis=0)
        cells = [f"{100 * v:+.1f} ({100 * x:+.1f} to {100 * y:+.1f})"
                 for v, x, y in zip(value, low, high, strict=True)]  # fmt: skip
        print(f"| {one} less {other} |", " | ".join(cells), "|")


if __name__ == "__main__":
    main()

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

With --keep, a run that is in the folder is read from there: samplings and seeds can be run one by
one, and the table printed at the end.

For speed it differs from `datakit train segmenter --arch pair`: bfloat16, no dropout in attention,
and pairs of at most `--length` tokens, where the paper has 512.
"""

from __future__ import annotations

import argparse
import itertools
import json
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch

from datakit import models
from datakit.records import sha256
from datakit.segmentation import calibration, pair
from datakit.segmentation.baselines import Cosine, cuts
from datakit.segmentation.calibration import Raw, condition
from datakit.segmentation.corpus import DEPTHS, SectionedDocument, read
from datakit.segmentation.estimates import Estimate, estimates, of_document
from datakit.segmentation.evaluate import few_a_group
from datakit.segmentation.model import load, mean_logits
from datakit.segmentation.train import KINDS, choose_thresholds

MOST_LINES, A_GROUP = 250, 4  # of a document, and documents of a publisher, for dev and test
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
    parser.add_argument("--keep", type=Path, help="folder for what the classifiers say")
    options = parser.parse_args()
    every = [d for d in read([options.data]) if d.language == options.language]
    bench = Bench(every, options.dev, options.documents, options.keep)
    print(f"{options.language}: {len(bench.of['train'])} training, {len(bench.dev)} "
          f"development, {len(bench.test)} test documents with {bench.n_gaps:,} gaps; "
          f"{options.pairs:,} pairs, {options.length} tokens, {options.seeds} seeds\n")  # fmt: skip
    print("| model |", " | ".join(COLUMNS), "|")
    print("| --- |" + " ---: |" * len(COLUMNS), flush=True)
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
        row(name, [np.nan, np.nan, *bench.quality(counts)])
    bench.differences(ensembles | others)


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

    own: np.ndarray  # (n_pairs,) logits of a change, of pairs drawn in its own way
    near: np.ndarray  # of neighbours
    dev: list[np.ndarray]  # (n_gaps, 2) logits of each document
    test: list[np.ndarray]


def mean_of(runs: Sequence[Run]) -> Run:
    own, near = (mean_logits([[getattr(r, name)] for r in runs])[0] for name in ("own", "near"))
    return Run(own, near, mean_logits([r.dev for r in runs]), mean_logits([r.test for r in runs]))


class Bench:
    """Documents that choose thresholds and others to test on, and what runs are worth on them."""

    def __init__(
        self, documents: Sequence[SectionedDocument], n_dev: int, n_test: int, keep: Path | None
    ) -> None:
        self.keep = keep
        short = [d for d in documents if 1 < len(d.lines) <= MOST_LINES]
        few = list(few_a_group(short, A_GROUP))
        self.of = {
            "train": [d for d in documents if d.split == "train" and len(d.lines) > 1],
            "dev": [d for d in few if d.split == "dev"],
            "test": [d for d in few if d.split == "test"],
        }
        tested = drawn(self.of["test"], n_test)
        self.groups = [d.group for d in tested]
        self.dev = [d.variant("stripped") for d in drawn(self.of["dev"], n_dev)]
        self.test = [d.variant("stripped") for d in tested]
        self.n_gaps = sum(len(d.lines) - 1 for d in self.test)

    def of_sampling(self, settings: pair.Settings, seeds: int) -> np.ndarray:
        """Prints the rows of a sampling; the counts of its ensemble."""
        pairs = [pair.sample(self.of["test"], s, TEST_PAIRS, 1)
                 for s in (settings, NEIGHBOURS)]  # fmt: skip
        runs = [self.kept(settings, seed, pairs) for seed in range(seeds)]
        figures = np.array([self.figures(one, pairs)[0] for one in runs])
        row(f"{settings.sampling}, mean", figures.mean(axis=0), figures)
        ensemble, counts = self.figures(mean_of(runs), pairs)
        row(f"{settings.sampling}, ensemble", ensemble)
        return counts

    def kept(self, settings: pair.Settings, seed: int, pairs: Sequence[list[pair.Pair]]) -> Run:
        if self.keep is None:
            return self.run(settings, seed, pairs)
        about = [*asdict(replace(settings, encoder="")).items(), seed, self.n_gaps, len(self.dev)]
        file = self.keep / f"{sha256(repr(about))[:16]}.npz"
        ends = [np.cumsum([len(d.lines) - 1 for d in of])[:-1] for of in (self.dev, self.test)]
        if not file.is_file():
            made = self.run(settings, seed, pairs)
            arrays = {"dev": np.concatenate(made.dev), "test": np.concatenate(made.test)}
            self.keep.mkdir(parents=True, exist_ok=True)
            np.savez(file, own=made.own, near=made.near, **arrays)
        found = np.load(file)
        dev, test = (np.split(found[k], at) for k, at in zip(("dev", "test"), ends, strict=True))
        return Run(found["own"], found["near"], dev, test)

    def run(self, settings: pair.Settings, seed: int, pairs: Sequence[list[pair.Pair]]) -> Run:
        started = time.process_time()
        # with its cache, autocast would go on with the bfloat16 copies of the first weights
        half_precision = torch.autocast("cpu", torch.bfloat16, cache_enabled=False)
        with tempfile.TemporaryDirectory() as folder, half_precision:
            fitted = pair.fit(
                self.of["train"], self.of["dev"], settings, seed=seed,
                checkpoint_dir=Path(folder), on_progress=lambda line: None,
            )  # fmt: skip
        half = replace(fitted, network=fitted.network.to(torch.bfloat16))
        own, near = (half.score([(p.left, p.right) for p in one]) for one in pairs)
        dev, test = (half.logits([d.lines for d in of]) for of in (self.dev, self.test))
        seconds = time.process_time() - started
        print(f"{settings.sampling}, seed {seed}: {seconds:.0f} CPU s", file=sys.stderr, flush=True)
        return Run(own, near, dev, test)

    def figures(self, run: Run, pairs: Sequence[list[pair.Pair]]) -> tuple[list[float], np.ndarray]:
        """The columns, and the counts of each document."""
        accuracies = [
            float(np.mean((logits < 0) == np.array([p.same for p in one])))
            for logits, one in zip((run.own, run.near), pairs, strict=True)
        ]
        on_dev, on_test = (
            [Raw(x, condition(d.lines)) for x, d in zip(logits, of, strict=True)]
            for logits, of in ((run.dev, self.dev), (run.test, self.test))
        )
        scaled = calibration.fit(
            on_dev, {depth: [d.gold(depth) for d in self.dev] for depth in DEPTHS}
        )
        p = [scaled(raw) for raw in on_dev]
        chosen = choose_thresholds(self.dev, p, [raw.condition for raw in on_dev])[KINDS[0]]
        found = [
            scaled(raw) >= np.array([chosen.values[raw.condition][depth] for depth in DEPTHS])
            for raw in on_test
        ]
        counts = self.counts(found)
        return [*accuracies, *self.quality(counts)], counts

    def counts(self, found: Sequence[np.ndarray]) -> np.ndarray:
        """(n_depths, n_documents, 12), see `estimates.of_document`."""
        return np.array([
            [of_document(d.gold(depth), cut[:, column])
             for d, cut in zip(self.test, found, strict=True)]
            for column, depth in enumerate(DEPTHS)
        ])  # fmt: skip

    def quality(self, counts: np.ndarray) -> list[float]:
        """Pk and F1 of each depth."""
        found = [estimates(of_depth, self.groups, 0, 0) for of_depth in counts]
        return [each[measure].value for each in found for measure in ("pk", "f1")]

    def shipped(self) -> np.ndarray:
        return self.counts(cuts(load(), [d.lines for d in self.test]))

    def cosine(self) -> np.ndarray:
        return self.counts(
            cuts(Cosine(dtype="auto").fitted(self.dev), [d.lines for d in self.test])
        )

    def differences(self, counts: Mapping[str, np.ndarray]) -> None:
        """Prints the difference of every two, with an interval over resampled publishers."""
        print("\n| difference |", " | ".join(COLUMNS[2:]), "|")
        print("| --- |" + " ---: |" * len(COLUMNS[2:]))
        for (one, a), (other, b) in itertools.combinations(counts.items(), 2):
            found = [estimates(x, self.groups, N_BOOT, 0, y) for x, y in zip(a, b, strict=True)]
            cells = [signed(each[measure]) for each in found for measure in ("pk", "f1")]
            print(f"| {one} less {other} |", " | ".join(cells), "|")


def signed(difference: Estimate) -> str:
    low, high = difference.low or 0.0, difference.high or 0.0
    return f"{100 * difference.value:+.1f} ({100 * low:+.1f} to {100 * high:+.1f})"


def row(name: str, values: Sequence[float], spread: np.ndarray | None = None) -> None:
    cells = ["" if np.isnan(v) else f"{100 * v:.1f}" for v in values]
    if spread is not None:
        cells = [f"{cell} ({100 * low:.1f} to {100 * high:.1f})" for cell, low, high
                 in zip(cells, spread.min(axis=0), spread.max(axis=0), strict=True)]  # fmt: skip
    print(f"| {name} |", " | ".join(cells), "|", flush=True)


if __name__ == "__main__":
    main()

"""The pair classifier of arXiv 2012.03619: what the way of sampling training pairs brings.

    python tests/bench/bench_pair_sampling.py DATA [--pairs 3000] [--documents 40] [--length 128]

DATA holds documents with headings (JSON lines). A cross-encoder on all-MiniLM-L6-v2 is trained
once for each sampling, on as many pairs, and tried on the same documents of the test split without
their headings. Printed: the accuracy of same-topic prediction on pairs drawn in its own way and on
neighbours, and Pk and F1 of the segmentations at both depths, with the calibration and thresholds
for F1 and for Pk fitted on development documents. Single runs: one seed each.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np

from datakit.segmentation import calibration, corpus, pair
from datakit.segmentation.corpus import DEPTHS, SectionedDocument
from datakit.segmentation.train import KINDS, choose_thresholds, mean_pk, micro_f1

TEST_PAIRS = 1000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--samplings", default=",".join(pair.SAMPLINGS))
    parser.add_argument("--language", default="en")
    parser.add_argument("--pairs", type=int, default=3000, help="for training")
    parser.add_argument("--documents", type=int, default=40, help="for testing")
    parser.add_argument("--dev", type=int, default=15, help="documents that choose the thresholds")
    parser.add_argument("--length", type=int, default=128, help="tokens of both paragraphs")
    parser.add_argument("--learning-rate", type=float, default=1e-4, help="the encoder is small")
    options = parser.parse_args()
    found = [d for d in corpus.read([options.data]) if d.language == options.language]
    of = {name: [d for d in found if d.split == name] for name in ("train", "dev", "test")}
    rng = np.random.default_rng(0)
    test = [of["test"][i] for i in rng.permutation(len(of["test"]))[: options.documents]]
    dev = [of["dev"][i] for i in rng.permutation(len(of["dev"]))[: options.dev]]
    print(f"{options.language}: {len(of['train'])} training, {len(test)} test documents, "
          f"{options.pairs:,} pairs, {options.length} tokens", flush=True)  # fmt: skip
    print(
        "| sampling | accuracy own | neighbours | depth | for F1: Pk | F1 | for Pk: Pk | F1 | s |"
    )
    print("| --- | ---: | ---: | --- | ---: | ---: | ---: | ---: | ---: |", flush=True)
    for sampling in options.samplings.split(","):
        settings = pair.Settings(
            sampling=sampling, variants=("stripped",), max_pairs=options.pairs,
            max_length=options.length, dev_pairs=300,
            learning_rate=options.learning_rate,
        )  # fmt: skip
        one(settings, of, dev, test)


def one(
    settings: pair.Settings,
    of: dict[str, list[SectionedDocument]],
    dev: list[SectionedDocument],
    test: list[SectionedDocument],
) -> None:
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        fitted = pair.fit(
            of["train"], of["dev"], settings, seed=0, checkpoint_dir=Path(folder),
            on_progress=lambda line: None,
        )  # fmt: skip
    seconds = time.monotonic() - started
    neighbours = pair.Settings(variants=("stripped",))
    own = pair.accuracy(fitted, pair.sample(of["test"], settings, TEST_PAIRS, 1))
    near = pair.accuracy(fitted, pair.sample(of["test"], neighbours, TEST_PAIRS, 1))
    forms = [d.variant("stripped") for d in dev]
    raw = fitted.raw([one.lines for one in forms])
    scaled = calibration.fit(raw, {d: [one.gold(d) for one in forms] for d in DEPTHS})
    p = [scaled(x) for x in raw]
    thresholds = choose_thresholds(forms, p, [x.condition for x in raw])
    tested = [d.variant("stripped") for d in test]
    found = fitted.raw([one.lines for one in tested])
    for column, depth in enumerate(DEPTHS):
        gold = [document.gold(depth) for document in tested]
        cells = []
        for kind in KINDS:
            at = [thresholds[kind].values[x.condition][depth] for x in found]
            cuts = [scaled(x)[:, column] >= t for x, t in zip(found, at, strict=True)]
            cells += [f"{100 * mean_pk(gold, cuts):.1f}", f"{100 * micro_f1(gold, cuts):.1f}"]
        print(f"| {settings.sampling} | {own:.3f} | {near:.3f} | {depth} | {' | '.join(cells)} "
              f"| {seconds:.0f} |", flush=True)  # fmt: skip


if __name__ == "__main__":
    main()

"""Segmenters: documents per CPU second, and measures beside segeval.

`python tests/bench/bench_segmenters.py [documents] [model folder …]`. Documents are drawn from
Zipf's law, 86 paragraphs each as terms of service have them. Prints ratios, asserts none.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

import numpy as np
import segeval

from datakit.segmentation import measures
from datakit.segmentation.baselines import BASELINES, Cosine, cuts
from datakit.segmentation.corpus import Line
from datakit.segmentation.model import load

N_LINES, WORDS_A_LINE = 86, 55
FEW = 5  # documents for an encoder, which needs a second or two for each


def documents(n: int) -> list[list[Line]]:
    rng = np.random.default_rng(0)

    def line() -> Line:
        words = rng.zipf(1.3, WORDS_A_LINE)
        return Line(" ".join(f"w{min(int(rank), 50_000)}" for rank in words) + ".")

    return [[line() for _ in range(N_LINES)] for _ in range(n)]


def clocked(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


def speeds(n: int, folders: list[str]) -> None:
    made = documents(n)
    models = {name: cls() for name, cls in BASELINES.items() if cls is not Cosine}
    for name, model in [*models.items(), *((folder, load(folder)) for folder in folders)]:
        cuts(model, made[:2])  # what is loaded once
        spent = clocked(lambda model=model: cuts(model, made))
        print(f"{name:<24} {n / max(spent, 1e-9):10,.1f} documents per CPU s")
    model = Cosine()
    cuts(model, made[:1])
    spent = clocked(lambda: cuts(model, made[:FEW]))
    print(f"{model.name:<24} {FEW / spent:10,.1f} documents per CPU s")


def beside_segeval(n: int) -> None:
    rng = np.random.default_rng(1)
    pairs = [rng.random((2, N_LINES - 1)) < 0.15 for _ in range(n)]
    lengths = [
        tuple(
            tuple(np.diff([0, *(np.flatnonzero(gaps) + 1).tolist(), N_LINES]).tolist())
            for gaps in pair
        )
        for pair in pairs
    ]
    for name in ("pk", "window_diff", "boundary_similarity"):
        ours, theirs = getattr(measures, name), getattr(segeval, name)
        mine = clocked(lambda ours=ours: [ours(gold, found) for gold, found in pairs])
        peer = clocked(lambda theirs=theirs: [theirs(found, gold) for gold, found in lengths])
        print(
            f"{name:<24} {n / mine:10,.0f} documents per CPU s, {peer / mine:.0f} times segeval's"
        )


if __name__ == "__main__":
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    speeds(count, sys.argv[2:])
    beside_segeval(count)

"""Retriever variants that a person would compare, and how much two sets of labels rank them alike.

The variants differ on purpose: in how words are read, in what of a passage is read, in the number
of dimensions, in the kind of retriever, and in fusions of these. The list was set before any
ranking of it was seen.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from datakit.records import Passage, Query
from datakit.registry import make
from datakit.retrievers._search import DenseIndex, texts_by_preference
from datakit.training.bag import bag_encoder
from datakit.training.contrast import encode

Labels = Mapping[str, Mapping[str, int]]  # query_id -> passage_id -> grade
Rankings = Mapping[str, list[str]]
K = 10
N_BOOT = 2000
N_HALVES = 200
VARIANTS: dict[str, tuple[str, dict[str, object]]] = {
    "bm25": ("bm25", {}),
    "bm25, lengths ignored": ("bm25", {"b": 0.0}),
    "bm25, repetition ignored": ("bm25", {"k1": 0.01}),
    "bm25, unstemmed; zh words": ("bm25", {"stemmer": "", "chinese": "words"}),
    "bm25, stop words; zh search": ("bm25", {"stop_words": False, "chinese": "search"}),
    "lsa 16": ("lsa", {"dimensions": 16}),
    "lsa 64": ("lsa", {"dimensions": 64}),
    "lsa 256": ("lsa", {"dimensions": 256}),
}
SHORTENED = {"bm25, first 8 words": 8, "bm25, first 20 words": 20}
BAGS = {"bag 64": 64, "bag 512": 512}  # pieces of words, idf times random directions, untrained
ENCODED = {"dense": None, "dense, first 32 tokens": 32}  # all-MiniLM, English
FUSED: dict[str, tuple[tuple[str, str], tuple[float, float]]] = {
    "bm25 + lsa 256": (("bm25", "lsa 256"), (1.0, 1.0)),
    "bm25 + 3 lsa 64": (("bm25", "lsa 64"), (1.0, 3.0)),
    "lsa 64 + bag 512": (("lsa 64", "bag 512"), (1.0, 1.0)),
    "bm25 + dense": (("bm25", "dense"), (1.0, 1.0)),
}


def systems(passages: Sequence[Passage], encoder: bool) -> dict[str, Any]:
    """The fitted variants: 15, with the encoder 18."""
    found: dict[str, Any] = {
        name: make("retrievers", *how).fit(passages) for name, how in VARIANTS.items()
    }
    for name, n in SHORTENED.items():
        found[name] = make("retrievers", "bm25").fit([shortened(one, n) for one in passages])
    for name, dim in BAGS.items():
        found[name] = bag(passages, dim)
    if encoder:
        for name, length in ENCODED.items():
            settings = {"max_length": length, "dtype": "auto"}
            found[name] = make("retrievers", "dense", settings).fit(passages)
    for name, (parts, weights) in FUSED.items():
        if all(part in found for part in parts):
            fusion = make("retrievers", "hybrid", {"of": parts, "weights": weights})
            found[name] = fusion.fuse(passages, [found[part] for part in parts])
    return found


def shortened(passage: Passage, n: int) -> Passage:
    """Its first n words without the title; two characters of Chinese count as one word."""
    if passage.language == "zh":
        return replace(passage, title=None, text=passage.text[: 2 * n])
    return replace(passage, title=None, text=" ".join(passage.text.split()[:n]))


def bag(passages: Sequence[Passage], dim: int) -> DenseIndex:
    kept, texts = texts_by_preference(passages, (), True)
    model = bag_encoder(texts, 16_000, dim, 0)
    return DenseIndex(kept, encode(model, texts), lambda q: encode(model, [x.text for x in q]), ())


# --- rankings of the variants ------------------------------------------------------------


def ranked(index: Any, queries: Sequence[Query], k: int = K) -> Rankings:
    found: dict[str, list[str]] = defaultdict(list)
    for row in index.search(queries, k):
        found[row.query_id].append(row.passage_id)
    return found


def ndcg(runs: Sequence[Rankings], labels: Labels) -> np.ndarray:
    """(n_variants, n_queries) nDCG@10 of the labelled queries, in their order."""
    discount = 1 / np.log2(np.arange(K) + 2)
    out = np.zeros((len(runs), len(labels)))
    for column, (query_id, grades) in enumerate(labels.items()):
        best = sorted(grades.values(), reverse=True)[:K]
        ideal = float(np.dot(best, discount[: len(best)]))
        for row, run in enumerate(runs):
            gain = [grades.get(one, 0) for one in run.get(query_id, [])[:K]]
            out[row, column] = np.dot(gain, discount[: len(gain)]) / ideal if ideal else math.nan
    return out


def signs(means: np.ndarray) -> np.ndarray:
    """(…, n_variants) to (…, n_pairs): which of two variants is better."""
    first, second = np.triu_indices(means.shape[-1], 1)
    found: np.ndarray = np.sign(np.round(means[..., first] - means[..., second], 12))
    return found


def tau(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Kendall's tau-b of rankings given as signs of pairs, (…, n_pairs) each."""
    both = np.count_nonzero(a, axis=-1) * np.count_nonzero(b, axis=-1)
    value: np.ndarray = (a * b).sum(axis=-1) / np.sqrt(np.maximum(both, 1))
    return value


def resampled(scores: np.ndarray, times: np.ndarray) -> np.ndarray:
    """(n_boot, n_variants) means over queries drawn with replacement; `times` as `draws` gives."""
    means: np.ndarray = times @ scores.T / times.sum(axis=1, keepdims=True)
    return means


def draws(n: int, seed: int) -> np.ndarray:
    """(n_boot, n) how often each query is drawn."""
    return np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), size=N_BOOT)


def told_apart(human: np.ndarray) -> np.ndarray:
    """(n_pairs,) bool: people's queries say which variant is better in 97.5 % of the samples."""
    seen = signs(resampled(human, draws(human.shape[1], 1))).mean(axis=0)
    return np.abs(seen) >= 0.95


def halves(human: np.ndarray) -> np.ndarray:
    """(n_halves,) tau between random halves of people's queries."""
    rng = np.random.default_rng(2)
    n = human.shape[1]
    found = []
    for _ in range(N_HALVES):
        order = rng.permutation(n)
        parts = (human[:, order[: n // 2]], human[:, order[n // 2 :]])
        found.append(tau(*(signs(part.mean(axis=1)) for part in parts)))
    return np.array(found)


def agreement(labelled: np.ndarray, human: np.ndarray, paired: bool) -> dict[str, Any]:
    """Tau of the variants' ranking by labels against that by people.

    Args:
        labelled: (n_variants, n_queries) by the labels.
        human: (n_variants, n_human_queries) by people.
        paired: whether the queries are the same, and are drawn together.

    Returns:
        tau; of samples of queries, `samples`; and among pairs that people tell apart, `clear`.
    """
    times = draws(labelled.shape[1], 0)
    of_people = times if paired else draws(human.shape[1], 1)
    sure = told_apart(human)
    a, b = signs(labelled.mean(axis=1)), signs(human.mean(axis=1))
    return {
        "tau": float(tau(a, b)),
        "clear": float(tau(a[sure], b[sure])),
        "samples": tau(signs(resampled(labelled, times)), signs(resampled(human, of_people))),
    }

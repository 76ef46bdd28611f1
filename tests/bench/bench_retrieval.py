"""The embedded retrievers beside their peers, in CPU seconds, in one process.

    python tests/bench/bench_retrieval.py [bm25 | dense | encode] [CORPUS.jsonl…] [--n 20000]

All three without a name; encoding is on all cores, the others on one thread. CORPUS is in BEIR's
layout; its passages are repeated with changed words until there are N. Without one, words are drawn
by Zipf's law, so that postings are as uneven as those of text. The peer of dense is faiss, where it
is installed. Prints ratios above 1 where ours is faster; asserts nothing.
"""

from __future__ import annotations

import argparse
import functools
import json
import resource
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from datakit.models import BUNDLED, load_encoder
from datakit.records import Passage, Query
from datakit.registry import make
from datakit.retrievers._exact import Vectors

K = 100
N_QUERIES = 1000
RNG = np.random.default_rng(0)


def clocked(what: str, work: Callable[[], Any]) -> tuple[float, Any]:
    start = time.process_time()
    result = work()
    spent = time.process_time() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{what:44} {spent:9.2f} CPU s   peak so far {peak:6,.0f} MB", flush=True)
    return spent, result


def texts(files: list[Path], n: int) -> list[str]:
    """n passages: those of the files, then the same with a tenth of their words exchanged."""
    rows = [json.loads(line) for file in files for line in file.read_text("utf-8").splitlines()]
    own = [row["text"] for row in rows if row["text"].strip()]
    own = own or [
        " ".join(f"w{min(int(rank), 200_000)}" for rank in RNG.zipf(1.2, 58)) for _ in range(5000)
    ]
    words = [word for text in own for word in text.split()]
    made = own[:n]
    while len(made) < n:
        split = own[len(made) % len(own)].split()
        for at in RNG.integers(0, len(split), max(1, len(split) // 10)):
            split[at] = words[RNG.integers(len(words))]
        made.append(" ".join(split))
    return made


def queries_of(passages: list[str]) -> list[str]:
    """Eight words in a row of a passage each."""
    found = []
    for i in RNG.integers(0, len(passages), N_QUERIES):
        split = passages[i].split()
        at = int(RNG.integers(0, max(1, len(split) - 8)))
        found.append(" ".join(split[at : at + 8]))
    return found


def bm25(corpus: list[str]) -> None:
    import bm25s
    import Stemmer

    asked = queries_of(corpus)
    passages = [Passage(f"{i:07}", "d", t, 0, 1, i, language="en") for i, t in enumerate(corpus)]
    queries = [Query(f"q{i}", text, "en", None, None) for i, text in enumerate(asked)]
    small = make("retrievers", "bm25").fit(passages[:10])  # the loops are compiled or loaded
    list(small.search(queries[:1], 5))

    def ours() -> int:
        index = make("retrievers", "bm25").fit(passages)
        return len(list(index.search(queries, K)))

    def theirs() -> Any:
        stemmer = Stemmer.Stemmer("english")
        tokens = bm25s.tokenize(corpus, stopwords="en", stemmer=stemmer, show_progress=False)
        index = bm25s.BM25(k1=1.2, b=0.75, method="lucene", backend="numba")
        index.index(tokens, show_progress=False)
        wanted = bm25s.tokenize(
            asked, stopwords="en", stemmer=stemmer, return_ids=False, show_progress=False
        )
        return index.retrieve(wanted, k=K, n_threads=1, show_progress=False)

    mine, _ = clocked("ours: tokenise, index, search, to records", ours)
    first, _ = clocked("bm25s (numba): the same, with its compilation", theirs)
    peer, _ = clocked("bm25s (numba): the same again, compiled", theirs)
    print(f"ratio {peer / mine:.2f} (with its compilation {first / mine:.2f})")


def dense(corpus: list[str]) -> None:
    """Vectors of latent semantic analysis, brought to 384 dimensions: what costs is their size."""
    import torch

    torch.set_num_threads(1)
    passages = [Passage(f"{i:07}", "d", t, 0, 1, i, language="en") for i, t in enumerate(corpus)]
    index = make("retrievers", "lsa", {"dimensions": 384}).fit(passages)
    asked = [Query(f"q{i}", t, "en", None, None) for i, t in enumerate(queries_of(corpus))]
    queries, vectors = index.query_vectors(asked), index.vectors
    found: dict[str, Any] = {}
    spent: dict[str, float] = {}
    for codes in ("exact", "int8", "binary"):
        made = Vectors(vectors, codes)
        clocked(f"ours, {codes}: codes", lambda made=made: made.codes)
        made.search(queries[:2], K)
        spent[codes], found[codes] = clocked(
            f"ours, {codes}: {N_QUERIES} queries", lambda made=made: made.search(queries, K)
        )
    print(f"product in {Vectors(vectors).codes.dtype}")
    exact = found["exact"][0]
    for codes, (scores, _) in found.items():
        recall = np.mean(scores >= exact[:, -1:])
        print(f"{codes}: {N_QUERIES / spent[codes]:,.0f} queries a CPU s, recall@{K} {recall:.4f}")
    try:
        import faiss
    except ImportError:
        print("faiss is not installed here: no peer")
        return
    faiss.omp_set_num_threads(1)
    flat = faiss.IndexFlatIP(vectors.shape[1])
    flat.add(vectors)
    peer, (scores, _) = clocked("faiss IndexFlatIP", lambda: flat.search(queries, K))
    missed = float(np.mean(exact < scores - 1e-5))
    print(f"ratio {peer / spent['exact']:.2f}; ours misses {missed:.4f} of what faiss finds")


def encode(corpus: list[str]) -> None:
    """Passages of mixed length, each cut at a random word, on all cores; the peer and what it is
    in half precision. `dtype` is a setting: without it datakit encodes in float32.
    """
    import torch
    from sentence_transformers import SentenceTransformer

    from datakit.models import find_model

    mixed = []
    for text in corpus:
        split = text.split()
        mixed.append(" ".join(split[: int(RNG.integers(5, max(6, min(len(split), 190) + 1)))]))
    half = {"torch_dtype": torch.bfloat16}
    folder = str(find_model(BUNDLED))
    peers = {
        "sentence-transformers": SentenceTransformer(folder, device="cpu"),
        "sentence-transformers, bfloat16": SentenceTransformer(
            folder, device="cpu", model_kwargs=half
        ),
    }
    ways: dict[str, Callable[[list[str]], Any]] = {
        name: functools.partial(peer.encode, normalize_embeddings=True, show_progress_bar=False)
        for name, peer in peers.items()
    }
    for dtype in ("auto", "float32"):
        encoder = load_encoder(BUNDLED, dtype=dtype, device="cpu")
        ways[f"ours, {dtype}: {encoder.identity()['dtype']}"] = encoder.encode
    reference: Any = None
    print(f"{len(mixed)} passages, the peer's time over each, cosine to the peer's vectors:")
    for name, way in ways.items():
        way(mixed[:64])
        wall, spent = time.perf_counter(), time.process_time()
        vectors = np.asarray(way(mixed), np.float32)
        wall, spent = time.perf_counter() - wall, time.process_time() - spent
        if reference is None:
            reference = wall, spent, vectors
        least = np.einsum("ij,ij->i", vectors, reference[2]).min()
        print(
            f"{name:32} {spent:6.2f} CPU s, {len(mixed) / spent:4.0f} passages a CPU s, "
            f"ratio {reference[1] / spent:.2f}; {wall:6.2f} s, ratio {reference[0] / wall:.2f}; "
            f"cosine at least {least:.5f}",
            flush=True,
        )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "what", nargs="?", choices=("all", "bm25", "dense", "encode"), default="all"
    )
    parser.add_argument("corpus", nargs="*", type=Path)
    parser.add_argument("--n", type=int)
    chosen = parser.parse_args()
    for bench, n in ((bm25, 20_000), (dense, 20_000), (encode, 300)):
        if chosen.what in ("all", bench.__name__):
            bench(texts(chosen.corpus, chosen.n or n))

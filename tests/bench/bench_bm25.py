"""bm25 beside bm25s' own numba search: `python tests/bench/bench_bm25.py [passages]`.

Words are drawn from Zipf's law, so postings are as uneven as in text. Prints ratios, asserts none.
"""

from __future__ import annotations

import sys
import time

import numpy as np

from datakit.records import Passage, Query
from datakit.registry import make

WORDS_A_PASSAGE = 58
K = 100


def clocked(what: str, work: object) -> float:
    start = time.process_time()
    work()  # type: ignore[operator]
    spent = time.process_time() - start
    print(f"{what:40} {spent:8.2f} CPU s")
    return spent


def main(n_passages: int) -> None:
    import bm25s

    rng = np.random.default_rng(0)

    def text(n: int) -> str:
        return " ".join(f"w{min(int(rank), 200_000)}" for rank in rng.zipf(1.2, n))

    passages = [
        Passage(f"p{i}", "d", text(WORDS_A_PASSAGE), 0, 1, i, language="en")
        for i in range(n_passages)
    ]
    queries = [Query(f"q{i}", text(6), "en", None, None) for i in range(1000)]

    index = None

    def fit() -> None:
        nonlocal index
        index = make("retrievers", "bm25").fit(passages)

    clocked("ours: tokenise and index", fit)
    clocked("ours: first search, kernel loaded", lambda: list(index.search(queries[:1], K)))
    clocked("ours: 1,000 queries to records", lambda: list(index.search(queries, K)))
    ours = clocked("ours: 1,000 queries", lambda: index._search(queries, K))

    ids = index.tokeniser.transform((p.text, p.language) for p in passages)
    asked = index.tokeniser.transform((q.text, q.language) for q in queries)
    theirs = bm25s.BM25(k1=1.2, b=0.75, method="lucene", backend="numba", csc_backend="scipy")
    clocked(
        "bm25s: index of the same ids",
        lambda: theirs.index((ids, index.tokeniser.vocabulary), show_progress=False),
    )
    clocked(
        "bm25s: first search, kernel compiled",
        lambda: theirs.retrieve(asked[:1], k=K, show_progress=False),
    )
    peer = clocked("bm25s: 1,000 queries", lambda: theirs.retrieve(asked, k=K, show_progress=False))
    print(f"queries per CPU s: ours {1000 / ours:,.0f}, bm25s {1000 / peer:,.0f}; "
          f"ratio {peer / ours:.2f}")  # fmt: skip


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 50_000)

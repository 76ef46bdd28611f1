"""Mining beside the size of the corpus: CPU seconds by stage and peak memory, a process per size.

    python tests/bench/bench_mining_scale.py [CORPUS.jsonl…] [--sizes 25000 50000] [--queries 2000]

CORPUS is in BEIR's layout; its passages are repeated with changed words, ten to a document, in
twenty categories and five years. Each query is eight words of a passage, which is its seed.
Vectors are those of latent semantic analysis of few dimensions: what is measured is mining.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from bench_retrieval import clocked, texts

from datakit.miners.indirect_positive import IndirectPositive
from datakit.records import Passage, Query
from datakit.registry import make
from datakit.retrievers import Retrieved

RNG = np.random.default_rng(1)
DIMENSIONS = 64


def passages_of(corpus: list[str]) -> Iterator[Passage]:
    for i, text in enumerate(corpus):
        doc = i // 10
        yield Passage(
            f"{doc:06}:{i % 10 * 1000}-{i % 10 * 1000 + len(text)}", f"{doc:06}", text,
            i % 10 * 1000, i % 10 * 1000 + len(text), i % 10, language="en",
            section_path=(f"part {i % 10}",), issuer=f"issuer {doc % 997}",
            category=f"category {doc % 20}", date=str(2020 + doc // 20 % 5),
        )  # fmt: skip


def queries_of(passages: list[Passage], n: int) -> Iterator[Query]:
    for number, i in enumerate(RNG.integers(0, len(passages), n)):
        words = passages[i].text.split()
        at = int(RNG.integers(0, max(1, len(words) - 8)))
        level = "sentence" if number % 2 else "passage"
        yield Query(
            f"q{number:05}", " ".join(words[at : at + 8]), "en", level, "question",
            seed_passage_ids=(passages[i].passage_id,), pattern="key_sentence",
        )  # fmt: skip


def one_size(files: list[Path], size: int, n_queries: int) -> None:
    passages = list(passages_of(texts(files, size)))
    queries = list(queries_of(passages, n_queries))
    engines = {"bm25": make("retrievers", "bm25"),
               "lsa": make("retrievers", "lsa", {"dimensions": DIMENSIONS})}  # fmt: skip
    total = 0.0
    retrieved = []
    for name, engine in engines.items():
        spent, index = clocked(
            f"{size:>7,} {name}: fit", lambda engine=engine: engine.fit(passages)
        )
        total += spent
        spent, run = clocked(
            f"{size:>7,} {name}: search", lambda index=index: list(index.search(queries, 100))
        )
        total += spent
        retrieved.append(Retrieved(name, index, run))
    miner = IndirectPositive()
    spent, pool = clocked(
        f"{size:>7,} pool", lambda: list(miner.pool(queries, passages, [], retrieved))
    )
    total += spent
    spent, labels = clocked(
        f"{size:>7,} labels", lambda: list(miner(queries, passages, [], retrieved, pool))
    )
    total += spent
    print(f"{size:>7,} together {total:.1f} CPU s; {len(pool):,} pairs, {len(labels):,} labels")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("files", nargs="*", type=Path)
    parser.add_argument("--sizes", nargs="+", type=int, default=[25_000, 50_000, 100_000, 200_000])
    parser.add_argument("--queries", type=int, default=2000)
    given = parser.parse_args()
    if len(given.sizes) == 1:
        one_size(given.files, given.sizes[0], given.queries)
        return
    for size in given.sizes:
        command = [sys.executable, __file__, *map(str, given.files), "--sizes", str(size)]
        subprocess.run([*command, "--queries", str(given.queries)], check=True)


if __name__ == "__main__":
    main()

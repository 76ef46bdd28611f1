"""Near-duplicates: speed and recall side by side with datasketch.

    python tests/bench/bench_minhash.py [FOLDER]

FOLDER holds texts (`*.md`, `*.txt`) to cut into passages; without one, and without the shared
data, texts are drawn from a Zipf vocabulary. A third of the passages are edited copies. Texts are
words alone, so that both sides mean the same by a shingle. Both do signatures, LSH and clusters on
one core; the rates are over CPU time. Recall: true pairs that are in one cluster, or template
variants of each other.
"""

from __future__ import annotations

import random
import re
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path

from datakit.miners.duplicates import Duplicates
from datakit.records import Passage, normal_key

TERMS = Path(__file__).parents[2] / "../shared/data/tos/ota-contrib-versions"
WORDS = 100  # of a passage
PASSAGES = 20_000
THRESHOLD = 0.8


def main(folder: Path | None) -> None:
    passages, origin = corpus(folder)
    true = true_pairs(passages)
    print(f"{len(passages):,} passages, {len(true):,} true pairs, from {origin}")
    list(Duplicates()(passages[:500]))  # imports and tables
    ours, our_rate = timed(our_clusters, passages)
    theirs, their_rate = timed(datasketch_clusters, passages)
    print(f"{'':<24}{'passages/s':>12}{'recall':>9}")
    print(f"{'datakit':<24}{our_rate:>12,.0f}{recall(ours, true):>9.4f}")
    print(f"{'datasketch update_batch':<24}{their_rate:>12,.0f}{recall(theirs, true):>9.4f}")
    print(f"ratio {our_rate / their_rate:.1f}")


def timed(
    cluster: Callable[[list[Passage]], dict[str, str]], passages: list[Passage]
) -> tuple[dict[str, str], float]:
    start = time.process_time()
    clusters = cluster(passages)
    return clusters, len(passages) / (time.process_time() - start)


def our_clusters(passages: list[Passage]) -> dict[str, str]:
    return {row.passage_id: row.cluster_id for row in Duplicates(threshold=THRESHOLD)(passages)}


def datasketch_clusters(passages: list[Passage]) -> dict[str, str]:
    """As its documentation does it, with `update_batch`, xxhash and 16 x 8 bands."""
    import xxhash
    from datasketch import MinHash, MinHashLSH

    lsh = MinHashLSH(num_perm=128, params=(16, 8))
    parent = {p.passage_id: p.passage_id for p in passages}

    def find(node: str) -> str:
        while parent[node] != node:
            parent[node] = parent[parent[node]]
            node = parent[node]
        return node

    for passage in passages:
        sketch = MinHash(128, hashfunc=xxhash.xxh32_intdigest)
        sketch.update_batch([" ".join(s).encode() for s in shingles(passage.text)])
        for other in lsh.query(sketch):
            parent[find(passage.passage_id)] = find(other)
        lsh.insert(passage.passage_id, sketch)
    return {node: find(node) for node in parent}


def shingles(text: str) -> set[tuple[str, ...]]:
    words = normal_key(text).split()
    return {tuple(words[i : i + 5]) for i in range(len(words) - 4)}


def recall(clusters: dict[str, str], true: list[tuple[str, str]]) -> float:
    """Share of the true pairs that are in one cluster."""
    return sum(a in clusters and clusters[a] == clusters.get(b) for a, b in true) / len(true)


def true_pairs(passages: list[Passage]) -> list[tuple[str, str]]:
    """All pairs with a Jaccard similarity of the threshold or more, by an inverted index."""
    sets = {p.passage_id: shingles(p.text) for p in passages}
    holders: dict[tuple[str, ...], list[str]] = defaultdict(list)
    pairs = []
    for passage_id, own in sets.items():
        shared: dict[str, int] = defaultdict(int)
        for shingle in own:
            if len(holders[shingle]) < 200:  # of more, some other shingle finds the pair
                for other in holders[shingle]:
                    shared[other] += 1
                holders[shingle].append(passage_id)
        for other, n in shared.items():
            if n >= THRESHOLD * len(own) * 0.5 and _jaccard(own, sets[other]) >= THRESHOLD:
                pairs.append((passage_id, other))
    return pairs


def _jaccard(a: set[tuple[str, ...]], b: set[tuple[str, ...]]) -> float:
    return len(a & b) / len(a | b) if a else 0.0


# --- corpus -----------------------------------------------------------------------------------


def corpus(folder: Path | None) -> tuple[list[Passage], str]:
    random.seed(13)
    folder = folder or (TERMS if TERMS.is_dir() else None)
    texts = list(windows(folder) if folder else zipf_texts())[: PASSAGES * 2 // 3]
    vocabulary = sorted({word for text in texts[:500] for word in text.split()})
    copies = [edited(random.choice(texts), vocabulary) for _ in range(len(texts) // 2)]
    passages = [
        Passage(f"{i:08d}", f"d{i}", text, 0, len(text), 0) for i, text in enumerate(texts + copies)
    ]
    return passages, folder.name if folder else "a Zipf vocabulary"


def windows(folder: Path) -> Iterator[str]:
    for file in sorted([*folder.rglob("*.md"), *folder.rglob("*.txt")]):
        words = re.findall(r"[^\W\d_]+", file.read_text("utf-8"))
        for at in range(0, len(words) - WORDS // 2, WORDS):
            yield " ".join(words[at : at + WORDS])


def zipf_texts() -> Iterator[str]:
    words = [f"w{i}" for i in range(30_000)]
    weights = [1 / (i + 10) for i in range(len(words))]
    for _ in range(PASSAGES):
        yield " ".join(random.choices(words, weights, k=WORDS))


def edited(text: str, vocabulary: list[str]) -> str:
    """A copy with up to eight words replaced, left out or put in."""
    words = text.split()
    for _ in range(random.randint(0, 8)):
        at = random.randrange(len(words))
        kind = random.randrange(3)
        words[at : at + (kind != 2)] = [random.choice(vocabulary)] if kind else []
    return " ".join(words)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else None)

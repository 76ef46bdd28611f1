"""The cheap tier on a large dataset: CPU time by check and peak memory; MinHash beside its peers.

    python tests/bench/bench_audit.py [PASSAGES [QUERIES [PEERS]]]

By default 50,000 passages and 5,000 queries, 30 % of them Chinese, with copies, near-copies and
variants among them; the figures in the changelog are of 1,000,000 and 100,000. The audit runs in a
process of its own, whose peak is read from the system. The near-duplicate stage is then timed
beside datasketch called directly and beside rensa, a Rust implementation, on the first PEERS
passages (20,000): all of them on one core, words and characters alike as shingles of five, 128
permutations, signatures and LSH; rates are over CPU time.
"""

from __future__ import annotations

import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from datakit.auditing import running
from datakit.dataset import Dataset, write_tables
from datakit.filters.words import UNIT
from datakit.miners.duplicates import Duplicates
from datakit.records import Passage, Qrel, Query, normal_key

CHINESE = 0.3
WORDS, CHARACTERS = 60, 120  # of a passage
GRADES = {"grades": {"0": "not", "1": "relevant"}, "relevant_from": 1, "unjudged": "unknown"}


def main(n_passages: int, n_queries: int, n_peers: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "large"
        write_tables(
            path,
            {"passage": passages(n_passages), "query": queries(n_queries),
             "qrel/human": labels(n_passages, n_queries)},
            "generated", label_scale=GRADES,
        )  # fmt: skip
        subprocess.run([sys.executable, __file__, "--audit", str(path)], check=True)
        peers([p for _, p in zip(range(n_peers), Dataset.open(path).read("passage"), strict=False)])


def audit(path: Path) -> None:
    started, cpu = time.monotonic(), time.process_time()
    found = running.audit(Dataset.open(path))
    wall, cpu = time.monotonic() - started, time.process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2
    n = {t: Dataset.open(path).count(t) for t in ("passage", "query", "qrel/human")}
    print(", ".join(f"{rows:,} {table}" for table, rows in n.items()))
    print(f"wall {wall:.1f} s, CPU {cpu:.1f} s, peak {peak:.2f} GB; {len(found.crashes)} crashes")
    print("check      CPU s   (the first that asks for a fact pays for it)")
    for check, seconds in sorted(found.seconds.items(), key=lambda item: -item[1])[:15]:
        print(f"{check:<8}{seconds:>8.2f}")
    for f in found.findings:
        print(f"{f.severity:<8} {f.check_id} {f.message[:110]}")


# --- data ---------------------------------------------------------------------------------------


def _words(draw: random.Random) -> list[str]:
    """30,000 words of a Zipf vocabulary, drawn once."""
    letters = "abcdefghijklmnopqrstuvwxyz"
    return ["".join(draw.choices(letters, k=draw.randint(3, 9))) for _ in range(30_000)]


def texts(n: int, seed: int) -> Iterator[tuple[str, str]]:
    """(text, language); a tenth are copies, near-copies or variants of one of the last thousand."""
    draw = random.Random(seed)
    vocabulary = _words(draw)
    characters = [chr(c) for c in range(0x4E00, 0x4E00 + 3000)]
    pools = {
        "en": draw.choices(vocabulary, [1 / (i + 10) for i in range(len(vocabulary))], k=1 << 20),
        "zh": draw.choices(characters, [1 / (i + 50) for i in range(len(characters))], k=1 << 20),
    }
    last: list[tuple[str, str]] = []
    for i in range(n):
        if last and draw.random() < 0.1:
            text, language = last[draw.randrange(len(last))]
            text = (text, text + " end" if language == "en" else text + "完", f"{text} {i}")[i % 3]
        else:
            language = "zh" if draw.random() < CHINESE else "en"
            size = CHARACTERS if language == "zh" else WORDS
            at = draw.randrange((1 << 20) - size)
            units = pools[language][at : at + size]
            text = ("" if language == "zh" else " ").join(units) + f" {draw.randrange(1000)}"
            last = [*last[-999:], (text, language)]
        yield text, language


def passages(n: int) -> Iterator[Passage]:
    for i, (text, language) in enumerate(texts(n, 1)):
        yield Passage(
            f"p{i:07d}", f"d{i // 10}", text, 0, len(text), i % 10, language=language, n_tokens=60
        )


def queries(n: int) -> Iterator[Query]:
    for i, (text, language) in enumerate(texts(n, 2)):
        short = text[:20] if language == "zh" else " ".join(text.split()[:8])
        split = "train" if i % 10 < 8 else ("dev" if i % 10 == 8 else "test")
        yield Query(f"q{i:06d}", f"{short} {i}", language, None, None, split=split)  # type: ignore[arg-type]


def labels(n_passages: int, n_queries: int) -> Iterator[Qrel]:
    draw = random.Random(3)
    for i in range(n_queries):
        for grade in (1, 1, 0):
            yield Qrel(f"q{i:06d}", f"p{draw.randrange(n_passages):07d}", grade, "human")


# --- near-duplicates ----------------------------------------------------------------------------


def peers(rows: list[Passage]) -> None:
    list(Duplicates()(rows[:200]))  # imports and tables
    timed: dict[str, Callable[[list[Passage]], Any]] = {
        "datakit": lambda some: list(Duplicates()(some)),
        "datasketch": _datasketch,
        "rensa": _rensa,
    }
    print(f"\nnear-duplicates of {len(rows):,} passages   passages/s of CPU")
    rates = {}
    for name, function in timed.items():
        started = time.process_time()
        try:
            function(rows)
        except ImportError as error:
            print(f"{name:<12} not measured: {error}")
            continue
        rates[name] = len(rows) / (time.process_time() - started)
        print(f"{name:<12}{rates[name]:>10,.0f}")
    for name, rate in rates.items():
        if name != "datakit":
            print(f"ratio datakit / {name}: {rates['datakit'] / rate:.1f}")


def _shingles(text: str) -> list[str]:
    units = UNIT.findall(normal_key(text))
    return [" ".join(units[i : i + 5]) for i in range(len(units) - 4)]


def _datasketch(rows: list[Passage]) -> None:
    """As its documentation does it, with `update_batch` and 21 x 6 bands, as ours."""
    import xxhash
    from datasketch import MinHash, MinHashLSH

    index = MinHashLSH(num_perm=128, params=(21, 6))
    for p in rows:
        sketch = MinHash(128, hashfunc=xxhash.xxh32_intdigest)
        sketch.update_batch([s.encode() for s in _shingles(p.text)])
        index.query(sketch)
        index.insert(p.passage_id, sketch)


def _rensa(rows: list[Passage]) -> None:
    """As its documentation does it: R-MinHash and its LSH, whose bands divide the permutations."""
    from rensa import RMinHash, RMinHashLSH

    index = RMinHashLSH(threshold=0.8, num_perm=128, num_bands=16)
    for i, p in enumerate(rows):
        sketch = RMinHash(num_perm=128, seed=1)
        sketch.update(_shingles(p.text))
        index.query(sketch)
        index.insert(i, sketch)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--audit"]:
        audit(Path(sys.argv[2]))
    else:
        sizes = [int(a.replace(",", "")) for a in sys.argv[1:4]]
        main(*sizes, *(50_000, 5_000, 20_000)[len(sizes) :])

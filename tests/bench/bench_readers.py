"""HTML and PDF readers beside their peers, in one process and in two, in the same run.

    python tests/bench/bench_readers.py ../shared/data [--rounds 2]

Files are shared out among the processes; pages are files for HTML and pages for PDF. Peers:
trafilatura for HTML, pypdf for PDF; the one that is not installed is said to be missing.
"""

from __future__ import annotations

import importlib
import multiprocessing
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

from datakit.records import Document
from datakit.registry import make

Reader = Callable[[Path], int]  # a file to how many pages of it were read


def our_html(path: Path) -> int:
    return sum(isinstance(r, Document) for r in make("ingestors", "terms_html")(path, path.name))


def our_pdf(path: Path) -> int:
    found = [r for r in make("ingestors", "pdf")(path, path.name) if isinstance(r, Document)]
    return sum(int(document.meta["pages"]) for document in found)


def trafilatura(path: Path) -> int:
    import trafilatura as peer

    peer.extract(path.read_bytes())
    return 1


def pypdf(path: Path) -> int:
    from pypdf import PdfReader

    return len([page.extract_text() for page in PdfReader(path).pages])


KINDS: dict[str, tuple[str, Reader, Reader]] = {
    "tos/**/*.html": ("trafilatura", our_html, trafilatura),
    "fin/pdf-*/**/*.pdf": ("pypdf", our_pdf, pypdf),
}


def measured(reader: Reader, paths: list[Path], workers: int, rounds: int) -> float:
    """Pages a second of the wall clock, the best of the rounds; the processes start before."""
    best = 0.0
    with multiprocessing.get_context("spawn").Pool(workers) as pool:
        pool.map(reader, paths[: 2 * workers], chunksize=1)  # imports
        for _ in range(rounds):
            start = time.perf_counter()
            pages = sum(pool.imap_unordered(reader, paths, chunksize=1))
            best = max(best, pages / (time.perf_counter() - start))
    return best


def importable(peer: str) -> bool:
    """Whether the peer can be imported; says why not: a pool would start its workers for ever."""
    try:
        importlib.import_module(peer)
    except ImportError as error:
        print(f"  {peer} is left out: {error}")
        return False
    return True


def main(data: Path, rounds: int) -> None:
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    for pattern, (peer, ours, theirs) in KINDS.items():
        paths = sorted(data.glob(pattern), key=lambda path: (-path.stat().st_size, path.name))
        size = sum(path.stat().st_size for path in paths) / 1e6
        print(f"{pattern}: {len(paths)} files, {size:.1f} MB")
        rates: dict[str, float] = {}
        for name, reader, n in (("datakit", ours, rounds), (peer, theirs, 1)):
            if name != "datakit" and not importable(name):
                continue
            for workers in (1, 2):
                rate = measured(reader, paths, workers, n)
                rates[f"{name} {workers}"] = rate
                base = rates.get(f"datakit {workers}", rate)
                ratio = f"datakit is {base / rate:.1f} times as fast" if name != "datakit" else ""
                print(f"  {name:12} {workers} process(es) {rate:8.1f} pages/s  {ratio}")


if __name__ == "__main__":
    given = sys.argv[1:]
    main(Path(given[0]), int(given[given.index("--rounds") + 1]) if "--rounds" in given else 2)

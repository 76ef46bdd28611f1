"""pdf beside pypdf: `python tests/bench/bench_pdf.py FILE.pdf …` (needs pypdf as well).

Both read the same files one after the other. Prints ratios, asserts none.
"""

from __future__ import annotations

import resource
import sys
import time
from pathlib import Path

from datakit.records import Document
from datakit.registry import make


def clocked(work: object) -> float:
    start = time.process_time()
    work()  # type: ignore[operator]
    return time.process_time() - start


def main(paths: list[Path]) -> None:
    from pypdf import PdfReader

    reader = make("ingestors", "pdf")
    totals = {"ours": 0.0, "pypdf": 0.0}
    n_pages = 0
    print(f"{'file':34} {'pages':>5} {'ours p/s':>9} {'pypdf p/s':>9} {'ratio':>6}")
    for path in paths:
        found: list[Document] = []

        def ours(path: Path = path, found: list[Document] = found) -> None:
            found += [r for r in reader(path, path.name) if isinstance(r, Document)]

        def theirs(path: Path = path) -> None:
            for page in PdfReader(path).pages:
                page.extract_text()

        spent = clocked(ours)
        if not found:
            print(f"{path.name:34} dropped")
            continue
        pages = int(found[0].meta["pages"])
        peer = clocked(theirs)
        totals["ours"] += spent
        totals["pypdf"] += peer
        n_pages += pages
        print(f"{path.name[:34]:34} {pages:5} {pages / spent:9.1f} {pages / peer:9.1f} "
              f"{peer / spent:6.2f}")  # fmt: skip
    if n_pages:
        ours_s, peer_s = totals["ours"], totals["pypdf"]
        print(f"pages per CPU s: ours {n_pages / ours_s:.1f}, pypdf {n_pages / peer_s:.1f}; "
              f"ratio {peer_s / ours_s:.2f}")  # fmt: skip
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"peak memory of both: {peak:,.0f} MiB")


if __name__ == "__main__":
    main([Path(argument) for argument in sys.argv[1:]])

"""ir_datasets at scale: export, import and registered access, beside ir_datasets' own reader.

Each step runs in a process of its own, so that its CPU seconds and its memory are its own.
`python tests/bench/bench_irds.py --passages 1000000` takes some minutes and about 4 GB of disk.
"""

from __future__ import annotations

import argparse
import collections
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from bench_formats import generate, our_import, show, size

LOOKUPS = 1000


def export(source: Path, out: Path) -> None:
    from datakit import registry
    from datakit.dataset import Dataset

    registry.make("exporters", "ir_datasets")(Dataset.open(source), out)


def import_beir(source: Path, out: Path) -> None:
    our_import("beir", source, out)


def import_id(source: Path, out: Path) -> None:
    from datakit import irds
    from datakit.importing import import_dataset

    irds.register(source, "big")
    import_dataset("ir_datasets:datakit/big", out)


def loaded(source: Path, subset: str = "") -> Any:
    import ir_datasets

    from datakit import irds

    return ir_datasets.load(irds.register(source, "big") + subset)


# readers give what is to be read: the imports and the registration are not timed
def docs(source: Path, out: Path) -> Iterable[Any]:
    rows: Iterable[Any] = loaded(source).docs_iter()
    return rows


def peer_docs(source: Path, out: Path) -> Iterable[Any]:
    from ir_datasets.formats import JsonlDocs
    from ir_datasets.util import LocalDownload

    from datakit.exporters.ir_datasets import Doc

    rows: Iterable[Any] = JsonlDocs(LocalDownload(source / "docs.jsonl"), Doc).docs_iter()
    return rows


def qrels(source: Path, out: Path) -> Iterable[Any]:
    rows: Iterable[Any] = loaded(source, "/test").qrels_iter()
    return rows


def peer_qrels(source: Path, out: Path) -> Iterable[Any]:
    from ir_datasets.formats import TrecQrels
    from ir_datasets.util import LocalDownload

    rows: Iterable[Any] = TrecQrels(LocalDownload(source / "qrels/test.txt"), {}).qrels_iter()
    return rows


def queries(source: Path, out: Path) -> Iterable[Any]:
    rows: Iterable[Any] = loaded(source, "/test").queries_iter()
    return rows


def slice_(source: Path, out: Path) -> Iterable[Any]:
    """A hundred documents from the end of the corpus."""
    rows: Iterable[Any] = loaded(source).docs_iter()[-100:]
    return rows


def lookup(source: Path, out: Path) -> None:
    """The docstore, and documents by id from all over the corpus."""
    os.environ["IR_DATASETS_HOME"] = str(out)
    whole = loaded(source)
    store, n = whole.docs_store(), whole.docs_count()
    store.build()
    started = time.perf_counter()
    draw = random.Random(7)
    for _ in range(LOOKUPS):
        store.get(f"p{draw.randrange(n):08d}")
    took = (time.perf_counter() - started) / LOOKUPS
    print(f"{'':<22} {took * 1000:8.2f} ms a document", file=sys.stderr, flush=True)


STEPS: dict[str, Callable[[Path, Path], Iterable[Any] | None]] = {
    one.__name__: one
    for one in (
        export, import_beir, import_id, docs, peer_docs, qrels, peer_qrels, queries, slice_, lookup,
    )
}  # fmt: skip


def child(step: str, source: str, out: str) -> None:
    started, used = time.perf_counter(), time.process_time()
    rows = STEPS[step](Path(source), Path(out))
    if rows is not None:
        started, used = time.perf_counter(), time.process_time()
        collections.deque(rows, maxlen=0)  # no more than one row in memory
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    seconds = time.perf_counter() - started
    print(json.dumps({"wall": seconds, "cpu": time.process_time() - used, "peak_mb": peak}))


def run(step: str, source: Path, out: Path) -> dict[str, float]:
    command = [sys.executable, __file__, "--child", step, str(source), str(out)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    show(step.rstrip("_"), size(source), found)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--passages", type=int, default=50_000)
    parser.add_argument("--child", nargs=3)
    args = parser.parse_args()
    if args.child:
        child(*args.child)
        return
    with tempfile.TemporaryDirectory(prefix="datakit-irds-") as name:
        root = Path(name)
        os.environ |= {"IR_DATASETS_HOME": str(root / "home"), "DATAKIT_HOME": str(root / "names")}
        generate(root / "source", args.passages)
        n = f"{args.passages:,}"
        print(f"{n} passages, {args.passages // 10:,} queries, {n} labels", flush=True)
        dataset, folder = root / "dataset", root / "export"
        run("import_beir", root / "source", dataset)
        run("export", dataset, folder)
        run("import_id", dataset, root / "back")
        theirs, ours = run("peer_docs", folder, root), run("docs", dataset, root)
        print(f"docs: {theirs['cpu'] / ours['cpu']:.2f} times as fast as ir_datasets' JsonlDocs")
        theirs, ours = run("peer_qrels", folder, root), run("qrels", dataset, root)
        print(f"qrels: {theirs['cpu'] / ours['cpu']:.2f} times as fast as ir_datasets' TrecQrels")
        for step in ("queries", "slice_", "lookup"):
            run(step, dataset, root / "home")


if __name__ == "__main__":
    main()

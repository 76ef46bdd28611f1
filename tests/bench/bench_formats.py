"""Exports and imports of a large dataset: seconds, MB/s and peak memory, beside BEIR's loader.

Each step runs in a process of its own, so that its CPU seconds and its memory are its own; a
process that only imports what the step needs is taken off. `python tests/bench/bench_formats.py
--passages 1000000` takes some minutes and about 4 GB of disk.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

FORMATS = ("beir", "hf", "trec")
SPLITS = ("train", "dev", "test")
WORDS = 60  # a passage, about 350 characters, as in MS MARCO


def generate(folder: Path, n_passages: int) -> None:
    """A BEIR folder of passages, a tenth as many queries and as many labels in three splits."""
    draw = random.Random(7)
    words = ["".join(draw.choices("etaoinshrdlu", k=draw.randint(2, 9))) for _ in range(20_000)]
    (folder / "qrels").mkdir(parents=True)
    n_queries = n_passages // 10
    with (folder / "corpus.jsonl").open("w") as file:
        for i in range(n_passages):
            text = " ".join(draw.choices(words, k=WORDS)) + "."
            row = {"_id": f"p{i:08d}", "title": " ".join(draw.choices(words, k=3)), "text": text}
            file.write(json.dumps(row | {"metadata": {}}) + "\n")
    with (folder / "queries.jsonl").open("w") as file:
        for i in range(n_queries):
            text = " ".join(draw.choices(words, k=8)) + "?"
            file.write(json.dumps({"_id": f"q{i:07d}", "text": text, "metadata": {}}) + "\n")
    for at, split in enumerate(SPLITS):
        with (folder / "qrels" / f"{split}.tsv").open("w") as file:
            file.write("query-id\tcorpus-id\tscore\n")
            for i in range(n_passages):
                query, passage = i % n_queries, (i * 7919 + i // n_queries) % n_passages
                if query % len(SPLITS) == at:
                    file.write(f"q{query:07d}\tp{passage:08d}\t{i % 3 + 1}\n")


# --- steps, each in its own process -----------------------------------------------------------


def our_import(form: str, source: Path, out: Path) -> None:
    from datakit.importing import import_dataset

    settings: dict[str, Any] = {} if form == "hf" else {"language": "en"}
    import_dataset(source, out, form, settings)


def our_export(form: str, source: Path, out: Path) -> None:
    from datakit import registry
    from datakit.dataset import Dataset

    registry.make("exporters", form)(Dataset.open(source), out)


def peer(splits: str, source: Path, out: Path) -> None:
    """The splits, each with a loader of its own: one that was used reads no second split."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from beir.datasets.data_loader import GenericDataLoader

        for split in splits.split(","):
            corpus, queries, qrels = GenericDataLoader(str(source)).load(split)
            assert corpus
            assert queries
            assert qrels


STEPS: dict[str, Callable[[str, Path, Path], None]] = {
    "import": our_import, "export": our_export, "load": peer,
}  # fmt: skip


def child(step: str, form: str, source: str, out: str) -> None:
    started, used = time.perf_counter(), time.process_time()
    STEPS[step](form, Path(source), Path(out))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    seconds = time.perf_counter() - started
    print(json.dumps({"wall": seconds, "cpu": time.process_time() - used, "peak_mb": peak}))


def run(step: str, form: str, source: Path, out: Path) -> dict[str, float]:
    command = [sys.executable, __file__, "--child", step, form, str(source), str(out)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def size(folder: Path) -> float:
    """MB of the files of a folder."""
    return sum(p.stat().st_size for p in folder.rglob("*") if p.is_file()) / 1e6


def show(name: str, mb: float, found: dict[str, float]) -> None:
    rate = mb / found["wall"]
    print(
        f"{name:<22} {found['wall']:8.1f} s {found['cpu']:8.1f} CPU s {rate:8.1f} MB/s "
        f"{found['peak_mb']:8.0f} MB peak",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--passages", type=int, default=50_000)
    parser.add_argument("--formats", default=",".join(FORMATS))
    parser.add_argument("--child", nargs=4)
    args = parser.parse_args()
    if args.child:
        child(*args.child)
        return
    with tempfile.TemporaryDirectory(prefix="datakit-formats-") as name:
        root = Path(name)
        source = root / "source"
        generate(source, args.passages)
        print(f"{args.passages:,} passages, {args.passages // 10:,} queries, "
              f"{args.passages:,} labels, {size(source):.0f} MB as BEIR")  # fmt: skip
        one = run("load", "test", source, root)
        show("beir's loader, test", size(source), one)
        every = run("load", ",".join(SPLITS), source, root)
        show("beir's loader, all", size(source), every)
        ours = run("import", "beir", source, root / "dataset")
        show("import beir", size(source), ours)
        for what, theirs in (("one split", one), ("all splits", every)):
            print(f"import beir: {theirs['cpu'] / ours['cpu']:.2f} times as fast per core as "
                  f"beir's loader of {what}")  # fmt: skip
        for form in args.formats.split(","):
            out = root / form
            show(
                f"export {form}", size(root / "dataset"), run("export", form, root / "dataset", out)
            )
            if form != "beir":
                show(f"import {form}", size(out), run("import", form, out, root / f"{form}-back"))


if __name__ == "__main__":
    main()

"""Speed of `topic_change` from text to passages, beside `headings`, `texttiling` and `cosine`.

    python tests/bench/bench_topic_change.py DATA [--documents 100] [--model shipped] [--cosine 3]

DATA holds documents with headings (JSON lines); their paragraphs without headings are the text.
Printed: documents and paragraphs a second of processor time, the ratio to `texttiling`, whether
the probabilities are equal to the bit for any batching and for one and two threads, and the peak
memory of a process that cuts one document of 3,000 paragraphs.
"""

from __future__ import annotations

import argparse
import itertools
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import torch

from datakit import registry
from datakit.records import Block, Document, Passage
from datakit.segmentation import corpus
from datakit.segmentation.corpus import Line
from datakit.segmentation.model import load

PEAK = """
import resource, sys
from datakit import registry
from datakit.records import Block, Document
text = open(sys.argv[1], encoding="utf-8").read()
edges, blocks = 0, []
for part in text.split("\\n\\n"):
    blocks.append(Block("paragraph", edges, edges + len(part)))
    edges += len(part) + 2
document = Document("0" * 16, text, "long.txt", blocks=tuple(blocks), language="en")
n = len(list(registry.make("segmenters", "topic_change", {"model": sys.argv[2]})([document])))
print(f"{len(blocks)} paragraphs, {n} passages, "
      f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB at the peak")
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--documents", type=int, default=100)
    parser.add_argument("--paragraphs", type=int, default=250, help="at most in a document")
    parser.add_argument("--model", default="shipped")
    parser.add_argument("--cosine", type=int, default=0, help="documents for the slow baseline")
    options = parser.parse_args()
    torch.set_num_threads(1)
    found = (d for d in corpus.read([options.data]) if len(d.lines) <= options.paragraphs)
    some = list(itertools.islice(found, options.documents))
    documents = [as_document(i, d) for i, d in enumerate(some)]
    print(f"{len(documents)} documents, {sum(len(d.blocks) for d in documents):,} paragraphs")
    speeds = {}
    for name in ("headings", "texttiling", "topic_change", *(["cosine"] * bool(options.cosine))):
        settings = {"model": options.model} if name == "topic_change" else {}
        part = documents[: options.cosine] if name == "cosine" else documents
        speeds[name] = speed(name, settings, part)
    for name, (of_documents, of_blocks) in speeds.items():
        ratio = of_documents / speeds["texttiling"][0]
        print(f"{name:14s} {of_documents:8.1f} documents, {of_blocks:9,.0f} paragraphs "
              f"a CPU second, {ratio:5.2f} x texttiling")  # fmt: skip
    bits(options.model, [d.variant("stripped").lines for d in some])
    peak(documents, options.model)


def as_document(number: int, source: corpus.SectionedDocument) -> Document:
    parts, blocks, at = [], [], 0
    for line in source.lines:
        text = " ".join(line.text.split())
        parts.append(text)
        blocks.append(Block("paragraph", at, at + len(text)))
        at += len(text) + 2
    return Document(
        f"{number:016x}", "\n\n".join(parts), f"{number}.txt", blocks=tuple(blocks),
        language=source.language,
    )  # fmt: skip


def speed(name: str, settings: dict[str, str], documents: list[Document]) -> tuple[float, float]:
    segmenter = registry.make("segmenters", name, settings)
    list(segmenter(documents[:2]))  # what is loaded once
    best = float("inf")
    for _ in range(1 if name == "cosine" else 3):
        started = time.process_time()
        made = list(segmenter(documents))
        best = min(best, time.process_time() - started)
        assert all(isinstance(p, Passage) for p in made)
    return len(documents) / best, sum(len(d.blocks) for d in documents) / best


def bits(model: str, documents: list[tuple[Line, ...]]) -> None:
    scorer = load(model)
    found = []
    for threads, size in ((1, len(documents)), (2, len(documents)), (1, 1), (2, 7)):
        torch.set_num_threads(threads)
        parts = [documents[i : i + size] for i in range(0, len(documents), size)]
        found.append(np.concatenate([one.p for part in parts for one in scorer.scored(part)]))
    equal = all(np.array_equal(found[0], other) for other in found[1:])
    print(f"probabilities of one and two threads, batches of 1, 7 and all: "
          f"{'equal to the bit' if equal else 'NOT equal'}")  # fmt: skip


def peak(documents: list[Document], model: str) -> None:
    import tempfile

    texts = [d.text[b.start : b.end] for d in documents for b in d.blocks]
    with tempfile.NamedTemporaryFile("w", suffix=".txt", encoding="utf-8") as file:
        file.write("\n\n".join(itertools.islice(itertools.cycle(texts), 3000)))
        file.flush()
        subprocess.run([sys.executable, "-c", PEAK, file.name, model], check=True)


if __name__ == "__main__":
    main()

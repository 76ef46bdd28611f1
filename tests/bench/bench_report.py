"""The report of 200,000 queries: its size, and CPU seconds beside those of writing the dataset.

    python tests/bench/bench_report.py [N_QUERIES]

30 % of the documents are Chinese; every query has a label with evidence, and a run of five.
"""

from __future__ import annotations

import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from datakit.auditing import outputs, running
from datakit.dataset import write_tables
from datakit.records import Document, Evidence, Measure, Passage, Qrel, Query, ScoredPassage
from datakit.report import write_report

LIMIT = 5_000_000  # bytes
PER_DOCUMENT, DEPTH = 5, 5
TEXT = {
    "en": "Refunds of order {} are paid within {} days by the way that was used to pay. ",
    "zh": "订单{}的退款在{}天内按原支付方式退回，逾期按日计付违约金。",
}


def documents(n: int) -> Iterator[Document]:
    for i in range(n):
        language = "zh" if i % 10 < 3 else "en"
        text = "".join(TEXT[language].format(i, i * 7 + k) for k in range(PER_DOCUMENT))
        yield Document(f"d{i:06}", text, f"{i}.html", title=f"Terms {i}", language=language,
                       category=f"industry {i % 40}", doc_type="terms", family_id=f"f{i // 3}",
                       date=f"20{10 + i % 15}-0{1 + i % 9}-01")  # fmt: skip


def passages(n: int) -> Iterator[Passage]:
    for one in documents(n):
        start = 0
        for k in range(PER_DOCUMENT):
            size = len(
                TEXT[one.language or "en"].format(int(one.doc_id[1:]), int(one.doc_id[1:]) * 7 + k)
            )
            yield Passage(f"{one.doc_id}:{k}", one.doc_id, one.text[start : start + size], start,
                          start + size, k, language=one.language, n_tokens=20 + k)  # fmt: skip
            start += size


def tables(n: int) -> dict[str, Iterator[Any]]:
    n_documents = n // 10
    places = [(p.passage_id, p.doc_id, p.start, p.language) for p in passages(n_documents)]

    def queries() -> Iterator[Query]:
        for i in range(n):
            passage_id, doc_id, start, language = places[i % len(places)]
            level = ("sentence", "passage")[i % 2]
            yield Query(f"q{i:06}", f"refund of order {i} 退款", language, level,
                        "question", generator_family="rules", seed_passage_ids=(passage_id,),
                        evidence=(Evidence(doc_id, start, start + 9),), pattern=f"p{i % 30}",
                        split=("train", "train", "dev", "test")[i % 4])  # fmt: skip

    def labels() -> Iterator[Qrel]:
        for i in range(n):
            passage_id, doc_id, start, _ = places[i % len(places)]
            yield Qrel(f"q{i:06}", passage_id, 3, "direct", ("sentence", "passage")[i % 2],
                       evidence=(Evidence(doc_id, start, start + 9),))  # fmt: skip

    def run() -> Iterator[ScoredPassage]:
        for i in range(n):
            for k in range(DEPTH):
                yield ScoredPassage(
                    f"q{i:06}", places[(i + k * (i % 3)) % len(places)][0], -float(k)
                )

    def measures() -> Iterator[Measure]:
        for name in ("nDCG@10", "R@100", "RR@10", "Judged@10"):
            yield Measure(name, "bm25", "test", "all", "all", "mined", 0.5, 0.4, 0.6, n // 4)

    return {
        "document": documents(n_documents), "passage": passages(n_documents), "query": queries(),
        "qrel/mined": labels(), "run/bm25": run(), "measure": measures(),
    }  # fmt: skip


def main() -> None:
    n = int(sys.argv[1]) if len(sys.argv) > 1 else 200_000
    with tempfile.TemporaryDirectory() as folder:
        began = time.process_time()
        dataset = write_tables(Path(folder) / "out", tables(n), "bench", seed=13)
        wrote = time.process_time()
        outputs.write(running.audit(dataset, "all", "cheap", {}, False), dataset.path)
        audited = time.process_time()
        size = write_report(dataset).stat().st_size
        done = time.process_time()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(
        f"{n:,} queries: report {size / 1e6:.2f} MB (at most {LIMIT / 1e6:.0f}); report "
        f"{done - audited:.1f} s CPU, {(done - audited) / (wrote - began):.2f} of writing the "
        f"tables ({wrote - began:.1f}); audit {audited - wrote:.1f} s; peak {peak:.2f} GB"
    )
    if size > LIMIT:
        raise SystemExit("the report is too large")


if __name__ == "__main__":
    main()

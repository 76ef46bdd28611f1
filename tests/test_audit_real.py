"""Known defects of public datasets: the real ones where they lie beside, and look-alikes."""

from __future__ import annotations

import csv
import io
import json
import random
from pathlib import Path

from planted import word

from datakit.auditing import running
from datakit.auditing.running import Audit
from datakit.importing import import_dataset


def audited(path: Path, out: Path, only: list[str], form: str | None = None) -> Audit:
    return running.audit(import_dataset(path, out, form), only=only)


def affected(found: Audit) -> dict[tuple[str, str], int]:
    return {(f.check_id, f.severity): f.n_affected for f in found.findings}


def beir(folder: Path, passages: dict[str, str], labels: list[str]) -> Path:
    (folder / "qrels").mkdir(parents=True)
    rows = [json.dumps({"_id": name, "text": text}) for name, text in passages.items()]
    (folder / "corpus.jsonl").write_text("\n".join(rows), "utf-8")
    queries = dict.fromkeys(line.split("\t")[0] for line in labels)
    rows = [json.dumps({"_id": q, "text": f"which passage is about {q}"}) for q in queries]
    (folder / "queries.jsonl").write_text("\n".join(rows), "utf-8")
    lines = ["query-id\tcorpus-id\tscore", *labels]
    (folder / "qrels" / "test.tsv").write_text("\n".join(lines), "utf-8")
    return folder


def test_stray_grades_of_cranfield_are_found(shared_data: Path, tmp_path: Path) -> None:
    """Its own qrels have 225 rows of -1, a code that its scale of 1 to 5 does not know."""
    lines = (shared_data / "labelled/cranfield-graded/cranqrel").read_text("utf-8").splitlines()
    cells = [line.split() for line in lines if line.strip()]
    folder = beir(
        tmp_path / "beir", {str(i): f"abstract {i}" for i in range(1, 1401)},
        ["\t".join(row) for row in cells],
    )  # fmt: skip

    found = audited(folder, tmp_path / "out", ["DK007"])

    assert affected(found) == {("DK007", "blocker"): 225}


def test_a_corpus_of_positives_only_is_found_in_stard(shared_data: Path, tmp_path: Path) -> None:
    found = audited(shared_data / "labelled/stard/derived", tmp_path / "out", ["DK307", "DK101"])

    values = {o.check_id: (o.value, o.status) for o in found.outcomes}
    assert values["DK307"] == (0.0, "fail")
    assert values["DK101"][1] == "pass"


def test_empty_abstracts_of_cranfield_are_found(shared_data: Path, tmp_path: Path) -> None:
    source = shared_data / "labelled/cranfield-graded/derived"

    found = audited(source, tmp_path / "out", ["DK009", "DK010", "DK104", "DK512"])

    assert [(f.check_id, f.record_ids) for f in found.findings] == [("DK009", ("471", "995"))]


def test_defects_of_multi_cpr_are_found(tmp_path: Path) -> None:
    """As in its video part: dev queries in train, shared positives, repeats, U+FFFD."""
    draw = random.Random(5)
    passages = ["".join(word(draw, "zh") for _ in range(20)) for _ in range(400)]
    queries = ["".join(word(draw, "zh") for _ in range(6)) for _ in range(300)]
    train, dev = queries[:200], queries[200:]
    dev[:10] = train[:10]
    train[150:155] = train[140:145]
    dev[50:58] = [f"{text}\ufffd" for text in dev[50:58]]
    folder = tmp_path / "video"
    folder.mkdir()
    rows = {
        "corpus.tsv": [f"{i}\t{text}" for i, text in enumerate(passages)],
        "train.query.txt": [f"{i}\t{text}" for i, text in enumerate(train)],
        "dev.query.txt": [f"{200 + i}\t{text}" for i, text in enumerate(dev)],
        "qrels.train.tsv": [f"{i}\t0\t{i}\t1" for i in range(200)],
        # the last four dev queries have positives of train
        "qrels.dev.tsv": [f"{200 + i}\t0\t{200 + i if i < 96 else i}\t1" for i in range(100)],
    }
    for name, lines in rows.items():
        (folder / name).write_text("\n".join(lines) + "\n", "utf-8")

    only = ["DK010", "DK104", "DK201", "DK203"]
    found = audited(folder, tmp_path / "out", only, "multi_cpr")

    assert affected(found) == {
        ("DK010", "error"): 8, ("DK104", "warning"): 5, ("DK201", "blocker"): 10,
        ("DK203", "warning"): 4,
    }  # fmt: skip


def test_rows_swallowed_by_a_reader_with_quoting_on_are_found(tmp_path: Path) -> None:
    """A passage of T2Ranking that starts with a quote takes the next rows into its cell."""
    draw = random.Random(6)
    texts = [" ".join(word(draw, "en") for _ in range(12)) for _ in range(200)]
    for start, end in ((20, 22), (90, 91), (150, 153)):
        texts[start] = f'"{texts[start]}'
        texts[end] = f'{texts[end]}"'
    table = "".join(f"{i}\t{text}\n" for i, text in enumerate(texts))
    read = dict(csv.reader(io.StringIO(table), delimiter="\t"))
    assert len(read) == 200 - 2 - 1 - 3
    folder = beir(tmp_path / "beir", read, [f"q{i}\t{i}\t1" for i in range(10)])

    found = audited(folder, tmp_path / "out", ["DK002"])

    (row,) = [f for f in found.findings if f.check_id == "DK002"]
    assert (row.severity, row.record_ids) == ("blocker", ("20", "90", "150"))

"""Foreign datasets that are broken, and those that hold what our own exports never do."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from datakit import importing, registry
from datakit.dataset import Dataset
from datakit.errors import DatasetError, UsageError
from datakit.importers import _columns
from datakit.importers._arrow import n_tokens
from datakit.importers._raw import RawLabels, RawPassages, RawQueries
from datakit.records import Dropped, safe_id
from datakit.text import count_tokens

CORPUS = "".join(
    json.dumps({"_id": f"p{i}", "title": "", "text": text}, ensure_ascii=False) + "\n"
    for i, text in enumerate(("租户每月支付租金。", "押金在三十天内退还。", "合同期为两年。"), 1)
)
QUERIES = '{"_id": "q1", "text": "租金什么时候支付？"}\n'
QRELS = "query-id\tcorpus-id\tscore\nq1\tp1\t2\n"


def folder(path: Path, **files: str | bytes) -> Path:
    given: dict[str, str | bytes] = {"corpus": CORPUS, "queries": QUERIES, "test": QRELS} | files
    (path / "qrels").mkdir(parents=True)
    for name, content in given.items():
        file = f"qrels/{name}.tsv" if name in ("test", "train") else f"{name}.jsonl"
        (path / file).write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def told(dataset: Dataset) -> list[tuple[str, int]]:
    return [(f.check_id, f.n_affected) for f in importing.findings(dataset)]


BROKEN: dict[str, tuple[dict[str, str | bytes], str, int]] = {
    "no header in qrels": ({"test": QRELS.split("\n", 1)[1]}, "no_header", 1),
    "a label of an unknown passage": ({"test": QRELS + "q1\tp9\t1\n"}, "unknown_passage", 1),
    "labels of unknown queries": ({"test": QRELS + "q7\tp1\t1\nq8\tp1\t1\n"}, "unknown_query", 2),
    "a pair with two grades": ({"test": QRELS + "q1\tp1\t0\n"}, "repeated_pair", 1),
    "CR LF": ({"test": QRELS.replace("\n", "\r\n")}, "crlf", 1),
    "a byte order mark": ({"corpus": "\ufeff" + CORPUS}, "byte_order_mark", 1),
    "GB18030": ({"corpus": CORPUS.encode("gb18030")}, "gb18030", 1),
    "a text of a million characters": (
        {"corpus": CORPUS + json.dumps({"_id": "p4", "text": "长" * 1_000_000}) + "\n"},
        "line_too_long",
        1,
    ),
    "a readable text of a million characters": (
        {"corpus": CORPUS + json.dumps({"_id": "p4", "text": "x" * 1_000_000}) + "\n"},
        "text_too_long",
        1,
    ),
    "a grade that is no whole number": ({"test": QRELS + "q1\tp2\t0.5\n"}, "bad_grade", 1),
}


@pytest.mark.parametrize("case", BROKEN)
def test_what_is_broken_is_one_clear_finding_and_the_rest_is_read(
    case: str, tmp_path: Path
) -> None:
    files, check, n = BROKEN[case]
    dataset = importing.import_dataset(folder(tmp_path / "broken", **files), tmp_path / "out")

    assert told(dataset) == [(f"import.{check}", n)]
    assert dataset.count("passage") == 3
    assert next(iter(dataset.read("passage"))).text == "租户每月支付租金。"
    assert dataset.count("qrel/human") == 1


def test_a_sound_dataset_has_no_findings(tmp_path: Path) -> None:
    dataset = importing.import_dataset(folder(tmp_path / "sound"), tmp_path / "out")

    assert told(dataset) == []


def test_a_truncated_archive_is_a_finding_not_a_traceback(tmp_path: Path) -> None:
    import gzip

    corpus = tmp_path / "in" / "miracl-corpus-v1.0-zh"
    corpus.mkdir(parents=True)
    rows = "".join(
        json.dumps({"docid": f"{i}#0", "text": f"text {i * i}"}) + "\n" for i in range(999)
    )
    (corpus / "docs-0.jsonl.gz").write_bytes(gzip.compress(rows.encode())[:-40])
    (tmp_path / "in" / "topics.miracl-v1.0-zh-dev.tsv").write_text("q1\twhat?\n")
    dataset = importing.import_dataset(tmp_path / "in", tmp_path / "out")

    assert ("import.unreadable_file", 1) in told(dataset)


@pytest.mark.parametrize("line", ["p1\t7\n", "p1\tno json\n", "p1\n", 'p1\t"q 1"\n'])
def test_a_map_of_ids_is_taken_only_where_it_is_one(line: str, tmp_path: Path) -> None:
    source = folder(tmp_path / "in")
    (source / "id_map.tsv").write_text(line)
    dataset = importing.import_dataset(source, tmp_path / "out")
    first = next(iter(dataset.read("passage")))

    assert first.passage_id == ("p1" if "q 1" not in line else safe_id("q 1"))
    assert first.flags == (() if "q 1" not in line else ("original_id=q 1",))


def test_an_unknown_folder_is_one_line_that_names_the_formats(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()

    with pytest.raises(UsageError, match=r"of no known format: name it with --from, one of air_b"):
        importing.import_dataset(tmp_path / "in", tmp_path / "out")


def test_a_format_may_stand_before_the_path(tmp_path: Path) -> None:
    source = folder(tmp_path / "in")
    dataset = importing.import_dataset(f"beir:{source}", tmp_path / "out")

    assert dataset.manifest["stages"]["import"]["plugin"] == "beir"


@given(st.lists(st.text("a_9 .,\n-用é", max_size=90), min_size=1, max_size=5))
def test_tokens_are_counted_by_column_as_one_by_one(texts: list[str]) -> None:
    assert n_tokens(pa.array(texts, pa.string())).tolist() == list(map(count_tokens, texts))


@pytest.mark.parametrize("keep", [10, 400])
def test_damaged_parquet_is_one_line_not_a_traceback(keep: int, tmp_path: Path) -> None:
    from format_data import awkward

    registry.make("exporters", "hf", {"provenance": False})(
        awkward(tmp_path / "d"), tmp_path / "in"
    )
    file = tmp_path / "in/corpus/part-00000.parquet"
    file.write_bytes(file.read_bytes()[:keep])

    with pytest.raises(DatasetError, match=r"part-00000.parquet cannot be read"):
        importing.import_dataset(tmp_path / "in", tmp_path / "out")


def test_values_of_the_wrong_kind_are_left_out(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in/psgs.tsv").write_text("id\ttext\ttitle\n1\tRent.\t\n")
    rows: list[dict[str, Any]] = [{"question": "kept?", "answers": [{"passage_id": "1"}, None]}]
    rows += [{"question": value, "answers": value} for value in (1, None, [], "text", {"a": 1})]
    (tmp_path / "in/paq.jsonl").write_text("".join(json.dumps(r) + "\n" for r in rows))
    dataset = importing.import_dataset(tmp_path / "in", tmp_path / "out")

    assert dataset.count("qrel/direct") == 1
    assert dataset.count("query") == 2


# --- formats that are read alone --------------------------------------------------------------


def test_inpars_queries_are_labelled_with_the_passage_they_are_from(tmp_path: Path) -> None:
    row = {"doc_id": "p1", "query": "rent?", "prompt_text": "Write", "log_probs": [-1], "score": 0}
    (tmp_path / "in").mkdir()
    (tmp_path / "in/corpus.jsonl").write_text(CORPUS, "utf-8")
    (tmp_path / "in/generated.jsonl").write_text(json.dumps(row) + "\n")
    dataset = importing.import_dataset(tmp_path / "in", tmp_path / "out")
    (query,) = dataset.read("query")
    (label,) = dataset.read("qrel/direct")

    assert (query.seed_passage_ids, query.generator_family, query.split) == (
        ("p1",),
        "inpars",
        "train",
    )
    assert (label.passage_id, label.grade) == ("p1", 1)


def test_air_bench_labels_are_a_judges(tmp_path: Path) -> None:
    files: dict[str, list[dict[str, Any]]] = {
        "corpus": [{"id": "p1", "text": "Rent is due."}],
        "queries": [{"id": "q1", "text": "when?"}],
        "qrels_dev": [{"qid": "q1", "docid": "p1", "relevance": 1}],
    }
    (tmp_path / "in").mkdir()
    for name, rows in files.items():
        lines = "".join(json.dumps(row) + "\n" for row in rows)
        (tmp_path / f"in/{name}.jsonl").write_text(lines)
    dataset = importing.import_dataset(tmp_path / "in", tmp_path / "out")

    assert [(q.grade, q.split) for q in dataset.read("qrel/judge")] == [(1, "dev")]


def test_paqs_rejects_are_dropped_and_dprs_quotes_are_taken_off(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in/psgs_w100.tsv").write_text('id\ttext\ttitle\n1\t"Say ""rent""."\tLease\n')
    rows = [
        {"question": "kept?", "answers": [{"passage_id": "1"}], "consistent": True},
        {"question": "refused?", "answers": [{"passage_id": "1"}], "consistent": False},
    ]
    (tmp_path / "in/paq.jsonl").write_text("".join(json.dumps(r) + "\n" for r in rows))
    dataset = importing.import_dataset(tmp_path / "in", tmp_path / "out")

    assert [p.text for p in dataset.read("passage")] == ['Say "rent".']
    assert [d.reason for d in dataset.read("dropped/import")] == ["not_consistent"]
    assert dataset.count("query") == 1


def test_dpr_lists_are_read_however_they_are_laid_out(tmp_path: Path) -> None:
    rows = [
        {
            "question": f"question {i}", "answers": [],
            "positive_ctxs": [{"title": "T", "text": f"text [{i}], {{x}}", "psg_id": i}],
            "hard_negative_ctxs": [{"title": "", "text": "other", "psg_id": "n"}],
        }
        for i in range(3)
    ]  # fmt: skip
    counts = []
    for indent in (None, 4):
        source = tmp_path / f"in{indent}"
        source.mkdir()
        (source / "nq-train.json").write_text(json.dumps(rows, indent=indent))
        dataset = importing.import_dataset(source, tmp_path / f"out{indent}")
        counts.append({name: dataset.count(name) for name in dataset.tables()})

    assert counts[0] == counts[1]
    assert counts[0] == {"passage": 4, "query": 3, "qrel/human": 3, "negative/dpr": 3}


def test_trec_labels_without_passages_are_a_dataset_that_says_so(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in/topics.tsv").write_text("q1\twhen is rent due\n")
    (tmp_path / "in/qrels.txt").write_text("q1 0 p1 1\nq1 0 p2 x\n")
    (tmp_path / "in/run.bm25.txt").write_text("q1 Q0 p1 0 2.5 tag\nq1 Q0 p3 1 inf tag\n")
    dataset = importing.import_dataset(tmp_path / "in", tmp_path / "out")

    assert "passage" not in dataset
    assert dataset.count("run/bm25") == 1
    assert [c for c, _ in told(dataset)] == [
        "import.bad_grade",
        "import.bad_score",
        "import.no_passages",
    ]
    assert all(isinstance(row, Dropped) for row in dataset.read("dropped/import"))


def test_t2ranking_without_graded_files_takes_the_pairs_of_retrieval(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in/collection.tsv").write_text('pid\ttext\n0\t"one\n1\ttwo" three\n2\tfour\n')
    (tmp_path / "in/queries.dev.tsv").write_text("qid\ttext\n0\twhat\n")
    (tmp_path / "in/qrels.retrieval.dev.tsv").write_text("qid\tpid\n0\t1\n")
    dataset = importing.import_dataset(tmp_path / "in", tmp_path / "out")

    assert [p.text for p in dataset.read("passage")] == ['"one', 'two" three', "four"]
    assert [(q.passage_id, q.grade, q.split) for q in dataset.read("qrel/human")] == [
        ("1", 2, "dev")
    ]


ODD_LINES = (
    '{"_id": "d1", "text": "two\\u0000 e\\u0301", "title": "\\u00a0x"}',
    '{"_id": "d2", "text": "a", "text": "b"}',
    '{"_id": "d3", "text": "x"}{"_id": "d4", "text": "y"}',
    '{"_id": 5, "text": "a number as id"}',
    '{"_id": "d6", "text": null}',
    '{"_id": "d 7", "text": "an id with a blank"}',
    '{"_id": "d8", "text": "one"}\n{"_id": "d8", "text": "again"}',
    '{"_id": "d9", "text": "\\ud800 alone"}',
    '{"_id": "", "text": "no id"}',
    '{"_id": "d10", "text": "with an issuer", "metadata": {"issuer": "Acme"}}',
    '\n{"_id": "d11", "text": "after an empty line", "title": null}',
    '{"_id": "d12", "text": "2024-01-01", "title": "2024-01-01"}',
    "not JSON",
)


@pytest.mark.parametrize("line", ODD_LINES)
def test_by_column_and_line_by_line_make_the_same_tables(
    line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    corpus = '{"_id": "p0", "text": "The rent of the house is due.", "metadata": {}}\n'
    corpus += CORPUS + line + "\n"
    labels = "".join(f"q1\tp{i}\t{i}\n" for i in (2, 3, 2))
    source = folder(tmp_path / "in", corpus=corpus, test=QRELS + labels, train=QRELS)
    made = []
    for name in ("by column", "by line"):
        made.append(importing.import_dataset(source, tmp_path / name, "beir"))
        for reader in ("passages", "queries", "labels"):
            monkeypatch.setattr(_columns, reader, lambda *_: None)

    tables = [{n: d.manifest["tables"][n]["digest"] for n in d.tables()} for d in made]
    assert tables[0] == tables[1]
    assert told(made[0]) == told(made[1])


def test_a_sound_corpus_is_read_by_column_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(RawPassages, "rows", None)
    monkeypatch.setattr(RawQueries, "rows", None)
    monkeypatch.setattr(RawLabels, "rows", None)
    source = folder(tmp_path / "in")
    dataset = importing.import_dataset(source, tmp_path / "out", "beir")

    assert next(dataset.read("passage")).text == "租户每月支付租金。"
    assert [(q.passage_id, q.grade, q.split) for q in dataset.read("qrel/human")] == [
        ("p1", 2, "test")
    ]

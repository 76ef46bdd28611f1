"""Exports and imports: what is written reads back, by the target's own loader where it is there."""

from __future__ import annotations

import json
import sys
import warnings
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from datakit import irds, registry
from datakit.dataset import Dataset, write_tables
from datakit.errors import DatasetError, ExportMismatch, UsageError
from datakit.exporters import _order, _view, beir, hf
from datakit.exporters._lines import json_line
from datakit.importers.beir import Beir
from datakit.importing import import_dataset
from datakit.records import Dropped, Negative, Passage, Qrel, Query, ScoredPassage
from datakit.tables import from_arrow, record_class

TEXTS = (
    "Fees are due on the first.\nLate fees apply.",
    "用户可以随时取消订阅。\n退款在30天内到账。",
    'A "quoted" clause,\twith a tab\u2028and a rare break.',
    "Nothing to see here.",
)
EXPORTERS = ("beir", "trec", "ir_datasets")


def passages() -> list[Passage]:
    return [
        Passage(
            f"d{i}:5-{5 + len(text)}", f"d{i}", text, 5, 5 + len(text), 0,
            title=None if i == 3 else f"Terms {i}", language="zh" if i == 1 else "en",
        )
        for i, text in enumerate(TEXTS)
    ]  # fmt: skip


def queries() -> list[Query]:
    return [
        Query("q3", "late fee", "en", "sentence", "keyword", split="train"),
        Query("q1", "what is\tdue\nwhen?", "en", "passage", "question", split="test"),
        Query("q2", "怎样取消订阅", "zh", "passage", "question", split="test"),
        Query("q4", "fees and refunds", "en", "topic", "need", split="dev"),
    ]


P = [p.passage_id for p in passages()]


def tables() -> dict[str, list[Any]]:
    seed = [
        Qrel("q1", P[0], 3, "direct"),
        Qrel("q2", P[1], 3, "direct"),
        Qrel("q3", P[0], 2, "direct"),
    ]
    mined = [
        *seed,
        Qrel("q1", P[2], 2, "indirect-passage", flags=("uncertified",)),
        Qrel("q1", P[3], 0, "judge"),
        Qrel("q4", P[0], 2, "indirect-passage", flags=("uncertified",)),
    ]
    run = [
        ScoredPassage("q2", P[1], 0.1), ScoredPassage("q1", P[0], 1.5),
        ScoredPassage("q1", P[3], 1.5), ScoredPassage("q1", P[2], 1.75),
        ScoredPassage("q3", P[1], -2.0),
    ]  # fmt: skip
    negative = [Negative("q3", P[3], "mined", "bm25", 0.5, 0.25, 1.5, 1, "train")]
    return {
        "passage": passages(), "query": queries(), "qrel/seed": seed, "qrel/mined": mined,
        "run/bm25": run, "negative/mined": negative,
    }  # fmt: skip


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    return write_tables(tmp_path / "small", tables(), "test")


def export(name: str, dataset: Dataset, out: Path, **settings: Any) -> dict[str, Any]:
    registry.make("exporters", name, settings)(dataset, out)
    report: dict[str, Any] = json.loads((out / "export_report.json").read_text("utf-8"))
    return report


def rows(path: Path) -> list[dict[str, Any]]:
    with path.open(encoding="utf-8", newline="\n") as file:
        return [json.loads(line) for line in file]


# --- every exporter ---------------------------------------------------------------------------


@pytest.mark.parametrize("name", EXPORTERS)
def test_an_export_lists_its_files_and_can_be_repeated_to_the_byte(
    name: str, dataset: Dataset, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    first = registry.make("exporters", name)(dataset, out)
    before = {path: path.read_bytes() for path in first}

    assert registry.make("exporters", name)(dataset, out) == first
    assert {path: path.read_bytes() for path in first} == before
    assert {p for p in out.rglob("*") if p.is_file()} == set(first)
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith(".out")] == []


@pytest.mark.parametrize("name", EXPORTERS)
def test_a_folder_with_other_files_is_refused_and_left_alone(
    name: str, dataset: Dataset, tmp_path: Path
) -> None:
    export(name, dataset, tmp_path / "out")
    (tmp_path / "out" / "notes.txt").write_text("mine")

    with pytest.raises(UsageError, match=r"notes\.txt"):
        export(name, dataset, tmp_path / "out")
    with pytest.raises(UsageError, match=r"manifest\.json"):
        export(name, dataset, dataset.path)
    assert (tmp_path / "out" / "notes.txt").read_text() == "mine"


@pytest.mark.parametrize(
    ("name", "function", "wrong"),
    [
        ("beir", "json_line", lambda row: json.dumps(row).replace("refunds", "funds")),
        ("trec", "escape", lambda text, *_: text.replace("fee", "fe")),
        ("ir_datasets", "json_line", lambda row: json.dumps(row).replace("refunds", "funds")),
    ],
)
def test_files_that_do_not_read_back_are_removed_and_an_earlier_export_stays(
    name: str, function: str, wrong: Any, dataset: Dataset, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    export(name, dataset, tmp_path / "earlier")
    monkeypatch.setattr(f"datakit.exporters.{name}.{function}", wrong)

    for out in ("out", "earlier"):
        with pytest.raises(ExportMismatch, match="rows with other content where"):
            export(name, dataset, tmp_path / out)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["earlier", "small"]
    assert (tmp_path / "earlier" / "export_report.json").is_file()


@pytest.mark.parametrize("name", EXPORTERS)
def test_uncertified_labels_are_left_out_of_an_eval_set_and_counted(
    name: str, tmp_path: Path
) -> None:
    train = write_tables(tmp_path / "train", tables(), "test", purpose="train")
    held = write_tables(tmp_path / "eval", tables(), "test", purpose="eval")
    all_labels = export(name, train, tmp_path / "a")
    certified = export(name, held, tmp_path / "b")

    def n_labels(report: dict[str, Any]) -> int:
        return sum(n for key, n in report["counts"].items() if key.startswith("qrels"))

    assert n_labels(all_labels) == 6
    assert n_labels(certified) == 4
    assert certified["left_out"] == {"uncertified labels, in an eval set": 2}


@pytest.mark.parametrize("name", EXPORTERS)
def test_the_report_counts_what_the_files_hold(name: str, dataset: Dataset, tmp_path: Path) -> None:
    report = export(name, dataset, tmp_path / "out")

    assert report["counts"] == {
        "beir": {"corpus.jsonl": 4, "queries.jsonl": 4, "qrels.tsv": 6},
        "trec": {"topics.tsv": 4, "topics.xml": 4, "qrels.txt": 6, "run.bm25.txt": 5},
        "ir_datasets": {
            "docs.jsonl": 4, "queries.jsonl": 4, "qrels.txt": 6, "direct.txt": 3,
            "scoreddocs/bm25.txt": 5, "docpairs.tsv": 1,
        },
    }[name]  # fmt: skip
    assert report["losses"]
    assert report["left_out"] == {}


@pytest.mark.parametrize("name", EXPORTERS)
def test_seed_labels_and_a_lowest_grade_can_be_asked_for(
    name: str, dataset: Dataset, tmp_path: Path
) -> None:
    seed = export(name, dataset, tmp_path / "a", labels="seed")
    relevant = export(name, dataset, tmp_path / "b", lowest_grade=2)

    assert seed["labels"] == "qrel/seed"
    assert sum(n for key, n in seed["counts"].items() if key.startswith("qrels")) == 3
    assert relevant["left_out"] == {"labels of a grade below 2": 1}
    with pytest.raises(DatasetError, match="set labels to one of: mined, seed"):
        export(name, dataset, tmp_path / "c", labels="gold")
    with pytest.raises(DatasetError, match=r"no label to export .6 labels of a grade below"):
        export(name, dataset, tmp_path / "d", lowest_grade=4)


@pytest.mark.parametrize("name", EXPORTERS)
@pytest.mark.parametrize(
    ("table", "record", "message"),
    [
        ("qrel/mined", Qrel("q1", "gone", 2, "judge"), "passage 'gone'"),
        ("qrel/mined", Qrel("gone", P[0], 2, "judge"), "query 'gone'"),
        ("qrel/mined", Qrel("q1", P[0], 2, "judge"), "there twice"),
        ("query", Query("q1", "x", "en", None, None, split="test"), "q1 there twice"),
        ("passage", passages()[0], "there twice"),
    ],
)
def test_a_dataset_that_contradicts_itself_is_one_clear_error(
    name: str, table: str, record: Any, message: str, tmp_path: Path
) -> None:
    if name == "trec" and table == "passage":
        pytest.skip("TREC has no passages")
    broken = tables()
    broken[table] = [*broken[table], record]
    dataset = write_tables(tmp_path / "broken", broken, "test")

    with pytest.raises(DatasetError, match=message):
        export(name, dataset, tmp_path / "out")
    assert [p.name for p in tmp_path.iterdir()] == ["broken"]


@pytest.mark.parametrize("name", ["trec", "ir_datasets"])
@pytest.mark.parametrize(
    ("row", "message"),
    [
        (ScoredPassage("q1", P[0], 0.5), "twice"),
        (ScoredPassage("q1", P[1], float("nan")), "no number"),
        (ScoredPassage("q1", "gone", 0.5), "table passage lacks, such as 'gone'"),
    ],
)
def test_a_run_that_no_tool_could_score_is_one_clear_error(
    name: str, row: ScoredPassage, message: str, tmp_path: Path
) -> None:
    broken = tables()
    broken["run/bm25"] = [*broken["run/bm25"], row]
    dataset = write_tables(tmp_path / "broken", broken, "test")

    with pytest.raises(DatasetError, match=message):
        export(name, dataset, tmp_path / "out")


@pytest.mark.parametrize("name", EXPORTERS)
def test_labels_and_runs_of_candidates_that_did_not_become_final_are_left_out_and_counted(
    name: str, tmp_path: Path
) -> None:
    more = tables()
    more["query/candidate"] = [*queries(), Query("q9", "dropped since", "en", None, None)]
    more["qrel/mined"].append(Qrel("q9", P[0], 3, "direct"))
    more["run/bm25"].append(ScoredPassage("q9", P[0], 1.0))
    report = export(name, write_tables(tmp_path / "more", more, "test"), tmp_path / "out")

    rows_of_run = {"rows of run/bm25 of queries that are not final": 1} if name != "beir" else {}
    assert report["left_out"] == {"labels of queries that are not final": 1} | rows_of_run


@pytest.mark.parametrize("name", EXPORTERS)
def test_ids_that_a_format_cannot_hold_are_replaced_everywhere_and_mapped(
    name: str, tmp_path: Path
) -> None:
    def odd(record: Any) -> Any:
        ids = ("query_id", "passage_id", "doc_id")
        return replace(record, **{n: f"第 {getattr(record, n)}" for n in ids if hasattr(record, n)})

    renamed = {table: [odd(r) for r in records] for table, records in tables().items()}
    report = export(name, write_tables(tmp_path / "odd", renamed, "test"), tmp_path / "out")
    plain = export(name, write_tables(tmp_path / "plain", tables(), "test"), tmp_path / "as_is")

    lines = (tmp_path / "out/id_map.tsv").read_text("ascii").splitlines()
    mapped = {json.loads(old): new for new, old in (line.split("\t") for line in lines)}
    assert set(mapped) == {
        f"第 {name}" for name in [*P, "q1", "q2", "q3", "q4", "d0", "d1", "d2", "d3"]
    }
    assert all(len(new) == 21 and new.startswith("x") for new in mapped.values())
    assert report["rules"][-1] == "12 ids were replaced, see id_map.tsv"
    assert {k: n for k, n in report["counts"].items() if k != "id_map.tsv"} == plain["counts"]
    (qrels,) = (p for p in (tmp_path / "out").rglob("*") if "qrels" in str(p) and "test" in p.name)
    assert mapped["第 q1"] in qrels.read_text("ascii")


def test_records_are_sorted_also_when_they_do_not_fit_in_memory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lines = [f"{i * 7919 % 1000:03d}\u2028\u0085行" for i in range(1000)]
    monkeypatch.setattr(_order, "_CHUNK", 7)
    monkeypatch.setattr(_order, "_OPEN_FILES", 3)

    assert list(_order.in_order(lines, lambda line: line)) == sorted(lines)
    assert list(_order.in_order(iter(()), str)) == []


@pytest.mark.parametrize("name", EXPORTERS)
def test_an_export_is_the_same_whatever_fits_in_memory(
    name: str, dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = export(name, dataset, tmp_path / "whole")
    monkeypatch.setattr(_order, "_CHUNK", 1)

    assert export(name, dataset, tmp_path / "piecemeal") == whole


# --- beir -------------------------------------------------------------------------------------


def test_beir_files_hold_sorted_ids_whole_texts_and_integer_grades(
    dataset: Dataset, tmp_path: Path
) -> None:
    export("beir", dataset, tmp_path / "out")
    corpus = rows(tmp_path / "out/corpus.jsonl")

    assert [row["_id"] for row in corpus] == sorted(P)
    assert [row["text"] for row in corpus] == list(TEXTS)
    assert corpus[3]["title"] == ""
    assert "用户" in (tmp_path / "out/corpus.jsonl").read_text("utf-8")
    assert (tmp_path / "out/qrels/test.tsv").read_text("utf-8").splitlines() == [
        "query-id\tcorpus-id\tscore", f"q1\t{P[0]}\t3", f"q1\t{P[2]}\t2", f"q1\t{P[3]}\t0",
        f"q2\t{P[1]}\t3",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("title", "expected"),
    [
        ("fold", ("", f"Terms 0 {TEXTS[0]}")),
        ("drop", ("", TEXTS[0])),
        ("header", ("Terms 0", TEXTS[0])),
    ],
)
def test_a_title_can_be_folded_dropped_or_be_the_header(
    title: str, expected: tuple[str, str], dataset: Dataset, tmp_path: Path
) -> None:
    export("beir", dataset, tmp_path / "out", title=title)
    first = rows(tmp_path / "out/corpus.jsonl")[0]

    assert (first["title"], first["text"]) == expected


def test_a_split_without_labels_has_no_beir_file_and_is_told(tmp_path: Path) -> None:
    held = write_tables(tmp_path / "eval", tables(), "test", purpose="eval")
    report = export("beir", held, tmp_path / "out")

    assert sorted(p.name for p in (tmp_path / "out/qrels").iterdir()) == ["test.tsv", "train.tsv"]
    assert "split dev: it has no labels" in report["losses"]
    assert "1 queries without labels, which the loader skips" in report["losses"]


def test_beirs_own_loader_reads_the_export_with_equal_counts(
    dataset: Dataset, tmp_path: Path
) -> None:
    export("beir", dataset, tmp_path / "out")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        loader = pytest.importorskip(
            "beir.datasets.data_loader",
            reason="beir is not installed: `pip install --no-deps beir tqdm` is enough",
        )
        for split in ("train", "dev", "test"):
            corpus, asked, qrels = loader.GenericDataLoader(str(tmp_path / "out")).load(split)
            assert {k: v["text"] for k, v in corpus.items()} == dict(zip(P, TEXTS, strict=True))
            wanted = {q.query_id: q.text for q in queries() if q.split == split}
            assert asked == wanted
            assert qrels == {
                q: {x.passage_id: x.grade for x in tables()["qrel/mined"] if x.query_id == q}
                for q in wanted
            }


def test_a_beir_export_imports_to_the_same_records(dataset: Dataset, tmp_path: Path) -> None:
    export("beir", dataset, tmp_path / "out")
    back = import_dataset(tmp_path / "out", tmp_path / "back")

    found = {p.passage_id: p for p in back.read("passage")}
    for one in passages()[:2]:
        assert replace(found[one.passage_id], n_tokens=0) == one
    assert {q.query_id: (q.split, q.level, q.form) for q in back.read("query")} == {
        q.query_id: (q.split, q.level, q.form) for q in queries()
    }
    assert {(q.query_id, q.passage_id, q.grade) for q in back.read("qrel/human")} == {
        (q.query_id, q.passage_id, q.grade) for q in tables()["qrel/mined"]
    }
    assert export("beir", back, tmp_path / "again")["labels"] == "qrel/human"


def test_an_import_keeps_its_drops_and_leaves_a_built_dataset_alone(
    dataset: Dataset, tmp_path: Path
) -> None:
    folder = beir_folder(tmp_path / "in", test="q1\tp1\t2\nq1\tp9\t1\n")
    back = import_dataset(folder, tmp_path / "back")

    assert back.count("dropped/import") == 1
    assert back.manifest["stages"]["import"]["counts"] == {"in": 6, "out": 5, "dropped": 1}
    assert back.manifest["stages"]["import"]["dropped_by_reason"] == {"unknown_passage": 1}
    assert set(back.manifest["label_scale"]["grades"]) == {"0", "1", "2"}
    assert not (back.path / ".shards" / "import").exists()
    assert import_dataset(folder, tmp_path / "back").digests() == back.digests()
    with pytest.raises(UsageError, match="choose a new folder"):
        import_dataset(folder, dataset.path)
    (folder / "queries.jsonl").write_text("")
    with pytest.raises(UsageError, match="holds no queries"):
        import_dataset(folder, tmp_path / "none")


# --- the importer -----------------------------------------------------------------------------


def beir_folder(folder: Path, **files: str) -> Path:
    (folder / "qrels").mkdir(parents=True)
    lines = {
        "corpus": '{"_id": "p1", "title": "T", "text": "one"}\n{"_id": "p2", "text": "two"}\n',
        "queries": '{"_id": "q1", "text": "who?"}\n{"_id": "q2", "text": "why?"}\n',
        "test": "query-id\tcorpus-id\tscore\nq1\tp1\t1\n",
    }
    for name, text in (lines | files).items():
        file = f"{name}.jsonl" if name in ("corpus", "queries") else f"qrels/{name}.tsv"
        (folder / file).write_bytes(text.encode("utf-8", "surrogateescape"))
    return folder


def imported(folder: Path, kind: type[Any]) -> list[Any]:
    return [
        record for record in records_of(Beir(language="en"), folder) if isinstance(record, kind)
    ]


def records_of(importer: Any, folder: Path) -> Iterator[Any]:
    """The records of an importer, which gives some with their table and many at once."""
    for row in importer(folder):
        table, record = row if isinstance(row, tuple) else ("", row)
        if hasattr(record, "num_rows"):
            yield from from_arrow(record_class(table), record)
        else:
            yield record


@pytest.mark.parametrize(
    ("file", "line", "reason"),
    [
        ("corpus", "{not json}", "bad_json"),
        ("corpus", "[1]", "bad_json"),
        ("corpus", "[" * 100_000, "bad_json"),
        ("corpus", '{"_id": "p1", "text": "again"}', "repeated_id"),
        ("corpus", '{"text": "no id"}', "no_id"),
        ("corpus", '{"_id": "p9", "text": null}', "no_text"),
        ("corpus", "\udcff\udcfe", "not_utf8"),
        ("queries", '{"_id": "q1", "text": "again"}', "repeated_id"),
        ("test", "q1\tp1", "bad_row"),
        ("test", "q1\tp2\t1.0", "bad_grade"),
        ("test", "q1\tp2\t-1", "bad_grade"),
        ("test", "q1\tp9\t1", "unknown_passage"),
        ("test", "q9\tp1\t1", "unknown_query"),
        ("test", "q1\tp1\t2", "repeated_pair"),
        ("train", "head\n" + "q1\tp2\t1", "other_split"),
        ("folds", "q2\tp2\t1", "unknown_split"),
    ],
)
def test_a_bad_row_is_dropped_with_its_reason_and_the_rest_is_read(
    file: str, line: str, reason: str, tmp_path: Path
) -> None:
    good = beir_folder(tmp_path / "good")
    path = good / (f"{file}.jsonl" if file in ("corpus", "queries") else f"qrels/{file}.tsv")
    before = path.read_bytes() if path.exists() else b""
    path.write_bytes(before + line.encode("utf-8", "surrogateescape") + b"\n")

    (dropped,) = imported(good, Dropped)
    assert dropped.reason == reason
    assert len(dropped.detail) < 400
    assert len(imported(good, Passage)) == len(imported(good, Query)) == 2
    assert len(imported(good, Qrel)) == 1


def test_ids_that_line_based_formats_cannot_hold_are_mapped_everywhere(tmp_path: Path) -> None:
    folder = beir_folder(
        tmp_path / "odd",
        corpus='{"_id": "民法 1", "text": "条文"}\n{"_id": 7, "text": "seven"}\n',
        test="query-id\tcorpus-id\tscore\r\nq1\t民法 1\t2\r\nq1\t7\t1\r\n",
    )
    first, second = imported(folder, Passage)

    assert first.passage_id.startswith("x")
    assert len(first.passage_id) == 21
    assert first.flags == ("original_id=民法 1",)
    assert second.passage_id == "7"
    assert [q.passage_id for q in imported(folder, Qrel)] == [first.passage_id, "7"]


def test_a_short_text_is_in_the_language_of_nearly_all_the_corpus(tmp_path: Path) -> None:
    long = "The tenant pays the rent by the third working day of each month, and gives notice."
    rows = [{"_id": f"p{i}", "text": f"{long} {i}"} for i in range(1, 20)]
    rows += [
        {"_id": "short", "text": "laser ablation"},
        {"_id": "zh", "text": "承租人按月支付租金。"},
    ]
    corpus = "".join(json.dumps(row) + "\n" for row in rows)
    folder = beir_folder(tmp_path / "mixed", corpus=corpus)
    found = {p.passage_id: p.language for p in records_of(Beir(), folder) if isinstance(p, Passage)}

    assert found["short"] == found["p1"] == "en"
    assert found["zh"] == "zh"


def test_queries_without_a_label_have_no_split_and_a_missing_header_costs_no_label(
    tmp_path: Path,
) -> None:
    folder = beir_folder(tmp_path / "headless", test="q1\tp1\t1\n")

    assert {q.query_id: q.split for q in imported(folder, Query)} == {"q1": "test", "q2": None}
    assert len(imported(folder, Qrel)) == 1


@pytest.mark.parametrize(
    ("name", "n_passages", "n_queries", "n_qrels"),
    [
        ("vaswani", 11_429, 93, 2_083),
        ("cranfield-graded", 1_400, 225, 1_837),
        ("stard", 1_445, 1_543, 2_717),
    ],
)
def test_real_labelled_sets_import_whole(
    name: str, n_passages: int, n_queries: int, n_qrels: int, shared_data: Path
) -> None:
    folder = shared_data / "labelled" / name / "derived"
    counts = [len(imported(folder, kind)) for kind in (Passage, Query, Qrel, Dropped)]

    assert counts == [n_passages, n_queries, n_qrels, 0]


# --- trec -------------------------------------------------------------------------------------


def test_trec_runs_are_ranked_from_1_with_ties_by_descending_id(
    dataset: Dataset, tmp_path: Path
) -> None:
    export("trec", dataset, tmp_path / "out")

    assert (tmp_path / "out/run.bm25.txt").read_text().splitlines() == [
        f"q1 Q0 {P[2]} 1 1.75 bm25", f"q1 Q0 {P[3]} 2 1.5 bm25", f"q1 Q0 {P[0]} 3 1.5 bm25",
        f"q2 Q0 {P[1]} 1 0.1 bm25", f"q3 Q0 {P[1]} 1 -2.0 bm25",
    ]  # fmt: skip
    assert (tmp_path / "out/qrels.test.txt").read_text().splitlines()[0] == f"q1 direct {P[0]} 3"
    assert (tmp_path / "out/topics.test.tsv").read_text("utf-8") == (
        "q1\twhat is due when?\nq2\t怎样取消订阅\n"
    )


def test_trec_topics_are_well_formed_xml(tmp_path: Path) -> None:
    odd = [*queries(), Query("q5", "a < b & \x01 c", "en", None, None, split="dev")]
    dataset = write_tables(tmp_path / "odd", tables() | {"query": odd}, "test")
    export("trec", dataset, tmp_path / "out")
    topics = ET.parse(tmp_path / "out/topics.xml").getroot()

    assert [t.get("number") for t in topics] == ["q1", "q2", "q3", "q4", "q5"]
    assert topics[4].findtext("query") == "a < b &   c"
    assert topics[0].get("split") == "test"


def test_ir_measures_scores_the_trec_export_as_it_scores_the_records(
    dataset: Dataset, tmp_path: Path
) -> None:
    ir_measures = pytest.importorskip("ir_measures")
    export("trec", dataset, tmp_path / "out")
    qrels = ir_measures.read_trec_qrels(str(tmp_path / "out/qrels.test.txt"))
    run = ir_measures.read_trec_run(str(tmp_path / "out/run.bm25.txt"))
    by_hand = (2 / 1 + 3 / 2) / (3 + 2 / 1.5849625007211562)  # grades 2, 0, 3 at ranks 1, 2, 3

    scored = ir_measures.calc_aggregate([ir_measures.nDCG @ 10], qrels, run)
    assert scored[ir_measures.nDCG @ 10] == pytest.approx((by_hand + 1) / 2)


# --- ir_datasets ------------------------------------------------------------------------------


@pytest.fixture
def ir_datasets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """ir_datasets with a home of its own and our ids forgotten afterwards."""
    monkeypatch.setenv("IR_DATASETS_HOME", str(tmp_path / "home"))
    module = pytest.importorskip("ir_datasets", reason="ir_datasets is not installed")
    known = set(module.registry)
    yield module
    forget(module, known)


def forget(ir_datasets: Any, known: set[str]) -> None:
    for name in set(ir_datasets.registry) - known:
        del ir_datasets.registry._registered[name]
    irds._known.clear()


@pytest.fixture(params=["export", "directory"])
def registered(
    request: pytest.FixtureRequest, dataset: Dataset, tmp_path: Path, ir_datasets: Any
) -> str:
    if request.param == "directory":
        return irds.register(dataset.path)
    export("ir_datasets", dataset, tmp_path / "out")
    return irds.register(tmp_path / "out")


def test_ir_datasets_gives_docs_queries_and_graded_qrels_with_their_definitions(
    registered: str, ir_datasets: Any
) -> None:
    test = ir_datasets.load(f"{registered}/test")

    assert registered == "datakit/small"
    assert [tuple(doc) for doc in test.docs_iter()] == [
        (p.passage_id, p.title or "", p.text, p.doc_id) for p in passages()
    ]
    assert {tuple(q) for q in test.queries_iter()} == {
        (q.query_id, q.text, q.level, q.form) for q in queries() if q.split == "test"
    }
    assert {tuple(q) for q in test.qrels_iter()} == {
        (q.query_id, q.passage_id, q.grade, q.source)
        for q in tables()["qrel/mined"]
        if q.query_id in ("q1", "q2")
    }
    assert set(test.qrels_defs()) == {0, 1, 2, 3}
    assert test.docs_count() == 4
    assert test.qrels_dict()["q2"] == {P[1]: 3}


def test_ir_datasets_looks_up_docs_and_queries_by_id(registered: str, ir_datasets: Any) -> None:
    whole, test = ir_datasets.load(registered), ir_datasets.load(f"{registered}/test")

    assert whole.docs_store().get(P[1]).text == TEXTS[1]
    assert test.queries_store().get("q2").text == "怎样取消订阅"
    assert test.docs_iter()[1:3][0].doc_id == P[1]
    assert next(iter(test.docs_iter())).default_text().startswith("Terms 0 Fees")
    with pytest.raises(KeyError):
        test.queries_store().get("q3")


def test_ir_datasets_has_runs_and_pairs_where_there_are_any(
    registered: str, ir_datasets: Any
) -> None:
    train, dev = ir_datasets.load(f"{registered}/train"), ir_datasets.load(f"{registered}/dev")
    run = ir_datasets.load(f"{registered}/test/bm25")

    assert [tuple(p) for p in train.docpairs_iter()] == [("q3", P[0], P[3], "bm25", 0.5, 1.5)]
    assert not dev.has_docpairs()
    assert [tuple(s) for s in train.scoreddocs_iter()] == [("q3", P[1], -2.0)]
    assert [s.doc_id for s in run.scoreddocs_iter()] == [P[2], P[3], P[0], P[1]]


def test_ir_measures_scores_a_run_through_the_registration(
    registered: str, ir_datasets: Any
) -> None:
    ir_measures = pytest.importorskip("ir_measures")
    test = ir_datasets.load(f"{registered}/test")
    scored = ir_measures.calc_aggregate(
        [ir_measures.nDCG @ 10, ir_measures.Judged @ 10],
        test.qrels_iter(),
        test.scoreddocs_iter(),
    )

    assert scored[ir_measures.Judged @ 10] == 1
    assert 0.5 < scored[ir_measures.nDCG @ 10] < 1


def test_ir_datasets_command_line_exports_every_field(
    registered: str, ir_datasets: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    def lines(*args: str, split: str = "test") -> list[str]:
        ir_datasets.main(["export", f"{registered}/{split}", *args])
        return capsys.readouterr().out.splitlines()

    assert json.loads(lines("docs", "--format", "jsonl")[1]) == {
        "doc_id": P[1], "title": "Terms 1", "text": TEXTS[1], "source_doc_id": "d1",
    }  # fmt: skip
    assert lines("queries")[1] == "q2\t怎样取消订阅\tpassage\tquestion"
    assert lines("qrels")[0] == f"q1 direct {P[0]} 3"
    assert lines("scoreddocs")[0].split()[:3] == ["q1", "Q0", P[2]]
    assert lines("docpairs", split="train") == [f"q3\t{P[0]}\t{P[3]}\tbm25\t0.5\t1.5"]
    ir_datasets.main(["lookup", f"{registered}/test", "-q", "q2"])
    assert "怎样取消订阅" in capsys.readouterr().out


def test_ir_datasets_knows_the_languages_and_the_parent_of_a_split(
    registered: str, ir_datasets: Any
) -> None:
    train, test = ir_datasets.load(f"{registered}/train"), ir_datasets.load(f"{registered}/test")

    assert (train.queries_lang(), test.queries_lang(), test.docs_lang()) == ("en", None, None)
    assert ir_datasets.docs_parent_id(f"{registered}/test/bm25") == registered


def test_a_directory_and_its_export_say_the_same(
    dataset: Dataset, tmp_path: Path, ir_datasets: Any
) -> None:
    export("ir_datasets", dataset, tmp_path / "out")
    names = irds.register(dataset.path), irds.register(tmp_path / "out", "exported")
    kinds = ("docs", "queries", "qrels", "scoreddocs", "docpairs")

    for split in (
        "",
        "/train",
        "/dev",
        "/test",
        "/test/bm25",
        "/passage/direct/test",
        "/direct/train",
    ):
        one, other = (ir_datasets.load(name + split) for name in names)
        for kind in kinds:
            assert one.has(kind) == other.has(kind)
            if one.has(kind):
                rows = getattr(one, f"{kind}_iter")(), getattr(other, f"{kind}_iter")()
                assert sorted(map(tuple, rows[0])) == sorted(map(tuple, rows[1]))


def test_an_eval_set_is_registered_without_uncertified_labels(
    tmp_path: Path, ir_datasets: Any
) -> None:
    held = write_tables(tmp_path / "eval", tables(), "test", purpose="eval")
    name = irds.register(held.path)

    found = [q.doc_id for q in ir_datasets.load(f"{name}/test").qrels_iter()]
    assert sorted(found) == sorted([P[0], P[3], P[1]])
    assert list(ir_datasets.load(f"{name}/dev").qrels_iter()) == []


def test_the_best_positive_alone_can_be_paired(tmp_path: Path) -> None:
    more = tables()
    more["qrel/mined"].append(Qrel("q3", P[1], 3, "judge"))
    dataset = write_tables(tmp_path / "more", more, "test")
    every = export("ir_datasets", dataset, tmp_path / "all")
    best = export("ir_datasets", dataset, tmp_path / "best", pairs="best")

    assert (every["counts"]["docpairs.tsv"], best["counts"]["docpairs.tsv"]) == (2, 1)
    assert (tmp_path / "best/docpairs/train.tsv").read_text().startswith(f"q3\t{P[1]}\t{P[3]}\t")


def test_a_damaged_export_is_told_where_it_is_read(
    dataset: Dataset, tmp_path: Path, ir_datasets: Any
) -> None:
    export("ir_datasets", dataset, tmp_path / "out")
    name = irds.register(tmp_path / "out")
    (tmp_path / "out/qrels/test.txt").write_text("q1 direct\n")

    with pytest.raises(DatasetError, match=r"test.txt .*line 1 has 2 columns, expected 4\. Export"):
        list(ir_datasets.load(f"{name}/test").qrels_iter())


def test_registering_again_is_the_same_and_other_content_needs_another_name(
    dataset: Dataset, tmp_path: Path, ir_datasets: Any
) -> None:
    other = write_tables(tmp_path / "two" / "small", tables() | {"run/bm25": []}, "test")

    assert irds.register(dataset.path) == irds.register(dataset.path) == "datakit/small"
    with pytest.raises(UsageError, match="another folder or had other content"):
        irds.register(other.path)
    assert irds.register(other.path, "second") == "datakit/second"
    with pytest.raises(UsageError, match="cannot be a name"):
        irds.register(other.path, "a/b")
    with pytest.raises(DatasetError, match="neither a dataset nor an export"):
        irds.register(tmp_path)


def test_a_rebuilt_corpus_is_not_hidden_by_an_old_docstore(
    dataset: Dataset, tmp_path: Path, ir_datasets: Any
) -> None:
    known = set(ir_datasets.registry)
    old = ir_datasets.load(irds.register(dataset.path))
    assert old.docs_store().get(P[3]).text == TEXTS[3]
    changed = [*passages()[:3], replace(passages()[3], text="Something new here..")]
    rebuilt = write_tables(tmp_path / "new", tables() | {"passage": changed}, "test")
    forget(ir_datasets, known)

    new = ir_datasets.load(irds.register(rebuilt.path, "small"))
    assert new.docs_store().get(P[3]).text == "Something new here.."


def test_the_lines_of_the_exports_readme_load_it(
    dataset: Dataset, tmp_path: Path, ir_datasets: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    export("ir_datasets", dataset, tmp_path / "out")
    readme = (tmp_path / "out/README.md").read_text("utf-8")
    code = "\n".join(line[4:] for line in readme.splitlines() if line.startswith("    "))
    monkeypatch.chdir(tmp_path / "out")
    names: dict[str, Any] = {}
    exec(code, names)

    assert names["dataset"].docs_count() == 4


def test_importing_irds_does_not_import_ir_datasets() -> None:
    import subprocess

    code = "import sys, datakit.irds; print('ir_datasets' in sys.modules)"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "False"


def test_a_large_corpus_is_several_parquet_files_that_read_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hf, "_PART_ROWS", 2)
    dataset = write_tables(tmp_path / "d", tables(), "test")
    registry.make("exporters", "hf", {"provenance": False})(dataset, tmp_path / "hf")
    back = import_dataset(tmp_path / "hf", tmp_path / "back")
    report = json.loads((tmp_path / "hf/export_report.json").read_text())

    assert len(list((tmp_path / "hf/corpus").iterdir())) == (len(P) + 1) // 2
    assert report["counts"]["corpus/part-00000.parquet"] == len(P)
    assert [p.passage_id for p in back.read("passage")] == sorted(P)


def test_lines_of_many_passages_are_those_of_one_after_the_other(tmp_path: Path) -> None:
    """Whatever is in the cells, and in whichever order the table has them."""
    odd = ('a "quote"', "back\\slash", "tab\t\x1f\x7f", "\x85\u2028\u2029 租金 🏠", "", None)
    rows = [
        Passage(
            f"p{i}", f"d{i}", text or "-", i, i + 1, i, title=title, issuer=issuer, date=None,
            section_path=tuple(part for part in odd[:i] if part is not None), language="en",
        )
        for i, text in enumerate(odd)
        for title, issuer in [(odd[i - 1], odd[i - 2])]
    ]  # fmt: skip
    qrels = [Qrel("q1", row.passage_id, 1, "human") for row in rows]
    for name, order in (("ascending", rows), ("descending", rows[::-1])):
        made: dict[str, list[Any]] = {"passage": order, "query": queries(), "qrel/human": qrels}
        dataset = write_tables(tmp_path / name, made, "test")
        for title in ("keep", "fold", "header"):
            out = tmp_path / f"{name}-{title}"
            registry.make("exporters", "beir", {"title": title})(dataset, out)
            assert (out / "corpus.jsonl").read_text("utf-8") == "".join(
                json_line(corpus_row(row, title)) + "\n" for row in rows
            )


def corpus_row(row: Passage, title: Any) -> dict[str, Any]:
    about = {name: getattr(row, name) for name in beir._OF_PASSAGE}
    shown, text = _view.titled(row, title)
    metadata = {name: cell for name, cell in about.items() if cell not in (None, ())}
    return {"_id": row.passage_id, "title": shown, "text": text, "metadata": metadata}

"""Registered datasets: names that last, subsets, slices, and ir_datasets' own command line."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from test_exporters import TEXTS, P, export, forget, passages, tables
from typer.testing import CliRunner

import datakit
from datakit import irds, registered, registry
from datakit.cli import app
from datakit.dataset import Dataset, write_tables
from datakit.errors import DatasetError, UsageError

ENTRY = "import sys; from datakit.irds import main_cli; sys.argv[0] = 'datakit-irds'; main_cli()"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DATAKIT_HOME", str(tmp_path / "settings"))
    monkeypatch.setenv("IR_DATASETS_HOME", str(tmp_path / "home"))
    return tmp_path / "settings"


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    return write_tables(tmp_path / "small", tables(), "test")


@pytest.fixture
def ir_datasets() -> Iterator[Any]:
    module = pytest.importorskip("ir_datasets")
    known = set(module.registry)
    yield module
    forget(module, known)


@pytest.fixture
def line(
    dataset: Dataset, ir_datasets: Any, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Callable[..., str]:  # fmt: skip
    """The command line in this process, over the dataset as `datakit/terms`; gives its output."""
    from ir_datasets.commands import export as theirs

    for name in ("DEFAULT_EXPORTERS", "QRELS_EXPORTERS", "SCOREDDOCS_EXPORTERS"):
        for form, exporter in getattr(theirs, name).items():
            monkeypatch.setitem(getattr(theirs, name), form, exporter)  # put back at the end
    irds.keep(dataset.path, "terms")

    def run(*args: str) -> str:
        monkeypatch.setattr(sys, "argv", ["datakit-irds", *args])
        with pytest.raises(SystemExit) as ended:
            irds.main_cli()
        said = capsys.readouterr()
        return said.err if ended.value.code else said.out

    irds.register_all()
    return run


def datakit_irds(*args: str) -> subprocess.CompletedProcess[str]:
    """The console script, in a process of its own as a user has it."""
    root = str(Path(datakit.__file__).parents[1])
    return subprocess.run(
        [sys.executable, "-c", ENTRY, *args], capture_output=True, text=True, check=False,
        env=os.environ | {"PYTHONPATH": root},
    )  # fmt: skip


# --- names ------------------------------------------------------------------------------------


def test_a_registered_name_is_there_in_the_next_process(dataset: Dataset) -> None:
    done = CliRunner().invoke(app, ["register", str(dataset.path), "--name", "terms"])

    assert done.output.split()[:2] == ["datakit/terms", "datakit/terms/train"]
    code = "import datakit.irds, ir_datasets; print(ir_datasets.load('datakit/terms').docs_count())"
    assert subprocess.check_output([sys.executable, "-W", "error", "-c", code], text=True) == "4\n"


def test_names_are_listed_and_forgotten_and_the_data_stays(dataset: Dataset) -> None:
    irds.keep(dataset.path, "terms")
    listed = CliRunner().invoke(app, ["register", "--list"])

    assert listed.output.split() == ["datakit/terms", str(dataset.path)]
    assert "stays" in CliRunner().invoke(app, ["register", "--remove", "terms"]).output
    assert registered.names() == {}
    assert (dataset.path / "manifest.json").is_file()


def test_a_name_of_another_folder_is_refused_and_so_is_none_that_is_there(
    dataset: Dataset, tmp_path: Path
) -> None:
    other = write_tables(tmp_path / "other", tables(), "test")
    irds.keep(dataset.path, "terms")

    assert irds.keep(dataset.path, "terms")[0] == "datakit/terms"
    with pytest.raises(UsageError, match="datakit register --remove terms"):
        irds.keep(other.path, "terms")
    with pytest.raises(UsageError, match=r"'term'.*Did you mean 'terms'"):
        registered.remove("term")
    with pytest.raises(UsageError, match="cannot be a name"):
        irds.keep(other.path, "a/b")
    with pytest.raises(DatasetError, match="neither a dataset nor an export"):
        irds.keep(tmp_path / "nowhere")


def test_a_dataset_whose_labels_point_nowhere_is_not_registered(tmp_path: Path) -> None:
    from datakit.records import Qrel

    broken = tables() | {"qrel/mined": [Qrel("q1", "gone", 3, "direct")]}
    dataset = write_tables(tmp_path / "broken", broken, "test")

    with pytest.raises(DatasetError, match="passage 'gone'"):
        irds.keep(dataset.path, "broken")
    assert registered.names() == {}


def test_a_damaged_list_of_names_is_one_clear_error(home: Path) -> None:
    home.mkdir()
    (home / registered.FILE).write_text("{")

    with pytest.raises(DatasetError, match=r"registered\.json cannot be read"):
        registered.names()


def test_a_folder_that_is_gone_is_told_and_the_others_work(
    dataset: Dataset, tmp_path: Path
) -> None:
    irds.keep(dataset.path, "terms")
    registered.add("gone", tmp_path / "gone")

    done = datakit_irds("list")
    assert "datakit/terms/test" in done.stdout.split()
    assert done.stderr.count("\n") == 1
    assert "datakit/gone is not registered" in done.stderr


# --- subsets ----------------------------------------------------------------------------------


def test_subsets_by_level_and_by_label_set_hold_their_own_queries_and_labels(
    dataset: Dataset, ir_datasets: Any
) -> None:
    name = irds.register(dataset.path)

    def held(subset: str) -> tuple[set[str], set[tuple[str, str]]]:
        one = ir_datasets.load(f"{name}/{subset}")
        labels = {(q.query_id, q.doc_id) for q in one.qrels_iter()}
        return {q.query_id for q in one.queries_iter()}, labels

    assert held("test")[0] == {"q1", "q2"}
    assert held("sentence/train") == ({"q3"}, {("q3", P[0])})
    assert held("direct/test") == ({"q1", "q2"}, {("q1", P[0]), ("q2", P[1])})
    assert held("passage/test")[1] > held("passage/direct/test")[1]
    assert held("topic/dev") == ({"q4"}, {("q4", P[0])})
    assert f"{name}/direct/dev" not in set(ir_datasets.registry)  # its query has no direct label
    assert ir_datasets.docs_parent_id(f"{name}/passage/direct/test") == name


def test_negatives_are_paired_within_the_subset(dataset: Dataset, ir_datasets: Any) -> None:
    name = irds.register(dataset.path)

    (pair,) = ir_datasets.load(f"{name}/sentence/direct/train").docpairs_iter()
    assert (pair.query_id, pair.doc_id_a, pair.doc_id_b) == ("q3", P[0], P[3])
    assert not ir_datasets.load(f"{name}/passage/test").has_docpairs()


def test_what_the_labels_are_is_documented(dataset: Dataset, ir_datasets: Any) -> None:
    said = ir_datasets.load(f"{irds.register(dataset.path)}/test").documentation()

    assert said["pretty_name"] == "datakit/small/test"
    assert "2 labels are not certified" in said["desc"]
    assert "judge 1" in said["desc"]


# --- docs -------------------------------------------------------------------------------------


@pytest.mark.parametrize("of", ["directory", "export"])
def test_docs_are_sliced_without_a_docstore(
    of: str, dataset: Dataset, tmp_path: Path, ir_datasets: Any
) -> None:
    path = dataset.path
    if of == "export":
        path = tmp_path / "out"
        export("ir_datasets", dataset, path)
    whole = ir_datasets.load(irds.register(path))
    ids = sorted(P)

    assert [d.doc_id for d in whole.docs_iter()[1:3]] == ids[1:3]
    assert [d.doc_id for d in whole.docs_iter()[:0.5]] == ids[:2]
    assert [d.doc_id for d in whole.docs_iter()[2:][1:]] == ids[3:]
    assert [d.doc_id for d in whole.docs_iter()[::2]] == ids[::2]
    assert (whole.docs_iter()[3].doc_id, whole.docs[-1].doc_id) == (ids[3], ids[3])
    assert list(whole.docs_iter()[4:]) == []
    with pytest.raises(IndexError):
        whole.docs_iter()[4]
    assert not list((tmp_path / "home").rglob("*.pklz4"))


def test_a_slice_over_many_parts_is_that_of_the_whole(
    tmp_path: Path, ir_datasets: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("datakit.tables.PART_ROWS", 3)
    monkeypatch.setattr("datakit.exporters._irds_rows._BATCH", 2)
    many = [replace(passages()[0], passage_id=f"p{i:02d}") for i in range(20)]
    many += passages()
    dataset = write_tables(tmp_path / "parts", tables() | {"passage": many}, "test")
    docs = ir_datasets.load(irds.register(dataset.path))
    ids = [d.doc_id for d in docs.docs_iter()]

    assert len(dataset.parts("passage")) == 8
    assert ids == [p.passage_id for p in many]
    for start, stop in ((0, 24), (2, 3), (5, 19), (23, 24), (7, 7)):
        assert [d.doc_id for d in docs.docs_iter()[start:stop]] == ids[start:stop]


# --- datakit-irds -----------------------------------------------------------------------------


def test_the_command_line_writes_runs_that_trec_eval_reads(line: Callable[..., str]) -> None:
    run = line("export", "datakit/terms/test/bm25", "scoreddocs", "--runtag", "mine")

    assert run.splitlines() == [
        f"q1 Q0 {P[2]} 1 1.75 mine", f"q1 Q0 {P[3]} 2 1.5 mine", f"q1 Q0 {P[0]} 3 1.5 mine",
        f"q2 Q0 {P[1]} 1 0.1 mine",
    ]  # fmt: skip


def test_the_command_line_writes_chinese_as_it_is(line: Callable[..., str]) -> None:
    docs = line("export", "datakit/terms", "docs", "--format", "jsonl")
    query = line("lookup", "datakit/terms/test", "-q", "q2", "--format", "jsonl")

    assert "用户可以随时取消订阅" in docs
    assert "\\u2028" in docs
    assert [json.loads(row)["text"] for row in docs.split("\n")[:-1]] == list(TEXTS)
    assert json.loads(query)["text"] == "怎样取消订阅"
    assert "取消" in query


def test_the_command_line_exports_qrels_and_looks_up(line: Callable[..., str]) -> None:
    qrels = line("export", "datakit/terms/direct/test", "qrels")

    assert sorted(qrels.splitlines()) == [f"q1 direct {P[0]} 3", f"q2 direct {P[1]} 3"]
    assert line("lookup", "datakit/terms", P[1], "--fields", "source_doc_id") == "d1\n"


def test_an_unknown_id_is_one_line_with_the_nearest_one(line: Callable[..., str]) -> None:
    assert line("export", "datakit/terms/tets", "qrels") == (
        "datakit-irds: dataset 'datakit/terms/tets' does not exist. "
        "Did you mean 'datakit/terms/test'?\n"
    )


def test_other_processes_keep_ir_datasets_as_it_was(ir_datasets: Any) -> None:
    from ir_datasets.commands import export as theirs

    assert theirs.SCOREDDOCS_EXPORTERS["trec"] is theirs.TrecRunExporter


# --- other tools ------------------------------------------------------------------------------


def test_the_entry_points_are_objects_of_the_shape_that_their_readers_ask_for(
    dataset: Dataset, ir_datasets: Any
) -> None:
    from datakit.irds.provider import provider

    irds.keep(dataset.path, "terms")
    assert provider.prefix == "datakit"
    assert provider.load("terms").docs_count() == 4
    assert list(provider.discover_edges()) == []
    with pytest.raises(KeyError):
        provider.load("nothing")


def test_pyterrier_reads_a_registered_dataset(dataset: Dataset, ir_datasets: Any) -> None:
    pt = pytest.importorskip("pyterrier", reason="PyTerrier is not installed")
    irds.keep(dataset.path, "terms")
    topics = pt.get_dataset("datakit:terms/test").get_topics()
    registered_one = pt.get_dataset("irds:datakit/terms/test")

    assert list(topics.columns) == ["qid", "query"]
    assert set(registered_one.get_qrels()["label"]) == {0, 2, 3}
    corpus = registered_one.get_corpus_iter(verbose=False, start=1, count=2)
    assert [doc["docno"] for doc in corpus] == [P[1], P[2]]


# --- a contribution to ir_datasets --------------------------------------------------------------


def contribute(dataset: Dataset, out: Path, **settings: Any) -> dict[str, Any]:
    registry.make("exporters", "ir_datasets_pr", settings)(dataset, out)
    report: dict[str, Any] = json.loads((out / "export_report.json").read_text("utf-8"))
    return report


def test_a_contribution_runs_in_ir_datasets_and_its_own_test_would_pass(
    dataset: Dataset, tmp_path: Path, ir_datasets: Any
) -> None:
    out = tmp_path / "pr"
    report = contribute(dataset, out, name="small-terms", url="https://example.org/d")
    entry = json.loads((out / "ir_datasets/etc/downloads.small-terms.json").read_text())
    metadata = json.loads((out / "ir_datasets/etc/metadata.small-terms.json").read_text())
    test = (out / "test/integration/small_terms.py").read_text("utf-8")

    assert report["verified_with"][1].endswith("by the definition")
    assert entry["small-terms"]["qrels/test"]["url"] == "https://example.org/d/qrels.test.txt"
    md5 = hashlib.md5((out / "data/docs.jsonl").read_bytes()).hexdigest()
    assert entry["small-terms"]["docs"]["expected_md5"] == md5
    assert metadata["small-terms/test"]["qrels"]["count"] == 4
    assert "self._test_docs('small-terms', count=4, items={0: Doc('d0:5-48', 'Terms 0'" in test
    compile(test, "small_terms.py", "exec")
    assert "small-terms" not in set(ir_datasets.registry)
    assert sorted(p.name for p in out.iterdir()) == [
        "README.md", "data", "export_report.json", "ir_datasets", "test",
    ]  # fmt: skip


def test_the_documentation_of_a_contribution_is_yaml(dataset: Dataset, tmp_path: Path) -> None:
    yaml = pytest.importorskip("yaml")
    contribute(dataset, tmp_path / "pr", name="small-terms")
    text = (tmp_path / "pr/ir_datasets/docs/small-terms.yaml").read_text("utf-8")
    found = yaml.load(text, Loader=yaml.BaseLoader)

    assert set(found) == {"_", "train", "dev", "test"}
    assert "unjudged, which is not 0" in " ".join(found["_"]["desc"].split())


def test_a_name_that_ir_datasets_cannot_have_is_refused(dataset: Dataset, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--set name="):
        contribute(dataset, tmp_path / "pr", name="Small_Terms")
    with pytest.raises(UsageError, match="has 'vaswani' already"):
        contribute(dataset, tmp_path / "pr", name="vaswani")

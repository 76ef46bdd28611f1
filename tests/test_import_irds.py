"""Import of what ir_datasets knows, by id: ours come back whole, others with what has no place."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from test_exporters import export, forget, passages, queries, tables

from datakit import irds
from datakit.dataset import Dataset, write_tables
from datakit.errors import DatasetError, UsageError
from datakit.importing import import_dataset
from datakit.text import normalise


class Abstract(NamedTuple):
    doc_id: str
    heading: str
    author: str

    def default_text(self) -> str:
        return self.heading


@pytest.fixture
def ir_datasets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setenv("DATAKIT_HOME", str(tmp_path / "settings"))
    monkeypatch.setenv("IR_DATASETS_HOME", str(tmp_path / "home"))
    module = pytest.importorskip("ir_datasets")
    known = set(module.registry)
    yield module
    forget(module, known)


@pytest.fixture
def abstracts(tmp_path: Path, ir_datasets: Any) -> str:
    """A dataset of ir_datasets' own classes, with fields and grades that ours have not."""
    library = ir_datasets
    (tmp_path / "docs.tsv").write_text("a\tHeat flow\tAnn\nb\tWing drag\tBob\n")
    (tmp_path / "qrels.txt").write_text("7 0 a 1\n7 0 b -2\n8 0 a 1\n")
    (tmp_path / "topics.tsv").write_text("7\tdrag of wings\n")

    def file(name: str) -> Any:
        return library.util.LocalDownload(tmp_path / name)

    dataset = library.Dataset(
        library.formats.TsvDocs(file("docs.tsv"), Abstract, lang="en"),
        library.formats.TsvQueries(file("topics.tsv"), lang="en"),
        library.formats.TrecQrels(file("qrels.txt"), {1: "relevant", -2: "junk"}),
    )
    library.registry.register("abstracts/validation", dataset)
    return "ir_datasets:abstracts/validation"


def test_a_registered_dataset_comes_back_with_splits_sources_runs_and_negatives(
    tmp_path: Path, ir_datasets: Any
) -> None:
    dataset = write_tables(tmp_path / "small", tables(), "test")
    irds.register(dataset.path, "small")
    back = import_dataset("ir_datasets:datakit/small", tmp_path / "back")

    def labels(one: Dataset) -> set[tuple[str, str, int, str]]:
        rows = one.read("qrel/mined")
        return {(q.query_id, q.passage_id, q.grade, q.source) for q in rows}

    assert {(p.passage_id, p.doc_id, p.text, p.title, p.start) for p in back.read("passage")} == {
        (p.passage_id, p.doc_id, normalise(p.text), p.title, p.start) for p in passages()
    }
    assert {(q.query_id, q.level, q.form, q.split) for q in back.read("query")} == {
        (q.query_id, q.level, q.form, q.split) for q in queries()
    }
    assert labels(back) == labels(dataset)
    assert {(s.query_id, s.passage_id, s.score) for s in back.read("run/bm25")} == {
        (s.query_id, s.passage_id, s.score) for s in dataset.read("run/bm25")
    }
    assert [(n.query_id, n.score) for n in back.read("negative/bm25")] == [("q3", 0.5)]
    assert back.manifest["label_scale"] == dataset.manifest["label_scale"]


def test_an_export_is_known_by_its_files_and_imports_without_a_name(
    tmp_path: Path, ir_datasets: Any
) -> None:
    dataset = write_tables(tmp_path / "small", tables(), "test")
    export("ir_datasets", dataset, tmp_path / "out")
    back = import_dataset(tmp_path / "out", tmp_path / "back")

    assert [back.count(table) for table in ("passage", "query", "qrel/mined")] == [4, 4, 6]


def test_a_foreign_dataset_comes_with_its_split_and_what_has_no_place_is_told(
    abstracts: str, tmp_path: Path
) -> None:
    back = import_dataset(abstracts, tmp_path / "back")

    assert [(p.passage_id, p.text, p.language) for p in back.read("passage")] == [
        ("a", "Heat flow", "en"), ("b", "Wing drag", "en"),
    ]  # fmt: skip
    assert [q.split for q in back.read("query")] == ["dev"]
    assert [(q.passage_id, q.grade) for q in back.read("qrel/human")] == [("a", 1), ("b", 0)]
    assert [d.reason for d in back.read("dropped/import")] == ["unknown_query"]
    said = " ".join(f.message for f in back.read("finding/import"))
    assert "field 'author' of its docs has no place" in said
    assert "grades below 0 are read as 0" in said


def test_files_that_would_be_downloaded_are_refused(tmp_path: Path, ir_datasets: Any) -> None:
    with pytest.raises(DatasetError, match="--set allow_download=true"):
        import_dataset("ir_datasets:vaswani", tmp_path / "back")


def test_an_id_that_is_not_there_is_told_with_the_nearest(tmp_path: Path, ir_datasets: Any) -> None:
    with pytest.raises(UsageError, match="Did you mean 'vaswani'"):
        import_dataset("ir_datasets:vaswany", tmp_path / "back")
    with pytest.raises(UsageError, match="no documents or no queries"):
        import_dataset("ir_datasets:clueweb09", tmp_path / "other")

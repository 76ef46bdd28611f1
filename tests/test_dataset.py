from __future__ import annotations

import json
from pathlib import Path

import pytest

from datakit import Passage, Query, ScoredPassage
from datakit.dataset import Dataset, write_tables
from datakit.errors import DatasetBusy, DatasetError

PASSAGES = [Passage(f"d{i}:0-4", f"d{i}", f"text {i}", 0, 4, 0, language="en") for i in range(5)]


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    return write_tables(tmp_path / "out", {"passage": PASSAGES}, "import")


def test_what_was_written_is_read_back(dataset: Dataset) -> None:
    again = Dataset.open(dataset.path)

    assert list(again.read("passage")) == PASSAGES
    assert again.count("passage") == 5
    assert again.frame("passage")["passage_id"].tolist() == [p.passage_id for p in PASSAGES]


def test_a_table_folder_is_named_by_its_digest(dataset: Dataset) -> None:
    (path, _) = dataset.parts("passage")[0]

    assert path.parent.name == dataset.digest("passage")[7:23]


def test_rows_are_found_by_a_column(dataset: Dataset) -> None:
    assert list(dataset.where("passage", "doc_id", ["d3"])) == [PASSAGES[3]]


def test_a_replaced_table_leaves_the_old_files_until_pruned(dataset: Dataset) -> None:
    old = dataset.parts("passage")[0][0]
    write_tables(dataset.path, {"passage": PASSAGES[:2]}, "import")
    assert old.exists()

    Dataset.open(dataset.path).prune()

    assert not old.exists()
    assert Dataset.open(dataset.path).count("passage") == 2


def test_the_content_hash_ignores_runs(dataset: Dataset) -> None:
    before = dataset.manifest["content_hash"]
    run = [ScoredPassage("q", "d1:0-4", 1.0)]

    assert write_tables(dataset.path, {"run/x": run}, "r").manifest["content_hash"] == before
    query = [Query("q", "text", "en", None, None)]
    assert write_tables(dataset.path, {"query": query}, "q").manifest["content_hash"] != before


def test_a_folder_with_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("mine")

    with pytest.raises(DatasetError, match=r"holds 'thesis\.tex' and is not a datakit dataset"):
        Dataset.create(tmp_path)


def test_a_missing_dataset_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"no manifest\.json.*datakit build"):
        Dataset.open(tmp_path)


def test_a_missing_table_names_those_that_are_there(dataset: Dataset) -> None:
    with pytest.raises(DatasetError, match="has no table 'run/bm25'; there is passage"):
        dataset.count("run/bm25")


def test_a_dataset_of_another_format_version_is_refused(dataset: Dataset) -> None:
    file = dataset.path / "manifest.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"format_version": "99"}))

    with pytest.raises(DatasetError, match="format_version '99'"):
        Dataset.open(dataset.path)


def test_a_second_writer_is_told_at_once(dataset: Dataset) -> None:
    with (
        dataset.locked(),
        pytest.raises(DatasetBusy, match="being written by another datakit"),
        Dataset.open(dataset.path).locked(),
    ):
        pass


def test_an_output_that_is_a_file_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("")

    with pytest.raises(DatasetError, match="cannot be written"):
        Dataset.create(tmp_path / "out")

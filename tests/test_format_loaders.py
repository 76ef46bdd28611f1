"""Exports in the tools that they are for."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import pytest
from format_data import TEXTS, awkward

from datakit import registry
from datakit.dataset import Dataset
from datakit.errors import DatasetError, ExportMismatch, UsageError


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return awkward(tmp_path_factory.mktemp("awkward") / "awkward")


def export(name: str, dataset: Dataset, out: Path, **settings: Any) -> dict[str, Any]:
    registry.make("exporters", name, settings)(dataset, out)
    report: dict[str, Any] = json.loads((out / "export_report.json").read_text("utf-8"))
    return report


@pytest.mark.parametrize("name", ["argilla", "croissant", "flagembedding", "label_studio"])
def test_formats_that_are_not_read_again_have_equal_counts_and_losses(
    name: str, dataset: Dataset, tmp_path: Path
) -> None:
    report = export(name, dataset, tmp_path / "out")

    assert report["losses"]
    assert [n for file, n in report["counts"].items() if file != "id_map.tsv"] == {
        "argilla": [9], "croissant": [5, 5, 9], "flagembedding": [2], "label_studio": [9],
    }[name]  # fmt: skip


def test_mteb_loads_an_export_as_it_stands(dataset: Dataset, tmp_path: Path) -> None:
    pytest.importorskip("mteb", reason="mteb is not installed")
    export("hf", dataset, tmp_path / "out", mteb_task=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from mteb.abstasks.retrieval_dataset_loaders import RetrievalDatasetLoader

        loader = RetrievalDatasetLoader(str(tmp_path / "out"), revision="", split="test")
        found = loader.load()
        names: dict[str, Any] = {}
        exec((tmp_path / "out/task.py").read_text("utf-8"), names)

    assert sorted(row["text"] for row in found["corpus"]) == sorted(TEXTS)
    assert found["relevant_docs"]["q1"]["d0:5-49"] == 3
    assert names["AwkwardRetrieval"].metadata.eval_langs == ["eng-Latn", "cmn-Hans"]


def test_datasets_loads_every_config_of_the_card(dataset: Dataset, tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets", reason="datasets is not installed")
    report = export("hf", dataset, tmp_path / "out")
    found = datasets.get_dataset_config_names(str(tmp_path / "out"))

    assert report["verified_with"][-1].startswith("datasets ")
    assert {"corpus", "queries", "default", "datakit_passage", "datakit_qrel"} <= set(found)
    card = (tmp_path / "out/README.md").read_text("utf-8")
    assert "| all | 5 | 5 | 9 |" in card
    assert "No row means *unjudged*, not 0." in card


@pytest.mark.parametrize("shape", ["pair", "triplet", "n-tuple", "labelled", "binary", "list"])
def test_a_shape_has_its_columns_in_order_and_names_its_loss(
    shape: str, dataset: Dataset, tmp_path: Path
) -> None:
    pq = pytest.importorskip("pyarrow.parquet")
    export("sentence_transformers", dataset, tmp_path / "out", shape=shape, negatives=2)
    names = pq.read_schema(tmp_path / "out/train.parquet").names

    assert (
        names
        == {
            "pair": ["anchor", "positive"],
            "triplet": ["anchor", "positive", "negative"],
            "n-tuple": ["anchor", "positive", "negative_1", "negative_2"],
            "labelled": ["sentence1", "sentence2", "score"],
            "binary": ["anchor", "passage", "label"],
            "list": ["query", "docs", "labels"],
        }[shape]
    )
    assert "Loss" in (tmp_path / "out/loss.md").read_text("utf-8")
    rows, ids = (
        pq.read_metadata(tmp_path / f"out/train{kind}.parquet").num_rows for kind in ("", ".ids")
    )
    assert rows == ids


def test_scored_rows_need_a_run_and_take_its_scores(dataset: Dataset, tmp_path: Path) -> None:
    pq = pytest.importorskip("pyarrow.parquet")
    with pytest.raises(UsageError, match="name a run"):
        export("sentence_transformers", dataset, tmp_path / "a", shape="scored")
    settings = {"shape": "scored", "run": "bm25", "negatives": 2}
    export("sentence_transformers", dataset, tmp_path / "out", **settings)

    assert pq.read_table(tmp_path / "out/train.parquet")["label"].to_pylist() == [[2.0, -2.0, -2.5]]


def test_colberts_passages_are_numbered_by_line(dataset: Dataset, tmp_path: Path) -> None:
    export("colbert", dataset, tmp_path / "out")
    with (tmp_path / "out/collection.tsv").open(encoding="utf-8", newline="\n") as file:
        assert [line.split("\t")[0] for line in file] == ["0", "1", "2", "3", "4"]
    for line in (tmp_path / "out/triples.jsonl").read_text().splitlines():
        assert all(isinstance(number, int) for number in json.loads(line))


def test_the_grade_is_hidden_from_people_unless_asked_for(dataset: Dataset, tmp_path: Path) -> None:
    for name, file in (("label_studio", "tasks.json"), ("argilla", "records.json")):
        export(name, dataset, tmp_path / name)
        export(name, dataset, tmp_path / f"{name}-shown", show_grade=True)
        hidden = (tmp_path / name / file).read_text("utf-8")
        shown = (tmp_path / f"{name}-shown" / file).read_text("utf-8")
        key = "predictions" if name == "label_studio" else '"agent"'

        assert key not in hidden
        assert key in shown


def test_a_format_without_a_row_is_one_line_that_says_why(tmp_path: Path) -> None:
    from format_data import tables

    from datakit.dataset import write_tables

    bare = {name: rows for name, rows in tables().items() if name != "negative/mined"}
    dataset = write_tables(tmp_path / "bare", bare, "test")

    with pytest.raises(
        DatasetError, match=r"no row for this format: .*5 queries without negatives"
    ):
        export("flagembedding", dataset, tmp_path / "out")


@pytest.mark.parametrize("name", ["hf", "msmarco", "tevatron", "dpr"])
def test_what_does_not_read_back_is_deleted(
    name: str, dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    form = registry.load("exporters", name)
    read = form.read
    monkeypatch.setattr(form, "read", lambda self, *args: list(read(self, *args))[1:])

    with pytest.raises(ExportMismatch, match="rows where"):
        export(name, dataset, tmp_path / "out")
    assert not (tmp_path / "out").exists()

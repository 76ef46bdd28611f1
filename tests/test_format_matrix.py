"""All exporters by all importers: what comes back is equal, or its loss is in the report."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from format_data import KEPT, READERS, awkward, kept, view

from datakit import registry
from datakit.dataset import Dataset
from datakit.errors import DatasetError
from datakit.importing import guess, import_dataset

SETTINGS: dict[str, dict[str, Any]] = {"tevatron": {"without_negatives": True}}


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return awkward(tmp_path_factory.mktemp("awkward") / "awkward")


def exported(name: str, dataset: Dataset, out: Path) -> dict[str, Any]:
    registry.make("exporters", name, SETTINGS.get(name))(dataset, out)
    report: dict[str, Any] = json.loads((out / "export_report.json").read_text("utf-8"))
    return report


@pytest.mark.parametrize("name", sorted(KEPT))
def test_an_export_comes_back_equal_but_for_its_losses(
    name: str, dataset: Dataset, tmp_path: Path
) -> None:
    report = exported(name, dataset, tmp_path / "out")
    back = import_dataset(tmp_path / "out", tmp_path / "back")

    before, after = view(dataset), view(back)
    assert {part: after[part] for part in kept(name)} == {p: before[p] for p in kept(name)}
    assert report["losses"]
    assert "dropped/import" not in back


@pytest.mark.parametrize("name", sorted(KEPT))
def test_a_format_is_known_by_its_files_alone(name: str, dataset: Dataset, tmp_path: Path) -> None:
    exported(name, dataset, tmp_path / "out")

    assert guess(tmp_path / "out") == READERS[name]


@pytest.mark.parametrize("first", sorted(KEPT))
def test_from_one_format_through_another_what_both_keep_is_equal(
    first: str, dataset: Dataset, tmp_path: Path
) -> None:
    exported(first, dataset, tmp_path / "first")
    between = import_dataset(tmp_path / "first", tmp_path / "between")
    before = view(dataset)
    if first == "trec":
        with pytest.raises(DatasetError, match="nothing in table 'passage'"):
            exported("beir", between, tmp_path / "beir")
        return
    for second in sorted(KEPT):
        exported(second, between, tmp_path / second)
        after = view(import_dataset(tmp_path / second, tmp_path / f"{second}-back"))
        both = kept(first) & kept(second)
        assert {p: after[p] for p in both} == {p: before[p] for p in both}, second


def test_with_a_corpus_beside_it_trec_gives_a_whole_dataset(
    dataset: Dataset, tmp_path: Path
) -> None:
    exported("beir", dataset, tmp_path / "beir")
    exported("trec", dataset, tmp_path / "trec")
    corpus = {"corpus": str(tmp_path / "beir" / "corpus.jsonl")}
    back = import_dataset(tmp_path / "trec", tmp_path / "back", "trec", corpus)

    parts = kept("trec") | {"passages", "titles", "relevant"}
    assert {p: view(back)[p] for p in parts} == {p: view(dataset)[p] for p in parts}

from __future__ import annotations

from pathlib import Path

import pytest

from datakit.errors import UsageError
from datakit.sources import SourceFile, find, read_metadata, shards


def folder(tmp_path: Path, n: int) -> list[SourceFile]:
    for i in range(n):
        (tmp_path / f"{i:04d}.txt").write_text(f"document {i}")
    return find([tmp_path])


def test_files_are_named_by_folder_and_path(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "x.txt").write_text("x")
    (tmp_path / "a" / ".hidden").write_text("x")

    assert [f.uri for f in find([tmp_path / "a"])] == ["a/b/x.txt"]


def test_two_folders_of_one_name_stay_apart(tmp_path: Path) -> None:
    for parent in "pq":
        (tmp_path / parent / "docs").mkdir(parents=True)
        (tmp_path / parent / "docs" / "x.txt").write_text(parent)

    found = find([tmp_path / "p" / "docs", tmp_path / "q" / "docs"])

    assert [f.uri for f in found] == ["docs/x.txt", "docs~2/x.txt"]


def test_the_output_folder_is_not_a_source(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "manifest.json").write_text("{}")
    (tmp_path / "x.txt").write_text("x")

    assert len(find([tmp_path], skip=tmp_path / "out")) == 1


@pytest.mark.parametrize("n", [3, 100, 500])
def test_one_more_file_changes_one_shard(tmp_path: Path, n: int) -> None:
    before = shards(folder(tmp_path, n))
    (tmp_path / "0001a.txt").write_text("new")
    after = shards(find([tmp_path]))

    new = set(after) - set(before)
    assert 1 <= len(new) <= 2  # two where the new file itself ends a shard
    assert sum(len(after[key]) for key in new) <= 64
    assert sum(len(files) for files in after.values()) == n + 1


def test_a_changed_file_changes_its_shard_only(tmp_path: Path) -> None:
    before = shards(folder(tmp_path, 200))
    (tmp_path / "0100.txt").write_text("changed")

    assert len(set(shards(find([tmp_path]))) - set(before)) == 1


def test_metadata_of_a_folder_reaches_its_files(tmp_path: Path) -> None:
    (tmp_path / "x.txt").write_text("x")
    (tmp_path / "metadata.csv").write_text("path,category,issuer\nx.txt,电子,\n", "utf-8")

    (file,) = find([tmp_path])

    assert file.metadata == {"category": "电子"}


def test_metadata_with_a_column_that_no_document_has_is_refused(tmp_path: Path) -> None:
    (tmp_path / "metadata.csv").write_text("path,categorie\n")

    with pytest.raises(UsageError, match="Did you mean 'category'"):
        read_metadata(tmp_path / "metadata.csv")


def test_a_source_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="does not exist"):
        find([tmp_path / "nothing"])

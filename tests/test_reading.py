"""Sources read in a process that may hang or crash, and archives of them."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import signal
import stat
import tarfile
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import hostile_ingestors
import pytest

from datakit import plan as plans
from datakit import reading
from datakit.dataset import Dataset
from datakit.errors import MissingDependency
from datakit.pipeline import Build
from datakit.reading import NOT_A_DOCUMENT, Reader, read_source
from datakit.records import Document, Dropped
from datakit.registry import make
from datakit.sources import SourceFile, find

SPECS: list[reading.Spec] = [("ingestors", "test_hostile", {}), ("ingestors", "text", {})]
MODULES = ["hostile_ingestors"]
SENTENCE = "A sentence that is long enough to be read as one."
assert hostile_ingestors.Hostile  # known to the registry of this process


@pytest.fixture
def reader() -> Iterator[Reader]:
    made = Reader(SPECS, MODULES, seconds=1.0)
    yield made
    made.close()


def source(path: Path, content: str | bytes) -> SourceFile:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    (found,) = find([path])
    return found


def told(records: Iterator[Document | Dropped]) -> list[str]:
    return [r.reason if isinstance(r, Dropped) else r.text for r in records]


# --- a process beside this one --------------------------------------------------------------------


def test_records_come_as_they_would_without_a_process(reader: Reader, tmp_path: Path) -> None:
    file = source(tmp_path / "a.orders", "one\nprint\nthree")

    assert list(reader(file, tmp_path / "s")) == list(
        Reader(SPECS, MODULES, 0)(file, tmp_path / "s")
    )


def test_a_hang_in_native_code_costs_what_is_left_of_one_file(
    reader: Reader, tmp_path: Path
) -> None:
    start = time.monotonic()

    assert told(reader(source(tmp_path / "a.orders", "one\nhang\ntwo"), tmp_path / "s")) == [
        "one", "too_slow",
    ]  # fmt: skip
    assert told(reader(source(tmp_path / "b.orders", "three"), tmp_path / "s")) == ["three"]
    assert time.monotonic() - start < 60  # a busy machine is slow, a hang is for ever


def test_a_crash_of_native_code_costs_what_is_left_of_one_file(
    reader: Reader, tmp_path: Path
) -> None:
    (drop,) = [
        r
        for r in reader(source(tmp_path / "a.orders", "one\ncrash"), tmp_path / "s")
        if isinstance(r, Dropped)
    ]

    assert (drop.reason, drop.record_id) == ("crashed", "a.orders")
    assert "SIGSEGV after 1 records" in drop.detail
    assert told(reader(source(tmp_path / "b.orders", "two"), tmp_path / "s")) == ["two"]


def test_an_exception_is_a_drop_and_the_process_stays(reader: Reader, tmp_path: Path) -> None:
    file = source(tmp_path / "a.orders", "raise")

    assert told(reader(file, tmp_path / "s")) == ["unreadable"]
    process = reader._process
    assert told(reader(file, tmp_path / "s")) == ["unreadable"]
    assert reader._process is process


def test_an_error_that_concerns_more_than_a_file_ends_the_reading(
    reader: Reader, tmp_path: Path
) -> None:
    with pytest.raises(MissingDependency, match="needs nosuch"):
        list(reader(source(tmp_path / "a.orders", "stop"), tmp_path / "s"))


def test_a_process_that_went_away_between_files_is_started_again(
    reader: Reader, tmp_path: Path
) -> None:
    file = source(tmp_path / "a.orders", "one")
    list(reader(file, tmp_path / "s"))
    assert reader._process is not None
    os.kill(reader._process.pid, signal.SIGKILL)
    reader._process.wait()

    assert told(reader(file, tmp_path / "s")) == ["one"]


def test_reading_that_is_broken_off_does_not_mix_up_the_next_file(
    reader: Reader, tmp_path: Path
) -> None:
    records = reader(source(tmp_path / "a.orders", "one\ntwo\nthree"), tmp_path / "s")
    next(records)
    records.close()  # type: ignore[attr-defined]

    assert told(reader(source(tmp_path / "b.orders", "four"), tmp_path / "s")) == ["four"]


def test_an_ingestor_that_cannot_be_imported_is_named(tmp_path: Path) -> None:
    with pytest.raises(reading.DatakitError, match="No module named 'no_such_module'"):
        list(
            Reader(SPECS, ["no_such_module"], 5)(
                source(tmp_path / "a.orders", "one"), tmp_path / "s"
            )
        )


@pytest.mark.parametrize("workers", [1, 2])
def test_a_build_drops_the_files_that_hang_and_crash_whatever_the_workers(
    tmp_path: Path, workers: int
) -> None:
    folder = tmp_path / "docs"
    folder.mkdir()
    for name, orders in (("a", "one"), ("b", "crash"), ("c", "hang"), ("d", "four")):
        (folder / f"{name}.orders").write_text(orders)
    (folder / "e.bin").write_bytes(bytes(3 << 20))  # enough for workers to start
    plan = plans.parse({"ingest": {"use": ["test_hostile", "text"], "seconds_per_document": 2.0}})
    dataset = Dataset.create(tmp_path / "out")

    Build(dataset, plan, find([folder]), workers, show=False).run("ingest")

    assert {d.record_id: d.reason for d in dataset.read("dropped/ingest")} == {
        "docs/b.orders": "crashed", "docs/c.orders": "too_slow",
        "docs/e.bin": "binary",
    }  # fmt: skip
    assert dataset.count("document") == 2
    reading.close()


def test_the_limit_is_a_setting_of_the_plan_and_decides_the_shards() -> None:
    plan = plans.parse({"ingest": {"use": ["text"], "seconds_per_document": 7}})

    assert plan.reading.seconds_per_document == 7.0
    assert plans.parse(plan.as_dict()) == plan
    with pytest.raises(plans.PlanError, match="Did you mean 'seconds_per_document'"):
        plans.parse({"ingest": {"use": ["text"], "seconds_per_documents": 7}})


def test_files_that_tell_about_their_folder_are_told_and_not_read(tmp_path: Path) -> None:
    folder = tmp_path / "docs"
    folder.mkdir()
    for name in ("a.txt", "LICENSE", "SOURCE.txt", "Licence terms.txt", "README.md"):
        (folder / name).write_text(f"{SENTENCE} It is {name}.")
    zipped(folder / "b.zip", {"NOTICE": SENTENCE})
    dataset = Dataset.create(tmp_path / "out")
    build = Build(dataset, plans.load("no_encoder"), find([folder]), 1, show=False)

    build.run("ingest")
    build.check_sources()  # 3 of 6 were meant for reading, and all of them were read

    assert {d.record_id for d in dataset.read("dropped/ingest") if d.reason == NOT_A_DOCUMENT} == {
        "docs/LICENSE", "docs/SOURCE.txt", "docs/b.zip/NOTICE",
    }  # fmt: skip
    assert {d.source_uri for d in dataset.read("document")} == {
        "docs/a.txt", "docs/Licence terms.txt", "docs/README.md",
    }  # fmt: skip


def test_a_file_that_tells_about_its_folder_is_read_where_it_is_asked_for(tmp_path: Path) -> None:
    alone = source(tmp_path / "LICENSE.txt", SENTENCE)
    below = find([tmp_path])[0]
    every, none = (
        plans.parse({}).reading.leave_out,
        plans.parse({"ingest": {"use": ["text"], "leave_out": []}}).reading.leave_out,
    )

    assert told(read_source(alone, INGESTORS, tmp_path / "s", every)) == [SENTENCE]
    assert told(read_source(below, INGESTORS, tmp_path / "s", every)) == [NOT_A_DOCUMENT]
    assert told(read_source(below, INGESTORS, tmp_path / "s", none)) == [SENTENCE]


# --- archives -------------------------------------------------------------------------------------

INGESTORS = [make("ingestors", name) for name in ("terms_html", "xml", "text")]


def unpacked(path: Path) -> dict[str, str]:
    """Text or reason by URI."""
    (file,) = find([path])
    records = list(read_source(file, INGESTORS, path.parent / "scratch"))
    return {
        r.record_id if isinstance(r, Dropped) else r.source_uri: (
            r.reason if isinstance(r, Dropped) else r.text
        )
        for r in records
    }


def zipped(path: Path, members: dict[str, str]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in members.items():
            archive.writestr(name, text)
    return path


def test_the_members_of_a_zip_are_sources(tmp_path: Path) -> None:
    path = zipped(
        tmp_path / "a.zip",
        {"x/b.txt": SENTENCE, "x/c.xml": f"<note><p>{SENTENCE}</p></note>", "x/d.bin": "\0" * 9,
         "x/.hidden": "x", "__MACOSX/x": "x"},
    )  # fmt: skip

    assert unpacked(path) == {
        "a.zip/x/b.txt": SENTENCE, "a.zip/x/c.xml": SENTENCE, "a.zip/x/d.bin": "binary",
    }  # fmt: skip
    assert not list((tmp_path / "scratch").rglob("*.txt"))


@pytest.mark.parametrize(
    "name", ["../up.txt", "/root.txt", "x/../../up.txt", "C:/x.txt", "..\\up.txt"]
)
def test_a_name_that_leads_out_of_an_archive_is_refused(tmp_path: Path, name: str) -> None:
    found = unpacked(zipped(tmp_path / "a.zip", {name: SENTENCE}))

    assert list(found.values()) == ["unsafe_path"]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.zip", "scratch"]


def test_a_link_in_an_archive_is_refused(tmp_path: Path) -> None:
    entry = zipfile.ZipInfo("link.txt")
    entry.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr(entry, "/etc/passwd")

    assert unpacked(tmp_path / "a.zip") == {"a.zip/link.txt": "unsafe_path"}


def test_a_tar_archive_is_read_and_its_links_are_not(tmp_path: Path) -> None:
    path = tmp_path / "a.tgz"
    with tarfile.open(path, "w:gz") as archive:
        for name in ("./x/b.txt", "../up.txt", "./.hidden"):
            entry = tarfile.TarInfo(name)
            entry.size = len(SENTENCE)
            archive.addfile(entry, io.BytesIO(SENTENCE.encode()))
        link = tarfile.TarInfo("link.txt")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)

    assert unpacked(path) == {
        "a.tgz/a.tar/x/b.txt": SENTENCE,
        "a.tgz/a.tar/../up.txt": "unsafe_path",
        "a.tgz/a.tar/link.txt": "unsafe_path",
    }


def test_archives_that_unpack_to_far_more_than_they_are_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("datakit.ingestors._unpack.FREE_BYTES", 1 << 20)
    zeros = " " * (8 << 20)
    inner = zipped(tmp_path / "inner.zip", {f"{i}.txt": zeros for i in range(4)})
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.write(inner, "inner.zip")
    (tmp_path / "b.txt.gz").write_bytes(gzip.compress(zeros.encode()))

    assert unpacked(tmp_path / "a.zip") == {"a.zip/inner.zip": "bomb"}
    assert unpacked(tmp_path / "b.txt.gz") == {"b.txt.gz": "bomb"}


def test_archives_in_archives_are_read_to_a_depth(tmp_path: Path) -> None:
    path = zipped(tmp_path / "0.zip", {"a.txt": SENTENCE})
    for i in range(1, 4):
        with zipfile.ZipFile(tmp_path / f"{i}.zip", "w") as archive:
            archive.write(path, f"{i - 1}.zip")
        path = tmp_path / f"{i}.zip"

    assert unpacked(tmp_path / "2.zip") == {"2.zip/1.zip/0.zip/a.txt": SENTENCE}
    assert list(unpacked(path).values()) == ["too_deep"]


@pytest.mark.parametrize(
    ("suffix", "pack"), [("gz", gzip.compress), ("bz2", bz2.compress), ("xz", lzma.compress)]
)
def test_a_compressed_file_is_read_as_what_is_in_it(
    tmp_path: Path, suffix: str, pack: object
) -> None:
    path = tmp_path / f"a.txt.{suffix}"
    path.write_bytes(pack(SENTENCE.encode()))  # type: ignore[operator]

    assert unpacked(path) == {f"a.txt.{suffix}/a.txt": SENTENCE}


def test_an_archive_that_was_cut_off_is_unreadable(tmp_path: Path) -> None:
    whole = zipped(tmp_path / "a.zip", {"a.txt": SENTENCE}).read_bytes()
    (tmp_path / "a.zip").write_bytes(whole[:-30])
    (tmp_path / "b.txt.gz").write_bytes(gzip.compress(SENTENCE.encode())[:20])

    assert unpacked(tmp_path / "a.zip") == {"a.zip": "unreadable"}
    assert unpacked(tmp_path / "b.txt.gz") == {"b.txt.gz": "unreadable"}


def test_a_chinese_name_without_the_flag_for_utf8_reads_right(tmp_path: Path) -> None:
    zipped(tmp_path / "a.zip", {"AAAA.txt": SENTENCE})
    raw = (tmp_path / "a.zip").read_bytes().replace(b"AAAA", "年报".encode("gb18030"))
    (tmp_path / "a.zip").write_bytes(raw)

    assert list(unpacked(tmp_path / "a.zip")) == ["a.zip/年报.txt"]


def test_office_files_are_no_folders(tmp_path: Path) -> None:
    assert unpacked(zipped(tmp_path / "a.docx", {"word/document.xml": "<w/>"})) == {
        "a.docx": "binary"
    }

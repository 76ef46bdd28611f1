"""A dataset directory: tables of Parquet parts in content-named folders, and one manifest.

    out/manifest.json                                what is there; replaced atomically, last
    out/passage/8a5015f82c1d9e00/part-00000.parquet  parts never change once they have a name
    out/.shards/…                                    finished pieces of work, for going on

A reader opens the manifest and sees one state of all tables, whatever a writer does meanwhile.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from datakit.errors import DatasetBusy, DatasetError, did_you_mean
from datakit.records import GRADES, RELEVANT_FROM
from datakit.tables import (
    RECORD_OF,
    Part,
    PartWriter,
    from_arrow,
    read_part,
    record_class,
    schema,
    sync,
    table_digest,
)
from datakit.version import __version__

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

FORMAT_VERSION = "1"
# what a dataset says; runs, measures and drops are about it and do not count
CONTENT_TABLES = ("document", "passage", "query", "qrel", "judgement", "negative")
_UNWRITABLE = {errno.ENOSPC, errno.EROFS, errno.EACCES, errno.EPERM, errno.EDQUOT}


class Dataset:
    """A dataset directory, open for reading; `with dataset.locked():` for writing."""

    def __init__(self, path: Path, manifest: dict[str, Any]) -> None:
        self.path = path
        self.manifest = manifest

    # --- open and make

    @classmethod
    def open(cls, path: str | Path) -> Dataset:
        """Open an existing dataset.

        Raises:
            DatasetError: no manifest there, or one that cannot be read.
        """
        path = Path(path)
        file = path / "manifest.json"
        try:
            manifest = json.loads(file.read_text("utf-8"))
        except FileNotFoundError:
            raise DatasetError(
                f"{path} is not a datakit dataset: it has no manifest.json. "
                f"Make one with `datakit build SOURCES -o {path}`."
            ) from None
        except (OSError, ValueError) as error:
            raise DatasetError(f"{file} cannot be read: {error}") from None
        if manifest.get("format_version") != FORMAT_VERSION:
            raise DatasetError(
                f"{file} has format_version {manifest.get('format_version')!r}, this datakit reads "
                f"{FORMAT_VERSION!r}. Build it again, or use the datakit that wrote it "
                f"({manifest.get('tool_version', 'unknown')})."
            )
        return cls(path, manifest)

    @classmethod
    def create(cls, path: str | Path, **fields: Any) -> Dataset:
        """Open the dataset at `path`, or start an empty one there.

        Raises:
            DatasetError: the folder holds something else, or cannot be written.
        """
        path = Path(path)
        if (path / "manifest.json").exists():
            dataset = cls.open(path)
            dataset.manifest.update(fields)
            return dataset
        ours = {".lock", ".shards", ".replies"}
        with unwritable(path):
            path.mkdir(parents=True, exist_ok=True)
            foreign = sorted(p.name for p in path.iterdir() if p.name not in ours)
        foreign = [name for name in foreign if name.split(".")[0] not in _LEFT_BEHIND]
        if foreign:
            raise DatasetError(
                f"{path} holds {foreign[0]!r} and is not a datakit dataset: "
                "choose an empty or a new folder for -o."
            )
        return cls(path, _new_manifest(path.name) | fields)

    # --- read

    def tables(self) -> list[str]:
        return sorted(self.manifest["tables"])

    def __contains__(self, table: str) -> bool:
        return table in self.manifest["tables"]

    def count(self, table: str) -> int:
        return int(self._entry(table)["rows"])

    def digest(self, table: str) -> str:
        return str(self._entry(table)["digest"])

    def digests(self) -> dict[str, str]:
        """Every table's digest, by name."""
        return {name: self.digest(name) for name in self.tables()}

    def parts(self, table: str) -> list[tuple[Path, Part]]:
        """The files of a table, in order, with what is known about each."""
        entry = self._entry(table)
        return [(self.path / entry["path"] / p["file"], Part(**p)) for p in entry["parts"]]

    def read(self, table: str) -> Iterator[Any]:
        """The records of a table, streamed in order."""
        cls = record_class(table)
        for path, _ in self.parts(table):
            yield from read_part(cls, path)

    def where(self, table: str, column: str, values: Iterable[str]) -> Iterator[Any]:
        """The records whose column has one of the values; only they are made."""
        import pyarrow.parquet as pq

        cls, wanted = record_class(table), sorted(set(values))
        for path, _ in self.parts(table):
            yield from from_arrow(cls, pq.read_table(path, filters=[(column, "in", wanted)]))

    def arrow(self, table: str, columns: list[str] | None = None) -> pa.Table:
        """A table, or some of its columns, as Arrow."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        pieces = [pq.read_table(path, columns=columns) for path, _ in self.parts(table)]
        if not pieces:
            empty = schema(record_class(table)).empty_table()
            return empty.select(columns) if columns else empty
        return pa.concat_tables(pieces)

    def frame(self, table: str) -> pd.DataFrame:
        """A table as a pandas data frame."""
        frame: pd.DataFrame = self.arrow(table).to_pandas(maps_as_pydicts="strict")
        return frame

    def _entry(self, table: str) -> dict[str, Any]:
        tables: dict[str, dict[str, Any]] = self.manifest["tables"]
        if table not in tables:
            raise DatasetError(f"{self.path} has no table {table!r}{did_you_mean(table, tables)}")
        return tables[table]

    # --- write

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the dataset for writing; a second writer is told so at once.

        Raises:
            DatasetBusy: another process is writing.
            DatasetError: the folder cannot be written.
        """
        import fcntl

        with unwritable(self.path):
            lock = (self.path / ".lock").open("a+")
        with lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                lock.seek(0)
                raise DatasetBusy(
                    f"{self.path} is being written by another datakit (process "
                    f"{lock.read().strip() or 'unknown'}). Wait for it, or choose another -o."
                ) from None
            with unwritable(self.path):
                lock.truncate(0)
                lock.write(str(os.getpid()))
                lock.flush()
            yield

    def publish(
        self, tables: Mapping[str, list[tuple[Path, Part]]], stage: str, entry: Mapping[str, Any]
    ) -> None:
        """Make finished parts the tables of this dataset, and say how they came about.

        Args:
            tables: by name, the parts in order; files are linked, not moved.
            stage: the step that made them; its older entry and tables are replaced.
            entry: what the manifest says about the step.
        """
        with unwritable(self.path):
            made = {name: self._place(name, parts, stage) for name, parts in tables.items()}
            manifest = dict(self.manifest)
            kept = {n: t for n, t in manifest["tables"].items() if t["made_by"] != stage}
            manifest["tables"] = dict(sorted((kept | made).items()))
            manifest["stages"] = dict(manifest["stages"]) | {stage: dict(entry)}
            self.save(manifest)

    def save(self, manifest: dict[str, Any]) -> None:
        """Replace the manifest: a reader sees the old state or the new one."""
        manifest["content_hash"] = content_hash(manifest["tables"])
        manifest["tool_version"] = __version__
        write_atomic(
            self.path / "manifest.json", json.dumps(manifest, indent=1, ensure_ascii=False)
        )
        self.manifest = manifest

    def _place(self, name: str, parts: list[tuple[Path, Part]], stage: str) -> dict[str, Any]:
        digest = table_digest(record_class(name), (part for _, part in parts))
        folder = self.path / name / digest.removeprefix("sha256:")[:16]
        placed = [
            Part(f"part-{i:05d}.parquet", p.rows, p.bytes, p.sha256, p.row_sum)
            for i, (_, p) in enumerate(parts)
        ]
        # equal rows cut into other parts have the same digest: the folder says which it holds
        if not _holds(folder, placed):
            _fill(folder, [(source, p.file) for (source, _), p in zip(parts, placed, strict=True)])
        return {
            "path": folder.relative_to(self.path).as_posix(),
            "rows": sum(p.rows for p in placed),
            "digest": digest,
            "schema": name.split("/", maxsplit=1)[0] + ".v1",
            "made_by": stage,
            "parts": [asdict(p) for p in placed],
        }

    def prune(self) -> None:
        """Remove table folders that the manifest no longer names."""
        named = {self.path / entry["path"] for entry in self.manifest["tables"].values()}
        found = {
            part.parent
            for kind in RECORD_OF
            for part in list((self.path / kind).glob("**/part-*.parquet"))
        }
        for folder in sorted(found - named):
            shutil.rmtree(folder)


# what a build killed before its first manifest leaves behind
_LEFT_BEHIND = (*RECORD_OF, "manifest", "report", "measures")


def _new_manifest(name: str) -> dict[str, Any]:
    return {
        "format_version": FORMAT_VERSION,
        "dataset_id": "".join(
            c if c.isascii() and (c.isalnum() or c in "-_.") else "-" for c in name
        )
        or "dataset",
        "version": "1",
        "purpose": "train",
        "label_scale": {
            "grades": {str(g): text for g, text in GRADES.items()},
            "relevant_from": RELEVANT_FROM,
            "unjudged": "unknown",
        },
        "splits": {},
        "tables": {},
        "stages": {},
        "models": {},
    }


def _holds(folder: Path, parts: list[Part]) -> bool:
    return all(
        (folder / p.file).is_file() and (folder / p.file).stat().st_size == p.bytes for p in parts
    ) and len(list(folder.glob("part-*.parquet"))) == len(parts)


def _fill(folder: Path, files: list[tuple[Path, str]]) -> None:
    """Put the files under their new names into `folder`, whole or not at all."""
    unfinished = folder.with_name(folder.name + ".tmp")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    for source, name in files:
        try:
            os.link(source, unfinished / name)
        except OSError as error:
            if error.errno in _UNWRITABLE - {errno.EPERM}:
                raise
            shutil.copyfile(source, unfinished / name)  # a file system without links
    shutil.rmtree(folder, ignore_errors=True)
    unfinished.replace(folder)


def content_hash(tables: Mapping[str, Mapping[str, Any]]) -> str:
    """`sha256:…` over the digests of the content tables, sorted."""
    digests = sorted(t["digest"] for n, t in tables.items() if n.split("/")[0] in CONTENT_TABLES)
    return "sha256:" + hashlib.sha256("".join(f"{d}\n" for d in digests).encode()).hexdigest()


def write_atomic(path: Path, text: str) -> None:
    """Replace a text file: a reader sees the old bytes or the new ones."""
    unfinished = path.with_name(path.name + ".tmp")
    unfinished.write_text(text, "utf-8")
    sync(unfinished)
    unfinished.replace(path)


@contextlib.contextmanager
def unwritable(path: Path) -> Iterator[None]:
    """Turn a full or read-only disk into one line that says what to do."""
    try:
        yield
    except OSError as error:
        if error.errno in _UNWRITABLE or isinstance(error, FileExistsError | NotADirectoryError):
            raise DatasetError(
                f"{path} cannot be written: {os.strerror(error.errno or 0)}. Free space or choose "
                "another folder for -o; finished work is kept, the same command goes on from it."
            ) from None
        raise


def write_tables(
    path: str | Path, tables: Mapping[str, Iterable[Any]], stage: str, **fields: Any
) -> Dataset:
    """Make a dataset from records in memory: for importers, notebooks and tests.

    Args:
        path: the dataset directory; made if missing.
        tables: by name, the records in order.
        stage: what the manifest says made them.
        fields: further fields of the manifest, such as `purpose` or `splits`.
    """
    dataset = Dataset.create(path, **fields)
    with dataset.locked():
        folder = dataset.path / ".shards" / stage / "whole"
        shutil.rmtree(folder, ignore_errors=True)
        made = {}
        with unwritable(dataset.path):
            for name, rows in tables.items():
                writer = PartWriter(record_class(name), folder, name.replace("/", "."))
                for row in rows:
                    writer.add(row)
                made[name] = [(folder / part.file, part) for part in writer.close()]
        counts = {"in": 0, "out": sum(p.rows for parts in made.values() for _, p in parts)}
        dataset.publish(
            made,
            stage,
            {
                "stage": stage, "plugin": stage, "settings": {}, "inputs": {},
                "outputs": sorted(made), "counts": counts | {"dropped": 0},
                "dropped_by_reason": {}, "seconds": 0.0, "tool_version": __version__,
            },
        )  # fmt: skip
        shutil.rmtree(folder.parent, ignore_errors=True)
    return dataset

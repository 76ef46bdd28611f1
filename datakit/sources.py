"""Source files: found, named, and put into shards that one more file does not shift.

A folder is walked in order of names; hidden files are not sources. A `metadata.csv` at the root
of a folder says what the files themselves cannot: its column `path` names a file, the others are
fields of a document.
"""

from __future__ import annotations

import csv
import hashlib
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from datakit.errors import UsageError, did_you_mean
from datakit.registry import digest

METADATA = "metadata.csv"
METADATA_FIELDS = (
    "title", "issuer", "category", "doc_type", "date", "valid_from", "valid_to", "version",
    "language", "licence", "family_id",
)  # fmt: skip
SHARD_BYTES = 16 << 20
SHARD_FILES = 256
SHARDS_WANTED = 64  # at least about so many, so that one more file costs little


@dataclass(frozen=True)
class SourceFile:
    """A file to ingest."""

    path: Path
    uri: str  # folder name and path below it: the same on every machine
    bytes: int
    sha256: str
    metadata: Mapping[str, str] = field(default_factory=dict)

    def digest(self) -> str:
        return digest([self.uri, self.sha256, dict(self.metadata)])


def find(sources: Iterable[str | Path], skip: Path | None = None) -> list[SourceFile]:
    """All files under the given files and folders, ordered by URI.

    Args:
        sources: files or folders.
        skip: a folder that is not a source wherever it lies: the output.

    Raises:
        UsageError: a source that does not exist, or metadata that cannot be used.
    """
    found: dict[str, SourceFile] = {}
    for source in sources:
        root = Path(source)
        if not root.exists():
            raise UsageError(f"source {str(source)!r} does not exist. Give files or folders.")
        name = _free_name(root.resolve().name, found)
        if root.is_file():
            found[name] = _source(root, name, {})
            continue
        metadata = read_metadata(root / METADATA)
        for path in walk(root, skip):
            below = path.relative_to(root).as_posix()
            if below != METADATA or not metadata:
                uri = f"{name}/{below}"
                found[uri] = _source(path, uri, metadata.get(below, {}))
    return [found[uri] for uri in sorted(found)]


def _free_name(name: str, taken: Iterable[str]) -> str:
    """Two sources of one name are told apart by a number."""
    heads = {uri.split("/")[0] for uri in taken}
    names = [name, *(f"{name}~{i}" for i in range(2, len(heads) + 3))]
    return next(n for n in names if n not in heads)


def walk(root: Path, skip: Path | None = None) -> Iterator[Path]:
    """Files below a folder, hidden ones and links out of it left out."""
    skip = skip.resolve() if skip else None
    for path in sorted(root.iterdir(), key=lambda p: p.name):
        if path.name.startswith(".") or (skip and path.resolve() == skip):
            continue
        if path.is_dir() and not path.is_symlink():
            yield from walk(path, skip)
        elif path.is_file():
            yield path


def _source(path: Path, uri: str, metadata: Mapping[str, str]) -> SourceFile:
    try:
        with path.open("rb") as file:
            sha = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:  # the ingest stage drops it with the reason
        sha = "unreadable"
    return SourceFile(path, uri, path.stat().st_size, sha, metadata)


def read_metadata(path: Path) -> dict[str, dict[str, str]]:
    """Fields by path, from a CSV file with a column `path`; a CSV without one is no metadata.

    Raises:
        UsageError: a column that no document has.
    """
    if not path.is_file():
        return {}
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file)
        columns = [c for c in reader.fieldnames or () if c]
        if "path" not in columns:
            return {}
        for column in columns:
            if column not in ("path", *METADATA_FIELDS):
                raise UsageError(
                    f"{path.name} has a column {column!r}{did_you_mean(column, METADATA_FIELDS)}"
                )
        return {
            row["path"]: {k: row[k] for k in columns if k != "path" and row[k]} for row in reader
        }


def shards(files: list[SourceFile]) -> dict[str, tuple[SourceFile, ...]]:
    """Files in shards, by digest; a shard ends where a file's own name says so.

    The boundary is a bit pattern in the digest of the URI (content-defined chunking), so a file
    that comes or goes changes the shard it falls into and no other. The pattern is as long as
    keeps about `SHARDS_WANTED` shards or more, and grows by whole bits: boundaries of a longer
    pattern are boundaries of a shorter one too.
    """
    bits = max(0, min(8, int(math.log2(max(1, len(files) / SHARDS_WANTED)))))
    groups: list[list[SourceFile]] = [[]]
    size = 0
    for file in files:
        if groups[-1] and (size + file.bytes > SHARD_BYTES or len(groups[-1]) >= SHARD_FILES):
            groups.append([])
            size = 0
        groups[-1].append(file)
        size += file.bytes
        mark = int.from_bytes(hashlib.sha256(file.uri.encode()).digest()[:2], "big")
        if mark & ((1 << bits) - 1) == 0:
            groups.append([])
            size = 0
    return {digest([f.digest() for f in group]): tuple(group) for group in groups if group}

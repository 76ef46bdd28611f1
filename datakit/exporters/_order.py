"""Rows in order, however many there are."""

from __future__ import annotations

import heapq
import pickle
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")

_CHUNK = 50_000  # records sorted in memory at a time: about 75 MB of passages
_OPEN_FILES = 200  # merged at a time; systems allow a process 256 or more


def in_order(rows: Iterable[T], key: Callable[[T], Any]) -> Iterator[T]:
    """The rows sorted by a key, with memory for `_CHUNK` of them: sorted pieces are merged."""
    with tempfile.TemporaryDirectory(prefix="datakit-sort-") as folder:
        files: list[Path] = []
        chunk: list[T] = []
        n_files = 0
        for row in rows:
            if len(chunk) == _CHUNK:
                files.append(_spooled(sorted(chunk, key=key), Path(folder) / str(n_files)))
                chunk, n_files = [], n_files + 1
                if len(files) == _OPEN_FILES:
                    merged = heapq.merge(*map(_unspooled, files), key=key)
                    one = _spooled(merged, Path(folder) / f"merged-{n_files}")
                    for file in files:
                        file.unlink()
                    files = [one]
            chunk.append(row)
        chunk.sort(key=key)
        yield from heapq.merge(*map(_unspooled, files), chunk, key=key) if files else chunk


def _spooled(rows: Iterable[Any], path: Path) -> Path:
    with path.open("wb") as file:
        for row in rows:
            pickle.dump(row, file, pickle.HIGHEST_PROTOCOL)
    return path


def _unspooled(path: Path) -> Iterator[Any]:
    with path.open("rb") as file:
        while True:
            try:
                yield pickle.load(file)
            except EOFError:
                return

"""Tasks on disk, so that they are made once and walked twice in bounded memory."""

from __future__ import annotations

import io
import pickle
import struct
import tempfile
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from datakit.llm.exchange import Schema, Task
from datakit.records import Dropped

_SIZE = struct.Struct("<I")


class Spool:
    """Items in their order, in a file without a name that goes when this is closed."""

    def __init__(self, items: Iterable[Task | Dropped], folder: Path) -> None:
        self.tasks = 0
        self._schemas: dict[str, Schema] = {}
        self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115
        for item in items:
            self.tasks += isinstance(item, Task)
            data = zlib.compress(self._packed(item), 1)
            self._file.write(_SIZE.pack(len(data)))
            self._file.write(data)

    def __iter__(self) -> Iterator[Task | Dropped]:
        """From the first item on; one walk at a time."""
        self._file.seek(0)
        while head := self._file.read(_SIZE.size):
            data = self._file.read(*_SIZE.unpack(head))
            yield _Reading(io.BytesIO(zlib.decompress(data)), self._schemas).load()

    def _packed(self, item: Task | Dropped) -> bytes:
        out = io.BytesIO()
        _Writing(out, self._schemas).dump(item)
        return out.getvalue()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._file.close()


class _Writing(pickle.Pickler):
    """Schemas, which all tasks share, stay in memory."""

    def __init__(self, file: io.BytesIO, schemas: dict[str, Schema]) -> None:
        super().__init__(file, protocol=pickle.HIGHEST_PROTOCOL)
        self._schemas = schemas

    def persistent_id(self, value: Any) -> str | None:
        if not isinstance(value, Schema):
            return None
        self._schemas[value.digest] = value
        return value.digest


class _Reading(pickle.Unpickler):
    def __init__(self, file: io.BytesIO, schemas: dict[str, Schema]) -> None:
        super().__init__(file)
        self._schemas = schemas

    def persistent_load(self, digest: str) -> Schema:
        return self._schemas[digest]

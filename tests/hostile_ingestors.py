"""Ingestors that do what native parsers do when a file defeats them; for `test_reading.py`."""

from __future__ import annotations

import ctypes
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from datakit.errors import MissingDependency
from datakit.ingestors._blocks import DocumentBuilder
from datakit.records import Document, Dropped
from datakit.registry import plugin


@plugin("ingestors", "test_hostile")
@dataclass(frozen=True)
class Hostile:
    """A document a line; a line that gives an order is carried out."""

    def matches(self, name: str, head: bytes) -> int:
        return 10 if name.endswith(".orders") else 0

    def __call__(self, path: Path, source_uri: str) -> Iterator[Document | Dropped]:
        for number, line in enumerate(path.read_text("utf-8").splitlines()):
            if line == "hang":  # in C, holding the interpreter: no handler of Python's runs
                re.match("(a+)+$", "a" * 64 + "b")
            elif line == "crash":
                ctypes.string_at(0)
            elif line == "raise":
                raise MemoryError("too much")
            elif line == "stop":
                raise MissingDependency("reading x", "nosuch", "pdf")
            elif line == "print":
                print("a library's chatter", flush=True)
            builder = DocumentBuilder("test_hostile")
            builder.append("paragraph", line)
            yield builder.build(f"{source_uri}#{number}")

"""The reply log: every raw reply by the key of its request, appended once and never changed.

A folder of `replies-<number>.jsonl`. A process appends to one file that it alone has locked and
reads all of them, so several processes share a folder without a server. A line is

    {"key":"<64 hex>","crc":"<8 hex>","ok":1,"text":…}

with the checksum over all that follows it, so a line torn by a crash is passed over wherever it
stands. In memory there is an index of offsets, about 150 bytes a reply.
"""

from __future__ import annotations

import dataclasses
import json
import os
import re
import zlib
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from datakit.errors import DatasetError
from datakit.llm.exchange import Reply

_NAME = re.compile(r"replies-(\d{6})\.jsonl")
_HEAD = re.compile(rb'\{"key":"([0-9a-f]{64})","crc":"([0-9a-f]{8})",')
_HEAD_BYTES = 91
_OK = b'"ok":1'
_BLOCK = 1 << 22  # bytes read at a time when a file is indexed
_FIELDS = tuple(f.name for f in dataclasses.fields(Reply) if f.name != "key")
_DEFAULTS = {f.name: f.default for f in dataclasses.fields(Reply)}
# a place: is it an error, file number, offset, length; the smallest of a key's places is the one
_LENGTH_BITS, _OFFSET_BITS, _FILE_BITS = 32, 44, 20


class ReplyLog:
    """Replies by key. Of several replies to one key the first one stands, before any refusal."""

    def __init__(self, folder: Path) -> None:
        """Open a folder, made where it is missing, and index what it holds.

        Raises:
            DatasetError: the folder cannot be made or read.
        """
        self.folder = folder
        self._places: dict[bytes, int] = {}
        self._indexed: dict[int, int] = {}  # file number -> bytes indexed
        self._readers: dict[int, int] = {}  # file number -> descriptor
        self._own: int | None = None  # the file this process writes
        self._writer = -1
        self._unsynced = False
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self.refresh()
        except OSError as error:
            raise DatasetError(f"{folder} cannot be read: {error.strerror}.") from None

    def __len__(self) -> int:
        return len(self._places)

    def __contains__(self, key: str) -> bool:
        return _short(key) in self._places

    def get(self, key: str) -> Reply | None:
        """The reply to the request with this key, or None."""
        place = self._places.get(_short(key))
        if place is None:
            return None
        length = place & ((1 << _LENGTH_BITS) - 1)
        offset = (place >> _LENGTH_BITS) & ((1 << _OFFSET_BITS) - 1)
        number = (place >> (_LENGTH_BITS + _OFFSET_BITS)) & ((1 << _FILE_BITS) - 1)
        return _parsed(os.pread(self._reader(number), length, offset))

    def put(self, reply: Reply) -> bool:
        """Append a reply; False where the log has one to that key that stands before it.

        It survives the end of the process at once, a loss of power after the next `sync`.

        Raises:
            DatasetError: it cannot be written.
        """
        try:
            if self._own is None:
                self._own = self._adopt()
            known = self._places.get(_short(reply.key))
            if known is not None and (reply.error is not None or not _is_error(known)):
                return False
            line = _line(reply)
            offset = self._indexed[self._own]
            written = os.write(self._writer, line)
            while written < len(line):
                written += os.write(self._writer, line[written:])
        except OSError as error:
            raise DatasetError(f"{self.folder} cannot be written: {error.strerror}.") from None
        self._unsynced = True
        self._indexed[self._own] = offset + len(line)
        self._note(reply.key.encode(), self._own, offset, len(line), reply.error is not None)
        return True

    def sync(self) -> None:
        """Have what was appended on the disk, not only with the operating system."""
        if self._unsynced:
            self._unsynced = False
            os.fsync(self._writer)

    def refresh(self) -> int:
        """Index what other processes have appended since; returns how many lines that was."""
        count = 0
        for path in sorted(self.folder.glob("replies-*.jsonl")):
            match = _NAME.fullmatch(path.name)
            if match and int(match[1]) != self._own:
                count += self._index(int(match[1]))
        return count

    def close(self) -> None:
        if self._writer >= 0:
            self.sync()
            os.close(self._writer)
            self._writer, self._own = -1, None
        for descriptor in self._readers.values():
            os.close(descriptor)
        self._readers.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    # ------------------------------------------------------------------------------------------

    def _adopt(self) -> int:
        """Lock a file that no living process writes, or a new one; end its torn line."""
        import fcntl

        number = 0
        while True:
            descriptor = os.open(self._path(number), os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                os.close(descriptor)
                number += 1
        size = os.fstat(descriptor).st_size
        if size and os.pread(descriptor, 1, size - 1) != b"\n":
            os.write(descriptor, b"\n")
        self._writer = descriptor
        self._index(number)
        return number

    def _index(self, number: int) -> int:
        """Note the whole lines of a file that are not indexed yet."""
        descriptor = self._reader(number)
        start = self._indexed.setdefault(number, 0)
        count, rest = 0, b""
        while block := os.pread(descriptor, _BLOCK, start + len(rest)):
            *lines, rest = (rest + block).split(b"\n")
            for line in lines:
                head = _HEAD.match(line)
                if head and zlib.crc32(line[_HEAD_BYTES:]) == int(head[2], 16):
                    failed = not line.startswith(_OK, _HEAD_BYTES)
                    self._note(head[1], number, start, len(line) + 1, failed)
                    count += 1
                start += len(line) + 1
        self._indexed[number] = start
        return count

    def _note(self, key: bytes, number: int, offset: int, length: int, failed: bool) -> None:
        place = (int(failed) << _FILE_BITS) | number
        place = (((place << _OFFSET_BITS) | offset) << _LENGTH_BITS) | length
        short = bytes.fromhex(key[:32].decode())
        known = self._places.get(short)
        if known is None or place < known:
            self._places[short] = place

    def _reader(self, number: int) -> int:
        if number not in self._readers:
            self._readers[number] = os.open(self._path(number), os.O_RDONLY)
        return self._readers[number]

    def _path(self, number: int) -> Path:
        return self.folder / f"replies-{number:06d}.jsonl"


def _short(key: str) -> bytes:
    return bytes.fromhex(key[:32])  # 128 of the 256 bits: as good, and half the memory


def _is_error(place: int) -> bool:
    return bool(place >> (_LENGTH_BITS + _OFFSET_BITS + _FILE_BITS))


def _line(reply: Reply) -> bytes:
    """A reply as a line of the log; what has its default is left out."""
    fields: dict[str, Any] = {"ok": int(reply.error is None)}
    for name in _FIELDS:
        value = getattr(reply, name)
        if value != _DEFAULTS[name]:
            fields[name] = value
    text = json.dumps(fields, separators=(",", ":"), ensure_ascii=False)
    rest = text[1:].encode("utf-8", "surrogatepass")  # a reply may hold half a surrogate pair
    return b'{"key":"%s","crc":"%08x",%s\n' % (reply.key.encode(), zlib.crc32(rest), rest)


def _parsed(line: bytes) -> Reply:
    value = json.loads(line)
    return Reply(value["key"], **{name: value[name] for name in _FIELDS if name in value})

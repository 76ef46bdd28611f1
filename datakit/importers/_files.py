"""Foreign text files, read line by line: bounded, whatever is in them, and never a traceback.

A byte order mark and CR before LF are taken away, a file in GB18030 is decoded as such; each is
told once a file. A line that is too long or not UTF-8 is one Dropped row.
"""

from __future__ import annotations

import functools
import gzip
import itertools
import json
import re
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import orjson

from datakit.importers._raw import Notes
from datakit.records import Dropped

# characters; the longest statute or filing that we know as one passage has a fifth of it
LONGEST_TEXT = 500_000
_LONGEST_LINE = 8 * LONGEST_TEXT  # bytes: a text with everything escaped, or several texts
_SAMPLE = 1 << 20  # bytes that tell the encoding
_BLOCK = 2 << 20  # bytes read at a time; its last line comes to it
_HAN = re.compile("[\u4e00-\u9fff]")

Line = tuple[int, bytes]


def name_of(path: Path, root: Path) -> str:
    """How messages call a file."""
    return path.name if path == root else path.relative_to(root).as_posix()


def opened(path: Path) -> IO[bytes]:
    """The file, unpacked where its name ends in .gz."""
    return gzip.open(path) if path.suffix == ".gz" else path.open("rb")  # type: ignore[return-value]


def lines(path: Path, notes: Notes, name: str | None = None) -> Iterator[Line | Dropped]:
    """Numbers from 1 and lines in UTF-8 without their end; empty lines are left out.

    Args:
        path: the file.
        notes: told of the encoding, byte order mark and line ends.
        name: how messages call the file.
    """
    name = name or path.name
    decode = _decoder(path, notes, name)
    try:
        with opened(path) as file:
            yield from _lines(file, decode, notes, name)
    except (OSError, EOFError, zlib.error) as error:
        yield Dropped(name, "unreadable_file", f"{name}: {error}"[:300])


def _lines(
    file: IO[bytes],
    decode: Callable[[bytes], bytes] | None,
    notes: Notes,
    name: str,
    first: int = 1,
) -> Iterator[Line | Dropped]:
    crlf = 0
    for at in itertools.count(first):
        line = file.readline(_LONGEST_LINE)
        if not line:
            break
        if len(line) == _LONGEST_LINE and not line.endswith(b"\n"):
            size = len(line) + _skipped(file)
            detail = f"{name}:{at}: a line of {size:,} bytes; the limit is {_LONGEST_LINE:,}"
            yield Dropped(f"{name}:{at}", "line_too_long", detail)
            continue
        if at == 1 and line.startswith(b"\xef\xbb\xbf"):
            line = line[3:]
            notes.add("byte_order_mark", name, f"{name} begins with a byte order mark: taken away")
        if line.endswith(b"\r\n"):
            crlf += 1
            line = line[:-2]
        elif line.endswith(b"\n"):
            line = line[:-1]
        if line and not line.isspace():
            yield at, decode(line) if decode else line
    if crlf:
        notes.add("crlf", name, f"{name} ends {crlf:,} lines with CR LF: CR taken away")


@dataclass(frozen=True)
class Block:
    """Whole lines with nothing odd about their ends, length or encoding."""

    first: int  # the number of its first line
    data: bytes

    @functools.cached_property
    def breaks(self) -> Any:
        """Where each LF is: an array of numpy."""
        import numpy as np

        return np.flatnonzero(np.frombuffer(self.data, np.uint8) == ord("\n"))

    def lines(self) -> Iterator[Line]:
        """As `lines`."""
        for at, line in enumerate(self.data.split(b"\n"), self.first):
            if line and not line.isspace():
                yield at, line


def blocks(path: Path, notes: Notes, name: str) -> Iterator[Block | Line | Dropped]:
    """As `lines`, but many lines at once up to the first that is odd.

    Args:
        path: a file that is not packed.
        notes: as of `lines`.
        name: how messages call the file.
    """
    decode = _decoder(path, notes, name)
    at = 1
    try:
        with path.open("rb") as file:
            while decode is None:
                start = file.tell()
                data = file.read(_BLOCK) + file.readline(_LONGEST_LINE)
                if not data:
                    return
                marked = at == 1 and data.startswith(b"\xef\xbb\xbf")
                if marked or b"\r" in data or len(data) >= _LONGEST_LINE:
                    file.seek(start)
                    break
                block = Block(at, data)
                yield block
                at += len(block.breaks)
            yield from _lines(file, decode, notes, name, at)
    except OSError as error:
        yield Dropped(name, "unreadable_file", f"{name}: {error}"[:300])


def _skipped(file: IO[bytes]) -> int:
    """Read on to the end of a line; how many bytes that was."""
    size = 0
    while piece := file.readline(_LONGEST_LINE):
        size += len(piece)
        if piece.endswith(b"\n"):
            break
    return size


def _decoder(path: Path, notes: Notes, name: str) -> Callable[[bytes], bytes] | None:
    """How to make a line UTF-8; None where the file is."""
    try:
        with opened(path) as file:
            sample = file.read(_SAMPLE)
    except (OSError, EOFError, zlib.error):
        return None  # told when it is read
    if sample.startswith((b"\xff\xfe", b"\xfe\xff")):
        return None
    told = [line for line in sample.split(b"\n")[:2000] if not line.isascii()]
    if sum(map(_is_gb18030, told)) * 2 <= len(told):
        return None
    notes.add("gb18030", name, f"{name} is in GB18030, not UTF-8: it was read as GB18030")
    return lambda line: line.decode("gb18030", "replace").encode()


def _is_gb18030(line: bytes) -> bool:
    """Chinese in GB18030, and not UTF-8."""
    try:
        line.decode("utf-8")
    except UnicodeDecodeError:
        text = line.decode("gb18030", "replace")
        return "\ufffd" not in text[:-1] and bool(_HAN.search(text))
    return False


def texts(path: Path, notes: Notes, name: str | None = None) -> Iterator[tuple[int, str] | Dropped]:
    """Line numbers and lines as text."""
    name = name or path.name
    return _texts(lines(path, notes, name), name)


def _texts(rows: Iterable[Line | Dropped], name: str) -> Iterator[tuple[int, str] | Dropped]:
    for line in rows:
        if isinstance(line, Dropped):
            yield line
            continue
        try:
            yield line[0], line[1].decode("utf-8")
        except UnicodeDecodeError as error:
            yield _not_utf8(f"{name}:{line[0]}", error)


def _not_utf8(where: str, error: UnicodeDecodeError) -> Dropped:
    return Dropped(where, "not_utf8", f"{where}: byte {error.start} of the line: {error.reason}")


def cells(
    path: Path,
    notes: Notes,
    name: str | None = None,
    *,
    columns: tuple[int, int],
    separator: str | None = "\t",
    header: Callable[[list[str]], bool] | None = None,
) -> Iterator[tuple[str, list[str]] | Dropped]:
    """Where, and the cells of a line, without any quoting.

    Args:
        path: the file.
        notes: told of encoding, line ends and a header that is missing.
        name: how messages call the file.
        columns: the fewest and the most cells; what is beyond the most stays in the last one.
        separator: between cells; None: any run of blanks.
        header: whether the first line is one; None where the format has none.
    """
    name = name or path.name
    return cells_of(lines(path, notes, name), name, columns, separator, header)


def cells_of(
    rows: Iterable[Line | Dropped],
    name: str,
    columns: tuple[int, int],
    separator: str | None = "\t",
    header: Callable[[list[str]], bool] | None = None,
) -> Iterator[tuple[str, list[str]] | Dropped]:
    """As `cells`, of lines."""
    least, most = columns
    for line in _texts(rows, name):
        if isinstance(line, Dropped):
            yield line
            continue
        row = line[1].split(separator, most - 1)
        if line[0] == 1 and header and header(row):
            continue
        where = f"{name}:{line[0]}"
        if len(row) < least:
            kind = "tab-separated cells" if separator == "\t" else "cells"
            wanted = f"{least}" if least == most else f"{least} to {most}"
            detail = f"{where}: expected {wanted} {kind}, found {len(row)}: {line[1]!r}"[:300]
            yield Dropped(where, "bad_row", detail)
        else:
            yield where, row


def objects(
    path: Path, notes: Notes, name: str | None = None
) -> Iterator[tuple[str, dict[str, Any]] | Dropped]:
    """Where, and the object of a line of JSON."""
    name = name or path.name
    return objects_of(lines(path, notes, name), name)


def objects_of(
    rows: Iterable[Line | Dropped], name: str
) -> Iterator[tuple[str, dict[str, Any]] | Dropped]:
    """As `objects`, of lines."""
    for line in rows:
        if isinstance(line, Dropped):
            yield line
            continue
        where = f"{name}:{line[0]}"
        try:
            values = orjson.loads(line[1])
        except ValueError:
            values = _second_try(line[1], where)
        if isinstance(values, dict):
            yield where, values
        elif isinstance(values, Dropped):
            yield values
        else:
            detail = f"{where}: expected an object, found {type(values).__name__}"
            yield Dropped(where, "bad_json", detail)


def _second_try(line: bytes, where: str) -> Any:
    """What Python's parser makes of it, which takes lone surrogates and NaN."""
    try:
        return json.loads(line.decode("utf-8"))
    except UnicodeDecodeError as error:
        return _not_utf8(where, error)
    except (ValueError, RecursionError) as error:
        return Dropped(where, "bad_json", f"{where}: {error}"[:200])


def text_of(values: dict[str, Any], where: str, id_key: str, text_key: str) -> str | Dropped:
    """The id of an object that has an id and a text; a whole number is one too."""
    name = values.get(id_key)
    if isinstance(name, int) and not isinstance(name, bool):
        name = str(name)
    if not isinstance(name, str) or not name:
        detail = f"{where}: expected a string under {id_key}, found {name!r}"[:200]
        return Dropped(where, "no_id", detail)
    if not isinstance(values.get(text_key), str):
        found = f"{values.get(text_key)!r}"[:100]
        detail = f"{where}: {name[:100]}: expected a string under {text_key}, found {found}"
        return Dropped(where, "no_text", detail)
    return name


def not_a_number(cells: list[str]) -> bool:
    """Whether a line is a header: its last cell is no number."""
    return not re.fullmatch(r"\s*[-+]?\d+(\.\d+)?\s*", cells[-1], re.ASCII)


def first_object(path: Path) -> dict[str, Any]:
    """The object of the first line, to tell a format by; empty where there is none."""
    if not path.is_file():
        return {}
    for row in objects(path, Notes()):
        return {} if isinstance(row, Dropped) else row[1]
    return {}


def items(
    path: Path, notes: Notes, name: str | None = None
) -> Iterator[tuple[str, dict[str, Any]] | Dropped]:
    """Where (the item's number), and the objects of a JSON list, one at a time."""
    name = name or path.name
    decoder, at = json.JSONDecoder(), 0
    pieces = (row for row in texts(path, notes, name))
    text = ""
    for piece in itertools.chain(pieces, [(0, "")]):
        if isinstance(piece, Dropped):
            yield piece
            continue
        text = f"{text}{piece[1]}\n".lstrip("[, \n\t") if at == 0 else f"{text}{piece[1]}\n"
        if len(text) > _LONGEST_LINE:
            yield Dropped(name, "item_too_long", f"{name}: item {at + 1} has no end; reading stops")
            return
        if piece[0] and not text.rstrip().endswith(("}", "},", "]")):
            continue  # in the middle of an item
        while text := text.lstrip(", \n\t"):
            if text.strip() == "]":
                return
            try:
                values, end = decoder.raw_decode(text)
            except (ValueError, RecursionError) as error:
                if piece[0]:
                    break  # read on
                yield Dropped(f"{name}:{at + 1}", "bad_json", f"{name}: {error}"[:200])
                return
            at, text = at + 1, text[end:]
            if isinstance(values, dict):
                yield f"{name}:{at}", values
            else:
                detail = f"{name}: item {at}: expected an object"
                yield Dropped(f"{name}:{at}", "bad_json", detail)

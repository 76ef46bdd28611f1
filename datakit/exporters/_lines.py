"""Lines of text files: how a row is written as one, and read back strictly."""

from __future__ import annotations

import gzip
import io
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from datakit.exporters._view import View
from datakit.records import safe_id

if TYPE_CHECKING:
    from datakit.exporters._write import Draft

_LINE_BREAKERS = re.compile("[\t\n\x0b\x0c\r\x1c-\x1e\x85\u2028\u2029]")
_SEPARATORS = re.compile("[\x85\u2028\u2029]")
_READABLE = json.JSONEncoder(ensure_ascii=False).encode

Cells = tuple[str | int | float | None, ...]


# --- lines --------------------------------------------------------------------------------


def one_line(text: str) -> str:
    """The text with a space for every TAB and every character that some reader ends a line at."""
    return _LINE_BREAKERS.sub(" ", text)


def json_line(row: Mapping[str, Any]) -> str:
    """A row as one line of JSON: readable, but for the separators that split lines elsewhere."""
    line = _READABLE(dict(row))
    return (
        line if line.isascii() else _SEPARATORS.sub(lambda found: f"\\u{ord(found[0]):04x}", line)
    )


def binary(path: Path) -> IO[bytes]:
    """A file opened for reading; unpacked if its name ends in .gz."""
    return gzip.open(path) if path.suffix == ".gz" else path.open("rb")  # type: ignore[return-value]


def written(path: Path) -> IO[str]:
    """A text file opened for writing; packed if its name ends in .gz, always to the same bytes."""
    if path.suffix == ".gz":
        packed = gzip.GzipFile(path, "wb", compresslevel=6, mtime=0)
        return io.TextIOWrapper(packed, encoding="utf-8", newline="\n")
    return path.open("w", encoding="utf-8", newline="\n")


# --- strict readers -----------------------------------------------------------------------


def read_lines(path: Path) -> Iterator[tuple[int, str]]:
    """Line numbers from 1 and lines without their LF.

    Raises:
        ValueError: not UTF-8, or the last line has no end.
    """
    with binary(path) as file:
        for number, line in enumerate(file, 1):
            if not line.endswith(b"\n"):
                raise ValueError(f"line {number} has no end")
            yield number, line[:-1].decode("utf-8")


def read_json(path: Path, keys: tuple[str, ...]) -> Iterator[Cells]:
    """The values of `keys` of every line; the first is the id, ascending and not repeated."""
    last = ""
    for number, line in read_lines(path):
        row = json.loads(line)
        missing = [key for key in keys if key not in row]
        if missing:
            raise ValueError(f"line {number} has no {missing[0]!r}")
        cells = tuple(row[key] for key in keys)
        if not isinstance(cells[0], str) or cells[0] <= last:
            raise ValueError(f"line {number}: id {cells[0]!r} after {last!r}")
        last = cells[0]
        yield cells


def read_columns(path: Path, n: int, separator: str = "\t", skip: int = 0) -> Iterator[list[str]]:
    """The columns of every line after the first `skip`, without any quoting."""
    for number, line in read_lines(path):
        if number <= skip:
            continue
        columns = line.split(separator)
        if len(columns) != n:
            raise ValueError(f"line {number} has {len(columns)} columns, expected {n}")
        yield columns


def ascending(rows: Iterable[Cells], *keys: int) -> Iterator[Cells]:
    """The rows, whose cells at `keys` ascend and never repeat.

    Raises:
        ValueError: they do not.
    """
    last: list[str] = []
    for row in rows:
        key = [str(row[at]) for at in keys]
        if key <= last:
            raise ValueError(f"{key} comes after {last}")
        last = key
        yield row


# --- TREC lines ---------------------------------------------------------------------------


def write_qrels(view: View, draft: Draft, pattern: str) -> None:
    """`query_id source passage_id grade`, one file a split; `pattern` has `{split}`."""
    for split in view.splits:
        draft.start(pattern.format(split=split))
    for qrel in view.labels():
        cells = (qrel.query_id, qrel.source, qrel.passage_id, qrel.grade)
        name = pattern.format(split=view.split_of(qrel.query_id))
        draft.add(name, " ".join(map(str, cells)), cells)


def read_qrels(path: Path) -> Iterator[Cells]:
    """(query_id, source, passage_id, grade), by query and passage."""
    rows = read_columns(path, 4, " ")
    return ascending(((q, source, p, int(grade)) for q, source, p, grade in rows), 0, 2)


def read_run(path: Path) -> Iterator[Cells]:
    """(query_id, passage_id, rank, score), ranks from 1 and in trec_eval's order."""
    last: _RunRow | None = None
    for query, q0, passage, rank, score, _ in read_columns(path, 6, " "):
        row = query, float(score), passage, int(rank)
        if q0 != "Q0" or not _follows(row, last):
            raise ValueError(f"{row} comes after {last}")
        last = row
        yield query, passage, row[3], row[1]


_RunRow = tuple[str, float, str, int]


def _follows(row: _RunRow, last: _RunRow | None) -> bool:
    if last is None or row[0] > last[0]:
        return row[3] == 1
    lower = row[1] < last[1] or (row[1] == last[1] and row[2] < last[2])
    return row[0] == last[0] and row[3] == last[3] + 1 and lower


def run_lines(view: View, name: str) -> Iterator[tuple[str, Cells]]:
    """The lines of a run with their cells (query_id, passage_id, rank, score)."""
    query, rank, tag = "", 0, safe_id(name)
    for scored in view.run(name):
        rank = rank + 1 if scored.query_id == query else 1
        query = scored.query_id
        cells = (query, scored.passage_id, rank, float(scored.score))
        yield f"{query} Q0 {scored.passage_id} {rank} {cells[3]!r} {tag}", cells

"""Write an export beside its place, read it back, compare, then put it there."""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any, Protocol

from datakit.dataset import Dataset, unwritable
from datakit.errors import ExportMismatch, UsageError
from datakit.exporters._view import View
from datakit.records import SPLITS, safe_id
from datakit.version import __version__

REPORT = "export_report.json"
ID_MAP = "id_map.tsv"
_MODULUS = 1 << 256
_LINE_BREAKERS = re.compile("[\t\n\x0b\x0c\r\x1c-\x1e\x85\u2028\u2029]")
_SPLIT_IN_NAME = re.compile(rf"[./]({'|'.join(SPLITS)})(?=\.\w+$)")
_ENCODE = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode

Cells = tuple[str | int | float | None, ...]


class Tally:
    """How many rows, and the sum of their SHA-256: equal for equal rows in any order."""

    def __init__(self) -> None:
        self.rows = 0
        self.total = 0

    def add(self, cells: Cells) -> None:
        line = _ENCODE([cell.hex() if isinstance(cell, float) else cell for cell in cells])
        self.rows += 1
        self.total += int.from_bytes(hashlib.sha256(line.encode()).digest(), "big")
        self.total %= _MODULUS

    @classmethod
    def of(cls, rows: Iterable[Cells]) -> Tally:
        tally = cls()
        for cells in rows:
            tally.add(cells)
        return tally

    @property
    def digest(self) -> str:
        return "sha256:" + hashlib.sha256(f"{self.rows}\n{self.total:064x}".encode()).hexdigest()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Tally) and self.digest == other.digest

    __hash__ = None  # type: ignore[assignment]


class Draft:
    """The unfinished export: its folder, and what each file is meant to hold."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.tallies: dict[str, Tally] = {}
        self.one_lined = 0  # texts that the line rule changed
        self._open: dict[str, IO[str]] = {}

    def start(self, name: str) -> None:
        """Open a file of rows, which may stay empty."""
        self._file(name)
        self.tallies.setdefault(name, Tally())

    def add(self, name: str, line: str, cells: Cells) -> None:
        """Write a line, and remember the cells that a reader should find in it."""
        self.start(name)
        self._file(name).write(line + "\n")
        self.tallies[name].add(cells)

    def raw(self, name: str, text: str) -> None:
        """Write text that is no row: a header, a frame, a file that is not read back."""
        self._file(name).write(text)

    def _file(self, name: str) -> IO[str]:
        if name not in self._open:
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            self._open[name] = path.open("w", encoding="utf-8", newline="\n")
        return self._open[name]

    def one_line(self, text: str) -> str:
        """The text for a line-based file; a change is counted."""
        line = one_line(text)
        self.one_lined += line != text
        return line

    def close(self) -> None:
        for file in self._open.values():
            file.close()
        self._open = {}


class Format(Protocol):
    """What an exporter gives to `export`."""

    @property
    def labels(self) -> str: ...
    @property
    def lowest_grade(self) -> int: ...
    def losses(self, view: View) -> list[str]: ...
    def write(self, view: View, draft: Draft) -> None: ...
    def read(self, name: str, path: Path) -> Iterator[Cells]:
        """The cells of a file of rows, read strictly; a ValueError where it is not well formed."""
        ...

    def read_with_others(self, draft: Draft) -> str | None:
        """Compare with the target's own loader; its name and version, None if not installed."""
        ...


def export(form: Format, dataset: Dataset, out: Path) -> list[Path]:
    """Export a dataset.

    Returns:
        The files, the report last.

    Raises:
        UsageError: `out` holds something that is not an earlier export.
        DatasetError: the dataset cannot be exported, or the folder not written.
        ExportMismatch: what was written reads back otherwise; nothing is left.
    """
    out = out.absolute()
    _refuse_foreign(out)
    view = View(dataset, form.labels, form.lowest_grade)
    view.check()
    with unwritable(out), _draft(out) as draft:
        form.write(view, draft)
        _write_id_map(view, draft)
        draft.close()
        loaders = _read_back(form, draft)
        names = sorted(p.relative_to(draft.folder).as_posix() for p in _files(draft.folder))
        report = _report(form, view, draft) | {"verified_with": loaders}
        (draft.folder / REPORT).write_text(
            json.dumps(report, indent=1, ensure_ascii=False, default=list) + "\n", "utf-8"
        )
        _put(draft.folder, out)
    return [out / name for name in [*names, REPORT]]


@contextlib.contextmanager
def _draft(out: Path) -> Iterator[Draft]:
    """A folder beside `out` that is gone afterwards."""
    folder = out.with_name(f".{out.name}.unfinished")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    draft = Draft(folder)
    try:
        yield draft
    finally:
        draft.close()
        shutil.rmtree(folder, ignore_errors=True)


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if not path.is_dir()]


def _refuse_foreign(out: Path) -> None:
    """Make sure that nothing but an earlier export of ours is lost."""
    if not out.exists() and not out.is_symlink():
        return
    if not out.is_dir() or out.is_symlink():
        raise UsageError(f"{out} is not a folder: choose a new folder for -o.")
    if not any(out.iterdir()):
        return
    try:
        report = json.loads((out / REPORT).read_text("utf-8"))
        known = {*report["files"], REPORT} if report["tool"] == "datakit" else set()
    except (OSError, ValueError, KeyError, TypeError):
        known = set()
    found = {path.relative_to(out).as_posix() for path in _files(out)}
    foreign = found - known or (set() if known else {path.name for path in out.iterdir()})
    if foreign:
        named = min(foreign, key=lambda name: (name.startswith("."), name))
        raise UsageError(
            f"{out} holds {named!r}, which no earlier export wrote: "
            "choose an empty or a new folder for -o."
        )


def _put(folder: Path, out: Path) -> None:
    """Give the finished folder its name; an earlier export makes way and comes back on failure."""
    old = out.with_name(f".{out.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if out.exists():
        out.replace(old)
    try:
        folder.replace(out)
    except OSError:
        if old.exists():
            old.replace(out)
        raise
    shutil.rmtree(old, ignore_errors=True)


def _read_back(form: Format, draft: Draft) -> list[str]:
    """Compare every file with what it is meant to hold."""
    for name, meant in draft.tallies.items():
        try:
            path = draft.folder / name
            found = Tally.of(_read_id_map(path) if name == ID_MAP else form.read(name, path))
        except (ValueError, OSError) as error:
            raise ExportMismatch(f"{name} does not read back: {error}. Nothing was kept.") from None
        compare(name, meant, found, "datakit's strict reader")
    other = form.read_with_others(draft)
    return [f"datakit {__version__} strict reader", *([other] if other else [])]


def compare(name: str, meant: Tally, found: Tally, reader: str) -> None:
    """Make sure that a reader finds what was meant.

    Raises:
        ExportMismatch: it does not.
    """
    if meant != found:
        how = f"{found.rows:,} rows" if meant.rows != found.rows else "rows with other content"
        raise ExportMismatch(
            f"{name}: {reader} finds {how} where {meant.rows:,} rows were written. "
            "Nothing was kept; this is a fault in the exporter or the disk, please report it."
        )


def _report(form: Any, view: View, draft: Draft) -> dict[str, Any]:
    manifest = view.dataset.manifest
    rules = list(view.rules)
    if draft.one_lined:
        rules.append(
            f"{draft.one_lined:,} texts in line-based files have a space for TAB and line breaks"
        )
    if ID_MAP in draft.tallies:
        rules.append(f"{draft.tallies[ID_MAP].rows:,} ids were replaced, see {ID_MAP}")
    files = {}
    for path in sorted(_files(draft.folder)):
        name = path.relative_to(draft.folder).as_posix()
        tally = draft.tallies.get(name)
        rows = {"rows": tally.rows, "rows_digest": tally.digest} if tally else {}
        files[name] = {"bytes": path.stat().st_size} | rows
    return {
        "format": type(form).plugin_name,
        "tool": "datakit",
        "tool_version": __version__,
        "settings": asdict(form),
        "dataset": {k: manifest.get(k) for k in ("dataset_id", "version", "content_hash")},
        "purpose": manifest["purpose"],
        "label_scale": manifest["label_scale"],
        "labels": view.label_table,
        "counts": _counts(draft),
        "files": files,
        "rules": rules,
        "left_out": dict(sorted(view.left_out.items())),
        "losses": form.losses(view),
    }


def _counts(draft: Draft) -> dict[str, int]:
    """Rows by kind of file, all splits together: `qrels/test.tsv` counts as `qrels.tsv`."""
    counts: Counter[str] = Counter()
    for name, tally in draft.tallies.items():
        counts[_SPLIT_IN_NAME.sub("", name)] += tally.rows
    return dict(counts)


def _write_id_map(view: View, draft: Draft) -> None:
    """`id⇥"the dataset's id, as JSON"` for every id that had to change."""
    for new, old in view.new_ids():
        draft.add(ID_MAP, f"{new}\t{json.dumps(old)}", (new, old))


def _read_id_map(path: Path) -> Iterator[Cells]:
    return ((new, json.loads(old)) for new, old in read_columns(path, 2))


# --- lines --------------------------------------------------------------------------------


def one_line(text: str) -> str:
    """The text with a space for every TAB and every character that some reader ends a line at."""
    return _LINE_BREAKERS.sub(" ", text)


def json_line(row: Mapping[str, Any]) -> str:
    """A row as one line of JSON: readable, but for the separators that split lines elsewhere."""
    line = json.dumps(dict(row), ensure_ascii=False)
    return re.sub("[\x85\u2028\u2029]", lambda found: f"\\u{ord(found[0]):04x}", line)


# --- strict readers -----------------------------------------------------------------------


def read_lines(path: Path) -> Iterator[tuple[int, str]]:
    """Line numbers from 1 and lines without their LF.

    Raises:
        ValueError: not UTF-8, or the last line has no end.
    """
    with path.open("rb") as file:
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

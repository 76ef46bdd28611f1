"""Write an export beside its place, read it back, compare, then put it there."""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Protocol

from datakit.dataset import Dataset, unwritable
from datakit.digests import hexed, row_sum
from datakit.errors import DatasetError, ExportMismatch, UsageError
from datakit.exporters._lines import (
    Cells,
    ascending,
    json_line,
    one_line,
    read_columns,
    read_json,
    read_lines,
    read_qrels,
    read_run,
    run_lines,
    write_qrels,
    written,
)
from datakit.exporters._parquet import Columns, ParquetFile
from datakit.exporters._view import View
from datakit.records import SPLITS
from datakit.version import __version__

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = [
    "Cells", "Draft", "Tally", "ascending", "compare", "export", "json_line", "one_line",
    "read_columns", "read_json", "read_lines", "read_qrels", "read_run", "run_lines", "write_qrels",
]  # fmt: skip

REPORT = "export_report.json"
ID_MAP = "id_map.tsv"
BINARY = {
    "grades": {"0": "not relevant", "1": "relevant"}, "relevant_from": 1, "unjudged": "unknown",
}  # fmt: skip
_MODULUS = 1 << 256
_SPLIT_IN_NAME = re.compile(rf"[./-]({'|'.join(SPLITS)})(?=\.\w+$)")
_PART_IN_NAME = re.compile(r"(?<=/part-)\d{5}(?=\.)")
_ENCODE = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


class Tally:
    """How many rows, and the sum of their SHA-256: equal for equal rows in any order."""

    def __init__(self) -> None:
        self.rows = 0
        self.total = 0

    def add(self, cells: tuple[Any, ...]) -> None:
        line = _ENCODE(hexed(cells))
        self.rows += 1
        self.total += int.from_bytes(hashlib.sha256(line.encode()).digest(), "big")
        self.total %= _MODULUS

    def add_table(self, rows: pa.Table) -> None:
        """Add many rows: a table's digest is over the same JSON."""
        self.rows += rows.num_rows
        self.total = (self.total + row_sum(rows)) % _MODULUS

    @classmethod
    def of(cls, rows: Iterable[Cells | pa.Table]) -> Tally:
        """Of rows one by one, or many at once."""
        tally = cls()
        for cells in rows:
            if isinstance(cells, tuple):
                tally.add(cells)
            else:
                tally.add_table(cells)
        return tally

    @classmethod
    def total_of(cls, tallies: Iterable[Tally]) -> Tally:
        """Of all rows of several."""
        whole = cls()
        for tally in tallies:
            whole.rows += tally.rows
            whole.total = (whole.total + tally.total) % _MODULUS
        return whole

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
        self.rules: list[str] = []  # what the format did to fit, for the report
        self.one_lined = 0  # texts that the line rule changed
        self._open: dict[str, IO[str]] = {}
        self._tables: dict[str, ParquetFile] = {}

    def start(self, name: str) -> None:
        """Open a file of rows, which may stay empty."""
        self._file(name)
        self.tallies.setdefault(name, Tally())

    def add(self, name: str, line: str, cells: Cells) -> None:
        """Write a line, and remember the cells that a reader should find in it."""
        self.start(name)
        self._file(name).write(line + "\n")
        self.tallies[name].add(cells)

    def add_lines(self, name: str, lines: pa.Array, cells: pa.Table) -> None:
        """Write many lines, which have their ends (large strings, none null), as `add`."""
        import numpy as np

        self.start(name)
        offsets = np.frombuffer(lines.buffers()[1], np.int64)[lines.offset :]
        file = self._file(name)
        text = memoryview(lines.buffers()[2] or b"")[offsets[0] : offsets[len(lines)]]
        file.write(str(text, "utf-8"))
        self.tallies[name].add_table(cells)

    def rows(self, name: str, columns: Columns, rows: pa.Table) -> None:
        """Write many rows of a Parquet file."""
        self.start_table(name, columns)
        self.tallies[name].add_table(self._tables[name].add_table(rows))

    def row(self, name: str, columns: Columns, cells: tuple[Any, ...]) -> None:
        """Write a row of a Parquet file."""
        self.start_table(name, columns)
        self._tables[name].add(cells)
        self.tallies[name].add(cells)

    def start_table(self, name: str, columns: Columns) -> None:
        """Open a Parquet file, which may stay empty."""
        if name not in self._tables:
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            self._tables[name] = ParquetFile(path, columns)
            self.tallies[name] = Tally()

    def raw(self, name: str, text: str) -> None:
        """Write text that is no row: a header, a frame, a file that is not read back."""
        self._file(name).write(text)

    def _file(self, name: str) -> IO[str]:
        if name not in self._open:
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            self._open[name] = written(path)
        return self._open[name]

    def one_line(self, text: str) -> str:
        """The text for a line-based file; a change is counted."""
        line = one_line(text)
        self.one_lined += line != text
        return line

    def close(self) -> None:
        for file in self._open.values():
            file.close()
        for table in self._tables.values():
            table.close()
        self._open, self._tables = {}, {}


class Format(Protocol):
    """What an exporter gives to `export`."""

    """Also `lowest_grade`, or for a format without grades `binary = True` and `relevant_from`."""

    @property
    def labels(self) -> str: ...
    def losses(self, view: View) -> list[str]: ...
    def write(self, view: View, draft: Draft) -> None: ...
    def read(self, name: str, path: Path) -> Iterator[Cells | pa.Table]:
        """The cells of a file of rows, one by one or many at once, read strictly.

        Raises:
            ValueError: it is not well formed.
        """
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
    view = View(dataset, form.labels, _lowest(form, dataset))
    view.check()
    with unwritable(out), _draft(out) as draft:
        form.write(view, draft)
        if not any(tally.rows for tally in draft.tallies.values()):
            why = "; ".join(f"{n:,} {what}" for what, n in sorted(view.left_out.items()))
            raise DatasetError(f"{dataset.path} has no row for this format: {why or 'no labels'}.")
        if ID_MAP not in draft.tallies:
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


def _lowest(form: Any, dataset: Dataset) -> int:
    """The lowest grade that goes out; of a format that knows no grades, the lowest relevant one."""
    if getattr(form, "binary", False):
        return int(form.relevant_from or dataset.manifest["label_scale"]["relevant_from"])
    return int(form.lowest_grade)


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
    rules = [*view.rules, *draft.rules]
    scale = manifest["label_scale"]
    if getattr(form, "binary", False):
        rules.append(f"grades from {view.lowest_grade} are 1; the other labels are left out")
        scale = BINARY
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
        "label_scale": scale,
        "labels": view.label_table,
        "counts": _counts(draft),
        "files": files,
        "rules": rules,
        "left_out": dict(sorted(view.left_out.items())),
        "losses": form.losses(view),
    }


def _counts(draft: Draft) -> dict[str, int]:
    """Rows by kind of file: splits and parts together, `qrels/test.tsv` counts as `qrels.tsv`."""
    counts: Counter[str] = Counter()
    for name, tally in draft.tallies.items():
        counts[_PART_IN_NAME.sub("00000", _SPLIT_IN_NAME.sub("", name))] += tally.rows
    return dict(counts)


def _write_id_map(view: View, draft: Draft) -> None:
    """`id⇥"the dataset's id, as JSON"` for every id that had to change."""
    for new, old in view.new_ids():
        draft.add(ID_MAP, f"{new}\t{json.dumps(old)}", (new, old))


def _read_id_map(path: Path) -> Iterator[Cells]:
    return ((new, json.loads(old)) for new, old in read_columns(path, 2))

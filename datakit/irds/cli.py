"""`datakit-irds`: ir_datasets' command line, with our datasets registered.

What ir_datasets 0.6 writes wrong is put right in this process alone: runs with rank 0 on every
line and no order, JSON lines with escaped Chinese, a traceback for an id that is not there.
"""

from __future__ import annotations

import difflib
import os
import sys
import warnings
from typing import IO, Any, NoReturn

from datakit.errors import DatakitError, MissingDependency
from datakit.exporters._write import json_line

TAKE_AN_ID = ("export", "lookup", "doc_fifos")


def main() -> NoReturn:
    """Run `ir_datasets` with the arguments of this process; a failure is one line."""
    try:
        code = _run(sys.argv[1:])
    except DatakitError as error:
        print(f"datakit-irds: {error}", file=sys.stderr)
        code = error.exit_code
    except BrokenPipeError:  # the reader of a pipe has gone
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    sys.exit(code)


def _run(args: list[str]) -> int:
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        from datakit import irds
    for one in said:
        if issubclass(one.category, irds.NotRegistered):
            print(f"datakit-irds: {one.message}", file=sys.stderr)
    try:
        import ir_datasets
    except ImportError:
        raise MissingDependency("the command datakit-irds", "ir_datasets", "irds") from None
    patch_exporters()
    if args[:1] and args[0] in TAKE_AN_ID and args[1:] and not args[1].startswith("-"):
        try:
            ir_datasets.load(args[1])
        except KeyError:
            near = difflib.get_close_matches(args[1], list(ir_datasets.registry), 1)
            hint = f" Did you mean {near[0]!r}?" if near else " See `datakit-irds list`."
            print(f"datakit-irds: dataset {args[1]!r} does not exist.{hint}", file=sys.stderr)
            return 2
    ir_datasets.main(args)
    return 0


def patch_exporters() -> None:
    """Replace the two exporters of ir_datasets that write what others cannot read."""
    from ir_datasets.commands import export

    class Json(export.JsonlExporter):  # type: ignore[misc]
        """Readable text; only what splits lines elsewhere is escaped."""

        def next(self, record: Any) -> None:
            row = {f: self.encode(record[i]) for f, i in zip(self.fields, self.idxs, strict=True)}
            self.out.write(json_line(row) + "\n")

    for exporters in (
        export.DEFAULT_EXPORTERS, export.QRELS_EXPORTERS, export.SCOREDDOCS_EXPORTERS,
    ):  # fmt: skip
        exporters["jsonl"] = Json
    export.SCOREDDOCS_EXPORTERS["trec"] = TrecRun


class TrecRun:
    """A run as trec_eval reads it: by score, ties by descending id, ranks from 1."""

    def __init__(self, data_cls: Any, out: IO[str], fields: list[str] | None = None) -> None:
        assert fields is None, "fields not supported for TREC Run exporter"
        self.out = out
        self.runtag = "run"
        self._rows: list[Any] = []

    def next(self, record: Any) -> None:
        if self._rows and self._rows[-1].query_id != record.query_id:
            self.flush()
        self._rows.append(record)

    def flush(self) -> None:
        self._rows.sort(key=lambda row: row.doc_id, reverse=True)
        self._rows.sort(key=lambda row: -row.score)
        for rank, row in enumerate(self._rows, 1):
            self.out.write(f"{row.query_id} Q0 {row.doc_id} {rank} {row.score} {self.runtag}\n")
        self._rows = []

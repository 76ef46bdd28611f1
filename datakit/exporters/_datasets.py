"""Reading back with Hugging Face `datasets`, where it is installed."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from datakit.exporters._lines import json_line
from datakit.exporters._write import Draft, Tally, compare

if TYPE_CHECKING:
    import pyarrow as pa

_ROWS = 8_192


def loaded(builder: str | Path, *, parquet: bool = False, **options: Any) -> Iterator[pa.Table]:
    """The rows as `datasets.load_dataset` streams them, nothing cached, nothing fetched."""
    import datasets

    if parquet:  # a group of rows at a time, instead of the whole file ahead
        from pyarrow.dataset import ParquetFragmentScanOptions

        options["fragment_scan_options"] = ParquetFragmentScanOptions(pre_buffer=False)
    found = datasets.load_dataset(str(builder), streaming=True, **options)
    yield from found.with_format("arrow").iter(_ROWS)


def version() -> str | None:
    """Name and version; None if it is not installed."""
    with contextlib.suppress(ImportError):
        import datasets

        datasets.disable_progress_bars()
        return f"datasets {datasets.__version__}"
    return None


def json_with_datasets(draft: Draft) -> str | None:
    """Compare files of JSON lines, whose cells are the values or the whole line."""
    name_and_version = version()
    for name, meant in draft.tallies.items():
        if name_and_version and name.endswith(".jsonl") and meant.rows:
            files = {"data": str(draft.folder / name)}
            rows = loaded("json", data_files=files, split="data")
            if name != "corpus.jsonl":
                rows = ((json_line(row),) for table in rows for row in table.to_pylist())
            found = Tally.of(rows)
            compare(name, meant, found, name_and_version)
    return name_and_version


def parquet_with_datasets(draft: Draft) -> str | None:
    """Compare Parquet files."""
    name_and_version = version()
    for name, meant in draft.tallies.items():
        if name_and_version and name.endswith(".parquet") and meant.rows:
            files = {"data": str(draft.folder / name)}
            rows = loaded("parquet", parquet=True, data_files=files, split="data")
            found = Tally.of(rows)
            compare(name, meant, found, name_and_version)
    return name_and_version

"""Do the files hold what the manifest says?"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from datakit.auditing import Check, Facts, Result
from datakit.registry import plugin
from datakit.tables import Part


@plugin("audits", "dk001_manifest")
@dataclass(frozen=True)
class Manifest:
    """Parts whose SHA-256 or row count is not the manifest's, or that are missing."""

    check: ClassVar[Check] = Check(
        "DK001", "Files match the manifest", "integrity",
        "Restore the files, or build or import the dataset again.",
    )  # fmt: skip
    corpus: str = "B>0"

    def __call__(self, facts: Facts) -> Iterator[Result]:
        dataset = facts.dataset
        wrong, n = [], 0
        for table in dataset.tables():
            for path, part in dataset.parts(table):
                n += 1
                if (why := _wrong(path, part)) is not None:
                    wrong.append(f"{table}/{part.file}: {why}")
        message = f"{len(wrong):,} of {n:,} files are not what the manifest says"
        yield Result("corpus", float(len(wrong)), n, message, wrong, entity="file")


def _wrong(path: Path, part: Part) -> str | None:
    import pyarrow.parquet as pq
    from pyarrow import ArrowException

    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        if f"sha256:{digest}" != part.sha256:
            return "other bytes"
        return None if pq.read_metadata(path).num_rows == part.rows else "other number of rows"
    except FileNotFoundError:
        return "missing"
    except (OSError, ArrowException):
        return "cannot be read"

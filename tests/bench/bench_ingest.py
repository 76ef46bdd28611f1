"""What becomes of every real file: `python tests/bench/bench_ingest.py [set …] [--files]`.

Reads each file under `../shared/data/{tos,fin,web,xml}` as the ingest stage does and prints a line
a set: files, documents, drops by reason, characters, seconds, and the peak of resident memory over
any one of its files. `--files` names the slowest and the hungriest as well. Asserts one thing:
that each file is read or dropped with a reason.
"""

from __future__ import annotations

import contextlib
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from datakit import plan, sources, stages
from datakit.records import Document

SHARED = Path(__file__).parents[3] / "shared" / "data"
GROUPS = ("tos", "fin", "web", "xml")


@dataclass
class Row:
    """The figures of one set."""

    files: int = 0
    documents: int = 0
    characters: int = 0
    seconds: float = 0.0
    reasons: Counter[str] = field(default_factory=Counter)
    costs: list[tuple[float, int, str]] = field(default_factory=list)  # seconds, peak bytes, file


def peak_reset() -> None:
    """Linux forgets the peak of resident memory so far; elsewhere the peak is of the whole run."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def peak() -> int:
    try:
        status = Path("/proc/self/status").read_text()
    except OSError:
        import resource

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10
    return int(status.split("VmHWM:")[1].split()[0]) << 10


def folders(names: list[str]) -> Iterator[Path]:
    for group in GROUPS:
        for folder in sorted(p for p in (SHARED / group).iterdir() if p.is_dir()):
            if not names or folder.name in names or group in names:
                yield folder


def measured(folder: Path, payload: list[stages.Spec]) -> Row:
    """One set, file by file."""
    row = Row()
    for file in sources.find([folder]):
        sink = _Tally()
        peak_reset()
        start = time.perf_counter()
        stages.ingest_files(((payload, [], 0.0), (file,)), sink)
        seconds = time.perf_counter() - start
        assert sink.documents or sink.reasons, f"{file.uri}: neither read nor dropped"
        row.files += 1
        row.documents += sink.documents
        row.characters += sink.characters
        row.seconds += seconds
        row.reasons += sink.reasons
        row.costs.append((seconds, peak(), file.uri))
    return row


class _Tally:
    """Stands in for the engine's sink."""

    def __init__(self) -> None:
        self.seen = self.documents = self.characters = 0
        self.folder = Path(tempfile.gettempdir()) / "bench_ingest"
        self.extra: Counter[str] = Counter()
        self.reasons: Counter[str] = Counter()

    def put(self, table: str, record: object) -> None:
        if isinstance(record, Document):
            assert record.text.strip(), record.source_uri
            self.documents += 1
            self.characters += len(record.text)
        else:
            self.reasons[record.reason] += 1  # type: ignore[attr-defined]


def main(names: list[str], files: bool) -> None:
    payload = [stages.spec(use.plugin) for use in plan.load().uses["ingest"]]
    print(f"{'set':34}{'files':>6}{'docs':>7}{'chars':>13}{'s':>8}{'peak MB':>9}  dropped")
    for folder in folders(names):
        row = measured(folder, payload)
        why = ", ".join(f"{reason} {n}" for reason, n in sorted(row.reasons.items()))
        name = f"{folder.parent.name}/{folder.name}"
        top = max((cost[1] for cost in row.costs), default=0) >> 20
        print(
            f"{name:34}{row.files:6}{row.documents:7}{row.characters:13,}{row.seconds:8.1f}"
            f"{top:9}  {why}",
            flush=True,
        )
        for rank in (0, 1) if files else ():
            for cost in sorted(row.costs, key=lambda cost: -cost[rank])[:3]:
                print(f"    {cost[0]:7.2f} s {cost[1] >> 20:6} MB  {cost[2]}")


if __name__ == "__main__":
    arguments = sys.argv[1:]
    main([a for a in arguments if not a.startswith("-")], "--files" in arguments)

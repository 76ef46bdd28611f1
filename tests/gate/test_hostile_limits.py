"""Every hostile file of the real collections: at most 2 seconds and 200 MB, and never a crash."""

from __future__ import annotations

import hashlib
import time
from pathlib import Path

import pytest

from datakit import plan, reading, sources, stages

CORPUS = "sha256:06c6a3aa52594a039ef6c57470ac8bdfb53ef60bf5127b97ee0c68f394388329"
SECONDS, BYTES = 2.0, 200 << 20


def test_hostile_files_stay_within_two_seconds_and_200_megabytes(
    shared_data: Path, tmp_path: Path
) -> None:
    if not Path("/proc/self/status").exists():
        pytest.skip("the peak of another process's memory is read from /proc")
    files = [
        file
        for folder in sorted((shared_data / "xml").glob("nasty-*"))
        for file in sources.find([folder])
    ]
    digest = hashlib.sha256("".join(f.uri + f.sha256 for f in files).encode()).hexdigest()
    if f"sha256:{digest}" != CORPUS:
        pytest.skip(f"the corpus has changed (sha256:{digest}): look at it anew")
    specs = [stages.spec(use.plugin) for use in plan.load().uses["ingest"]]
    reader = reading.Reader(specs, [], SECONDS)
    slow, records = [], 0

    for file in files:
        start = time.perf_counter()
        found = list(reader(file, tmp_path / "unpacked"))
        slow += [file.uri] if time.perf_counter() - start > SECONDS else []
        assert found
        assert not {getattr(r, "reason", "") for r in found} & {"too_slow", "crashed"}, file.uri
        records += len(found)
    assert reader._process is not None
    memory = peak(reader._process.pid)  # over all the files, the process being the same
    reader.close()

    assert records >= len(files) > 200
    assert slow == []
    assert memory < BYTES


def peak(pid: int) -> int:
    """Bytes of resident memory at most, over the whole life of a process."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) << 10

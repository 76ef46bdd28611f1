"""Coverage-guided fuzzing of an ingestor: `python tests/bench/fuzz_ingest.py NAME [flags]`.

Needs atheris (`pip install atheris`, Linux). For instance, two minutes from seeds in a folder,
a hang being whatever takes five seconds:

    python tests/bench/fuzz_ingest.py xml -max_total_time=120 -timeout=5 -max_len=8192 seeds/

What it finds becomes a case of `tests/test_fuzz.py`.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

SUFFIX = {"terms_html": ".html", "filing_html": ".html", "json_lines": ".jsonl", "xml": ".xml"}


def main() -> None:
    try:
        import atheris
    except ImportError:
        sys.exit("atheris is not installed: pip install atheris")
    name = sys.argv.pop(1)
    with atheris.instrument_imports(include=["datakit.ingestors"]):
        from datakit.registry import make

        ingestor = make("ingestors", name)
    folder = Path(tempfile.mkdtemp(dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else None))
    path = folder / f"fuzz{SUFFIX.get(name, '.txt')}"

    def one(data: bytes) -> None:
        path.write_bytes(data)
        for record in ingestor(path, path.name):
            if hasattr(record, "reason"):
                assert record.reason
                continue
            assert record.text.strip()
            last = 0
            for block in record.blocks:
                assert last <= block.start < block.end <= len(record.text)
                last = block.end

    atheris.Setup(sys.argv, one)
    atheris.Fuzz()


if __name__ == "__main__":
    main()

"""Whether memory stays flat on large XML: `python tests/bench/bench_xml_memory.py [megabytes]`.

Writes a wiki dump, a file of an unknown vocabulary and one of web documents of that size into a
temporary folder, one after the other, reads each in a process of its own and prints the peak of
its memory, beside that of a file a tenth as large. Asserts nothing.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

SENTENCE = "The harbour office keeps a record of every boat that has left the pier. "
READ = """
import resource, sys, time
from pathlib import Path
from datakit.ingestors.xml import Xml
start, n = time.perf_counter(), 0
for record in Xml()(Path(sys.argv[1]), "a.xml"):
    n += type(record).__name__ == "Document"
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
print(n, time.perf_counter() - start, peak)
"""


def wiki(number: int) -> str:
    body = f"The '''boat {number}''' is [[boat|one]].\n== Use ==\n{SENTENCE * 40}\n* {SENTENCE}\n"
    return (
        f"<page><title>Boat {number}</title><ns>0</ns><id>{number}</id><revision><text>"
        f"{body}</text></revision></page>\n"
    )


def unknown(number: int) -> str:
    return (
        f"<minute nr='{number}'><heading>Boat {number}</heading><remark>{SENTENCE * 20}</remark>"
        f"<remark>{SENTENCE * 20}</remark></minute>\n"
    )


def web(number: int) -> str:
    return (
        f"<doc>\n<url>http://a.example/{number}</url>\n<docno>{number}</docno>\n"
        f"<contenttitle>Boat</contenttitle>\n<content>{SENTENCE * 40} & more</content>\n</doc>\n"
    )


KINDS = {
    "wiki": ("<mediawiki xml:lang='en'>", wiki, "</mediawiki>"),
    "unknown": ("<minutes>", unknown, "</minutes>"),
    "web": ("", web, ""),
}


def pieces(kind: str, n_bytes: int) -> Iterator[str]:
    start, make, end = KINDS[kind]
    yield start
    written = number = 0
    while written < n_bytes:
        number += 1
        piece = make(number)
        written += len(piece)
        yield piece
    yield end


def main(megabytes: int, kinds: list[str]) -> None:
    print(f"{'kind':10}{'MB':>7}{'documents':>11}{'MB/s':>8}{'peak MB':>9}")
    for kind in kinds or KINDS:
        for size in (max(1, megabytes // 10), megabytes):
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder) / "a.xml"
                with path.open("w") as file:
                    file.writelines(pieces(kind, size << 20))
                done = subprocess.run(
                    [sys.executable, "-c", READ, str(path)], stdout=subprocess.PIPE, check=True
                )
                n, seconds, peak = done.stdout.split()
            rate = size / float(seconds)
            print(f"{kind:10}{size:7}{int(n):11,}{rate:8.1f}{int(peak):9}", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 200, sys.argv[2:])

"""Top-level sections of real 10-Ks and 10-Qs: datakit beside sec-parser, and how long each takes.

    python tests/bench/bench_filings.py ../shared/data/fin/sec-parser-test-data

sec-parser is imported where it is installed (`pip install sec-parser`); the table says so if not.
"""

from __future__ import annotations

import importlib.util
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from filing_gold import Section, cases, f1, hits, numbered

Parser = Callable[[str, bool], list[Section]]


def with_datakit(source: str, by_part: bool) -> list[Section]:
    from datakit.ingestors.filing_html import read_filing

    document = read_filing(source, "filing.html")
    return numbered([(s.title, document.text[s.start : s.end]) for s in document.sections], by_part)


def with_sec_parser(source: str, by_part: bool) -> list[Section]:
    """sec-parser's own top-level titles; its parser for 10-K where it has one."""
    import sec_parser
    from sec_parser.semantic_elements.top_section_title import TopSectionTitle

    name = "Edgar10QParser" if by_part else "Edgar10KParser"
    parser = getattr(sec_parser, name, sec_parser.Edgar10QParser)()
    elements = parser.parse(source)
    found = []
    for i, element in enumerate(elements):
        if isinstance(element, TopSectionTitle):
            after = " ".join(e.text for e in elements[i : i + 8])
            found.append((element.text, after))
    return numbered(found, by_part)


def main(root: Path) -> None:
    warnings.simplefilter("ignore")
    parsers: dict[str, Parser] = {"datakit": with_datakit}
    if importlib.util.find_spec("sec_parser"):
        parsers["sec-parser"] = with_sec_parser
    else:
        print("sec-parser is missing (pip install sec-parser): datakit alone")
    totals = {name: [0, 0, 0, 0.0] for name in parsers}
    print(f"{'filing':<34}{'gold':>5}", *(f"{name:>22}" for name in parsers))
    for path, wanted in cases(root):
        source = path.read_text()
        cells = []
        for name, parser in parsers.items():
            start = time.perf_counter()
            found = parser(source, "10-Q" in path.parts)
            seconds = time.perf_counter() - start
            n = hits(found, wanted)
            totals[name] = [
                a + b
                for a, b in zip(totals[name], (n, len(found), len(wanted), seconds), strict=True)
            ]
            cells.append(f"{f1(n, len(found), len(wanted)):>12.3f} {seconds:>7.2f} s")
        label = "/".join(path.relative_to(root).parts[:3])
        print(f"{label:<34}{len(wanted):>5}", *cells)
    for name, (n, found, wanted, seconds) in totals.items():
        score = f1(int(n), int(found), int(wanted))
        print(f"{name}: F1 {score:.3f} ({n} of {wanted}, {found} found), {seconds:.2f} s")
    if len(totals) > 1:
        ratio = totals["sec-parser"][3] / totals["datakit"][3]
        print(f"sec-parser takes {ratio:.1f} times as long as datakit")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(Path(sys.argv[1]))

"""Measured quality on real filings; the floors hold for the corpora whose digests stand here."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from filing_gold import ITEM, cases, digest, f1, hits, numbered

from datakit.ingestors import _html
from datakit.ingestors._decode import read_text
from datakit.ingestors.filing_html import FilingHtml
from datakit.records import Document, Dropped

SEC_PARSER = "cc288917e09058e408bca79e5a62f1c836adcce02d1da0b3dea41fee055b631e"
EDGARTOOLS = "18198ce7598e56c969937f5ba10d8e014a9179f0169a8a9159e022cba9185e0a"
SECTION_F1 = 0.97  # measured: 1.000; sec-parser 0.58.1 on the same files: 0.561
SECONDS = 3.0  # for the largest filing, 4 MB; measured: 0.3


def corpus(root: Path, pattern: str, wanted: str) -> list[Path]:
    """The files of a set, or a skip that says that they are others than those measured."""
    paths = sorted(path for path in root.rglob(pattern) if path.is_file())
    found = digest(paths, root)
    if found != wanted:
        pytest.skip(f"{root.name} changed: digest {found}, the floors were measured on {wanted}")
    return paths


@pytest.fixture(scope="module")
def sec_parser(shared_data: Path) -> Path:
    root = shared_data / "fin" / "sec-parser-test-data"
    corpus(root, "*", SEC_PARSER)
    return root


@pytest.fixture(scope="module")
def edgartools(shared_data: Path) -> list[tuple[Path, Document]]:
    root = shared_data / "fin" / "sec-edgartools"
    paths = [path for path in corpus(root, "*", EDGARTOOLS) if path.suffix in (".html", ".htm")]
    return [(path, read(path)) for path in paths]


def read(path: Path) -> Document:
    (document,) = FilingHtml()(path, path.name)
    assert isinstance(document, Document)
    return document


def sections(document: Document) -> Iterator[tuple[str, str]]:
    return ((s.title, document.text[s.start : s.end]) for s in document.sections)


def test_top_level_sections_have_the_titles_and_starts_of_the_gold(sec_parser: Path) -> None:
    n_hits = n_found = n_wanted = 0
    for path, wanted in cases(sec_parser):
        found = numbered(sections(read(path)), by_part="10-Q" in path.parts)
        n_hits, n_found = n_hits + hits(found, wanted), n_found + len(found)
        n_wanted += len(wanted)

    assert n_wanted == 99
    assert f1(n_hits, n_found, n_wanted) >= SECTION_F1


def test_every_item_that_a_10k_writes_at_the_start_of_a_line_is_a_section(
    edgartools: list[tuple[Path, Document]],
) -> None:
    reports = [(path, d) for path, d in edgartools if d.doc_type == "10-K"]

    assert len(reports) == 8
    for path, document in reports:
        root, _ = _html.parse(path.read_text(encoding="utf-8", errors="replace"))
        assert root is not None
        lines = (_html.text_of(e) for e in root.iter("p", "div", "td") if len(e) <= 3)
        written = {m[1].upper() for line in lines if (m := ITEM.match(line)) and len(line) < 300}
        found = {m[1].upper() for s in document.sections if (m := ITEM.match(s.title))}
        assert len(found) >= 14, path.name
        assert written <= found, path.name


def test_no_hidden_fact_is_in_the_text(
    sec_parser: Path, edgartools: list[tuple[Path, Document]]
) -> None:
    filings = edgartools + [(p, read(p)) for p in sorted(sec_parser.rglob("*.html"))]
    n_hidden = 0
    for path, document in filings:
        for fact in hidden_facts(path):
            n_hidden += 1
            assert fact not in document.text, (path.name, fact)

    assert n_hidden > 100


def hidden_facts(path: Path) -> Iterator[str]:
    """Facts under `ix:hidden` that the page does not show as well."""
    decoded = read_text(path, path.name)
    assert not isinstance(decoded, Dropped)
    root, _ = _html.parse(decoded.text)
    assert root is not None
    facts = {
        _html.text_of(fact)
        for hidden in root.iter("ix:hidden")
        for fact in hidden
        if len(fact) == 0
    }
    for header in list(root.iter("ix:header")):
        header.getparent().remove(header)
    shown = _html.text_of(root)
    yield from (fact for fact in sorted(facts) if len(fact) > 3 and fact not in shown)


def test_page_numbers_and_running_heads_are_gone(edgartools: list[tuple[Path, Document]]) -> None:
    for path, document in edgartools:
        lines = [document.text[b.start : b.end] for b in document.blocks if b.kind == "paragraph"]
        numbers = [line for line in lines if re.fullmatch(r"[-–—\s]*\d{1,3}[-–—\s]*", line)]
        assert len(numbers) <= 2, (path.name, numbers)
        assert sum(line.casefold() == "table of contents" for line in lines) <= 1, path.name


def test_a_filing_of_four_megabytes_is_read_in_seconds(sec_parser: Path) -> None:
    largest = max(sec_parser.rglob("*.html"), key=lambda path: path.stat().st_size)
    start = time.perf_counter()

    read(largest)

    assert largest.stat().st_size > 4_000_000
    assert time.perf_counter() - start < SECONDS

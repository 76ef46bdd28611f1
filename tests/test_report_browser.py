"""The report in a real browser: hostile text stays text, wide and narrow, light, dark, print."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from browser import browser, watched

from datakit.auditing import outputs, running
from datakit.dataset import write_tables
from datakit.records import Document, Evidence, Passage, Qrel, Query, ScoredPassage
from datakit.report import write_report

HOSTILE = (
    "</script></style></title><script>alert(1)</script><img src=//example.org/x onerror=alert(2)>"
    '"\'><a href="javascript:alert(3)">x</a>\u202egnp.exe \u2066中文'
)
N = 40


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Everything that can be hostile is: ids, texts, titles, names of runs, the dataset itself."""
    documents = [Document(f"d{i}{HOSTILE}", HOSTILE * 2, HOSTILE, title=HOSTILE, issuer=HOSTILE,
                          category=HOSTILE, doc_type=HOSTILE) for i in range(N)]  # fmt: skip
    passages = [Passage(f"p{i}{HOSTILE}", f"d{i}{HOSTILE}", HOSTILE, 0, len(HOSTILE), 0, (HOSTILE,),
                        title=HOSTILE, language="zh") for i in range(N)]  # fmt: skip
    queries = [Query(f"q{i}{HOSTILE}", HOSTILE, "zh", "passage", "question", pattern=HOSTILE,
                     evidence=(Evidence(f"d{i}{HOSTILE}", 0, 40),), facets={HOSTILE: HOSTILE},
                     split="test" if i % 2 else "train") for i in range(N)]  # fmt: skip
    labels = [Qrel(f"q{i}{HOSTILE}", f"p{i}{HOSTILE}", 3, "direct", "passage", flags=(HOSTILE,))
              for i in range(N)]  # fmt: skip
    run = [ScoredPassage(f"q{i}{HOSTILE}", f"p{(i + k) % N}{HOSTILE}", -float(k))
           for i in range(N) for k in range(5)]  # fmt: skip
    tables = {"document": documents, "passage": passages, "query": queries, "qrel/mined": labels,
              "run/bm25": run}  # fmt: skip
    out = tmp_path_factory.mktemp("hostile") / "out"
    dataset = write_tables(out, tables, "x", dataset_id=HOSTILE, version=HOSTILE, seed=13)
    outputs.write(running.audit(dataset, "all", "cheap", {}, False), out)
    return write_report(dataset)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    with browser() as one:
        yield one


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_hostile_text_stays_text(chromium: Any, report: Path, width: int, scheme: str) -> None:
    page = chromium.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    seen = watched(page, report.as_uri())
    page.goto(report.as_uri())
    page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")

    assert seen == []
    assert page.locator("img, iframe, object, embed, form, base").count() == 0
    assert page.locator("script").count() == 1
    assert page.locator("a:not([href^='#'])").count() == 0
    assert "⟨U+202E⟩gnp.exe" in page.inner_text("main")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.close()


def test_the_printed_page_shows_findings_and_needs_no_script(chromium: Any, report: Path) -> None:
    page = chromium.new_page(java_script_enabled=False)
    page.goto(report.as_uri())

    assert page.pdf(format="A4").startswith(b"%PDF")
    assert page.locator("#first").is_visible()
    page.close()

"""Measured quality of the terms pages; a lower floor is a decision, not a mending of the test."""

from __future__ import annotations

from pathlib import Path

import pytest
import terms_pages
from terms_pages import Score

from datakit.ingestors.terms_html import TermsHtml
from datakit.records import Document

DIGEST = "92cbcdf581f1278a"  # of the pages that the floors were measured on
FLOORS = {  # language: token F1, lowest token recall of a page, F1 of lines, headings with level
    "en": (0.997, 0.975, 0.94, 0.975),
    "fr": (0.997, 0.990, 0.98, 0.995),
    "de": (0.997, 0.990, 0.98, 0.995),
    "zh": (0.997, 0.990, 0.94, 0.970),
}


@pytest.fixture(scope="module")
def scores(shared_data: Path) -> dict[str, list[Score]]:
    chinese = list((shared_data / "tos" / "ca4p-483").glob("*.html"))
    found = terms_pages.digest([*terms_pages.files(shared_data), *chinese])
    if found != DIGEST:
        pytest.skip(f"the pages changed ({found}, measured on {DIGEST}): measure and pin anew")
    by_language: dict[str, list[Score]] = {}
    for page in terms_pages.pages(shared_data):
        (document,) = TermsHtml()(page.path, page.uri)
        assert isinstance(document, Document), page.uri
        lines = terms_pages.document_lines(document, page.lines)
        by_language.setdefault(page.language, []).append(terms_pages.score(page.lines, lines))
    return by_language


@pytest.mark.parametrize("language", list(FLOORS))
def test_pages_keep_their_text_lines_and_headings(
    scores: dict[str, list[Score]], language: str
) -> None:
    of = scores[language]
    headings = sum(score.with_level for score in of) / sum(score.n_headings for score in of)
    measured = (
        sum(score.token_f1 for score in of) / len(of),
        min(score.token_recall for score in of),
        sum(score.line_f1 for score in of) / len(of),
        headings,
    )

    assert all(a >= b for a, b in zip(measured, FLOORS[language], strict=True)), measured
    assert len(of) >= {"en": 100, "fr": 10, "de": 3, "zh": 80}[language]

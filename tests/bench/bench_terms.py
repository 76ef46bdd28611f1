"""Terms pages read by us and by peers: quality in one table, speed in another, on the same pages.

    python tests/bench/bench_terms.py ../shared/data [--speed-only]

Peers are imported where they are used: trafilatura, readability-lxml. Quality is against the
elements that a person picked (tests/terms_pages.py). Chinese policies are left out of the peers'
table: they are one <pre> each, which says nothing about finding a body.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import terms_pages
from lxml import etree
from terms_pages import Line, Page, Score, read

from datakit.ingestors.terms_html import TermsHtml, read_page
from datakit.records import Document

Reader = Callable[[str, Page], list[Line]]


def ours(_: str, page: Page) -> list[Line]:
    (document,) = TermsHtml()(page.path, page.uri)
    return (
        terms_pages.document_lines(document, page.lines) if isinstance(document, Document) else []
    )


def plain_rules(html: str, _: Page) -> list[Line]:
    """The `<main>`, else the `<article>`, else the body, without menus, heads and feet."""
    root = terms_pages.parsed(html)
    frame = ("nav", "header", "footer", "aside", "form")
    etree.strip_elements(root, *frame, with_tail=False)
    places = [*root.iter("main"), *root.iter("article"), *root.iter("body"), root]
    return read(places[0])


def trafilatura(favor_recall: bool) -> Reader:
    import trafilatura as peer

    def extract(html: str, _: Page) -> list[Line]:
        xml = peer.extract(
            html, output_format="xml", include_comments=False, favor_recall=favor_recall
        )
        return list(_trafilatura_lines(xml)) if xml else []

    return extract


def _trafilatura_lines(xml: str) -> Iterator[Line]:
    main = etree.fromstring(xml.encode()).find("main")
    for element in [] if main is None else main.iter("head", "p", "item", "row", "quote", "code"):
        if any(parent.tag in ("row", "item", "p") for parent in element.iterancestors()):
            continue
        level = int(element.get("rend", "h2")[1]) if element.tag == "head" else 0
        text = " ".join("".join(element.itertext("lb") or "").split())
        text = text or " ".join("".join(element.itertext()).split())
        yield Line(text, level)


def readability(html: str, _: Page) -> list[Line]:
    import readability as peer

    return read(terms_pages.parsed(peer.Document(html).summary()))


def peers() -> Iterator[tuple[str, Reader]]:
    """What is installed, by name; says what is not."""
    yield "datakit terms_html", ours
    yield "plain rules (lxml)", plain_rules
    try:
        yield "trafilatura", trafilatura(False)
        yield "trafilatura favor_recall", trafilatura(True)
    except ImportError:
        print("trafilatura is not installed: pip install trafilatura")
    try:
        import readability  # noqa: F401

        yield "readability-lxml", globals()["readability"]
    except ImportError:
        print("readability-lxml is not installed: pip install readability-lxml lxml-html-clean")


def mean(values: list[float]) -> float:
    return sum(values) / max(1, len(values))


def row(name: str, scores: list[Score]) -> str:
    n = max(1, sum(s.n_headings for s in scores))
    figures = (
        mean([s.token_precision for s in scores]), mean([s.token_recall for s in scores]),
        mean([s.token_f1 for s in scores]), min(s.token_recall for s in scores),
        mean([s.line_precision for s in scores]), mean([s.line_recall for s in scores]),
        mean([s.line_f1 for s in scores]),
        sum(s.headings for s in scores) / n, sum(s.with_level for s in scores) / n,
    )  # fmt: skip
    return f"{name:32}" + "".join(f"{figure:8.3f}" for figure in figures)


def quality(pages: list[tuple[str, Page]]) -> None:
    names = ("tok P", "tok R", "tok F1", "min R", "line P", "line R", "line F1", "head R", "+level")
    print(f"{len(pages)} pages" + " " * 24 + "".join(f"{name:>8}" for name in names))
    for name, reader in peers():
        scores = [(page, terms_pages.score(page.lines, reader(html, page))) for html, page in pages]
        print(row(name, [score for _, score in scores]))
        for language in sorted({page.language for _, page in pages}):
            of = [score for page, score in scores if page.language == language]
            print(row(f"  {language} ({len(of)})", of))


def speed(pages: list[tuple[str, Page]]) -> None:
    """Pages and MB a second of one core; the reader's own time, disk and scoring left out."""
    sample = pages[::4]
    size = sum(len(html.encode()) for html, _ in sample) / 1e6
    rates = {"datakit, all blocks": _rate(lambda html: read_page(html, "a.html"), sample, 3)}
    try:
        import trafilatura as peer

        rates["trafilatura"] = _rate(peer.extract, sample, 1)
    except ImportError:
        print("trafilatura is not installed: pip install trafilatura")
    parser = lambda html: etree.fromstring(  # noqa: E731
        html.encode(), etree.HTMLParser(encoding="utf-8", huge_tree=True)
    )
    rates["lxml, parsing alone"] = _rate(parser, sample, 3)
    base = rates.get("trafilatura")
    for name, rate in rates.items():
        ratio = f"{rate / base:6.1f} x trafilatura" if base else ""
        mb = size / len(sample) * rate
        print(f"{name:32}{rate:8.0f} pages/s{mb:8.1f} MB/s{ratio:>24}")


def _rate(reader: Callable[[str], object], pages: list[tuple[str, Page]], rounds: int) -> float:
    best = 0.0
    for _ in range(rounds):
        start = time.process_time()
        for html, _page in pages:
            reader(html)
        best = max(best, len(pages) / (time.process_time() - start))
    return best


def main() -> None:
    data = Path(sys.argv[1])
    every = (page for page in terms_pages.pages(data) if page.language != "zh")
    pages = [(page.path.read_text("utf-8", "replace"), page) for page in every]
    if "--speed-only" not in sys.argv:
        quality(pages)
    speed(pages)


if __name__ == "__main__":
    main()

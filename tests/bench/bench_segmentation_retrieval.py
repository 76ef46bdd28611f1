"""What a segmenter does to retrieval: passages of equal mean length, queries made of headings.

    python tests/bench/bench_segmentation_retrieval.py ../shared/data [--model FOLDER]

Terms pages and US filings, each an index of its own. A query is the heading of a section with its
issuer; its evidence is the first 200 tokens of the section (see `heading_queries`). What a system
sees when it cuts differs:

- even, cosine and "topic_change, stripped" cut the text without headings;
- "topic_change, plain" cuts the text in which headings are paragraphs like any other;
- headings and "topic_change, marked" cut the document as it was ingested.

What is searched does not: every passage of every system is without its heading lines, and issuer
and title stand before it, so that the issuer of a query finds its document. `target_tokens` is set
for each system so that all have the mean length that `headings` has with its defaults. Terms pages
whose paragraphs are in the training or development documents of the model are left out.

cut: evidence that no passage has whole; recall@5: queries with a relevant passage among the first
five, which has half of the evidence in it, or half of itself evidence (none: 0); covered@5:
characters of the evidence in these; tokens@5: their length, what a reader pays. Sections are what
headings bound, so this favours what cuts there: a gain says that answers which are whole sections
are found whole, not that other answers are. Intervals are over documents, differences of the same
queries. Prints tables, asserts nothing.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

import terms_pages
from heading_queries import Asked, Views, asked, views

from datakit.ingestors.filing_html import FilingHtml
from datakit.ingestors.terms_html import TermsHtml
from datakit.measures import ranked
from datakit.models import vectors_kept_in
from datakit.records import Document, Dropped, Passage, passage_id, sha256
from datakit.retrievers import Index
from datakit.retrievers.bm25 import Bm25
from datakit.retrievers.dense import Dense
from datakit.segmentation.corpus import read
from datakit.segmenters.cosine import CosinePassages
from datakit.segmenters.even import EvenPassages
from datakit.segmenters.headings import Headings
from datakit.segmenters.topic_change import TopicChange
from datakit.text import count_tokens

LEAST_PAGE, MOST_PAGE, MOST_FILING = 1_000, 10_000, 40_000  # tokens; few long ones decide nothing
LEAST_TOKENS, MOST_TOKENS = 64, 512  # of a passage, the defaults of every segmenter
SEEN_SHARE, LONG = 0.05, 60  # of paragraphs of so many characters, from which a page is known
COPIED_SHARE = 0.5  # of such paragraphs, from which a page is a copy of another
TOP = 5
N_BOOT = 2000
FEW = 20  # documents, below which resampling them says little
NEAR = 0.02  # of the mean length, within which the search for a target stops
EQUAL = 0.05  # within which lengths are called equal
OF_A_RUN = ("recall@5", "covered@5", "tokens@5")
COLUMNS = ("cut", *(f"{name} {of}" for name in ("bm25", "dense") for of in OF_A_RUN))

Segmenter = Callable[[Iterable[Document]], Iterator[Passage | Dropped]]

# --- documents -----------------------------------------------------------------------------------


def pages(data: Path, seen: Path, n: int) -> list[Document]:
    """English terms pages that the model was not trained on, each text once."""
    read_page = TermsHtml()
    paths = terms_pages.files(data)
    found = [d for path in paths for d in read_page(path, path.relative_to(data).as_posix())]
    known = {
        folded(line.text)
        for document in read([seen])
        for line in document.lines
        if document.split != "test" and len(line.text) >= LONG
    }
    kept: list[Document] = []
    for document in sampled(found):
        own = paragraphs(document)
        if not own or not LEAST_PAGE <= count_tokens(document.text) <= MOST_PAGE:
            continue
        others = (share(own, paragraphs(other)) for other in kept)
        if share(own, known) < SEEN_SHARE and max(others, default=0.0) < COPIED_SHARE:
            kept.append(document)
    return kept[:n]


def filings(data: Path, n: int) -> list[Document]:
    """10-Ks and 10-Qs, one of each issuer."""
    read_filing = FilingHtml()
    paths = sorted((data / "fin").glob("sec-*/**/*.html"))
    found = [d for path in paths for d in read_filing(path, path.relative_to(data).as_posix())]
    by_issuer: dict[str | None, Document] = {}
    for document in sampled(found):
        if document.doc_type in ("10-K", "10-Q") and count_tokens(document.text) <= MOST_FILING:
            by_issuer.setdefault(document.issuer, document)
    return list(by_issuer.values())[:n]


def sampled(found: Iterable[Document | Dropped]) -> list[Document]:
    """The English documents in an order that says nothing."""
    documents = [d for d in found if isinstance(d, Document) and d.language == "en"]
    return sorted(documents, key=lambda document: sha256(document.source_uri))


def paragraphs(document: Document) -> set[str]:
    texts = (document.text[block.start : block.end] for block in document.blocks)
    return {folded(text) for text in texts if len(text) >= LONG}


def share(own: set[str], others: set[str]) -> float:
    return len(own & others) / len(own)


def folded(text: str) -> str:
    return " ".join(text.split()).casefold()


# --- systems -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class System:
    """A segmenter by its target, and whether it sees headings."""

    sees_headings: bool
    at: Callable[[int], Segmenter]

    def passages(self, corpus: Sequence[Views], target: int) -> list[Passage]:
        """Passages as spans of the texts without headings."""
        made: list[Passage] = []
        for view in corpus:
            document = view.full if self.sees_headings else view.bare
            spans = [
                view.span(p.start, p.end) if self.sees_headings else (p.start, p.end)
                for p in self.at(target)([document])
                if isinstance(p, Passage)
            ]
            made += [passage(view.bare, *span) for span in spans if span]
        return made

    def fitted(self, corpus: Sequence[Views], mean: float) -> tuple[int, list[Passage]]:
        """The target at which the mean length comes nearest, and the passages there."""
        low, high = LEAST_TOKENS, MOST_TOKENS
        best: tuple[float, int, list[Passage]] = (np.inf, low, [])
        while low <= high:
            target = (low + high) // 2
            found = self.passages(corpus, target)
            off = mean_tokens(found) / mean - 1
            best = min(best, (abs(off), target, found), key=lambda entry: entry[0])
            if abs(off) <= NEAR:
                break
            low, high = (target + 1, high) if off < 0 else (low, target - 1)
        return best[1], best[2]


def passage(bare: Document, start: int, end: int) -> Passage:
    text = bare.text[start:end]
    title = " ".join(part for part in (bare.issuer, bare.title) if part)
    return Passage(
        passage_id(bare.doc_id, start, end), bare.doc_id, text, start, end, 0,
        title=title, language=bare.language, n_tokens=count_tokens(text, bare.language),
    )  # fmt: skip


def mean_tokens(passages: Sequence[Passage]) -> float:
    return float(np.mean([p.n_tokens for p in passages]))


def systems(model: str) -> dict[str, System]:
    def topic_change(trusts: bool) -> Callable[[int], Segmenter]:
        return lambda t: TopicChange(target_tokens=t, model=model, trust_headings=trusts)

    return {
        "even": System(False, lambda t: EvenPassages(target_tokens=t)),
        "cosine": System(False, lambda t: CosinePassages(target_tokens=t)),
        "topic_change, stripped": System(False, topic_change(True)),
        "topic_change, plain": System(True, topic_change(False)),
        "headings": System(True, lambda t: Headings(target_tokens=t)),
        "topic_change, marked": System(True, topic_change(True)),
    }


# --- measures ------------------------------------------------------------------------------------


def overlaps(one: Asked, doc_id: str, passages: Sequence[Passage]) -> dict[str, int]:
    """Characters of the evidence in each passage that has any."""
    found = {
        p.passage_id: min(p.end, one.end) - max(p.start, one.leaf.start)
        for p in passages
        if p.doc_id == doc_id
    }
    return {name: shared for name, shared in found.items() if shared > 0}


def measured(
    corpus: Sequence[Views], questions: Sequence[Asked], passages: list[Passage], dense: Dense
) -> np.ndarray:
    """(n_queries, n_columns)."""
    by_id = {p.passage_id: p for p in passages}
    shared = [overlaps(one, corpus[one.document].bare.doc_id, passages) for one in questions]
    whole = [max(s.values(), default=0) == one.length
             for s, one in zip(shared, questions, strict=True)]  # fmt: skip
    runs = [
        of_run(questions, shared, index, by_id)
        for index in (Bm25().fit(passages), dense.fit(passages))
    ]
    return np.column_stack([1.0 - np.array(whole), *runs])


def of_run(
    questions: Sequence[Asked], shared: Sequence[dict[str, int]], index: Index,
    by_id: Mapping[str, Passage],
) -> np.ndarray:  # fmt: skip
    """(n_queries, 3): `OF_A_RUN`."""
    run = ranked(index.search([one.query for one in questions], TOP))
    rows = []
    for one, found in zip(questions, shared, strict=True):
        top = [by_id[name] for name in run.get(one.query.query_id, {})]
        parts = [found.get(p.passage_id, 0) for p in top]
        relevant = [
            2 * n >= min(one.length, p.end - p.start) for n, p in zip(parts, top, strict=True)
        ]
        rows.append((any(relevant), sum(parts) / one.length, sum(p.n_tokens for p in top)))
    return np.array(rows, np.float64)


def interval(values: np.ndarray, document: np.ndarray) -> np.ndarray:
    """(3, n_columns): the mean and its 95 % interval over resampled documents.

    Args:
        values: (n_queries, n_columns).
        document: (n_queries,) the document of each query.
    """
    _, at, counts = np.unique(document, return_inverse=True, return_counts=True)
    sums = np.zeros((len(counts), values.shape[1]))
    np.add.at(sums, at, values)
    drawn = np.random.default_rng(0).integers(len(counts), size=(N_BOOT, len(counts)))
    means = sums[drawn].sum(axis=1) / counts[drawn].sum(axis=1)[:, None]
    return np.stack([values.mean(axis=0), *np.percentile(means, [2.5, 97.5], axis=0)])


# --- printing ------------------------------------------------------------------------------------

COMPARED = (
    ("topic_change, stripped", "cosine"),
    ("topic_change, marked", "headings"),
    ("topic_change, plain", "headings"),
)  # beside every system against even


def compare(title: str, documents: Sequence[Document], model: str, dense: Dense) -> None:
    """Cut, index, ask and print, for one collection."""
    started = time.process_time()
    corpus = [views(document) for document in documents]
    questions = asked(corpus)
    document = np.array([one.document for one in questions])
    rough = " Intervals over so few documents are rough." if len(corpus) < FEW else ""
    n_tokens = sum(count_tokens(view.bare.text) for view in corpus)
    print(f"## {title}\n\n{len(corpus)} documents of {n_tokens:,} tokens; {len(questions)} queries "
          f"about {len(np.unique(document))} of them.{rough}\n", flush=True)  # fmt: skip
    every = systems(model)
    aim = mean_tokens(every["headings"].passages(corpus, Headings().target_tokens))
    values: dict[str, np.ndarray] = {}
    sizes: dict[str, tuple[str, ...]] = {}
    for name, system in every.items():
        target, passages = system.fitted(corpus, aim)
        values[name] = measured(corpus, questions, passages, dense)
        sizes[name] = (str(target), f"{len(passages):,}", length(passages, aim))
    table(
        ("system", "target", "passages", "mean tokens", *COLUMNS),
        [(name, *sizes[name], *cells(interval(x, document))) for name, x in values.items()],
    )
    pairs = [(name, "even") for name in values if name != "even"] + list(COMPARED)
    table(
        ("the same queries", *COLUMNS),
        [
            (f"{a} less {b}", *cells(interval(values[a] - values[b], document), "+"))
            for a, b in pairs
        ],
    )
    print(f"{time.process_time() - started:,.0f} CPU s\n", flush=True)


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    print("| " + " | ".join(header) + " |")
    print("|" + " --- |" + " ---: |" * (len(header) - 1))
    for row in rows:
        print("| " + " | ".join(row) + " |")
    print()


def cells(figures: np.ndarray, sign: str = "") -> list[str]:
    """Per cent with the interval; tokens as they are."""
    shown = []
    for name, numbers in zip(COLUMNS, figures.T, strict=True):
        if name.endswith("tokens@5"):
            shown.append(f"{numbers[0]:{sign},.0f}")
        else:
            shown.append("{:{s}.1f} ({:{s}.1f} to {:{s}.1f})".format(*(100 * numbers), s=sign))
    return shown


def length(passages: Sequence[Passage], aim: float) -> str:
    mean = mean_tokens(passages)
    return f"{mean:.1f}" + ("" if abs(mean / aim - 1) <= EQUAL else " (not equal)")


def main() -> None:
    parser = argparse.ArgumentParser(description="Retrieval with passages of several segmenters.")
    parser.add_argument(
        "data", type=Path, help="folder with tos/, fin/ and segmentation/ota_terms/"
    )
    parser.add_argument("--model", default="shipped", help="of topic_change: a name or a folder")
    parser.add_argument("--pages", type=int, default=40)
    parser.add_argument("--filings", type=int, default=6)
    parser.add_argument("--dtype", default="auto", help="of the dense model's vectors")
    args = parser.parse_args()
    dense = Dense(dtype=args.dtype)
    print(f"Model {args.model}, dense {args.dtype}. Per cent (95 % interval over documents, not "
          "corrected for the number of comparisons); cut: lower is better.\n")  # fmt: skip
    seen = args.data / "segmentation" / "ota_terms"
    with tempfile.TemporaryDirectory() as scratch, vectors_kept_in(Path(scratch)):
        compare("Terms pages", pages(args.data, seen, args.pages), args.model, dense)
        compare("Filings", filings(args.data, args.filings), args.model, dense)


if __name__ == "__main__":
    main()

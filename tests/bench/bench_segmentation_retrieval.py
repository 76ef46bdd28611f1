"""What a segmenter does to retrieval: passages of equal mean length, queries made of headings.

    python tests/bench/bench_segmentation_retrieval.py ../shared/data [--model FOLDER]

Terms pages and US filings, each an index of its own. A query is the heading of a leaf section
(what stands between two headings) with its issuer, "Issuer: heading"; its evidence is the first
200 tokens of that section. Headings are not in the index, or finding them would be looking words
up: every passage of every system is read without its heading lines, and so without entries of a
table of contents, which repeat them. What a system sees when it cuts is another matter:

- even, fixed_window, cosine and "topic_change, stripped" cut the text without headings;
- "topic_change, plain" cuts the text in which headings are paragraphs like any other;
- headings and "topic_change, marked" cut the document as it was ingested.

Spans are then compared in the text without headings. Issuer and title stand before every passage,
the same for all systems, so that the issuer of a query finds its document. `target_tokens` is set
for each system so that all have the mean length that `headings` has with its defaults. Terms pages
whose paragraphs are in the training or development documents of the model are left out.

A passage is relevant with half of the evidence in it, or with half of itself evidence; a query
that a segmentation leaves without any counts as 0. cut: sections asked for that no passage has
whole; recall@5: queries with a relevant passage among the first five; covered@5: characters of the
evidence in these; tokens@5: their length, what a reader pays. The dense model reads the first 256
word pieces of a passage. Sections are what headings bound, so this favours what cuts there: a gain
says that answers which are whole sections are found whole, not that other answers are. Intervals
are over documents. Prints tables, asserts nothing.
"""

from __future__ import annotations

import argparse
import itertools
import re
import sys
import time
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import ir_measures
import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

import terms_pages

from datakit.ingestors.filing_html import FilingHtml
from datakit.ingestors.terms_html import TermsHtml
from datakit.measures import ranked
from datakit.records import Block, Document, Dropped, Passage, Query, passage_id, sha256
from datakit.retrievers import Index
from datakit.retrievers._search import DenseIndex
from datakit.retrievers.bm25 import Bm25
from datakit.retrievers.dense import Dense
from datakit.segmentation.corpus import Line, read
from datakit.segmentation.model import GapModel, Scored
from datakit.segmenters._pack import blocks_of
from datakit.segmenters.cosine import CosinePassages
from datakit.segmenters.even import EvenPassages
from datakit.segmenters.fixed_window import FixedWindow
from datakit.segmenters.headings import Headings
from datakit.segmenters.topic_change import TopicChange
from datakit.text import count_tokens, token_spans

LEAST_PAGE, MOST_PAGE, MOST_FILING = 1_000, 10_000, 40_000  # tokens; few long ones decide nothing
LEAST_EVIDENCE, MOST_EVIDENCE = 20, 200  # tokens of a section that is asked for, and that count
MOST_PASSAGE = 512  # tokens, the default of every segmenter
SEEN_SHARE, LONG = 0.05, 60  # of paragraphs of so many characters, from which a page is known
COPIED_SHARE = 0.5  # of such paragraphs, from which a page is a copy of another
DEPTH, TOP = 10, 5
N_BOOT = 2000
FEW = 20  # documents, below which resampling them says little
NEAR = 0.02  # of the mean length, within which the search for a target stops
EQUAL = 0.05  # within which lengths are called equal

Segmenter = Callable[[Iterable[Document]], Iterator[Passage | Dropped]]

# --- documents -----------------------------------------------------------------------------------


def pages(data: Path, seen: Path | None, n: int) -> list[Document]:
    """English terms pages that the model was not trained on, each text once."""
    read_page = TermsHtml()
    paths = terms_pages.files(data)
    found = [d for path in paths for d in read_page(path, path.relative_to(data).as_posix())]
    known = set() if seen is None else seen_paragraphs(seen)
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


def seen_paragraphs(corpus: Path) -> set[str]:
    documents = (document for document in read([corpus]) if document.split != "test")
    return {folded(line.text) for d in documents for line in d.lines if len(line.text) >= LONG}


def paragraphs(document: Document) -> set[str]:
    texts = (document.text[block.start : block.end] for block in document.blocks)
    return {folded(text) for text in texts if len(text) >= LONG}


def share(own: set[str], others: set[str]) -> float:
    return len(own & others) / len(own)


def folded(text: str) -> str:
    return " ".join(text.split()).casefold()


# --- the text without headings -------------------------------------------------------------------


@dataclass(frozen=True)
class Leaf:
    """What stands between two headings: a span of the text without headings."""

    path: tuple[str, ...]  # headings from the top down
    start: int
    end: int


@dataclass(frozen=True)
class Views:
    """A document as ingested and without its headings."""

    full: Document
    bare: Document
    kept: tuple[Block, ...]  # of `full`: the blocks that `bare` has, in the same order

    @cached_property
    def _ends(self) -> list[int]:
        return [block.end for block in self.kept]

    @cached_property
    def _starts(self) -> list[int]:
        return [block.start for block in self.kept]

    def span(self, start: int, end: int) -> tuple[int, int] | None:
        """A span of `full` as one of `bare`; None where it has headings alone."""
        first, last = bisect_right(self._ends, start), bisect_left(self._starts, end) - 1
        if first > last:
            return None
        a, b = self.bare.blocks[first], self.bare.blocks[last]
        into = max(0, start - self._starts[first])
        return a.start + into, b.end - max(0, self._ends[last] - end)

    @cached_property
    def leaves(self) -> tuple[Leaf, ...]:
        found: list[Leaf] = []
        above: list[tuple[int, str]] = []
        for is_heading, run in itertools.groupby(self.full.blocks, lambda b: b.kind == "heading"):
            blocks = list(run)
            if is_heading:
                for block in blocks:
                    level = block.level or 1
                    above = [entry for entry in above if entry[0] < level]
                    above.append((level, self.full.text[block.start : block.end]))
            elif above and (span := self.span(blocks[0].start, blocks[-1].end)):
                found.append(Leaf(tuple(title for _, title in above), *span))
        return tuple(found)


def views(document: Document) -> Views:
    blocks = tuple(blocks_of(document))
    titles = {
        words(document.text[block.start : block.end]) for block in blocks if block.kind == "heading"
    } - {""}
    said = tuple(b for b in blocks if b.kind == "heading" or not repeats(document, b, titles))
    full = with_blocks(document, said)
    kept = tuple(block for block in full.blocks if block.kind != "heading")
    return Views(full, with_blocks(full, kept), kept)


def with_blocks(document: Document, blocks: Iterable[Block]) -> Document:
    """The document made of some of its blocks."""
    made, texts, at = [], [], 0
    for block in blocks:
        text = document.text[block.start : block.end]
        made.append(replace(block, start=at, end=at + len(text), cells=()))
        texts.append(text)
        at += len(text) + 2
    return replace(document, text="\n\n".join(texts), blocks=tuple(made), sections=())


def repeats(document: Document, block: Block, titles: set[str]) -> bool:
    """Is the block an entry of a table of contents, or a heading again?"""
    is_line = block.kind in ("paragraph", "list_item")
    return is_line and words(document.text[block.start : block.end]) in titles


_NUMBER = re.compile(
    r"^\W*(?:(?:item|part|article|section|note|chapter)\s+)?"
    r"(?:\d{1,3}(?:\.\d+)*[a-z]?(?:[.):]+|\s)|(?:[ivxlc]+|[a-z])(?:[.):]+\s|\)))\W*",
    re.I,
)
_PAGE = re.compile(r"[\W\d]+$")


def unnumbered(title: str) -> str:
    """A heading without its number, on one line."""
    one_line = " ".join(title.split())
    return _NUMBER.sub("", one_line) or one_line


def words(title: str) -> str:
    """What two writings of one heading share: no number, no page, no punctuation."""
    return " ".join(re.findall(r"\w+", _PAGE.sub("", unnumbered(title)).casefold()))


# --- queries -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Asked:
    """A query with its section and the evidence in it."""

    query: Query
    document: int
    leaf: Leaf
    end: int  # of the evidence, which starts with the section

    @property
    def length(self) -> int:
        return self.end - self.leaf.start


def asked(corpus: Sequence[Views]) -> list[Asked]:
    """A query for each section whose heading, with what is over it, is in the corpus once."""
    entries = [
        (i, leaf, forms(view.full, leaf.path))
        for i, view in enumerate(corpus)
        for leaf in view.leaves
    ]
    written = Counter(words(form) for _, _, found in entries for form in set(found))
    made: list[Asked] = []
    for i, leaf, found in entries:
        text = next((form for form in found if written[words(form)] == 1), None)
        view = corpus[i]
        tokens = token_spans(view.bare.text[leaf.start : leaf.end])
        is_title = words(leaf.path[-1]) == words(view.full.title or "")
        if text and not is_title and len(tokens) >= LEAST_EVIDENCE:
            end = leaf.start + tokens[min(len(tokens), MOST_EVIDENCE) - 1][1]
            query = Query(f"q{len(made)}", text, view.full.language, "passage", "keyword")
            made.append(Asked(query, i, leaf, end))
    return made


def forms(document: Document, path: Sequence[str]) -> list[str]:
    """How a section can be asked for, the shortest first."""
    *above, last = (unnumbered(title) for title in path)
    titles = [last] if is_telling(last) else []
    if above and above[-1] != document.title:
        titles.append(f"{above[-1]}, {last}")
    issuer, title = document.issuer or "", document.title or ""
    return [f"{who}: {what}" for who in (issuer, f"{issuer} {title}") for what in titles]


def is_telling(title: str) -> bool:
    """Two words of four letters; "General" and "Use of it" mean nothing without what is above."""
    return len(re.findall(r"[^\W\d_]{4,}", title)) >= 2


# --- systems -------------------------------------------------------------------------------------


@dataclass
class Remembered:
    """A gap model that scores equal documents once."""

    model: GapModel
    known: dict[tuple[Line, ...], Scored] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return self.model.name

    def scored(self, documents: Sequence[Sequence[Line]]) -> list[Scored]:
        keys = [tuple(lines) for lines in documents]
        new = [key for key in dict.fromkeys(keys) if key not in self.known]
        if new:
            self.known.update(zip(new, self.model.scored(new), strict=True))
        return [self.known[key] for key in keys]

    def identity(self) -> dict[str, Any]:
        return self.model.identity()


@dataclass(frozen=True)
class RememberedCosine(CosinePassages):
    """Cosine at any target for the price of one."""

    scores: Remembered = field(default_factory=lambda: Remembered(CosinePassages().gap_model()))

    def gap_model(self) -> GapModel:
        return self.scores


@dataclass(frozen=True)
class System:
    """A segmenter by its target, and whether it sees headings."""

    name: str
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
        low, high = 64, MOST_PASSAGE  # the least and the most tokens of a passage
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


HEADINGS = System("headings", True, lambda target: Headings(target_tokens=target))


def systems(model: str) -> list[System]:
    scores = RememberedCosine().scores
    return [
        System("even", False, lambda t: EvenPassages(target_tokens=t)),
        System("fixed_window", False, lambda t: FixedWindow(target_tokens=t)),
        System("cosine", False, lambda t: RememberedCosine(target_tokens=t, scores=scores)),
        System(
            "topic_change, stripped", False, lambda t: TopicChange(target_tokens=t, model=model)
        ),
        System(
            "topic_change, plain",
            True,
            lambda t: TopicChange(target_tokens=t, model=model, trust_headings=False),
        ),
        HEADINGS,
        System("topic_change, marked", True, lambda t: TopicChange(target_tokens=t, model=model)),
    ]


# --- measures ------------------------------------------------------------------------------------

OF_A_RUN = ("recall@5", "covered@5", "nDCG@10", "tokens@5")
COLUMNS = ("cut", *(f"{name} {of}" for name in ("bm25", "dense") for of in OF_A_RUN))


def overlaps(one: Asked, doc_id: str, passages: Sequence[Passage]) -> dict[str, int]:
    """Characters of the evidence in each passage that has any."""
    found = {
        p.passage_id: min(p.end, one.end) - max(p.start, one.leaf.start)
        for p in passages
        if p.doc_id == doc_id
    }
    return {name: shared for name, shared in found.items() if shared > 0}


def relevant(one: Asked, shared: dict[str, int], by_id: dict[str, Passage]) -> dict[str, int]:
    """Passages with half of the evidence, or half of which is evidence."""
    return {
        name: 1
        for name, n in shared.items()
        if 2 * n >= min(one.length, by_id[name].end - by_id[name].start)
    }


def is_cut(one: Asked, bare: Document, passages: Sequence[Passage]) -> float:
    """1 where no passage has the whole section; NaN where none could."""
    start, end = one.leaf.start, one.leaf.end
    if count_tokens(bare.text[start:end]) > MOST_PASSAGE:
        return np.nan
    whole = (p.doc_id == bare.doc_id and p.start <= start and end <= p.end for p in passages)
    return float(not any(whole))


def measured(
    corpus: Sequence[Views], questions: Sequence[Asked], passages: list[Passage], dense: Index
) -> np.ndarray:
    """(n_queries, n_columns)."""
    by_id = {p.passage_id: p for p in passages}
    shared = [overlaps(one, corpus[one.document].bare.doc_id, passages) for one in questions]
    qrels = {
        one.query.query_id: relevant(one, found, by_id)
        for one, found in zip(questions, shared, strict=True)
    }
    columns = [[is_cut(one, corpus[one.document].bare, passages) for one in questions]]
    for index in (Bm25().fit(passages), dense):
        run = ranked(index.search([one.query for one in questions], DEPTH))
        columns += of_run(questions, shared, qrels, run, by_id)
    return np.array(columns).T


def of_run(
    questions: Sequence[Asked],
    shared: Sequence[dict[str, int]],
    qrels: dict[str, dict[str, int]],
    run: dict[str, dict[str, float]],
    by_id: dict[str, Passage],
) -> list[list[float]]:
    """A column for each of `OF_A_RUN`."""
    scored = ir_measures.iter_calc([ir_measures.nDCG @ DEPTH], qrels, run)
    gains = {metric.query_id: metric.value for metric in scored}
    rows = []
    for one, found in zip(questions, shared, strict=True):
        name = one.query.query_id
        top = list(run.get(name, {}))[:TOP]  # best first
        rows.append(
            (
                float(any(p in qrels[name] for p in top)),
                sum(found.get(p, 0) for p in top) / one.length,
                gains.get(name, 0.0),
                float(sum(by_id[p].n_tokens for p in top)),
            )
        )
    return [list(column) for column in zip(*rows, strict=True)]


def dense_indexes(by_system: dict[str, list[Passage]]) -> dict[str, DenseIndex]:
    """An index for each system; what several systems cut alike is encoded once."""
    every = {p.passage_id: p for passages in by_system.values() for p in passages}
    whole = Dense().fit(list(every.values()))
    row = {p.passage_id: i for i, p in enumerate(whole.passages)}
    indexes = {}
    for name, passages in by_system.items():
        rows = sorted(row[p.passage_id] for p in passages)
        own = [whole.passages[i] for i in rows]
        indexes[name] = DenseIndex(own, whole.vectors[rows], whole.query_vectors, ())
    return indexes


def interval(values: np.ndarray, document: np.ndarray) -> np.ndarray:
    """(3, n_columns): the mean and its 95 % interval over resampled documents; NaN is left out.

    Args:
        values: (n_queries, n_columns).
        document: (n_queries,) the document of each query.
    """
    is_known = ~np.isnan(values)
    n_documents = int(document.max()) + 1
    sums, counts = np.zeros((2, n_documents, values.shape[1]))
    np.add.at(sums, document, np.where(is_known, values, 0.0))
    np.add.at(counts, document, is_known)
    asked_of = np.unique(document)
    drawn = np.random.default_rng(0).choice(asked_of, (N_BOOT, len(asked_of)))
    means = sums[drawn].sum(axis=1) / np.maximum(counts[drawn].sum(axis=1), 1)
    low, high = np.percentile(means, [2.5, 97.5], axis=0)
    return np.stack([sums.sum(axis=0) / counts.sum(axis=0), low, high])


# --- printing ------------------------------------------------------------------------------------


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    print("| " + " | ".join(header) + " |")
    print("|" + " --- |" + " ---: |" * (len(header) - 1))
    for row in rows:
        print("| " + " | ".join(row) + " |")
    print()


def cells(figures: np.ndarray, sign: str = "") -> list[str]:
    """Per cent with the interval; tokens as they are."""
    shown = []
    for name, (value, low, high) in zip(COLUMNS, figures.T, strict=True):
        if name.endswith("tokens@5"):
            shown.append(f"{value:{sign},.0f}")
        else:
            numbers = (100 * value, 100 * low, 100 * high)
            shown.append("{:{s}.1f} ({:{s}.1f} to {:{s}.1f})".format(*numbers, s=sign))
    return shown


def verdict(name: str, against: str, difference: np.ndarray) -> str:
    """What the intervals of the differences say, in words."""
    said: dict[str, list[str]] = {"better": [], "no difference shown": [], "worse": []}
    for column, (_, low, high) in zip(COLUMNS, difference.T, strict=True):
        if column.endswith("tokens@5"):
            continue
        gains = (-high, -low) if column == "cut" else (low, high)
        key = "better" if gains[0] > 0 else "worse" if gains[1] < 0 else "no difference shown"
        said[key].append(column)
    parts = (f"{key}: {', '.join(columns) or 'nothing'}" for key, columns in said.items())
    return f"- {name} against {against}: " + "; ".join(parts) + "."


COMPARED = (
    ("topic_change, stripped", "even"),
    ("topic_change, stripped", "fixed_window"),
    ("topic_change, stripped", "cosine"),
    ("topic_change, plain", "even"),
    ("topic_change, marked", "even"),
    ("topic_change, marked", "headings"),
    ("headings", "even"),
)


def compare(title: str, documents: Sequence[Document], model: str) -> None:
    """Cut, index, ask and print, for one collection."""
    started = time.process_time()
    corpus = [views(document) for document in documents]
    questions = asked(corpus)
    document = np.array([one.document for one in questions])
    aim = mean_tokens(HEADINGS.passages(corpus, Headings().target_tokens))
    fitted = {system.name: system.fitted(corpus, aim) for system in systems(model)}
    indexes = dense_indexes({name: passages for name, (_, passages) in fitted.items()})
    values = {
        name: measured(corpus, questions, passages, indexes[name])
        for name, (_, passages) in fitted.items()
    }
    sizes = {
        name: (str(target), f"{len(passages):,}", length(passages, aim))
        for name, (target, passages) in fitted.items()
    }
    print(f"## {title}\n\n{about(corpus, document, values['even'])}\n")
    report(values, document, sizes)
    print(f"\n{time.process_time() - started:,.0f} CPU s\n")


def about(corpus: Sequence[Views], document: np.ndarray, values: np.ndarray) -> str:
    n_tokens = sum(count_tokens(view.bare.text) for view in corpus)
    n_whole = int((~np.isnan(values[:, COLUMNS.index("cut")])).sum())
    rough = " Intervals over so few documents are rough." if len(corpus) < FEW else ""
    return (
        f"{len(corpus)} documents of {n_tokens:,} tokens; {len(document)} queries about "
        f"{len(np.unique(document))} of them; 'cut' is of the {n_whole} sections asked for that "
        f"have at most {MOST_PASSAGE} tokens.{rough}"
    )


def report(
    values: dict[str, np.ndarray], document: np.ndarray, sizes: Mapping[str, tuple[str, ...]]
) -> None:
    """Figures, differences of the same queries to even, and what these say in words."""
    table(
        ("system", "target", "passages", "mean tokens", *COLUMNS),
        ((name, *sizes[name], *cells(interval(found, document))) for name, found in values.items()),
    )
    print("Difference to even, of the same queries:\n")
    others = (name for name in values if name != "even")
    table(
        ("system", *COLUMNS),
        ((name, *cells(interval(values[name] - values["even"], document), "+")) for name in others),
    )
    for name, other in COMPARED:
        print(verdict(name, other, interval(values[name] - values[other], document)))


def length(passages: Sequence[Passage], aim: float) -> str:
    mean = mean_tokens(passages)
    return f"{mean:.1f}" + ("" if abs(mean / aim - 1) <= EQUAL else " (not equal)")


def main() -> None:
    parser = argparse.ArgumentParser(description="Retrieval with passages of several segmenters.")
    parser.add_argument("data", type=Path, help="folder with tos/ and fin/")
    parser.add_argument("--model", default="shipped", help="of topic_change: a name or a folder")
    parser.add_argument("--pages", type=int, default=40)
    parser.add_argument("--filings", type=int, default=6)
    parser.add_argument("--seen", type=Path, help="training corpus [data/segmentation/ota_terms]")
    args = parser.parse_args()
    seen = args.seen or args.data / "segmentation" / "ota_terms"
    print(
        f"Model {args.model}. Per cent (95 % interval over documents, not corrected for the number "
        "of comparisons); cut: lower is better.\n"
    )
    known = seen if seen.exists() else None
    if known is None:
        print("Without the training corpus: pages that the model was trained on are not left out.")
    compare("Terms pages", pages(args.data, known, args.pages), args.model)
    compare("Filings", filings(args.data, args.filings), args.model)


if __name__ == "__main__":
    main()

"""The records: what every table holds, in the words of the field.

Offsets are Unicode code points, `start` inclusive, `end` exclusive, into `Document.text`.
Grades follow `LABEL_SCALE`; a missing row means *unjudged*, which is not 0.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Level = Literal["sentence", "passage", "topic"]
Form = Literal["keyword", "question", "need"]
Split = Literal["train", "dev", "test"]
StartOrigin = Literal["document", "markup", "model", "length"]
Source = Literal["direct", "indirect-query", "indirect-passage", "duplicate", "judge", "human"]

LEVELS: tuple[Level, ...] = ("sentence", "passage", "topic")
SPLITS: tuple[Split, ...] = ("train", "dev", "test")
GRADES: dict[int, str] = {
    3: "answers it fully: a seed with verified evidence, or judged so",
    2: "relevant: gives a needed part of the answer",
    1: "related, does not answer",
    0: "judged not relevant",
}
RELEVANT_FROM = 2


@dataclass(frozen=True, slots=True)
class Block:
    """One structural unit of a document: `document.text[start:end]`.

    kind: heading, paragraph, list_item, table, definition, caption, footnote, code.
    """

    kind: str
    start: int
    end: int
    level: int | None = None  # of a heading: 1 is the top; of a list item: nesting from 1
    number: str | None = None  # the enumerator as written: "1.1", "(a)", "第三条"
    # of a table, where the setting `table_cells` asks for them: its rows, all of one length; what
    # stands over the whole width at its top is in the text alone
    cells: tuple[tuple[str, ...], ...] = ()
    has_header: bool = False  # the first row of cells names the columns
    reference: str | None = None  # of the image that a caption describes: src or href as written


@dataclass(frozen=True, slots=True)
class Section:
    """A heading and what it heads, up to the next heading of its level or above."""

    title: str
    level: int
    start: int  # of the heading
    end: int
    path: tuple[str, ...]  # titles from the top down to this one


@dataclass(frozen=True, slots=True)
class Document:
    """One parsed source."""

    doc_id: str
    text: str  # NFC, line ends are LF
    source_uri: str  # relative to the source that was given, never an absolute path
    blocks: tuple[Block, ...] = ()  # in order, not overlapping
    sections: tuple[Section, ...] = ()
    title: str | None = None
    issuer: str | None = None  # the company, service or publisher
    category: str | None = None  # the industry or the subject area
    category_weights: Mapping[str, float] = field(default_factory=dict)
    doc_type: str | None = None  # terms, privacy, 10-K, research_report, article, …
    date: str | None = None  # ISO 8601, as exact as known: 2024, 2024-03, 2024-03-31
    valid_from: str | None = None
    valid_to: str | None = None
    version: str | None = None
    language: str | None = None  # BCP 47: en, zh, fr
    licence: str | None = None
    family_id: str | None = None  # versions of one source share it; splits keep a family together
    media_type: str | None = None
    ingestor: str | None = None
    flags: tuple[str, ...] = ()
    meta: Mapping[str, str] = field(default_factory=dict)  # what the source says beyond the above

    @property
    def text_sha256(self) -> str:
        return "sha256:" + sha256(self.text)


@dataclass(frozen=True, slots=True)
class Passage:
    """The unit of retrieval: `document.text[start:end] == text`."""

    passage_id: str  # doc_id:start-end
    doc_id: str
    text: str
    start: int
    end: int
    ordinal: int  # position among the passages of the document, from 0
    section_path: tuple[str, ...] = ()
    # copied from the document, so that a passage can be read on its own; never inside the span
    title: str | None = None
    issuer: str | None = None
    category: str | None = None
    doc_type: str | None = None
    date: str | None = None
    language: str | None = None
    n_tokens: int = 0
    segmenter: str | None = None
    flags: tuple[str, ...] = ()
    # of a segmenter that scores boundaries; None where nothing was scored
    p_start: float | None = None  # probability that the topic changes where the passage starts
    p_end: float | None = None  # and where it ends
    p_inside: float | None = None  # the largest inside it: the risk that a cut was missed
    # why it starts there: the document does, a heading, a probable change, or the size limit
    start_origin: StartOrigin | None = None
    start_forced: bool | None = None  # cut inside a sentence, list item or table above the limit

    @property
    def header(self) -> str:
        """Title, issuer, section path and date on one line: context for a reader or a judge."""
        parts = [self.issuer, self.title, " > ".join(self.section_path), self.date]
        return " | ".join(part for part in parts if part)


@dataclass(frozen=True, slots=True)
class Duplicate:
    """A passage's place in a cluster of copies.

    relation: `exact` (same text after normalisation), `near` (Jaccard ≥ threshold and equal
    numbers) or `template` (Jaccard ≥ threshold, other numbers: labels are not inherited).
    """

    passage_id: str
    cluster_id: str  # the smallest passage_id of the cluster
    relation: Literal["exact", "near", "template"]
    similarity: float  # Jaccard with the cluster's representative


@dataclass(frozen=True, slots=True)
class Evidence:
    """A span of a document that answers a query."""

    doc_id: str
    start: int
    end: int
    verified: bool = True


@dataclass(frozen=True, slots=True)
class Query:
    """A query with where it came from."""

    query_id: str
    text: str
    language: str | None
    level: Level | None
    form: Form | None
    generator_id: str | None = None  # digest of plugin, version and settings
    generator_family: str | None = None
    seed_passage_ids: tuple[str, ...] = ()
    parent_ids: tuple[str, ...] = ()
    child_ids: tuple[str, ...] = ()
    supporting_doc_ids: tuple[str, ...] = ()  # of a topic query
    # of a topic query: what it comes to, document by document; the pool asks each of them too
    sub_questions: tuple[str, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    pattern: str | None = None  # which rule or prompt slot wrote it: heading, definition, …
    facets: Mapping[str, str] = field(default_factory=dict)  # category, time, entity, topic
    persona: str | None = None
    scope: Literal["intra", "cross"] = "intra"
    split: Split | None = None
    scores: Mapping[str, float] = field(default_factory=dict)
    flags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Pooled:
    """A pair that mining looks at: what proposed it, and what it scores."""

    query_id: str
    passage_id: str
    routes: tuple[str, ...]  # seed, query, local, structural, global
    proposed_by: tuple[str, ...]  # retrievers that have it among their best of one of these spaces
    own: bool  # a seed of the query or a copy of one: its making labels it
    # by what pairs are compared: the reranker's, or the mean of what the retrievers say; None
    # where nothing that scores reads the query's language
    score: float | None
    scores: Mapping[str, float] = field(default_factory=dict)  # by retriever, and the reranker's


@dataclass(frozen=True, slots=True)
class Judgement:
    """One assessment of one pair by one assessor; never overwritten."""

    query_id: str
    passage_id: str
    grade: int | None  # None: no usable grade; never 0 by default
    source: Source
    routes: tuple[str, ...] = ()  # what proposed the pair: seed, query, local, structural, global
    scores: Mapping[str, float] = field(default_factory=dict)
    evidence: tuple[Evidence, ...] = ()
    calibration_id: str | None = None
    assessor_id: str | None = None
    flags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Qrel:
    """The label of a pair, resolved from its judgements."""

    query_id: str
    passage_id: str
    grade: int
    source: Source
    level: Level | None = None
    split: Split | None = None
    routes: tuple[str, ...] = ()
    scores: Mapping[str, float] = field(default_factory=dict)
    evidence: tuple[Evidence, ...] = ()
    calibration_id: str | None = None
    n_judgements: int = 1
    flags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ScoredPassage:
    """One row of a run. Rank is not stored: score descending, ties by descending passage_id."""

    query_id: str
    passage_id: str
    score: float


@dataclass(frozen=True, slots=True)
class Negative:
    """A passage chosen as a negative for training, and how it was found."""

    query_id: str
    passage_id: str
    kind: Literal["mined", "mutated"]
    run: str
    score: float
    ratio: float  # score over the lowest score of a positive
    margin: float  # lowest score of a positive minus this score
    mined_rank: int  # from 1, in that run
    split: Split | None = None
    flags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Dropped:
    """A record that does not go on, and why."""

    record_id: str
    reason: str  # a short slug that can be counted
    detail: str


@dataclass(frozen=True, slots=True)
class Measure:
    """One measured value over one slice of the queries."""

    measure: str  # as ir_measures writes it: nDCG@10
    run: str
    split: str  # train, dev, test or all
    level: str  # sentence, passage, topic or all
    language: str  # en, zh, … or all
    labels: str  # the qrel table: seed or mined
    value: float
    ci_low: float  # 95 % percentile bootstrap over queries
    ci_high: float
    n_queries: int


@dataclass(frozen=True, slots=True)
class Finding:
    """The outcome of one audit check."""

    finding_id: str
    check_id: str
    severity: Literal["blocker", "error", "warning", "info"]
    status: Literal["pass", "warn", "fail", "not_established"]
    message: str
    record_ids: tuple[str, ...] = ()
    n_affected: int = 0
    value: float | None = None
    ci_low: float | None = None
    ci_high: float | None = None
    threshold: float | None = None
    n: int | None = None
    fix: str | None = None


Record = (
    Document | Passage | Duplicate | Query | Pooled | Judgement | Qrel
    | ScoredPassage | Negative | Dropped | Measure | Finding
)  # fmt: skip


def sha256(*parts: str) -> str:
    """64 hex digits over the parts joined by a line feed."""
    return hashlib.sha256("\n".join(parts).encode("utf-8", "surrogatepass")).hexdigest()


# printable ASCII without quotes and blanks: what every line-based format can hold
_SAFE_ID = re.compile("[!#-&(-~]{1,200}")


def safe_id(name: str) -> str:
    """The id itself if every format can hold it, else `x` and 20 hex digits of its SHA-256."""
    return name if _SAFE_ID.fullmatch(name) else "x" + sha256(name)[:20]


def document_id(source_uri: str, text: str) -> str:
    """16 hex digits: the same text from the same place is the same document."""
    return sha256(source_uri, text)[:16]


def passage_id(doc_id: str, start: int, end: int) -> str:
    return f"{doc_id}:{start}-{end}"


def query_id(generator_id: str, seed_ids: tuple[str, ...], text: str) -> str:
    """16 hex digits over what wrote the query, from which passages or documents, and its text."""
    return sha256(generator_id, *sorted(seed_ids), text)[:16]


def seed_for(run_seed: int, stage: str, record_id: str) -> int:
    """A seed of 63 bits that depends on the record, never on the worker that handles it."""
    return int(sha256(str(run_seed), stage, record_id)[:16], 16) >> 1


def normal_key(text: str) -> str:
    """The form in which two texts count as equal: NFKC, case-folded, blanks squeezed."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def table_records(block: Block) -> list[dict[str, str]]:
    """A table's rows below its header, each as column name -> text; numbers stay text.

    An empty name becomes the column's number from 1, a name that was there before gets a suffix:
    `2023`, `2023 (2)`. Empty for a block without cells; see the ingestors' setting `table_cells`.
    """
    if not block.cells:
        return []
    header = block.cells[0] if block.has_header else ("",) * len(block.cells[0])
    names: dict[str, None] = {}  # in order
    for i, cell in enumerate(header, 1):
        name = cell or str(i)
        copies = (f"{name} ({n})" for n in range(2, len(header) + 2))
        names[name if name not in names else next(c for c in copies if c not in names)] = None
    return [dict(zip(names, row, strict=True)) for row in block.cells[block.has_header :]]


def as_dict(record: Any) -> dict[str, Any]:
    """A record as plain values, nested records included."""
    from dataclasses import asdict

    return asdict(record)

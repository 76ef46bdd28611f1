"""From raw rows to records: the rules that hold for every format.

Ids that some format could not hold are replaced, texts are normalised, a row that is there twice
or that points nowhere is Dropped with its reason, and each reason is one finding.
"""

from __future__ import annotations

import itertools
import json
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from datakit.importers._files import LONGEST_TEXT
from datakit.importers._labels import Labels, label, labels_of, lost_one, names_of, qrels
from datakit.importers._passages import (
    BATCH,
    arrow_table,
    flags,
    language_of,
    passages,
    passages_of,
    repeated,
    safe_ids,
    strings,
    text_or_none,
    too_long,
)
from datakit.importers._raw import (
    Notes,
    RawLabel,
    RawLabels,
    RawNegative,
    RawPassage,
    RawPassages,
    RawQueries,
    RawQuery,
    RawScore,
)
from datakit.records import (
    LEVELS,
    SPLITS,
    Dropped,
    Finding,
    Negative,
    Query,
    ScoredPassage,
    Source,
    Split,
    safe_id,
    sha256,
)
from datakit.text import detect_language, normalise

SAMPLE = 500  # passages that tell the language of a corpus
MAIN_SHARE = 0.9  # of those whose language is known
ID_MAP = "id_map.tsv"
_FORMS = ("keyword", "question", "need")

Record = Any  # a record, or (table, record) where the record alone does not say its table


class Importer(Protocol):
    """What an importer gives to `collect`."""

    @property
    def source(self) -> Source: ...
    @property
    def language(self) -> str | None: ...
    def rows(self, path: Path, notes: Notes) -> Iterator[Any]:
        """Raw rows (passages, then queries, then the rest), records and Dropped."""
        ...


def collect(importer: Importer, path: Path) -> Iterator[Record]:
    """The records of a foreign dataset, in the order passages, queries, labels; then findings."""
    notes = Notes()
    state = _State(importer.source, importer.language, _restored(path))
    state.passages_elsewhere = getattr(importer, "passages_elsewhere", False)
    dropped = _Reasons()
    for record in itertools.chain(_with_language(importer.rows(path, notes), state), _rest(state)):
        if isinstance(record, Dropped):
            dropped.add(record)
        yield record
    yield from _findings(notes, state, dropped)


@dataclass
class _State:
    source: Source
    language: str | None  # of all texts; None: found out
    restored: Mapping[str, str]  # ids as an export of ours replaced them, and what they were
    main_language: str | None = None  # of the corpus
    passages_elsewhere: bool = False
    passages: dict[str, int] = field(default_factory=dict)  # by id as written: their place
    in_document: Counter[str] = field(default_factory=Counter)
    queries: dict[str, RawQuery] = field(default_factory=dict)
    split_of: dict[str, Split] = field(default_factory=dict)
    labels: Labels = field(default_factory=Labels)
    listed: Counter[tuple[str, str]] = field(default_factory=Counter)  # by run and query


def _restored(path: Path) -> dict[str, str]:
    """What `id_map.tsv` of an export of ours says."""
    try:
        text = (path / ID_MAP).read_text("utf-8")
        pairs = (line.split("\t") for line in text.split("\n") if line)
        known = ((new, json.loads(old)) for new, old in pairs)
        return {new: old for new, old in known if isinstance(old, str)}
    except (OSError, ValueError, RecursionError):  # not a map of ours
        return {}


# --- passages and what follows them -----------------------------------------------------------


def _with_language(rows: Iterator[Any], state: _State) -> Iterator[Record]:
    """The records of the rows; the first passages tell the language of the corpus."""
    first: list[Any] = []
    if state.language is None:
        n = 0
        for row in rows:
            first.append(row)
            n += len(row.ids) if isinstance(row, RawPassages) else isinstance(row, RawPassage)
            if n >= SAMPLE or isinstance(row, RawLabel | RawLabels):
                break
        state.main_language = _main_language(itertools.islice(_texts(first), SAMPLE))
    handle: dict[type, Any] = {
        RawQuery: _query, RawLabel: label, RawScore: _score, RawNegative: _negative,
    }  # fmt: skip
    batch: list[RawPassage] = []
    for row in itertools.chain(first, rows):
        if type(row) is RawPassage:
            batch.append(row)
        if batch and (len(batch) == BATCH or type(row) is not RawPassage):
            yield from passages(batch, state)
            batch = []
        if type(row) is RawPassages:
            yield from passages_of(row, state)
        elif type(row) is RawQueries:
            yield from _queries(row, state)
        elif type(row) is RawLabels:
            yield from labels_of(row, state)
        elif type(row) is not RawPassage:
            handler = handle.get(type(row))
            record = handler(row, state) if handler else row
            if record is not None:
                yield record
    if batch:
        yield from passages(batch, state)


def _texts(rows: Iterable[Any]) -> Iterator[str]:
    for row in rows:
        if isinstance(row, RawPassages):
            yield from row.texts.slice(0, SAMPLE).to_pylist()
        elif isinstance(row, RawPassage):
            yield row.text


def _main_language(texts: Iterable[str]) -> str | None:
    """The language of nearly all texts; None where there is no such language."""
    found = Counter(map(detect_language, texts))
    found.pop(None, None)
    language, n = next(iter(found.most_common(1)), (None, 0))
    return language if n >= MAIN_SHARE * found.total() else None


def _query(row: RawQuery, state: _State) -> Dropped | None:
    """Kept until the labels have told its split."""
    name = state.restored.get(row.id, row.id)
    if name in state.queries:
        return repeated(row)
    if len(row.text) > LONGEST_TEXT:
        return too_long(row, row.text)
    state.queries[name] = row
    if row.split:
        state.split_of[name] = row.split
    return None


def _queries(columns: RawQueries, state: _State) -> Iterator[Dropped]:
    """As `_query`, many at once where none is dropped."""
    names, texts = columns.ids.to_pylist(), columns.texts.to_pylist()
    fresh = len(set(names)) == len(names) and state.queries.keys().isdisjoint(names)
    if fresh and not state.restored and max(map(len, texts)) <= LONGEST_TEXT:
        rows = map(RawQuery, itertools.repeat(columns.file), names, texts)
        state.queries.update(zip(names, rows, strict=True))
        return
    for row in columns.rows():
        dropped = _query(row, state)
        if dropped:
            yield dropped


# --- labels, runs and negatives ---------------------------------------------------------------


def _score(row: RawScore, state: _State) -> tuple[str, ScoredPassage] | Dropped:
    lost = lost_one(row, state)
    if lost:
        return lost
    try:
        score = float(row.score)
    except ValueError:
        score = math.nan
    if not math.isfinite(score):
        detail = f"{row.where}: expected a number as score, found {row.score!r}"[:300]
        return Dropped(row.where, "bad_score", detail)
    query, passage = names_of(row, state)
    return f"run/{row.run}", ScoredPassage(safe_id(query), safe_id(passage), score)


def _negative(row: RawNegative, state: _State) -> tuple[str, Negative] | Dropped:
    lost = lost_one(row, state)
    if lost:
        return lost
    query, passage = names_of(row, state)
    state.listed[row.run, query] += 1
    rank = state.listed[row.run, query]
    score = math.nan if row.score is None else float(row.score)
    split = state.split_of.get(query)
    return f"negative/{row.run}", Negative(
        safe_id(query), safe_id(passage), "mined", row.run, score, math.nan, math.nan, rank, split
    )  # fmt: skip


def _rest(state: _State) -> Iterator[Record]:
    """The queries, now that their splits are known, and the labels."""
    left = iter(state.queries.items())
    while some := list(itertools.islice(left, BATCH)):
        yield "query", _query_table(some, state)
    yield from qrels(state)


def _query_table(rows: list[tuple[str, RawQuery]], state: _State) -> Any:
    """The queries (by their id) in the schema of their table."""
    names = [name for name, _ in rows]
    own: list[str] = safe_ids(names).to_pylist()
    texts = [normalise(row.text) for _, row in rows]
    about = [row.about for _, row in rows]
    columns: dict[str, Any] = {
        "query_id": own, "text": texts,
        "language": [language_of(t, a, state) for t, a in zip(texts, about, strict=True)],
        "split": [
            state.split_of.get(name) or _one_of(SPLITS, a.get("split"))
            for name, a in zip(names, about, strict=True)
        ],
        "level": [_one_of(LEVELS, a.get("level")) for a in about],
        "form": [_one_of(_FORMS, a.get("form")) for a in about],
        "seed_passage_ids": [list(map(safe_id, strings(a.get("seed_passage_ids")))) for a in about],
        "scope": ["intra"] * len(rows),
        "flags": [list(flags(*pair)) for pair in zip(names, own, strict=True)],
    }  # fmt: skip
    for key in ("generator_id", "generator_family"):
        columns[key] = [text_or_none(a.get(key)) for a in about]
    return arrow_table(Query, columns)


def _one_of(known: tuple[str, ...], value: Any) -> str | None:
    return value if value in known else None


# --- findings ---------------------------------------------------------------------------------


@dataclass
class _Reasons:
    """How many rows were dropped, by reason, and the first of each."""

    counts: Counter[str] = field(default_factory=Counter)
    first: dict[str, str] = field(default_factory=dict)

    def add(self, row: Dropped) -> None:
        self.counts[row.reason] += 1
        self.first.setdefault(row.reason, row.detail)


def _findings(notes: Notes, state: _State, dropped: _Reasons) -> Iterator[Finding]:
    for (check, file), message in notes.messages.items():
        yield _finding(check, "info", message, file, notes.counts[check, file])
    for reason, n in sorted(dropped.counts.items()):
        rows = "1 row" if n == 1 else f"{n:,} rows"
        message = f"{rows} left out ({reason}), the first: {dropped.first[reason]}"
        yield _finding(reason, "warning", message, "", n)
    if state.passages_elsewhere and state.passages:
        message = "the format holds no passages: texts are to be had elsewhere"
        yield _finding("no_passages", "warning", message, "", len(state.passages))


def _finding(check: str, severity: Any, message: str, file: str, n: int) -> Finding:
    name = f"import.{check}"
    return Finding(sha256(name, file)[:16], name, severity, "warn", message, (), n)

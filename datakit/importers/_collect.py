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

from datakit.importers._ids import Ids
from datakit.importers._labels import Labels, label, labels_of, names_of, placed, qrels
from datakit.importers._passages import BATCH, passages, passages_of
from datakit.importers._queries import Queries, queries_of, query
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
from datakit.records import Dropped, Finding, Negative, ScoredPassage, Source, safe_id, sha256
from datakit.text import detect_language

SAMPLE = 500  # passages that tell the language of a corpus
MAIN_SHARE = 0.9  # of those whose language is known
ID_MAP = "id_map.tsv"

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
    passages: Ids = field(default_factory=Ids)  # as written
    in_document: Counter[str] = field(default_factory=Counter)
    queries: Queries = field(default_factory=Queries)
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
        RawQuery: query, RawLabel: label, RawScore: _score, RawNegative: _negative,
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
            yield from queries_of(row, state)
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


# --- labels, runs and negatives ---------------------------------------------------------------


def _score(row: RawScore, state: _State) -> tuple[str, ScoredPassage] | Dropped:
    places = placed(row, state)
    if isinstance(places, Dropped):
        return places
    try:
        score = float(row.score)
    except ValueError:
        score = math.nan
    if not math.isfinite(score):
        detail = f"{row.where}: expected a number as score, found {row.score!r}"[:300]
        return Dropped(row.where, "bad_score", detail)
    query_id, passage_id = map(safe_id, names_of(row, state))
    return f"run/{row.run}", ScoredPassage(query_id, passage_id, score)


def _negative(row: RawNegative, state: _State) -> tuple[str, Negative] | Dropped:
    places = placed(row, state)
    if isinstance(places, Dropped):
        return places
    name, passage = names_of(row, state)
    state.listed[row.run, name] += 1
    rank = state.listed[row.run, name]
    score = math.nan if row.score is None else float(row.score)
    split = state.queries.split_of(places[0])
    return f"negative/{row.run}", Negative(
        safe_id(name), safe_id(passage), "mined", row.run, score, math.nan, math.nan, rank, split
    )  # fmt: skip


def _rest(state: _State) -> Iterator[Record]:
    """The queries, now that their splits are known, and the labels."""
    for table in state.queries.tables(state):
        yield "query", table
    yield from qrels(state)


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
    if state.passages_elsewhere and len(state.passages):
        message = "the format holds no passages: texts are to be had elsewhere"
        yield _finding("no_passages", "warning", message, "", len(state.passages))


def _finding(check: str, severity: Any, message: str, file: str, n: int) -> Finding:
    name = f"import.{check}"
    return Finding(sha256(name, file)[:16], name, severity, "warn", message, (), n)

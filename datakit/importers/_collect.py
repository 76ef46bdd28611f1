"""From raw rows to records: the rules that hold for every format.

Ids that some format could not hold are replaced, texts are normalised, a row that is there twice
or that points nowhere is Dropped with its reason, and each reason is one finding.
"""

from __future__ import annotations

import itertools
import json
import math
import re
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from datakit.importers._files import LONGEST_TEXT
from datakit.importers._passages import (
    BATCH,
    flags,
    language_of,
    passages,
    repeated,
    strings,
    text_or_none,
    too_long,
)
from datakit.importers._raw import (
    Notes,
    RawLabel,
    RawNegative,
    RawPassage,
    RawQuery,
    RawScore,
)
from datakit.records import (
    LEVELS,
    SPLITS,
    Dropped,
    Finding,
    Negative,
    Qrel,
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
_LABELS = 100_000  # written at a time
_GRADE = re.compile(r"\d{1,9}", re.ASCII)
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
    labels: _Labels = field(default_factory=lambda: _Labels())  # noqa: PLW0108 - is below
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
            n += isinstance(row, RawPassage)
            if n == SAMPLE or isinstance(row, RawLabel):
                break
        state.main_language = _main_language(r.text for r in first if isinstance(r, RawPassage))
    handle: dict[type, Any] = {
        RawQuery: _query, RawLabel: _label, RawScore: _score, RawNegative: _negative,
    }  # fmt: skip
    batch: list[RawPassage] = []
    for row in itertools.chain(first, rows):
        if type(row) is RawPassage:
            batch.append(row)
        if batch and (len(batch) == BATCH or type(row) is not RawPassage):
            yield from passages(batch, state)
            batch = []
        if type(row) is not RawPassage:
            handler = handle.get(type(row))
            record = handler(row, state) if handler else row
            if record is not None:
                yield record
    if batch:
        yield from passages(batch, state)


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


# --- labels, runs and negatives ---------------------------------------------------------------


@dataclass
class _Labels:
    """Labels by the places of their query and passage: 18 bytes each."""

    query: array[int] = field(default_factory=lambda: array("i"))
    passage: array[int] = field(default_factory=lambda: array("i"))
    grade: array[int] = field(default_factory=lambda: array("i"))
    source: array[int] = field(default_factory=lambda: array("b"))
    file: array[int] = field(default_factory=lambda: array("h"))
    line: array[int] = field(default_factory=lambda: array("i"))
    queries: dict[str, int] = field(default_factory=dict)  # place by id
    files: dict[str, int] = field(default_factory=dict)
    sources: dict[Source | None, int] = field(default_factory=dict)

    def add(self, query: int, passage: int, grade: int, row: RawLabel) -> None:
        file, _, line = row.where.rpartition(":")
        self.query.append(query)
        self.passage.append(passage)
        self.grade.append(grade)
        self.source.append(self.sources.setdefault(row.source, len(self.sources)))
        self.file.append(self.files.setdefault(file, len(self.files)))
        self.line.append(int(line) if line.isdigit() else 0)


def _label(row: RawLabel, state: _State) -> Dropped | None:
    grade = row.grade
    if not isinstance(grade, int):
        if not _GRADE.fullmatch(grade):
            detail = f"{row.where}: expected a whole number from 0, found {grade[:50]!r}"
            return Dropped(row.where, "bad_grade", detail)
        grade = int(grade)
    elif not 0 <= grade < 10**9:
        detail = f"{row.where}: expected a whole number from 0, found {grade}"
        return Dropped(row.where, "bad_grade", detail)
    lost = _lost(row, state)
    if lost:
        return lost
    query, passage = _names(row, state)
    home = state.split_of.setdefault(query, row.split) if row.split else None
    if home != row.split:
        detail = f"{row.where}: query {row.query_id} is of split {home} already"
        return Dropped(row.where, "other_split", detail)
    place = state.labels.queries.setdefault(query, len(state.labels.queries))
    state.labels.add(place, state.passages[passage], grade, row)
    return None


def _names(row: RawLabel | RawScore | RawNegative, state: _State) -> tuple[str, str]:
    known = state.restored.get
    return known(row.query_id, row.query_id), known(row.passage_id, row.passage_id)


def _lost(row: RawLabel | RawScore | RawNegative, state: _State) -> Dropped | None:
    """What points at a query or a passage that is not there."""
    query, passage = _names(row, state)
    if query in state.queries and passage in state.passages:
        return None
    if query in state.queries and state.passages_elsewhere:
        state.passages.setdefault(passage, len(state.passages))
        return None
    what, name = ("passage", passage) if query in state.queries else ("query", query)
    detail = f"{row.where}: {what} {name[:100]!r} is not there"
    return Dropped(f"{query[:200]} {passage[:200]}", f"unknown_{what}", detail)


def _score(row: RawScore, state: _State) -> tuple[str, ScoredPassage] | Dropped:
    lost = _lost(row, state)
    if lost:
        return lost
    try:
        score = float(row.score)
    except ValueError:
        score = math.nan
    if not math.isfinite(score):
        detail = f"{row.where}: expected a number as score, found {row.score!r}"[:300]
        return Dropped(row.where, "bad_score", detail)
    query, passage = _names(row, state)
    return f"run/{row.run}", ScoredPassage(safe_id(query), safe_id(passage), score)


def _negative(row: RawNegative, state: _State) -> tuple[str, Negative] | Dropped:
    lost = _lost(row, state)
    if lost:
        return lost
    query, passage = _names(row, state)
    state.listed[row.run, query] += 1
    rank = state.listed[row.run, query]
    score = math.nan if row.score is None else float(row.score)
    split = state.split_of.get(query)
    return f"negative/{row.run}", Negative(
        safe_id(query), safe_id(passage), "mined", row.run, score, math.nan, math.nan, rank, split
    )  # fmt: skip


def _rest(state: _State) -> Iterator[Record]:
    """The queries, now that their splits are known, and the labels."""
    for name, row in state.queries.items():
        own, text, about = safe_id(name), normalise(row.text), row.about
        level, form, split = about.get("level"), about.get("form"), about.get("split")
        yield Query(
            own, text, language_of(text, about, state),
            level if level in LEVELS else None, form if form in _FORMS else None,
            generator_id=text_or_none(about.get("generator_id")),
            generator_family=text_or_none(about.get("generator_family")),
            seed_passage_ids=tuple(map(safe_id, strings(about.get("seed_passage_ids")))),
            split=state.split_of.get(name) or (split if split in SPLITS else None),
            flags=flags(name, own),
        )  # fmt: skip
    yield from _qrels(state)


def _qrels(state: _State) -> Iterator[Record]:
    """The labels by query and passage; of those that are there twice the last is kept.

    Labels of one source go to the table of its name, those of several to `qrel/mined`.
    """
    import numpy as np

    labels = state.labels
    query = np.frombuffer(labels.query, np.int32).astype(np.int64)
    passage = np.frombuffer(labels.passage, np.int32)
    if not query.size:
        return
    key = query << 32 | passage
    order = np.argsort(key, kind="stable")
    again = np.append(key[order][1:] == key[order][:-1], False)
    names, queries = list(state.passages), list(labels.queries)
    sources = [s or state.source for s in labels.sources]
    for at in order[again].tolist():
        q, p = queries[labels.query[at]][:100], names[labels.passage[at]][:100]
        where = f"{list(labels.files)[labels.file[at]]}:{labels.line[at]}"
        detail = f"{where}: {q} {p} is there again below; grade {labels.grade[at]} here"
        yield Dropped(where, "repeated_pair", f"{detail}, the last one is kept")
    kept = order[~again]
    table = f"qrel/{sources[0]}" if len(set(sources)) == 1 else "qrel/mined"
    for start in range(0, kept.size, _LABELS):
        yield table, _qrel_table(kept[start : start + _LABELS], labels, names, state)


def _qrel_table(at: Any, labels: _Labels, names: list[str], state: _State) -> Any:
    """The labels at these places, in the schema of their table."""
    import numpy as np
    import pyarrow as pa

    from datakit.tables import schema

    def column(cells: array[int]) -> Any:
        return np.frombuffer(cells, np.dtype(f"i{cells.itemsize}"))[at]

    queries = list(labels.queries)
    passage, seen = np.unique(column(labels.passage), return_inverse=True)
    sources = [s or state.source for s in labels.sources]
    of_query = column(labels.query)
    columns: dict[str, Any] = {
        "query_id": pa.array([safe_id(q) for q in queries]).take(pa.array(of_query)),
        "passage_id": pa.array([safe_id(names[p]) for p in passage.tolist()]).take(pa.array(seen)),
        "grade": column(labels.grade),
        "source": pa.array(sources).take(pa.array(column(labels.source))),
        "split": pa.array([state.split_of.get(q) for q in queries], pa.string()).take(
            pa.array(of_query)
        ),
        "n_judgements": np.ones(at.size, np.int64),
    }
    empty = {"routes", "scores", "evidence", "flags"}
    arrays = [
        pa.array(columns[f.name]).cast(f.type) if f.name in columns
        else pa.array([[]] * at.size, f.type) if f.name in empty else pa.nulls(at.size, f.type)
        for f in schema(Qrel)
    ]  # fmt: skip
    return pa.table(arrays, schema=schema(Qrel))


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

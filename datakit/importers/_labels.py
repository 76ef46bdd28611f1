"""Labels: checked against the queries and passages that are there, and kept as numbers."""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from datakit.importers._arrow import arrow_table, safe_ids
from datakit.importers._queries import NO_SPLIT, code_of
from datakit.importers._raw import RawLabel, RawLabels, RawNegative, RawScore
from datakit.records import Dropped, Qrel, Source, Split

if TYPE_CHECKING:
    import pyarrow as pa

    from datakit.importers._collect import _State

_AT_A_TIME = 100_000  # labels written
_GRADE = re.compile(r"\d{1,9}", re.ASCII)


@dataclass
class Labels:
    """Labels by the places of their query and passage: 19 bytes each."""

    query: array[int] = field(default_factory=lambda: array("i"))
    passage: array[int] = field(default_factory=lambda: array("i"))
    grade: array[int] = field(default_factory=lambda: array("i"))
    source: array[int] = field(default_factory=lambda: array("b"))
    file: array[int] = field(default_factory=lambda: array("h"))
    line: array[int] = field(default_factory=lambda: array("i"))
    files: dict[str, int] = field(default_factory=dict)
    sources: dict[Source | None, int] = field(default_factory=dict)

    def extend(self, file: str, queries: Any, passages: Any, grades: Any, lines: Any) -> None:
        """Add labels of one file: arrays of places, grades and line numbers, equally long."""
        import numpy as np

        n = len(queries)
        columns = (self.query, self.passage, self.grade, self.line)
        for column, cells in zip(columns, (queries, passages, grades, lines), strict=True):
            column.frombytes(cells.astype(np.int32).tobytes())
        self.source.extend(array("b", [self.sources.setdefault(None, len(self.sources))]) * n)
        self.file.extend(array("h", [self.files.setdefault(file, len(self.files))]) * n)

    def add(self, query: int, passage: int, grade: int, row: RawLabel) -> None:
        file, _, line = row.where.rpartition(":")
        self.query.append(query)
        self.passage.append(passage)
        self.grade.append(grade)
        self.source.append(self.sources.setdefault(row.source, len(self.sources)))
        self.file.append(self.files.setdefault(file, len(self.files)))
        self.line.append(int(line) if line.isdigit() else 0)


def label(row: RawLabel, state: _State) -> Dropped | None:
    grade = row.grade
    if not isinstance(grade, int):
        if not _GRADE.fullmatch(grade):
            detail = f"{row.where}: expected a whole number from 0, found {grade[:50]!r}"
            return Dropped(row.where, "bad_grade", detail)
        grade = int(grade)
    elif not 0 <= grade < 10**9:
        detail = f"{row.where}: expected a whole number from 0, found {grade}"
        return Dropped(row.where, "bad_grade", detail)
    places = placed(row, state)
    if isinstance(places, Dropped):
        return places
    query, passage = places
    splits = state.queries.splits
    if row.split and splits[query] == NO_SPLIT:
        splits[query] = code_of(row.split)
    if row.split and splits[query] != code_of(row.split):
        return _other_split(row, state.queries.split_of(query))
    state.labels.add(query, passage, grade, row)
    return None


def _other_split(row: RawLabel, home: Split | None) -> Dropped:
    detail = f"{row.where}: query {row.query_id} is of split {home} already"
    return Dropped(row.where, "other_split", detail)


def names_of(row: RawLabel | RawScore | RawNegative, state: _State) -> tuple[str, str]:
    known = state.restored.get
    return known(row.query_id, row.query_id), known(row.passage_id, row.passage_id)


def placed(row: RawLabel | RawScore | RawNegative, state: _State) -> tuple[int, int] | Dropped:
    """The places of the query and the passage; what points at one that is not there is dropped."""
    query, passage = names_of(row, state)
    at = state.queries.ids.by_name().get(query)
    passages = state.passages.by_name()
    if at is not None and state.passages_elsewhere:
        passages.setdefault(passage, len(passages))
    if at is None or passage not in passages:
        return _lost(row.where, query, passage, at is not None)
    return at, passages[passage]


def _lost(where: str, query: str, passage: str, has_query: bool) -> Dropped:
    what, name = ("passage", passage) if has_query else ("query", query)
    detail = f"{where}: {what} {name[:100]!r} is not there"
    return Dropped(f"{query[:200]} {passage[:200]}", f"unknown_{what}", detail)


def labels_of(rows: RawLabels, state: _State) -> Iterator[Dropped]:
    """As `label` of each, by column: those whose query (of this split) and passage are there."""
    import numpy as np

    if state.restored or state.passages_elsewhere:
        for row in rows.rows():
            dropped = label(row, state)
            if dropped:
                yield dropped
        return
    queries = state.queries.ids.places(rows.query_ids)
    passages = state.passages.places(rows.passage_ids)
    found = np.flatnonzero((queries >= 0) & (passages >= 0))
    splits = np.frombuffer(state.queries.splits, np.int8)
    homes, own = splits[queries[found]], code_of(rows.split)
    taken = found[(homes == NO_SPLIT) | (homes == own)]
    splits[queries[taken]] = own
    state.labels.extend(
        rows.file, queries[taken], passages[taken], rows.grades.to_numpy()[taken],
        rows.first + taken,
    )  # fmt: skip
    if len(taken) < len(queries):
        refused = np.ones(len(queries), bool)
        refused[taken] = False
        for at in np.flatnonzero(refused).tolist():
            yield _refused(rows.row(at), int(queries[at]), int(passages[at]), state)


def _refused(row: RawLabel, query: int, passage: int, state: _State) -> Dropped:
    """Why a label of these places, -1 where there is none, is not taken."""
    if query < 0 or passage < 0:
        return _lost(row.where, row.query_id, row.passage_id, query >= 0)
    return _other_split(row, state.queries.split_of(query))


def qrels(state: _State) -> Iterator[Any]:
    """The labels by query and passage; of those that are there twice the last is kept.

    Labels of one source go to the table of its name, those of several to `qrel/mined`.
    """
    import pyarrow as pa

    labels = state.labels
    if not labels.query:
        return
    order, again = _by_pair(labels, len(state.queries.ids))
    names, queries = state.passages.column(), state.queries.ids.column()
    files = list(labels.files)
    for at in order[again].tolist():
        q, p = queries[labels.query[at]].as_py()[:100], names[labels.passage[at]].as_py()[:100]
        where = f"{files[labels.file[at]]}:{labels.line[at]}"
        detail = f"{where}: {q} {p} is there again below; grade {labels.grade[at]} here"
        yield Dropped(where, "repeated_pair", f"{detail}, the last one is kept")
    kept = order[~again]
    sources = [s or state.source for s in labels.sources]
    table = f"qrel/{sources[0]}" if len(set(sources)) == 1 else "qrel/mined"
    columns = {
        "query_id": safe_ids(queries), "passage_id": safe_ids(names),
        "source": pa.array(sources, pa.string()), "split": state.queries.split_column(),
    }  # fmt: skip
    for start in range(0, kept.size, _AT_A_TIME):
        yield table, _qrel_table(kept[start : start + _AT_A_TIME], labels, columns)


def _by_pair(labels: Labels, n_queries: int) -> tuple[Any, Any]:
    """The places of the labels by query (as first labelled) and passage; which of them come again.

    Labels of one pair stay in the order in which they came.
    """
    import numpy as np

    query = np.frombuffer(labels.query, np.int32)
    first = np.zeros(n_queries, np.int64)
    first[query[::-1]] = np.arange(len(query))[::-1]  # of several the last has it
    key = first[query] << 32 | np.frombuffer(labels.passage, np.int32)
    order = np.argsort(key)
    again = np.append(key[order][1:] == key[order][:-1], False)
    if again.any():
        order = np.argsort(key, kind="stable")
    return order, again


def _qrel_table(at: Any, labels: Labels, columns: dict[str, pa.Array]) -> pa.Table:
    """The labels at these places, in the schema of their table.

    Args:
        at: places of labels.
        labels: all of them.
        columns: ids and splits by the place of their query or passage; sources by theirs.
    """
    import numpy as np
    import pyarrow as pa

    def cells(column: array[int]) -> pa.Array:
        return pa.array(np.frombuffer(column, np.dtype(f"i{column.itemsize}"))[at])

    query = cells(labels.query)
    return arrow_table(Qrel, {
        "query_id": columns["query_id"].take(query),
        "passage_id": columns["passage_id"].take(cells(labels.passage)),
        "grade": cells(labels.grade),
        "source": columns["source"].take(cells(labels.source)),
        "split": columns["split"].take(query),
        "n_judgements": pa.repeat(pa.scalar(1), at.size),
    })  # fmt: skip

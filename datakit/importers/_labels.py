"""Labels: checked against the queries and passages that are there, and kept as numbers."""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from datakit.importers._passages import arrow_table, safe_ids
from datakit.importers._raw import RawLabel, RawLabels, RawNegative, RawScore
from datakit.records import Dropped, Qrel, Source, Split

if TYPE_CHECKING:
    import pyarrow as pa

    from datakit.importers._collect import _State

_AT_A_TIME = 100_000  # labels written
_GRADE = re.compile(r"\d{1,9}", re.ASCII)


@dataclass
class Labels:
    """Labels by the places of their query and passage: 18 bytes each."""

    query: array[int] = field(default_factory=lambda: array("i"))
    passage: array[int] = field(default_factory=lambda: array("i"))
    grade: array[int] = field(default_factory=lambda: array("i"))
    source: array[int] = field(default_factory=lambda: array("b"))
    file: array[int] = field(default_factory=lambda: array("h"))
    line: array[int] = field(default_factory=lambda: array("i"))
    queries: dict[str, int] = field(default_factory=dict)  # place by id
    splits: list[Split | None] = field(default_factory=list)  # of those queries, by place
    files: dict[str, int] = field(default_factory=dict)
    sources: dict[Source | None, int] = field(default_factory=dict)

    def place(self, query: str, split: Split | None) -> int:
        """Of a query, which is in this split."""
        place = self.queries.setdefault(query, len(self.queries))
        if place == len(self.splits):
            self.splits.append(split)
        return place

    def extend(self, queries: list[int], passages: list[int], rows: RawLabels) -> None:
        """Add labels of one file by the places of their queries and passages."""
        import numpy as np

        n = len(queries)
        self.query.extend(queries)
        self.passage.extend(passages)
        self.grade.frombytes(rows.grades.to_numpy(zero_copy_only=False).astype(np.int32).tobytes())
        self.source.extend(array("b", [self.sources.setdefault(None, len(self.sources))]) * n)
        self.file.extend(array("h", [self.files.setdefault(rows.file, len(self.files))]) * n)
        self.line.extend(range(rows.first, rows.first + n))

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
    lost = lost_one(row, state)
    if lost:
        return lost
    query, passage = names_of(row, state)
    home = state.split_of.setdefault(query, row.split) if row.split else None
    if home != row.split:
        detail = f"{row.where}: query {row.query_id} is of split {home} already"
        return Dropped(row.where, "other_split", detail)
    state.labels.add(state.labels.place(query, row.split), state.passages[passage], grade, row)
    return None


def names_of(row: RawLabel | RawScore | RawNegative, state: _State) -> tuple[str, str]:
    known = state.restored.get
    return known(row.query_id, row.query_id), known(row.passage_id, row.passage_id)


def lost_one(row: RawLabel | RawScore | RawNegative, state: _State) -> Dropped | None:
    """What points at a query or a passage that is not there."""
    query, passage = names_of(row, state)
    if query in state.queries and passage in state.passages:
        return None
    if query in state.queries and state.passages_elsewhere:
        state.passages.setdefault(passage, len(state.passages))
        return None
    what, name = ("passage", passage) if query in state.queries else ("query", query)
    detail = f"{row.where}: {what} {name[:100]!r} is not there"
    return Dropped(f"{query[:200]} {passage[:200]}", f"unknown_{what}", detail)


def labels_of(rows: RawLabels, state: _State) -> Iterator[Dropped]:
    """The labels taken by column where every one can be, else one by one."""
    if not _taken(rows, state):
        for row in rows.rows():
            dropped = label(row, state)
            if dropped:
                yield dropped


def _taken(rows: RawLabels, state: _State) -> bool:
    """Whether each label has its query, of this split, and its passage; then they are added."""
    if state.restored or state.passages_elsewhere:
        return False
    labels, split = state.labels, rows.split
    passages: list[Any] = list(map(state.passages.get, rows.passage_ids.to_pylist()))
    queries = rows.query_ids.to_pylist()
    places: list[Any] = list(map(labels.queries.get, queries))
    known = {labels.splits[place] for place in set(places) if place is not None}
    if None in passages or not known <= {split}:
        return False
    if None in places:
        fresh = dict.fromkeys(q for q, at in zip(queries, places, strict=True) if at is None)
        homes = {state.split_of.get(query, split) for query in fresh}
        if not fresh.keys() <= state.queries.keys() or homes != {split}:
            return False
        for query in fresh:
            state.split_of[query] = split
            labels.place(query, split)
        places = list(map(labels.queries.get, queries))
    labels.extend(places, passages, rows)
    return True


def qrels(state: _State) -> Iterator[Any]:
    """The labels by query and passage; of those that are there twice the last is kept.

    Labels of one source go to the table of its name, those of several to `qrel/mined`.
    """
    import numpy as np
    import pyarrow as pa

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
    columns = {
        "query_id": safe_ids(queries), "passage_id": safe_ids(names),
        "source": pa.array(sources, pa.string()),
        "split": pa.array([state.split_of.get(q) for q in queries], pa.string()),
    }  # fmt: skip
    for start in range(0, kept.size, _AT_A_TIME):
        yield table, _qrel_table(kept[start : start + _AT_A_TIME], labels, columns)


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

"""Queries: kept as they came, until the labels have told their splits."""

from __future__ import annotations

import itertools
from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from datakit.importers._arrow import (
    all_safe,
    arrow_table,
    n_characters,
    normalised,
    safe_ids,
)
from datakit.importers._files import LONGEST_TEXT
from datakit.importers._ids import Ids
from datakit.importers._passages import (
    BATCH,
    flags,
    language_of,
    languages_of,
    repeated,
    strings,
    text_or_none,
    too_long,
)
from datakit.importers._raw import RawQueries, RawQuery
from datakit.records import LEVELS, SPLITS, Dropped, Query, Split, safe_id
from datakit.text import normalise

if TYPE_CHECKING:
    import pyarrow as pa

    from datakit.importers._collect import _State

_FORMS = ("keyword", "question", "need")
NO_SPLIT = -1


@dataclass
class Queries:
    """Queries by place, and of each the place of its split in `SPLITS`, or -1."""

    ids: Ids = field(default_factory=Ids)
    splits: array[int] = field(default_factory=lambda: array("b"))
    _pieces: list[RawQueries | list[RawQuery]] = field(default_factory=list)

    def add(self, row: RawQuery, name: str) -> bool:
        """Keep a query under an id; False where that is there already."""
        if self.ids.by_name().setdefault(name, len(self.splits)) != len(self.splits):
            return False
        self.splits.append(code_of(row.split))
        last = self._pieces[-1] if self._pieces else None
        if not isinstance(last, list) or len(last) == BATCH:
            last = []
            self._pieces.append(last)
        last.append(row)
        return True

    def extend(self, columns: RawQueries) -> bool:
        """Keep queries without a split under their own ids; none where not every one is new."""
        if not self.ids.extend(columns.ids):
            return False
        self.splits.frombytes(bytes([NO_SPLIT % 256]) * len(columns.ids))
        self._pieces.append(columns)
        return True

    def split_of(self, place: int) -> Split | None:
        code = self.splits[place]
        return None if code == NO_SPLIT else SPLITS[code]

    def split_column(self) -> pa.Array:
        """The splits of all queries, as text or null."""
        import numpy as np
        import pyarrow as pa

        codes = np.frombuffer(self.splits, np.int8)
        return pa.array((None, *SPLITS), pa.string()).take(pa.array(codes - NO_SPLIT))

    def tables(self, state: _State) -> Iterator[pa.Table]:
        """The queries in the schema of their table, piece by piece."""
        names, splits, at = self.ids.column(), self.split_column(), 0
        for piece in self._pieces:
            n = len(piece) if isinstance(piece, list) else len(piece.ids)
            cells = names.slice(at, n), splits.slice(at, n), state
            if isinstance(piece, list):
                yield _table(piece, *cells)
            else:
                yield _column_table(piece, *cells)
            at += n


def code_of(split: Split | None) -> int:
    return NO_SPLIT if split is None else SPLITS.index(split)


def query(row: RawQuery, state: _State) -> Dropped | None:
    """Kept, or why not."""
    name = state.restored.get(row.id, row.id)
    if len(row.text) > LONGEST_TEXT and name not in state.queries.ids.by_name():
        return too_long(row, row.text)
    return None if state.queries.add(row, name) else repeated(row)


def queries_of(columns: RawQueries, state: _State) -> Iterator[Dropped]:
    """As `query`, many at once where none is dropped."""
    import pyarrow.compute as pc

    short = pc.max(n_characters(columns.texts)).as_py() <= LONGEST_TEXT
    sound = short and not state.restored and all_safe(columns.ids)
    if sound and state.queries.extend(columns):
        return
    for row in columns.rows():
        dropped = query(row, state)
        if dropped:
            yield dropped


def _column_table(piece: RawQueries, names: pa.Array, splits: pa.Array, state: _State) -> pa.Table:
    import pyarrow as pa

    texts = normalised(piece.texts)
    return arrow_table(Query, {
        "query_id": names, "text": texts, "language": languages_of(texts, state), "split": splits,
        "scope": pa.repeat(pa.scalar("intra"), len(names)),
    })  # fmt: skip


def _table(rows: list[RawQuery], ids: pa.Array, splits: pa.Array, state: _State) -> pa.Table:
    names = ids.to_pylist()
    own: list[str] = safe_ids(ids).to_pylist()
    texts = [normalise(row.text) for row in rows]
    about = [row.about for row in rows]
    columns: dict[str, Any] = {
        "query_id": own, "text": texts,
        "language": [language_of(t, a, state) for t, a in zip(texts, about, strict=True)],
        "split": [
            split or _one_of(SPLITS, a.get("split"))
            for split, a in zip(splits.to_pylist(), about, strict=True)
        ],
        "level": [_one_of(LEVELS, a.get("level")) for a in about],
        "form": [_one_of(_FORMS, a.get("form")) for a in about],
        "seed_passage_ids": [list(map(safe_id, strings(a.get("seed_passage_ids")))) for a in about],
        "scope": list(itertools.repeat("intra", len(rows))),
        "flags": [list(flags(*pair)) for pair in zip(names, own, strict=True)],
    }  # fmt: skip
    for key in ("generator_id", "generator_family"):
        columns[key] = [text_or_none(a.get(key)) for a in about]
    return arrow_table(Query, columns)


def _one_of(known: tuple[str, ...], value: Any) -> str | None:
    return value if value in known else None

"""Labels, seeds and negatives as records on other passages."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from datakit.dataset import Dataset
from datakit.projection import rules
from datakit.projection.intervals import Ints, Spans, overlaps
from datakit.projection.labels import (
    FROM,
    GRADE,
    LABEL,
    OF_TABLE,
    SHARE,
    Corpus,
    Given,
    Pieces,
    codes,
    ints,
)
from datakit.projection.rules import REASONS, Labels, Moved, move
from datakit.records import Dropped, Evidence, Judgement, Negative, Qrel, Query

if TYPE_CHECKING:
    import pyarrow as pa

ROWS_AT_ONCE = 20_000
PROJECTED, BY_OVERLAP, UNCERTIFIED = "projected", "by_overlap", "uncertified"
NEGATIVE_SHARE = 0.5  # of a passage that must be of a negative for it to be one


@dataclass(frozen=True)
class Target:
    """The passages that labels are moved to."""

    ids: pa.Array
    spans: Spans


# --- labels -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Rule:
    """part: the least share of evidence that counts; needed: the highest grade of a part."""

    part: float
    needed: int


def labels_of(
    found: Given, target: Target, rule: Rule, queries: Mapping[str, tuple[Any, Any]]
) -> Iterator[tuple[str, Judgement | Qrel | Dropped]]:
    """Rows of `judgement`, of the label tables, and of what could not be moved."""
    moved = move(found.labels, target.spans, rule.part, rule.needed)
    for query_id, passage_id in found.lost:
        detail = f"{passage_id[:100]} is not in table passage"
        yield "", Dropped(f"{query_id} {passage_id}"[:400], "passage_not_there", detail)
    for dropped in _not_moved(found, moved):
        yield "", dropped
    writer = _Rows(found, target, moved, queries)
    yield from writer.judgements()
    for i, table in enumerate(found.tables):
        yield from ((table, qrel) for qrel in writer.qrels(1 << i))


def _not_moved(found: Given, moved: Moved) -> Iterator[Dropped]:
    why, best, touched = rules.reasons(found.labels, moved)
    rows = np.flatnonzero(why)
    columns = _cells(found.rows, rows, ("query_id", "passage_id", "source", "flags"))
    for row, (query, passage, source, flags) in zip(rows.tolist(), columns, strict=True):
        first = _first_passage(passage, flags)
        about = f"label {found.labels.grade[row]} ({source}) of {first}"
        reason = REASONS[why[row]]
        if reason == rules.NO_TEXT:
            detail = f"{about}: no passage has any of its text"
        elif reason == rules.IN_PIECES:
            n, share = int(touched[row]), float(best[row])
            detail = f"{about}: the best of {n} passages has {share:.2f} of its evidence"
        else:
            share = float(best[row])
            detail = f"{about}: at most {share:.2f} of a passage was judged so; the rest was not"
        yield Dropped(f"{query} {first}", reason, detail)


def _first_passage(passage_id: str, flags: list[str]) -> str:
    """The passage of which a label was first given."""
    marked = (flag for flag in flags if flag.startswith(FROM))
    return next(marked, FROM + passage_id).removeprefix(FROM)


class _Rows:
    """Records of moved labels, made in pieces of `ROWS_AT_ONCE`."""

    def __init__(
        self, found: Given, target: Target, moved: Moved, queries: Mapping[str, tuple[Any, Any]]
    ) -> None:
        self._found, self._target, self._moved, self._queries = found, target, moved, queries
        self._sure = np.ones(len(found.labels.grade), bool)  # all of its evidence is verified
        self._sure[found.labels.of[~found.verified]] = False

    def judgements(self) -> Iterator[tuple[str, Judgement]]:
        moved = self._moved
        order = np.lexsort((moved.passage, self._found.labels.query[moved.label]))
        for at, row, passage_id, evidence in self._pieces(order):
            grade = int(moved.grade[at])
            flags = self._flags(row, at)
            marks = {
                LABEL: float(moved.label[at]),
                GRADE: float(self._found.labels.grade[moved.label[at]]),
                SHARE: round(float(moved.share[at]), 4),
            }
            yield "judgement", Judgement(
                row["query_id"], passage_id, grade if grade >= 0 else None, row["source"],
                tuple(row["routes"]), dict(row["scores"]) | marks, evidence,
                row["calibration_id"], None, flags,
            )  # fmt: skip

    def qrels(self, bit: int) -> Iterator[Qrel]:
        """The labels of one table: of each pair the highest grade, then the largest share."""
        moved = self._moved
        label = moved.label
        kept = np.flatnonzero((moved.grade >= 0) & (self._found.table[label] & bit > 0))
        query = self._found.labels.query[label[kept]]
        order = kept[
            np.lexsort((-moved.share[kept], -moved.grade[kept], moved.passage[kept], query))
        ]
        pair = self._found.labels.query[label[order]] * (len(self._target.ids) + 1)
        pair += moved.passage[order]
        first = np.flatnonzero(np.append(True, pair[1:] != pair[:-1])) if len(pair) else pair
        count = np.diff(np.append(first, len(pair)))
        for (at, row, passage_id, evidence), n in zip(
            self._pieces(order[first]), count.tolist(), strict=True
        ):
            scores = dict(row["scores"])
            for mark in (LABEL, GRADE):
                scores.pop(mark, None)
            yield Qrel(
                row["query_id"], passage_id, int(moved.grade[at]), row["source"],
                *self._queries.get(row["query_id"], (None, None)),
                routes=tuple(row["routes"]),
                scores=scores | {SHARE: round(float(moved.share[at]), 4)}, evidence=evidence,
                calibration_id=row["calibration_id"], n_judgements=n,
                flags=tuple(f for f in self._flags(row, at) if not f.startswith(OF_TABLE)),
            )  # fmt: skip

    def _flags(self, row: dict[str, Any], at: int) -> tuple[str, ...]:
        """Those of the label, where it came from, and whether it is a guess.

        A label of a whole passage, that a part of it now has, may be wrong: it is uncertified, and
        marked so that on the way back it is as certain as before.
        """
        label = int(self._moved.label[at])
        gone = {PROJECTED, BY_OVERLAP} | ({UNCERTIFIED} if BY_OVERLAP in row["flags"] else set())
        own = [f for f in row["flags"] if f not in gone and not f.startswith((OF_TABLE, FROM))]
        guessed = self._moved.grade[at] > 0 and self._moved.share[at] < rules.WHOLE
        if guessed and not self._sure[label] and UNCERTIFIED not in own:
            own += [UNCERTIFIED, BY_OVERLAP]
        tables = (
            OF_TABLE + name.removeprefix("qrel/")
            for i, name in enumerate(self._found.tables)
            if self._found.table[label] >> i & 1
        )
        first = FROM + _first_passage(row["passage_id"], row["flags"])
        return (*own, PROJECTED, first, *tables)

    def _pieces(
        self, order: Ints
    ) -> Iterator[tuple[int, dict[str, Any], str, tuple[Evidence, ...]]]:
        """(row of moved, its label as values, id of the passage, evidence), in the given order."""
        for begin in range(0, len(order), ROWS_AT_ONCE):
            at = order[begin : begin + ROWS_AT_ONCE]
            labels = self._moved.label[at]
            rows = self._found.rows.take(_array(labels)).to_pylist()
            ids = self._target.ids.take(_array(self._moved.passage[at])).to_pylist()
            evidence = self._found.evidence_of(labels)
            yield from zip(at.tolist(), rows, ids, evidence, strict=True)


# --- seeds ------------------------------------------------------------------------------------


def moved_queries(
    dataset: Dataset, corpus: Corpus, target: Target, part: float
) -> Iterator[tuple[Query, list[str]]]:
    """The queries with seeds on the new passages, and the seeds that have none there."""
    seeds = _seeds(dataset, corpus)
    moved = move(seeds, target.spans, part, 1)
    kept = moved.grade >= 0
    order = np.flatnonzero(kept)[np.lexsort((-moved.share[kept], moved.label[kept]))]
    low = np.searchsorted(moved.label[order], np.arange(len(seeds.grade)), "left")
    high = np.searchsorted(moved.label[order], np.arange(len(seeds.grade)), "right")
    n = 0
    for query in dataset.read("query"):
        new: dict[str, None] = {}
        lost = []
        for seed in query.seed_passage_ids:
            places = order[low[n] : high[n]]
            n += 1
            new |= dict.fromkeys(target.ids.take(_array(moved.passage[places])).to_pylist())
            if not len(places):
                lost.append(seed)
        yield replace(query, seed_passage_ids=tuple(new)), lost


def _seeds(dataset: Dataset, corpus: Corpus) -> Labels:
    """A label of grade 1 for each seed, in the order of the queries; its evidence the query's."""
    import pyarrow.compute as pc

    table = dataset.arrow("query", ["query_id", "seed_passage_ids", "evidence"])
    lists = table["seed_passage_ids"].combine_chunks()
    query = ints(pc.list_parent_indices(lists))
    passage = codes(pc.list_flatten(lists), corpus.ids)
    n = len(query)
    there = np.flatnonzero(passage >= 0)
    own = Pieces.of(table["evidence"], corpus)
    low = np.searchsorted(own.of_row, query[there], "left")
    count = np.searchsorted(own.of_row, query[there], "right") - low
    within = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
    at = np.repeat(low, count) + within
    found = Pieces(np.repeat(there, count), own.spans.take(at), own.verified[at])
    found = found.touching(passage, corpus)
    rest = np.setdiff1d(there, found.of_row)
    spans = corpus.spans.take(passage[rest])
    found = found.and_(Pieces(rest, spans, np.zeros(len(rest), bool)))
    return Labels(query, np.ones(n, np.int64), found.of_row, found.spans)


# --- negatives --------------------------------------------------------------------------------


def negatives_of(
    dataset: Dataset, corpus: Corpus, target: Target, labels: Mapping[str, Mapping[str, int]],
    relevant_from: int,
) -> Iterator[tuple[str, Negative | Dropped]]:  # fmt: skip
    """Negatives on the passages at least half of which is theirs, unless they are relevant there.

    Scores and ranks stay those of the old passage, which the flag `projected` says.
    """
    for table in [name for name in dataset.tables() if name.startswith("negative/")]:
        passage = codes(dataset.arrow(table, ["passage_id"])["passage_id"], corpus.ids)
        places = _covered(corpus.spans, passage, target.spans)
        seen: set[tuple[str, str]] = set()
        for row, negative in enumerate(dataset.read(table)):
            own = labels.get(negative.query_id, {})
            new = target.ids.take(_array(places.get(int(passage[row]), _NONE))).to_pylist()
            free = [one for one in new if own.get(one, 0) < relevant_from]
            for one in free:
                if (negative.query_id, one) not in seen:
                    seen.add((negative.query_id, one))
                    flags = tuple(dict.fromkeys((*negative.flags, PROJECTED)))
                    yield table, replace(negative, passage_id=one, flags=flags)
            if not free:
                yield "", _lost_negative(negative, bool(new), passage[row] >= 0)


_NONE = np.zeros(0, np.int64)


def _covered(old: Spans, passage: Ints, new: Spans) -> dict[int, Ints]:
    """By old passage, the new ones at least `NEGATIVE_SHARE` of which it covers."""
    wanted = np.unique(passage[passage >= 0])
    found: dict[int, list[int]] = {}
    for row, place, shared in overlaps(old.take(wanted), new):
        fits = shared / new.size[place] >= NEGATIVE_SHARE
        for at, one in zip(wanted[row[fits]].tolist(), place[fits].tolist(), strict=True):
            found.setdefault(at, []).append(one)
    return {at: np.array(places, np.int64) for at, places in found.items()}


def _lost_negative(negative: Negative, placed: bool, there: bool) -> Dropped:
    if not there:
        reason, why = "negative_not_there", "its text is not a passage of the corpus"
    elif placed:
        reason, why = "negative_is_relevant", "the passages of its text are relevant there"
    else:
        reason, why = "negative_holds_other_text", "no passage is at least half its text"
    return Dropped(f"{negative.query_id} {negative.passage_id}", reason, why)


# --- small ------------------------------------------------------------------------------------


def _array(rows: Any) -> pa.Array:
    import pyarrow as pa

    return pa.array(np.asarray(rows, np.int64))


def _cells(table: pa.Table, rows: Ints, columns: tuple[str, ...]) -> Iterator[tuple[Any, ...]]:
    some = table.select(columns).take(_array(rows))
    return zip(*(some[name].to_pylist() for name in columns), strict=True)

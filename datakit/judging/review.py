"""People as assessors: pairs out as a file, their grades in again.

A review file is CSV (`.csv`, opens in a spreadsheet) or JSON lines: one row per pair, in random
order, without a score, a source or another's grade. People fill in `grade` and may copy the words
that answer into `snippet`.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from datakit.dataset import Dataset
from datakit.errors import UsageError
from datakit.generators._quotes import Found, align
from datakit.judging.pairs import looked_up, read_rows, to_cell
from datakit.judging.tables import judged
from datakit.records import GRADES, Dropped, Evidence, Judgement, Passage, Query

NAME = "human"  # of the table
COLUMNS = (
    "query_id", "passage_id", "query", "context", "passage", "grade", "snippet", "assessor",
)  # fmt: skip
CANNOT_TELL = "?"
_SHOWN = 80  # characters of a value in a message


def write_review(
    path: Path, pairs: Iterable[tuple[Query, Passage] | Dropped], assessor: str = ""
) -> tuple[int, list[Dropped]]:
    """Write a review file; returns how many pairs it has, and what was left out.

    Raises:
        UsageError: the file is there already, or cannot be written.
    """
    dropped: list[Dropped] = []
    n = 0
    try:
        # utf-8-sig: spreadsheets take a file without the mark for another encoding
        encoding = "utf-8-sig" if path.suffix.lower() == ".csv" else "utf-8"
        with path.open("x", encoding=encoding, newline="") as file:
            table = csv.writer(file)
            if path.suffix.lower() == ".csv":
                table.writerow(COLUMNS)
            for one in pairs:
                if isinstance(one, Dropped):
                    dropped.append(one)
                    continue
                row = _row(*one, assessor)
                if path.suffix.lower() == ".csv":
                    table.writerow([to_cell(row[name]) for name in COLUMNS])
                else:
                    file.write(json.dumps(row, ensure_ascii=False) + "\n")
                n += 1
    except FileExistsError:
        raise UsageError(f"{path} is there already: choose another name.") from None
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}.") from None
    return n, dropped


def _row(query: Query, passage: Passage, assessor: str) -> dict[str, str]:
    return {
        "query_id": query.query_id, "passage_id": passage.passage_id, "query": query.text,
        "context": passage.header, "passage": passage.text, "grade": "", "snippet": "",
        "assessor": assessor,
    }  # fmt: skip


def read_review(
    path: Path, dataset: Dataset, assessor: str | None = None
) -> Iterator[Judgement | Dropped]:
    """The judgements of a review file, as `judgements_of` makes them.

    Raises:
        UsageError: it cannot be read, or a graded row names no assessor.
    """
    rows = read_rows(path, ("query_id", "passage_id", "grade"))
    return judgements_of(path, rows, dataset, assessor)


def judgements_of(
    path: Path, rows: Iterable[tuple[int, Mapping[str, str]]], dataset: Dataset,
    assessor: str | None = None,
) -> Iterator[Judgement | Dropped]:  # fmt: skip
    """The judgements of people's rows; rows without a grade are passed over.

    What is there already, by the same assessor and with the same grade, is not given again.

    Args:
        path: the file they are from, for messages.
        rows: number and values: query_id, passage_id, grade, perhaps snippet and assessor.
        dataset: of the pairs.
        assessor: of rows that name none.

    Raises:
        UsageError: a graded row names no assessor.
    """
    filled = [(number, row) for number, row in rows if row["grade"].strip()]
    for number, row in filled:
        if not (row.get("assessor", "").strip() or assessor):
            raise UsageError(
                f"{path}:{number} has a grade and no assessor: fill in the column, or give "
                "--assessor NAME."
            )
    pairs = list(dict.fromkeys((row["query_id"], row["passage_id"]) for _, row in filled))
    found = dict(zip(pairs, looked_up(dataset, pairs), strict=True))
    last = {
        (one.query_id, one.passage_id, one.assessor_id): one.grade
        for one in judged(dataset)
        if one.source == "human"
    }
    for number, row in filled:
        record = found[row["query_id"], row["passage_id"]]
        if isinstance(record, Dropped):
            yield record
            continue
        made = _judgement(path, number, row, record, assessor or "")
        if isinstance(made, Judgement):
            key = (made.query_id, made.passage_id, made.assessor_id)
            if key in last and last[key] == made.grade:
                continue
            last[key] = made.grade
        yield made


def _judgement(
    path: Path, number: int, row: Mapping[str, str], pair: tuple[Query, Passage], assessor: str
) -> Judgement | Dropped:
    query, passage = pair
    said = row["grade"].strip()
    grade: int | None = None
    flags: tuple[str, ...] = ()
    if said == CANNOT_TELL:
        flags = ("cannot_tell",)
    elif said in map(str, GRADES):
        grade = int(said)
    else:
        why = f"{path.name}:{number}: grade {said[:_SHOWN]!r}, expected 0 to 3, or ? for not sure"
        return Dropped(f"{query.query_id} {passage.passage_id}", "bad_grade", why)
    evidence: tuple[Evidence, ...] = ()
    quote = row.get("snippet", "").strip()
    if quote:
        place = align(quote, passage.text)
        if isinstance(place, Found):
            start, end = passage.start + place.start, passage.start + place.end
            evidence = (Evidence(passage.doc_id, start, end),)
        else:
            flags = (*flags, "snippet_not_found")
    return Judgement(
        query.query_id, passage.passage_id, grade, "human", evidence=evidence,
        assessor_id=(row.get("assessor", "").strip() or assessor)[:200], flags=flags,
    )  # fmt: skip

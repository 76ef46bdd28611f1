"""Which pairs are to be judged: named in a file, or those that labels rest on."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from datakit.calibration.sampling import Pair, draws
from datakit.dataset import Dataset
from datakit.errors import UsageError
from datakit.judging.labels import JUDGED_BY
from datakit.judging.tables import judged
from datakit.records import Dropped, Judgement, Passage, Query

MOST_BYTES = 512 << 20  # of a file of pairs or of a review
MOST_FIELD = 1 << 20  # characters of one value
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "'")  # how a cell begins that is more than text
Row = dict[str, str]


def read_rows(path: Path, needed: Sequence[str]) -> Iterator[tuple[int, Row]]:
    """Rows of a CSV file (`.csv`) or of JSON lines, with their line numbers; values as text.

    Raises:
        UsageError: it cannot be read, is too large, is neither, or lacks a column.
    """
    try:
        if path.stat().st_size > MOST_BYTES:
            raise UsageError(f"{path} has more than {MOST_BYTES >> 20} MB: cut it into pieces.")
        text = path.read_text("utf-8-sig")
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError as error:
        raise UsageError(f"{path} is not UTF-8: {error.reason}.") from None
    reader = _csv_rows if path.suffix.lower() == ".csv" else _json_rows
    for number, row in reader(path, text):
        for name in needed:
            if name not in row:
                raise UsageError(f"{path}:{number}: no {name!r}; expected {', '.join(needed)}.")
        yield number, row


def _csv_rows(path: Path, text: str) -> Iterator[tuple[int, Row]]:
    before = csv.field_size_limit(MOST_FIELD)
    try:
        reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
        for row in reader:
            plain = {k: from_cell(v) for k, v in row.items() if k is not None and v is not None}
            yield reader.line_num, plain
    except csv.Error as error:
        raise UsageError(f"{path} is not CSV: {error}.") from None
    finally:
        csv.field_size_limit(before)


def _json_rows(path: Path, text: str) -> Iterator[tuple[int, Row]]:
    # not splitlines(): texts may hold U+2028, which JSON leaves as it is
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            value = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise UsageError(f"{path}:{number} is not JSON: {error}.") from None
        if not isinstance(value, dict):
            raise UsageError(f"{path}:{number} is no JSON object with query_id and passage_id.")
        yield number, {name: _text(one) for name, one in value.items()}


def _text(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def to_cell(text: str) -> str:
    """A value that no spreadsheet takes for a formula."""
    return f"'{text}" if text.startswith(_FORMULA) else text


def from_cell(text: str) -> str:
    """What `to_cell` was given."""
    return text[1:] if text.startswith("'") and text[1:].startswith(_FORMULA) else text


def read_pairs(path: Path) -> list[Pair]:
    """The pairs of a file with query_id and passage_id, each once, in its order.

    Raises:
        UsageError: see `read_rows`; or it names none.
    """
    rows = read_rows(path, ("query_id", "passage_id"))
    found = list(dict.fromkeys((row["query_id"], row["passage_id"]) for _, row in rows))
    if not found:
        raise UsageError(f"{path} names no pair: expected rows with query_id and passage_id.")
    return found


def labelled_pairs(dataset: Dataset) -> list[Pair]:
    """The pairs that mining labelled, in its order.

    Raises:
        UsageError: the dataset has none.
    """
    if "judgement" not in dataset:
        raise UsageError(
            f"{dataset.path} has no mined labels to judge: run `datakit mine`, or name pairs with "
            "--pairs FILE."
        )
    rows: Iterable[Judgement] = dataset.read("judgement")
    return list(dict.fromkeys((one.query_id, one.passage_id) for one in rows))


def queued(dataset: Dataset) -> list[Pair]:
    """The pairs that a stage left for a judge: near enough to be positives, and unjudged."""
    tables = [table for table in dataset.tables() if table.startswith("queue/")]
    return [(one.query_id, one.passage_id) for table in tables for one in dataset.read(table)]


def shuffled(pairs: Sequence[Pair], seed: int, purpose: str) -> list[Pair]:
    """The pairs in an order drawn by hash: a prefix of it is a random sample."""
    numbers = draws(pairs, seed, purpose).tolist()
    return [pair for _, pair in sorted(zip(numbers, pairs, strict=True))]


def judged_by_people(dataset: Dataset) -> set[Pair]:
    return {(one.query_id, one.passage_id) for one in judged(dataset) if one.source == "human"}


def grades_by(dataset: Dataset, table: str) -> dict[Pair, int | None]:
    """The last grade of each pair in one table of judgements."""
    rows: Iterable[Judgement] = dataset.read(table)
    return {(one.query_id, one.passage_id): one.grade for one in rows if one.source in JUDGED_BY}


def looked_up(dataset: Dataset, pairs: Sequence[Pair]) -> Iterator[tuple[Query, Passage] | Dropped]:
    """The records of the pairs, in their order; an id that the dataset does not have is Dropped."""
    if not pairs:
        return
    queries = records_of(dataset, {query_id for query_id, _ in pairs})
    wanted = {passage_id for _, passage_id in pairs}
    passages = {one.passage_id: one for one in dataset.where("passage", "passage_id", wanted)}
    for query_id, passage_id in pairs:
        if query_id not in queries:
            yield _unknown(query_id, passage_id, "query")
        elif passage_id not in passages:
            yield _unknown(query_id, passage_id, "passage")
        else:
            yield queries[query_id], passages[passage_id]


def records_of(dataset: Dataset, query_ids: set[str] | None = None) -> dict[str, Query]:
    """Queries by id, those before the split included; None: all."""
    found: dict[str, Query] = {}
    for table in ("query/candidate", "query"):
        if table in dataset:
            rows = (
                dataset.read(table)
                if query_ids is None
                else dataset.where(table, "query_id", query_ids)
            )
            found |= {one.query_id: one for one in rows}
    return found


def _unknown(query_id: str, passage_id: str, what: str) -> Dropped:
    name = query_id if what == "query" else passage_id
    detail = f"this dataset has no {what} {name!r}; was the pair named for another build?"
    return Dropped(f"{query_id} {passage_id}"[:400], f"unknown_{what}", detail[:500])

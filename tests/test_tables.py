from __future__ import annotations

import json
import random
from hashlib import sha256
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from datakit import (
    Block,
    Document,
    Dropped,
    Evidence,
    Passage,
    Query,
    ScoredPassage,
    Section,
    table_records,
)
from datakit.digests import row_sum
from datakit.errors import UnknownName
from datakit.tables import PartWriter, read_part, record_class, schema, table_digest, write_part

DOCUMENT = Document(
    doc_id="d1",
    text="一、总则\nText with “quotes”\tand a tab",
    source_uri="folder/文件.html",
    blocks=(
        Block("heading", 0, 4, 1, "一、"),
        Block("caption", 5, 9, reference="a.png"),
        Block("table", 10, 20, cells=(("Boat", "Oars"), ("Punt", "")), has_header=True),
    ),
    sections=(Section("总则", 1, 0, 20, ("总则",)),),
    category_weights={"b": 0.25, "a": 0.75},
    flags=("low_coverage",),
    meta={"cik": "1", "a": "2"},
)
QUERY = Query(
    "q1", "什么是总则？", "zh", "sentence", "question",
    evidence=(Evidence("d1", 0, 4),), scores={"seed_grade": 3.0}, facets={"time": "2024Q1"},
)  # fmt: skip


@pytest.mark.parametrize("record", [DOCUMENT, QUERY, ScoredPassage("q", "p", 0.1)])
def test_a_record_comes_back_equal(record: object, tmp_path: Path) -> None:
    part = write_part(type(record), [record], tmp_path / "x.parquet")

    assert list(read_part(type(record), tmp_path / part.file)) == [record]


@given(st.lists(st.tuples(st.text(), st.floats(allow_nan=False)), unique=True, max_size=20))
def test_the_digest_ignores_the_order_of_rows(rows: list[tuple[str, float]]) -> None:
    names = pa.schema([("text", pa.string()), ("score", pa.float64())])
    shuffled = random.Random(1).sample(rows, len(rows))
    one, other = (
        pa.Table.from_pylist([dict(zip(names.names, row, strict=True)) for row in some], names)
        for some in (rows, shuffled)
    )

    assert row_sum(one) == row_sum(other)


_NAMES = pa.schema(
    [
        ("text", pa.string()), ("score", pa.float64()), ("title", pa.string()),
        ("flag", pa.bool_()),
        ("scores", pa.map_(pa.string(), pa.float64())),
    ]
)  # fmt: skip


@given(st.lists(st.tuples(st.text(), st.floats(), st.none() | st.text(), st.booleans())))
def test_a_row_is_the_digest_of_its_cells_as_json(rows: list[tuple[Any, ...]]) -> None:
    with_map = [(*row, [("k", row[1])]) for row in rows]
    table = pa.Table.from_pylist(
        [dict(zip(_NAMES.names, r, strict=True)) for r in with_map], _NAMES
    )
    lines = [[text, x.hex(), title, flag, [["k", x.hex()]]] for text, x, title, flag in rows]
    cells = (json.dumps(line, ensure_ascii=False, separators=(",", ":")) for line in lines)

    by_hand = sum(int(sha256(line.encode()).hexdigest(), 16) for line in cells) % 2**256
    assert row_sum(table) == by_hand


def test_the_digest_ignores_how_rows_are_cut_into_parts(tmp_path: Path) -> None:
    rows = [Dropped(str(i), "reason", "detail") for i in range(10)]
    whole = [write_part(Dropped, rows, tmp_path / "a.parquet")]
    halves = [
        write_part(Dropped, rows[5:], tmp_path / "b.parquet"),
        write_part(Dropped, rows[:5], tmp_path / "c.parquet"),
    ]

    assert table_digest(Dropped, whole) == table_digest(Dropped, halves)


def test_one_changed_cell_changes_the_digest(tmp_path: Path) -> None:
    one = write_part(ScoredPassage, [ScoredPassage("q", "p", 0.1)], tmp_path / "a.parquet")
    other = write_part(
        ScoredPassage, [ScoredPassage("q", "p", 0.1 + 1e-16)], tmp_path / "b.parquet"
    )

    assert table_digest(ScoredPassage, [one]) != table_digest(ScoredPassage, [other])


def test_a_part_ends_only_between_two_documents(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("datakit.tables.PART_ROWS", 3)
    writer = PartWriter(Passage, tmp_path, "p", key=lambda p: p.doc_id)
    for doc, n in (("a", 2), ("b", 4), ("c", 1)):
        for i in range(n):
            writer.add(Passage(f"{doc}:{i}", doc, "text", i, i + 4, i))

    parts = [[p.doc_id for p in read_part(Passage, tmp_path / p.file)] for p in writer.close()]

    assert parts == [["a", "a", "b", "b", "b", "b"], ["c"]]


def test_every_table_has_a_schema_read_off_its_record() -> None:
    assert schema(record_class("qrel/seed")).names[:4] == [
        "query_id", "passage_id", "grade", "source",
    ]  # fmt: skip


def test_an_unknown_table_names_the_nearest_one() -> None:
    with pytest.raises(UnknownName, match="Did you mean 'passage'"):
        record_class("passages")


@pytest.mark.parametrize(
    ("header", "row", "record"),
    [
        (("Boat", "Oars"), ("Punt", "0"), {"Boat": "Punt", "Oars": "0"}),
        (("", "2023", "2023"), ("a", "1", "2"), {"1": "a", "2023": "1", "2023 (2)": "2"}),
        (("a", "a (2)", "a"), ("x", "y", "z"), {"a": "x", "a (2)": "y", "a (3)": "z"}),
    ],
)
def test_a_table_block_gives_records_by_column(
    header: tuple[str, ...], row: tuple[str, ...], record: dict[str, str]
) -> None:
    assert table_records(Block("table", 0, 9, cells=(header, row), has_header=True)) == [record]


def test_columns_without_a_header_are_named_by_number() -> None:
    block = Block("table", 0, 9, cells=(("Punt", "0"), ("Gig", "6")))

    assert table_records(block) == [{"1": "Punt", "2": "0"}, {"1": "Gig", "2": "6"}]
    assert table_records(Block("paragraph", 0, 9)) == []

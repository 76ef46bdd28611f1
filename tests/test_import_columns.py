"""Columns of an import: lines that are written alike, and ids looked up many at once."""

from __future__ import annotations

import json
import random

import numpy as np
import pyarrow as pa
import pytest

from datakit.importers import _columns, _ids
from datakit.importers._files import Block
from datakit.importers._ids import Ids
from datakit.importers._uniform import uniform

KEYS = frozenset(("_id", "title", "text"))


def line(i: int, text: str = "The rent is due.", **more: object) -> str:
    return json.dumps({"_id": f"d{i}", "title": f"Title {i}", "text": text, **more})


def columns_of(lines: list[str]) -> list[tuple[str | None, ...]] | None:
    """The passages of a block as `_columns` reads them."""
    rows = _columns.passages(Block(1, "\n".join(lines).encode()), "corpus.jsonl")
    if rows is None:
        return None
    assert rows.file == "corpus.jsonl"
    assert rows.first == 1
    for column in (rows.ids, rows.texts, rows.titles):
        column.validate(full=True)
    cells = (rows.ids.to_pylist(), rows.texts.to_pylist(), rows.titles.to_pylist())
    return list(zip(*cells, strict=True))


def parsed(lines: list[str]) -> list[tuple[str | None, ...]]:
    rows = map(json.loads, lines)
    return [(row["_id"], row["text"], row.get("title")) for row in rows]


OTHERS = (
    '{"_id":"x1","title":"t","text":"no blanks"}',
    '{"text": "another order", "title": "t", "_id": "x2"}',
    '{"_id": "x3", "text": "no title"}',
    '{"_id": "x4", "title": null, "text": "null as title"}',
    '{"_id": "x5", "title": "t", "text": "a \\"quoted\\" word \\u00e9 \\\\ \\n end"}',
    '{"_id": "x6", "title": "t\\"", "text": "escaped"}',
    '{"_id": "x7", "title": "", "text": ""}',
    '{"_id": "x8", "title": "租金", "text": "租户每月支付租金。"}',
    '{"_id": "x9", "title": "t", "text": "with metadata", "metadata": {}}',
)


@pytest.mark.parametrize("end", ["", "\n"])
def test_lines_that_are_alike_and_others_keep_their_order(end: str) -> None:
    draw = random.Random(3)
    for _ in range(20):
        lines = [line(i, f"text {i} {'é' * draw.randint(0, 3)}") for i in range(40)]
        for other in draw.sample(OTHERS, draw.randint(0, len(OTHERS))):
            lines.insert(draw.randint(0, len(lines)), other)
        lines[-1] += end
        assert columns_of(lines) == parsed(lines)


@pytest.mark.parametrize("other", OTHERS)
def test_any_form_may_be_that_of_most_lines(other: str) -> None:
    lines = [other.replace('"x', f'"y{i}-') for i in range(9)] + [line(1)]
    assert columns_of(lines) == parsed(lines)


BROKEN = (
    '{"_id": "x1", "title", "t", "text": "a comma for a colon"}',
    '{"_id": "x1", "title": "t", "text": "no end}',
    '{"_id": "x1", "title": "t", "text": "more behind"} "" ',
    '{"_id": "x1", "title": "t", "text": "twice"}{"_id": "x2", "text": "t"}',
    '{"_id": "x1", "title": "t", "test": "another key of that length"}',
    '["_id", "x1", "title", "t", "text", "a list with as many quotes!!"]',
    '{"_id": "x1", "title": "t", "text": "a tab\tinside"}',
    '{"_id": "", "title": "t", "text": "no id"}',
    '{"_id": null, "title": "t", "text": "no id"}',
    " ",
)


@pytest.mark.parametrize("broken", BROKEN)
def test_a_block_with_a_broken_line_is_left_to_the_reader_of_lines(broken: str) -> None:
    lines = [line(i) for i in range(9)]
    assert columns_of([*lines, broken]) is None
    assert columns_of([broken, *lines]) is None


def test_bytes_that_are_not_utf8_are_left_to_the_reader_of_lines() -> None:
    data = "\n".join(line(i) for i in range(9)).encode().replace(b"Title 7", b"Titl\xff 7")
    assert _columns.passages(Block(1, data), "corpus.jsonl") is None


@pytest.mark.parametrize("form", ['{"_id": "x%d", "text": "a", "text": "b"}',
                                  '{"_id": "x%d", "text": "a", "note": "b"}',
                                  '{"_id": "x%d", "text": "a", "metadata": {"text": "b"}}',
                                  '{"_id": %d, "text": "a"}'])  # fmt: skip
def test_keys_that_mean_more_than_a_string_are_no_form(form: str) -> None:
    data = "\n".join(form % i for i in range(9)).encode()
    assert uniform(Block(1, data), KEYS, "metadata") is None


# --- ids --------------------------------------------------------------------------------------


@pytest.fixture(params=["64 bits", "2 bits", "dict"])
def ids(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Ids:
    """Ids whose hashes differ, or meet nearly always, or that are in a dict from the start."""
    made = Ids()
    if request.param == "2 bits":
        hashes = _ids._hashes
        monkeypatch.setattr(_ids, "_hashes", lambda names: hashes(names) & np.uint64(3))
    if request.param == "dict":
        made.by_name()
    return made


def put(ids: Ids, names: list[str]) -> None:
    """As importers do it: one by one where many at once are refused."""
    if not ids.extend(pa.array(names, pa.string())):
        for name in names:
            ids.by_name().setdefault(name, len(ids))


def test_ids_have_the_places_in_which_they_came(ids: Ids) -> None:
    names = [f"p{i % 7}-{i}" for i in range(20_000)] + ["租约", "x" * 500]
    for at in range(0, len(names), 3_000):
        put(ids, names[at : at + 3_000])
    asked = [*reversed(names), "p0-1", "", "租", "x" * 499]
    found = ids.places(pa.array(asked)).tolist()
    assert found == [*reversed(range(len(names))), -1, -1, -1, -1]
    assert ids.column().to_pylist() == names
    assert len(ids) == len(names)


def test_an_id_that_is_there_already_or_twice_adds_none(ids: Ids) -> None:
    put(ids, ["a", "b"])
    for names in (["c", "b"], ["c", "c"]):
        assert not ids.extend(pa.array(names))
        assert len(ids) == 2
        assert ids.places(pa.array(["a", "b", "c"])).tolist() == [0, 1, -1]
    assert ids.by_name() == {"a": 0, "b": 1}


def test_a_hash_alone_is_no_id(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_ids, "_hashes", lambda names: np.full(len(names), 7, np.uint64))
    ids = Ids()
    assert ids.extend(pa.array(["a"]))
    assert ids.places(pa.array(["b", "a", "b"])).tolist() == [-1, 0, -1]

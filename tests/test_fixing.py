"""Repairs: what was planted is gone, the rest is as it was, and a second run changes nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import planted
import planted_defects as defects
import planted_verdicts as verdicts
import pytest
from planted import Tables

from datakit.auditing import running
from datakit.dataset import Dataset
from datakit.errors import UnknownName, UsageError
from datakit.fixing import fix
from datakit.fixing.names import differ_in_a_name

CLEAN = planted.clean()


def made(path: Path, plant: defects.Plant) -> tuple[Dataset, Dataset]:
    """A clean dataset and the same with a defect."""
    tables: Tables = {name: list(rows) for name, rows in CLEAN.items()}
    clean = planted.write(tables, path / "clean")
    plant(tables)
    return clean, planted.write(tables, path / "spoilt")


REPAIRED: list[tuple[str, Callable[[Tables], int]]] = [
    ("DK003", defects.repeated_passage_ids), ("DK005", defects.same_pair),
    ("DK006", defects.no_positive), ("DK007", defects.unsafe_ids),
    ("DK101", defects.exact_copies), ("DK102", defects.near_copies),
    ("DK103", defects.unjudged_copies), ("DK104", defects.repeated_queries),
    ("DK201", defects.dev_in_train), ("DK202", verdicts.paraphrases),
    ("DK203", defects.shared_positives), ("DK203", defects.shared_families),
    ("DK304", verdicts.risky_negatives), ("DK511", defects.meta_text),
]  # fmt: skip


@pytest.mark.parametrize(("check_id", "plant"), REPAIRED, ids=lambda x: str(x)[:5])
def test_a_repair_leaves_no_finding_and_a_second_one_changes_nothing(
    check_id: str, plant: defects.Plant, tmp_path: Path
) -> None:
    _, spoilt = made(tmp_path, plant)

    done = fix(spoilt, check_id, tmp_path / "fixed")

    assert done.changes
    assert done.after is not None
    assert [f.message for f in done.after.findings] == []
    assert done.dataset is not None
    assert fix(done.dataset, check_id, tmp_path / "again").changes == {}
    assert not (tmp_path / "again").exists()


@pytest.mark.parametrize(
    ("check_id", "plant"),
    [("DK003", defects.repeated_passage_ids), ("DK005", defects.same_pair),
     ("DK101", defects.exact_copies)],
)  # fmt: skip
def test_after_the_repair_the_tables_are_those_without_the_defect(
    check_id: str, plant: defects.Plant, tmp_path: Path
) -> None:
    clean, spoilt = made(tmp_path, plant)
    before = spoilt.digests()

    done = fix(spoilt, check_id, tmp_path / "fixed")

    assert done.dataset is not None
    now = {name: d for name, d in done.dataset.digests().items() if name != "dropped/fix"}
    assert now == clean.digests()
    assert Dataset.open(spoilt.path).digests() == before
    (changed,) = done.changes.values()
    drops = list(done.dataset.read("dropped/fix"))
    assert len(drops) >= changed
    assert {d.reason for d in drops} == {check_id}


@pytest.mark.parametrize(
    ("one", "other", "differ"),
    [
        ("Write to Acme at once", "Write to Bodo at once", True),
        ("Write to Acme at once", "Write to us at once", True),
        ("Customers pay. We refund.", "A customer pays. They refund", False),
        ("Terms Of Use of the site", "Terms of use, of the site", False),
        ("青松公司营业收入增长", "白杨公司营业收入增长", True),
        ("本公司营业收入增长", "公司的营业收入，增长", True),
        ("公司营业收入增长", "公司的营业收入，增长", False),
    ],
)
def test_a_name_is_a_capitalised_word_or_replaced_characters(
    one: str, other: str, differ: bool
) -> None:
    assert differ_in_a_name(one, other) is differ_in_a_name(other, one) is differ


def test_near_copies_that_differ_in_a_name_are_left_and_told(tmp_path: Path) -> None:
    tables = {name: list(rows) for name, rows in CLEAN.items()}
    long = max(tables["passage"], key=lambda p: len(p.text))
    tables["passage"] += [
        replace(long, passage_id=f"copy{i}", text=f"{long.text} Copyright of {name}")
        for i, name in enumerate(("Acme", "Bodo"))
    ]

    done = fix(planted.write(tables, tmp_path / "spoilt"), "DK102", tmp_path / "fixed")

    assert done.changes == {}
    assert any("2 near copies that may differ in a name" in one for one in done.left)


def test_labels_of_a_copy_are_led_to_the_passage_that_stays(tmp_path: Path) -> None:
    tables = {name: list(rows) for name, rows in CLEAN.items()}
    defects.exact_copies(tables)
    (copy,) = [p for p in tables["passage"] if p.passage_id == "copy3"]
    original = tables["passage"][3].passage_id
    query = tables["query"][-1]
    tables["qrel/mined"].append(
        planted.Qrel(query.query_id, copy.passage_id, 2, "human", split=query.split)
    )

    done = fix(planted.write(tables, tmp_path / "spoilt"), "DK101", tmp_path / "fixed")

    assert done.dataset is not None
    led = [
        r for r in done.dataset.read("qrel/mined")
        if (r.query_id, r.passage_id) == (query.query_id, original)
    ]  # fmt: skip
    assert [(r.grade, r.source) for r in led] == [(2, "human")]


def test_text_and_offsets_are_repaired_together(tmp_path: Path) -> None:
    tables = {name: list(rows) for name, rows in CLEAN.items()}
    broken = {"o": "cafÃ©\u200b", "山": "⼭"}
    documents, passages = [], {}
    for d in tables["document"][:2]:
        text = d.text
        for old, new in broken.items():
            text = text.replace(old, new, 3)
        documents.append(replace(d, text=text))
        passages[d.doc_id] = planted.Passage(
            f"{d.doc_id}:5-{len(text)}", d.doc_id, text[5:], 5, len(text), 0, language=d.language
        )
    dataset = planted.write(
        {"document": documents, "passage": list(passages.values()), "query": tables["query"][:3],
         "qrel/mined": []},
        tmp_path / "spoilt",
    )  # fmt: skip

    done = fix(dataset, "DK010", tmp_path / "fixed")

    assert done.dataset is not None
    found = running.audit(done.dataset, "corpus", only=["DK008", "DK010"])
    assert [f.message for f in found.findings] == [
        f.message for f in found.findings if "evidence" in f.message
    ]
    assert not any("Ã" in d.text or "⼭" in d.text for d in done.dataset.read("document"))


def test_no_repair_changes_a_grade_of_a_test_query(tmp_path: Path) -> None:
    _, spoilt = made(tmp_path, defects.other_grade)

    done = fix(spoilt, "DK005", tmp_path / "fixed")

    assert done.changes == {}
    assert len(done.left) == 3


def test_a_repair_needs_a_new_folder_and_a_check_that_has_one(tmp_path: Path) -> None:
    clean, _ = made(tmp_path, defects.same_pair)

    with pytest.raises(UnknownName, match="repair 'DK603'"):
        fix(clean, "DK603", tmp_path / "new")
    with pytest.raises(UsageError, match="choose another -o"):
        fix(clean, "DK005", clean.path)

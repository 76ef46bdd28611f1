"""Labels on another segmentation: which passages they hold for, and what is told of the rest."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from datakit.cli import app
from datakit.dataset import Dataset, write_tables
from datakit.errors import DatasetError, UsageError
from datakit.exporters._view import View
from datakit.projection import intervals, project
from datakit.projection.intervals import Spans, disjoint, overlaps
from datakit.records import Document, Evidence, Judgement, Negative, Passage, Qrel, Query

# ten code points a word with its blank
TEXT = "Rent-is-9. Paid-monthly Notice:30d Deposit-ok 用户可以随时取消。"
D = Document("d", TEXT, "lease.txt", title="Lease", language="en")


def passage(start: int, end: int, doc: Document = D) -> Passage:
    text = doc.text[start:end]
    return Passage(f"{doc.doc_id}:{start}-{end}", doc.doc_id, text, start, end, 0)


OLD = [passage(0, 23), passage(24, 45), passage(46, len(TEXT))]
P = [p.passage_id for p in OLD]
Q = Query("q", "what is the rent?", "en", "passage", "question", split="test")


def build(folder: Path, labels: list[Qrel], **tables: Any) -> Dataset:
    more = {name.replace("__", "/"): rows for name, rows in tables.items()}
    rows = {"document": [D], "passage": OLD, "query": [Q], "qrel/mined": labels}
    return write_tables(folder / "old", rows | more, "test")


def moved(folder: Path, dataset: Dataset, spans: list[tuple[int, int]], **kw: Any) -> Dataset:
    file = folder / "spans.jsonl"
    rows = ({"doc_id": "d", "start": start, "end": end} for start, end in spans)
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return project(dataset.path, folder / "new", file, **kw).dataset


def grades(dataset: Dataset, table: str = "qrel/mined") -> dict[str, int]:
    return {q.passage_id: q.grade for q in dataset.read(table)}


def dropped(dataset: Dataset) -> list[str]:
    if "dropped/project" not in dataset:
        return []
    return sorted(row.reason for row in dataset.read("dropped/project"))


# --- one label --------------------------------------------------------------------------------


def test_the_passage_that_holds_the_evidence_has_the_grade_and_the_others_none(
    tmp_path: Path,
) -> None:
    rent = (Evidence("d", 0, 10),)
    dataset = build(tmp_path, [Qrel("q", P[0], 3, "direct", evidence=rent)])
    new = moved(tmp_path, dataset, [(0, 10), (11, 45), (46, len(TEXT))])

    assert grades(new) == {"d:0-10": 3}
    assert next(iter(new.read("qrel/mined"))).split == "test"
    assert dropped(new) == []


def test_a_part_of_the_evidence_is_a_needed_part_and_less_is_left_to_a_judge(
    tmp_path: Path,
) -> None:
    rent = (Evidence("d", 0, 20),)
    dataset = build(tmp_path, [Qrel("q", P[0], 3, "direct", evidence=rent)])
    new = moved(tmp_path, dataset, [(0, 13), (14, 45)])

    assert grades(new) == {"d:0-13": 2}
    rows = {j.passage_id: (j.grade, j.scores["share"]) for j in new.read("judgement")}
    assert rows == {"d:0-13": (2, 0.65), "d:14-45": (None, 0.3)}


def test_a_part_of_a_passage_whose_evidence_is_not_known_is_uncertified_until_it_is_back(
    tmp_path: Path,
) -> None:
    dataset = build(tmp_path, [Qrel("q", P[0], 3, "judge")])
    new = moved(tmp_path, dataset, [(0, 13), (14, 45)])
    back = project(new.path, tmp_path / "back", dataset.path).dataset

    ((there,), (again,)) = (list(d.read("qrel/mined")) for d in (new, back))
    assert (there.grade, "uncertified" in there.flags) == (2, True)
    assert (again.grade, "uncertified" in again.flags) == (3, False)


def test_evidence_cut_in_pieces_has_no_label_and_is_told(tmp_path: Path) -> None:
    dataset = build(tmp_path, [Qrel("q", P[0], 2, "indirect-passage")])
    new = moved(tmp_path, dataset, [(0, 7), (8, 15), (16, 23)])

    assert grades(new) == {}
    (row,) = new.read("dropped/project")
    assert (row.record_id, row.reason) == (f"q {P[0]}", "in_pieces")
    assert "the best of 3 passages has 0.30 of its evidence" in row.detail
    assert [j.grade for j in new.read("judgement")] == [None] * 3


def test_text_that_no_passage_has_is_told(tmp_path: Path) -> None:
    dataset = build(tmp_path, [Qrel("q", P[0], 2, "human"), Qrel("q", P[1], 2, "human")])
    new = moved(tmp_path, dataset, [(24, 45)])

    assert grades(new) == {"d:24-45": 2}
    assert dropped(new) == ["text_not_there"]


def test_grade_0_holds_for_parts_and_not_for_more_than_was_judged(tmp_path: Path) -> None:
    zero = [Qrel("q", P[0], 0, "judge")]
    parts = moved(tmp_path / "a", build(tmp_path / "a", zero), [(0, 10), (11, 23), (24, 60)])
    more = moved(tmp_path / "b", build(tmp_path / "b", zero), [(0, 45)])
    both = [*zero, Qrel("q", P[1], 0, "judge")]
    whole = moved(tmp_path / "c", build(tmp_path / "c", both), [(0, 45)])

    assert grades(parts) == {"d:0-10": 0, "d:11-23": 0}
    assert grades(more) == {}
    assert dropped(more) == ["holds_unjudged"]
    assert grades(whole) == {"d:0-45": 0}


def test_the_highest_grade_counts_where_passages_become_one(tmp_path: Path) -> None:
    labels = [Qrel("q", P[0], 1, "judge"), Qrel("q", P[1], 3, "human"), Qrel("q", P[2], 0, "judge")]
    new = moved(tmp_path, build(tmp_path, labels), [(0, len(TEXT))])
    (label,) = new.read("qrel/mined")

    assert (label.grade, label.source, label.n_judgements) == (3, "human", 2)


def test_windows_that_overlap_are_all_labelled(tmp_path: Path) -> None:
    rent = (Evidence("d", 11, 23),)
    dataset = build(tmp_path, [Qrel("q", P[0], 3, "direct", evidence=rent)])
    new = moved(tmp_path, dataset, [(0, 23), (5, 34), (0, len(TEXT)), (24, 45)])

    assert grades(new) == {"d:0-23": 3, "d:5-34": 3, f"d:0-{len(TEXT)}": 3}


# --- where the evidence comes from --------------------------------------------------------------


def test_a_direct_label_without_evidence_has_that_of_its_query(tmp_path: Path) -> None:
    query = replace(Q, evidence=(Evidence("d", 0, 10), Evidence("d", 50, 55)))
    labels = [Qrel("q", P[0], 3, "direct"), Qrel("q", P[1], 2, "indirect-passage")]
    dataset = build(tmp_path, labels, query=[query])
    new = moved(tmp_path, dataset, [(0, 10), (11, 45)])

    assert grades(new) == {"d:0-10": 3, "d:11-45": 2}


def test_a_copy_answers_with_the_words_of_the_original(tmp_path: Path) -> None:
    copy = Document("e", "Copy. " + TEXT[:23], "copy.txt")
    old = [*OLD, passage(0, 29, copy)]
    labels = [
        Qrel("q", P[0], 3, "direct", evidence=(Evidence("d", 0, 10),)),
        Qrel("q", "e:0-29", 3, "duplicate"),
    ]
    dataset = build(tmp_path, labels, document=[D, copy], passage=old)
    file = tmp_path / "spans.jsonl"
    rows = [("d", 0, 45), ("e", 0, 16), ("e", 17, 29)]
    file.write_text(
        "".join(json.dumps({"doc_id": d, "start": s, "end": e}) + "\n" for d, s, e in rows)
    )
    new = project(dataset.path, tmp_path / "new", file).dataset

    assert grades(new) == {"d:0-45": 3, "e:0-16": 3}


def test_seeds_and_negatives_go_along(tmp_path: Path) -> None:
    query = replace(Q, seed_passage_ids=(P[0],))
    labels = [Qrel("q", P[0], 3, "direct", evidence=(Evidence("d", 0, 10),))]
    negatives = [
        Negative("q", P[1], "mined", "bm25", 1.0, 0.5, 1.0, 1),
        Negative("q", P[2], "mined", "bm25", 1.0, 0.5, 1.0, 2),
        Negative("q", "mutated", "mutated", "bm25", 1.0, 0.5, 1.0, 3),
    ]
    tables = {"query": [query], "negative__mined": negatives}
    dataset = build(tmp_path, labels, **tables)
    new = moved(tmp_path, dataset, [(0, 10), (11, 23), (24, 34), (35, 45)])

    assert next(iter(new.read("query"))).seed_passage_ids == ("d:0-10",)
    assert [n.passage_id for n in new.read("negative/mined")] == ["d:24-34", "d:35-45"]
    assert dropped(new) == ["negative_holds_other_text", "negative_not_there"]


def test_a_judgement_goes_where_its_text_is_and_is_told_elsewhere(tmp_path: Path) -> None:
    said = [Judgement("q", P[i], 3 - i, "human", assessor_id="ann") for i in range(3)]
    unread = replace(said[2], grade=None, assessor_id="bob")
    dataset = build(tmp_path, [Qrel("q", P[0], 3, "human")], judgement__human=[*said, unread])

    new = moved(tmp_path, dataset, [(0, 23), (24, len(TEXT) - 1), (46, len(TEXT))])
    ids = {p.start: p.passage_id for p in new.read("passage")}

    assert [(j.passage_id, j.grade, j.assessor_id) for j in new.read("judgement/human")] == [
        (ids[0], 3, "ann"), (ids[46], 1, "ann"), (ids[46], None, "bob"),
    ]  # fmt: skip
    assert dropped(new) == ["judged_another_text"]
    back = project(new.path, tmp_path / "back", dataset.path).dataset
    assert [j.passage_id for j in back.read("judgement/human")] == [P[0], P[2], P[2]]


def test_a_negative_is_never_what_has_become_relevant(tmp_path: Path) -> None:
    negative = Negative("q", P[1], "mined", "bm25", 1.0, 0.5, 1.0, 1)
    dataset = build(tmp_path, [Qrel("q", P[0], 3, "direct")], negative__mined=[negative])
    new = moved(tmp_path, dataset, [(0, 40)], part=0.5)

    assert grades(new) == {"d:0-40": 3}
    assert "negative/mined" not in new


# --- there and back -----------------------------------------------------------------------------


@settings(max_examples=12, deadline=None)
@given(st.data())
def test_labels_that_were_moved_come_back_as_they_were(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("back")
    labels = [
        Qrel("q", name, data.draw(st.integers(0, 3)), "judge")
        for name in P
        if data.draw(st.booleans())
    ] or [Qrel("q", P[1], 2, "judge")]
    dataset = build(folder, labels)
    cuts = sorted({0, len(TEXT), *data.draw(st.lists(st.integers(1, len(TEXT) - 1), max_size=6))})
    spans = [(a, b) for a, b in itertools.pairwise(cuts) if TEXT[a:b].strip()]
    new = moved(folder, dataset, spans)
    back = project(new.path, folder / "back", dataset.path).dataset

    assert grades(back) == grades(dataset)
    View(back).check()


def test_real_terms_go_there_and_back(shared_data: Path, tmp_path: Path) -> None:
    """A page, cut by change of topic and by length: every label is equal again."""
    from datakit import pipeline, plan

    sources = sorted((shared_data / "tos/ota-demo-snapshots/UptimeRobot").glob("*.html"))[:1]
    dataset = pipeline.build(sources, tmp_path / "old", plan.load("no_encoder"), show=False)
    new = project(dataset.path, tmp_path / "new", segmenter="fixed_window").dataset
    back = project(new.path, tmp_path / "back", dataset.path).dataset

    for table in ("qrel/seed", "qrel/mined"):
        assert grades(back, table) == grades(dataset, table)
    assert new.count("passage") != dataset.count("passage")


# --- intervals ----------------------------------------------------------------------------------

SPAN = st.tuples(st.integers(0, 3), st.integers(0, 30), st.integers(1, 12))


def spans(rows: list[tuple[int, int, int]]) -> Spans:
    doc, start, size = (np.array(c, np.int64) for c in zip(*rows, strict=True))
    return Spans(doc, start, start + size)


@settings(max_examples=60, deadline=None)
@given(st.lists(SPAN, min_size=1, max_size=12), st.lists(SPAN, min_size=1, max_size=12))
def test_overlaps_are_those_of_a_double_loop(one: Any, other: Any) -> None:
    before, intervals.PAIRS_AT_ONCE = intervals.PAIRS_AT_ONCE, 3
    try:
        found = {
            (int(i), int(j), int(n))
            for block in overlaps(spans(one), spans(other))
            for i, j, n in zip(*block, strict=True)
        }
    finally:
        intervals.PAIRS_AT_ONCE = before
    expected = set()
    for i, (d, s, n) in enumerate(one):
        for j, (e, t, m) in enumerate(other):
            shared = min(s + n, t + m) - max(s, t)
            if d == e and shared > 0:
                expected.add((i, j, shared))
    assert found == expected


@settings(max_examples=60, deadline=None)
@given(st.lists(SPAN, min_size=1, max_size=12))
def test_disjoint_pieces_cover_what_the_spans_of_a_group_cover(rows: Any) -> None:
    group = np.arange(len(rows)) % 2
    kept, left = disjoint(group, spans(rows))
    covered = [
        (int(group[i]), int(d), at)
        for i, d, s, e in zip(kept, left.doc, left.start, left.end, strict=True)
        for at in range(s, e)
    ]

    assert len(covered) == len(set(covered))
    assert set(covered) == {
        (int(g), d, at) for g, (d, s, n) in zip(group, rows, strict=True) for at in range(s, s + n)
    }


# --- files of spans and the command --------------------------------------------------------------


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"doc_id": "d", "start": 0, "end": 999}, "bad_span"),
        ({"doc_id": "d", "start": 5, "end": 5}, "bad_span"),
        ({"doc_id": "gone", "start": 0, "end": 5}, "unknown_document"),
        ({"doc_id": "d", "start": 0, "end": 23}, "repeated_span"),
        ({"doc_id": "d", "start": 10, "end": 11}, "blank"),
        ({"doc_id": "d", "start": 0, "end": 10, "text": "Rent-is-8."}, "text_differs"),
    ],
)
def test_a_span_that_cannot_be_is_dropped_with_its_reason(
    row: dict[str, Any], reason: str, tmp_path: Path
) -> None:
    dataset = build(tmp_path, [Qrel("q", P[0], 3, "direct")])
    good = {"doc_id": "d", "start": 0, "end": 23} | ({"text": TEXT[:23]} if "text" in row else {})
    file = tmp_path / "spans.jsonl"
    file.write_text("".join(json.dumps(one) + "\n" for one in (good, row)))
    new = project(dataset.path, tmp_path / "new", file).dataset

    assert dropped(new) == [reason]
    assert grades(new) == {P[0]: 3}


def test_what_cannot_be_projected_is_one_clear_error(tmp_path: Path) -> None:
    dataset = build(tmp_path, [Qrel("q", P[0], 3, "direct")])
    without = {"passage": OLD, "query": [Q], "qrel/mined": [Qrel("q", P[0], 1, "human")]}
    bare = write_tables(tmp_path / "bare", without, "test")
    (tmp_path / "bad.jsonl").write_text('{"doc_id": "d"}\n')

    with pytest.raises(UsageError, match="either --passages or --segmenter"):
        project(dataset.path, tmp_path / "new")
    with pytest.raises(DatasetError, match="nothing in table 'document'"):
        project(bare.path, tmp_path / "new", segmenter="even")
    with pytest.raises(UsageError, match="rows have no 'start'"):
        project(dataset.path, tmp_path / "new", tmp_path / "bad.jsonl")
    with pytest.raises(UsageError, match="other documents"):
        project(dataset.path, tmp_path / "new2", bare.path)


def test_the_command_says_what_was_moved_and_the_result_can_be_exported(tmp_path: Path) -> None:
    dataset = build(tmp_path, [Qrel("q", P[0], 3, "direct")])
    args = ["project", str(dataset.path), "--segmenter", "even", "-o", str(tmp_path / "new")]
    done = CliRunner().invoke(app, [*args, "--json"])

    assert json.loads(done.stdout)["counts"]["labels"] == 1
    View(Dataset.open(tmp_path / "new")).check()

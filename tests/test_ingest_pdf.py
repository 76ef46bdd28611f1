"""PDF: reading order, furniture, paragraphs, headings, tables, and files that are refused."""

from __future__ import annotations

import json
import pickle
import re
import unicodedata
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from pdf_writer import Text, lines, pdf

from datakit.errors import DatakitError, MissingDependency, UnknownName
from datakit.ingestors import pdf as module
from datakit.ingestors.pdf import PdfFile
from datakit.reading import read_source
from datakit.records import Document, Dropped
from datakit.registry import make
from datakit.sources import SourceFile

pytest.importorskip("pypdfium2", reason="extra `pdf` is not installed")
HERE = PdfFile()
PROSE = (
    "The harbour company carried more passengers than in any year before and",
    "the number of crossings rose as well. Fares stayed where they were, since",
    "the council had asked for it, and the winter timetable was kept all year.",
)
OTHER = (
    "Repairs to the northern quay took longer than planned and cost more than",
    "the budget had foreseen. The engineers found that the piles were older than",
    "the drawings said, and a second contractor was called in during the spring.",
)


def own(n: int) -> list[str]:
    """The prose of a page, like that of no other."""
    return [row.replace("the", "the" + "ir" * (n % 5), 1 + n % 3) for row in PROSE * (1 + n % 4)]


def record(data: bytes, tmp_path: Path, reader: PdfFile = HERE, name: str = "a.pdf") -> object:
    path = tmp_path / name
    path.write_bytes(data)
    (found,) = reader(path, f"docs/{name}")
    return found


def document(data: bytes, tmp_path: Path, name: str = "a.pdf") -> Document:
    found = record(data, tmp_path, name=name)
    assert isinstance(found, Document), found
    return found


def dropped(data: bytes, tmp_path: Path, reader: PdfFile = HERE) -> Dropped:
    found = record(data, tmp_path, reader)
    assert isinstance(found, Dropped), found
    return found


def texts(found: Document, *kinds: str) -> list[str]:
    return [found.text[b.start : b.end] for b in found.blocks if b.kind in kinds]


# --- running text ---------------------------------------------------------------------------------


def test_lines_are_joined_and_a_gap_starts_a_paragraph(tmp_path: Path) -> None:
    page = [*lines(60, 100, PROSE), *lines(60, 156, OTHER)]

    assert texts(document(pdf([page]), tmp_path), "paragraph") == [" ".join(PROSE), " ".join(OTHER)]


def test_an_indented_line_starts_a_paragraph(tmp_path: Path) -> None:
    rows = [*PROSE, *PROSE]
    page = [Text(60 + 20 * (i % 3 == 0), 100 + 12 * i, row) for i, row in enumerate(rows)]

    assert texts(document(pdf([page]), tmp_path), "paragraph") == [" ".join(PROSE)] * 2


@pytest.mark.parametrize(
    ("broken", "whole"),
    [
        (("after the manage-", "ment had agreed to the whole of it in the end."), "management had"),
        (("which is a long-", "term view of what the whole company can do now."), "long-term view"),
        (("as the Anglo-", "American line has always done it, we are told so."), "Anglo-American"),
    ],
)
def test_a_word_broken_by_a_line_is_whole_again(
    broken: tuple[str, str], whole: str, tmp_path: Path
) -> None:
    first = f"The number of crossings rose as well, and fares stayed {broken[0]}"

    assert whole in document(pdf([lines(60, 100, [first, broken[1]])]), tmp_path).text


def test_a_paragraph_goes_on_over_the_end_of_a_page(tmp_path: Path) -> None:
    pages = [lines(60, 700, PROSE[:2]), lines(60, 100, PROSE[2:])]

    assert texts(document(pdf(pages), tmp_path), "paragraph") == [" ".join(PROSE)]


def test_two_columns_are_read_one_after_the_other(tmp_path: Path) -> None:
    left = [row[:38] for row in PROSE * 5]
    right = [row[:38] for row in OTHER * 5]
    page = [Text(60, 60, "A title over both of the columns of this page", 16)]
    found = document(pdf([[*page, *lines(60, 100, left), *lines(320, 100, right)]]), tmp_path).text

    assert found.rindex(PROSE[2][:38]) < found.index(OTHER[0][:38])


def test_running_heads_and_page_numbers_are_left_out_and_counted(tmp_path: Path) -> None:
    pages = [
        [Text(60, 30, "Harbour Company"), *lines(60, 160, own(n)), Text(300, 780, str(n))]
        for n in range(7, 12)
    ]
    found = document(pdf(pages), tmp_path)

    assert "Harbour Company" not in found.text
    assert not any(char.isdecimal() for char in found.text)
    assert found.meta["left_out"] == "page_number 5, running_head 5"


def test_page_numbers_of_a_first_edition_go_from_mid_page(tmp_path: Path) -> None:
    pages = [
        [*lines(60, 160, own(n)), Text(300, 300 + 9 * n, str(n)), *lines(60, 600, own(n + 1))]
        for n in range(21, 29)
    ]
    found = document(pdf(pages), tmp_path)

    assert found.meta["left_out"] == "page_number 8"
    assert not any(char.isdecimal() for char in found.text)


def test_a_ligature_and_a_raised_note_mark_are_read(tmp_path: Path) -> None:
    page = [Text(60, 100, "The ofﬁce closed".replace("ﬁ", "fi")), Text(60, 130, "Net sales")]
    page += [Text(104, 126, "2", 6), Text(110, 130, "rose in the year")]

    assert "Net sales (2) rose" in document(pdf([page]), tmp_path).text


# --- structure ------------------------------------------------------------------------------------


def test_headings_come_from_size_and_weight(tmp_path: Path) -> None:
    page = [
        Text(60, 60, "Annual review", 22),
        Text(60, 100, "Passengers", 14),
        *lines(60, 124, PROSE),
        Text(60, 180, "Summer", 10, "B"),
        *lines(60, 200, OTHER),
    ]
    found = document(pdf([page]), tmp_path)

    assert [(s.level, s.title) for s in found.sections] == [
        (1, "Annual review"), (2, "Passengers"), (3, "Summer"),
    ]  # fmt: skip
    assert found.title == "Annual review"


def test_bullets_and_numbers_are_list_items(tmp_path: Path) -> None:
    page = [
        *lines(60, 60, PROSE),
        Text(70, 110, "\u2022"), Text(84, 110, "new boats for the eastern line;"),
        Text(70, 124, "\u2022"), Text(84, 124, "a second crew at the weekend."),
        Text(70, 138, "(a) a first case, which is written out at some length here;"),
        Text(70, 152, "(b) a second case."),
    ]  # fmt: skip
    found = document(pdf([page]), tmp_path)

    assert texts(found, "list_item")[:2] == [
        "new boats for the eastern line;", "a second crew at the weekend.",
    ]  # fmt: skip
    assert [b.number for b in found.blocks if b.kind == "list_item"] == [None, None, "(a)", "(b)"]


def test_a_table_has_a_line_for_each_row_and_signs_stay_with_their_numbers(tmp_path: Path) -> None:
    page = [
        *lines(60, 60, PROSE),
        Text(330, 120, "2023"), Text(430, 120, "2022"),
        Text(60, 134, "Passenger fares . . . . . . . . . . ."), Text(320, 134, "$"),
        Text(335, 134, "1,234"), Text(420, 134, "$"), Text(435, 134, "987"),
        Text(60, 148, "Loss on disposal"), Text(335, 148, "(56"), Text(354, 148, ")"),
        Text(435, 148, "(7)"),
    ]  # fmt: skip
    (table,) = texts(document(pdf([page]), tmp_path), "table")

    assert table.split("\n") == [
        "2023 | 2022", "Passenger fares | $ 1,234 | $ 987", "Loss on disposal | (56) | (7)",
    ]  # fmt: skip


def test_a_label_of_two_lines_is_one_row(tmp_path: Path) -> None:
    page = [
        Text(60, 100, "Fares"), Text(400, 100, "10"), Text(460, 100, "11"),
        Text(60, 112, "Trade receivables, net of allowances for doubtful accounts of 7 and"),
        Text(66, 124, "of 8, respectively"), Text(400, 124, "672"), Text(460, 124, "591"),
        Text(60, 136, "Goodwill"), Text(400, 136, "5"), Text(460, 136, "6"),
    ]  # fmt: skip
    (table,) = texts(document(pdf([page]), tmp_path), "table")

    assert table.split("\n")[1].endswith("of 7 and of 8, respectively | 672 | 591")


def test_a_header_of_two_lines_beside_one_in_the_middle_is_one_row(tmp_path: Path) -> None:
    page = [
        Text(400, 94, "Adjusted"), Text(200, 100, "2022"), Text(300, 100, "2021"),
        Text(400, 106, "growth"),
        Text(60, 124, "Fares"), Text(200, 124, "10"), Text(300, 124, "9"), Text(400, 124, "2.7"),
        Text(60, 138, "Grants"), Text(200, 138, "4"), Text(300, 138, "3"), Text(400, 138, "1.0"),
    ]  # fmt: skip
    (table,) = texts(document(pdf([page]), tmp_path), "table")

    assert table.split("\n")[0] == "2022 | 2021 | Adjusted growth"


def test_a_ruled_table_keeps_the_lines_of_a_cell_together(tmp_path: Path) -> None:
    rules = "".join(f"60 {y} m 360 {y} l S\n" for y in (700, 660, 620))
    rules += "".join(f"{x} 700 m {x} 620 l S\n" for x in (60, 160, 260, 360))
    cells = [
        *lines(65, 112, ["Line", "name"]), Text(165, 112, "Boats"), Text(265, 112, "Crew"),
        Text(65, 152, "East"), Text(165, 152, "3"), *lines(265, 152, ["twelve in", "summer"]),
    ]  # fmt: skip
    (table,) = texts(document(pdf([cells], rules=rules), tmp_path), "table")

    assert table == "Line name | Boats | Crew\nEast | 3 | twelve in summer"


def test_a_table_gives_its_cells_by_column_where_a_setting_asks_for_them(tmp_path: Path) -> None:
    rows = [("", "2023", "2022"), ("Fares", "$ 1,200", "$ 900"), ("Grants", "", "45"),
            ("Costs", "(700)", "(650)")]  # fmt: skip
    page = [*lines(60, 60, PROSE), *(
        Text(x, 120 + 14 * i, cell)
        for i, row in enumerate(rows) for x, cell in zip((60, 300, 420), row, strict=True) if cell
    )]  # fmt: skip

    found = record(pdf([page]), tmp_path, PdfFile(table_cells=True))

    assert isinstance(found, Document)
    (table,) = (block for block in found.blocks if block.kind == "table")
    assert (table.cells, table.has_header) == (tuple(rows), True)


def test_a_table_of_contents_is_left_out(tmp_path: Path) -> None:
    entries = ["Overview", "Fares", "Boats", "Crew", "Outlook"]
    page = [Text(60, 60, "Contents", 14)]
    for i, entry in enumerate(entries):
        page += [Text(60, 90 + 14 * i, f"{entry} ............................"),
                 Text(500, 90 + 14 * i, str(3 + 4 * i))]  # fmt: skip
    found = document(pdf([page, lines(60, 100, PROSE)]), tmp_path)

    assert found.text == " ".join(PROSE)
    assert found.meta["left_out"] == "contents 1"


def test_a_filing_has_items_issuer_and_period(tmp_path: Path) -> None:
    cover = [
        Text(200, 60, "SECURITIES AND EXCHANGE COMMISSION", 12, "B"),
        Text(250, 90, "FORM 10-K", 14, "B"),
        Text(180, 120, "For the fiscal year ended March 31, 2021"),
        Text(220, 150, "Harbour Lines, Inc.", 16, "B"),
        Text(180, 170, "(Exact name of registrant as specified in its charter)"),
    ]
    body = [
        Text(280, 60, "PART I", 10, "B"),
        Text(60, 84, "Item 1.", 10, "B"), Text(120, 84, "Business", 10, "B"),
        *lines(60, 110, PROSE),
        Text(60, 170, "Item 1A.", 10, "B"), Text(120, 170, "Risk Factors", 10, "B"),
        *lines(60, 190, OTHER),
    ]  # fmt: skip
    found = document(pdf([cover, body]), tmp_path)

    assert (found.doc_type, found.issuer, found.date) == (
        "10-K",
        "Harbour Lines, Inc.",
        "2021-03-31",
    )
    assert [(s.level, s.title) for s in found.sections] == [
        (1, "PART I"), (2, "Item 1. Business"), (2, "Item 1A. Risk Factors"),
    ]  # fmt: skip


def test_a_chinese_report_has_headings_captions_and_metadata(tmp_path: Path) -> None:
    prose = ["受益于下游需求持续复苏，公司一季度客流同比增长百分之四十，超出市场预",
             "期。我们认为，随着新产能释放，公司盈利能力有望继续提升。"]  # fmt: skip
    page = [
        Text(60, 60, "渡轮行业深度报告：短途线路恢复", 20, "Z"),
        Text(60, 90, "证券研究报告 2024年05月12日", 9, "Z"),
        Text(60, 120, "一、行业概况", 14, "Z"),
        *lines(60, 146, prose, 16, font="Z"),
        Text(60, 190, "图表 3：客流与增速", 9, "Z"),
        Text(60, 204, "资料来源：海雀研究", 8, "Z"),
    ]
    found = document(pdf([page]), tmp_path)

    assert texts(found, "paragraph")[-1] == "".join(prose)
    assert texts(found, "caption", "footnote") == ["图表 3：客流与增速", "资料来源：海雀研究"]
    assert [(s.level, s.title[:4]) for s in found.sections] == [(1, "渡轮行业"), (2, "一、行业")]
    assert (found.doc_type, found.date, found.language) == ("research_report", "2024-05-12", "zh")


# --- files that are refused -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty"),
        (b"<html><p>no</p></html>", "not_pdf"),
        (b"%PDF-1.7\n" + b"garbage " * 500, "corrupt"),
        (pdf([]), "corrupt"),
        (pdf([[]]), "no_text"),
        (pdf([lines(60, 100, PROSE)], extra="/Encrypt<</Filter/Standard/V 1/R 2/P -4/Length 40"
             f"/O<{'41' * 32}>/U<{'42' * 32}>>>/ID[<31><31>]"), "encrypted"),
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_read_is_one_drop(data: bytes, reason: str, tmp_path: Path) -> None:
    found = dropped(data, tmp_path)

    assert found.reason == reason, found
    assert found.detail.startswith("docs/a.pdf: ")


def test_a_scan_is_dropped_with_what_to_do(tmp_path: Path) -> None:
    picture = "q 600 0 0 800 0 0 cm BI /W 1 /H 1 /CS /G /BPC 8 ID \x41 EI Q\n"

    found = dropped(pdf([[], []], rules=picture), tmp_path)

    assert found.reason == "scanned"
    assert "2 pictures and 0 characters on 2 pages" in found.detail
    assert "OCR" in found.detail


@pytest.mark.parametrize("limit", ["max_bytes", "max_pages", "max_chars"])
def test_a_file_over_a_limit_is_dropped_with_the_setting_to_raise(
    limit: str, tmp_path: Path
) -> None:
    found = dropped(pdf([lines(60, 100, PROSE)] * 3), tmp_path, replace(HERE, **{limit: 2}))

    assert found.reason == "too_large"
    assert limit in found.detail


def test_half_a_file_is_read_as_far_as_it_goes_or_dropped(tmp_path: Path) -> None:
    whole = pdf([lines(60, 100, PROSE)] * 4)

    for cut in range(50, len(whole), 211):
        assert isinstance(record(whole[:cut], tmp_path), Document | Dropped)


def test_a_document_that_takes_too_long_is_dropped(tmp_path: Path) -> None:
    found = dropped(pdf([lines(60, 100, PROSE)]), tmp_path, PdfFile(seconds=0))

    assert (found.reason, "raise seconds" in found.detail) == ("too_slow", True)


# --- without the extra ----------------------------------------------------------------------------


def test_without_the_extra_a_pdf_is_an_error_and_other_files_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module.importlib.util, "find_spec", lambda name: None)
    ingestors = [make("ingestors", name) for name in ("text", "pdf")]
    files = []
    for name, data in (("a.md", b"# One\n\nTwo words.\n"), ("a.pdf", pdf([lines(60, 100, PROSE)]))):
        (tmp_path / name).write_bytes(data)
        files.append(SourceFile(tmp_path / name, name, len(data), ""))

    assert [type(r) for r in read_source(files[0], ingestors, tmp_path)] == [Document]
    with pytest.raises(MissingDependency, match=r"pip install 'datakit\[pdf\]'"):
        list(read_source(files[1], ingestors, tmp_path))


@pytest.mark.parametrize(
    "error", [MissingDependency("reading a.pdf", "pypdfium2", "pdf"), UnknownName("table", "x", [])]
)
def test_an_error_comes_back_from_a_worker_as_it_was(error: DatakitError) -> None:
    again = pickle.loads(pickle.dumps(error))

    assert (type(again), str(again), vars(again)) == (type(error), str(error), vars(error))


# --- real files -----------------------------------------------------------------------------------

MIN_CONTAINED = 0.95  # of an evidence's words, in one stretch of the text half as long again
RECALL_FLOOR = 0.95  # of the evidence texts


def words_of(text: str) -> list[str]:
    return re.findall(r"[^\W_]+", unicodedata.normalize("NFKC", text).casefold())


def contained(wanted: list[str], found: list[str]) -> float:
    """The share of the wanted words in the best window of 1.5 times their number."""
    need, have, hit, best = Counter(wanted), Counter[str](), 0, 0
    width = len(wanted) * 3 // 2 + 20
    for i, word in enumerate(found):
        have[word] += 1
        hit += have[word] <= need[word]
        if i >= width:
            old = found[i - width]
            hit -= have[old] <= need[old]
            have[old] -= 1
        best = max(best, hit)
    return best / len(wanted)


@pytest.mark.slow
def test_the_evidence_of_financebench_is_found(shared_data: Path) -> None:
    folder = shared_data / "fin" / "pdf-financebench"
    questions = map(json.loads, (folder / "questions.jsonl").read_text("utf-8").splitlines())
    evidence = [(e["doc_name"], e["evidence_text"]) for q in questions for e in q["evidence"]]
    found = {}
    for name in sorted({name for name, _ in evidence}):
        (result,) = PdfFile()(folder / "pdfs" / f"{name}.pdf", f"{name}.pdf")
        assert isinstance(result, Document)
        found[name] = words_of(result.text)

    shares = [contained(words_of(text), found[name]) for name, text in evidence]

    assert len(shares) >= 15
    assert sum(share >= MIN_CONTAINED for share in shares) >= RECALL_FLOOR * len(shares)

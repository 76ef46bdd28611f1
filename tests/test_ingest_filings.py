"""Filings with the SEC: Items wherever they are named, tables, dates, full submissions."""

from __future__ import annotations

from pathlib import Path

import pytest

from datakit.ingestors.edgar_submission import EdgarSubmission, read_submission
from datakit.ingestors.filing_html import FilingHtml, read_filing
from datakit.ingestors.xml import Xml
from datakit.records import Document, Dropped

PARAGRAPH = "<p>The ferries ran on time for most of the year, and nobody was lost.</p>"
HEADER = """<SEC-DOCUMENT>0000999001-24-000007.txt : 20240301
<SEC-HEADER>0000999001-24-000007.hdr.sgml : 20240301
ACCESSION NUMBER:\t\t0000999001-24-000007
CONFORMED SUBMISSION TYPE:\t10-K
CONFORMED PERIOD OF REPORT:\t20231230
FILED AS OF DATE:\t\t20240301

FILER:

\tCOMPANY DATA:
\t\tCOMPANY CONFORMED NAME:\t\t\tKESTREL FERRIES INC
\t\tCENTRAL INDEX KEY:\t\t\t0000999001
\t\tSTANDARD INDUSTRIAL CLASSIFICATION:\tWATER TRANSPORTATION [4400]
\t\tSTATE OF INCORPORATION:\t\t\tME
</SEC-HEADER>
"""


def read(body: str, uri: str = "a.htm") -> Document:
    document = read_filing(f"<html><body>{body}</body></html>", uri)
    assert isinstance(document, Document)
    return document


def listing(document: Document) -> list[tuple[str, str]]:
    """`(kind, text)` of the blocks; a heading's kind has its level: `h2`."""
    return [
        (f"h{b.level}" if b.kind == "heading" else b.kind, document.text[b.start : b.end])
        for b in document.blocks
    ]


def part(kind: str, body: str, name: str = "") -> str:
    filename = f"<FILENAME>{name}\n" if name else ""
    return (
        f"<DOCUMENT>\n<TYPE>{kind}\n<SEQUENCE>1\n{filename}<TEXT>\n{body}\n</TEXT>\n</DOCUMENT>\n"
    )


def table(*rows: str) -> str:
    """A table; cells are parted by `|`, `3*text` spans three columns."""
    out = []
    for row in rows:
        cells = []
        for cell in row.split("|"):
            span, star, text = cell.strip().partition("*")
            cells.append(
                f'<td colspan="{span}">{text}</td>' if star else f"<td>{cell.strip()}</td>"
            )
        out.append("<tr>" + "".join(cells) + "</tr>")
    return "<table>" + "".join(out) + "</table>"


# --- Items ----------------------------------------------------------------------------------------


def test_a_cross_reference_index_gives_the_items_of_a_report_without_item_headings() -> None:
    index = table(
        "Part I", "Item 1.|Business|Pages 3 - 7", "Item 1A.|Risk Factors|Page 9",
        "Item 2.|Properties|Not applicable", "Part II", "Item 5.|Market for our shares|Page 12",
    )  # fmt: skip
    document = read(f"<p><b>Our year at sea</b></p>{PARAGRAPH}<p><b>Form 10-K Index</b></p>{index}")

    assert listing(document)[3:8] == [
        ("h1", "Part I"),
        ("h2", "Item 1. Business"),
        ("paragraph", "Pages 3 - 7"),
        ("h2", "Item 1A. Risk Factors"),
        ("paragraph", "Page 9"),
    ]
    assert [s.title for s in document.sections if s.level == 1][-2:] == ["Part I", "Part II"]


def test_contents_that_list_the_items_of_the_body_are_left_out() -> None:
    contents = table(
        "Item 1.|Business|3", "Item 2.|Properties|4", "Item 3.|Claims|5", "Item 4.|Mines|6"
    )
    body = "".join(
        f"<p><b>Item {n}. {name}</b></p>{PARAGRAPH}"
        for n, name in enumerate(("Business", "Properties", "Claims", "Mines"), 1)
    )
    document = read(contents + body)

    assert [s.title for s in document.sections] == [
        "Item 1. Business", "Item 2. Properties", "Item 3. Claims", "Item 4. Mines",
    ]  # fmt: skip
    assert document.meta["left_out"] == "contents 1"


def test_an_item_that_only_the_contents_name_begins_where_they_link_to() -> None:
    rows = "".join(
        f'<tr><td><a href="#i{n}">Item {n}.</a></td><td>{name}</td><td>{n}</td></tr>'
        for n, name in enumerate(("Financial Statements", "Discussion", "Risk", "Controls"), 1)
    )
    body = f'<div id="i1"></div><p><b>Statements of Income</b></p>{PARAGRAPH}' + "".join(
        f'<div id="i{n}"><p><b>Item {n}. Title</b></p></div>{PARAGRAPH}' for n in (2, 3, 4)
    )
    document = read(f"<table><tr><td>Part I. Figures</td></tr>{rows}</table>{body}")

    assert [(s.level, s.title) for s in document.sections][:4] == [
        (1, "Part I. Figures"),
        (2, "Item 1. Financial Statements"),
        (3, "Statements of Income"),
        (2, "Item 2. Title"),
    ]


@pytest.mark.parametrize(
    "title", ["Item 9A(T). Controls", "Item 16.B. Code of Ethics", "Item 5.02(d). Directors"]
)
def test_items_with_letters_and_brackets_are_items(title: str) -> None:
    document = read(f"<p><b>{title}</b></p>{PARAGRAPH}")

    assert [(s.level, s.title) for s in document.sections] == [(2, title)]


def test_an_item_that_is_numbered_in_two_cells_is_named_once() -> None:
    document = read(table("Item 16.B.|Item 16.B. Code of Ethics") + PARAGRAPH)

    assert document.sections[0].title == "Item 16.B. Code of Ethics"


def test_capitals_alone_are_headings_where_nothing_is_styled() -> None:
    text = f"Page One\n\nRISK FACTORS\n\n{'Storms may keep our ferries in port. ' * 4}"
    document = read(f"<pre>{text}</pre>")

    assert [s.title for s in document.sections] == ["RISK FACTORS"]


def test_notes_and_lettered_titles_without_a_style_are_headings() -> None:
    prose = "The Company keeps its ferries at cost, less what they lose in value. " * 2
    notes = "".join(
        f"<p>{n}. {title}</p><p>{prose}</p>" for n, title in ((1, "Fleet"), (2, "Debt"))
    )
    document = read(
        f"<p><b>Notes to Consolidated Financial Statements</b></p>{notes}"
        f"{table('(a)|Treasury Stock')}<p>{prose}</p>{table('Note 3 :|Leases')}<p>{prose}</p>"
    )

    assert [s.title for s in document.sections][1:] == [
        "1. Fleet", "2. Debt", "(a) Treasury Stock", "Note 3 : Leases",
    ]  # fmt: skip


# --- text -----------------------------------------------------------------------------------------


def test_a_continued_note_is_in_order_and_its_hidden_facts_are_gone() -> None:
    document = read(
        '<div style="display:none"><ix:header><ix:hidden><ix:nonNumeric name="dei:AmendmentFlag">'
        "no amendment</ix:nonNumeric></ix:hidden></ix:header></div>"
        '<ix:nonNumeric name="us-gaap:DebtTextBlock" continuedAt="c1"><p>We owe money to</p>'
        '</ix:nonNumeric><p>12</p><hr style="page-break-after:always">'
        '<ix:continuation id="c1"><p>the harbour, at 4 %.</p></ix:continuation>'
    )

    assert document.text == "We owe money to the harbour, at 4 %."


def test_a_running_foot_that_is_set_as_a_table_is_gone() -> None:
    foot = "<table><tr><td>Kestrel Ferries</td><td>{}</td></tr></table><hr>"
    days = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
    pages = (f"<p>We sailed on {day}.</p>{foot.format(n)}" for n, day in enumerate(days))
    document = read("".join(pages))

    assert "Kestrel" not in document.text
    assert document.meta["left_out"] == "page 6"


def test_a_mark_on_a_line_of_its_own_joins_its_text() -> None:
    document = read(table("Fuel|$|12") + "<p>(1)</p><p>Without tax.</p>")

    assert listing(document) == [
        ("table", "Fuel | $ 12"),
        ("footnote", "(1) Without tax."),
    ]


# --- tables ---------------------------------------------------------------------------------------


def test_each_column_is_headed_by_all_that_stands_above_it() -> None:
    document = read(
        table(
            "|2*Three Months|2*Six Months|",
            "(in millions)|2024|2023|2024|2023|Change",
            "Fares|$1|$2|$3|$4|5 %",
        )
    )

    assert document.text.split("\n") == [
        "(in millions) | Three Months 2024 | Three Months 2023 | Six Months 2024 | Six Months 2023"
        " | Change",
        "Fares | $1 | $2 | $3 | $4 | 5 %",
    ]


def test_a_header_whose_span_misses_a_year_is_left_as_printed() -> None:
    document = read(table("||2*Reported", "|2024|2023|2022", "Fares|1|2|3"))

    assert document.text.split("\n") == ["Reported", "2024 | 2023 | 2022", "Fares | 1 | 2 | 3"]


def test_cells_of_invisible_characters_are_empty() -> None:
    document = read(table("\u200b|\u200b|Per Share|\u200b", "Price|$|\u200b|12"))

    assert document.text == "Per Share\nPrice | $ 12"


# --- what a filing says about itself --------------------------------------------------------------


def test_a_prospectus_is_of_its_own_day_and_not_of_the_year_that_it_speaks_of() -> None:
    document = read(
        "<p>Filed pursuant to Rule 424(b)(5)</p><p>FORM 424B5</p><p>SUBJECT TO COMPLETION, DATED"
        f" DECEMBER 12, 2024</p><p>For the fiscal year ended June 30, 2024</p>{PARAGRAPH}"
    )

    assert (document.doc_type, document.date) == ("424B5", "2024-12-12")


def test_the_state_stands_above_its_label() -> None:
    cover = table(
        "Delaware|77-0467272", "(State or other jurisdiction of incorporation)|(I.R.S. No.)"
    )
    document = read(f"<p>FORM 10-K</p>{cover}{PARAGRAPH}")

    assert document.meta["state"] == "Delaware"


def test_a_rendered_xbrl_table_is_a_filing_and_titled_by_its_first_cell() -> None:
    page = (
        '<html><head><link href="include/report.css"></head><body><table class="report"><tr>'
        "<th>BALANCE SHEETS - USD ($)</th><th>Dec. 30, 2023</th></tr><tr><td>"
        "<a href='javascript:x'>Cash</a></td><td>$ 12</td></tr></table></body></html>"
    )
    document = read_filing(page, "R2.htm")

    assert FilingHtml().matches("R2.htm", page.encode()) == 90
    assert isinstance(document, Document)
    assert document.title == "BALANCE SHEETS - USD ($)"
    assert document.text == "BALANCE SHEETS - USD ($) | Dec. 30, 2023\nCash | $ 12"


# --- XBRL instances -------------------------------------------------------------------------------

INSTANCE = """<?xml version="1.0"?>
<xbrl xmlns="http://www.xbrl.org/2003/instance" xmlns:k="http://kestrel.example/2023">
<context id="y"><entity><identifier>1</identifier></entity><period><startDate>2023-01-01</startDate>
<endDate>2023-12-31</endDate></period></context>
<context id="d"><entity><identifier>1</identifier></entity><period><instant>2023-12-31</instant>
</period></context>
<context id="s"><entity><segment><explicitMember>k:North</explicitMember></segment></entity><period>
<instant>2023-12-31</instant></period></context>
<unit id="u"><measure>iso4217:USD</measure></unit>
<unit id="p"><divide><unitNumerator><measure>iso4217:USD</measure></unitNumerator>
<unitDenominator><measure>shares</measure></unitDenominator></divide></unit>
<k:Assets contextRef="d" unitRef="u">1234567</k:Assets>
<k:Assets contextRef="s" unitRef="u">7</k:Assets>
<k:EarningsPerShareBasic contextRef="y" unitRef="p">-1.50</k:EarningsPerShareBasic>
<k:FleetTextBlock contextRef="y">{}</k:FleetTextBlock></xbrl>
"""


def test_the_numbers_of_an_xbrl_instance_have_concept_unit_and_period(tmp_path: Path) -> None:
    path = tmp_path / "k.xml"
    path.write_text(INSTANCE.format("The ferries ran on time for most of the year. " * 8))
    (document,) = Xml()(path, "k.xml")

    assert isinstance(document, Document)
    assert [s.title for s in document.sections] == ["Fleet", "Facts"]
    assert document.text.split("\n")[-2:] == [
        "Assets | USD | 2023-12-31: 1,234,567",
        "Earnings Per Share Basic | USD/shares | 2023-01-01 to 2023-12-31: -1.50",
    ]
    assert document.meta["left_out"] == "fact of a part: 1"


# --- full submissions -----------------------------------------------------------------------------


def test_each_readable_document_of_a_submission_has_its_headers_metadata() -> None:
    page = f"<?xml version='1.0'?>\n<html><body><p>FORM 10-K</p>{PARAGRAPH}</body></html>"
    report = f"<XBRL>\n{page}\n</XBRL>"
    text = (
        HEADER + part("10-K", report, "k.htm") + part("EX-21.1", "<html>Skerry Ltd</html>", "e.htm")
    )
    first, second = read_submission(text, "s.txt")

    assert isinstance(first, Document)
    assert isinstance(second, Document)
    assert [d.source_uri for d in (first, second)] == ["s.txt#k.htm", "s.txt#e.htm"]
    assert first.title == "KESTREL FERRIES INC 10-K 2023-12-30"
    assert (first.valid_from, first.category) == ("2024-03-01", "Water Transportation")
    assert first.family_id == second.family_id == "0000999001-24-000007"
    assert (second.doc_type, second.meta["exhibit_of"]) == ("EX-21.1", "10-K")
    assert second.meta["state"] == "ME"


def test_what_is_no_text_in_a_submission_is_counted_and_left_out() -> None:
    text = HEADER + part("10-K", f"<html><body>{PARAGRAPH}</body></html>", "k.htm")
    text += part("GRAPHIC", "begin 644 g.jpg\nM_]C_X\nend", "g.jpg")
    text += part("EX-101.SCH", "<xs:schema>words and words</xs:schema>", "k.xsd")
    text += part("XML", "<html>again</html>", "R2.htm") + part("ZIP", "begin 644 x\nend", "x.zip")
    (document,) = read_submission(text, "s.txt")

    assert isinstance(document, Document)
    assert document.source_uri == "s.txt"
    assert document.meta["left_out"] == "archive 1, graphic 1, xbrl_part 1, xbrl_rendering 1"


def test_a_submission_of_the_nineties_is_text_with_pages_and_column_tags() -> None:
    body = (
        "<PAGE>   1\nItem 1. Business\n\nWe run ferries & barges, in rain and\n<PAGE>   2\n"
        "sun, all year.\n\n<TABLE>\n<CAPTION>\n               1995        1994\n<S>            <C>"
        "         <C>\nFares          1,200       1,100\nFreight          900         800\n"
        "</TABLE>\n"
    )
    (document,) = read_submission(HEADER + part("10-K", body), "s.txt")

    assert isinstance(document, Document)
    assert document.media_type == "text/plain"
    assert listing(document) == [
        ("h2", "Item 1. Business"),
        ("paragraph", "We run ferries & barges, in rain and sun, all year."),
        ("table", "1995 | 1994\nFares | 1,200 | 1,100\nFreight | 900 | 800"),
    ]


def test_a_tagged_header_names_the_party_that_the_filing_is_about() -> None:
    text = (
        "<SUBMISSION>\n<ACCESSION-NUMBER>0000999001-25-000001<TYPE>4<PERIOD>20250212"
        "<FILING-DATE>20250213<REPORTING-OWNER><OWNER-DATA><CONFORMED-NAME>Doe Jane</OWNER-DATA>"
        "</REPORTING-OWNER><ISSUER><COMPANY-DATA><CONFORMED-NAME>KESTREL FERRIES INC<CIK>0000999001"
        "<ASSIGNED-SIC>4400</COMPANY-DATA></ISSUER>\n"
    )
    form = (
        "<ownershipDocument><issuer><issuerName>Kestrel</issuerName></issuer></ownershipDocument>"
    )
    (document,) = read_submission(text + part("4", f"<XML>\n{form}\n</XML>", "f.xml"), "s.nc")

    assert isinstance(document, Document)
    assert (document.issuer, document.date) == ("KESTREL FERRIES INC", "2025-02-12")
    assert document.meta["other_parties"] == "Doe Jane"
    assert document.category == "Transportation, Communications and Utilities"
    assert ("definition", "Issuer name: Kestrel") in listing(document)


def test_a_header_without_documents_is_dropped() -> None:
    (record,) = read_submission(HEADER, "s.txt")

    assert isinstance(record, Dropped)
    assert (record.reason, "10-K" in record.detail) == ("no_text", True)


def test_an_entity_in_a_form_is_not_resolved() -> None:
    doctype = '<!DOCTYPE a [<!ENTITY e SYSTEM "file:///etc/passwd">]>'
    form = f'<?xml version="1.0"?>{doctype}<a><b>x &e;</b></a>'
    (document,) = read_submission(HEADER + part("D", form, "f.xml"), "s.txt")

    assert isinstance(document, Document)
    assert "root:" not in document.text


def test_a_submission_is_told_from_text_and_from_pages() -> None:
    reader = EdgarSubmission()
    privacy = "-----BEGIN PRIVACY-ENHANCED MESSAGE-----\nProc-Type: 2001,MIC-CLEAR\n"

    assert reader.matches("s.txt", HEADER.encode()) > FilingHtml().matches("s.txt", HEADER.encode())
    assert reader.matches("s.txt", (privacy + HEADER).encode()) == 95
    assert reader.matches("a.txt", b"Our accession number: none. <DOCUMENT>") == 0
    assert reader.matches("a.htm", f"<html>{PARAGRAPH}</html>".encode()) == 0


# --- tables as cells, images ----------------------------------------------------------------------


def test_signs_and_numbers_are_one_cell_and_spanning_headers_stand_over_each_column() -> None:
    rows = table(
        "|2*Year ended June 30,|", "|2*2024|2*2023", "Fares|$|1,200|$|1,100",
        "Freight|2*(30)|2*—", "Costs:|", "Fuel||400||380",
    )  # fmt: skip
    html = f"<html><body>{PARAGRAPH}{rows}{PARAGRAPH}</body></html>"

    document = read_filing(html, "a.htm", table_cells=True)

    assert isinstance(document, Document)
    (block,) = (b for b in document.blocks if b.kind == "table")
    assert block.cells == (
        ("", "Year ended June 30, 2024", "2023"), ("Fares", "$ 1,200", "$ 1,100"),
        ("Freight", "(30)", "—"), ("Costs:", "", ""), ("Fuel", "400", "380"),
    )  # fmt: skip
    assert block.has_header
    assert all(b.cells == () for b in read(f"{PARAGRAPH}{rows}").blocks)


def test_the_tables_of_a_submission_have_cells_as_well() -> None:
    rows = table("Boat|Crew", "Kestrel|12", "Plover|9")
    body = f"<html><body>{PARAGRAPH}{rows}</body></html>"

    (document,) = read_submission(HEADER + part("10-K", body), "a.txt", table_cells=True)

    assert isinstance(document, Document)
    assert document.blocks[-1].cells == (("Boat", "Crew"), ("Kestrel", "12"), ("Plover", "9"))


def test_a_picture_in_a_filing_is_a_caption_when_something_says_what_it_shows() -> None:
    document = read(
        f"{PARAGRAPH}<p><img src='g1.jpg' alt='Total return since 2019'></p>{PARAGRAPH}"
        f"<img src='g2.jpg' alt='g2.jpg'>{PARAGRAPH}"
    )

    (caption,) = (b for b in document.blocks if b.kind == "caption")
    assert document.text[caption.start : caption.end] == "Total return since 2019"
    assert (caption.reference, document.meta["left_out"]) == ("g1.jpg", "image 1")

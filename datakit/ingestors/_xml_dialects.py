"""XML vocabularies: which element plays which part, and where a document says what it is.

A role is looked up as `parent/tag`, then as `tag`; an element without one is inline.

    section   opens a level; its numbers and titles become a heading
    clause    a numbered unit below a section; its number and title open its text
    list, item, entry (of a definition list), block, line (of verse), code, signature
    heading, number, term   belong to the unit around them
    flat      a heading among its siblings, ranked by its attribute `level` or its name
    figure, caption, aside, footnote (a block of its own), note (in running text)
    table, row, cell
    group     nothing of its own, but no text runs across its edges
    gap       inline with blanks around it;  break  a blank
    header    left out but for what is named in `kept`;  skip  left out with all it holds
    quoted    a group whose sections are clauses: a law quoted in a law
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from datakit.ingestors import _dates

Element = Any  # lxml.etree._Element, namespaces taken off
Metadata = dict[str, Any]


def _no_metadata(found: Mapping[str, list[Element]]) -> Metadata:
    return {}


@dataclass(frozen=True)
class Dialect:
    """A vocabulary."""

    name: str
    roles: Mapping[str, str]
    kept: frozenset[str] = frozenset()  # inside a header
    captured: frozenset[str] = frozenset()  # elements that `metadata` wants to see
    marked: frozenset[str] = frozenset()  # elements of which it wants the attributes
    metadata: Callable[[Mapping[str, list[Element]]], Metadata] = _no_metadata
    named: Mapping[str, str] = field(default_factory=dict)  # headings of sections without a title
    lead_title: bool = False  # the title stands in the header: it becomes the first heading
    doc_type: str | None = None
    learned: bool = False  # the roles of unknown elements are read off the document first
    fixed: Mapping[str, str] = field(default_factory=dict)  # roles that learning does not change
    record: str = ""  # the element of one document, where a file holds many


def _roles(**tags: str) -> dict[str, str]:
    """`block="p para"` as `{"p": "block", "para": "block"}`; a trailing `_` is dropped."""
    return {tag: role.rstrip("_") for role, names in tags.items() for tag in names.split()}


_HTML = _roles(
    block="p blockquote div dd address",
    flat="h1 h2 h3 h4 h5 h6",
    list="ul ol",
    item="li",
    table="table",
    row="tr",
    cell="td th",
    code="pre",
    break_="br",
    caption="caption",
    skip="script style img col colgroup colspec",
)

# --- reading metadata -----------------------------------------------------------------------------


def text_of(element: Element | None) -> str:
    """The text of an element, blanks squeezed."""
    return "" if element is None else " ".join("".join(element.itertext()).split())


def _elements(found: Mapping[str, list[Element]], path: str) -> Iterator[Element]:
    """The elements at `captured/path`, `captured//path` for any depth."""
    head, _, rest = path.partition("/")
    rest = f".//{rest[1:]}" if rest.startswith("/") else rest
    for root in found.get(head, ()):
        yield from root.iterfind(rest) if rest else (root,)


def _first(found: Mapping[str, list[Element]], *paths: str) -> str | None:
    """The first text at some paths, tried in order."""
    texts = (text_of(element) for path in paths for element in _elements(found, path))
    return next((text for text in texts if text), None)


def _attribute(found: Mapping[str, list[Element]], path: str, name: str) -> str | None:
    values = (str(element.get(name) or "").strip() for element in _elements(found, path))
    return next((value for value in values if value), None)


def compact_date(text: str | None) -> str | None:
    """`20180104`, `2018-01-04…` and dates in words as ISO 8601."""
    if not text:
        return None
    iso = re.match(r"((?:1[5-9]|20)\d\d)(?:-?(0[1-9]|1[0-2])(?:-?([0-2]\d|3[01]))?)?(?!\d)", text)
    if iso and "9999" not in text and "2999" not in text:
        return "-".join(part for part in iso.groups() if part)
    return _dates.find_date(text)


def _parts_date(element: Element) -> str | None:
    """The date in child elements `year`, `month`, `day`, as far as they go."""
    parts = [text_of(element.find(name)) for name in ("year", "month", "day")]
    month = parts[1] if parts[1].isdecimal() else _month(parts[1])
    if not re.fullmatch(r"\d{4}", parts[0]):
        return compact_date(element.get("iso-8601-date") or text_of(element.find("string-date")))
    if not month or not 1 <= int(month) <= 12:
        return parts[0]
    if not parts[2].isdecimal() or not 1 <= int(parts[2]) <= 31:
        return f"{parts[0]}-{int(month):02d}"
    return f"{parts[0]}-{int(month):02d}-{int(parts[2]):02d}"


def _month(name: str) -> str:
    at = "jan feb mar apr may jun jul aug sep oct nov dec".find(name[:3].lower())
    return str(at // 4 + 1) if at % 4 == 0 and len(name) >= 3 else ""


# --- JATS and NLM ---------------------------------------------------------------------------------


def _jats_metadata(found: Mapping[str, list[Element]]) -> Metadata:
    dates: dict[str, str | None] = {}
    for root in found.get("article-meta", ())[:1]:
        for element in root.iterfind(".//pub-date"):
            kind = element.get("pub-type") or element.get("date-type") or ""
            dates.setdefault(kind, _parts_date(element))
    by_rank = [dates.get(kind) for kind in ("epub", "pub", "ppub", "collection")]
    known = [date for date in (*by_rank, *dates.values()) if date]
    exact = [date for date in known if len(date) == 10]
    licence = _attribute(found, "article-meta/permissions/license", "href") or _first(
        found, "article-meta/permissions/license", "article-meta/copyright-statement"
    )
    return {
        "title": _first(found, "article-meta/title-group/article-title"),
        "issuer": _first(
            found, "journal-meta//journal-title", "journal-meta/publisher/publisher-name"
        ),
        "category": _subject(found),
        "date": next(iter([*exact, *known]), None),
        "licence": licence,
        "meta": {
            "doi": _id(found, "doi"),
            "pmid": _id(found, "pmid"),
            "keywords": "; ".join(
                text_of(k) for r in found.get("article-meta", ()) for k in r.iterfind(".//kwd")
            ),
        },
    }


def _id(found: Mapping[str, list[Element]], kind: str) -> str:
    return _first(found, f"article-meta/article-id[@pub-id-type='{kind}']") or ""


_NO_SUBJECT = re.compile(
    r"(?:original |research |review |short |brief )*(?:articles?|papers?|reports?|reviews?"
    r"|communications?|letters?|correspondence|research|editorial)s?|.{0,3}", re.I
)  # fmt: skip


def _subject(found: Mapping[str, list[Element]]) -> str | None:
    """The first subject that is not the kind of article."""
    for root in found.get("article-meta", ()):
        for element in root.iterfind("article-categories//subject"):
            subject = text_of(element)
            if not _NO_SUBJECT.fullmatch(subject):
                return subject.split("/")[0].strip()
    return None


# what the head of a reviewer's letter says beside its title
_STUB = (
    "article-id article-categories contrib-group aff author-notes pub-date volume issue fpage lpage"
    " elocation-id history product counts funding-group"
)
JATS = Dialect(
    "jats",
    _HTML
    | _roles(
        header="front",
        section="sec abstract trans-abstract ack app boxed-text glossary sub-article response"
                " statement notes",
        heading="title subtitle title-group/article-title",
        number="label",
        block="p disp-quote speech attrib verse-group disp-formula",
        line="verse-line",
        list="list",
        item="list-item",
        entry="def-item",
        term="term",
        group="front-stub title-group def body back floats-group fn-group fig-group"
        " table-wrap-group array def-list",
        figure="fig table-wrap supplementary-material chem-struct-wrap",
        caption="caption",
        code="preformat code",
        note="fn",
        footnote="table-wrap-foot fn-group/fn back/fn",
        skip="ref-list ref tex-math object-id alt-text long-desc graphic inline-graphic media"
             " permissions processing-meta license related-article related-object"
             " journal-meta floats-wrap self-uri custom-meta-group kwd-group bio annotation"
             " sup/xref xref/sup",
        gap="surname given-names break",
    )
    | {f"front-stub/{tag}": "skip" for tag in _STUB.split()}
    | {"inline-formula/tex-math": "tex"},  # beside MathML it is one of `alternatives`
    kept=frozenset(("abstract", "trans-abstract", "notes")),
    captured=frozenset(("journal-meta", "article-meta")),
    metadata=_jats_metadata,
    named={"abstract": "Abstract", "ack": "Acknowledgements"},
    lead_title=True,
    doc_type="article",
)  # fmt: skip


def _pubmed_metadata(found: Mapping[str, list[Element]]) -> Metadata:
    dates = [
        _parts_date(_lowered(element))
        for name in ("ArticleDate", "PubDate")
        for root in found.get("Article", ())
        for element in root.iterfind(f".//{name}")
    ]
    return {
        "title": _first(found, "Article/ArticleTitle"),
        "issuer": _first(found, "Article/Journal/Title"),
        "category": _first(
            found,
            "MeshHeadingList/MeshHeading/DescriptorName[@MajorTopicYN='Y']",
            "MeshHeadingList/MeshHeading/DescriptorName",
        ),
        "date": next((date for date in dates if date), None),
        "meta": {"pmid": _first(found, "PMID") or ""},
    }


def _lowered(element: Element) -> Element:
    for child in element:
        child.tag = child.tag.lower()
    return element


PUBMED = Dialect(
    "pubmed",
    _roles(
        header="MedlineCitation",
        section="Abstract",
        block="AbstractText",
        skip="PubmedData CopyrightInformation",
    ),
    kept=frozenset(("Abstract",)),
    captured=frozenset(("Article", "MeshHeadingList", "PMID")),
    metadata=_pubmed_metadata,
    named={"Abstract": "Abstract"},
    lead_title=True,
    doc_type="abstract",
)

# --- law ------------------------------------------------------------------------------------------


_ACTS = frozenset(("directive", "regulation", "decision", "statute", "decree", "treaty", "bill"))


def _akn_metadata(found: Mapping[str, list[Element]]) -> Metadata:
    work = "meta/identification/FRBRWork"
    author = (_attribute(found, f"{work}/FRBRauthor", "href") or "").lstrip("#~")
    names = {
        element.get("eId") or element.get("id"): element.get("showAs")
        for root in found.get("meta", ())[:1]
        for element in root.iterfind(".//TLCOrganization")
    }
    title = _first(found, "preface//docTitle", "coverPage//docTitle", "preface//longTitle")
    lines = [text_of(element) for element in _elements(found, "preface//p")][:4]
    kind = (_attribute(found, "act", "name") or _attribute(found, "bill", "name") or "").lower()
    return {
        "title": title or " ".join(lines)[:400] or _attribute(found, f"{work}/FRBRalias", "value"),
        "issuer": names.get(author) or None,
        "date": compact_date(
            _attribute(found, f"{work}/FRBRdate", "date")
            or _attribute(found, "meta/publication", "date")
        ),
        "doc_type": kind if kind in _ACTS else "bill" if "bill" in found else None,
        "language": _attribute(found, "meta/identification/FRBRExpression/FRBRlanguage",
                               "language"),
        "meta": {
            "uri": _attribute(found, f"{work}/FRBRthis", "value") or "",
            "country": _attribute(found, f"{work}/FRBRcountry", "value") or "",
            "number": _attribute(found, f"{work}/FRBRnumber", "value") or "",
        },
    }  # fmt: skip


AKOMA_NTOSO = Dialect(
    "akoma_ntoso",
    _HTML
    | _roles(
        section="article chapter part title book tome division subdivision section subchapter"
                " subpart subtitle rule subrule attachment hcontainer",
        clause="paragraph subparagraph point indent clause subclause level subsection"
               " recital citation item crossClause proviso sublist",
        heading="heading subheading",
        number="num",
        flat="crossHeading",
        block="p block tblock longTitle formula signature",
        group="alinea intro wrapUp content preface preamble body mainBody conclusions recitals"
              " citations list container attachments components component doc act bill coverPage"
              " background decision amendmentBody",
        list="blockList",
        note="authorialNote note",
        quoted="quotedStructure quotedText embeddedStructure",
        skip="meta toc remark img",
        break_="eol eop",
        inline="mod p/block ref mref",
    ),
    captured=frozenset(("meta", "preface", "coverPage")),
    marked=frozenset(("act", "bill", "doc", "judgment", "statement")),
    metadata=_akn_metadata,
    doc_type="law",
)  # fmt: skip


def _formex_metadata(found: Mapping[str, list[Element]]) -> Metadata:
    lines = [text_of(element) for element in _elements(found, "TITLE/TI/P")][:6]
    return {
        "title": " ".join(lines) or _first(found, "TITLE"),
        "date": compact_date(_attribute(found, "BIB.INSTANCE/DATE", "ISO")),
        "language": _first(found, "BIB.INSTANCE/LG.DOC", "BIB.INSTANCE//LG.OJ"),
        "meta": {"number": _first(found, "BIB.INSTANCE/NO.DOC") or ""},
    }


FORMEX = Dialect(
    "formex",
    _roles(
        section="ACT ANNEX GENERAL CONS.ACT CONS.ANNEX DIVISION ARTICLE GR.SEQ LETTER AGR",
        clause="PARAG NP POINT",
        heading="TI STI TI.ART STI.ART",
        number="NO.PARAG NO.P NO.GR.SEQ",
        block="P ALINEA VISA PREAMBLE.INIT PREAMBLE.FINAL GR.CONSID.INIT GR.VISA.INIT DLIST",
        group="TITLE TXT CONSID GR.CONSID GR.VISA PREAMBLE ENACTING.TERMS FINAL SIGNATURE CONTENTS"
              " SIGNATORY PL.DATE LIST ITEM SUBDIV GR.TBL",
        entry="DLIST.ITEM",
        term="TERM",
        note="NOTE",
        quoted="QUOT.S",
        table="TBL",
        row="ROW",
        cell="CELL",
        skip="BIB.INSTANCE BIB.DOC BIB.DATA DOCUMENT.REF PUBLICATION.REF FMX BIB.OJ BIB.VOLUME"
             " INCL.ELEMENT TOC BIB.APPEND",
    ),
    captured=frozenset(("BIB.INSTANCE", "TITLE")),
    metadata=_formex_metadata,
    doc_type="law",
)  # fmt: skip


def _uslm_metadata(found: Mapping[str, list[Element]]) -> Metadata:
    title = _first(found, "meta/title", "metadata//title", "officialTitle", "official-title")
    short = _first(found, "shortTitle", "meta/citableAsShortTitle")
    date = (
        _attribute(found, "preface/action/date", "date")
        or _first(found, "meta/approvedDate")
        or _first(found, "metadata//date", "meta/processedDate")
    )
    return {
        "title": title or short,
        "issuer": _first(found, "meta/creator", "metadata//publisher", "meta/publisher"),
        "date": compact_date(date),
        "doc_type": _slug(_first(found, "meta/type", "legis-type")),
        "language": _first(found, "meta/language", "metadata//language"),
        "licence": _first(found, "meta/rights", "metadata//rights"),
        "version": _first(found, "meta/docStage", "meta/currentThroughPublicLaw"),
        "meta": {"short_title": short or "", "number": _first(found, "meta/docNumber") or ""},
    }


def _slug(text: str | None) -> str | None:
    return re.sub(r"\W+", "_", text.lower()).strip("_") or None if text else None


_NUMBERED_UNITS = (
    "title subtitle chapter subchapter part section subsection paragraph subparagraph clause"
    " subclause item"
)
USLM = Dialect(
    "uslm",
    _HTML
    | _roles(
        section="title subtitle chapter subchapter part subpart division subdivision section"
                " appropriations article subarticle schedule legislativeHistory courtRule",
        clause="subsection paragraph subparagraph clause subclause item subitem subsubitem level",
        heading="heading subheading",
        number="num",
        block="content chapeau continuation officialTitle docTitle enactingFormula preface recital"
              " resolvingClause explanationNote editionNote action signature note text",
        group="main longTitle preamble signatures proviso/p",
        footnote="editorialNote",
        note="footnote",
        quoted="quotedContent",
        table="layout",
        row="row",
        cell="column",
        skip="meta toc sidenote page slugLine distributionCode property elided endMarker"
             " footnote/num marker",
        inline="content/p/span p/proviso",
    )
    # between a number and its heading
    | {f"{parent}/editorialNote": "note" for parent in _NUMBERED_UNITS.split()}
    | {f"{parent}/{tag}": "gap"
       for parent, tags in (("preface", "congress session docNumber type currentChamber"),
                            ("action", "date actionDescription"), ("signature", "role name"))
       for tag in tags.split()},
    captured=frozenset(("meta", "preface", "officialTitle", "shortTitle")),
    metadata=_uslm_metadata,
    doc_type="law",
)  # fmt: skip

US_BILL = Dialect(
    "us_bill",
    _HTML
    | _roles(
        section="title subtitle chapter subchapter part subpart division section"
                " appropriations-major appropriations-intermediate appropriations-small",
        clause="subsection paragraph subparagraph clause subclause item subitem whereas",
        heading="header",
        number="enum",
        block="text continuation-text after-quoted-block official-title legis-type",
        group="legis-body resolution-body preamble form",
        quoted="quoted-block",
        note="footnote",
        row="row",
        cell="entry",
        skip="metadata toc distribution-code dms-id pagebreak bill-stage/dms attestation",
        gap="form/congress form/session form/legis-num form/current-chamber action/action-date"
            " action/action-desc",
    ),
    captured=frozenset(("metadata", "official-title", "legis-type")),
    metadata=_uslm_metadata,
    doc_type="bill",
)  # fmt: skip

# --- books and manuals ----------------------------------------------------------------------------


def _tei_metadata(found: Mapping[str, list[Element]]) -> Metadata:
    file = "teiHeader/fileDesc"
    return {
        "title": _first(found, f"{file}/titleStmt/title"),
        "issuer": _first(found, f"{file}/publicationStmt/publisher",
                         f"{file}/publicationStmt/authority", f"{file}/titleStmt/author"),
        "category": _first(found, "teiHeader/profileDesc/textClass//term"),
        "date": compact_date(
            _attribute(found, f"{file}/publicationStmt/date", "when")
            or _first(found, f"{file}/publicationStmt/date")
        ),
        "licence": _attribute(found, f"{file}/publicationStmt/availability/licence", "target")
        or _first(found, f"{file}/publicationStmt/availability"),
        "meta": {"author": _first(found, f"{file}/titleStmt/author/persName",
                                  f"{file}/titleStmt/author") or ""},
    }  # fmt: skip


TEI = Dialect(
    "tei",
    _roles(
        section="div div1 div2 div3 div4 div5 div6 div7 argument",
        heading="head",
        block="p ab sp lg stage opener closer dateline salute signed trailer epigraph quote byline"
              " titlePart docImprint docAuthor docEdition set performance",
        line="l sp/p sp/ab",
        inline="sp/lg sp/stage l/stage p/stage stage/stage lg/lg p/quote p/q sp/q",
        group="text front body back group floatingText div/lb castGroup titlePage table/head",
        list="list castList listPerson",
        item="item castItem",
        term="speaker",
        figure="figure",
        caption="figDesc figure/head",
        note="note",
        table="table",
        row="row",
        cell="cell",
        skip="teiHeader standOff facsimile graphic fw listBibl del choice/sic choice/orig"
             " choice/abbr gap",
        break_="lb pb cb milestone",
        code="eg",
    ),
    captured=frozenset(("teiHeader",)),
    metadata=_tei_metadata,
    lead_title=True,
    doc_type="book",
)  # fmt: skip


def _docbook_metadata(found: Mapping[str, list[Element]]) -> Metadata:
    infos = ("info", "bookinfo", "articleinfo", "refentryinfo", "chapterinfo")
    return {
        "title": _first(found, *(f"{i}/title" for i in infos)),
        "issuer": _first(found, *(f"{i}/publisher/publishername" for i in infos),
                         *(f"{i}//corpauthor" for i in infos)),
        "date": compact_date(_first(found, *(f"{i}/{n}" for i in infos
                                              for n in ("pubdate", "date")))),
        "category": _first(found, *(f"{i}//subjectterm" for i in infos)),
        "licence": _first(found, *(f"{i}/legalnotice" for i in infos)),
        "version": _first(found, *(f"{i}/{n}" for i in infos
                                   for n in ("releaseinfo", "edition"))),
    }  # fmt: skip


DOCBOOK = Dialect(
    "docbook",
    _HTML
    | _roles(
        section="book part chapter article preface appendix glossary section sect1 sect2 sect3"
                " sect4 sect5 refentry refsect1 refsect2 refsect3 refsection refsynopsisdiv"
                " simplesect reference set qandaset qandadiv qandaentry colophon dedication topic",
        heading="title subtitle refname refpurpose qandaentry/question",
        flat="bridgehead",
        block="para simpara formalpara blockquote attribution epigraph refclass",
        group="answer refnamediv partintro tgroup tbody thead tfoot mediaobject textobject"
              " informalexample varlistentry/listitem glossdef calloutlist segmentedlist"
              " variablelist glosslist",
        aside="note tip warning caution important sidebar",
        list="itemizedlist orderedlist procedure substeps simplelist",
        item="listitem step member callout",
        entry="varlistentry glossentry seglistitem",
        term="term glossterm",
        figure="figure example table informaltable equation",
        caption="caption",
        code="programlisting screen synopsis literallayout funcsynopsis",
        signature="methodsynopsis constructorsynopsis destructorsynopsis fieldsynopsis cmdsynopsis"
                  " classsynopsisinfo ooclass",
        table="tgroup informaltable/tbody",
        row="row tr",
        cell="entry td th",
        note="footnote",
        gap="type methodname methodparam modifier void constant varname initializer interfacename"
            " ooexception ooclass",
        skip="info bookinfo articleinfo chapterinfo sectioninfo refentryinfo indexterm bibliography"
             " index toc remark imageobject titleabbrev refmeta colspec keywordset",
    )
    | {f"{tag}/{inner}": "inline"
       for tag in ("para", "simpara", "title", "entry", "term", "question", "member", "listitem")
       for inner in ("type", "constant", "varname", "methodname", "initializer", "interfacename")},
    captured=frozenset(("info", "bookinfo", "articleinfo", "refentryinfo", "chapterinfo")),
    metadata=_docbook_metadata,
    doc_type="manual",
)  # fmt: skip

# --- patents --------------------------------------------------------------------------------------


def _patent_metadata(found: Mapping[str, list[Element]]) -> Metadata:
    data = next((name for name in found if "bibliographic" in name), "")
    return {
        "title": _first(found, f"{data}//invention-title", f"{data}//title-of-invention"),
        "issuer": _first(found, f"{data}//assignee//orgname", f"{data}//assignee/organization-name",
                         f"{data}//us-applicant//orgname"),
        "date": compact_date(_first(found, f"{data}/publication-reference/document-id/date",
                                     f"{data}/document-id/document-date")),
        "meta": {
            "number": _first(found, f"{data}/publication-reference/document-id/doc-number",
                             f"{data}/document-id/doc-number") or "",
            "classification": _first(found, f"{data}//main-cpc//section",
                                     f"{data}//classification-ipc//section") or "",
        },
    }  # fmt: skip


PATENT = Dialect(
    "patent",
    _HTML
    | _roles(
        section="abstract description claims subdoc-abstract subdoc-description subdoc-claims"
                " section",
        heading="section/heading",
        flat="heading",
        block="p paragraph",
        clause="claim-text",
        inline="dependent-claim-reference/claim-text claim-ref b i u sub2",
        group="claim description-of-drawings summary-of-invention detailed-description"
              " brief-description-of-drawings cross-reference-to-related-applications tgroup tbody"
              " thead background-of-invention tables",
        list="ul ol",
        table="tgroup",
        row="row",
        cell="entry",
        figure="table",
        skip="us-bibliographic-data-grant us-bibliographic-data-application drawings number"
             " subdoc-bibliographic-information subdoc-drawings us-sequence-list-doc maths math-cwu"
             " us-math us-chemistry chemistry-cwu img image us-claim-statement sequence-cwu",
    ),
    captured=frozenset(("us-bibliographic-data-grant", "us-bibliographic-data-application",
                        "subdoc-bibliographic-information")),
    metadata=_patent_metadata,
    named={"abstract": "Abstract", "subdoc-abstract": "Abstract", "claims": "Claims",
           "subdoc-claims": "Claims", "description": "Description",
           "subdoc-description": "Description"},
    lead_title=True,
    doc_type="patent",
)  # fmt: skip

# --- XBRL -----------------------------------------------------------------------------------------


def _xbrl_metadata(found: Mapping[str, list[Element]]) -> Metadata:
    issuer = _first(found, "EntityRegistrantName")
    kind = _first(found, "DocumentType")
    date = _first(found, "DocumentPeriodEndDate")
    return {
        "title": " ".join(part for part in (issuer, kind, date) if part) or None,
        "issuer": issuer,
        "doc_type": kind,
        "date": compact_date(date),
        "meta": {"cik": _first(found, "EntityCentralIndexKey") or ""},
    }


# facts are told from text blocks by the end of their name: see the walker
XBRL = Dialect(
    "xbrl",
    {},
    captured=frozenset(("EntityRegistrantName", "DocumentType", "DocumentPeriodEndDate",
                        "EntityCentralIndexKey")),
    metadata=_xbrl_metadata,
    doc_type="filing",
)  # fmt: skip

# --- anything else --------------------------------------------------------------------------------


def _general_metadata(found: Mapping[str, list[Element]]) -> Metadata:
    return {
        "issuer": _value(found, "publisher", "issuer", "journal-title", "jnl-fullname", "site"),
        "category": _value(found, "category", "subject", "industry"),
        "date": compact_date(_value(found, "pubDate", "date", "published", "updated", "pubdate")),
        "language": _value(found, "language", "lang"),
        "licence": _value(found, "licence", "license", "rights"),
    }


def _value(found: Mapping[str, list[Element]], *names: str) -> str | None:
    """The first plain value; of an element with parts, the part that is a name."""
    for name in names:
        for root in found.get(name, ()):
            parts = [e for e in root.iter() if len(e) == 0 and text_of(e)]
            named = parts if root in parts else [e for e in parts if "name" in e.tag.lower()]
            if named:
                return text_of(named[0])
    return None


GENERAL = Dialect(
    "xml",
    _HTML
    | _roles(
        heading="title head heading header-text caption-title ti subtitle headline",
        number="num number label enum",
        block="p para paragraph text quote lead summary abstract-text",
        list="list itemizedlist orderedlist",
        item="item list-item listitem",
        table="tgroup",
        row="row",
        cell="cell entry",
        caption="caption",
        code="programlisting screen code pre",
        note="footnote fn",
        break_="br lb",
        skip="ref-list reference-list references bibliography biblist back-matter-refs include"
             " tex-math script style metadata meta rights link url guid uri id short-title"
             " running-title alt-title abbrev-title ej-title",
    ),
    captured=frozenset(("publisher", "issuer", "journal-title", "jnl-fullname", "category",
                        "subject", "industry", "pubDate", "date", "published", "updated",
                        "pubdate", "language", "licence", "license", "rights", "site")),
    metadata=_general_metadata,
    learned=True,
)  # fmt: skip

MEDIAWIKI = Dialect("mediawiki", {})  # its pages are wikitext

# --- described in a plan --------------------------------------------------------------------------

Mapped = Mapping[str, str | list[str] | Mapping[str, str]]  # as TOML gives it
_KEYS = {"paragraph": "block"} | {
    role: role
    for role in ("section", "clause", "heading", "number", "list", "item", "table", "row", "cell",
                 "figure", "caption", "code", "note", "footnote", "aside", "inline", "skip")
}  # fmt: skip
_FIELDS = ("issuer", "category", "doc_type", "date", "valid_from", "valid_to", "version",
           "language", "licence")  # fmt: skip


def mapped(name: str, mapping: Mapped) -> Dialect:
    """A vocabulary as a plan describes it; elements that it does not name are learned.

    Args:
        name: of the vocabulary.
        mapping: `root` or `namespace`, by which it is recognised; `document`, the element of one
            document where a file holds many; `title`; `metadata`, a field of `Document` to the
            element that holds it; and elements by role: `section`, `heading`, `paragraph`, …
            An element is a local name, for a role also `parent/name`.

    Raises:
        ValueError: an unknown key or field, or nothing to recognise it by.
    """
    own = ("root", "namespace", "document", "title", "metadata")
    for key in mapping:
        if key not in own and key not in _KEYS:
            raise ValueError(f"{name} has no {key!r}; there is {', '.join((*own, *_KEYS))}")
    fields = mapping.get("metadata", {})
    if not isinstance(fields, Mapping):
        raise ValueError(f"{name}: metadata = {fields!r}: expected a table, field = element")
    for key in fields:
        if key not in _FIELDS:
            raise ValueError(f"{name}: metadata has no {key!r}; there is {', '.join(_FIELDS)}")
    if not _names(mapping, "root") and not _names(mapping, "namespace"):
        raise ValueError(f"{name} needs root or namespace, by which such files are recognised")
    wanted = {field: [element] for field, element in fields.items()}
    wanted["title"] = _names(mapping, "title")

    def metadata(found: Mapping[str, list[Element]]) -> Metadata:
        values = {key: _first(found, *elements) for key, elements in wanted.items()}
        dates = {key: compact_date(values[key]) for key in values if key in _DATES}
        return _general_metadata(found) | {k: v for k, v in (values | dates).items() if v}

    fixed = {tag: role for key, role in _KEYS.items() for tag in _names(mapping, key)}
    alone = [tag for tag in wanted["title"] if tag not in fixed]  # no heading of a section
    return Dialect(
        name,
        GENERAL.roles,
        captured=GENERAL.captured.union(*wanted.values()),
        metadata=metadata,
        lead_title=bool(alone),
        learned=True,
        fixed=fixed | dict.fromkeys(alone, "header"),
        record=next(iter(_names(mapping, "document")), ""),
    )


_DATES = ("date", "valid_from", "valid_to")


def _names(mapping: Mapped, key: str) -> list[str]:
    value = mapping.get(key, [])
    names = value.split() if isinstance(value, str) else value
    if not isinstance(names, list) or not all(isinstance(n, str) for n in names):
        raise ValueError(f"{key} = {value!r}: expected the names of elements")
    return names


def is_meant(mapping: Mapped, root: str, namespace: str) -> bool:
    """Whether a mapping is for documents with this root element."""
    wanted = _names(mapping, "namespace")
    return root in _names(mapping, "root") or any(part in namespace for part in wanted)


# --- which one ------------------------------------------------------------------------------------

_NAMESPACES = (
    ("docs.oasis-open.org/legaldocml", AKOMA_NTOSO),
    ("akomantoso.org", AKOMA_NTOSO),
    ("schemas.gpo.gov/xml/uslm", USLM),
    ("xml.house.gov/schemas/uslm", USLM),
    ("www.tei-c.org/ns", TEI),
    ("docbook.org/ns/docbook", DOCBOOK),
)
_ROOTS = {
    "mediawiki": MEDIAWIKI,
    "akomaNtoso": AKOMA_NTOSO,
    "TEI": TEI, "TEI.2": TEI, "teiCorpus": TEI,
    "ACT": FORMEX, "ANNEX": FORMEX, "CONS.ACT": FORMEX, "GENERAL": FORMEX, "DOC": FORMEX,
    "PUBLICATION": FORMEX, "CONS.DOC": FORMEX,
    "us-patent-grant": PATENT, "us-patent-application": PATENT,
    "patent-application-publication": PATENT,
    "PubmedArticleSet": PUBMED, "PubmedArticle": PUBMED,
    "bill": US_BILL, "resolution": US_BILL, "amendment-doc": US_BILL,
    "pLaw": USLM, "statuteCompilation": USLM, "uscDoc": USLM,
    "book": DOCBOOK, "refentry": DOCBOOK, "sect1": DOCBOOK, "sect2": DOCBOOK, "appendix": DOCBOOK,
    "chapter": DOCBOOK, "preface": DOCBOOK, "part": DOCBOOK, "reference": DOCBOOK,
    "section": DOCBOOK, "qandaset": DOCBOOK,
}  # fmt: skip
_JATS_SIGN = re.compile(r"<(?:front|journal-meta|article-meta)[\s>]")
_DOCBOOK_SIGN = re.compile(r"<(?:para|simpara|sect1|programlisting|refnamediv|articleinfo)[\s>]")

# streams of records: root -> the element of one document
RECORDS = {"mediawiki": "page", "PubmedArticleSet": "PubmedArticle", "teiCorpus": "TEI"}


def dialect_of(root: str, namespace: str, head: str) -> Dialect:
    """The vocabulary of a document, by its root element and how it goes on.

    Args:
        root: local name of the root element.
        namespace: its namespace, may be empty.
        head: the beginning of the document.
    """
    for part, dialect in _NAMESPACES:
        if part in namespace:
            return dialect
    if root in ("article", "OAI-PMH", "pmc-articleset") and _JATS_SIGN.search(head):
        return JATS
    if root == "article":
        return DOCBOOK if _DOCBOOK_SIGN.search(head) else GENERAL
    found = _ROOTS.get(root, GENERAL)
    if found is DOCBOOK and not _DOCBOOK_SIGN.search(head):
        return GENERAL
    if found is US_BILL and "<legis-body" not in head and "<metadata" not in head:
        return GENERAL
    return found


def is_known(root: str) -> bool:
    """Whether a root element names a vocabulary of ours."""
    return root in _ROOTS

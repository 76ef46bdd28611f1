"""XML documents of many vocabularies: articles, laws, manuals, books, patents, wikis, web dumps.

The source is read in pieces, made safe as text (`_xml_text`), parsed by a hardened parser that
builds no tree, and turned into blocks by the role of each element (`_xml_dialects`, `_xml_walk`).
A file may hold many documents: a wiki's pages, an abstract service's records, web pages between
`<doc>` tags without a root, or several XML documents one after the other.
"""

from __future__ import annotations

import html
import io
import itertools
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from datakit.ingestors import _dates, _headings, _images, _markdown, _unpack, _wikitext, text
from datakit.ingestors import _xml_dialects as dialects
from datakit.ingestors._blocks import DocumentBuilder
from datakit.ingestors._decode import decode, read_text
from datakit.ingestors._style import RawBlock
from datakit.ingestors._xbrl_facts import FactTable
from datakit.ingestors._xml_dialects import Dialect, Element
from datakit.ingestors._xml_text import Cleaner
from datakit.ingestors._xml_walk import Census, TooDeep, TooLarge, Walker, begun, squeeze
from datakit.records import Document, Dropped
from datakit.registry import plugin

WHOLE_BYTES = 64 << 20  # of a file that is decoded as a whole; a larger one is read in pieces
HEAD_BYTES = 1 << 20  # of a larger one, from which its encoding and vocabulary are read
PIECE = 1 << 20  # characters
CENSUS_PIECES = 64  # from which the use of unknown elements is learned
SUFFIXES = (".xml", ".nxml", ".jats", ".akn", ".tei", ".dbk", ".docbook", ".uslm", ".fmx", ".rdf",
            ".rss", ".atom")  # fmt: skip
_OTHERS = (".html", ".htm", ".shtml", ".xhtml", ".dtd", ".ent", ".mod", ".xsd", ".xsl", ".xslt",
           ".rng", ".svg", ".md", ".json", ".jsonl")  # fmt: skip
_PACKED = (b"BZh", b"\x1f\x8b", b"\xfd7zXZ")  # bzip2, gzip, xz
_RECORD = re.compile(r"<(doc|DOC)>\s*<(?:url|docno|docid|doc_?id|id|dochdr|title)\b", re.I)
_ROOT = re.compile(r"<(?:([A-Za-z_][\w.-]*):)?([A-Za-z_\u00c0-\uffef][\w.-]*)([^<>]*)>")
_NEXT_DOCUMENT = re.compile(r">\s*(<\?xml\s+version\b)")
PROSE_WORDS, PROSE_CJK = 8, 12  # of a block that counts as prose
_CJK = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]")


@plugin("ingestors", "xml")
@dataclass(frozen=True)
class Xml:
    """An XML file, or one of web documents between `<doc>` tags: one document or many."""

    max_bytes: int = 4 << 30  # read from one file, after decompression
    max_depth: int = 512  # of nested elements
    max_chars: int = 100_000_000  # of text in one document
    # vocabularies of one's own, by name: which element is document, title, section, paragraph, …
    mappings: dict[str, dict[str, str | list[str] | dict[str, str]]] = field(default_factory=dict)
    table_cells: bool = False  # tables as rows of cells beside their text

    def __post_init__(self) -> None:
        for name, mapping in self.mappings.items():
            dialects.mapped(name, mapping)

    def matches(self, name: str, head: bytes) -> int:
        """55 for web documents, 50 for XML by name, 45 by its first bytes, 20 for other tags."""
        lower = name.lower()
        if lower.endswith(_OTHERS):
            return 0
        if lower.endswith((".bz2", ".gz", ".xz")):
            own = ".xml" in lower and ".tar." not in lower
            return 45 if own and head.startswith(_PACKED) else 0
        start = head[:4096].replace(b"\x00", b"").lstrip(b"\xef\xbb\xbf\xff\xfe \t\r\n")
        markup = start.decode("latin-1")
        if _RECORD.match(markup):
            return 55
        if lower.endswith(SUFFIXES):
            return 50
        if not markup.startswith("<"):
            return 0
        if re.match(r"<\?xml|<!DOCTYPE(?!\s+html)", markup, re.I) or _known_root(markup):
            return 45
        bare = "." not in lower and re.match(r"<(?!html)[A-Za-z_!?]", markup, re.I)
        return 20 if bare else 0

    def __call__(self, path: Path, source_uri: str) -> Iterator[Document | Dropped]:
        source = _Source.of(path, source_uri, self.max_bytes)
        if isinstance(source, Dropped):
            yield source
        else:
            web = _RECORD.search(source.head[:4096])
            try:
                yield from _web_documents(source) if web else self._documents(source)
            except TooLarge as error:
                yield Dropped(source_uri, "too_large", f"{source_uri}: {error}.")
            except _unpack.CUT_OFF as error:
                found = f"{source_uri}: {error}, after what was read. Was the download cut off?"
                yield Dropped(source_uri, "unreadable", found)

    def _documents(self, source: _Source) -> Iterator[Document | Dropped]:
        """The documents of a file, of which several may follow one another."""
        if not _NEXT_DOCUMENT.search(source.head) and not source.many():
            yield from self._document(source, source.uri)
            return
        for number, part in enumerate(_split(source), 1):
            yield from self._document(source.part(part), f"{source.uri}#{number}")

    def _document(self, source: _Source, uri: str) -> Iterator[Document | Dropped]:
        name, namespace = _root(source.head)
        own = self._mapped(name, namespace)
        if not name:
            yield _bad(uri, "no element", "<root>…</root>")
        elif own is not None:
            yield from self._learned(source, uri, own)
        elif name.lower() == "html":
            from datakit.ingestors.terms_html import read_page

            yield read_page("".join(source), source.uri, source.flags, self.table_cells)
        elif name in dialects.RECORDS:
            dialect = dialects.dialect_of(name, namespace, source.head)
            yield from self._records(source, uri, dialects.RECORDS[name], dialect)
        elif name == "xbrl" or "xbrl.org/2003/instance" in namespace:
            yield self._one(source, uri, dialects.XBRL)
        else:
            dialect = dialects.dialect_of(name, namespace, source.head)
            if dialect.learned:
                yield from self._learned(source, uri, dialect)
            else:
                yield self._one(source, uri, dialect)

    def _mapped(self, name: str, namespace: str) -> Dialect | None:
        """The vocabulary of the plan's own mappings that a document has."""
        for key, mapping in self.mappings.items():
            if dialects.is_meant(mapping, name, namespace):
                return dialects.mapped(key, mapping)
        return None

    def _learned(self, source: _Source, uri: str, dialect: Dialect) -> Iterator[Document | Dropped]:
        """The documents of a file whose elements have to be got to know first."""
        census, n_pieces = Census(self.max_depth), itertools.count()
        first = itertools.islice(source, CENSUS_PIECES)
        try:
            _parse((piece for piece, _ in zip(first, n_pieces, strict=False)), census)
        except TooDeep:
            yield self._too_deep(uri)
            return
        roles = {**dialect.roles, **census.roles(dialect.roles), **dialect.fixed}
        # a file too large to be one document is a sequence of them, if it is a sequence at all
        large = next(n_pieces) == CENSUS_PIECES
        record = dialect.record or (census.record() if large else "")
        if record:
            yield from self._records(source, uri, record, dialect, roles)
        else:
            yield self._one(source, uri, dialect, roles)

    def _one(
        self,
        source: _Source,
        uri: str,
        dialect: Dialect,
        roles: Mapping[str, str] | None = None,
    ) -> Document | Dropped:
        """The document that a source is as a whole."""
        try:
            made = _Facts if dialect is dialects.XBRL else Walker
            walker = made(dialect, roles, self.max_depth, self.max_chars, self.table_cells)
            parsed = _parse(source, walker)
        except TooDeep:
            return self._too_deep(uri)
        except TooLarge as error:
            found = str(error) or (
                f"more than {self.max_chars:,} characters in one document. Split the file, name "
                "its documents in a mapping, or raise max_chars"
            )
            return Dropped(uri, "too_large", f"{uri}: {found}.")
        if walker.root is None:
            return _bad(uri, parsed.error or "no element", "one root element")
        return _built(walker, uri, (*source.flags, *parsed.flags))

    def _too_deep(self, uri: str) -> Dropped:
        return Dropped(
            uri, "too_deep", f"{uri}: elements nest deeper than {self.max_depth}. Raise "
            "max_depth if the file can be trusted.",
        )  # fmt: skip

    def _records(
        self,
        source: _Source,
        uri: str,
        name: str,
        dialect: Dialect,
        roles: Mapping[str, str] | None = None,
    ) -> Iterator[Document | Dropped]:
        """A document for each element of a name."""
        records = _Records(name, self.max_depth, self.max_chars)
        number = 0
        try:
            for _ in _feed(source, records, _Parsed()):
                for element in records.taken():
                    number += 1
                    where = f"{uri}#{_record_id(element, number)}"
                    yield self._record(element, where, records, dialect, roles)
        except (TooDeep, TooLarge) as error:
            reason = "too_deep" if isinstance(error, TooDeep) else "too_large"
            found = str(error) or (
                f"record {number + 1} is beyond the limits (max_depth {self.max_depth}, max_chars "
                f"{self.max_chars:,}); nothing after it was read"
            )
            yield Dropped(f"{uri}#{number + 1}", reason, f"{uri}: {found}.")

    def _record(
        self,
        element: Element,
        uri: str,
        records: _Records,
        dialect: Dialect,
        roles: Mapping[str, str] | None,
    ) -> Document | Dropped:
        if dialect is dialects.MEDIAWIKI:
            return _wiki_page(element, uri, records.site, self.table_cells)
        walker = Walker(dialect, roles, self.max_depth, self.max_chars, self.table_cells)
        _replay(element, walker)
        walker.close()
        return _built(walker, uri, ())


# --- reading --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Source:
    """A file's text in pieces, as often as one asks."""

    uri: str
    head: str
    flags: tuple[str, ...]
    whole: str | None = None
    path: Path | None = None
    encoding: str = "utf-8"
    max_bytes: int = 0

    @classmethod
    def of(cls, path: Path, uri: str, max_bytes: int) -> _Source | Dropped:
        packed = _is_packed(path)
        if not packed and path.stat().st_size <= min(WHOLE_BYTES, max_bytes):
            decoded = read_text(path, uri, max_bytes=max_bytes)
            if isinstance(decoded, Dropped):
                return decoded
            return cls(uri, decoded.text[:HEAD_BYTES], decoded.flags, decoded.text)
        if not packed and path.stat().st_size > max_bytes:
            return Dropped(
                uri, "too_large", f"{uri}: {path.stat().st_size:,} bytes, at most {max_bytes:,} "
                "are read. Split the file or raise max_bytes.",
            )  # fmt: skip
        try:
            with _unpack.opened(path) as file:
                data = file.read(HEAD_BYTES)
        except _unpack.BROKEN as error:
            return Dropped(uri, "unreadable", f"{uri}: {error}. Was the download cut off?")
        cut = max(data.rfind(b">"), data.rfind(b"\n")) + 1 or len(data)
        decoded = decode(data[: cut + cut % 2], uri)
        if isinstance(decoded, Dropped):
            return decoded
        bound = min(max_bytes, _unpack.Budget.of(path).left) if packed else max_bytes
        return cls(uri, decoded.text, (), None, path, decoded.encoding, bound)

    def __iter__(self) -> Iterator[str]:
        if self.whole is not None:
            yield from (self.whole[i : i + PIECE] for i in range(0, len(self.whole), PIECE))
            return
        assert self.path is not None
        n = 0
        with _unpack.opened(self.path) as raw:
            reader = io.TextIOWrapper(raw, encoding=self.encoding, errors="replace")
            while piece := reader.read(PIECE):
                yield piece.removeprefix("\ufeff") if n == 0 else piece
                n += len(piece)
                if n > self.max_bytes:
                    raise TooLarge(
                        f"it unpacks to more than {self.max_bytes:,} characters. Split it, or "
                        "unpack it by hand if it can be trusted"
                    )

    def many(self) -> bool:
        """Whether a second XML declaration comes after the first document."""
        return self.whole is not None and bool(_NEXT_DOCUMENT.search(self.whole))

    def part(self, whole: str) -> _Source:
        return _Source(self.uri, whole[:HEAD_BYTES], self.flags, whole)


def _is_packed(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(5).startswith(_PACKED)


def _split(source: Iterable[str]) -> Iterator[str]:
    """Documents that follow one another, each from its XML declaration on."""
    rest = ""
    for piece in source:
        rest += piece
        start = 0
        for match in _NEXT_DOCUMENT.finditer(rest):
            yield rest[start : match.start(1)]
            start = match.start(1)
        rest = rest[start:]
    if rest.strip():
        yield rest


def _known_root(markup: str) -> bool:
    name, namespace = _root(markup)
    return bool(namespace) or name in dialects.RECORDS or dialects.is_known(name)


def _root(head: str) -> tuple[str, str]:
    """Local name and namespace of the root element; two empty texts without one."""
    match = _ROOT.search(Cleaner().feed(head, final=True))
    if match is None:
        return "", ""
    prefix, name, attributes = match.groups()
    key = f"xmlns:{re.escape(prefix)}" if prefix else "xmlns"
    namespace = re.search(rf"(?<![\w:-]){key}\s*=\s*[\"']([^\"']*)", attributes)
    return name, namespace[1] if namespace else ""


@dataclass
class _Parsed:
    """How the parsing went."""

    flags: tuple[str, ...] = ()
    error: str = ""


def _parse(source: Iterable[str], target: Any) -> _Parsed:
    """Feed a source to a parser target."""
    parsed = _Parsed()
    for _ in _feed(source, target, parsed):
        pass
    return parsed


def _feed(source: Iterable[str], target: Any, parsed: _Parsed) -> Iterator[None]:
    """Feed a source to a parser target piece by piece.

    The cleaner has taken out everything that declares or refers; the settings say the same again.
    """
    from lxml import etree

    parser = etree.XMLParser(
        target=target, recover=True, resolve_entities=False, no_network=True, load_dtd=False,
        dtd_validation=False, huge_tree=True, encoding="utf-8",
    )  # fmt: skip
    cleaner = Cleaner()
    flags: set[str] = set()
    try:
        for piece in source:
            clean = cleaner.feed(piece)
            if clean:
                parser.feed(clean.encode("utf-8", "replace"))
                yield
        rest = cleaner.close()
        if rest:
            parser.feed(rest.encode("utf-8", "replace"))
        parser.close()
    except etree.XMLSyntaxError as error:
        parsed.error = " ".join(str(error).split())
        target.close()
        flags.add("malformed")
    if any(e.level_name == "FATAL" for e in parser.feed_error_log):
        flags.add("malformed")
    flags |= cleaner.flags & {"entities", "undefined_entities", "doctype_without_end"}
    parsed.flags = tuple(sorted(flags))
    yield


def _bad(uri: str, found: str, expected: str) -> Dropped:
    return Dropped(
        uri, "bad_xml", f"{uri}: found {found}, expected {expected}. Is the file cut off, or no "
        "XML at all?",
    )  # fmt: skip


# --- a document -----------------------------------------------------------------------------------


def _built(walker: Walker, uri: str, flags: tuple[str, ...]) -> Document | Dropped:
    """The document that a walker has collected."""
    from datakit.text import detect_language

    dialect, blocks = walker.dialect, walker.blocks
    fields = dialect.metadata(walker.found)
    if dialect is dialects.XBRL:
        blocks = _xbrl_blocks(blocks)
        if isinstance(walker, _Facts):
            blocks += walker.facts.blocks()
            walker.left_out += walker.facts.left_out
    elif dialect.learned:
        blocks = [b for block in blocks for b in _unescaped(block, walker.left_out)]
    blocks, n_repeated = _images.distinct(_without_repeated_titles(blocks))
    walker.left_out["image"] += n_repeated
    if not any(_is_prose(block) for block in blocks):
        return _no_prose(uri, walker, blocks)
    title = fields.get("title")
    if title and dialect.lead_title:
        for block in blocks:
            if block.kind == "heading":
                block.level = (block.level or 1) + 1
        blocks.insert(0, RawBlock("heading", title, level=1))
    builder = DocumentBuilder("xml", "application/xml", walker.table_cells)
    _headings.dense(blocks)
    builder.add(blocks)
    body = "\n".join(block.text for block in blocks)
    name, attributes = walker.root or ("", {})
    top = next((b.text for b in blocks[:10] if b.kind == "heading" and b.level == 1), None)
    meta = {"dialect": dialect.name, "root": name, **fields.pop("meta", {})}
    if any(walker.left_out.values()):
        meta["left_out"] = _counted(walker.left_out)
    defaults = {
        "title": title or top or text.clean_name(uri),
        "doc_type": fields.get("doc_type") or dialect.doc_type,
        "language": _language(fields.get("language") or attributes.get("lang"))
        or detect_language(body),
        "date": fields.get("date") or dialects.compact_date(attributes.get("date")),
        "meta": {key: value for key, value in meta.items() if value},
    }
    return builder.build(uri, flags=flags, **{**fields, **defaults})


def _no_prose(uri: str, walker: Walker, blocks: list[RawBlock]) -> Dropped:
    name = walker.root[0] if walker.root else "?"
    return Dropped(
        uri,
        "no_text",
        f"{uri}: <{name}> holds values and no prose ({len(blocks)} short texts); expected "
        "sentences. Data, a site map or settings are not documents: leave the file out.",
    )


def _is_prose(block: RawBlock) -> bool:
    if block.kind in ("heading", "code"):
        return False
    words = block.text.count(" ") + 1
    return words >= PROSE_WORDS or len(_CJK.findall(block.text)) >= PROSE_CJK


def _without_repeated_titles(blocks: list[RawBlock]) -> list[RawBlock]:
    """A title that is given twice, as in Formex' running titles, stands once."""
    kept: list[RawBlock] = []
    for block in blocks:
        if block.kind == "heading" and kept and kept[-1].text == block.text:
            continue
        kept.append(block)
    return kept


_ESCAPED = re.compile(r"<(?:p|div|br|ul|ol|table|span|h[1-6]|b|i|strong|em|a)\b[^<>]*>", re.I)


def _unescaped(block: RawBlock, left_out: Counter[str]) -> list[RawBlock]:
    """HTML that a feed carries as text."""
    if block.kind == "code" or not _ESCAPED.search(block.text):
        return [block]
    return _markdown.html_blocks(block.text, left_out)


_CODES = {"eng": "en", "fra": "fr", "fre": "fr", "deu": "de", "ger": "de", "ita": "it",
          "spa": "es", "zho": "zh", "chi": "zh", "cn": "zh", "por": "pt", "nld": "nl", "dut": "nl",
          "pol": "pl", "swe": "sv", "ell": "el", "gre": "el", "fin": "fi"}  # fmt: skip


def _language(code: str | None) -> str | None:
    """BCP 47 of a declared language, two letters."""
    base = (code or "").strip().lower().split("-")[0].split("_")[0]
    return _CODES.get(base) or (base if re.fullmatch("[a-z]{2}", base) else None)


def _counted(counts: Counter[str]) -> str:
    return "; ".join(f"{name}: {n}" for name, n in sorted(counts.items()) if n)


# --- XBRL -----------------------------------------------------------------------------------------


class _Facts(Walker):
    """The text blocks of an XBRL instance, a heading before each, and its numbers."""

    def __init__(self, *settings: Any) -> None:
        super().__init__(*settings)
        self.facts = FactTable()

    def start(self, tag: str, attributes: Any) -> None:
        self.facts.start(tag, attributes)
        super().start(tag, attributes)

    def data(self, text: str) -> None:
        self.facts.data(text)
        super().data(text)

    def end(self, tag: str) -> None:
        self.facts.end(tag)
        super().end(tag)

    def _role(self, parent: Any, name: str) -> str:
        if name.endswith("TextBlock"):
            words = re.findall(r"[A-Z]+(?![a-z])|[A-Z][a-z]*|\d+", name.removesuffix("TextBlock"))
            self.blocks.append(RawBlock("heading", " ".join(words) or name, level=1))
            return "code"  # the markup's own line ends count
        return "group" if parent.tag == "" else "header"


def _xbrl_blocks(facts: list[RawBlock]) -> list[RawBlock]:
    """The text blocks of a report; one that only repeats parts of longer ones goes."""
    parts: list[tuple[str, list[RawBlock]]] = []
    name = ""
    for fact in facts:
        if fact.kind == "heading":
            name = fact.text
        elif len(fact.text) > 200:
            found = _markdown.html_blocks(fact.text) if "<" in fact.text else [fact]
            parts.append((name, _headings.promote(found)))
    seen: set[str] = set()
    new: set[int] = set()
    for i in sorted(range(len(parts)), key=lambda i: -sum(len(b.text) for b in parts[i][1])):
        texts = [b.text for b in parts[i][1] if b.kind != "heading"]
        if sum(t in seen for t in texts) < 0.8 * len(texts):
            new.add(i)
        seen.update(texts)
    blocks: list[RawBlock] = []
    for i in sorted(new):
        blocks.append(RawBlock("heading", parts[i][0], level=1))
        for block in parts[i][1]:
            if block.kind == "heading":
                block.level = (block.level or 1) + 1
            blocks.append(block)
    return blocks


# --- records --------------------------------------------------------------------------------------


class _Records:
    """Parser target that builds a small tree of each record and forgets it once it is taken."""

    def __init__(self, name: str, max_depth: int, max_chars: int) -> None:
        self.name, self.max_depth, self.max_chars = name, max_depth, max_chars
        self.site: dict[str, str] = {}  # what the stream says of itself
        self._done: list[Element] = []
        self._builder: Any = None
        self._open: list[str] = []  # a parser that recovers may end an element by another's name
        self._chars = self._total = 0
        self._text: list[str] = []

    def start(self, tag: str, attributes: Any) -> None:
        name = tag.rpartition("}")[2]
        self._total += 1
        if self._total == 1:
            lang = attributes.get("{http://www.w3.org/XML/1998/namespace}lang")
            self.site["language"] = lang or ""
        if self._builder is None and name == self.name:
            from lxml import etree

            self._builder, self._open, self._chars = etree.TreeBuilder(), [], 0
        self._text = []
        if self._builder is not None:
            if len(self._open) >= self.max_depth:
                raise TooDeep
            self._open.append(begun(self._builder, name, attributes))

    def data(self, text: str) -> None:
        if self._builder is None:
            if len(self._text) < 100:
                self._text.append(text)
            return
        self._chars += len(text)
        if self._chars > self.max_chars:
            raise TooLarge
        self._builder.data(text)

    def end(self, tag: str) -> None:
        name = tag.rpartition("}")[2]
        if self._builder is None:
            if name in ("sitename", "base", "dbname"):
                self.site[name] = "".join(self._text).strip()
            return
        self._builder.end(self._open.pop())
        if not self._open:
            self._done.append(self._builder.close())
            self._builder = None

    def close(self) -> None:
        """End the record that a file which was cut off leaves open."""
        while self._builder is not None:
            self.end("")

    def taken(self) -> list[Element]:
        done, self._done = self._done, []
        return done


def _replay(root: Element, walker: Walker) -> None:
    """A small tree as the events it came from."""
    from lxml import etree

    for event, element in etree.iterwalk(root, events=("start", "end")):
        if event == "start":
            walker.start(element.tag, dict(element.items()))
            if element.text:
                walker.data(element.text)
        else:
            walker.end(element.tag)
            if element.tail and element is not root:
                walker.data(element.tail)


def _record_id(element: Element, number: int) -> str:
    for path in ("id", ".//PMID", "MedlineCitation/PMID"):
        found = dialects.text_of(element.find(path))
        if found and len(found) <= 40:
            return found
    return str(element.get("id") or number)


def _wiki_page(
    page: Element, uri: str, site: dict[str, str], table_cells: bool
) -> Document | Dropped:
    """The document of a wiki's page: its newest revision."""
    from datakit.text import detect_language

    title = dialects.text_of(page.find("title"))
    if (page.findtext("ns") or "0").strip() != "0" or _OTHER_SPACE.match(title):
        return Dropped(uri, "not_an_article", f"{uri}: {title!r} is a page about the wiki")
    revisions = sorted(page.findall("revision"), key=lambda r: r.findtext("timestamp") or "")
    raw = (revisions[-1].findtext("text") if revisions else None) or ""
    if page.find("redirect") is not None or re.match(r"\s*#(?:redirect|重定向)", raw, re.I):
        return Dropped(uri, "redirect", f"{uri}: {title!r} only points to another page")
    blocks = [RawBlock("heading", title, level=1)] if title else []
    found = _wikitext.wiki_blocks(raw)
    for block in found:
        if block.kind == "heading":
            block.level = (block.level or 1) + 1
    builder = DocumentBuilder("xml", "text/x-wiki", table_cells)
    builder.add(blocks + found)
    if not found:
        return Dropped(uri, "no_text", f"{uri}: {title!r} has no text but templates and links")
    names = _wikitext.categories(raw)
    body = "\n".join(block.text for block in found)
    return builder.build(
        uri,
        title=title,
        issuer=site.get("sitename") or site.get("dbname"),
        category=names[0] if names else None,
        doc_type="article",
        date=dialects.compact_date((revisions[-1].findtext("timestamp") or "")[:10]),
        language=_language(site.get("language")) or detect_language(body),
        meta={"dialect": "mediawiki", "categories": "; ".join(names[:20])},
    )


_OTHER_SPACE = re.compile(
    r"(?:talk|user|wikipedia|file|image|template|category|portal|help|mediawiki|special|module)"
    r"(?: talk)?:", re.I
)  # fmt: skip


# --- web documents --------------------------------------------------------------------------------

_TITLE_TAGS = ("contenttitle", "title", "headline", "ttl")
_TEXT_TAGS = ("content", "text", "body", "passage")
_ID_TAGS = ("docno", "docid", "doc_id", "id")
# private characters that a converter left where lines broke (U+E40C) and as wide blanks
_BREAK = re.compile("[\ue40c\ue003\ue004]+|<br\\s*/?>|</p>", re.I)
_MARKUP = re.compile(r"</?[a-zA-Z][^<>]{0,500}>")
_BLANK = re.compile("[\ue5e5\ue4c6]+")


def _web_documents(source: _Source) -> Iterator[Document | Dropped]:
    """Web pages between `<doc>` tags: no root, bare ampersands, any encoding."""
    rest, number = "", 0
    end = re.compile(r"</doc>", re.I)
    for piece in source:
        rest += piece
        start = 0
        for match in end.finditer(rest):
            number += 1
            yield _web_document(rest[start : match.start()], source, number)
            start = match.end()
        rest = rest[start:]
        if len(rest) > MAX_RECORD:
            yield _bad(source.uri, f"{len(rest):,} characters without </doc>", "records")
            return
    if re.search(r"<doc>", rest, re.I):
        yield _web_document(rest, source, number + 1, cut=True)


MAX_RECORD = 32 << 20  # characters


def _web_document(
    record: str, source: _Source, number: int, cut: bool = False
) -> Document | Dropped:
    from datakit.text import detect_language

    fields = _Fields(record)
    name = fields.first(_ID_TAGS)
    uri = f"{source.uri}#{name or number}"
    url = fields.first(("url",))
    raw = fields.first(_TEXT_TAGS)
    body = _BREAK.sub("\n", html.unescape(raw))
    body = _BLANK.sub(" ", _MARKUP.sub("", body)).strip()
    if len(body) < 2:
        return Dropped(uri, "no_text", f"{uri}: no text between {', '.join(_TEXT_TAGS)}")
    title = squeeze(html.unescape(fields.first(_TITLE_TAGS)))
    language = detect_language(f"{title}\n{body}")
    blocks = [RawBlock("heading", title, level=1)] if title else []
    blocks += text.plain_blocks(body, language)
    builder = DocumentBuilder("xml", "application/xml")
    builder.add(blocks)
    host = _host(url)
    day = fields.first(("date", "pubdate", "time"))
    return builder.build(
        uri,
        title=title or None,
        issuer=host.removeprefix("www.") if host else None,
        doc_type="web_page",
        date=dialects.compact_date(day) or _dates.date_in_name(url) or None,
        language=language,
        flags=(*source.flags, *(("truncated",) if cut else ())),
        meta={k: v for k, v in (("dialect", "web_documents"), ("url", url)) if v},
    )


def _host(url: str) -> str | None:
    try:
        return urlsplit(url).hostname if len(url) < 2000 else None
    except ValueError:  # such as a bracket that no IPv6 address is in
        return None


@dataclass
class _Fields:
    """The fields of a record, found without a parser."""

    record: str
    _lower: str = field(init=False)

    def __post_init__(self) -> None:
        self._lower = self.record.lower()

    def first(self, names: Iterable[str]) -> str:
        """The text of the first field that is there; one without an end goes on to the next."""
        for name in names:
            start = self._lower.find(f"<{name}>")
            if start < 0:
                continue
            start += len(name) + 2
            end = self._lower.find(f"</{name}>", start)
            value = self.record[start : end if end >= 0 else None].strip()
            if value:
                return value
        return ""

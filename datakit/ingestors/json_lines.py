"""JSON Lines and JSON: an object with text is a document."""

from __future__ import annotations

import itertools
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

from datakit.ingestors import _headings, _markdown, _research, text
from datakit.ingestors._blocks import DocumentBuilder
from datakit.ingestors._cells import even
from datakit.ingestors._decode import HEAD_BYTES, MAX_BYTES, decode, read_text
from datakit.ingestors._enumerators import ENUMERATOR
from datakit.ingestors._style import RawBlock
from datakit.records import Document, Dropped
from datakit.registry import plugin

LINES = (".jsonl", ".ndjson", ".jl")
_ROW = frozenset(("page", "type", "inside"))  # a row of one document, as PDF extractors write them
_RUNNING = frozenset(("页眉", "页脚", "header", "footer"))
MAX_LINE = 64 << 20  # bytes of one object
FULL_ROW = 30  # characters of a row that can break off; a title is shorter
_ROW_ENDS = re.compile(r"[。！？：；…”」）)》】!?:;]$|报告(?:全文)?$|\.{4,}|…{2,}")
_ROW_STARTS = re.compile(r"[□√☑•●■（(【第]|(?:图表?|表)\s?\d|单位")
_MARKUP = re.compile(r"\s*<(?:!doctype|html|body|div|p|h[1-6]|table|section|article|span)\b", re.I)


@plugin("ingestors", "json_lines")
@dataclass(frozen=True)
class JsonLines:
    """Objects of a `.jsonl` or `.json` file, one document each.

    A field setting lists names in the order in which they are tried. An object without any text
    field is dropped as `no_text`, a line that is no JSON as `bad_json`.
    """

    text: tuple[str, ...] = (
        "text", "content", "source_content", "contents", "body", "article", "passage",
        "full_text", "html",
    )  # fmt: skip
    title: tuple[str, ...] = ("title", "headline", "name", "标题")
    issuer: tuple[str, ...] = (
        "issuer", "company", "org_name", "broker", "publisher", "source", "author",
    )  # fmt: skip
    category: tuple[str, ...] = ("category", "industry", "industry_name", "subject", "topic")
    date: tuple[str, ...] = (
        "date", "publish_date", "publishedAt", "published", "pub_date", "time", "timestamp",
    )  # fmt: skip
    language: tuple[str, ...] = ("language", "lang")
    id: tuple[str, ...] = ("id", "_id", "doc_id", "docid", "docno", "url", "uid")
    max_bytes: int = MAX_BYTES  # of a .json file; a .jsonl file is read line by line
    table_cells: bool = False  # tables as rows of cells beside their text

    def matches(self, name: str, head: bytes) -> int:
        """60 for JSON Lines by name, 50 for JSON, 35 for text whose first line is an object."""
        suffix = PurePosixPath(name.lower()).suffix
        if suffix in LINES:
            return 60
        if suffix == ".json":
            return 50
        line = head.lstrip(b"\xef\xbb\xbf").split(b"\n", 1)[0].strip()
        if suffix in ("", ".txt") and line.startswith(b'{"') and line.endswith(b"}"):
            return 35 if isinstance(_parsed(line.decode("utf-8", "replace")), dict) else 0
        return 0

    def __call__(self, path: Path, source_uri: str) -> Iterator[Document | Dropped]:
        if path.suffix.lower() == ".json":
            yield from self._whole(path, source_uri)
            return
        objects = _lines(path, source_uri)
        first = next(objects, None)
        objects = itertools.chain([] if first is None else [first], objects)
        if first is not None and isinstance(first[1], dict) and first[1].keys() >= _ROW:
            yield _of_rows(objects, source_uri, self.table_cells)
            return
        for number, value in objects:
            yield from self._document(value, source_uri, str(number))

    def _whole(self, path: Path, source_uri: str) -> Iterator[Document | Dropped]:
        decoded = read_text(path, source_uri, max_bytes=self.max_bytes)
        if isinstance(decoded, Dropped):
            yield decoded
            return
        value = _parsed(decoded.text)
        if isinstance(value, Dropped):
            # many a .json file holds one object a line
            values = [_parsed(line) for line in decoded.text.split("\n") if line.strip()]
            if any(isinstance(v, Dropped) for v in values[:1]):
                yield _bad_json(source_uri, value.detail)
                return
        elif isinstance(value, list):
            values = value
        else:
            listed = _listed(value)
            if listed is None or text.first_of(value, self.text):
                yield from self._document(value, source_uri, None)
                return
            values = listed
        for number, item in enumerate(values, 1):
            yield from self._document(item, source_uri, str(number))

    def _document(
        self, value: Any, source_uri: str, number: str | None
    ) -> Iterator[Document | Dropped]:
        """The document of an object; `number` is its place among the objects of the file."""
        uri = f"{source_uri}#{number}" if number else source_uri
        if isinstance(value, Dropped):
            yield _bad_json(uri, value.detail)
            return
        if not isinstance(value, dict):
            yield _no_text(uri, f"{type(value).__name__}, expected an object")
            return
        if number:
            name = text.first_of(value, self.id)
            uri = f"{source_uri}#{name[:200]}" if name else uri
        body = text.first_of(value, self.text)
        if body is None:
            names = ", ".join(list(map(str, value))[:8])
            yield _no_text(uri, f"the fields {names}; expected one of {', '.join(self.text)}")
            return
        yield self._built(body, value, uri)

    def _built(self, body: str, value: Mapping[str, Any], uri: str) -> Document | Dropped:
        blocks, left_out = text_blocks(body)
        front = {
            "title": text.first_of(value, self.title) or _named(uri, blocks),
            "issuer": text.first_of(value, self.issuer),
            "category": text.first_of(value, self.category),
            "date": text.first_of(value, self.date),
            "language": text.first_of(value, self.language),
            "url": text.first_of(value, ("url", "link")),
        }
        builder = DocumentBuilder("json_lines", "application/json", self.table_cells)
        builder.add(blocks)
        fields = text.metadata(blocks, uri, front, body)
        if left_out:
            fields["meta"]["left_out"] = left_out
        return builder.build(uri, **fields)


def _named(uri: str, blocks: list[RawBlock]) -> str:
    """A title for an object without one: the file's name where it is alone in it."""
    if "#" not in uri:
        return text.clean_name(uri)
    first = blocks[0].text if blocks else ""
    return first if len(first) <= 80 else first[:80].rsplit(" ", 1)[0] + "…"


def text_blocks(body: str) -> tuple[list[RawBlock], str]:
    """The blocks of a text field, and what was left out of it in words.

    HTML, Markdown with headings, a research report that lost its lines, or plain text.
    """
    from datakit.text import detect_language

    left_out: Counter[str] = Counter()
    if _MARKUP.match(body):
        blocks = text.promoted(_markdown.html_blocks(body, left_out))
        return blocks, _images_in(left_out)
    if len(re.findall(r"^#{1,6} \S", body, re.M)) >= 2:
        blocks = text.promoted(_markdown.markdown_blocks(body, left_out))
        _headings.dense(blocks)
        return blocks, _images_in(left_out)
    language = detect_language(body)
    return text.report_blocks(body, language)


def _images_in(left_out: Counter[str]) -> str:
    return f"image {left_out['image']}" if left_out["image"] else ""


# --- reading ------------------------------------------------------------------------------------


def _lines(path: Path, source_uri: str) -> Iterator[tuple[int, Any]]:
    """Line numbers and values; a broken or endless line is a `Dropped` in its place."""
    with path.open("rb") as file:
        head = decode(file.read(HEAD_BYTES).rsplit(b"\n", 1)[0], source_uri)
    if isinstance(head, Dropped):
        yield 0, head
        return
    wide = head.encoding.startswith(("utf-16", "utf-32"))
    with path.open("rb") if not wide else _recoded(path, head.encoding) as file:
        for number in itertools.count(1):
            line = file.readline(MAX_LINE)
            if not line:
                return
            if len(line) == MAX_LINE and not line.endswith(b"\n"):
                yield number, Dropped(source_uri, "bad_json", f"line {number} is over 64 MiB")
                return
            if line.strip(b"\xef\xbb\xbf \t\r\n"):
                yield number, _parsed(_decoded(line, head.encoding))


def _recoded(path: Path, encoding: str) -> Any:
    import io

    return io.BytesIO(path.read_bytes().decode(encoding, "replace").encode())


def _decoded(line: bytes, encoding: str) -> str:
    try:
        return line.decode("utf-8-sig")
    except UnicodeDecodeError:
        return line.decode(encoding, "replace")


def _parsed(line: str) -> Any:
    """The value of a JSON text, or a `Dropped` that says where it is broken."""
    try:
        return json.loads(line.removeprefix("\ufeff"))
    except (ValueError, RecursionError) as error:
        where = " ".join(str(error).split())[:200] or type(error).__name__
        return Dropped("", "bad_json", where)


def _listed(value: Any) -> list[Any] | None:
    """The one list of objects inside an object: `{"data": [{…}, …]}`."""
    if not isinstance(value, dict):
        return None
    lists = [v for v in value.values() if isinstance(v, list) and v and isinstance(v[0], dict)]
    return lists[0] if len(lists) == 1 else None


def _bad_json(uri: str, detail: str) -> Dropped:
    return Dropped(
        uri, "bad_json", f"{uri}: no JSON: {detail}; expected one object. Mend or remove it."
    )


def _no_text(uri: str, found: str) -> Dropped:
    return Dropped(
        uri,
        "no_text",
        f"{uri}: found {found}. Name the field that holds the text in the setting `text`, "
        "or leave the file out if it only lists titles.",
    )


# --- one document in many rows --------------------------------------------------------------------


def _of_rows(
    rows: Iterable[tuple[int, Any]], source_uri: str, table_cells: bool
) -> Document | Dropped:
    """The document of rows with page, type and text, as a PDF extractor wrote them."""
    collected = _Rows()
    for _, row in rows:
        if isinstance(row, dict):
            collected.add(str(row.get("type", "")), str(row.get("inside", "")).strip())
    collected.close()
    blocks = text.promoted(collected.blocks)
    builder = DocumentBuilder("json_lines", "application/json", table_cells)
    builder.add(blocks)
    named = _research.named_filing(PurePosixPath(source_uri).stem)
    fields = text.metadata(blocks, source_uri, named)
    if collected.n_running:
        fields["meta"]["left_out"] = f"running lines: {collected.n_running}"
    return builder.build(source_uri, **fields)


@dataclass
class _Rows:
    """Rows of one document, put together to blocks."""

    blocks: list[RawBlock] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    rows: list[list[str]] = field(default_factory=list)  # of the table that is open
    n_running: int = 0

    def add(self, kind: str, inside: str) -> None:
        if kind in _RUNNING:
            self.n_running += 1
        elif kind == "excel":
            self._close_lines()
            self.rows.append(_row_cells(inside))
        elif inside:
            self._close_cells()
            if self.lines and _goes_on(self.lines[-1], inside):
                self.lines[-1] += inside
            else:
                self.lines.append(inside)

    def close(self) -> None:
        self._close_cells()
        self._close_lines()

    def _close_cells(self) -> None:
        if self.rows:
            rows, self.rows = self.rows, []
            lines = (" | ".join(cell for cell in row if cell) for row in rows)
            printed = "\n".join(line for line in lines if line)
            self.blocks.append(RawBlock("table", printed, cells=partial(even, rows, False)))

    def _close_lines(self) -> None:
        if self.lines:
            self.blocks += text.line_blocks("\n".join(self.lines), None)
            self.lines = []


def _goes_on(last: str, line: str) -> bool:
    """Whether a row continues the sentence that a page's end has cut."""
    if len(last) < FULL_ROW or _ROW_ENDS.search(last) or _ROW_STARTS.match(line):
        return False
    return not ENUMERATOR.match(line)


def _row_cells(inside: str) -> list[str]:
    return [cell.strip() for cell in re.findall(r"'((?:[^'\\]|\\.)*)'", inside)]

"""One pass over the events of an XML document: elements by role to raw blocks.

A walker is the target of a parser, so no tree is ever built: what is held is the open elements,
the text of the open block, and the blocks. Only the few elements that hold metadata are kept as
small trees.
"""

from __future__ import annotations

import re
import textwrap
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from datakit.ingestors import _images
from datakit.ingestors._markup_tables import MarkupTable
from datakit.ingestors._style import RawBlock
from datakit.ingestors._tables import Cell
from datakit.ingestors._xml_dialects import Dialect, Element
from datakit.ingestors._xml_text import ENTITY_END, ENTITY_START

LINE = "\u2028"  # a line break that is meant
MAX_CAPTURED = 2_000  # elements inside one element that holds metadata
MAX_CAPTURES = 200  # such elements in one document
MAX_CAPTURED_CHARS = 1_000_000  # in all of them
MAX_FORMULA = 80  # characters of TeX that stay in a sentence
MAX_IMAGES = 50  # of one figure
MAX_HEADING = 500  # characters; a longer title is a paragraph

_CJK = "\u2e80-\u9fff\uf900-\ufaff\uff00-\uffef"
_CJK_BREAK = re.compile(rf"(?<=[{_CJK}])[ \t]*[\r\n]\s*(?=[{_CJK}])")
_ENTITY = re.compile(f"{ENTITY_START}([^{ENTITY_END}]*){ENTITY_END}")
_ONLY_ENTITIES = re.compile(f"(?:\\s*{ENTITY_START}[^{ENTITY_END}]*{ENTITY_END}\\s*)+")
_HOLDERS = frozenset(
    ("section", "clause", "item", "entry", "figure", "caption", "aside", "block", "footnote",
     "table", "list", "quoted", "signature")
)  # fmt: skip
_TEXTS = frozenset(("paragraph", "list_item"))
_FLAT = frozenset(("heading", "number", "term", "cell", "note", "flat", "sup"))
_INLINE = frozenset(("inline", "gap", "break", "sup", "tex", "line", "header", "char"))
# what closes a quotation and stands alone only because its element does: ";", ".”", "; and"
_TAIL = re.compile(r"[.,;:”’\"')\]\s]{1,6}(?:and|or)?")
_SUPERSCRIPTS = frozenset(("sup", "superscript"))


# elements that are an image, their attributes that lead to it, and what holds such elements
IMAGES = frozenset(("graphic", "inline-graphic", "img", "image", "imagedata", "graphic-file"))
_ADDRESSES = ("href", "src", "fileref", "file", "filename", "url", "locator", "entityref")
_FIGURES = frozenset(("figure", "fig"))
_OF_IMAGES = IMAGES | {"imageobject"}
_HEADS = frozenset(("thead", "THEAD", "TBLHDR"))


# titles that the PHP manual keeps as entities, where the name runs words together
_ENTITY_TITLES = {"returnvalues": "return values", "seealso": "see also"}


class TooDeep(Exception):
    """Elements nest deeper than the limit."""


class TooLarge(Exception):
    """A document has more text than the limit."""


@dataclass(slots=True)
class _Frame:
    """An open element."""

    tag: str
    role: str
    kind: str  # of a block of the text directly inside
    nest: int  # lists and clauses around
    item: _Frame | None = None  # the list item, clause or entry that the text belongs to
    used: bool = False  # section: its heading is out; item: its first block is out
    pending: list[str] = field(default_factory=list)  # numbers and titles that open what follows
    number: str | None = None
    count: int = -1  # of a numbered list: items so far
    style: str = ""
    quoted: bool = False
    outer: list[str] | None = None  # the text that goes on after a cell, note or title
    default: str = ""  # heading of a section without a title
    giver: _Frame | None = None  # the element whose titles are pending
    first: int = 0  # figure: blocks before it
    images: list[RawBlock] | None = None  # figure: captions from what describes them, may be empty
    cell: Cell | None = None  # of a table whose cells are wanted


class Walker:
    """Parser target that collects the blocks and the metadata elements of one document.

    Raises (from `start` and `data`):
        TooDeep, TooLarge: the limits.
    """

    def __init__(
        self,
        dialect: Dialect,
        roles: Mapping[str, str] | None = None,
        max_depth: int = 512,
        max_chars: int = 100_000_000,
        table_cells: bool = False,
    ) -> None:
        self.dialect = dialect
        self.table_cells = table_cells
        self.roles = dialect.roles if roles is None else roles
        self.max_depth, self.max_chars = max_depth, max_chars
        self.blocks: list[RawBlock] = []
        self.found: dict[str, list[Element]] = {}
        self.left_out: Counter[str] = Counter()
        self.root: tuple[str, Mapping[str, str]] | None = None
        self._stack = [_Frame("", "group", "paragraph", 0)]
        self._sink: list[str] = []
        self._flat = 0  # open elements whose text is no block of its own
        self._skipped = 0  # open elements inside one that is left out, itself included
        self._skipping = ""  # the name of that one
        self._depth = 0
        self._chars = 0
        self._tables: list[list[list[str]]] = []
        self._grids: list[MarkupTable] = []  # of the same tables, where their cells are wanted
        self._notes: list[str] = []
        self._image: RawBlock | None = None  # the last one, of which a description may follow
        self._loose: list[RawBlock] = []  # images in running text
        self._alt: list[str] | None = None  # a description that is open
        self._capture: Any = None
        self._capturing: list[str] = []  # open elements of the small tree
        self._captured = self._captures = self._captured_chars = 0

    # --- events ---------------------------------------------------------------------------------

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        name = tag.rpartition("}")[2]
        self._depth += 1
        if self._depth > self.max_depth:
            raise TooDeep
        if self.root is None:
            self.root = (name, {key.rpartition("}")[2]: v for key, v in attributes.items()})
        if self._capturing or (name in self.dialect.captured and self._captures < MAX_CAPTURES):
            self._start_captured(name, attributes)
        if name in self.dialect.marked:
            self._mark(name, attributes)
        if name in IMAGES or name == "alt-text":
            self._open_image(name, attributes)
        elif name == "colspec" and self._grids:
            named = self._grids[-1].columns
            named.setdefault(attributes.get("colname", ""), len(named) + 1)
        if self._skipped:
            self._skipped += 1
            return
        parent = self._stack[-1]
        role = self._role(parent, name)
        if role == "inline" and "footnoteRef" in attributes.get("class", ""):
            role = "skip"
        if role == "skip":
            self._skipped, self._skipping = 1, name
            self.left_out[name] += name not in _OF_IMAGES
        elif self._flat:
            self._open_inside(parent, name, role, attributes)
        elif role in _INLINE:
            self._open_inline(parent, name, role, attributes)
        else:
            self._open(parent, name, role, attributes)

    def data(self, text: str) -> None:
        if self._capturing and self._captured_chars < MAX_CAPTURED_CHARS:
            self._captured_chars += len(text)
            self._capture.data(text)
        if self._alt is not None:
            self._alt.append(text)
        if not self._skipped and self._stack[-1].role != "header":
            self._chars += len(text)
            if self._chars > self.max_chars:
                raise TooLarge
            self._sink.append(text)

    def end(self, tag: str) -> None:
        self._depth -= 1
        if self._capturing:
            self._end_captured()
        if self._alt is not None:
            self._end_alt(tag)
        if self._skipped:
            self._skipped -= 1
            return
        if len(self._stack) > 1:
            self._leave(self._stack.pop())

    def close(self) -> list[RawBlock]:
        """The blocks; elements that the source left open are closed."""
        self._skipped = 0
        while len(self._stack) > 1:
            self._leave(self._stack.pop())
        self._flush(self._stack[0])
        return self.blocks

    # --- metadata -------------------------------------------------------------------------------

    def _mark(self, name: str, attributes: Mapping[str, str]) -> None:
        from lxml import etree

        if len(self.found.setdefault(name, [])) < 10:
            builder = etree.TreeBuilder()
            builder.end(begun(builder, name, attributes))
            self.found[name].append(builder.close())

    def _start_captured(self, name: str, attributes: Mapping[str, str]) -> None:
        from lxml import etree

        self._captured += 1
        if not self._capturing:
            self._capture = etree.TreeBuilder()
            self._captures += 1
            self._captured = 0
        elif self._captured > MAX_CAPTURED:  # too much of it: the rest is passed over
            self._capturing.append("")
            return
        self._capturing.append(begun(self._capture, name, attributes))

    def _end_captured(self) -> None:
        name = self._capturing.pop()
        if name:
            self._capture.end(name)
        if not self._capturing:
            element = self._capture.close()
            self.found.setdefault(element.tag, []).append(element)

    # --- images ---------------------------------------------------------------------------------

    def _open_image(self, name: str, attributes: Mapping[str, str]) -> None:
        """An image, or the text beside one that describes it."""
        outside = self._skipped and self._skipping not in _OF_IMAGES
        if outside or self._stack[-1].role == "header":
            return
        if name == "alt-text":
            self._alt = []
            return
        plain = {key.rpartition("}")[2]: value for key, value in attributes.items()}
        address = _images.reference(*(plain.get(key) for key in _ADDRESSES))
        if not address and not plain.get("alt"):  # a group of elements that is called image
            return
        caption = _images.described(plain.get("alt"))
        self._image = _images.described_image(caption or "", address)
        figures = (f for f in reversed(self._stack) if f.role == "figure" or f.tag in _FIGURES)
        figure = None if name == "inline-graphic" or self._flat else next(figures, None)
        if figure is not None:
            figure.images = [*(figure.images or ())[:MAX_IMAGES], self._image]
        elif caption and not self._flat:
            self._loose.append(self._image)
        else:
            self.left_out["image"] += 1

    def _end_alt(self, tag: str) -> None:
        if tag.rpartition("}")[2] == "alt-text" and self._alt is not None:
            if self._image is not None and not self._image.text:
                self._image.text = _images.described("".join(self._alt)) or ""
            self._alt = None

    def _end_figure(self, frame: _Frame, images: list[RawBlock]) -> None:
        """Give the caption of a figure the address of its image."""
        own = self.blocks[frame.first :]
        caption = next((b for b in own if b.kind == "caption" and b.reference is None), None)
        described = [image for image in images if image.text]
        if caption is not None:
            caption.reference = images[0].reference
        elif described:
            self.blocks += described
        else:
            self.left_out["image"] += len(images)

    # --- opening --------------------------------------------------------------------------------

    def _role(self, parent: _Frame, name: str) -> str:
        if parent.role == "header" and name not in self.dialect.kept:
            return "header"
        role = self.roles.get(f"{parent.tag}/{name}") or self.roles.get(name)
        if role is None:
            role = "sup" if name in _SUPERSCRIPTS else "inline"
        if role == "section" and parent.quoted:
            return "clause"
        if role == "cell" and not self._tables:
            return "block"
        if role in ("number", "term", "heading") and self._runs_on(parent):
            return "inline"
        return role

    def _runs_on(self, parent: _Frame) -> bool:
        """Whether running text is open around, so that a number or title is part of it."""
        if parent.role not in _HOLDERS and parent.role != "group":
            return True
        return any(not part.isspace() for part in self._sink)

    def _open_inside(
        self, parent: _Frame, name: str, role: str, attributes: Mapping[str, str]
    ) -> None:
        """An element in a cell, a note or a title: nothing there is a block."""
        frame = _Frame(name, role, parent.kind, parent.nest, quoted=parent.quoted)
        if role in ("note", "sup", "tex"):
            self._divert(frame)
        elif role == "char":
            self._sink.append(_char(attributes))
            frame.role = "inline"
        elif role not in ("inline", "line"):
            self._sink.append(" ")
            frame.role = "gap"
        self._stack.append(frame)

    def _open_inline(
        self, parent: _Frame, name: str, role: str, attributes: Mapping[str, str]
    ) -> None:
        frame = _Frame(name, role, parent.kind, parent.nest, parent.item, quoted=parent.quoted)
        if role in ("sup", "tex"):
            self._divert(frame)
        elif role == "char":
            self._sink.append(_char(attributes))
        elif role in ("gap", "break"):
            self._sink.append(" ")
        self._stack.append(frame)

    def _open(self, parent: _Frame, name: str, role: str, attributes: Mapping[str, str]) -> None:
        if role != "note":
            self._flush(parent)
        frame = _Frame(name, role, parent.kind, parent.nest, parent.item, quoted=parent.quoted)
        frame.first = len(self.blocks)
        if role in _FLAT:
            self._divert(frame)
            if role == "flat":
                frame.style = attributes.get("level") or name[-1:]
            elif role == "cell" and self.table_cells:
                above = any(f.tag in _HEADS or f.style == "head" for f in self._stack)
                frame.cell = self._grids[-1].add(attributes, above or name == "th")
        elif role == "section":
            frame.kind, frame.item, frame.nest = "paragraph", None, 0
            frame.default = self.dialect.named.get(name, "")
        elif role == "list":
            frame.nest += 1
            frame.count, frame.style = _numbering(name, attributes)
        elif role in ("item", "clause", "entry"):
            self._open_item(frame, parent)
        elif role in ("caption", "footnote", "code", "signature"):
            frame.kind, frame.item = role, None
        elif role == "table":
            self._tables.append([])
            self._grids.append(MarkupTable())
        elif role == "row" and self._tables:
            self._tables[-1].append([])
            self._grids[-1].add_row()
            frame.style = "head" if _is_head(attributes) else ""
        elif role == "quoted":
            frame.quoted = True
        elif attributes.get("Label"):  # PubMed's structured abstracts
            frame.pending.append(f"{attributes['Label']}:")
        self._stack.append(frame)

    def _open_item(self, frame: _Frame, parent: _Frame) -> None:
        frame.item, frame.kind = frame, "paragraph"
        if frame.role == "clause":
            frame.nest += 1
        if frame.role == "item" and parent.count >= 0:
            parent.count += 1
            frame.number = _enumerator(parent.count, parent.style)

    def _divert(self, frame: _Frame) -> None:
        frame.outer, self._sink = self._sink, []
        self._flat += 1

    # --- leaving --------------------------------------------------------------------------------

    def _leave(self, frame: _Frame) -> None:
        if frame.outer is not None:
            self._deliver(frame)
        elif frame.role == "line":
            self._sink.append(LINE)
        elif frame.role in ("gap", "break"):
            self._sink.append(" ")
        elif frame.role not in _INLINE:
            self._flush(frame)
            if frame.pending:
                self._leave_pending(frame)
            if frame.role == "table" and self._tables:
                self._end_table(frame)
        if frame.images:
            self._end_figure(frame, frame.images)

    def _leave_pending(self, frame: _Frame) -> None:
        """A title or a number with nothing after it."""
        if frame.role == "section" and not frame.used:
            self._open_pending([*self._stack, frame], "heading")
        elif frame.role in ("figure", "table"):
            self._open_pending([*self._stack, frame], frame.kind)
        elif frame.tag == "disp-formula":  # a picture, of which there is but the number
            self.left_out[frame.tag] += 1
        else:
            text, frame.pending = " ".join(frame.pending), []
            self._emit(frame, text)

    def _deliver(self, frame: _Frame) -> None:
        """Give the text of a title, number, cell or note to where it belongs."""
        raw, self._sink = "".join(self._sink), frame.outer or []
        self._flat -= 1
        text = squeeze(raw)
        if frame.role == "sup":
            self._sink.append(_superscript(text, self._sink))
        elif frame.role == "tex":
            self._sink.append(_formula(text))
        elif not text:
            return
        elif frame.role == "note":
            self._notes.append(text)
        elif frame.role == "flat":
            self._heading(text, int(frame.style) if frame.style.isdecimal() else 1)
        elif frame.role == "cell":
            if not self._tables[-1]:
                self._tables[-1].append([])
            self._tables[-1][-1].append(text)
            if frame.cell is not None:
                frame.cell.text = text
        else:
            self._give(frame, text)

    def _give(self, frame: _Frame, text: str) -> None:
        holder = next((f for f in reversed(self._stack) if f.role in _HOLDERS), self._stack[0])
        if frame.role == "number" and holder.role in ("clause", "item") and not holder.pending:
            holder.number = text
        giver = self._stack[-1]
        if (
            frame.role == "heading"
            and holder.role == "section"
            and (holder.pending or holder.used)
            and holder.giver is not giver is not holder
        ):
            self._heading(text, 1)  # of a part of the section that has no role of its own
            return
        holder.giver = giver
        if frame.role == "term":
            text = text if text[-1] in ":：" else f"{text}:"
        if text not in holder.pending:
            holder.pending.append(text)

    def _end_table(self, frame: _Frame) -> None:
        rows = [row for row in self._tables.pop() if row]
        grid = self._grids.pop()
        if not rows:
            return
        self._open_pending([*self._stack, frame], "table")
        if max(len(row) for row in rows) == 1:
            self.blocks += [RawBlock("paragraph", row[0]) for row in rows]
        else:
            text = "\n".join(" | ".join(row) for row in rows)
            self.blocks.append(RawBlock("table", text, cells=grid.cells))

    # --- blocks ---------------------------------------------------------------------------------

    def _flush(self, frame: _Frame) -> None:
        """End the open block; `frame` is the element that its text is directly inside."""
        if self._sink:
            raw = "".join(self._sink)
            self._sink = []
            if frame.kind == "code":
                text = textwrap.dedent(_named(raw).strip("\r\n")).rstrip()
            elif _ONLY_ENTITIES.fullmatch(raw):
                text = self._only_entities(raw, frame)
            else:
                text = squeeze(raw)
            if text:
                self._emit(frame, text)
        if self._notes and not any(f.pending for f in self._stack):  # not before its heading
            notes, self._notes = self._notes, []
            self.blocks += [RawBlock("footnote", note) for note in notes]
        if self._loose and not any(f.pending for f in self._stack):
            self.blocks += self._loose
            self._loose = []

    def _only_entities(self, raw: str, frame: _Frame) -> str:
        """A part of the text that is kept in another file: a title, or nothing that we know."""
        names = _ENTITY.findall(raw)
        title = re.fullmatch(r"(?:\w*title)[.:_-](.+)", names[0])
        if title and frame.role == "section" and not frame.used:
            name = re.sub(r"[.:_-]+", " ", title[1])
            frame.pending.append(_ENTITY_TITLES.get(name, name).capitalize())
        else:
            self.left_out["entities"] += len(names)
        return ""

    def _emit(self, frame: _Frame, text: str) -> None:
        kind = "code" if frame.kind == "signature" else frame.kind
        prefix = self._open_pending([*self._stack, frame], kind)
        last = self.blocks[-1] if self.blocks else None
        if last and not prefix and last.kind in _TEXTS and _TAIL.fullmatch(text):
            last.text += text
            return
        block = RawBlock(kind, f"{prefix} {text}" if prefix else text)
        item = frame.item
        if kind == "paragraph" and item is not None and not item.used:
            item.used = True
            self._as_item(block, item)
        self.blocks.append(block)

    @staticmethod
    def _as_item(block: RawBlock, item: _Frame) -> None:
        """The first block of a list item, a definition or a clause."""
        if item.role == "entry":
            block.kind = "definition"
            return
        block.number = item.number
        if item.role == "item" and item.number and not block.text.startswith(item.number):
            block.text = f"{item.number} {block.text}"
        level = item.nest - (item.role == "clause")
        if level > 0:  # an outermost clause is a paragraph with a number
            block.kind, block.level = "list_item", level

    def _open_pending(self, frames: list[_Frame], kind: str) -> str:
        """Put out waiting headings; what remains opens the block that comes."""
        prefix: list[str] = []
        for frame in frames:
            if frame.default and not frame.pending and not frame.used:
                frame.pending = [frame.default]
            if not frame.pending:
                continue
            text = " ".join(frame.pending)
            if frame.role == "section" and not frame.used:
                self._section_heading(frame, text)
            elif frame.role in ("figure", "table") and kind != "caption":
                self.blocks.append(RawBlock("caption", text))
            elif kind == "heading":
                continue  # it opens the next block that is none
            else:
                prefix.append(text)
            frame.pending = []
        return " ".join(prefix)

    def _section_heading(self, frame: _Frame, text: str) -> None:
        above = sum(f.role == "section" and f.used for f in self._stack if f is not frame)
        frame.used = True
        if len(text) > MAX_HEADING:
            self.blocks.append(RawBlock("paragraph", text))
        else:
            number = frame.pending[0] if len(frame.pending) > 1 else None
            short = number if number and len(number) <= 20 else None
            self.blocks.append(RawBlock("heading", text, level=above + 1, number=short))

    def _heading(self, text: str, level: int) -> None:
        """A heading that no element encloses with what it heads."""
        self._open_pending(self._stack, "heading")
        above = sum(f.role == "section" and f.used for f in self._stack)
        kind = "heading" if len(text) <= MAX_HEADING else "paragraph"
        self.blocks.append(RawBlock(kind, text, level=above + level if kind == "heading" else None))


def _is_head(attributes: Mapping[str, str]) -> bool:
    """Whether a row names the columns: `TYPE="HEADER"` in Formex, `role="label"` in TEI."""
    return attributes.get("TYPE") == "HEADER" or attributes.get("role") == "label"


def begun(builder: Any, name: str, attributes: Mapping[str, str]) -> str:
    """Open an element in a small tree, its namespaces taken off; the name that it is open under."""
    plain = {key.rpartition("}")[2]: value for key, value in attributes.items()}
    try:
        builder.start(name, plain)
    except ValueError:  # a name that no tree may have, which a parser that recovers lets through
        name = "unknown"
        builder.start(name, {})
    return name


# --- text -----------------------------------------------------------------------------------------


def squeeze(raw: str) -> str:
    """Text on one line, but for line breaks that are meant; entities by name."""
    raw = _named(raw)
    if LINE in raw:
        return "\n".join(line for line in (squeeze(part) for part in raw.split(LINE)) if line)
    if not raw.isascii() and "\n" in raw:
        raw = _CJK_BREAK.sub("", raw)
    return " ".join(raw.split())


def _named(raw: str) -> str:
    return _ENTITY.sub(r"\1", raw) if ENTITY_START in raw else raw


def _superscript(text: str, before: list[str]) -> str:
    """An exponent as `10^6`; a footnote mark that lost its number is nothing."""
    if not any(char.isalnum() for char in text):
        return text if text in ("+", "-", "−", "*") else ""
    last = next((part for part in reversed(before) if part), "")
    return f"^{text}" if last[-1:].isdecimal() and text[0] in "0123456789-−+" else text


def _formula(text: str) -> str:
    """TeX inside a sentence without what makes a document of it; a long one is left out."""
    text = text.rpartition("\\begin{document}")[2].partition("\\end{document}")[0].strip("$ ")
    return text if len(text) <= MAX_FORMULA else ""


def _char(attributes: Mapping[str, str]) -> str:
    """The character that an element stands for: `<QUOT.START CODE="2018"/>`."""
    code = attributes.get("CODE", "")
    return chr(int(code, 16)) if re.fullmatch("[0-9A-Fa-f]{2,5}", code) else ""


_NUMBERED = {"orderedlist": "1", "procedure": "1", "ol": "1"}
_STYLES = {
    "order": "1", "ordered": "1", "arabic": "1", "numbered": "1", "alpha-lower": "a",
    "loweralpha": "a", "alpha-upper": "A", "upperalpha": "A",
}  # fmt: skip


def _numbering(name: str, attributes: Mapping[str, str]) -> tuple[int, str]:
    """Where a list starts to count, -1 for one that does not, and how it writes numbers."""
    said = attributes.get("list-type") or attributes.get("numeration") or attributes.get("rend")
    style = _STYLES.get(said or attributes.get("type", ""), _NUMBERED.get(name, ""))
    return (0 if style else -1), style


def _enumerator(n: int, style: str) -> str:
    if style == "1" or n > 26:
        return f"{n}."
    return f"{chr(ord(style) + n - 1)})"


# --- vocabularies that nobody described -----------------------------------------------------------


class Census:
    """Parser target that counts how each element is used."""

    def __init__(self, max_depth: int = 512) -> None:
        self.max_depth = max_depth
        self.inline: Counter[str] = Counter()  # beside text of its parent
        self.standing: Counter[str] = Counter()  # alone or among elements
        self.headed: Counter[str] = Counter()  # with a title inside
        self.opens: Counter[str] = Counter()  # as one of the first two kinds of element
        self.parents: Counter[str] = Counter()  # elements that hold one
        self.leaves: Counter[str] = Counter()
        self.full: set[str] = set()  # with text or elements inside
        self.short: Counter[str] = Counter()  # leaves that are no more than a name or a number
        self.below_root: Counter[str] = Counter()
        self._stack: list[tuple[str, Counter[str], list[str]]] = []

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        if len(self._stack) == 1:
            self.below_root[tag.rpartition("}")[2]] += 1
        if len(self._stack) >= self.max_depth:
            raise TooDeep
        self._stack.append((tag.rpartition("}")[2], Counter(), []))

    def data(self, text: str) -> None:
        if self._stack and not text.isspace():
            parts = self._stack[-1][2]
            if len(parts) < 20:
                parts.append(text[:500])

    def end(self, tag: str) -> None:
        if not self._stack:
            return
        name, children, parts = self._stack.pop()
        (self.inline if parts else self.standing).update(children)
        if not children and parts:
            self.leaves[name] += 1
            self.short[name] += _is_short("".join(parts))
        if children or parts:
            self.full.add(name)
        first = list(children)[:2]
        self.opens.update(first)
        self.parents.update(children.keys())
        if any(is_title(child) for child in first):
            self.headed[name] += 1
        if self._stack:
            self._stack[-1][1][name] += 1

    def close(self) -> None:
        return None

    def record(self) -> str:
        """The element that nearly all of the file is a sequence of; empty where there is none."""
        total = self.below_root.total()
        name, n = next(iter(self.below_root.most_common(1)), ("", 0))
        return name if n >= MIN_RECORDS and n >= 0.9 * total else ""

    def roles(self, known: Mapping[str, str]) -> dict[str, str]:
        """The role of each element: by its name where that says it, else by its use."""
        names = self.inline.keys() | self.standing.keys()
        if not names & {"tr", "row", "tgroup"}:  # an `entry` is a cell in tables only
            known = {name: role for name, role in known.items() if role not in ("row", "cell")}
        return {name: self._role(name, known) for name in sorted(names)}

    def _role(self, name: str, known: Mapping[str, str]) -> str:
        said = known.get(name) or known.get(name.lower())
        if said in ("skip", "note", "break", "table", "row", "cell", "flat", "code"):
            return said
        if self.inline[name] > self.standing[name] or name not in self.full:
            return "inline"
        if is_title(name) and 2 * self.opens[name] >= self.parents[name]:
            return "heading"
        if self.headed[name] and said not in ("caption", "list"):
            return "section"
        if said:
            return said
        if self.leaves[name] and self.short[name] >= 0.8 * self.leaves[name]:
            return "skip"
        return "block"


MIN_RECORDS = 20
_TITLE_NAME = re.compile(
    r"(?:.*[-_.])?(?:title|heading|head|headline|subtitle|ti)|\w*[a-z](?:Title|Heading|Headline)"
)


def is_title(name: str) -> bool:
    """Whether an element is named as a title: `title`, `sec-title`, `SectionTitle`."""
    return bool(_TITLE_NAME.fullmatch(name) or _TITLE_NAME.fullmatch(name.lower()))


def _is_short(text: str) -> bool:
    """A value and no sentence."""
    text = text.strip()
    cjk = len(re.findall(f"[{_CJK}]", text))
    return len(text.split()) < 4 and cjk < 10 and text[-1:] not in ".!?。！？"

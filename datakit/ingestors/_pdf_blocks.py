"""Rows of a PDF, in reading order, to paragraphs, list items, tables, captions and footnotes."""

from __future__ import annotations

import itertools
import re
import statistics
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial

from datakit.ingestors import _pdf_furniture, _pdf_layout, _pdf_tables
from datakit.ingestors._cells import MakeCells, continued
from datakit.ingestors._pdf_glyphs import Font, Page, Rule
from datakit.ingestors._pdf_layout import CJK, Grid, Region, Row, Segment
from datakit.ingestors._pdf_tables import TableRows

LEADING = 1.75  # em; lines further apart are no paragraph,
LEADING_CJK = 2.1  # and in Chinese
INDENT = 0.8  # em
LARGER = 1.5  # points; lines that are set so much larger than running text are headings
SAME_SIZE = 0.6  # points
LOOSE = 1.3  # times the leading of a column; a wider step starts a paragraph
NOTE_ZONE = 0.45  # of a page's height from the top, below which footnotes stand
BULLETS = "•●○■□◆◇▪▫◦‣⁃∙➢➤►▶✓✔❖\uf06c\uf06e\uf075\uf0a7\uf0b7\uf0d8\uf0fc"
# an empty box before 是 or 适用 says that the other one is ticked
_BULLET = re.compile(
    rf"(?![□■]\s*(?:是|否|不?适用|yes|no)\b)(?:[{BULLETS}]\s*|[-–—*·]\s+)(?=\S)", re.I
)
_ITEM = re.compile(
    r"(?:[(（](?:\d{1,3}|[a-zA-Z]|[ivxIVX]{1,5}|[一二三四五六七八九十]{1,3})[)）]"
    r"|\d{1,3}[.)、．](?!\d)|[a-zA-Z][.)](?=\s)|[ivxIVX]{1,5}[.)](?=\s)|[一二三四五六七八九十]{1,3}、"
    r"|[①-⑳]|\d{1,2}(?:\.\d{1,2}){1,3}\.?(?=\s|[\u4e00-\u9fff])"
    r"|第[一二三四五六七八九十百\d]{1,4}[章节條条])\s*"
)
_STARTS = re.compile(
    r"(?:items?\s*\d{1,2}[a-d]?\b\s*[.:–—-]|part\s+[ivx]{1,3}\b\s*[.:–—-]?\s*$)", re.I
)
_CAPTION = re.compile(
    r"(?:图表?|表格?|(?:figure|fig\.|table|exhibit|chart)\s)\s*\d{1,3}(?:[-–.]\d{1,3})*\s*[:：.、]?\s*\S",
    re.I,
)
_SOURCE = re.compile(r"(?:资料来源|数据来源|来源|注|sources?|notes?)\s*\d?\s*[:：]", re.I)
_NOTE = re.compile(
    r"(?:[(（]\s?(?:\d{1,2}|[a-z])\s?[)）]|\d{1,2}(?=\s|[A-Z\u4e00-\u9fff])|[*†‡§]{1,3}|[①-⑳])\s*(?=\S)"
)
_MARK = re.compile(r"\(?(?:\d{1,2}|[a-z]|[*†‡]{1,3})\)?")
_ENDS = re.compile(r"[.!?:;。！？：；…”\"』」）)】》]$")
_HYPHEN = re.compile(r"[^\W_](?:-|\u2010)$")
_WORD = re.compile(r"[^\W\d_]+(?:[-’'][^\W\d_]+)*")
MAX_CAPTION = 120
# of compounds; before other parts of words a hyphen is taken to be the line's
_FIRST_PARTS = frozenset((
    "long", "short", "near", "mid", "high", "low", "year", "well", "self", "full", "part",
    "third", "two", "three", "four", "five", "six", "ten", "non", "one", "multi", "cross", "post",
    "pre", "co", "ex", "first", "second", "fourth", "fixed", "floating", "tax", "cash", "cost",
    "data", "debt", "higher", "lower", "off", "on", "up", "down", "out", "in", "end", "real",
    "time", "share", "stock", "market", "asset", "income", "interest", "risk", "rate",
    "available", "held", "over", "under", "like", "right", "so", "state", "day", "month", "half",
    "semi", "e",
))  # fmt: skip


@dataclass(slots=True)
class Block:
    """A block with how it is set, for telling headings from paragraphs."""

    kind: str
    text: str
    page: int
    size: float = 0.0
    bold: bool = False
    italic: bool = False
    centred: bool = False
    level: int | None = None
    number: str | None = None
    cells: MakeCells | None = None  # of a table


@dataclass(slots=True)
class _Line:
    """A row of running text with the margins of its column."""

    text: str
    x0: float
    x1: float
    y: float
    size: float
    bold: bool
    italic: bool
    page: int
    left: float
    right: float
    leading: float  # of its column, points
    column: int  # counts the columns of the document

    @property
    def centred(self) -> bool:
        middle = (self.left + self.right) / 2
        if self.x1 - self.x0 > 0.8 * (self.right - self.left):
            return False
        inset = self.x0 - self.left > 2 * self.size and self.right - self.x1 > 2 * self.size
        return inset and abs((self.x0 + self.x1) / 2 - middle) < 0.02 * (self.right - self.left) + 2


@dataclass
class Read:
    """What was read from a document."""

    blocks: list[Block] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)
    n_pages: int = 0
    body_size: float = 0.0


def blocks_of(pages: Sequence[Page], fonts: Sequence[Font]) -> Read:
    """The blocks of a document.

    Args:
        pages: in order; their words are used up.
        fonts: what `Word.font` counts.
    """
    fonts = _relative(pages, fonts)
    read = Read(n_pages=len(pages))
    ruled: list[list[Grid]] = []
    laid: list[tuple[float, list[Segment]]] = []
    for page in pages:
        found, words = _pdf_tables.grids(page)
        ruled.append(found)
        laid.append((page.height, _pdf_layout.segments(words, fonts)))
    read.left_out += _pdf_furniture.remove(laid)
    read.body_size = _body_size(segments for _, segments in laid)
    maker = _Maker(read, _vocabulary(segments for _, segments in laid))
    for page, found, (_, segments) in zip(pages, ruled, laid, strict=True):
        maker.page(page, found, segments)
    maker.close()
    read.blocks, n = _without_contents(read.blocks)
    if n:
        read.left_out["contents"] += n
    return read


def _relative(pages: Sequence[Page], fonts: Sequence[Font]) -> list[Font]:
    """Fonts with `bold` as it stands out: not where most of the text is bold, 黑体 among 宋体."""
    n: Counter[int] = Counter()
    for page in pages:
        for word in page.words:
            n[word.font] += len(word.text)
    total = max(1, n.total())
    bold = sum(c for i, c in n.items() if fonts[i].bold) / total
    hei = sum(c for i, c in n.items() if fonts[i].hei) / total
    return [
        Font(f.name, (f.bold and bold < 0.6) or (f.hei and hei < 0.3), f.italic, f.hei)
        for f in fonts
    ]


def _body_size(pages: Iterable[list[Segment]]) -> float:
    """The size, in points, that most of the running text is set in."""
    sizes: Counter[float] = Counter()
    for segments in pages:
        for segment in segments:
            if len(segment.text) > 20 or CJK.search(segment.text):
                sizes[round(segment.size * 2) / 2] += len(segment.text)
    return max(sizes, key=lambda size: (sizes[size], -size)) if sizes else 0.0


def _vocabulary(pages: Iterable[list[Segment]]) -> Counter[str]:
    """Words that stand inside a line, so that none of them is broken."""
    words: Counter[str] = Counter()
    for segments in pages:
        for segment in segments:
            words.update(word.casefold() for word in _WORD.findall(segment.text[:-1])[:-1])
    return words


_CONTENTS_TITLE = re.compile(
    r"(?:table\s+of\s+)?contents|index|page(?:\s+(?:no\.?|number))?|part\s+[ivx]+(?:\s+page)?|目\s*录|图表?目录"
    r"|form\s+\d+-[kq]", re.I
)  # fmt: skip
_ENTRY = re.compile(r"(?:items?\s*\d|part\s+[ivx]).*?(?:\s\d{1,3})?|.*\s\d{1,3}", re.I)
MAX_BETWEEN = 6  # short lines between two parts of a table of contents


def _without_contents(blocks: list[Block]) -> tuple[list[Block], int]:
    """The blocks without tables of contents and what belongs to them; how many of the former."""
    places = [i for i, block in enumerate(blocks) if block.kind == "contents"]
    gone = set(places)
    for at, after in zip(places, [*places[1:], None], strict=False):
        own = blocks[at].page
        near = after is not None and after - at <= MAX_BETWEEN and blocks[after].page - own <= 1
        if near and all(len(b.text) < 120 for b in blocks[at:after]):
            gone.update(range(at, after or at))
        for i in range(at - 1, max(-1, at - MAX_BETWEEN), -1):
            if i not in gone:
                if blocks[i].page < own or not _CONTENTS_TITLE.fullmatch(blocks[i].text.strip()):
                    break
                gone.add(i)
        for i in range(at + 1, min(len(blocks), at + MAX_BETWEEN)):
            if blocks[i].page > own or len(blocks[i].text) > 120:
                break
            if not _ENTRY.fullmatch(blocks[i].text):
                break
            gone.add(i)
    return [block for i, block in enumerate(blocks) if i not in gone], len(places)


class _Maker:
    """Puts rows together to blocks, over columns and pages."""

    def __init__(self, read: Read, vocabulary: Counter[str]) -> None:
        self.read = read
        self.vocabulary = vocabulary
        self.lines: list[_Line] = []  # of the open paragraph
        self.text = ""
        self.kind = "paragraph"
        self.notes: list[Block] = []  # of the page: they come after what runs on over its end
        self.columns = 0

    def page(self, page: Page, ruled: list[Grid], segments: list[Segment]) -> None:
        notes = _note_rows(page, segments, self.read.body_size)
        for region in _pdf_layout.regions(page, [*segments, *ruled]):
            self._region(region, page.number)
        if notes:
            self._notes(notes, page)

    def _region(self, region: Region, page: int) -> None:
        self.columns += 1
        rows: list[Row] = []
        for part in [*region.parts, None]:
            if isinstance(part, Row):
                rows.append(part)
                continue
            leading = _leading(rows)
            right = _right_margin(rows, region)
            for made in _pdf_tables.parts(rows, region.x0, region.x1):
                if isinstance(made, TableRows):
                    self._table(made, page)
                else:
                    self._line(self._of(made, page, region.x0, right, leading))
            rows = []
            if part is not None:
                self._grid(part, page)

    def _of(self, row: Row, page: int, left: float, right: float, leading: float) -> _Line:
        return _Line(
            row.text, row.x0, row.x1, row.y, row.size, row.bold > 0.85,
            row.italic > 0.85, page, left, right, leading, self.columns,
        )  # fmt: skip

    # --- tables ---

    def _table(self, table: TableRows, page: int) -> None:
        if table.contents:
            self.close()
            self.read.blocks.append(Block("contents", "", page))
            return
        lines = [" | ".join(cell for cell in row if cell) for row in table.rows]
        made = Block("table", "", page, table.first.size, cells=table.cells)
        self._add_table([line for line in lines if line], made)

    def _grid(self, grid: Grid, page: int) -> None:
        rows = grid.rows
        if max(len(row) for row in rows) == 1:
            for row in rows:
                self.close()
                self._add(Block("paragraph", row[0], page, grid.size))
            return
        made = Block("table", "", page, grid.size, cells=grid.cells)
        self._add_table([" | ".join(row) for row in rows], made)

    def _add_table(self, lines: list[str], table: Block) -> None:
        self.close()
        last = next((b for b in reversed(self.read.blocks) if b.kind != "footnote"), None)
        if (
            last is not None
            and last.kind == "table"
            and last.page == table.page - 1
            and self._same(last, lines)
        ):
            head = last.text.split("\n", 1)[0]
            lines = lines[1:] if lines and lines[0] == head else lines
            last.text = "\n".join([last.text, *lines])
            last.page = table.page
            last.cells = partial(continued, last.cells, table.cells)
        elif lines:
            table.text = "\n".join(lines)
            self._add(table)

    def _same(self, last: Block, lines: list[str]) -> bool:
        """Whether a table goes on over a page's end: its rows have as many cells."""
        ends = Counter(line.count(" | ") for line in last.text.split("\n"))
        goes_on = Counter(line.count(" | ") for line in lines)
        return ends.most_common(1)[0][0] == goes_on.most_common(1)[0][0] > 0

    # --- running text ---

    def _line(self, line: _Line) -> None:
        if self.lines and self._goes_on(line):
            # two lines of a title, the first of which had room for more
            apart = line.size > self.read.body_size + LARGER and not _is_full(self.lines[-1], line)
            self.text = f"{self.text} {line.text}" if apart else self._joined(self.text, line.text)
            self.lines.append(line)
            return
        self.close()
        self.lines, self.text = [line], line.text

    def _goes_on(self, line: _Line) -> bool:
        """Whether a line belongs to the open paragraph."""
        last = self.lines[-1]
        if len(self.text) < 5 and _MARK.fullmatch(self.text):  # of a footnote, by itself
            return line.column == last.column and abs(line.y - last.y) < 2 * line.size
        unfinished = not _ENDS.search(self.text)
        lower = line.text[0].islower()
        if not self._looks_alike(last, line, unfinished, lower):
            return False
        if line.column != last.column:
            return self._goes_over(last, line, unfinished, lower)
        return self._follows(last, line, unfinished, lower)

    def _looks_alike(self, last: _Line, line: _Line, unfinished: bool, lower: bool) -> bool:
        """Whether a line is set as the one before and begins nothing of its own."""
        if abs(line.size - last.size) > SAME_SIZE:
            return False
        if _starts(line.text) and not _HYPHEN.search(self.text):
            return False
        if line.bold == last.bold:
            return True
        # a bold phrase inside a sentence may fill a line
        whole = last.bold and all(own.bold for own in self.lines)
        return unfinished and (lower or (not whole and line.bold and _is_full(last, line)))

    def _follows(self, last: _Line, line: _Line, unfinished: bool, lower: bool) -> bool:
        """Whether a line below, in the same column, goes on."""
        step = line.y - last.y
        if line.bold == last.bold and line.size > self.read.body_size + LARGER:
            # a heading is broken where it reads well
            return (unfinished or self.text[-1] in ":：") and 0 < step < LEADING * line.size
        if not 0 < step <= _most(line.text) * max(line.size, last.size):
            return False
        mid_sentence = lower and unfinished
        caption = _CAPTION.match(self.text) and len(self.text) < MAX_CAPTION
        loose = step > LOOSE * last.leading + 1
        if (caption and not lower) or (loose and not mid_sentence):
            return False
        if not _is_full(last, line):
            return mid_sentence
        if line.centred != last.centred and len(self.lines) == 1 and not mid_sentence:
            return not last.centred and unfinished
        return self._indents(self.lines[0], last, line, unfinished)

    def _indents(self, first: _Line, last: _Line, line: _Line, unfinished: bool) -> bool:
        shift = line.x0 - last.x0
        if line.centred and last.centred:
            return True
        hanging = bool(_starts(self.text)) or len(self.lines) == 1
        if shift > INDENT * line.size:
            return hanging or unfinished
        if shift < -INDENT * line.size:
            return len(self.lines) == 1 or line.x0 >= first.x0 - 2 or unfinished
        return True

    def _goes_over(self, last: _Line, line: _Line, unfinished: bool, lower: bool) -> bool:
        """Whether a paragraph goes on in the next column or on the next page."""
        if line.page - last.page > 1 or not unfinished or len(self.text) < 25 or last.bold:
            return False
        if lower or _HYPHEN.search(self.text):
            return True
        indented = line.x0 > line.left + INDENT * line.size
        full = last.right - last.x1 < 3 * last.size
        return full and not indented and len(self.lines) > 1

    def _joined(self, text: str, more: str) -> str:
        if CJK.match(text[-1]) or CJK.match(more[0]):
            return text + more
        if _HYPHEN.search(text) and more[0].isalpha():
            return self._dehyphenated(text, more)
        if text.endswith(("/", "—")) or (text.endswith("-") and more[0].isdigit()):
            return text + more
        return f"{text} {more}"

    def _dehyphenated(self, text: str, more: str) -> str:
        """A word that a line broke; its hyphen stays where the document writes it so elsewhere."""
        left = re.search(r"[^\W_]+(?:-[^\W_]+)*-$", text.replace("\u2010", "-"))
        right = _WORD.match(more)
        if left is None or right is None:
            return text + more
        before, after = left.group()[:-1].casefold(), right.group().casefold()
        whole, hyphened = self.vocabulary[before + after], self.vocabulary[f"{before}-{after}"]
        if not more[0].islower():
            keep = True
        elif whole != hyphened:
            keep = hyphened > whole
        else:
            known = self.vocabulary[before.split("-")[-1]] > 0 and self.vocabulary[after] > 0
            keep = known or before in _FIRST_PARTS
        return text + more if keep else text[:-1] + more

    def close(self) -> None:
        """End the open paragraph."""
        if self.lines:
            self._add(_block(self.lines, self.text))
        self.lines, self.text = [], ""
        if self.notes and not self.lines:
            notes, self.notes = self.notes, []
            self.read.blocks += notes

    def _add(self, block: Block) -> None:
        if block.text.strip():
            self.read.blocks.append(block)

    def _notes(self, rows: list[Row], page: Page) -> None:
        """Footnotes of a page, a block for each mark."""
        notes: list[Block] = []
        for row in rows:
            if notes and not _NOTE.match(row.text):
                notes[-1].text = self._joined(notes[-1].text, row.text)
            else:
                notes.append(Block("footnote", row.text, page.number, row.size))
        if self.lines:
            self.notes += notes
        else:
            self.read.blocks += notes


def _starts(text: str) -> bool:
    """Whether a line begins something of its own: a list item, a caption, an item of a filing."""
    if _CAPTION.match(text) and len(text) < MAX_CAPTION:
        return True
    return any(pattern.match(text) for pattern in (_BULLET, _ITEM, _STARTS, _SOURCE))


def _is_full(last: _Line, line: _Line) -> bool:
    """Whether the first word of a line would not have fitted on the line before."""
    if CJK.match(line.text[0]):
        word = line.size
    else:
        word = 0.5 * line.size * (len(line.text.split(" ", 1)[0]) + 1)
    free = last.right - last.x1
    if last.centred:
        free = (last.right - last.left) - (last.x1 - last.x0)
    return free < word + 1.5 * last.size


def _block(lines: list[_Line], text: str) -> Block:
    first = lines[0]
    bold = all(line.bold for line in lines)
    italic = all(line.italic for line in lines)
    block = Block("paragraph", text, lines[-1].page, first.size, bold, italic, first.centred)
    bullet = _BULLET.match(text)
    number = _ITEM.match(text)
    depth = 1 + min(4, max(0, int((first.x0 - first.left) / (2.2 * max(first.size, 4.0)))))
    if bullet and len(text) > bullet.end():
        block.kind, block.text, block.level = "list_item", text[bullet.end() :], depth
        number = _ITEM.match(block.text)
        block.number = number.group().strip() if number else None
    elif len(text) <= MAX_CAPTION and _CAPTION.match(text):
        block.kind = "caption"
    elif len(text) <= 2 * MAX_CAPTION and _SOURCE.match(text) and not text.isupper() and not bold:
        block.kind = "footnote"
    elif number:
        block.number, block.level = number.group().strip(), depth
    return block


def _most(text: str) -> float:
    return LEADING_CJK if CJK.match(text) else LEADING


def _leading(rows: Sequence[Row]) -> float:
    """The usual step between lines of a column, in points."""
    steps = [
        b.y - a.y
        for a, b in itertools.pairwise(rows)
        if 0 < b.y - a.y < _most(a.text) * max(a.size, b.size)
    ]
    if steps:
        return statistics.median(steps)
    return 1.2 * rows[0].size if rows else 12.0


def _right_margin(rows: Sequence[Row], region: Region) -> float:
    """Where full lines of a column end."""
    ends = sorted(row.x1 for row in rows if len(row.segments) == 1 and len(row.text) > 20)
    return ends[-1 - len(ends) // 20] if ends else region.x1


# --- footnotes ------------------------------------------------------------------------------------


def _note_rows(page: Page, segments: list[Segment], body: float) -> list[Row]:
    """The footnotes of a page, taken out of its segments: small lines with a mark, at the foot."""
    below = _note_rule(page.across, page)
    start: float | None = None
    small = [s for s in segments if s.y > NOTE_ZONE * page.height]
    for segment in sorted(small, key=lambda s: -s.y):
        noted = bool(_NOTE.match(segment.text))
        if segment.size > body - 0.8 and not (below and segment.y > below):
            break
        if noted and len(segment.text) > 12:
            start = segment.y
    if start is None:
        return []
    own = [s for s in small if s.y >= start - 1]
    if any(s.numeric for s in own if len(s.text) > 3) or len(own) > 40:
        return []
    ids = {id(s) for s in own}
    segments[:] = [s for s in segments if id(s) not in ids]
    rows: list[Row] = []
    for segment in sorted(own, key=lambda s: (s.y, s.x0)):
        if rows and segment.y - rows[-1].y < 3:
            rows[-1].segments.append(segment)
        else:
            rows.append(Row(segment.y, [segment]))
    for row in rows:
        row.segments.sort(key=lambda s: s.x0)
    return rows


def _note_rule(across: Sequence[Rule], page: Page) -> float | None:
    """The height of the short rule above footnotes."""
    found = [
        rule.at
        for rule in across
        if rule.at > NOTE_ZONE * page.height
        and 0.1 * page.width < rule.end - rule.start < 0.45 * page.width
        and rule.start < 0.25 * page.width
    ]
    return found[0] if len(found) == 1 else None

"""The words, rules and pictures of PDF pages, read with pdfium.

Coordinates are points with the origin at the top left of the page as it is read: a page whose
text runs upwards is turned first. The only module here that calls native code.
"""

from __future__ import annotations

import ctypes
import math
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

MAX_OBJECTS = 50_000  # of a page that are looked at for rules
MAX_RULES = 3_000  # of a page
MAX_SEGMENTS = 400  # of a path; a longer one is a drawing
THIN = 2.5  # points; a filled box that is thinner is a rule
WORD_GAP = 0.35  # em; glyphs further apart belong to different words
_HYPHENS = "\x02\ufffe\u00ad"  # how pdfium gives a hyphen that ends a line
_BOLD = re.compile(r"bold|black|heavy|semibold|demi|-bd\b|,bd\b", re.I)
_HEI = re.compile(r"simhei|heiti|\bhei\b|黑体", re.I)
_UNNAMED = re.compile(r"(?:[A-Z]{6}\+)?(?:CIDFont\+)?[A-Z]{0,3}\d*", re.I)  # `CIDFont+F2`
_ITALIC = re.compile(r"italic|oblique|-it\b", re.I)
_PLAIN_LIGATURES = {
    **{chr(c): unicodedata.normalize("NFKC", chr(c)) for c in range(0xFB00, 0xFB07)},
    # Kangxi radicals, which some fonts give for the characters that they look like
    **{chr(c): unicodedata.normalize("NFKC", chr(c)) for c in range(0x2F00, 0x2FD6)},
}
_TRANSLATE = str.maketrans({**_PLAIN_LIGATURES, **dict.fromkeys(_HYPHENS, "-")})
_WINGDINGS = str.maketrans({
    "þ": "☑", "ý": "☒", "x": "☒", "¨": "☐", "o": "☐", "q": "☐", "ü": "✓", "l": "●", "n": "■",
    "§": "▪", "Ø": "➢", "v": "❖", "u": "◆",
})  # fmt: skip


@dataclass(slots=True)
class Font:
    """How glyphs are set."""

    name: str
    bold: bool
    italic: bool
    hei: bool  # a Chinese sans serif, which stands for bold in a text that is set in another


@dataclass(slots=True)
class Word:
    """Glyphs that stand together on one baseline."""

    x0: float
    x1: float
    y: float  # the baseline, from the top of the page
    size: float  # points
    font: int  # position in `Reader.fonts`
    text: str
    space: int  # before it: 0 nothing, 1 a gap that pdfium takes for a blank, 2 a blank


@dataclass(slots=True)
class Rule:
    """A straight line: `at` is its y when horizontal, its x when vertical."""

    at: float
    start: float
    end: float


@dataclass(slots=True)
class Page:
    """What stands on a page."""

    number: int  # from 1
    width: float
    height: float
    words: list[Word]
    across: list[Rule] = field(default_factory=list)
    down: list[Rule] = field(default_factory=list)
    n_images: int = 0


@dataclass
class Reader:
    """Reads the pages of an open pypdfium2 document one by one."""

    pdf: Any
    fonts: list[Font] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)  # what: glyphs, or pages
    n_glyphs: int = 0
    n_unmapped: int = 0
    n_images: int = 0
    _font_ids: dict[tuple[str, bool, bool], int] = field(default_factory=dict)

    def pages(self) -> Iterator[Page]:
        import pypdfium2

        for index in range(len(self.pdf)):
            try:
                page = self.pdf[index]
            except pypdfium2.PdfiumError:
                self.left_out["unreadable_page"] += 1
                continue
            try:
                yield self._page(page, index + 1)
            except pypdfium2.PdfiumError:
                self.left_out["unreadable_page"] += 1
            finally:
                page.close()

    def _page(self, page: Any, number: int) -> Page:
        box = tuple(float(edge) for edge in page.get_bbox())
        textpage = page.get_textpage()
        try:
            glyphs = _Glyphs(self, textpage.raw, box)
            glyphs.read(textpage.count_chars())
        finally:
            textpage.close()
        turn = glyphs.main_turn()
        frame = _Frame.of(turn, box)
        words = _words(glyphs, frame)
        self.left_out["rotated"] += sum(n for t, n in glyphs.turns.items() if t != turn)
        found = Page(number, frame.width, frame.height, words)
        _add_objects(found, page.raw, frame)
        self.n_images += found.n_images
        return found

    def font_id(self, name: str, flags: int, weight: int, mode: int) -> int:
        """The position of a font in `fonts`."""
        # PDF 32000-1, table 123: bit 7 italic, bit 19 force bold; render mode 2 strokes the fill;
        # the weight is guessed from the width of stems, so a name that tells goes before it
        heavy = weight >= 600 and bool(_UNNAMED.fullmatch(name))
        bold = bool(_BOLD.search(name)) or bool(flags & 1 << 18) or heavy or mode == 2
        italic = bool(_ITALIC.search(name)) or bool(flags & 1 << 6)
        key = (name, bold, italic)
        if key not in self._font_ids:
            self._font_ids[key] = len(self.fonts)
            self.fonts.append(Font(name, bold, italic, bool(_HEI.search(name))))
        return self._font_ids[key]


@dataclass(slots=True)
class _Frame:
    """From the page's coordinates to those in which its text reads from left to right."""

    cos: float
    sin: float
    x: float
    y: float
    width: float
    height: float

    @classmethod
    def of(cls, turn: int, box: tuple[float, ...]) -> _Frame:
        cos, sin = ((1.0, 0.0), (0.0, 1.0), (-1.0, 0.0), (0.0, -1.0))[turn]
        left, bottom, right, top = box
        frame = cls(cos, sin, 0.0, 0.0, 0.0, 0.0)
        xs, ys = zip(
            *(frame.point(x, y) for x in (left, right) for y in (bottom, top)), strict=True
        )
        frame.x, frame.y = -min(xs), -min(ys)
        frame.width, frame.height = max(xs) - min(xs), max(ys) - min(ys)
        return frame

    def point(self, x: float, y: float) -> tuple[float, float]:
        return self.x + x * self.cos + y * self.sin, self.y + x * self.sin - y * self.cos

    def box(self, left: float, bottom: float, right: float, top: float) -> tuple[float, ...]:
        """Left, top, right, bottom as read."""
        x0, y0 = self.point(left, bottom)
        x1, y1 = self.point(right, top)
        return min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1)


_Glyph = tuple[int, str, float, float, float, float, float, float, float, int]
BREAK: _Glyph = (-1, "", 0, 0, 0, 0, 0, 0, 0, 0)  # where pdfium puts a blank or a line end
BLANK: _Glyph = (-1, " ", 0, 0, 0, 0, 0, 0, 0, 0)


class _Glyphs:
    """The glyphs of a page in the order of its content stream, with what parts words."""

    def __init__(self, reader: Reader, textpage: Any, box: tuple[float, ...]) -> None:
        self.reader = reader
        self.textpage = textpage
        self.page_box = box
        self.found: list[_Glyph] = []  # turn, text, left, bottom, right, top, x, y, size, font
        self.turns: Counter[int] = Counter()
        self._styles: dict[tuple[int, int], int] = {}

    def main_turn(self) -> int:
        return max(self.turns, key=lambda t: (self.turns[t], -t)) if self.turns else 0

    def read(self, count: int) -> None:
        from pypdfium2 import raw

        box, matrix = raw.FS_RECTF(), raw.FS_MATRIX()
        x, y = ctypes.c_double(), ctypes.c_double()
        left, bottom, right, top = self.page_box
        reader, page = self.reader, self.textpage
        last, turn, size, font, plain = None, -1, 0.0, 0, True
        for i in range(count):
            pointer = raw.FPDFText_GetTextObject(page, i)
            if not pointer:  # a blank or line end that pdfium made up
                self.found.append(BREAK)
                continue
            code = raw.FPDFText_GetUnicode(page, i)
            if code in (0x20, 0x09, 0x0A, 0x0D, 0xA0, 0x3000):
                self.found.append(BLANK)
                continue
            address = ctypes.addressof(pointer.contents)
            if address != last:
                last = address
                raw.FPDFText_GetMatrix(page, i, matrix)
                turn = _turn(matrix)
                scale = math.hypot(matrix.c, matrix.d)
                size = min(2000.0, abs(raw.FPDFText_GetFontSize(page, i)) * (scale or 1.0))
                font = self._style(pointer, i)
                plain = "ingdings" not in reader.fonts[font].name
            reader.n_glyphs += 1
            char = chr(code) if code <= 0x10FFFF else "\ufffd"
            if code == 0 or char == "\ufffd":
                reader.n_unmapped += 1
                continue
            raw.FPDFText_GetLooseCharBox(page, i, box)
            raw.FPDFText_GetCharOrigin(page, i, x, y)
            if not (left <= x.value <= right and bottom - 1 <= y.value <= top + 1):
                reader.left_out["outside"] += 1
                continue
            char = char.translate(_TRANSLATE if plain else _WINGDINGS)
            self.turns[turn] += 1
            self.found.append((
                turn, char, box.left, box.bottom, box.right, box.top, x.value, y.value, size, font,
            ))  # fmt: skip

    def _style(self, pointer: Any, index: int) -> int:
        """The font of a text object; asked once for each font and way to fill it."""
        from pypdfium2 import raw

        handle = raw.FPDFTextObj_GetFont(pointer)
        mode = raw.FPDFTextObj_GetTextRenderMode(pointer)
        key = (ctypes.addressof(handle.contents) if handle else 0, mode)
        if key not in self._styles:
            name, flags = ctypes.create_string_buffer(256), ctypes.c_int()
            raw.FPDFText_GetFontInfo(self.textpage, index, name, 256, flags)
            weight = raw.FPDFText_GetFontWeight(self.textpage, index)
            text = name.value.decode("utf-8", "replace")
            self._styles[key] = self.reader.font_id(text, flags.value, weight, mode)
        return self._styles[key]


def _turn(matrix: Any) -> int:
    """How often text is turned by 90 degrees to the left; -1 where it stands aslant."""
    if matrix.b == 0 and matrix.a > 0:
        return 0
    quarter = math.atan2(matrix.b, matrix.a) / (math.pi / 2)
    nearest = round(quarter)
    return nearest % 4 if abs(quarter - nearest) < 0.03 else -1


def _words(glyphs: _Glyphs, frame: _Frame) -> list[Word]:
    """Words of the glyphs that run the page's way; a change of font ends a word as well."""
    turn = glyphs.main_turn()
    words: list[Word] = []
    word: Word | None = None
    parts: list[str] = []
    space = 1

    def close() -> None:
        nonlocal word
        if word is not None:
            word.text = "".join(parts)
            words.append(word)
        word = None

    for glyph in glyphs.found:
        if glyph[0] != turn:
            if glyph is BREAK or glyph is BLANK:
                close()
                space = max(space, 2 if glyph is BLANK else 1)
            continue
        _, char, left, bottom, right, top, x, y, size, font = glyph
        if turn == 0:
            x0, x1, base = frame.x + left, frame.x + right, frame.y - y
        else:
            x0, _, x1, _ = frame.box(left, bottom, right, top)
            base = frame.point(x, y)[1]
        if word is not None:
            gap, off = x0 - word.x1, abs(base - word.y)
            near = -0.5 * size < gap < WORD_GAP * size
            if near and off < 0.1 * size and font == word.font and abs(size - word.size) < 0.3:
                parts.append(char)
                word.x1 = max(word.x1, x1)
                continue
            space = int(not (near and off < 0.6 * max(size, word.size)))
            close()
        word = Word(x0, x1, base, size, font, "", space)
        parts = [char]
        space = 0
    close()
    return words


# --- rules and pictures ---------------------------------------------------------------------------


def _add_objects(page: Page, raw_page: Any, frame: _Frame) -> None:
    """Count the pictures of a page and find its straight lines."""
    from pypdfium2 import raw

    edges = [ctypes.c_float() for _ in range(4)]
    for i in range(min(MAX_OBJECTS, raw.FPDFPage_CountObjects(raw_page))):
        obj = raw.FPDFPage_GetObject(raw_page, i)
        kind = raw.FPDFPageObj_GetType(obj)
        if kind == raw.FPDF_PAGEOBJ_IMAGE:
            page.n_images += 1
        elif kind == raw.FPDF_PAGEOBJ_FORM and not page.words:
            page.n_images += 1  # a scan is often wrapped in a form
        elif (
            kind == raw.FPDF_PAGEOBJ_PATH
            and len(page.across) + len(page.down) < MAX_RULES
            and raw.FPDFPageObj_GetBounds(obj, *edges)
        ):
            _add_path(page, obj, frame.box(*(edge.value for edge in edges)), frame)


def _add_path(page: Page, obj: Any, box: tuple[float, ...], frame: _Frame) -> None:
    from pypdfium2 import raw

    x0, y0, x1, y1 = box
    if y1 - y0 <= THIN and x1 - x0 > 4:
        page.across.append(Rule((y0 + y1) / 2, x0, x1))
    elif x1 - x0 <= THIN and y1 - y0 > 4:
        page.down.append(Rule((x0 + x1) / 2, y0, y1))
    else:
        fill, stroke = ctypes.c_int(), ctypes.c_int()
        raw.FPDFPath_GetDrawMode(obj, fill, stroke)
        if stroke.value and raw.FPDFPath_CountSegments(obj) <= MAX_SEGMENTS:
            _add_strokes(page, obj, frame)


def _add_strokes(page: Page, obj: Any, frame: _Frame) -> None:
    """The straight parts of a path, such as the sides of a cell."""
    from pypdfium2 import raw

    matrix = raw.FS_MATRIX()
    raw.FPDFPageObj_GetMatrix(obj, matrix)
    x, y = ctypes.c_float(), ctypes.c_float()
    last = start = None
    for i in range(raw.FPDFPath_CountSegments(obj)):
        segment = raw.FPDFPath_GetPathSegment(obj, i)
        if not raw.FPDFPathSegment_GetPoint(segment, x, y):
            return
        at = frame.point(
            matrix.a * x.value + matrix.c * y.value + matrix.e,
            matrix.b * x.value + matrix.d * y.value + matrix.f,
        )
        kind = raw.FPDFPathSegment_GetType(segment)
        if kind == raw.FPDF_SEGMENT_LINETO and last is not None:
            _add_line(page, last, at)
        elif kind == raw.FPDF_SEGMENT_MOVETO:
            start = at
        last = at
        if raw.FPDFPathSegment_GetClose(segment) and start is not None:
            _add_line(page, last, start)


def _add_line(page: Page, a: tuple[float, float], b: tuple[float, float]) -> None:
    if abs(a[1] - b[1]) < 1 and abs(a[0] - b[0]) > 4:
        page.across.append(Rule(a[1], min(a[0], b[0]), max(a[0], b[0])))
    elif abs(a[0] - b[0]) < 1 and abs(a[1] - b[1]) > 4:
        page.down.append(Rule(a[0], min(a[1], b[1]), max(a[1], b[1])))

"""Tables of a PDF page: ruled ones by their rules, others by how their rows are set."""

from __future__ import annotations

import itertools
import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from datakit.ingestors._cells import Cells, MakeCells, Span, n_head_rows, of_grid, of_spans
from datakit.ingestors._pdf_glyphs import Page, Rule, Word
from datakit.ingestors._pdf_layout import CJK, Grid, Row, Segment, joined
from datakit.ingestors._tables import Cell

NEAR = 3.0  # points between rules that are meant to meet
MAX_CELLS = 5_000  # of a ruled table
MAX_LINES = 400  # rules in one direction that are looked at together
PROSE_CELL = 500  # characters of a cell that is a page's text with a frame around it

# --- ruled tables ---------------------------------------------------------------------------------


def grids(page: Page) -> tuple[list[Grid], list[Word]]:
    """The ruled tables of a page, and the words that are in none."""
    found: list[Grid] = []
    words = page.words
    for across, down in _frames(page.across, page.down):
        grid, words = _grid(across, down, words)
        if grid is not None:
            found.append(grid)
    return found, words


def _frames(across: list[Rule], down: list[Rule]) -> list[tuple[list[Rule], list[Rule]]]:
    """Rules that meet: horizontal and vertical ones of a table."""
    across = _merged(across)[:MAX_LINES]
    down = _merged(down)[:MAX_LINES]
    owner = list(range(len(across) + len(down)))

    def root(i: int) -> int:
        while owner[i] != i:
            owner[i] = owner[owner[i]]
            i = owner[i]
        return i

    for i, a in enumerate(across):
        for j, d in enumerate(down):
            meets = a.start - NEAR <= d.at <= a.end + NEAR
            if meets and d.start - NEAR <= a.at <= d.end + NEAR:
                owner[root(len(across) + j)] = root(i)
    frames: dict[int, tuple[list[Rule], list[Rule]]] = {}
    for i in range(len(owner)):
        of = frames.setdefault(root(i), ([], []))
        if i < len(across):
            of[0].append(across[i])
        else:
            of[1].append(down[i - len(across)])
    usable = [f for f in frames.values() if len(f[0]) >= 3 and len(f[1]) >= 3]
    return sorted(usable, key=lambda f: min(r.at for r in f[0]))


def _merged(rules: list[Rule]) -> list[Rule]:
    """Rules drawn piece by piece, or twice, as one."""
    merged: list[Rule] = []
    for rule in sorted(rules, key=lambda r: (round(r.at / 1.5), r.start)):
        last = merged[-1] if merged else None
        if last and abs(last.at - rule.at) < 1.6 and rule.start <= last.end + NEAR:
            last.end = max(last.end, rule.end)
        else:
            merged.append(Rule(rule.at, rule.start, rule.end))
    return merged


def _grid(
    across: list[Rule], down: list[Rule], words: list[Word]
) -> tuple[Grid | None, list[Word]]:
    ys, xs = _places(across), _places(down)
    n_rows, n_columns = len(ys) - 1, len(xs) - 1
    if n_rows < 2 or n_columns < 2 or n_rows * n_columns > MAX_CELLS:
        return None, words
    inside: dict[int, list[Word]] = {}
    rest: list[Word] = []
    owner = _cells(ys, xs, across, down)
    for word in words:
        row = bisect_right(ys, word.y - 0.3 * word.size) - 1
        column = bisect_right(xs, (word.x0 + word.x1) / 2) - 1
        if 0 <= row < n_rows and 0 <= column < n_columns:
            inside.setdefault(owner[row * n_columns + column], []).append(word)
        else:
            rest.append(word)
    texts = {cell: cell_text(own) for cell, own in inside.items()}
    made = partial(_grid_cells, owner, dict(texts), n_columns)
    if sum(bool(t) for t in texts.values()) < 3 or _is_frame(texts):
        return None, words
    rows: list[list[str]] = []
    for row in range(n_rows):
        cells = [owner[row * n_columns + column] for column in range(n_columns)]
        line = [texts.pop(cell, "") for cell in dict.fromkeys(cells)]
        if any(line):
            rows.append([cell for cell in line if cell])
    size = max((w.size for own in inside.values() for w in own), default=10.0)
    return Grid(xs[0], xs[-1], ys[0], ys[-1], rows, size, made), rest


def _grid_cells(owner: list[int], texts: dict[int, str], n_columns: int) -> Cells:
    """The cells of a ruled table; `owner` gives each square its cell."""
    made = {cell: Cell(False, text=texts.get(cell, "")) for cell in set(owner)}
    ids = [owner[i : i + n_columns] for i in range(0, len(owner), n_columns)]
    filled = [row for row in ids if any(made[cell].text for cell in row)]
    spans = [
        [Span(j, j + 1, made[cell].text) for j, cell in enumerate(row) if made[cell].text]
        for row in filled
    ]
    return of_grid([[made[cell] for cell in row] for row in filled], n_head_rows(spans))


def _places(rules: list[Rule]) -> list[float]:
    """Where rules lie, those that nearly meet taken together."""
    places: list[float] = []
    for at in sorted(rule.at for rule in rules):
        if not places or at - places[-1] > NEAR:
            places.append(at)
    return places


def _cells(ys: list[float], xs: list[float], across: list[Rule], down: list[Rule]) -> list[int]:
    """For each square of the grid the first square of its cell: no rule parts them."""
    n_columns = len(xs) - 1
    owner = list(range((len(ys) - 1) * n_columns))

    def root(i: int) -> int:
        while owner[i] != i:
            owner[i] = owner[owner[i]]
            i = owner[i]
        return i

    for row in range(len(ys) - 1):
        for column in range(n_columns):
            at = row * n_columns + column
            middle = (ys[row] + ys[row + 1]) / 2, (xs[column] + xs[column + 1]) / 2
            if column and not _ruled(down, xs[column], middle[0]):
                _join(owner, root(at - 1), root(at))
            if row and not _ruled(across, ys[row], middle[1]):
                _join(owner, root(at - n_columns), root(at))
    return [root(i) for i in range(len(owner))]


def _join(owner: list[int], a: int, b: int) -> None:
    owner[max(a, b)] = min(a, b)


def _ruled(rules: list[Rule], at: float, through: float) -> bool:
    return any(abs(r.at - at) <= NEAR and r.start <= through <= r.end for r in rules)


def cell_text(words: list[Word]) -> str:
    """The text of a cell: its lines joined."""
    lines: list[list[Word]] = []
    for word in sorted(words, key=lambda w: (w.y, w.x0)):
        if lines and word.y - lines[-1][0].y < 0.5 * max(word.size, lines[-1][0].size):
            lines[-1].append(word)
        else:
            lines.append([word])
    text = ""
    for line in lines:
        text = joined_lines(text, joined(sorted(line, key=lambda w: w.x0)))
    return text


def joined_lines(above: str, below: str) -> str:
    """Two lines of a cell; without a blank between Chinese ones and inside a broken number."""
    if not above or not below:
        return above or below
    chinese = CJK.match(above[-1]) and CJK.match(below[0])
    number = re.search(r"\d[\d,]*[,.]$", above) and re.match(r"\d{3}(?!\d)", below)
    return above + ("" if chinese or number else " ") + below


def _is_frame(texts: dict[int, str]) -> bool:
    """A frame around running text."""
    filled = [t for t in texts.values() if t]
    longest = max(len(t) for t in filled)
    return longest > PROSE_CELL and longest > 0.6 * sum(map(len, filled))


# --- tables without rules -------------------------------------------------------------------------

_OPENING = re.compile(r"[(]?(?:US|C|A|HK|NZ|RMB)?[$€£¥￥₩][\s(]*|[(]")
_CLOSING = re.compile(r"[)]?\s?%?[)]?|(?:x|bps|pts?)[)]?")
_CURRENCY_END = re.compile(r"(.*[^\s])\s+([$€£¥])$")
_LOOSE_END = re.compile(r"(?<=\d) (?=[)%][)%]?$)")  # `(28,768 )`
_NUMBER_FIRST = re.compile(r"[\d(.,—–-]+(?=$|[\s)%])")
_CLOSES_AFTER = frozenset("0123456789)%—–-")
_MARKER = re.compile(
    r"[(（]?(?:\d{1,3}|[a-zA-Z]|[ivxIVX]{1,5}|[一二三四五六七八九十]{1,3})[)）.、]{1,2}"
    r"|[•●○■□▪▫·◦‣⁃∙➢➤►*†‡§–—\-☐☒☑✓◆❖\uf000-\uf0ff]{1,3}|[①-⑳]|\d{1,2}(?:\.\d{1,2}){1,3}",
)
_LABEL = re.compile(
    r"(?:item\s*\d{1,2}[a-c]?|part\s+[ivx]{1,3}|note\s*\d{1,2}|第.{1,3}[章节条])[.:]?", re.I
)
MAX_GAP = 3.2  # em between two rows of a table
LOOK_AHEAD = 5  # rows of a single cell that may stand between rows of several
MAX_HEADER = 4
MOST_BOLD = 0.85  # of the characters of a cell


@dataclass(slots=True)
class TableRows:
    """Rows of a table without rules, as cells."""

    rows: list[list[str]]
    first: Row
    last: Row
    contents: bool = False  # a table of contents
    cells: MakeCells | None = None

    @property
    def y(self) -> float:
        return self.last.y


def parts(rows: Sequence[Row], left: float, right: float) -> list[Row | TableRows]:
    """Rows of a column, those that make up tables taken together.

    Args:
        rows: from top to bottom.
        left: the column's left edge, and
        right: its right one, in points.
    """
    cells = [_joined_markers(row) for row in rows]
    found: list[Row | TableRows] = []
    i = 0
    while i < len(rows):
        end = _table_end(rows, cells, i, right - left)
        if end is None:
            found.append(_plain(rows[i]))
            i += 1
            continue
        start = _with_header(rows, cells, i, found, left, right)
        found.append(_table(rows[start:end], cells[start:end]))
        i = end
    return found


def _plain(row: Row) -> Row:
    return row


def _joined_markers(row: Row) -> list[Segment]:
    """The cells of a row: a bullet or number joins what it stands before."""
    out: list[Segment] = []
    for segment in row.segments:
        last = out[-1] if out else None
        marker = last is not None and len(out) == 1 and (
            _MARKER.fullmatch(last.text) or _LABEL.fullmatch(last.text)
        )  # fmt: skip
        if marker and last is not None and not segment.numeric:
            out[-1] = _both(last, segment)
        else:
            out.append(segment)
    return _closed_up(out)


def _both(a: Segment, b: Segment, gap: str = " ") -> Segment:
    size = max(a, b, key=lambda s: len(s.text)).size
    bold = (a.bold * len(a.text) + b.bold * len(b.text)) / max(1, len(a.text) + len(b.text))
    return Segment(a.x0, b.x1, b.y, size, a.text + gap + b.text, bold, b.italic, b.leader)


def _closed_up(segments: list[Segment]) -> list[Segment]:
    """`$`, `1,234`, `)` and `%` as one cell `$ 1,234)%`, as in filings in HTML."""
    out: list[Segment] = []
    waiting: Segment | None = None
    for segment in _currency_apart(segments):
        segment.text = _LOOSE_END.sub("", segment.text)
        if _OPENING.fullmatch(segment.text):
            waiting = segment if waiting is None else _both(waiting, segment, "")
        elif waiting is not None:
            out.append(_both(waiting, segment, "" if waiting.text[-1] == "(" else " "))
            waiting = None
        elif out and _CLOSING.fullmatch(segment.text) and out[-1].text[-1] in _CLOSES_AFTER:
            out[-1] = _both(out[-1], segment, "")
        else:
            out.append(segment)
    return out if waiting is None else [*out, waiting]


def _currency_apart(segments: list[Segment]) -> list[Segment]:
    """A currency sign at the end of a label belongs to the number after it."""
    out: list[Segment] = []
    for i, segment in enumerate(segments):
        match = _CURRENCY_END.match(segment.text) if i + 1 < len(segments) else None
        if match and _NUMBER_FIRST.match(segments[i + 1].text):
            label = Segment(segment.x0, segment.x1 - segment.size, segment.y, segment.size,
                            match[1], segment.bold, segment.italic)  # fmt: skip
            sign = Segment(segment.x1 - segment.size / 2, segment.x1, segment.y, segment.size,
                           match[2], 0.0, 0.0)  # fmt: skip
            out += [label, sign]
        else:
            out.append(segment)
    return out


def _table_end(
    rows: Sequence[Row], cells: list[list[Segment]], start: int, width: float
) -> int | None:
    """Where the table that starts with a row ends, None where none does."""
    if len(cells[start]) < 2:
        return None
    last, many, numbers, i = start, 1, _numbers(cells[start]), start + 1
    while i < len(rows):
        if rows[i].y - rows[i - 1].y > MAX_GAP * max(rows[i].size, rows[i - 1].size):
            break
        if len(cells[i]) >= 2:
            last, many = i, many + 1
            numbers += _numbers(cells[i])
        elif i - last > LOOK_AHEAD or _is_prose(cells[i][0], rows, i, width):
            break
        i += 1
    end = _with_tail(rows, cells, start, last + 1)
    if many >= 2 and (numbers >= 2 or _aligned(cells[start:end])):
        return end
    return start + 1 if many == 1 and numbers >= 2 and len(cells[start]) >= 3 else None


def _numbers(cells: list[Segment]) -> int:
    return sum(cell.numeric for cell in cells)


def _is_prose(cell: Segment, rows: Sequence[Row], at: int, width: float) -> bool:
    """A line that fills the column and the next one as well, or one that ends such a paragraph."""
    if cell.x1 - cell.x0 < 0.72 * width:
        return False
    after = rows[at + 1] if at + 1 < len(rows) else None
    before = rows[at - 1]
    for other in (after, before):
        close = other is not None and abs(other.y - cell.y) < 1.6 * cell.size
        if close and other is not None and len(other.segments) == 1:
            return True
    return cell.text[-1] in ".;:。；：" and len(cell.text) > 80


def _aligned(cells: list[list[Segment]]) -> bool:
    """Rows of words in columns: second cells begin at one place, in three rows or more."""
    starts = [row[1].x0 for row in cells if len(row) >= 2]
    if len(starts) < 2:
        return False
    middle = sorted(starts)[len(starts) // 2]
    near = sum(abs(start - middle) < 4 for start in starts)
    return near >= max(2, 0.6 * len(starts)) and (len(starts) >= 3 or len(cells[0]) >= 3)


def _with_tail(rows: Sequence[Row], cells: list[list[Segment]], start: int, end: int) -> int:
    """Past the rest of a last cell that goes on below."""
    labels = min(row[0].x0 for row in cells[start:end])
    while end < len(rows) and len(cells[end]) == 1:
        cell = cells[end][0]
        close = rows[end].y - rows[end - 1].y < 1.35 * max(cell.size, rows[end - 1].size)
        hangs = any(abs(cell.x0 - c.x0) < 4 and not c.numeric for c in cells[end - 1][1:])
        wraps = cell.text[0].islower() and cell.x0 - labels < 25 and len(cell.text) < 60
        if not close or not (hangs or wraps):
            break
        end += 1
    return end


def _with_header(
    rows: Sequence[Row],
    cells: list[list[Segment]],
    start: int,
    found: list[Row | TableRows],
    left: float,
    right: float,
) -> int:
    """The first row of a table with the lines above that stand over its columns alone."""
    steps = 0
    while steps < MAX_HEADER and found and isinstance(found[-1], Row):
        above = found[-1]
        cell = cells[start - 1]
        close = rows[start].y - above.y < 2.2 * max(above.size, rows[start].size)
        over = above.x0 > left + 0.3 * (right - left) and len(above.text) < 90
        if not close or not over or len(cell) != 1:
            break
        found.pop()
        start -= 1
        steps += 1
    return start


def _table(rows: Sequence[Row], cells: list[list[Segment]]) -> TableRows:
    contents = _is_contents(rows, cells)
    lines = _joined_header(_joined_halves(cells))
    lines = _joined_wraps(lines)
    texts = [[cell.text for cell in line] for line in lines]
    return TableRows(texts, rows[0], rows[-1], contents, partial(_segment_cells, lines))


def _segment_cells(lines: list[list[Segment]]) -> Cells:
    rows = [[Span(cell.x0, cell.x1, cell.text) for cell in line] for line in lines]
    bold = [all(cell.bold > MOST_BOLD for cell in line) for line in lines]
    return of_spans(rows, len(rows[0]) > 1 and bold[0] and not all(bold), exact=False)


_PAGE = re.compile(r"(?:[A-Z]{1,2}\s?-\s?)?(\d{1,4})|[ivxl]{1,6}")


def _is_contents(rows: Sequence[Row], cells: list[list[Segment]]) -> bool:
    """Entries with page numbers that never go back, led to by dots or named as items."""
    numbers = [
        int(match[1] or 0)
        for row in cells
        if len(row) >= 2 and (match := _PAGE.fullmatch(row[-1].text)) and not row[0].numeric
    ]
    filled = sum(len(row) >= 2 for row in cells)
    if len(numbers) < 4 or len(numbers) < 0.75 * filled or max(numbers) > 2000:
        return False
    rising = sum(a <= b for a, b in itertools.pairwise(numbers))
    if rising < 0.9 * (len(numbers) - 1):
        return False
    told = sum(row.leader or bool(_LABEL.match(row.text)) for row in rows)
    small = numbers[0] <= 60 and len(set(numbers)) > 0.4 * len(numbers)
    return told >= 0.5 * len(numbers) or (
        small and all(len(row) <= 3 for row in cells) and told > 2
    )


def _joined_halves(cells: list[list[Segment]]) -> list[list[Segment]]:
    """Header cells of two lines as one where their neighbours' single line stands between them."""
    out: list[list[Segment]] = []
    rest = list(cells)
    while rest:
        if len(out) <= MAX_HEADER and len(rest) > 2 and _straddle(*rest[:3]):
            above, line, below = rest[:3]
            whole = [_stacked(a, b) for a, b in zip(above, below, strict=True)]
            out.append(sorted([*line, *whole], key=lambda cell: cell.x0))
            del rest[:3]
        else:
            out.append(rest.pop(0))
    return out


HALF_LINE = 0.8  # em: lines of one cell are 1.1 apart or more, half a line less than that


def _straddle(above: list[Segment], line: list[Segment], below: list[Segment]) -> bool:
    if len(above) != len(below) or any(cell.numeric for cell in (*above, *below)):
        return False
    reach = HALF_LINE * line[0].size
    if line[0].y - above[0].y > reach or below[0].y - line[0].y > reach:
        return False
    stacked = all(_overlap(a, b) for a, b in zip(above, below, strict=True))
    return stacked and not any(_overlap(cell, half) for cell in line for half in (*above, *below))


def _overlap(a: Segment, b: Segment) -> bool:
    return a.x0 < b.x1 and b.x0 < a.x1


def _joined_header(cells: list[list[Segment]]) -> list[list[Segment]]:
    """Header cells of two lines as one: "November 27," over "2015"."""
    out: list[list[Segment]] = []
    for i, row in enumerate(cells):
        above = out[-1] if out else None
        if above is not None and i <= MAX_HEADER and _is_below(above, row):
            out[-1] = [
                Segment(min(a.x0, b.x0), max(a.x1, b.x1), b.y, b.size,
                        joined_lines(a.text, b.text), a.bold, a.italic)
                for a, b in zip(above, row, strict=True)
            ]  # fmt: skip
        else:
            out.append(row)
    return out


_UNDER = r"(?:19|20)\d\d(?:\s?[-–/]\s?(?:19|20)?\d\d)?|[A-Za-z].{0,30}"


def _is_below(above: list[Segment], row: list[Segment]) -> bool:
    if len(above) != len(row) or len(row) < 2:
        return False
    if any(a.x0 > b.x1 or b.x0 > a.x1 for a, b in zip(above, row, strict=True)):
        return False
    words = all(not a.numeric and len(a.text) < 40 for a in above)
    years = all(re.fullmatch(_UNDER, b.text) for b in row)
    close = row[0].y - above[0].y < 1.6 * row[0].size
    return words and years and close and all(a.text[-1] in ",-" or not b.numeric or
                                             re.search(r"\d{1,2},?$|[A-Za-z],?$", a.text)
                                             for a, b in zip(above, row, strict=True))  # fmt: skip


def _joined_wraps(lines: list[list[Segment]]) -> list[list[Segment]]:
    """Labels and cells that take several lines as one."""
    out: list[list[Segment]] = []
    column = _first_numbers(lines)
    for line in lines:
        above = out[-1] if out else None
        if above is None or not _wraps(above, line, column):
            out.append(list(line))
        elif len(above) == 1 and len(line) >= 1 and _same_place(above[0], line[0]):
            out[-1] = [_stacked(above[0], line[0]), *line[1:]]
        else:
            for cell in line:
                at = min(range(len(above)), key=lambda k: abs(above[k].x0 - cell.x0))
                above[at] = _stacked(above[at], cell)
    return out


def _stacked(above: Segment, below: Segment) -> Segment:
    return Segment(above.x0, max(above.x1, below.x1), below.y, below.size,
                   joined_lines(above.text, below.text), above.bold, above.italic)  # fmt: skip


def _same_place(a: Segment, b: Segment) -> bool:
    return abs(a.x0 - b.x0) < 30


def _first_numbers(lines: list[list[Segment]]) -> float:
    """Where the first column of numbers begins: labels end before it."""
    starts = sorted(line[1].x0 for line in lines if len(line) >= 2 and line[-1].numeric)
    return starts[len(starts) // 10] if starts else 0.0


def _wraps(above: list[Segment], line: list[Segment], column: float) -> bool:
    """Whether a row goes on with what the row above began."""
    first = line[0]
    if first.y - above[0].y > 1.45 * max(first.size, above[0].size):
        return False
    if len(above) == 1 and not above[0].numeric and not first.numeric:
        label = above[0]
        if label.text[-1] in ":：." or not _same_place(label, first):
            return False
        full = column > 0 and label.x1 > 0.8 * column
        lower = first.text[0].islower()
        return lower or (full and first.x0 > label.x0 + 2)
    if len(line) != 1 and any(cell.numeric for cell in line):
        return False
    if any(cell.numeric for cell in line):
        return False
    if len(line) == 1 and first.text[0].islower() and _same_place(above[0], first):
        return column == 0 or first.x1 < column
    return all(
        any(abs(cell.x0 - a.x0) < 4 and not a.numeric and len(a.text) > 3 for a in above[1:])
        for cell in line
    ) and len(line) < len(above)

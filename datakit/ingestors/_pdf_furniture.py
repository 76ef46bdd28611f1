"""Running heads, running feet and page numbers: lines that come back at one place of the page."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from dataclasses import dataclass

from datakit.ingestors._pdf_layout import SAME_ROW, Segment

EDGE = 0.17  # of a page's height, above and below, in which such lines are looked for
EDGE_ROWS = 6  # at most so many at each edge
SAME_PLACE = 0.012  # of a page's height
MIN_PAGES = 3  # that a line has to be on
MIN_SHARE = 0.04  # of the pages: heads change with the chapter
MAX_SHARE = 0.3  # of the characters that running lines can be
_NUMBER = re.compile(
    r"(?:[-–—~·|]\s*)?(?:page\s*|p\.\s*|seite\s*|第\s*)?(?:[A-Z]{1,3}\s?[-–—]\s?)?"
    r"(\d{1,4}|[ivxlc]{1,7})"
    r"(?:\s*页)?(?:\s*(?:of|von|/|，?\s*共)\s*\d{1,4}(?:\s*页)?)?(?:\s*[-–—~·|])?",
    re.I,
)
_TO_CONTENTS = re.compile(
    r"(?:back\s+to\s+)?(?:table\s+of\s+contents|index(?:\s+to\s+(?:consolidated\s+)?financial\s+"
    r"statements)?|contents)", re.I
)  # fmt: skip

# what Chinese brokers print at the foot of each page; on a single page nothing repeats
_NOTICE = re.compile(
    r"(?:敬请|谨请|请)(?:务必)?(?:仔细|一起)?(?:阅读|参阅|参见|参考|查阅).{0,30}(?:声明|说明|条款|附注)"
)
MAX_NOTICE = 80  # characters
_SENTENCE = re.compile(r"\w{2} \w+ .*[\w#)]\s?\.$|[。；]$")
# a running head that is a heading as well: where it first stands it is kept
_TITLE = re.compile(r"(?:part\s+[ivx]+|item\s*#|notes?\s+to\s|第.{1,3}[章节])", re.I)


@dataclass(slots=True)
class _Edge:
    """A row near the edge of a page."""

    segments: list[Segment]
    place: float  # of its baseline, in heights of the page
    text: str
    shape: str  # its text without numbers


def remove(pages: list[tuple[float, list[Segment]]]) -> Counter[str]:
    """Take running lines out of the segments of all pages, in place.

    Args:
        pages: height in points and segments of each.

    Returns:
        How many lines went as `running_head` (feet count as well) and as `page_number`.
    """
    counts = _without_floating([segments for _, segments in pages])
    edges = [(_rows(h, segments, False), _rows(h, segments, True)) for h, segments in pages]
    sizes = sorted(segment.size for _, segments in pages for segment in segments)
    body = sizes[len(sizes) // 2] if sizes else 0.0
    gone: list[tuple[int, _Edge, str]] = []
    for side in (0, 1):
        rows = [page[side] for page in edges]
        shapes = _running(rows)
        numbers = _numbered(rows)
        titles = {shape for shape in shapes if _TITLE.match(shape)}
        for index, page_rows in enumerate(rows):
            found = _taken(page_rows, index, shapes, numbers, titles, body)
            gone += [(index, row, kind) for row, kind in found]
    total = sum(len(segment.text) for _, segments in pages for segment in segments)
    heads = sum(len(row.text) for _, row, kind in gone if kind == "running_head")
    repeats = heads > MAX_SHARE * total  # pages of one form: what comes back is the text
    for index, row, kind in gone:
        if repeats and kind == "running_head":
            continue
        counts[kind] += 1
        ids = {id(segment) for segment in row.segments}
        pages[index][1][:] = [s for s in pages[index][1] if id(s) not in ids]
    return counts


def _rows(height: float, segments: list[Segment], bottom: bool) -> list[_Edge]:
    """The rows within an edge of the page, from the outside in."""
    limit = EDGE * height
    near = [s for s in segments if (s.y > height - limit if bottom else s.y < limit)]
    near.sort(key=lambda s: -s.y if bottom else s.y)
    groups: list[list[Segment]] = []
    for segment in near:
        if groups and abs(segment.y - groups[-1][0].y) < SAME_ROW * segment.size:
            groups[-1].append(segment)
        else:
            groups.append([segment])
    return [_edge(group, height) for group in groups[:EDGE_ROWS]]


def _edge(group: list[Segment], height: float) -> _Edge:
    group.sort(key=lambda s: s.x0)
    text = " ".join(s.text for s in group)
    shape = re.sub(r"\d+", "#", text.casefold()) if len(text) <= 200 else ""
    return _Edge(group, group[0].y / max(height, 1.0), text, shape)


def _running(rows: list[list[_Edge]]) -> dict[str, list[float]]:
    """Shapes that come back on enough pages, with their places."""
    places: defaultdict[str, list[float]] = defaultdict(list)
    for page in rows:
        for row in page:
            if row.shape and any(char.isalpha() for char in row.shape):
                places[row.shape].append(row.place)
    least = max(2 if len(rows) < 6 else MIN_PAGES, MIN_SHARE * len(rows))
    running: dict[str, list[float]] = {}
    for shape, found in places.items():
        # "See accompanying notes." under each statement is a sentence
        needed = max(least, 0.3 * len(rows)) if _SENTENCE.search(shape) else least
        common = [p for p in found if sum(abs(p - q) <= SAME_PLACE for q in found) >= needed]
        if common:
            running[shape] = sorted({round(p, 3) for p in common})
    return running


def _numbered(rows: list[list[_Edge]]) -> set[tuple[int, int]]:
    """(page, row) of page numbers: they count on from page to page, or say that they are one."""
    found: dict[tuple[int, int], int | None] = {}
    for index, page in enumerate(rows):
        for at, row in enumerate(page):
            match = _NUMBER.fullmatch(row.text.strip())
            if match:
                found[index, at] = int(match[1]) if match[1].isdecimal() else None
    offsets = Counter(value - index for (index, _), value in found.items() if value is not None)
    steady = {offset for offset, n in offsets.items() if n >= 2}
    sure: set[tuple[int, int]] = set()
    for (index, at), value in found.items():
        bare = rows[index][at].text.strip().isdecimal()
        counts = value is not None and (value - index in steady or (len(rows) == 1 and at == 0))
        says = not bare and (value is not None or len(rows) > 2)
        if counts or says:
            sure.add((index, at))
    return sure


def _taken(
    rows: list[_Edge],
    index: int,
    shapes: dict[str, list[float]],
    numbers: set[tuple[int, int]],
    titles: set[str],
    body: float,
) -> list[tuple[_Edge, str]]:
    """The rows to take out: from the edge inwards, up to the first that stays.

    A shape among `titles` stays once, where it is set at least in the `body` size, and is then no
    title any more.
    """
    gone: list[tuple[_Edge, str]] = []
    for at, row in enumerate(rows):
        places = shapes.get(row.shape, ())
        if (index, at) in numbers:
            gone.append((row, "page_number"))
        elif any(abs(row.place - place) <= SAME_PLACE for place in places):
            if row.shape in titles and row.segments[0].size > body - 0.6:
                titles.remove(row.shape)
            else:
                gone.append((row, "running_head"))
        elif (_TO_CONTENTS.fullmatch(row.text.strip()) and index > 3) or (
            len(row.text) <= MAX_NOTICE and _NOTICE.search(row.text)
        ):
            gone.append((row, "running_head"))
        else:
            break
    return gone


# --- pages of another edition ---------------------------------------------------------------------

# A filing printed from HTML has the numbers and heads of its first edition in mid-page.
_CAN_COUNT = re.compile(r"#|(?=.*[a-z]).*#.*|[-–—]\s?#\s?[-–—]")
MIN_FLOATING = 5
MAX_LONE = 80  # characters of such a line
NEIGHBOURS = 3  # rows between such a number and a head that belongs to it


@dataclass(slots=True)
class _Lone:
    """A line with nothing beside it."""

    page: int
    row: int  # its place on the page
    segment: Segment
    shape: str
    gone: bool = False


def _without_floating(pages: list[list[Segment]]) -> Counter[str]:
    """Take out lines anywhere that count pages, and heads next to them."""
    lines = [line for page, segments in enumerate(pages) for line in _lone(page, segments)]
    by_shape: defaultdict[str, list[_Lone]] = defaultdict(list)
    for line in lines:
        by_shape[line.shape].append(line)
    counts: Counter[str] = Counter()
    for shape, found in by_shape.items():
        if _CAN_COUNT.fullmatch(shape):
            for line in _counting(found, len(pages)):
                line.gone = True
                counts["page_number"] += 1
        elif _TO_CONTENTS.fullmatch(shape.strip()) and len(found) >= MIN_PAGES:
            for line in found[1:]:
                line.gone = True
                counts["running_head"] += 1
    marks = {(line.page, line.row + step) for line in lines if line.gone
             for step in range(-NEIGHBOURS, NEIGHBOURS + 1)}  # fmt: skip
    for found in by_shape.values():
        near = [line for line in found if not line.gone and (line.page, line.row) in marks]
        repeated = len(near) >= MIN_FLOATING and len(near) >= 0.7 * len(found)
        if (
            repeated
            and re.search(r"[^\W\d_]", near[0].shape)
            and not _SENTENCE.search(near[0].shape)
        ):
            for line in near[1:] if _TITLE.match(near[0].shape) else near:
                line.gone = True
                counts["running_head"] += 1
    gone = {id(line.segment) for line in lines if line.gone}
    for segments in pages:
        segments[:] = [s for s in segments if id(s) not in gone]
    return counts


def _lone(page: int, segments: list[Segment]) -> list[_Lone]:
    ordered = sorted(segments, key=lambda s: s.y)
    found = []
    for i, segment in enumerate(ordered):
        reach = SAME_ROW * segment.size
        beside = (i and segment.y - ordered[i - 1].y < reach) or (
            i + 1 < len(ordered) and ordered[i + 1].y - segment.y < reach
        )
        if not beside and len(segment.text) <= MAX_LONE:
            shape = re.sub(r"\d+", "#", segment.text.casefold().strip())
            found.append(_Lone(page, i, segment, shape))
    return found


def _counting(lines: list[_Lone], n_pages: int) -> list[_Lone]:
    """Of lines that differ in their numbers, those in which a number counts on."""
    if len(lines) < MIN_FLOATING or len(lines) > 2 * n_pages + 10:
        return []
    numbers = [re.findall(r"\d{1,4}", line.segment.text) for line in lines]
    best: list[_Lone] = []
    for at in range(len(numbers[0])):
        values = [int(own[at]) if at < len(own) else -9 for own in numbers]
        good = [line for i, line in enumerate(lines) if _next_to_its_like(values, i)]
        best = max(best, good, key=len)
    pages = {line.page for line in best}
    return best if len(best) >= MIN_FLOATING and len(best) <= 1.6 * len(pages) else []


def _next_to_its_like(values: list[int], at: int) -> bool:
    """Whether the number before is one lower, or the one after one higher."""
    before = at > 0 and values[at - 1] == values[at] - 1
    return before or (at + 1 < len(values) and values[at + 1] == values[at] + 1)

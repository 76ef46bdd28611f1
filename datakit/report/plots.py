"""Charts as inline SVG: bars, stacked bars, histogram, heat map, dots with intervals.

Lengths along x are percentages and text is in pixels, so that a chart fills whatever width it is
given and its labels stay readable. Colours are classes that the style sheet fills in for light,
dark and print. Every chart has a title and a description that holds its numbers.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

from datakit.records import sha256

Value = str | float
ROW = 40  # px per bar: a line of text, the bar below it, a gap
CELL_ROW = 48  # px per row of a heat map: a line of text, the cells below it, a gap
N_SERIES = 6  # colours in the style sheet: s1 … s6
DESCRIPTION_LIMIT = 1200  # characters
# control, zero-width and direction characters, the soft hyphen, lone surrogates, non-characters
_HIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f"
    "\ufeff\ufff9-\ufffb\ud800-\udfff\ufffe\uffff]"
)


def clean(text: str) -> str:
    """Text with what hides or turns it, and what HTML cannot hold, written out: `⟨U+202E⟩`."""
    return _HIDDEN.sub(lambda found: f"⟨U+{ord(found[0]):04X}⟩", text)


def number(value: float, digits: int = 0) -> str:
    """`12,345` or, with digits, `0.612`."""
    return f"{value:,.{digits}f}"


def compact(value: float) -> str:
    """At most four characters for a bar's top: 950, 1.2k, 12k, 3.4M."""
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= size:
            scaled = value / size
            return f"{scaled:.1f}{letter}" if scaled < 9.95 else f"{scaled:.0f}{letter}"
    return f"{value:g}"


def percent(part: float, whole: float) -> str:
    """`12 %`, `0.4 %`, and `–` of nothing; neither 0 % nor 100 % by rounding."""
    if not whole:
        return "–"
    share = 100 * part / whole
    if 0 < share < 0.1:
        return "< 0.1\u00a0%"
    if 99.9 < share < 100:
        return "> 99.9\u00a0%"
    digits = 1 if 0 < share < 10 or 99 < share < 100 else 0
    return f"{share:.{digits}f}\u00a0%"


def shorten(text: str, width: int) -> str:
    """Text cut to a width in half-width columns; a CJK character takes two."""
    text = clean(text)
    used = 0
    for i, char in enumerate(text):
        used += 2 if unicodedata.east_asian_width(char) in "WF" else 1
        if used > width:
            return text[: max(i - 1, 1)].rstrip() + "…"
    return text


# --- elements -----------------------------------------------------------------------------


def element(name: str, attributes: Mapping[str, Value], *children: str) -> Markup:
    """An element; attributes and plain children are escaped, `_` in names becomes `-`."""
    given = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(_plain(value))}"'
        for key, value in attributes.items()
    )
    inner = Markup("").join(
        c if isinstance(c, Markup) else Markup(escape(clean(c))) for c in children
    )
    return Markup(f"<{name}{given}>{inner}</{name}>") if inner else Markup(f"<{name}{given}/>")


def _plain(value: Value) -> str:
    return clean(value) if isinstance(value, str) else f"{value:.2f}".rstrip("0").rstrip(".")


def width_of(share: float) -> str:
    """A share of the width, 0 to 1, as an SVG length."""
    return _plain(100 * share) + "%"


def words(share: float, y: float, text: str, class_: str = "", anchor: str = "start") -> Markup:
    return element(
        "text", {"x": width_of(share), "y": y, "class": class_, "text_anchor": anchor}, text
    )


def _rect(
    left: float, width: float, y: float, height: float, class_: str, hint: str = ""
) -> Markup:
    attributes: dict[str, Value] = {
        "x": width_of(left), "y": y, "width": width_of(max(width, 0.0)), "height": height,
        "class": class_, "rx": 2,
    }  # fmt: skip
    return element("rect", attributes, *([tooltip(hint)] if hint else []))


def tooltip(text: str) -> Markup:
    return element("title", {}, text[:200])


@dataclass(frozen=True)
class Caption:
    """What stands above a chart; the title is unique on the page."""

    title: str
    note: str = ""  # unit and n


def figure(
    caption: Caption, height: float, marks: Iterable[Markup], description: str, legend: str = ""
) -> Markup:
    name = "chart-" + sha256(caption.title)[:10]
    title, note = caption.title[:120], caption.note[:300]
    if len(description) > DESCRIPTION_LIMIT:
        description = description[:DESCRIPTION_LIMIT] + "…"
    head = [element("b", {}, title)]
    if note:
        head.append(element("span", {}, note))
    svg = element(
        "svg",
        {
            "role": "img", "width": "100%", "height": height, "xmlns": "http://www.w3.org/2000/svg",
            "aria_labelledby": f"{name}-t {name}-d",
        },
        element("title", {"id": f"{name}-t"}, f"{title}. {note}".strip()),
        element("desc", {"id": f"{name}-d"}, description or "No data."),
        *marks,
    )  # fmt: skip
    return element("figure", {"class": "chart"}, element("figcaption", {}, *head), legend, svg)


def _legend(names: Sequence[str]) -> Markup:
    if len(names) < 2:
        return Markup("")
    keys = [
        element(
            "li", {}, element("i", {"class": f"key s{_series(i)}"}, "\u00a0"), shorten(name, 40)
        )
        for i, name in enumerate(names)
    ]
    return element("ul", {"class": "legend"}, *keys)


def _series(i: int) -> int:
    return min(i, N_SERIES - 1) + 1


# --- charts -------------------------------------------------------------------------------


def bars(caption: Caption, rows: Sequence[tuple[str, int]], whole: int | None = None) -> Markup:
    """Horizontal bars with their count and their share of `whole`, by default of their sum."""
    total = sum(count for _, count in rows) if whole is None else whole
    top = max((count for _, count in rows), default=0) or 1
    marks = []
    for i, (label, count) in enumerate(rows):
        y = i * ROW
        said = f"{number(count)} · {percent(count, total)}"
        marks += [
            words(0, y + 14, shorten(label, 38)),
            words(1, y + 14, said, "value", "end"),
            _rect(0, 1, y + 21, 7, "track"),
            _rect(0, count / top, y + 21, 7, "s1", f"{label}: {said}"),
        ]
    return figure(caption, len(rows) * ROW - 6, marks, "; ".join(f"{r}: {n}" for r, n in rows))


def shares(caption: Caption, rows: Sequence[tuple[str, int, int]]) -> Markup:
    """Horizontal bars of a part of a whole of its own: label, part, whole."""
    marks = []
    for i, (label, part, whole) in enumerate(rows):
        y = i * ROW
        said = f"{number(part)} of {number(whole)} · {percent(part, whole)}"
        marks += [
            words(0, y + 14, shorten(label, 38)),
            words(1, y + 14, said, "value", "end"),
            _rect(0, 1, y + 21, 7, "track"),
            _rect(0, part / (whole or 1), y + 21, 7, "s1", f"{label}: {said}"),
        ]
    said = "; ".join(f"{label}: {part} of {whole}" for label, part, whole in rows)
    return figure(caption, len(rows) * ROW - 6, marks, said)


def stacked(
    caption: Caption, rows: Sequence[tuple[str, Sequence[int]]], names: Sequence[str]
) -> Markup:
    """Horizontal bars, each cut into the counts of `names`; all as wide as the largest row."""
    top = max((sum(counts) for _, counts in rows), default=0) or 1
    marks = []
    for i, (label, counts) in enumerate(rows):
        y = i * ROW
        marks += [
            words(0, y + 14, shorten(label, 38)),
            words(1, y + 14, number(sum(counts)), "value", "end"),
            _rect(0, 1, y + 21, 11, "track"),
            *_pieces(y + 21, label, counts, names, top),
        ]
    said = "; ".join(
        f"{label}: " + ", ".join(f"{n} {c}" for n, c in zip(names, counts, strict=True))
        for label, counts in rows
    )
    return figure(caption, len(rows) * ROW - 3, marks, said, _legend(names))


def _pieces(
    y: float, label: str, counts: Sequence[int], names: Sequence[str], top: int
) -> list[Markup]:
    out, left = [], 0.0
    for i, count in enumerate(counts):
        if count:
            said = f"{label}, {names[i]}: {number(count)} ({percent(count, sum(counts))})"
            out.append(_rect(left / top, count / top, y, 11, f"s{_series(i)} piece", said))
        left += count
    return out


def histogram(caption: Caption, bins: Sequence[tuple[str, int]], edges: bool = False) -> Markup:
    """Upright bars over bins.

    Args:
        caption: its note says the unit of the bins and what is counted.
        bins: label and count; with `edges` the label is the lower edge of the bin.
        edges: labels stand at the left edge of their bar, not under its middle.
    """
    top = max((count for _, count in bins), default=0) or 1
    step = 1 / max(len(bins), 1)
    height, base = 150, 128
    marks = []
    for i, (label, count) in enumerate(bins):
        tall = count / top * (base - 18)
        middle = (i + 0.5) * step
        marks.append(_rect(i * step + step * 0.06, step * 0.88, base - tall, tall, "s1"))
        if count:
            marks.append(words(middle, base - tall - 5, compact(count), "small", "middle"))
        if edges:
            marks.append(words(i * step, height - 6, label, "small", "middle" if i else "start"))
        else:
            marks.append(words(middle, height - 6, label, "small", "middle"))
    marks.append(
        element("line", {"x1": "0", "x2": "100%", "y1": base, "y2": base, "class": "axis"})
    )
    return figure(caption, height, marks, "; ".join(f"{label}: {n}" for label, n in bins))


def heat_map(
    caption: Caption, rows: Sequence[str], columns: Sequence[str], cells: Sequence[Sequence[int]],
    by_row: bool = False,
) -> Markup:  # fmt: skip
    """Counts as shades: `cells[row][column]`; every cell says its number.

    Args:
        caption: says what is counted.
        rows: names.
        columns: names, short.
        cells: counts.
        by_row: shades are relative to the largest count of their row, not of all.
    """
    most = max((count for row in cells for count in row), default=0) or 1
    step = 1 / max(len(columns), 1)
    marks = [
        words((j + 0.5) * step, 14, shorten(c, 8), "small", "middle") for j, c in enumerate(columns)
    ]
    for i, row in enumerate(rows):
        y = 22 + i * CELL_ROW
        marks.append(words(0, y + 14, shorten(row, 52)))
        top = (max(cells[i], default=0) or 1) if by_row else most
        for j, count in enumerate(cells[i]):
            hint = f"{row}, {columns[j]}: {count}"
            marks += _cell(j * step, step, y + 20, count, count / top, hint)
    said = "; ".join(
        f"{row}: " + ", ".join(f"{c} {n}" for c, n in zip(columns, cells[i], strict=True) if n)
        for i, row in enumerate(rows)
    )
    return figure(caption, 22 + len(rows) * CELL_ROW, marks, said)


def _cell(left: float, step: float, y: float, count: int, share: float, hint: str) -> list[Markup]:
    rect: dict[str, Value] = {
        "x": width_of(left + step * 0.03), "y": y + 1, "width": width_of(step * 0.94), "height": 22,
        "rx": 2, "class": "s1" if count else "track",
        "fill_opacity": 0.15 + 0.85 * share if count else 1,
    }  # fmt: skip
    marks = [element("rect", rect, tooltip(hint))]
    if count:
        # above this opacity the page's ink no longer stands out from the accent colour
        class_ = "small on" if share > 0.45 else "small strong"
        marks.append(words(left + step / 2, y + 16, compact(count), class_, "middle"))
    return marks


@dataclass(frozen=True)
class Dot:
    """One value with its 95 % interval."""

    label: str
    value: float
    low: float
    high: float
    n: int
    series: int  # from 0


def intervals(caption: Caption, dots: Sequence[Dot], names: Sequence[str] = ()) -> Markup:
    """A dot and its interval per row, on one scale from 0 to 1 (or more, where values are)."""
    top = max([1.0, *(dot.high for dot in dots)])
    height = len(dots) * ROW
    marks = []
    for quarter in range(5):
        x = width_of(0.01 + 0.98 * quarter / 4)
        line: dict[str, Value] = {"x1": x, "x2": x, "y1": 0, "y2": height, "class": "grid"}
        anchor = "start" if not quarter else "end" if quarter == 4 else "middle"
        marks.append(element("line", line))
        marks.append(
            words(0.98 * quarter / 4 + 0.01, height + 16, f"{top * quarter / 4:g}", "small", anchor)
        )
    for i, dot in enumerate(dots):
        marks += _dot(i * ROW, dot, top)
    said = "; ".join(
        f"{d.label}: {d.value:.3f}, 95 % interval {d.low:.3f} to {d.high:.3f}, n = {d.n}"
        for d in dots
    )
    return figure(caption, height + 22, marks, said, _legend(names))


def _dot(y: float, dot: Dot, top: float) -> list[Markup]:
    def at(value: float) -> str:
        return width_of(0.01 + 0.98 * value / top)

    colour = f"s{_series(dot.series)}"
    middle = y + 27
    line: dict[str, Value] = {
        "x1": at(dot.low),
        "x2": at(dot.high),
        "y1": middle,
        "y2": middle,
        "class": colour,
    }
    said = f"{dot.value:.3f} [{dot.low:.3f}, {dot.high:.3f}] · n = {number(dot.n)}"
    hint = tooltip(f"{dot.label}: {said}")
    return [
        words(0.01, y + 14, shorten(dot.label, 24), "backed"),
        words(0.99, y + 14, said, "value backed", "end"),
        element("line", line),
        element("circle", {"cx": at(dot.value), "cy": middle, "r": 5, "class": colour}, hint),
    ]

"""Charts with two axes and small strips for tables, as inline SVG like those of `plots`.

Lines need points in one unit, so the plane of a chart is an SVG of its own, 1 by 1, stretched over
the figure; strokes keep their width.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from datakit.report.plots import Caption, Value, element, figure, tooltip, width_of, words

HEIGHT, BOTTOM, TOP = 240, 26, 16  # px


@dataclass(frozen=True)
class Point:
    """A tested threshold: where it is, what is shown of it, and whether it passed."""

    x: float
    y: float
    passed: bool
    said: str


@dataclass(frozen=True)
class Rule:
    """An upright line with a name."""

    x: float
    name: str


@dataclass(frozen=True)
class Curve:
    """A step-free line over scores, tested points, and cut-offs."""

    x: Sequence[float]
    y: Sequence[float]  # in [0, 1]
    points: Sequence[Point]
    rules: Sequence[Rule]
    limits: Sequence[float]  # level lines
    x_name: str


def curve(caption: Caption, c: Curve) -> Markup:
    """A curve of probabilities over a score."""
    xs = [*c.x, *(p.x for p in c.points), *(r.x for r in c.rules)]
    low, high = min(xs), max(xs)
    span = (high - low) or 1.0
    low, high = low - 0.03 * span, high + 0.03 * span

    def across(x: float) -> float:
        return (x - low) / (high - low)

    plane = HEIGHT - BOTTOM - TOP
    marks: list[Markup] = []
    for i in range(5):
        y = TOP + plane * (1 - i / 4)
        marks += [
            element("line", {"x1": 0, "x2": "100%", "y1": y, "y2": y, "class": "grid"}),
            words(0, y - 4, f"{i / 4:g}", "small"),
        ]
    line = [(across(x), y) for x, y in zip(c.x, c.y, strict=True)]
    # constant beyond the knots, as the fit is
    inner = [_plane_line([(across(low), c.y[0]), *line, (across(high), c.y[-1])], "s1")]
    inner += [_plane_line([(0, limit), (1, limit)], "limit") for limit in c.limits]
    inner += [_plane_line([(across(r.x), 0), (across(r.x), 1)], "cut") for r in c.rules]
    marks.append(_plane(plane, inner))
    over: list[Markup] = []
    for p in c.points:
        dot: dict[str, Value] = {
            "cx": width_of(across(p.x)), "cy": TOP + plane * (1 - p.y), "r": 4.5,
            "class": "s2" if p.passed else "s2 hollow",
        }  # fmt: skip
        over.append(element("circle", dot, tooltip(p.said)))
    for i, r in enumerate(sorted(c.rules, key=lambda r: r.x)):
        side = "end" if across(r.x) > 0.5 else "start"
        step = -0.008 if side == "end" else 0.008
        over.append(
            words(across(r.x) + step, TOP + 12 + 16 * (i % 2), r.name, "small strong backed", side)
        )
    ticks = [
        words(i / 4, HEIGHT - 8, f"{low + (high - low) * i / 4:.3g}", "small",
             "start" if not i else "end" if i == 4 else "middle")
        for i in range(5)
    ]  # fmt: skip
    marks += [*over, *ticks]
    said = "; ".join(f"score {x:.4g}: {y:.3f}" for x, y in zip(c.x, c.y, strict=True))
    said += "".join(f"; {r.name}" for r in c.rules)
    return figure(
        caption, HEIGHT + 18, [*marks, words(0.5, HEIGHT + 12, c.x_name, "small", "middle")], said
    )


def _plane(height: float, marks: Sequence[Markup]) -> Markup:
    return element(
        "svg",
        {
            "y": TOP,
            "width": "100%",
            "height": height,
            "viewBox": "0 0 1 1",
            "preserveAspectRatio": "none",
        },
        *marks,
    )


def _plane_line(points: Sequence[tuple[float, float]], class_: str) -> Markup:
    said = " ".join(f"{x:.4f},{1 - y:.4f}" for x, y in points)
    return element("polyline", {"points": said, "class": f"line {class_}"})


# --- strips in tables ---------------------------------------------------------------------

STRIP, STRIP_HEIGHT = 116, 16  # px


def strip(
    value: float, low: float | None, high: float | None, threshold: float | None, bad: bool
) -> Markup:
    """A value with its interval on a line from 0, and the limit as an upright stroke.

    The line ends at 1 for shares near it, else at twice the limit or a little beyond the value.
    """
    reach = max(value, high or 0.0, 2 * (threshold or 0.0))
    top = 1.0 if reach > 0.5 and max(value, high or 0.0, threshold or 0.0) <= 1 else 1.08 * reach
    top = top or 1.0
    width, middle = STRIP - 8, STRIP_HEIGHT / 2

    def place(x: float) -> float:
        return 4 + width * min(max(x / top, 0.0), 1.0)

    class_ = "bad" if bad else "s1"
    marks = [
        element(
            "line", {"x1": 4, "x2": 4 + width, "y1": middle, "y2": middle, "class": "axis faint"}
        )
    ]
    if low is not None and high is not None:
        marks.append(
            element(
                "line",
                {
                    "x1": place(low),
                    "x2": place(high),
                    "y1": middle,
                    "y2": middle,
                    "class": f"range {class_}",
                },
            )
        )
    if threshold is not None:
        x = place(threshold)
        marks.append(
            element("line", {"x1": x, "x2": x, "y1": 1, "y2": STRIP_HEIGHT - 1, "class": "tick"})
        )
    marks.append(element("circle", {"cx": place(value), "cy": middle, "r": 3.5, "class": class_}))
    return element(
        "svg",
        {"class": "strip", "width": STRIP, "height": STRIP_HEIGHT, "aria_hidden": "true"},
        *marks,
    )

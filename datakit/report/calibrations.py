"""Calibrations by level: the curve, the thresholds that were tested, and what they certify."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from datakit.calibration import needed
from datakit.dataset import Dataset
from datakit.report import curves
from datakit.report.curves import Curve, Point, Rule
from datakit.report.gates import number_of
from datakit.report.plots import Caption, number, percent


@dataclass(frozen=True, slots=True)
class CalibrationFact:
    """One level's calibration."""

    level: str
    run: str
    calibration_id: str
    n_queries: int
    n_pool: int
    n_fit: int
    holds: bool  # the corpus and the scores are still those it was made of
    tau_plus: float | None
    tau_minus: float | None
    tried: tuple[tuple[str, float, float, int, int, int, float, bool], ...]
    estimates: tuple[tuple[str, str], ...]
    needed: tuple[str, ...]  # what thresholds that are not certified would need
    people: str
    chart: Markup | None


def calibration_facts(
    dataset: Dataset, bodies: Sequence[Mapping[str, Any]]
) -> tuple[CalibrationFact, ...]:
    """What each calibration says; one that lacks a field says less, it never fails the page."""
    return tuple(_fact(dataset, body) for body in bodies[:8])


def _fact(dataset: Dataset, body: Mapping[str, Any]) -> CalibrationFact:
    scorer, fit = _dict(body, "scorer"), _dict(body, "fit")
    run = str(scorer.get("run", ""))
    table = str(scorer.get("table") or f"run/{run}")  # `pool` where mining has calibrated
    holds = (
        "passage" in dataset
        and body.get("corpus") == dataset.digest("passage")
        and table in dataset
        and scorer.get("digest") == dataset.digest(table)
    )
    tried = tuple(_tried(_dict(body, "steps")))
    return CalibrationFact(
        level=str(body.get("level", "")),
        run=run,
        calibration_id=str(body.get("calibration_id", "")),
        n_queries=int(number_of(body.get("n_queries")) or 0),
        n_pool=int(number_of(body.get("n_pool")) or 0),
        n_fit=int(number_of(fit.get("n")) or 0),
        holds=bool(holds),
        tau_plus=number_of(body.get("tau_plus")),
        tau_minus=number_of(body.get("tau_minus")),
        tried=tried,
        estimates=tuple(_estimates(body)),
        needed=tuple(_needed(body)),
        people=_people(body),
        chart=_chart(body, run, tried),
    )


def _dict(body: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = body.get(key)
    return value if isinstance(value, dict) else {}


def _tried(
    steps: Mapping[str, Any],
) -> list[tuple[str, float, float, int, int, int, float, bool]]:
    """Side, share of the pool, threshold, pairs there, judged, errors, bound, passed."""
    out = []
    for side in ("above", "below"):
        rows = _dict(steps, side).get("tried")
        for one in (rows if isinstance(rows, list) else [])[:24]:
            share, threshold = number_of(one.get("share")), number_of(one.get("threshold"))
            bound = number_of(one.get("bound"))
            if share is not None and threshold is not None and bound is not None:
                counts = (int(number_of(one.get(k)) or 0) for k in ("n_region", "n", "errors"))
                region, n, errors = counts
                out.append(
                    (side, share, threshold, region, n, errors, bound, bool(one.get("passed")))
                )
    return out


def _estimates(body: Mapping[str, Any]) -> list[tuple[str, str]]:
    out = []
    missed = _dict(body, "missed")
    for key, name in (
        ("rate", "relevant among unlabelled pairs of the pool"),
        ("recall", "recall of the labels inside the pool"),
    ):
        if key in missed:
            out.append((name, _interval(_dict(missed, key))))
    beyond = _dict(body, "outside")
    if n := number_of(beyond.get("n")):
        high = number_of(_dict(beyond, "rate").get("high"))
        bound = "" if high is None else f", at most {percent(high, 1)}"
        said = f"{number(number_of(beyond.get('n_relevant')) or 0)} of {number(n)}{bound}"
        out.append(("relevant outside the pool", said))
    return out


def _needed(body: Mapping[str, Any]) -> list[str]:
    try:
        return list(needed.lines(_dict(body, "steps")))
    except (KeyError, TypeError, ValueError, IndexError):
        return []


def _interval(estimate: Mapping[str, Any]) -> str:
    value, low, high = (number_of(estimate.get(k)) for k in ("value", "low", "high"))
    if value is None:
        return "not established: no positive label, or none of some source judged"
    return f"{value:.3f}" + ("" if low is None or high is None else f" [{low:.3f}, {high:.3f}]")


def _people(body: Mapping[str, Any]) -> str:
    people = _dict(body, "people")
    n = number_of(people.get("n"))
    if not n:
        return ""
    sens, spec = number_of(people.get("sensitivity")), number_of(people.get("specificity"))
    if sens is None or spec is None:
        return ""
    return (
        f"by people, {number(n)} pairs: the judge finds {percent(sens, 1)} of the relevant pairs "
        f"and {percent(spec, 1)} of the others"
    )


def _chart(
    body: Mapping[str, Any], run: str,
    tried: Sequence[tuple[str, float, float, int, int, int, float, bool]],
) -> Markup | None:  # fmt: skip
    found = _dict(body, "curve")
    xs, ys = found.get("x"), found.get("y")
    if not isinstance(xs, list) or not isinstance(ys, list) or not xs or len(xs) != len(ys):
        return None
    x, y = [number_of(v) for v in xs[:2000]], [number_of(v) for v in ys[:2000]]
    if None in x or None in y:
        return None
    points = [_point(one) for one in tried]
    rules = [
        Rule(value, f"{name} = {value:.3g}")
        for name, key in (("τ⁻", "tau_minus"), ("τ⁺", "tau_plus"))
        if (value := number_of(body.get(key))) is not None
    ]
    level = str(body.get("level", ""))
    caption = Caption(
        f"Calibration, {level} level",
        f"P(grade ≥ 2) by score of {run}; line: isotonic fit, n = "
        f"{number(number_of(_dict(body, 'fit').get('n')) or 0)} judged pairs; dots: one-sided "
        "95\u00a0% bounds of the tested thresholds, hollow where the test failed",
    )
    limits = [
        value if side == "below" else 1 - value
        for side in ("above", "below")
        if (value := number_of(_dict(_dict(body, "steps"), side).get("limit"))) is not None
    ]
    fixed_x, fixed_y = [v or 0.0 for v in x], [min(max(v or 0.0, 0.0), 1.0) for v in y]
    return curves.curve(caption, Curve(fixed_x, fixed_y, points, rules, limits, f"score of {run}"))


def _point(one: tuple[str, float, float, int, int, int, float, bool]) -> Point:
    side, share, threshold, region, n, errors, bound, passed = one
    what = "not relevant" if side == "above" else "relevant"
    end = "passed" if passed else "failed"
    said = (
        f"{side} {threshold:.4g}, {percent(share, 1)} of the pool ({region:,} pairs): {errors:,} "
        f"of {n:,} judged are {what}, at most {percent(bound, 1)}: {end}"
    )
    return Point(threshold, 1 - bound if side == "above" else bound, passed, said)

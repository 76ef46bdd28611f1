"""Which charts the page shows, and what stands above each."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from datakit.records import Measure
from datakit.report import plots
from datakit.report.facts import Facts
from datakit.report.labels import LabelFacts
from datakit.report.measures import FEW, MeasureFacts, short_measure, split_name
from datakit.report.plots import Caption, Dot, number
from datakit.report.queries import QueryFacts
from datakit.report.shaping import Histogram, language_name, level_rank
from datakit.report.sources import OLDER, UNDATED, SourceFacts


def charts(facts: Facts) -> dict[str, Markup]:
    """Every chart that the facts allow, by name."""
    made = _source_charts(facts.sources)
    if facts.queries and facts.queries.n:
        made |= _query_charts(facts.queries)
    if facts.labels and facts.labels.n:
        made |= _label_charts(facts.labels)
    if facts.measures:
        made |= _measure_charts(facts.measures)
    if facts.splits:
        sizes = facts.splits.sizes
        caption = Caption("Queries by split and level", f"queries, n = {number(sizes.total)}")
        made["splits"] = plots.stacked(caption, sizes.items(), sizes.columns)
    return made | _rank_charts(facts) | _position_charts(facts) | _ladder(facts)


def _ladder(facts: Facts) -> dict[str, Markup]:
    """Systems from the weakest up, as the audit measured them."""
    rows = [r for r in facts.audit.of("DK601") if r.value is not None] if facts.audit else []
    if not rows:
        return {}
    rows.sort(key=lambda r: (r.value or 0.0, r.measure))
    dots = [
        Dot(r.measure, r.value or 0.0, r.low or 0.0, r.high or 0.0, r.n or 0, 0) for r in rows[:24]
    ]
    note = "nDCG@10, dev and test queries, 95\u00a0% interval; n = queries"
    return {"ladder": plots.intervals(Caption("Baseline ladder", note), dots)}


def _rank_charts(facts: Facts) -> dict[str, Markup]:
    r = facts.ranks
    if r is None or not r.judged:
        return {}
    note = f"{split_name(r.split)}, n = {number(r.n)} queries with a relevant passage"
    made = {
        "difficulty": plots.stacked(
            Caption("First relevant rank", f"queries by retriever; {note}"),
            r.first.items(), r.first.columns,
        ),
        "judged": plots.shares(
            Caption("Labelled pairs among the first 10", f"share by retriever; {note}"), r.judged
        ),
    }  # fmt: skip
    if len(r.unique) > 1:
        made["unique"] = plots.shares(
            Caption(
                "Relevant pairs that one retriever alone ranks among the first 10",
                f"of the relevant pairs that it has there; {note}",
            ),
            r.unique,
        )
    return made


def _position_charts(facts: Facts) -> dict[str, Markup]:
    made = {}
    p = facts.positions
    tail = "columns: tenths of the length in %, from the beginning; shades within a row"
    if p.in_document:
        made["in_document"] = plots.heat_map(
            Caption("Position in the document", f"passages by the place of their middle; {tail}"),
            p.in_document.rows, p.in_document.columns, p.in_document.cells, by_row=True,
        )  # fmt: skip
    if p.in_passage:
        made["in_passage"] = plots.heat_map(
            Caption("Position of the evidence in its passage", f"labels with evidence; {tail}"),
            p.in_passage.rows, p.in_passage.columns, p.in_passage.cells, by_row=True,
        )  # fmt: skip
    return made


def _source_charts(s: SourceFacts) -> dict[str, Markup]:
    made = {}
    if s.types:
        caption = Caption(f"{s.unit.capitalize()} by type", f"{s.unit}, n = {number(s.n)}")
        made["types"] = plots.bars(caption, s.types)
    if s.times.rows:
        keys = {OLDER: "older: before the years shown", UNDATED: f"{UNDATED} no date"}
        note = [f"{s.unit} per cell, n = {number(s.times.total)}"]
        note += [said for key, said in keys.items() if key in s.times.columns]
        caption = Caption("Industry by time", " · ".join(note))
        made["times"] = plots.heat_map(caption, s.times.rows, s.times.columns, s.times.cells)
    if s.languages:
        caption = Caption("Passages by language", f"passages, n = {number(s.n_passages or 0)}")
        made["languages"] = plots.bars(caption, s.languages)
    if s.lengths.n:
        made["lengths"] = _histogram("Length of passages", s.lengths, s.length_unit, "passages")
    if s.duplicates:
        rows = [(f"{name}, clusters: {clusters:,}", n) for name, n, clusters in s.duplicates]
        caption = Caption(
            "Near-duplicates by relation", f"passages, of n = {number(s.n_passages or 0)}"
        )
        made["duplicates"] = plots.bars(caption, rows, whole=s.n_passages)
    return made


def _histogram(title: str, h: Histogram, unit: str, counted: str) -> Markup:
    note = (
        f"{unit}; {counted}, n = {number(h.n)}; median {h.median:g}, "
        f"90th percentile {h.p90:.0f}, largest {number(h.largest)}"
    )
    return plots.histogram(Caption(title, note), h.bins, h.edges)


def _query_charts(q: QueryFacts) -> dict[str, Markup]:
    note = f"queries, n = {number(q.n)}"
    made = {
        "forms": plots.stacked(Caption("Level by form", note), q.forms.items(), q.forms.columns),
        "patterns": plots.bars(Caption("Pattern that wrote the query", note), q.patterns),
    }
    if q.lengths.n:
        unit = "words, or characters in Chinese and Japanese"
        made["query_lengths"] = _histogram("Length of queries", q.lengths, unit, "queries")
    return made


def _label_charts(labels: LabelFacts) -> dict[str, Markup]:
    note = f"labels of {labels.table}, n = {number(labels.n)}"
    grades = [(f"grade {grade}", n) for grade, n, _ in labels.grades]
    made = {
        "label_sources": plots.stacked(
            Caption("Level by source", note), labels.sources.items(), labels.sources.columns
        ),
        "grades": plots.bars(Caption("Grades", note), grades),
    }
    if labels.positives.n:
        made["positives"] = _histogram(
            "Relevant passages per query", labels.positives, "relevant passages", "queries"
        )
    return made


def _measure_charts(m: MeasureFacts) -> dict[str, Markup]:
    made = {}
    for measure in m.measures[:4]:
        rows = m.at(measure=measure, split=m.split, level="all", language="all")
        if rows:
            caption = Caption(
                short_measure(measure), f"{split_name(m.split)}, 95\u00a0% interval; n = queries"
            )
            made[f"measure:{measure}"] = plots.intervals(caption, _dots(m, rows), _labels(m.labels))
    for field in ("level", "language"):
        for chart in _slice_chart(m, field):
            made[f"by:{field}"] = chart
    return made


def _slice_chart(m: MeasureFacts, field: str) -> list[Markup]:
    """The first measure by level or by language, under the fullest labels, where there are any."""
    labels = m.labels[-1]
    other = "language" if field == "level" else "level"
    rows = [
        r
        for r in m.at(measure=m.measures[0], split=m.split, labels=labels)
        if getattr(r, other) == "all" and getattr(r, field) != "all" and r.run in m.runs
    ]
    shown = [r for r in rows if r.n_queries >= FEW]
    if not shown:
        return []
    shown.sort(key=lambda r: (level_rank(r.level), r.language, r.run))
    caption = Caption(
        f"{short_measure(m.measures[0])} by {field}, {labels} labels",
        f"{split_name(m.split)}, 95\u00a0% interval; n = queries"
        + (f"; without slices of fewer than {FEW}" if len(shown) < len(rows) else ""),
    )
    return [plots.intervals(caption, _slice_dots(m, shown, field), m.runs)]


def _labels(names: Sequence[str]) -> list[str]:
    return [f"{name} labels" for name in names]


def _dots(m: MeasureFacts, rows: Sequence[Measure]) -> list[Dot]:
    shown = [r for r in rows if r.labels in m.labels and r.run in m.runs]
    shown.sort(key=lambda r: (r.run, m.labels.index(r.labels)))
    return [_dot(r, f"{r.run} · {r.labels}", m.labels.index(r.labels)) for r in shown]


def _slice_dots(m: MeasureFacts, rows: Sequence[Measure], field: str) -> list[Dot]:
    dots = []
    for r in rows[:36]:
        name = language_name(r.language) if field == "language" else r.level
        dots.append(_dot(r, f"{name} · {r.run}", m.runs.index(r.run)))
    return dots


def _dot(r: Measure, label: str, series: int) -> Dot:
    return Dot(label, r.value, r.ci_low, r.ci_high, r.n_queries, series)

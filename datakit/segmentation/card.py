"""The model card: what a segmentation model was trained on, how good it is, and what it is not."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from datakit.segmentation.calibration import Bin, calibration_error
from datakit.segmentation.corpus import Depth

PLOT = "reliability.svg"
_SIDE, _MARGIN = 240, 40  # pixels of the plot and around it
_COLOURS = ("#1b6ca8", "#c1541c")


@dataclass(frozen=True, slots=True)
class DataSet:
    """What was used of one set in one language."""

    source: str
    language: str
    licence: str
    documents: int
    groups: int
    paragraphs: int
    train: int  # documents
    dev: int
    test: int


@dataclass(frozen=True, slots=True)
class Quality:
    """The measures of one set, form of document and depth at one kind of threshold, 0 to 1."""

    source: str
    language: str
    variant: str
    depth: Depth
    threshold: str  # what it was chosen for on development documents: F1-Pk or Pk
    n_documents: int
    pk: float
    window_diff: float
    f1: float  # micro, a boundary has to be at the very gap


@dataclass(frozen=True)
class Training:
    """Everything that the card says; stored in the model's config too."""

    arch: str
    command: str
    settings: Mapping[str, Any]
    seeds: tuple[int, ...]
    parameters: int  # of one member
    weights_bytes: int
    seconds: float  # wall time of the run that finished
    cpu_seconds: float
    peak_bytes: int  # of memory
    resumed: bool  # whether the run went on after an interruption
    data: tuple[DataSet, ...]
    tested_on: str  # test or dev
    thresholds: Mapping[str, Mapping[str, Mapping[str, float]]]  # by purpose, condition, depth
    quality: tuple[Quality, ...]
    reliability: Mapping[Depth, tuple[Bin, ...]]
    versions: Mapping[str, str]

    def as_json(self) -> dict[str, Any]:
        value: dict[str, Any] = json.loads(json.dumps(asdict(self)))
        return value


def write(folder: Path, training: Training) -> None:
    """README.md and the reliability plot of a model folder."""
    from datakit.segmentation.model import CARD, write_bytes

    write_bytes(folder / PLOT, plot(training.reliability).encode())
    write_bytes(folder / CARD, text(training).encode())


def text(training: Training) -> str:
    """The card as Markdown."""
    parts = [_head(training), _data(training), _quality(training), _calibration(training)]
    return "\n".join([*parts, _how(training), _limits(training)])


def _head(training: Training) -> str:
    ensemble = f", the mean of {len(training.seeds)} networks" if len(training.seeds) > 1 else ""
    size = f"{training.parameters:,} parameters{' each' if ensemble else ''}"
    return f"""# Topical-change segmentation: {training.arch}

For each gap between two consecutive paragraphs: the probability that a section, or a sub-section
or section, starts there. Architecture `{training.arch}`{ensemble}; {size},
{training.weights_bytes / 1e6:.1f} MB. The labels are the headings of the documents (the idea of
arXiv 2012.03619); no person judged them.

```python
from datakit.segmentation.model import load

model = load("FOLDER")  # .scored(documents): probabilities and thresholds
```
"""


def _data(training: Training) -> str:
    columns = ("set", "language", "documents", "groups", "paragraphs", "train", "dev", "test")
    rows = [
        (d.source, d.language, d.documents, d.groups, d.paragraphs, d.train, d.dev, d.test)
        for d in training.data
    ]
    licences = {d.source: d.licence for d in training.data}
    said = "\n".join(f"- {source}: {licence}" for source, licence in licences.items())
    return f"""## Data

{table(columns, rows)}
Documents fall into train, dev and test by a hash of their group, so that near-duplicates and
documents of one publisher stay together.

Licences and origin of the documents, of which the weights hold numbers and no text:

{said}
"""


def _quality(training: Training) -> str:
    columns = ("set", "language", "form", "depth", "documents", "threshold for",
               "Pk", "WindowDiff", "F1")  # fmt: skip
    rows = [
        (q.source, q.language, q.variant, q.depth, q.n_documents, q.threshold,
         _percent(q.pk), _percent(q.window_diff), _percent(q.f1))
        for q in training.quality
    ]  # fmt: skip
    chosen = table(
        ("threshold for", "headings", "section", "subsection"),
        [
            (kind, condition, f"{at['section']:.2f}", f"{at['subsection']:.2f}")
            for kind, conditions in training.thresholds.items()
            for condition, at in conditions.items()
        ],
    )
    which = "test documents" if training.tested_on == "test" else (
        "development documents, which also chose the weights, the calibration and the thresholds: "
        "too good, since no test documents were left"
    )  # fmt: skip
    return f"""## Quality

On {which}; per cent. Pk and WindowDiff: lower is better, and k is half the mean length of a
document's sections. F1: over all gaps of a set, at the exact gap. Forms: marked (headings are
marked as such), plain (headings are unmarked lines), stripped (headings are left out).
Thresholds were chosen on development documents by what a document shows of its headings (marked,
lines that look like headings, neither); the model stores those for F1 less Pk:

{chosen}
{table(columns, rows)}"""


def _calibration(training: Training) -> str:
    parts = []
    for depth, bins in training.reliability.items():
        rows = [
            (f"{b.low:.1f} to {b.high:.1f}", b.n, f"{b.mean_probability:.3f}",
             f"{b.share_of_boundaries:.3f}")
            for b in bins
        ]  # fmt: skip
        columns = ("probability", "gaps", "mean probability", "share of boundaries")
        error = calibration_error(bins)
        parts.append(f"{depth}: expected calibration error {error:.4f}\n\n{table(columns, rows)}")
    return f"""## Calibration

Platt scaling on development documents per depth and by what a document shows of its headings.
On {training.tested_on} documents, all forms together:

![reliability]({PLOT})

""" + "\n".join(parts)


def _how(training: Training) -> str:
    settings = "\n".join(f"- {k} = {json.dumps(v)}" for k, v in training.settings.items())
    resumed = ", for the part after an interruption only" if training.resumed else ""
    versions = ", ".join(f"{k} {v}" for k, v in training.versions.items())
    return f"""## Training

```
{training.command}
```

{training.seconds:,.0f} s ({training.cpu_seconds:,.0f} s of processor time) and
{training.peak_bytes / 1e6:,.0f} MB of memory at its peak{resumed}; seeds
{", ".join(map(str, training.seeds))}; {versions}.

{settings}
"""


def _limits(training: Training) -> str:
    languages = ", ".join(sorted({d.language for d in training.data}))
    return f"""## Limits

- Trained on {languages}; in other languages and other kinds of text it is a guess until measured.
- Headings are one segmentation of several that are defensible; without headings in sight, even a
  good model misses many of theirs.
- It reads paragraphs, list items and tables. Other units (sentences, pages) have other boundaries.
- Probabilities are calibrated on the sets above. Elsewhere choose the threshold on documents of
  your own: `datakit eval segmenter`.
"""


def table(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """A Markdown table; figures to the right."""
    cells = [[f"{c:,}" if isinstance(c, int) else str(c) for c in row] for row in rows]
    right = [
        bool(cells) and all(row[i].replace(",", "").replace(".", "").isdigit() for row in cells)
        for i in range(len(columns))
    ]
    rule = ["---:" if r else "---" for r in right]
    lines = [list(columns), rule, *cells]
    return (
        "\n".join("| " + " | ".join(c.replace("|", "\\|") for c in row) + " |" for row in lines)
        + "\n"
    )


def _percent(share: float) -> str:
    return f"{100 * share:.1f}"


def plot(reliability: Mapping[Depth, Sequence[Bin]]) -> str:
    """An SVG: the share of boundaries over the mean probability of each bin; right on the line."""
    size = _SIDE + 2 * _MARGIN

    def at(x: float, y: float) -> tuple[str, str]:
        return f"{_MARGIN + _SIDE * x:.1f}", f"{_MARGIN + _SIDE * (1 - y):.1f}"

    parts = [_frame(size)]
    for i, (depth, bins) in enumerate(reliability.items()):
        colour = _COLOURS[i % len(_COLOURS)]
        points = [at(b.mean_probability, b.share_of_boundaries) for b in bins]
        line = " ".join(f"{x},{y}" for x, y in points)
        parts.append(f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts += [f'<circle cx="{x}" cy="{y}" r="3" fill="{colour}"/>' for x, y in points]
        y = _MARGIN + 16 * (i + 1)
        parts.append(f'<text x="{_MARGIN + 8}" y="{y}" fill="{colour}">{depth}</text>')
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{size}" height="{size}" '
        f'font-family="sans-serif" font-size="11">' + "".join(parts) + "</svg>\n"
    )


def _frame(size: int) -> str:
    end = _MARGIN + _SIDE
    marks = ""
    for tick in (0.0, 0.25, 0.5, 0.75, 1.0):
        x, y = _MARGIN + _SIDE * tick, end - _SIDE * tick + 4
        marks += f'<text x="{x:.0f}" y="{end + 14}" text-anchor="middle">{tick}</text>'
        marks += f'<text x="{_MARGIN - 6}" y="{y:.0f}" text-anchor="end">{tick}</text>'
    return (
        f'<rect width="{size}" height="{size}" fill="white"/>'
        f'<rect x="{_MARGIN}" y="{_MARGIN}" width="{_SIDE}" height="{_SIDE}" fill="none" '
        f'stroke="#999"/><line x1="{_MARGIN}" y1="{end}" x2="{end}" y2="{_MARGIN}" stroke="#999" '
        f'stroke-dasharray="4"/>{marks}'
        f'<text x="{size / 2:.0f}" y="{size - 8}" text-anchor="middle">mean probability</text>'
        f'<text transform="translate(11 {size / 2:.0f}) rotate(-90)" text-anchor="middle">'
        "share of boundaries</text>"
    )

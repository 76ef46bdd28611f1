"""Raw scores of gaps to probabilities that mean what they say, and thresholds on them.

Platt scaling, one pair of numbers per depth and per condition of the document: the scores of a
document whose headings are marked are far surer than those of one whose headings are gone.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, get_args

from datakit.segmentation.corpus import DEPTHS, Depth, Line

if TYPE_CHECKING:
    import numpy as np

# what a document shows of its headings, and whether it is written without spaces
Condition = Literal["marked", "plain", "stripped", "marked-cjk", "plain-cjk", "stripped-cjk"]
CONDITIONS: tuple[Condition, ...] = get_args(Condition)

HEADING_CHARS = 80  # a longer line is no heading
LIKE_HEADINGS = 0.05  # of the lines of a document: from here on it counts as "plain"
FEWEST = 20  # boundaries and non-boundaries that a condition needs for numbers of its own
Scale = tuple[float, float]  # slope and intercept on the logit
_AS_IT_IS: Scale = (1.0, 0.0)

_CJK = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]")
_SAMPLE_LINES, _SAMPLE_CHARS = 40, 60  # read to tell how a document is written

_FINAL = re.compile(r"[.!?;,:。！？；，：…]['\"”’)\]】）]*$")
_NUMBERED = re.compile(
    r"(?:第[一二三四五六七八九十百零〇\d]+[章节編编篇]|[一二三四五六七八九十]+、)"
)


def is_like_heading(line: Line) -> bool:
    """Is the line short and without a final mark, or numbered as a Chinese heading is?"""
    text = line.text.strip()
    if line.kind != "paragraph" or not text or len(text) > HEADING_CHARS:
        return False
    return bool(_NUMBERED.match(text)) or not _FINAL.search(text)


def condition(lines: Sequence[Line], headings_show: bool | None = None) -> Condition:
    """What a document shows of its headings, and how it is written.

    Args:
        lines: of the document.
        headings_show: without marked ones, are there lines that are headings? None: as many short
            lines without a final mark as headings would be.
    """
    if headings_show is None:
        like = sum(map(is_like_heading, lines))
        headings_show = like >= max(2, LIKE_HEADINGS * len(lines))
    cjk = is_cjk(lines)
    if any(line.kind == "heading" for line in lines):
        return "marked-cjk" if cjk else "marked"
    if headings_show:
        return "plain-cjk" if cjk else "plain"
    return "stripped-cjk" if cjk else "stripped"


def is_cjk(lines: Sequence[Line]) -> bool:
    """Is a third of the characters Chinese or Japanese?"""
    step = max(1, len(lines) // _SAMPLE_LINES)
    text = "".join(line.text[:_SAMPLE_CHARS] for line in lines[::step])
    return 3 * len(_CJK.findall(text)) > len(text)


class Raw(NamedTuple):
    """What a network says of a document, before calibration."""

    logits: np.ndarray  # (n_lines - 1, 2), of a section and of a sub-section boundary
    condition: Condition


@dataclass(frozen=True)
class Calibration:
    """Slope and intercept on the logit, per condition and depth."""

    scales: Mapping[Condition, Mapping[Depth, Scale]]

    @classmethod
    def none(cls) -> Calibration:
        """Logits taken as they are."""
        return cls({c: dict.fromkeys(DEPTHS, _AS_IT_IS) for c in CONDITIONS})

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Calibration:
        def scale(pair: Sequence[float]) -> Scale:
            slope, intercept = pair
            return float(slope), float(intercept)

        return cls({c: {d: scale(value[c][d]) for d in DEPTHS} for c in CONDITIONS})

    def as_json(self) -> dict[str, dict[str, list[float]]]:
        return {c: {d: list(s) for d, s in of.items()} for c, of in self.scales.items()}

    def __call__(self, raw: Raw) -> np.ndarray:
        """(n_lines - 1, 2) float32 in [0, 1], column 1 >= column 0."""
        import numpy as np

        scales = self.scales[raw.condition]
        slope, intercept = np.array([scales[depth] for depth in DEPTHS], np.float64).T
        scaled = np.asarray(raw.logits, np.float64).reshape(-1, 2) * slope + intercept
        p = 1 / (1 + np.exp(-np.clip(scaled, -700, 700)))
        p[:, 1] = p.max(axis=1)
        calibrated: np.ndarray = p.astype(np.float32)
        return calibrated


def fit(raw: Sequence[Raw], gold: Mapping[Depth, Sequence[np.ndarray]]) -> Calibration:
    """Platt scaling on development documents.

    A condition with too few boundaries, or whose scores go the wrong way, takes the numbers of
    all conditions together.

    Args:
        raw: of each document.
        gold: per depth, for each document (n_gaps,) bool.

    Source:
        Platt (1999), without its prior counts: there are thousands of gaps.
    """
    logits = [each.logits for each in raw]
    everything = _scales(logits, gold, list(range(len(raw))))
    return Calibration({
        c: {
            depth: scale or everything[depth] or _AS_IT_IS
            for depth, scale in _scales(
                logits, gold, [i for i, each in enumerate(raw) if each.condition == c]
            ).items()
        }
        for c in CONDITIONS
    })  # fmt: skip


def _scales(
    logits: Sequence[np.ndarray], gold: Mapping[Depth, Sequence[np.ndarray]], chosen: Sequence[int]
) -> dict[Depth, Scale | None]:
    import numpy as np

    if not chosen:
        return dict.fromkeys(DEPTHS)
    return {
        depth: _platt(
            np.concatenate([logits[i][:, column] for i in chosen]),
            np.concatenate([gold[depth][i] for i in chosen]),
        )
        for column, depth in enumerate(DEPTHS)
    }


def _platt(scores: np.ndarray, gold: np.ndarray) -> Scale | None:
    """Slope and intercept of P(gold) = sigmoid(slope * score + intercept); None: not to be had."""
    import numpy as np
    from sklearn.linear_model import LogisticRegression

    positive = int(gold.sum())
    if min(positive, len(gold) - positive) < FEWEST:
        return None
    # scores of a network are at most some tens; a weak penalty keeps separable data finite
    regression = LogisticRegression(C=1e4, max_iter=1000)
    regression.fit(np.asarray(scores, np.float64)[:, None], gold)
    slope, intercept = float(regression.coef_[0, 0]), float(regression.intercept_[0])
    return (slope, intercept) if slope > 0 else None


# --- thresholds --------------------------------------------------------------------------------

GRID = tuple(round(0.01 * i, 2) for i in range(1, 100))  # thresholds that are tried


@dataclass(frozen=True)
class Thresholds:
    """The probability from which a gap counts as a boundary, per condition and depth.

    The best one for F1 is about half of the F1 that can be had, so where headings show it is
    higher than where they are gone.
    """

    values: Mapping[Condition, Mapping[Depth, float]]

    @classmethod
    def equal(cls, value: float) -> Thresholds:
        """One for all."""
        return cls({c: dict.fromkeys(DEPTHS, value) for c in CONDITIONS})

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Thresholds:
        return cls({c: {d: float(value[c][d]) for d in DEPTHS} for c in CONDITIONS})

    def as_json(self) -> dict[str, dict[str, float]]:
        return {c: {d: of[d] for d in DEPTHS} for c, of in self.values.items()}


def best_f1(probabilities: Sequence[np.ndarray], gold: Sequence[np.ndarray]) -> tuple[float, float]:
    """The threshold t with the best micro F1 of `p >= t`, and that F1; 0.5 and 0 without boundary.

    t lies half-way between the lowest probability that is taken and the next below it.

    Args:
        probabilities: for each document (n_gaps,).
        gold: for each document (n_gaps,) bool.
    """
    import numpy as np

    p = np.concatenate(list(probabilities)) if probabilities else np.zeros(0)
    true = np.concatenate(list(gold)).astype(bool) if gold else np.zeros(0, bool)
    if not true.any():
        return 0.5, 0.0
    order = np.argsort(-p, kind="stable")
    ranked = p[order].astype(np.float64)
    f1 = 2 * np.cumsum(true[order]) / (np.arange(1, len(p) + 1) + true.sum())
    last_of_ties = np.append(np.diff(ranked) != 0, True)
    best = int(np.argmax(np.where(last_of_ties, f1, -1)))
    below = ranked[best + 1] if best + 1 < len(p) else 0.0
    return float((ranked[best] + below) / 2), float(f1[best])


@dataclass(frozen=True, slots=True)
class Bin:
    """Gaps of like probability: how sure the model was, and how often it was right."""

    low: float
    high: float
    n: int
    mean_probability: float
    share_of_boundaries: float


def reliability(p: np.ndarray, gold: np.ndarray, n_bins: int = 10) -> list[Bin]:
    """Bins of equal width that hold at least one gap.

    Args:
        p: (n_gaps,) in [0, 1].
        gold: (n_gaps,) bool.
        n_bins: of equal width between 0 and 1.
    """
    import numpy as np

    place = np.minimum((p * n_bins).astype(int), n_bins - 1)
    bins = []
    for i in range(n_bins):
        inside = place == i
        if inside.any():
            mean, share = float(p[inside].mean()), float(gold[inside].mean())
            bins.append(Bin(i / n_bins, (i + 1) / n_bins, int(inside.sum()), mean, share))
    return bins


def calibration_error(bins: Sequence[Bin]) -> float:
    """Expected calibration error: the mean distance of the two in a bin, weighted by its gaps."""
    total = sum(b.n for b in bins)
    gaps = (b.n * abs(b.mean_probability - b.share_of_boundaries) for b in bins)
    return sum(gaps) / total if total else 0.0

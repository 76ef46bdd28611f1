"""Segmenters without training: what a model has to beat.

Each is a frozen dataclass whose fields are its settings, with the interface of a model
(`datakit.segmentation.model.GapModel`): `probabilities` are 0.5 and more where it puts a boundary,
and are not calibrated. What a baseline is free to choose (a cut-off, a mean length) `fitted`
learns from development documents, for each depth.
"""

from __future__ import annotations

import abc
import hashlib
import itertools
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

import numpy as np

from datakit.encoder_forms import Dtype
from datakit.errors import DatakitError
from datakit.models import BUNDLED, Encoder, load_encoder
from datakit.segmentation import measures
from datakit.segmentation.corpus import (
    DEPTHS,
    SECTION,
    Heading,
    LabelledLines,
    Line,
    changes_of,
)
from datakit.segmentation.model import Scored
from datakit.text import detect_language, stop_words, words

if TYPE_CHECKING:
    import scipy.sparse

Criterion = Literal["f1", "pk"]


def cuts(model: Any, documents: Sequence[Sequence[Line]]) -> list[np.ndarray]:
    """Where a baseline or model puts boundaries: for each document (n_lines - 1, 2) bool."""
    return [
        found.p >= np.array([found.thresholds[depth] for depth in DEPTHS], np.float32)
        for found in model.scored(documents)
    ]


@dataclass(frozen=True)
class Baseline(abc.ABC):
    """A model of gaps without weights: its settings are its identity, its threshold is 0.5."""

    label: ClassVar[str]

    @property
    def name(self) -> str:
        return self.label

    @abc.abstractmethod
    def probabilities(self, documents: Sequence[Sequence[Line]]) -> list[np.ndarray]:
        """For each document (n_lines - 1, 2) float32: for sections and for sub-sections."""

    def scored(self, documents: Sequence[Sequence[Line]]) -> list[Scored]:
        half = dict.fromkeys(DEPTHS, 0.5)
        return [Scored(p, half) for p in self.probabilities(documents)]

    def identity(self) -> dict[str, Any]:
        return {"model": self.label, "settings": asdict(self)}

    def fitted(self, documents: Sequence[LabelledLines], criterion: Criterion = "f1") -> Self:
        """With the free settings that are best on these documents; a copy."""
        return self


# --- baselines that do not read the text -------------------------------------------------------


@dataclass(frozen=True)
class Never(Baseline):
    """No boundary at all."""

    label = "none"

    def probabilities(self, documents: Sequence[Sequence[Line]]) -> list[np.ndarray]:
        return [np.zeros((len(lines) - 1, 2), np.float32) for lines in documents]


@dataclass(frozen=True)
class Every(Baseline):
    """A boundary at every gap."""

    label = "every"

    def probabilities(self, documents: Sequence[Sequence[Line]]) -> list[np.ndarray]:
        return [np.ones((len(lines) - 1, 2), np.float32) for lines in documents]


@dataclass(frozen=True)
class MeanLength(Baseline):
    """Baselines that know how long a segment is on the average, and nothing else."""

    section: float = 8.0  # mean length in lines
    subsection: float = 4.0

    def fitted(self, documents: Sequence[LabelledLines], criterion: Criterion = "f1") -> Self:
        """With the mean lengths of the documents, whatever the criterion.

        Best F1 would make segments of one line of it, and best Pk no boundaries.
        """
        n_lines = sum(len(document.lines) for document in documents)
        lengths = {
            depth: n_lines / sum(1 + int(np.count_nonzero(d.gold(depth))) for d in documents)
            for depth in DEPTHS
        }
        return replace(self, **lengths)

    def probabilities(self, documents: Sequence[Sequence[Line]]) -> list[np.ndarray]:
        return [
            np.stack(
                [
                    self.placed(lines, len(lines) / length - 1)
                    for length in (self.section, self.subsection)
                ],
                axis=1,
            ).astype(np.float32)
            for lines in documents
        ]

    def with_true_count(self, documents: Sequence[LabelledLines]) -> list[np.ndarray]:
        """For each document (n_lines - 1, 2) bool, as many boundaries as its gold has.

        An oracle: no segmenter knows the number.
        """
        return [
            np.stack(
                [self.placed(document.lines, int(document.gold(depth).sum())) for depth in DEPTHS],
                axis=1,
            )
            for document in documents
        ]

    @abc.abstractmethod
    def placed(self, lines: Sequence[Line], n_boundaries: float) -> np.ndarray:
        """(n_lines - 1,) bool with about so many boundaries."""


@dataclass(frozen=True)
class Even(MeanLength):
    """Segments of equal length in lines."""

    label = "even"

    def placed(self, lines: Sequence[Line], n_boundaries: float) -> np.ndarray:
        n_segments = min(max(round(n_boundaries) + 1, 1), len(lines))
        found = np.zeros(len(lines) - 1, bool)
        starts = np.arange(1, n_segments) * len(lines) / n_segments
        found[np.rint(starts).astype(int) - 1] = True
        return found


@dataclass(frozen=True)
class Random(MeanLength):
    """Boundaries anywhere, equally likely, drawn by the seed and the text."""

    label = "random"
    seed: int = 0

    def placed(self, lines: Sequence[Line], n_boundaries: float) -> np.ndarray:
        n_gaps = len(lines) - 1
        key = "\n".join([str(self.seed), *(line.text for line in lines)])
        digest = hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()
        rng = np.random.default_rng(int.from_bytes(digest[:8]))
        # a number between two whole ones is reached on the average
        n = int(np.floor(max(n_boundaries, 0.0) + rng.random()))
        found = np.zeros(n_gaps, bool)
        found[rng.permutation(n_gaps)[:n]] = True
        return found


# --- baselines with a cut-off ------------------------------------------------------------------


@dataclass(frozen=True)
class CutOff(Baseline):
    """Baselines with a score for each gap: a boundary where it exceeds mean + c · deviation."""

    section: float = 1.0  # c
    subsection: float = 0.5  # c

    @abc.abstractmethod
    def standard_scores(self, documents: Sequence[Sequence[Line]]) -> list[np.ndarray]:
        """For each document (n_lines - 1,) float64, in deviations above the document's mean.

        -inf where no boundary can be.
        """

    def probabilities(self, documents: Sequence[Sequence[Line]]) -> list[np.ndarray]:
        cut_offs = np.array([self.section, self.subsection])
        # a section boundary is a sub-section boundary too
        cut_offs = np.minimum(cut_offs, [np.inf, self.section])
        return [
            _logistic(scores[:, None] - cut_offs).astype(np.float32)
            for scores in self.standard_scores(documents)
        ]

    def fitted(self, documents: Sequence[LabelledLines], criterion: Criterion = "f1") -> Self:
        scores = self.standard_scores([document.lines for document in documents])
        best = {
            depth: best_cut_off([d.gold(depth) for d in documents], scores, criterion)
            for depth in DEPTHS
        }
        return replace(self, **best)


def _logistic(x: np.ndarray) -> np.ndarray:
    """1 / (1 + exp(-x)); exactly 0.5 and more from 0 on."""
    halves: np.ndarray = 0.5 * (1.0 + np.tanh(np.clip(x, -30, 30) / 2))
    return halves


_N_CUT_OFFS = 60  # quantiles of the scores that are tried


def best_cut_off(
    golds: Sequence[np.ndarray], scores: Sequence[np.ndarray], criterion: Criterion
) -> float:
    """The c for which boundaries at scores of c and more have the best measure.

    Args:
        golds: for each document (n_gaps,) bool.
        scores: for each document (n_gaps,) float64, or -inf.
        criterion: "f1", over all boundaries, or "pk", the mean over documents.

    Raises:
        DatakitError: there is no score to choose from.
    """
    known = np.concatenate([np.zeros(0), *scores])
    known = known[np.isfinite(known)]
    if not len(known):
        raise DatakitError("no cut-off can be chosen: the development documents have no gaps")
    candidates = np.unique(np.quantile(known, np.linspace(0, 1, _N_CUT_OFFS)))
    values = [_quality(golds, scores, c, criterion) for c in candidates.tolist()]
    return round(float(candidates[int(np.argmax(values))]), 4)


def _quality(
    golds: Sequence[np.ndarray], scores: Sequence[np.ndarray], c: float, criterion: Criterion
) -> float:
    found = [score >= c for score in scores]
    pairs = [(gold, one) for gold, one in zip(golds, found, strict=True) if len(gold)]
    if criterion == "pk":
        return -float(np.mean([measures.pk(gold, one) for gold, one in pairs]))
    gold, one = (np.concatenate(side) for side in zip(*pairs, strict=True))
    return measures.f_score(gold, one).f1


def standardised(scores: np.ndarray) -> np.ndarray:
    """Scores in deviations above their mean; -inf where they do not differ."""
    deviation = scores.std() if len(scores) else 0.0
    if deviation < 1e-12:
        return np.full(len(scores), -np.inf)
    standard: np.ndarray = (scores - scores.mean()) / deviation
    return standard


# --- depth scores ------------------------------------------------------------------------------


def depth_scores(similarities: np.ndarray) -> np.ndarray:
    """How deep each gap lies below the nearest peaks of similarity on its two sides.

    Args:
        similarities: (n_gaps,) of the text before and after each gap.

    Returns:
        (n_gaps,) float64, 0 or more.

    Source:
        Hearst 1997, TextTiling, section 4.2. Differs from nltk, which leaves out the first and
        last gaps of a text: there a peak is looked for on one side only.
    """
    rising = _climb(similarities)
    falling = _climb(similarities[::-1])[::-1]
    depths: np.ndarray = rising + falling - 2 * similarities
    return depths


def _climb(values: np.ndarray) -> np.ndarray:
    """For each place the peak reached by going left as long as the values do not fall."""
    peaks = np.array(values, np.float64)
    for i in range(1, len(peaks)):
        if values[i - 1] >= values[i]:
            peaks[i] = peaks[i - 1]
    return peaks


def peaks(scores: np.ndarray, apart: int) -> np.ndarray:
    """(n_gaps,) bool: no higher peak, or equal one to the right, is fewer than `apart` gaps off.

    Source:
        Hearst 1997: boundaries keep a distance; the order of choice is nltk's.
    """
    chosen = np.zeros(len(scores), bool)
    order = np.lexsort((np.arange(len(scores)), scores))[::-1]
    for i in order.tolist():
        if not chosen[max(0, i - apart + 1) : i + apart].any():
            chosen[i] = True
    return chosen


def smoothed(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The weighted moving average; at the ends the weights inside count.

    Args:
        values: (n,).
        weights: (width,), an odd number, the one in the middle for the place itself.
    """
    reach = len(weights) // 2
    inside = slice(reach, reach + len(values))
    total = np.convolve(values, weights)[inside] if len(values) else values
    weight = np.convolve(np.ones(len(values)), weights)[inside] if len(values) else 1.0
    average: np.ndarray = total / weight
    return average


def _standard_depths(similarities: np.ndarray, apart: int) -> np.ndarray:
    """Standardised depth scores; -inf where a deeper gap is too near."""
    depths = depth_scores(similarities)
    return np.where(peaks(depths, apart), standardised(depths), -np.inf)


def word_counts(lines: Sequence[Line], stem: bool = False) -> scipy.sparse.csr_array:
    """(n_lines, n_words) int64: words of each line, stop words of its language left out.

    Args:
        lines: of one document; its language is told by its text.
        stem: Snowball stems instead of words, for languages that have a stemmer.
    """
    import scipy.sparse

    language = detect_language("\n".join(line.text for line in lines))
    ignored = stop_words(language)
    found = [[w for w in words(line.text, language) if w not in ignored] for line in lines]
    if stem:
        found = _stemmed(found, language)
    index: dict[str, int] = {}
    columns = [index.setdefault(word, len(index)) for line in found for word in line]
    ends = np.cumsum([0, *map(len, found)])
    ones = np.ones(len(columns), np.int64)
    counts = scipy.sparse.csr_array((ones, columns, ends), shape=(len(found), max(len(index), 1)))
    counts.sum_duplicates()
    return counts


_STEMMERS = {
    "da": "danish", "de": "german", "en": "english", "es": "spanish", "fr": "french",
    "it": "italian", "nl": "dutch", "pt": "portuguese", "sv": "swedish",
}  # fmt: skip


def _stemmed(found: Sequence[list[str]], language: str | None) -> list[list[str]]:
    name = _STEMMERS.get((language or "").split("-")[0])
    if name is None:
        return list(found)
    import Stemmer

    stemmer = Stemmer.Stemmer(name)
    return [stemmer.stemWords(line) for line in found]


@dataclass(frozen=True)
class TextTiling(CutOff):
    """Words of the text before and after a gap: a boundary where they have least in common.

    Source:
        Hearst 1997, TextTiling: Segmenting Text into Multi-Paragraph Subtopic Passages. Differs
        in its units, which are lines: a block is as many lines as hold `block_words` words. She
        smooths over 3 gaps of 20 words and keeps boundaries apart; over lines that costs 2 to 17
        points of F1 on development documents, so neither is the default.
    """

    label = "texttiling"
    block_words: int = 200  # Hearst: 10 sequences of 20 words
    smoothing: int = 1  # gaps that a similarity is averaged over, an odd number
    apart: int = 1  # gaps from a boundary to the next, at least

    def standard_scores(self, documents: Sequence[Sequence[Line]]) -> list[np.ndarray]:
        return [
            _standard_depths(
                smoothed(self.similarities(lines), np.ones(self.smoothing)), self.apart
            )
            for lines in documents
        ]

    def similarities(self, lines: Sequence[Line]) -> np.ndarray:
        """(n_lines - 1,) float64: cosine of the word counts of the blocks beside each gap."""
        counts = word_counts(lines)
        sums = np.cumsum([0, *counts.sum(axis=1).tolist()])
        gaps = np.arange(1, len(lines))
        first = np.searchsorted(sums, sums[gaps] - self.block_words, "right") - 1
        last = np.searchsorted(sums, sums[gaps] + self.block_words, "left")
        before = _blocks(np.maximum(first, 0), gaps, len(lines)) @ counts
        after = _blocks(gaps, np.minimum(last, len(lines)), len(lines)) @ counts
        return _row_cosines(before, after)


def _blocks(starts: np.ndarray, ends: np.ndarray, n_lines: int) -> scipy.sparse.csr_array:
    """(n_blocks, n_lines): 1 for the lines from start to end."""
    import scipy.sparse

    lengths = ends - starts
    edges = np.concatenate([[0], np.cumsum(lengths)])
    columns = np.arange(edges[-1]) - np.repeat(edges[:-1] - starts, lengths)
    ones = np.ones(len(columns), np.int64)
    return scipy.sparse.csr_array((ones, columns, edges), shape=(len(starts), n_lines))


def _row_cosines(a: scipy.sparse.csr_array, b: scipy.sparse.csr_array) -> np.ndarray:
    """(n_rows,) float64; 0 where a row is empty."""
    norms = np.sqrt(np.asarray((a * a).sum(axis=1) * (b * b).sum(axis=1), np.float64))
    dots: np.ndarray = np.asarray((a * b).sum(axis=1), np.float64)
    return dots / np.maximum(norms, 1e-12)


@dataclass(frozen=True)
class Cosine(CutOff):
    """Vectors of the lines before and after a gap: a boundary where they differ most.

    The depth score of TextTiling over the cosine of the mean vectors of `window` lines.
    """

    label = "cosine"
    encoder: str = BUNDLED  # as `datakit.models.load_encoder` takes it
    window: int = 2  # lines on each side
    apart: int = 1  # gaps from a boundary to the next, at least
    dtype: Dtype = "float32"  # of the encoder

    def identity(self) -> dict[str, Any]:
        return super().identity() | {"encoder": self._encoder().identity()}

    def _encoder(self) -> Encoder:
        return load_encoder(self.encoder, dtype=self.dtype)

    def standard_scores(self, documents: Sequence[Sequence[Line]]) -> list[np.ndarray]:
        texts = [line.text for lines in documents for line in lines]
        vectors = self._encoder().encode(texts)
        ends = np.cumsum([len(lines) for lines in documents])[:-1]
        return [
            _standard_depths(self.similarities(part), self.apart)
            for part in np.split(vectors, ends)
        ]

    def similarities(self, vectors: np.ndarray) -> np.ndarray:
        """(n_lines, dim) float32 of unit length to the (n_lines - 1,) cosines beside gaps."""
        n_lines = len(vectors)
        sums = np.zeros((n_lines + 1, vectors.shape[1]))
        np.cumsum(vectors, axis=0, out=sums[1:])
        gaps = np.arange(1, n_lines)
        before = sums[gaps] - sums[np.maximum(gaps - self.window, 0)]
        after = sums[np.minimum(gaps + self.window, n_lines)] - sums[gaps]
        norms = np.linalg.norm(before, axis=1) * np.linalg.norm(after, axis=1)
        cosines: np.ndarray = (before * after).sum(axis=1) / np.maximum(norms, 1e-12)
        return cosines


# --- divisive clustering -----------------------------------------------------------------------

_MASK = np.array([1.0, 2, 4, 8, 4, 2, 1])  # smooths the gains of density; Choi 2000, 3.3


@dataclass(frozen=True)
class C99(CutOff):
    """Lines ranked by likeness among their neighbours, then split where density gains most.

    The order of the splits gives the boundaries; c says how large a gain has to be.

    Source:
        Choi 2000, Advances in domain independent linear text segmentation. His c is 1.2.
    """

    label = "c99"
    section: float = 1.2
    subsection: float = 1.2
    mask: int = 11  # lines on a side of the square in which a similarity is ranked

    def standard_scores(self, documents: Sequence[Sequence[Line]]) -> list[np.ndarray]:
        return [self._of_document(lines) for lines in documents]

    def _of_document(self, lines: Sequence[Line]) -> np.ndarray:
        order, densities = divisive_splits(ranks(line_cosines(lines), self.mask))
        scores = np.full(len(lines) - 1, -np.inf)
        gains = standardised(smoothed(np.diff(densities), _MASK))
        # a split is made if its gain or that of a later one is large enough
        scores[order] = np.maximum.accumulate(gains[::-1])[::-1]
        return scores


def line_cosines(lines: Sequence[Line]) -> np.ndarray:
    """(n_lines, n_lines) float32: cosines of the counts of stems."""
    counts = word_counts(lines, stem=True).astype(np.float32)
    norms = np.sqrt(np.asarray((counts * counts).sum(axis=1)))
    dots: np.ndarray = (counts @ counts.T).toarray()
    return dots / np.maximum(np.outer(norms, norms), np.float32(1e-12))


def ranks(similarities: np.ndarray, mask: int) -> np.ndarray:
    """Share of the neighbours in a square around each cell that are less similar.

    Args:
        similarities: (n, n).
        mask: cells on a side of the square, odd; at the edges the part inside counts.

    Returns:
        (n, n) float32 in [0, 1].

    Source:
        Choi 2000, section 3.2.
    """
    n = len(similarities)
    reach = min(mask // 2, n - 1)
    lower = np.zeros((n, n), np.float32)
    for down, right in itertools.product(range(-reach, reach + 1), repeat=2):
        here, there = _overlap(n, down), _overlap(n, right)
        own = similarities[here[0], there[0]]
        lower[here[0], there[0]] += own > similarities[here[1], there[1]]
    inside = np.arange(n)
    n_near = np.minimum(inside + reach, n - 1) - np.maximum(inside - reach, 0) + 1
    shares: np.ndarray = lower / np.maximum(np.outer(n_near, n_near) - 1, 1).astype(np.float32)
    return shares


def _overlap(n: int, shift: int) -> tuple[slice, slice]:
    """The cells i for which i + shift is inside, and these cells i + shift."""
    first, last = max(0, -shift), min(n, n - shift)
    return slice(first, last), slice(first + shift, last + shift)


def divisive_splits(ranked: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Gaps in the order in which splitting there makes the inside of segments densest.

    Args:
        ranked: (n_lines, n_lines).

    Returns:
        (n_lines - 1,) int64, the gaps; (n_lines,) float64, the density before and after each split.

    Source:
        Choi 2000, section 3.3: density is the sum of the cells inside segments over their number.
    """
    n = len(ranked)
    sums = np.zeros((n + 1, n + 1))
    sums[1:, 1:] = ranked.astype(np.float64).cumsum(axis=0).cumsum(axis=1)
    change = np.zeros((2, n - 1))  # of sum and area, by splitting at the gap
    open_gaps = np.ones(n - 1, bool)
    total, area = sums[n, n], float(n * n)
    densities, order, bounds = [total / area], [], {0: n}
    _update(change, sums, 0, n)
    for _ in range(n - 1):
        density = np.where(open_gaps, (total + change[0]) / (area + change[1]), -np.inf)
        best = int(np.argmax(density))
        total, area = total + change[0, best], area + change[1, best]
        order.append(best)
        densities.append(float(density[best]))
        open_gaps[best] = False
        change[:, best] = 0.0
        start = max(s for s in bounds if s <= best)
        end = bounds[start]
        bounds |= {start: best + 1, best + 1: end}
        _update(change, sums, start, best + 1)
        _update(change, sums, best + 1, end)
    return np.array(order, np.int64), np.array(densities)


def _update(change: np.ndarray, sums: np.ndarray, start: int, end: int) -> None:
    """What each split of the segment [start, end) changes of sum and area."""
    cut = np.arange(start + 1, end)
    off_diagonal = sums[cut, end] - sums[start, end] - sums[cut, cut] + sums[start, cut]
    other = sums[end, cut] - sums[end, start] - sums[cut, cut] + sums[cut, start]
    change[0, start : end - 1] = -(off_diagonal + other)
    change[1, start : end - 1] = -2.0 * (cut - start) * (end - cut)


# --- headings by rule --------------------------------------------------------------------------

_MOST_WORDS, _MOST_CHARS = 14, 90  # of a line that looks like a heading
_MOST_CJK = 30  # characters, where the line is Chinese or Japanese
_CJK = re.compile("[\u3400-\u9fff\u3040-\u30ff]")
_NO_END = re.compile(r"[.,;:!?。，；：！？、…]\W*$")
_CHAPTER = re.compile(
    r"第[零〇一二三四五六七八九十百千0-9]+(?P<unit>[编編章节節])|(?P<article>article|chapter|part)\b",
    re.IGNORECASE,
)
_NUMBER = re.compile(
    r"(?P<number>\d{1,3}(?:\.\d{1,3})*)[.)、．]?\s*\D|[IVX]{1,5}[.)]\s|[A-Z][.)]\s"
)
_UNIT_LEVELS = {"编": 1, "編": 1, "章": 2, "节": 3, "節": 3}


@dataclass(frozen=True)
class HeadingRule(Baseline):
    """A boundary before each heading: the marked ones, or else lines that look like one.

    A line looks like a heading where it is short, ends without a punctuation mark, and a line
    follows that does not look like one, maybe after further such lines. The level is that of its
    number. Which levels open sections is decided as for the gold (`corpus.changes_of`).
    """

    label = "headings"

    def probabilities(self, documents: Sequence[Sequence[Line]]) -> list[np.ndarray]:
        return [self._of_document(lines) for lines in documents]

    def _of_document(self, lines: Sequence[Line]) -> np.ndarray:
        levels = _marked_levels(lines) or _apparent_levels(lines)
        runs = _runs(levels)
        opened = [[Heading("", levels[i] or 1) for i in range(*run)] for run in runs]
        found = np.zeros((len(lines) - 1, 2), np.float32)
        for (start, _), change in zip(runs, changes_of(opened), strict=True):
            if start:
                found[start - 1] = [change == SECTION, 1.0]
        return found


def _marked_levels(lines: Sequence[Line]) -> list[int | None]:
    """The level of each line that is a heading, None for others; empty if there is no heading."""
    levels = [(line.level or 1) if line.kind == "heading" else None for line in lines]
    return levels if any(levels) else []


def _apparent_levels(lines: Sequence[Line]) -> list[int | None]:
    """The level of each line that looks like a heading, None for others."""
    levels = [_apparent_level(line.text) if line.kind == "paragraph" else None for line in lines]
    last = len(levels)
    while last and levels[last - 1]:  # what heads nothing is no heading
        last -= 1
    return levels[:last] + [None] * (len(levels) - last)


def _apparent_level(text: str) -> int | None:
    text = text.strip()
    is_cjk = bool(_CJK.search(text))
    too_long = len(text) > (_MOST_CJK if is_cjk else _MOST_CHARS)
    if not text or too_long or len(text.split()) > _MOST_WORDS or _NO_END.search(text):
        return None
    if chapter := _CHAPTER.match(text):
        return _UNIT_LEVELS.get(chapter["unit"] or "", 1)
    number = _NUMBER.match(text)
    return 1 + number["number"].count(".") if number and number["number"] else 1


def _runs(levels: Sequence[int | None]) -> list[tuple[int, int]]:
    """Start and end of each run of headings."""
    edges = [i for i in range(len(levels)) if levels[i] and not (i and levels[i - 1])]
    runs = []
    for start in edges:
        end = start
        while end < len(levels) and levels[end]:
            end += 1
        runs.append((start, end))
    return runs


# --- by name -----------------------------------------------------------------------------------

BASELINES: Mapping[str, type[Baseline]] = {
    cls.label: cls for cls in (Never, Every, Random, Even, TextTiling, C99, Cosine, HeadingRule)
}

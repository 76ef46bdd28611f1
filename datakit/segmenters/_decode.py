"""Where to cut: the best passages under size limits, by dynamic programming.

Everything is on one scale, the log-odds of a cut: a cut where the probability of a change is the
threshold is worth 0. The weights are our defaults, chosen so that no size below the limit joins
two sections of the least size, and so that a part below it always finds a neighbour with room.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from datakit.segmenters._lines import Piece, PieceSeam
from datakit.segmenters._pack import Sizes

if TYPE_CHECKING:
    import numpy as np

_CERTAIN = 1e-4  # probabilities are read within [this, 1 - this]
_MOST_GAIN = 3.5  # of a cut, reached smoothly: below _SHORT, so that short parts join
# of a cut before a heading; what its rank among the levels of the document and the model move it by
_MARKUP_GAIN, _MARKUP_RANK, _MARKUP_DOUBT = 2.0, 0.5, 1.0
_INSIDE_SECTION = -8.0  # a section that fits stays whole
_SEAMS: dict[PieceSeam, float] = {
    "open": 0.0,
    "blocks": 0.0,
    "items": -0.3,  # times the level of the list
    "parts": -0.5,
    "lead_in": -2.0,
    "row": -4.0,
    "sentence": -12.0,
    "heading": -20.0,
}
_FORCED = -6.0
_AFTER_TITLE = -8.0  # after a line that looks like a heading and that the model begins a part at

_SHORT = 4.0  # a passage below the least size
_TINY, _TINY_SHARE = 4.0, 0.25  # on top of it, below this share of the least size
_OFF_TARGET = 0.5  # times ((size - target) / target)²
_LEAVES_SECTION = 2.5  # a passage that goes on past the end of the section that it starts in
_LETTERLESS = 4.0  # a passage of figures and marks
_ROWS = 256  # that are prepared at once


@dataclass(frozen=True)
class Gaps:
    """What is known of the places before each piece; the first is the start of the document."""

    p: np.ndarray  # (n,) float64: of a change of topic; NaN where nothing was scored
    markup: np.ndarray  # (n,) bool: a heading opens a section
    gain: np.ndarray  # (n,) float64: of a cut, in log-odds
    leaves: np.ndarray  # (n,) int64: the first piece past the section in force; n where none is


def gaps(
    pieces: Sequence[Piece],
    probabilities: np.ndarray,
    threshold: float,
    markup: np.ndarray,
    sizes: Sizes,
) -> Gaps:
    """The worth of every cut.

    Args:
        pieces: of a document.
        probabilities: (n_lines - 1,) in [0, 1]: of a change of topic in the gaps between lines.
        threshold: in (0, 1): the probability from which a change counts as one.
        markup: (n_pieces,) bool: a heading that opens a section starts with the piece.
        sizes: sections within their limit stay whole.
    """
    import numpy as np

    line = np.array([piece.line for piece in pieces])
    opens = np.diff(line, prepend=line[0]) > 0
    p = np.where(opens, np.append(probabilities, np.nan)[line - 1], np.nan)
    evidence = np.nan_to_num(log_odds(p) - log_odds(np.float64(threshold)))
    bounded = _MOST_GAIN * np.tanh(evidence / _MOST_GAIN)
    gain = np.where(evidence > 0, bounded, evidence)
    likely = p > threshold
    likely[0] = True
    gain += _inside(pieces, markup, sizes) + _seams(pieces, likely)
    doubt = _MARKUP_DOUBT * np.tanh(evidence / _MOST_GAIN)
    gain = np.where(markup, _MARKUP_GAIN + _MARKUP_RANK * _rank(pieces, markup) + doubt, gain)
    return Gaps(p, markup, gain, _leaves(pieces, markup))


def log_odds(p: np.ndarray | np.float64) -> np.ndarray:
    import numpy as np

    p = np.clip(p, _CERTAIN, 1 - _CERTAIN)
    odds: np.ndarray = np.log(p / (1 - p))
    return odds


def _rank(pieces: Sequence[Piece], markup: np.ndarray) -> np.ndarray:
    """(n,) 1 at headings of the top level of a document, -1 at those of its deepest."""
    import numpy as np

    levels = np.array([piece.level or 1 for piece in pieces])
    known, rank = np.unique(levels[markup], return_inverse=True)
    found = np.zeros(len(pieces))
    if len(known) > 1:
        found[markup] = 1 - 2 * rank / (len(known) - 1)
    return found


def _inside(pieces: Sequence[Piece], markup: np.ndarray, sizes: Sizes) -> np.ndarray:
    """(n,) what a cut inside a section under a heading costs where the section fits."""
    import numpy as np

    section = np.cumsum(markup)
    tokens = np.bincount(section, [piece.n_tokens for piece in pieces])
    return np.where((tokens[section] <= sizes.most) & markup.any(), _INSIDE_SECTION, 0.0)


def _seams(pieces: Sequence[Piece], likely: np.ndarray) -> np.ndarray:
    """(n,) what a cut costs for what it parts."""
    import numpy as np

    costs = np.zeros(len(pieces))
    for i, piece in enumerate(pieces):
        depth = (piece.level or 1) if piece.seam == "items" else 1
        costs[i] = _SEAMS[piece.seam] * depth + (_FORCED if piece.forced else 0.0)
        if i and pieces[i - 1].is_title and likely[i - 1]:
            costs[i] += _AFTER_TITLE
    return costs


def _leaves(pieces: Sequence[Piece], markup: np.ndarray) -> np.ndarray:
    """(n,) for each piece the next heading above the level at which a passage would start there.

    A passage that starts with a heading may take in its siblings, one that starts below a heading
    may not.
    """
    import numpy as np

    n = len(pieces)
    levels = np.array([2 * (piece.level or 1) if piece.is_heading else 0 for piece in pieces])
    last = np.maximum.accumulate(np.where(levels > 0, np.arange(n), -1))
    start = np.where(last < 0, 0, np.where(markup, levels, levels[last] + 1))
    leaves = np.full(n, n)
    for level in np.unique(start):
        ends = np.append(np.flatnonzero(markup & (levels < level)), n)
        own = np.flatnonzero(start == level)
        leaves[own] = ends[np.searchsorted(ends, own, side="right")]
    return leaves


def cuts(pieces: Sequence[Piece], known: Gaps, sizes: Sizes) -> list[int]:
    """The pieces that passages start with, the first one included.

    The sum of the gains of the cuts and of the prices of the passages is the best there is; among
    equals the later start wins. No passage is above the limit, unless a single piece is. Time and
    memory grow with the number of pieces times the most of them that fit into one passage.
    """
    import numpy as np

    n = len(pieces)
    best = np.zeros(n + 1)
    came_from = np.zeros(n + 1, np.int64)
    totals = _Totals(pieces)
    for low in range(1, n + 1, _ROWS):
        ends = np.arange(low, min(low + _ROWS, n + 1))
        starts, prices = _prices(ends, totals, known, sizes)
        for row in range(len(ends)):
            costs = prices[row] + best[starts[row]]
            at = costs.argmin()
            best[low + row], came_from[low + row] = costs[at], starts[row, at]
    return _path(came_from.tolist())


def _path(came_from: list[int]) -> list[int]:
    found = []
    j = len(came_from) - 1
    while j:
        j = came_from[j]
        found.append(j)
    return found[::-1]


class _Totals:
    """Sums over the pieces before each place, (n + 1,) int64."""

    def __init__(self, pieces: Sequence[Piece]) -> None:
        import numpy as np

        self.tokens = np.cumsum([0, *(piece.n_tokens for piece in pieces)])
        self.lettered = np.cumsum([0, *(piece.has_letters for piece in pieces)])


def _prices(
    ends: np.ndarray, totals: _Totals, known: Gaps, sizes: Sizes
) -> tuple[np.ndarray, np.ndarray]:
    """The passages that may end before each of `ends`: (n_ends, width) starts and prices.

    A row starts with the shortest passage; what is above the limit costs infinity.
    """
    import numpy as np

    tokens, lettered = totals.tokens, totals.lettered
    first = np.searchsorted(tokens, tokens[ends] - sizes.most)
    width = max(1, int((ends - first).max()))
    starts = ends[:, None] - 1 - np.arange(width)
    outside = starts < 0
    starts = np.maximum(starts, 0)
    size = tokens[ends][:, None] - tokens[starts]
    prices = _OFF_TARGET * ((size - sizes.target) / sizes.target) ** 2
    prices += np.where(size < sizes.least, _SHORT, 0.0)
    prices += np.where(size < _TINY_SHARE * sizes.least, _TINY, 0.0)
    prices += np.where(known.leaves[starts] < ends[:, None], _LEAVES_SECTION, 0.0)
    prices += np.where(lettered[ends][:, None] == lettered[starts], _LETTERLESS, 0.0)
    prices -= np.where(starts > 0, known.gain[starts], 0.0)
    outside |= size > sizes.most
    outside[:, 0] = False  # a single piece is always a passage
    prices[outside] = np.inf
    return starts, prices

"""Passages from any model of gaps: what `topic_change` and the baselines share."""

from __future__ import annotations

import abc
import hashlib
import itertools
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from datakit import segmentation
from datakit.records import Document, Dropped, Passage, StartOrigin
from datakit.segmentation.corpus import DEPTHS, SECTION, Depth, Heading, changes_of
from datakit.segmenters._decode import Gaps, cuts, gaps
from datakit.segmenters._lines import Lines, Piece
from datakit.segmenters._pack import Sizes, no_text, passages

if TYPE_CHECKING:
    import numpy as np

    from datakit.segmentation.model import GapModel, Scored

_LINES_AT_ONCE = 4096  # that the model gets, of whole documents


@dataclass(frozen=True)
class ByGaps(abc.ABC):
    """Passages that start where a model sees the topic change, within limits of size.

    A subclass says which model. Every character of a document that is no blank is in exactly one
    passage.
    """

    min_tokens: int = 64
    target_tokens: int = 256  # what passages come near to where the model does not mind
    max_tokens: int = 512  # hard limit

    is_calibrated: ClassVar[bool] = False  # then passages keep the probabilities

    def __post_init__(self) -> None:
        _ = self.sizes  # sizes that do not fit each other are told now

    @cached_property
    def sizes(self) -> Sizes:
        return Sizes(self.min_tokens, self.target_tokens, self.max_tokens)

    @abc.abstractmethod
    def gap_model(self) -> GapModel:
        """What scores the gaps."""

    def trusts_headings(self) -> bool:
        """Whether passages start at headings; else headings are lines like any other."""
        return False

    def gap_depth(self) -> Depth:
        """Which changes are looked for."""
        return "subsection"

    def threshold_of(self, scored: Scored) -> float:
        """The probability from which a change counts as one in a document."""
        return scored.thresholds[self.gap_depth()]

    def fingerprint(self) -> dict[str, Any]:
        """The model's identity and the code that runs it."""
        return {**self.gap_model().identity(), "code": segmentation_code()}

    def __call__(self, documents: Iterable[Document]) -> Iterator[Passage | Dropped]:
        model: GapModel | None = None
        for batch in self._batches(documents):
            model = model or self.gap_model()
            scored = model.scored([lines.lines for _, lines in batch])
            for (document, lines), found in zip(batch, scored, strict=True):
                if lines.pieces:
                    yield from self._passages(document, lines.pieces, found)
                else:
                    yield no_text(document)

    def _batches(self, documents: Iterable[Document]) -> Iterator[list[tuple[Document, Lines]]]:
        batch: list[tuple[Document, Lines]] = []
        n_lines = 0
        for document in documents:
            lines = Lines(document, self.sizes, self.trusts_headings())
            batch.append((document, lines))
            n_lines += len(lines.lines)
            if n_lines >= _LINES_AT_ONCE:
                yield batch
                batch, n_lines = [], 0
        if batch:
            yield batch

    def _passages(
        self,
        document: Document,
        pieces: Sequence[Piece],
        scored: Scored,
    ) -> Iterator[Passage]:
        threshold = self.threshold_of(scored)
        probabilities = scored.p[:, DEPTHS.index(self.gap_depth())]
        markup = markup_of(pieces, self.gap_depth())
        known = gaps(pieces, probabilities, threshold, markup, self.sizes)
        starts = cuts(pieces, known, self.sizes)
        ends = [*starts[1:], len(pieces)]
        spans = [(pieces[i].start, pieces[j - 1].end) for i, j in zip(starts, ends, strict=True)]
        name: str = type(self).plugin_name  # type: ignore[attr-defined]
        made = passages(document, spans, name, self.sizes)
        for passage, i, j in zip(made, starts, ends, strict=True):
            origin, forced = _origin(known, i, threshold), pieces[i].forced
            found: dict[str, Any] = {"start_origin": origin, "start_forced": forced}
            if self.is_calibrated:
                found |= _probabilities(known.p, i, j)
            yield replace(passage, **found)


def segmentation_code() -> str:
    """16 hex digits over the files of `datakit.segmentation`, which no plugin's own digest has."""
    total = hashlib.sha256()
    for file in sorted(Path(str(segmentation.__file__)).parent.glob("*.py")):
        total.update(file.read_bytes())
    return total.hexdigest()[:16]


def markup_of(pieces: Sequence[Piece], depth: Depth) -> np.ndarray:
    """(n_pieces,) bool: headings that open a section of the depth; of headings in a row the first.

    Which headings open a section rather than a sub-section is decided as for the gold of training
    documents.
    """
    import numpy as np

    first = [i for i, piece in enumerate(pieces) if piece.is_heading and piece.seam == "open"]
    markup = np.zeros(len(pieces), bool)
    markup[first] = True
    if depth == "section" and first:
        runs = [_headings_from(pieces, i) for i in first]
        markup[first] = np.array(changes_of(runs)) == SECTION
    return markup


def _headings_from(pieces: Sequence[Piece], first: int) -> list[Heading]:
    following = map(pieces.__getitem__, range(first, len(pieces)))
    run = itertools.takewhile(lambda piece: piece.is_heading, following)
    return [Heading("", piece.level or 1) for piece in run]


def _origin(known: Gaps, i: int, threshold: float) -> StartOrigin:
    if i == 0:
        return "document"
    if known.markup[i]:
        return "markup"
    return "model" if known.p[i] >= threshold else "length"


def _probabilities(p: np.ndarray, i: int, j: int) -> dict[str, float | None]:
    """Those of the gaps before the pieces from i to j, the edges included."""
    inside = [one for one in p[i + 1 : j].tolist() if not math.isnan(one)]
    return {
        "p_start": _known(p[i]),
        "p_end": _known(p[j]) if j < len(p) else None,
        "p_inside": max(inside, default=None),
    }


def _known(p: float) -> float | None:
    return None if math.isnan(p) else float(p)

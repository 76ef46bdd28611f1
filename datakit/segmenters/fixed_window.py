"""Windows of whole sentences: the baseline that ignores the structure of a document."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

from datakit.records import Document, Dropped, Passage
from datakit.registry import plugin
from datakit.segmenters._pack import Sizes, no_text, passages, sentence_pieces
from datakit.text import count_tokens, sentences

Window = list[tuple[int, int, int]]  # sentences: start, end, tokens


@plugin("segmenters", "fixed_window")
@dataclass(frozen=True)
class FixedWindow:
    """Sentences in order, joined until the target is reached."""

    min_tokens: int = 64  # a smaller last window joins the one before it
    target_tokens: int = 256  # a window closes before the sentence that would exceed it
    max_tokens: int = 512  # hard limit; a longer sentence is cut at commas and blanks
    overlap_tokens: int = 0  # whole sentences up to this size open the next window again

    def __post_init__(self) -> None:
        if not 0 <= self.overlap_tokens < self.target_tokens:
            raise ValueError(
                "0 <= overlap_tokens < target_tokens is expected, found "
                f"{self.overlap_tokens} and {self.target_tokens}"
            )
        _ = self.sizes  # sizes that do not fit each other are told now

    @cached_property
    def sizes(self) -> Sizes:
        return Sizes(self.min_tokens, self.target_tokens, self.max_tokens)

    def __call__(self, documents: Iterable[Document]) -> Iterator[Passage | Dropped]:
        for document in documents:
            spans = [(window[0][0], window[-1][1]) for window in self._windows(document)]
            if not spans:
                yield no_text(document)
            yield from passages(document, spans, "fixed_window", self.sizes)

    def _windows(self, document: Document) -> list[Window]:
        windows: list[Window] = []
        window: Window = []
        for sentence in self._sentences(document):
            if window and _size(window) + sentence[2] > self._limit(window):
                windows.append(window)
                window = self._overlap(window, sentence[2])
            window = [*window, sentence]
        if window:
            windows.append(window)
        return self._without_small_tail(windows)

    def _sentences(self, document: Document) -> Iterator[tuple[int, int, int]]:
        for start, end in sentences(document.text, document.language):
            for a, b in sentence_pieces(document.text, start, end, self.sizes):
                yield a, b, count_tokens(document.text[a:b], document.language)

    def _limit(self, window: Window) -> int:
        return self.target_tokens if _size(window) >= self.min_tokens else self.max_tokens

    def _overlap(self, window: Window, following: int) -> Window:
        kept: Window = []
        for sentence in reversed(window[1:]):
            size = _size(kept) + sentence[2]
            if size > self.overlap_tokens or size + following > self.max_tokens:
                break
            kept.insert(0, sentence)
        return kept

    def _without_small_tail(self, windows: list[Window]) -> list[Window]:
        if len(windows) > 1 and _size(windows[-1]) < self.min_tokens:
            *head, before, tail = windows
            joined = before + [sentence for sentence in tail if sentence not in before]
            if _size(joined) <= self.max_tokens:
                return [*head, joined]
        return windows


def _size(window: Window) -> int:
    return sum(n_tokens for _, _, n_tokens in window)

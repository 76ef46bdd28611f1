"""Sections into passages: cut at headings, split what is too long, join what is too short."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from datakit.records import Document, Dropped, Passage
from datakit.registry import plugin
from datakit.segmenters._pack import Sizes, Unit, has_letters, no_text, pack, passages, units_of

_TINY = 0.25  # of the least size: so little joins a neighbour across any heading


@dataclass(frozen=True, slots=True)
class Group:
    """Headings in a row and what they head, or a part of that."""

    units: tuple[Unit, ...]
    place: tuple[int, ...]  # the headings from the top down, by position: a path of numbers

    @property
    def n_tokens(self) -> int:
        return sum(unit.n_tokens for unit in self.units)

    def joined(self, other: Group) -> Group:
        return Group(self.units + other.units, self.place)


@plugin("segmenters", "headings")
@dataclass(frozen=True)
class Headings:
    """Passages that start at headings; without headings, paragraphs packed to the target.

    A section above `max_tokens` is split evenly at block ends, a block above it at sentence ends.
    A section below `min_tokens` joins a sibling or its own first subsection. Every character of
    the document that is no blank is in exactly one passage.
    """

    min_tokens: int = 64
    target_tokens: int = 256  # what the parts of a long section come near to
    max_tokens: int = 512  # hard limit

    def __post_init__(self) -> None:
        _ = self.sizes  # sizes that do not fit each other are told now

    @cached_property
    def sizes(self) -> Sizes:
        return Sizes(self.min_tokens, self.target_tokens, self.max_tokens)

    def __call__(self, documents: Iterable[Document]) -> Iterator[Passage | Dropped]:
        for document in documents:
            groups = self._groups(document)
            if not groups:
                yield no_text(document)
            spans = [(group.units[0].start, group.units[-1].end) for group in groups]
            yield from passages(document, spans, "headings", self.sizes)

    def _groups(self, document: Document) -> list[Group]:
        done: list[Group] = []
        small: Group | None = None  # waits for what follows
        for group in by_heading(units_of(document, self.sizes)):
            whole = group
            if small is not None:
                if self._goes_forward(small, group, done):
                    whole = small.joined(group)
                else:
                    self._put(small, done)
                small = None
            parts = [Group(tuple(run), whole.place) for run in pack(whole.units, self.sizes)]
            if len(parts) == 1 and whole.n_tokens < self.min_tokens:
                small = whole
            else:
                done += parts
        if small is not None:
            self._put(small, done)
        return self._without_letterless(document.text, done)

    def _goes_forward(self, small: Group, group: Group, done: list[Group]) -> bool:
        size = small.n_tokens + group.n_tokens
        if self.max_tokens < size and group.n_tokens <= self.max_tokens:
            return False  # joining would split a section that is whole
        stuck = not done or done[-1].n_tokens + small.n_tokens > self.max_tokens
        return is_sibling(small, group) or (self._is_tiny(small) and stuck)

    def _put(self, small: Group, done: list[Group]) -> None:
        """A small group at the end of the one before it where that is right, else on its own."""
        fits = done and done[-1].n_tokens + small.n_tokens <= self.max_tokens
        if fits and (is_sibling(small, done[-1]) or self._is_tiny(small)):
            done[-1] = done[-1].joined(small)
        else:
            done.append(small)

    def _is_tiny(self, group: Group) -> bool:
        return group.n_tokens < _TINY * self.min_tokens

    def _without_letterless(self, text: str, groups: list[Group]) -> list[Group]:
        """Groups of figures and marks alone go with the group before them where there is room."""
        done: list[Group] = []
        for group in groups:
            bare = not has_letters(text[group.units[0].start : group.units[-1].end])
            if bare and done and done[-1].n_tokens + group.n_tokens <= self.max_tokens:
                done[-1] = done[-1].joined(group)
            else:
                done.append(group)
        return done


def by_heading(units: Sequence[Unit]) -> Iterator[Group]:
    """Units in groups that start at headings; headings in a row stay with what follows them."""
    above: list[tuple[int, int]] = []  # level and position of the headings in force
    place: tuple[int, ...] = ()
    group: list[Unit] = []
    for position, unit in enumerate(units):
        if unit.heading is not None:
            above = [entry for entry in above if entry[0] < unit.heading]
            above.append((unit.heading, position))
            if group and group[-1].heading is None:
                yield Group(tuple(group), place)
                group = []
            if not group:
                place = tuple(number for _, number in above)
        group.append(unit)
    if group:
        yield Group(tuple(group), place)


def is_sibling(group: Group, other: Group) -> bool:
    """Whether the other group lies under the heading that the group's own heading lies under."""
    parent = group.place[:-1]
    return other.place[: len(parent)] == parent

"""A long document in overlapping pieces, so that memory stays bounded."""

from __future__ import annotations

from collections.abc import Iterator


def pieces(n_lines: int, size: int) -> Iterator[tuple[int, int, int, int]]:
    """Overlapping pieces of a document: lines start to end, of which gaps first to last count.

    Each gap counts once, in the piece in whose middle it lies; a quarter of a piece on each side
    is context.
    """
    if n_lines <= size:
        yield 0, n_lines, 0, max(0, n_lines - 1)
        return
    side = size // 4
    first = 0
    for start in range(0, n_lines, size - 2 * side):
        end = min(n_lines, start + size)
        last = n_lines - 1 if end == n_lines else end - side
        yield max(0, end - size), end, first, last
        if end == n_lines:
            return
        first = last

"""The ids of a table in the order they came, looked up many at once.

They are kept as Arrow columns with a hash table of numpy beside them; where rows come one by one,
a dict takes over.
"""

from __future__ import annotations

import functools
import itertools
import secrets
from typing import TYPE_CHECKING, Any

from datakit.importers._arrow import bytes_of

if TYPE_CHECKING:
    import pyarrow as pa

# another in each process, so that no file can be made of ids that all meet; odd, so that its powers
# have an inverse modulo 2**64
_BASE = secrets.randbits(64) | 1
_MIX = 0xD6E8FEB86659FD93
_EMPTY = -1


class Ids:
    """Distinct ids; the place of one is how many came before it."""

    def __init__(self) -> None:
        self._pieces: list[pa.Array] = []
        self._index = _Index()
        self._by_name: dict[str, int] | None = None

    def __len__(self) -> int:
        return self._index.n if self._by_name is None else len(self._by_name)

    def by_name(self) -> dict[str, int]:
        """Places by id; from now on this dict holds the ids, and one put into it is one of them."""
        if self._by_name is None:
            names = itertools.chain.from_iterable(piece.to_pylist() for piece in self._pieces)
            self._by_name = dict(zip(names, itertools.count(), strict=False))
            self._pieces, self._index = [], _Index()
        return self._by_name

    def extend(self, names: pa.Array) -> bool:
        """Add strings, none null; none of them where one is there already or twice among them.

        Strings of equal hashes may be refused too.
        """
        if self._by_name is not None:
            new = dict(zip(names.to_pylist(), itertools.count(len(self._by_name)), strict=False))
            fresh = len(new) == len(names) and self._by_name.keys().isdisjoint(new)
            self._by_name.update(new if fresh else {})
            return fresh
        if not self._index.extend(_hashes(names)):
            return False
        self._pieces.append(names)
        return True

    def places(self, names: pa.Array) -> Any:
        """The place of each string, -1 where it is not there: an int64 array of numpy."""
        import numpy as np
        import pyarrow as pa

        if self._by_name is not None:
            get = self._by_name.get
            return np.array([get(name, -1) for name in names.to_pylist()], np.int64)
        if not len(self) or not len(names):
            return np.full(len(names), -1)
        places = self._index.places(_hashes(names))
        found = np.flatnonzero(places >= 0)
        theirs = self.column().take(pa.array(places[found]))
        same = theirs.equals(names.take(pa.array(found)))
        return places if same else self._confirmed(names, places)

    def _confirmed(self, names: pa.Array, places: Any) -> Any:
        """The places without those of other strings of equal hashes."""
        import numpy as np

        own, told = self.column(), names.to_pylist()
        return np.array([
            place if place >= 0 and own[place].as_py() == name else -1
            for name, place in zip(told, places.tolist(), strict=True)
        ], np.int64)  # fmt: skip

    def column(self) -> pa.Array:
        """All ids, in order."""
        import pyarrow as pa

        if self._by_name is not None:
            return pa.array(self._by_name, pa.string())
        if len(self._pieces) != 1:
            self._pieces = [pa.concat_arrays(self._pieces or [pa.array([], pa.string())])]
        return self._pieces[0]


class _Index:
    """Places by hash, in a table of open addressing: 64-bit hashes that all differ."""

    def __init__(self) -> None:
        import numpy as np

        self.n = 0
        self._hashes = np.zeros(1 << 12, np.uint64)  # by place
        self._table = np.full(1 << 13, _EMPTY, np.int32)

    def extend(self, hashes: Any) -> bool:
        """Add hashes; none where one is there already or twice among them."""
        end = self.n + len(hashes)
        if end > len(self._hashes):
            self._grow(end)
        self._hashes[self.n : end] = hashes
        if not self._put(self.n, end):
            return False
        self.n = end
        return True

    def _grow(self, n: int) -> None:
        """Make room for n hashes."""
        import numpy as np

        size = 1 << (n - 1).bit_length()
        self._hashes = np.append(self._hashes, np.zeros(size - len(self._hashes), np.uint64))
        self._table = np.full(2 * size, _EMPTY, np.int32)
        self._put(0, self.n)

    def _slots(self, hashes: Any) -> Any:
        import numpy as np

        return (hashes & np.uint64(len(self._table) - 1)).astype(np.int64)

    def _put(self, first: int, end: int) -> bool:
        """Put places into the table, each into the next free slot; none where two hashes meet."""
        import numpy as np

        places = np.arange(first, end, dtype=np.int32)
        slots = self._slots(self._hashes[first:end])
        taken = []
        while places.size:
            free = self._table[slots] == _EMPTY
            self._table[slots[free]] = places[free]
            there = self._table[slots]  # of those for one slot the last has it
            left = there != places
            taken.append(slots[~left])
            if (self._hashes[there[left]] == self._hashes[places[left]]).any():
                self._table[np.concatenate(taken)] = _EMPTY
                return False
            places, slots = places[left], (slots[left] + 1) & (len(self._table) - 1)
        return True

    def places(self, hashes: Any) -> Any:
        """The place of each hash, -1 where it is not there."""
        import numpy as np

        slots = self._slots(hashes)
        places = self._table[slots].astype(np.int64)
        open_ = np.flatnonzero((places != _EMPTY) & (self._hashes[places] != hashes))
        while open_.size:
            slots[open_] = (slots[open_] + 1) & (len(self._table) - 1)
            at = self._table[slots[open_]]
            places[open_] = at
            open_ = open_[(at != _EMPTY) & (self._hashes[at] != hashes[open_])]
        return places


def _hashes(names: pa.Array) -> Any:
    """64 bits of each string: its bytes as a polynomial, mixed."""
    import numpy as np

    data, offsets = bytes_of(names)
    powers, inverse = _powers(1 << max(16, len(data).bit_length()))
    sums = np.zeros(len(data) + 1, np.uint64)
    np.cumsum((data.astype(np.uint64) + np.uint64(1)) * powers[: len(data)], out=sums[1:])
    sums = sums[offsets]
    hashes = (sums[1:] - sums[:-1]) * inverse[offsets[:-1]]
    for shift in (32, 29):
        hashes = (hashes ^ (hashes >> np.uint64(shift))) * np.uint64(_MIX)
    return hashes ^ (hashes >> np.uint64(32))


@functools.cache
def _powers(n: int) -> tuple[Any, Any]:
    """The first n powers of the base and of its inverse, modulo 2**64."""
    import numpy as np

    def of(base: int) -> Any:
        return np.cumprod(np.append(np.uint64(1), np.full(n - 1, base, np.uint64)))

    return of(_BASE), of(pow(_BASE, -1, 1 << 64))

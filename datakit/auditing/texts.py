"""One pass over the texts of a table: keys, sizes, scripts and suspicious characters."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from datakit.auditing import characters, encoding, personal
from datakit.auditing.keys import key_hash
from datakit.progress import progress

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

    from datakit.dataset import Dataset

    Ints = NDArray[np.int64]
    Hashes = NDArray[np.uint64]

BATCH = 4096
# what a pass looks for in the characters worth a closer look
_SUSPECT = characters.BROKEN | characters.HIGH_LATIN


@dataclass(frozen=True)
class Texts:
    """n texts of a table, without the texts themselves."""

    ids: pa.StringArray  # (n,)
    keys: Hashes  # (n,) of the comparison keys
    n_chars: Ints  # (n,)
    han: Ints  # (n,) characters
    latin: Ints
    other: Ints
    broken: dict[str, list[int]]  # slug -> rows
    personal: dict[str, list[int]]  # kind -> rows

    def __len__(self) -> int:
        return len(self.ids)

    def names(self, rows: Any) -> list[str]:
        """The ids of some rows."""
        found: list[str] = self.ids.take(_indices(rows)).to_pylist()
        return found

    def rows_of(self, ids: Any) -> Ints:
        """(len(ids),) row of each id, -1 where there is none."""
        import pyarrow.compute as pc

        found = pc.fill_null(pc.index_in(ids, value_set=self.ids), -1)
        rows: Ints = found.to_numpy().astype("int64")
        return rows

    @cached_property
    def script(self) -> np.ndarray:
        """(n,) uint8: 0 too few letters to tell, 1 Latin, 2 Han, 3 other; most letters decide."""
        import numpy as np

        # a Han character says as much as a few letters
        weights = np.stack([self.latin, self.han * 3, self.other])
        script: np.ndarray = weights.argmax(axis=0).astype(np.uint8) + 1
        script[weights.sum(axis=0) < 6] = 0
        return script


def _indices(rows: Any) -> Any:
    import numpy as np
    import pyarrow as pa

    return pa.array(np.asarray(rows, np.int64))


def batches(dataset: Dataset, table: str, columns: list[str]) -> Iterator[pa.RecordBatch]:
    """The columns of a table, streamed in order."""
    import pyarrow.parquet as pq

    for path, _ in dataset.parts(table):
        with pq.ParquetFile(path, memory_map=True) as file:
            yield from file.iter_batches(BATCH, columns=columns)


def scan(dataset: Dataset, table: str, shown: bool) -> Texts:
    """Look at every text of `passage` or `query` once.

    Args:
        dataset: whose table it is.
        table: its name.
        shown: whether to show how far it is.
    """
    import numpy as np
    import pyarrow as pa

    name = f"{table}_id"
    ids: list[Any] = []
    keys: list[Any] = []
    counts: list[Any] = []
    broken: dict[str, list[int]] = {}
    private: dict[str, list[int]] = {}
    at = 0
    with progress(f"reading {table}", dataset.count(table), "texts", shown) as bar:
        for batch in batches(dataset, table, [name, "text"]):
            texts = batch.column("text").to_pylist()
            ids.append(batch.column(name))
            keys.append(np.fromiter(map(key_hash, texts), np.uint64, len(texts)))
            for start, some in _pieces(texts):
                found = characters.kinds(some)
                counts.append((found.n_chars, found.han, found.latin, found.other))
                _closer(some, found, at + start, broken, private)
            at += len(texts)
            bar.advance(len(texts))
    n_chars, han, latin, other = (
        np.concatenate([np.zeros(0, np.int64), *(c[i] for c in counts)]) for i in range(4)
    )
    joined = pa.concat_arrays(ids) if ids else pa.array([], pa.string())
    hashes = np.concatenate([np.zeros(0, np.uint64), *keys])
    return Texts(joined, hashes, n_chars, han, latin, other, broken, private)


def _pieces(texts: list[str]) -> Iterator[tuple[int, list[str]]]:
    """The texts in runs of bounded size, with where each starts."""
    start = size = 0
    for i, text in enumerate(texts):
        size += len(text)
        if size > characters.CODES_AT_ONCE:
            yield start, texts[start : i + 1]
            start, size = i + 1, 0
    if start < len(texts):
        yield start, texts[start:]


def _closer(
    texts: list[str],
    found: characters.Kinds,
    first: int,
    broken: dict[str, list[int]],
    private: dict[str, list[int]],
) -> None:
    """The texts whose characters give reason to: encoding, personal data, secrets."""
    import numpy as np

    suspect = (found.bits & _SUSPECT != 0) | (found.mixed >= encoding.MIXED)
    joined = "\n".join(texts)
    if "锟斤" in joined or "烫烫" in joined or "屯屯" in joined:
        suspect[:] = True
    for i in np.flatnonzero(suspect).tolist():
        for slug in encoding.broken(texts[i], int(found.bits[i]), int(found.mixed[i])):
            broken.setdefault(slug, []).append(first + i)
    at_sign = found.bits & characters.AT != 0
    look = (found.digits >= 4) | at_sign
    if any(start in joined for start in personal.SECRET_STARTS) or "微信" in joined:
        look[:] = True
    for i in np.flatnonzero(look).tolist():
        for kind in personal.kinds_of(texts[i], int(found.digits[i]), bool(at_sign[i])):
            private.setdefault(kind, []).append(first + i)

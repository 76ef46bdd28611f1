"""Vectors of texts, encoded in chunks and kept on disk by encoder and digests of the texts.

A vector depends in its last digits on the batch that its text was in. The borders of the chunks
hang on the texts alone, never on their number or on what was encoded before: a build that goes
on, one that has grown and a fresh one give equal vectors, and a new text costs one chunk.
"""

from __future__ import annotations

import contextlib
import contextvars
import hashlib
import json
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

MAPPED_FROM = 64 << 20  # bytes: vectors of a larger list lie in a file, not in memory
MOST_CHUNKS_LONG = 4  # a chunk without a border of its own ends at so many times the wanted size
KEPT_DAYS = 14  # chunks that nothing has asked for so long are forgotten

Encode = Callable[[Sequence[str]], "np.ndarray"]

_kept: contextvars.ContextVar[Path | None] = contextvars.ContextVar("kept_vectors", default=None)


@contextlib.contextmanager
def vectors_kept_in(folder: Path) -> Iterator[None]:
    """Inside, chunks of vectors are read from `folder` or written to it."""
    token = _kept.set(folder)
    try:
        yield
    finally:
        _kept.reset(token)


def forget_unused(folder: Path, days: float = KEPT_DAYS) -> None:
    """Remove the chunks that were neither written nor read for so many days."""
    oldest = time.time() - days * 86_400
    for path in folder.glob("*/*.npy"):
        if path.stat().st_mtime < oldest:
            path.unlink(missing_ok=True)


def encode_unique(
    texts: Sequence[str], identity: dict[str, Any], encode: Encode, chunk_bytes: int
) -> np.ndarray:
    """The vector of each text, each distinct text encoded once, so that copies are equal.

    Args:
        texts: n texts.
        identity: what decides the vectors; a part of the key on disk.
        encode: distinct texts of about one length to (n_texts, dim) float32.
        chunk_bytes: of UTF-8 text in a call of `encode`, on average.

    Returns:
        (n, dim) float32, (0, 0) for no texts; where vectors are kept on disk and `MAPPED_FROM` is
        reached, in a file without a name.
    """
    import numpy as np

    sized = sorted((len(text.encode("utf-8", "surrogatepass")), text) for text in set(texts))
    unique = [text for _, text in sized]
    order = {text: i for i, text in enumerate(unique)}
    row = np.fromiter((order[text] for text in texts), np.int64, len(texts))
    wanted = np.argsort(row, kind="stable")
    key = hashlib.sha256(json.dumps([identity, chunk_bytes], sort_keys=True).encode())
    folder = _kept.get()
    out = np.zeros((0, 0), np.float32)
    for start, stop in chunks([size for size, _ in sized], unique, chunk_bytes):
        vectors = _chunk(folder, unique[start:stop], key.copy(), encode)
        if not len(out):
            out = _room((len(texts), vectors.shape[1]), folder)
        low, high = np.searchsorted(row, [start, stop], sorter=wanted)
        out[wanted[low:high]] = vectors[row[wanted[low:high]] - start]
    return out


def chunks(
    sizes: Sequence[int], texts: Sequence[str], chunk_bytes: int
) -> Iterator[tuple[int, int]]:
    """Cut texts, ordered by size, where a text's own digest says so: (start, stop) of each chunk.

    A text ends its chunk with the chance size / chunk_bytes, so that a text that comes or goes
    moves the borders of its own chunk alone (content-defined chunking, as in LBFS, Muthitacharoen
    et al. 2001).
    """
    start, held = 0, 0
    for i, (size, text) in enumerate(zip(sizes, texts, strict=True)):
        held += size
        ends = _hash(text) % max(1, chunk_bytes // max(size, 1)) == 0
        if ends or held >= MOST_CHUNKS_LONG * chunk_bytes:
            yield start, i + 1
            start, held = i + 1, 0
    if start < len(texts):
        yield start, len(texts)


def _hash(text: str) -> int:
    import xxhash

    return xxhash.xxh3_64_intdigest(text.encode("utf-8", "surrogatepass"))


def _room(shape: tuple[int, int], folder: Path | None) -> np.ndarray:
    """An empty float32 array, in a file that goes with it where it is large."""
    import numpy as np

    if folder is None or 4 * shape[0] * shape[1] < MAPPED_FROM:
        return np.empty(shape, np.float32)
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=folder) as file:
        return np.memmap(file, np.float32, "w+", shape=shape)


def _chunk(folder: Path | None, texts: list[str], key: Any, encode: Encode) -> np.ndarray:
    """The vectors of one chunk, from disk where they are there."""
    import numpy as np

    if folder is None:
        return encode(texts)
    for text in texts:
        key.update(hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest())
    name = key.hexdigest()[:32]
    path = folder / name[:2] / f"{name}.npy"
    if path.is_file():
        os.utime(path)
        vectors: np.ndarray = np.load(path, allow_pickle=False)
        return vectors
    vectors = encode(texts)
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(f".{os.getpid()}.part")
    with unfinished.open("wb") as file:
        np.save(file, vectors, allow_pickle=False)
    unfinished.replace(path)
    return vectors

"""Near-duplicate passages by MinHash, candidates verified exactly.

    texts -> units -> shingles -> signatures -> band keys    batch by batch
    band keys -> candidate pairs -> exact Jaccard            band by band
    equal texts and near pairs -> clusters                   connected components

What is kept of a passage is its id, two hashes, its band keys and its shingles (4 bytes each), not
its text: 0.8 kB for 100 words, 1.7 kB at the peak. Source: Broder 1997; Leskovec, Rajaraman and
Ullman, Mining of Massive Datasets, chapter 3.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from datakit.miners import _minhash
from datakit.records import Duplicate, Passage, normal_key
from datakit.registry import plugin

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from datakit.miners._minhash import Bools, Hashes, Hashes32, Ints

    Floats = NDArray[np.float64]
    Labels = NDArray[np.int32]

BATCH_CHARS = 1 << 18  # working arrays of a batch that a processor's cache holds: 1.6 x as fast
BATCH_PASSAGES = 1024
CHUNK_SHINGLES = 1 << 21  # compared at once when candidates are verified: 100 MB
# the passages of a larger bucket are paired in a window, not each with each: a boilerplate
# paragraph with n variants costs n * WINDOW comparisons
WINDOW = 32
# Weight of a missed pair against a false candidate in datasketch's choice of bands. Candidates
# are verified, so a false one only costs time: 21 bands of 6 at threshold 0.8 and 128
# permutations, where a pair of exactly that similarity is a candidate with probability 0.998.
MISS_WEIGHT = 0.999
# the number of a list item or clause is its place, not a fact: versions are renumbered
_ENUMERATOR = re.compile(
    r"\W*(?:\d{1,3}(?:\.\d{1,3})*|[一二三四五六七八九十]{1,3}|[a-z]|[ivx]{1,5})(?:[.)、](?!\d))+"
)


@plugin("miners", "duplicates")
@dataclass(frozen=True)
class Duplicates:
    """Clusters of equal and nearly equal passages.

    Two passages are `exact` when `normal_key` makes their texts equal; `near` when the Jaccard
    similarity of their shingle sets reaches the threshold and their facts are equal as multisets,
    the enumerator in front aside: numbers, dates, amounts, percentages, and words that turn a
    statement round (not, up and down, buyer and seller); `template` when these differ. Clusters
    are the connected components of exact and near pairs; a template row names the cluster or
    passage that it is a variant of. A passage of fewer units than a shingle can only be exact.
    """

    threshold: float = 0.8  # least Jaccard similarity of shingle sets
    permutations: int = 128  # length of a signature
    shingle: int = 5  # words in a shingle; characters in scripts without spaces
    seed: int = 1  # of the permutations

    def __post_init__(self) -> None:
        if not 0 < self.threshold <= 1:
            raise ValueError(f"0 < threshold <= 1 is expected, found {self.threshold}")
        if self.permutations < 2 or self.shingle < 1:
            raise ValueError(
                "permutations >= 2 and shingle >= 1 are expected, found "
                f"{self.permutations} and {self.shingle}"
            )

    def __call__(self, passages: Iterable[Passage]) -> Iterator[Duplicate]:
        """One row for each passage that has a copy or a template variant, by passage_id."""
        sketches = sketch(passages, self)
        rows = _rows(sketches, *_matches(sketches, self.threshold))
        yield from sorted(rows, key=lambda row: row.passage_id)

    def bands(self) -> tuple[int, int]:
        """Bands, and rows per band, of the locality-sensitive hashing."""
        return _bands(self.threshold, self.permutations)


@functools.cache
def _bands(threshold: float, permutations: int) -> tuple[int, int]:
    from datasketch import MinHashLSH

    weights = (1 - MISS_WEIGHT, MISS_WEIGHT)
    index = MinHashLSH(threshold=threshold, num_perm=permutations, weights=weights)
    return int(index.b), int(index.r)


# --- sketches ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Sketches:
    """What is kept of n passages, m of which have shingles and differ as texts."""

    ids: list[str]  # (n,)
    rank: Ints  # (n,) place of the id in sorted order
    first: Ints  # (n,) the first passage with an equal text
    facts: Hashes  # (n,) of the multiset of numbers and opposite words
    row_of: Ints  # (n,) row of the passage's text below, -1 without shingles
    passage_of: Ints  # (m,) back
    bands: Hashes  # (n_bands, m)
    shingles: Hashes32  # all shingles, text after text
    starts: Ints  # (m,)
    lengths: Ints  # (m,)


def sketch(passages: Iterable[Passage], settings: Duplicates) -> Sketches:
    """Sketch passages in one pass; the texts are let go batch by batch."""
    import numpy as np

    ids: list[str] = []
    seen: dict[int, int] = {}  # hash of the normal key -> first passage
    first: list[int] = []
    pieces: list[_Piece] = []
    for batch in _batches(passages):
        fresh = []
        for passage_id, key in batch:
            at = seen.setdefault(_text_hash(key), len(ids))
            if at == len(ids):
                fresh.append((at, _without_enumerator(key)))
            ids.append(passage_id)
            first.append(at)
        pieces.append(_piece(fresh, settings))
    return _assembled(ids, np.array(first, np.int64), pieces, settings.bands()[0])


def _text_hash(key: str) -> int:
    import xxhash

    # 64 bits: two different texts among a million share one with probability 3e-8
    return xxhash.xxh3_64_intdigest(key.encode("utf-8", "surrogatepass"))


def _without_enumerator(key: str) -> str:
    found = _ENUMERATOR.match(key)
    return key[found.end() :] if found else key


def _batches(passages: Iterable[Passage]) -> Iterator[list[tuple[str, str]]]:
    """(passage_id, normal key) in batches of bounded size."""
    batch: list[tuple[str, str]] = []
    size = 0
    for passage in passages:
        key = normal_key(passage.text)
        batch.append((passage.passage_id, key))
        size += len(key)
        if size >= BATCH_CHARS or len(batch) >= BATCH_PASSAGES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


@dataclass(frozen=True)
class _Piece:
    """The sketches of one batch: the texts that were new in it."""

    passages: Ints  # (n_fresh,)
    facts: Hashes  # (n_fresh,)
    lengths: Ints  # (n_fresh,) 0 for a text without shingles
    bands: Hashes  # (n_bands, texts with shingles)
    shingles: Hashes32


def _piece(fresh: list[tuple[int, str]], settings: Duplicates) -> _Piece:
    import numpy as np

    units = _minhash.units([key for _, key in fresh])
    hashes, lengths = _minhash.shingles(units, settings.shingle)
    n, seed = settings.permutations, settings.seed
    found = _minhash.signatures(hashes, lengths[lengths > 0], n, seed)
    keys = _minhash.band_keys(found, *settings.bands())
    at = np.array([at for at, _ in fresh], np.int64)
    return _Piece(at, units.facts, lengths, keys, hashes)


def _assembled(ids: list[str], first: Ints, pieces: list[_Piece], n_bands: int) -> Sketches:
    import numpy as np

    facts = np.zeros(len(ids), np.uint64)
    lengths = np.zeros(len(ids), np.int64)
    for piece in pieces:
        facts[piece.passages] = piece.facts
        lengths[piece.passages] = piece.lengths
    passage_of = np.flatnonzero(lengths)
    row_of = np.full(len(ids), -1, np.int64)
    row_of[passage_of] = np.arange(len(passage_of))
    rank = np.empty(len(ids), np.int64)
    rank[np.array(sorted(range(len(ids)), key=ids.__getitem__), np.int64)] = np.arange(len(ids))
    ends = np.cumsum(lengths[passage_of])
    none = np.zeros((n_bands, 0), np.uint64), np.zeros(0, np.uint32)
    return Sketches(
        ids, rank, first, facts[first], row_of[first], passage_of,
        np.concatenate([none[0], *(piece.bands for piece in pieces)], axis=1),
        np.concatenate([none[1], *(piece.shingles for piece in pieces)]),
        ends - lengths[passage_of], lengths[passage_of],
    )  # fmt: skip


# --- candidates, verified ---------------------------------------------------------------------


def _matches(sketches: Sketches, threshold: float) -> tuple[Ints, Ints]:
    """Pairs of rows with a Jaccard similarity of `threshold` or more.

    Returns:
        (n_near, 2) with equal facts, (n_template, 2) with other facts. Of a cluster there are
        enough near pairs to connect it, not all.
    """
    import numpy as np

    facts, rank = sketches.facts[sketches.passage_of], sketches.rank[sketches.passage_of]
    near, template = [np.zeros((0, 2), np.int64)], [np.zeros((0, 2), np.int64)]
    tried = np.zeros(0, np.uint64)  # pairs that are not near, sorted
    labels = np.arange(len(facts), dtype=np.int32)
    for keys in sketches.bands:
        buckets = _in_buckets(keys, facts, rank)
        # neighbours connect most of a large bucket; the window then meets what is left
        for steps in (range(1, 2), range(2, WINDOW + 1)):
            pairs = _candidates(keys, buckets, steps)
            pairs = pairs[labels[pairs[:, 0]] != labels[pairs[:, 1]]]
            pairs = pairs[~_among(_coded(pairs), tried)]
            found = _similarity(sketches, pairs) >= threshold
            equal = found & (facts[pairs[:, 0]] == facts[pairs[:, 1]])
            near.append(pairs[equal])
            template.append(pairs[found & ~equal])
            tried = np.sort(np.concatenate([tried, _coded(pairs[~equal])]))
            labels = _components(len(facts), np.concatenate(near))
    return np.concatenate(near), np.concatenate(template)


def _in_buckets(keys: Hashes, facts: Hashes, rank: Ints) -> Ints:
    """Rows that share their key with another, bucket by bucket.

    Inside a bucket equal facts stand together, so that a window over many variants meets the
    true copies.
    """
    import numpy as np

    order = np.argsort(keys)
    same = keys[order[1:]] == keys[order[:-1]]
    shared = np.zeros(len(keys), np.bool_)
    shared[1:] |= same
    shared[:-1] |= same
    order = order[shared]
    return order[np.lexsort((rank[order], facts[order], keys[order]))]


def _candidates(keys: Hashes, buckets: Ints, steps: range) -> Ints:
    """(n, 2) pairs of rows that stand so many steps apart in one bucket, lower row first."""
    import numpy as np

    ordered = keys[buckets]
    pairs = [np.zeros((0, 2), np.int64)]
    for step in steps[: len(buckets)]:
        at = np.flatnonzero(ordered[step:] == ordered[:-step])
        if not len(at):
            break
        pairs.append(np.stack([buckets[at], buckets[at + step]], axis=1))
    return np.sort(np.concatenate(pairs), axis=1)


def _coded(pairs: Ints) -> Hashes:
    """Pairs of rows as one number each."""
    import numpy as np

    coded: Hashes = (pairs[:, 0].astype(np.uint64) << np.uint64(32)) | pairs[:, 1].astype(np.uint64)
    return coded


def _among(values: Hashes, known: Hashes) -> Bools:
    """Whether each value is in `known`, which is sorted: np.isin hashes, and is 10 x as slow."""
    import numpy as np

    if not len(known):
        return np.zeros(len(values), np.bool_)
    at = np.minimum(np.searchsorted(known, values), len(known) - 1)
    among: Bools = known[at] == values
    return among


def _similarity(sketches: Sketches, pairs: Ints) -> Floats:
    """(n_pairs,) exact Jaccard similarity of rows, in chunks of bounded size."""
    import numpy as np

    size = sketches.lengths[pairs].sum(axis=1)
    cuts = np.flatnonzero(np.diff(np.cumsum(size) // CHUNK_SHINGLES)) + 1
    parts = [np.zeros(0)]
    for chunk in np.split(pairs, cuts):
        lengths = sketches.lengths[chunk]
        left, right = (
            sketches.shingles[_minhash.gather(sketches.starts[chunk[:, side]], lengths[:, side])]
            for side in (0, 1)
        )
        parts.append(_minhash.jaccard(left, right, lengths[:, 0], lengths[:, 1]))
    return np.concatenate(parts)


def _components(n: int, edges: Ints) -> Labels:
    """(n,) number of each node's connected component."""
    import numpy as np
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    ones = np.ones(len(edges), np.int8)
    graph = coo_array((ones, (edges[:, 0], edges[:, 1])), shape=(n, n))
    labels: Labels = connected_components(graph, directed=False)[1]
    return labels


# --- clusters ---------------------------------------------------------------------------------


def _rows(sketches: Sketches, near: Ints, template: Ints) -> Iterator[Duplicate]:
    import numpy as np

    n = len(sketches.ids)
    if not n:
        return
    exact = np.stack([np.arange(n), sketches.first], axis=1)
    same = np.concatenate([exact, sketches.passage_of[near]])
    cluster = _components(n, same)
    clustered = np.bincount(cluster)[cluster] > 1
    whole = _components(n, np.concatenate([same, sketches.passage_of[template]]))
    variant = ~clustered & (np.bincount(whole)[whole] > 1)
    # a cluster stands for its template variants; without one, the smallest of them does
    head = _heads(cluster, sketches.rank)
    head[variant] = _heads(whole, sketches.rank + n * ~clustered)[variant]
    found = np.flatnonzero(clustered | variant)
    copies = np.bincount(sketches.first, minlength=n)[sketches.first]
    equal = (sketches.first == sketches.first[head]) & (copies > 1)
    similarity = _to_head(sketches, found, head[found])
    for i, value in zip(found.tolist(), similarity.tolist(), strict=True):
        relation = _relation(bool(equal[i]), bool(variant[i]))
        yield Duplicate(sketches.ids[i], sketches.ids[head[i]], relation, value)


def _relation(equal: bool, variant: bool) -> Literal["exact", "near", "template"]:
    return "template" if variant else "exact" if equal else "near"


def _heads(labels: Labels, rank: Ints) -> Ints:
    """(n,) for each node the one of lowest rank in its component."""
    import numpy as np

    order = np.argsort(rank)
    _, first, inverse = np.unique(labels[order], return_index=True, return_inverse=True)
    heads = np.empty_like(order)
    heads[order] = order[first][inverse]
    return heads


def _to_head(sketches: Sketches, passages: Ints, heads: Ints) -> Floats:
    """Jaccard similarity of passages with their clusters' heads; 1.0 for equal texts."""
    import numpy as np

    similarity = np.ones(len(passages))
    other = sketches.first[passages] != sketches.first[heads]
    pairs = np.stack([sketches.row_of[passages[other]], sketches.row_of[heads[other]]], axis=1)
    similarity[other] = _similarity(sketches, pairs)
    return similarity

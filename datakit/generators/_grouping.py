"""Points into groups: HDBSCAN proposes, the mean cosine inside a group decides."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

SMALL = 10  # points: a smaller cell is proposed as one group; pipeline §6
DIMENSIONS = 32  # pipeline §6
MOST = 20  # points of a group; pipeline §6
_MOST_AT_ONCE = 4000  # points whose distances are held at once: 128 MB


def reduced(vectors: Any, seed: int) -> np.ndarray:
    """(n, d) sparse or dense to (n, ≤ 32) float64, unit length, by truncated SVD."""
    import numpy as np
    from sklearn.decomposition import TruncatedSVD
    from sklearn.preprocessing import normalize

    size = min(DIMENSIONS, vectors.shape[0] - 1, vectors.shape[1] - 1)
    if size < 2:
        dense: np.ndarray = vectors.toarray() if hasattr(vectors, "toarray") else vectors
        return dense
    with np.errstate(invalid="ignore", divide="ignore"):  # the variance of equal rows is 0
        small = TruncatedSVD(size, random_state=seed % 2**32).fit_transform(vectors)
    unit: np.ndarray = normalize(small)
    return unit


def groups(vectors: Any, near: float, seed: int = 0) -> list[list[int]]:
    """All rows in groups, a row that is near no other alone in its own.

    HDBSCAN proposes groups on the reduced vectors; average linkage cuts each of them, and what
    HDBSCAN calls noise, where the mean cosine of two parts is below `near`, and then merges parts
    of different proposals, and rows that are left over, where it is not.

    Args:
        vectors: (n, d) sparse or dense, unit length.
        near: least mean cosine.
        seed: of the reduction.

    Source:
        HDBSCAN's settings: pipeline §6. Differs in how noise joins, and in the cut: HDBSCAN gives
        every dense region, and among few titles that is often two industries' worth of topics.
    """
    proposals = _proposals(vectors, seed)
    found = [part for rows in proposals for part in _cut(vectors, rows, near)]
    return sorted(_merged(vectors, found, near), key=lambda rows: rows[0])


def _proposals(vectors: Any, seed: int) -> list[list[int]]:
    n = vectors.shape[0]
    if n < SMALL:
        return [list(range(n))]
    from sklearn.cluster import HDBSCAN

    labels = HDBSCAN(
        min_cluster_size=2, min_samples=2, max_cluster_size=MOST, metric="euclidean", copy=True
    ).fit_predict(reduced(vectors, seed))
    found: dict[int, list[int]] = defaultdict(list)
    for row, label in enumerate(labels.tolist()):
        found[label].append(row)
    return [found[label] for label in sorted(found)]


def _cut(vectors: Any, rows: list[int], near: float) -> list[list[int]]:
    """Rows in parts by average linkage on 1 − cosine."""
    if len(rows) == 1 or len(rows) > _MOST_AT_ONCE:
        return [[row] for row in rows]
    import numpy as np
    from scipy.cluster.hierarchy import fcluster, linkage
    from scipy.spatial.distance import squareform

    distances = np.clip(1 - _cosines(vectors, rows, rows), 0.0, 2.0)
    distances = (distances + distances.T) / 2
    np.fill_diagonal(distances, 0.0)
    tree = linkage(squareform(distances, checks=False), "average")
    labels = fcluster(tree, 1 - near, "distance")
    parts: dict[int, list[int]] = defaultdict(list)
    for row, label in zip(rows, labels.tolist(), strict=True):
        parts[label].append(row)
    return list(parts.values())


def _cosines(vectors: Any, left: Sequence[int], right: Sequence[int]) -> np.ndarray:
    product = vectors[list(left)] @ vectors[list(right)].T
    dense: np.ndarray = product.toarray() if hasattr(product, "toarray") else product
    return dense


def _merged(vectors: Any, found: list[list[int]], near: float) -> list[list[int]]:
    """Average linkage between groups, the nearest pair first, up to `MOST` rows."""
    import numpy as np

    kept = [sorted(rows) for rows in found]
    if len(kept) > _MOST_AT_ONCE:
        return kept
    sums = _sums(vectors, kept)
    sizes = np.array([len(rows) for rows in kept])
    totals = (sums @ sums.T).toarray()
    np.fill_diagonal(totals, -np.inf)
    while len(kept) > 1:
        room = sizes[:, None] + sizes[None, :] <= MOST
        means = np.where(room, totals / (sizes[:, None] * sizes[None, :]), -np.inf)
        a, b = sorted(map(int, np.unravel_index(int(np.argmax(means)), means.shape)))
        if means[a, b] < near:
            return kept
        kept[a] = sorted(kept[a] + kept[b])
        sizes[a] += sizes[b]
        totals[a] += totals[b]
        totals[:, a] += totals[:, b]
        totals[a, a] = -np.inf
        del kept[b]
        sizes = np.delete(sizes, b)
        totals = np.delete(np.delete(totals, b, 0), b, 1)
    return kept


def _sums(vectors: Any, found: Sequence[Sequence[int]]) -> Any:
    """(n_groups, d) sparse: the sum of each group's rows."""
    import numpy as np
    import scipy.sparse

    rows = np.array([row for group in found for row in group])
    labels = np.array([number for number, group in enumerate(found) for _ in group])
    shape = (len(found), vectors.shape[0])
    membership = scipy.sparse.csr_matrix((np.ones(len(rows)), (labels, rows)), shape)
    return membership @ scipy.sparse.csr_matrix(vectors)


def cohesion(vectors: Any, rows: Sequence[int]) -> float:
    """Mean cosine over the pairs of a group; 1 for a single row."""
    n = len(rows)
    if n < 2:
        return 1.0
    total = float(_cosines(vectors, rows, rows).sum())
    return (total - n) / (n * (n - 1))


def silhouettes(vectors: Any, found: Sequence[Sequence[int]]) -> tuple[list[float], float]:
    """Mean silhouette of each group, and Davies–Bouldin of all; Euclidean.

    Args:
        vectors: (n, d) sparse or dense, unit length.
        found: groups of at least two rows each.

    Returns:
        nan where there are fewer than two groups: both are undefined then.
    """
    if len(found) < 2:
        return [math.nan] * len(found), math.nan
    import numpy as np
    from sklearn.metrics import silhouette_samples

    rows = [row for group in found for row in group]
    labels = np.array([number for number, group in enumerate(found) for _ in group])
    values = silhouette_samples(vectors[rows], labels)
    means = np.bincount(labels, values) / np.bincount(labels)
    return means.tolist(), _davies_bouldin(vectors, found)


def _davies_bouldin(vectors: Any, found: Sequence[Sequence[int]]) -> float:
    """Mean over groups of the largest (spread + spread) / distance to another; 0 is best.

    Source:
        Davies & Bouldin 1979. As sklearn.metrics.davies_bouldin_score, without dense copies.
    """
    import numpy as np
    import scipy.sparse

    sizes = np.array([len(rows) for rows in found])
    centres = scipy.sparse.csr_matrix(_sums(vectors, found).multiply(1 / sizes[:, None]))
    norms = np.asarray(centres.multiply(centres).sum(axis=1)).ravel()
    points = scipy.sparse.csr_matrix(vectors)
    spread = np.array([
        _mean_distance(points[list(rows)] @ centres[[i]].T, norms[i])
        for i, rows in enumerate(found)
    ])  # fmt: skip
    squares = norms[:, None] + norms[None, :] - 2 * (centres @ centres.T).toarray()
    apart = np.sqrt(np.clip(squares, 0, None))
    np.fill_diagonal(apart, np.inf)
    ratios = (spread[:, None] + spread[None, :]) / np.maximum(apart, 1e-12)
    return float(ratios.max(axis=1).mean())


def _mean_distance(products: Any, norm: float) -> float:
    """Of unit points to a centre, from their products with it and its squared length."""
    import numpy as np

    return float(np.sqrt(np.clip(1 - 2 * products.toarray() + norm, 0, None)).mean())

"""Copies among the passages: equal keys, near-duplicates and template variants."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from datakit.auditing.facts import Facts

    Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Copies:
    """Of n passages, which one each is a copy of."""

    exact: Ints  # (n,) first passage with the same comparison key; itself when it is the first
    near: Ints  # (n,) head of its near-duplicate cluster, exact copies included
    variant: Ints  # (n,) head of its template variants; itself without any

    @property
    def n(self) -> int:
        return len(self.exact)


def find_copies(facts: Facts) -> Copies:
    """By comparison key, then by MinHash with exact Jaccard and the numeric guard."""
    import numpy as np

    from datakit.miners.duplicates import Duplicates
    from datakit.progress import progress

    texts = facts.passages
    own = np.arange(len(texts), dtype=np.int64)
    exact = first_of(texts.keys)
    near, variant = exact.copy(), own.copy()
    with progress("near-duplicates", len(texts), "passages", facts.shown) as bar:
        rows = list(Duplicates()(bar.track(_distinct_only(facts, exact))))
    if rows:
        import pyarrow as pa

        here = texts.rows_of(pa.array([r.passage_id for r in rows]))
        head = texts.rows_of(pa.array([r.cluster_id for r in rows]))
        template = np.array([r.relation == "template" for r in rows])
        near[here[~template]] = head[~template]
        variant[here[template]] = head[template]
        near = near[exact]  # an exact copy goes with the passage that it copies
    return Copies(exact, near, variant)


def _distinct_only(facts: Facts, exact: Ints) -> Any:
    first = (exact == range(len(exact))).tolist()
    return (p for p, is_first in zip(facts.short_passages(), first, strict=True) if is_first)


def first_of(keys: NDArray[np.uint64]) -> Ints:
    """(n,) for each key the first row that has it."""
    import numpy as np

    _, first, inverse = np.unique(keys, return_index=True, return_inverse=True)
    found: Ints = first[inverse]
    return found

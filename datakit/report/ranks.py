"""First ranks of a run, as trec_eval ranks: score in single precision, ties by descending id."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from datakit.dataset import Dataset
from datakit.report.reading import pieces

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

_ORDER = [("query_id", "ascending"), ("score", "descending"), ("passage_id", "descending")]


def top(
    dataset: Dataset, run: str, depth: int, queries: pa.Array | None = None
) -> Iterator[pa.Table]:
    """query_id, passage_id, rank from 1, of the first `depth` of each query, part by part.

    A query's rows lie in one part, as `datakit retrieve` writes them; else its ranks are those
    within each part.

    Args:
        dataset: with the table `run/<run>`.
        run: its name.
        depth: ranks that are wanted.
        queries: (n,) ids; None: all.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    for piece in pieces(dataset, f"run/{run}", ("query_id", "passage_id", "score")):
        table = piece
        if queries is not None:
            table = table.filter(pc.is_in(table["query_id"], value_set=queries))
        if not table.num_rows:
            continue
        table = table.set_column(2, "score", pc.cast(table["score"], "float32")).sort_by(_ORDER)
        rank = place(table["query_id"].combine_chunks().dictionary_encode().indices.to_numpy())
        ranked = table.append_column("rank", pa.array(rank))
        yield ranked.filter(pc.less_equal(ranked["rank"], depth))


def place(groups: np.ndarray) -> np.ndarray:
    """(n,) the place of each row within its group, from 1; rows of a group lie together."""
    import numpy as np

    starts = np.flatnonzero(np.concatenate([[True], groups[1:] != groups[:-1]]))
    sizes = np.diff(np.concatenate([starts, [len(groups)]]))
    found: np.ndarray = np.arange(len(groups)) - np.repeat(starts, sizes) + 1
    return found

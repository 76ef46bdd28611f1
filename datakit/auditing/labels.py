"""The labels of a dataset as arrays over the rows of its queries and passages."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from datakit.auditing.texts import Texts

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

    from datakit.dataset import Dataset

    Ints = NDArray[np.int64]
    Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Labels:
    """n labels; those of a query or passage that is not there have row -1."""

    tables: tuple[str, ...]
    query_ids: pa.StringArray  # (n,)
    passage_ids: pa.StringArray
    query: Ints  # (n,) row in the query table
    passage: Ints
    grade: Ints
    source: pa.StringArray
    relevant_from: int

    def __len__(self) -> int:
        return len(self.grade)

    @cached_property
    def whole(self) -> Bools:
        """(n,) both ends are there."""
        return (self.query >= 0) & (self.passage >= 0)

    @cached_property
    def positive(self) -> Bools:
        return self.whole & (self.grade >= self.relevant_from)

    def pair(self, rows: Any) -> list[str]:
        """`query_id passage_id` of some labels: the id of a label in findings."""
        import numpy as np
        import pyarrow as pa
        import pyarrow.compute as pc

        at = pa.array(np.asarray(rows, np.int64))
        joined = pc.binary_join_element_wise(
            self.query_ids.take(at), self.passage_ids.take(at), " "
        )
        found: list[str] = joined.to_pylist()
        return found


def label_tables(dataset: Dataset) -> tuple[str, ...]:
    """The tables whose labels count: `qrel/mined`, which holds the others, else all there are."""
    found = tuple(t for t in dataset.tables() if t.split("/")[0] == "qrel")
    return ("qrel/mined",) if "qrel/mined" in found else found


def read_labels(dataset: Dataset, queries: Texts, passages: Texts) -> Labels:
    import pyarrow as pa

    tables = label_tables(dataset)
    columns = ["query_id", "passage_id", "grade", "source"]
    pieces = [dataset.arrow(table, columns) for table in tables]
    empty = pa.table([[], [], [], []], schema=pa.schema(
        [(c, pa.int64() if c == "grade" else pa.string()) for c in columns]
    ))  # fmt: skip
    rows = pa.concat_tables([empty, *pieces]).combine_chunks()
    query_ids, passage_ids, grade, source = (_flat(rows[c]) for c in columns)
    scale = dataset.manifest.get("label_scale") or {}
    return Labels(
        tables, query_ids, passage_ids, queries.rows_of(query_ids), passages.rows_of(passage_ids),
        grade.to_numpy(zero_copy_only=False).astype("int64"), source,
        int(scale.get("relevant_from", 2)),
    )  # fmt: skip


def _flat(column: Any) -> Any:
    import pyarrow as pa

    return pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], column.type)


def mask_of(labels: Labels, inside: Any) -> Bools:
    """(n_labels,) which labels are of the queries of a part.

    Args:
        labels: all of them.
        inside: (n_queries,) bool: the queries of the part.
    """
    import numpy as np

    known: Bools = np.append(np.asarray(inside, bool), False)[labels.query]  # -1: no such query
    return known

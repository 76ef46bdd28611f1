"""Where in a document relevant passages lie, and where in a passage the evidence stands."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from datakit.dataset import Dataset
from datakit.records import LEVELS
from datakit.report.reading import lookup, main_labels, relevant_from, whole
from datakit.report.shaping import Cross, level_name, ordered

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

TENTHS = tuple(f"{10 * i}–{10 * i + 10}" for i in range(10))  # percent of the length


@dataclass(frozen=True, slots=True)
class PositionFacts:
    """Counts by tenth of the length, from the beginning on."""

    in_document: Cross | None  # rows: all passages, relevant passages
    in_passage: Cross | None  # rows: levels; evidence of labels


def position_facts(dataset: Dataset) -> PositionFacts:
    """Each None where the tables do not say."""
    import pyarrow.compute as pc

    table = main_labels(dataset)
    passages = whole(dataset, "passage", "passage_id", "doc_id", "start", "end")
    if table is None or passages is None or not passages.num_rows:
        return PositionFacts(None, None)
    labels = dataset.arrow(table, ["passage_id", "grade", "level", "evidence"])
    labels = labels.filter(pc.greater_equal(labels["grade"], relevant_from(dataset)))
    return PositionFacts(_in_document(passages, labels), _in_passage(passages, labels))


def _in_document(passages: pa.Table, labels: pa.Table) -> Cross | None:
    """The middle of each passage as a share of its document, up to the end of the last passage."""
    import pyarrow.compute as pc

    lengths = passages.group_by("doc_id").aggregate([("end", "max"), ("start", "count")])
    # of a document that is one passage the position says nothing
    lengths = lengths.filter(pc.greater(lengths["start_count"], 1))
    length = lookup(passages["doc_id"], lengths, "doc_id", "end_max").to_numpy(zero_copy_only=False)
    middle = _middle(passages["start"], passages["end"])
    share = middle / length
    known = share == share  # noqa: PLR0124 - nan: of a document with one passage
    if not known.any():
        return None
    at = pc.index_in(labels["passage_id"], value_set=passages["passage_id"].combine_chunks())
    rows = at.drop_null().to_numpy()
    relevant = share[rows]
    cells = (_tenths(share[known]), _tenths(relevant[relevant == relevant]))  # noqa: PLR0124
    return Cross(("all passages", "relevant passages, by label"), TENTHS, cells)


def _in_passage(passages: pa.Table, labels: pa.Table) -> Cross | None:
    """The middle of the first evidence of each label, as a share of its passage."""
    import numpy as np
    import pyarrow.compute as pc

    some = pc.greater(pc.fill_null(pc.list_value_length(labels["evidence"]), 0), 0)
    labels = labels.filter(some)
    if not labels.num_rows:
        return None
    first = pc.list_element(labels["evidence"].combine_chunks(), 0)
    at = pc.index_in(labels["passage_id"], value_set=passages["passage_id"].combine_chunks())
    inside = pc.is_valid(at).to_numpy(zero_copy_only=False)
    rows = at.drop_null().to_numpy()
    start = passages["start"].to_numpy()[rows]
    size = passages["end"].to_numpy()[rows] - start
    middle = _middle(pc.struct_field(first, "start"), pc.struct_field(first, "end"))[inside]
    owner = passages["doc_id"].combine_chunks().take(at.drop_null())
    same = pc.equal(owner, pc.struct_field(first, "doc_id").filter(at.is_valid())).to_numpy(
        zero_copy_only=False
    )
    share = (middle - start) / np.maximum(size, 1)
    good = same & (share >= 0) & (share <= 1)
    levels = np.array([level_name(v) for v in labels["level"].to_pylist()], dtype=object)[inside]
    names = ordered(set(levels[good].tolist()), LEVELS)
    if not names:
        return None
    cells = tuple(_tenths(share[good & (levels == name)]) for name in names)
    return Cross(tuple(names), TENTHS, cells)


def _middle(start: pa.ChunkedArray, end: pa.ChunkedArray) -> np.ndarray:
    middle: np.ndarray = (start.to_numpy() + end.to_numpy()) / 2
    return middle


def _tenths(shares: np.ndarray) -> tuple[int, ...]:
    import numpy as np

    return tuple(np.histogram(shares, bins=10, range=(0, 1))[0].tolist())

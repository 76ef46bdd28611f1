"""Single judgements on another segmentation: each is of one text, and goes where that text is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from datakit.dataset import Dataset
from datakit.judging.tables import judged_tables
from datakit.projection.intervals import Spans
from datakit.projection.labels import Corpus, codes
from datakit.projection.moving import Target
from datakit.records import Dropped, Judgement


def judgements_of(
    dataset: Dataset, corpus: Corpus, target: Target
) -> Iterator[tuple[str, Judgement | Dropped]]:
    """What judges and people said, with its table: moved to the passage with the very same span.

    Whoever judged has read one passage. A passage that is longer or shorter is another text, so
    what they would say of it is not known; what they decided is in the labels, which move by their
    evidence.
    """
    tables = judged_tables(dataset)
    place = _same_text(dataset, tables, corpus, target)
    for table in tables:
        for row in dataset.read(table):
            new = place.get(row.passage_id)
            if new is not None:
                yield table, replace(row, passage_id=new)
                continue
            said = "no grade" if row.grade is None else f"grade {row.grade}"
            yield table, Dropped(
                f"{row.query_id} {row.passage_id}"[:400], "judged_another_text",
                f"{table}: {row.assessor_id or row.source} gave it {said}; no passage has just the "
                "text that was judged",
            )  # fmt: skip


def _same_text(
    dataset: Dataset, tables: tuple[str, ...], corpus: Corpus, target: Target
) -> dict[str, str]:
    """The new passage by the old one, for passages that were judged and kept their span."""
    import pyarrow as pa

    if not tables:
        return {}
    columns = [dataset.arrow(table, ["passage_id"])["passage_id"] for table in tables]
    ids = pa.chunked_array([chunk for one in columns for chunk in one.chunks], pa.string()).unique()
    rows = codes(ids, corpus.ids)
    rows = np.unique(rows[rows >= 0])
    old = corpus.spans.take(rows)
    near = np.flatnonzero(np.isin(target.spans.doc, old.doc))
    new = target.spans.take(near)
    at = dict(zip(_keys(new), near.tolist(), strict=True))
    return {
        corpus.ids[row].as_py(): target.ids[at[key]].as_py()
        for row, key in zip(rows.tolist(), _keys(old), strict=True)
        if key in at
    }


def _keys(spans: Spans) -> list[tuple[int, int, int]]:
    return list(zip(spans.doc.tolist(), spans.start.tolist(), spans.end.tolist(), strict=True))

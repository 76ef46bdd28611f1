"""What people said becomes rows of `judgement/human`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from datakit.dataset import Dataset
from datakit.judging.review import NAME, judgements_of
from datakit.judging.tables import append
from datakit.records import Dropped, Judgement
from datakit.reviewing import answers
from datakit.reviewing.batch import chances
from datakit.reviewing.files import read_filled

INCLUSION = "inclusion_probability"  # among the scores of a judgement
Rows = Iterable[tuple[int, Mapping[str, str]]]


def bring_in(
    dataset: Dataset, files: Iterable[Path] = (), assessor: str | None = None,
    named: Callable[[str], str] = str,
) -> dict[str, int]:  # fmt: skip
    """Add the grades of filled-in files, and of the labelling page, to the judgements.

    Args:
        dataset: locked for writing.
        files: of any form that `files.read_filled` knows; the page's answers come in always.
        assessor: of rows that name none.
        named: the name of an assessor whom a file gives as a number or an address.

    Returns:
        Rows added and dropped, by `added`, `dropped`.
    """
    rows: list[Judgement | Dropped] = []
    for path in files:
        filled = [(number, _renamed(row, named)) for number, row in read_filled(path)]
        rows += judgements_of(path, filled, dataset, assessor)
    rows += judgements_of(answers.path_of(dataset), answers.rows(dataset), dataset)
    return append(dataset, NAME, list(_with_chances(dataset, rows)), {"plugin": "review"})


def _renamed(row: Mapping[str, str], named: Callable[[str], str]) -> Mapping[str, str]:
    return {**row, "assessor": named(row.get("assessor", "").strip())}


def _with_chances(
    dataset: Dataset, rows: Iterable[Judgement | Dropped]
) -> Iterator[Judgement | Dropped]:
    drawn = chances(dataset)
    for row in rows:
        pair = (row.query_id, row.passage_id) if isinstance(row, Judgement) else None
        if isinstance(row, Judgement) and pair in drawn:
            yield replace(row, scores={**row.scores, INCLUSION: drawn[pair]})
        else:
            yield row

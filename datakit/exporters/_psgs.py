"""The passage file of DPR, PAQ and their kin: `id⇥text⇥title` with a header."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from datakit.exporters._lines import Cells, read_columns
from datakit.exporters._view import Title, View, titled
from datakit.exporters._write import Draft

PASSAGES = "psgs.tsv"
HEADER = "id\ttext\ttitle"


def write_passages(view: View, draft: Draft, title: Title) -> None:
    draft.raw(PASSAGES, HEADER + "\n")
    draft.start(PASSAGES)
    for passage in view.passages():
        own, text = (draft.one_line(part) for part in titled(passage, title))
        cells = (passage.passage_id, text, own)
        draft.add(PASSAGES, "\t".join(cells), cells)


def read_passages(path: Path) -> Iterator[Cells]:
    return map(tuple, read_columns(path, 3, skip=1))

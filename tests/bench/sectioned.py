"""Documents with headings for benches: the sample that the card's figures and the log's are of."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path

from datakit.segmentation.corpus import SectionedDocument, Split, read

MOST_LINES = 250  # of a document: few long ones decide nothing
A_GROUP = 4  # documents of one publisher


def by_split(
    data: Iterable[Path], language: str | None = None
) -> Mapping[Split, list[SectionedDocument]]:
    """Documents of two lines or more; those for development and test are not long, few a group."""
    found: dict[Split, list[SectionedDocument]] = {"train": [], "dev": [], "test": []}
    of_group: Counter[str] = Counter()
    for document in read(data):
        if len(document.lines) < 2 or language not in (None, document.language):
            continue
        if document.split != "train":
            if len(document.lines) > MOST_LINES or of_group[document.group] >= A_GROUP:
                continue
            of_group[document.group] += 1
        found[document.split].append(document)
    return found

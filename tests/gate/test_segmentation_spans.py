"""Every real document is in its passages, whole and within the limits, whatever a model says."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest
from gap_models import ByChance

from datakit import registry
from datakit.plan import load
from datakit.reading import read_source
from datakit.records import Document, Passage
from datakit.segmenters import topic_change
from datakit.sources import SourceFile
from datakit.text import count_tokens

SETS = ("tos", "fin")
LEAST_DOCUMENTS = {"tos": 337, "fin": 569}  # fewer: files went missing or do not read
LIMITS = (512, 120)


@pytest.mark.slow
@pytest.mark.parametrize("name", SETS)
def test_every_character_of_a_real_document_is_in_exactly_one_passage(
    name: str, shared_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(topic_change, "load_model", lambda model: ByChance(seed=11))
    segmenters = [
        registry.make(
            "segmenters",
            "topic_change",
            {"min_tokens": most // 8, "target_tokens": most // 2, "max_tokens": most},
        )
        for most in LIMITS
    ]
    n_documents = 0
    for found in _documents(shared_data / name, tmp_path):
        n_documents += 1
        for segmenter in segmenters:
            _check(found, list(segmenter([found])), segmenter.max_tokens)

    assert n_documents >= LEAST_DOCUMENTS[name]


def _documents(folder: Path, scratch: Path) -> Iterator[Document]:
    ingestors = [use.plugin for use in load().uses["ingest"]]
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        size = path.stat().st_size
        file = SourceFile(path, path.relative_to(folder).as_posix(), size, "", {})
        found = read_source(file, ingestors, scratch)
        yield from (one for one in found if isinstance(one, Document))


def _check(found: Document, result: list[Passage], most: int) -> None:
    text, where = found.text, found.source_uri
    assert all(text[p.start : p.end] == p.text for p in result), where
    assert all(a.end <= b.start for a, b in itertools.pairwise(result)), where
    edges = [0, *(edge for p in result for edge in (p.start, p.end)), len(text)]
    between = [text[a:b] for a, b in zip(edges[::2], edges[1::2], strict=True)]
    assert not any(blank.strip() for blank in between), where
    assert all(p.n_tokens == count_tokens(p.text) <= most for p in result), where
    assert all(a.p_end == b.p_start for a, b in itertools.pairwise(result)), where

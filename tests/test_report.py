from __future__ import annotations

import html
import re
from html.parser import HTMLParser
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from datakit.dataset import Dataset, write_tables
from datakit.records import (
    Document,
    Dropped,
    Duplicate,
    Evidence,
    Measure,
    Negative,
    Passage,
    Qrel,
    Query,
    ScoredPassage,
)
from datakit.report import plots, write_report
from datakit.report.examples import Example, examples
from datakit.report.facts import gather
from datakit.report.measures import MEASURES
from datakit.report.page import csp_hash, render
from datakit.report.passages import cut, inside, window
from datakit.report.pointers import pointers
from datakit.report.shaping import equal_bins
from datakit.report.verdict import EXTRACTIVE, SMALL, head

HOSTILE = "<script>alert('x')</script>\"&</style>\u202e\x00<img src=x onerror=alert(1)>"
SENTENCES = {
    "en": "You may cancel within 14 days. We return your money by the same way you paid. ",
    "zh": "公司第三季度营业收入同比增长百分之十二。管理层认为需求仍将回升。",
}
LEVELS = ("sentence", "passage", "topic")
SPLITS = ("train", "train", "train", "dev", "test")


def corpus(n: int) -> tuple[list[Document], list[Passage]]:
    documents, passages = [], []
    for i in range(n):
        language = "zh" if i % 3 == 0 else "en"
        text = SENTENCES[language] * 8
        documents.append(
            Document(
                f"d{i:04}",
                text,
                f"{i}.html",
                title=HOSTILE if i == 1 else f"Terms {i}",
                issuer="某某证券" if language == "zh" else "Acme Ltd",
                language=language,
                category=["travel", "finance", "新能源"][i % 3],
                family_id=f"f{i // 2}",
                doc_type=["terms", "privacy", "research_report"][i % 3],
                date=f"20{18 + i % 7}-03-01",
            )
        )
        half = len(text) // 2
        for j, (start, end) in enumerate([(0, half), (half, len(text))]):
            shown = {"title": documents[-1].title, "issuer": documents[-1].issuer}
            passages.append(
                Passage(f"d{i:04}:{start}-{end}", f"d{i:04}", text[start:end], start, end, j,
                        ("1 General", HOSTILE), language=language, n_tokens=40 + i % 300, **shown)
            )  # fmt: skip
    return documents, passages


def queries_of(passages: list[Passage]) -> list[Query]:
    made = []
    for i, p in enumerate(passages):
        family = int(p.doc_id[1:]) // 2
        made.append(
            Query(
                f"q{i:04}",
                HOSTILE if i == 2 else f"{p.text[:14]} {i}",
                p.language,
                LEVELS[(i // 2 + i // 6) % 3],
                "question" if i % 2 else "keyword",
                generator_family="extractive",
                seed_passage_ids=(p.passage_id,),
                evidence=(Evidence(p.doc_id, p.start, p.start + 30),),
                pattern=["heading", "definition", "key_term"][i // 6 % 3],
                split=SPLITS[family % 5],
                facets={"topic": "退款 <b>"} if i % 5 == 0 else {},
            )
        )
    return made


def labels_of(queries: list[Query], passages: list[Passage]) -> tuple[list[Qrel], list[Qrel]]:
    seed, mined = [], []
    for i, q in enumerate(queries):
        p = q.seed_passage_ids[0]
        seed.append(Qrel(q.query_id, p, 3, "direct", q.level, q.split, ("seed",), {}, q.evidence))
        other = passages[i ^ 1].passage_id
        source = "indirect-query" if i % 4 == 0 else "indirect-passage"
        if i % 2 == 0:
            mined.append(
                Qrel(q.query_id, other, 2, source, q.level, q.split, ("query", "global"),
                     {"bm25": 7.25, "dense": 0.61}, flags=("uncertified",))
            )  # fmt: skip
    return seed, seed + mined


def measures_of() -> list[Measure]:
    slices = [("all", "all"), *((lv, "all") for lv in LEVELS), ("all", "en"), ("all", "zh")]
    rows = product(MEASURES, ("bm25", "dense"), ("test", "dev"), slices, ("seed", "mined"))
    return [
        Measure(m, run, split, lv, lang, labels, v, v - 0.07, v + 0.06, 40)
        for i, (m, run, split, (lv, lang), labels) in enumerate(rows)
        for v in [0.35 + i % 11 / 20]
    ]


def stage(
    name: str, n_in: int, n_out: int, reasons: dict[str, int] | None = None
) -> dict[str, Any]:
    reasons = reasons or {}
    return {
        "stage": name.partition("/")[0], "plugin": name.rpartition("/")[2], "inputs": {},
        "settings": {"k": [1, 2]}, "outputs": [], "dropped_by_reason": reasons,
        "counts": {"in": n_in, "out": n_out, "dropped": sum(reasons.values())},
        "shards": {"total": 4, "computed": 3}, "seconds": 1.25, "tool_version": "0.1.0",
    }  # fmt: skip


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Every table, English and Chinese, with hostile titles, queries, ids and details."""
    documents, passages = corpus(60)
    queries = queries_of(passages)
    seed, mined = labels_of(queries, passages)
    run = [
        ScoredPassage(q.query_id, p.passage_id, 10.0 - k)
        for i, q in enumerate(queries)
        for k, p in enumerate((passages * 2)[i + 1 : i + 12])
    ]
    negatives = [
        Negative(q.query_id, passages[(i + 7) % len(passages)].passage_id, "mined", "bm25", 4.0,
                 0.8, 1.0, 3, q.split)
        for i, q in enumerate(queries)
    ]  # fmt: skip
    copies = [Duplicate(p.passage_id, passages[0].passage_id, "near", 0.9) for p in passages[:3]]
    drops = [Dropped(HOSTILE, "too_short", f"{HOSTILE} {i}") for i in range(5)]
    tables = {
        "document": documents, "passage": passages, "duplicate": copies, "query": queries,
        "qrel/seed": seed, "qrel/mined": mined, "run/bm25": run, "run/dense": run[::2],
        "negative/mined": negatives, "measure": measures_of(), "dropped/segment": drops,
    }  # fmt: skip
    stages = {
        "ingest": stage("ingest", 60, 60),
        "segment": stage("segment", 60, 120, {"too_short": 5}),
        "retrieve/bm25": stage("retrieve/bm25", 120, 1320),
    }
    return write_tables(
        tmp_path_factory.mktemp("full"), tables, "build", stages=stages, dataset_id="demo", seed=13,
        plan={"seed": 13, "generate": [{"use": HOSTILE}]},
    )  # fmt: skip


@pytest.fixture(scope="module")
def page(full: Dataset) -> str:
    return render(full)


def examples_of(dataset: Dataset) -> tuple[Example, ...]:
    return examples(dataset, gather(dataset).runs_by_value())


class Tags(HTMLParser):
    """What a browser would see: tags with attributes, and which are open."""

    VOID = ("wbr", "meta", "rect", "line", "circle", "br", "img", "link")

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID or tag in ("rect", "circle"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


# --- safety -------------------------------------------------------------------------------


def test_corpus_text_never_becomes_markup(page: str) -> None:
    tags = Tags(page)

    assert not tags.open
    assert [tag for tag, _ in tags.tags].count("script") == 1
    assert not {tag for tag, _ in tags.tags} & {"img", "iframe", "object", "link", "base", "form"}
    assert html.escape("<script>alert('x')", quote=False) in page.replace("&#39;", "'")
    assert "\x00" not in page
    assert "\u202e" not in page


def test_nothing_is_fetched_or_run_from_outside(page: str) -> None:
    for _, attributes in Tags(page).tags:
        assert not {"src", "style", "action", "srcset"} & set(attributes)
        assert not [name for name in attributes if name.startswith("on")]
        assert (attributes.get("href") or "#").startswith("#")
    assert not re.search(r"url\(|@import", page)


def test_policy_allows_exactly_the_style_and_script_of_the_page(page: str) -> None:
    (policy,) = re.findall(r'Security-Policy" content="([^"]*)"', page)
    for tag in ("style", "script"):
        (content,) = re.findall(rf"<{tag}>(.*?)</{tag}>", page, re.DOTALL)
        assert f"{tag}-src '{csp_hash(content)}'" in html.unescape(policy)
    assert policy.startswith("default-src &#39;none&#39;") or policy.startswith(
        "default-src 'none'"
    )


def test_size_is_bounded_whatever_the_dataset_holds(tmp_path: Path) -> None:
    long, many = HOSTILE * 20, range(400)
    document = Document("d", long, "d.html", title=long, issuer=long)
    tables = {
        "document": [
            Document(f"{i}{long}", "x", "x", category=f"{i}{long}", doc_type=f"{i}{long}",
                     date=f"{1500 + i}") for i in many
        ] + [document],
        "passage": [Passage("p" + long, "d", long, 0, len(long), 0, (long,), language=long)],
        "query": [
            Query(f"{i}{long}", long, long, long, long, pattern=f"{i}{long}",  # type: ignore[arg-type]
                  facets={f"{k}{long}": long for k in range(20)})
            for i in range(12)
        ],
        "qrel/mined": [
            Qrel(f"{i}{long}", "p" + long, 3, long, routes=(long,), flags=(long,))  # type: ignore[arg-type]
            for i in range(12)
        ],
        "measure": [
            Measure(f"m{k}{long}", f"r{i}{long}", "test", "all", "all", long, 0.5, 0.4, 0.6, 9)
            for i in range(30) for k in range(10)
        ],
        "dropped/x": [Dropped(long, f"{i}{long}", long) for i in range(40)],
    }  # fmt: skip
    stages = {
        f"{i}{long}": stage("x", 9, 9, {f"{k}{long}": 1 for k in range(9)}) for i in range(60)
    }
    stages["x"] = stage("x", 40, 0, {f"{i}{long}": 1 for i in range(40)})
    dataset = write_tables(tmp_path / "out", tables, "x", stages=stages, dataset_id=long)

    assert write_report(dataset).stat().st_size < 5_000_000


# --- the file -----------------------------------------------------------------------------


def test_report_lies_in_the_dataset_and_leaves_nothing_else(full: Dataset, tmp_path: Path) -> None:
    before = {p.name for p in full.path.iterdir()}

    assert write_report(full) == full.path / "report.html"
    assert {p.name for p in full.path.iterdir()} - before <= {"report.html"}
    assert (
        write_report(full, tmp_path / "other.html").read_bytes()
        == (full.path / "report.html").read_bytes()
    )


def test_sections_come_in_reading_order(page: str) -> None:
    ids = re.findall(r'<section id="(\w+)"', page)

    assert ids == re.findall(r'<li><a href="#(\w+)"', page)
    assert ids == [
        "first", "gates", "audit", "sources", "queries", "labels", "judges", "measures", "splits",
        "examples", "stages", "methods",
    ]  # fmt: skip


def test_every_chart_has_a_unique_title_and_a_description_with_its_numbers(page: str) -> None:
    svgs = re.findall(r'<svg role="img".*?</svg>', page, re.DOTALL)
    names = [re.search(r'aria-labelledby="(\S+) (\S+)"', svg) for svg in svgs]

    assert len(svgs) > 12
    assert len({m.group(1) for m in names if m}) == len(svgs)
    for svg, name in zip(svgs, names, strict=True):
        assert name
        assert f'<title id="{name.group(1)}">' in svg
        assert re.search(rf'<desc id="{name.group(2)}">[^<]*\d', svg)


# --- what it says -------------------------------------------------------------------------


def test_extractive_test_queries_cap_the_verdict_at_smoke(tmp_path: Path) -> None:
    _, passages = corpus(400)
    queries = queries_of(passages)
    seed, _ = labels_of(queries, passages)
    dataset = write_tables(
        tmp_path, {"passage": passages, "query": queries, "qrel/seed": seed}, "x"
    )

    found = head(gather(dataset))

    assert found.verdict == "smoke"
    assert EXTRACTIVE in found.why
    assert SMALL in found.why
    assert ("Precision of labels", "no judge and no human labels") in found.not_established


def test_fewer_than_75_test_queries_fail(full: Dataset) -> None:
    found = head(gather(full))

    assert found.verdict == "fail"
    assert found.why[0].startswith("test split: 24 queries, at least 75")


def test_pointers_are_few_and_lead_to_sections(full: Dataset, page: str) -> None:
    found = pointers(gather(full))

    assert 1 <= len(found) <= 5
    assert all(f'<section id="{pointer.section}"' in page for pointer in found)
    assert any("too_short in segment: 5 records" in pointer.text for pointer in found)


def test_dropped_records_are_counted_with_two_examples(full: Dataset) -> None:
    segment = gather(full).stages[1]

    assert (segment.seen, segment.kept, segment.dropped, segment.reused) == (60, 120, 5, 1)
    assert [r.count for r in segment.reasons] == [5]
    assert [detail for _, detail in segment.reasons[0].examples] == [f"{HOSTILE} 0", f"{HOSTILE} 1"]


def test_splits_that_share_nothing_show_no_leak(full: Dataset) -> None:
    splits = gather(full).splits

    assert splits
    assert splits.leaking == 0
    assert {leak.kind: leak.totals[1] for leak in splits.leaks}["query text"] == 24


def test_a_passage_that_is_relevant_in_train_and_test_is_a_leak(tmp_path: Path) -> None:
    queries = [
        Query("q1", "Same  Text", "en", "passage", "keyword", split="train"),
        Query("q2", "same text", "en", "passage", "keyword", split="test"),
    ]
    passages = [Passage(f"d:{i}-{i + 1}", "d", "x", i, i + 1, i) for i in range(2)]
    copies = [Duplicate(p.passage_id, "d:0-1", "exact", 1.0) for p in passages]
    qrels = [Qrel("q1", "d:0-1", 3, "direct"), Qrel("q2", "d:1-2", 3, "direct")]
    tables = {"query": queries, "passage": passages, "duplicate": copies, "qrel/seed": qrels}

    splits = gather(write_tables(tmp_path, tables, "x")).splits

    assert splits
    assert {leak.kind: leak.shared[0] for leak in splits.leaks} == {
        "query text": 1,
        "relevant passage": 0,
        "copies of a relevant passage": 1,
        "document of a relevant passage": 1,
    }


def test_a_document_with_labels_of_both_splits_is_no_leak_but_is_said(tmp_path: Path) -> None:
    queries = [
        Query("q1", "one", "en", "passage", "keyword", split="train"),
        Query("q2", "two", "en", "passage", "keyword", split="test"),
    ]
    passages = [Passage(f"d:{i}-{i + 1}", "d", "x", i, i + 1, i) for i in range(2)]
    qrels = [Qrel("q1", "d:0-1", 3, "direct"), Qrel("q2", "d:1-2", 3, "direct")]
    tables = {"query": queries, "passage": passages, "qrel/seed": qrels}

    found = gather(write_tables(tmp_path, tables, "x"))

    assert found.splits
    assert found.splits.leaking == 0
    claims = dict(head(found).not_established)
    assert (
        claims["Train and test from separate documents"] == "labels of both reach into 1 document"
    )


def test_retrievers_that_cover_different_queries_are_not_put_side_by_side(tmp_path: Path) -> None:
    sizes = {"bm25": 40, "dense": 25}
    rows = [
        Measure("nDCG@10", run, "test", "all", "all", "seed", 0.5, 0.4, 0.6, n)
        for run, n in sizes.items()
    ]
    said = "their values over all languages do not compare"

    assert said in render(write_tables(tmp_path / "uneven", {"measure": rows}, "x"))
    assert said not in render(write_tables(tmp_path / "even", {"measure": rows[:1]}, "x"))


def test_a_handful_of_queries_gives_no_interval(tmp_path: Path) -> None:
    where = {"labels": "seed", "value": 0.4321, "ci_low": 0.1234, "ci_high": 0.9876}
    rows = [
        Measure("nDCG@10", "bm25", "test", level, "all", n_queries=n, **where)
        for level, n in (("all", 80), ("passage", 78), ("topic", 2))
    ]

    page = render(write_tables(tmp_path, {"measure": rows}, "x"))

    assert "topic · bm25" not in page
    assert "without slices of fewer than 10" in page
    assert page.count("0.123–0.988") == 2
    assert page.count("0.432 <small>n &lt; 10") == 1


def test_examples_go_down_to_the_file(full: Dataset) -> None:
    for example in examples_of(full):
        assert example.passage
        assert example.passage.source_uri == f"{int(example.passage.passage_id[1:5])}.html"


def test_examples_cover_levels_languages_and_sources(full: Dataset, page: str) -> None:
    shown = examples_of(full)

    assert len(shown) == 10
    assert len({e.query["query_id"] for e in shown}) == 10
    assert {(e.query["level"], e.query["language"]) for e in shown} == set(
        product(LEVELS, ("en", "zh"))
    )
    assert {e.label["source"] for e in shown} == {"direct", "indirect-query", "indirect-passage"}
    assert all(e.negative and e.rival for e in shown)
    assert page.count('<details class="example"') == 10


def test_evidence_is_marked_where_it_stands(full: Dataset) -> None:
    for example in examples_of(full):
        if example.label["source"] == "direct":
            assert example.passage
            text = "".join(piece for piece, _ in example.passage.pieces)
            (marked,) = [piece for piece, is_evidence in example.passage.pieces if is_evidence]
            assert text.startswith(marked)
            assert len(marked) == 30


def test_long_passage_is_cut_around_its_evidence() -> None:
    passage = {"doc_id": "d", "text": "a" * 5000 + "EVIDENCE" + "b" * 5000, "start": 100}
    spans = [{"doc_id": "d", "start": 5100, "end": 5108}, {"doc_id": "e", "start": 0, "end": 9}]
    marked = inside(passage, spans)
    start, end = window(passage["text"], marked, 900)

    assert marked == [(5000, 5008)]
    assert end - start == 900
    assert ("EVIDENCE", True) in cut(passage["text"], marked, start, end)


def test_a_language_without_a_dense_retriever_is_pointed_at(tmp_path: Path) -> None:
    _, passages = corpus(30)
    queries = queries_of(passages)
    run = [ScoredPassage(q.query_id, passages[0].passage_id, 1.0) for q in queries]
    english = [s for s, q in zip(run, queries, strict=True) if q.language == "en"]
    tables = {"passage": passages, "query": queries, "run/bm25": run, "run/lsa": english}
    stages = {f"retrieve/{name}": stage(name, 60, 60) for name in ("bm25", "lsa")}
    dataset = write_tables(tmp_path, tables, "x", stages=stages)

    said = [pointer.text for pointer in pointers(gather(dataset))]

    assert any(text.startswith("Chinese queries have no dense retriever") for text in said)


def test_queries_that_were_dropped_after_retrieval_are_not_counted(tmp_path: Path) -> None:
    tables = {
        "query": [Query("q1", "one", "en", "passage", "keyword")],
        "run/bm25": [ScoredPassage(q, "p", 1.0) for q in ("q1", "q2")],
    }

    (run,) = gather(write_tables(tmp_path, tables, "x")).runs

    assert run.languages == {"en": 1}


def test_report_says_how_to_build_the_dataset_again(page: str) -> None:
    text = html.unescape(page)

    assert "datakit build SOURCES -o OUT --plan plan.toml\ndatakit stats OUT" in text
    assert "[[generate]]" in text


# --- datasets that lack tables ------------------------------------------------------------


def test_imported_dataset_has_a_report_that_says_what_is_missing(tmp_path: Path) -> None:
    tables = {
        "passage": [Passage(f"p{i}", f"p{i}", f"text {i}", 0, 6, 0) for i in range(30)],
        "query": [Query(f"{i}", f"what is {i}", "en", None, None) for i in range(10)],
        "qrel/human": [Qrel(f"{i}", f"p{i}", i % 3, "human") for i in range(10)],
        "run/bm25": [
            ScoredPassage(f"{i}", f"p{j}", 1.0 / j) for i in range(10) for j in range(1, 9)
        ],
    }
    dataset = write_tables(tmp_path, tables, "import")
    found = head(gather(dataset))
    page = render(dataset)

    assert found.missing == ("document", "negative/mined", "measure")
    assert "People labelled n = 10 pairs." in found.established
    assert "There is no table document" in page
    assert "no query is assigned to a split" in page
    assert "People" in page
    assert len(examples_of(dataset)) == 3


def test_empty_dataset_and_empty_tables_have_a_report(tmp_path: Path) -> None:
    names = ("document", "passage", "duplicate", "query", "qrel/seed", "negative/mined", "measure")
    nothing = Dataset.create(tmp_path / "nothing")
    empty = write_tables(tmp_path / "empty", {**{n: [] for n in names}, "run/bm25": []}, "x")

    assert "neither a table document nor a table passage" in render(nothing)
    assert "table query is empty" in render(empty)


# --- charts -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("part", "whole", "said"),
    [(0, 9, "0\u00a0%"), (1, 9999, "< 0.1\u00a0%"), (9999, 10000, "> 99.9\u00a0%"), (1, 0, "–")],
)
def test_shares_say_what_they_round(part: int, whole: int, said: str) -> None:
    assert plots.percent(part, whole) == said


def test_bins_have_round_edges_and_hold_every_value() -> None:
    import numpy as np

    shown = equal_bins(np.arange(1, 513))

    assert sum(count for _, count in shown.bins) == 512
    assert [label for label, _ in shown.bins][:3] == ["0", "100", "200"]
    assert shown.largest == 512


def test_wide_characters_take_two_columns_in_a_label() -> None:
    assert plots.shorten("新能源汽车行业", 8) == "新能源…"
    assert plots.shorten("short", 8) == "short"

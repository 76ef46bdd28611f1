"""Cells and clusters of titles and headings, and the command that shows them."""

from __future__ import annotations

import json
import random
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from builders import document
from sklearn.metrics import davies_bouldin_score
from typer.testing import CliRunner

from datakit.cli import app
from datakit.generators import _cells, _grouping, _points
from datakit.generators._cells import Window
from datakit.generators._clusters import CellClusters, Cluster, Clustering, found_in, narrow
from datakit.generators.extractive_top_down import ExtractiveTopDown
from datakit.records import Document

BATTERIES = ("动力电池装机量回升", "动力电池价格跟踪", "动力电池出海专题：欧洲建厂")
SHIPS = ("干散货航运运价上涨", "油运与干散货航运周报", "航运市场月报：干散货")
PIGS = ("生猪养殖成本下降", "生猪养殖产能去化", "能繁母猪与生猪养殖")


def report(title: str, **meta: Any) -> Document:
    given = {
        "doc_type": "research_report",
        "language": "zh",
        "category": "综合",
        "date": "2024-02-01",
    }
    given |= {"title": title, "source_uri": f"{title}{meta.get('date', '')}.md"}
    return document(
        "# 摘要\n\n本期报告讨论了装机量、价格和出口的变化情况，供参考。", **(given | meta)
    )


def policy(issuer: str, *headings: str, **meta: Any) -> Document:
    body = "\n\n".join(f"## {heading}\n\nSome text about {heading}." for heading in headings)
    given = {"doc_type": "terms", "language": "en", "valid_from": "2024-05-01"}
    given |= {"issuer": issuer, "title": "Terms of Service", "source_uri": f"{issuer}.md"}
    return document(body, **(given | meta))


def clusters(documents: Iterable[Document], **settings: Any) -> list[Cluster]:
    return ExtractiveTopDown(**settings).clusters(documents, [])


def titles(found: Iterable[Cluster]) -> set[frozenset[str]]:
    return {frozenset(one.titles) for one in found}


# --- cells -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("date", "kind", "window", "expected"),
    [
        ("2024-03-31", "report", "auto", "2024-Q1"),
        ("2024-04", "filing", "auto", "2024-Q2"),
        ("2024-03-31", "terms", "auto", "2024"),
        ("2024-03-31", "report", "month", "2024-03"),
        ("2024-07-01", "terms", "half", "2024-H2"),
        ("2024-12-31", "report", "quarter", "2024-Q4"),
        ("2024-12-31", "report", "all", "all"),
        ("2024", "report", "month", "2024"),
        ("2024-00", "report", "quarter", "2024"),
        ("soon", "report", "all", "undated"),
        (None, "terms", "year", "undated"),
    ],
)
def test_the_window_of_a_date(date: str | None, kind: Any, window: Window, expected: str) -> None:
    assert _cells.window_of(date, kind, window) == expected


def test_a_document_sits_in_at_most_two_categories_of_weight_enough() -> None:
    weights = {"电子": 0.5, "汽车": 0.3, "银行": 0.3, "化工": 0.29}
    one = _cells.brief(report("动力电池", category_weights=weights))

    assert one.categories == ("电子", "汽车")


def test_documents_without_a_value_have_cells_that_say_so() -> None:
    (cell,) = _cells.cells([_cells.brief(report("动力电池", category=None, date=None))])

    assert (cell.category, cell.window) == ("uncategorised", "undated")


def test_reports_and_articles_share_a_cell() -> None:
    one, other = report("动力电池跟踪"), report("动力电池来了", doc_type=None)

    assert [one.kind for one in _cells.cells(map(_cells.brief, (one, other)))] == ["report"]
    assert [one.kind for one in _cells.cells([_cells.brief(other)])] == ["article"]


def test_a_heading_loses_its_issuer_and_what_then_hangs_in_the_air() -> None:
    headings = ("Paid subscriptions on Acme", "Acme's refunds", "Effective 1 May 2024")
    one = _cells.brief(policy("Acme", *headings))

    assert [heading.text for heading in one.headings] == ["paid subscriptions", "refunds"]


def test_lines_are_kept_only_where_they_are_asked_for() -> None:
    doc = policy("Acme", "Refunds")

    assert _cells.brief(doc).headings[0].opening == ""
    assert _cells.brief(doc, with_lines=True).headings[0].opening == "Some text about Refunds."


def test_a_summary_is_a_sentence_and_not_the_title_again() -> None:
    title = "动力电池价格跟踪与展望专题报告之一（2024年）"
    body = f"{title}。\n\n一季度电池价格继续下降，装机量同比增长三成。"
    doc = document(body, title=title, language="zh")

    summary = _cells.brief(doc, with_lines=True).summary
    assert summary == "一季度电池价格继续下降，装机量同比增长三成。"


def test_a_clipped_text_ends_at_a_sentence_or_a_word() -> None:
    assert _cells.clipped("One here. Two is longer than that.", 20, cjk=False) == "One here."
    assert _cells.clipped("A sentence without any end", 14, cjk=False) == "A sentence…"
    assert _cells.clipped("没有句号的一段话", 5, cjk=True) == "没有句号…"


# --- clusters ----------------------------------------------------------------------------------


def test_three_topics_of_one_cell_come_apart() -> None:
    found = clusters(report(title) for title in (*BATTERIES, *SHIPS, *PIGS, "高股息策略"))

    assert titles(found) == {frozenset(BATTERIES), frozenset(SHIPS), frozenset(PIGS)}


def test_a_small_cell_of_unlike_titles_is_no_topic() -> None:
    assert clusters(map(report, ("动力电池装机量回升", "白酒批价回落", "海上风电招标"))) == []


def test_what_every_title_of_an_industry_says_brings_none_together() -> None:
    matters = (
        "息差回升", "理财规模", "信用卡坏账", "数字化转型", "资本补充", "村镇合并", "外汇敞口",
        "按揭提前还款", "绿色信贷", "息差企稳",
    )  # fmt: skip
    bank = [f"银行业{matter}" for matter in matters]
    found = clusters(report(title, category="银行") for title in bank)

    assert titles(found) == {frozenset(("银行业息差回升", "银行业息差企稳"))}


def test_a_long_title_that_one_issuer_has_twice_is_one_work() -> None:
    title = "动力电池行业专题报告：欧洲市场建厂进展与竞争格局"
    twice = [report(title, issuer="甲", source_uri=f"{n}.md") for n in (1, 2)]

    assert clusters(twice) == []
    assert len(clusters([*twice, report(title, issuer="乙", source_uri="3.md")])) == 1


def test_a_series_with_a_short_title_is_a_topic() -> None:
    weekly = [report("风电周报", issuer="甲", source_uri=f"{n}.md") for n in (1, 2)]

    assert [len(one.doc_ids) for one in clusters(weekly)] == [2]


def test_terms_cluster_by_heading_and_need_two_sources() -> None:
    found = clusters(
        [
            policy("Acme", "Refunds and cancellation", "Rocket launches", "Your refunds"),
            policy("Globex", "Refunds and Cancellation", "Governing law"),
            policy("Initech", "Refunds", "Our service"),
        ]
    )

    (one,) = found
    assert one.unit == "section"
    assert set(one.titles) == {"refunds and cancellation", "refunds"}
    acme = next(member for member in one.members if member.brief.issuer == "Acme")
    assert [heading.text for heading in acme.headings] == [
        "refunds and cancellation",
        "your refunds",
    ]


def test_one_text_under_two_names_is_one_source() -> None:
    headings = ("Refunds", "Retention", "Governing law", "Indemnity", "Fees", "Arbitration")
    same = [policy(name, *headings) for name in ("Acme Chat", "Acme Draw")]

    assert clusters(same) == []
    assert len(clusters([*same, policy("Globex", "Refunds", "Shipping")])) == 1


def test_filings_with_like_titles_go_by_heading() -> None:
    filings = [
        policy(
            name, "Supply chain risks", doc_type="10-K", title="Annual report", date="2024-02-01"
        )
        for name in ("Acme", "Globex", "Initech")
    ]

    assert [(one.unit, one.window) for one in clusters(filings)] == [("section", "2024-Q1")]


def test_reports_with_like_titles_and_no_headings_go_by_title() -> None:
    found = clusters(report("光伏行业周报", source_uri=f"{n}.md") for n in range(5))

    assert [len(one.doc_ids) for one in found] == [5]


def test_a_window_as_wide_as_all_brings_quarters_together() -> None:
    documents = [report(BATTERIES[0], date="2023-02-01"), report(BATTERIES[1], date="2024-08-01")]

    assert clusters(documents) == []
    (one,) = clusters(documents, window="all")
    assert one.facets == {"category": "综合"}


def test_the_order_of_the_documents_changes_nothing() -> None:
    documents = [report(title) for title in (*BATTERIES, *SHIPS, *PIGS, "高股息策略")]
    shuffled = random.Random(3).sample(documents, len(documents))

    assert clusters(documents) == clusters(shuffled)


def test_what_is_not_asked_about_is_dropped_with_a_reason() -> None:
    documents = [
        *map(report, (BATTERIES[0], "高股息策略")),
        policy("Acme"),
        policy("Globex", "Fees"),
    ]
    dropped = [row for found in found_in(documents, Clustering()) for row in narrow(found, least=2)]

    assert [row.reason for row in dropped] == ["single_document_cluster"] * 3
    assert "1 headings" in dropped[0].detail
    (none,) = [row for one in found_in([policy("Acme")], Clustering()) for row in narrow(one, 2)]
    assert none.reason == "no_heading"


def test_an_encoder_replaces_the_words(monkeypatch: pytest.MonkeyPatch) -> None:
    class Sides:
        def encode(self, texts: list[str]) -> np.ndarray:
            return np.array([[1, 0] if "电池" in text else [0, 1] for text in texts], np.float32)

        def identity(self) -> dict[str, Any]:
            return {"model": "sides"}

    monkeypatch.setattr("datakit.models.load_encoder", lambda *_, **__: Sides())
    documents = [report(title) for title in ("电池甲", "电池乙", "港口", "机场")]

    settings = {"encoder": "sides", "encoder_languages": ("zh",)}
    assert titles(clusters(documents, **settings)) == {
        frozenset(("电池甲", "电池乙")),
        frozenset(("港口", "机场")),
    }
    assert ExtractiveTopDown(**settings).fingerprint() == {"model": "sides"}
    assert ExtractiveTopDown().fingerprint() is None


# --- grouping ----------------------------------------------------------------------------------


def blobs(n_each: int, n: int) -> np.ndarray:
    """(n · n_each, n) unit length: n directions with a little noise."""
    rng = np.random.default_rng(0)
    points = np.repeat(np.eye(n), n_each, axis=0) + rng.normal(0, 0.05, (n * n_each, n))
    return points / np.linalg.norm(points, axis=1, keepdims=True)


def test_groups_are_the_directions_and_no_row_is_lost() -> None:
    points = blobs(5, 6)
    found = _grouping.groups(points, near=0.5)

    assert found == [list(range(5 * i, 5 * i + 5)) for i in range(6)]


def test_a_group_of_hdbscan_that_does_not_hold_together_is_cut() -> None:
    points = blobs(1, 8)

    assert _grouping.groups(points, near=0.5) == [[i] for i in range(8)]


def test_merging_stops_at_the_largest_size() -> None:
    same = np.ones((45, 1))
    found = _grouping.groups(same[:9], near=0.5)
    merged = _grouping._merged(same, [[i] for i in range(45)], near=0.5)

    assert found == [list(range(9))]
    assert sorted(map(len, merged)) == [5, 20, 20]


def test_davies_bouldin_is_that_of_scikit_learn() -> None:
    points, found = blobs(4, 3), [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10, 11]]
    means, index = _grouping.silhouettes(points, found)

    assert index == pytest.approx(davies_bouldin_score(points, np.repeat([0, 1, 2], 4)))
    assert all(0.8 < value <= 1 for value in means)


def test_a_cell_of_one_cluster_has_no_silhouette() -> None:
    means, index = _grouping.silhouettes(blobs(4, 1), [[0, 1, 2, 3]])

    assert np.isnan(means[0])
    assert np.isnan(index)


def test_rows_of_the_matrix_are_of_unit_length_and_an_empty_one_is_like_no_other() -> None:
    units = [
        _points.Unit("a", ("x",), ("1",), {"x": 1.0}), _points.Unit("b", (), ("2",)),
        _points.Unit("c", (), ("3",)),
    ]  # fmt: skip
    product = _points.matrix(units, lambda name: 2.0)
    cosines = (product @ product.T).toarray()

    assert cosines.tolist() == np.eye(3).tolist()


# --- the command -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset with documents and nothing else."""
    folder = tmp_path_factory.mktemp("clusters")
    rows = [
        {"title": title, "text": f"{title}。正文说明了原因和影响。", "industry": "综合",
         "date": "2024-02-01", "type": "研究报告"}
        for title in (*BATTERIES, *SHIPS, "高股息策略\x1b[2J")
    ]  # fmt: skip
    source = folder / "reports.jsonl"
    source.write_text("\n".join(json.dumps(row) for row in rows), "utf-8")
    done = CliRunner().invoke(app, ["ingest", str(source), "-o", str(folder / "out"), "-q"])
    assert done.exit_code == 0, done.output
    return folder / "out"


def test_clusters_are_shown_before_anything_is_generated(out: Path) -> None:
    done = CliRunner().invoke(app, ["clusters", str(out), "--titles", "2"])

    assert done.exit_code == 0, done.output
    assert "综合|2024-Q1|zh|report: documents 7, clusters 2, documents in them 6" in done.output
    assert "动力电池" in done.output
    assert "… and 1 more" in done.output
    assert "1 cells, 7 documents, 2 clusters of 6 documents" in done.output


def test_clusters_as_json(out: Path) -> None:
    done = CliRunner().invoke(app, ["clusters", str(out), "--json", "--set", "window=month"])
    found = json.loads(done.output)

    (cell,) = found["cells"]
    assert (found["n_clusters"], cell["window"], cell["n_narrow"]) == (2, "2024-02", 1)
    assert {one["size"] for one in cell["clusters"]} == {3}
    assert all(one["terms"] and 0 < one["cohesion"] <= 1 for one in cell["clusters"])
    assert cell["silhouette"] > 0
    assert cell["davies_bouldin"] > 0


def test_nothing_of_a_source_moves_the_cursor(out: Path) -> None:
    done = CliRunner().invoke(app, ["clusters", str(out), "--set", "min_documents=1"])

    assert "高股息策略" in done.output
    assert "\x1b" not in done.output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--cell", "no such"], "has no cell with 'no such' in its name"),
        (["--use", "extractive_bottom_up"], "makes no clusters"),
        (["--set", "window=week"], "window = 'week'"),
    ],
)
def test_what_cannot_be_shown_is_one_line(out: Path, arguments: list[str], message: str) -> None:
    done = CliRunner().invoke(app, ["clusters", str(out), *arguments])

    assert done.exit_code != 0
    assert message in str(done.exception)


def test_cells_are_those_of_the_documents(out: Path) -> None:
    from datakit.dataset import Dataset

    found: list[CellClusters] = list(ExtractiveTopDown().cells(Dataset.open(out).read("document")))

    assert [one.n_documents for one in found] == [7]
    assert found[0].diversity is not None

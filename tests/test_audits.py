"""Every check on a clean dataset and on planted defects of known size."""

from __future__ import annotations

import copy
import json
import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import planted
import planted_defects
import planted_verdicts
import pytest

from datakit import registry
from datakit.auditing import keys, personal, running, verdict
from datakit.auditing.intervals import wilson
from datakit.dataset import Dataset
from datakit.errors import PlanError, UsageError

CLEAN = planted.clean()
assert planted_verdicts.plants is planted_defects.plants  # both are in PLANTS


def audited(path: Path, plant: planted_defects.Plant, only: str) -> tuple[running.Audit, int]:
    tables = copy.copy(CLEAN)
    tables = {name: list(rows) for name, rows in tables.items()}
    n = plant(tables)
    dataset = planted.write(tables, path)
    values = {c: v for c, v in planted_defects.SETTINGS.items() if c == only}
    return running.audit(dataset, "release", "human", values, only=[only]), n


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    tables = planted.clean(200, size=planted.WELL_JUDGED)
    return planted.write(tables, tmp_path_factory.mktemp("audits") / "large")


def test_no_check_of_any_tier_flags_a_clean_dataset_of_2000_passages(large: Dataset) -> None:
    found = running.audit(large, "release", "human")

    assert large.count("passage") == 2000
    assert found.crashes == ()
    assert [(f.check_id, f.message) for f in found.findings] == []


@pytest.mark.parametrize("key", sorted(planted_defects.PLANTS), ids=" ".join)
def test_a_planted_defect_is_found_with_the_right_count(
    key: tuple[str, str, str], tmp_path: Path
) -> None:
    check_id, part, measure = key

    found, n = audited(tmp_path / "planted", planted_defects.PLANTS[key], check_id)

    (row,) = [o for o in found.outcomes if o.key == (check_id, part, measure)]
    assert found.crashes == ()
    assert row.status in ("warn", "fail"), row
    if n:
        counts = {f.n_affected for f in found.findings if f.message == row.message}
        assert counts == {n}, row.message


def test_the_clean_dataset_that_the_defects_are_planted_in_has_none(tmp_path: Path) -> None:
    # with 120 test queries it is too small for claims, which is true
    found = running.audit(planted.write(CLEAN, tmp_path / "clean"), "release", "cheap")

    assert {f.check_id for f in found.findings} <= {"DK603"}
    for o in found.outcomes:
        assert o.status != "not_established" or o.reason, o


def test_another_byte_in_a_part_is_found(tmp_path: Path) -> None:
    dataset = planted.write(CLEAN, tmp_path / "changed")
    (path, _), *_ = dataset.parts("query")
    path.write_bytes(path.read_bytes()[:-1] + b"x")

    (found,) = running.audit(dataset, only=["DK001"]).findings

    assert (found.severity, found.record_ids) == (
        "blocker", ("query/part-00000.parquet: other bytes",),
    )  # fmt: skip


def test_queries_of_a_public_benchmark_are_an_error_of_a_release(tmp_path: Path) -> None:
    known = CLEAN["query"][3], CLEAN["query"][-1]
    (tmp_path / "public.txt").write_text("\n".join(q.text.upper() for q in known), "utf-8")
    dataset = planted.write(CLEAN, tmp_path / "clean")
    values = {"DK205": {"lists": (str(tmp_path / "public.txt"),)}}

    found = running.audit(dataset, "release", values=values, only=["DK205"]).findings
    told = running.audit(dataset, "all", values=values, only=["DK205"]).findings

    assert sorted(n for f in found for n in f.record_ids) == sorted(q.query_id for q in known)
    assert {f.severity for f in found} == {"error"}
    assert {f.severity for f in told} == {"info"}


def test_lengths_are_compared_with_those_of_real_queries(tmp_path: Path) -> None:
    (tmp_path / "real.txt").write_text("\n".join(["two words"] * 50), "utf-8")
    values = {"DK505": {"reference": str(tmp_path / "real.txt")}}

    found = running.audit(planted.write(CLEAN, tmp_path / "c"), values=values, only=["DK505"])

    assert {o.status for o in found.outcomes} == {"warn"}


def test_a_release_needs_a_card_and_reasons_for_what_was_dropped(tmp_path: Path) -> None:
    stages = {"segment": {"counts": {"dropped": 4}, "settings": {}}}
    dataset = planted.write(CLEAN, tmp_path / "bare", card={}, stages=stages)

    found = running.audit(dataset, "release", only=["DK803", "DK804"]).findings

    assert {(f.check_id, f.severity) for f in found} == {("DK803", "error"), ("DK804", "error")}
    assert "lacks description, creator" in found[0].message + found[1].message


def test_the_rate_of_false_negatives_is_that_of_the_calibration(tmp_path: Path) -> None:
    dataset = planted.write(CLEAN, tmp_path / "calibrated")
    missed = {"n_drawn": 400, "rate": {"value": 0.4, "low": 0.35, "high": 0.45}}
    (dataset.path / "calibration").mkdir()
    body = {"level": "passage", "missed": missed, "people": None}
    (dataset.path / "calibration" / "passage.json").write_text(json.dumps(body))

    found = running.audit(dataset, "test", "judge", only=["DK303"]).findings

    assert [(f.severity, f.value) for f in found] == [("error", 0.4)]
    assert "judge-relative" in found[0].message


def test_answers_seen_in_train_are_told(tmp_path: Path) -> None:
    tables = {name: list(rows) for name, rows in CLEAN.items()}
    train, test = (next(q for q in CLEAN["query"] if q.split == s) for s in ("train", "test"))
    planted_defects.rewrite(tables, "query", {test.query_id: {"evidence": train.evidence}})

    (found,) = running.audit(
        planted.write(tables, tmp_path / "seen"), "test", only=["DK204"]
    ).findings

    assert (found.severity, test.query_id in found.record_ids) == ("info", True)


def test_every_check_says_what_it_is() -> None:
    known = running.checks()

    assert len({c.check.id for c in known}) == len(registry.names("audits"))
    for c in known:
        assert type(c).plugin_name.startswith(c.check.id.lower())
        assert any(getattr(c, p, "") for p in (*verdict.PARTS, "release"))


def test_limits_are_written_as_in_the_checklist() -> None:
    worst, milder = verdict.limits("W>1% E>5%")

    assert (worst.severity, worst.bound, milder.severity, milder.bound) == (
        "error", 0.05, "warning", 0.01,
    )  # fmt: skip
    with pytest.raises(PlanError, match="limit 'E=5'"):
        verdict.limits("E=5")


def test_an_error_of_a_sample_needs_the_whole_interval() -> None:
    check = verdict.Check("DK1", "t", "f", "x")
    sure = verdict.rate("test", 40, 200, "m", sampled=True)
    unsure = verdict.rate("test", 3, 20, "m", sampled=True)

    assert verdict.outcome(check, sure, "W>5% E>10%").severity == "error"
    assert verdict.outcome(check, unsure, "W>5% E>10%").severity == "warning"


@pytest.mark.parametrize(
    ("hits", "n", "low", "high"),
    [(0, 100, 0, 0.037), (10, 200, 0.027, 0.090), (25, 500, 0.034, 0.073)],
)  # fmt: skip
def test_wilson_intervals_are_those_of_the_reference(
    hits: int, n: int, low: float, high: float
) -> None:
    assert wilson(hits, n) == (pytest.approx(low, abs=5e-4), pytest.approx(high, abs=5e-4))


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("The fee: 1.5 %", "the fee 1.5%", True), ("the fee 1.5%", "the fee 15%", False),
        ("第３季度，净利润！", "第3季度净利润", True), ("C++ or C", "C# or C", False),
        ("a_b (c)", "A B C", True), ("12, 5", "125", False),
    ],
)  # fmt: skip
def test_comparison_keys_forgive_punctuation_and_keep_numbers(
    one: str, other: str, same: bool
) -> None:
    assert (keys.comparison_key(one) == keys.comparison_key(other)) is same


def test_check_digits_are_computed() -> None:
    assert personal.resident_id("11010519491231002X")
    assert not personal.resident_id("110105194912310021")
    assert personal.luhn("6222021234567894")
    assert not personal.luhn("6222021234567895")
    assert personal.social_credit("91350100M000100Y43")
    assert not personal.social_credit("91350100M000100Y44")


@pytest.mark.parametrize(
    ("address", "found"),
    [
        ("联系人李庭旭litingxu@broker.com", True), ("charles_yang@broker.com", True),
        ("dsar@openai.com", False), ("anthropicprivacy@firm.co.kr", False),
        ("rep_deepseek@prighter.com", False), ("ar-enterprise@openai.com", False),
        ("vulnerability-disclosure@shop.com", False), ("datenschutz@shop.de", False),
        ("shopoptout@shop.com", False), ("korealocalagent@shop.com", False),
        ("disputes@shop.com", False), ("zhangsan@broker.com.cn", True), ("jane@example.org", False),
    ],
)  # fmt: skip
def test_the_address_of_an_office_is_no_personal_data(address: str, found: bool) -> None:
    assert ("email" in personal.kinds_of(f"write to {address}.", 0, True)) is found


@pytest.mark.parametrize(
    ("text", "found"),
    [("from 81.2.69.142 today", True), ("IP地址为81.2.69.142，", True),
     ("嘉元科技1.60.50.2-公司", False), ("%-1.220.161.64N/A", False)],
)  # fmt: skip
def test_joined_numbers_of_a_table_are_no_address(text: str, found: bool) -> None:
    assert ("ip" in personal.kinds_of(text, 9, False)) is found


def test_topics_of_documents_are_no_shift_and_few_documents_say_nothing(tmp_path: Path) -> None:
    """A query names its document's topic: queries at random over documents are told by it."""
    tables = {name: list(rows) for name, rows in CLEAN.items()}
    doc = {p.passage_id: p.doc_id for p in tables["passage"]}
    topic = {d: planted.word(random.Random(d), "en") * 2 for d in doc.values()}
    tables["query"] = [
        replace(q, text=f"{topic[doc[q.seed_passage_ids[0]]]} {q.text}") for q in tables["query"]
    ]
    dataset = planted.write(tables, tmp_path / "topics")
    (row,) = running.audit(dataset, "release", "human", only=["DK701"]).outcomes

    assert row.status == "pass", row

    tables["passage"] = [
        replace(p, doc_id="d0" if int(p.doc_id[1:]) % 5 >= 3 else p.doc_id)
        for p in tables["passage"]
    ]
    dataset = planted.write(tables, tmp_path / "few")
    (row,) = running.audit(dataset, "release", "human", only=["DK701"]).outcomes

    assert row.status == "not_established"
    assert "1 of test; 20 of each are needed" in row.reason


def test_another_passage_of_one_document_is_no_other_version_of_it(tmp_path: Path) -> None:
    tables = {name: list(rows) for name, rows in CLEAN.items()}
    (train, test) = (next(q for q in tables["query"] if q.split == s) for s in ("train", "test"))
    doc_id = test.seed_passage_ids[0].partition(":")[0]
    other = next(p for p in tables["passage"] if p.doc_id == doc_id)
    tables["passage"].append(replace(other, passage_id="other", text="Nobody else asks for this."))
    tables["qrel/mined"].append(planted.Qrel(train.query_id, "other", 2, "human", split="train"))

    found = running.audit(planted.write(tables, tmp_path / "topic"), "release", only=["DK203"])

    assert {o.measure: o.status for o in found.outcomes} == {"passage": "pass", "family": "pass"}


def test_a_chinese_query_with_latin_names_and_a_table_of_codes_are_chinese(tmp_path: Path) -> None:
    tables = {name: list(rows) for name, rows in CLEAN.items()}
    tables["query"] = [
        replace(q, text="LED行业 MiniLED") if q.language == "zh" else q for q in tables["query"]
    ]
    codes = "FY17Q1FY17Q2英特尔(Intel)INTCUS147.96增速8.0% MOM YOY AVGO TSMC2330TT NVDA QCOM"
    prose = "The seller returns the fee when a customer cancels in time, and pays for the parcel."
    chinese = [p for p in tables["passage"] if p.language == "zh"][:2]
    tables["passage"] += [
        replace(p, passage_id=f"extra{i}", text=text)
        for i, (p, text) in enumerate(zip(chinese, (codes, prose), strict=True))
    ]

    dataset = planted.write(tables, tmp_path / "mixed")
    found = running.audit(dataset, "release", "human", {"DK509": {"corpus": "W>0"}},
                          only=["DK509"])  # fmt: skip

    assert [f.record_ids for f in found.findings] == [("extra1",)]


def test_a_check_that_crashes_leaves_the_others_and_an_incomplete_audit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(self: Any, facts: Any) -> Any:
        raise ZeroDivisionError("on purpose")

    monkeypatch.setattr(registry.load("audits", "dk101_exact_duplicates"), "__call__", crash)
    found = running.audit(planted.write(CLEAN, tmp_path / "clean"))

    assert [c.check_id for c in found.crashes] == ["DK101"]
    assert len({o.check_id for o in found.outcomes}) == len(registry.names("audits"))


def test_a_blocker_ends_the_run_after_its_tier(tmp_path: Path) -> None:
    tables = {name: list(rows) for name, rows in CLEAN.items()}
    planted_defects.repeated_query_ids(tables)

    found = running.audit(planted.write(tables, tmp_path / "blocked"), tier="retriever")

    skipped = [o for o in found.outcomes if o.tier == "retriever"]
    assert skipped
    assert {o.reason for o in skipped} == {"DK003 found a blocker: mend that first"}


def test_limits_can_be_set_and_unknown_ones_are_told(tmp_path: Path) -> None:
    tables = {name: list(rows) for name, rows in CLEAN.items()}
    planted_defects.exact_copies(tables)
    dataset = planted.write(tables, tmp_path / "copies")

    loose = running.audit(dataset, values={"DK101": {"corpus": "W>20%"}}, only=["DK101"])

    assert [o.status for o in loose.outcomes] == ["pass"]
    with pytest.raises(UsageError, match="DK999"):
        running.audit(dataset, values={"DK999": {}})

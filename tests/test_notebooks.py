"""Notebooks are stored without outputs, and run from top to bottom."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from doc_blocks import ROOT, environment

NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
TIMEOUT = 300  # seconds a cell

every = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def load(path: Path) -> dict[str, Any]:
    notebook: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return notebook


def test_there_is_a_notebook() -> None:
    assert NOTEBOOKS


@every
def test_stored_without_outputs_and_with_a_kernel_alone(path: Path) -> None:
    notebook = load(path)

    assert set(notebook["metadata"]) == {"kernelspec"}
    assert notebook["metadata"]["kernelspec"]["name"] == "python3"
    assert [c["id"] for c in notebook["cells"] if c.get("outputs")] == []
    assert [c["id"] for c in notebook["cells"] if c.get("execution_count")] == []
    assert [c["id"] for c in notebook["cells"] if c["metadata"]] == []


@pytest.mark.slow
@every
def test_runs_from_top_to_bottom(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import nbformat
    from nbclient import NotebookClient

    (tmp_path / "cwd").mkdir()
    for name, value in environment(tmp_path).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    notebook = nbformat.read(path, as_version=4)

    NotebookClient(
        notebook,
        timeout=TIMEOUT,
        kernel_name="python3",
        resources={"metadata": {"path": str(tmp_path / "cwd")}},
    ).execute()

    assert [
        c["id"] for c in notebook.cells if c.cell_type == "code" and not c.execution_count
    ] == []

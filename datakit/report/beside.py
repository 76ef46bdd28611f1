"""What other commands leave beside the tables: gates, an audit, calibrations.

A file may be missing: then its section says which command writes it. A file that cannot be read is
said to be so; it never looks like a missing one.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from datakit.records import LEVELS, Finding

MOST_BYTES = 64 << 20  # of one file
CALIBRATED = (*LEVELS, "all")
_NAMES = [field.name for field in fields(Finding)]


@dataclass(frozen=True)
class Beside:
    """The files as they are read; None: not there."""

    gates: dict[str, Any] | None = None  # gates.json
    audit: dict[str, Any] | None = None  # measures.json
    findings: tuple[Finding, ...] = ()
    calibrations: tuple[dict[str, Any], ...] = ()
    unreadable: tuple[str, ...] = ()  # file: why


def read_beside(folder: Path) -> Beside:
    """Gates, audit and calibrations of a folder."""
    wrong: list[str] = []
    gates = _json(folder / "gates.json", dict, wrong)
    if gates is not None and not isinstance(gates.get("gates"), list):
        wrong.append("gates.json: no list `gates`")
        gates = None
    audit = _json(folder / "measures.json", dict, wrong)
    paths = (folder / "calibration" / f"{level}.json" for level in CALIBRATED)
    calibrations = [body for path in paths if (body := _json(path, dict, wrong)) is not None]
    findings = _findings(folder / "findings.jsonl", wrong) if audit is not None else ()
    return Beside(
        gates=gates,
        audit=audit,
        findings=tuple(findings),
        calibrations=tuple(calibrations),
        unreadable=tuple(wrong),
    )


def _json(path: Path, kind: type, wrong: list[str]) -> Any:
    if not path.is_file():
        return None
    try:
        if path.stat().st_size > MOST_BYTES:
            raise ValueError(f"larger than {MOST_BYTES >> 20} MB")
        found = json.loads(path.read_text("utf-8"))
        if not isinstance(found, kind):
            raise ValueError(f"a {type(found).__name__}, expected a {kind.__name__}")
    except (OSError, ValueError, RecursionError) as error:
        wrong.append(f"{path.name}: {error}"[:200])
        return None
    return found


def _findings(path: Path, wrong: list[str]) -> Iterable[Finding]:
    if not path.is_file():
        return ()
    try:
        if path.stat().st_size > MOST_BYTES:
            raise ValueError(f"larger than {MOST_BYTES >> 20} MB")
        rows = [json.loads(line) for line in path.read_text("utf-8").split("\n") if line.strip()]
        return [
            Finding(
                **{k: row[k] for k in _NAMES if k in row} | {"record_ids": tuple(row["record_ids"])}
            )
            for row in rows
        ]
    except (OSError, ValueError, TypeError, KeyError, RecursionError) as error:
        wrong.append(f"{path.name}: {error}"[:200])
        return ()

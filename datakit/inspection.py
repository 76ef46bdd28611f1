"""What a build ends with: gates and the cheap checks of an audit, of the tables as they are now."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from datakit.auditing import outputs, running
from datakit.auditing.settings import AuditSettings
from datakit.dataset import Dataset
from datakit.gates import verify as gates
from datakit.version import __version__


def inspect(
    dataset: Dataset, asked: AuditSettings, afresh: bool = True, shown: bool = False
) -> None:
    """Write gates.json, measures.json and findings.jsonl.

    Args:
        dataset: with passages and queries.
        asked: what the plan says of the audit.
        afresh: replace what is there in any case; else only where it is of an earlier state, so
            that an audit or a verification that went further (a dearer tier, G12, G13) stays.
        shown: whether to show how far it is.
    """
    if afresh or not _is_of_now(dataset, dataset.path / "gates.json"):
        gates.write(dataset, gates.verify(dataset)[0])
    file = dataset.path / "measures.json"
    told = (_read(file) or {}).get("plan")
    if afresh or told != asked.as_dict() or not _is_of_now(dataset, file):
        found = running.audit(
            dataset, asked.profile, values=asked.limits, shown=shown, off=asked.off
        )
        outputs.write(found, dataset.path, asked)


def counts(dataset: Dataset) -> dict[str, dict[str, int]]:
    """How many gates have each status, and how many findings each severity."""
    status: dict[str, str] = {}
    for row in (_read(dataset.path / "gates.json") or {"gates": []})["gates"]:
        order = ("pass", "not_established", "fail")  # the gravest of its metrics is a gate's
        status[row["gate"]] = max(status.get(row["gate"], "pass"), row["status"], key=order.index)
    found: dict[str, dict[str, int]] = {"gates": {}, "findings": {}}
    for one in status.values():
        found["gates"][one] = found["gates"].get(one, 0) + 1
    for finding in outputs.read_findings(dataset.path):
        severity = finding.severity
        found["findings"][severity] = found["findings"].get(severity, 0) + 1
    return found


def _is_of_now(dataset: Dataset, path: Path) -> bool:
    found = _read(path)
    return found is not None and (found.get("content_hash"), found.get("tool_version")) == (
        dataset.manifest.get("content_hash"), __version__,
    )  # fmt: skip


def _read(path: Path) -> dict[str, Any] | None:
    try:
        found = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None

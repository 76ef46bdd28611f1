"""What an audit leaves beside the dataset: findings.jsonl and measures.json; and their reading."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from datakit.auditing.running import Audit
from datakit.auditing.settings import AuditSettings
from datakit.dataset import unwritable, write_atomic
from datakit.errors import UsageError
from datakit.records import Finding, as_dict
from datakit.version import __version__

FORMAT = "1"  # of measures.json


def write(audit: Audit, folder: Path, planned: AuditSettings | None = None) -> list[Path]:
    """Write findings.jsonl and measures.json into a folder; each is replaced at once.

    Args:
        audit: what was found.
        folder: made where there is none.
        planned: what the dataset's plan says of the audit; it is kept beside the measures.

    Raises:
        DatasetError: the folder cannot be written.
    """
    kept = measures(audit) | ({"plan": planned.as_dict()} if planned else {})
    lines = [json.dumps(as_dict(f), ensure_ascii=False) + "\n" for f in audit.findings]
    texts = {
        "findings.jsonl": "".join(lines),
        "measures.json": json.dumps(kept, ensure_ascii=False, indent=1) + "\n",
    }
    with unwritable(folder):
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in texts.items():
            write_atomic(folder / name, text)
    return [folder / name for name in texts]


def measures(audit: Audit) -> dict[str, Any]:
    """The content of measures.json."""
    return {
        "format": FORMAT,
        "dataset_id": audit.dataset_id,
        "content_hash": audit.content_hash,
        "tool_version": __version__,
        "profile": audit.profile,
        "tier": audit.tier,
        "complete": not audit.crashes,
        "crashes": [asdict(c) for c in audit.crashes],
        "checks": [asdict(o) for o in audit.outcomes],
    }


def read_findings(path: Path) -> list[Finding]:
    """The findings of an earlier audit: a findings.jsonl, or the folder that holds one.

    Raises:
        UsageError: there is none, or it is no such file.
    """
    file = path / "findings.jsonl" if path.is_dir() else path
    try:
        lines = file.read_text("utf-8").splitlines()
        rows = [json.loads(line) for line in lines if line.strip()]
        return [Finding(**(row | {"record_ids": tuple(row["record_ids"])})) for row in rows]
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise UsageError(
            f"{file} is no findings.jsonl of an earlier audit: {error}. "
            "`datakit audit` writes one into the dataset's folder."
        ) from None


@dataclass(frozen=True)
class Difference:
    """Findings now and before."""

    new: tuple[Finding, ...]
    known: tuple[Finding, ...]
    gone: tuple[Finding, ...]


def compare(now: Iterable[Finding], before: Iterable[Finding]) -> Difference:
    """A finding is known when an earlier one has its id, or holds all of its records."""
    old = list(before)
    ids = {f.finding_id for f in old}
    records: dict[str, set[str]] = {}
    for f in old:
        if f.n_affected == len(f.record_ids):
            records.setdefault(f.check_id, set()).update(f.record_ids)
    known: list[Finding] = []
    new: list[Finding] = []
    for f in now:
        inside = (
            bool(f.record_ids)
            and f.n_affected == len(f.record_ids)
            and set(f.record_ids) <= records.get(f.check_id, set())
        )
        (known if f.finding_id in ids or inside else new).append(f)
    left = {f.check_id for f in (*known, *new)}
    gone = [f for f in old if f.check_id not in left]
    return Difference(tuple(new), tuple(known), tuple(gone))

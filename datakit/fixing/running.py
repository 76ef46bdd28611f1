"""Plan a repair, write the new version, and run the check again on it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from datakit.auditing.facts import Facts
from datakit.auditing.running import Audit, audit, checks
from datakit.auditing.verdict import TIERS
from datakit.dataset import Dataset
from datakit.errors import UnknownName, UsageError
from datakit.fixing.applying import Writer
from datakit.fixing.repairs import REPAIRS


@dataclass(frozen=True)
class Fixed:
    """What a repair did."""

    check_id: str
    changes: Mapping[str, int]  # empty: there was nothing to do, and nothing was written
    left: tuple[str, ...]  # what no repair may decide
    dataset: Dataset | None  # the new version
    after: Audit | None  # the check, run again on it


def fix(
    dataset: Dataset, check_id: str, out: Path | None, values: Mapping[str, Any] | None = None
) -> Fixed:
    """Repair what a check finds, as a new dataset directory.

    Args:
        dataset: is not changed.
        check_id: whose findings are repaired.
        out: a new folder; None only counts.
        values: settings of the check when it runs again.

    Raises:
        UnknownName: there is no repair for that check.
        UsageError: `out` holds something already.
    """
    check_id = check_id.upper()
    if check_id not in REPAIRS:
        raise UnknownName("repair", check_id, REPAIRS)
    if out is not None and (
        out.resolve() == dataset.path.resolve() or (out / "manifest.json").exists()
    ):
        raise UsageError(f"{out} holds a dataset: a repair writes a new one, choose another -o.")
    (check,) = checks(only=[check_id])
    tier = check.check.tier
    facts = Facts(dataset, tier=tier)
    repair = REPAIRS[check_id](facts)
    changes = repair.size()
    if not changes or out is None:
        return Fixed(check_id, changes, tuple(repair.left), None, None)
    new = Writer(dataset, repair, check_id).write(out)
    own = {check_id: dict(values)} if values else None
    again = audit(new, "all", tier if tier in TIERS else "cheap", own, only=[check_id])
    return Fixed(check_id, changes, tuple(repair.left), new, again)

"""Findings as Markdown, for a pull request."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datakit.auditing.outputs import Difference
    from datakit.auditing.running import Audit

SHOWN = 5  # record ids of a finding
_SPECIAL = re.compile(r"([\\`*_{}\[\]<>|#])")


def document(audit: Audit, difference: Difference | None = None) -> str:
    """A table of the findings, then what is not established and what was skipped."""
    lines = [f"## Audit of {_plain(audit.dataset_id)}", ""]
    if difference is not None:
        lines += [
            f"Against the baseline: {len(difference.new)} new, {len(difference.known)} known, "
            f"{len(difference.gone)} gone.", "",
        ]  # fmt: skip
    if audit.findings:
        lines += ["| severity | check | found | records | fix |", "|---|---|---|---|---|"]
    for f in audit.findings:
        ids = ", ".join(_plain(name[:80]) for name in f.record_ids[:SHOWN])
        more = f" and {f.n_affected - SHOWN:,} more" if f.n_affected > SHOWN else ""
        lines.append(
            f"| {f.severity} | {f.check_id} | {_plain(f.message)} | {ids}{more} "
            f"| {_plain(f.fix or '')} |"
        )
    if not audit.findings:
        lines.append("No findings.")
    for status, title in (("not_established", "Not established"), ("skipped", "Skipped")):
        rows = [o for o in audit.outcomes if o.status == status]
        if rows:
            lines += ["", f"<details><summary>{title}: {len(rows)}</summary>", ""]
            lines += [f"- {o.check_id} {_plain(o.title)}: {_plain(o.reason)}" for o in rows]
            lines += ["", "</details>"]
    lines += [
        f"- {c.check_id} failed, the audit is incomplete: {_plain(c.error)}" for c in audit.crashes
    ]
    return "\n".join(lines)


def _plain(text: str) -> str:
    """Text that Markdown shows as it is."""
    shown = "".join(c if c.isprintable() else f"U+{ord(c):04X}" for c in text.replace("\n", " "))
    return _SPECIAL.sub(r"\\\1", shown)

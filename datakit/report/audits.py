"""The audit as `datakit audit` left it: checks by family, findings with the records they name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from datakit.auditing.outputs import compare
from datakit.dataset import Dataset
from datakit.records import Finding
from datakit.report.beside import Beside
from datakit.report.gates import number_of

FAMILIES = {
    "integrity": "Integrity", "duplicates": "Duplicates", "leakage": "Leakage",
    "completeness": "Completeness of labels", "correctness": "Correctness of labels",
    "queries": "Queries", "discrimination": "Discrimination", "splits": "Splits",
    "governance": "Governance",
}  # fmt: skip
SEVERITIES = ("blocker", "error", "warning", "info")  # worst first
MOST_ROWS = 600
MOST_SHOWN = 20  # ids of a finding that are listed


@dataclass(frozen=True, slots=True)
class CheckRow:
    """One measured value of one check on one part."""

    check_id: str
    title: str
    family: str
    part: str
    measure: str
    value: float | None
    low: float | None
    high: float | None
    n: int | None
    threshold: float | None
    limits: str
    severity: str | None
    status: str
    reason: str
    message: str
    percentile: float | None

    @property
    def is_bad(self) -> bool:
        return self.status in ("warn", "fail")


@dataclass(frozen=True, slots=True)
class FindingRow:
    """A finding, and whether an earlier audit had it."""

    finding: Finding
    family: str
    title: str
    news: str  # new, known, or empty without an earlier audit

    @property
    def anchor(self) -> str:
        return f"finding-{self.finding.finding_id[:16]}"


@dataclass(frozen=True, slots=True)
class AuditFacts:
    profile: str
    tier: str
    is_stale: bool  # the tables have changed since
    crashes: tuple[tuple[str, str], ...]  # check, error
    rows: tuple[CheckRow, ...]
    findings: tuple[FindingRow, ...]  # worst first
    gone: tuple[Finding, ...] | None  # of an earlier audit; None: none was given

    def counts(self) -> list[tuple[str, int]]:
        """Findings by severity, worst first; those without any left out."""
        of = [row.finding.severity for row in self.findings]
        return [(severity, of.count(severity)) for severity in SEVERITIES if severity in of]

    def families(self) -> list[tuple[str, str, list[CheckRow], list[FindingRow]]]:
        """Key, name, checks and findings, in the order of the checklist."""
        found = []
        for family, name in FAMILIES.items():
            rows = [row for row in self.rows if row.family == family]
            if rows:
                own = [one for one in self.findings if one.family == family]
                found.append((family, name, rows, own))
        return found

    def of(self, check_id: str, measure: str | None = None) -> list[CheckRow]:
        return [
            row for row in self.rows
            if row.check_id == check_id and measure in (None, row.measure)
        ]  # fmt: skip

    @property
    def names(self) -> set[str]:
        """Checks that found something."""
        return {row.finding.check_id for row in self.findings}

    @property
    def reasons(self) -> list[tuple[str, list[str]]]:
        """Why checks were not established or skipped, and which, the commonest first."""
        found: dict[str, list[str]] = {}
        for row in self.rows:
            if row.status in ("not_established", "skipped"):
                names = found.setdefault(row.reason or row.status, [])
                if row.check_id not in names:
                    names.append(row.check_id)
        return sorted(found.items(), key=lambda item: (-len(item[1]), item[0]))


def audit_facts(
    dataset: Dataset, beside: Beside, before: Sequence[Finding] | None = None
) -> AuditFacts | None:
    """What an audit found; None where none was run."""
    raw = beside.audit
    if raw is None:
        return None
    checks = raw.get("checks")
    rows = (
        tuple(_row(c) for c in list(checks)[:MOST_ROWS] if isinstance(c, dict))
        if isinstance(checks, list)
        else ()
    )
    of = {row.check_id: row for row in rows}
    difference = compare(beside.findings, before or ())
    new = {f.finding_id for f in difference.new}
    findings = [
        FindingRow(
            finding=f,
            family=of[f.check_id].family if f.check_id in of else "",
            title=of[f.check_id].title if f.check_id in of else f.check_id,
            news="" if before is None else "new" if f.finding_id in new else "known",
        )
        for f in beside.findings[:MOST_ROWS]
    ]
    findings.sort(key=lambda r: (SEVERITIES.index(r.finding.severity), r.finding.check_id))
    return AuditFacts(
        profile=str(raw.get("profile", "")),
        tier=str(raw.get("tier", "")),
        is_stale=raw.get("content_hash") != dataset.manifest.get("content_hash"),
        crashes=tuple(
            (str(c.get("check_id", "")), str(c.get("error", "")))
            for c in list(raw.get("crashes") or ())[:20]
            if isinstance(c, dict)
        ),
        rows=rows,
        findings=tuple(findings),
        gone=difference.gone if before is not None else None,
    )


def _row(c: Mapping[str, Any]) -> CheckRow:
    return CheckRow(
        check_id=str(c.get("check_id", "")),
        title=str(c.get("title", "")),
        family=str(c.get("family", "")),
        part=str(c.get("part", "")),
        measure=str(c.get("measure", "")),
        value=number_of(c.get("value")),
        low=number_of(c.get("low")),
        high=number_of(c.get("high")),
        n=None if (n := number_of(c.get("n"))) is None else int(n),
        threshold=number_of(c.get("threshold")),
        limits=str(c.get("limits", "")),
        severity=c.get("severity") if c.get("severity") in SEVERITIES else None,
        status=str(c.get("status", "not_established")),
        reason=str(c.get("reason", "")),
        message=str(c.get("message", "")),
        percentile=number_of(c.get("percentile")),
    )
